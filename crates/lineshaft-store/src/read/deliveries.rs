//! Deliveries: what is due, what was cut off, what to send.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::time::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::{id, or_default, word};
use crate::payload::Unreadable;
use crate::store::{Store, StoreError};

/// A delivery's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The transaction it delivers.
    pub transaction: TransactionId,
    /// The receiving interface.
    pub receiver: String,
    /// Its system.
    pub system: String,
    /// The sequence whose order it keeps.
    pub sequence: String,
    /// The key it is in order by.
    pub order_key: Option<String>,
    /// When its transaction was accepted.
    pub accepted_at: Timestamp,
    /// Its state.
    pub state: DeliveryState,
    /// When something is due, on the clock of deadlines.
    pub next_at: Option<Timestamp>,
    /// Which revision of its bytes is current.
    pub revision: u32,
    /// Attempts counted towards the limit.
    pub attempts: u32,
    /// Attempts and probes made.
    pub tried: u32,
    /// When the first attempt of this revision began.
    pub first_attempt: Option<Timestamp>,
    /// When the latest attempt began.
    pub last_attempt: Option<Timestamp>,
    /// When the first attempt of this revision began of which nobody knows whether it took effect.
    pub doubt_since: Option<Timestamp>,
    /// In which opening of the database the latest attempt was made.
    pub epoch: i64,
    /// How often the target said *absent* since then.
    pub absent: u32,
    /// How often it was asked since then.
    pub probes: u32,
    /// The target's reference.
    pub receipt: Option<String>,
    /// What an answer of the target names it by.
    pub awaits: Option<String>,
    /// Until when the target's final word may come; there once it took the document.
    pub answer_until: Option<Timestamp>,
    /// The rule by which it was skipped.
    pub rule: Option<String>,
    /// The latest reason for not being delivered.
    pub fault: Option<Fault>,
    /// Whether it is released by the arrival of a record.
    pub waits: bool,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    pub(super) rank: i64,
    pub(super) part: i64,
    body: Option<i64>,
    body_slot: i64,
    parameters: String,
}

/// What is to be sent, as it was frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The bytes.
    pub body: Vec<u8>,
    /// Values for the places of the path and header templates.
    pub parameters: Vec<(String, String)>,
    /// W3C trace context of the intake.
    pub traceparent: String,
}

/// One attempt, question or answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub number: u32,
    /// `send`, `probe`, `readback` or `answer`.
    pub kind: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What it came to.
    pub came_to: String,
    /// The code of the reason.
    pub code: String,
    /// The reason.
    pub message: String,
}

pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let instant = |column| row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp::from_micros));
    Ok(Delivery {
        id: id(row, "id")?,
        transaction: id(row, "transaction")?,
        receiver: row.get("receiver")?,
        system: row.get("system")?,
        sequence: row.get("sequence")?,
        order_key: row.get("order_key")?,
        accepted_at: Timestamp::from_micros(row.get("accepted_at")?),
        state: word(row, "state", DeliveryState::from_word)?,
        next_at: instant("next_at")?,
        revision: row.get("revision")?,
        attempts: row.get("attempts")?,
        tried: row.get("tried")?,
        first_attempt: instant("first_attempt")?,
        last_attempt: instant("last_attempt")?,
        doubt_since: instant("doubt_since")?,
        epoch: row.get("epoch")?,
        absent: row.get("absent")?,
        probes: row.get("probes")?,
        receipt: row.get("receipt")?,
        awaits: row.get("awaits")?,
        answer_until: instant("answer_until")?,
        rule: row.get("rule")?,
        fault: fault(row)?,
        waits: row.get::<_, Option<String>>("waits_table")?.is_some(),
        changed_at: Timestamp::from_micros(row.get("changed_at")?),
        settled_at: instant("settled_at")?,
        rank: row.get("rank")?,
        part: row.get("part")?,
        body: row.get("body")?,
        body_slot: row.get("body_slot")?,
        parameters: row.get("parameters")?,
    })
}

/// The fault kept in a row of deliveries or transactions.
pub(super) fn fault(row: &Row<'_>) -> rusqlite::Result<Option<Fault>> {
    let code: Option<String> = row.get("code")?;
    let Some(code) = code.as_deref().and_then(Code::from_text) else { return Ok(None) };
    let mut fault = Fault::new(code, or_default::<String>(row, "message")?);
    fault.at = or_default(row, "place")?;
    fault.detail = or_default(row, "detail")?;
    Ok(Some(fault))
}

/// Names as the list that a statement reads.
pub(super) fn names(receivers: &[impl AsRef<str>]) -> Result<String, StoreError> {
    let receivers: Vec<&str> = receivers.iter().map(AsRef::as_ref).collect();
    serde_json::to_string(&receivers).map_err(|error| StoreError::Damaged(error.to_string()))
}

impl Delivery {
    /// Whether what is to be sent was rendered.
    pub fn is_rendered(&self) -> bool {
        self.body.is_some()
    }
}

impl Store {
    /// Deliveries of `system` to one of `receivers` for which something is due at `now` (an attempt, or a probe), the
    /// longest due first. Those of a receiver that left the project wait until it comes back.
    pub fn due(
        &self,
        system: &str,
        receivers: &[&str],
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.read(|connection| {
            let rows = connection
                .prepare_cached(
                    "SELECT * FROM deliveries WHERE system = ?1 AND next_at <= ?2 AND receiver NOT IN (SELECT target FROM pauses)
                       AND receiver IN (SELECT value FROM json_each(?4)) ORDER BY next_at LIMIT ?3",
                )?
                .query_map(params![system, now.as_micros(), i64::try_from(limit).unwrap_or(i64::MAX), names(receivers)?], from_row)?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
    }

    /// When the next delivery of `system` is due that is not due at `now`.
    pub fn next_due(&self, system: &str, receivers: &[&str], now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(|connection| {
            let at: Option<i64> = connection
                .prepare_cached("SELECT min(next_at) FROM deliveries WHERE system = ?1 AND next_at > ?3 AND receiver NOT IN (SELECT target FROM pauses)
                       AND receiver IN (SELECT value FROM json_each(?2))")?
                .query_row(params![system, names(receivers)?, now.as_micros()], |row| row.get(0))?;
            Ok(at.map(Timestamp::from_micros))
        })
    }

    /// Attempts that an earlier epoch began and nobody saw the end of.
    pub fn cut_off(&self) -> Result<Vec<Delivery>, StoreError> {
        let epoch = self.epoch();
        self.read(|connection| {
            let rows = connection
                .prepare_cached("SELECT * FROM deliveries WHERE state = 'in_flight' AND epoch < ?1")?
                .query_map(params![epoch], from_row)?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
    }

    /// One delivery.
    pub fn delivery(&self, delivery: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.read(|connection| {
            let row = connection
                .prepare_cached("SELECT * FROM deliveries WHERE id = ?1")?
                .query_row(params![delivery.as_bytes().as_slice()], from_row)
                .optional()?;
            Ok(row)
        })
    }

    /// What a delivery sends.
    pub fn document(&self, delivery: &Delivery) -> Result<Result<Document, Unreadable>, StoreError> {
        self.read(|connection| {
            let Some(number) = delivery.body else { return Ok(Err(Unreadable::Missing)) };
            let body = match self.payload(connection, number, delivery.body_slot)? {
                Ok(body) => body,
                Err(unreadable) => return Ok(Err(unreadable)),
            };
            let traceparent = connection
                .prepare_cached(
                    "SELECT traceparent FROM intakes WHERE id = (SELECT intake FROM transactions WHERE id = ?1)",
                )?
                .query_row(params![delivery.transaction.as_bytes().as_slice()], |row| row.get(0))
                .optional()?
                .unwrap_or_default();
            let parameters = serde_json::from_str(&delivery.parameters)
                .map_err(|error| StoreError::Damaged(format!("deliveries.parameters: {error}")))?;
            Ok(Ok(Document { body, parameters, traceparent }))
        })
    }

    /// Attempts and probes in their order; none where the first attempt delivered.
    pub fn attempts(&self, delivery: DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.read(|connection| {
            let rows = connection
                .prepare_cached("SELECT number, kind, started_at, ended_at, came_to, code, message FROM attempts WHERE delivery = ?1 ORDER BY number")?
                .query_map(params![delivery.as_bytes().as_slice()], |row| {
                    Ok(Attempt {
                        number: row.get(0)?,
                        kind: row.get(1)?,
                        started_at: Timestamp::from_micros(row.get(2)?),
                        ended_at: Timestamp::from_micros(row.get(3)?),
                        came_to: row.get(4)?,
                        code: row.get(5)?,
                        message: row.get(6)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
    }
}
