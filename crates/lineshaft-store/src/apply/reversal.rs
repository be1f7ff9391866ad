//! Reversals: the rows of the original count no more, and its lineage says why. What came before its original waits and is
//! let go when that is decided on. A reversal that was given up everywhere lets the rows count again.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::ids::TransactionId;
use lineshaft_model::lineage::LineageKind;
use lineshaft_model::object::EntryState;
use lineshaft_model::original::{OriginalName, Ties};
use rusqlite::{OptionalExtension, params};

use super::Commit;
use super::ledger::Fate;
use super::plan::keys_of;
use crate::change::{Part, Released};
use crate::store::StoreError;

impl Part {
    /// Whether it is parked because its original is not there. It then keeps nothing back: the original would wait for it.
    pub(super) fn waits_for_original(&self) -> bool {
        let waits_for = self.result.as_ref().err().and_then(|fault| fault.waits_for.as_ref());
        waits_for.is_some() && waits_for == self.ties.takes_back.as_ref().map(OriginalName::awaited).as_ref()
    }
}

impl Commit<'_> {
    /// Undoes what a transaction takes back, unless that was taken back or removed meanwhile: then the decision is stale.
    /// Says where in its lines it stands: never before its original.
    pub(super) fn reverse(&mut self, part: &Part, rank: i64) -> Result<i64, StoreError> {
        let Some(original) = part.ties.original else { return Ok(rank) };
        let reversed = self.reversed_by(original)?.is_some();
        let place: Option<(i64, u32)> = self
            .sql
            .prepare_cached("SELECT rank, part FROM transactions WHERE id = ?1")?
            .query_row(params![original.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some(place) = place.filter(|_| !reversed) else {
            self.stale = true;
            return Ok(rank);
        };
        self.sql.prepare_cached("INSERT INTO lineage (parent, child, kind) VALUES (?1, ?2, ?3)")?.execute(params![
            original.as_bytes().as_slice(),
            part.id.as_bytes().as_slice(),
            LineageKind::Reversal.as_str()
        ])?;
        self.undo(original, EntryState::Reversed)?;
        // One that came before its original takes its place behind everything that is here by now.
        Ok(if place > (rank, part.part) { self.next_rank() } else { rank })
    }

    /// The reversal that a transaction was taken back by, if one stands.
    fn reversed_by(&self, original: TransactionId) -> Result<Option<TransactionId>, StoreError> {
        for reversal in self.reversals_of(original)? {
            if self.fate(reversal)? != Fate::GivenUp {
                return Ok(Some(reversal));
            }
        }
        Ok(None)
    }

    /// Whether something that takes the transaction back is not settled yet. It still needs its original: to be sent, and to
    /// let it count again if it is given up.
    pub(super) fn is_being_reversed(&self, original: TransactionId) -> Result<bool, StoreError> {
        for reversal in self.reversals_of(original)? {
            let states = self.delivery_states(reversal)?.unwrap_or_default();
            if states.iter().any(|word| !DeliveryState::from_word(word).is_some_and(DeliveryState::is_settled)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn reversals_of(&self, original: TransactionId) -> Result<Vec<TransactionId>, StoreError> {
        Ok(self
            .sql
            .prepare_cached("SELECT child FROM lineage WHERE parent = ?1 AND kind = 'reversal'")?
            .query_map(params![original.as_bytes().as_slice()], |row| row.get(0).map(TransactionId::from_bytes))?
            .collect::<Result<_, _>>()?)
    }

    /// Lets go what waits to take this transaction back.
    pub(super) fn release_reversals(&mut self, ties: &Ties, released: &mut Released) -> Result<(), StoreError> {
        for name in &ties.known_as {
            let (table, key) = name.awaited();
            released.process.extend(self.release(&table, &key)?);
        }
        Ok(())
    }

    /// Lets go what waits to take back a transaction that was given up: nothing is left to take back.
    pub(super) fn release_reversals_of(&mut self, transaction: TransactionId) -> Result<(), StoreError> {
        let (interface, keys): (String, String) = self
            .sql
            .prepare_cached("SELECT interface, keys FROM transactions WHERE id = ?1")?
            .query_row(params![transaction.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for key in keys_of(&keys)? {
            let (table, key) = OriginalName { interface: interface.clone(), key }.awaited();
            self.release(&table, &key)?;
        }
        Ok(())
    }

    /// Whether the original that a parked reversal waits for is decided on by now.
    pub(super) fn original_came(&self, part: &Part) -> Result<bool, StoreError> {
        let Some(OriginalName { interface, key }) = part.ties.takes_back.as_ref().filter(|_| part.waits_for_original())
        else {
            return Ok(false);
        };
        let states: Vec<String> = self
            .sql
            .prepare_cached(
                "SELECT DISTINCT t.state FROM business_keys b JOIN transactions t ON t.id = b.\"transaction\"
                 WHERE b.kind = ?1 AND b.value = ?2 AND b.authority = ?3 AND t.interface = ?4",
            )?
            .query_map(params![key.kind, key.value, key.authority, interface], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let any = |wanted: &[&str]| states.iter().any(|state| wanted.contains(&state.as_str()));
        Ok(any(&["processed"]) || any(&["discarded"]) && !any(&["accepted", "parked"]))
    }

    /// A reversal was given up at all receivers: what it took back counts again.
    pub(super) fn restore_original(&mut self, reversal: TransactionId) -> Result<(), StoreError> {
        let originals: Vec<TransactionId> = self
            .sql
            .prepare_cached("SELECT parent FROM lineage WHERE child = ?1 AND kind = 'reversal'")?
            .query_map(params![reversal.as_bytes().as_slice()], |row| row.get(0).map(TransactionId::from_bytes))?
            .collect::<Result<_, _>>()?;
        for original in originals {
            let fate = self.fate(original)?;
            // What was given up itself stays out.
            if fate != Fate::GivenUp && self.redo(original)? && fate == Fate::Taken {
                self.post(original)?;
            }
        }
        Ok(())
    }
}
