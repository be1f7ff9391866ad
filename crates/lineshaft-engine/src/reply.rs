//! What a sender is told beyond the receipt: what its document came to.
//!
//! Whoever waits, waits for the transactions of its document and for the deliveries that they set going, by name; what
//! decides on one or settles one says so. A sender that waits in vain is told where to ask, and asking costs a few rows by key.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lineshaft_connect::contract::{
    DeliveryStanding, Outcomes, Receipt, Reply, Standing, StandingWord, TransactionStanding,
};
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::Fault;
use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_store::StoreError;
use lineshaft_store::read::deliveries::Delivery;
use lineshaft_store::read::transactions::Transaction;
use tokio::sync::Notify;

use crate::receive::unavailable;
use crate::shared::Shared;

/// How long a sender waits without looking for itself. Most of what becomes of its document is told at once; what a
/// newer document supersedes, say, is found by looking.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Senders that wait, by the transactions and deliveries they wait for. Bounded by the requests that the listener lets
/// in.
#[derive(Default)]
pub(crate) struct Waiting {
    senders: Mutex<HashMap<[u8; 16], Vec<Arc<Notify>>>>,
}

impl Waiting {
    /// Something became of the delivery.
    pub(crate) fn told(&self, delivery: DeliveryId) {
        self.tell(delivery.as_bytes());
    }

    /// The transaction was decided on.
    pub(crate) fn told_of(&self, transaction: TransactionId) {
        self.tell(transaction.as_bytes());
    }

    fn tell(&self, id: &[u8; 16]) {
        for sender in self.lock().get(id).into_iter().flatten() {
            sender.notify_one();
        }
    }

    fn seat(&self) -> Seat<'_> {
        Seat { waiting: self, ids: BTreeSet::new(), told: Arc::new(Notify::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 16], Vec<Arc<Notify>>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One sender that waits; when it leaves, nobody looks for it any more.
struct Seat<'a> {
    waiting: &'a Waiting,
    ids: BTreeSet<[u8; 16]>,
    told: Arc<Notify>,
}

impl Seat<'_> {
    /// Waits for these too. Says whether one of them is new.
    fn add(&mut self, ids: impl Iterator<Item = [u8; 16]>) -> bool {
        let mut senders = self.waiting.lock();
        let mut any = false;
        for id in ids {
            if self.ids.insert(id) {
                senders.entry(id).or_default().push(Arc::clone(&self.told));
                any = true;
            }
        }
        any
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut senders = self.waiting.lock();
        for id in &self.ids {
            // Others may wait for the same: a repeat of the document, sent while the first one waits.
            let Entry::Occupied(mut seats) = senders.entry(*id) else { continue };
            seats.get_mut().retain(|other| !Arc::ptr_eq(other, &self.told));
            if seats.get().is_empty() {
                seats.remove();
            }
        }
    }
}

/// The reply, with what each of its intakes came to within the time.
pub(crate) async fn with_outcome(shared: &Shared, interface: &str, reply: Reply, within: Duration) -> Reply {
    let end = shared.clock.monotonic() + within;
    let mut receipts = Vec::with_capacity(reply.receipts.len());
    for receipt in reply.receipts {
        let standing = outcome(shared, interface, &receipt.id, end).await.unwrap_or_else(|fault| {
            // It is on disk all the same: the sender gets its receipt and can ask later.
            tracing::warn!(%fault, interface, intake = receipt.id, "its outcome cannot be read");
            None
        });
        receipts.push(Receipt { standing, ..receipt });
    }
    Reply { receipts }
}

async fn outcome(shared: &Shared, interface: &str, id: &str, end: Duration) -> Result<Option<Standing>, Fault> {
    let mut seat = shared.waiting.seat();
    loop {
        let Some(standing) = shared.of(interface, id)? else { return Ok(None) };
        let left = end.saturating_sub(shared.clock.monotonic());
        if standing.word() != StandingWord::Open || standing.parts > Standing::LISTED_MAX || left.is_zero() {
            return Ok(Some(standing));
        }
        // What was decided on meanwhile has deliveries that nobody was seated for; read again once somebody is, so that
        // nothing is told to nobody in between.
        if !seat.add(waited_for(&standing)) {
            let _ = tokio::time::timeout(left.min(LOOK_AGAIN), seat.told.notified()).await;
        }
    }
}

/// The open transactions of an intake, and their deliveries.
fn waited_for(standing: &Standing) -> impl Iterator<Item = [u8; 16]> {
    let all =
        standing.transactions.iter().filter_map(|it| Some((it.id.parse::<TransactionId>().ok()?, &it.deliveries)));
    all.flat_map(|(id, deliveries)| {
        let deliveries = deliveries.iter().map(move |it| *DeliveryId::of(id, &it.receiver).as_bytes());
        std::iter::once(*id.as_bytes()).chain(deliveries)
    })
}

impl Outcomes for Shared {
    fn of(&self, interface: &str, id: &str) -> Result<Option<Standing>, Fault> {
        let Ok(intake) = id.parse::<IntakeId>() else { return Ok(None) };
        standing(self, interface, intake).map_err(|error| unavailable(&error))
    }
}

fn standing(shared: &Shared, interface: &str, intake: IntakeId) -> Result<Option<Standing>, StoreError> {
    let Some(taken_apart) = shared.store.is_taken_apart(interface, intake)? else { return Ok(None) };
    let parts = shared.store.parts_of(intake)?;
    let mut transactions = Vec::new();
    for id in parts.iter().take(Standing::LISTED_MAX) {
        match shared.store.transaction(*id)? {
            // Of another interface's documents a sender learns nothing, not even that they are there.
            Some(transaction) if transaction.interface == interface => transactions.push(of_transaction(transaction)),
            _ => return Ok(None),
        }
    }
    Ok(Some(Standing { parts: parts.len(), taken_apart, transactions }))
}

fn of_transaction(transaction: Transaction) -> TransactionStanding {
    TransactionStanding {
        id: transaction.id.to_string(),
        state: transaction.state,
        fault: transaction.fault,
        deliveries: transaction.deliveries.into_iter().map(of_delivery).collect(),
    }
}

fn of_delivery(delivery: Delivery) -> DeliveryStanding {
    let in_doubt = delivery.state == DeliveryState::OutcomeUnknown && delivery.next_at.is_none();
    DeliveryStanding {
        stopped: in_doubt || delivery.state == DeliveryState::Parked,
        receiver: delivery.receiver,
        state: delivery.state,
        receipt: delivery.receipt,
        fault: delivery.fault,
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Whether the one in the seat was told since it was asked last.
    fn is_told(seat: &Seat<'_>) -> bool {
        let waits = pin!(seat.told.notified());
        matches!(waits.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[test]
    fn everybody_who_waits_for_the_same_is_told_and_who_has_left_is_forgotten() {
        let waiting = Waiting::default();
        let (transaction, delivery) = (TransactionId::from_bytes([1; 16]), DeliveryId::from_bytes([2; 16]));
        let ids = || [*transaction.as_bytes(), *delivery.as_bytes()].into_iter();
        let (mut first, mut second) = (waiting.seat(), waiting.seat());
        assert!(first.add(ids()) && second.add(ids()));
        assert!(!first.add(ids()), "nothing new");
        waiting.told(delivery);
        assert_eq!((is_told(&first), is_told(&second)), (true, true));
        assert!(!is_told(&first), "once");
        waiting.told_of(transaction);
        assert_eq!((is_told(&first), is_told(&second)), (true, true));
        drop(second);
        waiting.told(delivery);
        assert!(is_told(&first), "who leaves takes nobody along");
        drop(first);
        assert!(waiting.lock().is_empty());
    }
}
