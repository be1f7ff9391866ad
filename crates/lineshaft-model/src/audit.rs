//! What a person or a rule did. Written in the same commit as the change itself (AU-2, OT10).

use crate::principal::Principal;

/// One entry. It holds hashes and ids, never a payload: audit outlives payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who did it.
    pub principal: Principal,
    /// What was done.
    pub action: Action,
    /// To what: a delivery, transaction, interface or reference key, as text.
    pub target: String,
    /// Why, in the person's words; empty where the action needs none.
    pub reason: String,
}

/// What can be done that must leave a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A parked delivery or transaction was sent on its way again.
    Retry,
    /// A delivery was left out; later ones of its key go on.
    Skip,
    /// A delivery or transaction was given up.
    Discard,
    /// A person said that an attempt in doubt was posted.
    AnswerPosted,
    /// A person said that an attempt in doubt was not posted.
    AnswerNotPosted,
    /// A system or interface was paused.
    Pause,
    /// A paused system or interface goes on.
    Resume,
    /// Reference data was loaded.
    ReferenceLoad,
    /// A sender used an idempotency key again with other content (OT9).
    KeyReused,
    /// The node was started on this database.
    Start,
}

impl Action {
    /// The word in database, API and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Discard => "discard",
            Self::AnswerPosted => "answer-posted",
            Self::AnswerNotPosted => "answer-not-posted",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::ReferenceLoad => "reference-load",
            Self::KeyReused => "key-reused",
            Self::Start => "start",
        }
    }
}
