//! Two small files beside the database that tell what the database cannot tell of itself.
//!
//! `lineshaft.mark` holds the number of the latest commit, written after its fsync and never synced itself. So the
//! database may be newer than its mark, after any failure that we cover, and never older: if it is, commits that were
//! acknowledged are missing, because the log was lost or an older copy was put in its place.
//!
//! `lineshaft.damaged` says that damage was found in a page. A node does not start on such a database by itself: it
//! would serve until it meets the page again, end, and be started again for ever.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Name of the mark in the data directory.
pub(crate) const MARK: &str = "lineshaft.mark";

/// Name of the note about damage in the data directory.
pub(crate) const DAMAGED: &str = "lineshaft.damaged";

/// The mark of one database.
#[derive(Debug)]
pub(crate) struct Mark(File);

impl Mark {
    /// Opens the mark, or makes one, and says which commit it names. One that cannot be read names none.
    pub(crate) fn open(directory: &Path) -> io::Result<(Self, Option<u64>)> {
        let path = directory.join(MARK);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; 16];
        let commit = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => read(&bytes),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok((Self(file), commit))
    }

    /// Which commit the mark in a directory names; nothing is made or changed.
    pub(crate) fn read(directory: &Path) -> Option<u64> {
        let bytes = std::fs::read(directory.join(MARK)).ok()?;
        read(&bytes.try_into().ok()?)
    }

    /// Names the commit that is on disk now.
    pub(crate) fn set(&self, commit: u64) -> io::Result<()> {
        match self.0.write_all_at(&written(commit), 0) {
            // An older mark is as true, only weaker.
            Err(error) if error.kind() == ErrorKind::StorageFull => Ok(()),
            other => other,
        }
    }
}

/// The number, and the same turned inside out, so that a mark that was only half written is not believed.
fn written(commit: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&commit.to_be_bytes());
    bytes[8..].copy_from_slice(&(!commit).to_be_bytes());
    bytes
}

fn read(bytes: &[u8; 16]) -> Option<u64> {
    let word = |at: usize| bytes[at..at + 8].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    (word(0) == !word(8)).then(|| word(0))
}

/// Writes down that a page is damaged, unless it stands there already.
pub(crate) fn note_damage(directory: &Path, cause: &str) {
    let path = directory.join(DAMAGED);
    let noted = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| {
        use io::Write as _;
        writeln!(file, "{cause}")?;
        file.sync_all()
    });
    match noted {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => tracing::error!(%error, "damage cannot be noted"),
        _ => {}
    }
}

/// What was written down about damage.
pub(crate) fn noted_damage(directory: &Path) -> Option<(PathBuf, String)> {
    let path = directory.join(DAMAGED);
    let cause = std::fs::read_to_string(&path).ok()?;
    Some((path, cause.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_back_and_half_a_mark_is_none() {
        let directory = tempfile::tempdir().expect("directory");
        let open = || Mark::open(directory.path()).expect("opens");
        let (mark, none) = open();
        assert_eq!(none, None);
        for commit in [0, 1, 1 << 40] {
            mark.set(commit).expect("writes");
            assert_eq!(open().1, Some(commit));
        }
        mark.0.write_all_at(&[7], 3).expect("writes");
        assert_eq!(open().1, None);
    }
}
