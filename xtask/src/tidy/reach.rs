//! Files that no `mod` line reaches, and names of modules that say nothing.
//!
//! Walking the `mod` lines also tells which files are tests: those below `tests/`, and those declared under `#[cfg(test)]`.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::rust::{Kind, Rust, Token, closing};
use super::tree::Tree;

/// Names that hide what a module is about.
const EMPTY_NAMES: [&str; 9] = ["util", "utils", "common", "helpers", "manager", "imp", "inner", "core", "misc"];

/// One Rust file.
#[derive(Debug)]
pub struct Source {
    /// Path from the root.
    pub path: String,
    /// What stands in it.
    pub rust: Rust,
    /// Whether a `mod` line or cargo reaches it.
    pub reached: bool,
    /// Whether all of it is test code.
    pub test: bool,
}

/// A `mod` declaration.
#[derive(Debug, PartialEq, Eq)]
struct Mod {
    name: String,
    line: usize,
    /// Whether its content lies in another file.
    outside: bool,
    /// Names of the inline modules around it.
    within: Vec<String>,
    /// What `#[path = "..."]` says.
    path: Option<String>,
    test: bool,
}

/// All Rust files of the tree, walked from the roots that cargo knows.
pub fn sources(tree: &Tree) -> Vec<Source> {
    let mut files: BTreeMap<&str, Rust> = BTreeMap::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        files.insert(path, Rust::read(text));
    }
    let mut reached: BTreeMap<String, bool> = BTreeMap::new();
    let mut open: Vec<(String, bool, bool)> = Vec::new();
    for path in files.keys().filter(|path| is_root(tree, path)) {
        let test = path.contains("/tests/") || path.contains("/benches/");
        open.push(((*path).to_owned(), true, test));
    }
    while let Some((path, root, test)) = open.pop() {
        // A file declared both as test and not as test is not a test.
        if reached.get(&path).is_some_and(|known| !known || test) {
            continue;
        }
        let Some(rust) = files.get(path.as_str()) else { continue };
        reached.insert(path.clone(), test);
        for declared in mods(&rust.tokens).into_iter().filter(|it| it.outside) {
            for candidate in candidates(&path, root, &declared) {
                open.push((candidate, false, test || declared.test));
            }
        }
        for included in includes(&path, &rust.tokens) {
            open.push((included, false, test));
        }
    }
    let source = |(path, rust): (&str, Rust)| Source {
        path: path.to_owned(),
        rust,
        reached: reached.contains_key(path),
        test: reached.get(path).copied().unwrap_or(false),
    };
    files.into_iter().map(source).collect()
}

/// Findings about reach and names.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        if !source.reached {
            let todo = "no `mod` line reaches this file: declare it, or delete it";
            findings.push(Finding::new(&source.path, 1, "dead-file", todo));
        }
        for declared in mods(&source.rust.tokens) {
            if EMPTY_NAMES.contains(&declared.name.as_str()) {
                let todo = format!("`{}` does not say what is in it: name the thing", declared.name);
                findings.push(Finding::new(&source.path, declared.line, "module-name", todo));
            }
        }
    }
    findings
}

/// Whether cargo builds this file without a `mod` line.
fn is_root(tree: &Tree, path: &str) -> bool {
    let Some((package, inside)) = package_of(tree, path) else { return false };
    let parts: Vec<&str> = inside.split('/').collect();
    let by_place = matches!(
        parts.as_slice(),
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
            | ["src", "bin", _, "main.rs"]
    );
    let manifest = if package.is_empty() { "Cargo.toml".to_owned() } else { format!("{package}/Cargo.toml") };
    let named = format!("path = \"{inside}\"");
    by_place || tree.files.get(&manifest).is_some_and(|text| text.contains(&named))
}

/// The directory of the nearest manifest above `path`, and the path from there.
fn package_of<'a>(tree: &Tree, path: &'a str) -> Option<(&'a str, &'a str)> {
    let cuts = path.rmatch_indices('/').map(|(at, _)| at);
    for cut in cuts {
        if tree.files.contains_key(&format!("{}/Cargo.toml", &path[..cut])) {
            return Some((&path[..cut], &path[cut + 1..]));
        }
    }
    tree.files.contains_key("Cargo.toml").then_some(("", path))
}

fn candidates(path: &str, root: bool, declared: &Mod) -> Vec<String> {
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(other) = &declared.path {
        return vec![tidied(&format!("{directory}/{other}"))];
    }
    let mut base = directory.to_owned();
    if !root && file != "mod.rs" {
        base = format!("{base}/{}", file.trim_end_matches(".rs"));
    }
    for name in &declared.within {
        base = format!("{base}/{name}");
    }
    let name = &declared.name;
    [format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")].iter().map(|path| tidied(path)).collect()
}

/// Files taken in by `include!("...")`.
fn includes(path: &str, tokens: &[Token]) -> BTreeSet<String> {
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    let calls = tokens.windows(4).filter(|it| it[0].is("include") && it[1].is("!") && it[3].kind == Kind::Text);
    calls.map(|it| tidied(&format!("{directory}/{}", it[3].text))).collect()
}

/// The path without `.` and `..`.
pub fn tidied(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn mods(tokens: &[Token]) -> Vec<Mod> {
    let mut found = Vec::new();
    // Inline modules we are in: name, and the token that closes them.
    let mut within: Vec<(String, usize)> = Vec::new();
    for (at, pair) in tokens.windows(3).enumerate() {
        within.retain(|(_, end)| at < *end);
        let [keyword, name, next] = pair else { continue };
        if !(keyword.is("mod") && name.kind == Kind::Word && (next.is(";") || next.is("{"))) {
            continue;
        }
        found.push(Mod {
            name: name.text.clone(),
            line: name.line,
            outside: next.is(";"),
            within: within.iter().map(|(name, _)| name.clone()).collect(),
            path: path_attribute(&tokens[..at]),
            test: keyword.test,
        });
        if next.is("{") {
            within.push((name.text.clone(), closing(tokens, at + 2)));
        }
    }
    found
}

/// `#[path = "..."]` among the attributes right before a `mod`.
fn path_attribute(before: &[Token]) -> Option<String> {
    let start = before.iter().rposition(|token| token.is(";") || token.is("{") || token.is("}")).map_or(0, |at| at + 1);
    let window = before[start..].windows(3).find(|it| it[0].is("path") && it[1].is("=") && it[2].kind == Kind::Text)?;
    Some(window[2].text.clone())
}
