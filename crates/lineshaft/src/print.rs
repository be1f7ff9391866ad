//! How lists, times and spans look on a terminal. Data goes to standard output; no colours, no boxes.

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use jiff::tz::TimeZone;

/// How a list is written.
#[derive(Args, Clone, Copy)]
pub struct OutputArgs {
    /// How the result is written
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// As the API answers, for programs
    Json,
    /// The items of a list, one JSON object a line; what is no list is one line
    Ndjson,
}

impl OutputArgs {
    /// The same for what no API answered.
    pub fn wrote(self, what: &impl serde::Serialize) -> bool {
        let text = serde_json::to_string(what).unwrap_or_default();
        self.wrote_json(&text)
    }

    /// Writes the API's answer if that was asked for; says whether it was.
    pub fn wrote_json(self, answer: &str) -> bool {
        match self.output {
            Output::Table => {}
            Output::Json => out(answer),
            Output::Ndjson => items(answer).iter().for_each(|item| out(item)),
        }
        self.output != Output::Table
    }
}

/// The items of a list, each as the API wrote it; anything else as it stands.
fn items(answer: &str) -> Vec<&str> {
    #[derive(serde::Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        items: Vec<&'a serde_json::value::RawValue>,
    }
    match serde_json::from_str::<List<'_>>(answer) {
        Ok(list) => list.items.into_iter().map(serde_json::value::RawValue::get).collect(),
        Err(_) => vec![answer],
    }
}

/// Writes to standard output. A reader that has gone away ends the program without a word, as with other tools.
pub fn out(text: &str) {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    if stdout
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { writeln!(stdout) })
        .is_err()
    {
        std::process::exit(0);
    }
}

/// Writes rows under their headings. Columns of numbers are right-aligned by name.
pub fn table(headings: &[&str], numbers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings);
    table.add_rows(rows.into_iter().map(|row| row.iter().map(|cell| printable(cell)).collect::<Vec<_>>()));
    for (at, heading) in headings.iter().enumerate() {
        if let Some(column) = table.column_mut(at) {
            column.set_padding((0, 2));
            if numbers.contains(heading) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    for line in table.to_string().lines() {
        out(line.trim_end());
    }
}

/// Text without control characters: what a target answered must not move the cursor.
pub fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The same, keeping line ends and tabs, for documents.
pub fn printable_lines(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() && !matches!(letter, '\n' | '\t') { ' ' } else { letter })
        .collect()
}

/// An instant with its offset, to the second: in the zone that `TZ` names, otherwise in UTC.
pub fn instant(rfc3339: &str) -> String {
    instant_in(rfc3339, std::env::var("TZ").ok().as_deref())
}

fn instant_in(rfc3339: &str, zone: Option<&str>) -> String {
    let Ok(instant) = rfc3339.parse::<jiff::Timestamp>() else { return rfc3339.to_owned() };
    match zone.and_then(|name| TimeZone::get(name).ok()) {
        Some(zone) => instant.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        None => instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    }
}

/// A span of time in its two largest units: `38 min`, `2 h 05 min`, `3 d 4 h`.
pub fn span(secs: u64) -> String {
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min", secs / 60),
        3600..86_400 => format!("{} h {:02} min", secs / 3600, secs % 3600 / 60),
        _ => format!("{} d {} h", secs / 86_400, secs % 86_400 / 3600),
    }
}

/// Bytes in the unit that people read.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = "bytes";
    let (mut whole, mut tenth) = (count, 0);
    for next in UNITS {
        if whole < 1024 {
            break;
        }
        (tenth, whole, unit) = (whole % 1024 * 10 / 1024, whole / 1024, next);
    }
    if unit == "bytes" { format!("{count} bytes") } else { format!("{whole}.{tenth} {unit}") }
}

/// `1 delivery`, `2 deliveries`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_carry_their_offset() {
        assert_eq!(instant_in("2026-11-23T10:42:07.123Z", None), "2026-11-23T10:42:07Z");
        assert_eq!(instant_in("2026-11-23T10:42:07.123Z", Some("Europe/Berlin")), "2026-11-23T11:42:07+01:00");
        assert_eq!(instant_in("2026-11-23T10:42:07.123Z", Some("nowhere")), "2026-11-23T10:42:07Z");
        assert_eq!(instant_in("soon", None), "soon");
    }

    #[test]
    fn a_list_is_a_line_for_each_item_and_numbers_stay_as_they_are() {
        let list = r#"{"items":[{"n":1.50},{"n":2}],"more":false}"#;
        assert_eq!(items(list), [r#"{"n":1.50}"#, r#"{"n":2}"#]);
        assert_eq!(items(r#"{"items":[]}"#), [""; 0]);
        assert_eq!(items(r#"{"sound":true}"#), [r#"{"sound":true}"#]);
    }

    #[test]
    fn spans_and_sizes_read_at_a_glance() {
        let spans: Vec<_> = [59, 60, 7500, 90_000].map(span).into();
        assert_eq!(spans, ["59 s", "1 min", "2 h 05 min", "1 d 1 h"]);
        let sizes: Vec<_> = [1023, 1536, 5 * 1024 * 1024].map(bytes).into();
        assert_eq!(sizes, ["1023 bytes", "1.5 KiB", "5.0 MiB"]);
    }

    #[test]
    fn what_a_target_answered_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(printable_lines("a\u{1b}[2Jb\nc"), "a [2Jb\nc");
    }
}
