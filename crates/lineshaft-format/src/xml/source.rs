//! From the bytes of an XML document to its text: byte order mark, declaration, character set.
//!
//! A declaration that the bytes contradict is a fault: one of the two is wrong, and nobody here can know which.

use std::borrow::Cow;

use lineshaft_model::fault::{Code, Fault};

use super::names;
use crate::charset::Charset;
use crate::place::line_column;

/// A declaration is this long at most; it holds a version, a name and yes or no.
const DECLARATION_BYTES_MAX: usize = 512;

/// The document's text, without the mark, all of its characters allowed in XML.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let text = match Charset::of_mark(bytes) {
        Some((marked, length)) => {
            let text = marked.document(&bytes[length..])?;
            check_marked(marked, label(text.as_bytes()))?;
            text
        }
        None => declared(bytes)?.document(bytes)?,
    };
    if let Some(at) = names::first_forbidden(&text) {
        let fault = Fault::new(Code::DecodeSyntax, "a control character stands in the document; XML allows none");
        return Err(fault.at(line_column(text.as_bytes(), at)));
    }
    Ok(text)
}

/// The set of a document without a mark: as declared, or UTF-8.
fn declared(bytes: &[u8]) -> Result<Charset, Fault> {
    if let Some(found) = Charset::unmarked_utf16(bytes) {
        return Err(wrong(format!("the document is {} without a byte order mark", found.name())));
    }
    let Some(label) = label(bytes) else { return Ok(Charset::Utf8) };
    match Charset::from_label(label) {
        Some(Charset::Utf16Le | Charset::Utf16Be) => Err(declares_but(label, "its bytes are not UTF-16")),
        Some(charset) => Ok(charset),
        None if label.eq_ignore_ascii_case("utf-16") => Err(declares_but(label, "its bytes are not UTF-16")),
        None => Err(declares_but(label, "this character set is not read here")),
    }
}

fn check_marked(marked: Charset, label: Option<&str>) -> Result<(), Fault> {
    let Some(label) = label else { return Ok(()) };
    let is_utf16 = matches!(marked, Charset::Utf16Le | Charset::Utf16Be);
    if Charset::from_label(label) == Some(marked) || (is_utf16 && label.eq_ignore_ascii_case("utf-16")) {
        return Ok(());
    }
    Err(declares_but(label, &format!("its byte order mark says {}", marked.name())))
}

fn declares_but(label: &str, but: &str) -> Fault {
    let shown: String = label.chars().take(40).collect();
    wrong(format!("the document declares {shown:?}, but {but}"))
}

fn wrong(message: String) -> Fault {
    Fault::new(Code::DecodeEncoding, message).at("1:1")
}

/// The value of `encoding` in the declaration. Whether the rest of the declaration is sound is the parser's business.
fn label(bytes: &[u8]) -> Option<&str> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let head = head.strip_prefix(b"<?xml")?;
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(&head[..end]).ok()?;
    let (before, after) = declaration.split_once("encoding")?;
    let value = after.trim_start_matches(names::is_space).strip_prefix('=')?.trim_start_matches(names::is_space);
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (label, _) = value[1..].split_once(quote)?;
    before.ends_with(names::is_space).then_some(label)
}
