//! The HTTP side that every stand-in shares: accept, read, maybe misbehave, apply, answer. What a request *means* is the
//! `Role`'s business; how the answer goes wrong is the fault menu's. Absent: TLS, HTTP/2, chunked uploads beyond a
//! fixed size.

mod fault;

mod reply;

mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::fault::Menu;
pub(crate) use self::fault::lock;
pub use self::fault::{Fault, Kind};
use self::reply::Payload;
pub use self::reply::{Answer, Asked, BODY_BYTES_MAX};
use self::wire::Wire;

/// What one kind of system does with a request. Synchronous: a stand-in decides under one lock; waiting for the disk is
/// left to [`Answer::after`].
pub trait Role: Send + Sync + 'static {
    /// Applies the request and says what to answer.
    fn apply(&self, asked: &Asked) -> Answer;
    /// Counters for `GET /_state`.
    fn state(&self) -> Value;
}

/// A running stand-in server. Cheap to clone; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct Server(Arc<Running>);

struct Running {
    inner: Arc<Inner>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

struct Inner {
    address: SocketAddr,
    role: Arc<dyn Role>,
    token: Option<String>,
    menu: Menu,
    requests: AtomicU64,
    /// Whether the port is open. The number is the count of changes, so that an old timer does not undo a newer wish.
    open: watch::Sender<(bool, u64)>,
}

impl Server {
    /// Listens on `address` (port 0 for a free one) and serves `role`. With a `token`, requests without
    /// `Authorization: Bearer <token>` are answered 401; paths that start with `/_` are exempt.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, role: Arc<dyn Role>, token: Option<String>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let inner = Arc::new(Inner {
            address: listener.local_addr()?,
            role,
            token,
            menu: Menu::new(),
            requests: AtomicU64::new(0),
            open: watch::channel((true, 0)).0,
        });
        let accepting = tokio::spawn(accept(Arc::clone(&inner), listener));
        Ok(Self(Arc::new(Running { inner, accepting })))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.inner.address
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.inner.address)
    }

    /// Adds a fault; returns its number.
    pub fn fault(&self, fault: Fault) -> u64 {
        if fault.kind == Kind::Refuse {
            self.go_down(fault.ms.filter(|ms| *ms > 0).map(Duration::from_millis));
        }
        self.0.inner.fault(fault)
    }

    /// Ends every fault and opens the port again.
    pub fn clear_faults(&self) {
        self.0.inner.menu.clear();
        self.go_up();
    }

    /// Closes the port and every connection, for `duration` or until [`Self::go_up`].
    pub fn go_down(&self, duration: Option<Duration>) {
        self.0.inner.go_down(duration);
    }

    /// Opens the port again; no effect if it is open.
    pub fn go_up(&self) {
        self.0.inner.set_open(true);
    }

    /// How many requests were read, `/_…` not counted.
    pub fn requests(&self) -> u64 {
        self.0.inner.requests.load(Ordering::Relaxed)
    }

    /// How many requests met a fault.
    pub fn faults_met(&self) -> u64 {
        self.0.inner.menu.happened()
    }
}

impl Inner {
    fn fault(&self, fault: Fault) -> u64 {
        if fault.kind == Kind::Refuse {
            return 0; // in force already; the port is closed, so no request can meet it
        }
        self.menu.add(fault)
    }

    fn go_down(&self, duration: Option<Duration>) {
        let wish = self.set_open(false);
        if let Some(duration) = duration {
            let open = self.open.clone();
            tokio::spawn(async move {
                tokio::time::sleep(duration).await;
                open.send_if_modified(|(now, count)| {
                    let mine = *count == wish && !*now;
                    if mine {
                        (*now, *count) = (true, wish + 1);
                    }
                    mine
                });
            });
        }
    }

    fn set_open(&self, wanted: bool) -> u64 {
        let mut number = 0;
        self.open.send_modify(|(now, count)| {
            *count += 1;
            number = *count;
            *now = wanted;
        });
        number
    }
}

/// Accepts connections while the port is open; closes it and every connection when it is not.
async fn accept(inner: Arc<Inner>, first: TcpListener) {
    let mut open = inner.open.subscribe();
    let mut listener = Some(first);
    let mut connections = JoinSet::new();
    loop {
        let wanted = open.borrow_and_update().0;
        if !wanted {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            match TcpListener::bind(inner.address).await {
                Ok(bound) => listener = Some(bound),
                // Somebody else took the port for a moment; there is nothing to do but to try again.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            continue;
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = open.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = accepted => if let Ok((stream, _)) = accepted {
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(Arc::clone(&inner), stream));
            },
        }
    }
}

async fn serve(inner: Arc<Inner>, stream: tokio::net::TcpStream) {
    let reset = Arc::new(AtomicBool::new(false));
    let io = TokioIo::new(Wire::new(stream, Arc::clone(&reset)));
    let service = service_fn(move |request| {
        let (inner, reset) = (Arc::clone(&inner), Arc::clone(&reset));
        async move {
            let answer = exchange(&inner, request).await;
            reset.store(answer.is_err(), Ordering::Relaxed);
            answer
        }
    });
    // A connection that ends badly is the peer's news, not ours; the histories tell.
    let _ =
        http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(None).serve_connection(io, service).await;
}

/// The request is to be dropped without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dropped by a fault")
    }
}

impl std::error::Error for Dropped {}

async fn exchange(inner: &Arc<Inner>, request: Request<Incoming>) -> Result<Response<Payload>, Dropped> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else { return Err(Dropped) };
    let asked = Asked { method: parts.method, uri: parts.uri, headers: parts.headers, body: body.to_bytes() };
    if asked.uri.path().starts_with("/_")
        && let Some(answer) = inner.control(&asked)
    {
        return Ok(respond(answer));
    }
    inner.requests.fetch_add(1, Ordering::Relaxed);
    let exempt = asked.uri.path().starts_with("/_");
    if !exempt
        && inner
            .token
            .as_ref()
            .is_some_and(|token| asked.header("authorization").strip_prefix("Bearer ") != Some(token))
    {
        let answer = Answer::json(401, &json!({"error": "token", "message": "a bearer token is needed"}));
        return Ok(respond(answer.with("www-authenticate", "Bearer")));
    }
    match inner.menu.pick(&asked) {
        None => answer(inner, &asked).await.map(respond),
        Some(fault) => misbehave(inner, asked, &fault).await,
    }
}

/// Applies the request and waits until its effect is durable.
async fn answer(inner: &Inner, asked: &Asked) -> Result<Answer, Dropped> {
    let mut answer = inner.role.apply(asked);
    match answer.after.take() {
        None => Ok(answer),
        Some(ticket) => ticket.durable().await.map(|()| answer).map_err(|_| Dropped),
    }
}

async fn misbehave(inner: &Arc<Inner>, asked: Asked, fault: &Fault) -> Result<Response<Payload>, Dropped> {
    let plain =
        |status: u16| Answer::json(status, &json!({"error": "fault", "message": "switched on by the fault menu"}));
    match fault.kind {
        Kind::Slow => {
            tokio::time::sleep(Duration::from_millis(fault.ms.unwrap_or(1_000))).await;
            answer(inner, &asked).await.map(respond)
        }
        Kind::Hang => {
            inner.menu.wait_cleared().await;
            Err(Dropped)
        }
        Kind::Reset | Kind::Refuse => Err(Dropped),
        Kind::Http500 => Ok(respond(plain(500))),
        Kind::Http503 => Ok(respond(match fault.retry_after {
            Some(seconds) => plain(503).with("retry-after", seconds.to_string()),
            None => plain(503),
        })),
        Kind::Http429 => Ok(respond(plain(429).with("retry-after", fault.retry_after.unwrap_or(1).to_string()))),
        Kind::ApplyThenDrop => {
            answer(inner, &asked).await?;
            Err(Dropped)
        }
        Kind::DropThenApply => {
            let (inner, wait) = (Arc::clone(inner), Duration::from_millis(fault.ms.unwrap_or(30_000)));
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                answer(&inner, &asked).await
            });
            Err(Dropped)
        }
        Kind::WrongType => {
            let page = Answer::text(200, "<!doctype html><title>Sign in</title><p>Please sign in.</p>".to_owned());
            Ok(respond(page.with("content-type", "text/html; charset=utf-8")))
        }
        Kind::HugeBody => {
            let mut response = answer(inner, &asked).await.map(respond)?;
            *response.body_mut() = Payload::Huge { left: fault.bytes.unwrap_or(64 * 1024 * 1024) };
            Ok(response)
        }
    }
}

fn respond(answer: Answer) -> Response<Payload> {
    let mut response = Response::new(Payload::Once(Some(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    for (name, value) in answer.headers {
        if let Ok(value) = http::HeaderValue::from_str(&value) {
            headers.insert(http::HeaderName::from_static(name), value);
        }
    }
    response
}

impl Inner {
    /// `/_fault` and `/_state`; `None` for any other path, which then is the role's.
    fn control(&self, asked: &Asked) -> Option<Answer> {
        match (&asked.method, asked.uri.path()) {
            (&Method::POST, "/_fault") => Some(match serde_json::from_slice::<Fault>(&asked.body) {
                Err(error) => Answer::json(400, &json!({"error": "fault", "message": error.to_string()})),
                Ok(fault) => {
                    if fault.kind == Kind::Refuse {
                        // Over the wire there would be no way to end it, so it always ends by itself.
                        let ms = fault.ms.filter(|ms| *ms > 0).unwrap_or(10_000);
                        self.go_down(Some(Duration::from_millis(ms)));
                    }
                    Answer::json(200, &json!({"fault": self.fault(fault)}))
                }
            }),
            (&Method::DELETE, "/_fault") => {
                self.menu.clear();
                Some(Answer::json(200, &json!({"cleared": true})))
            }
            (&Method::GET, "/_state") => {
                let mut state = self.role.state();
                if let Value::Object(fields) = &mut state {
                    fields.insert("requests".to_owned(), self.requests.load(Ordering::Relaxed).into());
                    fields.insert("faults_met".to_owned(), self.menu.happened().into());
                }
                Some(Answer::json(200, &state))
            }
            _ => None,
        }
    }
}
