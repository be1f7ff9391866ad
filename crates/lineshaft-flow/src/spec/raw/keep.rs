//! How long what is kept, and how much room there must be.

use lineshaft_model::connection::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long what is kept. Only what is settled expires: nothing of a transaction that is open, stopped or in doubt is ever
/// removed, however old. Times count from when everything that came in one document was settled.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Documents: as received, the canonical event, what was sent. Afterwards `trace show` says that they have expired.
    #[serde(default = "default_payloads")]
    pub payloads: Span,
    /// What tracks transactions: deliveries, attempts, business keys. Afterwards they are not found any more; totals of
    /// orders, batches and stock stay. Not shorter than `payloads`.
    #[serde(default = "default_tracking")]
    pub tracking: Span,
    /// Senders' idempotency keys, from their first use. At least 30 days, and not shorter than `payloads`. Without it 90
    /// days, or as long as `payloads` if that is longer.
    #[serde(default)]
    pub keys: Option<Span>,
    /// The audit log. Not shorter than `tracking`.
    #[serde(default = "default_audit")]
    pub audit: Span,
}

impl Default for Retention {
    fn default() -> Self {
        Self { payloads: default_payloads(), tracking: default_tracking(), keys: None, audit: default_audit() }
    }
}

/// Room on the disk under the data directory.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// Size of a file that only reserves room: given up when the disk is full, so that what was accepted can still be
    /// delivered and decided on; made again when there is twice its size. `0` for none.
    #[serde(default = "default_ballast")]
    pub ballast: Size,
    /// Share of the disk in use from which on new documents are refused with 503, until it is less again. Without it
    /// `95%`, but never while 4 GiB or more are free.
    #[serde(default)]
    pub refuse_above: Option<Percent>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { ballast: default_ballast(), refuse_above: None }
    }
}

/// A size: a whole number and a unit, `512KiB`, `64MiB` or `2GiB`; or `0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^([0-9]+(KiB|MiB|GiB)|0)$"))]
pub struct Size(pub String);

impl Size {
    /// The bytes it stands for. The error says what is wrong.
    pub fn bytes(&self) -> Result<u64, String> {
        let text = &self.0;
        let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let scale: u64 = match unit {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "" if number.bytes().all(|digit| digit == b'0') => 1,
            _ => return Err(format!("`{text}` is not a size")),
        };
        let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a size"))?;
        number.checked_mul(scale).ok_or_else(|| format!("`{text}` is larger than any disk"))
    }
}

/// A share of a whole: `95%`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^[0-9]+%$"))]
pub struct Percent(pub String);

impl Percent {
    /// The number before the sign. The error says what is wrong.
    pub fn number(&self) -> Result<u8, String> {
        let number = self.0.strip_suffix('%').and_then(|number| number.parse().ok());
        number.filter(|number| *number <= 100).ok_or_else(|| format!("`{}` is not a share", self.0))
    }
}

fn default_payloads() -> Span {
    Span("30d".to_owned())
}

fn default_tracking() -> Span {
    Span("400d".to_owned())
}

fn default_audit() -> Span {
    Span("3650d".to_owned())
}

fn default_ballast() -> Size {
    Size("64MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares_carry_their_unit() {
        let bytes = |text: &str| Size(text.into()).bytes().ok();
        assert_eq!([bytes("64MiB"), bytes("0"), bytes("2GiB")], [Some(64 << 20), Some(0), Some(2 << 30)]);
        for wrong in ["", "64", "64MB", "MiB", "1.5GiB", "-1KiB", "99999999999999GiB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
        let share = |text: &str| Percent(text.into()).number().ok();
        assert_eq!([share("95%"), share("95"), share("101%"), share("%")], [Some(95), None, None, None]);
    }
}
