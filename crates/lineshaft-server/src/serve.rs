//! Connections: their number, their time, and a stop that lets answers finish.
//!
//! Whoever holds connections open without asking anything gives way to whoever comes: so a supervisor that asks
//! `/healthz` is answered however many others only wait.

/// Who may be connected, and who gives way.
mod places;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lineshaft_engine::net::{BoxStream, Inlet};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service as _;

use self::places::{Place, Places};
use crate::api::{self, Api};

/// Longest time for the head of a request, and longest silence between two.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Largest piece of a connection's input held at once, in bytes.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Pause after an accept that failed for want of a resource, so that the loop does not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// How long answers on their way may take when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running API. Dropped without [`Self::stop`], it closes every connection at once.
pub struct Server {
    addr: SocketAddr,
    api: Arc<Api>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Serves `api` at `inlet`, which the caller opened first: an address in use is known before a node starts.
    ///
    /// # Errors
    /// The inlet has no address.
    pub fn start(inlet: Box<dyn Inlet>, api: Api) -> io::Result<Self> {
        let addr = inlet.local_addr()?;
        let api = Arc::new(api);
        let (stop, stopping) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(inlet, api::router(Arc::clone(&api)), stopping));
        Ok(Self { addr, api, stop, tasks })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on `/readyz` says that the node takes nothing more in.
    pub fn not_ready(&self) {
        self.api.ready.store(false, Ordering::Release);
    }

    /// Takes no more requests and waits for the answers on their way. Says whether all ended in time.
    pub async fn stop(mut self) -> bool {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(PATIENCE, ended).await.is_ok()
    }
}

async fn accept(inlet: Box<dyn Inlet>, router: Router, mut stopping: watch::Receiver<bool>) {
    let places = Arc::new(Places::default());
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = inlet.accept() => accepted,
            _ = stopping.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => match places.take(peer.ip()) {
                Some(place) => {
                    connections.spawn(connection(stream, router.clone(), place, stopping.clone()));
                }
                None => tracing::warn!(peer = %peer.ip(), "a connection to the API was closed: all are in use"),
            },
            Err(error) => {
                tracing::warn!(%error, "the API could not accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(inlet);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: BoxStream, router: Router, place: Place, mut stopping: watch::Receiver<bool>) {
    let place = &place;
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut router = router.clone();
        // From the head of a request to its answer this connection gives way to nobody.
        let asking = place.ask();
        async move {
            let answer = router.call(request.map(Body::new)).await;
            drop(asking);
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let told = async {
        // The sender lives as long as the server; its end is a stop too.
        drop(stopping.wait_for(|stop| *stop).await);
    };
    let early = tokio::select! {
        biased;
        ended = serving.as_mut() => Some(ended),
        () = place.wanted() => None,
        () = told => None,
    };
    let ended = match early {
        Some(ended) => ended,
        // Nobody waits for an answer on it, so it is closed as it is, also in the middle of a head.
        None if !place.is_asking() => return,
        None => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the API ended early");
    }
}
