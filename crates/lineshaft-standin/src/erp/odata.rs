//! The look of OData V2: quoted decimals, `/Date(ms)/`, the error body. What it may be asked stands in [`super::query`].

use http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::serve::Answer;

/// A refusal as the ERP words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Message class and number: `RU/505`.
    pub code: &'static str,
    /// The sentence.
    pub text: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into() }
    }

    /// Code and sentence, as they are shown where one line is all there is.
    pub(super) fn sentence(&self) -> String {
        format!("{} {}", self.code, self.text)
    }

    pub(super) fn answer(&self) -> Answer {
        let message = json!({"lang": "en", "value": self.text});
        Answer::json(self.status, &json!({"error": {"code": self.code, "message": message}}))
    }
}

/// A decimal with three places: `24.500`.
pub(super) fn three(decimal: Decimal) -> String {
    let mut rounded = decimal.round_dp(3);
    rounded.rescale(3);
    rounded.to_string()
}

/// The date of an instant as V2 sends dates: midnight UTC in milliseconds.
pub(super) fn date(micros: i64) -> String {
    const DAY_MS: i64 = 86_400_000;
    format!("/Date({})/", micros.div_euclid(1_000).div_euclid(DAY_MS) * DAY_MS)
}

/// A text field; empty if it is absent or no text.
pub(super) fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap_or_default()
}

/// A text field that must be there.
pub(super) fn needed<'a>(document: &'a Value, field: &str) -> Result<&'a str, Refusal> {
    match text(document, field) {
        "" => Err(Refusal::new(400, "RU/010", format!("Field {field} is required"))),
        found => Ok(found),
    }
}

/// A quantity: a string, as V2 wants it. A JSON number is refused, because the real service refuses it.
pub(super) fn quantity(document: &Value, field: &str) -> Result<Option<Decimal>, Refusal> {
    let wrong = |found: &Value| Refusal::new(400, "RU/010", format!("Field {field} is not a quantity: {found}"));
    match &document[field] {
        Value::Null => Ok(None),
        Value::String(text) => text.parse().map(Some).map_err(|_| wrong(&document[field])),
        other => Err(wrong(other)),
    }
}

/// The lines of a navigation property: an array, or `{"results":[…]}`.
pub(super) fn lines<'a>(document: &'a Value, field: &str) -> &'a [Value] {
    let found = &document[field];
    found.as_array().or_else(|| found["results"].as_array()).map_or(&[], Vec::as_slice)
}

/// `{"d":{"results":[…]}}`.
pub(super) fn results(found: Vec<Value>) -> Answer {
    Answer::json(200, &json!({"d": {"results": found}}))
}

/// The calendar year of an instant in UTC, which stands in for the posting year.
pub(super) fn year(micros: i64) -> i16 {
    jiff::Timestamp::from_microsecond(micros).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).year()
}

/// `yyyymmddhhmmss` in UTC, as times of change are written.
pub(super) fn compact_time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).unwrap_or_default().strftime("%Y%m%d%H%M%S").to_string()
}

/// Whether a request changes something, for CSRF.
pub(super) fn writes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_three_places_and_dates_are_midnight_utc() {
        assert_eq!(three("24.5".parse().unwrap()), "24.500");
        assert_eq!(three("0.0005".parse().unwrap()), "0.000");
        assert_eq!(three(Decimal::from(1_234_567)), "1234567.000");
        assert_eq!(date(1_795_392_000_000_000 + 5_000_000), "/Date(1795392000000)/");
        assert_eq!(date(-1), "/Date(-86400000)/");
    }

    #[test]
    fn numbers_that_are_not_quoted_are_refused() {
        assert!(quantity(&json!({"q": 5}), "q").is_err());
        assert_eq!(quantity(&json!({"q": "5.000"}), "q").unwrap(), Some(Decimal::from(5)));
        assert_eq!(quantity(&json!({}), "q").unwrap(), None);
    }
}
