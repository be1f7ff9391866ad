//! Housekeeping, one duty for each file.

/// At start: what an earlier life of the node left in the middle.
pub(crate) mod rescue;
