//! Accepted transactions that must be processed (again): released by a reference, retried by a person, or left
//! behind by an earlier life of the node.
//!
//! Round after round, each intake in turn: its document is read once in a turn, some of its transactions are processed
//! together, and a large intake keeps no other waiting. One whose processing did not end before is processed alone, so
//! that a part that ends the process is found, and no neighbour with it (OT11).

mod together;

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::principal::Principal;
use lineshaft_store::StoreError;
use lineshaft_store::read::reference::Place;
use lineshaft_store::read::transactions::ToProcess;
use tokio::sync::Notify;

use crate::process::together::{Document, process};
use crate::shared::Shared;

/// Times that processing may be begun without coming to an end, before the document is taken for the cause (OT11).
pub(crate) const BEGUN_MAX: u32 = 3;

/// Transactions of one intake loaded from the store at a time.
const LOAD: usize = 4096;

/// Transactions processed together, at most: what the writer does in a few milliseconds.
const TOGETHER: usize = 64;

/// How long the turn of an intake is, at least, if it has as much to do. As long as finding and reading took, if that
/// was longer: so at most half of the time goes into reading.
const TURN: Duration = Duration::from_millis(100);

/// How long to wait when the store can take nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// Deliveries rendered between two turns.
const RENDERED: usize = 64;

/// Deliveries kept in memory at most, and looked for in the store at a time.
const WAITING_MAX: usize = 4096;
const LOOK: usize = 256;

/// Wakes whoever processes again. Which transactions there are stands in the store; of the deliveries whose record arrived,
/// what does not fit is found there too.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    deliveries: VecDeque<DeliveryId>,
    /// Whether the store has deliveries that are not here, and whose record arrived.
    more: bool,
}

impl Backlog {
    pub(crate) fn push(&self, transactions: &[TransactionId], deliveries: Vec<DeliveryId>) {
        if transactions.is_empty() && deliveries.is_empty() {
            return;
        }
        let mut waiting = self.lock();
        if waiting.deliveries.len() + deliveries.len() > WAITING_MAX {
            waiting.more = true;
        } else {
            waiting.deliveries.extend(deliveries);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Makes the next round look into the store for transactions.
    pub(crate) fn look_for_transactions(&self) {
        self.filled.notify_one();
    }

    /// Makes the next rounds look into the store for deliveries whose record arrived.
    pub(crate) fn look_for_deliveries(&self) {
        self.lock().more = true;
        self.filled.notify_one();
    }

    /// Some of the deliveries here, and whether the store has others.
    fn take(&self) -> (Vec<DeliveryId>, bool) {
        let mut waiting = self.lock();
        let more = std::mem::take(&mut waiting.more);
        let count = waiting.deliveries.len().min(RENDERED);
        (waiting.deliveries.drain(..count).collect(), more)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Processes what there is, until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    // What stays accepted after its turn is left for the next start.
    let mut left = HashSet::new();
    while !shared.is_stopping() {
        if let Err(error) = rounds(&shared, &mut left).await {
            shared.fail_if_fatal(&error);
            tracing::warn!(%error, "what is to be processed again waits");
            tokio::time::sleep(PAUSE).await;
            shared.backlog.look_for_transactions();
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = shared.backlog.filled.notified() => {}
        }
    }
}

/// Round after round, until one finds nothing more to do.
async fn rounds(shared: &Arc<Shared>, left: &mut HashSet<TransactionId>) -> Result<(), StoreError> {
    let (mut after, mut idle) = (i64::MIN, true);
    let (mut document, mut look) = (None, None);
    while !shared.is_stopping() {
        idle &= !render(shared, &mut look).await?;
        match shared.store.next_to_process(after)? {
            Some(next) => {
                idle &= !turn(shared, next, &mut document, left).await?;
                after = next.rank;
            }
            None if idle => return Ok(()),
            None => (after, idle) = (i64::MIN, true),
        }
    }
    Ok(())
}

/// Renders some of the deliveries whose reference data arrived: those that are named here, then those that a look into the
/// store finds, which goes on from `look`. Says whether there was anything to do.
async fn render(shared: &Shared, look: &mut Option<Place>) -> Result<bool, StoreError> {
    let (mut deliveries, more) = shared.backlog.take();
    if more {
        *look = Some(Place::default());
    }
    let place = if deliveries.is_empty() { look.take() } else { None };
    let found = place.map(|place| shared.store.arrived(&place, LOOK)).transpose();
    let found = found.inspect_err(|_| shared.backlog.look_for_deliveries())?;
    let looked = found.is_some();
    if let Some(found) = found {
        deliveries.extend(found.arrived);
        *look = found.next;
    }
    for id in &deliveries {
        let why = "the reference it waited for arrived";
        if shared.is_stopping() {
            break;
        }
        // What the node does not come to now is found in the store.
        let rendered = crate::act::render_again(shared, &Principal::Node, *id, why).await;
        rendered.inspect_err(|_| shared.backlog.look_for_deliveries())?;
    }
    Ok(looked || !deliveries.is_empty())
}

/// One turn of an intake. Says whether anything was done.
async fn turn(
    shared: &Arc<Shared>,
    next: ToProcess,
    document: &mut Option<Arc<Document>>,
    left: &mut HashSet<TransactionId>,
) -> Result<bool, StoreError> {
    let began = shared.clock.monotonic();
    let store = Arc::clone(&shared.store);
    let loaded = tokio::task::spawn_blocking(move || store.to_process(next.rank, LOAD)).await;
    let (accepted, released_by) = loaded.unwrap_or(Err(StoreError::Stopped))?;
    shared.catch_up(released_by).await?;
    let catalog = shared.catalog();
    let mut waiting: VecDeque<_> = accepted.into_iter().filter(|(id, _)| !left.contains(id)).collect();
    let (mut done, mut ends) = (false, None);
    while let Some(together) = first(&mut waiting) {
        let ended = process(shared, Arc::clone(&catalog), document.take(), together.clone()).await?;
        *document = ended.document;
        done |= ended.left.len() < together.len();
        left.extend(ended.left);
        let now = shared.clock.monotonic();
        let ends = *ends.get_or_insert(now + TURN.max(now.saturating_sub(began)));
        if now >= ends || shared.is_stopping() {
            break;
        }
    }
    Ok(done)
}

/// Takes off what is processed together next: one that was begun before alone, or as many as were not.
fn first(waiting: &mut VecDeque<(TransactionId, u32)>) -> Option<Vec<TransactionId>> {
    let fresh = waiting.iter().take(TOGETHER).take_while(|(_, begun)| *begun == 0).count();
    let count = if waiting.is_empty() { return None } else { fresh.max(1) };
    Some(waiting.drain(..count).map(|(id, _)| id).collect())
}

#[cfg(test)]
mod tests {
    use lineshaft_model::ids::IntakeId;

    use super::*;

    /// The numbers of the parts that are processed together, in their order, if the parts were begun so often.
    fn together(begun: impl IntoIterator<Item = u32>) -> Vec<Vec<usize>> {
        let ids = (0..).map(|part| TransactionId::of_part(IntakeId::from_bytes([7; 16]), part));
        let mut waiting: VecDeque<_> = ids.zip(begun).collect();
        let all: Vec<_> = waiting.iter().map(|(id, _)| *id).collect();
        let number = |id: TransactionId| all.iter().position(|other| *other == id).expect("one of them");
        std::iter::from_fn(|| first(&mut waiting)).map(|ids| ids.into_iter().map(number).collect()).collect()
    }

    #[test]
    fn ot11_what_was_begun_before_is_processed_alone() {
        assert_eq!(together([0, 0, 2, 1, 0]), [vec![0, 1], vec![2], vec![3], vec![4]]);
        let sizes: Vec<usize> = together([0; 130]).iter().map(Vec::len).collect();
        assert_eq!(sizes, [64, 64, 2]);
    }
}
