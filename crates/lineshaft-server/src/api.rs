//! The routes. Every one stands in [`ROUTES`]; a test walks the table and finds none that answers without a principal,
//! except the two that tell a supervisor whether the node lives and accepts (ID-1).

/// One screen about the node.
pub mod status;

/// One business event end to end.
pub mod transactions;

/// What was received, made and sent.
pub mod documents;

/// What waits for a person.
pub mod exceptions;

/// Pausing and resuming.
pub mod systems;

/// Records that maps look up.
pub mod reference;

/// Who did what, and why.
pub mod audit;

/// Whether the database is sound.
pub mod store;

/// What a request says, or what is wrong with it.
mod request;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use lineshaft_engine::Shared;
use lineshaft_model::ids::AnswerId;
use lineshaft_model::principal::Principal;
use lineshaft_model::time::Timestamp;
use lineshaft_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::token::Token;

/// Largest body of a request, in bytes: a reference table of some ten thousand records.
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Longest time for a request, its body included.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Longest time for a check that reads every page of the database.
const CHECK_TIME_MAX: Duration = Duration::from_secs(3600);

/// Longest name that a person may give themselves, in bytes.
const OPERATOR_BYTES_MAX: usize = 64;

/// The header in which a person names themselves.
pub const OPERATOR_HEADER: &str = "x-operator";

/// What the API says about the node beyond what the engine shares.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Where documents are received.
    pub inbound: SocketAddr,
    /// Version of the program.
    pub version: &'static str,
    /// Settings in force that weaken security (HD-4).
    pub insecure: Vec<String>,
}

/// What a command did.
#[derive(Debug, Serialize, Deserialize)]
pub struct Done {
    /// In words, for the person who gave it.
    pub said: String,
}

/// What every handler is given.
pub struct Api {
    pub(crate) shared: Arc<Shared>,
    pub(crate) facts: Facts,
    pub(crate) ready: AtomicBool,
    pub(crate) started_at: Timestamp,
    pub(crate) started: Duration,
    token: Token,
}

impl Api {
    /// An API over a node that accepts already.
    pub fn new(shared: Arc<Shared>, token: Token, facts: Facts) -> Self {
        let (started_at, started) = (shared.clock.now(), shared.clock.monotonic());
        Self { shared, facts, ready: AtomicBool::new(true), started_at, started, token }
    }

    /// Whether the node takes documents in.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.shared.has_failed()
    }
}

/// One route: what a request names, and what answers it.
pub struct Route {
    /// Method.
    pub method: &'static str,
    /// Path, with places in braces.
    pub path: &'static str,
    /// What it does, in a sentence for the reference page.
    pub about: &'static str,
    handler: fn() -> MethodRouter<Arc<Api>>,
}

/// Routes that answer without a principal.
pub static OPEN: &[Route] = &[
    Route { method: "GET", path: "/healthz", about: "200 while the process lives.", handler: || get(healthz) },
    Route {
        method: "GET",
        path: "/readyz",
        about: "200 while the node accepts documents, 503 while it stops or after its store failed.",
        handler: || get(readyz),
    },
];

/// Routes that answer a principal only.
pub static ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/api/v1/status",
        about: "One screen about the node: open deliveries, what is paused, the books, insecure settings.",
        handler: || get(status::show),
    },
    Route {
        method: "GET",
        path: "/api/v1/find",
        about: "Transactions that carry a business key, the newest first: `?key=order:1000040&limit=50`.",
        handler: || get(transactions::find),
    },
    Route {
        method: "GET",
        path: "/api/v1/transactions/{id}",
        about: "One transaction with its deliveries and attempts; `?documents=true` adds its documents, each up to 64 KiB.",
        handler: || get(transactions::show),
    },
    Route {
        method: "GET",
        path: "/api/v1/exceptions",
        about: "Everything that is stopped or in doubt, the oldest first: `?limit=100`.",
        handler: || get(exceptions::list),
    },
    Route {
        method: "GET",
        path: "/api/v1/exceptions/{id}",
        about: "One exception, by the id of its delivery or of a transaction with a single exception.",
        handler: || get(exceptions::show),
    },
    Route {
        method: "POST",
        path: "/api/v1/exceptions/{id}/{decision}",
        about: "Decides on it: `retry`, `skip`, `discard` or `answer`. Body: `reason`, and for an answer `posted` (the \
                target's reference) or `not_posted: true`.",
        handler: || post(exceptions::decide),
    },
    Route {
        method: "POST",
        path: "/api/v1/systems/{name}/pause",
        about: "Sends nothing more to a system, or to a receiving interface with its slash written `%2F`. Body: `reason`.",
        handler: || post(systems::pause),
    },
    Route {
        method: "POST",
        path: "/api/v1/systems/{name}/resume",
        about: "Sends again. Body: `reason`.",
        handler: || post(systems::resume),
    },
    Route {
        method: "POST",
        path: "/api/v1/reference/{table}",
        about: "Puts records in force and releases what waits for them. Body: `records`, a list of `key` and `record`, and `reason`.",
        handler: || post(reference::load),
    },
    Route {
        method: "GET",
        path: "/api/v1/audit",
        about: "Who did what and why, the latest in the order of time: `?target=&principal=anna&action=retry&since=2h&limit=100`; \
                `older_than` and the id of the first item give the page before.",
        handler: || get(audit::list),
    },
    Route {
        method: "GET",
        path: "/api/v1/store/check",
        about: "Reads every page and every document of the database and adds up its books. Takes long on a large one.",
        handler: || get(store::check),
    },
];

/// Every route, and what stands before them.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let add = |router: Router<Arc<Api>>, route: &Route| router.route(route.path, (route.handler)());
    let open = OPEN.iter().fold(Router::new(), add);
    let guarded = ROUTES
        .iter()
        .fold(Router::new(), add)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&api), identified));
    open.merge(guarded)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(Arc::clone(&api), told))
        .with_state(api)
}

/// Gives every answer that is no success the form of a problem, whoever made it, and an id that the log names too.
async fn told(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let mut response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let mut problem =
        response.extensions_mut().remove::<Problem>().unwrap_or_else(|| Problem::of_status(response.status()));
    let id = AnswerId::new(api.shared.clock.now(), &*api.shared.rng);
    problem.instance = format!("urn:uuid:{id}");
    if status.is_server_error() {
        tracing::warn!(%id, asked, code = problem.code, detail = problem.detail, "a request failed");
    } else {
        tracing::debug!(%id, asked, code = problem.code, detail = problem.detail, "a request was refused");
    }
    problem.tell(response.headers())
}

/// Finds out who asks, or refuses.
async fn identified(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    match principal(&api, &request) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn principal(api: &Api, request: &Request) -> Result<Principal, Problem> {
    let offered = request.headers().get(header::AUTHORIZATION);
    let offered = offered.ok_or_else(|| Problem::no_token("the request names no token"))?;
    let offered = offered.to_str().ok().and_then(|text| text.split_once(' '));
    match offered {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && api.token.is(token.trim()) => {}
        _ => return Err(Problem::no_token("the token is not this node's")),
    }
    let Some(name) = request.headers().get(OPERATOR_HEADER) else {
        return Ok(Principal::Operator("operator".to_owned()));
    };
    let name = std::str::from_utf8(name.as_bytes()).unwrap_or_default().trim();
    if name.is_empty() || name.len() > OPERATOR_BYTES_MAX || name.chars().any(char::is_control) {
        let what = format!("X-Operator must name a person in 1 to {OPERATOR_BYTES_MAX} bytes of UTF-8");
        return Err(Problem::bad_request(what).at("header X-Operator"));
    }
    Ok(Principal::Operator(name.to_owned()))
}

async fn in_time(request: Request, next: Next) -> Response {
    let limit = if request.uri().path() == "/api/v1/store/check" { CHECK_TIME_MAX } else { TIME_MAX };
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| Problem::too_slow().into_response())
}

async fn unknown(Extension(_principal): Extension<Principal>, request: Request) -> Problem {
    Problem::missing(format!("there is nothing at {}", request.uri().path())).at("path")
}

async fn wrong_method(Extension(_principal): Extension<Principal>, request: Request) -> Problem {
    Problem::method(format!("{} does not take {}", request.uri().path(), request.method()))
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(State(api): State<Arc<Api>>) -> Response {
    if api.is_ready() {
        "ready\n".into_response()
    } else {
        Problem::unavailable("the node accepts nothing").into_response()
    }
}

/// Runs a read of the store off the async threads.
pub(crate) async fn read<T: Send + 'static>(
    api: &Arc<Api>,
    read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let store = Arc::clone(&api.shared.store);
    match tokio::task::spawn_blocking(move || read(&store)).await {
        Ok(result) => Ok(result?),
        Err(error) => {
            tracing::error!(%error, "a read ended early");
            Err(Problem::unavailable("a read ended early"))
        }
    }
}
