//! `/api/v1/reference`: records that maps look up, loaded by a person.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_model::principal::Principal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::request::{Given, Named};
use super::{Api, Done};
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
    Named(table): Named<String>,
    Given(load): Given<Load>,
) -> Result<Json<Done>, Problem> {
    if load.records.len() > RECORDS_MAX {
        let many = format!("{} records; one request takes {RECORDS_MAX}", load.records.len());
        return Err(Problem::too_large(many).at("body, records"));
    }
    let usable = |name: &str| !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if let Some(name) = load.records.iter().map(|it| &it.key).chain([&table]).find(|name| !usable(name)) {
        let unusable = Problem::bad_request(format!("{name:?} cannot be a key or table"));
        return Err(unusable.at("body").help("A key or table has 1 to 256 bytes of text without control characters."));
    }
    let records = load.records.into_iter().map(|it| (it.key, it.record.get().as_bytes().to_vec())).collect();
    let done = lineshaft_engine::act::load(&api.shared, &principal, &table, records, &load.reason).await?;
    Ok(Json(Done { said: done.said }))
}
