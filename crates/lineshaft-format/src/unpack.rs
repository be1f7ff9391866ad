//! Undoing gzip, with the caps held while reading: what a body claims about its size is never believed (IN-2).
//!
//! Deliberately absent: `deflate` and other content codings, which no sender of ours uses, archives, and unpacking
//! what was packed twice.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use lineshaft_model::fault::{Code, Fault};

/// Up to this many unpacked bytes any ratio is fine: a short text of blanks packs very well.
pub const RATIO_FREE_BYTES: usize = 1024 * 1024;

/// Beyond [`RATIO_FREE_BYTES`], the unpacked document may be at most this many times the packed one.
pub const RATIO_MAX: usize = 100;

const CHUNK_BYTES: usize = 64 * 1024;

/// Unpacks one gzip document (RFC 1952, several members allowed) of at most `limit` bytes.
///
/// # Errors
/// [`Code::ReceiveTooLarge`] beyond `limit`; [`Code::ReceiveBadEncoding`] if it is not gzip, is cut off, has a wrong
/// checksum, is followed by other data, or unpacks to more than [`RATIO_MAX`] times its size.
pub fn gunzip(packed: &[u8], limit: usize) -> Result<Vec<u8>, Fault> {
    let mut reader = MultiGzDecoder::new(packed);
    let mut unpacked = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = reader.read(&mut chunk).map_err(|error| {
            Fault::new(Code::ReceiveBadEncoding, "the body is not valid gzip").detail(error.to_string())
        })?;
        if read == 0 {
            return Ok(unpacked);
        }
        let total = unpacked.len() + read;
        if total > limit {
            let message = format!("the body unpacks to more than the {limit} bytes that are allowed");
            return Err(Fault::new(Code::ReceiveTooLarge, message));
        }
        if total > RATIO_FREE_BYTES && total / RATIO_MAX >= packed.len() {
            let message = format!("the body unpacks to more than {RATIO_MAX} times its size");
            return Err(Fault::new(Code::ReceiveBadEncoding, message));
        }
        unpacked.extend_from_slice(&chunk[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::best());
        writer.write_all(bytes).expect("packs");
        writer.finish().expect("ends")
    }

    #[test]
    fn what_was_packed_comes_back() {
        assert_eq!(gunzip(&gzip(b"{\"order\":1}"), 100).expect("unpacks"), b"{\"order\":1}");
        let two_members = [gzip(b"ab"), gzip(b"cd")].concat();
        assert_eq!(gunzip(&two_members, 4).expect("unpacks"), b"abcd");
        assert_eq!(gunzip(&gzip(b""), 0).expect("unpacks"), b"");
    }

    #[test]
    fn the_byte_limit_is_exact() {
        let packed = gzip(&[b'x'; 1000]);
        assert_eq!(gunzip(&packed, 1000).expect("fits").len(), 1000);
        assert_eq!(gunzip(&packed, 999).expect_err("too long").code, Code::ReceiveTooLarge);
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio_long_before_it_is_unpacked() {
        let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
        let fault = gunzip(&bomb, usize::MAX).expect_err("a bomb");
        assert_eq!(fault.code, Code::ReceiveBadEncoding);
        assert!(fault.message.contains("100 times"), "{fault}");
        assert_eq!(gunzip(&gzip(&vec![0; RATIO_FREE_BYTES]), usize::MAX).expect("small").len(), RATIO_FREE_BYTES);
    }

    #[test]
    fn cut_off_damaged_and_foreign_bytes_are_refused() {
        let packed = gzip(b"some text that is long enough to be packed");
        for end in 0..packed.len() {
            assert_eq!(gunzip(&packed[..end], 1000).expect_err("cut").code, Code::ReceiveBadEncoding, "cut at {end}");
        }
        let mut damaged = packed.clone();
        let checksum_at = packed.len() - 6;
        damaged[checksum_at] ^= 1;
        assert_eq!(gunzip(&damaged, 1000).expect_err("checksum").code, Code::ReceiveBadEncoding);
        for (at, bit) in (0..packed.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut flipped = packed.clone();
            flipped[at] ^= 1 << bit;
            let _ = gunzip(&flipped, 1000);
        }
        assert_eq!(gunzip(b"{}", 1000).expect_err("plain").code, Code::ReceiveBadEncoding);
        assert!(gunzip(&[packed, b"rest".to_vec()].concat(), 1000).is_err());
    }
}
