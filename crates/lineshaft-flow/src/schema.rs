//! JSON Schema 2020-12 over decoded documents.
//!
//! A schema does three things: it checks a document, it says where decimals stand (so that a map may not use
//! operators there, and the encoder writes number tokens), and it tells the map's compiler the types of its input.
//! Deliberately absent: other drafts, and references to other files or addresses.

mod shape;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use jsonschema::paths::{Location, LocationSegment};
use lineshaft_model::decimal::Decimal;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;
use serde_json::Value;

pub(crate) use shape::{Declared, Others, Shape, Shapes};

use crate::problem::Problem;

/// Most errors told in the detail of one fault.
const ERRORS_MAX: usize = 20;

/// The draft that schemas are written in.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A compiled schema. Two formats are ours to name: `decimal` (text that is a decimal) besides the standard ones,
/// which are all checked.
#[derive(Debug)]
pub struct Schema {
    validator: jsonschema::Validator,
    shapes: Shapes,
}

impl Schema {
    /// Compiles the schema `text`, which stands in `file`.
    pub fn compile(text: &str, file: &str) -> Result<Self, Vec<Problem>> {
        let json: Value = serde_json::from_str(text).map_err(|error| {
            let words = error.to_string();
            let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words);
            let problem = Problem::error(file, format!("this is not JSON: {words}"));
            vec![problem.at(text, error.line(), error.column())]
        })?;
        let problems = refused(&json, text, file);
        if !problems.is_empty() {
            return Err(problems);
        }
        let built = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .with_format("decimal", |text: &str| Decimal::parse(text).is_ok())
            .build(&json);
        let validator = built.map_err(|error| {
            let place = path_of(error.instance_path());
            let problem = Problem::error(file, format!("this is not a JSON Schema 2020-12: at {place}: {error}"));
            let word = place.rsplit(['.', '[']).next().unwrap_or_default().trim_end_matches(']').to_owned();
            vec![located(problem, text, &word).help("compare with https://json-schema.org/draft/2020-12")]
        })?;
        Ok(Self { validator, shapes: Shapes::read(&json) })
    }

    /// Checks a document. The fault's place is the first error's path, its detail lists at most 20 errors; no value
    /// of the document is told.
    pub fn check(&self, tree: &Tree) -> Result<(), Fault> {
        let json = to_json(tree);
        if self.validator.is_valid(&json) {
            return Ok(());
        }
        let (mut first, mut detail, mut count) = (None, String::new(), 0_usize);
        for error in self.validator.iter_errors(&json) {
            count += 1;
            let place = path_of(error.instance_path());
            let words = error.masked().to_string();
            if count <= ERRORS_MAX {
                let _ = writeln!(detail, "{place}: {words}");
            }
            first.get_or_insert((place, words));
        }
        let (place, words) = first.unwrap_or_else(|| (".".to_owned(), "not as the schema says".to_owned()));
        if count > ERRORS_MAX {
            let _ = writeln!(detail, "and {} more", count - ERRORS_MAX);
        }
        let message = match count {
            0 | 1 => words,
            _ => format!("{words}; {count} errors in all"),
        };
        Err(Fault::new(Code::ValidateSchema, message).at(place).detail(detail.trim_end()))
    }

    /// Whether a decimal is declared at `path`: a number, or text of format `decimal`. Positions of lists are written
    /// `[]` or `[0]`: `.items[].qty`. An integer is not a decimal.
    pub fn is_decimal(&self, path: &str) -> bool {
        self.declared(path) == Some(Declared::Decimal)
    }

    /// Whether nothing can stand at `path`, because what it stands in says that it has no such field.
    pub(crate) fn lacks(&self, path: &str) -> bool {
        self.shapes.lacks(shape::steps(path).iter().map(String::as_str))
    }

    /// What is declared at `path`; `None` if nothing is.
    pub(crate) fn declared(&self, path: &str) -> Option<Declared> {
        let steps = shape::steps(path);
        self.shapes.find(steps.iter().map(String::as_str)).map(Shape::declared)
    }

    /// The same document with text as numbers wherever the schema says number or integer (and not text as well).
    ///
    /// Text that is no decimal stays text, so that [`Self::check`] can say so.
    pub fn numbers(&self, tree: Tree) -> Tree {
        self.numbers_at(tree, Some(self.shapes.root()))
    }

    pub(crate) fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    fn numbers_at(&self, tree: Tree, shape: Option<&Shape>) -> Tree {
        let Some(shape) = shape else { return tree };
        match tree {
            Tree::Text(text) if shape.is_number() => number_token(text),
            Tree::List(items) => {
                let items_shape = shape.items.map(|id| self.shapes.at(id));
                Tree::List(items.into_iter().map(|item| self.numbers_at(item, items_shape)).collect())
            }
            Tree::Map(fields) => Tree::Map(
                fields
                    .into_iter()
                    .map(|(name, value)| {
                        let value = self.numbers_at(value, self.shapes.field(shape, &name));
                        (name, value)
                    })
                    .collect(),
            ),
            other => other,
        }
    }
}

/// Text as a JSON number where it is one: `0012.50` becomes `12.50`, and `1.10` stays.
fn number_token(text: String) -> Tree {
    match Decimal::parse(&text) {
        Ok(decimal) => Tree::Number(decimal.to_string()),
        Err(_) => Tree::Text(text),
    }
}

/// What we refuse before the validator sees it: other drafts, references that leave the file.
fn refused(json: &Value, text: &str, file: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(draft) = json.get("$schema").and_then(Value::as_str)
        && draft.trim_end_matches('#') != DRAFT
    {
        let problem = Problem::error(file, format!("schemas are JSON Schema 2020-12, not {draft}"));
        problems.push(located(problem, text, draft).help(format!("write \"$schema\": \"{DRAFT}\", or leave it out")));
    }
    let mut rest = vec![json];
    while let Some(node) = rest.pop() {
        match node {
            Value::Object(fields) => {
                if let Some(target) = fields.get("$ref").and_then(Value::as_str)
                    && !target.starts_with('#')
                {
                    let problem = Problem::error(file, format!("$ref {target:?} leaves the file"));
                    problems.push(located(problem, text, target).help("copy the definition into $defs of this file"));
                }
                rest.extend(fields.values());
            }
            Value::Array(items) => rest.extend(items),
            _ => {}
        }
    }
    problems
}

/// The problem at the first line of `text` that has `word` in quotes.
fn located(problem: Problem, text: &str, word: &str) -> Problem {
    let quoted = format!("\"{word}\"");
    match text.find(&quoted) {
        Some(start) if !word.is_empty() => problem.span(text, start..start + quoted.len()),
        _ => problem,
    }
}

fn path_of(location: &Location) -> String {
    let mut path = String::new();
    for step in location.iter() {
        match step {
            LocationSegment::Property(name) => {
                let plain = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
                let _ = if plain { write!(path, ".{name}") } else { write!(path, ".\"{name}\"") };
            }
            LocationSegment::Index(at) => {
                let dot = if path.is_empty() { "." } else { "" };
                let _ = write!(path, "{dot}[{at}]");
            }
        }
    }
    if path.is_empty() { ".".to_owned() } else { path }
}

/// For the validator alone: it may round a long number, the document does not.
fn to_json(tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(truth) => Value::Bool(*truth),
        Tree::Number(digits) => match serde_json::from_str::<serde_json::Number>(digits) {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(digits.clone()),
        },
        Tree::Text(text) => Value::String(text.clone()),
        Tree::List(items) => Value::Array(items.iter().map(to_json).collect()),
        Tree::Map(fields) => fields.iter().map(|(name, value)| (name.clone(), to_json(value))).collect(),
    }
}
