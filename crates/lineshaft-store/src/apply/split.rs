//! Large intakes: stored first, taken apart after, in slices (`docs/decisions/0012`). Until the last slice nobody knows
//! their keys, so later deliveries of the lines that they may stand in wait; then they are let go, in slices too.
//!
//! A slice says which part it begins with, and is written only if that is the next: one that was made twice changes
//! nothing, and one that a crash cut off is made again.

use std::collections::BTreeSet;

use lineshaft_model::ids::IntakeId;
use lineshaft_model::intake::IntakeState;
use lineshaft_model::principal::Principal;
use rusqlite::{OptionalExtension, params};

use super::accept::Origin;
use super::plan::Standing;
use super::{Commit, Place};
use crate::change::{Accept, Effect, Released, Slice};
use crate::store::StoreError;

/// Open deliveries looked at in one commit for those that can be let go.
const LET_GO_ROWS: i64 = 500;

impl Commit<'_> {
    /// Keeps back the lines that a large intake may stand in, and notes that it is to be taken apart.
    pub(super) fn take_apart_later(
        &mut self,
        accept: &Accept,
        rank: i64,
        lines: &[(String, String)],
    ) -> Result<(), StoreError> {
        let id = accept.id.as_bytes().as_slice();
        self.sql
            .prepare_cached("INSERT INTO splitting (intake, rank, attempts) VALUES (?1, ?2, 0)")?
            .execute(params![id, rank])?;
        for (system, sequence) in lines {
            self.has_kept_lines = Some(true);
            self.sql
                .prepare_cached(
                    "INSERT INTO kept_lines (system, sequence, rank, intake) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?
                .execute(params![system, sequence, rank, id])?;
        }
        Ok(())
    }

    /// Counts that taking an intake apart is begun (OT11).
    pub(super) fn begin_split(&mut self, intake: IntakeId) -> Result<Effect, StoreError> {
        let attempts: Option<u32> = self
            .sql
            .prepare_cached("UPDATE splitting SET attempts = attempts + 1 WHERE intake = ?1 RETURNING attempts")?
            .query_row(params![intake.as_bytes().as_slice()], |row| row.get(0))
            .optional()?;
        Ok(attempts.map_or(Effect::Missing, Effect::Counted))
    }

    /// Stores the next parts of an intake.
    pub(super) fn take_slice(&mut self, slice: &Slice) -> Result<Effect, StoreError> {
        let id = slice.intake.as_bytes().as_slice();
        let found: Option<(String, u32, i64, i64, String)> = self
            .sql
            .prepare_cached("SELECT state, parts, rank, accepted_at, interface FROM intakes WHERE id = ?1")?
            .query_row(params![id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
            .optional()?;
        let Some((state, parts, rank, accepted_at, interface)) = found else { return Ok(Effect::Missing) };
        if state != "stored" || parts != slice.first {
            return Ok(Effect::NotNow { state: format!("{state}, {parts} parts") });
        }
        let (mut due, mut released) = (Vec::new(), Released::default());
        let principal = Principal::Interface(interface.clone());
        let origin = Origin { id: slice.intake, interface: &interface, principal: &principal };
        let standing = Standing { rank, accepted_at };
        for part in &slice.parts {
            self.take_part(&origin, part, standing, &mut due, &mut released)?;
        }
        let state = match (slice.last, slice.unreadable) {
            (false, _) => IntakeState::Stored,
            (true, false) => IntakeState::Split,
            (true, true) => IntakeState::Unreadable,
        };
        self.sql
            .prepare_cached("UPDATE intakes SET parts = parts + ?2, state = ?3 WHERE id = ?1")?
            .execute(params![id, i64::try_from(slice.parts.len()).unwrap_or(i64::MAX), state.as_str()])?;
        self.parts_came(slice.parts.len());
        if slice.last {
            self.sql.prepare_cached("DELETE FROM splitting WHERE intake = ?1")?.execute(params![id])?;
            self.sql.prepare_cached("UPDATE kept_lines SET let_go = '' WHERE intake = ?1")?.execute(params![id])?;
            self.has_kept_lines = None;
        } else {
            // It got on: what cuts it off later is not its own fault so far.
            self.sql.prepare_cached("UPDATE splitting SET attempts = 0 WHERE intake = ?1")?.execute(params![id])?;
        }
        Ok(Effect::Planned { due, released })
    }

    /// Lets go deliveries that waited for an intake to be taken apart, as many as one slice comes to.
    pub(super) fn let_lines_go(&mut self, intake: IntakeId) -> Result<Effect, StoreError> {
        let id = intake.as_bytes().as_slice();
        let lines: Vec<(String, String, String)> = self
            .sql
            .prepare_cached("SELECT system, sequence, let_go FROM kept_lines WHERE intake = ?1 AND let_go IS NOT NULL")?
            .query_map(params![id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        // All lines of an intake are gone through together.
        let Some(from) = lines.iter().map(|(_, _, let_go)| let_go.clone()).min() else {
            return Ok(Effect::LetGo { due: Vec::new(), complete: true });
        };
        let rows: Vec<String> = self
            .sql
            .prepare_cached(
                "SELECT order_key FROM deliveries WHERE order_key > ?1 AND settled_at IS NULL AND lets_pass = 0 AND order_key IS NOT NULL
                 ORDER BY order_key LIMIT ?2",
            )?
            .query_map(params![from, LET_GO_ROWS], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let complete = i64::try_from(rows.len()).is_ok_and(|found| found < LET_GO_ROWS);
        let reached = rows.last().cloned().unwrap_or(from);
        let keys: BTreeSet<String> = rows.into_iter().collect();
        let mut due = Vec::new();
        for key in &keys {
            for (system, sequence, _) in &lines {
                due.extend(self.advance(system, sequence, key)?);
            }
        }
        if complete {
            self.sql
                .prepare_cached("DELETE FROM kept_lines WHERE intake = ?1 AND let_go IS NOT NULL")?
                .execute(params![id])?;
        } else {
            self.sql
                .prepare_cached("UPDATE kept_lines SET let_go = ?2 WHERE intake = ?1 AND let_go IS NOT NULL")?
                .execute(params![id, reached])?;
        }
        Ok(Effect::LetGo { due, complete })
    }

    /// Whether an earlier large intake that may stand in this line is not taken apart yet. A database without any is not
    /// asked a second time in a commit.
    pub(super) fn is_line_kept(&mut self, place: &Place) -> Result<bool, StoreError> {
        let has = match self.has_kept_lines {
            Some(known) => known,
            None => self.sql.prepare_cached("SELECT 1 FROM kept_lines WHERE let_go IS NULL LIMIT 1")?.exists([])?,
        };
        self.has_kept_lines = Some(has);
        if !has {
            return Ok(false);
        }
        let kept = self
            .sql
            .prepare_cached(
                "SELECT 1 FROM kept_lines WHERE system = ?1 AND sequence = ?2 AND rank < ?3 AND let_go IS NULL LIMIT 1",
            )?
            .exists(params![place.system, place.sequence, place.rank])?;
        Ok(kept)
    }
}
