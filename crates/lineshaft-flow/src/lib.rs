//! The path of one transaction: decode, split, validate, map, judge, route, render.
//!
//! Pure: the same project, catalog and intake make the same result. No clock, no disk, no network, no randomness.

/// One thing wrong in a project file, told so that a person can correct it.
pub mod problem;

/// Project files: what the user wrote, what we checked, what runs.
pub mod spec;

/// What runs: the compiled project.
pub mod project;

/// The path itself, as one sentence.
pub mod process;

/// Bytes to a tree.
mod decode;

/// One intake, many transactions.
mod split;

/// Business keys, site and the sender's key, read before mapping.
mod identify;

/// Tree to canonical event, canonical event to a receiver's document: VRL with our own functions.
pub mod map;

/// JSON Schema 2020-12 over decoded documents.
pub mod schema;

/// May it happen, given what is known of the order, the batch, the stock?
pub mod judge;

/// Which transaction another takes back, and what becomes of that at each receiver.
pub mod reversal;

/// Which receivers care about an event.
mod route;

/// Canonical event to the bytes one receiver expects.
pub mod render;
