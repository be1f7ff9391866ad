//! What can be changed, and what a change came to.

use std::time::Duration;

use lineshaft_model::audit::Entry;
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::Fault;
use lineshaft_model::ids::{AuditId, DeliveryId, IntakeId, TransactionId};
use lineshaft_model::key::Key;
use lineshaft_model::lifecycle::Next;
use lineshaft_model::object::{Entry as ObjectEntry, ObjectKey};
use lineshaft_model::original::Ties;
use lineshaft_model::plan::{AnswerTo, Repeat};
use lineshaft_model::principal::{Principal, Tags};
use lineshaft_model::time::Timestamp;
use lineshaft_model::transaction::Versions;

use crate::payload::Payload;

/// One typed change. A list of them commits whole or not at all.
#[derive(Debug)]
pub enum Change {
    /// An intake with all its transactions.
    Accept(Box<Accept>),
    /// A large intake is about to be taken apart: counted before the work (OT11).
    BeginSplit(IntakeId),
    /// The next parts of a large intake.
    Slice(Box<Slice>),
    /// What waited for an intake to be taken apart goes on, as far as one slice comes.
    LetGo(IntakeId),
    /// Lines that stand still go on, unless something keeps them back.
    Advance(Vec<Line>),
    /// An accepted transaction is about to be processed (again): counted before the work (OT11).
    Process(TransactionId),
    /// What processing an accepted transaction came to.
    Replan(Box<Part>),
    /// An attempt is about to begin (promises, mechanism 3).
    Begin {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// What an attempt or a probe came to.
    Settle(Box<Settle>),
    /// A parked delivery was rendered again, and still cannot be.
    StayParked(Box<StayParked>),
    /// A delivery that is due may not be sent.
    Hold(Hold),
    /// At the start of a life: deadlines of an earlier one that a clock which went back would never reach.
    SetDeadlines(Vec<Longest>),
    /// How far retention has come.
    Aged(Timestamp),
    /// What a person decided; the audit entry is part of the change.
    Act(Box<Act>),
    /// Reference data loaded by a person.
    Load(Box<Load>),
    /// How far a polling source has read: in the same list as what it read.
    Cursor {
        /// The interface.
        interface: String,
        /// The place, in the source's own notation.
        cursor: Vec<u8>,
    },
    /// Something that only the audit log needs to know.
    Note(Entry),
    /// What retention removes, as far as one slice comes.
    Expire(Expire),
    /// Payloads that were found damaged: set aside, kept as they are (RS3).
    SetAside(Vec<i64>),
}

/// Rows whose retention is over and that nothing open needs, as [`crate::Store::expired`] found them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expire {
    /// Documents, by the numbers of their rows.
    Payloads(Vec<i64>),
    /// Everything that tracks these intakes: transactions, deliveries, attempts, lineage, business keys, ledger rows.
    Tracking(Vec<IntakeId>),
    /// Senders' keys (interface, key) that were first seen before this instant.
    Keys(Timestamp, Vec<(String, String)>),
    /// Entries of the audit log.
    Audit(Vec<AuditId>),
}

/// An intake as it is stored.
#[derive(Debug)]
pub struct Accept {
    /// Its id.
    pub id: IntakeId,
    /// The emitting interface.
    pub interface: String,
    /// Who sent it.
    pub principal: Principal,
    /// What the transport knows.
    pub origin: String,
    /// Media type as declared.
    pub content_type: String,
    /// W3C trace context.
    pub traceparent: String,
    /// The document; `None` where it stands at slot 0 of its only transaction's documents.
    pub body: Option<Payload>,
    /// Whether the document could not be read: its one part is the parked remainder.
    pub unreadable: bool,
    /// The sender's key for the whole intake, if there is one (OT9).
    pub repeat: Option<Repeat>,
    /// Its transactions, in their order.
    pub parts: Vec<Part>,
    /// For a large intake that is taken apart after it was stored, and comes without parts: the lines (system, sequence)
    /// that it may stand in. Later deliveries of them wait until its keys are known.
    pub later: Option<Vec<(String, String)>>,
}

/// The next parts of a large intake.
#[derive(Debug)]
pub struct Slice {
    /// The intake.
    pub intake: IntakeId,
    /// Which part it begins with: as many as are there already, or nothing is written.
    pub first: u32,
    /// The parts, in their order.
    pub parts: Vec<Part>,
    /// Whether these are the last.
    pub last: bool,
    /// Whether the document could not be read: its one part is the parked remainder.
    pub unreadable: bool,
}

/// One transaction as it is stored.
#[derive(Debug)]
pub struct Part {
    /// Its id.
    pub id: TransactionId,
    /// Which part of the intake.
    pub part: u32,
    /// Business keys.
    pub keys: Vec<Key>,
    /// Site and policy tags.
    pub tags: Tags,
    /// The sender's key for this transaction, where each has its own.
    pub repeat: Option<Repeat>,
    /// What was in force.
    pub versions: Versions,
    /// Objects that the decision was made on, each with the version it had.
    pub expects: Vec<(ObjectKey, u64)>,
    /// Whether later transactions of its keys wait for it while it is parked. What brings a target's answer holds nothing back.
    pub holds_back: bool,
    /// What it takes back, and how it may be named by what takes it back.
    pub ties: Ties,
    /// Its documents, to which the plan refers by slot; `None` if there are none.
    pub documents: Option<Payload>,
    /// What is to happen, or why nothing can.
    pub result: Result<Planned, Fault>,
}

/// What is to happen with a transaction, payloads ready to store.
#[derive(Debug)]
pub enum Planned {
    /// A canonical event and its deliveries.
    Event {
        /// Event name with major version.
        name: String,
        /// Slot of the event's data.
        data: usize,
        /// Planned deliveries.
        deliveries: Vec<NewDelivery>,
        /// What it does to objects: at most one row for each.
        entries: Vec<ObjectEntry>,
    },
    /// A record of a reference table.
    Reference {
        /// The table.
        table: String,
        /// The key.
        key: String,
        /// The record, JSON.
        record: Vec<u8>,
    },
    /// A target's word on a delivery.
    Answer(AnswerTo),
    /// Nothing was decided: it is accepted, and decided on alone after this commit.
    Later,
}

/// A planned delivery as it is stored.
#[derive(Debug)]
pub struct NewDelivery {
    /// Receiving interface.
    pub receiver: String,
    /// Its system.
    pub system: String,
    /// The sequence.
    pub sequence: String,
    /// The key it is in order by.
    pub order_key: Option<Key>,
    /// Whether it replaces older ones of its key that were not attempted yet, and gives way to newer ones.
    pub keep_latest: bool,
    /// What is to be sent, or why not.
    pub work: NewWork,
}

/// What a new delivery has to send.
#[derive(Debug)]
pub enum NewWork {
    /// A document.
    Send {
        /// Its slot.
        slot: usize,
        /// The values for its path and headers.
        parameters: Vec<(String, String)>,
        /// What a later answer names it by, where that is known already.
        awaits: Option<String>,
    },
    /// Left out by a rule.
    Skip(String),
    /// Is rendered when its turn comes.
    Later,
    /// Waits for a person.
    Stuck(Fault),
}

/// What an attempt or a probe came to.
#[derive(Debug)]
pub struct Settle {
    /// The delivery.
    pub delivery: DeliveryId,
    /// What was done.
    pub kind: AttemptKind,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What happens next, as the life cycle decided.
    pub next: Next,
}

/// The open deliveries of one key at a (system, sequence): one goes after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The receiving system.
    pub system: String,
    /// The sequence.
    pub sequence: String,
    /// The key, as text.
    pub order_key: String,
}

/// Why a delivery still cannot be rendered.
#[derive(Debug)]
pub struct StayParked {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Why, and what it waits for now.
    pub fault: Fault,
    /// The catalog that it was rendered with.
    pub catalog: u64,
}

/// A delivery that may not be sent: an earlier attempt may have taken effect.
#[derive(Debug)]
pub struct Hold {
    /// The delivery.
    pub delivery: DeliveryId,
    /// When the target is asked; `None` where only a person can say.
    pub ask_at: Option<Timestamp>,
    /// Why.
    pub fault: Fault,
}

/// The longest that deliveries of a receiver wait for something.
#[derive(Debug)]
pub struct Longest {
    /// The receiving interface.
    pub receiver: String,
    /// Its system.
    pub system: String,
    /// For the next attempt or question, whatever the target asked for.
    pub wait: Duration,
    /// What a wait that is longer is shortened to.
    pub usual: Duration,
    /// For the target's final word; `None` where none is awaited.
    pub answer: Option<Duration>,
}

/// What was done towards the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptKind {
    /// The document was sent.
    Send,
    /// The target was asked whether an attempt in doubt took effect.
    Probe,
    /// The target was asked for its final word on what it took.
    Readback,
}

impl AttemptKind {
    /// The word in database and API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Probe => "probe",
            Self::Readback => "readback",
        }
    }

    /// The state that a delivery is in while this is done.
    pub const fn begins_in(self) -> DeliveryState {
        match self {
            Self::Send => DeliveryState::InFlight,
            Self::Probe => DeliveryState::OutcomeUnknown,
            Self::Readback => DeliveryState::Sent,
        }
    }
}

/// What a person decided.
#[derive(Debug)]
pub struct Act {
    /// What is decided on.
    pub target: Target,
    /// What is decided.
    pub verdict: Verdict,
    /// New bytes for a delivery that is sent again.
    pub rendered: Option<NewBytes>,
    /// Whether the delivery's interface has left the project: nothing attempts it, so it is decided on while it waits.
    pub gone: bool,
    /// Who and why.
    pub entry: Entry,
}

/// New bytes for a delivery, rendered again.
#[derive(Debug)]
pub struct NewBytes {
    /// The document.
    pub payload: Payload,
    /// Values for its path and headers.
    pub parameters: Vec<(String, String)>,
    /// What a later answer names it by, where that is known already.
    pub awaits: Option<String>,
}

/// What a decision is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A delivery.
    Delivery(DeliveryId),
    /// A transaction parked before routing.
    Transaction(TransactionId),
    /// A system or interface.
    Interface(String),
}

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send (or process) it again.
    Retry,
    /// Leave it out; later ones of its key go on.
    Skip,
    /// Give it up.
    Discard,
    /// The attempt in doubt took effect, with the target's reference.
    Posted(String),
    /// The attempt in doubt had no effect: send it again.
    NotPosted,
    /// Stop delivering; intake goes on.
    Pause,
    /// Deliver again.
    Resume,
}

/// Reference data loaded by a person.
#[derive(Debug)]
pub struct Load {
    /// The table.
    pub table: String,
    /// Key and record (JSON) of each.
    pub records: Vec<(String, Vec<u8>)>,
    /// Who and why.
    pub entry: Entry,
}

/// What a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The intake is on disk.
    Accepted {
        /// Its id.
        intake: IntakeId,
        /// Deliveries that may be attempted now.
        due: Vec<Due>,
        /// What a reference among its parts changed.
        released: Released,
    },
    /// The same was accepted before; nothing was written.
    Duplicate {
        /// The earlier intake.
        intake: IntakeId,
    },
    /// The key was used before with other content; only the audit log has it.
    KeyReused {
        /// The earlier intake.
        intake: IntakeId,
    },
    /// Work was counted before it is begun: this many times so far.
    Counted(u32),
    /// A transaction was processed.
    Planned {
        /// Deliveries that may be attempted now.
        due: Vec<Due>,
        /// What it changed as a reference.
        released: Released,
    },
    /// The attempt may begin: its intent is part of this commit.
    Begun(Begun),
    /// Not in the state that the change needs; nothing was written.
    NotNow {
        /// The state it is in.
        state: String,
    },
    /// There is no such thing; nothing was written.
    Missing,
    /// A delivery changed state.
    Settled {
        /// Deliveries that may be attempted now.
        due: Vec<Due>,
        /// Transactions that hold an answer to it and came too early: they are accepted again.
        process: Vec<TransactionId>,
    },
    /// Done as decided.
    Acted {
        /// Deliveries that may be attempted now.
        due: Vec<Due>,
        /// A transaction to process again.
        process: Option<TransactionId>,
    },
    /// Reference data is in force.
    Loaded(Released),
    /// A decision in the list was made on an older version of an object, or on an original that was taken back meanwhile,
    /// and nothing of the list was written: decide again on what is known now.
    Stale {
        /// Transactions of the list that repeat earlier ones, so that they change no object.
        repeats: Vec<TransactionId>,
    },
    /// It stays parked.
    Stays {
        /// Whether what it waits for arrived meanwhile: it is to be rendered again.
        arrived: bool,
    },
    /// What stood still goes on.
    LetGo {
        /// Deliveries that may be attempted now.
        due: Vec<Due>,
        /// Whether those were all.
        complete: bool,
    },
    /// Written down.
    Noted,
    /// What a slice of clean-up removed.
    Expired {
        /// Payloads, intakes, keys or entries.
        removed: u64,
        /// Whether it came to its end; otherwise the rest is found again.
        complete: bool,
    },
}

/// What new reference data set in motion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// The number of the catalog that is now in force; 0 if nothing changed.
    pub catalog: u64,
    /// Records that are in force now: table, key, JSON.
    pub records: Vec<(String, String, Vec<u8>)>,
    /// Transactions that waited for them and are accepted again.
    pub process: Vec<TransactionId>,
    /// Deliveries that waited for them to be rendered.
    pub render: Vec<DeliveryId>,
    /// Deliveries that an answer settled or parked.
    pub answered: Vec<DeliveryId>,
}

/// A delivery that may be attempted at `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its receiver's system.
    pub system: String,
    /// Its receiver.
    pub receiver: String,
    /// When.
    pub at: Timestamp,
    /// Whether the document is to be sent, or the target asked.
    pub kind: AttemptKind,
}

/// Facts of a delivery whose attempt begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Attempts counted, this one included.
    pub attempts: u32,
    /// Which revision of its bytes is sent.
    pub revision: u32,
    /// When the first attempt of this revision began, on the clock of deadlines.
    pub first_attempt: Timestamp,
    /// When this attempt began, on the same clock.
    pub last_attempt: Timestamp,
    /// When the first attempt of this revision began of which nobody knows what it came to.
    pub doubt_since: Option<Timestamp>,
    /// When this attempt began, on the wall clock.
    pub started_at: Timestamp,
}
