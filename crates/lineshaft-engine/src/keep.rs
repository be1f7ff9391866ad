//! Housekeeping, one duty for each file.

/// At start: what an earlier life of the node left in the middle.
pub(crate) mod rescue;

/// At start: what waits for interfaces that have left the project.
pub(crate) mod stranded;
