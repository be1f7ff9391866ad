//! Periods of a reference table: `{ "from": "2026-11-01", "to": "2026-11-30", "state": "open", "of": "DE10" }`, by any key.

use jiff::civil::Date;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::tree::Tree;

/// The period that has a day.
pub struct Period<'a> {
    /// Its key in the table.
    pub key: &'a str,
    /// Whether something may be posted in it.
    pub is_open: bool,
}

/// The day of a date, or of the date that begins a time.
pub fn day(text: &str) -> Option<Date> {
    let date = text.get(..10)?;
    let rest = text.get(10..)?;
    date.parse().ok().filter(|_| rest.is_empty() || rest.starts_with('T'))
}

/// The period of `of` that has `day`; of several that have it, an open one.
///
/// # Errors
/// A record that is no period, in words: whether the day is in it cannot be told.
pub fn find<'a>(catalog: &'a Catalog, table: &str, of: Option<&str>, day: Date) -> Result<Option<Period<'a>>, String> {
    let mut found: Option<Period<'a>> = None;
    for (key, record) in catalog.records(table) {
        let field = |name: &str| record.get(name).and_then(Tree::scalar);
        if field("of") != of {
            continue;
        }
        let bound = |name: &str| {
            let date = field(name).and_then(self::day);
            date.ok_or_else(|| format!("{table} {key:?} says no day in `{name}`"))
        };
        if (bound("from")?..=bound("to")?).contains(&day) {
            let period = Period { key, is_open: field("state") == Some("open") };
            let is_open = period.is_open;
            found = Some(period);
            if is_open {
                break;
            }
        }
    }
    Ok(found)
}
