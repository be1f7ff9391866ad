//! Directories and files below a root, opened one step at a time without following a link (IN-8).
//!
//! Everything here blocks; callers run it aside ([`aside`]). A directory is opened anew for each piece of work, so that a
//! share which was mounted meanwhile is seen.

use std::path::{Path, PathBuf};

use lineshaft_model::connection::SecretRef;
use lineshaft_model::connection::files::FilesConnection;
use lineshaft_model::fault::{Code, Fault};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use crate::contract::Surroundings;

/// Where everything of one system stands.
#[derive(Clone, Debug)]
pub(super) struct Root(PathBuf);

/// What shows that a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    /// Time of modification, in nanoseconds since 1970.
    pub(super) modified: i128,
    pub(super) size: u64,
}

impl State {
    pub(super) fn of(stat: &Stat) -> Self {
        let modified = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        Self { modified, size: u64::try_from(stat.st_size).unwrap_or(0) }
    }
}

impl Root {
    /// Reads the setting. Opens nothing yet.
    ///
    /// # Errors
    /// `DELIVER-011` for a reference that cannot be resolved, `PROJECT-001` for a root that is none.
    pub(super) fn open(surroundings: &Surroundings, connection: &FilesConnection) -> Result<Self, Fault> {
        let root = if connection.root.starts_with("env:") {
            surroundings.secrets.get(&SecretRef(connection.root.clone()))?.reveal().to_owned()
        } else {
            connection.root.clone()
        };
        let path = Path::new(&root);
        if path.components().any(|part| matches!(part, std::path::Component::ParentDir)) || path.parent().is_none() {
            return Err(Fault::new(Code::ProjectFile, "root: neither `/` nor a path with `..` can be the root"));
        }
        Ok(Self(surroundings.directory.join(path)))
    }

    /// The directory `below` the root. A link on the way is an error.
    pub(super) fn directory(&self, below: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut directory = rustix::fs::openat(CWD, &self.0, flags, Mode::empty())?;
        for part in below.split('/').filter(|part| *part != ".") {
            if part.is_empty() || part == ".." {
                return Err(Errno::INVAL);
            }
            directory = rustix::fs::openat(&directory, part, flags | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(directory)
    }
}

/// What stands at `name`, without following it; `None` if nothing does.
pub(super) fn stat(directory: impl AsFd, name: &str) -> Result<Option<Stat>, Errno> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a file for reading, be it whatever it is, without waiting for anybody: what it is says [`kind`].
pub(super) fn file(directory: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// What a directory entry is, if it is no file; for a person.
pub(super) fn no_file(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Symlink => Some("a link, and links are not followed"),
        FileType::Directory => Some("a directory"),
        FileType::Fifo => Some("a pipe"),
        _ => Some("no file"),
    }
}

/// Renames without replacing: [`Errno::EXIST`] if something stands at the new name.
pub(super) fn rename_new(from: impl AsFd, name: &str, to: impl AsFd, new: &str) -> Result<(), Errno> {
    let (from, to) = (from.as_fd(), to.as_fd());
    match rustix::fs::renameat_with(from, name, to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        done => return done,
    }
    match rustix::fs::linkat(from, name, to, new, AtFlags::empty()) {
        Ok(()) => {
            let gone = rustix::fs::unlinkat(from, name, AtFlags::empty());
            if gone.is_err() {
                // What cannot leave its place must not stand at two. If this fails as well, the first error says why.
                let _ = rustix::fs::unlinkat(to, new, AtFlags::empty());
            }
            return gone;
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM | Errno::MLINK) => {}
        failed => return failed,
    }
    match stat(to, new)? {
        Some(_) => Err(Errno::EXIST),
        None => rustix::fs::renameat(from, name, to, new),
    }
}

/// Makes what a directory says durable, where its file system can.
pub(super) fn flush_directory(directory: impl AsFd) -> Result<(), Errno> {
    match rustix::fs::fsync(directory) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(()),
        done => done,
    }
}

/// Runs `work`, which blocks, beside the tasks that do not.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Fault::new(Code::ReceiveStoreUnavailable, "work on files ended unexpectedly"))
}
