//! UN/EDIFACT interchanges (ISO 9735, syntax 1 to 4): UNA or UNB to UNZ, several of them in one file.
//!
//! UNA says what separates; without it the standard's default counts, or the control characters of level B where UNB is
//! written with them. The repetition separator counts from syntax 4 on. UNB names the character set: UNOA, UNOB and UNOC
//! are read as ISO 8859-1, UNOW and UNOY as UTF-8, all others as ASCII, so that a letter is never guessed. See
//! [`crate::edi`] for the tree.
//!
//! Deliberately absent: interactive EDIFACT (UIB), packages (UNO), security segments, nesting written out in tags.

mod header;

mod write;

pub use write::encode;

use lineshaft_model::fault::{Code, Fault};

use crate::charset::Charset;
use crate::edi::element::Syntax;
use crate::edi::read::Budget;
use crate::edi::walk::{Dialect, Layer, interchange};
use crate::edi::{Document, Interchange, Segments, Standard, each_interchange, guides};

/// Envelope of EDIFACT: UNB05/UNZ02, UNG05/UNE02, UNH01/UNT02.
static DIALECT: Dialect = Dialect {
    standard: Standard::Edifact,
    interchange: Layer { head: "UNB", tail: "UNZ", control: 5 },
    group: Layer { head: "UNG", tail: "UNE", control: 5 },
    message: Layer { head: "UNH", tail: "UNT", control: 1 },
    needs_group: false,
    head: header::interchange,
    group_head: header::group,
    kind: header::message,
    guide: guides::edifact,
};

/// Reads every interchange of a document. What is no interchange, or has a header that cannot be used, is a fault in its
/// place; the other interchanges are read all the same. The list is never empty.
///
/// `charset` is what the transport or the interface says against UNB. A byte order mark counts before both.
pub fn decode(bytes: &[u8], charset: Option<Charset>) -> Vec<Result<Interchange, Fault>> {
    let is_said = charset.is_some() || Charset::of_mark(bytes).is_some();
    let document = match Document::new(bytes, charset.unwrap_or_default()) {
        Ok(document) => document,
        Err(fault) => return vec![Err(fault)],
    };
    let bytes = document.bytes.as_ref();
    let mut budget = Budget::new();
    each_interchange(&document, header::find, |at, end| {
        let header = header::read(&bytes[at..end])
            .map_err(|said| Fault::new(Code::DecodeEnvelope, said).at(format!("byte {at}")))?;
        let syntax = Syntax::new(header.delimiters, if is_said { document.charset } else { header.charset });
        let segments = Segments::new(&bytes[..end], at + header.start, header.delimiters);
        Ok(interchange(&DIALECT, &syntax, segments, &mut budget))
    })
}
