//! How a system is reached and what an interface asks of its connector: settings as plain data.
//!
//! Settings stand here and not beside the connector's code, because project files are checked by a crate that must
//! not know any protocol (`docs/decisions/0003`). One file per connector; each field's comment is its manual.

pub mod http;

pub mod odata;

pub mod tls;

pub mod files;

mod readback;

pub use readback::{Condition, Readback, Says};

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a system is reached. Exactly one connector is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Connection {
    /// Requests and answers over HTTP/1.1.
    Http(http::HttpConnection),
    /// An OData service, V2 or V4.
    Odata(odata::OdataConnection),
    /// Files, by directory.
    Files(files::FilesConnection),
}

/// Where the documents of an emitting interface come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SourceSettings {
    /// The system sends requests to this node.
    Http(http::HttpSource),
    /// This node asks an OData service for what has changed.
    Odata(odata::OdataSource),
    /// This node looks into a directory for files.
    Files(files::FilesSource),
}

/// How a document is handed to the receiving system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DestinationSettings {
    /// One request for each document.
    Http(http::HttpDestination),
    /// One entity or action of an OData service for each document.
    Odata(odata::OdataDestination),
    /// One file for each document.
    Files(files::FilesDestination),
}

impl DestinationSettings {
    /// The word of the file: the kind of connection that it needs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Odata(_) => "odata",
            Self::Files(_) => "files",
        }
    }

    /// Every text with places `{name}`, whose values are frozen with the document.
    pub fn templates(&self) -> Vec<&str> {
        match self {
            Self::Http(http) => {
                let questions = http.probe.iter().map(|probe| probe.path.as_str()).chain(readback_path(&http.readback));
                http.headers.values().map(String::as_str).chain([http.path.as_str()]).chain(questions).collect()
            }
            Self::Odata(odata) => {
                let probe = odata.probe.iter().flat_map(|probe| [probe.path.as_str(), probe.filter.as_str()]);
                std::iter::once(odata.path.as_str()).chain(probe).chain(readback_path(&odata.readback)).collect()
            }
            Self::Files(files) => vec![files.name.as_str()],
        }
    }

    /// Path in the document at which the target expects the key of a repeat.
    pub fn key_field(&self) -> Option<&str> {
        match self {
            Self::Http(http) => http.key_field.as_deref(),
            Self::Odata(odata) => odata.key_field.as_deref(),
            Self::Files(_) => None,
        }
    }

    /// Whether a request carries the key of a repeat, in a header, in the document, or in a file's name.
    pub fn carries_key(&self) -> bool {
        let beside = match self {
            Self::Http(http) => http.key_header.is_some(),
            Self::Odata(odata) => odata.key_header.is_some(),
            Self::Files(files) => files.name.contains("{target_key}"),
        };
        beside || self.key_field().is_some()
    }

    /// The question after the target's final word, if the file has one.
    pub fn readback(&self) -> Option<&Readback> {
        match self {
            Self::Http(http) => http.readback.as_ref(),
            Self::Odata(odata) => odata.readback.as_ref(),
            Self::Files(_) => None,
        }
    }

    /// Whether the target can be asked about an earlier attempt.
    pub fn has_probe(&self) -> bool {
        match self {
            Self::Http(http) => http.probe.is_some(),
            Self::Odata(odata) => odata.probe.is_some(),
            Self::Files(files) => files.taken_to.is_some(),
        }
    }
}

fn readback_path(readback: &Option<Readback>) -> impl Iterator<Item = &str> {
    readback.iter().map(|readback| readback.path.as_str())
}

/// A span of time: a whole number and a unit, `200ms`, `10s`, `5m`, `24h` or `7d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^[0-9]+(ms|s|m|h|d)$"))]
pub struct Span(pub String);

/// Ten years, the longest span.
const SPAN_MS_MAX: u64 = 3_650 * 86_400_000;

impl Span {
    /// The time it stands for. The error says what is wrong.
    pub fn duration(&self) -> Result<Duration, String> {
        let text = &self.0;
        let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a span of time"))?;
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(format!("`{text}` is not a span of time")),
        };
        let millis = number.checked_mul(scale).filter(|millis| *millis <= SPAN_MS_MAX);
        millis.map(Duration::from_millis).ok_or_else(|| format!("`{text}` is longer than ten years"))
    }
}

/// A value kept outside the project files: `env:NAME` (environment variable) or `secret:NAME` (a file below the
/// node's `secrets` directory). Resolved when a connection is opened, never substituted into text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SecretRef(pub String);

impl SecretRef {
    /// The environment variable, if it names one.
    pub fn env(&self) -> Option<&str> {
        self.0.strip_prefix("env:")
    }

    /// The secret's name, if it names one.
    pub fn secret(&self) -> Option<&str> {
        self.0.strip_prefix("secret:")
    }
}

impl std::fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A literal written where a reference belongs must not reach a log before `check` has refused it.
        if self.env().is_some() || self.secret().is_some() {
            f.write_str(&self.0)
        } else {
            f.write_str("(not a reference)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_have_a_unit() {
        assert_eq!(Span("200ms".into()).duration(), Ok(Duration::from_millis(200)));
        assert_eq!(Span("24h".into()).duration(), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "5", "5 s", "-5s", "1.5h", "s", "5y", "99999999999999999999s", "4000d"] {
            assert!(Span(wrong.into()).duration().is_err(), "{wrong}");
        }
    }
}
