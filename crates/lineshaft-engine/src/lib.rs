//! The running node, in the order in which a transaction meets it. Each module crosses one durable border:
//! `receive` stores first and acknowledges second, `process` commits state and deliveries in one transaction,
//! `deliver` makes one attempt at a time and lets the life cycle decide what follows.
//!
//! Deliberately absent: HTTP API types, command-line text, SQL, protocols.

/// Source to store: on disk first, acknowledged second.
mod receive;

/// What each source did last.
pub mod sources;

/// What a sender is told beyond the receipt.
mod reply;

/// One decision at a time on each order, batch or stock line.
mod objects;

/// Large intakes: stored first, taken apart after.
mod split;

/// Accepted transactions that must be processed (again).
mod process;

/// Store to outside system: one attempt, the outcome decides what happens next.
mod deliver;

/// Housekeeping, one duty for each file.
mod keep;

/// What a person commands.
pub mod act;

/// What everything on a node shares.
mod shared;

/// Start, health, drain, stop.
pub mod node;

pub use act::{Done, Refusal};
pub use keep::late::Seen;
/// The network of a node: its API listens on it, too.
pub use lineshaft_connect::net;
pub use node::{Node, Opening};
pub use shared::{Shared, gone};
