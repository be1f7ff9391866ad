//! Lines that stand still: every open delivery of one waits for an earlier one, and there is none. That must never be; it is
//! looked for by `lineshaft store check`, by a test after every scene, and at start.

use rusqlite::{Connection, params};

use crate::change::Line;
use crate::store::{Store, StoreError};

impl Store {
    /// Lines that wait although nothing keeps them back: no earlier delivery, no transaction that is not routed, no large
    /// intake. Reads every open delivery.
    pub fn stalled(&self, limit: usize) -> Result<Vec<Line>, StoreError> {
        self.read(|connection| stalled(connection, limit))
    }
}

pub(crate) fn stalled(connection: &Connection, limit: usize) -> Result<Vec<Line>, StoreError> {
    // Receivers of one transaction share its place, and go one after the other.
    let lines = connection
        .prepare_cached(
            "SELECT DISTINCT d.system, d.sequence, d.order_key FROM deliveries d
             WHERE d.state = 'behind' AND d.settled_at IS NULL AND d.lets_pass = 0 AND d.order_key IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.order_key = d.order_key AND e.system = d.system
                 AND e.sequence = d.sequence AND e.settled_at IS NULL AND e.lets_pass = 0
                 AND (e.rank < d.rank OR (e.rank = d.rank AND (e.part < d.part OR (e.part = d.part AND e.state <> 'behind')))))
               AND NOT EXISTS (SELECT 1 FROM kept_back k WHERE k.order_key = d.order_key
                 AND (k.rank < d.rank OR (k.rank = d.rank AND k.part < d.part)))
               AND NOT EXISTS (SELECT 1 FROM kept_lines l WHERE l.system = d.system AND l.sequence = d.sequence AND l.rank < d.rank)
             LIMIT ?1",
        )?
        .query_map(params![i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok(Line { system: row.get(0)?, sequence: row.get(1)?, order_key: row.get(2)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(lines)
}
