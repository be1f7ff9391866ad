//! Hostile input: whatever is cut, flipped or claimed, the answer is a tree or a fault, in time, and a message that was
//! not touched is read as before.

use lineshaft_format::charset::Charset;
use lineshaft_format::edi::{FINDINGS_MAX, Interchange, SEGMENT_BYTES_MAX, VALUES_MAX, message_text};
use lineshaft_format::{edifact, x12};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;

use super::sample::{DESPATCH, NOTICE, ORDER, ORDERS, edifact_of, only, read_edifact, read_x12, x12_of};

fn x12_file() -> String {
    format!("{}{}", x12_of("PO", &[ORDER, NOTICE]), x12_of("SH", &[NOTICE]).replace("000000905", "000000906"))
}

fn edifact_file() -> String {
    format!("{}{}", edifact_of(&[ORDERS, DESPATCH]), edifact_of(&[DESPATCH]).replace("131", "132"))
}

/// Reads, and checks of everything that was read that it can be written and reads back.
fn read_all(bytes: &[u8]) -> [Vec<Result<Interchange, Fault>>; 2] {
    let all = [x12::decode(bytes, Charset::Utf8), edifact::decode(bytes, None)];
    for interchange in all.iter().flatten().flatten() {
        for message in interchange.messages() {
            assert!(message.findings.all().len() <= 2 * FINDINGS_MAX + 1);
            if message.document().is_ok() {
                let written = message_text(&message.tree, interchange.delimiters);
                // Control characters are read, but never written.
                assert!(written.is_ok_and(|text| !text.is_empty()) || bytes.iter().any(u8::is_ascii_control));
            }
        }
    }
    all
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).expect("small")).expect("small")
    }
}

/// One to three changes inside of `range`: a byte replaced, bytes taken out, bytes doubled, bytes from elsewhere put in.
fn mutated(document: &[u8], range: std::ops::Range<usize>, chance: &mut Chance) -> Vec<u8> {
    let (front, rest) = document.split_at(range.start);
    let (inside, back) = rest.split_at(range.len());
    let mut inside = inside.to_vec();
    for _ in 0..=chance.below(3) {
        let at = chance.below(inside.len().max(1)).min(inside.len().saturating_sub(1));
        let end = (at + 1 + chance.below(12)).min(inside.len());
        match chance.below(4) {
            0 if !inside.is_empty() => inside[at] = u8::try_from(chance.below(256)).expect("a byte"),
            1 => drop(inside.drain(at..end)),
            2 => {
                let again = inside[at..end].to_vec();
                inside.splice(at..at, again);
            }
            _ => {
                let from = chance.below(document.len() - 12);
                inside.splice(at..at, document[from..from + 12].to_vec());
            }
        }
    }
    [front, &inside, back].concat()
}

/// Where the segments of the message with this header stand, without its header and trailer.
fn body(document: &str, header: &str, trailer: &str) -> std::ops::Range<usize> {
    let start = document.find(header).expect(header) + header.len();
    start..start + document[start..].find(trailer).expect(trailer)
}

fn tree_of<'read>(read: &'read [Result<Interchange, Fault>], control: &str) -> Option<&'read Tree> {
    let mut messages = read.iter().flatten().flat_map(Interchange::messages);
    messages.find(|message| message.control == control && message.document().is_ok()).map(|message| &message.tree)
}

#[test]
fn ten_thousand_mutated_copies_end_in_trees_or_faults() {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for document in [x12_file(), edifact_file()] {
        for _ in 0..5_000 {
            let copy = mutated(document.as_bytes(), 0..document.len(), &mut chance);
            let [x12, edifact] = read_all(&copy);
            assert!(!x12.is_empty() && !edifact.is_empty());
        }
    }
}

#[test]
fn ten_thousand_mutated_messages_leave_their_neighbours_alone() {
    let mut chance = Chance(0x1234_5678_9ABC_DEF1);
    let x12_file = x12_file();
    let edifact_file = edifact_file();
    let sound_x12 = read_x12(&x12_file);
    let sound_edifact = read_edifact(&edifact_file);
    let x12_body = body(&x12_file, "ST*850*0001~", "~\nSE*");
    let edifact_body = body(&edifact_file, "UNH+1+ORDERS:D:96A:UN:EAN008'", "'\nUNT");
    for _ in 0..5_000 {
        let copy = mutated(x12_file.as_bytes(), x12_body.clone(), &mut chance);
        // A header or trailer made of other bytes of the document changes what the neighbours are.
        if !["ST*", "SE*", "GS*", "GE*", "ISA", "IEA", "TA1"].iter().any(|tag| found(&copy, &x12_file, tag)) {
            let read = x12::decode(&copy, Charset::Utf8);
            assert_eq!(tree_of(&read, "0002"), tree_of(&sound_x12, "0002"), "{}", String::from_utf8_lossy(&copy));
            assert_eq!(read.len(), 2);
            assert_eq!(read[1].as_ref().ok().map(|one| one.head.control.as_str()), Some("000000906"));
        }
        let copy = mutated(edifact_file.as_bytes(), edifact_body.clone(), &mut chance);
        // Neither does a release character before the trailer.
        let is_quiet = !["UNH", "UNT", "UNG", "UNE", "UNB", "UNA", "UNZ", "?'\nU"]
            .iter()
            .any(|tag| found(&copy, &edifact_file, tag));
        if is_quiet {
            let read = edifact::decode(&copy, None);
            assert_eq!(tree_of(&read, "2"), tree_of(&sound_edifact, "2"), "{}", String::from_utf8_lossy(&copy));
            assert_eq!(read.len(), 2);
        }
    }
}

/// Whether `copy` has the tag more or less often than the document it was made of.
fn found(copy: &[u8], document: &str, tag: &str) -> bool {
    let copy = String::from_utf8_lossy(copy);
    copy.matches(tag).count() != document.matches(tag).count()
}

#[test]
fn a_document_cut_off_anywhere_tells_it() {
    for document in [x12_of("PO", &[ORDER, NOTICE]), edifact_of(&[ORDERS, DESPATCH])] {
        let whole = document.trim_end().len() - 1;
        for end in 0..whole {
            let [x12, edifact] = read_all(&document.as_bytes()[..end]);
            let told = |read: &[Result<Interchange, Fault>]| {
                read.iter().any(|read| {
                    read.as_ref().map_or(true, |interchange| {
                        !interchange.faults().is_empty()
                            || interchange.messages().any(|message| message.document().is_err())
                    })
                })
            };
            assert!(told(&x12) && told(&edifact), "cut at {end}");
        }
    }
}

#[test]
fn every_byte_replaced_by_every_other_ends_in_trees_or_faults() {
    for document in [x12_of("PO", &[&ORDER[..3]]), edifact_of(&[&ORDERS[..4]])] {
        for at in 0..document.len() {
            for byte in 0..=u8::MAX {
                let mut changed = document.clone().into_bytes();
                changed[at] = byte;
                read_all(&changed);
            }
        }
    }
}

#[test]
fn bombs_are_refused_where_the_limit_stands() {
    let front = &x12_of("PO", &[])[..107];
    let set = "GS*PO*A*B*20261123*0444*1*X*004010~ST*850*0001~BEG*00*SA*P**20261123~";
    let bytes = 10 * 1024 * 1024;
    let trailer = "SE*1*0001~GE*1*1~IEA*1*000000905~";
    for (body, said) in [
        (
            format!("{set}MSG*{}~{trailer}", "x".repeat(bytes)),
            "a segment has more than 64 KiB; perhaps its terminator is lost",
        ),
        (format!("{set}{}{trailer}", "MSG*1*1*1~".repeat(bytes / 10)), "has more than 1000000"),
        (format!("{set}{}{trailer}", "A1~B1~".repeat(bytes / 6)), "more than 100 unexpected segments stand apart"),
        (
            format!("{set}{}{trailer}", format!("MSG{}~", "*1".repeat(30_000)).repeat(100)),
            "has more elements than can be named",
        ),
        ("GS~".repeat(bytes / 3), "has more than 1000000 values"),
        ("ST~".repeat(bytes / 3), "has more than 1000000 values"),
        ("~".repeat(bytes), "IEA is missing"),
        ("A1~".repeat(bytes / 3), "has more than 1000000 segments"),
        (format!("{set}{}{trailer}", "HL*1**S~".repeat(bytes / 8)), "has more than 1000000"),
        ("ISA".repeat(bytes / 3), "the document ends inside of"),
    ] {
        let read = only(read_x12(&format!("{front}{body}")));
        let mut faults = read.faults();
        faults.extend(read.messages().filter_map(|message| message.document().err()));
        let all: Vec<String> = faults.iter().map(|fault| format!("{fault} {}", fault.detail)).collect();
        assert!(all.iter().any(|fault| fault.contains(said)), "{said}: {:?}", all.first());
        assert!(all.iter().all(|fault| fault.len() < 6_000), "a fault stays short");
    }
    let many = "UNB+\n".repeat(bytes / 5);
    let read = read_edifact(&many);
    assert!(read.len() <= 10_001);
    assert_eq!(read.last().and_then(|last| last.as_ref().err()).map(|fault| fault.code), Some(Code::DecodeLimit));
    for document in ["?".repeat(bytes), "UNB+?'".repeat(bytes / 6), "UNA:+.? '".repeat(bytes / 9), "'".repeat(bytes)] {
        assert!(!read_edifact(&document).is_empty());
    }
    const { assert!(VALUES_MAX >= 1_000_000 && SEGMENT_BYTES_MAX == 65_536) };
}
