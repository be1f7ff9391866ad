//! The page about project files, from their JSON Schemas, which are made from the structs that read them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lineshaft_flow::spec::{FileKind, schema_of};
use serde_json::Value;

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(
        "\n# Project files\n\n`lineshaft check` tells everything that is wrong with them. Editors read `schemas/lineshaft.json`, \
         `schemas/system.json` and `schemas/rules.json`. Anchors, aliases and includes are not used: a file says what it means where it stands.\n",
    );
    let mut told = BTreeSet::new();
    for kind in FileKind::ALL {
        let schema = schema_of(kind);
        let heading = match kind {
            FileKind::Installation => "`lineshaft.yaml`",
            FileKind::System => "`systems/NAME.yaml`",
            FileKind::Rules => "`rules/OBJECT.yaml`",
        };
        section(&mut page, heading, &schema);
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            if told.insert(name.clone()) {
                section(&mut page, name, definition);
            }
        }
    }
    page
}

fn section(page: &mut String, heading: &str, schema: &Value) {
    let _ = write!(page, "\n## {heading}\n");
    paragraph(page, about(schema));
    if let Some(pattern) = schema["pattern"].as_str() {
        paragraph(page, &format!("Text matching `{pattern}`."));
    }
    fields(page, schema);
    for choice in ["oneOf", "anyOf"].iter().filter_map(|key| schema[*key].as_array()).flatten() {
        for word in choice["const"]
            .as_str()
            .into_iter()
            .chain(choice["enum"].as_array().into_iter().flatten().filter_map(Value::as_str))
        {
            let _ = write!(page, "\n* `{word}`: {}", about(choice));
        }
        for (name, inner) in choice["properties"].as_object().into_iter().flatten() {
            let _ = write!(page, "\n### `{name}:`\n");
            paragraph(
                page,
                [about(choice), about(inner)].into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
            );
            if inner["properties"].is_object() {
                fields(page, inner);
            } else {
                paragraph(page, &format!("Value: {}.", kind(inner)));
            }
        }
    }
    if !page.ends_with('\n') {
        page.push('\n');
    }
}

fn paragraph(page: &mut String, text: &str) {
    if !text.is_empty() {
        let _ = write!(page, "\n{text}\n");
    }
}

fn fields(page: &mut String, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else { return };
    page.push_str("\n| field | value | without it | meaning |\n|---|---|---|---|\n");
    for (name, field) in properties {
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name));
        let without = match (&field["default"], required) {
            (_, true) => "required".to_owned(),
            (Value::Null, false) => String::new(),
            (default, false) => format!("`{default}`"),
        };
        let _ = writeln!(page, "| `{name}` | {} | {} | {} |", cell(&kind(field)), cell(&without), cell(about(field)));
    }
}

fn about(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// What may stand there: a word, or a link to where it is told.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let kinds: Vec<_> = choices.iter().filter(|it| it["type"] != "null").map(kind).collect();
        return kinds.join(" or ");
    }
    if let Some(words) = schema["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or_default()))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    let word = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|it| *it != "null").unwrap_or_default(),
        word => word.as_str().unwrap_or_default(),
    };
    match word {
        "string" => "text".to_owned(),
        "integer" | "number" => "number".to_owned(),
        "boolean" => "`true`, `false`".to_owned(),
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("names to {}", kind(&schema["additionalProperties"]))
        }
        "object" => "fields".to_owned(),
        _ => "anything".to_owned(),
    }
}
