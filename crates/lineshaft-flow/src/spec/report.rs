//! Files with their nodes, and the list of what is wrong with them.

use std::collections::BTreeMap;

use super::node::{Node, Place};
use crate::problem::{Problem, Severity};

/// The text files of a project: path relative to the project directory, with `/` → text.
pub type Files = BTreeMap<String, String>;

/// A YAML file that could be read.
#[derive(Debug)]
pub struct Doc<'a> {
    /// Its path.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Its nodes.
    pub root: Node,
}

/// What is wrong, as far as it is known.
#[derive(Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// Adds a problem that has its place already.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Adds problems that have their places already.
    pub fn extend(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// Adds an error at the field `path` of `doc`.
    pub fn error(&mut self, doc: &Doc<'_>, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        self.error_at(doc, doc.root.place(path), message, help);
    }

    /// Adds an error at a place of `doc`.
    pub fn error_at(&mut self, doc: &Doc<'_>, place: Place, message: impl Into<String>, help: impl Into<String>) {
        let mut problem = Problem::error(doc.file, message).help(help);
        if place.line > 0 {
            problem = problem.at(doc.text, place.line, place.column);
            problem.width = place.width;
        }
        self.push(problem);
    }

    /// Takes the source line out of the latest problem: for lines that may hold a secret.
    pub fn hide_last_line(&mut self) {
        if let Some(problem) = self.problems.last_mut() {
            problem.source_line = String::new();
        }
    }

    /// Everything, sorted by file and place, without repeats.
    pub fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by(|a, b| {
            let key = |problem: &Problem| (problem.line, problem.column, problem.severity);
            (&a.file, key(a), &a.message).cmp(&(&b.file, key(b), &b.message))
        });
        // A map or schema that several interfaces use tells its problems once for each of them.
        self.problems.dedup();
        self.problems
    }

    /// Whether anything forbids to run the project.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }
}

/// The help that names the nearest of `known`, or all of them if none is near.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), *name))
        .min()
        .filter(|(distance, name)| *distance <= 1 + wrong.len().max(name.len()) / 4);
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if known.is_empty() => format!("there are no {what} yet"),
        None => format!("{what} here: {}", known.join(", ")),
    }
}
