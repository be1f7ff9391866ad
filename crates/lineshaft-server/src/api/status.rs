//! `/api/v1/status`: one screen about the node.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::principal::Principal;
use lineshaft_store::read::status::Conservation;
use serde::{Deserialize, Serialize};

use super::{Api, read};
use crate::problem::Problem;

/// One screen about the node.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    /// Name of the installation.
    pub installation: String,
    /// Name of the node.
    pub node: String,
    /// Version of the program.
    pub version: String,
    /// Hash of the project files in force.
    pub project_version: String,
    /// What time it is there, RFC 3339 in UTC.
    pub now: String,
    /// When the node began to accept.
    pub started_at: String,
    /// Seconds since then.
    pub uptime_secs: u64,
    /// Whether it accepts documents.
    pub ready: bool,
    /// Where documents are received.
    pub inbound: String,
    /// Whether both listeners speak TLS.
    #[serde(default)]
    pub tls: bool,
    /// Settings in force that weaken security.
    pub insecure: Vec<String>,
    /// What is paused.
    pub paused: Vec<Paused>,
    /// Where each emitting interface takes its documents.
    pub emits: Vec<Emits>,
    /// Open deliveries by receiver and state.
    pub open: Vec<Open>,
    /// Both sides of the books.
    pub books: Books,
    /// Reference tables.
    pub reference: Vec<TableSize>,
    /// Number of the reference data in force.
    pub catalog: u64,
    /// The database.
    pub store: StoreSize,
}

/// A system or receiving interface that is paused.
#[derive(Debug, Serialize, Deserialize)]
pub struct Paused {
    /// Its name.
    pub name: String,
    /// Who paused it.
    pub principal: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: String,
}

/// Where an emitting interface takes its documents.
#[derive(Debug, Serialize, Deserialize)]
pub struct Emits {
    /// Full name of the interface.
    pub interface: String,
    /// Path at the inbound address.
    pub path: String,
}

/// Open deliveries of a receiver in one state.
#[derive(Debug, Serialize, Deserialize)]
pub struct Open {
    /// The receiving interface.
    pub receiver: String,
    /// Its system; empty if it left the project.
    pub system: String,
    /// What a failure hurts.
    pub impact: String,
    /// State, as in the database.
    pub state: String,
    /// The same for people.
    pub label: String,
    /// How many.
    pub count: u64,
    /// When the oldest was accepted.
    pub oldest: String,
    /// How long ago that is.
    pub oldest_age_secs: u64,
}

/// Both sides of the books: what was accepted is somewhere, exactly once.
#[derive(Debug, Serialize, Deserialize)]
pub struct Books {
    /// Intakes on disk.
    pub intakes: u64,
    /// Parts that they were split into.
    pub parts: u64,
    /// Transactions on disk: as many as parts.
    pub transactions: u64,
    /// Transactions by state.
    pub transaction_states: BTreeMap<String, u64>,
    /// Deliveries that processed transactions planned.
    pub planned: u64,
    /// Deliveries on disk: as many as planned.
    pub deliveries: u64,
    /// Deliveries by state.
    pub delivery_states: BTreeMap<String, u64>,
    /// What is missing or too much; 0 while the books balance.
    pub delta: u64,
}

/// A reference table.
#[derive(Debug, Serialize, Deserialize)]
pub struct TableSize {
    /// Its name.
    pub table: String,
    /// Records in force.
    pub records: u64,
}

/// The database.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoreSize {
    /// Bytes on disk, the log included.
    pub bytes: u64,
    /// Whether the latest commit found the disk full: intake is answered 503 until one succeeds.
    pub full: bool,
    /// Which opening of the database this is.
    pub epoch: i64,
    /// Which life of the database this is.
    pub incarnation: String,
}

impl From<Conservation> for Books {
    fn from(books: Conservation) -> Self {
        Self {
            delta: books.delta(),
            intakes: books.intakes,
            parts: books.parts,
            transactions: books.transactions,
            transaction_states: books.transaction_states.into_iter().collect(),
            planned: books.planned,
            deliveries: books.deliveries,
            delivery_states: books.delivery_states.into_iter().collect(),
        }
    }
}

/// The word for people. What waits for an interface that is not there is stopped, whatever the database calls it.
fn label(state: DeliveryState, there: bool) -> String {
    let stopped = !there && state != DeliveryState::OutcomeUnknown;
    if stopped { DeliveryState::Parked } else { state }.label().to_owned()
}

/// Answers `GET /api/v1/status`.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
) -> Result<Json<Status>, Problem> {
    let (open, pauses, books) =
        read(&api, |store| Ok((store.open_deliveries()?, store.pauses()?, store.conservation()?))).await?;
    let now = api.shared.clock.now();
    let project = &api.shared.project;
    let open = open.into_iter().map(|row| {
        let receive = project.receives.get(&row.receiver);
        Open {
            system: receive.map(|it| it.system.clone()).unwrap_or_default(),
            impact: receive.map(|it| it.impact.clone()).unwrap_or_default(),
            label: DeliveryState::from_word(&row.state).map(|it| label(it, receive.is_some())).unwrap_or_default(),
            oldest_age_secs: now.since(row.oldest).as_secs(),
            oldest: row.oldest.to_rfc3339(),
            receiver: row.receiver,
            state: row.state,
            count: row.count,
        }
    });
    let paused = pauses.into_iter().map(|pause| Paused {
        name: pause.target,
        principal: pause.principal,
        reason: pause.reason,
        since: pause.since.to_rfc3339(),
    });
    let emits = project.emits.keys().map(|name| Emits { interface: name.clone(), path: format!("/in/{name}") });
    let catalog = api.shared.catalog();
    let tables =
        catalog.tables().map(|(table, records)| TableSize { table: table.to_owned(), records: records as u64 });
    let store = &api.shared.store;
    Ok(Json(Status {
        installation: project.installation.name.clone(),
        node: project.installation.node.clone(),
        version: api.facts.version.to_owned(),
        project_version: project.version.clone(),
        now: now.to_rfc3339(),
        started_at: api.started_at.to_rfc3339(),
        uptime_secs: api.shared.clock.monotonic().saturating_sub(api.started).as_secs(),
        ready: api.is_ready(),
        inbound: api.facts.inbound.to_string(),
        tls: project.installation.listen_tls.is_some(),
        insecure: api.facts.insecure.clone(),
        paused: paused.collect(),
        emits: emits.collect(),
        open: open.collect(),
        books: books.into(),
        reference: tables.collect(),
        catalog: catalog.version(),
        store: StoreSize {
            bytes: store.size_on_disk(),
            full: store.is_full(),
            epoch: store.epoch(),
            incarnation: store.incarnation().to_string(),
        },
    }))
}
