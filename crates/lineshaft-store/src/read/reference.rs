//! Reference data in force, and what waits for some that is there.

use lineshaft_model::ids::DeliveryId;
use rusqlite::params;

use super::count;
use crate::store::{Store, StoreError};

/// One record in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// Its version.
    pub version: u64,
    /// The record, JSON.
    pub record: Vec<u8>,
}

/// Where a look at stopped deliveries ended: table, key, id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(String, String, [u8; 16]);

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Deliveries that wait for a record that is there.
    pub arrived: Vec<DeliveryId>,
    /// Where to go on; `None` at the end.
    pub next: Option<Place>,
}

impl Store {
    /// Looks, from `place` on, through so many deliveries that wait for a record, for those whose record is there: an
    /// earlier life of the node may have ended before it rendered them again.
    pub fn arrived(&self, place: &Place, limit: usize) -> Result<Look, StoreError> {
        let Place(table, key, id) = place;
        let rows: Vec<(Place, bool)> = self.read(|connection| {
            let rows = connection
                .prepare_cached(
                    "SELECT d.waits_table, d.waits_key, d.id, d.state = 'parked' AND EXISTS
                       (SELECT 1 FROM reference_versions r WHERE r.table_name = d.waits_table AND r.key = d.waits_key)
                     FROM deliveries d WHERE d.waits_table IS NOT NULL AND (d.waits_table, d.waits_key, d.id) > (?1, ?2, ?3)
                     ORDER BY d.waits_table, d.waits_key, d.id LIMIT ?4",
                )?
                .query_map(params![table, key, id.as_slice(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                    Ok((Place(row.get(0)?, row.get(1)?, row.get(2)?), row.get(3)?))
                })?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })?;
        let next = if rows.len() < limit { None } else { rows.last().map(|(place, _)| place.clone()) };
        let there = rows.iter().filter(|(_, there)| *there);
        Ok(Look { arrived: there.map(|(Place(_, _, id), _)| DeliveryId::from_bytes(*id)).collect(), next })
    }

    /// The number of the catalog in force and every record of it.
    pub fn catalog(&self) -> Result<(u64, Vec<Record>), StoreError> {
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            let number =
                view.prepare_cached("SELECT catalog FROM node WHERE one = 1")?.query_row([], |row| count(row, 0))?;
            let records = view
                .prepare_cached(
                    "SELECT table_name, key, max(version), record FROM reference_versions GROUP BY table_name, key",
                )?
                .query_map([], |row| {
                    Ok(Record { table: row.get(0)?, key: row.get(1)?, version: count(row, 2)?, record: row.get(3)? })
                })?
                .collect::<Result<_, _>>()?;
            Ok((number, records))
        })
    }
}
