//! YAML text to a tree of nodes that know where they stand.
//!
//! Project files are read by `serde-saphyr` with budgets; anchors, aliases, merge keys and tags are refused, because
//! a file that is reviewed should say what it means where it stands. No include, no substitution, one document a file.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Spanned, options::DuplicateKeyPolicy, options::MergeKeyPolicy};

use crate::problem::Problem;

/// Largest project file read, in bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Deepest nesting of a YAML project file.
const DEPTH_MAX: usize = 24;

/// Most nodes (scalars, lists, maps) of a YAML project file.
const NODES_MAX: usize = 50_000;

/// A stretch of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters meant.
    pub width: usize,
}

/// One node of a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: `about:` with no value, `null`, `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Named fields, with the places of their names, in the order of the file. Names may repeat here; `shape` refuses that.
    Map(Vec<(Place, String, Node)>),
}

impl Node {
    /// Reads a YAML file. The problem names line and column where the parser can.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        if text.len() > FILE_BYTES_MAX {
            let message = format!("the file is larger than {FILE_BYTES_MAX} bytes");
            return Err(Problem::error(file, message).help("split it: one system a file"));
        }
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
            let error = error.without_snippet();
            let (message, help) = told(error);
            let problem = Problem::error(file, message).help(help);
            match error.location().filter(|at| at.line() > 0) {
                Some(at) => problem.at(text, at.line() as usize, at.column() as usize),
                None => problem,
            }
        })
    }

    /// The field `name` of a map, with the place of its name.
    pub fn field(&self, name: &str) -> Option<(Place, &Node)> {
        match &self.value {
            Value::Map(fields) => {
                fields.iter().find(|(_, field, _)| field == name).map(|(place, _, node)| (*place, node))
            }
            _ => None,
        }
    }

    /// Where `path` (field names; positions of lists as digits) stands: the value if it is a scalar, else its name.
    /// The nearest existing parent if the path does not exist.
    pub fn place(&self, path: &[&str]) -> Place {
        let mut node = self;
        let mut named = self.place;
        for step in path {
            let (place, next) = match (&node.value, node.field(step)) {
                (_, Some((place, next))) => (place, next),
                (Value::List(items), None) => match step.parse().ok().and_then(|at: usize| items.get(at)) {
                    Some(next) => (next.place, next),
                    None => return named,
                },
                _ => return named,
            };
            (named, node) = (place, next);
        }
        match node.value {
            Value::Map(_) | Value::List(_) | Value::Null => named,
            _ => node.place,
        }
    }

    /// The same as JSON, for the raw structs. Repeated names: the last counts.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(truth) => (*truth).into(),
            Value::Int(number) => {
                serde_json::Number::from_i128(*number).map_or(serde_json::Value::Null, serde_json::Value::Number)
            }
            Value::Float(number) => (*number).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(fields) => {
                serde_json::Value::Object(fields.iter().map(|(_, name, node)| (name.clone(), node.to_json())).collect())
            }
        }
    }
}

impl Value {
    /// The word for a person: `text`, `a list`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "named fields",
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::Int(number) => number.to_string().len(),
            Self::Bool(truth) => truth.to_string().len(),
            Self::Null | Self::Float(_) | Self::List(_) | Self::Map(_) => 1,
        }
    }
}

fn options() -> serde_saphyr::Options {
    let budget = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        flow_nesting_limit: DEPTH_MAX,
        max_nodes: NODES_MAX,
        max_events: 3 * NODES_MAX,
        max_documents: 1,
        max_aliases: 0,
        max_anchors: 0,
    };
    serde_saphyr::options! {
        budget: budget,
        // Repeated names reach the tree, so that all of them are told at once and with their places.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// Message and help for what the parser refused.
fn told(error: &serde_saphyr::Error) -> (String, String) {
    let said = error.to_string();
    let help = "write the value out where it is needed: a file should say what it means where it stands";
    if said.contains("budget breached: Anchors") || said.contains("budget breached: Aliases") {
        return ("anchors and aliases (`&` and `*`) are not used in project files".to_owned(), help.to_owned());
    }
    if said.contains("merge key") {
        return ("merge keys (`<<`) are not used in project files".to_owned(), help.to_owned());
    }
    if said.contains("recursion limit") || said.contains("budget breached: Depth") {
        let message = format!("the file is nested more than {DEPTH_MAX} levels deep");
        return (message, "check brackets and indentation".to_owned());
    }
    if said.contains("budget breached") {
        return ("the file is too large".to_owned(), "split it: one system a file".to_owned());
    }
    // The parser repeats the place behind its words; ours stands above the line already.
    let said = said.split(" at line ").next().unwrap_or(&said);
    let said = said.lines().next().unwrap_or(said).trim_end_matches(['.', ':', ' ']);
    let help = "indent with spaces, close every quote and bracket, and quote text that contains `: ` or ` #`";
    (format!("this is not readable as YAML: {said}"), help.to_owned())
}

fn place_of<T>(spanned: &Spanned<T>, width: usize) -> Place {
    let at = spanned.referenced;
    Place { line: at.line() as usize, column: at.column() as usize, width }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { place: place_of(&spanned, spanned.value.width()), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, true or false, a list or named fields")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Int(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((key, node)) = map.next_entry::<Spanned<String>, Node>()? {
            let width = key.value.chars().count();
            fields.push((place_of(&key, width), key.value, node));
        }
        Ok(Value::Map(fields))
    }
}
