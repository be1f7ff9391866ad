//! Source to store: on disk first, acknowledged second.
//!
//! A small intake is decoded, mapped and planned before the one commit that stores it with its transactions and
//! deliveries (`docs/decisions/0006`).

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lineshaft_connect::contract::{Batch, Cursor, Receipt, Reply, ReplyKind, Source};
use lineshaft_flow::process::{Ground, ProcessedIntake, Understood, Work, decide, understand};
use lineshaft_flow::project::{Emit, Reply as ReplyRule};
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_model::intake::Received;
use lineshaft_model::object::{ObjectKey, States};
use lineshaft_model::original::OriginalName;
use lineshaft_model::plan::{Plan, PlannedDelivery, Processed, Work as ToSend};
use lineshaft_model::principal::Principal;
use lineshaft_store::change::{Accept, NewDelivery, NewWork, Part, Planned};
use lineshaft_store::in_work::Noted;
use lineshaft_store::{Change, Effect, Payload, StoreError};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::deliver::documents::Documents;
use crate::objects::DECISIONS_MAX;
use crate::reply::with_outcome;
use crate::shared::Shared;
use crate::split;

/// Batches of one interface that are processed at the same time, at most.
const BATCHES_MAX: usize = 256;

/// Shortest and longest wait before a source that failed is asked again.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Longer than a source that fails needs to say so: its longest time-out.
const WELL_AFTER: Duration = Duration::from_secs(120);

/// Takes in what `source` hands over, until the node stops. A source that fails is asked again, at growing distance.
pub(crate) async fn receive(shared: Arc<Shared>, emit: Arc<Emit>, source: Arc<dyn Source>, mut cursor: Option<Cursor>) {
    let permits = Arc::new(Semaphore::new(BATCHES_MAX));
    let mut stopping = shared.stopping.subscribe();
    let mut running = JoinSet::new();
    let mut wait = AGAIN_AFTER.0;
    loop {
        while running.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let batch = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            batch = next(&shared, &emit, &*source, cursor.clone()) => batch,
        };
        match batch {
            Ok(batch) if batch.cursor.is_some() => {
                // A polling source goes on only from what is committed.
                let next = batch.cursor.clone();
                match take_in(&shared, &emit, &*source, batch).await {
                    Ok(()) => {
                        (cursor, wait) = (next, AGAIN_AFTER.0);
                        shared.sources.received(&emit.name, shared.clock.now());
                    }
                    Err(fault) if fault.code == Code::ReceiveStoreUnavailable => {
                        if pause(&mut stopping, &mut wait).await {
                            break;
                        }
                    }
                    // The document was refused for what it is. Its source knows; what stands behind it need not wait.
                    Err(fault) => {
                        tracing::warn!(%fault, interface = emit.name, "refused; not accepted");
                        shared.sources.refused(&emit.name, &fault, shared.clock.now());
                    }
                }
            }
            Ok(batch) => {
                wait = AGAIN_AFTER.0;
                let (shared, emit, source) = (Arc::clone(&shared), Arc::clone(&emit), Arc::clone(&source));
                running.spawn(async move {
                    // A sender that waits was told; it knows better than a log what to do.
                    let _told = take_in(&shared, &emit, &*source, batch).await;
                    drop(permit);
                });
            }
            Err(_) if shared.draining.load(Ordering::Acquire) => break,
            Err(fault) => {
                tracing::warn!(%fault, interface = emit.name, wait_ms = wait.as_millis(), "nothing received; asked again");
                shared.sources.failed(&emit.name, &fault, shared.clock.now());
                if pause(&mut stopping, &mut wait).await {
                    break;
                }
            }
        }
    }
    // What was handed over is answered before the source goes.
    while running.join_next().await.is_some() {}
}

/// The next batch. A source that failed and does not fail again for a while is taken for well: it waits for documents.
async fn next(shared: &Shared, emit: &Emit, source: &dyn Source, after: Option<Cursor>) -> Result<Batch, Fault> {
    let mut call = source.receive(after);
    match tokio::time::timeout(WELL_AFTER, &mut call).await {
        Ok(batch) => batch,
        Err(_) => {
            shared.sources.recovered(&emit.name);
            call.await
        }
    }
}

/// Waits, and longer the next time. Says whether the node stops.
async fn pause(stopping: &mut watch::Receiver<bool>, wait: &mut Duration) -> bool {
    let stopped = tokio::time::timeout(*wait, stopping.wait_for(|stop| *stop)).await.is_ok();
    *wait = (*wait * 2).min(AGAIN_AFTER.1);
    stopped
}

/// A document that was read, and what it says.
#[derive(Clone)]
struct Heard<'a> {
    id: IntakeId,
    received: &'a Received,
    catalog: Arc<Catalog>,
    understood: Understood,
    /// Whether it is stored first and taken apart after.
    later: bool,
    /// That it is in work, until it was decided on.
    noted: Option<Arc<Noted<'a>>>,
}

/// What storing a batch came to.
enum Stored {
    /// It is on disk.
    Done(Reply),
    /// An object changed since it was decided on; these of its transactions repeat earlier ones.
    Stale(Vec<TransactionId>),
}

/// Stores a batch and tells its source. An error says why it is not on disk.
async fn take_in(shared: &Shared, emit: &Emit, source: &dyn Source, batch: Batch) -> Result<(), Fault> {
    let heard = batch.intakes.iter().map(|received| hear(shared, emit, received)).collect();
    // A source that asks by itself knows its system's address, not the name of our interface.
    let principal = match batch.cursor {
        Some(_) => Principal::Interface(emit.name.clone()),
        None => batch.principal,
    };
    let outcome = decide_and_store(shared, emit, &principal, heard, batch.cursor).await;
    let stored = outcome.as_ref().map(|_| ()).map_err(Fault::clone);
    let outcome = match (outcome, emit.reply) {
        (Ok(reply), ReplyRule::Settled(within)) => Ok(with_outcome(shared, &emit.name, reply, within).await),
        (outcome, _) => outcome,
    };
    if let Err(fault) = source.settle(batch.id, outcome).await {
        tracing::warn!(%fault, interface = emit.name, "the sender could not be told; it will send again");
    }
    stored
}

/// Decides on the state of the objects that the batch touches, and again where that changed before it was stored.
async fn decide_and_store(
    shared: &Shared,
    emit: &Emit,
    principal: &Principal,
    mut heard: Vec<Heard<'_>>,
    cursor: Option<Cursor>,
) -> Result<Reply, Fault> {
    let objects: BTreeSet<ObjectKey> = heard.iter().flat_map(|it| it.understood.objects()).cloned().collect();
    let originals: BTreeSet<OriginalName> = heard.iter().flat_map(|it| it.understood.originals()).cloned().collect();
    let alone = heard.iter().map(|it| it.understood.count()).sum::<usize>() == 1;
    let _held = shared.objects.hold(&objects).await;
    let mut repeats = BTreeSet::new();
    for _ in 0..DECISIONS_MAX {
        let mut states = known(shared, &objects, &originals).map_err(|error| unavailable(&error))?;
        if !alone {
            states = states.reversals_apart();
        }
        let at_hand =
            if objects.is_empty() && originals.is_empty() { std::mem::take(&mut heard) } else { heard.clone() };
        let accepts = at_hand.into_iter().map(|it| prepare(shared, emit, principal, it, (&mut states, &repeats)));
        let accepts: Vec<Accept> = accepts.collect();
        if let Some(fault) = refused(emit, &accepts).or_else(|| invalid(emit, &accepts)) {
            return Err(fault);
        }
        match store(shared, emit, accepts, cursor.clone()).await? {
            Stored::Done(reply) => return Ok(reply),
            Stored::Stale(more) => repeats.extend(more),
        }
    }
    Err(Fault::new(Code::ReceiveStoreUnavailable, format!("its objects changed {DECISIONS_MAX} times meanwhile")))
}

/// What a decision on these objects and originals is made on.
pub(crate) fn known<'n>(
    shared: &Shared,
    objects: &BTreeSet<ObjectKey>,
    originals: impl IntoIterator<Item = &'n OriginalName>,
) -> Result<States, StoreError> {
    Ok(shared.store.objects(objects)?.with_originals(shared.store.originals(originals)?))
}

/// Where the interface says `unreadable: stop`, a document that cannot be read is not accepted: its sender keeps it.
fn refused(emit: &Emit, accepts: &[Accept]) -> Option<Fault> {
    let unreadable = accepts.iter().find(|accept| accept.unreadable && !emit.unreadable_pass)?;
    unreadable.parts.first()?.result.as_ref().err().cloned()
}

/// Where the interface says `reply: validated`, a document that cannot be processed as it is, is not accepted: its sender
/// keeps it. What waits for reference data is valid, and what the object's state does not allow is not the document's fault.
fn invalid(emit: &Emit, accepts: &[Accept]) -> Option<Fault> {
    if emit.reply != ReplyRule::Validated {
        return None;
    }
    let faults = accepts.iter().flat_map(|accept| &accept.parts).filter_map(|part| part.result.as_ref().err());
    let of_content =
        |fault: &&Fault| ["DECODE-", "VALIDATE-", "MAP-"].iter().any(|step| fault.code.as_str().starts_with(step));
    faults.filter(|fault| fault.waits_for.is_none()).find(of_content).cloned()
}

async fn store(shared: &Shared, emit: &Emit, accepts: Vec<Accept>, cursor: Option<Cursor>) -> Result<Stored, Fault> {
    let later = accepts.iter().any(|accept| accept.later.is_some());
    let cursor = cursor.map(|Cursor(cursor)| Change::Cursor { interface: emit.name.clone(), cursor });
    let changes = accepts.into_iter().map(|accept| Change::Accept(Box::new(accept))).chain(cursor).collect();
    let effects = shared.store.commit(changes).await.map_err(|error| {
        shared.fail_if_fatal(&error);
        unavailable(&error)
    })?;
    if later {
        shared.splitting.look_into_store();
    }
    let mut receipts = Vec::new();
    // The receipt is made from the durable effect and from nothing else.
    for effect in effects.into_inner() {
        let (intake, kind) = match effect {
            Effect::Accepted { intake, due, released } => {
                shared.enqueue(due);
                shared.apply(released);
                (intake, ReplyKind::Stored)
            }
            Effect::Noted => continue,
            Effect::Stale { repeats } => return Ok(Stored::Stale(repeats)),
            Effect::Duplicate { intake } => (intake, ReplyKind::Duplicate),
            Effect::KeyReused { intake } => {
                let said = format!("this idempotency key came with other content before, in intake {intake}");
                return Err(Fault::new(Code::ReceiveKeyReused, said));
            }
            other => {
                tracing::error!(?other, "the store gave an answer that accepts nothing");
                return Err(Fault::new(Code::ReceiveStoreUnavailable, "the store did not accept it"));
            }
        };
        receipts.push(Receipt { id: intake.to_string(), kind, standing: None, body: None });
    }
    Ok(Stored::Done(Reply { receipts }))
}

pub(crate) fn unavailable(error: &StoreError) -> Fault {
    tracing::warn!(%error, "a document could not be accepted");
    Fault::new(Code::ReceiveStoreUnavailable, error.outside())
}

/// Reads a document, with the catalog that all that follows sees. One in whose work the process ended before is stored
/// first, whatever it is, and taken apart where its beginnings are counted (OT11).
fn hear<'a>(shared: &'a Shared, emit: &Emit, received: &'a Received) -> Heard<'a> {
    let received_at = shared.clock.now();
    let id = IntakeId::new(received_at, &*shared.rng);
    let catalog = shared.catalog();
    let work = Work { id, received_at, received };
    // Who wants to know whether it is valid, or what it came to, wants it read before the receipt.
    let large = emit.reply == ReplyRule::Stored && split::is_large(emit, received);
    if large && emit.unreadable_pass {
        return Heard {
            id,
            received,
            catalog,
            understood: Understood::unread(emit, received),
            later: true,
            noted: None,
        };
    }
    let noted = shared.in_work.note(&emit.name, &received.body);
    let (understood, later) = match noted.ended() {
        0 => {
            let understood = guarded(id, || understand(shared.ground(&catalog), emit, work));
            // Where the interface says `unreadable: stop`, a large one was read only to know whether it can be.
            let later = large && !understood.is_unreadable();
            (if later { Understood::unread(emit, received) } else { understood }, later)
        }
        1 => (only_read(emit, received), true),
        _ => (Understood::unread(emit, received), true),
    };
    Heard { id, received, catalog, understood, later, noted: Some(Arc::new(noted)) }
}

/// An intake of which nothing is known but whether it repeats another: for that alone it is read.
fn only_read(emit: &Emit, received: &Received) -> Understood {
    let read = catch_unwind(AssertUnwindSafe(|| Understood::only_read(emit, received)));
    read.unwrap_or_else(|_| Understood::unread(emit, received))
}

fn prepare(
    shared: &Shared,
    emit: &Emit,
    principal: &Principal,
    heard: Heard<'_>,
    (states, repeats): (&mut States, &BTreeSet<TransactionId>),
) -> Accept {
    let Heard { id, received, catalog, understood, later, noted } = heard;
    let intake = decided(shared.ground(&catalog), id, understood, states, repeats);
    // The only transaction of an intake keeps its document with its own; many share the one they came in.
    let alone = intake.parts.len() == 1;
    let parts: Vec<Part> = intake
        .parts
        .into_iter()
        .map(|part| to_part(part, &shared.documents, received.traceparent.as_deref(), alone.then_some(&*received.body)))
        .collect();
    let body = (!alone).then(|| Payload::pack(&[&received.body]));
    drop(noted);
    Accept {
        id,
        interface: emit.name.clone(),
        principal: principal.clone(),
        origin: received.origin.clone(),
        content_type: received.content_type.clone(),
        traceparent: received.traceparent.clone().unwrap_or_default(),
        body,
        unreadable: intake.unreadable,
        repeat: intake.repeat,
        parts,
        later: later.then(|| split::lines(&shared.project, emit)),
    }
}

/// Runs `work`; a panic in it is a poisonous document, parked alone, and nothing beside it stops (HD-6).
pub(crate) fn guarded(id: IntakeId, work: impl FnOnce() -> Understood) -> Understood {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| poisonous(id))
}

/// Decides; a panic in it is a poisonous document as well.
pub(crate) fn decided(
    ground: Ground<'_>,
    id: IntakeId,
    understood: Understood,
    states: &mut States,
    repeats: &BTreeSet<TransactionId>,
) -> ProcessedIntake {
    let mut after = states.clone();
    let decision = catch_unwind(AssertUnwindSafe(|| decide(ground, understood, &mut after, repeats)));
    match decision {
        Ok(intake) => {
            *states = after;
            intake
        }
        Err(_) => decide(ground, poisonous(id), states, repeats),
    }
}

fn poisonous(id: IntakeId) -> Understood {
    Understood::stopped(id, Fault::new(Code::DecodePoison, "processing this document failed inside the node"))
}

/// Documents are compressed here, on the receiving task, so that the writer only writes. What is about to be sent is
/// kept at hand. `own`: the document as received, where it is kept with those made from it, at slot 0.
pub(crate) fn to_part(
    processed: Processed,
    documents: &Documents,
    traceparent: Option<&str>,
    own: Option<&[u8]>,
) -> Part {
    let Processed { id, part, keys, tags, repeat, versions, expects, holds_back, ties, result: decided } = processed;
    let mut slots: Vec<&[u8]> = own.into_iter().collect();
    let result = match &decided {
        Err(fault) => Err(fault.clone()),
        Ok(Plan::Later) => Ok(Planned::Later),
        Ok(Plan::Reference { table, key, record }) => {
            Ok(Planned::Reference { table: table.clone(), key: key.clone(), record: record.clone() })
        }
        Ok(Plan::Answer(answer)) => Ok(Planned::Answer(answer.clone())),
        Ok(Plan::Event { name, data, deliveries, entries }) => {
            slots.push(data);
            let data = slots.len() - 1;
            let deliveries = deliveries.iter().map(|delivery| to_delivery(delivery, &mut slots)).collect();
            Ok(Planned::Event { name: name.clone(), data, deliveries, entries: entries.clone() })
        }
    };
    let packed = (!slots.is_empty()).then(|| Payload::pack(&slots));
    if let Ok(Plan::Event { deliveries, .. }) = decided {
        for delivery in deliveries {
            if let ToSend::Send(rendered) = delivery.work {
                documents.keep(DeliveryId::of(id, &delivery.receiver), rendered, traceparent);
            }
        }
    }
    Part { id, part, keys, tags, repeat, versions, expects, holds_back, ties, documents: packed, result }
}

fn to_delivery<'a>(delivery: &'a PlannedDelivery, slots: &mut Vec<&'a [u8]>) -> NewDelivery {
    let work = match &delivery.work {
        ToSend::Skip(rule) => NewWork::Skip(rule.clone()),
        ToSend::Later => NewWork::Later,
        ToSend::Stuck(fault) => NewWork::Stuck(fault.clone()),
        ToSend::Send(rendered) => {
            slots.push(&rendered.body);
            NewWork::Send {
                slot: slots.len() - 1,
                parameters: rendered.parameters.clone(),
                awaits: rendered.awaits.clone(),
            }
        }
    };
    NewDelivery {
        receiver: delivery.receiver.clone(),
        system: delivery.system.clone(),
        sequence: delivery.sequence.clone(),
        order_key: delivery.order_key.clone(),
        keep_latest: delivery.keep_latest,
        work,
    }
}
