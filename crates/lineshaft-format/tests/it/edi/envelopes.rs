//! What stands around messages, and that a message which is wrong leaves its neighbours as they are.

use lineshaft_format::charset::Charset;
use lineshaft_format::edi::Interchange;
use lineshaft_format::{edifact, x12};
use lineshaft_model::fault::{Code, Fault};

use super::sample::{DESPATCH, NOTICE, ORDER, ORDERS, at, edifact_of, only, read_edifact, read_x12, x12_of};

/// Each message as `control: ok` or its fault, then the faults of the envelopes.
fn told(interchange: &Interchange) -> Vec<String> {
    let of = |control: &str, document: Result<_, Fault>| match document {
        Ok(_) => format!("{control}: ok"),
        Err(fault) => format!("{control}: {}", fault.message),
    };
    let messages = interchange.messages().map(|message| of(&message.control, message.document()));
    let envelopes = interchange.faults();
    messages.chain(envelopes.iter().map(|fault| format!("{fault} {}", fault.detail).trim_end().to_owned())).collect()
}

fn x12_told(document: &str) -> Vec<String> {
    read_x12(document)
        .iter()
        .flat_map(|read| read.as_ref().map_or_else(|fault| vec![fault.to_string()], told))
        .collect()
}

fn edifact_told(document: &str) -> Vec<String> {
    read_edifact(document)
        .iter()
        .flat_map(|read| read.as_ref().map_or_else(|fault| vec![fault.to_string()], told))
        .collect()
}

fn second_order() -> Vec<&'static str> {
    let mut order = ORDER.to_vec();
    order[0] = "ST*850*0002";
    order
}

#[test]
fn the_envelope_is_there_for_maps() {
    let interchange = only(read_x12(&x12_of("PO", &[ORDER])));
    let around = lineshaft_model::tree::Tree::Map(interchange.around(&interchange.groups[0]));
    for (path, value) in [
        (".interchange.sender", "PLANT"),
        (".interchange.sender_qualifier", "ZZ"),
        (".interchange.receiver", "SUPPLIER"),
        (".interchange.control", "000000905"),
        (".interchange.version", "00401"),
        (".interchange.test", "false"),
        (".group.function", "PO"),
        (".group.control", "77"),
        (".group.version", "004010"),
    ] {
        assert_eq!(at(&around, path), Some(value), "{path}");
    }
    let interchange = only(read_edifact(&edifact_of(&[ORDERS])));
    let head = &interchange.head;
    let values = [&head.sender.id, &head.receiver.qualifier, &head.control, &head.charset, &head.reference, &head.date];
    assert_eq!(values, ["4012345000009", "14", "131", "UNOC", "ORDERS", "261123"]);
    assert_eq!(interchange.groups[0].head, None);
}

#[test]
fn a_wrong_count_or_number_is_told_where_it_stands() {
    let sound = x12_of("PO", &[ORDER, &second_order()]);
    let byte = |part: &str, inside: usize| sound.find(part).expect(part) + inside;
    assert_eq!(x12_told(&sound), ["0001: ok", "0002: ok"]);
    for (from, to, told) in [
        (
            "SE*11*0001",
            "SE*12*0001",
            vec!["0001: SE01 counts 12 segments, but 11 are there".to_owned(), "0002: ok".into()],
        ),
        (
            "SE*11*0002",
            "SE*11*2000",
            vec!["0001: ok".into(), "0002: SE02 is not the control number of the header".into()],
        ),
        (
            "SE*11*0002",
            "SE*x*0002",
            vec!["0001: ok".into(), "0002: SE01 does not count the segments, of which 11 are there".into()],
        ),
        ("SE*11*0001~\n", "", vec!["0001: SE is missing".into(), "0002: ok".into()]),
        (
            "GE*2",
            "GE*3",
            vec![
                "0001: ok".into(),
                "0002: ok".into(),
                format!(
                    "DECODE-007 GE01 counts 3 transactions, but 2 are there (at group 77, interchange 000000905, byte {})",
                    byte("GE*2", 3)
                ),
            ],
        ),
        (
            "GE*2*77~",
            "GE*2*78~",
            vec![
                "0001: ok".into(),
                "0002: ok".into(),
                format!(
                    "DECODE-007 GE02 is not the control number of the header (at group 77, interchange 000000905, byte {})",
                    byte("GE*2", 5)
                ),
            ],
        ),
        (
            "IEA*1*000000905",
            "IEA*1*000000906",
            vec![
                "0001: ok".into(),
                "0002: ok".into(),
                format!(
                    "DECODE-007 IEA02 is not the control number of the header (at interchange 000000905, byte {})",
                    byte("IEA", 6)
                ),
            ],
        ),
        (
            "IEA*1*000000905~\n",
            "",
            vec![
                "0001: ok".into(),
                "0002: ok".into(),
                format!("DECODE-007 IEA is missing (at interchange 000000905, byte {})", byte("GE*2", 7)),
            ],
        ),
    ] {
        assert_eq!(x12_told(&sound.replace(from, to)), told, "{from} → {to}");
    }
    // Leading zeros and blanks are no other number.
    assert_eq!(x12_told(&sound.replace("GE*2*77~", "GE*02* 077~").replace("IEA*1*000000905", "IEA*1*905")).len(), 2);
}

#[test]
fn edifact_counts_messages_or_groups() {
    let sound = edifact_of(&[ORDERS, DESPATCH]);
    assert_eq!(edifact_told(&sound), ["1: ok", "2: ok"]);
    assert_eq!(
        edifact_told(&sound.replace("UNT+15+2", "UNT+14+2"))[1],
        "2: UNT01 counts 14 segments, but 15 are there"
    );
    let told = edifact_told(&sound.replace("UNZ+2+131", "UNZ+1+132"));
    assert!(told[2].contains("UNZ02 is not the control number"), "{told:?}");
    let grouped = sound
        .replace("UNH+1+", "UNG+ORDERS+A+B+261123:0444+5+UN+D:96A'UNH+1+")
        .replace("UNH+2+", "UNE+1+5'UNG+DESADV+A+B+261123:0444+6+UN+D:01B'UNH+2+")
        .replace("UNZ+2", "UNE+1+6'UNZ+2");
    assert_eq!(edifact_told(&grouped), ["1: ok", "2: ok"]);
    let told = edifact_told(&grouped.replace("UNE+1+5", "UNE+2+5"));
    assert!(told[2].contains("UNE01 counts 2 messages, but 1 are there (at group 5, interchange 131"), "{told:?}");
}

#[test]
fn what_a_sender_makes_of_the_header_does_not_matter() {
    let sound = x12_of("PO", &[ORDER]);
    let narrow =
        sound.replace("          ", "").replace("PLANT          ", "PLANT").replace("SUPPLIER       ", "SUPPLIER");
    let marked = format!("\u{FEFF}\r\n  {sound}\r\n\r\n");
    let lines = sound.replace("~\n", "\n");
    let dos = sound.replace("~\n", "\r\n");
    let flat = sound.replace('\n', "");
    let others = sound.replace('*', "|").replace('~', "\u{1C}").replace('>', "\u{1F}");
    let open_end = sound.trim_end().trim_end_matches('~').to_owned();
    for document in [&sound, &narrow, &marked, &lines, &dos, &flat, &others, &open_end] {
        assert_eq!(x12_told(document), ["0001: ok"], "{document}");
    }
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(sound.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(told(&only(x12::decode(&utf16, Charset::Utf8))), ["0001: ok"]);
    let orders = edifact_of(&[ORDERS]);
    for document in [orders.replace('\n', "\r\n"), orders.replace('\n', ""), orders.replace("UNA:+.? '\n", "")] {
        assert_eq!(edifact_told(&document), ["1: ok"], "{document}");
    }
}

#[test]
fn several_interchanges_stand_in_one_file_whatever_happens_to_one() {
    let first = x12_of("PO", &[ORDER]);
    let second = x12_of("SH", &[NOTICE]).replace("000000905", "000000906").replace('~', "!");
    let both = format!("{first}\n{second}");
    assert_eq!(x12_told(&both), ["0001: ok", "0002: ok"]);
    // Cut in the middle of the first: the second has other delimiters and is read all the same.
    for cut in [200, first.len() - 5] {
        let told = x12_told(&format!("{}\n{second}", &first[..cut]));
        assert_eq!(told.last().map(String::as_str), Some("0002: ok"), "{told:?}");
        assert!(
            told.len() > 1 && told[0] != "0001: ok" || told.iter().any(|line| line.contains("DECODE-00")),
            "{told:?}"
        );
    }
    let told = x12_told(&format!("ISA*00*bad\n{second}"));
    assert_eq!(told, ["DECODE-007 ISA has fewer than 16 elements (at byte 0)", "0002: ok"]);
    let told = x12_told(&format!("Dear partner,\nplease find attached\n{second}"));
    assert_eq!(told, ["DECODE-007 no ISA segment begins here (at byte 0)", "0002: ok"]);
    let told = x12_told(&format!("{first}Best regards"));
    assert_eq!(told[0], "0001: ok");
    assert!(told[1].contains("belongs to no message"), "{told:?}");
    assert_eq!(x12_told(""), ["DECODE-007 no ISA segment begins here (at byte 0)"]);
    assert_eq!(edifact_told("\n"), ["DECODE-007 no UNB segment begins here (at byte 0)"]);
}

#[test]
fn a_segment_outside_of_its_envelope_is_told() {
    let sound = x12_of("PO", &[ORDER]);
    for (from, to, said) in [
        ("GS*PO*PLANT*SUPPLIER*20261123*0444*77*X*004010~\n", "", "ST stands without GS"),
        ("ST*850*0001~", "BEG*00~ST*850*0001~", "BEG belongs to no message"),
        ("GE*1", "SE*1*0009~GE*1", "SE stands without ST"),
        ("IEA*1", "GE*1*77~IEA*1", "GE stands without GS"),
        ("GE*1*77~", "GE*1*77~ISA*x~", "ISA belongs to no message"),
    ] {
        let told = x12_told(&sound.replace(from, to));
        assert_eq!(told[0], "0001: ok", "{told:?}");
        assert!(told.iter().any(|line| line.contains(said)), "{said}: {told:?}");
    }
}

#[test]
fn delimiters_that_cannot_work_are_refused() {
    let sound = x12_of("PO", &[ORDER]);
    for (document, said) in [
        (sound.replace("*P*>~", "*P**~"), "element separator and component separator are both '*'"),
        (sound.replace("*P*>~", "*P*>A"), "the segment terminator is 'A', which cannot separate anything"),
        (sound.replace("*U*00401*", "*>*00501*"), "component separator and repetition separator are both '>'"),
    ] {
        let fault = read_x12(&document).pop().expect("one").expect_err(said);
        assert_eq!((fault.code, fault.message.as_str(), fault.at.as_str()), (Code::DecodeEnvelope, said, "byte 0"));
    }
    let una = edifact_of(&[ORDERS]).replace("UNA:+.? '", "UNA++.? '");
    let fault = read_edifact(&una).pop().expect("one").expect_err("UNA");
    assert_eq!(fault.message, "element separator and component separator are both '+'");
}

#[test]
fn the_character_set_is_the_declared_one() {
    let text = |read: Interchange| at(&read.messages().next().expect("one").tree, ".RFF[0].RFF01_2").map(str::to_owned);
    let document = edifact_of(&[ORDERS]).replace("RFF+CT:652744", "RFF+CT:Gr\u{F6}\u{DF}e");
    let latin: Vec<u8> = document.chars().map(|one| u8::try_from(one).expect("Latin-1")).collect();
    assert_eq!(text(only(edifact::decode(&latin, None))).as_deref(), Some("Größe"));
    let unoy = document.replace("UNOC:3", "UNOY:3");
    assert_eq!(text(only(edifact::decode(unoy.as_bytes(), None))).as_deref(), Some("Größe"));
    assert_eq!(text(only(edifact::decode(document.as_bytes(), Some(Charset::Utf8)))).as_deref(), Some("Größe"));
    let marked = format!("\u{FEFF}{document}");
    assert_eq!(text(only(edifact::decode(marked.as_bytes(), None))).as_deref(), Some("Größe"));
    // A byte that does not belong there stops one message, at that byte.
    let x12 = x12_of("PO", &[ORDER, &second_order()]);
    let mut bytes = x12.clone().into_bytes();
    let bad = x12.find("WIDGET").expect("there");
    bytes[bad] = 0xE4;
    let read = only(x12::decode(&bytes, Charset::Utf8));
    let faults: Vec<_> = read.messages().map(|message| message.document().err()).collect();
    let fault = faults[0].as_ref().expect("a fault");
    assert_eq!((fault.code, fault.message.as_str()), (Code::DecodeEncoding, "PO1 holds a byte that is not UTF-8"));
    assert!(fault.at.ends_with(&format!("byte {bad}")), "{fault}");
    assert_eq!(faults[1], None);
    assert_eq!(told(&only(x12::decode(&bytes, Charset::Latin1))), ["0001: ok", "0002: ok"]);
}

#[test]
fn an_interchange_acknowledgement_is_kept() {
    let document = x12_of("PO", &[ORDER]).replace("GS*PO", "TA1*000000077*261122*1200*A*000~\nGS*PO");
    let interchange = only(read_x12(&document));
    assert_eq!(told(&interchange), ["0001: ok"]);
    assert_eq!(at(&interchange.acknowledgements[0], ".TA101"), Some("000000077"));
}
