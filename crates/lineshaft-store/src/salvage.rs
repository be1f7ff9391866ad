//! Copying what is readable of a damaged database into a new one, and listing the rest.
//!
//! Each table is read in the order of its key from the front until a row cannot be read, then from the back; payloads
//! between the two are tried one by one. What lies between two damaged pages of another table is not looked for. Nothing
//! is invented: what is missing in the copy is missing, and the check of the copy says which transactions it leaves
//! without their deliveries. The original is not changed.

use std::path::Path;

use lineshaft_model::ids::IncarnationId;
use lineshaft_model::random::Rng;
use lineshaft_model::time::Clock;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use crate::check::{Report, check};
use crate::migrate::{is_current, migrate};
use crate::store::{DATABASE, StoreError, lock, make_private, open_reader};

/// Most ranges and rows that are listed for one table.
const LISTED_MAX: usize = 100;

/// Rows copied in one commit of the new database.
const ROWS_AT_ONCE: usize = 5000;

/// Tables that are made anew: counters from the rows, migrations by this version.
const MADE_ANEW: [&str; 2] = ["counts", "migrations"];

/// What a salvage came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Every table that was copied.
    pub tables: Vec<Table>,
    /// What a check of the copy found.
    pub report: Report,
}

impl Salvaged {
    /// Whether everything could be read, and fits together.
    pub fn is_whole(&self) -> bool {
        self.tables.iter().all(|table| table.lost.is_empty()) && self.report.is_sound()
    }
}

/// What became of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Rows that were copied.
    pub rows: u64,
    /// What could not be read.
    pub lost: Vec<String>,
}

/// Copies what is readable below `from` into a new database below `to`.
pub fn salvage(from: &Path, to: &Path, clock: &dyn Clock, rng: &dyn Rng) -> Result<Salvaged, StoreError> {
    let _lock = lock(from)?;
    let source = open_reader(&from.join(DATABASE))?;
    is_current(&source)?;
    make_private(to).map_err(|error| StoreError::Write(format!("{}: {error}", to.display())))?;
    let file = to.join(DATABASE);
    if file.exists() {
        return Err(StoreError::Write(format!("{} holds a database already", to.display())));
    }
    let mut target = Connection::open(&file)?;
    target.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -32768;")?;
    migrate(&mut target)?;
    let names: Vec<String> = target
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut tables = Vec::new();
    for name in names.iter().filter(|name| !MADE_ANEW.contains(&name.as_str())) {
        tables.push(Copying::new(&source, &target, name)?.run()?);
    }
    begin_new_life(&target, clock, rng)?;
    recount(&source, &target)?;
    let (report, _) = check(&target);
    for damaged in &report.damaged {
        target.execute(
            "INSERT INTO damaged (payload, intake, found_at) SELECT id, intake, ?2 FROM payloads WHERE id = ?1 ON CONFLICT DO NOTHING",
            params![damaged.payload, clock.now().as_micros()],
        )?;
    }
    target.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(Salvaged { tables, report })
}

/// Copying one table.
struct Copying<'a> {
    source: &'a Connection,
    target: &'a Connection,
    columns: usize,
    /// Columns of the key, as they are written in a statement.
    key: Vec<String>,
    /// Where they stand among the columns.
    key_at: Vec<usize>,
    insert: String,
    found: Table,
}

/// How far a pass came.
enum Pass {
    /// To the end.
    Whole,
    /// To behind the row with this key; `None` if it read none.
    Until(Option<Vec<Value>>, String),
}

impl<'a> Copying<'a> {
    fn new(source: &'a Connection, target: &'a Connection, name: &str) -> Result<Self, StoreError> {
        let columns: Vec<(String, i64)> = target
            .prepare("SELECT name, pk FROM pragma_table_info(?1)")?
            .query_map(params![name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut key: Vec<(i64, usize)> =
            columns.iter().enumerate().filter(|(_, (_, pk))| *pk > 0).map(|(at, (_, pk))| (*pk, at)).collect();
        key.sort_unstable();
        let key_at: Vec<usize> = key.into_iter().map(|(_, at)| at).collect();
        let quoted: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let places: Vec<String> = (1..=columns.len()).map(|at| format!("?{at}")).collect();
        Ok(Self {
            source,
            target,
            columns: columns.len(),
            key: key_at.iter().map(|at| quoted[*at].clone()).collect(),
            key_at,
            insert: format!("INSERT INTO {name} ({}) VALUES ({})", quoted.join(", "), places.join(", ")),
            found: Table { name: name.to_owned(), ..Table::default() },
        })
    }

    fn run(mut self) -> Result<Table, StoreError> {
        self.target.execute_batch("BEGIN")?;
        let front = self.pass("ASC", None)?;
        if let Pass::Until(first, cause) = front {
            let back = self.pass("DESC", first.as_deref())?;
            let last = if let Pass::Until(last, _) = back { last } else { None };
            let tried = self.one_by_one(first.as_deref(), last.as_deref())?;
            let name = |key: &Option<Vec<Value>>, none: &str| key.as_deref().map_or(none.to_owned(), shown);
            let range = format!("between {} and {}", name(&first, "the beginning"), name(&last, "the end"));
            let rest = if tried { ", those that could be read one by one excepted" } else { "" };
            self.lose(format!("rows {range}{rest}: {cause}"));
        }
        self.target.execute_batch("COMMIT")?;
        Ok(self.found)
    }

    /// Copies in the order of the key until a row cannot be read, or `stop` is met.
    fn pass(&mut self, order: &str, stop: Option<&[Value]>) -> Result<Pass, StoreError> {
        let by: Vec<String> = self.key.iter().map(|column| format!("{column} {order}")).collect();
        let select = format!("SELECT * FROM {} ORDER BY {}", self.found.name, by.join(", "));
        let mut last = None;
        let mut statement = match self.source.prepare(&select) {
            Ok(statement) => statement,
            Err(error) => return Ok(Pass::Until(None, error.to_string())),
        };
        let mut rows = match statement.query([]) {
            Ok(rows) => rows,
            Err(error) => return Ok(Pass::Until(None, error.to_string())),
        };
        loop {
            let row = rows.next().and_then(|row| match row {
                Some(row) => {
                    (0..self.columns).map(|at| row.get::<_, Value>(at)).collect::<Result<Vec<_>, _>>().map(Some)
                }
                None => Ok(None),
            });
            match row {
                Ok(None) => return Ok(Pass::Whole),
                Ok(Some(row)) => {
                    let key: Vec<Value> = self.key_at.iter().map(|at| row[*at].clone()).collect();
                    if stop == Some(key.as_slice()) {
                        return Ok(Pass::Whole);
                    }
                    self.put(&row)?;
                    last = Some(key);
                }
                Err(error) => return Ok(Pass::Until(last, error.to_string())),
            }
        }
    }

    /// Numbered rows between two keys can be asked for by their number. Says whether these are such rows.
    fn one_by_one(&mut self, first: Option<&[Value]>, last: Option<&[Value]>) -> Result<bool, StoreError> {
        if self.found.name != "payloads" {
            return Ok(false);
        }
        let number = |key: Option<&[Value]>| match key {
            Some([Value::Integer(number)]) => Some(*number),
            _ => None,
        };
        let given: Option<i64> =
            self.target.query_row("SELECT max(payload) FROM intakes", [], |row| row.get(0)).optional()?.flatten();
        let end = number(last).or(given.map(|given| given + 1)).unwrap_or(0);
        let columns = self.columns;
        let mut one = match self.source.prepare("SELECT * FROM payloads WHERE id = ?1") {
            Ok(one) => one,
            Err(_) => return Ok(false),
        };
        for id in number(first).map_or(1, |first| first + 1)..end {
            let row =
                one.query_row(params![id], |row| (0..columns).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>());
            match row.optional() {
                Ok(Some(row)) => self.put(&row)?,
                Ok(None) => {}
                Err(error) => self.lose(format!("payload {id}: {error}")),
            }
        }
        Ok(true)
    }

    fn put(&mut self, row: &[Value]) -> Result<(), StoreError> {
        match self.target.prepare_cached(&self.insert)?.execute(params_from_iter(row)) {
            Ok(_) => {
                self.found.rows += 1;
                if self.found.rows.is_multiple_of(ROWS_AT_ONCE as u64) {
                    self.target.execute_batch("COMMIT; BEGIN")?;
                }
                Ok(())
            }
            // It holds what no version of this program wrote.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                let key: Vec<Value> = self.key_at.iter().map(|at| row[*at].clone()).collect();
                self.lose(format!("row {}: {error}", shown(&key)));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn lose(&mut self, what: String) {
        if self.found.lost.len() < LISTED_MAX {
            self.found.lost.push(what);
        }
    }
}

/// A copy that may lack rows is another life of the database (LK4), and hands out no number twice.
fn begin_new_life(target: &Connection, clock: &dyn Clock, rng: &dyn Rng) -> Result<(), StoreError> {
    let now = clock.now();
    let incarnation = IncarnationId::new(now, rng);
    target.execute(
        "INSERT INTO node (one, incarnation, created_at, epoch, last_rank, catalog) VALUES (1, ?1, ?2, 0, 0, 0)
         ON CONFLICT (one) DO UPDATE SET incarnation = excluded.incarnation",
        params![incarnation.as_bytes().as_slice(), now.as_micros()],
    )?;
    target.execute(
        "UPDATE node SET epoch = max(epoch, (SELECT coalesce(max(epoch), 0) FROM deliveries)) + 1,
           last_rank = max(last_rank, (SELECT coalesce(max(rank), 0) FROM intakes)),
           last_payload = max(last_payload, (SELECT coalesce(max(id), 0) FROM payloads), (SELECT coalesce(max(payload), 0) FROM intakes)),
           catalog = max(catalog, (SELECT coalesce(max(catalog), 0) FROM reference_versions))",
        [],
    )?;
    Ok(())
}

/// Counters as the rows of the copy come to; what is gone or was refused is known from the original alone.
fn recount(source: &Connection, target: &Connection) -> Result<(), StoreError> {
    target.execute_batch(
        "DELETE FROM counts;
         INSERT INTO counts SELECT 'intakes', '', '', count(*), 0 FROM intakes;
         INSERT INTO counts SELECT 'parts', '', '', coalesce(sum(parts), 0), 0 FROM intakes;
         INSERT INTO counts SELECT 'planned', '', '', coalesce(sum(planned), 0), 0 FROM transactions WHERE state = 'processed';
         INSERT INTO counts SELECT 'transactions', '', state, count(*), 0 FROM transactions GROUP BY state;
         INSERT INTO counts SELECT 'deliveries', receiver, state, count(*), 0 FROM deliveries GROUP BY receiver, state;",
    )?;
    let known = source
        .prepare("SELECT what, name, state, CASE what WHEN 'refused' THEN live ELSE 0 END, gone FROM counts")
        .and_then(|mut statement| {
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
                .collect::<Result<Vec<(String, String, String, i64, i64)>, _>>()
        });
    for (what, name, state, live, gone) in known.unwrap_or_default() {
        target.execute(
            "INSERT INTO counts (what, name, state, live, gone) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (what, name, state) DO UPDATE SET live = live + excluded.live, gone = excluded.gone",
            params![what, name, state, live, gone],
        )?;
    }
    Ok(())
}

/// A key as a person can look for it: ids as ids.
fn shown(key: &[Value]) -> String {
    let parts = key.iter().map(|value| match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(bytes) => lineshaft_model::ids::TransactionId::from_bytes(bytes).to_string(),
            Err(_) => format!("{} bytes", bytes.len()),
        },
    });
    parts.collect::<Vec<_>>().join(" ")
}
