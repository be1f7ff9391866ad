//! What a sender is told beyond the receipt: what its document came to.
//!
//! Whoever waits, waits for the deliveries that its document set going, by name; what settles one says so. A sender that
//! waits in vain is told where to ask, and asking costs a few rows by key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lineshaft_connect::contract::{
    DeliveryStanding, Outcomes, Receipt, Reply, Standing, StandingWord, TransactionStanding,
};
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::Fault;
use lineshaft_model::ids::{DeliveryId, IntakeId};
use lineshaft_store::StoreError;
use lineshaft_store::read::deliveries::Delivery;
use lineshaft_store::read::transactions::Transaction;
use tokio::sync::Notify;

use crate::receive::unavailable;
use crate::shared::Shared;

/// Senders that wait, by the deliveries they wait for. Bounded by the requests that the listener lets in.
#[derive(Default)]
pub(crate) struct Waiting {
    senders: Mutex<HashMap<DeliveryId, Arc<Notify>>>,
}

impl Waiting {
    /// Something became of the delivery.
    pub(crate) fn told(&self, delivery: DeliveryId) {
        if let Some(sender) = self.lock().get(&delivery) {
            sender.notify_one();
        }
    }

    fn wait_for(&self, deliveries: Vec<DeliveryId>) -> Seat<'_> {
        let told = Arc::new(Notify::new());
        self.lock().extend(deliveries.iter().map(|delivery| (*delivery, Arc::clone(&told))));
        Seat { waiting: self, deliveries, told }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeliveryId, Arc<Notify>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One sender that waits; when it leaves, nobody looks for it any more.
struct Seat<'a> {
    waiting: &'a Waiting,
    deliveries: Vec<DeliveryId>,
    told: Arc<Notify>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut senders = self.waiting.lock();
        for delivery in &self.deliveries {
            // A repeat of the same document may wait for the same delivery by now.
            if senders.get(delivery).is_some_and(|other| Arc::ptr_eq(other, &self.told)) {
                senders.remove(delivery);
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
    let Some(first) = shared.of(interface, id)? else { return Ok(None) };
    if first.word() != StandingWord::Open || first.parts > Standing::LISTED_MAX {
        return Ok(Some(first));
    }
    let seat = shared.waiting.wait_for(deliveries_of(&first));
    loop {
        // Read after the seat is taken, so that nothing is told to nobody in between.
        let Some(standing) = shared.of(interface, id)? else { return Ok(None) };
        let left = end.saturating_sub(shared.clock.monotonic());
        let open = standing.word() == StandingWord::Open;
        if !open || tokio::time::timeout(left, seat.told.notified()).await.is_err() {
            return Ok(Some(standing));
        }
    }
}

fn deliveries_of(standing: &Standing) -> Vec<DeliveryId> {
    let transactions = standing.transactions.iter().filter_map(|it| Some((it.id.parse().ok()?, &it.deliveries)));
    transactions.flat_map(|(id, all)| all.iter().map(move |it| DeliveryId::of(id, &it.receiver))).collect()
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
