//! Build the two programs and play the demo.
//!
//! The machine needs Rust and a C compiler (the database and the compression library are C), nothing else.

use std::process::{Command, ExitCode, Stdio};

use crate::place::{PROFILE, Place};
use crate::step;

/// `cargo xtask demo [--once]`: passes the demo's exit code on.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    if let Err(code) = crate::only_known(arguments, &["--once"]) {
        return code;
    }
    match build(place) {
        Ok(()) => step::pass_on(Command::new(place.program("lineshaft")).arg("demo").args(arguments)),
        Err(message) => step::failed(&message),
    }
}

/// Builds `lineshaft` and `lineshaft-standin`.
pub fn build(place: &Place) -> Result<(), String> {
    build_with(place, &[])
}

/// Builds them and the programs of `more` packages, at once: apart, cargo would compile what they share twice.
pub fn build_with(place: &Place, more: &[&str]) -> Result<(), String> {
    need_c_compiler()?;
    let packages = ["lineshaft", "lineshaft-standin"].iter().chain(more).flat_map(|name| ["--package", name]);
    step::succeed(&mut place.cargo(["build", "--profile", PROFILE, "--locked", "--bins"].into_iter().chain(packages)))
}

/// Cargo needed a linker to build this program, but that may have another name; the C libraries want `cc`.
fn need_c_compiler() -> Result<(), String> {
    if std::env::var_os("CC").is_some() || answers("cc") {
        return Ok(());
    }
    let missing = "no C compiler: `cc` is not in PATH. On Debian: apt-get install gcc libc6-dev";
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !root || !answers("apt-get") {
        return Err(missing.to_owned());
    }
    eprintln!("installing a C compiler: apt-get install -y gcc libc6-dev");
    let install = || step::succeed(Command::new("apt-get").args(["install", "-y", "gcc", "libc6-dev"]));
    // A fresh machine has no package lists; an old one may have no network. So: try, fetch the lists, try again.
    install().or_else(|_| {
        step::succeed(Command::new("apt-get").arg("update"))?;
        install()
    })
}

fn answers(program: &str) -> bool {
    let quiet = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}
