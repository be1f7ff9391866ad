//! The address that every receiving interface shares: connections, their number and their time (IN-1).
//!
//! TLS is a matter of the inlet ([`crate::tls`]). Client addresses named in headers are not believed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lineshaft_model::connection::http::HttpSource as Settings;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::media::MediaTypes;
use lineshaft_model::time::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::source::{Arrival, HttpSource};
use super::{auth, request};
use crate::contract::{Outcomes, Surroundings};
use crate::net::{BoxStream, Inlet};
use crate::pump::Pump;
use crate::secrets::Secrets;
use crate::tls;

/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Largest piece of a connection's input held at once, in bytes.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Pause after an accept that failed for want of a resource, so that the loop does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts that may fail in a row before the listener gives up.
const FAILURES_MAX: u32 = 100;

/// How much of the node the senders may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at the same time; more wait in the operating system.
    pub connections: usize,
    /// Connections from one address; more are closed at once.
    pub connections_per_address: usize,
    /// Longest time for the head of a request, and longest silence between two requests.
    pub head_time: Duration,
    /// Longest time for the body of a request.
    pub body_time: Duration,
    /// Longest time between a request's end and our answer.
    pub answer_time: Duration,
    /// Requests that may wait at one interface; more are answered `503`.
    pub waiting: usize,
    /// Bytes of all bodies held at the same time; more are answered `503`.
    pub body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 256,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(20),
            answer_time: Duration::from_secs(30),
            waiting: 256,
            body_bytes: 256 * 1024 * 1024,
        }
    }
}

/// The inbound listener. Dropping it closes every connection at once; [`Self::stop`] lets requests finish.
pub struct Listener {
    shared: Arc<Shared>,
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    pump: Pump,
}

/// What connections, interfaces and the listener share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) secrets: Arc<Secrets>,
    pub(super) limits: Limits,
    pub(super) body_bytes: AtomicUsize,
    /// Whether every interface has its source.
    pub(super) complete: AtomicBool,
    /// Who knows what became of documents, once somebody does.
    pub(super) outcomes: OnceLock<Arc<dyn Outcomes>>,
    routes: RwLock<HashMap<String, Arc<Route>>>,
    next_route: AtomicU64,
    peers: Mutex<HashMap<IpAddr, usize>>,
    end: Mutex<Option<Fault>>,
}

/// The way to one interface.
pub(super) struct Route {
    pub(super) settings: Settings,
    /// What the interface's format comes as.
    pub(super) media_types: MediaTypes,
    pub(super) inbox: mpsc::Sender<Arrival>,
    id: u64,
}

impl Listener {
    /// Listens at `addr` (port 0: any free port).
    ///
    /// # Errors
    /// `PROJECT-002` if the address cannot be listened at.
    pub async fn open(surroundings: &Surroundings, addr: SocketAddr, limits: Limits) -> Result<Self, Fault> {
        Self::over(surroundings, tls::listen(&*surroundings.net, addr, None).await?, limits)
    }

    /// Listens at `inlet`.
    ///
    /// # Errors
    /// `PROJECT-002` if the inlet has no address.
    pub fn over(surroundings: &Surroundings, inlet: Box<dyn Inlet>, limits: Limits) -> Result<Self, Fault> {
        let unheard = |error: io::Error| Fault::new(Code::ProjectAddress, format!("the inlet has no address: {error}"));
        let addr = inlet.local_addr().map_err(unheard)?;
        let shared = Arc::new(Shared {
            clock: Arc::clone(&surroundings.clock),
            secrets: Arc::clone(&surroundings.secrets),
            limits,
            body_bytes: AtomicUsize::new(0),
            routes: RwLock::default(),
            complete: AtomicBool::new(false),
            outcomes: OnceLock::new(),
            next_route: AtomicU64::new(1),
            peers: Mutex::default(),
            end: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let pump = Pump::start("http listener", run(Arc::clone(&shared), inlet, stopped));
        Ok(Self { shared, addr, stop, pump })
    }

    /// Every interface has its source: from now on an address without one is unknown, not just not open yet.
    pub fn complete(&self) {
        self.shared.complete.store(true, Ordering::Release);
    }

    /// From now on senders that ask are told what became of their documents. The first one given stays.
    pub fn tell_outcomes(&self, outcomes: Arc<dyn Outcomes>) {
        let _first_stays = self.shared.outcomes.set(outcomes);
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Opens `/in/<system>/<interface>` for documents of a format that comes as `media_types`. The latest source opened
    /// under a name gets its requests.
    ///
    /// # Errors
    /// `DELIVER-011` if the sender's secret cannot be resolved, `PROJECT-001` for a header name that is none.
    pub fn source(
        &self,
        system: &str,
        interface: &str,
        settings: &Settings,
        media_types: MediaTypes,
    ) -> Result<HttpSource, Fault> {
        if let Some(reference) = auth::needed(&settings.auth) {
            self.shared.secrets.get(reference)?;
        }
        http::HeaderName::from_bytes(settings.key_header.as_bytes())
            .map_err(|_| Fault::new(Code::ProjectFile, format!("{:?} is not a header name", settings.key_header)))?;
        let name = format!("{system}/{interface}");
        let (inbox, arrivals) = mpsc::channel(self.shared.limits.waiting);
        let id = self.shared.next_route.fetch_add(1, Ordering::Relaxed);
        let route = Arc::new(Route { settings: settings.clone(), media_types, inbox, id });
        self.shared.routes.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), route);
        Ok(HttpSource::new(Arc::clone(&self.shared), name, id, arrivals))
    }

    /// Waits until the listener has ended, and says why. Cancel-safe.
    ///
    /// # Errors
    /// The fault that ended it.
    pub async fn ended(&self) -> Result<(), Fault> {
        self.pump.ended().await
    }

    /// Takes no more connections, answers the requests that run, and closes the rest after `patience`. Says whether
    /// every request was answered. Sources must go on to be settled meanwhile.
    pub async fn stop(self, patience: Duration) -> bool {
        self.stop.send_replace(true);
        self.pump.finish(patience).await
    }
}

impl Shared {
    /// The way to the interface `mes/completion`.
    pub(super) fn route(&self, name: &str) -> Option<Arc<Route>> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Takes an address off the listener, unless a newer source has it.
    pub(super) fn close_route(&self, name: &str, id: u64) {
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        if routes.get(name).is_some_and(|route| route.id == id) {
            self.complete.store(false, Ordering::Release);
            routes.remove(name);
        }
    }

    /// Why no more requests come.
    pub(super) fn end(&self) -> Fault {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        end.unwrap_or_else(|| Fault::new(Code::ReceiveStoreUnavailable, "the listener was closed"))
    }
}

/// However the listener ends, its sources learn it: without routes their channels close.
struct CloseRoutes(Arc<Shared>);

impl Drop for CloseRoutes {
    fn drop(&mut self) {
        self.0.complete.store(false, Ordering::Release);
        self.0.routes.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

async fn run(shared: Arc<Shared>, inlet: Box<dyn Inlet>, mut stopped: watch::Receiver<bool>) -> Result<(), Fault> {
    let _close = CloseRoutes(Arc::clone(&shared));
    let mut connections = JoinSet::new();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head_time)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    let server = Arc::new(server);
    let mut failures = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = told(&mut stopped) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = inlet.accept(), if connections.len() < shared.limits.connections => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                failures = 0;
                if let Some(seat) = Seat::take(&shared, peer.ip()) {
                    connections.spawn(serve(Arc::clone(&server), seat, stream, stopped.clone()));
                }
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(%error, "a connection could not be accepted");
                if failures >= FAILURES_MAX {
                    let what = format!("connections can no longer be accepted: {error}");
                    let fault = Fault::new(Code::ReceiveStoreUnavailable, what);
                    *shared.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone());
                    return Err(fault);
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(inlet);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn serve(server: Arc<http1::Builder>, seat: Seat, stream: BoxStream, mut stopped: watch::Receiver<bool>) {
    let (shared, peer) = (&seat.shared, seat.peer.to_string());
    let peer = peer.as_str();
    let service =
        service_fn(move |request| async move { Ok::<_, Infallible>(request::answer(shared, peer, request).await) });
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = told(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer, %error, "connection ended");
    }
}

/// Waits until the listener is told to stop, or is gone.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// One connection's place among those of its address.
struct Seat {
    shared: Arc<Shared>,
    peer: IpAddr,
}

impl Seat {
    fn take(shared: &Arc<Shared>, peer: IpAddr) -> Option<Self> {
        let mut peers = shared.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = peers.entry(peer).or_insert(0);
        if *taken >= shared.limits.connections_per_address {
            tracing::warn!(%peer, "connection closed: too many from this address");
            return None;
        }
        *taken += 1;
        Some(Self { shared: Arc::clone(shared), peer })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut peers = self.shared.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = peers.get_mut(&self.peer) {
            *taken -= 1;
            if *taken == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}
