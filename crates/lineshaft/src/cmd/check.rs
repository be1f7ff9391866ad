//! `lineshaft check`: every problem of the project files at once.

use std::path::PathBuf;

use clap::Args;

use crate::exit::{Exit, Failure};
use crate::folder;
use crate::print::{self, counted};

/// Check the project files.
#[derive(Args)]
pub struct Check {
    /// Directory of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
}

/// Tells every problem; errors are exit code 8, warnings are not.
pub fn run(args: &Check) -> Result<Exit, Failure> {
    let checked = folder::check(&args.dir)
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", args.dir.display())))?;
    for problem in &checked.problems {
        print::out(&format!("{}\n\n", print::printable_lines(&problem.to_string())));
    }
    let (errors, warnings) = checked.counts();
    let warned =
        if warnings == 0 { String::new() } else { format!(", {}", counted(warnings as u64, "warning", "warnings")) };
    let files = counted(checked.files.len() as u64, "file", "files");
    match &checked.project {
        Some(project) => {
            eprintln!(
                "ok: {files}; {}, {} emitting and {} receiving, {}{warned}",
                counted(project.systems.len() as u64, "system", "systems"),
                counted(project.emits.len() as u64, "interface", "interfaces"),
                project.receives.len(),
                counted(project.events.len() as u64, "event", "events"),
            );
            Ok(Exit::Ok)
        }
        None => {
            eprintln!("{}{warned} in {files}", counted(errors as u64, "error", "errors"));
            Ok(Exit::Problems)
        }
    }
}
