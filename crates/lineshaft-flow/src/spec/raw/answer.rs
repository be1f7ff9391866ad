//! What the user wrote of final words: those that targets owe us, those that documents bring, and ours to senders.

use lineshaft_model::connection::{Condition, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PathText, default_true};

/// How a system's final word on a document comes that it took, but has not posted yet.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Who brings it.
    pub by: AnswerBy,
    /// How long it may take, from the moment the system took the document. After it a person looks.
    pub within: Span,
    /// Whether later deliveries of the key wait for it.
    #[serde(default = "default_true")]
    pub keeps_key: bool,
    /// For `readback`: wait before the first question, and between two.
    #[serde(default)]
    pub every: Option<Span>,
    /// For `document`: what the answer names the delivery by. `receipt` for the reference that the system gave when it took
    /// the document, `target-key` for the key it was sent with, or a path into the sent document: `.control.number`.
    #[serde(default)]
    pub reference: Option<String>,
}

/// Who brings a system's final word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerBy {
    /// This node asks: needs `readback` in `send`.
    Readback,
    /// An interface of `emits` that says `answers: { to: ... }`.
    Document,
}

/// The documents of an interface are answers to deliveries.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Receiving interface whose deliveries are answered: `erp/confirmation`.
    pub to: String,
    /// What names the delivery, in the map's result, or in the document without a map.
    pub reference: PathText,
    /// When it is posted.
    pub posted_when: Condition,
    /// When it will not be posted as it is. Looked at first. Anything else means: still under way, and changes nothing.
    #[serde(default)]
    pub refused_when: Option<Condition>,
    /// Where the reason for a refusal stands.
    #[serde(default)]
    pub reason: Option<PathText>,
    /// Where the system's own reference of the posting stands.
    #[serde(default)]
    pub receipt: Option<PathText>,
}

/// When a sender that waits for an answer gets it.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reply {
    /// When its document is on disk: 202.
    #[default]
    Stored,
    /// When its document is on disk and was found to be valid. One that cannot be read, has not the agreed shape or cannot be
    /// mapped is refused with 422 and not kept.
    Validated,
    /// When everything that it set going is settled: 200 with the outcome. 202 with an address to ask at, if that takes longer.
    Settled(SettledWithin),
}

/// How long a sender waits for the outcome.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettledWithin {
    /// Longest wait, at most 25s.
    pub within: Span,
}
