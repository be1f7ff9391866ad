//! What everything on a node shares: the project, the catalog in force, the store, time and chance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use lineshaft_flow::process::Ground;
use lineshaft_flow::project::Project;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::random::Rng;
use lineshaft_model::time::{Clock, SteadyClock};
use lineshaft_store::change::{Due, Released};
use lineshaft_store::in_work::InWork;
use lineshaft_store::{Store, StoreError};
use tokio::sync::{Notify, watch};

use crate::deliver::documents::Documents;
use crate::deliver::queue::Queue;
use crate::keep::late::Seen;
use crate::objects::Objects;
use crate::process::Backlog;
use crate::reply::Waiting;
use crate::sources::Sources;
use crate::split::Splitting;

/// How often, and how long after one another, it is looked whether a catalog is in force.
const CATCH_UP_LOOKS: u32 = 100;
const CATCH_UP_AFTER: Duration = Duration::from_millis(2);

/// What everything on a node shares.
pub struct Shared {
    /// What runs.
    pub project: Arc<Project>,
    /// The database.
    pub store: Arc<Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub rng: Arc<dyn Rng>,
    /// What each source did last.
    pub sources: Sources,
    pub(crate) queues: BTreeMap<String, Arc<Queue>>,
    pub(crate) documents: Documents,
    pub(crate) backlog: Backlog,
    pub(crate) splitting: Splitting,
    pub(crate) in_work: InWork,
    pub(crate) objects: Objects,
    pub(crate) waiting: Waiting,
    pub(crate) paused: RwLock<BTreeSet<String>>,
    pub(crate) stopping: watch::Sender<bool>,
    /// Nothing more is taken in; what was handed over is still answered.
    pub(crate) draining: AtomicBool,
    /// Receivers with open deliveries that are not in the project, once somebody asked.
    gone: OnceLock<Vec<String>>,
    late: RwLock<Arc<Seen>>,
    catalog: RwLock<Arc<Catalog>>,
    failed: AtomicBool,
    failure: Notify,
}

impl Shared {
    pub(crate) fn new(
        project: Arc<Project>,
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        catalog: Catalog,
        in_work: InWork,
    ) -> Self {
        let queues = project.systems.keys().map(|system| (system.clone(), Arc::new(Queue::default()))).collect();
        Self {
            project,
            store,
            clock,
            rng,
            sources: Sources::default(),
            queues,
            documents: Documents::default(),
            backlog: Backlog::default(),
            splitting: Splitting::default(),
            in_work,
            objects: Objects::default(),
            waiting: Waiting::default(),
            paused: RwLock::default(),
            stopping: watch::Sender::new(false),
            draining: AtomicBool::new(false),
            gone: OnceLock::new(),
            late: RwLock::default(),
            catalog: RwLock::new(Arc::new(catalog)),
            failed: AtomicBool::new(false),
            failure: Notify::new(),
        }
    }

    /// The catalog in force. A run of processing takes it once and sees one version throughout.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Late deliveries, as the latest look found them.
    pub fn late(&self) -> Arc<Seen> {
        Arc::clone(&self.late.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn see_late(&self, seen: Arc<Seen>) {
        *self.late.write().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// The clock that deadlines are written in.
    pub fn steady(&self) -> &SteadyClock {
        self.store.steady()
    }

    /// Project and catalog for one run of processing.
    pub fn ground<'a>(&'a self, catalog: &'a Arc<Catalog>) -> Ground<'a> {
        Ground { project: &self.project, catalog }
    }

    /// Whether an interface that received once is not in this project: its open deliveries wait for a person.
    pub fn has_left(&self, receiver: &str) -> bool {
        !self.project.receives.contains_key(receiver)
    }

    /// Receivers with open deliveries that are not in this project. A running node makes none for them, so the names are
    /// looked for once; that reads every delivery and blocks.
    pub fn gone(&self) -> Result<&[String], StoreError> {
        if let Some(known) = self.gone.get() {
            return Ok(known);
        }
        let open = self.store.open_deliveries()?.into_iter().map(|row| row.receiver);
        let names: BTreeSet<String> = open.filter(|receiver| self.has_left(receiver)).collect();
        Ok(self.gone.get_or_init(|| names.into_iter().collect()))
    }

    /// Whether deliveries to a system or receiver are paused.
    pub(crate) fn is_paused(&self, name: &str) -> bool {
        self.paused.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Hands deliveries to the systems they are for.
    pub(crate) fn enqueue(&self, due: Vec<Due>) {
        for due in due {
            match self.queues.get(&due.system) {
                Some(queue) => queue.push(due),
                // A system that left the project: its deliveries wait in the store until it comes back or a person decides.
                None => tracing::warn!(system = due.system, delivery = %due.delivery, "no such system in this project"),
            }
        }
    }

    /// Waits until the catalog numbered `released_by` is in force, of which the store knows already. Whoever committed it
    /// puts it in force; if that does not come to pass, it is taken from the store.
    pub(crate) async fn catch_up(&self, released_by: u64) -> Result<(), StoreError> {
        for _ in 0..CATCH_UP_LOOKS {
            if self.catalog().version() >= released_by {
                return Ok(());
            }
            tokio::time::sleep(CATCH_UP_AFTER).await;
        }
        let mut catalog = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        if catalog.version() < released_by {
            *catalog = Arc::new(load_catalog(&self.store)?);
        }
        Ok(())
    }

    /// Puts committed reference data in force and sets going what it released.
    pub(crate) fn apply(&self, released: Released) {
        if released.catalog > 0 {
            let mut catalog = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
            let next = if released.catalog > catalog.version() {
                changed(&catalog, released.catalog, &released.records)
            } else {
                // A later commit was put in force before this one: what the store has now is right for both.
                load_catalog(&self.store)
            };
            match next {
                Ok(next) => *catalog = Arc::new(next),
                Err(error) => self.fail_if_fatal(&error),
            }
        }
        self.backlog.push(&released.process, released.render);
        released.answered.into_iter().for_each(|delivery| self.waiting.told(delivery));
    }

    /// Ends the node after a failure of the store: nothing may be acknowledged any more (RS2).
    pub(crate) fn fail_if_fatal(&self, error: &StoreError) {
        if error.is_fatal() || self.store.failed() {
            self.failed.store(true, Ordering::Release);
            self.failure.notify_waiters();
            self.stopping.send_replace(true);
        }
    }

    /// Whether the store failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire) || self.store.failed()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}

/// Why something waits for an interface that is not in this project.
pub fn gone(interface: &str) -> Fault {
    Fault::new(Code::RouteInterfaceGone, format!("{interface} is not an interface of this project any more"))
}

/// The catalog in force, from the store.
pub(crate) fn load_catalog(store: &Store) -> Result<Catalog, StoreError> {
    let (number, records) = store.catalog()?;
    let records: Vec<_> = records.into_iter().map(|record| (record.table, record.key, record.record)).collect();
    changed(&Catalog::default(), number, &records)
}

/// `catalog` with `records` (table, key, JSON) set, under the number `version`.
fn changed(catalog: &Catalog, version: u64, records: &[(String, String, Vec<u8>)]) -> Result<Catalog, StoreError> {
    let mut tables: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (table, key, record) in records {
        let tree = lineshaft_format::json::decode(record)
            .map_err(|fault| StoreError::Damaged(format!("reference {table} {key}: {fault}")))?;
        tables.entry(table).or_default().push((key.clone(), Arc::new(tree)));
    }
    let next = catalog.clone().at(version);
    Ok(tables.into_iter().fold(next, |catalog, (table, records)| catalog.with(version, table, records)))
}
