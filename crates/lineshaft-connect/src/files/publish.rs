//! One file, published whole or not at all: written under a name that nobody takes, flushed, renamed, flushed again.
//!
//! What an error means for the document is decided here and nowhere else: before the rename nothing was published; in
//! the rename it depends on the error; after it the file is there, and only its durability is open.

use std::fs::File;
use std::io::{self, Read, Write};

use lineshaft_model::delivery::{Outcome, Probe};
use lineshaft_model::fault::{Code, Fault};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{Root, file, flush_directory, no_file, rename_new, stat};

/// Where one interface's documents go.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) root: Root,
    pub(super) directory: String,
    pub(super) taken_to: Option<String>,
}

/// What stands at a name.
enum Standing {
    Nothing,
    /// The document itself.
    Same,
    /// Something else; for a person.
    Other(&'static str),
}

/// Publishes `body` as `name`. `key` is in the name of the unfinished file, so that a later attempt finds and removes it.
pub(super) fn publish(place: &Place, name: &str, key: &str, body: &[u8]) -> Outcome {
    let directory = match place.root.directory(&place.directory) {
        Ok(directory) => directory,
        Err(error) => return unreachable(&place.directory, error),
    };
    match place.taken(name, body) {
        Ok(Some(true)) => return delivered(name),
        Ok(_) => {}
        Err(error) => return unreachable(place.taken_to.as_deref().unwrap_or_default(), error),
    }
    match standing(&directory, name, body) {
        Ok(Standing::Nothing) => {}
        Ok(Standing::Same) => return published(&directory, name),
        Ok(Standing::Other(what)) => return occupied(name, what),
        Err(error) => return unknown(name, &format!("what stands there cannot be read: {error}")),
    }
    let unfinished = format!(".{name}.tmp-{key}");
    if let Err(error) = write(&directory, &unfinished, body) {
        remove(&directory, &unfinished);
        return Outcome::Unreachable(fault(Code::DeliverUnreachable, name, &format!("it cannot be written: {error}")));
    }
    match rename_new(&directory, &unfinished, &directory, name) {
        Ok(()) => published(&directory, name),
        Err(Errno::EXIST) => {
            remove(&directory, &unfinished);
            match standing(&directory, name, body) {
                Ok(Standing::Same) => published(&directory, name),
                Ok(Standing::Other(what)) => occupied(name, what),
                // It stood there a moment ago: somebody took it, and it may have been ours.
                Ok(Standing::Nothing) => unknown(name, "a file of this name came and went"),
                Err(error) => unknown(name, &format!("what stands there cannot be read: {error}")),
            }
        }
        Err(error) if certainly_not_done(error) => {
            remove(&directory, &unfinished);
            Outcome::Unreachable(fault(Code::DeliverUnreachable, name, &format!("it cannot be renamed: {error}")))
        }
        Err(error) => unknown(name, &format!("the rename failed: {error}")),
    }
}

/// Whether an earlier attempt published `name` with these bytes.
pub(super) fn probe(place: &Place, name: &str, body: &[u8]) -> Probe {
    let found = || Probe::Found { receipt: Some(name.to_owned()) };
    let cannot = |why: String| Probe::NotAnswered(fault(Code::DeliverNoAnswer, name, &why));
    let directory = match place.root.directory(&place.directory) {
        Ok(directory) => directory,
        Err(error) => return cannot(format!("the directory {:?} cannot be opened: {error}", place.directory)),
    };
    // First where it is put, then where it is taken to: it moves in this direction only.
    match standing(&directory, name, body) {
        Ok(Standing::Same) => return found(),
        Ok(Standing::Nothing | Standing::Other(_)) => {}
        Err(error) => return cannot(format!("what stands there cannot be read: {error}")),
    }
    match place.taken(name, body) {
        Ok(Some(true)) => found(),
        Ok(Some(false)) => Probe::Absent,
        Ok(None) => {
            let why = "it is not there, but the receiver may have taken it";
            Probe::CannotTell(fault(Code::DeliverNoAnswer, name, why))
        }
        Err(error) => cannot(format!("where the receiver puts what it took cannot be read: {error}")),
    }
}

impl Place {
    /// Whether the receiver has taken it; `None` if nobody can know.
    fn taken(&self, name: &str, body: &[u8]) -> io::Result<Option<bool>> {
        let Some(taken_to) = &self.taken_to else { return Ok(None) };
        let directory = self.root.directory(taken_to)?;
        Ok(Some(matches!(standing(&directory, name, body)?, Standing::Same)))
    }
}

fn standing(directory: &OwnedFd, name: &str, body: &[u8]) -> io::Result<Standing> {
    let Some(found) = stat(directory, name)? else { return Ok(Standing::Nothing) };
    if let Some(what) = no_file(&found) {
        return Ok(Standing::Other(what));
    }
    let opened = match file(directory, name) {
        Ok(opened) => opened,
        Err(Errno::NOENT) => return Ok(Standing::Nothing),
        Err(error) => return Err(error.into()),
    };
    let found = rustix::fs::fstat(&opened)?;
    let other = Standing::Other("a file with other content");
    if no_file(&found).is_some() || u64::try_from(found.st_size).ok() != u64::try_from(body.len()).ok() {
        return Ok(other);
    }
    let mut there = Vec::with_capacity(body.len());
    File::from(opened).take(found.st_size.unsigned_abs() + 1).read_to_end(&mut there)?;
    Ok(if there == body { Standing::Same } else { other })
}

fn write(directory: &OwnedFd, unfinished: &str, body: &[u8]) -> io::Result<()> {
    // What an earlier attempt of this document left behind.
    match rustix::fs::unlinkat(directory, unfinished, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let mut file = File::from(rustix::fs::openat(directory, unfinished, flags, mode)?);
    file.write_all(body)?;
    file.sync_all()
}

/// Errors that a rename gives before it does anything. Others may come from a server that has done it.
fn certainly_not_done(error: Errno) -> bool {
    let before = [
        Errno::ACCESS,
        Errno::PERM,
        Errno::ROFS,
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::NOENT,
        Errno::NOTDIR,
        Errno::INVAL,
        Errno::NAMETOOLONG,
    ];
    before.contains(&error)
}

/// What is left over is hidden, and the next attempt removes it.
fn remove(directory: impl AsFd, unfinished: &str) {
    if let Err(error) = rustix::fs::unlinkat(directory, unfinished, AtFlags::empty())
        && error != Errno::NOENT
    {
        tracing::debug!(%error, file = unfinished, "an unfinished file stays for now");
    }
}

fn published(directory: &OwnedFd, name: &str) -> Outcome {
    match flush_directory(directory) {
        Ok(()) => delivered(name),
        Err(error) => unknown(name, &format!("the directory cannot be flushed: {error}")),
    }
}

fn delivered(name: &str) -> Outcome {
    Outcome::Delivered { receipt: Some(name.to_owned()) }
}

fn occupied(name: &str, what: &str) -> Outcome {
    let said = format!("{what} stands there already");
    Outcome::Refused { fault: fault(Code::DeliverRejected, name, &said), retry_after: None }
}

fn unreachable(directory: &str, error: impl Into<io::Error>) -> Outcome {
    let said = format!("the directory {directory:?} cannot be opened: {}", error.into());
    Outcome::Unreachable(Fault::new(Code::DeliverUnreachable, said))
}

fn unknown(name: &str, why: &str) -> Outcome {
    Outcome::Unknown(fault(Code::DeliverNoAnswer, name, why))
}

fn fault(code: Code, name: &str, why: &str) -> Fault {
    Fault::new(code, format!("{name}: {why}"))
}
