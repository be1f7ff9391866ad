//! The text files that belong to the repository, read once. Tests build a tree from pairs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Larger files are data, not text that somebody reads.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Path from the root to content. Binary files are left out.
#[derive(Debug, Default)]
pub struct Tree {
    /// The text files.
    pub files: BTreeMap<String, String>,
    /// All names, of binary files too.
    pub names: Vec<String>,
}

impl Tree {
    /// Reads what git tracks or would track; without git, everything but hidden directories and `target`.
    pub fn read(root: &Path) -> std::io::Result<Self> {
        let mut tree = Self { files: BTreeMap::new(), names: names(root)? };
        for name in &tree.names {
            let path = root.join(name);
            // Deleted but not yet committed, or too large.
            let Ok(data) = std::fs::symlink_metadata(&path) else { continue };
            if !data.is_file() || data.len() > FILE_BYTES_MAX {
                continue;
            }
            if let Ok(text) = String::from_utf8(std::fs::read(&path)?) {
                tree.files.insert(name.clone(), text);
            }
        }
        tree.names.retain(|name| root.join(name).exists());
        Ok(tree)
    }

    /// Whether a file, or a directory with files, has this name.
    pub fn has(&self, name: &str) -> bool {
        let inside = format!("{name}/");
        name.is_empty() || self.names.iter().any(|it| it == name || it.starts_with(&inside))
    }

    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let files: BTreeMap<_, _> = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self { names: files.keys().cloned().collect(), files }
    }
}

fn names(root: &Path) -> std::io::Result<Vec<String>> {
    let words = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    if let Ok(output) = Command::new("git").args(words).current_dir(root).output()
        && output.status.success()
    {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut names: Vec<String> = text.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        return Ok(names);
    }
    let mut names = Vec::new();
    walk(root, "", &mut names)?;
    names.sort();
    Ok(names)
}

fn walk(directory: &Path, inside: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let own = entry.file_name().to_string_lossy().into_owned();
        let name = if inside.is_empty() { own.clone() } else { format!("{inside}/{own}") };
        if !entry.file_type()?.is_dir() {
            names.push(name);
        } else if own != "target" && own != ".git" {
            walk(&entry.path(), &name, names)?;
        }
    }
    Ok(())
}
