//! Deadlines of an earlier life of the node, set anew at the start of one (docs/decisions/0016): they were written by a
//! clock that may have gone back since, and then would not be reached for as long as it went back.

use lineshaft_model::time::Timestamp;
use rusqlite::params;

use super::Commit;
use crate::change::{Effect, Longest};
use crate::store::StoreError;

impl Commit<'_> {
    /// Nothing waits longer from now on than it was to wait when that was decided, nor than its receiver lets anything wait.
    pub(super) fn set_deadlines(&self, longest: &[Longest]) -> Result<Effect, StoreError> {
        let now = self.steady.as_micros();
        for Longest { receiver, system, wait, usual, answer } in longest {
            let [latest, soon] = [wait, usual].map(|wait| self.steady.after(*wait).as_micros());
            self.sql
                .prepare_cached(
                    "UPDATE deliveries SET next_at = CASE WHEN changed_at > ?3 AND next_at - changed_at BETWEEN 0 AND ?4 - ?3
                         THEN ?3 + (next_at - changed_at) ELSE ?5 END,
                       first_attempt = CASE WHEN first_attempt > ?3 THEN ?3 ELSE first_attempt END
                     WHERE system = ?1 AND receiver = ?2 AND next_at > ?3 AND (changed_at > ?3 OR next_at > ?4)",
                )?
                .execute(params![system, receiver, now, latest, soon])?;
            if let Some(within) = answer {
                self.sql
                    .prepare_cached(
                        "UPDATE deliveries SET answer_until = ?3
                         WHERE system = ?1 AND receiver = ?2 AND next_at IS NOT NULL AND state = 'sent' AND answer_until > ?3",
                    )?
                    .execute(params![system, receiver, self.steady.after(*within).as_micros()])?;
            }
        }
        Ok(Effect::Noted)
    }

    pub(super) fn aged(&self, to: Timestamp) -> Result<Effect, StoreError> {
        self.sql.prepare_cached("UPDATE node SET aged_to = ?1 WHERE one = 1")?.execute(params![to.as_micros()])?;
        Ok(Effect::Noted)
    }
}
