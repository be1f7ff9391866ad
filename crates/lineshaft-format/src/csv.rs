//! Delimited text: RFC 4180 with a free choice of delimiter and quote, read to a list of maps whose values are text.
//!
//! The reader is ours: the `csv` crate accepts a quote that is never closed, so that a file cut off in the middle
//! reads as if it were whole, and it copies a row before its length is known. Tests compare the two on sound input.
//!
//! A row ends at LF, CR LF or CR outside quotes; blank lines are no rows; blanks around a field belong to it; a quote
//! in the middle of an unquoted field is content (`3/4" pipe`). A bad row is a fault of that row alone, except where
//! nobody can tell any more where the next one begins: a quote that is never closed ends the reading.
//! Deliberately absent: comments, guessing of delimiter or types, fixed width.

mod read;

mod write;

pub use read::{CELLS_MAX, COLUMNS_MAX, ROW_BYTES_MAX, Row, Rows, decode, rows};
pub use write::encode;

use crate::charset::Charset;

/// How the file is written. The default is RFC 4180 with a header, in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Between fields: `,` by default; an ASCII character other than the quote, CR and LF.
    pub delimiter: u8,
    /// Around fields that hold delimiters, quotes or line ends, and doubled inside them: `"` by default.
    pub quote: u8,
    /// The first row holds the columns' names.
    pub header: bool,
    /// Reading with a header: columns that must be there, in any order. Reading without: the columns' names; empty
    /// means `column1`, `column2`, … as many as the first sound row has. Writing: the columns to write, in this order; other
    /// fields are left out. Empty means all fields in order of their first appearance.
    pub columns: Vec<String>,
    /// The character set to read where no byte order mark says otherwise. Writing is always UTF-8.
    pub charset: Charset,
    /// Writing: cells that a spreadsheet would run as a formula get a `'` in front (see [`encode`]).
    pub spreadsheet_safe: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            header: true,
            columns: Vec::new(),
            charset: Charset::Utf8,
            spreadsheet_safe: false,
        }
    }
}

impl CsvOptions {
    /// Whether the options can work at all; the error is a sentence for the person who wrote them.
    pub fn check(&self) -> Result<(), String> {
        for (what, byte) in [("delimiter", self.delimiter), ("quote", self.quote)] {
            if !byte.is_ascii() || matches!(byte, b'\n' | b'\r' | 0) {
                return Err(format!("the CSV {what} must be one ASCII character other than a line end"));
            }
        }
        if self.delimiter == self.quote {
            return Err("the CSV delimiter and quote must differ".to_owned());
        }
        match self.columns.iter().enumerate().find(|(at, name)| self.columns[..*at].contains(name)) {
            Some((_, name)) => Err(format!("the CSV column {name:?} is named twice")),
            None => Ok(()),
        }
    }
}
