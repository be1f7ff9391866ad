//! JSON as RFC 8259 says it, and stricter where the RFC leaves a choice.
//!
//! A number stays the text that was sent; a key twice in one object is refused, because two readers would each take
//! another one; the document is UTF-8 (a byte order mark is dropped); depth and size are bounded (IN-4). Tokens are
//! read by `jiter`, whose integers end at 4,300 digits; the tree, the limits and the places are ours.
//! Deliberately absent: comments, trailing commas, NaN and Infinity, several documents in one body.

mod read;

mod write;

pub use read::{DEPTH_MAX, NODES_MAX, decode, decode_up_to};
pub(crate) use write::is_number;
pub use write::{encode, encode_pretty};
