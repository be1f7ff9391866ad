//! One look into a directory: which files stand there and may be taken, in the order in which they are.
//!
//! However many stand there, no more than [`FILES_MAX`] are kept: the first ones. Those that failed before come last, so
//! that many bad ones cannot hide a good one.

use std::collections::{BTreeSet, BinaryHeap};

use lineshaft_model::connection::files::Order;
use rustix::fd::OwnedFd;
use rustix::fs::Dir;
use rustix::io::Errno;

use super::beneath::{State, no_file, stat};
use super::wanted::Wanted;

/// Files that one look brings, at most.
pub(super) const FILES_MAX: usize = 10_000;

/// Entries that one look tells of which are no files, at most.
const STRANGE_MAX: usize = 100;

/// A file that may be taken. Ordered as files are taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    failed_before: bool,
    /// Zero where the order is that of names.
    rank: i128,
    pub(super) name: String,
    pub(super) state: State,
}

/// What one look brought.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// In the order in which they are taken.
    pub(super) files: Vec<Found>,
    /// What has a wanted name and can never be taken, and why.
    pub(super) strange: Vec<(String, String)>,
}

/// Looks into `directory`. `failed` are names that could not be taken before.
pub(super) fn look(
    directory: &OwnedFd,
    wanted: &Wanted,
    order: Order,
    failed: &BTreeSet<String>,
) -> Result<Look, Errno> {
    let mut first = BinaryHeap::new();
    let mut strange = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else {
            let shown = entry.file_name().to_string_lossy().into_owned();
            strange.push((shown, "a file whose name is not UTF-8".to_owned()));
            strange.truncate(STRANGE_MAX);
            continue;
        };
        if !wanted.takes(name) {
            continue;
        }
        match entry_state(directory, wanted, name) {
            Ok(None) => {}
            Ok(Some(state)) => {
                let rank = if order == Order::Modified { state.modified } else { 0 };
                first.push(Found { failed_before: failed.contains(name), rank, name: name.to_owned(), state });
                if first.len() > FILES_MAX {
                    first.pop();
                }
            }
            Err(what) => {
                strange.push((name.to_owned(), what));
                strange.truncate(STRANGE_MAX);
            }
        }
    }
    Ok(Look { files: first.into_sorted_vec(), strange })
}

/// The state of a file that may be taken; `None` if it vanished or lacks its marker. The error says what else it is.
fn entry_state(directory: &OwnedFd, wanted: &Wanted, name: &str) -> Result<Option<State>, String> {
    if name.chars().any(char::is_control) {
        return Err("a file whose name holds control characters".to_owned());
    }
    let unknown = |error: Errno| format!("of unknown kind ({error})");
    let Some(found) = stat(directory, name).map_err(unknown)? else { return Ok(None) };
    if let Some(what) = no_file(&found) {
        return Err(what.to_owned());
    }
    if let Some(ending) = &wanted.marker {
        let marker = stat(directory, &format!("{name}{ending}")).map_err(unknown)?;
        if marker.is_none_or(|marker| no_file(&marker).is_some()) {
            return Ok(None);
        }
    }
    Ok(Some(State::of(&found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_brings_the_first_files_and_those_that_failed_last() {
        let place = tempfile::tempdir().expect("directory");
        for number in 0..FILES_MAX + 50 {
            std::fs::File::create(place.path().join(format!("{number:05}"))).expect("makes");
        }
        let settings = serde_json::from_str(r#"{"directory":"."}"#).expect("settings");
        let directory = OwnedFd::from(std::fs::File::open(place.path()).expect("opens"));
        let failed: BTreeSet<String> = (0..100).map(|number| format!("{number:05}")).collect();
        let found = look(&directory, &Wanted::new(&settings), Order::Name, &failed).expect("looks").files;
        assert_eq!(found.len(), FILES_MAX);
        assert_eq!(found[0].name, "00100");
        assert_eq!(found[FILES_MAX - 51].name, format!("{:05}", FILES_MAX + 49), "every good one");
        assert_eq!(found[FILES_MAX - 1].name, "00049", "and as many of the bad ones as fit");
    }
}
