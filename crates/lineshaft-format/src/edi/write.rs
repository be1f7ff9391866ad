//! A tree to segments. Writing is strict: what a guide does not have is refused, and so is a value that a reader would
//! take for something else. Every message is read back before it leaves.

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;

use super::delimiters::Delimiters;
use super::name;
use super::read::SEGMENTS;
use crate::charset::Charset;

/// How an interchange is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// What separates.
    pub delimiters: Delimiters,
    /// A line end after each segment, for people.
    pub lines: bool,
    /// The character set of what is written, in X12. In EDIFACT the header names it.
    pub charset: Charset,
}

/// A message to be written.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// `850`, `ORDERS`.
    pub kind: &'a str,
    /// Its control number.
    pub control: &'a str,
    /// Its segments. The header may be there for what it says beside type and number.
    pub tree: &'a Tree,
}

/// The segments of a message in the order of its tree, header included and trailer not; checked by no guide.
///
/// # Errors
/// [`Code::RenderFailed`] with the path in `at`: a field that names no segment, a value that is no scalar, or one that
/// holds a delimiter where none can be released.
pub fn message_text(message: &Tree, delimiters: Delimiters) -> Result<String, Fault> {
    let mut writer = Writer::new(delimiters, false);
    writer.message(message)?;
    Ok(writer.text)
}

/// The text in the bytes of a character set.
pub(crate) fn encoded(text: String, charset: Charset) -> Result<Vec<u8>, Fault> {
    let has_not = |character: char| failed(format!("{character:?} cannot be written in {}", charset.name()));
    match charset {
        Charset::Utf8 => Ok(text.into_bytes()),
        _ if text.is_ascii() && !matches!(charset, Charset::Utf16Le | Charset::Utf16Be) => Ok(text.into_bytes()),
        Charset::Latin1 => text.chars().map(|one| u8::try_from(one).map_err(|_| has_not(one))).collect(),
        Charset::Ascii => Err(text.chars().find(|one| !one.is_ascii()).map_or(failed("not ASCII"), has_not)),
        _ => Err(failed(format!("{} is not written here", charset.name()))),
    }
}

/// The message with type and number in its header, whatever stood there.
pub(crate) fn headed(message: &Tree, tag: &str, values: &[(&str, &str)]) -> Result<Tree, Fault> {
    let Tree::Map(fields) = message else { return Err(failed("a message is a map of its segments")) };
    let header = message.get(tag);
    let mut head: Vec<(String, Tree)> = match header {
        Some(Tree::Map(fields)) => fields.clone(),
        None | Some(Tree::Null) => Vec::new(),
        Some(_) => return Err(failed("the header is a map of its elements").at(format!(".{tag}"))),
    };
    for (name, value) in values {
        head.retain(|(field, _)| field != name);
        head.push(((*name).to_owned(), Tree::Text((*value).to_owned())));
    }
    let others = fields.iter().filter(|(name, _)| name != tag).cloned();
    Ok(Tree::Map([(tag.to_owned(), Tree::Map(head))].into_iter().chain(others).collect()))
}

/// Segments as they are written.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) text: String,
    delimiters: Delimiters,
    /// A line end after each terminator, for people.
    lines: bool,
}

pub(crate) fn failed(message: impl Into<String>) -> Fault {
    Fault::new(Code::RenderFailed, message)
}

/// The same fault, one step further out.
pub(crate) fn under(step: impl FnOnce() -> String) -> impl FnOnce(Fault) -> Fault {
    |fault| {
        let at = format!("{}{}", step(), fault.at);
        fault.at(at)
    }
}

impl Writer {
    pub(crate) fn new(delimiters: Delimiters, lines: bool) -> Self {
        Self { text: String::new(), delimiters, lines }
    }

    /// Writes a message in the order of its fields, and says how many segments that were.
    pub(crate) fn message(&mut self, message: &Tree) -> Result<u64, Fault> {
        let Tree::Map(fields) = message else { return Err(failed("a message is a map of its segments")) };
        let mut count = 0;
        for (name, value) in fields {
            count += match value {
                Tree::List(segments) if name == SEGMENTS => {
                    self.list(segments).map_err(under(|| format!(".{SEGMENTS}")))?
                }
                value => self.field(name, value)?,
            };
        }
        Ok(count)
    }

    /// The segments of a message without a guide.
    fn list(&mut self, segments: &[Tree]) -> Result<u64, Fault> {
        let mut count = 0;
        for (at, segment) in segments.iter().enumerate() {
            let written = match segment {
                Tree::Map(fields) if fields.len() == 1 => self.field(&fields[0].0, &fields[0].1),
                _ => Err(failed("a segment is a map of one field, its tag")),
            };
            count += written.map_err(under(|| format!("[{at}]")))?;
        }
        Ok(count)
    }

    fn field(&mut self, name: &str, value: &Tree) -> Result<u64, Fault> {
        let step = || format!(".{name}");
        let Some(tag) = name::tag(name) else { return Err(failed("the field names no segment").at(step())) };
        match value {
            Tree::Null => Ok(0),
            Tree::List(items) => {
                let each = items.iter().enumerate();
                let counts = each.map(|(at, item)| self.segment(tag, item).map_err(under(|| format!(".{name}[{at}]"))));
                counts.sum()
            }
            segment => self.segment(tag, segment).map_err(under(step)),
        }
    }

    /// A segment and what stands beneath it.
    fn segment(&mut self, tag: &str, segment: &Tree) -> Result<u64, Fault> {
        let Tree::Map(fields) = segment else { return Err(failed(format!("{tag} is a map of its elements"))) };
        let (values, beneath): (Vec<_>, Vec<_>) = fields
            .iter()
            .map(|(name, value)| (name::position(tag, name), name, value))
            .partition(|(at, ..)| at.is_some());
        let values = values.into_iter().filter_map(|(at, name, value)| Some((at?, name.as_str(), value)));
        self.line(tag, values)?;
        let mut count = 1;
        for (_, name, value) in beneath {
            count += self.field(name, value)?;
        }
        Ok(count)
    }

    /// Writes one segment. The values may come in any order.
    fn line<'tree>(
        &mut self,
        tag: &str,
        values: impl Iterator<Item = ((u8, u16, u8), &'tree str, &'tree Tree)>,
    ) -> Result<(), Fault> {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable_by_key(|(at, ..)| *at);
        self.text.push_str(tag);
        let (mut element, mut repetition, mut component) = (0, 1, 1);
        for (at, name, value) in values {
            let text = match value {
                Tree::Null => "",
                value => value.scalar().ok_or_else(|| failed("an element must be a scalar").at(format!(".{name}")))?,
            };
            if text.is_empty() {
                continue;
            }
            if at.0 > element {
                self.separate(self.delimiters.element, u16::from(at.0 - element));
                (element, repetition, component) = (at.0, 1, 1);
            }
            if at.1 > repetition {
                let separator = self.delimiters.repetition.ok_or_else(|| {
                    failed("this version of the syntax has no repeated elements").at(format!(".{name}"))
                })?;
                self.separate(separator, at.1 - repetition);
                (repetition, component) = (at.1, 1);
            }
            self.separate(self.delimiters.component, u16::from(at.2 - component));
            component = at.2;
            self.value(text).map_err(under(|| format!(".{name}")))?;
        }
        self.end_segment();
        Ok(())
    }

    pub(crate) fn end_segment(&mut self) {
        self.text.push(char::from(self.delimiters.segment));
        if self.lines && self.delimiters.segment != b'\n' {
            self.text.push('\n');
        }
    }

    /// Writes a segment of an envelope. Names are those of a tree; empty values are left out.
    pub(crate) fn header(&mut self, tag: &str, values: &[(&str, &str)]) -> Result<(), Fault> {
        let fields = values.iter().map(|(name, value)| ((*name).to_owned(), Tree::Text((*value).to_owned()))).collect();
        self.field(tag, &Tree::Map(fields)).map(|_| ())
    }

    fn separate(&mut self, separator: u8, times: u16) {
        self.text.extend(std::iter::repeat_n(char::from(separator), times.into()));
    }

    pub(crate) fn value(&mut self, text: &str) -> Result<(), Fault> {
        if text.chars().any(char::is_control) {
            return Err(failed("a control character stands in the value"));
        }
        let meaning = |character: char| u8::try_from(character).ok().and_then(|byte| self.delimiters.name_of(byte));
        if !text.chars().any(|character| meaning(character).is_some()) {
            self.text.push_str(text);
            return Ok(());
        }
        let Some(release) = self.delimiters.release else {
            let name = text.chars().find_map(meaning).unwrap_or("delimiter");
            return Err(failed(format!("the {name} stands in the value, and there is no way to write it")));
        };
        let mut written = String::with_capacity(text.len() + 4);
        for character in text.chars() {
            if meaning(character).is_some() {
                written.push(char::from(release));
            }
            written.push(character);
        }
        self.text.push_str(&written);
        Ok(())
    }
}
