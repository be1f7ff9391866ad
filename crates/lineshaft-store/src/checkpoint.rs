//! What rows of the ledger come to after retention has removed them: totals, and facts with the place in the order of
//! acceptance at which each was told, so that a row which is still there and older does not replace a newer fact.

use std::collections::BTreeMap;

use lineshaft_model::object::{Entry, ObjectKey, ObjectState};
use rusqlite::{Connection, OptionalExtension, params};

use crate::object_text::{state_of, totals_text};
use crate::store::StoreError;

/// Accept position and part.
pub(crate) type Place = (i64, i64);

/// What rows come to, whether they are still there or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checkpoint {
    sums: ObjectState,
    facts: BTreeMap<String, (String, i64, i64)>,
}

impl Checkpoint {
    /// That of `object`; empty if nothing of it was ever removed.
    pub(crate) fn of(connection: &Connection, object: &ObjectKey) -> Result<Self, StoreError> {
        let found: Option<(String, String)> = connection
            .prepare_cached("SELECT facts, totals FROM checkpoints WHERE kind = ?1 AND key = ?2")?
            .query_row(params![object.kind, object.key], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found.map_or(Ok(Self::default()), |(facts, totals)| Self::read(&facts, &totals))
    }

    /// From the columns of a row.
    pub(crate) fn read(facts: &str, totals: &str) -> Result<Self, StoreError> {
        let facts =
            serde_json::from_str(facts).map_err(|error| StoreError::Damaged(format!("checkpoints.facts: {error}")))?;
        Ok(Self { sums: state_of(0, "{}", totals)?, facts })
    }

    /// Puts it in the place of what was there.
    pub(crate) fn write(&self, connection: &Connection, object: &ObjectKey) -> Result<(), StoreError> {
        let facts = serde_json::to_string(&self.facts)
            .map_err(|error| StoreError::Damaged(format!("checkpoints.facts: {error}")))?;
        connection
            .prepare_cached(
                "INSERT INTO checkpoints (kind, key, facts, totals) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (kind, key) DO UPDATE SET facts = excluded.facts, totals = excluded.totals",
            )?
            .execute(params![object.kind, object.key, facts, totals_text(&self.sums.totals)?])?;
        Ok(())
    }

    /// Counts a row in.
    pub(crate) fn fold(&mut self, entry: &Entry, place: Place) -> Result<(), StoreError> {
        self.sums.put(entry).map_err(|error| StoreError::Damaged(format!("{}: {error}", entry.object)))?;
        self.tell(&entry.sets, place);
        Ok(())
    }

    /// Counts only the facts of a row in: of each the newest by acceptance is kept.
    pub(crate) fn tell(&mut self, sets: &[(String, String)], (rank, part): Place) {
        for (name, value) in sets {
            let newer = self.facts.get(name).is_some_and(|(_, at, of)| (*at, *of) > (rank, part));
            if !newer {
                self.facts.insert(name.clone(), (value.clone(), rank, part));
            }
        }
    }

    /// Whether a fact was told behind this place.
    pub(crate) fn is_told_behind(&self, place: Place) -> bool {
        self.facts.values().any(|(_, rank, part)| (*rank, *part) > place)
    }

    /// Facts by name.
    pub(crate) fn facts(&self) -> BTreeMap<String, String> {
        self.facts.iter().map(|(name, (value, _, _))| (name.clone(), value.clone())).collect()
    }

    /// Facts and totals; the version is not known.
    pub(crate) fn state(&self) -> ObjectState {
        ObjectState { version: 0, facts: self.facts(), totals: self.sums.totals.clone() }
    }
}
