//! Some accepted transactions of one intake, processed together: their document is read once, they are mapped and decided
//! on off the async threads, and what they came to is one commit for each run of them.

use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use lineshaft_flow::process::{Ground, Opened, Understood, Work, decide, open};
use lineshaft_flow::project::Emit;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{IntakeId, TransactionId};
use lineshaft_model::intake::Received;
use lineshaft_model::object::{ObjectKey, States};
use lineshaft_model::original::{OriginalName, Ties};
use lineshaft_model::plan::Processed;
use lineshaft_store::change::Part;
use lineshaft_store::read::transactions::Transaction;
use lineshaft_store::{Change, Effect, StoreError};

use crate::objects::DECISIONS_MAX;
use crate::process::BEGUN_MAX;
use crate::receive::{known, to_part};
use crate::shared::{Shared, gone};

/// The document of an intake, read once for all of its transactions that are processed one after the other.
pub(super) struct Document {
    intake: IntakeId,
    received: Received,
    opened: Result<Opened, Fault>,
}

/// A transaction, and what its part of the document says now.
#[derive(Clone)]
struct Again {
    transaction: Transaction,
    understood: Result<Understood, Fault>,
}

impl Again {
    fn objects(&self) -> impl Iterator<Item = &ObjectKey> {
        self.understood.iter().flat_map(Understood::objects)
    }

    fn originals(&self) -> impl Iterator<Item = &OriginalName> {
        self.understood.iter().flat_map(Understood::originals)
    }

    fn is_reversal(&self) -> bool {
        self.originals().next().is_some()
    }
}

/// What processing some transactions came to.
pub(super) struct Done {
    /// The document they came in, if it was read.
    pub(super) document: Option<Arc<Document>>,
    /// Those that stay accepted, although their turn is over.
    pub(super) left: Vec<TransactionId>,
}

/// Counts that they are begun (OT11), reads and maps them, and commits what they came to.
pub(super) async fn process(
    shared: &Arc<Shared>,
    catalog: Arc<Catalog>,
    document: Option<Arc<Document>>,
    mut ids: Vec<TransactionId>,
) -> Result<Done, StoreError> {
    let counted = shared.store.commit(ids.iter().copied().map(Change::Process).collect()).await?.into_inner();
    let begun = ids.iter().copied().zip(counted).filter_map(|(id, effect)| match effect {
        Effect::Counted(times) => Some((id, times)),
        _ => None,
    });
    let begun: Vec<(TransactionId, u32)> = begun.collect();
    let (to_read, to_map) = (Arc::clone(shared), Arc::clone(&catalog));
    let read = tokio::task::spawn_blocking(move || read(&to_read, &to_map, document, begun));
    let (document, again) = read.await.unwrap_or_else(|_| Ok((None, Vec::new())))?;
    ids.retain(|id| !again.iter().any(|again| again.transaction.id == *id));
    let (mut runs, mut left) = (runs(again), ids);
    while let Some(run) = runs.pop_front() {
        let run = Arc::new(run);
        match put(shared, &catalog, &document, &run).await? {
            Put::Done => {}
            // Somebody decided on one of them, or gave up what they stand on: each by itself.
            Put::Stale => run.iter().rev().for_each(|again| runs.push_front(vec![again.clone()])),
            Put::Left => left.extend(run.iter().map(|again| again.transaction.id)),
        }
    }
    Ok(Done { document, left })
}

/// Reads the document, unless it is at hand, and maps the transactions. Blocks.
fn read(
    shared: &Shared,
    catalog: &Arc<Catalog>,
    mut document: Option<Arc<Document>>,
    begun: Vec<(TransactionId, u32)>,
) -> Result<(Option<Arc<Document>>, Vec<Again>), StoreError> {
    let mut again = Vec::with_capacity(begun.len());
    for (id, times) in begun {
        let Some(transaction) = shared.store.transaction(id)? else { continue };
        let understood = if times > BEGUN_MAX {
            Err(Fault::new(Code::DecodePoison, format!("processing was begun {times} times and never ended")))
        } else {
            if document.as_ref().is_none_or(|document| document.intake != transaction.intake) {
                document = open_document(shared, &transaction)?.map(Arc::new);
            }
            let Some(document) = &document else { continue };
            understood(shared, catalog, document, &transaction)
        };
        again.push(Again { transaction, understood });
    }
    Ok((document, again))
}

fn open_document(shared: &Shared, transaction: &Transaction) -> Result<Option<Document>, StoreError> {
    let Some(documents) = shared.store.documents(transaction)? else { return Ok(None) };
    let (body, unreadable) = match documents.received {
        Ok(body) => (body, None),
        Err(unreadable) => (Vec::new(), Some(Fault::new(Code::StoreDocument, format!("its document: {unreadable}")))),
    };
    let received = Received {
        body,
        content_type: documents.content_type,
        idempotency_key: None,
        traceparent: Some(documents.traceparent).filter(|text| !text.is_empty()),
        origin: documents.origin,
    };
    let opened = match (unreadable, emit_of(shared, transaction)) {
        (Some(fault), _) | (None, Err(fault)) => Err(fault),
        (None, Ok(emit)) => catch_unwind(AssertUnwindSafe(|| open(emit, &received))).map_err(|_| failed()),
    };
    Ok(Some(Document { intake: transaction.intake, received, opened }))
}

fn emit_of<'a>(shared: &'a Shared, transaction: &Transaction) -> Result<&'a Arc<Emit>, Fault> {
    shared.project.emits.get(&transaction.interface).ok_or_else(|| gone(&transaction.interface))
}

/// What the transaction's part says now, or why it cannot be read any more.
fn understood(
    shared: &Shared,
    catalog: &Arc<Catalog>,
    document: &Document,
    transaction: &Transaction,
) -> Result<Understood, Fault> {
    let emit = emit_of(shared, transaction)?;
    let opened = document.opened.as_ref().map_err(Clone::clone)?;
    let received_at = transaction.accepted_at;
    let work = Work { id: transaction.intake, received_at, received: &document.received };
    let part = || opened.understand(shared.ground(catalog), emit, work, transaction.part);
    catch_unwind(AssertUnwindSafe(part)).unwrap_or_else(|_| Err(failed()))
}

/// What can be decided on and committed together: all between two reversals, and each reversal alone.
fn runs(again: Vec<Again>) -> VecDeque<Vec<Again>> {
    let mut runs: VecDeque<Vec<Again>> = VecDeque::new();
    for next in again {
        match runs.back_mut() {
            Some(run) if !next.is_reversal() && !run.iter().any(Again::is_reversal) => run.push(next),
            _ => runs.push_back(vec![next]),
        }
    }
    runs
}

enum Put {
    Done,
    Stale,
    Left,
}

/// Decides on a run and commits it; one that is alone again where an object changed since it was decided on.
async fn put(
    shared: &Arc<Shared>,
    catalog: &Arc<Catalog>,
    document: &Option<Arc<Document>>,
    run: &Arc<Vec<Again>>,
) -> Result<Put, StoreError> {
    let objects: BTreeSet<ObjectKey> = run.iter().flat_map(Again::objects).cloned().collect();
    let _held = shared.objects.hold(&objects).await;
    for _ in 0..DECISIONS_MAX {
        let (shared_too, catalog, document) = (Arc::clone(shared), Arc::clone(catalog), document.clone());
        let (run_too, objects) = (Arc::clone(run), objects.clone());
        let decided = tokio::task::spawn_blocking(move || {
            let mut states = known(&shared_too, &objects, run_too.iter().flat_map(Again::originals))?;
            let ground = shared_too.ground(&catalog);
            let processed = run_too.iter().map(|again| decide_again(ground, again, &mut states));
            let traceparent = document.as_ref().and_then(|document| document.received.traceparent.as_deref());
            let parts = processed.map(|it| to_part(it, &shared_too.documents, traceparent, None));
            Ok::<Vec<Part>, StoreError>(parts.collect())
        });
        let Ok(parts) = decided.await else { return Ok(Put::Left) };
        let changes = parts?.into_iter().map(|part| Change::Replan(Box::new(part))).collect();
        let effects = shared.store.commit(changes).await?.into_inner();
        if effects.iter().any(|effect| matches!(effect, Effect::Stale { .. })) {
            if run.len() > 1 {
                return Ok(Put::Stale);
            }
            continue;
        }
        for (again, effect) in run.iter().zip(effects) {
            if let Effect::Planned { due, released } = effect {
                shared.enqueue(due);
                shared.apply(released);
                shared.waiting.told_of(again.transaction.id);
            }
        }
        return Ok(Put::Done);
    }
    tracing::error!(transaction = %run[0].transaction.id, "its objects changed {DECISIONS_MAX} times meanwhile; it stays accepted");
    Ok(Put::Left)
}

/// Decides on one transaction, on what the ones before it did; one that fails inside the node is parked alone (HD-6).
fn decide_again(ground: Ground<'_>, again: &Again, states: &mut States) -> Processed {
    let transaction = &again.transaction;
    let understood = match &again.understood {
        Ok(understood) => understood.clone(),
        Err(fault) => return stuck(transaction, fault.clone()),
    };
    let mut after = states.clone();
    let decision = AssertUnwindSafe(|| decide(ground, understood, &mut after, &BTreeSet::new()));
    match catch_unwind(decision).map(|intake| intake.parts.into_iter().next()) {
        Ok(Some(part)) => {
            *states = after;
            part
        }
        Ok(None) | Err(_) => stuck(transaction, failed()),
    }
}

fn failed() -> Fault {
    Fault::new(Code::DecodePoison, "processing this document failed inside the node")
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
