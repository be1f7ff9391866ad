//! What went wrong with a request, as RFC 9457 problem details: a stable code, what happened, what to do. No payload,
//! no SQL, no stack (HD-2).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lineshaft_engine::Refusal;
use lineshaft_model::fault::Fault;
use lineshaft_store::StoreError;
use serde::{Deserialize, Serialize};

/// Media type of problem details.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// HTTP status, repeated in the body.
    pub status: u16,
    /// What kind of problem, as a heading.
    pub title: String,
    /// A code of [`KINDS`], or of the fault that struck.
    pub code: String,
    /// What happened.
    pub detail: String,
    /// What to do; empty where the detail says it.
    pub next_step: String,
}

/// Kinds of problems that are not faults: code, HTTP status and heading.
pub static KINDS: &[(&str, u16, &str)] = &[
    ("API-001", 401, "No valid token"),
    ("API-002", 400, "The request cannot be understood"),
    ("API-003", 404, "There is no such thing"),
    ("API-004", 409, "Not possible in this state"),
    ("API-005", 413, "The request is too large"),
    ("API-006", 503, "The node cannot do this at the moment"),
    ("API-007", 405, "This address does not take that method"),
    ("API-008", 504, "It took too long"),
];

impl Problem {
    fn of(kind: usize, detail: impl Into<String>, next_step: &str) -> Self {
        let (code, status, title) = KINDS[kind];
        let (title, code) = (title.to_owned(), code.to_owned());
        Self { status, title, code, detail: detail.into(), next_step: next_step.to_owned() }
    }

    /// 401.
    pub fn no_token(detail: &str) -> Self {
        Self::of(
            0,
            detail,
            "Send `Authorization: Bearer TOKEN`; the token stands in the file `token` of the node's data directory.",
        )
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::of(1, detail, "")
    }

    /// 404.
    pub fn missing(detail: impl Into<String>) -> Self {
        Self::of(2, detail, "")
    }

    /// 409.
    pub fn not_now(detail: impl Into<String>, next_step: &str) -> Self {
        Self::of(3, detail, next_step)
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::of(4, detail, "Send it in several smaller requests.")
    }

    /// 503.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::of(5, detail, "Try again; `lineshaft status` and the node's log say why.")
    }

    /// 405.
    pub fn method(detail: impl Into<String>) -> Self {
        Self::of(6, detail, "")
    }

    /// 504.
    pub fn too_slow() -> Self {
        Self::of(
            7,
            "the node did not finish this request in time",
            "Ask for less, or try again when it has less to do.",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // The words of the database stay in the log.
        tracing::warn!(%error, "a read or command met a store error");
        Self::unavailable(match error {
            StoreError::Full => "the disk is full".to_owned(),
            StoreError::Busy => "too many changes wait to be written".to_owned(),
            StoreError::Stopped => "the node is stopping".to_owned(),
            StoreError::Damaged(_) => "a row of the database cannot be read; run `lineshaft store check`".to_owned(),
            _ => "the database could not be used".to_owned(),
        })
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let place = if fault.at.is_empty() { String::new() } else { format!(" (at {})", fault.at) };
        Self {
            status: 422,
            title: fault.code.spec().title.to_owned(),
            code: fault.code.as_str().to_owned(),
            detail: format!("{}{place}", fault.message),
            next_step: fault.next_step().to_owned(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Missing(what) => Self::missing(format!("there is no {what}")),
            Refusal::NotNow { state, help } => Self::not_now(format!("it is in state {state}"), &help),
            Refusal::Fault(fault) => fault.into(),
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
    fn a_refusal_names_what_can_be_done_instead() {
        let refusal = Refusal::NotNow { state: "delivered".to_owned(), help: "settled is final".to_owned() };
        let problem = Problem::from(refusal);
        assert_eq!((problem.status, problem.next_step.as_str()), (409, "settled is final"));
    }
}
