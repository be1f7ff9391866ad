//! Whether a database is sound: its pages, its books, its counters, object state, and every document against its checksum.
//! Reads everything and changes nothing. What one part finds unreadable does not keep the others from being told.
//!
//! What SQLite and our checksums cannot see is not found: pages have no checksum of their own, so a flipped bit in a
//! tracking row that still reads as one goes unnoticed.

use std::path::Path;

use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_model::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::mark::{self, Mark};
use crate::migrate;
use crate::payload::{Payload, Unreadable};
use crate::read::lines::stalled;
use crate::read::objects::rebuilt_differences;
use crate::read::status::{Conservation, books, counted};
use crate::store::{DATABASE, Store, StoreError, open_reader};

/// Payloads read in one go: between two, the log of a running node can be begun anew.
const PAYLOADS_AT_ONCE: i64 = 64;

/// Most lines of one kind that are listed; the rest is counted.
const LISTED_MAX: usize = 1000;

/// Most transactions that are named for one document.
const NAMED_MAX: usize = 10;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong with the file itself: pages, rows that cannot be read, commits that are missing.
    pub pages: Vec<String>,
    /// Both sides of the books, every row counted; `None` where they cannot be read.
    pub books: Option<Conservation>,
    /// What does not fit together: counters, object state, rows that others name.
    pub differences: Vec<String>,
    /// Payloads that were read.
    pub payloads: u64,
    /// Those whose bytes are not what was stored, at most so many.
    pub damaged: Vec<Damaged>,
    /// How many more there are.
    pub damaged_more: u64,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        let balanced = self.books.as_ref().is_some_and(|books| books.delta() == 0);
        self.pages.is_empty() && balanced && self.differences.is_empty() && self.damaged.is_empty()
    }
}

/// A payload whose bytes are not what was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The number of its row.
    pub payload: i64,
    /// The intake that it belongs to, if that is known.
    pub intake: Option<IntakeId>,
    /// The emitting interface; empty if the intake is gone.
    pub interface: String,
    /// Transactions that use it, the first ten.
    pub transactions: Vec<TransactionId>,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// Whether something open still needs it.
    pub needed: bool,
}

impl Store {
    /// Checks everything. On a running node it takes one of the reading connections for as long as it takes. A page that
    /// cannot be right ends the node, as wherever else it is met; a damaged document is set aside.
    pub fn check(&self) -> Result<Report, StoreError> {
        let (report, corrupt) = self.read(|connection| Ok(check(connection)))?;
        for damaged in &report.damaged {
            self.note_damaged(damaged.payload);
        }
        if let Some(cause) = corrupt {
            self.found_damage(&cause);
        }
        Ok(report)
    }
}

/// Checks the database below `directory` without a node. Changes nothing.
pub fn check_directory(directory: &Path) -> Result<Report, StoreError> {
    let mut lines = Vec::new();
    if let Some((_, cause)) = mark::noted_damage(directory) {
        lines.push(format!("found by the node, which ended: {cause}"));
    }
    let connection = match open_reader(&directory.join(DATABASE)) {
        Ok(connection) => connection,
        Err(StoreError::Corrupt(cause)) => return Ok(Report { pages: vec![cause], ..Report::default() }),
        Err(error) => return Err(error),
    };
    match migrate::is_current(&connection) {
        Ok(()) => {}
        Err(StoreError::Corrupt(cause) | StoreError::Damaged(cause)) => {
            return Ok(Report { pages: vec![cause], ..Report::default() });
        }
        Err(error) => return Err(error),
    }
    let (mut report, _) = check(&connection);
    lines.extend(missing_commits(&connection, directory));
    lines.append(&mut report.pages);
    Ok(Report { pages: lines, ..report })
}

/// Commits that the mark names and the database does not have.
fn missing_commits(connection: &Connection, directory: &Path) -> Option<String> {
    let marked = Mark::read(directory)?;
    let commits: i64 = connection.query_row("SELECT commits FROM node WHERE one = 1", [], |row| row.get(0)).ok()?;
    let missing = marked.checked_sub(u64::try_from(commits).ok()?).filter(|missing| *missing > 0)?;
    Some(format!("the newest {missing} commits are missing, although they were acknowledged"))
}

/// Checks everything over one connection; also what shows that a page cannot be right.
pub(crate) fn check(connection: &Connection) -> (Report, Option<String>) {
    let mut report = Report::default();
    let mut unreadable = Vec::new();
    let mut note = |what: &str, error: StoreError| unreadable.push((format!("{what}: {error}"), error));
    match integrity(connection) {
        Ok(lines) => report.pages = lines,
        Err(error) => note("the pages", error),
    }
    match both_books(connection) {
        Ok((rows, counters)) => {
            if rows != counters {
                report.differences.push(format!("the counters are {counters:?}, the rows {rows:?}"));
            }
            report.books = Some(rows);
        }
        Err(error) => note("the books", error),
    }
    match objects(connection) {
        Ok(lines) => report.differences.extend(lines),
        Err(error) => note("object state", error),
    }
    if report.books.as_ref().is_none_or(|books| books.delta() != 0) {
        match unmatched(connection) {
            Ok(lines) => report.differences.extend(lines),
            Err(error) => note("intakes and transactions", error),
        }
    }
    match without_document(connection) {
        Ok(lines) => report.differences.extend(lines),
        Err(error) => note("open deliveries", error),
    }
    match standing_still(connection) {
        Ok(lines) => report.differences.extend(lines),
        Err(error) => note("the lines of keys", error),
    }
    if let Err(error) = documents(connection, &mut report) {
        note(&format!("documents behind the first {}", report.payloads), error);
    }
    let mut corrupt = report.pages.first().cloned();
    for (line, error) in unreadable {
        corrupt = corrupt.or_else(|| matches!(error, StoreError::Corrupt(_)).then(|| line.clone()));
        report.pages.push(line);
    }
    (report, corrupt)
}

/// Objects whose kept state is not what their rows come to.
fn objects(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let differences = rebuilt_differences(connection)?;
    let lines = differences.iter().take(LISTED_MAX).map(|it| {
        format!(
            "object {}: kept as {:?} {:?}, its rows come to {:?} {:?}",
            it.object, it.kept.facts, it.kept.totals, it.rebuilt.facts, it.rebuilt.totals
        )
    });
    Ok(lines.collect())
}

/// The books by rows and by counters, on one view.
fn both_books(connection: &Connection) -> Result<(Conservation, Conservation), StoreError> {
    let view = connection.unchecked_transaction()?;
    let counters = books(&view)?;
    Ok((counted(&view, counters.gone)?, counters))
}

fn integrity(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let rows: Vec<String> =
        connection.prepare("PRAGMA integrity_check")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().filter(|row| row != "ok").collect())
}

/// Parts without their transaction, and transactions without their deliveries.
fn unmatched(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    let mut there = connection.prepare("SELECT 1 FROM transactions WHERE id = ?1")?;
    let mut intakes = connection.prepare("SELECT id, interface, parts FROM intakes")?;
    for row in intakes.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
        let (intake, interface, parts): ([u8; 16], String, u32) = row?;
        let intake = IntakeId::from_bytes(intake);
        for part in 0..parts {
            let transaction = TransactionId::of_part(intake, part);
            if lines.len() < LISTED_MAX && !there.exists(params![transaction.as_bytes().as_slice()])? {
                lines.push(format!(
                    "intake {intake} of {interface}: its part {part}, transaction {transaction}, is missing"
                ));
            }
        }
    }
    let mut there = connection.prepare("SELECT 1 FROM deliveries WHERE id = ?1")?;
    let mut intake_of = connection.prepare("SELECT 1 FROM intakes WHERE id = ?1")?;
    let mut transactions = connection.prepare("SELECT id, intake, interface, receivers, keys FROM transactions")?;
    let columns = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    for row in transactions.query_map([], columns)? {
        let (id, intake, interface, receivers, keys): ([u8; 16], [u8; 16], String, String, String) = row?;
        let id = TransactionId::from_bytes(id);
        if lines.len() < LISTED_MAX && !intake_of.exists(params![intake.as_slice()])? {
            lines.push(format!("transaction {id} of {interface}, keys {keys}: its intake is missing"));
        }
        for receiver in receivers.split_whitespace() {
            let delivery = DeliveryId::of(id, receiver);
            if lines.len() < LISTED_MAX && !there.exists(params![delivery.as_bytes().as_slice()])? {
                lines.push(format!(
                    "transaction {id} of {interface}, keys {keys}: its delivery to {receiver} is missing"
                ));
            }
        }
    }
    Ok(lines)
}

/// Open deliveries whose document is not there: nothing that is open expires.
fn without_document(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let lines = connection
        .prepare(
            "SELECT id, receiver FROM deliveries WHERE settled_at IS NULL AND body IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM payloads WHERE payloads.id = deliveries.body) LIMIT ?1",
        )?
        .query_map(params![i64::try_from(LISTED_MAX).unwrap_or(i64::MAX)], |row| {
            let id: [u8; 16] = row.get(0)?;
            let receiver: String = row.get(1)?;
            Ok(format!("delivery {} to {receiver} is open, and its document is missing", DeliveryId::from_bytes(id)))
        })?
        .collect::<Result<_, _>>()?;
    Ok(lines)
}

/// Lines that nothing keeps back, and of which nothing is on its way: the next start lets them go.
fn standing_still(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let lines = stalled(connection, LISTED_MAX)?.into_iter();
    let told = lines.map(|it| {
        format!(
            "the deliveries of {} to {} (sequence {}) wait, and nothing keeps them back: start the node again",
            it.order_key, it.system, it.sequence
        )
    });
    Ok(told.collect())
}

/// A document as it is stored.
struct Stored {
    number: i64,
    intake: Option<IntakeId>,
    codec: String,
    size: i64,
    fingerprint: Vec<u8>,
    stored_at: Timestamp,
    bytes: Vec<u8>,
}

/// Reads every document and compares its checksum.
fn documents(connection: &Connection, report: &mut Report) -> Result<(), StoreError> {
    let mut after = i64::MIN;
    loop {
        let rows: Vec<Stored> = connection
            .prepare_cached(
                "SELECT id, intake, codec, size, sha256, stored_at, bytes FROM payloads WHERE id > ?1 ORDER BY id LIMIT ?2",
            )?
            .query_map(params![after, PAYLOADS_AT_ONCE], |row| {
                Ok(Stored {
                    number: row.get(0)?,
                    intake: row.get::<_, Option<[u8; 16]>>(1)?.map(IntakeId::from_bytes),
                    codec: row.get(2)?,
                    size: row.get(3)?,
                    fingerprint: row.get(4)?,
                    stored_at: Timestamp::from_micros(row.get(5)?),
                    bytes: row.get(6)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.number;
        for Stored { number, intake, codec, size, fingerprint, stored_at, bytes } in rows {
            report.payloads += 1;
            let size = usize::try_from(size).unwrap_or(0);
            if Payload::unpack(&codec, size, &fingerprint, bytes, 0) == Err(Unreadable::Damaged) {
                if report.damaged.len() == LISTED_MAX {
                    report.damaged_more += 1;
                } else {
                    report.damaged.push(whose(connection, number, intake, stored_at)?);
                }
            }
        }
    }
}

/// Whose a damaged payload is, and whether anything open needs it.
fn whose(
    connection: &Connection,
    payload: i64,
    intake: Option<IntakeId>,
    stored_at: Timestamp,
) -> Result<Damaged, StoreError> {
    let mut damaged =
        Damaged { payload, intake, interface: String::new(), transactions: Vec::new(), stored_at, needed: false };
    let Some(intake) = intake else { return Ok(damaged) };
    let found: Option<(String, u32, i64)> = connection
        .prepare_cached("SELECT interface, parts, payload FROM intakes WHERE id = ?1")?
        .query_row(params![intake.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((interface, parts, received)) = found else { return Ok(damaged) };
    damaged.interface = interface;
    for part in 0..parts {
        let id = TransactionId::of_part(intake, part);
        let Some((uses, open)) = uses(connection, id, payload)? else { continue };
        if uses || payload == received {
            damaged.needed |= open;
            if damaged.transactions.len() < NAMED_MAX {
                damaged.transactions.push(id);
            }
        }
    }
    Ok(damaged)
}

/// Whether a transaction or a delivery of it names the payload, and whether anything of it is open.
fn uses(connection: &Connection, id: TransactionId, payload: i64) -> Result<Option<(bool, bool)>, StoreError> {
    let found: Option<(String, Option<i64>, String)> = connection
        .prepare_cached("SELECT state, event_payload, receivers FROM transactions WHERE id = ?1")?
        .query_row(params![id.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((state, event, receivers)) = found else { return Ok(None) };
    let mut uses = event == Some(payload);
    let mut open = matches!(state.as_str(), "accepted" | "parked");
    let mut one = connection.prepare_cached("SELECT body, settled_at IS NULL FROM deliveries WHERE id = ?1")?;
    for receiver in receivers.split_whitespace() {
        let delivery: Option<(Option<i64>, bool)> = one
            .query_row(params![DeliveryId::of(id, receiver).as_bytes().as_slice()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        if let Some((body, unsettled)) = delivery {
            uses |= body == Some(payload);
            open |= unsettled;
        }
    }
    Ok(Some((uses, open)))
}
