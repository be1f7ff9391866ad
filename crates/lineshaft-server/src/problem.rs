//! What went wrong with a request, as RFC 9457 problem details: a stable code, what happened, where, what to do, and an
//! id that the log names too. No payload, no SQL, no stack (HD-2).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lineshaft_engine::Refusal;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_store::StoreError;
use serde::{Deserialize, Serialize};

/// Media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Names the kind of problem: `urn:lineshaft:problem:API-002`, or `urn:lineshaft:fault:MAP-002`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// HTTP status, repeated in the body.
    pub status: u16,
    /// What kind of problem, as a heading.
    pub title: String,
    /// A code of [`KINDS`], or of the fault that struck.
    pub code: String,
    /// What happened.
    pub detail: String,
    /// Where: `query`, `path`, `body`, `header X-Operator`, or the place that a fault names; empty if the detail says it.
    #[serde(default)]
    pub at: String,
    /// What to do.
    pub next_step: String,
    /// Id of this one answer; the node's log names it too.
    #[serde(default)]
    pub instance: String,
}

/// A kind of problem that is no fault.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its code.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Heading.
    pub title: &'static str,
    /// What to do where nothing better is known.
    pub next_step: &'static str,
}

const fn kind(code: &'static str, status: u16, title: &'static str, next_step: &'static str) -> Kind {
    Kind { code, status, title, next_step }
}

/// Kinds of problems that are no faults.
pub static KINDS: &[Kind] = &[
    kind(
        "API-001",
        401,
        "No valid token",
        "Send `Authorization: Bearer TOKEN`; the token stands in the file `token` of the node's data directory.",
    ),
    kind(
        "API-002",
        400,
        "The request cannot be understood",
        "Correct what the detail names; docs/reference/api.md says what each request takes.",
    ),
    kind(
        "API-003",
        404,
        "There is no such thing",
        "Compare the address with docs/reference/api.md, and the id with the list that it was taken from.",
    ),
    kind("API-004", 409, "Not possible in this state", "Look at its state first: `lineshaft trace show` tells it."),
    kind("API-005", 413, "The request is too large", "Send it in several smaller requests."),
    kind(
        "API-006",
        503,
        "The node cannot do this at the moment",
        "Try again; `lineshaft status` and the node's log say why.",
    ),
    kind("API-007", 405, "This address does not take that method", "Use a method that the header `Allow` names."),
    kind("API-008", 504, "It took too long", "Ask for less, or try again when the node has less to do."),
    kind("API-009", 415, "This media type is not taken", "Send JSON with `Content-Type: application/json`."),
];

impl Problem {
    fn of(code: &str, detail: impl Into<String>) -> Self {
        let spec = KINDS.iter().find(|kind| kind.code == code).unwrap_or(&KINDS[5]);
        Self {
            kind: format!("urn:lineshaft:problem:{}", spec.code),
            status: spec.status,
            title: spec.title.to_owned(),
            code: spec.code.to_owned(),
            detail: detail.into(),
            at: String::new(),
            next_step: spec.next_step.to_owned(),
            instance: String::new(),
        }
    }

    /// The same problem with its place.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        place.clone_into(&mut self.at);
        self
    }

    /// The same problem with a better next step: a sentence.
    #[must_use]
    pub fn help(mut self, next_step: &str) -> Self {
        next_step.clone_into(&mut self.next_step);
        self
    }

    /// 401.
    pub fn no_token(detail: &str) -> Self {
        Self::of("API-001", detail).at("header Authorization")
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::of("API-002", detail)
    }

    /// 404.
    pub fn missing(detail: impl Into<String>) -> Self {
        Self::of("API-003", detail)
    }

    /// 409.
    pub fn not_now(detail: impl Into<String>) -> Self {
        Self::of("API-004", detail)
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::of("API-005", detail)
    }

    /// 503.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::of("API-006", detail)
    }

    /// 405.
    pub fn method(detail: impl Into<String>) -> Self {
        Self::of("API-007", detail)
    }

    /// 504.
    pub fn too_slow() -> Self {
        Self::of("API-008", "the node did not finish this request in time")
    }

    /// 415.
    pub fn media_type(detail: impl Into<String>) -> Self {
        Self::of("API-009", detail).at("header Content-Type")
    }

    /// What a status means that was answered without words of ours.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let said = status.canonical_reason().unwrap_or("an error without a name");
        match KINDS.iter().find(|kind| kind.status == status.as_u16()) {
            Some(kind) => Self::of(kind.code, said),
            None if status.is_client_error() => Self { status: status.as_u16(), ..Self::bad_request(said) },
            None => Self { status: status.as_u16(), ..Self::unavailable(said) },
        }
    }

    /// The answer that tells it, with the headers of `head` that belong to it.
    pub(crate) fn tell(self, head: &HeaderMap) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for name in [header::ALLOW, header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
            if let Some(value) = head.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The body is written by [`crate::api`] for all answers in one place, which knows what the answer's id is.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a read or command met a store error");
        let problem = Self::unavailable(error.outside());
        if matches!(error, StoreError::Damaged(_) | StoreError::Corrupt(_)) {
            problem.help(Code::StoreDamaged.spec().next_step)
        } else {
            problem
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self {
            kind: format!("urn:lineshaft:fault:{}", fault.code.as_str()),
            status: 422,
            title: fault.code.spec().title.to_owned(),
            code: fault.code.as_str().to_owned(),
            next_step: fault.next_step().to_owned(),
            detail: fault.message,
            at: fault.at,
            instance: String::new(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing(what) => Self::missing(format!("there is no {what}")),
            Refusal::NotNow { state, help } => Self::not_now(format!("it is in state {state}")).help(&help),
            Refusal::Fault(fault) => fault.into(),
            Refusal::Record(fault) => {
                Self::from(fault).help("Correct this record and load again: nothing of this request is in force.")
            }
            Refusal::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_database_do_not_leave_the_node() {
        let problem = Problem::from(StoreError::Write("no such table: payloads".to_owned()));
        assert_eq!((problem.status, problem.code.as_str()), (503, "API-006"));
        assert!(!problem.detail.contains("payloads"), "{problem:?}");
    }

    #[test]
    fn every_kind_has_a_next_step_and_every_status_a_kind() {
        for spec in KINDS {
            assert!(spec.next_step.ends_with('.'), "{}", spec.code);
            let told = Problem::of_status(StatusCode::from_u16(spec.status).unwrap());
            assert_eq!((told.code.as_str(), told.status), (spec.code, spec.status));
        }
        for (status, code) in [(418, "API-002"), (431, "API-002"), (500, "API-006"), (505, "API-006")] {
            let told = Problem::of_status(StatusCode::from_u16(status).unwrap());
            assert_eq!((told.code.as_str(), told.status), (code, status));
        }
    }

    #[test]
    fn a_refusal_names_what_can_be_done_instead() {
        let refusal = Refusal::NotNow { state: "delivered".to_owned(), help: "Settled is final.".to_owned() };
        let problem = Problem::from(refusal);
        assert_eq!((problem.status, problem.next_step.as_str()), (409, "Settled is final."));
    }
}
