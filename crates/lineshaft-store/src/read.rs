//! Plain functions for reading, one file for each noun. They see what is committed, on connections of their own.

/// Deliveries: what is due, what was cut off, what to send.
pub mod deliveries;

/// Lines that stand still.
pub mod lines;

/// Transactions: by business key, whole, and those to process.
pub mod transactions;

/// Transactions that others take back, and which took back which.
pub mod originals;

/// Parked and in-doubt work, for a person to decide on.
pub mod exceptions;

/// Counts, and the conservation query.
pub mod status;

/// Who did what, and why.
pub mod audit;
/// Open deliveries past their agreed time.
pub mod late;

/// What retention can remove.
pub mod expiring;

/// Reference data in force.
pub mod reference;

/// What is known of business objects.
pub mod objects;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::payload::{Payload, Unreadable};
use crate::store::{Store, StoreError};

/// A stored id as its noun's id type.
fn id<Of>(row: &Row<'_>, column: &str) -> rusqlite::Result<lineshaft_model::ids::Id<Of>> {
    row.get::<_, [u8; 16]>(column).map(lineshaft_model::ids::Id::from_bytes)
}

/// A stored word as the enum it names; an unknown word reads as a damaged row.
fn word<T>(row: &Row<'_>, column: &str, read: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    read(&text).ok_or_else(|| rusqlite::Error::InvalidParameterName(format!("{column} {text:?}")))
}

/// A count, which is never negative.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0))
}

/// A nullable column, with the default where there is nothing.
fn or_default<T: FromSql + Default>(row: &Row<'_>, column: &str) -> rusqlite::Result<T> {
    row.get::<_, Option<T>>(column).map(Option::unwrap_or_default)
}

impl Store {
    /// The document at `slot` of a payload. `Expired` where its retention is over; one that is damaged is noted, so that
    /// it is set aside.
    fn payload(
        &self,
        connection: &Connection,
        number: i64,
        slot: i64,
    ) -> Result<Result<Vec<u8>, Unreadable>, StoreError> {
        let row: Option<(String, i64, Vec<u8>, Vec<u8>)> = connection
            .prepare_cached("SELECT codec, size, sha256, bytes FROM payloads WHERE id = ?1")?
            .query_row(params![number], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((codec, size, fingerprint, bytes)) = row else { return Ok(Err(Unreadable::Expired)) };
        let (size, slot) = (usize::try_from(size).unwrap_or(0), usize::try_from(slot).unwrap_or(0));
        let document = Payload::unpack(&codec, size, &fingerprint, bytes, slot);
        if document == Err(Unreadable::Damaged) {
            self.note_damaged(number);
        }
        Ok(document)
    }
}
