//! Rows whose retention is over and that nothing open needs. Found on a reading connection, a bounded number at a time;
//! the writer only removes. Where a look ended is the caller's to keep: it goes round again from the beginning, so that
//! nothing is passed over for good.

use std::collections::HashMap;

use lineshaft_model::ids::{AuditId, DeliveryId, IntakeId, TransactionId};
use lineshaft_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::change::Expire;
use crate::store::{Store, StoreError};

/// Rows that one look goes through.
const LOOK_ROWS: i64 = 500;

/// What has a retention of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Documents: as received, the canonical event, what was sent.
    Payloads,
    /// What tracks transactions: their rows, deliveries, attempts, lineage, business keys, ledger rows.
    Tracking,
    /// Senders' idempotency keys.
    Keys,
    /// The audit log.
    Audit,
}

impl Kept {
    /// Every kind, in an order in which documents go before the rows that name them.
    pub const ALL: [Self; 4] = [Self::Payloads, Self::Tracking, Self::Keys, Self::Audit];
}

/// Where a look ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// At the beginning.
    #[default]
    Start,
    #[doc(hidden)]
    Payload(i64, i64),
    #[doc(hidden)]
    Id([u8; 16]),
    #[doc(hidden)]
    Key(String, String),
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What can be removed; `None` if nothing.
    pub expire: Option<Expire>,
    /// Where to go on; `None` at the end.
    pub next: Option<Place>,
}

impl Store {
    /// Looks, from `place` on, for what is older than `before` and can be removed.
    pub fn expired(&self, kept: Kept, before: Timestamp, place: &Place) -> Result<Look, StoreError> {
        self.read(|connection| match kept {
            Kept::Payloads => payloads(connection, before, place),
            Kept::Tracking => tracking(connection, before, place),
            Kept::Keys => keys(connection, before, place),
            Kept::Audit => audit(connection, before, place),
        })
    }
}

fn payloads(connection: &Connection, before: Timestamp, place: &Place) -> Result<Look, StoreError> {
    let (at, id) = if let Place::Payload(at, id) = place { (*at, *id) } else { (i64::MIN, i64::MIN) };
    let rows: Vec<(i64, i64, Option<[u8; 16]>)> = connection
        .prepare_cached(
            "SELECT id, stored_at, intake FROM payloads WHERE stored_at < ?1 AND (stored_at, id) > (?2, ?3)
             ORDER BY stored_at, id LIMIT ?4",
        )?
        .query_map(params![before.as_micros(), at, id, LOOK_ROWS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let next = full(&rows).map(|(id, at, _)| Place::Payload(*at, *id));
    let mut damaged = connection.prepare_cached("SELECT 1 FROM damaged WHERE payload = ?1")?;
    // The rows of one intake stand together.
    let mut known = HashMap::new();
    let mut numbers = Vec::new();
    for (number, _, intake) in rows {
        let settled = match intake {
            None => true,
            Some(intake) => match known.get(&intake) {
                Some(settled) => *settled,
                None => {
                    let settled = is_settled(connection, IntakeId::from_bytes(intake), before)?;
                    known.insert(intake, settled);
                    settled
                }
            },
        };
        if settled && !damaged.exists(params![number])? {
            numbers.push(number);
        }
    }
    Ok(Look { expire: some(numbers).map(Expire::Payloads), next })
}

fn tracking(connection: &Connection, before: Timestamp, place: &Place) -> Result<Look, StoreError> {
    let first = if let Place::Id(id) = place { *id } else { [0; 16] };
    // Ids sort by the time at which they were made, so the oldest stand first without an index of their own.
    let ids: Vec<IntakeId> = connection
        .prepare_cached("SELECT id FROM intakes WHERE id > ?1 AND id < ?2 AND accepted_at < ?3 ORDER BY id LIMIT ?4")?
        .query_map(
            params![first.as_slice(), IntakeId::first_at(before).as_bytes().as_slice(), before.as_micros(), LOOK_ROWS],
            |row| row.get(0).map(IntakeId::from_bytes),
        )?
        .collect::<Result<_, _>>()?;
    let next = full(&ids).map(|id| Place::Id(*id.as_bytes()));
    let mut settled = Vec::new();
    for id in ids {
        if is_settled(connection, id, before)? {
            settled.push(id);
        }
    }
    Ok(Look { expire: some(settled).map(Expire::Tracking), next })
}

fn keys(connection: &Connection, before: Timestamp, place: &Place) -> Result<Look, StoreError> {
    let (interface, key) =
        if let Place::Key(interface, key) = place { (interface.as_str(), key.as_str()) } else { ("", "") };
    let rows: Vec<(String, String, i64)> = connection
        .prepare_cached(
            "SELECT interface, key, seen_at FROM repeats WHERE (interface, key) > (?1, ?2) ORDER BY interface, key LIMIT ?3",
        )?
        .query_map(params![interface, key, LOOK_ROWS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let next = full(&rows).map(|(interface, key, _)| Place::Key(interface.clone(), key.clone()));
    let old: Vec<_> = rows
        .into_iter()
        .filter(|(_, _, seen_at)| *seen_at < before.as_micros())
        .map(|(interface, key, _)| (interface, key))
        .collect();
    Ok(Look { expire: some(old).map(|old| Expire::Keys(before, old)), next })
}

fn audit(connection: &Connection, before: Timestamp, place: &Place) -> Result<Look, StoreError> {
    let first = if let Place::Id(id) = place { *id } else { [0; 16] };
    let rows: Vec<(AuditId, String)> = connection
        .prepare_cached("SELECT id, target FROM audit WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3")?
        .query_map(params![first.as_slice(), AuditId::first_at(before).as_bytes().as_slice(), LOOK_ROWS], |row| {
            Ok((row.get(0).map(AuditId::from_bytes)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    let next = full(&rows).map(|(id, _)| Place::Id(*id.as_bytes()));
    let mut old = Vec::new();
    for (id, target) in rows {
        if !is_open(connection, &target)? {
            old.push(id);
        }
    }
    Ok(Look { expire: some(old).map(Expire::Audit), next })
}

/// Whether everything of an intake was settled before then. One that is gone has nothing that could wait.
fn is_settled(connection: &Connection, intake: IntakeId, before: Timestamp) -> Result<bool, StoreError> {
    let found: Option<(String, u32)> = connection
        .prepare_cached("SELECT state, parts FROM intakes WHERE id = ?1")?
        .query_row(params![intake.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((state, parts)) = found else { return Ok(true) };
    if state == "stored" {
        return Ok(false);
    }
    for part in 0..parts {
        if !is_final(connection, TransactionId::of_part(intake, part), before)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a transaction and its deliveries were settled before then, and nothing takes it back any more. What is missing
/// is damage, and stays as it is.
fn is_final(connection: &Connection, transaction: TransactionId, before: Timestamp) -> Result<bool, StoreError> {
    let receivers: Option<String> = connection
        .prepare_cached(
            "SELECT receivers FROM transactions WHERE id = ?1 AND state NOT IN ('accepted', 'parked') AND changed_at < ?2",
        )?
        .query_row(params![transaction.as_bytes().as_slice(), before.as_micros()], |row| row.get(0))
        .optional()?;
    let Some(receivers) = receivers else { return Ok(false) };
    let mut one = connection.prepare_cached("SELECT 1 FROM deliveries WHERE id = ?1 AND settled_at < ?2")?;
    for receiver in receivers.split_whitespace() {
        let delivery = DeliveryId::of(transaction, receiver);
        if !one.exists(params![delivery.as_bytes().as_slice(), before.as_micros()])? {
            return Ok(false);
        }
    }
    Ok(!is_being_reversed(connection, transaction)?)
}

/// Whether something that takes the transaction back is not settled: it needs its original until then.
fn is_being_reversed(connection: &Connection, original: TransactionId) -> Result<bool, StoreError> {
    let reversals: Vec<(TransactionId, String)> = connection
        .prepare_cached(
            "SELECT t.id, t.receivers FROM lineage l JOIN transactions t ON t.id = l.child
             WHERE l.parent = ?1 AND l.kind = 'reversal'",
        )?
        .query_map(params![original.as_bytes().as_slice()], |row| {
            Ok((row.get(0).map(TransactionId::from_bytes)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut open = connection.prepare_cached("SELECT 1 FROM deliveries WHERE id = ?1 AND settled_at IS NULL")?;
    for (reversal, receivers) in reversals {
        for receiver in receivers.split_whitespace() {
            if open.exists(params![DeliveryId::of(reversal, receiver).as_bytes().as_slice()])? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether an audit entry is about something that is not settled.
fn is_open(connection: &Connection, target: &str) -> Result<bool, StoreError> {
    let Ok(id) = target.parse::<TransactionId>() else { return Ok(false) };
    let bytes = id.as_bytes().as_slice();
    let open = connection
        .prepare_cached(
            "SELECT 1 FROM deliveries WHERE id = ?1 AND settled_at IS NULL
             UNION ALL SELECT 1 FROM transactions WHERE id = ?1 AND state IN ('accepted', 'parked') LIMIT 1",
        )?
        .exists(params![bytes])?;
    Ok(open)
}

/// The last of a look's rows, if there may be more behind it.
fn full<T>(rows: &[T]) -> Option<&T> {
    rows.last().filter(|_| i64::try_from(rows.len()).is_ok_and(|rows| rows >= LOOK_ROWS))
}

fn some<T>(found: Vec<T>) -> Option<Vec<T>> {
    (!found.is_empty()).then_some(found)
}
