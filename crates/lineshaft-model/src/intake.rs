//! What one receipt acknowledges: bytes, and where they came from. One intake may hold many transactions.

use sha2::{Digest, Sha256};

/// Bytes as a source handed them over, before anything is known about them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The document, exactly as sent (after removal of a transfer encoding).
    pub body: Vec<u8>,
    /// Media type as the sender declared it, or empty.
    pub content_type: String,
    /// The sender's own id for a repeat of the same request, if it gave one (`Idempotency-Key`).
    pub idempotency_key: Option<String>,
    /// W3C trace context, `traceparent`, if the sender gave one.
    pub traceparent: Option<String>,
    /// What else the transport knows and a person may ask for: remote address, file name.
    pub origin: String,
}

/// What became of an intake's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntakeState {
    /// On disk, not decoded yet.
    Stored,
    /// Decoded: every part is a transaction.
    Split,
    /// Could not be decoded: kept whole, waiting for a person as its one parked transaction.
    Unreadable,
}

impl IntakeState {
    /// The word in database, API and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Split => "split",
            Self::Unreadable => "unreadable",
        }
    }
}

/// SHA-256 over bytes (FIPS 180-4): the checksum of every payload, and what "the same content" means.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 over the name of an interface and a document that came by it.
pub fn document_digest(interface: &str, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(interface);
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}

/// SHA-256 over named fields in the given order, so that `("a","bc")` and `("ab","c")` differ.
pub fn sha256_of_fields<'a>(fields: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (name, value) in fields {
        for part in [Some(name), value] {
            let (mark, text) = part.map_or((u64::MAX, ""), |text| (text.len() as u64, text));
            hash.update(mark.to_be_bytes());
            hash.update(text);
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_hashes_keep_their_borders() {
        let hash = |value| sha256_of_fields([("qty", value)]);
        assert_ne!(hash(Some("")), hash(None));
        assert_ne!(sha256_of_fields([("a", Some("bc"))]), sha256_of_fields([("ab", Some("c"))]));
        assert_eq!(hash(Some("1")), hash(Some("1")));
    }
}
