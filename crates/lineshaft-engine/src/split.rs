//! Large intakes: stored and acknowledged first, taken apart after, in slices of bounded size (`docs/decisions/0012`).
//!
//! One after the other, in the order of acceptance. A slice that was cut off by the end of the process is made again with
//! the same ids; the store knows which part is next. Until the last one nobody knows the keys of an intake, so the store
//! keeps later deliveries of the lines that it may stand in.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use lineshaft_flow::process::{Ground, Understood, Work, decide, understand};
use lineshaft_flow::project::{Becomes, Emit, Format, IdempotencyKey, Project};
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{IntakeId, TransactionId};
use lineshaft_model::intake::Received;
use lineshaft_model::object::{ObjectKey, States};
use lineshaft_model::original::Ties;
use lineshaft_model::plan::Processed;
use lineshaft_model::principal::Tags;
use lineshaft_model::transaction::Versions;
use lineshaft_store::change::Slice;
use lineshaft_store::read::transactions::StoredIntake;
use lineshaft_store::{Change, Effect, StoreError};
use tokio::sync::Notify;

use crate::objects::DECISIONS_MAX;
use crate::process::BEGUN_MAX;
use crate::receive::{guarded, known, to_part};
use crate::shared::Shared;

/// A document with more bytes is stored first, where its interface takes documents apart.
const LARGE_BYTES: usize = 256 * 1024;

/// Parts committed together, at most: what the writer does in a few milliseconds.
const SLICE_PARTS: usize = 64;

/// Intakes asked for at a time.
const LOAD: usize = 16;

/// How long to wait where one cannot be taken apart now.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Wakes whoever takes large intakes apart. What there is to do stands in the store.
#[derive(Default)]
pub(crate) struct Splitting {
    filled: Notify,
}

impl Splitting {
    pub(crate) fn look_into_store(&self) {
        self.filled.notify_one();
    }
}

/// Whether a document is stored first and taken apart after: it is large, and its parts need not be known before the
/// receipt. They must be where the sender's key stands in each of them.
pub(crate) fn is_large(emit: &Emit, received: &Received) -> bool {
    let has_parts = emit.split.is_some() || emit.parts.is_some() || matches!(emit.format, Format::Csv(_));
    let key_inside = emit.idempotency.as_ref().is_some_and(|it| matches!(it.key, IdempotencyKey::Path(_)));
    received.body.len() > LARGE_BYTES && has_parts && !key_inside
}

/// The lines (system, sequence) in which transactions of an interface may stand.
pub(crate) fn lines(project: &Project, emit: &Emit) -> Vec<(String, String)> {
    let Becomes::Event { event, .. } = &emit.becomes else { return Vec::new() };
    let receives = project.receives.values().filter(|it| it.event.name == event.name && it.in_order_by.is_some());
    let lines: BTreeSet<(String, String)> = receives.map(|it| (it.system.clone(), it.sequence.clone())).collect();
    lines.into_iter().collect()
}

/// Takes apart what there is, until the node stops.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    while !shared.is_stopping() {
        let done = all(&shared).await.unwrap_or_else(|error| {
            shared.fail_if_fatal(&error);
            tracing::warn!(%error, "large documents wait to be taken apart");
            false
        });
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = shared.splitting.filled.notified() => {}
            () = tokio::time::sleep(AGAIN_AFTER), if !done => {}
        }
    }
}

/// Takes apart what there is. Says whether nothing is left.
async fn all(shared: &Arc<Shared>) -> Result<bool, StoreError> {
    for intake in shared.store.to_let_go()? {
        let_go(shared, intake).await?;
    }
    loop {
        let intakes = shared.store.to_split(LOAD)?;
        if intakes.is_empty() || shared.is_stopping() {
            return Ok(true);
        }
        for intake in intakes {
            if !take_apart(shared, intake).await? {
                return Ok(false);
            }
            let_go(shared, intake).await?;
        }
    }
}

/// Takes one intake apart. Says whether it came to its end. Not while there is little room on the disk: what is left of
/// it belongs to what was taken apart already.
async fn take_apart(shared: &Arc<Shared>, intake: IntakeId) -> Result<bool, StoreError> {
    if shared.store.refuses() {
        return Ok(false);
    }
    let counted = shared.store.commit(vec![Change::BeginSplit(intake)]).await?.into_inner();
    let Some(Effect::Counted(begun)) = counted.into_iter().next() else { return Ok(true) };
    let Some(stored) = shared.store.stored_intake(intake)? else { return Ok(true) };
    let (stored, catalog) = (Arc::new(stored), shared.catalog());
    let traceparent = stored.received.as_ref().ok().and_then(|received| received.traceparent.as_deref());
    let mut first = stored.parts;
    let mut understood = match understood(shared, &catalog, intake, &stored, begun).await {
        Ok(understood) => understood,
        Err(fault) => {
            let rest = to_part(remainder(intake, first, fault), &shared.documents, None, None);
            let slice = Slice { intake, first, parts: vec![rest], last: true, unreadable: first == 0 };
            return Ok(!matches!(commit(shared, slice).await?, Effect::Stale { .. }));
        }
    };
    let unreadable = understood.is_unreadable();
    understood.skip(usize::try_from(first).unwrap_or(usize::MAX));
    loop {
        let next = understood.next(SLICE_PARTS);
        let last = understood.is_empty();
        let Some(count) = put(shared, &catalog, intake, (first, next), (last, unreadable), traceparent).await? else {
            return Ok(false);
        };
        first += count;
        if last {
            if let Ok(received) = &stored.received {
                shared.in_work.acquit(&stored.interface, &received.body);
            }
            return Ok(true);
        }
        if shared.is_stopping() || shared.store.refuses() {
            return Ok(false);
        }
    }
}

/// What the document says, or why its parts (or those that are left) cannot be known.
async fn understood(
    shared: &Arc<Shared>,
    catalog: &Arc<Catalog>,
    intake: IntakeId,
    stored: &Arc<StoredIntake>,
    begun: u32,
) -> Result<Understood, Fault> {
    if begun > BEGUN_MAX {
        return Err(Fault::new(Code::DecodePoison, format!("taking it apart was begun {begun} times and never ended")));
    }
    if let Err(unreadable) = &stored.received {
        return Err(Fault::new(Code::StoreDocument, format!("the document: {unreadable}")));
    }
    let (shared, catalog, stored) = (Arc::clone(shared), Arc::clone(catalog), Arc::clone(stored));
    // Reading and mapping it takes as long as it is large.
    let read = tokio::task::spawn_blocking(move || {
        let Some(emit) = shared.project.emits.get(&stored.interface) else {
            let said = format!("{} is not an interface of this project any more", stored.interface);
            return Err(Fault::new(Code::ProjectFile, said));
        };
        let received = stored.received.as_ref().map_err(|it| Fault::new(Code::StoreDocument, it.to_string()))?;
        let work = Work { id: intake, received_at: stored.accepted_at, received };
        let understood = guarded(intake, || understand(shared.ground(&catalog), emit, work));
        if understood.is_unreadable() && stored.parts > 0 {
            return Err(Fault::new(Code::DecodePoison, "what is left of it cannot be read any more"));
        }
        Ok(understood)
    });
    read.await.unwrap_or_else(|error| Err(Fault::new(Code::DecodePoison, format!("reading it ended early: {error}"))))
}

/// Commits the parts of a slice, deciding again where an object changed meanwhile. How many there were; `None` if they
/// could not be committed now.
async fn put(
    shared: &Shared,
    catalog: &Arc<Catalog>,
    intake: IntakeId,
    (first, parts): (u32, Understood),
    (last, unreadable): (bool, bool),
    traceparent: Option<&str>,
) -> Result<Option<u32>, StoreError> {
    let objects: BTreeSet<ObjectKey> = parts.objects().cloned().collect();
    let _held = shared.objects.hold(&objects).await;
    for _ in 0..DECISIONS_MAX {
        let mut states = known(shared, &objects, parts.originals())?.reversals_apart();
        let decided = decide_each(shared.ground(catalog), parts.clone(), &mut states);
        let parts: Vec<_> = decided.into_iter().map(|it| to_part(it, &shared.documents, traceparent, None)).collect();
        let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        match commit(shared, Slice { intake, first, parts, last, unreadable }).await? {
            Effect::Stale { .. } => {}
            Effect::NotNow { state } => {
                tracing::error!(%intake, first, state, "a slice does not fit what is stored");
                return Ok(None);
            }
            _ => return Ok(Some(count)),
        }
    }
    tracing::error!(%intake, first, "its objects changed {DECISIONS_MAX} times meanwhile; tried again");
    Ok(None)
}

async fn commit(shared: &Shared, slice: Slice) -> Result<Effect, StoreError> {
    let effects = shared.store.commit(vec![Change::Slice(Box::new(slice))]).await?.into_inner();
    match effects.into_iter().next() {
        Some(Effect::Planned { due, released }) => {
            shared.enqueue(due);
            shared.apply(released);
            Ok(Effect::Noted)
        }
        other => Ok(other.unwrap_or(Effect::Missing)),
    }
}

/// Decides part by part, each on what the ones before it did; one that fails inside the node is parked alone (HD-6).
fn decide_each(ground: Ground<'_>, mut parts: Understood, states: &mut States) -> Vec<Processed> {
    let mut decided = Vec::new();
    while !parts.is_empty() {
        let part = parts.next(1);
        let (mut stuck, mut after) = (part.clone(), states.clone());
        let tried = catch_unwind(AssertUnwindSafe(|| decide(ground, part, &mut after, &BTreeSet::new())));
        let intake = match tried {
            Ok(intake) => {
                *states = after;
                intake
            }
            Err(_) => {
                stuck.give_up(&Fault::new(Code::DecodePoison, "processing this part failed inside the node"));
                decide(ground, stuck, states, &BTreeSet::new())
            }
        };
        decided.extend(intake.parts);
    }
    decided
}

/// Lets go what waited for the intake, slice by slice.
async fn let_go(shared: &Shared, intake: IntakeId) -> Result<(), StoreError> {
    loop {
        let effects = shared.store.commit(vec![Change::LetGo(intake)]).await?.into_inner();
        let Some(Effect::LetGo { due, complete }) = effects.into_iter().next() else { return Ok(()) };
        shared.enqueue(due);
        if complete {
            return Ok(());
        }
    }
}

/// The part that stands for all that could not be read from part `at` on.
fn remainder(intake: IntakeId, at: u32, fault: Fault) -> Processed {
    Processed {
        id: TransactionId::of_part(intake, at),
        part: at,
        keys: Vec::new(),
        tags: Tags::default(),
        repeat: None,
        versions: Versions::default(),
        expects: Vec::new(),
        holds_back: true,
        ties: Ties::default(),
        result: Err(fault),
    }
}
