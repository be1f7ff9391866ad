//! Transactions: by business key, whole, and those to process.

use lineshaft_model::fault::Fault;
use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_model::intake::Received;
use lineshaft_model::key::{Key, KeyQuery};
use lineshaft_model::principal::Tags;
use lineshaft_model::time::Timestamp;
use lineshaft_model::transaction::{TransactionState, Versions};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::deliveries::{Delivery, fault};
use super::{id, word};
use crate::payload::Unreadable;
use crate::store::{Store, StoreError};

/// A transaction's row with its deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its id.
    pub id: TransactionId,
    /// The intake it came with.
    pub intake: IntakeId,
    /// Which part of it.
    pub part: u32,
    /// The emitting interface.
    pub interface: String,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// Its state.
    pub state: TransactionState,
    /// The canonical event, or the reference table, it became.
    pub event: String,
    /// Its business keys.
    pub keys: Vec<Key>,
    /// Site and policy tags.
    pub tags: Tags,
    /// What was in force when it was processed.
    pub versions: Versions,
    /// Why it is parked.
    pub fault: Option<Fault>,
    /// Table and key that it waits for.
    pub waits_for: Option<(String, String)>,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// Its deliveries, in the order of the plan.
    pub deliveries: Vec<Delivery>,
    event_payload: Option<i64>,
    event_slot: i64,
    receivers: String,
}

/// An intake with transactions to process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToProcess {
    /// Its place in the order of acceptance.
    pub rank: i64,
    /// Its id.
    pub intake: IntakeId,
}

/// A transaction's documents; each may be past its retention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documents {
    /// The intake as received.
    pub received: Result<Vec<u8>, Unreadable>,
    /// Media type as declared.
    pub content_type: String,
    /// Who sent it.
    pub principal: String,
    /// What the transport knows.
    pub origin: String,
    /// W3C trace context.
    pub traceparent: String,
    /// The canonical event's data, if it was made.
    pub event: Option<Result<Vec<u8>, Unreadable>>,
}

/// An intake that is being taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIntake {
    /// The emitting interface.
    pub interface: String,
    /// Parts that are there already.
    pub parts: u32,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// What was received.
    pub received: Result<Received, Unreadable>,
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Transaction> {
    let table: Option<String> = row.get("waits_table")?;
    let key: Option<String> = row.get("waits_key")?;
    Ok(Transaction {
        id: id(row, "id")?,
        intake: id(row, "intake")?,
        part: row.get("part")?,
        interface: row.get("interface")?,
        accepted_at: Timestamp::from_micros(row.get("accepted_at")?),
        state: word(row, "state", TransactionState::from_word)?,
        event: row.get("event")?,
        keys: keys(&row.get::<_, String>("keys")?)?,
        tags: Tags {
            site: row.get("site")?,
            region: row.get("region")?,
            data_class: row.get("data_class")?,
            export_class: row.get("export_class")?,
        },
        versions: Versions {
            project: row.get("project_version")?,
            map: row.get("map_version")?,
            policy: row.get("policy_version")?,
            catalog: row.get::<_, i64>("catalog_version").map(|version| u64::try_from(version).unwrap_or(0))?,
        },
        fault: fault(row)?,
        waits_for: table.zip(key),
        changed_at: Timestamp::from_micros(row.get("changed_at")?),
        deliveries: Vec::new(),
        event_payload: row.get("event_payload")?,
        event_slot: row.get("event_slot")?,
        receivers: row.get("receivers")?,
    })
}

fn keys(text: &str) -> rusqlite::Result<Vec<Key>> {
    let lists: Vec<[String; 3]> = serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::InvalidParameterName(format!("transactions.keys: {error}")))?;
    Ok(lists.into_iter().map(|[kind, authority, value]| Key { kind, authority, value }).collect())
}

fn with_deliveries(connection: &Connection, mut transaction: Transaction) -> Result<Transaction, StoreError> {
    let mut one = connection.prepare_cached("SELECT * FROM deliveries WHERE id = ?1")?;
    for receiver in transaction.receivers.split_whitespace() {
        let delivery = DeliveryId::of(transaction.id, receiver);
        let row = one.query_row(params![delivery.as_bytes().as_slice()], super::deliveries::from_row).optional()?;
        transaction.deliveries.extend(row);
    }
    Ok(transaction)
}

pub(super) fn load(connection: &Connection, id: TransactionId) -> Result<Option<Transaction>, StoreError> {
    connection
        .prepare_cached("SELECT * FROM transactions WHERE id = ?1")?
        .query_row(params![id.as_bytes().as_slice()], from_row)
        .optional()?
        .map(|found| with_deliveries(connection, found))
        .transpose()
}

impl Store {
    /// Transactions that carry the key, the newest first.
    pub fn find(&self, query: &KeyQuery, limit: usize) -> Result<Vec<Transaction>, StoreError> {
        self.read(|connection| {
            let authority = query.authority.as_deref();
            let ids: Vec<TransactionId> = connection
                .prepare_cached(
                    "SELECT \"transaction\" FROM business_keys WHERE kind = ?1 AND value = ?2 AND (?3 IS NULL OR authority = ?3)
                     ORDER BY rank DESC LIMIT ?4",
                )?
                .query_map(params![query.kind, query.value, authority, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    row.get(0).map(TransactionId::from_bytes)
                })?
                .collect::<Result<_, _>>()?;
            ids.into_iter().filter_map(|id| load(connection, id).transpose()).collect()
        })
    }

    /// One transaction with its deliveries.
    pub fn transaction(&self, id: TransactionId) -> Result<Option<Transaction>, StoreError> {
        self.read(|connection| load(connection, id))
    }

    /// The ids of an intake's transactions, in their order.
    pub fn parts_of(&self, intake: IntakeId) -> Result<Vec<TransactionId>, StoreError> {
        self.read(|connection| {
            let parts: Option<u32> = connection
                .prepare_cached("SELECT parts FROM intakes WHERE id = ?1")?
                .query_row(params![intake.as_bytes().as_slice()], |row| row.get(0))
                .optional()?;
            Ok((0..parts.unwrap_or(0)).map(|part| TransactionId::of_part(intake, part)).collect())
        })
    }

    /// The documents of a transaction.
    pub fn documents(&self, transaction: &Transaction) -> Result<Option<Documents>, StoreError> {
        self.read(|connection| {
            let row: Option<(i64, String, String, String, String)> = connection
                .prepare_cached(
                    "SELECT payload, content_type, principal, origin, traceparent FROM intakes WHERE id = ?1",
                )?
                .query_row(params![transaction.intake.as_bytes().as_slice()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
                })
                .optional()?;
            let Some((number, content_type, principal, origin, traceparent)) = row else { return Ok(None) };
            let event = transaction
                .event_payload
                .map(|number| self.payload(connection, number, transaction.event_slot))
                .transpose()?;
            Ok(Some(Documents {
                received: self.payload(connection, number, 0)?,
                content_type,
                principal,
                origin,
                traceparent,
                event,
            }))
        })
    }

    /// Whether an intake of `interface` is taken apart, so that all its transactions are there; `None` if there is no such
    /// intake.
    pub fn is_taken_apart(&self, interface: &str, intake: IntakeId) -> Result<Option<bool>, StoreError> {
        self.read(|connection| {
            let known = connection
                .prepare_cached("SELECT state <> 'stored' FROM intakes WHERE id = ?1 AND interface = ?2")?
                .query_row(params![intake.as_bytes().as_slice(), interface], |row| row.get(0))
                .optional()?;
            Ok(known)
        })
    }

    /// Large intakes that are to be taken apart, in accept order.
    pub fn to_split(&self, limit: usize) -> Result<Vec<IntakeId>, StoreError> {
        self.read(|connection| {
            let ids = connection
                .prepare_cached("SELECT intake FROM splitting ORDER BY rank LIMIT ?1")?
                .query_map(params![i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    row.get(0).map(IntakeId::from_bytes)
                })?
                .collect::<Result<_, _>>()?;
            Ok(ids)
        })
    }

    /// Intakes that were taken apart and that deliveries still wait for, in accept order.
    pub fn to_let_go(&self) -> Result<Vec<IntakeId>, StoreError> {
        self.read(|connection| {
            let ids = connection
                .prepare_cached("SELECT DISTINCT intake FROM kept_lines WHERE let_go IS NOT NULL ORDER BY rank")?
                .query_map([], |row| row.get(0).map(IntakeId::from_bytes))?
                .collect::<Result<_, _>>()?;
            Ok(ids)
        })
    }

    /// How many large intakes are on disk and not taken apart yet.
    pub fn splitting(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            let waiting = connection
                .prepare_cached("SELECT count(*) FROM splitting")?
                .query_row([], |row| super::count(row, 0))?;
            Ok(waiting)
        })
    }

    /// An intake as it was received, whose parts are not all there.
    pub fn stored_intake(&self, intake: IntakeId) -> Result<Option<StoredIntake>, StoreError> {
        self.read(|connection| {
            let row: Option<(String, u32, i64, i64, String, String, String)> = connection
                .prepare_cached(
                    "SELECT interface, parts, accepted_at, payload, content_type, origin, traceparent FROM intakes
                     WHERE id = ?1 AND state = 'stored'",
                )?
                .query_row(params![intake.as_bytes().as_slice()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
                })
                .optional()?;
            let Some((interface, parts, accepted_at, number, content_type, origin, traceparent)) = row else {
                return Ok(None);
            };
            let received = self.payload(connection, number, 0)?.map(|body| Received {
                body,
                content_type,
                idempotency_key: None,
                traceparent: Some(traceparent).filter(|text| !text.is_empty()),
                origin,
            });
            let accepted_at = Timestamp::from_micros(accepted_at);
            Ok(Some(StoredIntake { interface, parts, accepted_at, received }))
        })
    }

    /// The first intake after place `rank` in the order of acceptance that has transactions to process.
    pub fn next_to_process(&self, rank: i64) -> Result<Option<ToProcess>, StoreError> {
        self.read(|connection| {
            let next = connection
                .prepare_cached(
                    "SELECT rank, intake FROM transactions WHERE state = 'accepted' AND rank > ?1 ORDER BY rank LIMIT 1",
                )?
                .query_row(params![rank], |row| {
                    Ok(ToProcess { rank: row.get(0)?, intake: row.get(1).map(IntakeId::from_bytes)? })
                })
                .optional()?;
            Ok(next)
        })
    }

    /// Transactions to process of the intake at place `rank`, in their order, each with how often that was begun; and the
    /// number of the catalog that may have released them. Goes through all of the intake: call it off the async threads.
    pub fn to_process(&self, rank: i64, limit: usize) -> Result<(Vec<(TransactionId, u32)>, u64), StoreError> {
        self.read(|connection| {
            let accepted = connection
                .prepare_cached(
                    "SELECT id, attempts FROM transactions WHERE state = 'accepted' AND rank = ?1 ORDER BY part LIMIT ?2",
                )?
                .query_map(params![rank, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok((row.get(0).map(TransactionId::from_bytes)?, row.get(1)?))
                })?
                .collect::<Result<_, _>>()?;
            let catalog = connection
                .prepare_cached("SELECT catalog FROM node WHERE one = 1")?
                .query_row([], |row| super::count(row, 0))?;
            Ok((accepted, catalog))
        })
    }
}
