//! `lineshaft rules`: rules run on their samples.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use lineshaft_flow::spec;
use serde::Serialize;

use crate::exit::{Exit, Failure};
use crate::folder;
use crate::print::{self, OutputArgs};

/// Run rules on samples.
#[derive(Args)]
pub struct Rules {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the rules of a project on the samples beside them; exit code 8 if one differs
    Test(Test),
}

#[derive(Args)]
struct Test {
    /// Directory of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// What the samples came to, for programs.
#[derive(Default, Serialize)]
struct Tested {
    items: Vec<Case>,
    passed: usize,
    failed: usize,
}

/// What one sample came to.
#[derive(Serialize)]
struct Case {
    file: String,
    object: String,
    case: String,
    about: String,
    passed: bool,
    /// What is wrong, line by line.
    wrong: Vec<String>,
}

/// Tests all rules.
pub fn run(args: &Rules) -> Result<Exit, Failure> {
    let Verb::Test(args) = &args.verb;
    let checked = folder::check(&args.dir)
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", args.dir.display())))?;
    let Some(project) = &checked.project else {
        let (errors, _) = checked.counts();
        let message = format!("the project has {} and was not run", print::counted(errors as u64, "error", "errors"));
        return Err(Failure::new(Exit::Problems, message).help("`lineshaft check` tells them all"));
    };
    // Those that cannot be read are errors of the project.
    let (samples, _) = spec::rule_samples(&checked.files);
    let mut tested = Tested::default();
    for sample in &samples {
        let wrong = sample.run(project);
        let passed = wrong.is_empty();
        *(if passed { &mut tested.passed } else { &mut tested.failed }) += 1;
        let (object, case) = (sample.object().to_owned(), sample.case().to_owned());
        let (file, about) = (sample.file.clone(), sample.about().to_owned());
        tested.items.push(Case { file, object, case, about, passed, wrong });
    }
    let told = args.output.wrote(&tested);
    for case in tested.items.iter().filter(|_| !told) {
        let word = if case.passed { "PASS" } else { "FAIL" };
        print::out(&format!("{word}  {} {}: {}", case.object, case.case, print::printable(&case.about)));
        case.wrong.iter().for_each(|line| print::out(&format!("      {}", print::printable(line))));
    }
    let files = checked.files.keys().filter_map(|file| file.strip_prefix("rules/")?.strip_suffix(".yaml"));
    let without = files.filter(|object| !samples.iter().any(|sample| sample.object() == *object)).count();
    let note = match without {
        0 => String::new(),
        count => format!("; {} without samples", print::counted(count as u64, "file of rules", "files of rules")),
    };
    eprintln!("{} passed, {} failed{note}", tested.passed, tested.failed);
    Ok(if tested.failed == 0 { Exit::Ok } else { Exit::Problems })
}
