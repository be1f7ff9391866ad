//! Everything durable. One write verb: a list of typed [`Change`]s, committed by one writer thread in groups, one
//! fsync each. What it hands back is wrapped in [`Durable`], which only a finished commit can make: acknowledging
//! before the fsync does not compile.
//!
//! The only crate with SQL. Deliberately absent: business decisions, protocols, retries. What a change does follows
//! from the row it meets and from what the caller decided; see `lineshaft_model::lifecycle` for the deciding.

/// What can be changed, and what a change came to.
pub mod change;

/// Payload bytes: compressed on the caller's thread, checked whenever they are read.
pub mod payload;

/// Ordered, checksummed migrations.
mod migrate;

/// Room on the disk, and the ballast.
mod disk;

/// What stands beside the database: its latest commit, and damage that was found.
mod mark;

/// What is being processed before it is stored, for when that ends the process.
pub mod in_work;

/// The writer thread: group commit.
mod writer;

/// What each change does inside the commit.
mod apply;

/// How object state stands in its columns.
mod object_text;

/// What removed rows of the ledger come to.
mod checkpoint;

/// Plain functions for reading, one file for each noun.
pub mod read;

/// Opening a store and handing it changes.
mod store;

/// Whether a database is sound: its pages, its books, every document.
pub mod check;

/// Copying what is readable of a damaged database.
pub mod salvage;

pub use change::{Change, Effect};
pub use disk::{Ballast, DiskRules, Room};
pub use payload::Payload;
pub use store::{Store, StoreError};
pub use writer::Durable;
