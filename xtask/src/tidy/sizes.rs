//! Every file says what it is; functions and files stay short enough to be read at once. Tests are excepted.

use super::Finding;
use super::reach::Source;
use super::rust::{Kind, Token, closing};
use super::tree::Tree;

/// Longest function, in lines from `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;
/// Longest file without a warning, in lines.
pub const FILE_LINES_WARN: usize = 500;
/// Longest file, in lines.
pub const FILE_LINES_MAX: usize = 800;

/// Findings about length, and about files that do not say what they are.
pub fn check(tree: &Tree, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let text = tree.files.get(&source.path).map_or("", String::as_str);
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if !first.starts_with("//!") {
            let todo = "begin with `//!`: what this file is, and what is deliberately not in it";
            findings.push(Finding::new(&source.path, 1, "file-doc", todo));
        }
        if source.test || first.contains("@generated") {
            continue;
        }
        findings.extend(file_length(&source.path, text.lines().count()));
        findings.extend(functions(&source.path, &source.rust.tokens));
    }
    findings
}

fn file_length(path: &str, lines: usize) -> Option<Finding> {
    let warning = lines <= FILE_LINES_MAX;
    let max = if warning { FILE_LINES_WARN } else { FILE_LINES_MAX };
    (lines > FILE_LINES_WARN).then(|| {
        let todo = format!("{lines} lines (at most {max}): move what can be read on its own into a file of its own");
        Finding { warning, ..Finding::new(path, 1, "file-length", todo) }
    })
}

fn functions(path: &str, tokens: &[Token]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        // `fn(` is a type; a test may be as long as its story.
        if !pair[0].is("fn") || pair[1].kind != Kind::Word || pair[0].test {
            continue;
        }
        let Some(body) = body(tokens, at) else { continue };
        let lines = tokens[closing(tokens, body)].line - pair[0].line + 1;
        if lines > FUNCTION_LINES_MAX {
            let name = &pair[1].text;
            let todo = format!("`{name}` has {lines} lines (at most {FUNCTION_LINES_MAX}): give its steps names");
            findings.push(Finding::new(path, pair[0].line, "function-length", todo));
        }
    }
    findings
}

/// Where the body of the function at `at` opens; none for a declaration in a trait.
fn body(tokens: &[Token], mut at: usize) -> Option<usize> {
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is("{") {
            return Some(at);
        }
        if token.is(";") {
            return None;
        }
        at = if token.is("(") || token.is("[") { closing(tokens, at) + 1 } else { at + 1 };
    }
    None
}
