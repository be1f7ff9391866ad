//! `/api/v1/systems`: pausing and resuming what is delivered to a system or one of its receiving interfaces.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_engine::act::on_interface;
use lineshaft_model::principal::Principal;
use lineshaft_store::change::Verdict;
use serde::{Deserialize, Serialize};

use super::request::{Given, Named};
use super::{Api, Done};
use crate::problem::Problem;

/// Why a system is paused or resumed.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// In the person's words; may be empty.
    #[serde(default)]
    pub reason: String,
}

/// Answers `POST /api/v1/systems/{name}/pause`.
pub(super) async fn pause(
    State(api): State<Arc<Api>>,
    Extension(principal): Extension<Principal>,
    Named(name): Named<String>,
    Given(Reason { reason }): Given<Reason>,
) -> Result<Json<Done>, Problem> {
    on_interface(&api.shared, &principal, &name, Verdict::Pause, &reason).await?;
    Ok(Json(Done { said: format!("{name}: nothing more is sent to it; what is accepted waits") }))
}

/// Answers `POST /api/v1/systems/{name}/resume`.
pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    Extension(principal): Extension<Principal>,
    Named(name): Named<String>,
    Given(Reason { reason }): Given<Reason>,
) -> Result<Json<Done>, Problem> {
    on_interface(&api.shared, &principal, &name, Verdict::Resume, &reason).await?;
    Ok(Json(Done { said: format!("{name}: what waited is sent now") }))
}
