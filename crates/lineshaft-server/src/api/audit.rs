//! `/api/v1/audit`: who did what, and why. Deliberately absent: changing or deleting an entry.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_model::connection::Span;
use lineshaft_model::principal::Principal;
use lineshaft_model::time::Timestamp;
use lineshaft_store::read::audit::{Audited, Wanted};
use serde::{Deserialize, Serialize};

use super::request::Asked;
use super::{Api, read};
use crate::problem::Problem;

/// Entries of a page where the request does not say.
const LISTED_DEFAULT: usize = 100;

/// Most entries of a page.
const LISTED_MAX: usize = 1000;

/// A page of the audit log.
#[derive(Debug, Serialize, Deserialize)]
pub struct Audit {
    /// The latest that were asked for, in the order of time.
    pub items: Vec<Entry>,
    /// Whether there may be earlier ones: ask again with `older_than` and the id of the first item.
    pub more: bool,
}

/// One entry.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: String,
    /// When.
    pub at: String,
    /// Who: `operator:anna`, `interface:mes/completion`, `node`.
    pub principal: String,
    /// What was done: `retry`, `skip`, `discard`, `answer-posted`, `pause`, `reference-load`, `key-reused`, `start`.
    pub action: String,
    /// To what: the id of a delivery or transaction, a system or interface, a table, a node.
    pub target: String,
    /// Why; empty where the action needs no reason.
    pub reason: String,
    /// The state before, where the action changed one.
    pub before: Option<String>,
    /// The state after.
    pub after: Option<String>,
}

/// Which entries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    target: Option<String>,
    principal: Option<String>,
    action: Option<String>,
    since: Option<String>,
    older_than: Option<String>,
    limit: Option<usize>,
}

impl From<Audited> for Entry {
    fn from(row: Audited) -> Self {
        Self {
            id: row.id.to_string(),
            at: row.at.to_rfc3339(),
            principal: row.principal,
            action: row.action,
            target: row.target,
            reason: row.reason,
            before: row.before,
            after: row.after,
        }
    }
}

/// Answers `GET /api/v1/audit`.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
    Asked(query): Asked<AuditQuery>,
) -> Result<Json<Audit>, Problem> {
    let limit = query.limit.unwrap_or(LISTED_DEFAULT).clamp(1, LISTED_MAX);
    let older_than = query.older_than.as_deref().map(str::parse).transpose().map_err(|error| {
        let no_id = Problem::bad_request(format!("{error}")).at("query, older_than");
        no_id.help("Take the `id` of the first entry of the page before.")
    })?;
    let now = api.shared.clock.now();
    let wanted = Wanted {
        target: query.target,
        principal: query.principal,
        action: query.action,
        since: query.since.map(|text| instant(text, now)).transpose()?,
        older_than,
    };
    let rows = read(&api, move |store| store.audit(&wanted, limit)).await?;
    let more = rows.len() == limit;
    Ok(Json(Audit { items: rows.into_iter().map(Entry::from).collect(), more }))
}

/// An instant, or a span back from now.
fn instant(text: String, now: Timestamp) -> Result<Timestamp, Problem> {
    // A `+` that was not encoded arrives as a blank.
    let read = Timestamp::from_rfc3339(&text).or_else(|| Timestamp::from_rfc3339(&text.replace(' ', "+")));
    let ago = |text: String| Span(text).duration().ok().map(|span| now.before(span));
    read.or_else(|| ago(text.clone())).ok_or_else(|| {
        let unread = Problem::bad_request(format!("{text:?} is no point in time")).at("query, since");
        unread.help("Write an instant with its offset, `2026-11-23T10:00:00Z`, or a span back from now, `2h`.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_an_instant_or_a_span() {
        let now = Timestamp::from_rfc3339("2026-11-23T12:00:00Z").unwrap();
        for (text, expected) in [
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00.000Z"),
            ("2026-11-23T10:00:00+01:00", "2026-11-23T09:00:00.000Z"),
            ("2026-11-23T10:00:00 01:00", "2026-11-23T09:00:00.000Z"),
            ("2h", "2026-11-23T10:00:00.000Z"),
            ("7d", "2026-11-16T12:00:00.000Z"),
        ] {
            assert_eq!(instant(text.to_owned(), now).map(Timestamp::to_rfc3339), Ok(expected.to_owned()), "{text}");
        }
        for text in ["", "yesterday", "2026-11-23", "10:00"] {
            assert!(instant(text.to_owned(), now).is_err(), "{text}");
        }
    }
}
