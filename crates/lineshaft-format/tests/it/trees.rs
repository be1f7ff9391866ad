//! Trees to test with: short ways to write them, and strategies that make them up.

use lineshaft_model::tree::Tree;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

pub fn text(text: &str) -> Tree {
    Tree::Text(text.to_owned())
}

pub fn number(digits: &str) -> Tree {
    Tree::Number(digits.to_owned())
}

pub fn map<const N: usize>(fields: [(&str, Tree); N]) -> Tree {
    Tree::Map(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The same cases in every run, and no files left behind.
pub fn cases(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(20_261_123), failure_persistence: None, ..Config::default() }
}

/// Any tree that JSON can hold.
pub fn json_tree() -> impl Strategy<Value = Tree> {
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
    ];
    let scalar = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        number.prop_map(Tree::Number),
        any::<String>().prop_map(Tree::Text),
        "[\\x00-\\x1F\"\\\\\u{2028}\u{10FFFF}]{0,6}".prop_map(Tree::Text),
    ];
    scalar.prop_recursive(6, 200, 24, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..24).prop_map(Tree::List),
            btree_map(any::<String>(), inner, 0..24).prop_map(|fields| Tree::Map(fields.into_iter().collect())),
        ]
    })
}

/// Any document in the convention of the XML codec: what reading some document can give.
pub fn xml_tree() -> impl Strategy<Value = Tree> {
    (xml_name(), proptest::option::of("urn:[a-z:<&\"]{1,8}"), xml_value()).prop_map(|(root, namespace, value)| {
        let value = match (namespace, value) {
            (None, value) => value,
            (Some(namespace), Tree::Map(mut fields)) => {
                fields.insert(0, ("@xmlns".to_owned(), Tree::Text(namespace)));
                Tree::Map(fields)
            }
            (Some(namespace), Tree::Text(content)) if content.is_empty() => map([("@xmlns", text(&namespace))]),
            (Some(namespace), scalar) => map([("@xmlns", text(&namespace)), ("#text", scalar)]),
        };
        Tree::Map(vec![(root, value)])
    })
}

fn xml_name() -> impl Strategy<Value = String> {
    "[A-Za-zÄß_][A-Za-z0-9_.-]{0,5}".prop_filter("a namespace declaration", |name| name != "xmlns")
}

fn xml_text() -> impl Strategy<Value = String> {
    "[ -~\t\n\r\u{A0}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]{0,12}"
}

fn xml_value() -> impl Strategy<Value = Tree> {
    let scalar = prop_oneof![1 => Just(Tree::Null), 6 => xml_text().prop_map(Tree::Text)];
    scalar.prop_recursive(5, 120, 20, |inner| {
        let child = prop_oneof![3 => inner.clone(), 1 => vec(inner, 2..4).prop_map(Tree::List)];
        (btree_map(xml_name(), xml_text(), 0..4), xml_text(), any::<bool>(), btree_map(xml_name(), child, 0..20))
            .prop_map(|(attributes, content, is_nil, children)| xml_element(attributes, &content, is_nil, children))
    })
}

fn xml_element(
    attributes: impl IntoIterator<Item = (String, String)>,
    content: &str,
    is_nil: bool,
    children: std::collections::BTreeMap<String, Tree>,
) -> Tree {
    let mut fields: Vec<(String, Tree)> =
        attributes.into_iter().map(|(name, value)| (format!("@{name}"), Tree::Text(value))).collect();
    if fields.is_empty() && children.is_empty() {
        return text(content);
    }
    let space: &[char] = &[' ', '\t', '\r', '\n'];
    let content = if children.is_empty() { content } else { content.trim_matches(space) };
    if is_nil && children.is_empty() {
        fields.push(("#text".to_owned(), Tree::Null));
    } else if !content.is_empty() {
        fields.push(("#text".to_owned(), text(content)));
    }
    fields.extend(children);
    Tree::Map(fields)
}
