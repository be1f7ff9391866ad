//! XML: the convention, line by line, what is refused and where, and the character sets.

use lineshaft_format::xml::{ATTRIBUTES_MAX, DEPTH_MAX, NODES_MAX, Options, decode, encode};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;
use proptest::prelude::*;

use crate::trees::{cases, map, number, text, xml_tree};

const XSI: &str = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";

fn read(document: &str) -> Result<Tree, Fault> {
    decode(document.as_bytes(), &Options::default())
}

fn written(tree: &Tree) -> String {
    let document = String::from_utf8(encode(tree).expect("writes")).expect("UTF-8");
    document.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").expect("a declaration").to_owned()
}

#[test]
fn the_convention_holds_line_by_line() {
    for (document, tree) in [
        ("<a> x </a>", text(" x ")),
        ("<a/>", text("")),
        ("<a></a>", text("")),
        ("<a b='1'/>", map([("@b", text("1"))])),
        ("<a b='1'> x</a>", map([("@b", text("1")), ("#text", text(" x"))])),
        ("<a>\n <b>1</b>\n <c/>\n</a>", map([("b", text("1")), ("c", text(""))])),
        ("<a><b>1</b><c>2</c><b>3</b></a>", map([("b", Tree::List(vec![text("1"), text("3")])), ("c", text("2"))])),
        ("<a> in <b>bold</b> type </a>", map([("#text", text("in  type")), ("b", text("bold"))])),
        ("<a>1<!-- no -->2<![CDATA[<3>]]><?go on?>4</a>", text("12<3>4")),
        ("<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x20AC;</a>", text("<>&'\"A€")),
        ("<a b='&lt;&#10;&amp;'/>", map([("@b", text("<\n&"))])),
        ("<a>1\r\n2\r3</a>", text("1\n2\n3")),
        ("<a xmlns='urn:m'/>", map([("@xmlns", text("urn:m"))])),
        ("<p:a xmlns:p='urn:p' xmlns='urn:m'>1</p:a>", map([("@xmlns", text("urn:p")), ("#text", text("1"))])),
        ("<a><p:b xmlns:p='urn:p' p:c='1'/><q:d/></a>", map([("b", map([("@c", text("1"))])), ("d", text(""))])),
        ("<a xsi:nil='true'/>", Tree::Null),
        ("<a xsi:nil='false'>1</a>", text("1")),
        (
            "<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:nil='1' r='x'/>",
            map([("@r", text("x")), ("#text", Tree::Null)]),
        ),
        ("<a xmlns:i='urn:other' i:nil='true'/>", map([("@nil", text("true"))])),
        ("<!-- x --><?p?>\n<a>1</a>\n<!-- y -->", text("1")),
    ] {
        assert_eq!(read(document), Ok(map([("a", tree)])), "{document}");
    }
}

#[test]
fn a_declared_list_is_a_list_even_of_one() {
    let options = Options { lists: vec!["b".to_owned()] };
    let tree = decode(b"<a><b>1</b><c>2</c></a>", &options).expect("reads");
    assert_eq!(tree, map([("a", map([("b", Tree::List(vec![text("1")])), ("c", text("2"))]))]));
    assert_eq!(decode(&encode(&tree).expect("writes"), &options), Ok(tree));
}

#[test]
fn a_tree_is_written_by_the_same_convention() {
    for (tree, document) in [
        (text("1 < 2 & 3 > 2\r\n"), "<a>1 &lt; 2 &amp; 3 &gt; 2&#13;\n</a>".to_owned()),
        (number("1.10"), "<a>1.10</a>".to_owned()),
        (Tree::Bool(true), "<a>true</a>".to_owned()),
        (Tree::Null, format!("<a {XSI} xsi:nil=\"true\"/>")),
        (map([("@b", Tree::Null), ("c", Tree::List(vec![]))]), "<a/>".to_owned()),
        (
            map([("c", text("x")), ("@b", text("\"\t\n")), ("#text", number("5"))]),
            "<a b=\"&quot;&#9;&#10;\">5<c>x</c></a>".to_owned(),
        ),
        (map([("b", Tree::List(vec![text("1"), map([("c", text(""))])]))]), "<a><b>1</b><b><c/></b></a>".to_owned()),
        (
            map([("@xmlns:s", text("urn:s")), ("s:b", map([("@s:c", text("1")), ("@xml:lang", text("de"))]))]),
            "<a xmlns:s=\"urn:s\"><s:b s:c=\"1\" xml:lang=\"de\"/></a>".to_owned(),
        ),
    ] {
        assert_eq!(written(&map([("a", tree)])), document);
    }
}

#[test]
fn what_has_no_form_in_xml_is_refused_with_its_path() {
    let list_in_list = Tree::List(vec![Tree::List(vec![])]);
    for (tree, at) in [
        (text("x"), ""),
        (map([("a", text("")), ("b", text(""))]), ""),
        (map([("a", Tree::List(vec![text("1")]))]), ""),
        (map([("1a", text(""))]), ".1a"),
        (map([("a", map([("b c", text(""))]))]), ".a.b c"),
        (map([("a", map([("s:b", text(""))]))]), ".a.s:b"),
        (map([("a", map([("b", list_in_list)]))]), ".a"),
        (map([("a", map([("@b", map([]))]))]), ".a.@b"),
        (map([("a", map([("@xmlns:", text("x"))]))]), ".a.@xmlns:"),
        (map([("a", map([("#text", map([]))]))]), ".a"),
        (map([("a", map([("#text", Tree::Null), ("b", text(""))]))]), ".a"),
        (map([("a", map([("b", text("\u{1}"))]))]), ".a.b"),
    ] {
        let fault = encode(&tree).expect_err(at);
        assert_eq!((fault.code, fault.at.as_str()), (Code::RenderFailed, at), "{fault}");
    }
}

#[test]
fn faults_name_line_column_and_path() {
    for (document, code, at) in [
        ("<a>\n <b>1</c></a>", Code::DecodeSyntax, "2:6, .a.b"),
        ("<a><b>1", Code::DecodeSyntax, "1:8, .a.b"),
        ("<a><b x='1", Code::DecodeSyntax, "1:4, .a"),
        ("<a/>\n<b/>", Code::DecodeSyntax, "2:1"),
        ("", Code::DecodeSyntax, "1:1"),
        ("hello", Code::DecodeSyntax, "1:1"),
        ("<a/>x", Code::DecodeSyntax, "1:5"),
        ("<a/>&lt;", Code::DecodeSyntax, "1:5"),
        ("<a/><![CDATA[]]>", Code::DecodeSyntax, "1:5"),
        ("</a>", Code::DecodeSyntax, "1:1"),
        ("<a>&nbsp;</a>", Code::DecodeSyntax, "1:4, .a"),
        ("<a>&#0;</a>", Code::DecodeSyntax, "1:4, .a"),
        ("<a>&#1;</a>", Code::DecodeSyntax, "1:4, .a"),
        ("<a>&#xD800;</a>", Code::DecodeSyntax, "1:4, .a"),
        ("<a>R&D</a>", Code::DecodeSyntax, "1:5, .a"),
        ("<a>\u{2}</a>", Code::DecodeSyntax, "1:4"),
        ("<a b='&x;'/>", Code::DecodeSyntax, "1:1, .a"),
        ("<a b='&#2;'/>", Code::DecodeSyntax, "1:1, .a"),
        ("<a b='<'/>", Code::DecodeSyntax, "1:1, .a"),
        ("<a b=1/>", Code::DecodeSyntax, "1:1, .a"),
        ("<a b/>", Code::DecodeSyntax, "1:1, .a"),
        ("<a b='1' b='2'/>", Code::DecodeDuplicateField, "1:1, .a"),
        ("<a p:b='1' q:b='2'/>", Code::DecodeDuplicateField, "1:1, .a"),
        ("<a xsi:nil='true'>1</a>", Code::DecodeSyntax, "1:20, .a"),
        ("<a:b:c/>", Code::DecodeSyntax, "1:1"),
        ("< a/>", Code::DecodeSyntax, "1:1"),
        ("<1/>", Code::DecodeSyntax, "1:1"),
        ("\n<?xml version='1.0'?><a/>", Code::DecodeSyntax, "2:1"),
        ("<?xml version='2.0'?><a/>", Code::DecodeSyntax, "1:1"),
    ] {
        let fault = read(document).expect_err(document);
        assert_eq!((fault.code, fault.at.as_str()), (code, at), "{document}: {fault}");
    }
}

#[test]
fn a_document_type_is_refused_before_anything_in_it_is_read() {
    for document in [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>",
        "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY",
    ] {
        let fault = read(document).expect_err(document);
        assert_eq!(fault.code, Code::DecodeLimit, "{document}: {fault}");
        assert!(fault.message.contains("DOCTYPE"), "{fault}");
    }
}

#[test]
fn the_limits_are_exact() {
    let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    let tree = read(&nested(DEPTH_MAX)).expect("deep enough");
    assert_eq!(read(&written(&tree)), Ok(tree.clone()));
    assert_eq!(encode(&map([("a", tree)])).expect_err("deep").code, Code::RenderFailed);
    assert_eq!(read(&nested(DEPTH_MAX + 1)).expect_err("deep").code, Code::DecodeLimit);

    let attributes = |count: usize| (0..count).map(|at| format!(" b{at}='{at}'")).collect::<String>();
    assert!(read(&format!("<a{}/>", attributes(ATTRIBUTES_MAX))).is_ok());
    let fault = read(&format!("<a{}/>", attributes(ATTRIBUTES_MAX + 1))).expect_err("attributes");
    assert_eq!(fault.code, Code::DecodeLimit);

    let many = |nodes: usize| format!("<a>{}</a>", "<b/>".repeat(nodes - 1));
    assert!(read(&many(NODES_MAX)).is_ok());
    assert_eq!(read(&many(NODES_MAX + 1)).expect_err("many").code, Code::DecodeLimit);
}

#[test]
fn many_differently_named_children_are_found_again() {
    let children: String = (0..2000).map(|at| format!("<c{at}>{at}</c{at}>")).collect();
    let tree = read(&format!("<a>{children}{children}</a>")).expect("reads");
    let root = tree.get("a").expect("root");
    for at in [0, 15, 16, 17, 18, 1999] {
        let value = text(&at.to_string());
        assert_eq!(root.get(&format!("c{at}")), Some(&Tree::List(vec![value.clone(), value])));
    }
}

fn utf16(document: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    format!("\u{FEFF}{document}").encode_utf16().flat_map(unit).collect()
}

#[test]
fn each_character_set_is_read_as_declared() {
    let documents = [
        "<a>Größe</a>".as_bytes().to_vec(),
        "\u{FEFF}<?xml version='1.0' encoding='utf-8'?><a>Größe</a>".as_bytes().to_vec(),
        b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>Gr\xF6\xDFe</a>".to_vec(),
        b"<?xml version='1.0' encoding = 'windows-1252' standalone='yes'?><a>Gr\xF6\xDFe</a>".to_vec(),
        utf16("<?xml version='1.0' encoding='UTF-16'?><a>Größe</a>", u16::to_le_bytes),
        utf16("<a>Größe</a>", u16::to_be_bytes),
    ];
    for document in documents {
        let tree = decode(&document, &Options::default());
        assert_eq!(tree, Ok(map([("a", text("Größe"))])), "{}", String::from_utf8_lossy(&document));
    }
}

#[test]
fn a_wrong_declaration_is_told() {
    let documents = [
        b"<?xml version='1.0'?><a>\xF6</a>".to_vec(),
        b"<?xml version='1.0' encoding='UTF-8'?><a>\xF6</a>".to_vec(),
        b"<?xml version='1.0' encoding='US-ASCII'?><a>\xC3\xB6</a>".to_vec(),
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a>5 \x80</a>".to_vec(),
        b"<?xml version='1.0' encoding='utf-16'?><a/>".to_vec(),
        b"<?xml version='1.0' encoding='EBCDIC-CP-DE'?><a/>".to_vec(),
        "\u{FEFF}<?xml version='1.0' encoding='ISO-8859-1'?><a/>".as_bytes().to_vec(),
        utf16("<?xml version='1.0' encoding='UTF-8'?><a/>", u16::to_le_bytes),
        "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect(),
        b"\xFF\xFE<\0a\0/\0>".to_vec(),
    ];
    for document in documents {
        let fault = decode(&document, &Options::default()).expect_err("wrong");
        assert_eq!(fault.code, Code::DecodeEncoding, "{fault}: {}", String::from_utf8_lossy(&document));
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_is_written_reads_back(tree in xml_tree()) {
        let document = encode(&tree).expect("writes");
        let again = decode(&document, &Options::default());
        prop_assert_eq!(again, Ok(tree), "{}", String::from_utf8_lossy(&document));
    }

    #[test]
    fn what_reads_from_tag_soup_writes_and_reads_back(document in "<a>[<>/&;'\"=! a-c:\\-\\[\\]#x0-9?]{0,24}</a>") {
        if let Ok(tree) = read(&document) {
            let again = encode(&tree).expect("writes");
            prop_assert_eq!(decode(&again, &Options::default()), Ok(tree), "{}", document);
        }
    }
}
