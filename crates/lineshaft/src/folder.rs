//! Project files on disk: only those that the check wants to see, bounded in number, depth and size.

use std::io;
use std::path::{Path, PathBuf};

use lineshaft_flow::problem::{Problem, Severity};
use lineshaft_flow::project::Project;
use lineshaft_flow::spec::{self, Files};

/// Most files read.
const FILES_MAX: usize = 20_000;

/// Largest file read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Deepest directory read.
const DEPTH_MAX: usize = 8;

/// Directories in which project files may stand, besides the root.
const DIRECTORIES: [&str; 4] = ["model", "reference", "rules", "systems"];

/// A project as it was read, with everything that is wrong with it.
pub struct Checked {
    /// The project, if nothing forbids to run it.
    pub project: Option<Project>,
    /// What was read.
    pub files: Files,
    /// Errors and warnings, by file and line.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// How many errors and how many warnings.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        (errors, self.problems.len() - errors)
    }
}

/// Reads and checks the project in `directory`.
///
/// # Errors
/// The directory is not there or cannot be listed. What is wrong with a single file is a problem, not an error.
pub fn check(directory: &Path) -> io::Result<Checked> {
    let (files, mut problems) = read(directory)?;
    let (project, found) = spec::check(&files);
    let project = project.filter(|_| problems.is_empty());
    problems.extend(found);
    Ok(Checked { project, files, problems })
}

/// The files of a project, and a problem for each that cannot be used.
fn read(directory: &Path) -> io::Result<(Files, Vec<Problem>)> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if DIRECTORIES.contains(&name.as_str()) {
            list(&path, &name, 1, &mut paths)?;
        } else if spec::belongs(&name) {
            paths.push((name, path));
        }
    }
    paths.sort();
    let (mut files, mut problems) = (Files::new(), Vec::new());
    for (name, path) in paths {
        match text_of(&path) {
            Ok(text) => drop(files.insert(name, text)),
            Err(message) => problems.push(Problem::error(name, message)),
        }
    }
    Ok((files, problems))
}

fn list(directory: &Path, prefix: &str, depth: usize, paths: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if !directory.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let name = format!("{prefix}/{name}");
        if path.is_dir() && depth < DEPTH_MAX {
            list(&path, &name, depth + 1, paths)?;
        } else if spec::belongs(&name) && !path.is_dir() {
            paths.push((name, path));
        }
        if paths.len() > FILES_MAX {
            let said = format!("more than {FILES_MAX} files stand in {}", directory.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, said));
        }
    }
    Ok(())
}

fn text_of(path: &Path) -> Result<String, String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let found = std::fs::metadata(path).map_err(unreadable)?;
    // A pipe would be waited for, a device read without end.
    if !found.is_file() {
        return Err("it is no file, but a directory, a pipe or a device: remove it or give it another name".to_owned());
    }
    let size = found.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("it has {size} bytes; a project file may have {FILE_BYTES_MAX}"));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1))
}
