//! Transactions that others take back, and which took back which.

use lineshaft_model::ids::TransactionId;
use lineshaft_model::lineage::LineageKind;
use lineshaft_model::original::{Original, OriginalDelivery, OriginalName, Originals};
use lineshaft_model::transaction::TransactionState;
use rusqlite::{Connection, params};

use super::transactions::{Transaction, load};
use crate::store::{Store, StoreError};

/// Transactions of one name that are looked at: more than one cannot be taken back.
const SAME_NAME_MAX: i64 = 8;

/// One line of a transaction's lineage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relative {
    /// How the child came from the parent.
    pub kind: LineageKind,
    /// Whether the other one is the parent.
    pub is_parent: bool,
    /// The other one.
    pub transaction: TransactionId,
}

impl Store {
    /// What is known of the transactions of these names. Asks nothing where there are none.
    pub fn originals<'n>(&self, names: impl IntoIterator<Item = &'n OriginalName>) -> Result<Originals, StoreError> {
        let names: Vec<&OriginalName> = names.into_iter().collect();
        if names.is_empty() {
            return Ok(Originals::new());
        }
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            names.iter().map(|name| Ok(((*name).clone(), of_name(&view, name)?))).collect()
        })
    }

    /// What `reversal` takes back; `None` if it takes nothing back.
    pub fn original_of(&self, reversal: TransactionId) -> Result<Option<Original>, StoreError> {
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            for relative in relatives(&view, reversal)? {
                if relative.is_parent && relative.kind == LineageKind::Reversal {
                    return load(&view, relative.transaction)?.map(|found| read(&view, found)).transpose();
                }
            }
            Ok(None)
        })
    }

    /// Where a transaction came from, and what came from it.
    pub fn lineage(&self, transaction: TransactionId) -> Result<Vec<Relative>, StoreError> {
        self.read(|connection| relatives(connection, transaction))
    }
}

fn relatives(connection: &Connection, transaction: TransactionId) -> Result<Vec<Relative>, StoreError> {
    let rows: Vec<(String, bool, TransactionId)> = connection
        .prepare_cached(
            "SELECT kind, 1, parent FROM lineage WHERE child = ?1 UNION ALL SELECT kind, 0, child FROM lineage WHERE parent = ?1",
        )?
        .query_map(params![transaction.as_bytes().as_slice()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2).map(TransactionId::from_bytes)?))
        })?
        .collect::<Result<_, _>>()?;
    let read = |(kind, is_parent, transaction): (String, bool, TransactionId)| {
        let kind =
            LineageKind::from_word(&kind).ok_or_else(|| StoreError::Damaged(format!("lineage.kind {kind:?}")))?;
        Ok(Relative { kind, is_parent, transaction })
    };
    rows.into_iter().map(read).collect()
}

fn of_name(connection: &Connection, name: &OriginalName) -> Result<Vec<Original>, StoreError> {
    let key = &name.key;
    let ids: Vec<TransactionId> = connection
        .prepare_cached(
            "SELECT t.id FROM business_keys b JOIN transactions t ON t.id = b.\"transaction\"
             WHERE b.kind = ?1 AND b.value = ?2 AND b.authority = ?3 AND t.interface = ?4
               AND t.state IN ('accepted', 'parked', 'processed', 'discarded') ORDER BY b.rank LIMIT ?5",
        )?
        .query_map(params![key.kind, key.value, key.authority, name.interface, SAME_NAME_MAX], |row| {
            row.get(0).map(TransactionId::from_bytes)
        })?
        .collect::<Result<_, _>>()?;
    let found = ids.into_iter().filter_map(|id| load(connection, id).transpose());
    found.map(|found| read(connection, found?)).collect()
}

fn read(connection: &Connection, found: Transaction) -> Result<Original, StoreError> {
    let (mut is_reversal, mut reversed_by) = (false, None);
    for relative in relatives(connection, found.id)?.into_iter().filter(|it| it.kind == LineageKind::Reversal) {
        if relative.is_parent {
            is_reversal = true;
        } else if load(connection, relative.transaction)?.is_none_or(|reversal| !is_given_up(&reversal)) {
            // One that retention has removed stands: one that was given up leaves no lineage behind.
            reversed_by = Some(relative.transaction);
        }
    }
    let deliveries = found.deliveries.iter().map(|it| OriginalDelivery {
        receiver: it.receiver.clone(),
        state: it.state,
        by_rule: it.rule.is_some(),
        receipt: it.receipt.clone(),
    });
    let deliveries = deliveries.collect();
    Ok(Original { id: found.id, state: found.state, keys: found.keys, is_reversal, reversed_by, deliveries })
}

/// Whether a person gave a processed transaction up at every receiver that was to take it.
fn is_given_up(transaction: &Transaction) -> bool {
    use lineshaft_model::delivery::DeliveryState::{Discarded, Skipped, Superseded};
    let states = || transaction.deliveries.iter().map(|it| it.state);
    transaction.state == TransactionState::Processed
        && states().any(|state| state == Discarded)
        && states().all(|state| matches!(state, Discarded | Skipped | Superseded))
}
