//! ASC X12 interchanges: ISA to IEA, several of them in one file, tolerant of what senders make of the header.
//!
//! The delimiters are where the header has them: the element separator is its fourth character, and after the sixteenth
//! separator stand the component separator and the segment terminator. So a header that is not the 106 characters of
//! the standard is read too, and any terminator. See [`crate::edi`] for the tree.
//!
//! Deliberately absent: security segments, and segments that are wrapped at a line length.

mod header;

mod write;

pub use write::encode;

use lineshaft_model::fault::{Code, Fault};

use crate::charset::Charset;
use crate::edi::element::Syntax;
use crate::edi::read::Budget;
use crate::edi::walk::{Dialect, Layer, interchange};
use crate::edi::{Document, Interchange, Segments, Standard, each_interchange, guides};

/// Envelope of X12: ISA13/IEA02, GS06/GE02, ST02/SE02.
static DIALECT: Dialect = Dialect {
    standard: Standard::X12,
    interchange: Layer { head: "ISA", tail: "IEA", control: 13 },
    group: Layer { head: "GS", tail: "GE", control: 6 },
    message: Layer { head: "ST", tail: "SE", control: 2 },
    needs_group: true,
    head: header::interchange,
    group_head: header::group,
    kind: header::message,
    guide: guides::x12,
};

/// Reads every interchange of a document. What is no interchange, or has a header that cannot be used, is a fault in its
/// place; the other interchanges are read all the same. The list is never empty.
///
/// `charset` is what the transport or the interface says; X12 itself declares none. A byte order mark counts before it.
pub fn decode(bytes: &[u8], charset: Charset) -> Vec<Result<Interchange, Fault>> {
    let document = match Document::new(bytes, charset) {
        Ok(document) => document,
        Err(fault) => return vec![Err(fault)],
    };
    let bytes = document.bytes.as_ref();
    let mut budget = Budget::new();
    each_interchange(&document, header::find, |at, end| {
        let delimiters = header::delimiters(&bytes[at..end])
            .map_err(|said| Fault::new(Code::DecodeEnvelope, said).at(format!("byte {at}")))?;
        let syntax = Syntax::new(delimiters, document.charset);
        Ok(interchange(&DIALECT, &syntax, Segments::new(&bytes[..end], at, delimiters), &mut budget))
    })
}
