//! Live counters: how many there are of each kind, kept by the commit that changes it, so that nobody counts the whole
//! database to show one screen. A test after every scene, and `lineshaft store check`, compare them with the rows.
//!
//! A commit collects what it changes in memory and writes each counter once, at its end.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::transaction::TransactionState;
use rusqlite::{Connection, params};

use super::Commit;
use crate::store::StoreError;

/// What one commit changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    what: &'static str,
    name: String,
    state: &'static str,
    live: i64,
    gone: i64,
}

impl Counts {
    fn add(&mut self, what: &'static str, name: &str, state: &'static str, (live, gone): (i64, i64)) {
        // A commit meets a handful of them.
        match self.0.iter_mut().find(|line| line.what == what && line.state == state && line.name == name) {
            Some(line) => {
                line.live += live;
                line.gone += gone;
            }
            None => self.0.push(Line { what, name: name.to_owned(), state, live, gone }),
        }
    }

    pub(super) fn write(&self, sql: &Connection) -> Result<(), StoreError> {
        for line in self.0.iter().filter(|line| line.live != 0 || line.gone != 0) {
            sql.prepare_cached(
                "INSERT INTO counts (what, name, state, live, gone) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (what, name, state) DO UPDATE SET live = live + excluded.live, gone = gone + excluded.gone",
            )?
            .execute(params![line.what, line.name, line.state, line.live, line.gone])?;
        }
        Ok(())
    }
}

impl Commit<'_> {
    /// An intake with so many parts is there.
    pub(super) fn intake_came(&mut self, parts: usize) {
        self.counts.add("intakes", "", "", (1, 0));
        self.counts.add("parts", "", "", (whole(parts), 0));
    }

    /// So many more parts of an intake that is being taken apart.
    pub(super) fn parts_came(&mut self, parts: usize) {
        self.counts.add("parts", "", "", (whole(parts), 0));
    }

    pub(super) fn transaction_came(&mut self, state: TransactionState, planned: usize) {
        self.counts.add("transactions", "", state.as_str(), (1, 0));
        self.counts.add("planned", "", "", (whole(planned), 0));
    }

    pub(super) fn transactions_moved(&mut self, count: usize, from: TransactionState, to: TransactionState) {
        self.counts.add("transactions", "", from.as_str(), (-whole(count), 0));
        self.counts.add("transactions", "", to.as_str(), (whole(count), 0));
    }

    pub(super) fn planned_more(&mut self, planned: usize) {
        self.counts.add("planned", "", "", (whole(planned), 0));
    }

    pub(super) fn delivery_came(&mut self, receiver: &str, state: DeliveryState) {
        self.counts.add("deliveries", receiver, state.as_str(), (1, 0));
    }

    pub(super) fn deliveries_moved(&mut self, count: usize, receiver: &str, from: DeliveryState, to: DeliveryState) {
        self.counts.add("deliveries", receiver, from.as_str(), (-whole(count), 0));
        self.counts.add("deliveries", receiver, to.as_str(), (whole(count), 0));
    }

    /// Documents that were not taken in because the disk is full (RS1).
    pub(crate) fn refused(&mut self, count: u64) {
        self.counts.add("refused", "", "", (i64::try_from(count).unwrap_or(i64::MAX), 0));
    }

    pub(super) fn intake_went(&mut self) {
        self.counts.add("intakes", "", "", (-1, 1));
    }

    /// One part of an intake went with its transaction, which had planned so many deliveries.
    pub(super) fn transaction_went(&mut self, state: TransactionState, planned: i64) {
        self.counts.add("parts", "", "", (-1, 1));
        self.counts.add("transactions", "", state.as_str(), (-1, 1));
        self.counts.add("planned", "", "", (-planned, planned));
    }

    pub(super) fn delivery_went(&mut self, receiver: &str, state: DeliveryState) {
        self.counts.add("deliveries", receiver, state.as_str(), (-1, 1));
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
