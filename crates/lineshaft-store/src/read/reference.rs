//! Reference data in force.

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

impl Store {
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
