//! How object state stands in its columns: JSON, quantities as decimal text.

use std::collections::BTreeMap;

use lineshaft_model::decimal::Decimal;
use lineshaft_model::object::ObjectState;

use crate::store::StoreError;

/// The state that a row of `objects` holds.
pub(crate) fn state_of(version: i64, facts: &str, totals: &str) -> Result<ObjectState, StoreError> {
    let version = u64::try_from(version).map_err(|_| damaged("version"))?;
    Ok(ObjectState { version, facts: named(facts)?, totals: decimals(named(totals)?)? })
}

/// Facts for a row of `objects`.
pub(crate) fn facts_text(facts: &BTreeMap<String, String>) -> Result<String, StoreError> {
    written(serde_json::to_string(facts))
}

/// Totals for a row of `objects`.
pub(crate) fn totals_text(totals: &BTreeMap<String, Decimal>) -> Result<String, StoreError> {
    let texts: BTreeMap<&str, String> = totals.iter().map(|(name, total)| (name.as_str(), total.to_string())).collect();
    written(serde_json::to_string(&texts))
}

/// Quantities of a row of `ledger`.
pub(crate) fn adds_of(text: &str) -> Result<Vec<(String, Decimal)>, StoreError> {
    decimals(listed(text)?)
}

/// Quantities for a row of `ledger`.
pub(crate) fn adds_text(adds: &[(String, Decimal)]) -> Result<String, StoreError> {
    let texts: Vec<(&str, String)> =
        adds.iter().map(|(name, quantity)| (name.as_str(), quantity.to_string())).collect();
    written(serde_json::to_string(&texts))
}

/// Facts of a row of `ledger`.
pub(crate) fn sets_of(text: &str) -> Result<Vec<(String, String)>, StoreError> {
    listed(text)
}

/// Facts for a row of `ledger`.
pub(crate) fn sets_text(sets: &[(String, String)]) -> Result<String, StoreError> {
    written(serde_json::to_string(sets))
}

fn decimals<C: FromIterator<(String, Decimal)>>(
    texts: impl IntoIterator<Item = (String, String)>,
) -> Result<C, StoreError> {
    let read = |(name, text): (String, String)| Decimal::parse(&text).map(|number| (name, number));
    texts.into_iter().map(read).collect::<Result<C, _>>().map_err(|error| damaged(&error.to_string()))
}

fn named(text: &str) -> Result<BTreeMap<String, String>, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))
}

fn listed(text: &str) -> Result<Vec<(String, String)>, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))
}

fn written(text: serde_json::Result<String>) -> Result<String, StoreError> {
    text.map_err(|error| damaged(&error.to_string()))
}

fn damaged(why: &str) -> StoreError {
    StoreError::Damaged(format!("object state: {why}"))
}
