//! Start, health, drain, stop.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lineshaft_connect::contract::{Cursor, Outcomes, Source, Surroundings};
use lineshaft_connect::guard::{Egress, Guard};
use lineshaft_connect::http::{Limits, Listener};
use lineshaft_connect::net::Net;
use lineshaft_connect::secrets::Secrets;
use lineshaft_connect::tls::{self, Identity};
use lineshaft_connect::{open_destination, open_source};
use lineshaft_flow::project::{Emit, Project};
use lineshaft_model::audit::{Action, Entry};
use lineshaft_model::connection::SourceSettings;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::principal::Principal;
use lineshaft_model::random::Rng;
use lineshaft_model::time::Clock;
use lineshaft_store::in_work::InWork;
use lineshaft_store::{Change, DiskRules, Store, StoreError};
use tokio::task::JoinSet;

use crate::deliver::{Receiver, deliver};
use crate::keep::keep;
use crate::keep::rescue::rescue;
use crate::receive::receive;
use crate::shared::{Shared, load_catalog};

/// How long requests and attempts on their way may take when the node stops, where no destination may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an attempt takes beside its exchange: its result is written down.
const TO_WRITE_DOWN: Duration = Duration::from_secs(5);

/// What a node is started with.
pub struct Opening {
    /// What runs.
    pub project: Arc<Project>,
    /// Directory of the project, at which relative paths of settings begin.
    pub directory: PathBuf,
    /// Directory of the database and, below it, `secrets`.
    pub data: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub rng: Arc<dyn Rng>,
    /// The network.
    pub net: Arc<dyn Net>,
}

/// A running node.
pub struct Node {
    shared: Arc<Shared>,
    listener: Listener,
    senders: JoinSet<()>,
    takers: JoinSet<()>,
    patience: Duration,
}

impl Node {
    /// Opens the store, decides on what an earlier life left in the middle, begins to deliver, and only then accepts.
    pub async fn start(opening: Opening) -> Result<Self, Fault> {
        let Opening { project, directory, data, clock, rng, net } = opening;
        let disk = &project.installation.disk;
        let disk = DiskRules { ballast_bytes: disk.ballast_bytes, refuse_above_percent: disk.refuse_above_percent };
        let store = Store::open_on(&data, disk, Arc::clone(&clock), &*rng).map_err(|error| store_fault(&error))?;
        let catalog = load_catalog(&store).map_err(|error| store_fault(&error))?;
        // The store keeps every other node away from the directory.
        let in_work = InWork::open(&data);
        let shared = Arc::new(Shared::new(project, Arc::new(store), clock, rng, catalog, in_work));
        let surroundings = surroundings(&shared, net, directory, data.join("secrets"))?;
        let receivers = open_receivers(&shared, &surroundings)?;
        let paused = shared.store.pauses().map_err(|error| store_fault(&error))?.into_iter().map(|pause| pause.target);
        shared.paused.write().unwrap_or_else(std::sync::PoisonError::into_inner).extend(paused);
        let rescued = rescue(&shared, &receivers).await.map_err(|error| store_fault(&error))?;
        let entry = Entry {
            principal: Principal::Node,
            action: Action::Start,
            target: shared.project.installation.node.clone(),
            reason: format!(
                "project {}, epoch {}, {rescued} attempts were cut off",
                shared.project.version,
                shared.store.epoch()
            ),
        };
        shared.store.commit(vec![Change::Note(entry)]).await.map_err(|error| store_fault(&error))?;
        let longest = receivers.values().map(|receiver| receiver.destination.patience()).max().unwrap_or_default();
        let patience = PATIENCE.max(longest + TO_WRITE_DOWN);
        let mut senders = start_senders(&shared, &receivers);
        senders.spawn(keep(Arc::clone(&shared)));
        senders.spawn(crate::split::run(Arc::clone(&shared)));
        shared.backlog.look_for_transactions();
        shared.backlog.look_for_deliveries();
        let (listener, takers) = start_takers(&shared, &surroundings).await?;
        Ok(Self { shared, listener, senders, takers, patience })
    }

    /// What everything on the node shares.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Where documents are received.
    pub fn inbound(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// The longest that [`Self::stop`] waits for attempts on their way.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Returns when the store has failed: the process must end, and starts again from what is on disk (RS2).
    pub async fn failed(&self) {
        let mut stopping = self.shared.stopping.subscribe();
        // The sender lives as long as the node.
        let _ended = stopping.wait_for(|stop| *stop).await;
    }

    /// Takes nothing more in, answers what was handed over, waits for attempts on their way, and closes.
    /// Says whether everything ended in time; what did not is found at the next start.
    pub async fn stop(mut self) -> bool {
        self.shared.draining.store(true, Ordering::Release);
        let answered = tokio::spawn(self.listener.stop(PATIENCE));
        // Sources are settled until the listener has answered; only then do their tasks end.
        let answered = matches!(answered.await, Ok(true));
        self.shared.stopping.send_replace(true);
        let ended = tokio::time::timeout(self.patience, async {
            while self.takers.join_next().await.is_some() {}
            while self.senders.join_next().await.is_some() {}
        });
        ended.await.is_ok() && answered
    }
}

fn surroundings(
    shared: &Shared,
    net: Arc<dyn Net>,
    directory: PathBuf,
    secrets: PathBuf,
) -> Result<Surroundings, Fault> {
    let egress = &shared.project.installation.egress;
    let egress = Egress { allow: egress.allow.clone(), loopback: egress.loopback, private: egress.private.clone() };
    Ok(Surroundings {
        net,
        guard: Arc::new(Guard::new(&egress)?),
        secrets: Arc::new(Secrets::new(Some(secrets), Arc::clone(&shared.clock))),
        clock: Arc::clone(&shared.clock),
        directory,
    })
}

fn open_receivers(shared: &Shared, surroundings: &Surroundings) -> Result<BTreeMap<String, Arc<Receiver>>, Fault> {
    let mut receivers = BTreeMap::new();
    for (name, receive) in &shared.project.receives {
        let Some(system) = shared.project.systems.get(&receive.system) else { continue };
        let destination = open_destination(surroundings, &system.connection, &receive.destination)
            .map_err(|fault| fault.at(name.clone()))?;
        receivers.insert(name.clone(), Arc::new(Receiver { receive: Arc::clone(receive), destination }));
    }
    Ok(receivers)
}

fn start_senders(shared: &Arc<Shared>, receivers: &BTreeMap<String, Arc<Receiver>>) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    for (name, system) in &shared.project.systems {
        let own = receivers.iter().filter(|(_, receiver)| &receiver.receive.system == name);
        let own: BTreeMap<_, _> = own.map(|(name, receiver)| (name.clone(), Arc::clone(receiver))).collect();
        if !own.is_empty() {
            senders.spawn(deliver(Arc::clone(shared), Arc::clone(system), own));
        }
    }
    senders.spawn(crate::process::run(Arc::clone(shared)));
    senders.spawn(crate::keep::stranded::tell(Arc::clone(shared)));
    senders.spawn(crate::keep::stalled::let_go(Arc::clone(shared)));
    senders
}

async fn start_takers(shared: &Arc<Shared>, surroundings: &Surroundings) -> Result<(Listener, JoinSet<()>), Fault> {
    let wanted = &shared.project.installation.listen_inbound;
    let addr = wanted
        .parse()
        .map_err(|_| Fault::new(Code::ProjectFile, format!("listen.inbound {wanted:?} is not an address")))?;
    let tls = shared.project.installation.listen_tls.as_ref();
    let identity = tls.map(|tls| Identity::open(Arc::clone(&surroundings.secrets), Arc::clone(&shared.clock), tls));
    let inlet = tls::listen(&*surroundings.net, addr, identity.transpose()?).await?;
    let listener = Listener::over(surroundings, inlet, Limits::default())?;
    listener.tell_outcomes(Arc::clone(shared) as Arc<dyn Outcomes>);
    let mut takers = JoinSet::new();
    for (name, emit) in &shared.project.emits {
        let source = open_taker(shared, surroundings, &listener, emit).map_err(|fault| fault.at(name.clone()))?;
        let cursor = shared.store.cursor(name).map_err(|error| store_fault(&error))?.map(Cursor);
        takers.spawn(receive(Arc::clone(shared), Arc::clone(emit), source, cursor));
    }
    listener.complete();
    Ok((listener, takers))
}

/// A source that is sent to shares the inbound listener; one that asks opens its own way out.
fn open_taker(
    shared: &Shared,
    surroundings: &Surroundings,
    listener: &Listener,
    emit: &Emit,
) -> Result<Arc<dyn Source>, Fault> {
    if let SourceSettings::Http(settings) = &emit.source {
        let interface = emit.name.strip_prefix(&format!("{}/", emit.system)).unwrap_or(&emit.name);
        return Ok(Arc::new(listener.source(&emit.system, interface, settings, emit.format.media_types())?));
    }
    let no_way = || Fault::new(Code::ProjectFile, "this system's connection has no such source");
    let system = shared.project.systems.get(&emit.system).ok_or_else(no_way)?;
    open_source(surroundings, &system.connection, &emit.source).unwrap_or_else(|| Err(no_way()))
}

fn store_fault(error: &StoreError) -> Fault {
    let code = match error {
        StoreError::Version(_) => Code::StoreMigration,
        StoreError::Damaged(_) | StoreError::Corrupt(_) => Code::StoreDamaged,
        StoreError::InUse(_) => Code::StoreInUse,
        _ => Code::StoreWrite,
    };
    Fault::new(code, error.to_string())
}
