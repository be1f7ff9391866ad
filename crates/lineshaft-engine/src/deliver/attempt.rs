//! One attempt, or one question about an earlier one: intent on disk, then the work, then the result on disk.

use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::delivery::{Answer, AnswerBy, Outcome, Outgoing, Probe};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::lifecycle::{Facts, Next, after_attempt, after_probe, after_readback, before_attempt};
use lineshaft_store::change::{AttemptKind, Begun, Due, Hold, Settle};
use lineshaft_store::read::deliveries::{Delivery, Document};
use lineshaft_store::{Change, Effect, StoreError};

use super::Receiver;
use super::breaker::Health;
use crate::act::{Turned, turned};
use crate::shared::Shared;

/// How long to wait until a result is written again when the store could take nothing.
const WRITE_AGAIN: Duration = Duration::from_millis(200);

/// What an attempt leaves for its dispatcher.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) delivery: DeliveryId,
    /// Whether it was made to see if the system is back.
    pub(crate) trial: bool,
    pub(crate) health: Health,
    pub(crate) due: Vec<Due>,
    /// Whether the store should be asked for it again.
    pub(crate) again: bool,
}

/// Sends the document or asks the target, as `due` says.
pub(crate) async fn attempt(shared: Arc<Shared>, receiver: Arc<Receiver>, due: Due, trial: bool) -> Attempted {
    let done = match due.kind {
        AttemptKind::Send => send(&shared, &receiver, due.delivery, trial).await,
        AttemptKind::Probe => ask(&shared, &receiver, due.delivery, trial).await,
        AttemptKind::Readback => read_back(&shared, &receiver, due.delivery).await,
    };
    match done {
        Ok((health, next)) => Attempted { delivery: due.delivery, trial, health, due: next, again: false },
        Err(error) => {
            shared.fail_if_fatal(&error);
            tracing::warn!(%error, delivery = %due.delivery, "not attempted");
            tokio::time::sleep(WRITE_AGAIN).await;
            Attempted { delivery: due.delivery, trial, health: Health::NotSeen, due: Vec::new(), again: true }
        }
    }
}

async fn send(
    shared: &Shared,
    receiver: &Receiver,
    delivery: DeliveryId,
    trial: bool,
) -> Result<(Health, Vec<Due>), StoreError> {
    let document = match shared.documents.take(delivery) {
        Some(document) => Ok(document),
        None => {
            let Some(row) = shared.store.delivery(delivery)? else { return Ok((Health::NotSeen, Vec::new())) };
            // A document at hand was never attempted; of any other an earlier attempt may be in doubt.
            if let Some(next) = before_attempt(&facts_of_row(shared, receiver, &row), &*shared.rng) {
                return Ok((Health::NotSeen, hold(shared, delivery, next).await?));
            }
            match turned(shared, &row).await? {
                Turned::Done(due) => return Ok((Health::NotSeen, due)),
                Turned::Stuck(fault) => Err(fault),
                Turned::Send => stored(shared, &row)?,
            }
        }
    };
    // Durable before the first byte leaves.
    let effects = shared.store.commit(vec![Change::Begin { delivery }]).await?.into_inner();
    let Some(Effect::Begun(begun)) = effects.into_iter().next() else { return Ok((Health::NotSeen, Vec::new())) };
    let waits = document.as_ref().is_err_and(|fault| fault.waits_for.is_some());
    let (outcome, health) = match document {
        Ok(document) => {
            let outgoing = outgoing(receiver, (delivery, begun.revision), None, document);
            let outcome = receiver
                .destination
                .send(std::slice::from_ref(&outgoing))
                .await
                .into_iter()
                .find(|(id, _)| *id == delivery);
            let outcome = outcome.map_or_else(
                || Outcome::Unknown(Fault::new(Code::DeliverNoAnswer, "the connector gave no outcome")),
                |(_, it)| it,
            );
            let health = health(&outcome);
            (outcome, health)
        }
        Err(fault) => (Outcome::Refused { fault, retry_after: None }, Health::NotSeen),
    };
    let ended_at = shared.clock.now();
    let facts = Facts { trial, ..facts_of_begun(shared, receiver, &begun) };
    let next = after_attempt(&facts, outcome, &*shared.rng);
    let settled = Settle { delivery, kind: AttemptKind::Send, started_at: begun.started_at, ended_at, next };
    let due = settle(shared, settled).await?;
    if waits {
        // Its record may have come while it was parked for want of it.
        shared.backlog.push(&[], vec![delivery]);
    }
    Ok((health, due))
}

/// Keeps back what may not be sent: the target is asked, or a person.
async fn hold(shared: &Shared, delivery: DeliveryId, next: Next) -> Result<Vec<Due>, StoreError> {
    let (ask_at, fault) = match next {
        Next::Ask { at, fault, .. } => (Some(at), fault),
        Next::InDoubt { fault } => (None, fault),
        _ => return Ok(Vec::new()),
    };
    let effects = shared.store.commit(vec![Change::Hold(Hold { delivery, ask_at, fault })]).await?.into_inner();
    shared.waiting.told(delivery);
    Ok(match effects.into_iter().next() {
        Some(Effect::Settled { due, .. }) => due,
        // A person decided meanwhile.
        _ => Vec::new(),
    })
}

async fn ask(
    shared: &Shared,
    receiver: &Receiver,
    delivery: DeliveryId,
    trial: bool,
) -> Result<(Health, Vec<Due>), StoreError> {
    let Some(row) = shared.store.delivery(delivery)? else { return Ok((Health::NotSeen, Vec::new())) };
    let open = row.fault.clone().unwrap_or_else(|| Fault::new(Code::DeliverNoAnswer, "the outcome is not known"));
    let started_at = shared.clock.now();
    let (next, health) = match document(shared, &row)? {
        Ok(document) => {
            let outgoing = outgoing(receiver, (delivery, row.revision), row.receipt.clone(), document);
            let answer = receiver.destination.probe(&outgoing).await;
            let health = if matches!(answer, Probe::CannotTell(_) | Probe::NotAnswered(_)) {
                Health::Unwell
            } else {
                Health::Well
            };
            let facts = Facts { trial, ..facts_of_row(shared, receiver, &row) };
            (after_probe(&facts, answer, open, &*shared.rng), health)
        }
        // Without its document nobody can ask, however often.
        Err(fault) => (Next::InDoubt { fault }, Health::NotSeen),
    };
    let ended_at = shared.clock.now();
    let due = settle(shared, Settle { delivery, kind: AttemptKind::Probe, started_at, ended_at, next }).await?;
    Ok((health, due))
}

/// Asks the target for its final word on what it took, or finds that the word is late.
async fn read_back(
    shared: &Shared,
    receiver: &Receiver,
    delivery: DeliveryId,
) -> Result<(Health, Vec<Due>), StoreError> {
    let Some(row) = shared.store.delivery(delivery)? else { return Ok((Health::NotSeen, Vec::new())) };
    let started_at = shared.clock.now();
    let asks = matches!(&receiver.receive.answer, Some(rule) if matches!(rule.by, AnswerBy::Readback { .. }));
    let (answer, health) = match asks.then(|| document(shared, &row)).transpose()? {
        // A document brings the word; that it is asked about now means that its time is over.
        None => (Answer::NotYet, Health::NotSeen),
        Some(Ok(document)) => {
            let outgoing = outgoing(receiver, (delivery, row.revision), row.receipt.clone(), document);
            let answer = receiver.destination.read_back(&outgoing).await;
            let health = if matches!(answer, Answer::CannotTell(_)) { Health::Unwell } else { Health::Well };
            (answer, health)
        }
        Some(Err(fault)) => (Answer::CannotTell(fault), Health::NotSeen),
    };
    let ended_at = shared.clock.now();
    let facts = facts_of_row(shared, receiver, &row);
    let until = row.answer_until.unwrap_or(facts.now);
    let next = after_readback(&facts, answer, until, row.receipt.clone());
    let due = settle(shared, Settle { delivery, kind: AttemptKind::Readback, started_at, ended_at, next }).await?;
    Ok((health, due))
}

/// Writes the result down. The work is done and cannot be undone, so a full disk is waited out; only a store that
/// has failed ends it, and then the next start finds the attempt cut off.
async fn settle(shared: &Shared, settle: Settle) -> Result<Vec<Due>, StoreError> {
    let Settle { delivery, kind, started_at, ended_at, next } = settle;
    loop {
        let again = Settle { delivery, kind, started_at, ended_at, next: next.clone() };
        match shared.store.commit(vec![Change::Settle(Box::new(again))]).await {
            Ok(effects) => {
                return Ok(match effects.into_inner().into_iter().next() {
                    Some(Effect::Settled { due, process }) => {
                        shared.backlog.push(&process, Vec::new());
                        shared.waiting.told(delivery);
                        due
                    }
                    // A person decided meanwhile: settled is final.
                    _ => Vec::new(),
                });
            }
            Err(error @ (StoreError::Full | StoreError::Busy)) => {
                tracing::warn!(%error, %delivery, "a result waits to be written");
                tokio::time::sleep(WRITE_AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The document at hand, or as it is stored.
fn document(shared: &Shared, row: &Delivery) -> Result<Result<Document, Fault>, StoreError> {
    match shared.documents.take(row.id) {
        Some(document) => Ok(Ok(document)),
        None => stored(shared, row),
    }
}

fn stored(shared: &Shared, row: &Delivery) -> Result<Result<Document, Fault>, StoreError> {
    let document = shared.store.document(row)?;
    Ok(document.map_err(|unreadable| Fault::new(Code::StoreDocument, format!("its document: {unreadable}"))))
}

fn outgoing(
    receiver: &Receiver,
    (delivery, revision): (DeliveryId, u32),
    receipt: Option<String>,
    document: Document,
) -> Outgoing {
    Outgoing {
        id: delivery,
        target_key: delivery.target_key(revision),
        body: document.body,
        content_type: receiver.receive.format.media_type(),
        parameters: document.parameters,
        traceparent: document.traceparent,
        receipt,
    }
}

fn facts_of_begun<'a>(shared: &Shared, receiver: &'a Receiver, begun: &Begun) -> Facts<'a> {
    Facts {
        class: &receiver.receive.class,
        retry: &receiver.receive.retry,
        answer: receiver.receive.answer.as_ref(),
        attempts: begun.attempts,
        first_attempt: begun.first_attempt,
        last_attempt: begun.last_attempt,
        quiet_since: begun.last_attempt,
        doubt_since: begun.doubt_since,
        trial: false,
        absent: 0,
        probes: 0,
        now: shared.steady().now(),
        latest: shared.steady().latest(),
    }
}

/// Facts of an attempt that is read back from its row: a probe, one that a restart cut off, or one before this.
pub(crate) fn facts_of_row<'a>(shared: &Shared, receiver: &'a Receiver, row: &Delivery) -> Facts<'a> {
    let (now, started) = (shared.steady().now(), shared.steady().started());
    let last_attempt = row.last_attempt.unwrap_or(now);
    Facts {
        class: &receiver.receive.class,
        retry: &receiver.receive.retry,
        answer: receiver.receive.answer.as_ref(),
        attempts: row.attempts,
        first_attempt: row.first_attempt.unwrap_or(last_attempt),
        last_attempt,
        quiet_since: if row.epoch == shared.store.epoch() { last_attempt } else { started },
        doubt_since: row.doubt_since,
        trial: false,
        absent: row.absent,
        probes: row.probes,
        now,
        latest: shared.steady().latest(),
    }
}

fn health(outcome: &Outcome) -> Health {
    match outcome {
        Outcome::Unreachable(_) | Outcome::Unknown(_) => Health::Unwell,
        Outcome::Refused { fault, .. } if matches!(fault.code, Code::DeliverServerError | Code::DeliverCredentials) => {
            Health::Unwell
        }
        Outcome::Refused { .. } | Outcome::Delivered { .. } => Health::Well,
    }
}
