//! Store to outside system: one attempt at a time, the outcome decides what happens next. One dispatcher for each
//! system, with its own limits, so that a slow system delays no other.

pub(crate) mod queue;

pub(crate) mod documents;

mod attempt;

pub(crate) use attempt::facts_of_row;

mod breaker;

mod pace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lineshaft_connect::contract::Destination;
use lineshaft_flow::project::{Receive, System};
use lineshaft_model::time::Timestamp;
use tokio::task::JoinSet;

use crate::shared::Shared;
use attempt::{Attempted, attempt};
use breaker::Breaker;
use pace::Pace;

/// Longest sleep of a dispatcher that has nothing to do: it looks again, in case a clock jumped.
const IDLE: Duration = Duration::from_secs(60);

/// Due deliveries loaded from the store at a time.
const LOAD: usize = 1024;

/// A receiving interface, ready to be sent to.
pub(crate) struct Receiver {
    pub(crate) receive: Arc<Receive>,
    pub(crate) destination: Box<dyn Destination>,
}

/// Delivers to one system until the node stops; then waits for the attempts on their way.
pub(crate) async fn deliver(shared: Arc<Shared>, system: Arc<System>, receivers: BTreeMap<String, Arc<Receiver>>) {
    let Some(queue) = shared.queues.get(&system.name).map(Arc::clone) else { return };
    let mut stopping = shared.stopping.subscribe();
    let mut running: JoinSet<Attempted> = JoinSet::new();
    let mut breaker = Breaker::new(system.limits.breaker_open_after, system.limits.breaker_probe_every);
    let mut pace = Pace::new(system.limits.rate_per_sec);
    let at_once = usize::try_from(system.limits.in_flight.max(1)).unwrap_or(1);
    let names: Vec<&str> = receivers.keys().map(String::as_str).collect();
    queue.look_into_store();
    while !shared.is_stopping() {
        let now = shared.steady().now();
        let mut wake = now.after(IDLE);
        if !shared.is_paused(&system.name) {
            if let Err(error) = queue.refill(&shared.store, (&system.name, &names), now, LOAD) {
                shared.fail_if_fatal(&error);
                tracing::error!(%error, system = system.name, "due deliveries cannot be read");
            }
            wake = start_due(&shared, &queue, &receivers, &mut running, &mut breaker, &mut pace, at_once).min(wake);
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => {}
            () = queue.changed() => {}
            () = tokio::time::sleep(wake.since(now)) => {}
            Some(ended) = running.join_next() => after(&shared, &queue, &mut breaker, ended),
        }
        while let Some(ended) = running.try_join_next() {
            after(&shared, &queue, &mut breaker, ended);
        }
    }
    while let Some(ended) = running.join_next().await {
        after(&shared, &queue, &mut breaker, ended);
    }
}

/// Starts what is due and permitted; says when to look again.
fn start_due(
    shared: &Arc<Shared>,
    queue: &queue::Queue,
    receivers: &BTreeMap<String, Arc<Receiver>>,
    running: &mut JoinSet<Attempted>,
    breaker: &mut Breaker,
    pace: &mut Pace,
    at_once: usize,
) -> Timestamp {
    let now = shared.steady().now();
    let tick = shared.clock.monotonic();
    while running.len() < at_once {
        if let Err(wait) = breaker.permits(tick).and_then(|()| pace.permits(tick)) {
            return now.after(wait);
        }
        let Some(due) = queue.pop(now) else { break };
        if shared.is_paused(&due.receiver) {
            queue.forget(due.delivery);
            continue;
        }
        let Some(receiver) = receivers.get(&due.receiver).map(Arc::clone) else {
            tracing::warn!(receiver = due.receiver, delivery = %due.delivery, "no such receiver in this project");
            queue.forget(due.delivery);
            continue;
        };
        let trial = breaker.begin();
        pace.begin(tick);
        running.spawn(attempt(Arc::clone(shared), receiver, due, trial));
    }
    if running.len() >= at_once { now.after(IDLE) } else { queue.next().unwrap_or(now.after(IDLE)) }
}

fn after(
    shared: &Shared,
    queue: &queue::Queue,
    breaker: &mut Breaker,
    ended: Result<Attempted, tokio::task::JoinError>,
) {
    match ended {
        Ok(attempted) => {
            queue.forget(attempted.delivery);
            breaker.end(attempted.trial, attempted.health, shared.clock.monotonic());
            shared.enqueue(attempted.due);
            if attempted.again {
                queue.look_into_store();
            }
        }
        Err(error) => {
            // The intent is on disk: the next start finds the attempt cut off and lets the target's class decide.
            tracing::error!(%error, "an attempt ended inside the node");
            // It may have been the trial: the next one must be able to begin.
            breaker.end(true, breaker::Health::Unwell, shared.clock.monotonic());
        }
    }
}
