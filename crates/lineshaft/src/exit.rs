//! Exit codes: what a script may rely on.

use std::fmt;
use std::process::ExitCode;

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Failed; the last line says why.
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Not permitted: the token is missing or wrong.
    Denied = 4,
    /// Not possible in the state it is in.
    Conflict = 5,
    /// Some items failed.
    Partial = 6,
    /// The node cannot be reached.
    Unreachable = 7,
    /// A check found problems.
    Problems = 8,
    /// A node stopped before everything on its way had ended.
    Unfinished = 9,
}

impl Exit {
    /// Every code with its meaning, for the reference page.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Ok, "done"),
        (Self::Failed, "failed; the last line says why"),
        (Self::Usage, "the command line cannot be understood"),
        (Self::NotFound, "there is no such thing"),
        (Self::Denied, "not permitted: the token is missing or wrong"),
        (Self::Conflict, "not possible in the state it is in"),
        (Self::Partial, "some items failed"),
        (Self::Unreachable, "the node cannot be reached"),
        (Self::Problems, "a check found problems"),
        (Self::Unfinished, "a node stopped before everything on its way had ended; it is found at the next start"),
    ];
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what was asked, told on standard error.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// Code of the fault in brackets; empty where there is none.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do; empty if the message says it.
    pub help: String,
}

impl Failure {
    /// A failure that says what happened.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, code: String::new(), message: message.into(), help: String::new() }
    }

    /// The same failure with what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error{}: {}", self.code, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "\n  = help: {}", self.help) }
    }
}
