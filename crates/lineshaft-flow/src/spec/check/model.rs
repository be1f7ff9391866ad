//! `model/<event>@<major>.json`: canonical events, and `reference/<table>.json`: records of reference tables, as JSON
//! Schema 2020-12 with title, description, version and examples.

use std::sync::Arc;

use serde_json::Value as Json;

use super::World;
use crate::problem::Problem;
use crate::project::Event;
use crate::schema::Schema;
use crate::spec::samples::tree_of;
use crate::spec::values;

/// Examples that an event should carry.
const EXAMPLES_WANTED: usize = 2;

/// Reads all events into `world`.
pub fn read(world: &mut World<'_>) {
    let files = world.files;
    for (file, text) in files.iter().filter(|(file, _)| file.starts_with("model/")) {
        let stem = file.strip_prefix("model/").and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
        let Some((_, major)) = values::event_name(stem) else {
            let help = "call it `<name>@<major version>.json`: `production.confirmation@1.json`";
            world.report.push(Problem::error(file, "the file is not named like an event").help(help));
            continue;
        };
        world.event_names.insert(stem.to_owned());
        if let Some(schema) = told(world, file, text, "event", Some(major)) {
            world.events.insert(stem.to_owned(), Arc::new(Event { name: stem.to_owned(), schema }));
        }
    }
}

/// Reads the schemas of reference tables into `world`.
pub fn references(world: &mut World<'_>) {
    let files = world.files;
    for (file, text) in files.iter().filter(|(file, _)| file.starts_with("reference/")) {
        let stem = file.strip_prefix("reference/").and_then(|name| name.strip_suffix(".json")).unwrap_or_default();
        if !values::is_name(stem) {
            let help = "call it `<table>.json`, in small letters, digits and `-`: `material.json`";
            world.report.push(Problem::error(file, "the file is not named like a reference table").help(help));
            continue;
        }
        if let Some(schema) = told(world, file, text, "reference object", None) {
            world.references.insert(stem.to_owned(), schema);
        }
    }
}

/// A schema with everything that a person needs to know of it; `None` if it is broken, which is told.
fn told(world: &mut World<'_>, file: &str, text: &str, what: &str, major: Option<u32>) -> Option<Arc<Schema>> {
    let json: Json = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => {
            let problem = Problem::error(file, format!("this is not readable as JSON: {}", words(&error)));
            let problem = problem.at(text, error.line(), error.column());
            world.report.push(problem.help("check commas, quotes and brackets just before this place"));
            return None;
        }
    };
    let said = |field: &str| json.get(field).and_then(Json::as_str).is_some_and(|said| !said.trim().is_empty());
    for (field, help) in [
        ("title", "add the name that people read: \"title\": \"Production confirmation\""),
        ("description", "add what it means, when it is made and by whom"),
    ] {
        if !said(field) {
            world.report.push(Problem::error(file, format!("the {what} has no `{field}`")).help(help));
        }
    }
    let version = json.get("x-version").and_then(Json::as_str).unwrap_or_default();
    if !is_version_of(version, major) {
        let wanted = major.map_or("x.y.z".to_owned(), |major| format!("{major}.x.y"));
        let message = match version {
            "" => format!("the {what} has no `x-version`"),
            version => format!("`x-version` {version} is not a version {wanted}"),
        };
        let help = match major {
            Some(major) => format!("add \"x-version\": \"{major}.0.0\"; the first number is that of the file name"),
            None => "add \"x-version\": \"1.0.0\"".to_owned(),
        };
        world.report.push(placed(Problem::error(file, message).help(help), text, "\"x-version\""));
    }
    let examples = json.get("examples").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if examples.len() < EXAMPLES_WANTED {
        let help = "add \"examples\": a plain one and one with everything filled in";
        let message = format!("the {what} has {} of {EXAMPLES_WANTED} examples", examples.len());
        world.report.push(Problem::warning(file, message).help(help));
    }
    let schema = world.schema(file)?;
    for (at, example) in examples.iter().enumerate() {
        refuted(world, file, text, (what, at), example, &schema);
    }
    Some(schema)
}

fn refuted(world: &mut World<'_>, file: &str, text: &str, (what, at): (&str, usize), example: &Json, schema: &Schema) {
    if let Err(fault) = schema.check(&tree_of(example)) {
        let message = format!("example {} is no such {what}: {} {}", at + 1, fault.at, fault.message);
        let problem = Problem::error(file, message).help("correct the example, or the schema if the example is right");
        world.report.push(placed(problem, text, "\"examples\""));
    }
}

/// The problem at the first line that contains `words`; of the whole file if none does.
fn placed(mut problem: Problem, text: &str, words: &str) -> Problem {
    if let Some(at) = text.find(words) {
        problem = problem.span(text, at..at + words.len());
    }
    problem
}

fn is_version_of(version: &str, major: Option<u32>) -> bool {
    let numbers: Vec<Option<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    matches!(numbers[..], [Some(first), Some(_), Some(_)] if major.is_none_or(|major| first == major))
}

/// The parser's words without the place, which is told before them.
fn words(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.split(" at line ").next().unwrap_or(&said).to_owned()
}
