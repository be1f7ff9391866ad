//! CSV: rows good and bad, headers, writing for spreadsheets, and what another reader makes of the same bytes.

use lineshaft_format::charset::Charset;
use lineshaft_format::csv::{COLUMNS_MAX, CsvOptions, ROW_BYTES_MAX, decode, encode, rows};
use lineshaft_model::fault::Code;
use lineshaft_model::tree::Tree;
use proptest::prelude::*;

use crate::trees::{cases, map, number, text};

fn semicolons() -> CsvOptions {
    CsvOptions { delimiter: b';', quote: b'\'', ..CsvOptions::default() }
}

fn headless() -> CsvOptions {
    CsvOptions { header: false, ..CsvOptions::default() }
}

#[test]
fn rows_become_maps_of_text() {
    let file = "\u{FEFF}id,name\r\n1,\"Screw, \"\"M4\"\"\"\n\n2,\"two\r\nlines\"\r3,3/4\" pipe \n";
    let row = |id: &str, name: &str| map([("id", text(id)), ("name", text(name))]);
    let tree = Tree::List(vec![row("1", "Screw, \"M4\""), row("2", "two\r\nlines"), row("3", "3/4\" pipe ")]);
    assert_eq!(decode(file.as_bytes(), &CsvOptions::default()), Ok(tree));
}

#[test]
fn delimiter_quote_header_and_character_set_are_free() {
    let options = CsvOptions { charset: Charset::Windows1252, ..semicolons() };
    let tree = decode(b"k;v\nGr\xF6\xDFe;'a;''b'''\n", &options).expect("reads");
    assert_eq!(tree, Tree::List(vec![map([("k", text("Größe")), ("v", text("a;'b'"))])]));

    let named = CsvOptions { columns: vec!["x".into(), "y".into()], ..headless() };
    assert_eq!(decode(b"1,", &named), Ok(Tree::List(vec![map([("x", text("1")), ("y", text(""))])])));
    let numbered = Tree::List(vec![map([("column1", text("1")), ("column2", text("2"))])]);
    assert_eq!(decode(b"\n1,2\n", &headless()), Ok(numbered.clone()));
    let utf16: Vec<u8> = "\u{FEFF}1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decode(&utf16, &headless()), Ok(numbered));
    for empty in ["", "\n\n", "a,b\n"] {
        assert_eq!(decode(empty.as_bytes(), &CsvOptions::default()), Ok(Tree::List(vec![])));
    }
}

#[test]
fn a_bad_row_keeps_no_other_back() {
    let file = b"\nid,unit\n1,KG\n2\n\n3,KG,x\n4,\"K\"G\n5,\xFF\n6,\"\nG\"\n7,KG\n";
    let read: Vec<String> = rows(file, &CsvOptions::default())
        .expect("a header")
        .map(|row| match row.tree {
            Ok(tree) => format!("{} {}", row.number, tree.get("id").and_then(Tree::scalar).unwrap_or_default()),
            Err(fault) => format!("{} {fault}", row.number),
        })
        .collect();
    let expected = [
        "1 1",
        "2 DECODE-001 the row has 1 fields, not 2 (at 4:1, row 2)",
        "3 DECODE-001 the row has 3 fields, not 2 (at 6:1, row 3)",
        "4 DECODE-001 something stands between a closing quote and the next delimiter (at 7:6, row 4)",
        "5 DECODE-002 a byte of the row 5 is not UTF-8 (at 8:3, row 5)",
        "6 6",
        "7 7",
    ];
    assert_eq!(read, expected);
    assert_eq!(decode(file, &CsvOptions::default()).expect_err("row 2").at, "4:1, row 2");
}

#[test]
fn a_quote_that_is_never_closed_ends_the_reading() {
    let file = b"a,b\n1,2\n3,\"4\n5,6\n7,8\n";
    let read: Vec<_> = rows(file, &CsvOptions::default()).expect("a header").collect();
    assert_eq!(read.len(), 2);
    let fault = read[1].tree.clone().expect_err("open quote");
    assert_eq!((fault.code, fault.at.as_str()), (Code::DecodeSyntax, "3:3, row 2"));
}

#[test]
fn a_header_must_name_every_column_once() {
    let required = CsvOptions { columns: vec!["id".into(), "unit".into()], ..CsvOptions::default() };
    for (file, options, code, said) in [
        ("a,b,a\n", CsvOptions::default(), Code::DecodeDuplicateField, ".a twice"),
        ("a,,b\n", CsvOptions::default(), Code::DecodeSyntax, "no name"),
        ("unit,no\n", required.clone(), Code::DecodeSyntax, ".id"),
        ("", required.clone(), Code::DecodeSyntax, ".id"),
        ("\"a", CsvOptions::default(), Code::DecodeSyntax, "never closed"),
        ("a\n", CsvOptions { quote: b',', ..CsvOptions::default() }, Code::DecodeSyntax, "differ"),
        ("a\n", CsvOptions { delimiter: b'\n', ..CsvOptions::default() }, Code::DecodeSyntax, "line end"),
        ("a\n", CsvOptions { columns: vec!["a".into(), "a".into()], ..headless() }, Code::DecodeSyntax, "twice"),
        ("a\0,\0", CsvOptions::default(), Code::DecodeEncoding, "UTF-16LE"),
    ] {
        let fault = rows(file.as_bytes(), &options).map(|_| ()).expect_err(said);
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.message.contains(said), "{fault}");
    }
    assert!(rows(b"unit,more,id\n", &required).is_ok());
}

#[test]
fn the_limits_are_exact() {
    let wide = |columns: usize| ",".repeat(columns - 1);
    assert!(decode(wide(COLUMNS_MAX).as_bytes(), &headless()).is_ok());
    let fault = decode(format!("1\n{}\n", wide(COLUMNS_MAX + 1)).as_bytes(), &headless()).expect_err("wide");
    assert_eq!(fault.code, Code::DecodeLimit);

    let long = |bytes: usize| format!("{}\nnext\n", "x".repeat(bytes));
    assert!(decode(long(ROW_BYTES_MAX).as_bytes(), &headless()).is_ok());
    let read: Vec<_> = rows(long(ROW_BYTES_MAX + 1).as_bytes(), &headless()).expect("starts").collect();
    assert_eq!(read[1].tree, Ok(map([("column1", text("next"))])));
    assert_eq!(read.len(), 2);

    let quoted = |bytes: usize| format!("\"{}\"\n1\n", "x".repeat(bytes - 2));
    assert!(decode(quoted(ROW_BYTES_MAX).as_bytes(), &headless()).is_ok());
    let fault = decode(quoted(ROW_BYTES_MAX + 1).as_bytes(), &headless()).expect_err("long");
    assert_eq!(fault.code, Code::DecodeLimit);
}

fn written(tree: &Tree, options: &CsvOptions) -> String {
    String::from_utf8(encode(tree, options).expect("writes")).expect("UTF-8")
}

#[test]
fn maps_become_rows() {
    let tree = Tree::List(vec![
        map([("id", number("1.10")), ("name", text("a,\"b\"\n"))]),
        map([("id", Tree::Null), ("ok", Tree::Bool(true))]),
    ]);
    assert_eq!(written(&tree, &CsvOptions::default()), "id,name,ok\r\n1.10,\"a,\"\"b\"\"\n\",\r\n,,true\r\n");
    let chosen = CsvOptions { columns: vec!["ok".into(), "id".into()], header: false, ..semicolons() };
    assert_eq!(written(&tree, &chosen), ";1.10\r\ntrue;\r\n");
    assert_eq!(written(&Tree::List(vec![]), &CsvOptions::default()), "");
    assert_eq!(written(&Tree::List(vec![map([("a", text(""))])]), &CsvOptions::default()), "a\r\n\"\"\r\n");
}

#[test]
fn cells_that_a_spreadsheet_would_run_are_guarded_and_numbers_are_not() {
    let safe = CsvOptions { header: false, spreadsheet_safe: true, ..CsvOptions::default() };
    for (cell, shown) in [
        ("=1+1", "'=1+1\r\n"),
        ("+49 170", "'+49 170\r\n"),
        ("-2+3", "'-2+3\r\n"),
        ("-A1", "'-A1\r\n"),
        ("-", "'-\r\n"),
        ("@SUM(A1)", "'@SUM(A1)\r\n"),
        ("\tx", "'\tx\r\n"),
        ("\rx", "\"'\rx\"\r\n"),
        ("\0x", "'\0x\r\n"),
        ("=A1,\"B\"", "\"'=A1,\"\"B\"\"\"\r\n"),
        ("-5", "-5\r\n"),
        ("+3", "+3\r\n"),
        ("-1.234,5", "\"-1.234,5\"\r\n"),
        ("-1.5e-3", "-1.5e-3\r\n"),
        ("a=b", "a=b\r\n"),
    ] {
        assert_eq!(written(&Tree::List(vec![map([("c", text(cell))])]), &safe), shown);
        let plain = CsvOptions { header: false, ..CsvOptions::default() };
        assert!(!written(&Tree::List(vec![map([("c", text(cell))])]), &plain).contains('\''));
    }
    let header = CsvOptions { spreadsheet_safe: true, ..CsvOptions::default() };
    assert_eq!(written(&Tree::List(vec![map([("=x", text("1"))])]), &header), "'=x\r\n1\r\n");
}

#[test]
fn what_has_no_form_in_csv_is_refused() {
    for (tree, at) in [
        (map([]), ""),
        (Tree::List(vec![text("x")]), "row 1"),
        (Tree::List(vec![map([])]), ""),
        (Tree::List(vec![map([("a", text(""))]), map([("a", Tree::List(vec![]))])]), "row 2, column \"a\""),
    ] {
        let fault = encode(&tree, &CsvOptions::default()).expect_err(at);
        assert_eq!((fault.code, fault.at.as_str()), (Code::RenderFailed, at), "{fault}");
    }
}

/// The same file through another reader, as rows of fields.
fn other(file: &[u8]) -> Option<Vec<Vec<String>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
    reader.records().map(|row| row.ok().map(|row| row.iter().map(str::to_owned).collect())).collect()
}

pub fn ours(file: &[u8]) -> Option<Vec<Vec<String>>> {
    let tree = decode(file, &headless()).ok()?;
    let Tree::List(rows) = tree else { return None };
    let cells = |row| match row {
        Tree::Map(fields) => fields.into_iter().filter_map(|(_, cell)| cell.scalar().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    Some(rows.into_iter().map(cells).collect())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn what_is_written_reads_back(
        columns in proptest::collection::btree_set("[ -~]{1,6}", 1..6),
        cells in proptest::collection::vec(any::<String>(), 0..40),
        options in prop_oneof![Just(CsvOptions::default()), Just(semicolons())],
    ) {
        let columns: Vec<String> = columns.into_iter().collect();
        let row = |cells: &[String]| Tree::Map(columns.iter().cloned().zip(cells.iter().cloned().map(Tree::Text)).collect());
        let tree = Tree::List(cells.chunks_exact(columns.len()).map(row).collect());
        let file = encode(&tree, &options).expect("writes");
        prop_assert_eq!(decode(&file, &options), Ok(tree), "{}", String::from_utf8_lossy(&file));
    }

    #[test]
    fn another_reader_finds_the_same_in_what_we_accept(file in "[a-c,\"\n\r ]{0,24}") {
        if let Some(ours) = ours(file.as_bytes()) {
            prop_assert_eq!(Some(ours), other(file.as_bytes()), "{:?}", file);
        }
    }
}
