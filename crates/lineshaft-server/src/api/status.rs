//! `/api/v1/status`: one screen about the node.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_engine::sources::SourceState;
use lineshaft_flow::project::{Emit, Project};
use lineshaft_model::connection::SourceSettings;
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::principal::Principal;
use lineshaft_model::time::Timestamp;
use lineshaft_store::read::late::{LATE_COUNTED_MAX, Late};
use lineshaft_store::read::status::{Conservation, DeliveryCount, Pause};
use lineshaft_store::{Ballast, Store};
use serde::{Deserialize, Serialize};

use super::transactions::FaultView;
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
    /// Receivers with open deliveries past their agreed time, as of the latest look, at most some seconds ago.
    pub late: Vec<LateAt>,
    /// Both sides of the books.
    pub books: Books,
    /// Large documents that are on disk and not taken apart yet.
    pub splitting: u64,
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

/// Where an emitting interface takes its documents, and whether it does.
#[derive(Debug, Serialize, Deserialize)]
pub struct Emits {
    /// Full name of the interface.
    pub interface: String,
    /// How: `http`, where documents are sent to this node; otherwise the connector that fetches them.
    pub connector: String,
    /// Path at the inbound address; `null` where nothing is sent to this node.
    pub path: Option<String>,
    /// What is fetched: a directory, an entity set; empty where documents are sent to this node.
    pub from: String,
    /// When something was fetched last since the node started.
    pub fetched_at: Option<String>,
    /// That fetching fails now.
    pub failing: Option<SourceFailing>,
    /// Fetched documents that were refused since the node started; they stay where they came from.
    pub refused: u64,
    /// Why the latest of them was refused.
    pub last_refused: Option<FaultView>,
}

/// A source that fails.
#[derive(Debug, Serialize, Deserialize)]
pub struct SourceFailing {
    /// Why.
    pub fault: FaultView,
    /// Since when.
    pub since: String,
    /// How long ago that is.
    pub age_secs: u64,
    /// How often since then.
    pub times: u64,
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
    /// When the oldest was accepted; `null` where too many older ones in other states hide it.
    pub oldest: Option<String>,
    /// How long ago that is.
    pub oldest_age_secs: Option<u64>,
}

/// A receiver with open deliveries past their agreed time.
#[derive(Debug, Serialize, Deserialize)]
pub struct LateAt {
    /// The receiving interface.
    pub receiver: String,
    /// How many.
    pub count: u64,
    /// Whether there may be more than were counted.
    pub more: bool,
    /// The agreed time, in seconds.
    pub within_secs: u64,
    /// When the oldest was accepted.
    pub oldest: String,
    /// How long ago that is.
    pub oldest_age_secs: u64,
    /// What it hurts.
    pub impact: String,
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
    /// Transactions that retention has removed since ever; they are not among those on disk.
    pub expired_transactions: u64,
    /// Their deliveries.
    pub expired_deliveries: u64,
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
    /// Whether the latest commit found the disk full.
    pub full: bool,
    /// Whether new documents are answered 503 for want of room.
    pub refusing: bool,
    /// Documents refused for want of room since ever.
    pub refused: u64,
    /// Size of the disk in bytes; 0 if it was not looked at.
    pub disk_bytes: u64,
    /// What is free of it, in bytes.
    pub free_bytes: u64,
    /// The file that reserves room: `in place`, `given up` or `off`.
    pub ballast: String,
    /// Stored documents that were found damaged and are set aside.
    pub damaged: u64,
    /// Which opening of the database this is.
    pub epoch: i64,
    /// Which life of the database this is.
    pub incarnation: String,
}

impl From<Conservation> for Books {
    fn from(books: Conservation) -> Self {
        Self {
            delta: books.delta(),
            expired_transactions: books.gone.transactions,
            expired_deliveries: books.gone.deliveries,
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

/// What a status reads of the store.
struct Found {
    open: Vec<DeliveryCount>,
    pauses: Vec<Pause>,
    books: Conservation,
    refused: u64,
    damaged: u64,
    splitting: u64,
}

/// Answers `GET /api/v1/status`.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
) -> Result<Json<Status>, Problem> {
    let found = read(&api, |store| {
        Ok(Found {
            open: store.open_deliveries()?,
            pauses: store.pauses()?,
            books: store.books()?,
            refused: store.refused()?,
            damaged: store.damaged()?,
            splitting: store.splitting()?,
        })
    });
    let Found { open, pauses, books, refused, damaged, splitting } = found.await?;
    let now = api.shared.clock.now();
    let project = &api.shared.project;

    let paused = pauses.into_iter().map(|pause| Paused {
        name: pause.target,
        principal: pause.principal,
        reason: pause.reason,
        since: pause.since.to_rfc3339(),
    });
    let emits = project.emits.values().map(|emit| emitted(emit, api.shared.sources.of(&emit.name), now));
    let catalog = api.shared.catalog();
    let tables =
        catalog.tables().map(|(table, records)| TableSize { table: table.to_owned(), records: records as u64 });
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
        open: open.into_iter().map(|row| opened(project, row, now)).collect(),
        late: api.shared.late().late.iter().map(|late| late_at(project, late, now)).collect(),
        books: books.into(),
        splitting,
        reference: tables.collect(),
        catalog: catalog.version(),
        store: size(&api.shared.store, refused, damaged),
    }))
}

fn emitted(emit: &Emit, state: SourceState, now: Timestamp) -> Emits {
    let (connector, path, from) = match &emit.source {
        SourceSettings::Http(_) => ("http", Some(format!("/in/{}", emit.name)), String::new()),
        SourceSettings::Odata(source) => ("odata", None, source.poll.path.clone()),
        SourceSettings::Files(source) => ("files", None, format!("{}/{}", source.directory, source.pattern)),
    };
    Emits {
        interface: emit.name.clone(),
        connector: connector.to_owned(),
        path,
        from,
        fetched_at: state.received_at.map(|at| at.to_rfc3339()),
        failing: state.failing.map(|failing| SourceFailing {
            fault: FaultView::from(&failing.fault),
            since: failing.since.to_rfc3339(),
            age_secs: now.since(failing.since).as_secs(),
            times: failing.times,
        }),
        refused: state.refused,
        last_refused: state.last_refused.map(|(fault, _)| FaultView::from(&fault)),
    }
}

fn opened(project: &Project, row: DeliveryCount, now: Timestamp) -> Open {
    let receive = project.receives.get(&row.receiver);
    Open {
        system: receive.map(|it| it.system.clone()).unwrap_or_default(),
        impact: receive.map(|it| it.impact.clone()).unwrap_or_default(),
        label: DeliveryState::from_word(&row.state).map(|it| label(it, receive.is_some())).unwrap_or_default(),
        oldest_age_secs: row.oldest.map(|oldest| now.since(oldest).as_secs()),
        oldest: row.oldest.map(|oldest| oldest.to_rfc3339()),
        receiver: row.receiver,
        state: row.state,
        count: row.count,
    }
}

fn late_at(project: &Project, late: &Late, now: Timestamp) -> LateAt {
    let receive = project.receives.get(&late.receiver);
    LateAt {
        receiver: late.receiver.clone(),
        count: late.count,
        more: late.count >= LATE_COUNTED_MAX,
        within_secs: receive.and_then(|it| it.late_after).unwrap_or_default().as_secs(),
        oldest: late.oldest.to_rfc3339(),
        oldest_age_secs: now.since(late.oldest).as_secs(),
        impact: receive.map(|it| it.impact.clone()).unwrap_or_default(),
    }
}

fn size(store: &Store, refused: u64, damaged: u64) -> StoreSize {
    let room = store.room();
    StoreSize {
        bytes: store.size_on_disk(),
        full: store.is_full(),
        refusing: store.refuses(),
        refused,
        disk_bytes: room.map_or(0, |room| room.total),
        free_bytes: room.map_or(0, |room| room.free),
        ballast: room.map_or(Ballast::Off, |room| room.ballast).as_str().to_owned(),
        damaged,
        epoch: store.epoch(),
        incarnation: store.incarnation().to_string(),
    }
}
