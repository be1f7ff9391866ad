//! What a schema says about types: `type`, `format`, `properties`, `required`, `items`, `additionalProperties`, and
//! `$ref` into the same file. Other keywords only narrow what these say, so leaving them out is never wrong.

use std::collections::BTreeMap;

use serde_json::Value;

/// All shapes of a schema; `$ref` may make them a graph.
#[derive(Debug)]
pub(crate) struct Shapes(Vec<Shape>);

/// What is declared for one place.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Names in `type`; empty if anything may stand here.
    pub types: Vec<String>,
    format: String,
    /// Declared fields: their shape, and whether they are required.
    pub fields: BTreeMap<String, (usize, bool)>,
    /// Shape of the items of a list.
    pub items: Option<usize>,
    /// What is declared for fields without a declaration of their own.
    pub others: Others,
}

/// Fields without a declaration of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Others {
    /// Anything.
    #[default]
    Any,
    /// There are none.
    Closed,
    /// They have this shape.
    Shaped(usize),
}

/// What a map may do with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// A number, or text of format `decimal`.
    Decimal,
    /// A date or an instant: order of text is order of time.
    Time,
    /// A truth value.
    Truth,
    /// Anything else, or nothing declared.
    Other,
}

impl Shape {
    pub fn allows(&self, name: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|declared| declared == name)
    }

    /// Whether a number must stand here, and text may not.
    pub fn is_number(&self) -> bool {
        !self.types.is_empty() && !self.allows("string") && (self.allows("number") || self.allows("integer"))
    }

    pub fn declared(&self) -> Declared {
        let text = !self.types.is_empty() && self.allows("string");
        if !self.types.is_empty() && self.allows("number") || text && self.format == "decimal" {
            Declared::Decimal
        } else if text && (self.format == "date" || self.format == "date-time") {
            Declared::Time
        } else if self.types == ["boolean"] {
            Declared::Truth
        } else {
            Declared::Other
        }
    }
}

impl Shapes {
    pub fn read(json: &Value) -> Self {
        let mut reader = Reader { json, shapes: Vec::new(), known: BTreeMap::new() };
        reader.read(json);
        Self(reader.shapes)
    }

    pub fn root(&self) -> &Shape {
        &self.0[0]
    }

    pub fn at(&self, id: usize) -> &Shape {
        &self.0[id]
    }

    /// The shape of a field; `None` if nothing is declared for it.
    pub fn field(&self, shape: &Shape, name: &str) -> Option<&Shape> {
        match (shape.fields.get(name), shape.others) {
            (Some((id, _)), _) => Some(self.at(*id)),
            (None, Others::Shaped(id)) => Some(self.at(id)),
            (None, Others::Any | Others::Closed) => None,
        }
    }

    /// Whether a step leads to a field that its shape, closed to others, does not have.
    pub fn lacks<'a>(&self, steps: impl Iterator<Item = &'a str>) -> bool {
        let mut shape = self.root();
        for step in steps {
            let next = if step.starts_with('[') { shape.items.map(|id| self.at(id)) } else { self.field(shape, step) };
            match next {
                Some(next) => shape = next,
                None => return !step.starts_with('[') && shape.others == Others::Closed,
            }
        }
        false
    }

    /// The shape at the end of `steps`; a position is any step that starts with `[`.
    pub fn find<'a>(&self, steps: impl Iterator<Item = &'a str>) -> Option<&Shape> {
        let mut shape = self.root();
        for step in steps {
            shape = if step.starts_with('[') { self.at(shape.items?) } else { self.field(shape, step)? };
        }
        Some(shape)
    }
}

/// The steps of a path: `.items[0]."odd name"` is `items`, `[0]`, `odd name`.
pub(crate) fn steps(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = if let Some(quoted) = rest.strip_prefix(".\"") {
            let end = quoted.find('"').unwrap_or(quoted.len());
            steps.push(quoted[..end].to_owned());
            (end + 3).min(rest.len())
        } else if rest.starts_with('[') {
            let end = rest.find(']').map_or(rest.len(), |at| at + 1);
            steps.push(rest[..end].to_owned());
            end
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let start = rest.len() - name.len();
            let end = start + name.find(['.', '[']).unwrap_or(name.len());
            if end > start {
                steps.push(rest[start..end].to_owned());
            }
            end.max(1)
        };
        rest = &rest[end..];
    }
    steps
}

struct Reader<'a> {
    json: &'a Value,
    shapes: Vec<Shape>,
    /// Shapes of nodes already met, by address: a recursive schema ends here.
    known: BTreeMap<usize, usize>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, node: &'a Value) -> usize {
        let node = self.target(node);
        let address = std::ptr::from_ref(node).addr();
        if let Some(id) = self.known.get(&address) {
            return *id;
        }
        let id = self.shapes.len();
        self.known.insert(address, id);
        self.shapes.push(Shape::default());
        let mut shape = Shape::default();
        match node.get("type") {
            Some(Value::String(name)) => shape.types.push(name.clone()),
            Some(Value::Array(names)) => {
                shape.types.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => {}
        }
        shape.format = node.get("format").and_then(Value::as_str).unwrap_or_default().to_owned();
        let required: Vec<&str> = match node.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if let Some(Value::Object(properties)) = node.get("properties") {
            for (name, property) in properties {
                let property = self.read(property);
                shape.fields.insert(name.clone(), (property, required.contains(&name.as_str())));
            }
        }
        shape.items = node.get("items").map(|items| self.read(items));
        shape.others = match node.get("additionalProperties") {
            Some(Value::Bool(false)) if node.get("patternProperties").is_none() => Others::Closed,
            Some(others @ Value::Object(_)) if node.get("patternProperties").is_none() => {
                Others::Shaped(self.read(others))
            }
            _ => Others::Any,
        };
        self.shapes[id] = shape;
        id
    }

    /// Follows `$ref` into the same file.
    fn target(&self, mut node: &'a Value) -> &'a Value {
        for _ in 0..REFERENCES_MAX {
            let Some(pointer) = node.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#')) else {
                break;
            };
            match self.json.pointer(pointer) {
                Some(target) => node = target,
                None => break,
            }
        }
        node
    }
}

/// A chain of references that is longer leads round in a circle.
const REFERENCES_MAX: usize = 16;
