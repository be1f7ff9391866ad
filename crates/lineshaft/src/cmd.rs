//! The commands, one file for each. What a command does is its file's `run`.

/// Write a starter project.
mod init;

/// Check the project files.
mod check;

/// Run maps on samples and documents.
mod map;

/// Run rules on samples.
mod rules;

/// Start a node.
mod run;

/// Stand-in systems and a hub, to look at and to break.
pub mod demo;

/// One screen about a node.
mod status;

/// Transactions by business key.
mod find;

/// What became of one transaction.
mod trace;

/// What waits for a person.
mod exceptions;

/// Records that maps look up.
mod reference;

/// Pausing and resuming.
mod systems;

/// Who did what, and why.
mod audit;

/// The database.
mod store;

/// Words for the shell.
mod completion;

/// Pages and schemas made from the code.
mod codegen;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::exit::{Exit, Failure};

/// Keeps a manufacturer's ERP and its plants in step.
///
/// Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 usage,
/// 3 not found, 4 denied, 5 conflict, 6 some items failed, 7 node unreachable, 8 a check found problems.
#[derive(Parser)]
#[command(name = "lineshaft", version, disable_help_subcommand = true, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a starter project: two systems, one event, one map with a sample
    Init(init::Init),
    /// Tell every problem of the project files at once
    Check(check::Check),
    /// Run maps on samples or on a document
    Map(map::Map),
    /// Run rules on their samples
    Rules(rules::Rules),
    /// Run this node until it is told to stop
    Run(run::Run),
    /// Start stand-in systems and a hub, and watch transactions go through
    Demo(demo::Demo),
    /// Show a node on one screen
    Status(status::Status),
    /// Find transactions by business key
    Find(find::Find),
    /// Look at one transaction
    Trace(trace::Trace),
    /// Decide on what is stopped or in doubt
    Exceptions(exceptions::Exceptions),
    /// Load records that maps look up
    Reference(reference::Reference),
    /// Pause and resume outside systems
    Systems(systems::Systems),
    /// Read who did what, and why
    Audit(audit::Audit),
    /// Look after the database
    Store(store::Store),
    /// Write the completion script of a shell
    Completion(completion::Completion),
    /// Write the pages and schemas that are made from the code
    #[command(hide = true)]
    Codegen(codegen::Codegen),
}

impl Cli {
    /// Does what the command line says.
    pub fn run(self) -> ExitCode {
        let ended = match self.command {
            Command::Demo(args) => return demo::demo(args),
            Command::Init(args) => init::run(&args),
            Command::Check(args) => check::run(&args),
            Command::Map(args) => map::run(&args),
            Command::Rules(args) => rules::run(&args),
            Command::Run(args) => Ok(run::run(&args)),
            Command::Status(args) => status::run(&args),
            Command::Find(args) => find::run(&args),
            Command::Trace(args) => trace::run(&args),
            Command::Exceptions(args) => exceptions::run(args),
            Command::Reference(args) => reference::run(&args),
            Command::Systems(args) => systems::run(args),
            Command::Audit(args) => audit::run(&args),
            Command::Store(args) => store::run(&args),
            Command::Completion(args) => Ok(completion::run(&args)),
            Command::Codegen(args) => codegen::run(&args),
        };
        ended.unwrap_or_else(told).into()
    }
}

fn told(failure: Failure) -> Exit {
    // What a node or a file says in it must not move the cursor either.
    eprintln!("{}", crate::print::printable_lines(&failure.to_string()));
    failure.exit
}
