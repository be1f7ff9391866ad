//! `/api/v1/find` and `/api/v1/transactions`: one business event end to end.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_model::fault::Fault;
use lineshaft_model::ids::{NotAnId, TransactionId};
use lineshaft_model::key::KeyQuery;
use lineshaft_model::principal::Principal;
use lineshaft_store::read::deliveries::{Attempt as AttemptRow, Delivery as DeliveryRow};
use lineshaft_store::read::originals::Relative as RelativeRow;
use lineshaft_store::read::transactions::Transaction as Row;
use serde::{Deserialize, Serialize};

use super::documents::{Documents, Sent, state_of};
use super::request::{Asked, Named};
use super::{Api, read};
use crate::problem::Problem;

/// Transactions that a search returns where the request does not say.
const FOUND_DEFAULT: usize = 50;

/// Most transactions that a search returns.
const FOUND_MAX: usize = 1000;

/// What to do with an id that is none.
const WHERE_IDS_STAND: &str =
    "Take the id from the column ID of `lineshaft find KIND:NUMBER` or `lineshaft exceptions list`.";

/// What was found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Found {
    /// The key as it was read.
    pub key: String,
    /// Transactions that carry it, the newest first.
    pub items: Vec<Transaction>,
    /// Whether there may be more than were asked for.
    pub more: bool,
}

/// One business event.
#[derive(Debug, Serialize, Deserialize)]
pub struct Transaction {
    /// Its id.
    pub id: String,
    /// The intake it came with.
    pub intake: String,
    /// Which part of it, from 0.
    pub part: u32,
    /// The emitting interface.
    pub interface: String,
    /// When it was accepted.
    pub accepted_at: String,
    /// When it was last changed.
    pub changed_at: String,
    /// `accepted`, `parked`, `processed`, `absorbed`, `discarded` or `superseded`.
    pub state: String,
    /// The state for people, its deliveries taken together.
    pub label: String,
    /// The canonical event or reference table it became; empty until then.
    pub event: String,
    /// Business keys, `order:erp/1000040`.
    pub keys: Vec<String>,
    /// Site, region and classes.
    pub tags: Tags,
    /// What was in force when it was processed.
    pub versions: Versions,
    /// Why it is parked.
    pub fault: Option<FaultView>,
    /// Table and key that it waits for.
    pub waits_for: Option<(String, String)>,
    /// Its deliveries.
    pub deliveries: Vec<Delivery>,
}

/// Site and tags.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tags {
    /// Site code.
    pub site: String,
    /// Region of the site.
    pub region: String,
    /// Class for data-boundary policies; empty if not declared.
    pub data_class: String,
    /// Export-control class; empty if not declared.
    pub export_class: String,
}

/// What was in force.
#[derive(Debug, Serialize, Deserialize)]
pub struct Versions {
    /// Hash of the project files.
    pub project: String,
    /// Hash of the map.
    pub map: String,
    /// Version of the policy.
    pub policy: String,
    /// Number of the reference data.
    pub catalog: u64,
}

/// Why something did not go on.
#[derive(Debug, Serialize, Deserialize)]
pub struct FaultView {
    /// Code, `MAP-002`.
    pub code: String,
    /// What kind of failure, as a heading.
    pub title: String,
    /// `retry`, `park`, `refuse` or `stop`.
    pub class: String,
    /// What happened.
    pub message: String,
    /// Where; empty if the message says it.
    pub at: String,
    /// Technical detail.
    pub detail: String,
    /// What a person can do.
    pub next_step: String,
}

/// One (transaction, receiver) pair.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// The receiving interface.
    pub receiver: String,
    /// State, as in the database.
    pub state: String,
    /// The same for people.
    pub label: String,
    /// The key by which it is in order; `null` where the receiver asks for none.
    pub order_key: Option<String>,
    /// The key that the target sees with each attempt.
    pub target_key: String,
    /// Attempts and probes made.
    pub tried: u32,
    /// When something is due next.
    pub next_at: Option<String>,
    /// The target's reference.
    pub receipt: Option<String>,
    /// The rule by which it was left out.
    pub rule: Option<String>,
    /// When it was last changed.
    pub changed_at: String,
    /// When it was settled.
    pub settled_at: Option<String>,
    /// The latest reason for not being delivered.
    pub fault: Option<FaultView>,
    /// Attempts and probes that did not settle it; only for a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// What is sent; only where documents are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
}

/// One attempt or probe that did not settle its delivery.
#[derive(Debug, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number.
    pub number: u32,
    /// `send` or `probe`.
    pub kind: String,
    /// When it began.
    pub started_at: String,
    /// How long it took.
    pub took_ms: u64,
    /// What it came to.
    pub came_to: String,
    /// Code of the reason.
    pub code: String,
    /// The reason.
    pub message: String,
}

/// A transaction with everything that is known about it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The transaction and its deliveries with their attempts.
    pub transaction: Transaction,
    /// Who sent it, `interface:mes/completion`.
    pub principal: String,
    /// What the transport knows: remote address.
    pub origin: String,
    /// Media type as declared.
    pub content_type: String,
    /// W3C trace context.
    pub traceparent: String,
    /// What became of the document as it was received: `kept`, `expired` or `damaged`.
    pub received: String,
    /// Transactions that it came from, and that came from it.
    #[serde(default)]
    pub lineage: Vec<Relative>,
    /// Its documents, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Documents>,
}

/// A transaction that another came from, or that came from it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Relative {
    /// `split`, `summary`, `correction`, `reversal`, `replay` or `repeat`.
    pub kind: String,
    /// `parent` or `child`: what the other one is. A reversal is the child of what it takes back.
    pub is: String,
    /// Id of the other one.
    pub id: String,
}

/// What to find.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindQuery {
    key: String,
    limit: Option<usize>,
}

/// What to show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TraceQuery {
    #[serde(default)]
    documents: bool,
}

impl From<&Fault> for FaultView {
    fn from(fault: &Fault) -> Self {
        Self {
            code: fault.code.as_str().to_owned(),
            title: fault.code.spec().title.to_owned(),
            class: fault.class().as_str().to_owned(),
            message: fault.message.clone(),
            at: fault.at.clone(),
            detail: fault.detail.clone(),
            next_step: fault.next_step().to_owned(),
        }
    }
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            target_key: row.id.target_key(row.revision),
            id: row.id.to_string(),
            receiver: row.receiver,
            state: row.state.as_str().to_owned(),
            label: row.state.label().to_owned(),
            order_key: row.order_key,
            tried: row.tried,
            next_at: row.next_at.map(|at| at.to_rfc3339()),
            receipt: row.receipt,
            rule: row.rule,
            changed_at: row.changed_at.to_rfc3339(),
            settled_at: row.settled_at.map(|at| at.to_rfc3339()),
            fault: row.fault.as_ref().filter(|_| !row.state.is_settled()).map(FaultView::from),
            attempts: Vec::new(),
            sent: None,
        }
    }
}

impl From<AttemptRow> for Attempt {
    fn from(row: AttemptRow) -> Self {
        Self {
            number: row.number,
            kind: row.kind,
            took_ms: u64::try_from(row.ended_at.since(row.started_at).as_millis()).unwrap_or(u64::MAX),
            started_at: row.started_at.to_rfc3339(),
            came_to: row.came_to,
            code: row.code,
            message: row.message,
        }
    }
}

impl From<RelativeRow> for Relative {
    fn from(row: RelativeRow) -> Self {
        Self {
            kind: row.kind.as_str().to_owned(),
            is: if row.is_parent { "parent" } else { "child" }.to_owned(),
            id: row.transaction.to_string(),
        }
    }
}

impl From<Row> for Transaction {
    fn from(row: Row) -> Self {
        Self {
            label: label(&row).to_owned(),
            id: row.id.to_string(),
            intake: row.intake.to_string(),
            part: row.part,
            interface: row.interface,
            accepted_at: row.accepted_at.to_rfc3339(),
            changed_at: row.changed_at.to_rfc3339(),
            state: row.state.as_str().to_owned(),
            event: row.event,
            keys: row.keys.iter().map(ToString::to_string).collect(),
            tags: Tags {
                site: row.tags.site,
                region: row.tags.region,
                data_class: row.tags.data_class,
                export_class: row.tags.export_class,
            },
            versions: Versions {
                project: row.versions.project,
                map: row.versions.map,
                policy: row.versions.policy,
                catalog: row.versions.catalog,
            },
            fault: row.fault.as_ref().map(FaultView::from),
            waits_for: row.waits_for,
            deliveries: row.deliveries.into_iter().map(Delivery::from).collect(),
        }
    }
}

/// The word for a transaction: that of its delivery which needs a person most, then of the one that is least far.
fn label(row: &Row) -> &'static str {
    use lineshaft_model::delivery::DeliveryState as D;
    use lineshaft_model::transaction::TransactionState as T;
    const WORST_FIRST: [D; 11] = [
        D::OutcomeUnknown,
        D::Parked,
        D::Behind,
        D::InFlight,
        D::Sent,
        D::Pending,
        D::Discarded,
        D::Expired,
        D::Delivered,
        D::Superseded,
        D::Skipped,
    ];
    match row.state {
        T::Accepted => D::Pending.label(),
        T::Parked => D::Parked.label(),
        T::Discarded => D::Discarded.label(),
        T::Superseded => D::Superseded.label(),
        T::Absorbed => "Absorbed",
        T::Processed => WORST_FIRST
            .into_iter()
            .find(|state| row.deliveries.iter().any(|delivery| delivery.state == *state))
            .map_or("Processed", D::label),
    }
}

/// Answers `GET /api/v1/find`.
pub(super) async fn find(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
    Asked(query): Asked<FindQuery>,
) -> Result<([(&'static str, String); 1], Json<Found>), Problem> {
    let key = KeyQuery::parse(&query.key).ok_or_else(|| {
        let no_key = Problem::bad_request(format!("{:?} is no key", query.key)).at("query, key");
        no_key.help("Write kind and number, `order:1000040`; with the system that issued it, `order:erp/1000040`.")
    })?;
    let limit = query.limit.unwrap_or(FOUND_DEFAULT).clamp(1, FOUND_MAX);
    let clock = Arc::clone(&api.shared.clock);
    let (rows, took) = read(&api, move |store| {
        let began = clock.monotonic();
        let rows = store.find(&key, limit)?;
        Ok((rows, clock.monotonic().saturating_sub(began)))
    })
    .await?;
    let more = rows.len() == limit;
    let found = Found { key: query.key, items: rows.into_iter().map(Transaction::from).collect(), more };
    Ok(([("server-timing", format!("store;dur={:.3}", took.as_secs_f64() * 1e3))], Json(found)))
}

/// Answers `GET /api/v1/transactions/{id}`.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
    Named(id): Named<String>,
    Asked(query): Asked<TraceQuery>,
) -> Result<Json<Trace>, Problem> {
    let id = id_of(&id)?;
    let installation = api.shared.project.installation.name.clone();
    let steady = api.shared.steady().clone();
    let trace = read(&api, move |store| {
        let Some(row) = store.transaction(id)? else { return Ok(None) };
        let Some(documents) = store.documents(&row)? else { return Ok(None) };
        let mut deliveries = Vec::new();
        for delivery in &row.deliveries {
            let attempts = store.attempts(delivery.id)?.into_iter().map(Attempt::from).collect();
            let sent = query.documents.then(|| store.document(delivery)).transpose()?.map(Sent::from);
            let next_at = delivery.next_at.map(|at| steady.shown(at).to_rfc3339());
            deliveries.push(Delivery { attempts, sent, next_at, ..delivery.clone().into() });
        }
        let shown = query.documents.then(|| Documents::of(&installation, &row, &documents));
        let lineage = store.lineage(id)?.into_iter().map(Relative::from).collect();
        let transaction = Transaction { deliveries, ..row.into() };
        Ok(Some(Trace {
            transaction,
            principal: documents.principal,
            origin: documents.origin,
            content_type: documents.content_type,
            traceparent: documents.traceparent,
            received: state_of(&documents.received).to_owned(),
            lineage,
            documents: shown,
        }))
    });
    trace.await?.map(Json).ok_or_else(|| no_transaction(id))
}

/// The id that a path names.
pub(super) fn id_of(text: &str) -> Result<TransactionId, Problem> {
    let no_id = |error| Problem::bad_request(format!("{error}")).at("path");
    text.parse().map_err(|error: NotAnId| no_id(error).help(WHERE_IDS_STAND))
}

fn no_transaction(id: TransactionId) -> Problem {
    let said = format!("there is no transaction {id}, or it was removed after `retention.tracking`");
    Problem::missing(said).at("path").help(WHERE_IDS_STAND)
}
