//! Counts, and the conservation query (OT2): what was accepted is somewhere, exactly once.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

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
    /// When the oldest was accepted; `None` where too many older ones in other states hide it.
    pub oldest: Option<Timestamp>,
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
    /// What retention has removed since ever, balanced like the rest.
    pub gone: Gone,
}

/// What retention has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Intakes.
    pub intakes: u64,
    /// Parts of intakes, some of intakes that are going part by part.
    pub parts: u64,
    /// Transactions.
    pub transactions: u64,
    /// Deliveries that they had planned.
    pub planned: u64,
    /// Deliveries.
    pub deliveries: u64,
}

impl Conservation {
    /// What is missing or too much: 0 when the books balance. States are counted by the rows that have them, and
    /// the database refuses any other word, so every row is counted exactly once.
    pub fn delta(&self) -> u64 {
        let gone = &self.gone;
        self.parts.abs_diff(self.transactions)
            + self.planned.abs_diff(self.deliveries)
            + gone.parts.abs_diff(gone.transactions)
            + gone.planned.abs_diff(gone.deliveries)
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
    /// Open deliveries by receiver and state, from the live counters and the index of open work.
    pub fn open_deliveries(&self) -> Result<Vec<DeliveryCount>, StoreError> {
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            let counts: Vec<(String, String, u64)> = view
                .prepare_cached(
                    "SELECT name, state, live FROM counts WHERE what = 'deliveries' AND live > 0 ORDER BY name, state",
                )?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, count(row, 2)?)))?
                .collect::<Result<_, _>>()?;
            let open = |state: &str| DeliveryState::from_word(state).is_some_and(|state| !state.is_settled());
            counts
                .into_iter()
                .filter(|(_, state, _)| open(state))
                .map(|(receiver, state, count)| {
                    let oldest = super::late::oldest(&view, &receiver, &state)?;
                    Ok(DeliveryCount { receiver, state, count, oldest })
                })
                .collect()
        })
    }

    /// The books as the live counters have them: cheap, however much is stored.
    pub fn books(&self) -> Result<Conservation, StoreError> {
        self.read(books)
    }

    /// The conservation query: every row counted, on one consistent view of the database. Takes long on a large one;
    /// [`Self::books`] says the same from counters. What is gone can only be known from those.
    pub fn conservation(&self) -> Result<Conservation, StoreError> {
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            counted(&view, books(&view)?.gone)
        })
    }

    /// Documents refused since ever for want of room (RS1).
    pub fn refused(&self) -> Result<u64, StoreError> {
        let unwritten = self.refused_unwritten();
        self.read(|connection| {
            let written = connection
                .prepare_cached("SELECT coalesce(sum(live), 0) FROM counts WHERE what = 'refused'")?
                .query_row([], |row| count(row, 0))?;
            Ok(written + unwritten)
        })
    }

    /// Documents that were found damaged and are set aside (RS3).
    pub fn damaged(&self) -> Result<u64, StoreError> {
        self.read(|connection| {
            let damaged =
                connection.prepare_cached("SELECT count(*) FROM damaged")?.query_row([], |row| count(row, 0))?;
            Ok(damaged)
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
}

/// The books as the live counters have them.
pub(crate) fn books(connection: &Connection) -> Result<Conservation, StoreError> {
    let lines: Vec<(String, String, u64, u64)> = connection
        .prepare_cached(
            "SELECT what, state, sum(live), sum(gone) FROM counts GROUP BY what, state ORDER BY what, state",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, count(row, 2)?, count(row, 3)?)))?
        .collect::<Result<_, _>>()?;
    let live = |what: &str| lines.iter().filter(|(it, ..)| it == what).map(|(_, _, live, _)| live).sum();
    let gone = |what: &str| lines.iter().filter(|(it, ..)| it == what).map(|(_, _, _, gone)| gone).sum();
    let states = |what: &str| {
        let there = lines.iter().filter(|(it, _, live, _)| it == what && *live > 0);
        there.map(|(_, state, live, _)| (state.clone(), *live)).collect()
    };
    Ok(Conservation {
        intakes: live("intakes"),
        parts: live("parts"),
        transactions: live("transactions"),
        transaction_states: states("transactions"),
        planned: live("planned"),
        deliveries: live("deliveries"),
        delivery_states: states("deliveries"),
        gone: Gone {
            intakes: gone("intakes"),
            parts: gone("parts"),
            transactions: gone("transactions"),
            planned: gone("planned"),
            deliveries: gone("deliveries"),
        },
    })
}

/// Counts every row, on the caller's view.
pub(crate) fn counted(view: &Connection, gone: Gone) -> Result<Conservation, StoreError> {
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
        gone,
    })
}
