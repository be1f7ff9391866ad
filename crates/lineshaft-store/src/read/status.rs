//! Counts, and the conservation query (OT2): what was accepted is somewhere, exactly once.

use lineshaft_model::time::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::count;
use crate::store::{Store, StoreError};

/// How many deliveries of a receiver are in a state, and since when the oldest is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryCount {
    /// Receiving interface.
    pub receiver: String,
    /// State, as stored.
    pub state: String,
    /// How many.
    pub count: u64,
    /// Accept position of the oldest, which is its accept time.
    pub oldest: Timestamp,
}

/// Both sides of the books. `delta` is zero, always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conservation {
    /// Intakes on disk.
    pub intakes: u64,
    /// Parts that these intakes were split into.
    pub parts: u64,
    /// Transactions on disk.
    pub transactions: u64,
    /// Transactions by state.
    pub transaction_states: Vec<(String, u64)>,
    /// Deliveries that the processed transactions planned.
    pub planned: u64,
    /// Deliveries on disk.
    pub deliveries: u64,
    /// Deliveries by state.
    pub delivery_states: Vec<(String, u64)>,
}

impl Conservation {
    /// What is missing or too much: 0 when the books balance. States are counted by the rows that have them, and
    /// the database refuses any other word, so every row is counted exactly once.
    pub fn delta(&self) -> u64 {
        self.parts.abs_diff(self.transactions) + self.planned.abs_diff(self.deliveries)
    }
}

/// A system or interface that is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// System or receiving interface.
    pub target: String,
    /// Who paused it.
    pub principal: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

impl Store {
    /// Open deliveries by receiver and state, from the indexes of open work.
    pub fn open_deliveries(&self) -> Result<Vec<DeliveryCount>, StoreError> {
        self.read(|connection| {
            let rows = connection
                .prepare_cached("SELECT receiver, state, count(*), min(rank) FROM deliveries WHERE settled_at IS NULL GROUP BY receiver, state ORDER BY receiver, state")?
                .query_map([], |row| {
                    Ok(DeliveryCount { receiver: row.get(0)?, state: row.get(1)?, count: count(row, 2)?, oldest: Timestamp::from_micros(row.get(3)?) })
                })?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
    }

    /// The conservation query, on one consistent view of the database.
    pub fn conservation(&self) -> Result<Conservation, StoreError> {
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            let pairs = |sql: &str| -> Result<Vec<(String, u64)>, StoreError> {
                Ok(view
                    .prepare_cached(sql)?
                    .query_map([], |row| Ok((row.get(0)?, count(row, 1)?)))?
                    .collect::<Result<_, _>>()?)
            };
            let (intakes, parts) = view
                .prepare_cached("SELECT count(*), coalesce(sum(parts), 0) FROM intakes")?
                .query_row([], |row| Ok((count(row, 0)?, count(row, 1)?)))?;
            let planned = view
                .prepare_cached("SELECT coalesce(sum(planned), 0) FROM transactions WHERE state = 'processed'")?
                .query_row([], |row| count(row, 0))?;
            let transaction_states = pairs("SELECT state, count(*) FROM transactions GROUP BY state ORDER BY state")?;
            let delivery_states = pairs("SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state")?;
            Ok(Conservation {
                intakes,
                parts,
                transactions: transaction_states.iter().map(|(_, count)| count).sum(),
                transaction_states,
                planned,
                deliveries: delivery_states.iter().map(|(_, count)| count).sum(),
                delivery_states,
            })
        })
    }

    /// How far a polling source has read, as it wrote it down.
    pub fn cursor(&self, interface: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            let cursor = connection
                .prepare_cached("SELECT cursor FROM cursors WHERE interface = ?1")?
                .query_row(params![interface], |row| row.get(0))
                .optional()?;
            Ok(cursor)
        })
    }

    /// Systems and interfaces that are paused.
    pub fn pauses(&self) -> Result<Vec<Pause>, StoreError> {
        self.read(|connection| {
            let rows = connection
                .prepare_cached("SELECT target, principal, reason, paused_at FROM pauses ORDER BY target")?
                .query_map(params![], |row| {
                    Ok(Pause {
                        target: row.get(0)?,
                        principal: row.get(1)?,
                        reason: row.get(2)?,
                        since: Timestamp::from_micros(row.get(3)?),
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
    }

    /// What SQLite itself finds wrong with the file: nothing, if it is sound. Reads every page.
    pub fn integrity(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let rows: Vec<String> = connection
                .prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(rows.into_iter().filter(|row| row != "ok").collect())
        })
    }
}
