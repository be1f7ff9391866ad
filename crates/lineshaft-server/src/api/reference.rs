//! `/api/v1/reference`: records that maps look up, loaded by a person.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use lineshaft_model::principal::Principal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Api, Done, asked};
use crate::problem::Problem;

/// Most records of one request: one commit must stay short.
pub const RECORDS_MAX: usize = 20_000;

/// Longest name of a table and longest key, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Records to put in force.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// The records; one with the key of an earlier one becomes its next version.
    pub records: Vec<Record>,
    /// Why; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// One record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its key in the table.
    pub key: String,
    /// The record: any JSON. Its numbers are kept digit for digit.
    pub record: Box<RawValue>,
}

/// Answers `POST /api/v1/reference/{table}`.
pub(super) async fn load(
    State(api): State<Arc<Api>>,
    Extension(principal): Extension<Principal>,
    Path(table): Path<String>,
    body: Result<Json<Load>, JsonRejection>,
) -> Result<Json<Done>, Problem> {
    let load = asked(body)?;
    if load.records.len() > RECORDS_MAX {
        return Err(Problem::too_large(format!("{} records; one request takes {RECORDS_MAX}", load.records.len())));
    }
    let usable = |name: &str| !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if let Some(name) = load.records.iter().map(|it| &it.key).chain([&table]).find(|name| !usable(name)) {
        return Err(Problem::bad_request(format!(
            "{name:?} cannot be a key or table: 1 to {NAME_BYTES_MAX} bytes of text"
        )));
    }
    let records = load.records.into_iter().map(|it| (it.key, it.record.get().as_bytes().to_vec())).collect();
    let done = lineshaft_engine::act::load(&api.shared, &principal, &table, records, &load.reason).await?;
    Ok(Json(Done { said: done.said }))
}
