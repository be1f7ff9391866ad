//! What each change does inside the commit. One file for each kind of change; this one holds what they share:
//! the commit's own facts, and the line of a key.

mod accept;

mod split;

mod plan;

mod attempt;

mod answer;

mod act;

mod reference;

mod ledger;

mod expire;

mod deadlines;

mod counts;
mod reversal;

use lineshaft_model::audit::Entry;
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::ids::{AuditId, DeliveryId, IntakeId, TransactionId};
use lineshaft_model::key::Key;
use lineshaft_model::lifecycle::Next;
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::{Clock, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::apply::counts::Counts;
use crate::change::{AttemptKind, Change, Due, Effect, Line};
use crate::payload::Payload;
use crate::store::StoreError;

/// One commit: its moment, its epoch, and the numbers that it hands out.
pub(crate) struct Commit<'a> {
    sql: &'a Connection,
    clock: &'a dyn Clock,
    now: Timestamp,
    /// The same moment on the clock that deadlines are written in.
    steady: Timestamp,
    epoch: i64,
    incarnation: Vec<u8>,
    last_rank: i64,
    last_payload: i64,
    commits: i64,
    catalog: u64,
    counts: Counts,
    audit_ids: SeededRng,
    /// Audit entries written so far: ids sort as the entries were made.
    audited: u16,
    /// Whether a decision of the list at hand was made on an older version of an object.
    stale: bool,
    /// Transactions of the list at hand that repeat earlier ones.
    repeats: Vec<TransactionId>,
    /// Whether any object has a row; `None` while it was not asked.
    has_ledger: Option<bool>,
    /// Whether any line is kept for an intake that is not taken apart; `None` while it was not asked.
    has_kept_lines: Option<bool>,
}

/// Where a delivery stands: its line at a (system, sequence), and its place in it.
struct Place {
    system: String,
    sequence: String,
    order_key: Option<String>,
    rank: i64,
    part: i64,
    receiver: String,
}

impl Place {
    /// The delivery standing here is to be sent at `at`.
    fn due(self, delivery: DeliveryId, at: Timestamp) -> Due {
        Due { delivery, system: self.system, receiver: self.receiver, at, kind: AttemptKind::Send }
    }
}

impl<'a> Commit<'a> {
    pub(crate) fn begin(
        sql: &'a Connection,
        clock: &'a dyn Clock,
        steady: Timestamp,
        epoch: i64,
    ) -> Result<Self, StoreError> {
        let (stored, incarnation, last_rank, catalog, last_payload, commits): (i64, Vec<u8>, i64, i64, i64, i64) = sql
            .prepare_cached(
                "SELECT epoch, incarnation, last_rank, catalog, last_payload, commits FROM node WHERE one = 1",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)))?;
        if stored != epoch {
            return Err(StoreError::Write(format!("epoch {epoch} is over: the database was opened again as {stored}")));
        }
        let catalog = u64::try_from(catalog).map_err(|_| StoreError::Damaged("node.catalog".to_owned()))?;
        let audit_ids = SeededRng::from_os();
        Ok(Self {
            sql,
            clock,
            now: clock.now(),
            steady,
            epoch,
            incarnation,
            last_rank,
            last_payload,
            commits: commits + 1,
            catalog,
            counts: Counts::default(),
            audit_ids,
            audited: 0,
            stale: false,
            repeats: Vec::new(),
            has_ledger: None,
            has_kept_lines: None,
        })
    }

    fn apply(&mut self, change: &Change) -> Result<Effect, StoreError> {
        match change {
            Change::Accept(accept) => self.accept(accept),
            Change::BeginSplit(intake) => self.begin_split(*intake),
            Change::Slice(slice) => self.take_slice(slice),
            Change::LetGo(intake) => self.let_lines_go(*intake),
            Change::Advance(lines) => self.advance_all(lines),
            Change::Process(transaction) => self.count(*transaction),
            Change::Replan(part) => self.replan(part),
            Change::Begin { delivery } => self.begin_attempt(*delivery),
            Change::Settle(settle) => {
                let effect = self.settle(settle)?;
                if matches!((&effect, &settle.next), (Effect::Settled { .. }, Next::Delivered { .. })) {
                    self.account(settle.delivery)?;
                }
                Ok(effect)
            }
            Change::StayParked(stays) => self.stay_parked(stays),
            Change::Hold(hold) => self.hold(hold),
            Change::SetDeadlines(longest) => self.set_deadlines(longest),
            Change::Aged(to) => self.aged(*to),
            Change::Act(act) => self.act(act),
            Change::Load(load) => self.load(load),
            Change::Cursor { interface, cursor } => self.put_cursor(interface, cursor),
            Change::Note(entry) => self.audit(entry, None, None).map(|()| Effect::Noted),
            Change::Expire(expire) => self.expire(expire),
            Change::SetAside(payloads) => self.set_aside(payloads),
        }
    }

    /// Writes down what the commit handed out and counted; says which commit it is.
    pub(crate) fn end(self) -> Result<u64, StoreError> {
        self.counts.write(self.sql)?;
        let catalog = i64::try_from(self.catalog).unwrap_or(i64::MAX);
        self.sql
            .prepare_cached(
                "UPDATE node SET last_rank = ?1, catalog = ?2, last_payload = ?3, commits = ?4 WHERE one = 1",
            )?
            .execute(params![self.last_rank, catalog, self.last_payload, self.commits])?;
        Ok(u64::try_from(self.commits).unwrap_or(0))
    }

    fn put_cursor(&self, interface: &str, cursor: &[u8]) -> Result<Effect, StoreError> {
        self.sql
            .prepare_cached(
                "INSERT INTO cursors (interface, cursor, changed_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (interface) DO UPDATE SET cursor = excluded.cursor, changed_at = excluded.changed_at",
            )?
            .execute(params![interface, cursor, self.now.as_micros()])?;
        Ok(Effect::Noted)
    }

    /// The next accept position: the time of the commit, pushed on where a clock stood still or went back.
    fn next_rank(&mut self) -> i64 {
        self.last_rank = self.now.as_micros().max(self.last_rank + 1);
        self.last_rank
    }

    /// Stores a payload of `intake` under a number that no other ever had.
    fn store_payload(&mut self, intake: IntakeId, payload: &Payload) -> Result<i64, StoreError> {
        self.last_payload += 1;
        self.sql
            .prepare_cached(
                "INSERT INTO payloads (id, intake, codec, size, sha256, stored_at, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                self.last_payload,
                intake.as_bytes().as_slice(),
                payload.codec.as_str(),
                i64::try_from(payload.size).unwrap_or(i64::MAX),
                payload.sha256.as_slice(),
                self.now.as_micros(),
                payload.bytes
            ])?;
        Ok(self.last_payload)
    }

    fn audit(&mut self, entry: &Entry, before: Option<&str>, after: Option<&str>) -> Result<(), StoreError> {
        let id = AuditId::in_order(self.now, self.audited, &self.audit_ids);
        self.audited = self.audited.saturating_add(1);
        self.sql
            .prepare_cached("INSERT INTO audit (id, at, principal, action, target, reason, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
            .execute(params![
                id.as_bytes().as_slice(),
                self.now.as_micros(),
                entry.principal.as_text(),
                entry.action.as_str(),
                entry.target,
                entry.reason,
                before,
                after
            ])?;
        Ok(())
    }

    /// Whether something earlier of the same key must be settled first: an open delivery of the same line, a transaction
    /// that is not routed yet, or an intake of which nobody knows the keys yet.
    fn is_behind(&mut self, place: &Place) -> Result<bool, StoreError> {
        let Some(key) = &place.order_key else { return Ok(false) };
        let earlier = self
            .sql
            .prepare_cached(
                "SELECT 1 FROM deliveries WHERE order_key = ?1 AND system = ?2 AND sequence = ?3 AND settled_at IS NULL AND lets_pass = 0
                   AND (rank < ?4 OR (rank = ?4 AND part < ?5)) LIMIT 1",
            )?
            .exists(params![key, place.system, place.sequence, place.rank, place.part])?;
        if earlier {
            return Ok(true);
        }
        let kept = self
            .sql
            .prepare_cached(
                "SELECT 1 FROM kept_back WHERE order_key = ?1 AND (rank < ?2 OR (rank = ?2 AND part < ?3)) LIMIT 1",
            )?
            .exists(params![key, place.rank, place.part])?;
        Ok(kept || self.is_line_kept(place)?)
    }

    /// Lets the first delivery of a line go, if it waited and nothing else keeps it back.
    fn advance(&mut self, system: &str, sequence: &str, order_key: &str) -> Result<Option<Due>, StoreError> {
        let first = self
            .sql
            .prepare_cached(
                "SELECT id, state, rank, part, receiver FROM deliveries WHERE order_key = ?1 AND system = ?2 AND sequence = ?3
                   AND settled_at IS NULL AND lets_pass = 0 ORDER BY rank, part LIMIT 1",
            )?
            .query_row(params![order_key, system, sequence], |row| {
                Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((id, state, rank, part, receiver)) = first else { return Ok(None) };
        let place = Place {
            system: system.to_owned(),
            sequence: sequence.to_owned(),
            order_key: Some(order_key.to_owned()),
            rank,
            part,
            receiver,
        };
        if state != "behind" || self.is_behind(&place)? {
            return Ok(None);
        }
        self.sql
            .prepare_cached("UPDATE deliveries SET state = 'pending', next_at = ?2, changed_at = ?3 WHERE id = ?1")?
            .execute(params![id.as_slice(), self.steady.as_micros(), self.now.as_micros()])?;
        self.deliveries_moved(1, &place.receiver, DeliveryState::Behind, DeliveryState::Pending);
        Ok(Some(place.due(DeliveryId::from_bytes(id), self.steady)))
    }

    fn advance_all(&mut self, lines: &[Line]) -> Result<Effect, StoreError> {
        let mut due = Vec::new();
        for Line { system, sequence, order_key } in lines {
            due.extend(self.advance(system, sequence, order_key)?);
        }
        Ok(Effect::LetGo { due, complete: true })
    }

    /// Removes what a transaction kept back, and lets go what waited for it.
    fn let_go(&mut self, transaction: TransactionId, keys: &[String]) -> Result<Vec<Due>, StoreError> {
        let mut due = Vec::new();
        for key in keys {
            self.sql
                .prepare_cached("DELETE FROM kept_back WHERE order_key = ?1 AND \"transaction\" = ?2")?
                .execute(params![key, transaction.as_bytes().as_slice()])?;
        }
        for key in keys {
            let lines: Vec<(String, String)> = self
                .sql
                .prepare_cached(
                    "SELECT DISTINCT system, sequence FROM deliveries WHERE order_key = ?1 AND settled_at IS NULL AND lets_pass = 0",
                )?
                .query_map(params![key], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (system, sequence) in lines {
                due.extend(self.advance(&system, &sequence, key)?);
            }
        }
        Ok(due)
    }

    /// Keeps back later ones of the transaction's keys until it is routed, or settled by a person.
    fn keep_back(&self, transaction: TransactionId, rank: i64, part: i64, keys: &[Key]) -> Result<(), StoreError> {
        for key in keys {
            self.sql
                .prepare_cached("INSERT INTO kept_back (order_key, rank, part, \"transaction\") VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
                .execute(params![key.to_string(), rank, part, transaction.as_bytes().as_slice()])?;
        }
        Ok(())
    }

    /// Keys that a transaction keeps back.
    fn kept_by(&self, transaction: TransactionId) -> Result<Vec<String>, StoreError> {
        let keys = self
            .sql
            .prepare_cached("SELECT order_key FROM kept_back WHERE \"transaction\" = ?1")?
            .query_map(params![transaction.as_bytes().as_slice()], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(keys)
    }
}
