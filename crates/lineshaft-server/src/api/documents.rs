//! What was received, made and sent, as previews for people. Whole payloads are deliberately absent.

use lineshaft_store::payload::Unreadable;
use lineshaft_store::read::deliveries::Document;
use lineshaft_store::read::transactions::{Documents as Stored, Transaction as Row};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Most bytes of a document that are shown.
pub const PREVIEW_BYTES_MAX: usize = 64 * 1024;

/// The documents of a transaction.
#[derive(Debug, Serialize, Deserialize)]
pub struct Documents {
    /// The whole intake as it was received.
    pub received: Preview,
    /// The canonical event, if it was made.
    pub event: Option<Event>,
}

/// A document as text.
#[derive(Debug, Serialize, Deserialize)]
pub struct Preview {
    /// `kept`, `expired`, `damaged` or `missing`.
    pub state: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether `text` is only its beginning.
    pub truncated: bool,
    /// The text; what is not UTF-8 in it is replaced.
    pub text: String,
}

/// The canonical event of a transaction.
#[derive(Debug, Serialize, Deserialize)]
pub struct Event {
    /// `kept`, `expired`, `damaged` or `missing`.
    pub state: String,
    /// Size of its data in bytes.
    pub bytes: u64,
    /// The event in its envelope; without data where that is too large to be shown, or not there.
    pub cloud_event: CloudEvent,
}

/// An envelope after CloudEvents 1.0.
#[derive(Debug, Serialize, Deserialize)]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// The transaction's id.
    pub id: String,
    /// `/<installation>/<interface>`.
    pub source: String,
    /// Name of the event with its major version.
    #[serde(rename = "type")]
    pub kind: String,
    /// When the transaction was accepted.
    pub time: String,
    /// Its first business key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// W3C trace context.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub traceparent: String,
    /// `application/json`.
    pub datacontenttype: String,
    /// The data, digit for digit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

/// What a delivery sends.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sent {
    /// The document.
    pub body: Preview,
    /// Values for the places of path and headers.
    pub parameters: Vec<(String, String)>,
}

impl Preview {
    fn of(document: &Result<Vec<u8>, Unreadable>) -> Self {
        let bytes = document.as_deref().unwrap_or_default();
        let truncated = bytes.len() > PREVIEW_BYTES_MAX;
        // A character cut in two would read as damage.
        let mut end = bytes.len().min(PREVIEW_BYTES_MAX);
        while truncated && end > 0 && bytes[end] & 0xc0 == 0x80 && end + 4 > PREVIEW_BYTES_MAX {
            end -= 1;
        }
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        Self { state: state_of(document).to_owned(), bytes: bytes.len() as u64, truncated, text }
    }
}

/// The word for what became of a document.
pub(super) fn state_of(document: &Result<Vec<u8>, Unreadable>) -> &'static str {
    match document {
        Ok(_) => "kept",
        Err(Unreadable::Expired) => "expired",
        Err(Unreadable::Damaged) => "damaged",
        Err(Unreadable::Missing) => "missing",
    }
}

impl From<Result<Document, Unreadable>> for Sent {
    fn from(document: Result<Document, Unreadable>) -> Self {
        match document {
            Ok(document) => Self { body: Preview::of(&Ok(document.body)), parameters: document.parameters },
            Err(unreadable) => Self { body: Preview::of(&Err(unreadable)), parameters: Vec::new() },
        }
    }
}

impl Documents {
    pub(super) fn of(installation: &str, row: &Row, stored: &Stored) -> Self {
        let event = stored.event.as_ref().map(|event| Event {
            state: state_of(event).to_owned(),
            bytes: event.as_ref().map_or(0, Vec::len) as u64,
            cloud_event: CloudEvent {
                specversion: "1.0".to_owned(),
                id: row.id.to_string(),
                source: format!("/{installation}/{}", row.interface),
                kind: row.event.clone(),
                time: row.accepted_at.to_rfc3339(),
                subject: row.keys.first().map(ToString::to_string),
                traceparent: stored.traceparent.clone(),
                datacontenttype: "application/json".to_owned(),
                data: event.as_deref().ok().and_then(data),
            },
        });
        Self { received: Preview::of(&stored.received), event }
    }
}

fn data(event: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(event).ok().filter(|text| text.len() <= PREVIEW_BYTES_MAX)?;
    RawValue::from_string(text.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_ends_with_a_whole_character() {
        for lead in 0..4 {
            let body = [vec![b'x'; lead], "ä€".repeat(40_000).into_bytes()].concat();
            let preview = Preview::of(&Ok(body.clone()));
            assert!(preview.truncated && preview.text.len() <= PREVIEW_BYTES_MAX);
            assert!(!preview.text.contains('\u{fffd}'), "lead {lead}");
            assert!(preview.text.len() > PREVIEW_BYTES_MAX - 4);
            assert_eq!(preview.bytes, body.len() as u64);
        }
        assert_eq!(Preview::of(&Ok(b"a\xffb".to_vec())).text, "a\u{fffd}b");
        assert_eq!(Preview::of(&Err(Unreadable::Expired)).state, "expired");
    }
}
