//! `/api/v1/exceptions`: what waits for a person, why, and what the person decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use lineshaft_engine::Shared;
use lineshaft_engine::act::{on_delivery, on_transaction};
use lineshaft_flow::project::Becomes;
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::Code;
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::principal::Principal;
use lineshaft_store::change::{Target, Verdict};
use lineshaft_store::read::deliveries::Delivery;
use lineshaft_store::read::exceptions::Exception as Row;
use lineshaft_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::request::{Asked, Given, Named};
use super::transactions::{FaultView, id_of};
use super::{Api, Done, read};
use crate::problem::Problem;

/// Exceptions that a list holds where the request does not say.
const LISTED_DEFAULT: usize = 100;

/// Most exceptions that a list holds.
const LISTED_MAX: usize = 1000;

/// Longest reason and longest reference, in bytes.
const REASON_BYTES_MAX: usize = 1000;

/// What waits for a person.
#[derive(Debug, Serialize, Deserialize)]
pub struct Exceptions {
    /// The oldest first.
    pub items: Vec<Exception>,
    /// Whether there may be more than were asked for.
    pub more: bool,
}

/// One thing that waits for a person, or for what its reason names.
#[derive(Debug, Serialize, Deserialize)]
pub struct Exception {
    /// Id to decide on it by: the delivery's, or the transaction's where it was parked before routing.
    pub id: String,
    /// The transaction.
    pub transaction: String,
    /// `parked` or `outcome_unknown`; any open state where the interface has left the project.
    pub state: String,
    /// The same for people.
    pub label: String,
    /// The interface at which it stands.
    pub interface: String,
    /// What it hurts; before routing, what it hurts at all receivers of its event.
    pub impact: String,
    /// Site.
    pub site: String,
    /// The key that it holds back.
    pub order_key: Option<String>,
    /// How many deliveries wait behind it.
    pub behind: u64,
    /// Why.
    pub fault: Option<FaultView>,
    /// Since when.
    pub since: String,
    /// For how long.
    pub age_secs: u64,
    /// Whether it is past the time agreed with its receiver.
    pub late: bool,
    /// When the target is asked next; `null` where only a person can decide.
    pub next_at: Option<String>,
    /// What can be decided: `retry`, `skip`, `discard`, `answer`.
    pub can: Vec<String>,
}

/// What a person decides.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Why, in the person's words; may be empty for a retry only.
    #[serde(default)]
    pub reason: String,
    /// For an answer: the target's reference; it took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted: Option<String>,
    /// For an answer: it had no effect and is sent again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_posted: bool,
}

/// How many to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    limit: Option<usize>,
}

/// Answers `GET /api/v1/exceptions`.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Exceptions>, Problem> {
    let limit = query.limit.unwrap_or(LISTED_DEFAULT).clamp(1, LISTED_MAX);
    let shared = Arc::clone(&api.shared);
    let rows = read(&api, move |store| {
        let mut rows = store.exceptions(limit)?;
        rows.extend(store.stranded(shared.gone()?, limit)?);
        rows.sort_by_key(|row| row.since);
        rows.truncate(limit);
        Ok(rows)
    });
    let rows = rows.await?;
    let more = rows.len() == limit;
    Ok(Json(Exceptions { items: rows.into_iter().map(|row| shown(&api, row)).collect(), more }))
}

/// Answers `GET /api/v1/exceptions/{id}`.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Extension(_principal): Extension<Principal>,
    Named(id): Named<String>,
) -> Result<Json<Exception>, Problem> {
    let target = meant(&api, &id).await?;
    let shared = Arc::clone(&api.shared);
    let row = read(&api, move |store| match target {
        Target::Delivery(delivery) => {
            let receiver = store.delivery(delivery)?.map(|row| row.receiver);
            store.exception_of_delivery(delivery, receiver.is_some_and(|name| shared.has_left(&name)))
        }
        Target::Transaction(transaction) => store.exception_of_transaction(transaction),
        Target::Interface(_) => Ok(None),
    });
    row.await?.map(|row| Json(shown(&api, row))).ok_or_else(|| nothing_open(&id))
}

/// Answers `POST /api/v1/exceptions/{id}/{decision}`.
pub(super) async fn decide(
    State(api): State<Arc<Api>>,
    Extension(principal): Extension<Principal>,
    Named((id, word)): Named<(String, String)>,
    Given(decision): Given<Decision>,
) -> Result<Json<Done>, Problem> {
    let verdict = verdict(&word, &decision)?;
    let reason = decision.reason.trim();
    let done = match meant(&api, &id).await? {
        Target::Delivery(delivery) => on_delivery(&api.shared, &principal, delivery, verdict, reason).await?,
        Target::Transaction(transaction) => {
            on_transaction(&api.shared, &principal, transaction, verdict, reason).await?
        }
        Target::Interface(_) => return Err(nothing_open(&id)),
    };
    Ok(Json(Done { said: done.said }))
}

fn verdict(word: &str, decision: &Decision) -> Result<Verdict, Problem> {
    let answer = decision.posted.is_some() || decision.not_posted;
    let texts = [decision.reason.as_str(), decision.posted.as_deref().unwrap_or_default()];
    if texts.iter().any(|text| text.len() > REASON_BYTES_MAX || text.chars().any(char::is_control)) {
        let long = Problem::bad_request(format!("a reason or reference has at most {REASON_BYTES_MAX} bytes of text"));
        return Err(long.at("body").help("Shorten it, and leave out line ends and other control characters."));
    }
    if word != "retry" && decision.reason.trim().is_empty() {
        let bare = Problem::bad_request(format!("{word} needs a reason: it stays in the audit log"));
        return Err(bare.at("body, reason").help("Say why in `reason` (`--reason` in the command line)."));
    }
    match (word, &decision.posted, decision.not_posted) {
        ("answer", Some(reference), false) if !reference.trim().is_empty() => {
            Ok(Verdict::Posted(reference.trim().to_owned()))
        }
        ("answer", None, true) => Ok(Verdict::NotPosted),
        ("answer", _, _) => {
            let unclear = Problem::bad_request("the answer does not say whether it was posted").at("body");
            Err(unclear.help("Look in the target; then say `posted` with its reference, or `not_posted: true`."))
        }
        ("retry" | "skip" | "discard", _, _) if answer => {
            let mixed = Problem::bad_request("`posted` and `not_posted` belong to an answer").at("body");
            Err(mixed.help("Leave them out, or decide with `answer`."))
        }
        ("retry", ..) => Ok(Verdict::Retry),
        ("skip", ..) => Ok(Verdict::Skip),
        ("discard", ..) => Ok(Verdict::Discard),
        _ => {
            let unknown = Problem::missing(format!("{word:?} is no decision")).at("path");
            Err(unknown.help("There are retry, skip, discard and answer."))
        }
    }
}

/// What an id means: a delivery, a parked transaction, or the one delivery of a transaction that waits for a person.
async fn meant(api: &Arc<Api>, id: &str) -> Result<Target, Problem> {
    let transaction = id_of(id)?;
    let delivery = DeliveryId::from_bytes(*transaction.as_bytes());
    let shared = Arc::clone(&api.shared);
    let mut targets = read(api, move |store| targets(&shared, store, delivery, transaction)).await?;
    match (targets.pop(), targets.is_empty()) {
        (Some(target), true) => Ok(target),
        (Some(_), false) => {
            let several = Problem::not_now(format!("transaction {id} has more than one exception"));
            Err(several.at("path").help("Name the delivery: `lineshaft exceptions list` shows the ids."))
        }
        (None, _) => Err(nothing_open(id)),
    }
}

fn targets(
    shared: &Shared,
    store: &Store,
    delivery: DeliveryId,
    transaction: TransactionId,
) -> Result<Vec<Target>, StoreError> {
    if store.delivery(delivery)?.is_some() {
        return Ok(vec![Target::Delivery(delivery)]);
    }
    let Some(row) = store.transaction(transaction)? else { return Ok(Vec::new()) };
    if row.deliveries.is_empty() {
        return Ok(vec![Target::Transaction(transaction)]);
    }
    let stranded = |it: &Delivery| !it.state.is_settled() && shared.has_left(&it.receiver);
    let waits =
        |it: &&Delivery| matches!(it.state, DeliveryState::Parked | DeliveryState::OutcomeUnknown) || stranded(it);
    Ok(row.deliveries.iter().filter(waits).map(|it| Target::Delivery(it.id)).collect())
}

/// What it hurts that a transaction goes nowhere: what each receiver of its interface's event would suffer by a failure.
fn impact_before_routing(api: &Api, row: &Row) -> String {
    let project = &api.shared.project;
    let becomes = project.emits.get(&row.interface).filter(|_| row.delivery.is_none()).map(|emit| &emit.becomes);
    let event = match becomes {
        Some(Becomes::Event { event, .. }) => event,
        _ => return String::new(),
    };
    let receives = project.receives.values().filter(|receive| receive.event.name == event.name);
    let impacts: BTreeSet<&str> = receives.map(|receive| receive.impact.as_str()).collect();
    impacts.into_iter().collect::<Vec<_>>().join(", ")
}

fn nothing_open(id: &str) -> Problem {
    let nothing = Problem::missing(format!("{id} is not stopped or in doubt")).at("path");
    nothing.help("`lineshaft trace show ID` says what became of a transaction.")
}

fn shown(api: &Api, row: Row) -> Exception {
    let receive = row.delivery.and_then(|_| api.shared.project.receives.get(&row.interface));
    let state = DeliveryState::from_word(&row.state);
    let gone = row.delivery.is_some() && receive.is_none();
    let code = row.fault.as_ref().map(|fault| fault.code);
    let can: &[&str] = match (row.delivery, state) {
        (None, _) => &["retry", "discard"],
        (Some(_), Some(DeliveryState::OutcomeUnknown)) => &["answer", "skip", "discard"],
        (Some(_), _) if gone => &["skip", "discard"],
        // The target took it: whether it was posted after all is a question before it is sent again.
        (Some(_), _) if code == Some(Code::DeliverUnanswered) => &["answer", "skip", "discard"],
        (Some(_), _) if code == Some(Code::DeliverRefusedLater) => &["retry", "answer", "skip", "discard"],
        (Some(_), _) => &["retry", "skip", "discard"],
    };
    let impact = receive.map_or_else(|| impact_before_routing(api, &row), |it| it.impact.clone());
    // What nothing attempts is stopped, whatever the database calls it.
    let stranded = gone && !matches!(state, Some(DeliveryState::Parked | DeliveryState::OutcomeUnknown));
    let (state, fault) = match stranded {
        true => (Some(DeliveryState::Parked), Some(lineshaft_engine::gone(&row.interface))),
        false => (state, row.fault),
    };
    let now = api.shared.clock.now();
    let late_after = receive.and_then(|it| it.late_after);
    Exception {
        late: late_after.is_some_and(|agreed| now.since(row.accepted_at) > agreed),
        id: row.delivery.map_or_else(|| row.transaction.to_string(), |delivery| delivery.to_string()),
        transaction: row.transaction.to_string(),
        label: state.map(DeliveryState::label).unwrap_or_default().to_owned(),
        state: row.state,
        impact,
        interface: row.interface,
        site: row.site,
        order_key: row.order_key,
        behind: row.behind,
        fault: fault.as_ref().map(FaultView::from),
        since: row.since.to_rfc3339(),
        age_secs: now.since(row.since).as_secs(),
        next_at: row.next_at.filter(|_| !stranded).map(|at| api.shared.steady().shown(at).to_rfc3339()),
        can: can.iter().map(|word| (*word).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str, body: &str) -> Result<Verdict, (u16, String)> {
        let decision: Decision = serde_json::from_str(body).unwrap();
        verdict(word, &decision).map_err(|problem| (problem.status, problem.detail))
    }

    #[test]
    fn a_decision_is_read_or_told_what_it_lacks() {
        assert_eq!(read("retry", "{}"), Ok(Verdict::Retry));
        assert_eq!(read("skip", r#"{"reason":"test order"}"#), Ok(Verdict::Skip));
        let posted = r#"{"reason":"looked","posted":" 4711 "}"#;
        assert_eq!(read("answer", posted), Ok(Verdict::Posted("4711".to_owned())));
        assert_eq!(read("answer", r#"{"reason":"looked","not_posted":true}"#), Ok(Verdict::NotPosted));
        for (word, body, status, said) in [
            ("discard", r#"{"reason":"  "}"#, 400, "needs a reason"),
            ("answer", r#"{"reason":"x"}"#, 400, "does not say whether"),
            ("answer", r#"{"reason":"x","posted":"1","not_posted":true}"#, 400, "does not say whether"),
            ("answer", r#"{"reason":"x","posted":" "}"#, 400, "does not say whether"),
            ("retry", r#"{"posted":"1"}"#, 400, "belong to an answer"),
            ("burn", r#"{"reason":"x"}"#, 404, "no decision"),
        ] {
            let refused = read(word, body).unwrap_err();
            assert!(refused.0 == status && refused.1.contains(said), "{word} {body}: {refused:?}");
        }
    }
}
