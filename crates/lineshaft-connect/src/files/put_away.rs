//! Moving a file out of the way once it is known what became of it: to `done`, or to `failed` with the reason beside it.
//!
//! A marker goes before its file does: a file without one waits at most, a marker without its file would call a later,
//! half-written file of the same name complete.

use std::io::Write;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::time::Timestamp;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::beneath::{State, flush_directory, rename_new, stat};

/// Where files go that were stored.
pub(super) const DONE: &str = "done";

/// Where files go that were refused.
pub(super) const FAILED: &str = "failed";

/// Names that are tried where one is taken, at most.
const NAMES_MAX: u32 = 1000;

/// Longest name that a file can have, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// A file of which it is known what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) name: String,
    /// What it was when it was read: another file of its name stays.
    pub(super) state: State,
    /// Why it was refused; `None` if it was stored.
    pub(super) refused: Option<Fault>,
}

/// Moves a file, and says where it is now. `None` if it is not there any more, or another one is.
///
/// # Errors
/// `RECEIVE-008` if it cannot be moved.
pub(super) fn put_away(
    directory: &OwnedFd,
    away: &Away,
    marker: Option<&str>,
    now: Timestamp,
) -> Result<Option<String>, Fault> {
    let to = if away.refused.is_some() { FAILED } else { DONE };
    let failed = |error: Errno| {
        Fault::new(Code::ReceiveFile, format!("the file cannot be moved to {to:?}: {error}")).at(away.name.clone())
    };
    let Some((target, name)) = moved(directory, to, away, marker, now).map_err(failed)? else { return Ok(None) };
    if let Some(fault) = &away.refused
        && let Err(error) = tell(&target, &name, fault, now)
    {
        tracing::warn!(%error, %fault, file = name, "refused, but the reason could not be written beside it");
    }
    flush_directory(&target).and_then(|()| flush_directory(directory)).map_err(failed)?;
    Ok(Some(format!("{to}/{name}")))
}

fn moved(
    directory: &OwnedFd,
    to: &str,
    away: &Away,
    marker: Option<&str>,
    now: Timestamp,
) -> Result<Option<(OwnedFd, String)>, Errno> {
    let is_it = |directory: &OwnedFd, name: &str| -> Result<bool, Errno> {
        Ok(stat(directory, name)?.is_some_and(|stat| State::of(&stat) == away.state))
    };
    if !is_it(directory, &away.name)? {
        return Ok(None);
    }
    let target = made(directory, to)?;
    if let Some(ending) = marker {
        match rustix::fs::unlinkat(directory, format!("{}{ending}", away.name), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    for number in 0..NAMES_MAX {
        let name = there(&away.name, number, now);
        match rename_new(directory, &away.name, &target, &name) {
            Ok(()) if is_it(&target, &name)? => return Ok(Some((target, name))),
            // A new file took its place in just this moment: it goes back, and is taken like any other.
            Ok(()) => return rename_new(&target, &name, directory, &away.name).map(|()| None),
            Err(Errno::EXIST) => {}
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Err(Errno::EXIST)
}

/// The directory `name`, made if it is not there. A link in its place is an error.
fn made(directory: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(directory, name, Mode::RWXU | Mode::RWXG | Mode::RWXO) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// The name in `done` or `failed`: its own, or with the time behind it where that is taken.
fn there(name: &str, number: u32, now: Timestamp) -> String {
    let time = now.to_rfc3339().replace([':', '-'], "");
    let suffix = match number {
        0 => return name.to_owned(),
        1 => format!(".{time}"),
        more => format!(".{time}-{more}"),
    };
    let room = NAME_BYTES_MAX.saturating_sub(suffix.len());
    let end = (0..=name.len().min(room)).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{suffix}", &name[..end])
}

/// Writes why a file was refused beside it.
fn tell(directory: &OwnedFd, name: &str, fault: &Fault, now: Timestamp) -> std::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let file = rustix::fs::openat(directory, format!("{name}.reason.txt"), flags, mode)?;
    let mut file = std::fs::File::from(file);
    let detail = if fault.detail.is_empty() { String::new() } else { format!("\n{}\n", fault.detail) };
    file.write_all(format!("{now}\n{fault}\n{}\n{detail}", fault.next_step()).as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_gets_the_time_and_stays_short_enough() {
        let now = Timestamp::from_millis(1_795_392_000_123);
        assert_eq!(there("a.csv", 0, now), "a.csv");
        assert_eq!(there("a.csv", 1, now), "a.csv.20261123T000000.123Z");
        assert_eq!(there("a.csv", 2, now), "a.csv.20261123T000000.123Z-2");
        let long = "ä".repeat(127);
        assert!(there(&long, 2, now).len() <= NAME_BYTES_MAX);
        assert!(there(&long, 2, now).starts_with("ää"));
    }
}
