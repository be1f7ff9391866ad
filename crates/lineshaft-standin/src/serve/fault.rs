//! The fault menu: how a stand-in misbehaves, for how long, and for which requests. Absent: faults of the network
//! itself (loss, delay, partition), which belong to the host.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lineshaft_model::random::{Rng, SeededRng};
use serde::Deserialize;
use tokio::sync::watch;

use super::reply::Asked;

/// A way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Waits `ms`, then answers as usual.
    Slow,
    /// Reads the request, applies nothing and never answers; the connection is closed when the fault is cleared.
    Hang,
    /// Reads the request, applies nothing and resets the connection.
    Reset,
    /// Answers 500 and applies nothing.
    #[serde(rename = "http_500")]
    Http500,
    /// Answers 503, with `Retry-After` if `retry_after` says so, and applies nothing.
    #[serde(rename = "http_503")]
    Http503,
    /// Answers 429 with `Retry-After: retry_after` and applies nothing.
    #[serde(rename = "http_429")]
    Http429,
    /// Applies the request durably, then resets the connection instead of answering.
    ApplyThenDrop,
    /// Resets the connection, then applies the request after `ms` (default 30,000).
    DropThenApply,
    /// Answers 200 with an HTML page and applies nothing, as a sign-in page in front of a target does.
    WrongType,
    /// Applies the request and answers with its status and a body of `bytes` blanks (default 64 MiB).
    HugeBody,
    /// Closes every connection and the port for `ms`, or until cleared from the library when `ms` is absent or 0.
    Refuse,
}

/// One entry of the menu.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// How often it happens; until cleared if absent.
    #[serde(default)]
    pub times: Option<u64>,
    /// To which share of the matching requests, 0.0 to 1.0; all if absent.
    #[serde(default)]
    pub share: Option<f64>,
    /// Only to requests whose path starts with this.
    #[serde(default)]
    pub path: Option<String>,
    /// Only to requests whose body contains this text.
    #[serde(default)]
    pub body: Option<String>,
    /// Milliseconds, for the kinds that wait.
    #[serde(default)]
    pub ms: Option<u64>,
    /// Size of a huge body.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Seconds in `Retry-After`; if absent 1 for 429, and no such header for 503.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

impl Fault {
    /// `kind` for every request until cleared.
    pub fn new(kind: Kind) -> Self {
        Self { kind, times: None, share: None, path: None, body: None, ms: None, bytes: None, retry_after: None }
    }

    /// Only the next `times` matching requests.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only a share of the matching requests, 0.0 to 1.0.
    pub fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// Only requests whose path starts with `prefix`.
    pub fn path(mut self, prefix: &str) -> Self {
        self.path = Some(prefix.to_owned());
        self
    }

    /// Only requests whose body contains `text`.
    pub fn body(mut self, text: &str) -> Self {
        self.body = Some(text.to_owned());
        self
    }

    /// Seconds in `Retry-After`.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Milliseconds, for the kinds that wait.
    pub fn ms(mut self, ms: u64) -> Self {
        self.ms = Some(ms);
        self
    }

    fn concerns(&self, asked: &Asked) -> bool {
        let path = self.path.as_ref().is_none_or(|prefix| asked.uri.path().starts_with(prefix.as_str()));
        path && self.body.as_ref().is_none_or(|text| contains(&asked.body, text.as_bytes()))
    }
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || hay.windows(needle.len()).any(|window| window == needle)
}

/// The faults in force at one stand-in. The first entry that concerns a request wins.
pub(super) struct Menu {
    entries: Mutex<Vec<(u64, Fault)>>,
    rng: SeededRng,
    /// Counts the clearings; hanging requests wait for the next one.
    cleared: watch::Sender<u64>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    numbered: u64,
    happened: u64,
}

impl Menu {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::default(), rng: SeededRng::new(1), cleared: watch::channel(0).0, seen: Mutex::default() }
    }

    /// Adds an entry; returns its number.
    pub(super) fn add(&self, fault: Fault) -> u64 {
        let number = {
            let mut seen = lock(&self.seen);
            seen.numbered += 1;
            seen.numbered
        };
        lock(&self.entries).push((number, fault));
        number
    }

    /// Removes every entry and lets hanging requests go.
    pub(super) fn clear(&self) {
        lock(&self.entries).clear();
        self.cleared.send_modify(|count| *count += 1);
    }

    /// How many requests met a fault so far.
    pub(super) fn happened(&self) -> u64 {
        lock(&self.seen).happened
    }

    /// Waits for the next clearing.
    pub(super) async fn wait_cleared(&self) {
        // An error means that the menu is gone, which also ends the wait.
        let _ = self.cleared.subscribe().changed().await;
    }

    /// The fault that this request meets, if any; counts it.
    pub(super) fn pick(&self, asked: &Asked) -> Option<Fault> {
        let mut entries = lock(&self.entries);
        let at = entries.iter().position(|(_, fault)| fault.concerns(asked) && self.drawn(fault))?;
        let fault = entries[at].1.clone();
        if let Some(times) = &mut entries[at].1.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                entries.remove(at);
            }
        }
        drop(entries);
        lock(&self.seen).happened += 1;
        Some(fault)
    }

    fn drawn(&self, fault: &Fault) -> bool {
        // 53 bits are what a double holds exactly.
        fault.share.is_none_or(|share| ((self.rng.next_u64() >> 11) as f64) < share * (1_u64 << 53) as f64)
    }
}

/// A poisoned lock means that a stand-in panicked in a test; its counters are still worth reading.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
