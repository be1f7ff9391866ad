//! `/api/v1/store`: whether the database is sound and its books balance.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_model::principal::Principal;
use serde::{Deserialize, Serialize};

use super::status::Books;
use super::{Api, read};
use crate::problem::Problem;

/// What a check of the database found.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoreCheck {
    /// Whether nothing was found.
    pub sound: bool,
    /// What SQLite finds wrong with the file.
    pub damage: Vec<String>,
    /// Both sides of the books.
    pub books: Books,
    /// Bytes on disk, the log included.
    pub bytes: u64,
}

/// Answers `GET /api/v1/store/check`. Reads every page of the database.
pub(super) async fn check(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
) -> Result<Json<StoreCheck>, Problem> {
    let (damage, books) = read(&api, |store| Ok((store.integrity()?, store.conservation()?))).await?;
    let sound = damage.is_empty() && books.delta() == 0;
    Ok(Json(StoreCheck { sound, damage, books: books.into(), bytes: api.shared.store.size_on_disk() }))
}
