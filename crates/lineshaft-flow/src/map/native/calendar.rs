//! Dates and times as ERP systems write them, and plant-local dates.
//!
//! Everything here is text in, text out: `YYYY-MM-DD`, `hh:mm:ss`, RFC 3339 in UTC. A local time that a clock change
//! made ambiguous or skipped is an error unless the map declares which one is meant.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Disambiguation, TimeZone};
use jiff::{SignedDuration, Timestamp};
use vrl::compiler::prelude::*;

use super::{Arguments, Fails, Failure, Gives, Native};

const ONE: &[Parameter] = &[Parameter::required("value", kind::BYTES, "Text.")];

const fn native(
    name: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    call: fn(&Arguments) -> Result<Value, Failure>,
) -> Native {
    Native { name, about, parameters, gives: Gives::Text, fails: Fails::Maybe, call }
}

pub(super) static FUNCTIONS: &[Native] = &[
    native("sap_date", "/Date(ms)/ (its UTC date), YYYYMMDD or YYYY-MM-DD... as YYYY-MM-DD.", ONE, |a| {
        Ok(date(a.text(0)?)?.to_string().into())
    }),
    native("sap_time", "PT12H26M00S, hhmmss or hh:mm:ss as hh:mm:ss.", ONE, |a| {
        Ok(time(a.text(0)?)?.strftime("%H:%M:%S").to_string().into())
    }),
    native("sap_timestamp", "yyyymmddhhmmss in UTC, or /Date(ms)/, as RFC 3339.", ONE, |a| {
        Ok(timestamp(a.text(0)?)?.to_string().into())
    }),
    native("to_sap_date", "A date as /Date(ms)/ of its UTC midnight.", ONE, |a| {
        let midnight = DateTime::from_parts(date(a.text(0)?)?, Time::midnight());
        let instant = TimeZone::UTC.to_timestamp(midnight).map_err(|error| Failure::Words(error.to_string()))?;
        Ok(format!("/Date({})/", instant.as_millisecond()).into())
    }),
    native(
        "local_to_utc",
        "A local time in a zone as an RFC 3339 instant in UTC.",
        &[
            Parameter::required("value", kind::BYTES, "YYYY-MM-DDThh:mm:ss without an offset."),
            Parameter::required("zone", kind::BYTES, "IANA time zone."),
            Parameter::optional("fold", kind::BYTES, "earlier or later: which one where the clock was changed."),
        ],
        local_to_utc,
    ),
    native(
        "local_date",
        "The date that an instant has in a zone: the posting date of a plant.",
        &[
            Parameter::required("value", kind::BYTES, "An RFC 3339 instant."),
            Parameter::required("zone", kind::BYTES, "IANA time zone."),
        ],
        |a| {
            let text = a.text(0)?;
            let instant: Timestamp = text.parse().map_err(|_| unread(text, "an RFC 3339 instant"))?;
            Ok(instant.to_zoned(zone(a.text(1)?)?).date().to_string().into())
        },
    ),
];

fn unread(text: &str, what: &str) -> Failure {
    let start: String = text.chars().take(40).collect();
    Failure::Words(format!("{start:?} is not {what}"))
}

fn zone(name: &str) -> Result<TimeZone, Failure> {
    TimeZone::get(name).map_err(|_| unread(name, "an IANA time zone"))
}

/// The instant of `/Date(1493510400000)/` or `/Date(1493510400000+0000)/`; the offset is only how it was shown.
fn odata_instant(text: &str) -> Option<Timestamp> {
    let inside = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end = inside.rfind(['+', '-']).filter(|at| *at > 0).unwrap_or(inside.len());
    Timestamp::from_millisecond(inside[..end].parse().ok()?).ok()
}

/// Numbers out of fixed places of a text of digits.
fn number(text: &str, from: usize, to: usize) -> Option<i16> {
    let part = text.get(from..to)?;
    part.bytes().all(|letter| letter.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

fn date(text: &str) -> Result<Date, Failure> {
    let read = || {
        if let Some(instant) = odata_instant(text) {
            return Some(TimeZone::UTC.to_datetime(instant).date());
        }
        let compact = text.len() == 8;
        let dashed = text.len() == 10 || text.len() > 10 && matches!(text.as_bytes()[10], b'T' | b' ');
        let (month, day) = match (compact, dashed && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-') {
            (true, _) => (number(text, 4, 6)?, number(text, 6, 8)?),
            (_, true) => (number(text, 5, 7)?, number(text, 8, 10)?),
            _ => return None,
        };
        Date::new(number(text, 0, 4)?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    read().ok_or_else(|| unread(text, "a date"))
}

fn clock(hour: i16, minute: i16, second: i16) -> Option<Time> {
    Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, i8::try_from(second).ok()?, 0).ok()
}

fn time(text: &str) -> Result<Time, Failure> {
    let read = || {
        if text.starts_with("PT") {
            let duration: SignedDuration = text.parse().ok()?;
            let seconds = i32::try_from(duration.as_secs()).ok().filter(|seconds| (0..86_400).contains(seconds))?;
            return Time::midnight().checked_add(SignedDuration::from_secs(seconds.into())).ok();
        }
        match text.len() {
            6 => clock(number(text, 0, 2)?, number(text, 2, 4)?, number(text, 4, 6)?),
            8 if text.as_bytes()[2] == b':' && text.as_bytes()[5] == b':' => {
                clock(number(text, 0, 2)?, number(text, 3, 5)?, number(text, 6, 8)?)
            }
            _ => None,
        }
    };
    read().ok_or_else(|| unread(text, "a time of day"))
}

fn timestamp(text: &str) -> Result<Timestamp, Failure> {
    let read = || {
        if let Some(instant) = odata_instant(text) {
            return Some(instant);
        }
        if text.len() != 14 || !text.is_ascii() {
            return None;
        }
        let date = date(&text[..8]).ok()?;
        let time = clock(number(text, 8, 10)?, number(text, 10, 12)?, number(text, 12, 14)?)?;
        TimeZone::UTC.to_timestamp(DateTime::from_parts(date, time)).ok()
    };
    read().ok_or_else(|| unread(text, "a timestamp yyyymmddhhmmss"))
}

fn local_to_utc(arguments: &Arguments) -> Result<Value, Failure> {
    let (text, zone_name) = (arguments.text(0)?, arguments.text(1)?);
    // The library would read an offset and forget it.
    let with_offset = text.get(10..).is_some_and(|rest| rest.contains(['Z', 'z', '+', '-', '[']));
    let local: DateTime = match with_offset {
        true => return Err(unread(text, "a local time without an offset")),
        false => text.parse().map_err(|_| unread(text, "a local time YYYY-MM-DDThh:mm:ss"))?,
    };
    let ambiguous = zone(zone_name)?.to_ambiguous_timestamp(local);
    let rule = match arguments.optional_text(2)? {
        Some("earlier") => Disambiguation::Earlier,
        Some("later") => Disambiguation::Later,
        Some(other) => return Err(unread(other, "a fold: earlier or later")),
        None => Disambiguation::Reject,
    };
    let what = match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => "was skipped by a clock change",
        AmbiguousOffset::Fold { .. } => "happened twice, because the clock was put back",
        AmbiguousOffset::Unambiguous { .. } => "is out of range",
    };
    let instant = ambiguous
        .disambiguate(rule)
        .map_err(|_| format!("{local} in {zone_name} {what}: declare fold: \"earlier\" or \"later\""))?;
    Ok(instant.to_string().into())
}
