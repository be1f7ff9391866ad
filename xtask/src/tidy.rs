//! The rules of this repository that no compiler knows. Each is a pure function from the tree to findings; each is
//! tested on a small tree that breaks it and on one that does not.

/// The tracked text files.
pub mod tree;

/// Rust source as words, strings and comments, with the tests marked.
pub mod rust;

/// Who may import whom: the table in ARCHITECTURE.md against the manifests.
mod layers;

/// Files that no `mod` line reaches, and names of modules that say nothing.
mod reach;

/// Every file says what it is; functions and files stay short.
mod sizes;

/// Words with a better replacement.
mod words;

/// Error pages, links and paths in texts.
mod texts;

use std::fmt;
use std::process::ExitCode;

use crate::place::Place;
use crate::step::{self, Stopwatch};
use tree::Tree;

/// One thing to be put right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// File, from the root.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Which rule.
    pub rule: &'static str,
    /// What to do.
    pub todo: String,
    /// Whether it is only a warning.
    pub warning: bool,
}

impl Finding {
    /// A finding that fails the gate.
    pub fn new(file: &str, line: usize, rule: &'static str, todo: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, rule, todo: todo.into(), warning: false }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { " (warning)" } else { "" };
        write!(f, "{}:{}: {}{kind}: {}", self.file, self.line, self.rule, self.todo)
    }
}

/// `cargo xtask tidy`.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    if let Err(code) = crate::only_known(arguments, &[]) {
        return code;
    }
    match check(place) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => step::failed(&message),
    }
}

/// Prints all findings; an error if one of them is more than a warning.
pub fn check(place: &Place) -> Result<(), String> {
    let watch = Stopwatch::start();
    let tree = Tree::read(&place.root).map_err(|error| format!("the files cannot be read: {error}"))?;
    let findings = findings(&tree);
    findings.iter().for_each(|finding| println!("{finding}"));
    let bad = findings.iter().filter(|finding| !finding.warning).count();
    let files = tree.files.len();
    println!("tidy: {files} files, {bad} findings, {} warnings, {}", findings.len() - bad, watch.seconds());
    if bad == 0 { Ok(()) } else { Err(format!("tidy: {bad} findings")) }
}

/// Everything that is not as it should be, by file and line.
fn findings(tree: &Tree) -> Vec<Finding> {
    let sources = reach::sources(tree);
    let mut all = Vec::new();
    all.extend(layers::check(tree));
    all.extend(reach::check(&sources));
    all.extend(sizes::check(tree, &sources));
    all.extend(words::check(&sources));
    all.extend(texts::check(tree));
    all.sort();
    all
}

#[cfg(test)]
mod tests;
