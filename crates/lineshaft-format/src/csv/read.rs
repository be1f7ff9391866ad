//! CSV bytes to rows, one at a time. Deliberately absent: memory for more than the row at hand.

use std::borrow::Cow;
use std::collections::HashSet;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;

use super::CsvOptions;
use crate::charset::Charset;
use crate::place::{field_step, line_column_from, line_ends};

/// A row may have this many fields.
pub const COLUMNS_MAX: usize = 1024;

/// A row may have this many bytes, line ends inside quotes included.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;

/// [`decode`] reads this many cells at most, because it holds all of them; [`rows`] has no such limit.
pub const CELLS_MAX: usize = 500_000;

/// Reads a whole file to a list of maps; the first bad row is the fault.
///
/// # Errors
/// As [`rows`] and its rows, and [`Code::DecodeLimit`] beyond [`CELLS_MAX`].
pub fn decode(bytes: &[u8], options: &CsvOptions) -> Result<Tree, Fault> {
    let mut rows = rows(bytes, options)?;
    let mut list = Vec::new();
    while let Some(row) = rows.next() {
        list.push(row.tree?);
        if list.len() * rows.names.len() > CELLS_MAX {
            let message = format!("the file has more than {CELLS_MAX} cells; send it in smaller files");
            return Err(Fault::new(Code::DecodeLimit, message).at(format!("row {}", row.number)));
        }
    }
    Ok(Tree::List(list))
}

/// Starts reading row by row, so that one bad row does not keep the others back.
///
/// # Errors
/// What concerns the file as a whole: [`Code::DecodeSyntax`] for options that cannot work, a header with an empty
/// name or without a required column; [`Code::DecodeDuplicateField`] for a name twice; [`Code::DecodeEncoding`];
/// [`Code::DecodeLimit`] for a header of more than [`COLUMNS_MAX`] columns.
pub fn rows<'bytes>(bytes: &'bytes [u8], options: &CsvOptions) -> Result<Rows<'bytes>, Fault> {
    options.check().map_err(|problem| Fault::new(Code::DecodeSyntax, problem))?;
    let (bytes, charset) = single_bytes(bytes, options.charset)?;
    let mut rows = Rows {
        scanner: Scanner { bytes, at: 0, delimiter: options.delimiter, quote: options.quote },
        charset,
        names: options.columns.clone(),
        number: 0,
        row_start: 0,
        row_line: 1,
        is_over: false,
    };
    if options.header {
        rows.read_header(&options.columns)?;
    } else if rows.names.len() > COLUMNS_MAX {
        return Err(too_many_columns());
    } else if rows.names.is_empty() {
        rows.number_columns();
    }
    Ok(rows)
}

/// The file in a character set whose delimiters are single bytes: UTF-16 is read to UTF-8 as a whole.
fn single_bytes(bytes: &[u8], charset: Charset) -> Result<(Cow<'_, [u8]>, Charset), Fault> {
    let (charset, bytes) = match Charset::of_mark(bytes) {
        Some((marked, length)) => (marked, &bytes[length..]),
        None => (charset, bytes),
    };
    match charset {
        Charset::Utf16Le | Charset::Utf16Be => {
            Ok((Cow::Owned(charset.document(bytes)?.into_owned().into_bytes()), Charset::Utf8))
        }
        _ => match Charset::unmarked_utf16(bytes) {
            Some(found) => {
                let message = format!("the file is {} without a byte order mark, not {}", found.name(), charset.name());
                Err(Fault::new(Code::DecodeEncoding, message).at("1:1"))
            }
            None => Ok((Cow::Borrowed(bytes), charset)),
        },
    }
}

/// One row of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// From 1, without the header and blank lines; a bad row counts too.
    pub number: u64,
    /// The row as a map of text, or what is wrong with it.
    pub tree: Result<Tree, Fault>,
}

/// The rows of a file, read when they are asked for.
#[derive(Clone, Debug)]
pub struct Rows<'bytes> {
    scanner: Scanner<'bytes>,
    charset: Charset,
    names: Vec<String>,
    number: u64,
    /// Where the row at hand begins, and its line: counted on from row to row, so that a file of bad rows costs no
    /// more than one of good rows.
    row_start: usize,
    row_line: usize,
    is_over: bool,
}

impl Rows<'_> {
    /// The columns' names, in the order of the file.
    pub fn columns(&self) -> &[String] {
        &self.names
    }

    fn read_header(&mut self, required: &[String]) -> Result<(), Fault> {
        let fields = match self.next_fields() {
            Some(row) => row.map_err(|bad| self.fault(bad.code, bad.message, bad.at, "header"))?,
            None => Vec::new(),
        };
        let start = self.row_start;
        let names = self.texts(&fields).map_err(|at| self.bad_byte(at, "header"))?;
        let mut seen = HashSet::new();
        for name in &names {
            if name.is_empty() {
                let message = "a column has no name in the header";
                return Err(self.fault(Code::DecodeSyntax, message.to_owned(), start, "header"));
            }
            if !seen.insert(name) {
                let message = format!("the header names column {} twice", field_step(name));
                return Err(self.fault(Code::DecodeDuplicateField, message, start, "header"));
            }
        }
        if let Some(missing) = required.iter().find(|name| !seen.contains(name)) {
            let message = format!("the header does not name column {}", field_step(missing));
            return Err(self.fault(Code::DecodeSyntax, message, start, "header"));
        }
        self.names = names;
        Ok(())
    }

    /// Names for a file that brings none: as many as its first sound row has fields.
    fn number_columns(&mut self) {
        let mut ahead = self.scanner.clone();
        let mut next = || {
            ahead.skip_blank_lines();
            ahead.row()
        };
        let count = std::iter::from_fn(&mut next).find_map(Result::ok).map_or(0, |fields| fields.len());
        self.names = (1..=count).map(|number| format!("column{number}")).collect();
    }

    fn next_fields(&mut self) -> Option<Result<Vec<Field>, BadRow>> {
        self.scanner.skip_blank_lines();
        let start = self.scanner.at;
        self.row_line += line_ends(&self.scanner.bytes[self.row_start..start]);
        self.row_start = start;
        self.scanner.row()
    }

    fn tree(&self, row: Result<Vec<Field>, BadRow>) -> Result<Tree, Fault> {
        let place = format!("row {}", self.number);
        let fields = row.map_err(|bad| self.fault(bad.code, bad.message, bad.at, &place))?;
        if fields.len() != self.names.len() {
            let message = format!("the row has {} fields, not {}", fields.len(), self.names.len());
            return Err(self.fault(Code::DecodeSyntax, message, self.row_start, &place));
        }
        let texts = self.texts(&fields).map_err(|at| self.bad_byte(at, &place))?;
        Ok(Tree::Map(self.names.iter().cloned().zip(texts.into_iter().map(Tree::Text)).collect()))
    }

    /// The fields as text; the error is the offset of the first byte that the character set does not define.
    fn texts(&self, fields: &[Field]) -> Result<Vec<String>, usize> {
        let quote = char::from(self.scanner.quote);
        let text = |field: &Field| {
            let raw = &self.scanner.bytes[field.start..field.end];
            let text = self.charset.text(raw).map_err(|at| field.start + at)?;
            Ok(match field.has_doubled_quotes {
                true => text.replace(&format!("{quote}{quote}"), &quote.to_string()),
                false => text.into_owned(),
            })
        };
        fields.iter().map(text).collect()
    }

    fn bad_byte(&self, at: usize, place: &str) -> Fault {
        let message = format!("a byte of the {place} is not {}", self.charset.name());
        self.fault(Code::DecodeEncoding, message, at, place)
    }

    fn fault(&self, code: Code, message: String, at: usize, place: &str) -> Fault {
        let from_row = &self.scanner.bytes[self.row_start..];
        let line_column = line_column_from(from_row, self.row_line, at.saturating_sub(self.row_start));
        Fault::new(code, message).at(format!("{line_column}, {place}"))
    }
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.is_over {
            return None;
        }
        let row = self.next_fields()?;
        self.number += 1;
        self.is_over = matches!(&row, Err(bad) if bad.is_last);
        Some(Row { number: self.number, tree: self.tree(row) })
    }
}

/// A field's bytes, without its outer quotes.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    end: usize,
    has_doubled_quotes: bool,
}

struct BadRow {
    code: Code,
    message: String,
    at: usize,
    /// Nobody can tell where the next row begins.
    is_last: bool,
}

fn bad(code: Code, message: impl Into<String>, at: usize) -> BadRow {
    BadRow { code, message: message.into(), at, is_last: false }
}

fn too_many_columns() -> Fault {
    Fault::new(Code::DecodeLimit, format!("more than {COLUMNS_MAX} columns are declared"))
}

/// Finds fields; copies nothing.
#[derive(Clone, Debug)]
struct Scanner<'bytes> {
    bytes: Cow<'bytes, [u8]>,
    at: usize,
    delimiter: u8,
    quote: u8,
}

impl Scanner<'_> {
    /// The row that begins here, or nothing at the end; blank lines must be skipped already. After a bad row, the next line is the next row.
    fn row(&mut self) -> Option<Result<Vec<Field>, BadRow>> {
        if self.at == self.bytes.len() {
            return None;
        }
        let row = self.fields();
        if let Err(bad) = &row {
            if bad.is_last {
                self.at = self.bytes.len();
            } else {
                let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
                let rest = &self.bytes[self.at..];
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
            }
        }
        Some(row)
    }

    fn skip_blank_lines(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|byte| !matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
    }

    /// Reads to the line end of this row, and not over it.
    fn fields(&mut self) -> Result<Vec<Field>, BadRow> {
        let row_start = self.at;
        let mut fields = Vec::new();
        loop {
            if fields.len() == COLUMNS_MAX {
                let message = format!("the row has more than {COLUMNS_MAX} fields");
                return Err(bad(Code::DecodeLimit, message, row_start));
            }
            fields.push(match self.bytes.get(self.at) {
                Some(byte) if *byte == self.quote => self.quoted(row_start)?,
                _ => self.plain(row_start)?,
            });
            match self.bytes.get(self.at) {
                Some(byte) if *byte == self.delimiter => self.at += 1,
                None | Some(b'\n' | b'\r') => return Ok(fields),
                Some(_) => {
                    let message = "something stands between a closing quote and the next delimiter";
                    return Err(bad(Code::DecodeSyntax, message, self.at));
                }
            }
        }
    }

    fn plain(&mut self, row_start: usize) -> Result<Field, BadRow> {
        let start = self.at;
        let delimiter = self.delimiter;
        let is_end = |byte: &u8| *byte == delimiter || matches!(byte, b'\n' | b'\r');
        let rest = &self.bytes[start..];
        self.at += rest.iter().position(is_end).unwrap_or(rest.len());
        self.check_length(row_start, false)?;
        Ok(Field { start, end: self.at, has_doubled_quotes: false })
    }

    fn quoted(&mut self, row_start: usize) -> Result<Field, BadRow> {
        let open = self.at;
        let mut has_doubled_quotes = false;
        self.at += 1;
        loop {
            let window = &self.bytes[self.at..self.bytes.len().min(row_start + ROW_BYTES_MAX + 1)];
            let Some(to_quote) = window.iter().position(|byte| *byte == self.quote) else {
                self.at += window.len();
                self.check_length(row_start, true)?;
                let message = "a quote is opened and never closed; what follows cannot be told apart into rows";
                return Err(BadRow { is_last: true, ..bad(Code::DecodeSyntax, message, open) });
            };
            let end = self.at + to_quote;
            self.at = end + 1;
            self.check_length(row_start, true)?;
            if self.bytes.get(self.at) != Some(&self.quote) {
                return Ok(Field { start: open + 1, end, has_doubled_quotes });
            }
            has_doubled_quotes = true;
            self.at += 1;
        }
    }

    fn check_length(&self, row_start: usize, is_last: bool) -> Result<(), BadRow> {
        if self.at - row_start <= ROW_BYTES_MAX {
            return Ok(());
        }
        let message = format!("the row has more than {ROW_BYTES_MAX} bytes");
        Err(BadRow { is_last, ..bad(Code::DecodeLimit, message, row_start) })
    }
}
