//! The load generator: sends transactions over a fixed set of keys, one after the other per key, and writes down what it
//! asked and what it was told, so that the judge can compare. It survives the target's death: an operation whose outcome
//! is unknown is sent again with the same idempotency key until the target answers. Absent: any look at the target's
//! effects, which is the sinks' business.
//!
//! The `invoke` line is written before the request but not synced before it: should the generator itself die, missing
//! lines show up as phantoms or missing receipts, that is as a false alarm and never as a false pass.

mod plan;

mod summary;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use self::plan::{Op, Plan};
pub use self::summary::Summary;
use crate::client::{Connection, NoAnswer, Reply, Target};
use crate::clock::{monotonic_micros, wall_micros};
use crate::history::History;
use crate::serve::lock;

/// What to send, and how.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where to: `http://host:port/path`.
    pub url: String,
    /// Bearer token.
    pub token: Option<String>,
    /// How many transactions.
    pub transactions: u64,
    /// Over how many order keys; at least 1.
    pub keys: u64,
    /// Over how many connections; at most one per key is used.
    pub connections: u64,
    /// Open loop: so many transactions a second, whatever the target does. Closed loop if absent.
    pub per_second: Option<f64>,
    /// Size of a body; smaller than the document itself means no padding.
    pub body_bytes: usize,
    /// How long an answer may take.
    pub time_out: Duration,
    /// Send an operation of unknown outcome again until it is answered.
    pub retry_unknown: bool,
    /// Give up on an operation after so long without an answer; never if absent.
    pub give_up: Option<Duration>,
    /// The history file, continued if it exists.
    pub history: PathBuf,
    /// Prefix of keys and ids, so that several runs can share a target.
    pub prefix: String,
}

impl Load {
    /// 1,000 transactions over 100 keys and 64 connections, closed loop, bodies of 1 KB.
    pub fn new(url: &str, history: PathBuf) -> Self {
        Self {
            url: url.to_owned(),
            token: None,
            transactions: 1_000,
            keys: 100,
            connections: 64,
            per_second: None,
            body_bytes: 1_024,
            time_out: Duration::from_secs(10),
            retry_unknown: true,
            give_up: None,
            history,
            prefix: "L".to_owned(),
        }
    }
}

/// One line of the generator's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// How many transactions this run wants to place.
    Plan {
        /// Wall clock, microseconds since 1970.
        t: i64,
        /// The number of transactions.
        transactions: u64,
    },
    /// About to be sent for the first time.
    Invoke {
        /// Wall clock, microseconds since 1970.
        t: i64,
        /// The operation, unique per run; also its idempotency key.
        op: String,
        /// Order key.
        key: String,
        /// Number within the key, from 1.
        seq: u64,
        /// SHA-256 of the body.
        hash: String,
    },
    /// Acknowledged.
    Ok {
        /// Wall clock, microseconds since 1970.
        t: i64,
        /// The operation.
        op: String,
        /// The body of the answer, cut at 200 characters.
        receipt: String,
    },
    /// Definitely refused.
    Fail {
        /// Wall clock, microseconds since 1970.
        t: i64,
        /// The operation.
        op: String,
        /// Why.
        why: String,
    },
    /// Unknown: it may have been accepted or not.
    Info {
        /// Wall clock, microseconds since 1970.
        t: i64,
        /// The operation.
        op: String,
        /// Why.
        why: String,
    },
    /// The target was seen to be away; the next `ok` ends the outage.
    Down {
        /// Wall clock, microseconds since 1970.
        t: i64,
    },
}

/// What all workers share.
struct Shared {
    load: Load,
    history: History,
    started: u64,
    down: AtomicBool,
    refused: AtomicU64,
    unknown: AtomicU64,
    tally: std::sync::Mutex<summary::Tally>,
}

/// Sends everything and returns what happened.
///
/// # Errors
/// When the URL is unusable or the history cannot be written.
pub async fn run(load: Load) -> io::Result<Summary> {
    let target = Target::parse(&load.url).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    let (history, _) = History::open(&load.history)?;
    let shared = Arc::new(Shared {
        started: monotonic_micros(),
        history,
        down: AtomicBool::new(false),
        refused: AtomicU64::new(0),
        unknown: AtomicU64::new(0),
        tally: std::sync::Mutex::default(),
        load,
    });
    shared.note(&Line::Plan { t: wall_micros(), transactions: shared.load.transactions });
    let mut workers = tokio::task::JoinSet::new();
    for plan in Plan::split(&shared.load) {
        let (shared, target) = (Arc::clone(&shared), target.clone());
        workers.spawn(async move {
            let tally = work(&shared, target, plan).await;
            lock(&shared.tally).add(tally);
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    shared.history.barrier().durable().await.map_err(|_| io::Error::other("the history could not be written"))?;
    let micros = monotonic_micros() - shared.started;
    let tally = std::mem::take(&mut *lock(&shared.tally));
    let (refused, unknown) = (shared.refused.load(Ordering::Relaxed), shared.unknown.load(Ordering::Relaxed));
    Ok(tally.summary(shared.load.transactions, micros, refused, unknown))
}

/// One connection: its operations one after the other.
async fn work(shared: &Shared, target: Target, plan: Plan) -> summary::Tally {
    let mut connection = Connection::new(target, shared.load.token.as_deref(), shared.load.time_out);
    let mut tally = summary::Tally::default();
    for op in plan {
        let due = op.due_micros.map(|due| shared.started + due);
        if let Some(due) = due {
            let wait = due.saturating_sub(monotonic_micros());
            if wait > 0 {
                tokio::time::sleep(Duration::from_micros(wait)).await;
            }
        }
        // In an open loop the waiting time behind a slow answer counts too.
        let from = due.unwrap_or_else(monotonic_micros);
        let line = Line::Invoke {
            t: wall_micros(),
            op: op.id.clone(),
            key: op.key.clone(),
            seq: op.seq,
            hash: op.hash.clone(),
        };
        shared.note(&line);
        match place(shared, &mut connection, &op).await {
            Placed::Ok(receipt) => {
                tally.ok(monotonic_micros().saturating_sub(from));
                shared.down.store(false, Ordering::Relaxed);
                shared.note(&Line::Ok { t: wall_micros(), op: op.id, receipt });
            }
            Placed::Fail(why) => {
                tally.failed += 1;
                shared.note(&Line::Fail { t: wall_micros(), op: op.id, why });
            }
            Placed::Unknown => tally.unknown += 1,
        }
    }
    tally
}

enum Placed {
    Ok(String),
    Fail(String),
    Unknown,
}

/// Sends one operation until its outcome is known, or until the rules say to leave it.
async fn place(shared: &Shared, connection: &mut Connection, op: &Op) -> Placed {
    let load = &shared.load;
    let from = monotonic_micros();
    let give_up = load.give_up.map(|after| from.saturating_add(u64::try_from(after.as_micros()).unwrap_or(u64::MAX)));
    let mut doubtful = false;
    loop {
        let answered = connection.send(Method::POST, &op.id, op.body.clone()).await;
        let pause = match answered {
            Ok(reply) => match reply.status {
                200..=299 => return Placed::Ok(receipt(&reply)),
                // The target says that it did not take it.
                408 | 425 | 429 | 503 => {
                    shared.refused.fetch_add(1, Ordering::Relaxed);
                    reply.retry_after().unwrap_or(Duration::from_millis(100)).min(Duration::from_secs(5))
                }
                500..=599 => {
                    doubtful = true;
                    shared.doubt(op, format!("status {}", reply.status));
                    Duration::from_millis(100)
                }
                status if doubtful => {
                    // An earlier attempt may have been accepted, so this refusal settles nothing.
                    shared.doubt(op, format!("status {status} after an unknown outcome: {}", receipt(&reply)));
                    return Placed::Unknown;
                }
                status => return Placed::Fail(format!("status {status}: {}", receipt(&reply))),
            },
            Err(NoAnswer::NotSent(_)) => {
                shared.away();
                Duration::from_millis(20)
            }
            Err(NoAnswer::Unknown(why)) => {
                doubtful = true;
                shared.away();
                shared.doubt(op, why);
                Duration::from_millis(20)
            }
        };
        if doubtful && !load.retry_unknown {
            return Placed::Unknown;
        }
        if give_up.is_some_and(|at| monotonic_micros() >= at) {
            return if doubtful { Placed::Unknown } else { Placed::Fail("never taken".to_owned()) };
        }
        tokio::time::sleep(pause).await;
    }
}

fn receipt(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).chars().take(200).collect()
}

impl Shared {
    fn note(&self, line: &Line) {
        if let Ok(mut text) = serde_json::to_vec(line) {
            text.push(b'\n');
            self.history.note(&text);
        }
    }

    fn doubt(&self, op: &Op, why: String) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
        self.note(&Line::Info { t: wall_micros(), op: op.id.clone(), why });
    }

    /// Notes the beginning of an outage once.
    fn away(&self) {
        if !self.down.swap(true, Ordering::Relaxed) {
            self.note(&Line::Down { t: wall_micros() });
        }
    }
}
