//! Attempts: the intent before the first byte, and what came of it.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::{Fault, answer_table};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::lifecycle::Next;
use lineshaft_model::time::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::Commit;
use crate::change::{AttemptKind, Begun, Due, Effect, Hold, Settle};
use crate::store::StoreError;

/// What a settling delivery leaves behind in its line.
type Line = (String, String, Option<String>, String);

impl Commit<'_> {
    /// Makes the intent durable: counted before the work, so that an attempt that kills the process counts too (OT11).
    pub(super) fn begin_attempt(&mut self, delivery: DeliveryId) -> Result<Effect, StoreError> {
        let id = delivery.as_bytes().as_slice();
        let (now, steady) = (self.now, self.steady);
        let found: Option<(Begun, String)> = self
            .sql
            .prepare_cached(
                "SELECT attempts, revision, first_attempt, doubt_since, receiver FROM deliveries WHERE id = ?1 AND state = 'pending'",
            )?
            .query_row(params![id], |row| {
                let instant = |column| row.get::<_, Option<i64>>(column).map(|at| at.map(Timestamp::from_micros));
                let begun = Begun {
                    delivery,
                    attempts: row.get::<_, u32>(0)? + 1,
                    revision: row.get(1)?,
                    first_attempt: instant(2)?.unwrap_or(steady),
                    last_attempt: steady,
                    doubt_since: instant(3)?,
                    started_at: now,
                };
                Ok((begun, row.get(4)?))
            })
            .optional()?;
        let Some((begun, receiver)) = found else { return self.not_now(delivery) };
        let first_attempt = begun.first_attempt.as_micros();
        self.sql
            .prepare_cached(
                "UPDATE deliveries SET state = 'in_flight', next_at = NULL, attempts = attempts + 1, tried = tried + 1, epoch = ?2,
                   last_attempt = ?3, first_attempt = ?4, absent = 0, probes = 0, changed_at = ?5 WHERE id = ?1",
            )?
            .execute(params![id, self.epoch, steady.as_micros(), first_attempt, now.as_micros()])?;
        self.deliveries_moved(1, &receiver, DeliveryState::Pending, DeliveryState::InFlight);
        Ok(Effect::Begun(begun))
    }

    /// Keeps back a delivery that was due and may not be sent: nothing was done towards the target.
    pub(super) fn hold(&mut self, hold: &Hold) -> Result<Effect, StoreError> {
        let id = hold.delivery.as_bytes().as_slice();
        let found: Option<(String, String)> = self
            .sql
            .prepare_cached("SELECT system, receiver FROM deliveries WHERE id = ?1 AND state = 'pending'")?
            .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((system, receiver)) = found else { return self.not_now(hold.delivery) };
        let Hold { delivery, ask_at, fault } = hold;
        self.sql
            .prepare_cached(
                "UPDATE deliveries SET state = 'outcome_unknown', next_at = ?2, absent = 0, probes = 0, code = ?3, message = ?4,
                   place = ?5, detail = ?6, changed_at = ?7 WHERE id = ?1",
            )?
            .execute(params![
                id,
                ask_at.map(Timestamp::as_micros),
                fault.code.as_str(),
                fault.message,
                fault.at,
                fault.detail,
                self.now.as_micros()
            ])?;
        self.deliveries_moved(1, &receiver, DeliveryState::Pending, DeliveryState::OutcomeUnknown);
        let due = ask_at.map(|at| Due { delivery: *delivery, system, receiver, at, kind: AttemptKind::Probe });
        Ok(Effect::Settled { due: due.into_iter().collect(), process: Vec::new() })
    }

    /// Records what an attempt or a probe came to. Settled is final (OT3): a late result changes nothing.
    pub(super) fn settle(&mut self, settle: &Settle) -> Result<Effect, StoreError> {
        let id = settle.delivery.as_bytes().as_slice();
        let expected = settle.kind.begins_in();
        let found: Option<(String, Line)> = self
            .sql
            .prepare_cached("SELECT state, system, sequence, order_key, receiver FROM deliveries WHERE id = ?1")?
            .query_row(params![id], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))))
            .optional()?;
        let Some((state, (system, sequence, order_key, receiver))) = found else { return Ok(Effect::Missing) };
        if state != expected.as_str() {
            return Ok(Effect::NotNow { state });
        }
        self.deliveries_moved(1, &receiver, expected, settle.next.leads_to());
        let (mut due, mut process) = (Vec::new(), Vec::new());
        match &settle.next {
            Next::Await { at, .. } => {
                process = self.await_answer(settle, &receiver)?;
                due.push(Due {
                    delivery: settle.delivery,
                    system: system.clone(),
                    receiver,
                    at: *at,
                    kind: AttemptKind::Readback,
                });
                if let Some(key) = &order_key {
                    due.extend(self.advance(&system, &sequence, key)?);
                }
            }
            Next::Delivered { receipt } => {
                self.take_effect(settle, receipt.as_deref())?;
                if let Some(key) = &order_key {
                    due.extend(self.advance(&system, &sequence, key)?);
                }
            }
            Next::Retry { at, fault, counted, unknown } => {
                self.keep_reason(settle, "retry", fault)?;
                let uncounted = i64::from(!counted && settle.kind == AttemptKind::Send);
                self.keep_doubt(settle, *unknown)?;
                self.sql
                    .prepare_cached(
                        "UPDATE deliveries SET state = 'pending', next_at = ?2, attempts = attempts - ?3 WHERE id = ?1",
                    )?
                    .execute(params![id, at.as_micros(), uncounted])?;
                due.push(Due { delivery: settle.delivery, system, receiver, at: *at, kind: AttemptKind::Send });
            }
            Next::Ask { at, absent, probes, fault } => {
                self.keep_reason(settle, "ask", fault)?;
                self.keep_doubt(settle, true)?;
                self.sql
                    .prepare_cached("UPDATE deliveries SET state = 'outcome_unknown', next_at = ?2, absent = ?3, probes = ?4 WHERE id = ?1")?
                    .execute(params![id, at.as_micros(), absent, probes])?;
                due.push(Due { delivery: settle.delivery, system, receiver, at: *at, kind: AttemptKind::Probe });
            }
            Next::InDoubt { fault } => {
                self.keep_reason(settle, "in doubt", fault)?;
                self.keep_doubt(settle, true)?;
                self.sql
                    .prepare_cached("UPDATE deliveries SET state = 'outcome_unknown', next_at = NULL WHERE id = ?1")?
                    .execute(params![id])?;
            }
            Next::Park { fault } => {
                self.keep_reason(settle, "park", fault)?;
                self.keep_doubt(settle, false)?;
                self.park_delivery(id, fault)?;
            }
        }
        Ok(Effect::Settled { due, process })
    }

    /// Parks a delivery until a person decides, or the record arrives that it was not rendered for want of.
    fn park_delivery(&self, id: &[u8], fault: &Fault) -> Result<(), StoreError> {
        let waits = fault.waits_for.as_ref();
        self.sql
            .prepare_cached(
                "UPDATE deliveries SET state = 'parked', next_at = NULL, lets_pass = 0, waits_table = ?2, waits_key = ?3
                 WHERE id = ?1",
            )?
            .execute(params![id, waits.map(|(table, _)| table), waits.map(|(_, key)| key)])?;
        Ok(())
    }

    /// Since when it is open whether the target has the document under this key. What the target said it does not have is
    /// in no doubt any more; an attempt without effect says nothing of an earlier one.
    fn keep_doubt(&self, settle: &Settle, unknown: bool) -> Result<(), StoreError> {
        let to = match unknown {
            true => "UPDATE deliveries SET doubt_since = coalesce(doubt_since, last_attempt) WHERE id = ?1",
            false if settle.kind == AttemptKind::Probe => "UPDATE deliveries SET doubt_since = NULL WHERE id = ?1",
            false => return Ok(()),
        };
        self.sql.prepare_cached(to)?.execute(params![settle.delivery.as_bytes().as_slice()])?;
        Ok(())
    }

    fn take_effect(&self, settle: &Settle, receipt: Option<&str>) -> Result<(), StoreError> {
        self.keep_proof(settle, "delivered")?;
        self.sql
            .prepare_cached(
                "UPDATE deliveries SET state = 'delivered', next_at = NULL, lets_pass = 0, receipt = ?2, code = NULL, message = NULL,
                   place = NULL, detail = NULL, changed_at = ?3, settled_at = ?3 WHERE id = ?1",
            )?
            .execute(params![settle.delivery.as_bytes().as_slice(), receipt, self.now.as_micros()])?;
        Ok(())
    }

    /// The target has it, and its final word is awaited. Gives back the transactions that brought that word too early.
    fn await_answer(&mut self, settle: &Settle, receiver: &str) -> Result<Vec<TransactionId>, StoreError> {
        let Next::Await { at, until, receipt, keeps_key, by_receipt, probes } = &settle.next else {
            return Ok(Vec::new());
        };
        let (id, now) = (settle.delivery.as_bytes().as_slice(), self.now.as_micros());
        if settle.kind == AttemptKind::Readback {
            self.sql
                .prepare_cached("UPDATE deliveries SET next_at = ?2, probes = ?3, changed_at = ?4 WHERE id = ?1")?
                .execute(params![id, at.as_micros(), probes, now])?;
            return Ok(Vec::new());
        }
        self.keep_proof(settle, "sent")?;
        let awaits: Option<String> = self
            .sql
            .prepare_cached(
                "UPDATE deliveries SET state = 'sent', next_at = ?2, answer_until = ?3, receipt = coalesce(?4, receipt),
                   awaits = CASE WHEN ?5 THEN ?4 ELSE awaits END, lets_pass = ?6, probes = ?7, code = NULL, message = NULL,
                   place = NULL, detail = NULL, changed_at = ?8 WHERE id = ?1 RETURNING awaits",
            )?
            .query_row(
                params![id, at.as_micros(), until.as_micros(), receipt, by_receipt, !keeps_key, probes, now],
                |row| row.get(0),
            )?;
        match awaits {
            Some(reference) => self.release(&answer_table(receiver), &reference),
            None => Ok(Vec::new()),
        }
    }

    /// The usual delivery succeeds at its first attempt and needs no row beside its own. After anything else, what
    /// settled it stands at the end of its history: the later attempt, or the target's answer.
    fn keep_proof(&self, settle: &Settle, came_to: &str) -> Result<(), StoreError> {
        let id = settle.delivery.as_bytes().as_slice();
        if settle.kind != AttemptKind::Send {
            self.sql.prepare_cached("UPDATE deliveries SET tried = tried + 1 WHERE id = ?1")?.execute(params![id])?;
        }
        self.sql
            .prepare_cached(
                "INSERT INTO attempts (delivery, number, epoch, kind, started_at, ended_at, came_to, code, message)
                 SELECT id, tried, ?2, ?3, ?4, ?5, ?6, '', '' FROM deliveries WHERE id = ?1 AND (tried > 1 OR ?6 = 'sent')",
            )?
            .execute(params![
                id,
                self.epoch,
                settle.kind.as_str(),
                settle.started_at.as_micros(),
                settle.ended_at.as_micros(),
                came_to
            ])?;
        Ok(())
    }

    /// The latest reason stands in the delivery's row; every one stands in `attempts`.
    fn keep_reason(&self, settle: &Settle, came_to: &str, fault: &Fault) -> Result<(), StoreError> {
        let id = settle.delivery.as_bytes().as_slice();
        if settle.kind != AttemptKind::Send {
            // A send was counted when it began; a question is numbered when its answer is written down.
            self.sql.prepare_cached("UPDATE deliveries SET tried = tried + 1 WHERE id = ?1")?.execute(params![id])?;
        }
        self.sql
            .prepare_cached(
                "INSERT INTO attempts (delivery, number, epoch, kind, started_at, ended_at, came_to, code, message)
                 SELECT id, tried, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM deliveries WHERE id = ?1",
            )?
            .execute(params![
                id,
                self.epoch,
                settle.kind.as_str(),
                settle.started_at.as_micros(),
                settle.ended_at.as_micros(),
                came_to,
                fault.code.as_str(),
                fault.message
            ])?;
        self.sql
            .prepare_cached(
                "UPDATE deliveries SET code = ?2, message = ?3, place = ?4, detail = ?5, changed_at = ?6 WHERE id = ?1",
            )?
            .execute(params![id, fault.code.as_str(), fault.message, fault.at, fault.detail, self.now.as_micros()])?;
        Ok(())
    }

    pub(super) fn not_now(&self, delivery: DeliveryId) -> Result<Effect, StoreError> {
        let state: Option<String> = self
            .sql
            .prepare_cached("SELECT state FROM deliveries WHERE id = ?1")?
            .query_row(params![delivery.as_bytes().as_slice()], |row| row.get(0))
            .optional()?;
        Ok(state.map_or(Effect::Missing, |state| Effect::NotNow { state }))
    }
}
