//! Who may import whom: the table in ARCHITECTURE.md, between its two marks, against the manifests.
//!
//! A row reads: crate, what it owns, which of ours it may import, which outside packages it never names.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::tree::Tree;

const MAP: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- layers:begin -->";
const END: &str = "<!-- layers:end -->";
const PREFIX: &str = "lineshaft";

/// One row of the table.
struct Row {
    line: usize,
    /// Names of our crates; none where the table says `all`.
    may: Option<BTreeSet<String>>,
    /// Outside packages, in backquotes in the last column.
    never: Vec<String>,
}

/// Findings about imports.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(map) = tree.files.get(MAP) else {
        return vec![Finding::new(MAP, 1, "layers", "write the map of crates, with the table of allowed imports")];
    };
    let rows = rows(map);
    if rows.is_empty() {
        return vec![Finding::new(MAP, 1, "layers", format!("put the table between {BEGIN} and {END}"))];
    }
    let mut findings = Vec::new();
    let manifests: BTreeMap<&str, &str> =
        tree.files.iter().filter_map(|(path, text)| manifest_of(path, text)).collect();
    for (name, row) in rows.iter().filter(|(name, _)| !manifests.contains_key(name.as_str())) {
        findings.push(Finding::new(MAP, row.line, "layers", format!("`{name}` has no manifest: remove its row")));
    }
    for (name, text) in manifests {
        let file = path_of(name);
        let Some(row) = rows.get(name) else {
            findings.push(Finding::new(&file, 1, "layers", format!("`{name}` is not in the table of {MAP}: add it")));
            continue;
        };
        for (line, dependency) in dependencies(text) {
            if dependency == name {
                continue;
            }
            if !permitted(row, &dependency) {
                let todo = format!("`{name}` may not import `{dependency}` (table in {MAP}): move what needs it");
                findings.push(Finding::new(&file, line, "layers", todo));
            }
        }
    }
    findings
}

fn permitted(row: &Row, dependency: &str) -> bool {
    if dependency.starts_with(PREFIX) {
        row.may.as_ref().is_none_or(|may| may.contains(dependency))
    } else {
        !row.never.iter().any(|never| never == dependency)
    }
}

/// Name and content, if the path is the manifest of one of our crates.
fn manifest_of<'a>(path: &'a str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let directory = path.strip_suffix("/Cargo.toml")?;
    let name = directory.strip_prefix("crates/").unwrap_or(directory);
    (!name.contains('/')).then_some((name, text))
}

fn path_of(name: &str) -> String {
    if name.starts_with(PREFIX) { format!("crates/{name}/Cargo.toml") } else { format!("{name}/Cargo.toml") }
}

fn rows(map: &str) -> BTreeMap<String, Row> {
    let lines = map.lines().enumerate().skip_while(|(_, line)| line.trim() != BEGIN);
    let table = lines.take_while(|(_, line)| line.trim() != END);
    let mut rows = BTreeMap::new();
    for (at, line) in table {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, may, never] = cells.as_slice() else { continue };
        let Some(name) = quoted(name).into_iter().next() else { continue };
        rows.insert(name, Row { line: at + 1, may: imports(may), never: quoted(never) });
    }
    rows
}

/// `model, store (reads only)` to full names; none for `all`.
fn imports(cell: &str) -> Option<BTreeSet<String>> {
    if cell == "all" {
        return None;
    }
    let names = cell.split(',').map(|item| item.split('(').next().unwrap_or_default().trim().trim_matches('`'));
    let full = |name: &str| if name.starts_with(PREFIX) { name.to_owned() } else { format!("{PREFIX}-{name}") };
    Some(names.filter(|name| !name.is_empty() && *name != "–" && *name != "-").map(full).collect())
}

fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Line and name of every dependency, of whatever kind.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (at, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section.ends_with("dependencies") && !section.starts_with("workspace");
            // The long form: [dependencies.name].
            if let Some((_, name)) = section.split_once("dependencies.").filter(|_| !section.starts_with("workspace")) {
                found.push((at + 1, name.to_owned()));
            }
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push((at + 1, name.trim_matches('"').to_owned()));
        }
    }
    found
}
