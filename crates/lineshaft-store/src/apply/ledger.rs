//! The ledger of object state: rows go in with the transaction that makes them, and count until they are undone.
//! A decision that was made on an older version of an object is noticed here and not written.

use std::collections::BTreeMap;

use lineshaft_model::decimal::{Decimal, DecimalError};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::object::{Entry, EntryState, ObjectKey, ObjectState};
use rusqlite::{OptionalExtension, params};

use super::Commit;
use super::counts::Counts;
use crate::change::{Change, Effect, Part, Planned, Released};
use crate::checkpoint::Checkpoint;
use crate::object_text::{adds_of, adds_text, facts_text, sets_of, sets_text, state_of, totals_text};
use crate::store::StoreError;

/// What its receivers made of a transaction. Those that were left out have no say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Every one took it.
    Taken,
    /// None took it: a person gave it up at all that were to.
    GivenUp,
    /// Something is open, or they differ.
    Open,
}

/// Where a commit stood before a list of changes.
pub(crate) struct Mark {
    last_rank: i64,
    last_payload: i64,
    catalog: u64,
    counts: Counts,
}

impl Commit<'_> {
    /// Applies a list of changes whole, or not at all where a decision in it was made on an older version of an object:
    /// then each came to [`Effect::Stale`].
    pub(crate) fn apply_list(&mut self, changes: &[Change]) -> Result<Vec<Effect>, StoreError> {
        if !changes.iter().any(decides_on_objects) {
            return changes.iter().map(|change| self.apply(change)).collect();
        }
        let mark = self.mark()?;
        let effects = changes.iter().map(|change| self.apply(change)).collect::<Result<Vec<_>, _>>()?;
        let stale = std::mem::take(&mut self.stale);
        let repeats = std::mem::take(&mut self.repeats);
        if !stale {
            self.sql.prepare_cached("RELEASE list")?.execute([])?;
            return Ok(effects);
        }
        self.go_back(mark)?;
        Ok(changes.iter().map(|_| Effect::Stale { repeats: repeats.clone() }).collect())
    }

    fn mark(&self) -> Result<Mark, StoreError> {
        self.sql.prepare_cached("SAVEPOINT list")?.execute([])?;
        let counts = self.counts.clone();
        Ok(Mark { last_rank: self.last_rank, last_payload: self.last_payload, catalog: self.catalog, counts })
    }

    fn go_back(&mut self, mark: Mark) -> Result<(), StoreError> {
        self.sql.prepare_cached("ROLLBACK TO list")?.execute([])?;
        self.sql.prepare_cached("RELEASE list")?.execute([])?;
        (self.last_rank, self.last_payload, self.catalog) = (mark.last_rank, mark.last_payload, mark.catalog);
        self.counts = mark.counts;
        Ok(())
    }

    /// Notes whether a decision was made on an older version of one of its objects.
    pub(super) fn expect(&mut self, expects: &[(ObjectKey, u64)]) -> Result<(), StoreError> {
        for (object, version) in expects {
            self.stale |= self.object(object)?.version != *version;
        }
        Ok(())
    }

    /// Notes parts that repeat earlier ones: a decision that counted their rows must be made again without them.
    pub(super) fn note_repeats<'p>(&mut self, parts: impl IntoIterator<Item = &'p Part>) {
        let changing = parts.into_iter().filter(|part| !entries_of(part).is_empty());
        self.repeats.extend(changing.map(|part| part.id));
    }

    /// Puts a transaction's rows in, and lets go what waited for something to be told of an object or reported on it.
    pub(super) fn enter(&mut self, part: &Part, rank: i64, released: &mut Released) -> Result<(), StoreError> {
        for entry in entries_of(part) {
            let object = &entry.object;
            self.has_ledger = Some(true);
            let mut state = self.object(object)?;
            state.put(entry).map_err(|error| overflow(object, &error.to_string()))?;
            self.sql
                .prepare_cached(
                    "INSERT INTO ledger (kind, key, rank, part, \"transaction\", state, adds, sets, changed_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, 'reported', ?6, ?7, ?8)",
                )?
                .execute(params![
                    object.kind,
                    object.key,
                    rank,
                    part.part,
                    part.id.as_bytes().as_slice(),
                    adds_text(&entry.adds)?,
                    sets_text(&entry.sets)?,
                    self.now.as_micros()
                ])?;
            if !entry.sets.is_empty() && self.is_told_later(object, rank, i64::from(part.part))? {
                // One that was stopped for a while tells an older snapshot: the newest by acceptance counts.
                state.facts = self.facts_left(object)?;
            }
            let (table, key) = object.awaited();
            released.process.extend(self.release(&table, &key)?);
            self.keep(object, &state)?;
        }
        Ok(())
    }

    /// Takes a transaction's rows out of what counts. Says whether there were any.
    pub(super) fn undo(&mut self, transaction: TransactionId, to: EntryState) -> Result<bool, StoreError> {
        self.change_rows(transaction, to, |state, adds| state.take_out(adds))
    }

    /// Lets the rows of a transaction count again that a reversal took out. Says whether there were any.
    pub(super) fn redo(&mut self, transaction: TransactionId) -> Result<bool, StoreError> {
        self.change_rows(transaction, EntryState::Reported, |state, adds| state.put_quantities(adds))
    }

    fn change_rows(
        &mut self,
        transaction: TransactionId,
        to: EntryState,
        change: impl Fn(&mut ObjectState, &[(String, Decimal)]) -> Result<(), DecimalError>,
    ) -> Result<bool, StoreError> {
        let rows: Vec<(String, String, String, String)> = self
            .sql
            .prepare_cached(
                "UPDATE ledger SET state = ?2, changed_at = ?3 WHERE \"transaction\" = ?1
                   AND CASE ?2 WHEN 'reported' THEN state = 'reversed' ELSE state IN ('reported', 'posted') END
                 RETURNING kind, key, adds, sets",
            )?
            .query_map(params![transaction.as_bytes().as_slice(), to.as_str(), self.now.as_micros()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?
            .collect::<Result<_, _>>()?;
        for (kind, key, adds, sets) in &rows {
            let object = ObjectKey { kind: kind.clone(), key: key.clone() };
            let mut state = self.object(&object)?;
            change(&mut state, &adds_of(adds)?).map_err(|error| overflow(&object, &error.to_string()))?;
            if !sets_of(sets)?.is_empty() {
                state.facts = self.facts_left(&object)?;
            }
            self.keep(&object, &state)?;
        }
        Ok(!rows.is_empty())
    }

    /// After a delivery was settled: a transaction that every receiver took is posted, one that none is left to take is
    /// undone. Receivers that are left out have no say.
    pub(super) fn account(&mut self, delivery: DeliveryId) -> Result<(), StoreError> {
        let Some(transaction) = self.with_rows(delivery)? else { return Ok(()) };
        match self.fate(transaction)? {
            Fate::Taken => self.post(transaction),
            Fate::GivenUp => {
                self.undo(transaction, EntryState::Discarded)?;
                self.restore_original(transaction)
            }
            Fate::Open => Ok(()),
        }
    }

    /// Marks rows as what every receiver took.
    pub(super) fn post(&self, transaction: TransactionId) -> Result<(), StoreError> {
        self.sql
            .prepare_cached(
                "UPDATE ledger SET state = 'posted', changed_at = ?2 WHERE \"transaction\" = ?1 AND state = 'reported'",
            )?
            .execute(params![transaction.as_bytes().as_slice(), self.now.as_micros()])?;
        Ok(())
    }

    /// What its receivers made of a processed transaction, all together. One that retention has removed was settled, and
    /// was not given up: it stands.
    pub(super) fn fate(&self, transaction: TransactionId) -> Result<Fate, StoreError> {
        let (mut delivered, mut discarded, mut others) = (0, 0, 0);
        for state in self.delivery_states(transaction)?.unwrap_or_default() {
            match state.as_str() {
                "delivered" => delivered += 1,
                "discarded" => discarded += 1,
                // Left out by a rule, a person or a newer snapshot.
                "skipped" | "superseded" => {}
                _ => others += 1,
            }
        }
        Ok(match (delivered, discarded, others) {
            (1.., 0, 0) => Fate::Taken,
            (0, 1.., 0) => Fate::GivenUp,
            _ => Fate::Open,
        })
    }

    /// The transaction of a delivery, if it has rows or takes back one that may have. A database without rows is not asked a second time in a commit.
    fn with_rows(&mut self, delivery: DeliveryId) -> Result<Option<TransactionId>, StoreError> {
        let has_ledger = match self.has_ledger {
            Some(known) => known,
            None => self.sql.prepare_cached("SELECT 1 FROM ledger LIMIT 1")?.exists([])?,
        };
        self.has_ledger = Some(has_ledger);
        if !has_ledger {
            return Ok(None);
        }
        let found = self
            .sql
            .prepare_cached(
                "SELECT \"transaction\" FROM deliveries d WHERE id = ?1
                   AND (EXISTS (SELECT 1 FROM ledger l WHERE l.\"transaction\" = d.\"transaction\")
                     OR EXISTS (SELECT 1 FROM lineage g WHERE g.child = d.\"transaction\" AND g.kind = 'reversal'))",
            )?
            .query_row(params![delivery.as_bytes().as_slice()], |row| row.get(0).map(TransactionId::from_bytes))
            .optional()?;
        Ok(found)
    }

    /// States of a transaction's deliveries; `None` if it is not there any more.
    pub(super) fn delivery_states(&self, transaction: TransactionId) -> Result<Option<Vec<String>>, StoreError> {
        let receivers: Option<String> = self
            .sql
            .prepare_cached("SELECT receivers FROM transactions WHERE id = ?1")?
            .query_row(params![transaction.as_bytes().as_slice()], |row| row.get(0))
            .optional()?;
        let Some(receivers) = receivers else { return Ok(None) };
        let mut one = self.sql.prepare_cached("SELECT state FROM deliveries WHERE id = ?1")?;
        let ids = receivers.split_whitespace().map(|receiver| DeliveryId::of(transaction, receiver));
        let states = ids.map(|id| one.query_row(params![id.as_bytes().as_slice()], |row| row.get(0)));
        Ok(Some(states.collect::<Result<_, _>>()?))
    }

    fn object(&self, object: &ObjectKey) -> Result<ObjectState, StoreError> {
        let found = self
            .sql
            .prepare_cached("SELECT version, facts, totals FROM objects WHERE kind = ?1 AND key = ?2")?
            .query_row(params![object.kind, object.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        found.map_or(Ok(ObjectState::default()), |(version, facts, totals): (i64, String, String)| {
            state_of(version, &facts, &totals)
        })
    }

    fn keep(&self, object: &ObjectKey, state: &ObjectState) -> Result<(), StoreError> {
        self.sql
            .prepare_cached(
                "INSERT INTO objects (kind, key, version, facts, totals, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, facts = excluded.facts, totals = excluded.totals,
                   changed_at = excluded.changed_at",
            )?
            .execute(params![
                object.kind,
                object.key,
                i64::try_from(state.version).unwrap_or(i64::MAX),
                facts_text(&state.facts)?,
                totals_text(&state.totals)?,
                self.now.as_micros()
            ])?;
        Ok(())
    }

    fn is_told_later(&self, object: &ObjectKey, rank: i64, part: i64) -> Result<bool, StoreError> {
        let later = self
            .sql
            .prepare_cached(
                "SELECT 1 FROM ledger WHERE kind = ?1 AND key = ?2 AND (rank > ?3 OR (rank = ?3 AND part > ?4))
                   AND sets <> '[]' AND state IN ('reported', 'posted') LIMIT 1",
            )?
            .exists(params![object.kind, object.key, rank, part])?;
        Ok(later || Checkpoint::of(self.sql, object)?.is_told_behind((rank, part)))
    }

    /// The facts of the rows that count and of those that are gone, of each the newest by acceptance.
    fn facts_left(&self, object: &ObjectKey) -> Result<BTreeMap<String, String>, StoreError> {
        let told: Vec<(String, i64, i64)> = self
            .sql
            .prepare_cached(
                "SELECT sets, rank, part FROM ledger WHERE kind = ?1 AND key = ?2 AND sets <> '[]' AND state IN ('reported', 'posted')",
            )?
            .query_map(params![object.kind, object.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        let mut all = Checkpoint::of(self.sql, object)?;
        for (sets, rank, part) in told {
            all.tell(&sets_of(&sets)?, (rank, part));
        }
        Ok(all.facts())
    }
}

fn decides_on_objects(change: &Change) -> bool {
    match change {
        Change::Accept(accept) => accept.parts.iter().any(decided_on_what_is_known),
        Change::Slice(slice) => slice.parts.iter().any(decided_on_what_is_known),
        Change::Replan(part) => decided_on_what_is_known(part),
        _ => false,
    }
}

fn decided_on_what_is_known(part: &Part) -> bool {
    !part.expects.is_empty() || part.ties.original.is_some()
}

fn entries_of(part: &Part) -> &[Entry] {
    match &part.result {
        Ok(Planned::Event { entries, .. }) => entries,
        Ok(Planned::Reference { .. } | Planned::Answer(_) | Planned::Later) | Err(_) => &[],
    }
}

/// Judging makes the same sums on the same version, so one without room was refused there.
fn overflow(object: &ObjectKey, error: &str) -> StoreError {
    StoreError::Damaged(format!("{object}: {error}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lineshaft_model::time::{Clock, Timestamp};
    use rusqlite::Connection;

    use super::*;
    use crate::migrate::migrate;

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(9)
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).expect("decimal")
    }

    /// Two transactions of one object, of which the second told a newer quantity.
    fn filled(sql: &rusqlite::Transaction<'_>) {
        sql.execute_batch(
            "INSERT INTO node (one, incarnation, created_at, epoch, last_rank, catalog) VALUES (1, x'00', 0, 1, 0, 0);
             INSERT INTO ledger VALUES ('order', 'erp/1', 1, 0, x'01010101010101010101010101010101', 'posted', '[[\"yield\",\"3\"]]', '[[\"quantity\",\"10\"]]', 0);
             INSERT INTO ledger VALUES ('order', 'erp/1', 2, 0, x'02020202020202020202020202020202', 'reported', '[[\"yield\",\"4\"]]', '[[\"quantity\",\"20\"]]', 0);
             INSERT INTO objects VALUES ('order', 'erp/1', 2, '{\"quantity\":\"20\"}', '{\"yield\":\"7\"}', 0);",
        )
        .expect("fills");
    }

    #[test]
    fn a_reversed_transaction_counts_no_more_and_only_once() {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection).expect("migrates");
        let sql = connection.transaction().expect("begins");
        filled(&sql);
        let object = ObjectKey { kind: "order".into(), key: "erp/1".into() };
        let mut commit = Commit::begin(&sql, &Stopped, Stopped.now(), 1).expect("begins");
        let second = TransactionId::from_bytes([2; 16]);
        assert_eq!(commit.undo(second, EntryState::Reversed), Ok(true));
        let state = commit.object(&object).expect("reads");
        assert_eq!((state.version, state.total("yield"), state.facts["quantity"].as_str()), (3, decimal("3"), "10"));
        assert_eq!(commit.undo(second, EntryState::Discarded), Ok(false), "what is undone stays undone");
        assert_eq!(commit.undo(TransactionId::from_bytes([1; 16]), EntryState::Reversed), Ok(true));
        let state = commit.object(&object).expect("reads");
        assert_eq!((state.version, state.totals.len(), state.facts.len()), (4, 0, 0));
    }
}
