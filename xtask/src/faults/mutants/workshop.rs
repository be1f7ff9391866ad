//! The copy of the tree and of the target directory. Nothing here touches the sources that people work on.

use std::fs;
use std::path::Path;

use super::recipe::Recipe;
use crate::place::{PROFILE, Place};

/// What of the tree is needed to build the product.
const TREE: [&str; 6] = [".cargo", "Cargo.toml", "Cargo.lock", "clippy.toml", "crates", "xtask"];

/// Where mutants are made.
pub struct Workshop {
    /// The copy, seen as a repository with a target directory.
    pub place: Place,
}

impl Workshop {
    /// Copies the tree, and what is built of the libraries.
    pub fn set_up(place: &Place) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let directory = place.own("mutants").map_err(text)?;
        let (root, target) = (directory.join("tree"), directory.join("target"));
        fs::create_dir_all(&root).map_err(text)?;
        for name in TREE {
            sync(&place.root.join(name), &root.join(name)).map_err(|error| format!("{name}: {error}"))?;
        }
        // A test of the tree looks at the demo and at documents.
        for name in ["demo", "docs", "schemas", "ARCHITECTURE.md"] {
            if place.root.join(name).exists() {
                sync(&place.root.join(name), &root.join(name)).map_err(|error| format!("{name}: {error}"))?;
            }
        }
        let workshop = Self { place: Place { root, target } };
        if !workshop.place.target.exists() {
            clone_libraries(&place.target.join(PROFILE), &workshop.place.target.join(PROFILE))?;
        }
        Ok(workshop)
    }

    /// Does `work` while the copy is changed as `recipe` says, and changes it back.
    pub fn changed<T>(&self, recipe: &Recipe, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let mut kept: Vec<(std::path::PathBuf, String)> = Vec::new();
        let done = self.change(recipe, &mut kept).and_then(|()| work());
        // The first text kept of a file is the one that was there.
        for (path, source) in kept.iter().rev() {
            fs::write(path, source).map_err(|error| error.to_string())?;
        }
        done.map_err(|error| format!("{}: {error}", recipe.name))
    }

    fn change(&self, recipe: &Recipe, kept: &mut Vec<(std::path::PathBuf, String)>) -> Result<(), String> {
        for edit in &recipe.edits {
            let path = self.place.root.join(&edit.file);
            let source = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", edit.file))?;
            let changed = edit.apply(&source)?;
            kept.push((path.clone(), source));
            fs::write(&path, changed).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Copies what differs, so that what did not change is not built again. Files that are gone go.
fn sync(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_file() {
        let bytes = fs::read(from)?;
        return if fs::read(to).is_ok_and(|there| there == bytes) { Ok(()) } else { fs::write(to, bytes) };
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !from.join(entry.file_name()).exists() {
            if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        sync(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Copies what cargo knows of the libraries, so that only our own crates are built again.
fn clone_libraries(from: &Path, to: &Path) -> Result<(), String> {
    for name in [".fingerprint", "build", "deps"] {
        clone(&from.join(name), &to.join(name)).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

/// Copies a directory with its times, which cargo compares. Leaves out our own crates, whatever is no library, and what
/// vanishes meanwhile because somebody builds: cargo makes again what it misses.
fn clone(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let ours = name.to_string_lossy().contains("lineshaft");
        let object = path.extension().is_some_and(|extension| extension == "o") && from.ends_with("deps");
        match entry.metadata() {
            _ if ours || object => {}
            Ok(data) if data.is_dir() => clone(&path, &to.join(name))?,
            Ok(data) if from.ends_with("deps") && path.extension().is_none() && data.len() > 0 => {}
            Ok(data) => {
                let target = to.join(name);
                match fs::copy(&path, &target) {
                    Ok(_) => fs::File::options().write(true).open(&target)?.set_modified(data.modified()?)?,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
