//! How one transaction came from another: rows `lineage(parent, child, kind)`.

/// Why a child exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineageKind {
    /// The child is part of the parent (a file split, a batch).
    Split,
    /// The child sums up the parent with others.
    Summary,
    /// The child replaces the parent with corrected content.
    Correction,
    /// The child reverses the parent.
    Reversal,
    /// The child is the parent processed again.
    Replay,
    /// The parent repeats the child, which carries both on.
    Repeat,
    /// The child brought a target's word on the parent.
    Answer,
}

impl LineageKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Split, Self::Summary, Self::Correction, Self::Reversal, Self::Replay, Self::Repeat, Self::Answer];

    /// The kind that a stored word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word in database and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Summary => "summary",
            Self::Correction => "correction",
            Self::Reversal => "reversal",
            Self::Replay => "replay",
            Self::Repeat => "repeat",
            Self::Answer => "answer",
        }
    }
}
