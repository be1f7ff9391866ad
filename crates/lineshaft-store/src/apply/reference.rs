//! Reference data: every version is kept, and what waited for a record is accepted again (MD8).

use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::transaction::TransactionState;
use rusqlite::params;

use super::Commit;
use crate::change::{Effect, Load, Released, StayParked};
use crate::store::StoreError;

impl Commit<'_> {
    pub(super) fn load(&mut self, load: &Load) -> Result<Effect, StoreError> {
        let mut released = Released::default();
        self.put_records(&load.table, &load.records, None, &mut released)?;
        self.audit(&load.entry, None, None)?;
        Ok(Effect::Loaded(released))
    }

    /// Makes `records` the next versions of their keys. A record that is already in force makes no new version, but
    /// still releases what waits for it.
    pub(super) fn put_records(
        &mut self,
        table: &str,
        records: &[(String, Vec<u8>)],
        source: Option<TransactionId>,
        released: &mut Released,
    ) -> Result<(), StoreError> {
        let catalog = self.catalog + 1;
        for (key, record) in records {
            let written = self
                .sql
                .prepare_cached(
                    "INSERT INTO reference_versions (table_name, key, version, catalog, loaded_at, \"transaction\", record)
                     SELECT ?1, ?2, coalesce(max(version), 0) + 1, ?3, ?4, ?5, ?6 FROM reference_versions WHERE table_name = ?1 AND key = ?2
                     HAVING NOT EXISTS (SELECT 1 FROM reference_versions WHERE table_name = ?1 AND key = ?2 AND record = ?6
                       AND version = (SELECT max(version) FROM reference_versions WHERE table_name = ?1 AND key = ?2))",
                )?
                .execute(params![
                    table,
                    key,
                    i64::try_from(catalog).unwrap_or(i64::MAX),
                    self.now.as_micros(),
                    source.map(|id| id.as_bytes().to_vec()),
                    record
                ])?;
            if written > 0 {
                self.catalog = catalog;
                released.catalog = catalog;
                released.records.push((table.to_owned(), key.clone(), record.clone()));
            }
            released.process.extend(self.release(table, key)?);
            released.render.extend(self.waiting_deliveries(table, key)?);
        }
        Ok(())
    }

    /// Whether `key` came into `table` after the catalog numbered `catalog`.
    pub(super) fn known_since(&self, table: &str, key: &str, catalog: u64) -> Result<bool, StoreError> {
        let known = self
            .sql
            .prepare_cached(
                "SELECT 1 FROM reference_versions WHERE table_name = ?1 AND key = ?2 AND catalog > ?3 LIMIT 1",
            )?
            .exists(params![table, key, i64::try_from(catalog).unwrap_or(i64::MAX)])?;
        Ok(known)
    }

    fn waiting_deliveries(&self, table: &str, key: &str) -> Result<Vec<DeliveryId>, StoreError> {
        let ids = self
            .sql
            .prepare_cached("SELECT id FROM deliveries WHERE waits_table = ?1 AND waits_key = ?2 AND state = 'parked'")?
            .query_map(params![table, key], |row| row.get::<_, [u8; 16]>(0).map(DeliveryId::from_bytes))?
            .collect::<Result<_, _>>()?;
        Ok(ids)
    }

    /// Writes down why a parked delivery still cannot be rendered: another record may be missing than before.
    pub(super) fn stay_parked(&mut self, stays: &StayParked) -> Result<Effect, StoreError> {
        let StayParked { delivery, fault, catalog } = stays;
        let waits = fault.waits_for.as_ref();
        let written = self
            .sql
            .prepare_cached(
                "UPDATE deliveries SET code = ?2, message = ?3, place = ?4, detail = ?5, waits_table = ?6, waits_key = ?7, changed_at = ?8
                 WHERE id = ?1 AND state = 'parked'",
            )?
            .execute(params![
                delivery.as_bytes().as_slice(),
                fault.code.as_str(),
                fault.message,
                fault.at,
                fault.detail,
                waits.map(|(table, _)| table),
                waits.map(|(_, key)| key),
                self.now.as_micros()
            ])?;
        if written == 0 {
            return self.not_now(*delivery);
        }
        let arrived = match waits {
            Some((table, key)) => self.known_since(table, key, *catalog)?,
            None => false,
        };
        Ok(Effect::Stays { arrived })
    }

    pub(super) fn release(&mut self, table: &str, key: &str) -> Result<Vec<TransactionId>, StoreError> {
        let ids: Vec<TransactionId> = self
            .sql
            .prepare_cached(
                "UPDATE transactions SET state = 'accepted', waits_table = NULL, waits_key = NULL, attempts = 0, changed_at = ?3
                 WHERE waits_table = ?1 AND waits_key = ?2 AND state = 'parked' RETURNING id",
            )?
            .query_map(params![table, key, self.now.as_micros()], |row| row.get::<_, [u8; 16]>(0).map(TransactionId::from_bytes))?
            .collect::<Result<_, _>>()?;
        self.transactions_moved(ids.len(), TransactionState::Parked, TransactionState::Accepted);
        Ok(ids)
    }
}
