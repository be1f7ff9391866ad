//! The `files` connector: documents in and out by directory.
//!
//! **Taking files** ([`crate::files::FilesSource`]). A directory below the system's root is looked into again and again.
//! A file is taken when its sender has finished it: it has stayed the same for a while (`stable_for`), a marker stands
//! beside it (`marker`), or it has just been renamed to its name (`renamed`). Names with a leading dot, `.tmp` and
//! `.part` are never taken. One file is one intake, which may hold many transactions: rows of CSV, `split`, `parts`.
//!
//! | what happens to a file | where it goes |
//! |---|---|
//! | it is stored (readable or not, new or a repeat) | `done`, after the commit |
//! | it is refused: unreadable and `unreadable: stop`, its key used with other content | `failed`, with `NAME.reason.txt` |
//! | it is larger than `file_bytes_max`, or no gzip where gzip is declared | `failed`, with `NAME.reason.txt` |
//! | nothing can be stored just now (full disk) | it stays, and is taken again |
//! | it cannot be opened, or vanishes, or changes while it is read | it stays, is told once, and holds nothing up |
//! | it is a link, a directory, a pipe, a device, or its name is not UTF-8 | it stays and is told once |
//!
//! A name that is there already in `done` or `failed` is not overwritten: the newcomer gets the time behind its name.
//! Nobody but you clears `done` and `failed`. A file of 0 bytes is a file: what its format makes of it decides.
//!
//! **What identifies a file** stands in `docs/decisions/0010`: its name and content make the key by which a repeat is
//! recognised; the cursor names the file that was stored last, so that a node that died before it could move the file
//! moves it at its next start and does not take it twice.
//!
//! **Giving files** ([`crate::files::FilesDestination`]). A document is written as `.NAME.tmp-KEY`, flushed, and renamed to
//! its name without replacing anything; then the directory is flushed. A file of this name with the same bytes is the
//! document itself, from an earlier attempt; one with other bytes is a refusal, and a person decides.
//!
//! | what the receiver does | declare |
//! |---|---|
//! | it takes a file that it has seen before without a second effect: by its name, by a number in it | T2, `{target_key}` in the name |
//! | it moves what it has taken to another directory below the root, under the same name | T2 with `taken_to`; or T3, then it is asked and nothing is written on a guess |
//! | it deletes or renames what it has taken, and takes the same file again if it comes again | T4 |
//!
//! A full disk, a missing directory and a missing permission mean that nothing was published; the document waits and
//! goes out by itself later. A directory that is missing is never made: it may be a share that is not mounted.
//!
//! A node that dies in the middle of an attempt leaves the unfinished file, which the next attempt replaces. Files get the
//! permissions that the umask of the node, or a default ACL of the directory, leaves them.
//!
//! **Limits.** A file is read whole, at most `file_bytes_max` (64 MiB; 1 GiB at most), and processed at once. What that
//! takes goes with its transactions more than with its bytes: some 4 KB of memory for each until all are stored; a CSV
//! file of 80,000 rows and 2.4 MB was seen to take 290 MB. What its format cannot hold (500,000 cells of CSV, 500,000
//! nodes of XML, 100,000 of JSON) is kept whole, as one transaction that waits for a person. 10,000 files are looked at
//! in one go; more are found as those go. Names of received files may be any UTF-8 without control characters; names of
//! written ones are letters, digits and `-_.`, at most 180 bytes.
//!
//! **Links.** Every directory below the root is opened step by step, and every file in it, without following a link
//! (IN-8). The root itself may be one. On file systems that cannot rename without replacing (NFS), a hard link does
//! the same; where there are none either, the name is looked for just before the rename.
//!
//! **Deliberately absent:** being told by the system of new files (network shares cannot), reading a file in pieces,
//! archives with many files, other directories than one for each interface, and clearing up.

/// Directories and files below a root.
mod beneath;

/// Inbound: which names are taken.
mod wanted;

/// Inbound: one look into a directory.
mod look;

/// Inbound: reading one file.
mod take;

/// Inbound: moving what was taken out of the way.
mod put_away;

/// Inbound: one emitting interface.
mod source;

/// Outbound: one file, published or not.
mod publish;

/// Outbound: one receiving interface.
mod destination;

pub use destination::FilesDestination;
pub use source::FilesSource;

use crate::ConnectorSpec;

/// The connector's entry in [`crate::CONNECTORS`].
pub static SPEC: ConnectorSpec =
    ConnectorSpec { name: "files", about: "Files, by directory", source: true, destination: true };
