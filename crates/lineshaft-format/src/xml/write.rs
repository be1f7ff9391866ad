//! A tree to XML text by the convention of [`super`].
//!
//! Written in UTF-8 without any line breaks of its own, because white space in an element is content. A tree made by
//! a map may go beyond what reading gives: names with a prefix and `@xmlns:prefix` declarations are written as they
//! are, which is how SOAP envelopes are made. Deliberately absent: comments, processing instructions, CDATA.

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;

use super::read::DEPTH_MAX;
use super::{XSI, names};
use crate::place::field_step;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";

/// Writes `{root name: value}`.
///
/// A list is its element repeated; null is `xsi:nil="true"`; an attribute that is null is left out; numbers and
/// truth values are written as their text.
///
/// # Errors
/// [`Code::RenderFailed`] with the path in `at`: not exactly one root, a name that XML does not allow, a prefix that
/// no `@xmlns:prefix` declares, a list in a list, an attribute that is no scalar, a control character, or elements
/// deeper than [`DEPTH_MAX`].
pub fn encode(tree: &Tree) -> Result<Vec<u8>, Fault> {
    let (name, value) = match tree {
        Tree::Map(fields) => match fields.as_slice() {
            [(_, Tree::List(_))] => return Err(failed("a document has one root, not a list of them")),
            [(name, value)] => (name, value),
            _ => return Err(failed(format!("a document has one root element, not {}", fields.len()))),
        },
        _ => return Err(failed("a document is a map of one field: its root element")),
    };
    let mut writer = Writer { out: DECLARATION.to_owned(), path: Vec::new(), prefixes: Vec::new() };
    match writer.element(name, value) {
        Ok(()) => Ok(writer.out.into_bytes()),
        Err(fault) => Err(fault.at(writer.path.iter().map(|name| field_step(name)).collect::<String>())),
    }
}

fn failed(message: impl Into<String>) -> Fault {
    Fault::new(Code::RenderFailed, message)
}

struct Writer<'tree> {
    out: String,
    /// Where the writing stands; left as it is at a fault, which takes its place from here.
    path: Vec<&'tree str>,
    /// Prefixes declared around here, innermost last.
    prefixes: Vec<&'tree str>,
}

impl<'tree> Writer<'tree> {
    fn element(&mut self, name: &'tree str, value: &'tree Tree) -> Result<(), Fault> {
        if let Tree::List(items) = value {
            return items.iter().try_for_each(|item| match item {
                Tree::List(_) => Err(failed("a list stands in a list; XML has no form for that")),
                _ => self.element(name, item),
            });
        }
        self.path.push(name);
        if self.path.len() > DEPTH_MAX {
            return Err(failed(format!("elements stand more than {DEPTH_MAX} deep in each other")));
        }
        let declared_before = self.prefixes.len();
        let fields = if let Tree::Map(fields) = value { fields.as_slice() } else { &[] };
        let declarations = fields.iter().filter(|(_, value)| *value != Tree::Null);
        self.prefixes.extend(declarations.filter_map(|(field, _)| field.strip_prefix("@xmlns:")));
        self.check_name(name)?;
        self.out.push('<');
        self.out.push_str(name);
        self.attributes(fields)?;
        self.content(name, value, fields)?;
        self.prefixes.truncate(declared_before);
        self.path.pop();
        Ok(())
    }

    fn attributes(&mut self, fields: &'tree [(String, Tree)]) -> Result<(), Fault> {
        for (field, value) in fields {
            let Some(name) = field.strip_prefix('@') else { continue };
            self.path.push(field);
            if let Some(prefix) = name.strip_prefix("xmlns:") {
                if !names::is_local(prefix) {
                    return Err(failed("the name is not one that XML allows"));
                }
            } else {
                self.check_name(name)?;
            }
            let text = match value {
                Tree::Null => None,
                Tree::List(_) | Tree::Map(_) => return Err(failed("an attribute must be a scalar")),
                scalar => scalar.scalar(),
            };
            if let Some(text) = text {
                self.out.push(' ');
                self.out.push_str(name);
                self.out.push_str("=\"");
                self.escaped(text, true)?;
                self.out.push('"');
            }
            self.path.pop();
        }
        Ok(())
    }

    /// The rest of the start tag, the content and the end tag.
    fn content(&mut self, name: &str, value: &'tree Tree, fields: &'tree [(String, Tree)]) -> Result<(), Fault> {
        let text = if let Tree::Map(_) = value { value.get("#text") } else { Some(value) };
        let is_child = |(field, value): &&(String, Tree)| {
            let is_nothing = matches!(value, Tree::List(items) if items.is_empty());
            !field.starts_with('@') && field != "#text" && !is_nothing
        };
        let children = || fields.iter().filter(is_child);
        if let Some(Tree::Null) = text {
            if children().next().is_some() {
                return Err(failed("#text is null, which means that the element is nil, beside children"));
            }
            if !self.prefixes.contains(&"xsi") {
                self.out.push_str(&format!(" xmlns:xsi=\"{XSI}\""));
            }
            self.out.push_str(" xsi:nil=\"true\"/>");
            return Ok(());
        }
        let text = match text {
            Some(Tree::List(_) | Tree::Map(_)) => return Err(failed("#text must be a scalar")),
            text => text.and_then(Tree::scalar).unwrap_or_default(),
        };
        if text.is_empty() && children().next().is_none() {
            self.out.push_str("/>");
            return Ok(());
        }
        self.out.push('>');
        self.escaped(text, false)?;
        for (child, value) in children() {
            self.element(child, value)?;
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), Fault> {
        match names::split(name) {
            None => Err(failed("the name is not one that XML allows")),
            Some((prefix, _)) if matches!(prefix, "" | "xml") || self.prefixes.contains(&prefix) => Ok(()),
            Some((prefix, _)) => Err(failed(format!("no \"@xmlns:{prefix}\" declares the prefix {prefix}"))),
        }
    }

    fn escaped(&mut self, text: &str, is_attribute: bool) -> Result<(), Fault> {
        if names::first_forbidden(text).is_some() {
            return Err(failed("a control character stands in the text; XML has no form for it"));
        }
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'<' => "&lt;",
                // Only "]]>" needs it; always is simpler and as right.
                b'>' => "&gt;",
                b'&' => "&amp;",
                // A reader would make a line feed of it.
                b'\r' => "&#13;",
                b'"' if is_attribute => "&quot;",
                // A reader would make blanks of them.
                b'\n' if is_attribute => "&#10;",
                b'\t' if is_attribute => "&#9;",
                _ => continue,
            };
            self.out.push_str(&text[written..at]);
            self.out.push_str(escape);
            written = at + 1;
        }
        self.out.push_str(&text[written..]);
        Ok(())
    }
}
