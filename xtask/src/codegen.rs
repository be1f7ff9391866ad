//! What is generated from the code and committed: error pages, reference pages, schemas. `lineshaft codegen` makes
//! them; here they are put in place or compared, so that no page tells an old story.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::place::{Place, shown};
use crate::{demo, step};

/// The generated directories, and how the names of their generated files end. Nothing written by hand lies there
/// under such a name.
pub const GENERATED: [(&str, &str); 3] = [("docs/errors", "md"), ("docs/reference", "md"), ("schemas", "json")];

/// `cargo xtask codegen [--check]`.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    if let Err(code) = crate::only_known(arguments, &["--check"]) {
        return code;
    }
    let outcome = if arguments.is_empty() { demo::build(place).and_then(|()| write(place)) } else { check(place) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => step::failed(&message),
    }
}

/// Compares what the code generates with what is committed.
pub fn check(place: &Place) -> Result<(), String> {
    demo::build(place)?;
    let (fresh, committed) = both(place)?;
    let names = differences(&fresh, &committed);
    if names.is_empty() {
        println!("codegen: {} files are as the code says", fresh.len());
        return Ok(());
    }
    names.iter().for_each(|line| println!("{line}"));
    Err(format!("{} generated files differ; run `cargo xtask codegen` and commit the result", names.len()))
}

fn write(place: &Place) -> Result<(), String> {
    let (fresh, committed) = both(place)?;
    let names = differences(&fresh, &committed);
    for (name, bytes) in &fresh {
        if committed.get(name) != Some(bytes) {
            let path = place.root.join(name);
            let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            made.and_then(|()| std::fs::write(&path, bytes)).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    for name in committed.keys().filter(|name| !fresh.contains_key(*name)) {
        std::fs::remove_file(place.root.join(name)).map_err(|error| format!("{name}: {error}"))?;
    }
    names.iter().for_each(|line| println!("{line}"));
    println!("codegen: {} files, {} changed", fresh.len(), names.len());
    Ok(())
}

type Files = BTreeMap<String, Vec<u8>>;

/// What the code generates now, and what is committed.
fn both(place: &Place) -> Result<(Files, Files), String> {
    let out = place.own("codegen").map_err(|error| error.to_string())?;
    // What an earlier run left must not look generated.
    std::fs::remove_dir_all(&out).and_then(|()| std::fs::create_dir_all(&out)).map_err(|error| error.to_string())?;
    let output = Command::new(place.program("lineshaft")).arg("codegen").arg("--out").arg(&out).output();
    let output = output.map_err(|error| format!("lineshaft could not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(2) && said.contains("unrecognized subcommand") {
            return Err("the program has no command `codegen` yet, so nothing can be generated or compared".to_owned());
        }
        return Err(format!("lineshaft codegen ended with {}: {}", output.status, said.trim()));
    }
    let fresh = read(&out)?;
    if fresh.is_empty() {
        return Err("lineshaft codegen wrote nothing".to_owned());
    }
    Ok((fresh, read(&place.root)?))
}

fn read(root: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    for (directory, extension) in GENERATED {
        let Ok(entries) = std::fs::read_dir(root.join(directory)) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_file() && path.extension().is_some_and(|it| it == extension) {
                let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                files.insert(shown(root, &path), bytes);
            }
        }
    }
    Ok(files)
}

/// One line for each file that is missing, left over or different.
fn differences(fresh: &Files, committed: &Files) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, bytes) in fresh {
        match committed.get(name) {
            None => lines.push(format!("missing   {name}")),
            Some(old) if old != bytes => lines.push(format!("differs   {name}")),
            Some(_) => {}
        }
    }
    lines.extend(committed.keys().filter(|name| !fresh.contains_key(*name)).map(|name| format!("left over {name}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_named() {
        let files = |pairs: &[(&str, &str)]| -> Files {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let fresh = files(&[("a.md", "1"), ("b.md", "1"), ("c.md", "1")]);
        let committed = files(&[("b.md", "2"), ("c.md", "1"), ("d.md", "1")]);
        assert_eq!(differences(&fresh, &committed), ["missing   a.md", "differs   b.md", "left over d.md"]);
        assert!(differences(&fresh, &fresh).is_empty());
    }
}
