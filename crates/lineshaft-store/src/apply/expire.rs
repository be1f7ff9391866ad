//! Removing what retention no longer keeps, in slices so short that no receipt waits for one.
//!
//! What tracks an intake goes part by part from its end, each transaction with its deliveries, and the intake's number
//! of parts goes down with it: the books balance after every slice, and a slice that ends early is simply gone on with.
//! Nothing is removed that is not settled; settled is final, so what was found so is still so.

use std::time::Duration;

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_model::object::{Entry, EntryState, ObjectKey};
use lineshaft_model::transaction::TransactionState;
use rusqlite::{OptionalExtension, params};

use super::Commit;
use super::ledger::Fate;
use crate::change::{Effect, Expire};
use crate::checkpoint::{Checkpoint, Place};
use crate::object_text::{adds_of, sets_of};
use crate::store::StoreError;

/// Longest time for which a slice keeps the writer; a single row is never split.
const SLICE_TIME: Duration = Duration::from_millis(5);

/// Most rows (payloads, transactions, keys, entries) that a slice removes.
const SLICE_ROWS: usize = 1000;

/// What is left of a slice.
struct Slice {
    until: Duration,
    rows: usize,
}

/// A transaction's row, as far as removing it needs it.
struct Leaving {
    id: TransactionId,
    state: TransactionState,
    planned: i64,
    rank: i64,
    keys: Vec<[String; 3]>,
    deliveries: Vec<(DeliveryId, String, DeliveryState)>,
    /// What its rows of the ledger did, where they count.
    entries: Vec<(Entry, Place)>,
}

impl Leaving {
    fn is_settled(&self) -> bool {
        !self.state.keeps_key_back() && self.deliveries.iter().all(|(_, _, state)| state.is_settled())
    }
}

impl Commit<'_> {
    /// Removes what `expire` names until the slice is used up.
    pub(super) fn expire(&mut self, expire: &Expire) -> Result<Effect, StoreError> {
        let mut slice = Slice { until: self.clock.monotonic() + SLICE_TIME, rows: SLICE_ROWS };
        let mut removed = 0;
        let complete = match expire {
            Expire::Payloads(numbers) => self.each(&mut slice, numbers, &mut removed, Self::remove_payload)?,
            Expire::Keys(before, keys) => self.each(&mut slice, keys, &mut removed, |commit, (interface, key)| {
                commit
                    .sql
                    .prepare_cached("DELETE FROM repeats WHERE interface = ?1 AND key = ?2 AND seen_at < ?3")?
                    .execute(params![interface, key, before.as_micros()])
                    .map_err(StoreError::from)
            })?,
            Expire::Audit(ids) => self.each(&mut slice, ids, &mut removed, |commit, id| {
                commit
                    .sql
                    .prepare_cached("DELETE FROM audit WHERE id = ?1")?
                    .execute(params![id.as_bytes().as_slice()])
                    .map_err(StoreError::from)
            })?,
            Expire::Tracking(intakes) => {
                let mut complete = true;
                for intake in intakes {
                    complete = complete && !self.used_up(&slice) && self.remove_intake(&mut slice, *intake)?;
                    if !complete {
                        break;
                    }
                    removed += 1;
                }
                complete
            }
        };
        Ok(Effect::Expired { removed, complete })
    }

    /// Sets payloads aside whose bytes are not what was stored: they are served to nobody and removed by no retention.
    pub(super) fn set_aside(&mut self, payloads: &[i64]) -> Result<Effect, StoreError> {
        for number in payloads {
            self.sql
                .prepare_cached(
                    "INSERT INTO damaged (payload, intake, found_at) SELECT id, intake, ?2 FROM payloads WHERE id = ?1
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![number, self.now.as_micros()])?;
        }
        Ok(Effect::Noted)
    }

    fn used_up(&self, slice: &Slice) -> bool {
        slice.rows == 0 || self.clock.monotonic() >= slice.until
    }

    fn each<T>(
        &self,
        slice: &mut Slice,
        items: &[T],
        removed: &mut u64,
        remove: impl Fn(&Self, &T) -> Result<usize, StoreError>,
    ) -> Result<bool, StoreError> {
        for item in items {
            if self.used_up(slice) {
                return Ok(false);
            }
            *removed += remove(self, item)? as u64;
            slice.rows -= 1;
        }
        Ok(true)
    }

    fn remove_payload(&self, number: &i64) -> Result<usize, StoreError> {
        let removed = self
            .sql
            .prepare_cached("DELETE FROM payloads WHERE id = ?1 AND id NOT IN (SELECT payload FROM damaged)")?
            .execute(params![number])?;
        Ok(removed)
    }

    /// Removes an intake from its last part on. Says whether it is gone, or at least can be left alone.
    fn remove_intake(&mut self, slice: &mut Slice, intake: IntakeId) -> Result<bool, StoreError> {
        let id = intake.as_bytes().as_slice();
        let parts: Option<u32> = self
            .sql
            .prepare_cached("SELECT parts FROM intakes WHERE id = ?1 AND state <> 'stored'")?
            .query_row(params![id], |row| row.get(0))
            .optional()?;
        let Some(mut parts) = parts else { return Ok(true) };
        let (mut settled, mut in_time) = (true, true);
        while parts > 0 && settled && in_time {
            let leaving = self.leaving(TransactionId::of_part(intake, parts - 1))?;
            settled = match &leaving {
                Some(leaving) => leaving.is_settled() && !self.is_being_reversed(leaving.id)?,
                None => false,
            };
            if let Some(leaving) = leaving.filter(|_| settled) {
                self.remove_transaction(&leaving)?;
                parts -= 1;
                slice.rows = slice.rows.saturating_sub(1 + leaving.deliveries.len());
            }
            in_time = !self.used_up(slice);
        }
        if parts > 0 {
            self.sql.prepare_cached("UPDATE intakes SET parts = ?2 WHERE id = ?1")?.execute(params![id, parts])?;
            return Ok(!settled);
        }
        // A damaged document is kept as long as what tells whose it is.
        self.sql
            .prepare_cached("DELETE FROM payloads WHERE id IN (SELECT payload FROM damaged WHERE intake = ?1)")?
            .execute(params![id])?;
        self.sql.prepare_cached("DELETE FROM damaged WHERE intake = ?1")?.execute(params![id])?;
        self.sql.prepare_cached("DELETE FROM intakes WHERE id = ?1")?.execute(params![id])?;
        self.intake_went();
        Ok(true)
    }

    /// What is to be removed; `None` where something of it is missing or cannot be read. That is damage, and stays, so
    /// that it can still be told; cleaning up is no reason to end the node.
    fn leaving(&self, id: TransactionId) -> Result<Option<Leaving>, StoreError> {
        match self.read_leaving(id) {
            Err(StoreError::Damaged(cause)) => {
                tracing::error!(transaction = %id, cause, "its retention is over, and it cannot be read");
                Ok(None)
            }
            other => other,
        }
    }

    fn read_leaving(&self, id: TransactionId) -> Result<Option<Leaving>, StoreError> {
        let found: Option<(String, String, i64, i64, String)> = self
            .sql
            .prepare_cached("SELECT state, receivers, planned, rank, keys FROM transactions WHERE id = ?1")?
            .query_row(params![id.as_bytes().as_slice()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((state, receivers, planned, rank, keys)) = found else { return Ok(None) };
        let state = TransactionState::from_word(&state).ok_or_else(|| unknown("transactions.state", &state))?;
        let mut one = self.sql.prepare_cached("SELECT state FROM deliveries WHERE id = ?1")?;
        let mut deliveries = Vec::new();
        for receiver in receivers.split_whitespace() {
            let delivery = DeliveryId::of(id, receiver);
            let word: Option<String> =
                one.query_row(params![delivery.as_bytes().as_slice()], |row| row.get(0)).optional()?;
            let Some(word) = word else { return Ok(None) };
            let state = DeliveryState::from_word(&word).ok_or_else(|| unknown("deliveries.state", &word))?;
            deliveries.push((delivery, receiver.to_owned(), state));
        }
        let keys = serde_json::from_str(&keys).map_err(|error| unknown("transactions.keys", &error.to_string()))?;
        Ok(Some(Leaving { id, state, planned, rank, keys, deliveries, entries: self.entries_of(id)? }))
    }

    fn entries_of(&self, id: TransactionId) -> Result<Vec<(Entry, Place)>, StoreError> {
        let rows: Vec<(ObjectKey, Place, String, String, String)> = self
            .sql
            .prepare_cached("SELECT kind, key, rank, part, state, adds, sets FROM ledger WHERE \"transaction\" = ?1")?
            .query_map(params![id.as_bytes().as_slice()], |row| {
                let object = ObjectKey { kind: row.get(0)?, key: row.get(1)? };
                Ok((object, (row.get(2)?, row.get(3)?), row.get(4)?, row.get(5)?, row.get(6)?))
            })?
            .collect::<Result<_, _>>()?;
        let mut entries = Vec::new();
        for (object, place, state, adds, sets) in rows {
            let state = EntryState::from_word(&state).ok_or_else(|| unknown("ledger.state", &state))?;
            // A checkpoint that cannot be read is noticed here too.
            Checkpoint::of(self.sql, &object)?;
            if state.counts() {
                entries.push((Entry { object, adds: adds_of(&adds)?, sets: sets_of(&sets)? }, place));
            }
        }
        Ok(entries)
    }

    fn remove_transaction(&mut self, leaving: &Leaving) -> Result<(), StoreError> {
        let id = leaving.id.as_bytes().as_slice();
        let given_up = self.fate(leaving.id)? == Fate::GivenUp;
        for (delivery, receiver, state) in &leaving.deliveries {
            let delivery = delivery.as_bytes().as_slice();
            self.sql.prepare_cached("DELETE FROM attempts WHERE delivery = ?1")?.execute(params![delivery])?;
            self.sql.prepare_cached("DELETE FROM deliveries WHERE id = ?1")?.execute(params![delivery])?;
            self.delivery_went(receiver, *state);
        }
        for [kind, authority, value] in &leaving.keys {
            self.sql
                .prepare_cached(
                    "DELETE FROM business_keys WHERE kind = ?1 AND value = ?2 AND authority = ?3 AND rank = ?4 AND \"transaction\" = ?5",
                )?
                .execute(params![kind, value, authority, leaving.rank, id])?;
        }
        // What its rows of the ledger count for stays in the checkpoint of their object (OT13).
        for (entry, place) in &leaving.entries {
            let mut sum = Checkpoint::of(self.sql, &entry.object)?;
            sum.fold(entry, *place)?;
            sum.write(self.sql, &entry.object)?;
        }
        self.sql.prepare_cached("DELETE FROM ledger WHERE \"transaction\" = ?1")?.execute(params![id])?;
        self.sql.prepare_cached("DELETE FROM lineage WHERE parent = ?1")?.execute(params![id])?;
        // A reversal that is gone is taken for one that stands; one that was given up leaves no trace at its original.
        if given_up {
            self.sql
                .prepare_cached("DELETE FROM lineage WHERE child = ?1 AND kind = 'reversal'")?
                .execute(params![id])?;
        }
        self.sql.prepare_cached("DELETE FROM transactions WHERE id = ?1")?.execute(params![id])?;
        self.transaction_went(leaving.state, leaving.planned);
        Ok(())
    }
}

fn unknown(what: &str, found: &str) -> StoreError {
    StoreError::Damaged(format!("{what}: {found:?}"))
}
