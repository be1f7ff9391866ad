//! One run of the program.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a run left.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The program with nothing of the caller's settings.
pub fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lineshaft"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null()).env_clear().env("USER", "anna");
    command
}

pub fn run(directory: &Path, arguments: &[&str]) -> Ended {
    let output = command(directory, arguments).output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
