//! The shape of a YAML file against the JSON Schema of its raw struct: every wrong name, type and word at once.
//!
//! The schema is generated from the struct that is read afterwards, so this walk and serde cannot disagree. It knows
//! the few keywords that schemars writes for our structs and is no general validator.

use serde_json::{Map, Value as Json};

use super::node::{Node, Place, Value};
use super::report::{Doc, Report, nearest};

/// Adds every difference between `doc` and `schema` to `report`; `true` if there is none.
pub fn check(doc: &Doc<'_>, schema: &Json, report: &mut Report) -> bool {
    let mut walk = Walk { doc, schema, report, clean: true };
    walk.node(&doc.root, schema, "the file", doc.root.place);
    walk.clean
}

struct Walk<'a, 'doc> {
    doc: &'a Doc<'doc>,
    schema: &'a Json,
    report: &'a mut Report,
    clean: bool,
}

/// What a schema permits, after references and alternatives are resolved.
#[derive(Default)]
struct Permitted<'a> {
    /// Words, of enums.
    words: Vec<&'a str>,
    /// Named alternatives with their fields.
    tagged: Vec<(&'a str, &'a Json)>,
    /// Everything else.
    plain: Option<&'a Json>,
    /// Whether nothing is fine as well.
    nothing: bool,
}

impl<'a> Walk<'a, '_> {
    fn wrong(&mut self, place: Place, message: String, help: String) {
        self.clean = false;
        self.report.error_at(self.doc, place, message, help);
    }

    fn node(&mut self, node: &Node, schema: &'a Json, name: &str, named: Place) {
        let mut permitted = Permitted::default();
        self.collect(schema, &mut permitted, false);
        let place = if node.place.line > 0 && !matches!(node.value, Value::Null) { node.place } else { named };
        match &node.value {
            Value::Null if permitted.nothing => {}
            Value::Null if std::ptr::eq(node, &self.doc.root) => {
                self.wrong(named, "the file is empty".to_owned(), "fill it, or remove it".to_owned());
            }
            Value::Null => {
                let help = format!("write a value behind it, or remove the line{}", about(self.describe(schema)));
                self.wrong(named, format!("{name} has no value"), help);
            }
            Value::Text(text) if !permitted.words.is_empty() || !permitted.tagged.is_empty() => {
                self.word(text, &permitted, name, place);
            }
            Value::Map(fields) if !permitted.tagged.is_empty() => self.alternative(fields, &permitted, name, named),
            _ => match permitted.plain {
                Some(plain) => self.plain(node, plain, name, (place, named)),
                None => {
                    let words = permitted.words.iter().copied().chain(permitted.tagged.iter().map(|(tag, _)| *tag));
                    let help = format!("one of: {}", words.collect::<Vec<_>>().join(", "));
                    self.wrong(place, format!("{name} cannot be {}", node.value.kind()), help);
                }
            },
        }
    }

    fn collect(&self, schema: &'a Json, permitted: &mut Permitted<'a>, choice: bool) {
        // A named struct is never a variant, even if it has one field only.
        let variant = choice && schema.get("$ref").is_none();
        let schema = self.resolve(schema);
        if let Some(choices) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Json::as_array) {
            choices.iter().for_each(|choice| self.collect(choice, permitted, true));
            return;
        }
        if let Some(word) = schema.get("const").and_then(Json::as_str) {
            permitted.words.push(word);
            return;
        }
        if let Some(words) = schema.get("enum").and_then(Json::as_array) {
            permitted.words.extend(words.iter().filter_map(Json::as_str));
            return;
        }
        let types = types(schema);
        if types == ["null"] {
            permitted.nothing = true;
            return;
        }
        permitted.nothing |= types.contains(&"null");
        if let Some((tag, inner)) = tag(schema).filter(|_| variant) {
            permitted.tagged.push((tag, inner));
        } else {
            permitted.plain = Some(schema);
        }
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let Some(reference) = schema.get("$ref").and_then(Json::as_str) else { return schema };
        reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer)).unwrap_or(schema)
    }

    fn describe(&self, schema: &'a Json) -> &'a str {
        let own = schema.get("description").or_else(|| self.resolve(schema).get("description"));
        own.and_then(Json::as_str).unwrap_or_default()
    }

    fn word(&mut self, text: &str, permitted: &Permitted<'a>, name: &str, place: Place) {
        if permitted.words.contains(&text) {
            return;
        }
        if let Some((_, inner)) = permitted.tagged.iter().find(|(tag, _)| *tag == text) {
            let fields =
                self.resolve(inner).get("required").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let fields: Vec<String> =
                fields.iter().filter_map(Json::as_str).map(|field| format!("{field}: ...")).collect();
            let help = format!("write `{text}: {{ {} }}`", fields.join(", "));
            self.wrong(place, format!("`{text}` needs its fields"), help);
            return;
        }
        let known = permitted.words.iter().copied().chain(permitted.tagged.iter().map(|(tag, _)| *tag));
        let help = nearest(text, known, "values");
        self.wrong(place, format!("`{text}` is not a value of {name}"), help);
    }

    fn alternative(&mut self, fields: &[(Place, String, Node)], permitted: &Permitted<'a>, name: &str, named: Place) {
        let tags = || permitted.tagged.iter().map(|(tag, _)| *tag);
        let [(place, field, node)] = fields else {
            let help = format!("one of: {}", tags().collect::<Vec<_>>().join(", "));
            self.wrong(named, format!("{name} must name exactly one kind"), help);
            return;
        };
        match permitted.tagged.iter().find(|(tag, _)| tag == field) {
            Some((_, inner)) => self.node(node, inner, &format!("`{field}`"), *place),
            None => {
                let known = tags().chain(permitted.words.iter().copied());
                self.wrong(*place, format!("`{field}` is not a kind of {name}"), nearest(field, known, "kinds"));
            }
        }
    }

    fn plain(&mut self, node: &Node, schema: &'a Json, name: &str, (place, named): (Place, Place)) {
        let types = types(schema);
        let has = |kind: &str| types.contains(&kind);
        match &node.value {
            Value::Map(fields) if has("object") => self.fields(fields, schema, name, named),
            Value::List(items) if has("array") => {
                let items_schema = schema.get("items").unwrap_or(&Json::Null);
                for item in items {
                    self.node(item, items_schema, &format!("an entry of {name}"), item.place);
                }
            }
            Value::Text(_) if has("string") => {}
            Value::Bool(_) if has("boolean") => {}
            Value::Float(_) if has("number") => {}
            Value::Int(number) if has("integer") || has("number") => self.range(*number, schema, name, place),
            Value::Int(_) | Value::Float(_) | Value::Bool(_) if has("string") => {
                let help = "put it in quotes, or it loses leading zeros and its form".to_owned();
                self.wrong(place, format!("{name} must be text, but is {}", node.value.kind()), help);
            }
            other => {
                let wanted = types
                    .iter()
                    .filter(|kind| **kind != "null")
                    .map(|kind| kind_word(kind))
                    .collect::<Vec<_>>()
                    .join(" or ");
                let help = self.describe(schema).replace('\n', " ");
                let help = if help.is_empty() { format!("write {wanted}") } else { help };
                self.wrong(place, format!("{name} must be {wanted}, but is {}", other.kind()), help);
            }
        }
    }

    fn range(&mut self, number: i128, schema: &Json, name: &str, place: Place) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_i64).map(i128::from);
        let (least, most) = match schema.get("format").and_then(Json::as_str) {
            Some("uint16") => (0, u16::MAX.into()),
            Some("uint32") => (0, u32::MAX.into()),
            Some("uint64") => (0, u64::MAX.into()),
            _ => (i64::MIN.into(), i64::MAX.into()),
        };
        let (least, most) = (bound("minimum").unwrap_or(least), bound("maximum").unwrap_or(most));
        if !(least..=most).contains(&number) {
            self.wrong(place, format!("{name} is out of range"), format!("from {least} to {most}"));
        }
    }

    fn fields(&mut self, fields: &[(Place, String, Node)], schema: &'a Json, name: &str, named: Place) {
        let none = Map::new();
        let known = schema.get("properties").and_then(Json::as_object);
        let open = schema.get("additionalProperties").filter(|inner| !inner.is_boolean());
        for (at, (place, field, node)) in fields.iter().enumerate() {
            if let Some((first, ..)) = fields[..at].iter().find(|(_, earlier, _)| earlier == field) {
                let help = format!("remove one: it stands in line {} already", first.line);
                self.wrong(*place, format!("`{field}` is written twice"), help);
            }
            match known.and_then(|known| known.get(field)).or(open) {
                Some(inner) => self.node(node, inner, &format!("`{field}`"), *place),
                None => {
                    let names = known.unwrap_or(&none).keys().map(String::as_str);
                    let help = nearest(field, names, "fields");
                    self.wrong(*place, format!("`{field}` is not a field of {name}"), help);
                }
            }
        }
        let required = schema.get("required").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        for missing in required.iter().filter_map(Json::as_str) {
            if fields.iter().all(|(_, field, _)| field != missing) {
                let meaning = known.and_then(|known| known.get(missing)).map_or("", |inner| self.describe(inner));
                let help = format!("add `{missing}:`{}", about(meaning));
                self.wrong(named, format!("{name} lacks the field `{missing}`"), help);
            }
        }
    }
}

/// An externally tagged alternative: an object with one field, which must be there.
fn tag(schema: &Json) -> Option<(&str, &Json)> {
    let [only] = schema.get("required")?.as_array()?.as_slice() else { return None };
    let properties = schema.get("properties")?.as_object()?;
    if properties.len() != 1 {
        return None;
    }
    let (name, inner) = properties.iter().next()?;
    (Some(name.as_str()) == only.as_str()).then_some((name.as_str(), inner))
}

fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(one)) => vec![one.as_str()],
        Some(Json::Array(several)) => several.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn kind_word(kind: &str) -> &str {
    match kind {
        "object" => "named fields",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "nothing",
    }
}

/// The description as the end of a help: `: what it is`.
fn about(description: &str) -> String {
    let description = description.trim_end_matches('.').replace('\n', " ");
    if description.is_empty() { String::new() } else { format!(" ({description})") }
}
