//! A system that exchanges files by directory, and its interfaces.
//!
//! Names are compared as text: whether two ways of writing lead to one directory, only the disk knows.

use lineshaft_model::connection::Connection;
use lineshaft_model::connection::files::{
    Complete, FILE_BYTES_LIMIT, FilesConnection, FilesDestination, FilesSource, UNFINISHED,
};
use lineshaft_model::connection::{DestinationSettings, SourceSettings};

use super::scope::Scope;
use super::{SystemFile, World};
use crate::spec::raw::{self, RepeatClass};
use crate::spec::values;

/// Directories of a project that are no place for documents.
const OF_THE_PROJECT: [&str; 3] = ["model", "rules", "systems"];

/// Checks where the files of a system stand.
pub fn connection(world: &mut World<'_>, scope: &Scope<'_>, files: &FilesConnection) {
    let at = ["connection", "files", "root"];
    let root = files.root.as_str();
    if root.starts_with("env:") || root.starts_with("secret:") {
        if !values::is_reference(root) || root.starts_with("secret:") {
            let help = "write `env:NAME`, as in `env:MES_EXCHANGE`";
            scope.error(world, &at, format!("`{root}` is not a reference to a directory"), help);
        }
        return;
    }
    let parts: Vec<&str> = parts(root).collect();
    if parts.is_empty() || parts.contains(&"..") || root.contains(char::is_control) {
        let help = "write a directory of its own, without `..`: `/srv/exchange/mes`, or `exchange/mes` in the project";
        scope.error(world, &at, format!("`{root}` cannot be the root of a system's files"), help);
        return;
    }
    let relative = !root.starts_with('/');
    if relative && OF_THE_PROJECT.contains(&parts[0]) {
        let help = "keep documents apart from project files: `exchange/mes`";
        scope.error(world, &at, format!("`{root}` is a directory of project files"), help);
    }
    if let Some(data) = world.data_dir.as_deref()
        && data.starts_with('/') != relative
        && parts.iter().zip(self::parts(data)).all(|(one, other)| *one == other)
    {
        let help = "choose another: the database and the secrets of the node stand there";
        scope.error(world, &at, format!("`{root}` stands in the node's data directory `{data}`, or around it"), help);
    }
}

/// Checks what a source takes.
pub fn source(world: &mut World<'_>, scope: &Scope<'_>, settings: &FilesSource) {
    let at = |field: &'static str| ["source", "files", field];
    directory(world, scope, &at("directory"), &settings.directory);
    if let Err((message, help)) = pattern(&settings.pattern) {
        scope.error(world, &at("pattern"), message, help);
    }
    match &settings.complete {
        Complete::StableFor(span) => {
            scope.span(world, &["source", "files", "complete", "stable_for"], span);
        }
        Complete::Marker(ending) => {
            let named = ending.strip_prefix('.').is_some_and(|rest| !rest.is_empty() && rest.chars().all(in_name));
            if !named || UNFINISHED.contains(&ending.as_str()) {
                let help = "write the ending of the second file's name: `.done` for `orders.xml.done`";
                let at = ["source", "files", "complete", "marker"];
                scope.error(world, &at, format!("`{ending}` cannot be the ending of a marker"), help);
            }
        }
        Complete::Renamed => {}
    }
    scope.span(world, &at("every"), &settings.every);
    if !(1..=FILE_BYTES_LIMIT).contains(&settings.file_bytes_max) {
        let message = format!("`file_bytes_max` cannot be {}", settings.file_bytes_max);
        scope.error(world, &at("file_bytes_max"), message, format!("from 1 to {FILE_BYTES_LIMIT}"));
    }
}

/// Checks how documents are handed over.
pub fn destination(world: &mut World<'_>, scope: &Scope<'_>, settings: &FilesDestination, class: RepeatClass) {
    let at = |field: &'static str| ["send", "files", field];
    directory(world, scope, &at("directory"), &settings.directory);
    name(world, scope, settings, class);
    if let Some(taken_to) = &settings.taken_to {
        directory(world, scope, &at("taken_to"), taken_to);
        if parts(taken_to).eq(parts(&settings.directory)) {
            let help = "name the directory to which the system moves what it has taken, or remove the line";
            scope.error(world, &at("taken_to"), "`taken_to` is the directory into which files are written", help);
        }
    }
}

fn name(world: &mut World<'_>, scope: &Scope<'_>, settings: &FilesDestination, class: RepeatClass) {
    let name = settings.name.as_str();
    let at = ["send", "files", "name"];
    scope.template(world, &at, name);
    let fixed: String = name.split('{').map(|part| part.split_once('}').map_or(part, |(_, after)| after)).collect();
    if let Some(strange) = fixed.chars().find(|char| !in_name(*char)) {
        let help = "letters A to Z, digits, `-`, `_` and `.` may stand in it; directories belong under `directory`";
        scope.error(world, &at, format!("{strange:?} cannot stand in the name of a file"), help);
    }
    if name.starts_with(['.', '-']) || UNFINISHED.iter().any(|ending| name.ends_with(ending)) {
        let help =
            "begin it with a letter, a digit or a place, and end it with another ending: `{order}-{target_key}.xml`";
        scope.error(world, &at, format!("`{name}` would be taken for a file that is still written"), help);
    }
    if !name.contains('{') {
        let help = "name what belongs to the document alone: `{order}-{target_key}.xml`";
        scope.error(world, &at, "every document would have the same name", help);
    } else if !name.contains("{target_key}") {
        // What stands under its name with its content is taken for the document itself.
        let help = "put `{target_key}` into it: `{order}-{target_key}.xml`";
        match (class, &settings.taken_to) {
            (RepeatClass::T3, _) | (RepeatClass::T1 | RepeatClass::T4, Some(_)) => {
                let message =
                    "a second document with the same name and content would be taken for the first, and never written";
                scope.error(world, &at, message, help);
            }
            (RepeatClass::T2, _) => {
                let help = "put `{target_key}` into it, unless it holds a number that the system takes only once";
                scope.warning(world, &at, "T2 holds only if the name belongs to one document alone", help);
            }
            (RepeatClass::T4, None) => {
                let help = "put `{target_key}` into it, unless it holds a number that no two documents have";
                let message = "while a file is not taken, a second document with its name and content is not written";
                scope.warning(world, &at, message, help);
            }
            // That T1 has no key is told where the class stands.
            (RepeatClass::T1, None) => {}
        }
    }
}

/// Two sources that take the same files would take them from each other.
pub fn apart(world: &mut World<'_>, systems: &[SystemFile<'_>]) {
    let mut known: Vec<(String, &str, String)> = Vec::new();
    for file in systems {
        let Connection::Files(connection) = &file.raw.connection else { continue };
        for (interface, emit) in &file.raw.emits {
            let SourceSettings::Files(source) = &emit.source else { continue };
            let place = parts(&connection.root).chain(parts(&source.directory)).collect::<Vec<_>>().join("/");
            let place = if connection.root.starts_with('/') { format!("/{place}") } else { place };
            let other = known.iter().find(|(_, pattern, there)| *there == place && overlap(pattern, &source.pattern));
            if let Some((other, ..)) = other {
                let message = format!("`{other}` takes files of the same names from this directory");
                let help = "give each a directory or a pattern of its own: a file is taken once";
                let scope = Scope { doc: &file.doc, prefix: vec!["emits", interface] };
                scope.error(world, &["source", "files", "pattern"], message, help);
            }
            known.push((format!("{}/{interface}", file.raw.system), &source.pattern, place));
        }
    }
}

/// What to add so that a system can be asked, or can recognise a repeat.
pub fn remedy(send: &DestinationSettings, field: &str) -> Option<String> {
    let DestinationSettings::Files(_) = send else { return None };
    Some(match field {
        "probe" => "add `taken_to: DIRECTORY` to `send.files`, or declare T4 and let a person decide".to_owned(),
        _ => "put `{target_key}` into the `name` of `send.files`".to_owned(),
    })
}

/// Files are recognised by themselves, or by a key in each transaction's document.
pub fn idempotency(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Emit) -> bool {
    let by_header = raw.idempotency.as_ref().is_some_and(|raw| raw.key == "header");
    if by_header {
        let help = "remove it, or write a path in the document; `known_by` of the source says what a repeat is";
        scope.error(world, &["idempotency", "key"], "a file has no header: it is known by its name and content", help);
    }
    by_header || raw.idempotency.is_none()
}

fn directory(world: &mut World<'_>, scope: &Scope<'_>, at: &[&str], text: &str) {
    let below = text == "." || text.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
    if !below || text.contains(char::is_control) {
        let help = "write it relative to the root, without `..`: `out/completions`, or `.` for the root itself";
        scope.error(world, at, format!("`{text}` is not a directory below the root"), help);
    }
}

fn pattern(pattern: &str) -> Result<(), (String, &'static str)> {
    let message = |what: &str| format!("`{pattern}` {what}");
    if pattern.is_empty() || pattern.contains('/') || pattern.contains(char::is_control) {
        return Err((
            message("is not the pattern of a name"),
            "write it like `*.xml`; directories belong under `directory`",
        ));
    }
    if pattern.matches('*').count() > 1 || pattern.contains(['?', '[', ']', '{', '}']) {
        return Err((
            message("says more than one `*` can"),
            "write one `*` at most, which stands for any text: `ORDERS*.csv`",
        ));
    }
    if pattern.starts_with('.') || UNFINISHED.iter().any(|ending| pattern.ends_with(ending)) {
        let help = "such names belong to files that are still written; take those that they are renamed to";
        return Err((message("names files that are never taken"), help));
    }
    Ok(())
}

/// Whether a name can fit both.
fn overlap(one: &str, other: &str) -> bool {
    let ends = |pattern: &'_ str| pattern.split_once('*').map(|(before, after)| (before.to_owned(), after.to_owned()));
    let fits = |pattern: (String, String), name: &str| {
        name.len() >= pattern.0.len() + pattern.1.len() && name.starts_with(&pattern.0) && name.ends_with(&pattern.1)
    };
    match (ends(one), ends(other)) {
        (None, None) => one == other,
        (Some(pattern), None) => fits(pattern, other),
        (None, Some(pattern)) => fits(pattern, one),
        (Some(one), Some(other)) => {
            (one.0.starts_with(&other.0) || other.0.starts_with(&one.0))
                && (one.1.ends_with(&other.1) || other.1.ends_with(&one.1))
        }
    }
}

fn in_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.')
}

/// The parts of a path that lead somewhere.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_fit_one_name_overlap() {
        for (one, other, expected) in [
            ("*.xml", "*.xml", true),
            ("*.xml", "*.csv", false),
            ("*", "a.csv", true),
            ("ORDERS*.xml", "*.xml", true),
            ("ORDERS*", "CONF*", false),
            ("a*b", "ab", true),
            ("ab*b", "ab", false),
            ("a", "a", true),
            ("a", "b", false),
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }
}
