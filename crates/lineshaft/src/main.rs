//! The `lineshaft` program: one file for each command, what they share beside them.
//!
//! Data goes to standard output, everything else to standard error. Deliberately absent: decisions about transactions,
//! and any way to a running node other than its API.

/// The commands.
mod cmd;

/// Exit codes: what a script may rely on.
mod exit;

/// Project files on disk.
mod folder;

/// A way to a running node.
mod client;

/// How lists, times and spans look.
mod print;

/// Two documents compared field by field.
mod diff;

/// Which parts of a document decide on which fields of a map's result.
mod lineage;

/// Reference pages made from the code.
mod pages;

use clap::Parser;

/// A node allocates on many threads at once; the C library's allocator took a fifth of its time (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cmd::Cli::parse().run()
}
