//! Open deliveries past their agreed time (OT14), from the index of open deliveries: a bounded look, however many there are.

use lineshaft_model::lifecycle::CLOCK_ERROR;
use lineshaft_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::count;
use crate::store::{Store, StoreError};

/// Late deliveries of one receiver that are counted; where there are more, the count says at least so many.
pub const LATE_COUNTED_MAX: u64 = 10_000;

/// Open deliveries of one receiver that are looked at for the oldest in each state.
const OLDEST_LOOKED_AT: i64 = 10_000;

/// A receiver with late deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The receiving interface.
    pub receiver: String,
    /// How many, at most [`LATE_COUNTED_MAX`].
    pub count: u64,
    /// When the oldest of them was accepted.
    pub oldest: Timestamp,
}

impl Store {
    /// Of each receiver the open deliveries that were accepted before its instant, or after `now`: a clock that went back
    /// since says nothing of how long they wait. Receivers without any are left out.
    pub fn late(&self, receivers: &[(&str, Timestamp)], now: Timestamp) -> Result<Vec<Late>, StoreError> {
        self.read(|connection| {
            let mut late = Vec::new();
            for (receiver, before) in receivers {
                let (found, oldest): (u64, Option<i64>) = connection
                    .prepare_cached(
                        "SELECT count(*), min(accepted_at) FROM (
                           SELECT * FROM (SELECT accepted_at FROM deliveries INDEXED BY deliveries_open
                             WHERE receiver = ?1 AND settled_at IS NULL AND accepted_at < ?2 LIMIT ?3)
                           UNION ALL SELECT * FROM (SELECT accepted_at FROM deliveries INDEXED BY deliveries_open
                             WHERE receiver = ?1 AND settled_at IS NULL AND accepted_at > ?4 LIMIT ?3))",
                    )?
                    .query_row(
                        params![
                            receiver,
                            before.as_micros(),
                            i64::try_from(LATE_COUNTED_MAX).unwrap_or(i64::MAX),
                            now.after(CLOCK_ERROR).as_micros()
                        ],
                        |row| Ok((count(row, 0)?.min(LATE_COUNTED_MAX), row.get(1)?)),
                    )?;
                if let Some(oldest) = oldest {
                    let oldest = Timestamp::from_micros(oldest);
                    late.push(Late { receiver: (*receiver).to_owned(), count: found, oldest });
                }
            }
            Ok(late)
        })
    }
}

/// When the oldest open delivery of a receiver in a state was accepted; `None` where it is not among the first that are
/// looked at.
pub(super) fn oldest(connection: &Connection, receiver: &str, state: &str) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> = connection
        .prepare_cached(
            "SELECT accepted_at FROM (SELECT state, accepted_at FROM deliveries INDEXED BY deliveries_open
               WHERE receiver = ?1 AND settled_at IS NULL ORDER BY accepted_at LIMIT ?3) WHERE state = ?2 LIMIT 1",
        )?
        .query_row(params![receiver, state, OLDEST_LOOKED_AT], |row| row.get(0))
        .optional()?;
    Ok(at.map(Timestamp::from_micros))
}
