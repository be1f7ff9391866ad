//! Accepted transactions that must be processed (again): released by a reference, retried by a person, or left
//! behind by an earlier life of the node.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lineshaft_flow::process::{Understood, Work, understand};
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::intake::Received;
use lineshaft_model::object::ObjectKey;
use lineshaft_model::original::Ties;
use lineshaft_model::plan::Processed;
use lineshaft_model::principal::Principal;
use lineshaft_store::read::reference::Place;
use lineshaft_store::read::transactions::Transaction;
use lineshaft_store::{Change, Effect, StoreError};
use tokio::sync::Notify;

use crate::objects::DECISIONS_MAX;
use crate::receive::{decided, guarded, known, to_part};
use crate::shared::{Shared, gone};

/// Times that processing may be begun without coming to an end, before the document is taken for the cause (OT11).
pub(crate) const BEGUN_MAX: u32 = 3;

/// Transactions, or deliveries that wait for a record, loaded from the store at a time.
const LOAD: usize = 256;

/// How long to wait when the store can take nothing.
const PAUSE: Duration = Duration::from_millis(200);

/// What waits to be processed. Bounded: what does not fit is found again in the store.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    transactions: VecDeque<TransactionId>,
    deliveries: VecDeque<DeliveryId>,
    /// Whether the store has transactions that are not here.
    more: bool,
    /// Whether it has deliveries that are not here, and whose record arrived.
    more_deliveries: bool,
}

/// Entries of each kind kept in memory at most.
const WAITING_MAX: usize = 4096;

impl Backlog {
    pub(crate) fn push(&self, transactions: Vec<TransactionId>, deliveries: Vec<DeliveryId>) {
        if transactions.is_empty() && deliveries.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.transactions.len() + transactions.len() > WAITING_MAX {
            waiting.more = true;
        } else {
            waiting.transactions.extend(transactions);
        }
        if waiting.deliveries.len() + deliveries.len() > WAITING_MAX {
            waiting.more_deliveries = true;
        } else {
            waiting.deliveries.extend(deliveries);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Makes the next round look into the store for transactions.
    pub(crate) fn look_for_transactions(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).more = true;
        self.filled.notify_one();
    }

    /// Makes the next rounds look into the store for deliveries whose record arrived.
    pub(crate) fn look_for_deliveries(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).more_deliveries = true;
        self.filled.notify_one();
    }

    /// What there is to do; it is not here any more.
    fn take(&self) -> Waiting {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Processes what the backlog names, until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    let mut look = None;
    while !shared.is_stopping() {
        let Waiting { transactions, deliveries, more, more_deliveries } = shared.backlog.take();
        if more && let Err(error) = from_store(&shared).await {
            wait_out(&shared, &error).await;
            shared.backlog.look_for_transactions();
        }
        for id in transactions {
            if let Err(error) = process_again(&shared, id).await {
                wait_out(&shared, &error).await;
                shared.backlog.look_for_transactions();
            }
        }
        render(&shared, deliveries).await;
        if more_deliveries {
            look = Some(Place::default());
        }
        if let Some(place) = look.take() {
            look = arrived(&shared, &place).await;
            // One slice, then what came meanwhile.
            continue;
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => {}
            () = shared.backlog.filled.notified() => {}
        }
    }
}

/// Renders deliveries again whose record arrived. What the node does not come to is found in the store.
async fn render(shared: &Shared, deliveries: impl IntoIterator<Item = DeliveryId>) {
    for id in deliveries {
        if shared.is_stopping() {
            return;
        }
        let why = "the reference it waited for arrived";
        if let Err(error) = crate::act::render_again(shared, &Principal::Node, id, why).await {
            wait_out(shared, &error).await;
            return shared.backlog.look_for_deliveries();
        }
    }
}

/// Renders again the next deliveries in the store that wait for a record that is there; where to go on.
async fn arrived(shared: &Shared, place: &Place) -> Option<Place> {
    match shared.store.arrived(place, LOAD) {
        Ok(look) => {
            render(shared, look.arrived).await;
            look.next
        }
        Err(error) => {
            wait_out(shared, &error).await;
            Some(place.clone())
        }
    }
}

async fn wait_out(shared: &Shared, error: &StoreError) {
    shared.fail_if_fatal(error);
    tracing::warn!(%error, "what is to be processed again waits");
    tokio::time::sleep(PAUSE).await;
}

/// Works through everything accepted, in accept order. An id that stays accepted after its turn is left for the next start.
async fn from_store(shared: &Shared) -> Result<(), StoreError> {
    let mut seen = HashSet::new();
    loop {
        let ids = shared.store.to_process(LOAD)?;
        let fresh: Vec<TransactionId> = ids.into_iter().filter(|id| seen.insert(*id)).collect();
        if fresh.is_empty() || shared.is_stopping() {
            return Ok(());
        }
        for id in fresh {
            process_again(shared, id).await?;
        }
    }
}

async fn process_again(shared: &Shared, id: TransactionId) -> Result<(), StoreError> {
    let counted = shared.store.commit(vec![Change::Process(id)]).await?.into_inner();
    let Some(Effect::Counted(begun)) = counted.into_iter().next() else { return Ok(()) };
    let Some(transaction) = shared.store.transaction(id)? else { return Ok(()) };
    let Some(documents) = shared.store.documents(&transaction)? else { return Ok(()) };
    let received = documents.received.map(|body| Received {
        body,
        content_type: documents.content_type,
        idempotency_key: None,
        traceparent: Some(documents.traceparent).filter(|text| !text.is_empty()),
        origin: documents.origin,
    });
    let catalog = shared.catalog();
    let understood = match &received {
        Ok(received) if begun <= BEGUN_MAX => once_more(shared, &catalog, &transaction, received),
        Ok(_) => Err(Fault::new(Code::DecodePoison, format!("processing was begun {begun} times and never ended"))),
        Err(unreadable) => Err(Fault::new(Code::StoreDocument, format!("its document: {unreadable}"))),
    };
    let received = received.unwrap_or_default();
    let objects: BTreeSet<ObjectKey> = understood.iter().flat_map(Understood::objects).cloned().collect();
    let _held = shared.objects.hold(&objects).await;
    for _ in 0..DECISIONS_MAX {
        let processed = match &understood {
            Err(fault) => stuck(&transaction, fault.clone()),
            Ok(understood) => decide_again(shared, &catalog, &transaction, understood.clone(), &objects)?,
        };
        let part = to_part(processed, &shared.documents, &received, false);
        let effects = shared.store.commit(vec![Change::Replan(Box::new(part))]).await?.into_inner();
        match effects.into_iter().next() {
            // An object changed since it was decided on.
            Some(Effect::Stale { .. }) => continue,
            Some(Effect::Planned { due, released }) => {
                shared.enqueue(due);
                shared.apply(released);
                shared.waiting.told_of(id);
            }
            _ => {}
        }
        return Ok(());
    }
    tracing::error!(transaction = %id, "its objects changed {DECISIONS_MAX} times meanwhile; it stays accepted");
    Ok(())
}

/// What the transaction's document says now, or why it cannot be read any more.
fn once_more(
    shared: &Shared,
    catalog: &Arc<Catalog>,
    transaction: &Transaction,
    received: &Received,
) -> Result<Understood, Fault> {
    let Some(emit) = shared.project.emits.get(&transaction.interface) else {
        return Err(gone(&transaction.interface));
    };
    let work = Work { id: transaction.intake, received_at: transaction.accepted_at, received };
    let mut understood = guarded(transaction.intake, || understand(shared.ground(catalog), emit, work));
    understood.retain(transaction.id);
    Ok(understood)
}

fn decide_again(
    shared: &Shared,
    catalog: &Arc<Catalog>,
    transaction: &Transaction,
    understood: Understood,
    objects: &BTreeSet<ObjectKey>,
) -> Result<Processed, StoreError> {
    let mut states = known(shared, objects, understood.originals())?;
    let intake = decided(shared.ground(catalog), transaction.intake, understood, &mut states, &BTreeSet::new());
    let part = intake.parts.into_iter().find(|part| part.id == transaction.id);
    let gone = || stuck(transaction, Fault::new(Code::DecodeSplit, "the document has no such part any more"));
    Ok(part.unwrap_or_else(gone))
}

fn stuck(transaction: &Transaction, fault: Fault) -> Processed {
    Processed {
        id: transaction.id,
        part: transaction.part,
        keys: transaction.keys.clone(),
        tags: transaction.tags.clone(),
        repeat: None,
        versions: transaction.versions.clone(),
        expects: Vec::new(),
        holds_back: true,
        ties: Ties::default(),
        result: Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_looked_for_in_the_store() {
        let backlog = Backlog::default();
        let transaction = TransactionId::from_bytes([1; 16]);
        let delivery = DeliveryId::of(transaction, "erp/confirmation");
        backlog.push(vec![transaction; WAITING_MAX], vec![delivery; WAITING_MAX]);
        let Waiting { transactions, deliveries, more, more_deliveries } = backlog.take();
        assert_eq!(
            (transactions.len(), deliveries.len(), more, more_deliveries),
            (WAITING_MAX, WAITING_MAX, false, false)
        );
        backlog.push(vec![transaction], vec![delivery; WAITING_MAX + 1]);
        let Waiting { transactions, deliveries, more, more_deliveries } = backlog.take();
        assert_eq!((transactions.len(), deliveries.len(), more, more_deliveries), (1, 0, false, true));
    }
}
