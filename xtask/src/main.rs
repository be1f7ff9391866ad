//! `cargo xtask <command>`: everything that is done to this repository, under one name.
//!
//! Deliberately absent: dependencies. This program is compiled before anything else, so it uses std alone.

use std::process::ExitCode;

/// Where things lie: repository, target directory, programs built.
mod place;

/// Running other programs, and saying how long a step took.
mod step;

/// Programs of the operating system that some checks need.
mod debian;

/// How many tests passed, failed and were skipped.
mod counts;

/// Build the programs and play the demo.
mod demo;

/// The rules of this repository that no compiler knows.
mod tidy;

/// Run every test and count.
mod test;

/// Write what is generated from the code, or compare it.
mod codegen;

/// All gates in a row.
mod ci;

/// Break the running node on purpose and judge what is left.
mod faults;

/// What one node does on this machine.
mod bench;

/// Build what is handed out.
mod dist;

/// One command: its name, its arguments, what it does, how.
struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(&place::Place, &[String]) -> ExitCode,
}

static COMMANDS: &[Command] = &[
    Command { name: "demo", usage: "[--once]", about: "Build and play the demo", run: demo::run },
    Command { name: "test", usage: "", about: "Tidy, then every test; counts on the last line", run: test::run },
    Command { name: "ci", usage: "", about: "All gates in a row; stops at the first red one", run: ci::run },
    Command { name: "tidy", usage: "", about: "Rules that no compiler knows", run: tidy::run },
    Command {
        name: "codegen",
        usage: "[--check]",
        about: "Write error pages, reference and schemas from the code, or compare them",
        run: codegen::run,
    },
    Command {
        name: "bench",
        usage: "[--quick] [--runs N]",
        about: "Measure what one node does on this machine",
        run: bench::run,
    },
    Command {
        name: "faults",
        usage: "kill [--kills N] [--seed S]",
        about: "Kill a node under load, again and again, and judge what arrived",
        run: faults::run,
    },
    Command {
        name: "faults",
        usage: "power [--cuts N] [--seed S]",
        about: "Cut its power instead, on ext4 and on xfs",
        run: faults::run,
    },
    Command {
        name: "faults",
        usage: "mutants [NAME…]",
        about: "Build broken nodes; each must be caught",
        run: faults::run,
    },
    Command { name: "dist", usage: "", about: "Build the release program", run: dist::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(name) = arguments.first() else {
        print_commands();
        return ExitCode::from(2);
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("error: there is no command `{name}`\n");
        print_commands();
        return ExitCode::from(2);
    };
    match place::Place::find() {
        Ok(place) => (command.run)(&place, &arguments[1..]),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn print_commands() {
    eprintln!("cargo xtask <command>\n");
    for command in COMMANDS {
        eprintln!("  {:<36} {}", format!("{} {}", command.name, command.usage), command.about);
    }
}

/// Ends with a usage error unless every argument is one of `known`.
fn only_known(arguments: &[String], known: &[&str]) -> Result<(), ExitCode> {
    match arguments.iter().find(|argument| !known.contains(&argument.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            eprintln!("error: `{unknown}` is not known here; known: {}", known.join(" "));
            Err(ExitCode::from(2))
        }
    }
}
