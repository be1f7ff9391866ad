//! Golden samples beside rules: events one after the other, what stops which, and what is known in the end.
//!
//! `rules/operation.yaml` has its samples in `rules/operation.samples/<case>.json`. Every event is judged by all rules of
//! the project, as it is when it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::Fault;
use lineshaft_model::key::Key;
use lineshaft_model::object::{ObjectKey, States};
use serde::Deserialize;
use serde_json::Value as Json;

use super::report::Files;
use super::samples::tree_of;
use crate::judge::{Subject, judge, touched};
use crate::problem::Problem;
use crate::project::Project;

/// One sample, as a person writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// What it shows, in a line.
    about: String,
    /// Reference tables: table to key to record.
    #[serde(default)]
    tables: BTreeMap<String, BTreeMap<String, Json>>,
    steps: Vec<Step>,
    /// What is known of objects in the end, by `kind:name`: facts and totals, as text.
    #[serde(default)]
    leaves: BTreeMap<String, BTreeMap<String, String>>,
}

/// One event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Its name with major version.
    event: String,
    /// Its business keys, kind to `system/value`.
    #[serde(default)]
    keys: BTreeMap<String, String>,
    data: Json,
    /// The code of the fault that stops it; it passes without.
    #[serde(default)]
    stops: Option<String>,
    /// Words that the fault says.
    #[serde(default)]
    says: Option<String>,
}

/// One readable sample of the project's rules.
#[derive(Debug)]
pub struct RuleSample {
    /// Its file.
    pub file: String,
    written: Written,
}

impl RuleSample {
    /// The kind of object in whose directory it stands.
    pub fn object(&self) -> &str {
        let directory = self.file.split('/').nth(1).unwrap_or_default();
        directory.strip_suffix(".samples").unwrap_or(directory)
    }

    /// Name of the case.
    pub fn case(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or_default();
        name.strip_suffix(".json").unwrap_or(name)
    }

    /// What it shows.
    pub fn about(&self) -> &str {
        &self.written.about
    }

    /// Runs it by the rules of `project`. What is wrong, line by line: nothing if it passes.
    pub fn run(&self, project: &Project) -> Vec<String> {
        let (catalog, mut states, mut wrong) = (self.catalog(), States::default(), Vec::new());
        for (at, step) in self.written.steps.iter().enumerate() {
            let came_to = step.judged(project, &catalog, &mut states);
            wrong.extend(step.compare(came_to).map(|why| format!("step {}, {}: {why}", at + 1, step.event)));
        }
        for (name, expected) in &self.written.leaves {
            let state = match name.split_once(':') {
                Some((kind, key)) => states.get(&ObjectKey { kind: kind.to_owned(), key: key.to_owned() }),
                None => {
                    wrong.push(format!("leaves: {name:?} is not written like `order:erp/1000040`"));
                    continue;
                }
            };
            for (field, value) in expected {
                let total = state.totals.get(field).map(ToString::to_string);
                let found = total.or_else(|| state.facts.get(field).cloned()).unwrap_or_default();
                if found != *value {
                    wrong.push(format!("{name} {field} is {found:?}, {value:?} expected"));
                }
            }
        }
        wrong
    }

    fn catalog(&self) -> Catalog {
        self.written.tables.iter().fold(Catalog::default(), |catalog, (table, records)| {
            let records = records.iter().map(|(key, record)| (key.clone(), Arc::new(tree_of(record))));
            catalog.with(1, table, records.collect::<Vec<_>>())
        })
    }
}

impl Step {
    /// Judges the event and puts down what it does, if it may.
    fn judged(&self, project: &Project, catalog: &Catalog, states: &mut States) -> Result<(), Fault> {
        let data = tree_of(&self.data);
        if let Some(event) = project.events.get(&self.event) {
            event.schema.check(&data)?;
        }
        let keys = self.keys.iter().map(|(kind, text)| {
            let (authority, value) = text.split_once('/').unwrap_or(("", text));
            Key { kind: kind.clone(), authority: authority.to_owned(), value: value.to_owned() }
        });
        let keys: Vec<Key> = keys.collect();
        let subject = Subject { keys: &keys, data: &data };
        let touches = project.rules.get(&self.event).map(Vec::as_slice).unwrap_or_default();
        touched(touches, subject)?;
        let entries = judge(touches, catalog, states, subject)?;
        // What a sum has no room for was refused above.
        states.put(&entries).map_err(|error| {
            Fault::new(lineshaft_model::fault::Code::JudgeUnit, format!("what is known cannot be added up: {error}"))
        })
    }

    fn compare(&self, came_to: Result<(), Fault>) -> Option<String> {
        match (&self.stops, came_to) {
            (None, Ok(())) => None,
            (None, Err(fault)) => Some(format!("stopped by {fault}")),
            (Some(code), Ok(())) => Some(format!("{code} expected, and it passes")),
            (Some(code), Err(fault)) if fault.code.as_str() != code => Some(format!("{code} expected, got {fault}")),
            (Some(_), Err(fault)) => {
                let says = self.says.as_ref().filter(|words| !fault.message.contains(words.as_str()));
                says.map(|words| format!("{words:?} expected, got {fault}"))
            }
        }
    }
}

/// Whether a file is a sample of rules.
pub fn is_rule_sample(file: &str) -> bool {
    file.starts_with("rules/") && super::samples::is_sample(file) && file.ends_with(".json")
}

/// All readable samples of rules, in the order of their files, and what is wrong with the others.
pub fn rule_samples(files: &Files) -> (Vec<RuleSample>, Vec<Problem>) {
    let (mut samples, mut problems) = (Vec::new(), Vec::new());
    for (file, text) in files.iter().filter(|(file, _)| is_rule_sample(file)) {
        match read(file, text, files) {
            Ok(sample) => samples.push(sample),
            Err(problem) => problems.push(*problem),
        }
    }
    (samples, problems)
}

fn read(file: &str, text: &str, files: &Files) -> Result<RuleSample, Box<Problem>> {
    let written: Written = serde_json::from_str(text).map_err(|error| {
        let words = error.to_string();
        let words = words.rsplit_once(" at line ").map_or(words.as_str(), |(words, _)| words).to_owned();
        let problem = Problem::error(file, format!("the sample cannot be read: {words}"));
        Box::new(problem.at(text, error.line(), error.column()).help("compare with docs/concepts/object-state.md"))
    })?;
    let sample = RuleSample { file: file.to_owned(), written };
    if !files.contains_key(&format!("rules/{}.yaml", sample.object())) {
        let problem = Problem::error(file, format!("there are no rules `rules/{}.yaml`", sample.object()));
        return Err(Box::new(problem.help("name the directory of samples like the file of rules, with `.samples`")));
    }
    if let Some(step) =
        sample.written.steps.iter().find(|step| !files.contains_key(&format!("model/{}.json", step.event)))
    {
        let problem = Problem::error(file, format!("there is no event `{}`", step.event));
        return Err(Box::new(problem.help(format!("an event is a file `model/{}.json`", step.event))));
    }
    if sample.written.steps.is_empty() {
        return Err(Box::new(Problem::error(file, "the sample has no steps").help("add at least one event")));
    }
    Ok(sample)
}
