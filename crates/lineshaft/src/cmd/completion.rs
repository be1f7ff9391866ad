//! `lineshaft completion`: words for the shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::exit::Exit;

/// Write the completion script of a shell.
#[derive(Args)]
pub struct Completion {
    /// The shell
    shell: Shell,
}

/// Writes the script to standard output.
pub fn run(args: &Completion) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "lineshaft", &mut script);
    crate::print::out(&String::from_utf8_lossy(&script));
    Exit::Ok
}
