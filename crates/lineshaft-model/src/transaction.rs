//! One business event end to end.

/// The state of a transaction: always exactly one of these (OT2).
///
/// Only a [`Processed`](Self::Processed) transaction has deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionState {
    /// On disk, not processed yet.
    Accepted,
    /// Could not be processed; waits for a person or for the reference it names. Keeps its key back for all receivers.
    Parked,
    /// Planned: its deliveries carry it on.
    Processed,
    /// Counted into another transaction (a summary), which carries it on.
    Absorbed,
    /// Given up by a person, with an audit entry.
    Discarded,
    /// Replaced by a corrected or newer transaction.
    Superseded,
}

impl TransactionState {
    /// Every state, in the order of the life cycle.
    pub const ALL: [Self; 6] =
        [Self::Accepted, Self::Parked, Self::Processed, Self::Absorbed, Self::Discarded, Self::Superseded];

    /// The word in database, API and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Parked => "parked",
            Self::Processed => "processed",
            Self::Absorbed => "absorbed",
            Self::Discarded => "discarded",
            Self::Superseded => "superseded",
        }
    }

    /// The state that a stored word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether later transactions of the same key must wait.
    pub const fn keeps_key_back(self) -> bool {
        matches!(self, Self::Accepted | Self::Parked)
    }
}

/// What was in force when a transaction was processed. Recorded with it, so that a result can be explained later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// Hash of the project files.
    pub project: String,
    /// Hash of the map that made the canonical event.
    pub map: String,
    /// Version of the data-boundary policy; `none` while no policy is installed.
    pub policy: String,
    /// Number of the reference-data snapshot, see [`crate::catalog::Catalog::version`].
    pub catalog: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for state in TransactionState::ALL {
            assert_eq!(TransactionState::from_word(state.as_str()), Some(state));
        }
    }
}
