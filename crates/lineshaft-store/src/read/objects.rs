//! Object state: what is known now, the rows it derives from, and what they come to when it is derived again (OT13).

use std::collections::{BTreeMap, BTreeSet};

use lineshaft_model::ids::TransactionId;
use lineshaft_model::object::{Entry, EntryState, ObjectKey, ObjectState, States};
use lineshaft_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{id, word};
use crate::checkpoint::{Checkpoint, Place};
use crate::object_text::{adds_of, sets_of, state_of};
use crate::store::{Store, StoreError};

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// The transaction that made it.
    pub transaction: TransactionId,
    /// What it did to which object.
    pub entry: Entry,
    /// Whether it counts.
    pub state: EntryState,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// An object whose kept state is not what its rows come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The object.
    pub object: ObjectKey,
    /// Facts and totals as they are kept; the version is not compared.
    pub kept: ObjectState,
    /// Facts and totals that its rows come to.
    pub rebuilt: ObjectState,
}

impl Store {
    /// What is known of `objects`, on one consistent view. Asks nothing where there are none.
    pub fn objects(&self, objects: &BTreeSet<ObjectKey>) -> Result<States, StoreError> {
        if objects.is_empty() {
            return Ok(States::default());
        }
        self.read(|connection| {
            let view = connection.unchecked_transaction()?;
            let mut one =
                view.prepare_cached("SELECT version, facts, totals FROM objects WHERE kind = ?1 AND key = ?2")?;
            let mut found = Vec::new();
            for object in objects {
                let row: Option<(i64, String, String)> = one
                    .query_row(params![object.kind, object.key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                if let Some((version, facts, totals)) = row {
                    found.push((object.clone(), state_of(version, &facts, &totals)?));
                }
            }
            Ok(States::new(found))
        })
    }

    /// The latest rows of an object, the newest first.
    pub fn ledger(&self, object: &ObjectKey, limit: usize) -> Result<Vec<LedgerRow>, StoreError> {
        self.read(|connection| {
            let rows: Vec<Raw> = connection
                .prepare_cached(
                    "SELECT * FROM ledger WHERE kind = ?1 AND key = ?2 ORDER BY rank DESC, part DESC LIMIT ?3",
                )?
                .query_map(params![object.kind, object.key, i64::try_from(limit).unwrap_or(i64::MAX)], Raw::of)?
                .collect::<Result<_, _>>()?;
            rows.into_iter().map(Raw::read).collect()
        })
    }

    /// Derives every object from its rows and tells those whose kept state is another (OT13). Reads the whole ledger.
    pub fn rebuild_objects(&self) -> Result<Vec<Difference>, StoreError> {
        self.read(rebuilt_differences)
    }
}

/// Objects whose kept state is not what checkpoints and rows come to.
pub(crate) fn rebuilt_differences(connection: &Connection) -> Result<Vec<Difference>, StoreError> {
    let view = connection.unchecked_transaction()?;
    let rebuilt = rebuilt(&view)?;
    let mut kept: BTreeMap<ObjectKey, ObjectState> = BTreeMap::new();
    let mut objects = view.prepare("SELECT kind, key, facts, totals FROM objects")?;
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    for row in objects.query_map([], columns)? {
        let (kind, key, facts, totals): (String, String, String, String) = row?;
        kept.insert(ObjectKey { kind, key }, state_of(0, &facts, &totals)?);
    }
    Ok(differences(&kept, &rebuilt))
}

/// What checkpoints and rows come to.
fn rebuilt(connection: &Connection) -> Result<BTreeMap<ObjectKey, ObjectState>, StoreError> {
    let mut sums: BTreeMap<ObjectKey, Checkpoint> = BTreeMap::new();
    let mut checkpoints = connection.prepare("SELECT kind, key, facts, totals FROM checkpoints")?;
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    for row in checkpoints.query_map([], columns)? {
        let (kind, key, facts, totals): (String, String, String, String) = row?;
        sums.insert(ObjectKey { kind, key }, Checkpoint::read(&facts, &totals)?);
    }
    let mut rows = connection.prepare("SELECT * FROM ledger ORDER BY kind, key, rank, part")?;
    for raw in rows.query_map([], Raw::of)? {
        let raw = raw?;
        let place = raw.place;
        let row = raw.read()?;
        let sum = sums.entry(row.entry.object.clone()).or_default();
        if row.state.counts() {
            sum.fold(&row.entry, place)?;
        }
    }
    Ok(sums.into_iter().map(|(object, sum)| (object, sum.state())).collect())
}

fn differences(kept: &BTreeMap<ObjectKey, ObjectState>, rebuilt: &BTreeMap<ObjectKey, ObjectState>) -> Vec<Difference> {
    let objects: BTreeSet<&ObjectKey> = kept.keys().chain(rebuilt.keys()).collect();
    let pairs = objects.into_iter().map(|object| {
        let state = |of: &BTreeMap<ObjectKey, ObjectState>| of.get(object).cloned().unwrap_or_default();
        Difference { object: object.clone(), kept: state(kept), rebuilt: state(rebuilt) }
    });
    pairs.filter(|it| it.kept.facts != it.rebuilt.facts || it.kept.totals != it.rebuilt.totals).collect()
}

/// A row before its texts are read.
struct Raw {
    object: ObjectKey,
    place: Place,
    transaction: TransactionId,
    state: EntryState,
    adds: String,
    sets: String,
    changed_at: Timestamp,
}

impl Raw {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            object: ObjectKey { kind: row.get("kind")?, key: row.get("key")? },
            place: (row.get("rank")?, row.get("part")?),
            transaction: id(row, "transaction")?,
            state: word(row, "state", EntryState::from_word)?,
            adds: row.get("adds")?,
            sets: row.get("sets")?,
            changed_at: Timestamp::from_micros(row.get("changed_at")?),
        })
    }

    fn read(self) -> Result<LedgerRow, StoreError> {
        let Self { object, place: _, transaction, state, adds, sets, changed_at } = self;
        let entry = Entry { object, adds: adds_of(&adds)?, sets: sets_of(&sets)? };
        Ok(LedgerRow { transaction, entry, state, changed_at })
    }
}
