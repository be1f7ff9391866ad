//! Trees to interchanges: strict, and read again as what was written.

use lineshaft_format::charset::Charset;
use lineshaft_format::edi::{Delimiters, GroupHead, Head, Outgoing, Style, message_text};
use lineshaft_format::{edifact, json, x12};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;
use proptest::prelude::{BoxedStrategy, Strategy as _, any, prop_assert_eq, proptest};

use super::sample::{DESPATCH, NOTICE, ORDER, ORDERS, at, head, message, only, read_edifact, read_x12, set};
use crate::trees::cases;

const X12: Style = Style { delimiters: Delimiters::X12, lines: true, charset: Charset::Utf8 };

const EDIFACT: Style = Style { delimiters: Delimiters::EDIFACT, lines: true, charset: Charset::Latin1 };

fn group() -> GroupHead {
    GroupHead { version: "004010".to_owned(), control: "77".to_owned(), ..GroupHead::default() }
}

fn tree(text: &str) -> Tree {
    json::decode(text.as_bytes()).expect(text)
}

fn x12_text(kind: &str, tree: &Tree) -> Result<String, Fault> {
    let written = x12::encode(&head(), &group(), &[Outgoing { kind, control: "0001", tree }], &X12)?;
    Ok(String::from_utf8(written).expect("UTF-8"))
}

fn edifact_text(kind: &str, tree: &Tree) -> Result<String, Fault> {
    let head = Head { version: "3".to_owned(), ..head() };
    let written = edifact::encode(&head, "D:96A", &[Outgoing { kind, control: "1", tree }], &EDIFACT)?;
    Ok(written.into_iter().map(char::from).collect())
}

#[test]
fn an_interchange_is_written_to_the_letter() {
    // As a map makes it: sorted by name, one occurrence without a list, numbers as they are.
    let order = tree(
        r#"{"BEG":{"BEG01":"00","BEG02":"SA","BEG03":"PO123","BEG05":"20261123"},"CTT":{"CTT01":1},
           "N1":[{"N101":"ST","N103":"92","N104":"1000","N3":{"N301":"1 PARK"}}],
           "PO1":[{"PID":[{"PID01":"F","PID05":"BOLT"}],"PO101":"1","PO102":100.50,"PO103":"EA","PO104":null}]}"#,
    );
    assert_eq!(
        x12_text("850", &order).expect("writes"),
        "ISA*00*          *00*          *ZZ*PLANT          *ZZ*SUPPLIER       *261123*0444*U*00401*000000905*0*P*>~\n\
         GS*PO*PLANT*SUPPLIER*20261123*0444*77*X*004010~\n\
         ST*850*0001~\nBEG*00*SA*PO123**20261123~\nN1*ST**92*1000~\nN3*1 PARK~\nPO1*1*100.50*EA~\nPID*F****BOLT~\n\
         CTT*1~\nSE*8*0001~\nGE*1*77~\nIEA*1*000000905~\n"
    );
    let orders = tree(
        r#"{"BGM":{"BGM01":"220","BGM02":"128576","BGM03":"9"},"DTM":{"DTM01":"137","DTM01_2":"20261123","DTM01_3":"102"},
           "FTX":{"FTX01":"AAI","FTX04":"Fragile?: 5+5' *"},"LIN":[{"LIN01":"1","LIN03":"4000862141404","LIN03_2":"EN",
           "QTY":{"QTY01":"21","QTY01_2":48}}],"UNS":{"CNT":{"CNT01":"2","CNT01_2":"1"},"UNS01":"S"}}"#,
    );
    assert_eq!(
        edifact_text("ORDERS", &orders).expect("writes"),
        "UNA:+.? '\nUNB+UNOC:3+PLANT:ZZ+SUPPLIER:ZZ+261123:0444+905'\nUNH+1+ORDERS:D:96A:UN'\nBGM+220+128576+9'\n\
         DTM+137:20261123:102'\nFTX+AAI+++Fragile???: 5?+5?' *'\nLIN+1++4000862141404:EN'\nQTY+21:48'\nUNS+S'\nCNT+2:1'\n\
         UNT+9+1'\nUNZ+1+905'\n"
    );
}

#[test]
fn what_was_read_is_written_as_it_stood() {
    for segments in [ORDER, NOTICE] {
        let read = set(segments);
        let written = x12_text(&read.kind, &read.tree).expect("writes");
        let text = segments.join("~\n").replace("ST*856*0002", "ST*856*0001");
        assert!(written.contains(&text), "{written}");
        let again = only(read_x12(&written));
        assert_eq!(again.faults(), []);
        assert_eq!(again.messages().next().expect("one").tree.get("PO1"), read.tree.get("PO1"));
    }
    for segments in [ORDERS, DESPATCH] {
        let read = message(segments);
        let text = message_text(&read.tree, Delimiters::EDIFACT).expect("writes");
        assert_eq!(text, segments.join("'") + "'");
        let written = edifact_text(&read.kind, &read.tree).expect("writes");
        let again = only(read_edifact(&written));
        assert_eq!(again.faults(), []);
        assert_eq!(at(&again.messages().next().expect("one").tree, ".UNH.UNH02_3"), at(&read.tree, ".UNH.UNH02_3"));
    }
}

#[test]
fn levels_are_numbered_where_the_document_has_no_numbers() {
    let notice = tree(
        r#"{"BSN":{"BSN01":"00","BSN02":"S1","BSN03":"20261123","BSN04":"0444"},
           "HL":[{"HL03":"S","HL":[{"HL03":"O","HL":[{"HL03":"I"},{"HL03":"I"}]},{"HL03":"O"}]}]}"#,
    );
    let written = x12_text("856", &notice).expect("writes");
    assert!(written.contains("HL*1**S~\nHL*2*1*O~\nHL*3*2*I~\nHL*4*2*I~\nHL*5*1*O~\n"), "{written}");
    // Who numbers one numbers all.
    let half = tree(
        r#"{"BSN":{"BSN01":"00","BSN02":"S1","BSN03":"20261123","BSN04":"0444"},
           "HL":[{"HL03":"S","HL01":"1","HL":[{"HL03":"O"}]}]}"#,
    );
    let fault = x12_text("856", &half).expect_err("half numbered");
    assert_eq!(fault.message, "HL01 is missing");
}

#[test]
fn what_a_guide_does_not_have_is_refused() {
    let order = |more: &str| {
        tree(&format!(
            r#"{{"BEG":{{"BEG01":"00","BEG02":"SA","BEG03":"P","BEG05":"20261123"}},"PO1":[{{"PO101":"1"}}]{more}}}"#
        ))
    };
    assert!(x12_text("850", &order("")).is_ok());
    for (more, said, place) in [
        (r#","ZZZ":{"ZZZ01":"1"}"#, "the guide of 850 has no such field here", ".ZZZ"),
        (
            r#","REF":[{"REF01":"IA","REF02":"1"},{"DTM01":"1"}]"#,
            "the guide of 850 has no such field here",
            ".REF[1].DTM01",
        ),
        (
            r#","CUR":[{"CUR01":"BY","CUR02":"EUR"},{"CUR01":"SE","CUR02":"USD"}]"#,
            "the segment may stand once only",
            ".CUR",
        ),
        (r#","CUR":{"CUR01":["BY"]}"#, "an element must be a scalar", ".CUR[0].CUR01"),
        (r#","CUR":{"CUR01":"BY"}"#, "CUR02 is missing", "segment 3 of the message"),
        (r#","REF":"IA""#, "a segment is a map", ".REF[0]"),
        (r#","REF":{"REF01":"IA"}"#, "REF02 breaks the condition R0203", "segment 3 of the message"),
        (r#","DTM":{"DTM01":"002","DTM02":"tomorrow"}"#, "DTM02 is not a date", "segment 3 of the message"),
        (
            r#","REF":{"REF01":"IA","REF02":"A*B"}"#,
            "the element separator stands in the value, and there is no way to write it",
            ".REF[0].REF02",
        ),
        (
            r#","REF":{"REF01":"IA","REF02":"A~"}"#,
            "the segment terminator stands in the value, and there is no way to write it",
            ".REF[0].REF02",
        ),
        (
            r#","REF":{"REF01":"IA","REF02":"A>B"}"#,
            "the component separator stands in the value, and there is no way to write it",
            ".REF[0].REF02",
        ),
        (r#","REF":{"REF01":"IA","REF02":"A\nB"}"#, "a control character stands in the value", ".REF[0].REF02"),
        (
            r#","REF":{"REF01":"IA","REF02r2":"B"}"#,
            "this version of the syntax has no repeated elements",
            ".REF[0].REF02r2",
        ),
    ] {
        let fault = x12_text("850", &order(more)).expect_err(more);
        assert_eq!(
            (fault.code, fault.message.as_str(), fault.at.as_str()),
            (Code::RenderFailed, said, place),
            "{more}"
        );
    }
    let fault = x12_text("850", &tree(r#"{"PO1":[]}"#)).expect_err("no BEG");
    assert_eq!((fault.message.as_str(), fault.at.as_str()), ("BEG is missing", "segment 2 of the message"));
}

#[test]
fn a_segment_that_would_be_read_into_another_loop_is_refused() {
    // A tax of the order, written right after a charge, would be the tax of that charge.
    let order = |between: &str| {
        tree(&format!(
            r#"{{"BEG":{{"BEG01":"00","BEG02":"SA","BEG03":"P","BEG05":"20261123"}},
           "SAC":{{"SAC01":"C","SAC02":"D240"}},"TXI":{{"TXI01":"VA"}}{between}}}"#
        ))
    };
    let fault = x12_text("850", &order("")).expect_err("ambiguous");
    assert!(fault.message.contains("would go to another loop"), "{fault}");
    let written = x12_text("850", &order(r#","MAN":{"MAN01":"GM","MAN02":"1"}"#)).expect("unambiguous");
    let read = only(read_x12(&written));
    assert_eq!(at(&read.messages().next().expect("one").tree, ".TXI[0].TXI01"), Some("VA"));
}

#[test]
fn an_envelope_that_does_not_fit_is_refused() {
    let order = tree(r#"{"BEG":{"BEG01":"00","BEG02":"SA","BEG03":"P","BEG05":"20261123"}}"#);
    let with = |change: fn(&mut Head, &mut GroupHead)| {
        let (mut head, mut group) = (head(), group());
        change(&mut head, &mut group);
        x12::encode(&head, &group, &[Outgoing { kind: "850", control: "0001", tree: &order }], &X12)
    };
    for (change, said) in [
        (
            (|head, _| head.sender.id = "SIXTEEN LETTERS!".into()) as fn(&mut Head, &mut GroupHead),
            "ISA06 does not have 15",
        ),
        (|head, _| head.receiver.qualifier.clear(), "ISA07 is missing"),
        (|head, _| head.sender.id = "A*B".into(), "the element separator stands in the value"),
        (|head, _| head.control = "0".into(), "the interchange's control number is not a number from 1"),
        (|head, _| head.control = "1000000000".into(), "the interchange's control number is not a number from 1"),
        (|head, _| head.date = "261123".into(), "ISA09 does not have 6"),
        (|_, group| group.version.clear(), "ISA12 is missing"),
        (|_, group| group.control = "+7".into(), "the group's control number"),
    ] {
        let fault = with(change).expect_err(said);
        assert!(fault.message.starts_with(said), "{fault}");
    }
    let orders = tree(r#"{"BGM":{"BGM02":"a"},"DTM":{"DTM01":"137"},"UNS":{"UNS01":"S"}}"#);
    let with = |charset: &str, text: &str| {
        let head = Head { version: "3".to_owned(), charset: charset.to_owned(), ..head() };
        let mut tree = orders.clone();
        tree.set(&lineshaft_model::tree::Path::parse(".BGM.BGM02").expect("path"), Tree::Text(text.to_owned()))
            .expect("set");
        edifact::encode(&head, "D:96A", &[Outgoing { kind: "ORDERS", control: "1", tree: &tree }], &EDIFACT)
    };
    for (charset, text, said) in [
        ("UNOA", "ABC", None),
        ("UNOA", "abc", Some("'a' cannot be written in UNOA")),
        ("UNOB", "abc", None),
        ("UNOB", "Größe", Some("'ö' cannot be written in UNOB")),
        ("UNOC", "Größe", None),
        ("UNOC", "5 €", Some("'€' cannot be written in ISO-8859-1")),
        ("UNOY", "5 €", None),
        ("UNOD", "Größe", Some("'ö' cannot be written in US-ASCII")),
    ] {
        let written = with(charset, text);
        match said {
            None => {
                let read = edifact::decode(&written.expect(text), None);
                assert_eq!(at(&only(read).messages().next().expect("one").tree, ".BGM.BGM02"), Some(text));
            }
            Some(said) => assert!(written.expect_err(text).message.starts_with(said), "{charset} {text}"),
        }
    }
}

#[test]
fn repeated_elements_are_written_where_the_syntax_has_them() {
    let orders =
        tree(r#"{"BGM":{"BGM02":"A","BGM02r2":"B","BGM02r2_2":"*"},"DTM":{"DTM01":"137"},"UNS":{"UNS01":"S"}}"#);
    let style = Style { delimiters: Delimiters { repetition: Some(b'*'), ..Delimiters::EDIFACT }, ..EDIFACT };
    let head = Head { version: "4".to_owned(), ..head() };
    let written = edifact::encode(&head, "D:01B", &[Outgoing { kind: "ORDERS", control: "1", tree: &orders }], &style);
    let written = String::from_utf8(written.expect("writes")).expect("ASCII");
    assert!(written.contains("UNA:+.?*'\nUNB+UNOC:4+PLANT:ZZ+SUPPLIER:ZZ+20261123:0444+905'"), "{written}");
    assert!(written.contains("BGM++A*B:?*'"), "{written}");
    let read = only(read_edifact(&written));
    assert_eq!(at(&read.messages().next().expect("one").tree, ".BGM.BGM02r2_2"), Some("*"));
}

/// Values that a field may have, delimiters among them where they can be released.
fn value(edifact: bool) -> BoxedStrategy<String> {
    if edifact { "[ -~äß]{1,6}".boxed() } else { "[ -)+-=?-}äß]{1,6}".boxed() }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn free_segments_read_back_as_they_were(
        is_edifact in any::<bool>(),
        segments in proptest::collection::vec(
            ("[A-Z][A-Z0-9]{1,2}", proptest::collection::btree_map((1_u8..=20, 1_u8..=3), any::<u16>(), 1..6)), 1..8
        ),
        texts in proptest::collection::vec((value(true), value(false)), 8),
    ) {
        let tags = ["ST", "SE", "GS", "GE", "ISA", "IEA", "TA1", "UNH", "UNT", "UNG", "UNE", "UNB", "UNZ"];
        let list = segments.iter().filter(|(tag, _)| !tags.contains(&tag.as_str())).map(|(tag, values)| {
            let fields = values.iter().map(|((element, component), pick)| {
                let text = &texts[usize::from(*pick) % texts.len()];
                let text = if is_edifact { &text.0 } else { &text.1 };
                let name = format!("{tag}{element:02}{}", if *component > 1 { format!("_{component}") } else { String::new() });
                (name, Tree::Text(text.clone()))
            });
            Tree::Map(vec![(tag.clone(), Tree::Map(fields.collect()))])
        });
        let tree = Tree::Map(vec![("segments".to_owned(), Tree::List(list.collect()))]);
        let written = if is_edifact { edifact_text("ZZZZZZ", &tree) } else { x12_text("999999", &tree) };
        let written = written.expect("writes");
        let read = only(if is_edifact { edifact::decode(&written.chars().map(|one| one as u8).collect::<Vec<_>>(), None) } else { read_x12(&written) });
        prop_assert_eq!(read.faults(), []);
        prop_assert_eq!(read.messages().next().expect("one").tree.get("segments"), tree.get("segments"));
    }
}
