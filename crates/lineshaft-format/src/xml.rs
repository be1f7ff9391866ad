//! XML by one fixed convention, so that a map can name what it wants without knowing prefixes.
//!
//! | XML | tree |
//! |---|---|
//! | the document | a map of one field: the root's name and its value |
//! | element with text alone | text, with its white space as sent; an empty element is the empty text |
//! | element with attributes or children | a map: attributes, then `#text`, then children in order of first appearance |
//! | attribute | `@name` |
//! | element that occurs again beside its like | a list; once is no list, unless [`Options::lists`] names it |
//! | text beside children | `#text`: all pieces joined, white space at both ends removed; nothing if that is all |
//! | `xsi:nil="true"` | null; beside other attributes, a map whose `#text` is null; any other value of it is dropped |
//! | namespace of the root | `@xmlns` in the root's map |
//!
//! Names are local names: prefixes and all other namespace declarations are dropped, declared or not, because real
//! systems write the same document with several namespaces, one or none. Two attributes of one element that differ
//! in the prefix alone are refused as duplicates.
//!
//! Lost on reading: the order of differently named children among each other (`a b a` reads as two `a`, then `b`),
//! where text stood between children, prefixes, comments, processing instructions, the difference between CDATA and
//! text, and between `<a/>` and `<a></a>`. Lost on writing: empty lists, and the difference between an empty map and
//! the empty text. What is written reads back as the same tree.
//!
//! Deliberately absent: document types (any is refused, so no entity can expand and nothing is fetched), schema
//! types (every scalar is text), XPath, streaming. Character sets: UTF-8, US-ASCII, ISO-8859-1, Windows-1252 as
//! declared, and UTF-16 with a byte order mark (IN-3). Read although not well formed, because nothing is ambiguous:
//! `]]>` in text, `--` in comments, attributes without a blank between them.

mod names;

mod source;

mod read;

mod write;

pub use read::{ATTRIBUTES_MAX, DEPTH_MAX, NODES_MAX, decode};
pub use write::encode;

/// What a reader must know beyond the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Local names of elements that read as a list even where they occur once. Naming the root has no effect.
    pub lists: Vec<String>,
}

/// The namespace of `xsi:nil`.
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
