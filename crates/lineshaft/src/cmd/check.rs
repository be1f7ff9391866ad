//! `lineshaft check`: every problem of the project files at once.

use std::path::PathBuf;

use clap::Args;
use lineshaft_flow::problem::Problem;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::folder;
use crate::print::{self, OutputArgs, counted};

/// Check the project files.
#[derive(Args)]
pub struct Check {
    /// Directory of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// What was found, for programs.
#[derive(Serialize)]
struct Found<'a> {
    items: Vec<Item<'a>>,
    errors: usize,
    warnings: usize,
}

/// One problem. Line and column count from 1; 0 where the whole file or line is meant.
#[derive(Serialize)]
struct Item<'a> {
    severity: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    help: &'a str,
}

impl<'a> From<&'a Problem> for Item<'a> {
    fn from(problem: &'a Problem) -> Self {
        Self {
            severity: problem.severity.as_str(),
            file: &problem.file,
            line: problem.line,
            column: problem.column,
            message: &problem.message,
            help: &problem.help,
        }
    }
}

/// Tells every problem; errors are exit code 8, warnings are not.
pub fn run(args: &Check) -> Result<Exit, Failure> {
    let checked = folder::check(&args.dir)
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", args.dir.display())))?;
    let (errors, warnings) = checked.counts();
    let items = checked.problems.iter().map(Item::from).collect();
    let told = args.output.wrote(&Found { items, errors, warnings });
    for problem in checked.problems.iter().filter(|_| !told) {
        print::out(&format!("{}\n\n", print::printable_lines(&problem.to_string())));
    }
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
