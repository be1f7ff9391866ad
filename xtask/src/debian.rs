//! Programs of the operating system that some checks need: installed where that is allowed, named exactly where not.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::step;

/// A program, and the Debian package that brings it.
pub type Tool = (&'static str, &'static str);

/// Whether this process may do what only root may.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Sees to it that `tools` are there.
///
/// # Errors
/// Which are missing, and the command that brings them.
pub fn ensure(tools: &[Tool]) -> Result<(), String> {
    if missing(tools).is_empty() {
        return Ok(());
    }
    if is_root() {
        // A machine without package lists or network stays without; the next look says so.
        let _ = quietly(Command::new("apt-get").arg("update"));
        let _ = quietly(Command::new("apt-get").args(["install", "-y"]).args(packages(&missing(tools))));
    }
    match missing(tools).as_slice() {
        [] => Ok(()),
        left => {
            let names = left.iter().map(|(program, _)| *program).collect::<Vec<_>>().join(", ");
            Err(format!("{names} not found: apt-get install {}", packages(left).join(" ")))
        }
    }
}

/// Runs a command; what it says is shown only if it fails.
pub fn quietly(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{} could not start: {error}", step::words(command)))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(format!("{} ended with {}: {said}", step::words(command), output.status))
}

fn missing(tools: &[Tool]) -> Vec<Tool> {
    tools.iter().filter(|(program, _)| !is_there(program)).copied().collect()
}

fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let usual = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    std::env::split_paths(&paths).chain(usual).any(|directory| directory.join(program).is_file())
}

/// Each package once, in the order of the tools.
fn packages(tools: &[Tool]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for (_, package) in tools {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_missing_and_packages_are_named_once() {
        assert_eq!(missing(&[("sh", "dash"), ("no-such-program", "none")]), [("no-such-program", "none")]);
        assert_eq!(packages(&[("mount", "mount"), ("umount", "mount"), ("strace", "strace")]), ["mount", "strace"]);
        assert_eq!(ensure(&[("sh", "dash")]), Ok(()));
    }
}
