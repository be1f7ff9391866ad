//! Parked and in-doubt work, for a person to decide on, and how much waits behind it.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::Fault;
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::deliveries::{Delivery, fault, from_row, names};
use super::{count, id};
use crate::store::{Store, StoreError};

/// One thing that waits for a person, or for what its reason names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The delivery; `None` where the transaction was parked before routing.
    pub delivery: Option<DeliveryId>,
    /// The transaction.
    pub transaction: TransactionId,
    /// `parked` or `outcome_unknown`; any open one where the interface has left the project.
    pub state: String,
    /// The interface it stands at: the receiver, or before routing the emitting one.
    pub interface: String,
    /// The key it holds back, or the first of them.
    pub order_key: Option<String>,
    /// Site.
    pub site: String,
    /// Why.
    pub fault: Option<Fault>,
    /// When the transaction was accepted.
    pub accepted_at: Timestamp,
    /// Since when.
    pub since: Timestamp,
    /// When the target is asked next; `None` where only a person can decide.
    pub next_at: Option<Timestamp>,
    /// How many deliveries wait behind it.
    pub behind: u64,
}

impl Store {
    /// Everything that is parked or in doubt, the oldest first.
    pub fn exceptions(&self, limit: usize) -> Result<Vec<Exception>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            let mut all = before_routing(connection, limit)?;
            let stopped: Vec<Delivery> = connection
                .prepare_cached("SELECT * FROM deliveries WHERE state IN ('parked', 'outcome_unknown') ORDER BY changed_at LIMIT ?1")?
                .query_map(params![limit], from_row)?
                .collect::<Result<_, _>>()?;
            for delivery in stopped {
                all.push(of_delivery(connection, delivery)?);
            }
            all.sort_by_key(|exception| exception.since);
            all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
            Ok(all)
        })
    }

    /// Open deliveries to `receivers` that are neither parked nor in doubt, the oldest first: what waits for interfaces
    /// that have left the project. Reads every delivery.
    pub fn stranded(&self, receivers: &[String], limit: usize) -> Result<Vec<Exception>, StoreError> {
        if receivers.is_empty() {
            return Ok(Vec::new());
        }
        let receivers = names(receivers)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            let open: Vec<Delivery> = connection
                .prepare_cached(
                    "SELECT * FROM deliveries WHERE settled_at IS NULL AND state NOT IN ('parked', 'outcome_unknown')
                       AND receiver IN (SELECT value FROM json_each(?1)) ORDER BY rank, part LIMIT ?2",
                )?
                .query_map(params![receivers, limit], from_row)?
                .collect::<Result<_, _>>()?;
            open.into_iter().map(|delivery| of_delivery(connection, delivery)).collect()
        })
    }

    /// The exception that a transaction parked before routing is; `None` if it is not parked.
    pub fn exception_of_transaction(&self, transaction: TransactionId) -> Result<Option<Exception>, StoreError> {
        self.read(|connection| {
            let parked = connection
                .prepare_cached("SELECT * FROM transactions WHERE id = ?1 AND state = 'parked'")?
                .query_row(params![transaction.as_bytes().as_slice()], of_transaction)
                .optional()?;
            parked.map(|exception| with_key(connection, exception)).transpose()
        })
    }

    /// The exception that a parked or in-doubt delivery is, or an open one of an interface that is `gone`.
    pub fn exception_of_delivery(&self, delivery: DeliveryId, gone: bool) -> Result<Option<Exception>, StoreError> {
        self.read(|connection| {
            let stopped = connection
                .prepare_cached(
                    "SELECT * FROM deliveries WHERE id = ?1 AND (state IN ('parked', 'outcome_unknown') OR (?2 AND settled_at IS NULL))",
                )?
                .query_row(params![delivery.as_bytes().as_slice(), gone], from_row)
                .optional()?;
            stopped.map(|delivery| of_delivery(connection, delivery)).transpose()
        })
    }
}

fn before_routing(connection: &Connection, limit: i64) -> Result<Vec<Exception>, StoreError> {
    let parked: Vec<Exception> = connection
        .prepare_cached("SELECT * FROM transactions WHERE state = 'parked' ORDER BY rank LIMIT ?1")?
        .query_map(params![limit], of_transaction)?
        .collect::<Result<_, _>>()?;
    parked.into_iter().map(|exception| with_key(connection, exception)).collect()
}

fn of_transaction(row: &Row<'_>) -> rusqlite::Result<Exception> {
    Ok(Exception {
        delivery: None,
        transaction: id(row, "id")?,
        state: row.get("state")?,
        interface: row.get("interface")?,
        order_key: None,
        site: row.get("site")?,
        fault: fault(row)?,
        accepted_at: Timestamp::from_micros(row.get("accepted_at")?),
        since: Timestamp::from_micros(row.get("changed_at")?),
        next_at: None,
        behind: 0,
    })
}

/// A parked transaction with the key that it holds back and what waits behind it.
fn with_key(connection: &Connection, mut exception: Exception) -> Result<Exception, StoreError> {
    let transaction = exception.transaction.as_bytes().as_slice();
    exception.order_key = connection
        .prepare_cached("SELECT order_key FROM kept_back WHERE \"transaction\" = ?1 LIMIT 1")?
        .query_row(params![transaction], |row| row.get(0))
        .optional()?;
    exception.behind = connection
        .prepare_cached(
            "SELECT count(DISTINCT d.id) FROM kept_back k JOIN deliveries d ON d.order_key = k.order_key AND d.settled_at IS NULL AND d.lets_pass = 0
               AND (d.rank > k.rank OR (d.rank = k.rank AND d.part > k.part)) WHERE k.\"transaction\" = ?1",
        )?
        .query_row(params![transaction], |row| count(row, 0))?;
    Ok(exception)
}

fn of_delivery(connection: &Connection, delivery: Delivery) -> Result<Exception, StoreError> {
    let behind = match &delivery.order_key {
        None => 0,
        Some(key) => connection
            .prepare_cached(
                "SELECT count(*) FROM deliveries WHERE order_key = ?1 AND system = ?2 AND sequence = ?3 AND settled_at IS NULL AND lets_pass = 0
                   AND (rank > ?4 OR (rank = ?4 AND part > ?5))",
            )?
            .query_row(params![key, delivery.system, delivery.sequence, delivery.rank, delivery.part], |row| count(row, 0))?,
    };
    let site = connection
        .prepare_cached("SELECT site FROM transactions WHERE id = ?1")?
        .query_row(params![delivery.transaction.as_bytes().as_slice()], |row| row.get(0))
        .optional()?
        .unwrap_or_default();
    // What is stopped was changed by stopping. The rest has waited since it was accepted, whatever was tried.
    let since = match delivery.state {
        DeliveryState::Parked | DeliveryState::OutcomeUnknown => delivery.changed_at,
        _ => Timestamp::from_micros(delivery.rank),
    };
    Ok(Exception {
        delivery: Some(delivery.id),
        transaction: delivery.transaction,
        state: delivery.state.as_str().to_owned(),
        interface: delivery.receiver,
        order_key: delivery.order_key,
        site,
        fault: delivery.fault,
        accepted_at: delivery.accepted_at,
        since,
        next_at: delivery.next_at,
        behind,
    })
}
