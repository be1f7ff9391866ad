//! Payload bytes: compressed on the caller's thread, checked whenever they are read.
//!
//! The documents of one transaction (as received, the canonical event, what each receiver is sent) say the same in
//! other words, so they are compressed and stored together: a third of the bytes, and one row instead of one each.

use std::cell::RefCell;
use std::fmt;

use lineshaft_model::intake::sha256;
use zstd::bulk::Compressor;

/// Payloads below this many bytes are stored plain: compressing them gains less than it costs.
const PLAIN_BELOW: usize = 256;

/// Fast level: about 10 µs for 1 KB of JSON.
const ZSTD_LEVEL: i32 = 1;

/// Largest payload that is unpacked, a guard against a damaged size.
const UNPACKED_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Documents ready to be stored, in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    pub(crate) codec: Codec,
    pub(crate) size: usize,
    pub(crate) sha256: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Plain,
    Zstd,
}

impl Codec {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Zstd => "zstd",
        }
    }
}

/// A payload that cannot be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its bytes do not have the checksum they were stored with (RS3).
    Damaged,
    /// Its retention is over.
    Expired,
    /// It was never made.
    Missing,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "its bytes are not those that were stored",
            Self::Expired => "its retention is over",
            Self::Missing => "it was never made",
        })
    }
}

impl Payload {
    /// Compresses and fingerprints `documents`, each found again by its position. Done before the writer sees them,
    /// so that the writer only writes.
    pub fn pack(documents: &[&[u8]]) -> Self {
        let body = joined(documents);
        let body = body.as_slice();
        let fingerprint = sha256(body);
        if body.len() >= PLAIN_BELOW
            && let Some(packed) = compressed(body)
            && packed.len() < body.len()
        {
            return Self { codec: Codec::Zstd, size: body.len(), sha256: fingerprint, bytes: packed };
        }
        Self { codec: Codec::Plain, size: body.len(), sha256: fingerprint, bytes: body.to_vec() }
    }

    /// The document at `slot` again, or `Damaged` if the bytes are not those that were stored.
    pub(crate) fn unpack(
        codec: &str,
        size: usize,
        fingerprint: &[u8],
        bytes: Vec<u8>,
        slot: usize,
    ) -> Result<Vec<u8>, Unreadable> {
        let body = match codec {
            "plain" => bytes,
            _ => zstd::bulk::decompress(&bytes, size.min(UNPACKED_BYTES_MAX)).map_err(|_| Unreadable::Damaged)?,
        };
        if sha256(&body).as_slice() != fingerprint {
            return Err(Unreadable::Damaged);
        }
        part(&body, slot).map(<[u8]>::to_vec).ok_or(Unreadable::Damaged)
    }
}

/// Each document behind its length, four bytes, most significant first.
fn joined(documents: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::with_capacity(documents.iter().map(|document| document.len() + 4).sum());
    for document in documents {
        body.extend_from_slice(&u32::try_from(document.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend_from_slice(document);
    }
    body
}

/// The document at `slot` of joined ones.
fn part(mut body: &[u8], slot: usize) -> Option<&[u8]> {
    for at in 0..=slot {
        let (length, rest) = body.split_first_chunk::<4>()?;
        let (document, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if at == slot {
            return Some(document);
        }
        body = rest;
    }
    None
}

thread_local! {
    /// Making a compressor costs more than using it for 1 KB, so each thread keeps one.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// The bytes compressed; `None` where that cannot be had, which is no loss.
fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Compressor::new(ZSTD_LEVEL).ok();
        }
        kept.as_mut()?.compress(body).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(documents: &[&[u8]], slot: usize, damage: impl Fn(&mut Vec<u8>)) -> Result<Vec<u8>, Unreadable> {
        let mut packed = Payload::pack(documents);
        damage(&mut packed.bytes);
        Payload::unpack(packed.codec.as_str(), packed.size, &packed.sha256, packed.bytes, slot)
    }

    #[test]
    fn documents_come_back_and_damage_is_noticed() {
        let body = br#"{"order":"1000040","quantity":"95.000"}"#.repeat(40);
        let documents: [&[u8]; 3] = [&body, b"", b"short"];
        for (slot, document) in documents.iter().enumerate() {
            assert_eq!(round_trip(&documents, slot, |_| ()), Ok(document.to_vec()));
        }
        assert_eq!(round_trip(&documents, 3, |_| ()), Err(Unreadable::Damaged));
        for at in 0..Payload::pack(&documents).bytes.len() {
            let damaged = round_trip(&documents, 0, |bytes| bytes[at] ^= 0x10);
            assert!(damaged == Err(Unreadable::Damaged) || damaged == Ok(body.clone()), "byte {at}");
        }
        assert_eq!(round_trip(&[b"short"], 0, |bytes| bytes[6] = b'x'), Err(Unreadable::Damaged));
    }
}
