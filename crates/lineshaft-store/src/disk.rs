//! Room on the disk (RS1). New documents are refused while there is little; what was accepted goes on, in the room of a
//! ballast: a file that does nothing but be given up when the disk is full, and be made again when there is room.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

/// Name of the ballast in the data directory.
const BALLAST: &str = "lineshaft.ballast";

/// The share in use from which on new documents are refused, where the installation does not say, in percent.
const REFUSE_ABOVE_PERCENT: u64 = 95;

/// With so much room nothing is refused, however large the disk is, unless the installation names a share itself.
const ENOUGH_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Without ballast: the room that a full disk must have before it is tried again.
const TRY_AGAIN_BYTES: u64 = 1024 * 1024;

/// What the installation says about the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskRules {
    /// Size of the ballast; none if 0.
    pub ballast_bytes: u64,
    /// The share in use, in percent, from which on new documents are refused.
    pub refuse_above_percent: Option<u8>,
}

/// What a look at the disk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Size of the file system, in bytes.
    pub total: u64,
    /// What is free of it for us, in bytes.
    pub free: u64,
    /// What is free inside the database file, in bytes.
    pub free_inside: u64,
    /// The ballast.
    pub ballast: Ballast,
    /// Whether new documents are refused.
    pub refusing: bool,
}

/// What became of the ballast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ballast {
    /// There is none: not wanted, or the file system cannot reserve room.
    Off,
    /// In place.
    InPlace,
    /// Given up; made again when there is twice its size.
    GivenUp,
}

impl Ballast {
    /// The word in API and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::InPlace => "in place",
            Self::GivenUp => "given up",
        }
    }
}

/// The disk under one data directory.
#[derive(Debug)]
pub(crate) struct Disk {
    directory: PathBuf,
    ballast: PathBuf,
    rules: DiskRules,
    refusing: AtomicBool,
    cannot_reserve: AtomicBool,
    /// Documents refused since they were last written down.
    refused: AtomicU64,
    /// What the latest look found.
    room: Mutex<Option<Room>>,
}

impl Disk {
    pub(crate) fn new(directory: &Path, rules: DiskRules) -> Self {
        Self {
            directory: directory.to_owned(),
            ballast: directory.join(BALLAST),
            rules,
            refusing: AtomicBool::new(false),
            cannot_reserve: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            room: Mutex::default(),
        }
    }

    /// What the latest look found; `None` before the first.
    pub(crate) fn room(&self) -> Option<Room> {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether new documents are refused.
    pub(crate) fn refuses(&self) -> bool {
        self.refusing.load(Ordering::Acquire)
    }

    /// Notes refused documents; a later commit writes them down.
    pub(crate) fn note_refused(&self, documents: u64) {
        self.refused.fetch_add(documents, Ordering::AcqRel);
    }

    /// Refused documents that are not written down yet.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Acquire)
    }

    /// Hands them to the commit that writes them down.
    pub(crate) fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::AcqRel)
    }

    /// The disk is full: new documents are refused from now on, and what was accepted gets the room of the ballast.
    pub(crate) fn is_full(&self) {
        self.refusing.store(true, Ordering::Release);
        match std::fs::remove_file(&self.ballast) {
            Ok(()) => tracing::error!(ballast = %self.ballast.display(), "the disk is full: the ballast is given up"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(%error, "the ballast cannot be given up"),
        }
    }

    /// Looks how much room there is, makes the ballast where there is enough, and decides whether documents are taken
    /// in. `full`: the latest commit found no room. `free_inside`: what the database file itself has room for.
    pub(crate) fn look(&self, full: bool, free_inside: u64) -> io::Result<Room> {
        let found = statvfs(&self.directory)?;
        let (total, mut free) = (found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize);
        let before = self.in_place();
        let ballast = self.keep_ballast(free)?;
        if ballast == Ballast::InPlace && !before {
            free = free.saturating_sub(self.rules.ballast_bytes);
        }
        let refusing = is_too_full(self.rules, total, free.saturating_add(free_inside))
            || ballast == Ballast::GivenUp
            || (ballast == Ballast::Off && full && free < TRY_AGAIN_BYTES);
        if self.refusing.swap(refusing, Ordering::AcqRel) != refusing {
            tracing::warn!(refusing, free, total, ballast = ballast.as_str(), "room on the disk");
        }
        let room = Room { total, free, free_inside, ballast, refusing };
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = Some(room);
        Ok(room)
    }

    fn in_place(&self) -> bool {
        std::fs::metadata(&self.ballast).is_ok_and(|data| data.len() == self.rules.ballast_bytes)
    }

    fn keep_ballast(&self, free: u64) -> io::Result<Ballast> {
        let wanted = self.rules.ballast_bytes;
        if wanted == 0 || self.cannot_reserve.load(Ordering::Acquire) {
            remove_if_there(&self.ballast)?;
            return Ok(Ballast::Off);
        }
        if self.in_place() {
            return Ok(Ballast::InPlace);
        }
        // One of another size is from before the settings changed.
        remove_if_there(&self.ballast)?;
        if free / 2 < wanted {
            return Ok(Ballast::GivenUp);
        }
        match self.reserve(wanted) {
            Ok(()) => Ok(Ballast::InPlace),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                tracing::warn!("this file system cannot reserve room: there is no ballast");
                self.cannot_reserve.store(true, Ordering::Release);
                remove_if_there(&self.ballast)?;
                Ok(Ballast::Off)
            }
            Err(error) => {
                tracing::warn!(%error, "the ballast cannot be made");
                remove_if_there(&self.ballast)?;
                Ok(Ballast::GivenUp)
            }
        }
    }

    fn reserve(&self, bytes: u64) -> Result<(), Errno> {
        let open = || -> io::Result<File> { OpenOptions::new().write(true).create_new(true).open(&self.ballast) };
        let file = open().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        fallocate(&file, FallocateFlags::empty(), 0, bytes)
    }
}

fn is_too_full(rules: DiskRules, total: u64, free: u64) -> bool {
    let (percent, enough) = match rules.refuse_above_percent {
        Some(percent) => (u64::from(percent), u64::MAX),
        None => (REFUSE_ABOVE_PERCENT, ENOUGH_BYTES),
    };
    free < enough && free < total / 100 * 100_u64.saturating_sub(percent)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * 1024 * 1024;

    fn rules(refuse_above_percent: Option<u8>) -> DiskRules {
        DiskRules { ballast_bytes: 0, refuse_above_percent }
    }

    #[test]
    fn rs1_a_share_in_use_is_too_much_but_a_large_disk_has_room_at_any_share() {
        assert!(is_too_full(rules(None), 40 * GIB, GIB));
        assert!(!is_too_full(rules(None), 40 * GIB, 3 * GIB));
        assert!(!is_too_full(rules(None), 2000 * GIB, 5 * GIB), "5 GiB are enough");
        assert!(is_too_full(rules(Some(95)), 2000 * GIB, 5 * GIB), "the installation says so itself");
        assert!(!is_too_full(rules(Some(100)), 40 * GIB, 0));
    }

    #[test]
    fn rs1_the_ballast_is_made_given_up_and_made_again() {
        let directory = tempfile::tempdir().expect("directory");
        let disk =
            Disk::new(directory.path(), DiskRules { ballast_bytes: 1024 * 1024, refuse_above_percent: Some(100) });
        let ballast = || disk.look(false, 0).map(|room| (room.ballast, room.refusing));
        let size = || std::fs::metadata(directory.path().join(BALLAST)).map(|data| data.len()).ok();
        let first = ballast().expect("looks");
        if first.0 == Ballast::Off {
            println!("SKIP: this file system cannot reserve room");
            return;
        }
        assert_eq!((first, size()), ((Ballast::InPlace, false), Some(1024 * 1024)));
        disk.is_full();
        assert_eq!((disk.refuses(), size()), (true, None));
        assert_eq!((ballast().expect("looks"), size()), ((Ballast::InPlace, false), Some(1024 * 1024)));
        let none = Disk::new(directory.path(), DiskRules { ballast_bytes: 0, refuse_above_percent: Some(100) });
        assert_eq!(none.look(false, 0).map(|room| room.ballast).ok(), Some(Ballast::Off));
        assert_eq!(size(), None, "one that is not wanted any more is removed");
    }
}
