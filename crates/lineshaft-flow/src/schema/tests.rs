//! Schemas as text, documents as text.

use super::*;

const ORDER: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["order", "items"],
  "additionalProperties": false,
  "properties": {
    "order": { "type": "string" },
    "due": { "type": "string", "format": "date" },
    "at": { "type": "string", "format": "date-time" },
    "price": { "type": "string", "format": "decimal" },
    "count": { "type": "integer" },
    "odd name": { "type": ["number", "null"] },
    "items": { "type": "array", "items": { "$ref": "#/$defs/item" } }
  },
  "$defs": {
    "item": {
      "type": "object",
      "required": ["qty"],
      "properties": { "qty": { "type": "number" }, "parts": { "type": "array", "items": { "$ref": "#/$defs/item" } } }
    }
  }
}"##;

fn order() -> Schema {
    Schema::compile(ORDER, "order.json").expect("schema")
}

fn tree(json: &str) -> Tree {
    fn read(value: &Value) -> Tree {
        match value {
            Value::Null => Tree::Null,
            Value::Bool(truth) => Tree::Bool(*truth),
            Value::Number(number) => Tree::Number(number.to_string()),
            Value::String(text) => Tree::Text(text.clone()),
            Value::Array(items) => Tree::List(items.iter().map(read).collect()),
            Value::Object(fields) => Tree::Map(fields.iter().map(|(k, v)| (k.clone(), read(v))).collect()),
        }
    }
    read(&serde_json::from_str(json).expect(json))
}

fn checked(json: &str) -> String {
    match order().check(&tree(json)) {
        Ok(()) => "ok".to_owned(),
        Err(fault) => format!("{fault}\n{}", fault.detail),
    }
}

#[test]
fn a_document_of_the_agreed_shape_passes() {
    let json = r#"{"order":"1","due":"2026-11-23","at":"2026-11-23T01:02:03Z","price":"1.10","items":[{"qty":1.5}]}"#;
    assert_eq!(checked(json), "ok");
}

#[test]
fn errors_name_their_place_and_never_a_value() {
    assert_eq!(
        checked(r#"{"order":"1","items":[{"qty":1},{"qty":"secret"},{}],"price":"1,5","due":"2026-13-01"}"#)
            .lines()
            .next(),
        Some("VALIDATE-001 value is not of type \"number\"; 4 errors in all (at .items[1].qty)")
    );
    let said = checked(r#"{"order":"1","items":[{"qty":1},{"qty":"secret"}]}"#);
    assert_eq!(
        said,
        "VALIDATE-001 value is not of type \"number\" (at .items[1].qty)\n.items[1].qty: value is not of type \"number\""
    );
    assert!(checked(r#"{"order":1,"items":[]}"#).contains("(at .order)"));
    assert!(checked(r#"{"items":[]}"#).contains("\"order\" is a required property (at .)"));
    assert!(checked(r#"{"order":"1","items":[],"odd name":"x"}"#).contains("(at .\"odd name\")"));
}

#[test]
fn at_most_twenty_errors_are_listed() {
    let items = vec!["{}"; 25].join(",");
    let fault = order().check(&tree(&format!(r#"{{"order":"1","items":[{items}]}}"#))).expect_err("25 errors");
    assert_eq!(fault.detail.lines().count(), 21);
    assert!(fault.detail.ends_with("and 5 more"), "{}", fault.detail);
}

#[test]
fn a_number_stays_the_text_it_was_and_is_a_number_to_the_validator() {
    let document = Tree::Map(vec![
        ("order".into(), Tree::Text("1".into())),
        ("items".into(), Tree::List(Vec::new())),
        ("count".into(), Tree::Number("12345678901234567890".into())),
    ]);
    assert_eq!(order().check(&document), Ok(()));
}

#[test]
fn decimals_are_found_through_lists_and_references() {
    let order = order();
    for path in [".price", ".items[].qty", ".items[3].qty", ".items[0].parts[1].parts[2].qty", ".\"odd name\""] {
        assert!(order.is_decimal(path), "{path}");
    }
    for path in [".", ".order", ".due", ".count", ".items", ".items[0]", ".nowhere", ".items.qty"] {
        assert!(!order.is_decimal(path), "{path}");
    }
}

#[test]
fn text_leaves_as_a_number_where_the_schema_says_so() {
    let document =
        tree(r#"{"order":"0012","price":"1.10","count":"0012","items":[{"qty":"1.10","x":"1"},{"qty":"?"}]}"#);
    let expected = Tree::Map(vec![
        ("order".into(), Tree::Text("0012".into())),
        ("price".into(), Tree::Text("1.10".into())),
        ("count".into(), Tree::Number("12".into())),
        (
            "items".into(),
            Tree::List(vec![
                Tree::Map(vec![("qty".into(), Tree::Number("1.10".into())), ("x".into(), Tree::Text("1".into()))]),
                Tree::Map(vec![("qty".into(), Tree::Text("?".into()))]),
            ]),
        ),
    ]);
    assert_eq!(order().numbers(document), expected);
}

#[test]
fn a_schema_that_cannot_be_used_says_where() {
    for (text, said) in [
        ("{\n  \"type\": \"object\",\n}", "this is not JSON: trailing comma\n --> s.json:3:1\n"),
        (
            r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#,
            "schemas are JSON Schema 2020-12, not http://json-schema.org/draft-07/schema#\n --> s.json:1:13\n",
        ),
        (
            r#"{"$ref": "https://example.com/x.json"}"#,
            "$ref \"https://example.com/x.json\" leaves the file\n --> s.json:1:10\n",
        ),
        (r#"{"properties": {"a": {"type": "nmber"}}}"#, "this is not a JSON Schema 2020-12: at .properties.a.type: "),
        (r##"{"$ref": "#/$defs/missing"}"##, "this is not a JSON Schema 2020-12"),
    ] {
        let problems = Schema::compile(text, "s.json").expect_err(text);
        assert!(problems[0].to_string().contains(said), "{}\nexpected\n{said}", problems[0]);
    }
}
