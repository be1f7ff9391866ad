//! Bytes to trees, by the interface's format and by what the transport says of the character set.
//!
//! Deliberately absent: guessing a format from the content or the media type. The interface says what it takes.

use std::borrow::Cow;

use lineshaft_format::charset::Charset;
use lineshaft_format::csv::{CELLS_MAX, CsvOptions};
use lineshaft_format::{csv, json, xml};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::Received;
use lineshaft_model::media;
use lineshaft_model::tree::Tree;

use crate::project::Format;

/// What an intake's bytes came to.
pub(crate) enum Decoded {
    /// One document.
    Whole(Tree),
    /// Rows of a file: a bad one is a fault of that row alone.
    Rows(Vec<Result<Tree, Fault>>),
}

impl Decoded {
    /// The document, if it is one.
    pub(crate) fn whole(&self) -> Option<&Tree> {
        match self {
            Self::Whole(tree) => Some(tree),
            Self::Rows(_) => None,
        }
    }
}

/// Reads what was received as `format` says. JSON is UTF-8 whatever the transport says (RFC 8259); for XML and CSV a
/// byte order mark counts first, then `charset` of the media type, then what the document or the interface declares
/// (RFC 7303).
pub(crate) fn decode(format: &Format, received: &Received) -> Result<Decoded, Fault> {
    match format {
        Format::Json => json::decode(&received.body).map(Decoded::Whole),
        Format::Xml { options, no_attributes, .. } => {
            let body = match charset(received)? {
                Some(charset) => Cow::Owned(as_utf8(charset, &received.body)?),
                None => Cow::Borrowed(received.body.as_slice()),
            };
            let document = xml::decode(&body, options)?;
            Ok(Decoded::Whole(if *no_attributes { without_attributes(document) } else { document }))
        }
        Format::Csv(options) => {
            let charset = charset(received)?.unwrap_or(options.charset);
            rows(&received.body, &CsvOptions { charset, ..options.clone() }).map(Decoded::Rows)
        }
    }
}

/// The document without `@name` fields; what then holds text alone is that text. As deep as the reader lets elements be.
fn without_attributes(tree: Tree) -> Tree {
    match tree {
        Tree::List(items) => Tree::List(items.into_iter().map(without_attributes).collect()),
        Tree::Map(fields) => {
            let had = !fields.is_empty();
            let kept = fields.into_iter().filter(|(name, _)| !name.starts_with('@'));
            let mut kept: Vec<_> = kept.map(|(name, value)| (name, without_attributes(value))).collect();
            match kept.as_slice() {
                [] if had => Tree::Text(String::new()),
                [(name, _)] if name == "#text" => kept.pop().map_or(Tree::Null, |(_, text)| text),
                _ => Tree::Map(kept),
            }
        }
        scalar => scalar,
    }
}

/// The character set that the media type names, unless a byte order mark says it already.
fn charset(received: &Received) -> Result<Option<Charset>, Fault> {
    if Charset::of_mark(&received.body).is_some() {
        return Ok(None);
    }
    let Some(label) = media::charset(&received.content_type) else { return Ok(None) };
    match Charset::from_label(label) {
        Some(charset) => Ok(Some(charset)),
        None => {
            let shown: String = label.chars().take(40).collect();
            let message = format!("Content-Type says the character set is {shown:?}, which is not read here");
            Err(Fault::new(Code::DecodeEncoding, message).at("1:1"))
        }
    }
}

/// XML in UTF-8. The transport's word counts more than the document's own `encoding`, so that one is blanked; line and
/// column of everything else stay what they were.
fn as_utf8(charset: Charset, body: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = charset.text(body).map_err(|at| {
        let message = format!("the document is not {}, as Content-Type says: byte {at}", charset.name());
        Fault::new(Code::DecodeEncoding, message).at(format!("offset {at}"))
    })?;
    let mut text = text.into_owned();
    let declaration = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(inside, _)| inside);
    if let Some((start, end)) = declaration.and_then(encoding).map(|(start, end)| (start + 5, end + 5)) {
        text.replace_range(start..end, &" ".repeat(end - start));
    }
    Ok(text.into_bytes())
}

/// Where `encoding="..."` stands in the inside of an XML declaration.
fn encoding(declaration: &str) -> Option<(usize, usize)> {
    let start = declaration.find("encoding")?;
    let rest = &declaration[start..];
    let open = rest.find(['"', '\''])?;
    let quote = rest[open..].chars().next()?;
    let close = open + 1 + rest[open + 1..].find(quote)?;
    Some((start, start + close + 1))
}

fn rows(body: &[u8], options: &CsvOptions) -> Result<Vec<Result<Tree, Fault>>, Fault> {
    let mut rows = csv::rows(body, options)?;
    let columns = rows.columns().len();
    let mut trees = Vec::new();
    for row in &mut rows {
        trees.push(row.tree);
        if trees.len() * columns.max(1) > CELLS_MAX {
            let message = format!("the file has more than {CELLS_MAX} cells; send it in smaller files");
            return Err(Fault::new(Code::DecodeLimit, message).at(format!("row {}", row.number)));
        }
    }
    Ok(trees)
}
