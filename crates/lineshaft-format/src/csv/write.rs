//! A list of maps to CSV bytes: UTF-8, CR LF, quotes only where they are needed.

use std::collections::HashSet;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;

use super::CsvOptions;
use super::read::COLUMNS_MAX;
use crate::json::is_number;

/// Writes one row per map. A field that a row lacks, and null, is an empty cell.
///
/// With `spreadsheet_safe`, a cell that starts with `=`, `+`, `-`, `@`, TAB, CR or NUL gets a `'` in front, because a
/// spreadsheet would run it (IN-7). A plain number such as `-5`, `+3`, `-1.234,5` or `-1e5` is left as it is:
/// it can do no harm, and a reader needs the number. [`super::decode`] does not take the `'` away again.
///
/// # Errors
/// [`Code::RenderFailed`]: not a list of maps, a cell that is a list or map, no columns or more than
/// [`COLUMNS_MAX`], options that cannot work; the row and column stand in `at`.
pub fn encode(tree: &Tree, options: &CsvOptions) -> Result<Vec<u8>, Fault> {
    options.check().map_err(failed)?;
    let Tree::List(rows) = tree else { return Err(failed("a CSV file is a list of maps")) };
    let columns = columns(rows, &options.columns)?;
    let mut out = String::new();
    if options.header {
        let names: Vec<&str> = columns.iter().map(|name| &**name).collect();
        write_row(&mut out, &names, options);
    }
    for (at, row) in rows.iter().enumerate() {
        let cells: Result<Vec<&str>, Fault> = columns.iter().map(|name| cell(row, name, at + 1)).collect();
        write_row(&mut out, &cells?, options);
    }
    Ok(out.into_bytes())
}

fn failed(message: impl Into<String>) -> Fault {
    Fault::new(Code::RenderFailed, message)
}

/// The columns to write: as declared, or every field in order of first appearance.
fn columns<'tree>(rows: &'tree [Tree], declared: &'tree [String]) -> Result<Vec<&'tree str>, Fault> {
    let mut columns: Vec<&str> = declared.iter().map(String::as_str).collect();
    let mut seen = HashSet::new();
    for (at, row) in rows.iter().enumerate() {
        let Tree::Map(fields) = row else {
            return Err(failed("a row must be a map").at(format!("row {}", at + 1)));
        };
        if declared.is_empty() {
            columns.extend(fields.iter().map(|(name, _)| name.as_str()).filter(|name| seen.insert(*name)));
        }
        if columns.len() > COLUMNS_MAX {
            return Err(failed(format!("a CSV file has at most {COLUMNS_MAX} columns")));
        }
    }
    if columns.is_empty() && !rows.is_empty() {
        return Err(failed("the rows have no fields, so there are no columns to write"));
    }
    Ok(columns)
}

fn cell<'tree>(row: &'tree Tree, name: &str, number: usize) -> Result<&'tree str, Fault> {
    match row.get(name) {
        None | Some(Tree::Null) => Ok(""),
        Some(value) => value.scalar().ok_or_else(|| {
            failed("a cell must be a scalar, not a list or map").at(format!("row {number}, column {name:?}"))
        }),
    }
}

fn write_row(out: &mut String, cells: &[&str], options: &CsvOptions) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.push(char::from(options.delimiter));
        }
        let guard = if options.spreadsheet_safe && could_run(cell) { "'" } else { "" };
        // A row of one empty cell would be a blank line, which is no row.
        let must_quote = cells == [""] || cell.bytes().any(|byte| needs_quotes(byte, options));
        if must_quote {
            let quote = char::from(options.quote);
            out.push(quote);
            out.push_str(guard);
            for character in cell.chars() {
                out.push(character);
                if character == quote {
                    out.push(quote);
                }
            }
            out.push(quote);
        } else {
            out.push_str(guard);
            out.push_str(cell);
        }
    }
    if !cells.is_empty() {
        out.push_str("\r\n");
    }
}

fn needs_quotes(byte: u8, options: &CsvOptions) -> bool {
    byte == options.delimiter || byte == options.quote || matches!(byte, b'\n' | b'\r')
}

/// True for a cell that a spreadsheet may take for a formula.
fn could_run(cell: &str) -> bool {
    match cell.as_bytes() {
        [b'+' | b'-', rest @ ..] => !(is_plain_number(rest) || is_number(cell)),
        [b'=' | b'@' | b'\t' | b'\r' | 0, ..] => true,
        _ => false,
    }
}

/// Digits with dots and commas among them, beginning with a digit.
fn is_plain_number(rest: &[u8]) -> bool {
    rest.first().is_some_and(u8::is_ascii_digit) && rest.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b','))
}
