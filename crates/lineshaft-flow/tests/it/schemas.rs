//! The committed JSON Schemas of project files are those of the raw structs, and every field in them is explained.

use lineshaft_flow::spec::{FileKind, schema_of};
use serde_json::Value as Json;

use crate::golden;

#[test]
fn committed_schemas_are_current() {
    for kind in FileKind::ALL {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema_of(kind)).unwrap());
        golden::compare(&format!("../../schemas/{}.json", kind.as_str()), &text);
    }
}

#[test]
fn every_field_and_word_is_explained() {
    let mut silent = Vec::new();
    for kind in FileKind::ALL {
        walk(&schema_of(kind), kind.as_str(), &mut silent);
    }
    assert!(silent.is_empty(), "no doc comment: {silent:#?}");
}

fn walk(schema: &Json, at: &str, silent: &mut Vec<String>) {
    let Some(fields) = schema.as_object() else { return };
    if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
        // The one field of an alternative is explained by the alternative.
        let explained = properties.len() == 1 && schema.get("description").is_some();
        for (name, property) in properties {
            if property.get("description").is_none() && !explained {
                silent.push(format!("{at}.{name}"));
            }
        }
    }
    for (name, inner) in fields {
        match inner {
            Json::Array(items) => items.iter().for_each(|item| walk(item, &format!("{at}/{name}"), silent)),
            inner => walk(inner, &format!("{at}/{name}"), silent),
        }
    }
}
