//! Error pages, links in documents, and paths of one machine in any text.

use super::Finding;
use super::reach::tidied;
use super::rust::{Kind, Rust};
use super::tree::Tree;

const CODES: &str = "crates/lineshaft-model/src/fault/code.rs";
const PAGES: &str = "docs/errors/";

/// Directories that exist on one machine and not on the next.
const MACHINE: [&str; 3] = ["root", "home", "work"];

/// Findings about texts.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = error_pages(tree);
    for (path, text) in &tree.files {
        if path.ends_with(".md") {
            links(tree, path, text, &mut findings);
        }
        machine_paths(path, text, &mut findings);
    }
    findings
}

/// Every code has a page, and every page a code.
fn error_pages(tree: &Tree) -> Vec<Finding> {
    let Some(table) = tree.files.get(CODES) else { return Vec::new() };
    let rust = Rust::read(table);
    let texts = rust.tokens.iter().filter(|token| token.kind == Kind::Text && !token.test);
    let codes: Vec<_> = texts.filter(|token| is_code(&token.text)).collect();
    let mut findings = Vec::new();
    for code in &codes {
        let page = format!("{PAGES}{}.md", code.text);
        if !tree.files.contains_key(&page) {
            let todo = format!("`{}` has no page {page}: run `cargo xtask codegen`", code.text);
            findings.push(Finding::new(CODES, code.line, "error-page", todo));
        }
    }
    for page in tree.files.keys() {
        let name = page.strip_prefix(PAGES).and_then(|name| name.strip_suffix(".md"));
        if name.is_some_and(|name| is_code(name) && !codes.iter().any(|code| code.text == name)) {
            findings.push(Finding::new(page, 1, "error-page", "no such code: run `cargo xtask codegen`"));
        }
    }
    findings
}

/// `MAP-002`: capitals, a dash, three digits.
fn is_code(text: &str) -> bool {
    text.split_once('-').is_some_and(|(step, number)| {
        !step.is_empty()
            && step.chars().all(|c| c.is_ascii_uppercase())
            && number.len() == 3
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

/// Relative links lead to something in the repository. Code is not searched for links.
fn links(tree: &Tree, path: &str, text: &str, findings: &mut Vec<Finding>) {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if fenced || fence {
            continue;
        }
        for target in targets(line) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:") || file.is_empty();
            if !elsewhere && !tree.has(&tidied(&format!("{directory}/{file}"))) {
                findings.push(Finding::new(path, at + 1, "link", format!("`{target}` leads nowhere: correct it")));
            }
        }
    }
}

/// What `[text](target)` points to, outside of backquotes.
fn targets(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let ends = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    // A title may follow the target.
    ends.filter_map(|target| target.split_whitespace().next().map(str::to_owned)).collect()
}

fn machine_paths(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for (at, line) in text.lines().enumerate() {
        for name in MACHINE {
            let needle = format!("/{name}/");
            let starts = line.match_indices(&needle).any(|(found, _)| begins_there(&line[..found]));
            if starts {
                let todo =
                    format!("`{needle}` is a path of one machine: name it from the repository, or by a variable");
                findings.push(Finding::new(path, at + 1, "machine-path", todo));
            }
        }
    }
}

/// Whether a path begins after `before`, and is not the middle of a longer one or of an address.
fn begins_there(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || "._-~}/*>".contains(c))
}
