//! One (transaction, receiver) pair: its state, its target's class, and what one attempt can come to.

use std::time::Duration;

use crate::fault::Fault;
use crate::ids::DeliveryId;

/// The state of a delivery: always exactly one of these (promises, "Words").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// First of its key and due at a known time.
    Pending,
    /// An attempt is on its way: its intent is on disk.
    InFlight,
    /// Waits behind an earlier delivery of its key.
    Behind,
    /// Sent; the target's final answer is awaited.
    Sent,
    /// Nobody knows whether the last attempt took effect. Stable: a probe or a person decides.
    OutcomeUnknown,
    /// Stopped with a reason. Stable: a person or the arrival of a reference decides.
    Parked,
    /// Took effect at the target. Final.
    Delivered,
    /// Left out by a rule or a person. Final.
    Skipped,
    /// Given up by a person. Final.
    Discarded,
    /// Given up by a declared rule of age. Final.
    Expired,
    /// Replaced by a newer snapshot of the same key. Final.
    Superseded,
}

impl DeliveryState {
    /// Every state, in the order of the life cycle.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::InFlight,
        Self::Behind,
        Self::Sent,
        Self::OutcomeUnknown,
        Self::Parked,
        Self::Delivered,
        Self::Skipped,
        Self::Discarded,
        Self::Expired,
        Self::Superseded,
    ];

    /// The word in database and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Behind => "behind",
            Self::Sent => "sent",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Parked => "parked",
            Self::Delivered => "delivered",
            Self::Skipped => "skipped",
            Self::Discarded => "discarded",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// The word on screens and in the command line (architecture, "Vocabulary").
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending | Self::InFlight | Self::Sent => "In flight",
            Self::Behind => "Waiting",
            Self::OutcomeUnknown => "In doubt",
            Self::Parked => "Stopped",
            Self::Delivered => "Delivered",
            Self::Skipped => "Skipped",
            Self::Discarded => "Discarded",
            Self::Expired => "Expired",
            Self::Superseded => "Superseded",
        }
    }

    /// The state that a stored word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Settled is final (OT3): no delivery leaves such a state.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Delivered | Self::Skipped | Self::Discarded | Self::Expired | Self::Superseded)
    }
}

impl std::fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a receiving interface says its system can do with a repeat (promises, lane b).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetClass {
    /// Remembers our key for `window` after the first attempt: a repeat within it has no second effect.
    NativeKey {
        /// How long the target remembers a key.
        window: Duration,
        /// What to do past the window.
        past: Box<TargetClass>,
    },
    /// Takes the same document twice with one effect: a natural key, an upsert.
    NaturalKey,
    /// Can be asked whether it posted. *Absent* counts only `quiet` after the attempt and when said twice.
    Probe {
        /// How long a slow target may still be posting.
        quiet: Duration,
    },
    /// Cannot tell a repeat from a new request: a person decides.
    None,
}

impl TargetClass {
    /// `T1` to `T4`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NativeKey { .. } => "T1",
            Self::NaturalKey => "T2",
            Self::Probe { .. } => "T3",
            Self::None => "T4",
        }
    }
}

/// How the final word of a target comes that takes a document before it has posted it ("Delivered is not posted").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRule {
    /// Who brings it.
    pub by: AnswerBy,
    /// How long it may take, counted from the moment the target took the document.
    pub within: Duration,
    /// Whether later deliveries of the key wait for it.
    pub keeps_key: bool,
}

/// Who brings a target's final word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerBy {
    /// This node asks for it.
    Readback {
        /// Wait before the first question and between two.
        every: Duration,
    },
    /// A document of an emitting interface brings it: an IDoc status, a functional acknowledgement.
    Document {
        /// Whether it names the delivery by the reference that the target gave when it took the document. Otherwise by
        /// something that was known before ([`crate::plan::Rendered::awaits`]).
        by_receipt: bool,
    },
}

/// What a connector is asked to send. The bytes and the target key are frozen: every attempt of a revision carries the same.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Which delivery this is an attempt of.
    pub id: DeliveryId,
    /// The key that lets the target recognise a repeat.
    pub target_key: String,
    /// The document.
    pub body: Vec<u8>,
    /// Its media type, as the receiver's format has it.
    pub content_type: &'static str,
    /// Values for the places of the path and header templates, by name.
    pub parameters: Vec<(String, String)>,
    /// W3C trace context to pass on.
    pub traceparent: String,
    /// The target's own reference, where it took the document already.
    pub receipt: Option<String>,
}

/// What one attempt came to, as the connector saw it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The target took it. `receipt` is its own reference (document number), if it gave one.
    Delivered {
        /// The target's reference.
        receipt: Option<String>,
    },
    /// No byte of the document reached the target: certainly no effect, and no attempt burned.
    Unreachable(Fault),
    /// The target answered that it did not take it. The fault's class says whether trying again can help.
    Refused {
        /// Why, with the target's own words in `detail`.
        fault: Fault,
        /// The earliest time at which the target wants to be asked again (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// The document may have taken effect: time-out, connection lost, unintelligible answer.
    Unknown(Fault),
}

/// What a target answered when asked about an earlier attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// It took effect.
    Found {
        /// The target's reference.
        receipt: Option<String>,
    },
    /// It is not there (yet).
    Absent,
    /// What it answered does not say.
    CannotTell(Fault),
    /// It did not answer: it cannot be reached, is unwell, or does not take our credentials.
    NotAnswered(Fault),
}

/// What a target said of a document that it took: its final word, or none yet.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is posted.
    Posted {
        /// The target's reference, if it gave one that is better than the first.
        receipt: Option<String>,
    },
    /// It will not be posted as it is.
    Refused(Fault),
    /// It is still being worked on.
    NotYet,
    /// The target could not say.
    CannotTell(Fault),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_every_state_has_a_label() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::from_word(state.as_str()), Some(state));
            assert!(!state.label().is_empty());
        }
        assert_eq!(DeliveryState::ALL.iter().filter(|state| state.is_settled()).count(), 5);
    }
}
