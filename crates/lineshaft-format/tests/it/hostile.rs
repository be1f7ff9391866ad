//! Hostile input: whatever is cut, flipped, nested or claimed, a codec answers with a tree or a fault.

use lineshaft_format::csv::CsvOptions;
use lineshaft_format::{csv, json, xml};
use lineshaft_model::fault::Code;

const JSON: &[u8] =
    "{\"order\":\"0012\",\"qty\":1.10,\"items\":[{\"unit\":\"KG\",\"t\":\"\\u00e4\\n€\"},null,true,-0.5e+3]}"
        .as_bytes();

const XML: &[u8] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<p:Order xmlns:p=\"urn:x\" id='1'>\n \
    <Item n=\"&lt;1&#62;\">Größe &amp; <![CDATA[<x>]]></Item><!-- c --><?pi x?><Item xsi:nil=\"true\"/><e/></p:Order>"
    .as_bytes();

const CSV: &[u8] = "id,name,\"qty\"\n1,\"Screw \"\"M4\"\", long\",5\r\n2,\"two\nlines\",-3\n3,€,\n".as_bytes();

fn read_all(bytes: &[u8]) {
    if let Ok(tree) = json::decode(bytes) {
        assert_eq!(json::decode(&json::encode(&tree)).as_ref().ok(), Some(&tree));
    }
    let options = xml::Options::default();
    if let Ok(tree) = xml::decode(bytes, &options) {
        let written = xml::encode(&tree).expect("what was read can be written");
        assert_eq!(xml::decode(&written, &options).as_ref().ok(), Some(&tree));
    }
    if let Ok(rows) = csv::rows(bytes, &CsvOptions::default()) {
        assert!(rows.count() <= bytes.len());
    }
}

#[test]
fn a_document_cut_off_anywhere_is_a_fault() {
    for end in 0..JSON.len() {
        assert!(json::decode(&JSON[..end]).is_err(), "cut at {end}");
    }
    for end in 0..XML.len() {
        let fault = xml::decode(&XML[..end], &xml::Options::default()).expect_err("cut");
        assert!(matches!(fault.code, Code::DecodeSyntax | Code::DecodeEncoding), "cut at {end}: {fault}");
        assert!(fault.at.contains(':'), "cut at {end}: {fault}");
    }
    for end in 0..CSV.len() {
        read_all(&CSV[..end]);
    }
}

#[test]
fn every_byte_replaced_by_every_other_ends_in_a_tree_or_a_fault() {
    for sample in [JSON, XML, CSV] {
        for at in 0..sample.len() {
            for byte in 0..=u8::MAX {
                let mut changed = sample.to_vec();
                changed[at] = byte;
                read_all(&changed);
            }
        }
    }
}

#[test]
fn pieces_of_documents_in_any_order_end_in_a_tree_or_a_fault() {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).expect("small")).expect("small")
    };
    for _ in 0..20_000 {
        let mut document = Vec::new();
        for _ in 0..next(6) {
            let sample = [JSON, XML, CSV][next(3)];
            let start = next(sample.len());
            document.extend_from_slice(&sample[start..start + next(sample.len() - start)]);
        }
        read_all(&document);
    }
}

#[test]
fn bombs_are_refused_where_the_limit_stands() {
    let bytes = 10 * 1024 * 1024;
    for (document, code, at) in [
        ("[".repeat(bytes), Code::DecodeLimit, "1:65"),
        ("{\"a\":".repeat(bytes / 5), Code::DecodeLimit, "1:321"),
        ("[0,".to_owned() + &"0,".repeat(bytes / 2), Code::DecodeLimit, "1:200000"),
        ("\"".to_owned() + &"x".repeat(bytes), Code::DecodeSyntax, "1:10485762"),
        ("1".repeat(bytes), Code::DecodeLimit, "1:4302"),
    ] {
        let fault = json::decode(document.as_bytes()).expect_err("a bomb");
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.at.starts_with(at), "{fault}");
    }
    for (document, code) in [
        ("<a>".repeat(bytes / 3), Code::DecodeLimit),
        ("<a b='".to_owned() + &"x".repeat(bytes), Code::DecodeSyntax),
        ("<".to_owned() + &"a".repeat(bytes), Code::DecodeSyntax),
        ("<a>".to_owned() + &"&".repeat(bytes), Code::DecodeSyntax),
        ("<a>".to_owned() + &"&amp;".repeat(bytes / 5), Code::DecodeSyntax),
        ("<!--".to_owned() + &"-".repeat(bytes), Code::DecodeSyntax),
        ("<a>".to_owned() + &"<b>".repeat(bytes / 3), Code::DecodeLimit),
        (format!("<a>{}", "<b c='1'/>".repeat(bytes / 10)), Code::DecodeLimit),
        (format!("<{}></b>", "a".repeat(bytes)), Code::DecodeSyntax),
    ] {
        let fault = xml::decode(document.as_bytes(), &xml::Options::default()).expect_err("a bomb");
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.to_string().len() < 1000, "a fault stays short");
    }
}

#[test]
fn a_file_of_bad_rows_costs_no_more_than_one_of_good_rows() {
    let file = "a,b\n".to_owned() + &"x\n".repeat(1_000_000);
    let rows = csv::rows(file.as_bytes(), &CsvOptions::default()).expect("a header");
    let last = rows.last().expect("rows");
    assert_eq!(last.tree.expect_err("ragged").at, "1000001:1, row 1000000");
    let open_quotes = "a\n".to_owned() + &"\"\"\"\n".repeat(1_000_000);
    let rows = csv::rows(open_quotes.as_bytes(), &CsvOptions::default()).expect("a header");
    assert_eq!(rows.filter(|row| row.tree.is_ok()).count(), 500_000);
    let cells = "a\n".to_owned() + &"1\n".repeat(csv::CELLS_MAX + 1);
    let fault = csv::decode(cells.as_bytes(), &CsvOptions::default()).expect_err("many cells");
    assert_eq!(fault.code, Code::DecodeLimit);
}
