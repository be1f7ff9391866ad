//! JSON: what is kept, what is refused and where, and what another reader says about the same bytes.

use lineshaft_format::json::{DEPTH_MAX, NODES_MAX, decode, encode, encode_pretty};
use lineshaft_model::fault::Code;
use lineshaft_model::tree::Tree;
use proptest::prelude::*;

use crate::trees::{cases, json_tree, map, number, text};

/// Depth of a document, to know what the other reader can follow.
const OTHER_DEPTH_MAX: usize = 127;

#[test]
fn digits_stay_as_they_were_sent() {
    for digits in ["0", "-0", "1.10", "1e400", "12345678901234567890", "0.1E-7", "5.0e+03", "-1"] {
        assert_eq!(decode(digits.as_bytes()), Ok(number(digits)));
        assert_eq!(encode(&number(digits)), digits.as_bytes());
    }
}

#[test]
fn a_number_that_json_cannot_write_becomes_text() {
    for odd in ["1,5", "+3", "01", "1.", ".5", "1e", "0x10", "NaN", "-", "", "1 ", "--1", "1e+", "٣"] {
        assert_eq!(String::from_utf8(encode(&number(odd))).expect("UTF-8"), format!("\"{odd}\""));
    }
}

#[test]
fn a_document_keeps_its_order_and_its_texts() {
    let document = r#" {"z":[1,true,false,null,""],"a":{"€":"\u20ac\ud83d\ude00\n\/ "}, "":{}} "#;
    let tree = map([
        ("z", Tree::List(vec![number("1"), Tree::Bool(true), Tree::Bool(false), Tree::Null, text("")])),
        ("a", map([("€", text("€😀\n/ "))])),
        ("", map([])),
    ]);
    assert_eq!(decode(document.as_bytes()), Ok(tree.clone()));
    let compact = "{\"z\":[1,true,false,null,\"\"],\"a\":{\"€\":\"€😀\\n/ \"},\"\":{}}";
    assert_eq!(String::from_utf8(encode(&tree)).expect("UTF-8"), compact);
}

#[test]
fn the_pretty_form_is_for_people() {
    let tree =
        map([("a", Tree::List(vec![number("1"), map([])])), ("b", Tree::List(vec![])), ("c", text("\u{1}\t\"\\"))]);
    let pretty = "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n  \"c\": \"\\u0001\\t\\\"\\\\\"\n}\n";
    assert_eq!(String::from_utf8(encode_pretty(&tree)).expect("UTF-8"), pretty);
}

#[test]
fn faults_name_line_column_and_path() {
    for (document, code, at) in [
        ("{\"a\":{\"b\":1,\n \"b\":2}}", Code::DecodeDuplicateField, "2:6, .a.b"),
        ("{\"a\":1,\"\\u0061\":2}", Code::DecodeDuplicateField, "1:17, .a"),
        ("{\"items\":[{},{\"unit\":\n\n  01}]}", Code::DecodeSyntax, "3:4, .items[1].unit"),
        ("[1,2", Code::DecodeSyntax, "1:5"),
        ("[1,]", Code::DecodeSyntax, "1:4"),
        ("{} {}", Code::DecodeSyntax, "1:4"),
        ("", Code::DecodeSyntax, "1:1"),
        ("{\"a\":NaN}", Code::DecodeSyntax, "1:6, .a"),
    ] {
        let fault = decode(document.as_bytes()).expect_err(document);
        assert_eq!((fault.code, fault.at.as_str()), (code, at), "{document}: {fault}");
    }
}

#[test]
fn only_utf8_is_read_and_other_sets_are_named() {
    assert_eq!(decode(b"\xEF\xBB\xBF[]"), Ok(Tree::List(vec![])));
    for (document, said, at) in [
        (b"\xFF\xFE[\0]\0".as_slice(), "UTF-16LE", "1:1"),
        (b"\xFE\xFF\0[\0]", "UTF-16BE", "1:1"),
        (b"[\0]\0", "UTF-16LE", "1:1"),
        (b"\0[\0]", "UTF-16BE", "1:1"),
        (b"[\n\"Gr\xF6\xDFe\"]", "not UTF-8", "2:4"),
    ] {
        let fault = decode(document).expect_err(said);
        assert_eq!((fault.code, fault.at.as_str()), (Code::DecodeEncoding, at));
        assert!(fault.message.contains(said), "{fault}");
    }
}

#[test]
fn the_limits_are_exact() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(decode(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(decode(nested(DEPTH_MAX + 1).as_bytes()).expect_err("deep").code, Code::DecodeLimit);
    let long = |nodes: usize| format!("[{}0]", "0,".repeat(nodes - 2));
    assert!(decode(long(NODES_MAX).as_bytes()).is_ok());
    assert_eq!(decode(long(NODES_MAX + 1).as_bytes()).expect_err("long").code, Code::DecodeLimit);
    assert!(decode("1".repeat(4300).as_bytes()).is_ok());
    assert_eq!(decode("1".repeat(5000).as_bytes()).expect_err("digits").code, Code::DecodeLimit);
}

#[test]
fn a_duplicate_is_found_in_a_large_object_too() {
    let fields: Vec<String> = (0..5000).map(|at| format!("\"f{at}\":{at}")).collect();
    assert!(decode(format!("{{{}}}", fields.join(",")).as_bytes()).is_ok());
    for twice in [0, 15, 16, 17, 4999] {
        let document = format!("{{{},\"f{twice}\":0}}", fields.join(","));
        let fault = decode(document.as_bytes()).expect_err("twice");
        assert_eq!(fault.code, Code::DecodeDuplicateField);
        assert!(fault.at.ends_with(&format!(", .f{twice}")), "{fault}");
    }
}

/// What we refuse and accept on purpose otherwise than the other reader does.
fn is_known_difference(document: &[u8]) -> bool {
    let code = decode(document).err().map(|fault| fault.code);
    // Duplicates, depth between 64 and 128, and very long numbers are refused here; a byte order mark and numbers
    // beyond binary floating point are accepted here.
    let stricter = matches!(code, Some(Code::DecodeDuplicateField | Code::DecodeLimit));
    let theirs = serde_json::from_slice::<serde_json::Value>(document).err().map(|error| error.to_string());
    let looser = document.starts_with(b"\xEF\xBB\xBF") || theirs.is_some_and(|error| error.contains("out of range"));
    stricter || looser
}

fn agrees(document: &[u8]) -> Result<(), String> {
    let ours = decode(document);
    let theirs = serde_json::from_slice::<serde_json::Value>(document);
    if ours.is_ok() == theirs.is_ok() || is_known_difference(document) {
        return Ok(());
    }
    Err(format!("{:?}: ours {ours:?}, theirs {theirs:?}", String::from_utf8_lossy(document)))
}

#[test]
fn another_reader_accepts_and_refuses_the_same() {
    let documents = [
        "",
        " ",
        "null",
        "nul",
        "nulll",
        "true ",
        "tru",
        "TRUE",
        "\"",
        "\"a",
        "\"\\",
        "\"\\u",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\\x\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "'a'",
        "0",
        "00",
        "-",
        "-0",
        "-01",
        "+1",
        ".1",
        "1.",
        "1.0",
        "1e",
        "1e+",
        "1E5",
        "1e05",
        "0e0",
        "1e400",
        "-1e400",
        "1e-400",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "-Infinity",
        "[",
        "[]",
        "[,]",
        "[1,]",
        "[1 2]",
        "[1,,2]",
        "]",
        "{",
        "{}",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "{1:2}",
        "{\"a\":1}}",
        "[]//",
        "/**/[]",
        "[]\u{0}",
        "\u{a0}[]",
        "\u{c}[]",
        "[\u{b}]",
        "[1]\r\n\t ",
        "\u{feff}[]",
        "{\"a\":1,\"a\":2}",
        "123456789012345678901234567890",
        "\"\u{2028}\"",
    ];
    for document in documents {
        agrees(document.as_bytes()).expect("same verdict");
    }
    for bytes in [b"\"\xFF\"".as_slice(), b"\"\xED\xA0\x80\"", b"\xC3", b"[\"\xC3\"]", b"\"\xC0\x80\""] {
        agrees(bytes).expect("same verdict");
    }
    for depth in [1, DEPTH_MAX, DEPTH_MAX + 1, OTHER_DEPTH_MAX] {
        agrees(("[".repeat(depth) + &"]".repeat(depth)).as_bytes()).expect("same verdict");
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_is_written_reads_back(tree in json_tree()) {
        prop_assert_eq!(decode(&encode(&tree)), Ok(tree.clone()));
        prop_assert_eq!(decode(&encode_pretty(&tree)), Ok(tree.clone()));
        prop_assert_eq!(agrees(&encode(&tree)), Ok(()));
    }

    #[test]
    fn another_reader_agrees_on_damaged_documents(tree in json_tree(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut document = encode(&tree);
        let at = at.index(document.len());
        document[at] = byte;
        prop_assert_eq!(agrees(&document), Ok(()));
        document.truncate(at);
        prop_assert_eq!(agrees(&document), Ok(()));
    }

    #[test]
    fn another_reader_agrees_on_token_soup(document in "[\\[\\]{},:\"\\\\ 0-9eE.+\\-atrufnlse]{0,12}") {
        prop_assert_eq!(agrees(document.as_bytes()), Ok(()));
    }
}
