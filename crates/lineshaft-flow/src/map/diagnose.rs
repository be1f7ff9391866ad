//! VRL's errors in our words: with file, line, column and what to do; without its codes and addresses.

use lineshaft_model::fault::{Code, Fault};
use vrl::compiler::ExpressionError;
use vrl::diagnostic::{Diagnostic, DiagnosticList, Label, Note};

use super::{FAULT_NOTE, stdlib};
use crate::problem::{Problem, Severity, line_and_column};

/// Code of errors that are ours already: the label is what to do.
pub(super) const OWN_CODE: usize = 9_000;

/// VRL's codes, as its registry numbers them.
const UNHANDLED: [usize; 5] = [100, 103, 630, 631, 610];

const UNDEFINED_FUNCTION: usize = 105;

const HANDLE: &str = "handle the failure: `name!(...)` parks the transaction, `... ?? value` gives a value instead, `result, error = ...` lets the map decide";

/// What the compiler told, in our words.
pub(super) fn problems(diagnostics: DiagnosticList, text: &str, file: &str) -> Vec<Problem> {
    diagnostics.into_iter().map(|diagnostic| problem(&diagnostic, text, file)).collect()
}

fn problem(diagnostic: &Diagnostic, text: &str, file: &str) -> Problem {
    let primary = main_label(&diagnostic.labels).or(diagnostic.labels.first());
    let mut problem = Problem::error(file, diagnostic.message.clone());
    if diagnostic.is_warning() || diagnostic.is_note() {
        problem.severity = Severity::Warning;
    }
    if let Some(label) = primary {
        problem = problem.span(text, label.span.start()..label.span.end());
    }
    let said = primary.map_or("", |label| label.message.as_str());
    if diagnostic.code == OWN_CODE {
        return problem.help(said);
    }
    if diagnostic.code == UNDEFINED_FUNCTION {
        let name = text.get(primary.map_or(0..0, |label| label.span.start()..label.span.end())).unwrap_or_default();
        let name = name.split(['(', '!']).next().unwrap_or_default().trim();
        problem.message = format!("maps have no function {name:?}");
        let near = super::FUNCTIONS.iter().map(|function| function.identifier());
        let near = near.max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        return match (stdlib::instead_of(name), near) {
            (Some(instead), _) => problem.help(instead),
            (None, Some(near)) => problem.help(format!("did you mean {near}?")),
            (None, None) => problem,
        };
    }
    if !said.is_empty() && said != problem.message {
        problem.message = format!("{}: {said}", problem.message);
    }
    if UNHANDLED.contains(&diagnostic.code) {
        return problem.help(HANDLE);
    }
    let mut help: Vec<String> = diagnostic
        .labels
        .iter()
        .filter(|label| Some(*label) != primary && !label.message.is_empty())
        // A list of every token that could stand here helps nobody.
        .filter(|label| !(label.message.starts_with("expected one of") && label.message.len() > 120))
        .map(|label| label.message.clone())
        .collect();
    help.extend(diagnostic.notes.iter().filter_map(|note| match note {
        Note::Hint(words) | Note::Example(words) | Note::Basic(words) => {
            let words = words.trim();
            (!words.is_empty() && !words.contains("://")).then(|| words.to_owned())
        }
        _ => None,
    }));
    problem.help(help.join("; "))
}

/// The first label that marks something; the innermost one of a failed call.
fn main_label(labels: &[Label]) -> Option<&Label> {
    let marks = |label: &&Label| label.span.end() > label.span.start();
    labels.iter().filter(|label| label.primary).find(marks).or_else(|| labels.iter().find(marks))
}

/// The fault of a run that failed.
pub(super) fn fault(error: ExpressionError, kept: &[Fault], text: &str, file: &str) -> Fault {
    let diagnostic = Diagnostic::from(error);
    let place = match main_label(&diagnostic.labels) {
        Some(label) => {
            let (line, column) = line_and_column(text, label.span.start());
            format!("{file}:{line}:{column}")
        }
        None => file.to_owned(),
    };
    let own = diagnostic.notes.iter().find_map(|note| match note {
        Note::Hint(words) => kept.get(words.strip_prefix(FAULT_NOTE)?.parse::<usize>().ok()?),
        _ => None,
    });
    match own {
        Some(fault) => fault.clone().at(place),
        None => Fault::new(Code::MapFailed, plain(&diagnostic.message)).at(place),
    }
}

/// The message without the calls that VRL puts before it, which tell positions in bytes.
pub(super) fn plain(message: &str) -> String {
    let mut plain = message;
    while let Some(rest) = plain.strip_prefix("function call error for ") {
        match rest.split_once("): ") {
            Some((_, inner)) => plain = inner,
            None => break,
        }
    }
    plain.to_owned()
}
