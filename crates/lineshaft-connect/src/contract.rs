//! What every connector offers: one call is one attempt. Recovery belongs to the engine.
//!
//! Deliberately absent: retries, sleeps, buffers, and any knowledge of what a document means. A protocol that needs a
//! task in the background owns it through [`crate::pump::Pump`].

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::delivery::{Answer, DeliveryState, Outcome, Outgoing, Probe};
use lineshaft_model::fault::Fault;
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::intake::Received;
use lineshaft_model::principal::Principal;
use lineshaft_model::time::Clock;
use lineshaft_model::transaction::TransactionState;

use crate::guard::Guard;
use crate::net::Net;
use crate::secrets::Secrets;

/// A future behind `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Names a batch from [`Source::receive`] to [`Source::settle`]. Unique for one opened source, not beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub u64);

/// How far a polling source has read, in its own notation. Committed with the batch; never read by the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub Vec<u8>);

/// What a source handed over: settled by one reply, whole.
#[derive(Debug)]
pub struct Batch {
    /// Its name for [`Source::settle`].
    pub id: BatchId,
    /// The documents, at least one, in the order in which they arrived.
    pub intakes: Vec<Received>,
    /// Whom they are attributed to.
    pub principal: Principal,
    /// Where a polling source goes on after this batch; `None` for a source that is sent to.
    pub cursor: Option<Cursor>,
    /// Reading of [`Clock::monotonic`] at which the other side stops waiting; `None` if nobody waits.
    pub deadline: Option<Duration>,
}

/// What the other side is told of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// One receipt for each intake, in the order of the batch.
    pub receipts: Vec<Receipt>,
}

impl Reply {
    /// The reply to a batch of one.
    pub fn one(id: impl Into<String>, kind: ReplyKind) -> Self {
        Self { receipts: vec![Receipt { id: id.into(), kind, standing: None, body: None }] }
    }
}

/// What the other side is told of one intake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Our id of the intake; for a repeat, the id of the first one (OT9).
    pub id: String,
    /// Whether it is new.
    pub kind: ReplyKind,
    /// What it came to, where the interface waits for that.
    pub standing: Option<Standing>,
    /// Bytes in the protocol's own words, where the interface renders them; otherwise the connector's own text.
    pub body: Option<Vec<u8>>,
}

/// Why an intake is acknowledged. Both mean: it is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyKind {
    /// Stored now.
    Stored,
    /// The same document under the same key was stored before.
    Duplicate,
}

/// What an intake came to so far, for its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Transactions it holds, as far as is known.
    pub parts: usize,
    /// Whether all of them are known: a large document is taken apart after it was stored.
    pub taken_apart: bool,
    /// The first of them, at most [`Standing::LISTED_MAX`], with what each came to.
    pub transactions: Vec<TransactionStanding>,
}

/// What a transaction came to so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionStanding {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: TransactionState,
    /// Why it is parked.
    pub fault: Option<Fault>,
    /// Its deliveries.
    pub deliveries: Vec<DeliveryStanding>,
}

/// What a delivery came to so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryStanding {
    /// The receiving interface.
    pub receiver: String,
    /// Its state.
    pub state: DeliveryState,
    /// Whether only a person can move it on.
    pub stopped: bool,
    /// The target's reference.
    pub receipt: Option<String>,
    /// Why it is not delivered.
    pub fault: Option<Fault>,
}

/// An intake's standing in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandingWord {
    /// Everything that it set going is settled.
    Settled,
    /// Nothing of it moves on by itself, and something waits for a person.
    Stopped,
    /// Something is on its way.
    Open,
}

impl StandingWord {
    /// The word that senders read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Stopped => "stopped",
            Self::Open => "open",
        }
    }
}

impl Standing {
    /// Transactions that are listed at most. An intake of more is never waited for.
    pub const LISTED_MAX: usize = 256;

    /// The whole of it in one word.
    pub fn word(&self) -> StandingWord {
        let open = |transaction: &TransactionStanding| match transaction.state {
            TransactionState::Accepted => true,
            TransactionState::Processed => {
                transaction.deliveries.iter().any(|it| !it.state.is_settled() && !it.stopped)
            }
            _ => false,
        };
        let stopped = |transaction: &TransactionStanding| {
            transaction.state == TransactionState::Parked || transaction.deliveries.iter().any(|it| it.stopped)
        };
        if !self.taken_apart || self.parts > self.transactions.len() || self.transactions.iter().any(open) {
            StandingWord::Open
        } else if self.transactions.iter().any(stopped) {
            StandingWord::Stopped
        } else {
            StandingWord::Settled
        }
    }
}

/// Tells senders what became of what they sent.
pub trait Outcomes: Send + Sync {
    /// What the intake `id` of `interface` came to so far; `None` if that interface has none of that id. Reads few rows.
    ///
    /// # Errors
    /// If it cannot be read at the moment.
    fn of(&self, interface: &str, id: &str) -> Result<Option<Standing>, Fault>;
}

/// Where documents come in. Many batches may be outstanding, settled in any order.
pub trait Source: Send + Sync {
    /// Waits for the next batch. Cancel-safe: dropping the future loses nothing.
    ///
    /// `after` is the cursor committed with the last batch; a polling source keeps no state of its own.
    ///
    /// # Errors
    /// For a source that is sent to: the fault that ended it; it must be opened again. For one that polls: why this
    /// time nothing could be read; it stays usable, and is to be called again after a pause.
    fn receive(&self, after: Option<Cursor>) -> BoxFuture<'_, Result<Batch, Fault>>;

    /// Durable on our side, or refused: only now is the other side told. An unsettled batch is never acknowledged.
    ///
    /// # Errors
    /// A fault if the other side could not be told although the protocol promises it. A caller that hung up is no
    /// error: it will send again.
    fn settle(&self, batch: BatchId, outcome: Result<Reply, Fault>) -> BoxFuture<'_, Result<(), Fault>>;
}

/// Where documents go out.
pub trait Destination: Send + Sync {
    /// One call, one attempt for each delivery, one outcome for each delivery in the order of the batch.
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Vec<(DeliveryId, Outcome)>>;

    /// The longest that an attempt may take, so that a node which stops can wait for its end.
    fn patience(&self) -> Duration;

    /// Did an earlier attempt of this delivery take effect? `CannotTell` when the system has no way to know,
    /// `NotAnswered` where it may be able to say later.
    fn probe<'a>(&'a self, delivery: &'a Outgoing) -> BoxFuture<'a, Probe>;

    /// The target took this delivery: has it posted it? `CannotTell` where the interface declares no question.
    fn read_back<'a>(&'a self, delivery: &'a Outgoing) -> BoxFuture<'a, Answer>;
}

/// What a connector is given of the world around it.
#[derive(Clone)]
pub struct Surroundings {
    /// The network.
    pub net: Arc<dyn Net>,
    /// Which addresses may be connected to.
    pub guard: Arc<Guard>,
    /// Secrets by reference.
    pub secrets: Arc<Secrets>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The project's directory, at which relative paths of settings begin.
    pub directory: PathBuf,
}
