//! One emitting interface behind the listener.
//!
//! Requests reach [`Source::receive`] through a bounded channel; [`Source::settle`] answers the waiting request.
//! Nothing is kept beyond the requests that wait: a document is ours only when it is settled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lineshaft_model::fault::Fault;
use lineshaft_model::intake::Received;
use lineshaft_model::principal::Principal;
use tokio::sync::{mpsc, oneshot};

use super::listener::Shared;
use crate::contract::{Batch, BatchId, BoxFuture, Cursor, Reply, Source};

/// Tells the waiting request what became of it.
type Teller = oneshot::Sender<Result<Reply, Fault>>;

/// A request on its way to the engine.
pub(super) struct Arrival {
    pub(super) received: Received,
    pub(super) told: Teller,
    pub(super) deadline: Duration,
}

/// One emitting interface. Dropping it takes its address off the listener; requests that wait are answered `503`.
pub struct HttpSource {
    shared: Arc<Shared>,
    /// `mes/completion`.
    name: String,
    route: u64,
    arrivals: tokio::sync::Mutex<mpsc::Receiver<Arrival>>,
    waiting: Mutex<HashMap<BatchId, Teller>>,
    next: AtomicU64,
}

impl HttpSource {
    pub(super) fn new(shared: Arc<Shared>, name: String, route: u64, arrivals: mpsc::Receiver<Arrival>) -> Self {
        let arrivals = tokio::sync::Mutex::new(arrivals);
        Self { shared, name, route, arrivals, waiting: Mutex::default(), next: AtomicU64::new(1) }
    }

    async fn next_batch(&self) -> Result<Batch, Fault> {
        loop {
            let arrival = self.arrivals.lock().await.recv().await.ok_or_else(|| self.shared.end())?;
            // Whoever hung up will send again; accepting it now could make two documents of one.
            if arrival.told.is_closed() {
                continue;
            }
            let id = BatchId(self.next.fetch_add(1, Ordering::Relaxed));
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, arrival.told);
            return Ok(Batch {
                id,
                intakes: vec![arrival.received],
                principal: Principal::Interface(self.name.clone()),
                cursor: None,
                deadline: Some(arrival.deadline),
            });
        }
    }
}

impl Source for HttpSource {
    fn receive(&self, _after: Option<Cursor>) -> BoxFuture<'_, Result<Batch, Fault>> {
        Box::pin(self.next_batch())
    }

    fn settle(&self, batch: BatchId, outcome: Result<Reply, Fault>) -> BoxFuture<'_, Result<(), Fault>> {
        let told = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&batch);
        if let Some(told) = told {
            // A caller that hung up hears nothing and sends again: the same key finds the stored document.
            let _ = told.send(outcome);
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Drop for HttpSource {
    fn drop(&mut self) {
        self.shared.close_route(&self.name, self.route);
    }
}
