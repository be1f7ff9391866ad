//! What processing decided for one transaction: data only, committed by the store, carried out by the engine.

use std::time::Duration;

use crate::fault::Fault;
use crate::ids::TransactionId;
use crate::key::Key;
use crate::object::{Entry, ObjectKey};
use crate::original::Ties;
use crate::principal::Tags;
use crate::transaction::Versions;

/// One part of an intake after processing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// The transaction that this part is.
    pub id: TransactionId,
    /// Which part of the intake, from 0.
    pub part: u32,
    /// Business keys, as far as they could be read.
    pub keys: Vec<Key>,
    /// Site and policy tags.
    pub tags: Tags,
    /// The sender's key for a repeat and the hash of the fields that make it the same.
    pub repeat: Option<Repeat>,
    /// What was in force.
    pub versions: Versions,
    /// Objects that the decision was made on, each with the version it had. Holds for a parked one too.
    pub expects: Vec<(ObjectKey, u64)>,
    /// Whether later transactions of its keys wait for it while it is parked.
    pub holds_back: bool,
    /// What it takes back, and how it may be named by what takes it back.
    pub ties: Ties,
    /// What is to happen, or why nothing can.
    pub result: Result<Plan, Fault>,
}

/// How a repeat of a transaction is recognised (OT9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The sender's key.
    pub key: String,
    /// SHA-256 over the declared `same_when` fields, or over the whole document.
    pub same: [u8; 32],
}

impl Repeat {
    /// How long a sender's key is remembered at least: a sender that was cut off for weeks may still repeat itself.
    pub const KEPT_AT_LEAST: Duration = Duration::from_secs(30 * 24 * 3600);
}

/// What is to happen with a transaction that could be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// A canonical event and one delivery for each planned receiver.
    Event {
        /// Event name with major version.
        name: String,
        /// The canonical event's data, JSON.
        data: Vec<u8>,
        /// One for each receiver of the event, skipped ones included.
        deliveries: Vec<PlannedDelivery>,
        /// What it does to objects: at most one row for each.
        entries: Vec<Entry>,
    },
    /// A record of a reference table: becomes its next version and releases what waits for it.
    Reference {
        /// The table.
        table: String,
        /// The record's key.
        key: String,
        /// The record, JSON.
        record: Vec<u8>,
    },
    /// A target's word on a delivery that it took: settles or parks that delivery.
    Answer(AnswerTo),
    /// Nothing was decided: it is stored first and decided on alone after. So are a reversal that comes with others in one
    /// batch, and all that follow it there, because they must see what it undoes.
    Later,
}

/// A target's word on a delivery, brought by a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerTo {
    /// Receiving interface of the delivery, `erp/confirmation`.
    pub receiver: String,
    /// What the delivery awaits it by ([`Rendered::awaits`], or the target's receipt).
    pub reference: String,
    /// What it says; `None` where the target is still at work.
    pub verdict: Option<AnswerVerdict>,
}

/// What a target's word comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// It is posted, with the target's own reference if it gives one.
    Posted(Option<String>),
    /// It will not be posted as it is.
    Refused(Fault),
}

/// One planned delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedDelivery {
    /// Receiving interface, `erp/confirmation`.
    pub receiver: String,
    /// Its system.
    pub system: String,
    /// The sequence whose order it keeps.
    pub sequence: String,
    /// The key it is in order by; `None` where the receiver asks for no order.
    pub order_key: Option<Key>,
    /// Whether it replaces older ones of its key that were not attempted yet, and gives way to newer ones.
    pub keep_latest: bool,
    /// What is to be sent, or why it is not.
    pub work: Work,
}

/// What a planned delivery has to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// A rendered document.
    Send(Rendered),
    /// Left out by a rule of the receiver; the rule as written.
    Skip(String),
    /// Is rendered when its turn comes: it takes back what this receiver has not answered yet.
    Later,
    /// Could not be rendered: waits for a person, holds back only its own key at its own receiver.
    Stuck(Fault),
}

/// A document as it will leave: frozen here, the same for every attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The bytes.
    pub body: Vec<u8>,
    /// Values for the places of the path and header templates.
    pub parameters: Vec<(String, String)>,
    /// What a later answer names this document by, where one is awaited and that is known before it is sent.
    pub awaits: Option<String>,
}
