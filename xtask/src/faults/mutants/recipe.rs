//! What a mutant's file says.
//!
//! ```text
//! about: What it breaks.
//! check: kill 5
//! file: crates/lineshaft-store/src/store.rs
//! <<<<
//! text as it stands there, once
//! ====
//! what stands in its place
//! >>>>
//! ```
//! `file` and what follows may come again. Texts rather than line numbers: other changes to the file do not matter.

use std::path::Path;

use super::check::Check;

/// A mutant.
#[derive(Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Name of its file, without `.mutant`.
    pub name: String,
    /// What it breaks.
    pub about: String,
    /// What must notice.
    pub check: Check,
    /// What is changed.
    pub edits: Vec<Edit>,
}

/// One text of one file, and what stands in its place.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The file, from the root of the repository.
    pub file: String,
    /// The text as it stands there, once.
    pub from: String,
    /// What stands in its place.
    pub to: String,
}

/// All mutants below `directory`, by name.
pub fn all(directory: &Path) -> Result<Vec<Recipe>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut recipes = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".mutant"));
        if let Some(name) = name {
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            recipes.push(read(name, &text).map_err(|error| format!("{name}.mutant: {error}"))?);
        }
    }
    recipes.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(recipes)
}

fn read(name: &str, text: &str) -> Result<Recipe, String> {
    let (mut about, mut check, mut file, mut edits) = (None, None, None, Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match line.split_once(": ") {
            Some(("about", value)) => about = Some(value.to_owned()),
            Some(("check", value)) => check = Some(Check::read(value)?),
            Some(("file", value)) => file = Some(value.to_owned()),
            _ if line == "<<<<" => {
                let until = |lines: &mut std::str::Lines<'_>, end: &str| -> String {
                    lines.take_while(|line| *line != end).collect::<Vec<_>>().join("\n")
                };
                let file = file.clone().ok_or("a text before any `file:`")?;
                edits.push(Edit { file, from: until(&mut lines, "===="), to: until(&mut lines, ">>>>") });
            }
            _ if line.is_empty() => {}
            _ => return Err(format!("`{line}` is not understood")),
        }
    }
    let about = about.ok_or("`about:` is missing")?;
    let check = check.ok_or("`check:` is missing")?;
    if edits.is_empty() {
        return Err("it changes nothing".to_owned());
    }
    Ok(Recipe { name: name.to_owned(), about, check, edits })
}

impl Edit {
    /// `source` with the change made.
    pub fn apply(&self, source: &str) -> Result<String, String> {
        match source.matches(&self.from).count() {
            1 => Ok(source.replacen(&self.from, &self.to, 1)),
            count => Err(format!("{}: the text to change is there {count} times, not once:\n{}", self.file, self.from)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "about: Breaks it.\ncheck: kill 5\n\nfile: a.rs\n<<<<\nold 1\nold 2\n====\nnew\n>>>>\n";

    #[test]
    fn a_file_is_read_and_its_edit_made_once() {
        let recipe = read("it", TEXT).expect("reads");
        assert_eq!((recipe.check, recipe.edits.len()), (Check::Kill(5), 1));
        let edit = &recipe.edits[0];
        assert_eq!(edit.apply("a\nold 1\nold 2\nb"), Ok("a\nnew\nb".to_owned()));
        assert!(edit.apply("a\nb").is_err());
        assert!(edit.apply("old 1\nold 2\nold 1\nold 2\n").is_err());
    }

    #[test]
    fn what_is_missing_or_odd_is_named() {
        assert!(read("it", "about: x\ncheck: kill 1\n").is_err());
        assert!(read("it", "check: kill 1\nfile: a\n<<<<\n====\n>>>>\n").is_err());
        assert!(read("it", "what\n").is_err());
    }

    #[test]
    fn every_mutant_of_this_repository_fits_its_source() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root").to_owned();
        for recipe in all(&root.join(super::super::MUTANTS)).expect("all are read") {
            for edit in &recipe.edits {
                let source = std::fs::read_to_string(root.join(&edit.file)).expect("the file is there");
                assert!(edit.apply(&source).is_ok(), "{}: {} has changed", recipe.name, edit.file);
            }
        }
    }
}
