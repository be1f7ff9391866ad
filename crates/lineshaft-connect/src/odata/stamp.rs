//! Times of change, as the three notations write them. Kept in units of 100 ns, the finest that any of them knows.
//!
//! A condition names whole seconds, rounded down: asking for a little too much is harmless, a fraction that the target
//! cuts off is not. A time without offset is read as if it were UTC: only the target's own times are compared.

use std::time::Duration;

use lineshaft_model::connection::odata::{Stamp as Notation, Version};
use lineshaft_model::time::Timestamp;

use crate::http::answer::days;

/// Units in a second.
const SECOND: i64 = 10_000_000;

/// An instant in units of 100 ns since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(i64);

impl Stamp {
    /// Reads a value of an answer: text in the declared notation, `/Date(ms+0000)/` of V2, or ISO 8601.
    pub(super) fn read(text: &str, notation: Notation) -> Option<Self> {
        match notation {
            Notation::Text => compact(text),
            Notation::Datetime | Notation::Datetimeoffset => date_of_v2(text).or_else(|| iso(text)),
        }
    }

    /// Reads `2026-11-23T10:42:07.123Z`.
    pub(super) fn from_iso(text: &str) -> Option<Self> {
        iso(text)
    }

    /// This instant less a span; not before the year 1.
    pub(super) fn less(self, span: Duration) -> Self {
        let units = i64::try_from(span.as_nanos() / 100).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(units).max(days(1, 1, 1) * 86_400 * SECOND))
    }

    /// Its second, rounded down.
    pub(super) const fn second(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The literal of a condition, in whole seconds.
    pub(super) fn literal(self, notation: Notation, version: Version) -> String {
        let iso = Timestamp::from_millis(self.second().saturating_mul(1000)).to_rfc3339();
        let plain = iso.split('.').next().unwrap_or_default();
        match (notation, version) {
            (Notation::Text, _) => {
                let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
                format!("'{digits}'")
            }
            (Notation::Datetime, _) => format!("datetime'{plain}'"),
            (Notation::Datetimeoffset, Version::V2) => format!("datetimeoffset'{plain}Z'"),
            (Notation::Datetimeoffset, Version::V4) => format!("{plain}Z"),
        }
    }

    /// For a cursor: the number of units.
    pub(super) fn to_text(self) -> String {
        self.0.to_string()
    }

    /// From a cursor.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn of(date: (i64, i64, i64), time: (i64, i64, i64), fraction: i64) -> Option<Self> {
        let ((year, month, day), (hour, minute, second)) = (date, time);
        let plausible = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && (0..=24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..=60).contains(&second);
        let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        plausible.then_some(Self(seconds * SECOND + fraction))
    }
}

/// `20261123104207`, also with a fraction: `20261123104207.1234567`.
fn compact(text: &str) -> Option<Stamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() != 14 {
        return None;
    }
    let part = |from: usize, to: usize| number(whole.get(from..to)?);
    let date = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    Stamp::of(date, (part(8, 10)?, part(10, 12)?, part(12, 14)?), parts_of_second(fraction)?)
}

/// `/Date(1795392000000)/` and `/Date(1795392000000+0060)/`: the milliseconds are UTC, the minutes only say where.
fn date_of_v2(text: &str) -> Option<Stamp> {
    let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
    let end =
        inner.char_indices().skip(1).find(|(_, char)| matches!(char, '+' | '-')).map_or(inner.len(), |(at, _)| at);
    inner.get(..end)?.parse::<i64>().ok()?.checked_mul(10_000).map(Stamp)
}

/// `2026-11-23T10:42:07`, with or without fraction, `Z` or offset.
fn iso(text: &str) -> Option<Stamp> {
    let (date, rest) = text.split_once('T')?;
    let mut date = date.split('-').map(number);
    let date = (date.next()??, date.next()??, date.next()??);
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        Some(at) if rest.get(at..)? == "Z" => (rest.get(..at)?, 0),
        Some(at) => {
            let (hours, minutes) = rest.get(at + 1..)?.split_once(':')?;
            let minutes = number(hours)? * 60 + number(minutes)?;
            (rest.get(..at)?, if rest.get(at..=at)? == "-" { -minutes } else { minutes })
        }
        None => (rest, 0),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.split(':').map(number);
    let time = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0))?);
    let Stamp(local) = Stamp::of(date, time, parts_of_second(fraction)?)?;
    Some(Stamp(local - offset * 60 * SECOND))
}

fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn parts_of_second(fraction: &str) -> Option<i64> {
    let padded: String = fraction.chars().chain("0000000".chars()).take(7).collect();
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then(|| padded.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_reads_and_asks() {
        let (text, date, offset) = (Notation::Text, Notation::Datetime, Notation::Datetimeoffset);
        for (given, notation, version, asked) in [
            ("20261123104207", text, Version::V2, "'20261123104207'"),
            ("20261123104207.9876543", text, Version::V4, "'20261123104207'"),
            ("/Date(1795430527999)/", date, Version::V2, "datetime'2026-11-23T10:42:07'"),
            ("/Date(1795430527123+0060)/", offset, Version::V2, "datetimeoffset'2026-11-23T10:42:07Z'"),
            ("/Date(-1)/", offset, Version::V2, "datetimeoffset'1969-12-31T23:59:59Z'"),
            ("2026-11-23T10:42:07.1234567Z", offset, Version::V4, "2026-11-23T10:42:07Z"),
            ("2026-11-23T11:42:07+01:00", offset, Version::V4, "2026-11-23T10:42:07Z"),
            ("2026-11-23T10:42:07", date, Version::V2, "datetime'2026-11-23T10:42:07'"),
            ("2028-02-29T00:00:00Z", offset, Version::V4, "2028-02-29T00:00:00Z"),
        ] {
            let stamp = Stamp::read(given, notation).expect(given);
            assert_eq!(stamp.literal(notation, version), asked, "{given}");
            assert_eq!(Stamp::from_text(&stamp.to_text()), Some(stamp));
        }
        for (wrong, notation) in
            [("", text), ("2026112310420", text), ("20261323104207", text), ("x", offset), ("/Date(x)/", date)]
        {
            assert_eq!(Stamp::read(wrong, notation), None, "{wrong}");
        }
    }

    #[test]
    fn an_overlap_crosses_days_and_ends_somewhere() {
        let stamp = Stamp::from_iso("2026-03-01T00:02:00Z").expect("instant");
        let before = stamp.less(Duration::from_secs(300));
        assert_eq!(before.literal(Notation::Text, Version::V2), "'20260228235700'");
        assert!(stamp.less(Duration::MAX) < before);
    }
}
