//! `/api/v1/store`: whether the database is sound and its books balance.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_model::principal::Principal;
use lineshaft_store::check::{Damaged, Report};
use serde::{Deserialize, Serialize};

use super::status::Books;
use super::{Api, read};
use crate::problem::Problem;

/// What a check of the database found.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoreCheck {
    /// Whether nothing was found.
    pub sound: bool,
    /// What is wrong with the file: pages, rows that cannot be read, commits that are missing.
    pub damage: Vec<String>,
    /// What does not fit together: counters, object state, rows that others name.
    pub differences: Vec<String>,
    /// Both sides of the books; `null` where they cannot be read.
    pub books: Option<Books>,
    /// Stored documents that were read.
    pub documents: u64,
    /// Those whose bytes are not what was stored, the first thousand.
    pub damaged: Vec<DamagedDocument>,
    /// How many more there are.
    pub damaged_more: u64,
    /// Bytes on disk, the log included.
    pub bytes: u64,
}

/// A stored document whose bytes are not what was stored.
#[derive(Debug, Serialize, Deserialize)]
pub struct DamagedDocument {
    /// The intake that it belongs to; empty if that is not known.
    pub intake: String,
    /// The emitting interface; empty if the intake is gone.
    pub interface: String,
    /// Transactions that use it, the first ten.
    pub transactions: Vec<String>,
    /// When it was stored.
    pub stored_at: String,
    /// Whether something open still needs it.
    pub needed: bool,
    /// What to do.
    pub next_step: String,
}

impl StoreCheck {
    /// The report of a check, and how many bytes were looked at.
    pub fn of(report: Report, bytes: u64) -> Self {
        Self {
            sound: report.is_sound(),
            damage: report.pages,
            differences: report.differences,
            books: report.books.map(Books::from),
            documents: report.payloads,
            damaged: report.damaged.into_iter().map(DamagedDocument::from).collect(),
            damaged_more: report.damaged_more,
            bytes,
        }
    }
}

impl From<Damaged> for DamagedDocument {
    fn from(it: Damaged) -> Self {
        let next_step = match (it.needed, it.interface.is_empty()) {
            (true, _) => "Have it sent again with a new key, then discard what waits: `lineshaft exceptions list`.",
            (false, false) => "Nothing waits for it. If its content matters, ask its sender or receiver for it.",
            (false, true) => "Nothing tells whose it is any more, and nothing waits for it.",
        };
        Self {
            intake: it.intake.map(|id| id.to_string()).unwrap_or_default(),
            interface: it.interface,
            transactions: it.transactions.iter().map(ToString::to_string).collect(),
            stored_at: it.stored_at.to_rfc3339(),
            needed: it.needed,
            next_step: next_step.to_owned(),
        }
    }
}

/// Answers `GET /api/v1/store/check`. Reads every page and every document of the database.
pub(super) async fn check(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
) -> Result<Json<StoreCheck>, Problem> {
    let report = read(&api, lineshaft_store::Store::check).await?;
    Ok(Json(StoreCheck::of(report, api.shared.store.size_on_disk())))
}
