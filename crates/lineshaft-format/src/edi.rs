//! What X12 and EDIFACT have in common: segments of elements in envelopes, read by message guides.
//!
//! # A message as a tree
//!
//! ```text
//! ST*850*0001~                     { ST:  { ST01: "850", ST02: "0001" },
//! BEG*00*SA*PO123**20261123~         BEG: { BEG01: "00", BEG02: "SA", BEG03: "PO123", BEG05: "20261123" },
//! N1*ST*PLANT 1*92*1000~             N1:  [ { N101: "ST", N102: "PLANT 1", N103: "92", N104: "1000",
//! N3*1 PARK~                                  N3: [ { N301: "1 PARK" } ] } ],
//! PO1*1*100*EA~                      PO1: [ { PO101: "1", PO102: "100", PO103: "EA",
//! PID*F****BOLT~                              PID: [ { PID01: "F", PID05: "BOLT" } ] } ] }
//! ```
//!
//! | EDI | tree |
//! |---|---|
//! | segment | a map under its tag; a list of maps where the guide allows more than one, also if one is there |
//! | element | text under tag and number: `BEG03`, as every partner's guide names it; an empty one is not there |
//! | component | the first is the element (`DTM01`), the second is `DTM01_2` |
//! | repetition | the first is the element (`HD03`), the second is `HD03r2` |
//! | loop | a list of maps under the tag of its first segment: that segment's elements, then what stands in the loop |
//! | HL, CPS | levels stand in the level that their pointer names, under `HL` or `CPS` |
//! | a segment that the guide does not have here | a list at its place, under its tag; `ZZZ_2` where that is taken |
//! | a message without a guide | its header, and `segments`: a list of maps of one field, the tag |
//! | trailer | nothing: it is counted and compared when read, and made when written |
//!
//! Where a value stands depends on the guide alone and never on what else was sent, so that a map written for one
//! document holds for the next. All values are text as sent. Names need no quotes in a map: `.BEG.BEG03`,
//! `.PO1[0].PID[0].PID05`. Reading what was written gives the same tree. Writing what was read gives the same segments,
//! if they stood in the order of the guide, and levels before their children.
//!
//! # Tolerant in, strict out
//!
//! Reading refuses what makes a message unusable (a mandatory element or segment missing, a number that is none, a count
//! or control number that does not agree), and tells the rest as notices. Writing refuses both. Deliberately absent:
//! partner agreements, and any memory of control numbers.

pub(crate) mod arrange;

mod delimiters;

pub(crate) mod element;

mod envelope;

mod finding;

mod guide;

pub mod guides;

mod hierarchy;

mod name;

pub(crate) mod read;

mod rules;

pub(crate) mod token;

pub(crate) mod walk;

pub(crate) mod write;

#[cfg(test)]
mod tests;

pub use delimiters::{Delimiters, Meanings};
pub use envelope::{Group, GroupHead, Head, Interchange, Message, Party, Standard};
pub use finding::{FINDINGS_MAX, Finding, Findings, Kind, Place};
pub use guide::{Guide, Parts};
pub use read::VALUES_MAX;
pub use token::{Piece, Pieces, SEGMENT_BYTES_MAX, SEGMENTS_MAX, Segment, Segments};
pub use write::{Outgoing, Style, message_text};

use std::borrow::Cow;

use lineshaft_model::fault::{Code, Fault};

use crate::charset::Charset;

/// A document in a character set whose delimiters are single bytes.
pub(crate) struct Document<'bytes> {
    pub(crate) bytes: Cow<'bytes, [u8]>,
    pub(crate) charset: Charset,
    /// Where it begins, after a byte order mark.
    start: usize,
}

impl<'bytes> Document<'bytes> {
    /// `charset` counts where no byte order mark says otherwise. UTF-16 is read to UTF-8 as a whole.
    pub(crate) fn new(bytes: &'bytes [u8], charset: Charset) -> Result<Self, Fault> {
        let (charset, start) = Charset::of_mark(bytes).unwrap_or((charset, 0));
        if matches!(charset, Charset::Utf16Le | Charset::Utf16Be) {
            let bytes = charset.document(&bytes[start..])?.into_owned().into_bytes();
            return Ok(Self { bytes: Cow::Owned(bytes), charset: Charset::Utf8, start: 0 });
        }
        Ok(Self { bytes: Cow::Borrowed(bytes), charset, start })
    }
}

/// A document may have this many interchanges.
pub const INTERCHANGES_MAX: usize = 10_000;

/// Calls `read` with begin and end of each interchange that `find` finds. What stands before the first one is a fault.
pub(crate) fn each_interchange<T>(
    document: &Document<'_>,
    find: impl Fn(&[u8], usize) -> Option<usize>,
    mut read: impl FnMut(usize, usize) -> Result<T, Fault>,
) -> Vec<Result<T, Fault>> {
    let (bytes, start) = (document.bytes.as_ref(), document.start);
    let first_byte = start + bytes[start..].iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let mut found = Vec::new();
    let mut next = find(bytes, start);
    if next != Some(first_byte) {
        // The header at the very front cannot be used: reading it says why.
        let end = next.unwrap_or(bytes.len());
        let said = read(first_byte, end).err();
        found.push(Err(said.unwrap_or_else(|| {
            Fault::new(Code::DecodeSyntax, "no interchange begins here").at(format!("byte {first_byte}"))
        })));
    }
    while let Some(at) = next {
        if found.len() == INTERCHANGES_MAX {
            let message =
                format!("the document has more than {INTERCHANGES_MAX} interchanges; send it in smaller files");
            found.push(Err(Fault::new(Code::DecodeLimit, message).at(format!("byte {at}"))));
            break;
        }
        next = find(bytes, at + 1);
        found.push(read(at, next.unwrap_or(bytes.len())));
    }
    found
}
