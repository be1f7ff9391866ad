//! What a person commands: retry, skip, discard, answer, pause, resume, load. Each leaves its audit entry in the same
//! commit (AU-2), and an entry only where something changed.

use lineshaft_flow::map::Facts;
use lineshaft_flow::process::check_record;
use lineshaft_flow::project::Receive;
use lineshaft_flow::render::render;
use lineshaft_flow::reversal::{Turn, turn};
use lineshaft_model::audit::{Action, Entry};
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::plan::{Rendered, Work as ToSend};
use lineshaft_model::principal::Principal;
use lineshaft_store::change::{Act, Due, Load, NewBytes, StayParked, Target, Verdict};
use lineshaft_store::read::deliveries::Delivery;
use lineshaft_store::{Change, Effect, Payload, StoreError};

use crate::shared::{self, Shared};

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// In words, for the person who gave it.
    pub said: String,
}

/// Why a command did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing.
    Missing(String),
    /// It is not in a state in which this can be done.
    NotNow {
        /// The state it is in.
        state: String,
        /// What can be done instead.
        help: String,
    },
    /// It would fail again.
    Fault(Fault),
    /// A record that was to be loaded cannot be read; nothing was loaded.
    Record(Fault),
    /// The store can take nothing at the moment.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Decides on a parked or in-doubt delivery, or on an open one whose interface has left the project.
pub async fn on_delivery(
    shared: &Shared,
    principal: &Principal,
    delivery: DeliveryId,
    verdict: Verdict,
    reason: &str,
) -> Result<Done, Refusal> {
    let Some(row) = shared.store.delivery(delivery)? else {
        return Err(Refusal::Missing(format!("delivery {delivery}")));
    };
    let gone = shared.has_left(&row.receiver);
    let settled = row.state.is_settled();
    if gone && verdict == Verdict::Retry && !settled {
        return Err(Refusal::Fault(shared::gone(&row.receiver)));
    }
    let taken = row.answer_until.is_some();
    let rendered = match verdict {
        _ if settled => None,
        // What the target took once is sent with a new key, which may stand in the document.
        Verdict::Retry | Verdict::NotPosted if taken || (verdict == Verdict::Retry && needs_rendering(&row)) => {
            Some(to_send(&row, rendered_again(shared, &row)?)?)
        }
        _ => None,
    };
    let action = action_of(&verdict);
    let rendered = rendered.map(new_bytes);
    // What is at hand may not be what is sent from now on.
    drop(shared.documents.take(delivery));
    let act = Act {
        target: Target::Delivery(delivery),
        verdict,
        rendered,
        gone,
        entry: entry(principal, action, &delivery.to_string(), reason),
    };
    let done = carry_out(shared, act, &format!("delivery {delivery}"), instead_for_delivery(&row)).await;
    shared.waiting.told(delivery);
    done
}

/// Decides on a transaction that was parked before routing.
pub async fn on_transaction(
    shared: &Shared,
    principal: &Principal,
    transaction: TransactionId,
    verdict: Verdict,
    reason: &str,
) -> Result<Done, Refusal> {
    let entry = entry(principal, action_of(&verdict), &transaction.to_string(), reason);
    let act = Act { target: Target::Transaction(transaction), verdict, rendered: None, gone: false, entry };
    let what = format!("transaction {transaction}");
    let help = "Only a stopped transaction can be retried or discarded: `lineshaft trace show` says what became of it.";
    let done = carry_out(shared, act, &what, help).await?;
    shared.waiting.told_of(transaction);
    // What waited to take it back is decided on again.
    shared.backlog.look_for_transactions();
    Ok(done)
}

/// Pauses or resumes deliveries to a system or a receiving interface. Intake goes on.
pub async fn on_interface(
    shared: &Shared,
    principal: &Principal,
    name: &str,
    verdict: Verdict,
    reason: &str,
) -> Result<Done, Refusal> {
    if !shared.project.systems.contains_key(name) && !shared.project.receives.contains_key(name) {
        return Err(Refusal::Missing(format!("system or receiving interface {name:?}")));
    }
    let pause = verdict == Verdict::Pause;
    let entry = entry(principal, action_of(&verdict), name, reason);
    let act = Act { target: Target::Interface(name.to_owned()), verdict, rendered: None, gone: false, entry };
    let help = if pause { "It is paused already." } else { "It is not paused: there is nothing to resume." };
    let done = carry_out(shared, act, name, help).await?;
    let mut paused = shared.paused.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    if pause {
        paused.insert(name.to_owned())
    } else {
        paused.remove(name)
    };
    drop(paused);
    shared.queues.values().for_each(|queue| queue.look_into_store());
    Ok(done)
}

/// Loads records into a reference table; what waits for one of them is released.
pub async fn load(
    shared: &Shared,
    principal: &Principal,
    table: &str,
    records: Vec<(String, Vec<u8>)>,
    reason: &str,
) -> Result<Done, Refusal> {
    let tables = shared.project.tables();
    // One that was filled under an earlier project is still looked up in by nobody, but may be kept up to date.
    // A project that knows none says nothing about them.
    if !tables.is_empty() && !tables.contains(table) && !shared.catalog().has_table(table) {
        let known = tables.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Refusal::Missing(format!("reference table {table:?} in this project; there are: {known}")));
    }
    for (key, record) in &records {
        let said = |fault: Fault| {
            let place = format!("{table} {key} {}", fault.at);
            Refusal::Record(fault.at(place.trim_end()))
        };
        let record = lineshaft_format::json::decode(record).map_err(said)?;
        if let Some(schema) = shared.project.references.get(table) {
            check_record(schema, table, &record).map_err(said)?;
        }
    }
    let count = records.len();
    let load = Load { table: table.to_owned(), records, entry: entry(principal, Action::ReferenceLoad, table, reason) };
    let effects = commit(shared, Change::Load(Box::new(load))).await?;
    let Effect::Loaded(released) = effects else { return Err(Refusal::Missing(table.to_owned())) };
    let (changed, transactions, deliveries) = (released.records.len(), released.process.len(), released.render.len());
    shared.apply(released);
    let said = format!(
        "{count} read, {changed} new or changed in {table}; {transactions} transactions and {deliveries} deliveries released"
    );
    Ok(Done { said })
}

/// Renders a delivery again that waits for a record, and sends it on its way, or leaves it parked where it would fail again.
/// An error is the store's: it waits as before.
pub(crate) async fn render_again(
    shared: &Shared,
    principal: &Principal,
    delivery: DeliveryId,
    reason: &str,
) -> Result<(), StoreError> {
    if !shared.store.delivery(delivery)?.is_some_and(|row| row.state == DeliveryState::Parked && row.waits) {
        return Ok(());
    }
    let catalog = shared.catalog().version();
    match on_delivery(shared, principal, delivery, Verdict::Retry, reason).await {
        Ok(_) => {}
        Err(Refusal::Store(error)) => return Err(error),
        // The start that brings its interface back finds it.
        Err(Refusal::Fault(fault)) if fault.code == Code::RouteInterfaceGone => {}
        Err(Refusal::Fault(fault)) => {
            tracing::info!(%fault, %delivery, "stays parked");
            let stays = Change::StayParked(Box::new(StayParked { delivery, fault, catalog }));
            let effects = shared.store.commit(vec![stays]).await?.into_inner();
            if let Some(Effect::Stays { arrived: true }) = effects.into_iter().next() {
                shared.backlog.push(&[], vec![delivery]);
            }
        }
        Err(refusal) => tracing::info!(?refusal, %delivery, "stays parked"),
    }
    Ok(())
}

fn unanswered(row: &Delivery) -> bool {
    row.fault.as_ref().is_some_and(|fault| fault.code == Code::DeliverUnanswered)
}

fn refused_later(row: &Delivery) -> bool {
    row.fault.as_ref().is_some_and(|fault| fault.code == Code::DeliverRefusedLater)
}

fn needs_rendering(row: &Delivery) -> bool {
    let code = row.fault.as_ref().map(|fault| fault.code);
    let stuck = row.tried == 0 && code.is_some();
    row.state == DeliveryState::Parked && (stuck || !row.is_rendered())
}

/// What a person's retry sends, or why there is nothing to send.
fn to_send(row: &Delivery, work: ToSend) -> Result<Rendered, Refusal> {
    let not_now = |help| Refusal::NotNow { state: row.state.as_str().to_owned(), help };
    match work {
        ToSend::Send(rendered) => Ok(rendered),
        ToSend::Stuck(fault) => Err(Refusal::Fault(fault)),
        ToSend::Skip(why) => Err(not_now(format!("Skip it: {why}."))),
        ToSend::Later => Err(not_now("Its original has not settled there yet: look at that first.".to_owned())),
    }
}

fn new_bytes(rendered: Rendered) -> NewBytes {
    let Rendered { body, parameters, awaits } = rendered;
    NewBytes { payload: Payload::pack(&[&body]), parameters, awaits }
}

/// What to do with a delivery whose turn has come.
pub(crate) enum Turned {
    /// It is sent as it was rendered.
    Send,
    /// It was rendered or left out just now; what may be attempted next.
    Done(Vec<Due>),
    /// It cannot be sent.
    Stuck(Fault),
}

/// Renders what had to wait until its original settled, or leaves it out where there is nothing to take back.
pub(crate) async fn turned(shared: &Shared, row: &Delivery) -> Result<Turned, StoreError> {
    if row.state != DeliveryState::Pending || row.is_rendered() {
        return Ok(Turned::Send);
    }
    let delivery = row.id;
    let (verdict, rendered, reason) = match rendered_again(shared, row) {
        Ok(ToSend::Send(it)) => (Verdict::Retry, Some(new_bytes(it)), "its original settled".to_owned()),
        Ok(ToSend::Skip(rule)) => (Verdict::Skip, None, rule),
        Ok(ToSend::Later) => {
            let why = "its turn came before its original settled at this receiver";
            return Ok(Turned::Stuck(Fault::new(Code::RenderOriginal, why)));
        }
        Ok(ToSend::Stuck(fault)) | Err(Refusal::Fault(fault) | Refusal::Record(fault)) => {
            return Ok(Turned::Stuck(fault));
        }
        Err(Refusal::Store(error)) => return Err(error),
        Err(Refusal::Missing(what) | Refusal::NotNow { state: what, .. }) => {
            return Ok(Turned::Stuck(Fault::new(Code::RenderFailed, format!("there is no {what}"))));
        }
    };
    let entry = entry(&Principal::Node, action_of(&verdict), &delivery.to_string(), &reason);
    let act = Act { target: Target::Delivery(delivery), verdict, rendered, gone: false, entry };
    let effects = shared.store.commit(vec![Change::Act(Box::new(act))]).await?.into_inner();
    shared.waiting.told(delivery);
    Ok(match effects.into_iter().next() {
        Some(Effect::Acted { due, .. }) => Turned::Done(due),
        // Somebody was faster.
        _ => Turned::Done(Vec::new()),
    })
}

fn rendered_again(shared: &Shared, row: &Delivery) -> Result<ToSend, Refusal> {
    let missing = |what: &str| Refusal::Missing(format!("{what} of delivery {}", row.id));
    let transaction = shared.store.transaction(row.transaction)?.ok_or_else(|| missing("transaction"))?;
    let documents = shared.store.documents(&transaction)?.ok_or_else(|| missing("documents"))?;
    let event = documents.event.ok_or_else(|| missing("canonical event"))?.map_err(|unreadable| {
        Refusal::Fault(Fault::new(Code::StoreDocument, format!("its canonical event: {unreadable}")))
    })?;
    let data = lineshaft_format::json::decode(&event).map_err(Refusal::Fault)?;
    let receive = shared.project.receives.get(&row.receiver).ok_or_else(|| missing("receiver"))?;
    let site = shared.project.sites.get(&transaction.tags.site);
    let facts = Facts {
        id: transaction.id.to_string(),
        received_at: transaction.accepted_at.to_rfc3339(),
        site: transaction.tags.site.clone(),
        time_zone: site.map(|site| site.time_zone.clone()).unwrap_or_default(),
        interface: transaction.interface.clone(),
        original_receipt: match original_turn(shared, receive, transaction.id)? {
            None => String::new(),
            Some(Turn::Send(receipt)) => receipt,
            Some(Turn::Skip(rule)) => return Ok(ToSend::Skip(rule)),
            Some(Turn::Later) => return Ok(ToSend::Later),
            Some(Turn::Stuck(fault)) => return Ok(ToSend::Stuck(fault)),
        },
    };
    let revision = row.revision + u32::from(row.tried > 0);
    let rendered = render(receive, &shared.catalog(), &facts, transaction.id, revision, &data);
    rendered.map(ToSend::Send).map_err(Refusal::Fault)
}

/// What becomes of a transaction at a receiver if it takes back another one.
fn original_turn(shared: &Shared, receive: &Receive, transaction: TransactionId) -> Result<Option<Turn>, StoreError> {
    Ok(shared.store.original_of(transaction)?.map(|original| turn(receive, &original)))
}

async fn carry_out(shared: &Shared, act: Act, what: &str, help: &str) -> Result<Done, Refusal> {
    match commit(shared, Change::Act(Box::new(act))).await? {
        Effect::Acted { due, process } => {
            let said = match (due.len(), process.is_some()) {
                (_, true) => format!("{what}: is processed again"),
                (0, false) => format!("{what}: done"),
                (count, false) => format!("{what}: done; {count} on the way"),
            };
            shared.enqueue(due);
            shared.backlog.push(process.as_slice(), Vec::new());
            Ok(Done { said })
        }
        Effect::NotNow { state } => Err(Refusal::NotNow { state, help: help.to_owned() }),
        _ => Err(Refusal::Missing(what.to_owned())),
    }
}

async fn commit(shared: &Shared, change: Change) -> Result<Effect, Refusal> {
    let effects =
        shared.store.commit(vec![change]).await.inspect_err(|error| shared.fail_if_fatal(error))?.into_inner();
    effects.into_iter().next().ok_or_else(|| Refusal::Fault(Fault::new(Code::StoreWrite, "the store gave no answer")))
}

fn entry(principal: &Principal, action: Action, target: &str, reason: &str) -> Entry {
    Entry { principal: principal.clone(), action, target: target.to_owned(), reason: reason.to_owned() }
}

fn action_of(verdict: &Verdict) -> Action {
    match verdict {
        Verdict::Retry => Action::Retry,
        Verdict::Skip => Action::Skip,
        Verdict::Discard => Action::Discard,
        Verdict::Posted(_) => Action::AnswerPosted,
        Verdict::NotPosted => Action::AnswerNotPosted,
        Verdict::Pause => Action::Pause,
        Verdict::Resume => Action::Resume,
    }
}

const LOOK_IN_TARGET: &str = "Look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.";

fn instead_for_delivery(row: &Delivery) -> &'static str {
    match row.state {
        DeliveryState::OutcomeUnknown => LOOK_IN_TARGET,
        DeliveryState::Parked if unanswered(row) => LOOK_IN_TARGET,
        DeliveryState::Parked if refused_later(row) => {
            "Answer `--posted REF` if it was posted after all; otherwise retry, skip or discard it."
        }
        DeliveryState::Parked => "Retry, skip or discard it.",
        DeliveryState::Sent => {
            "Its final word is awaited; whoever knows it says `lineshaft exceptions answer --posted REF` or `--not-posted`."
        }
        state if state.is_settled() => "It is settled, and settled is final.",
        _ => "It is on its way by itself; only what is stopped or in doubt can be decided on.",
    }
}
