//! One segment to the fields of a tree, and what is wrong with its values.

use std::borrow::Cow;

use lineshaft_model::tree::Tree;

use super::delimiters::{Delimiters, Meanings};
use super::finding::{Findings, Kind, Place};
use super::name;
use super::rules::{Rule, Rules};
use super::token::{Pieces, Segment, released};
use crate::charset::Charset;

/// How the segments of one interchange are written.
#[derive(Clone, Debug)]
pub(crate) struct Syntax {
    pub(crate) delimiters: Delimiters,
    pub(crate) meanings: Meanings,
    pub(crate) charset: Charset,
    /// Whether a number may have a comma as its decimal mark.
    pub(crate) decimal_comma: bool,
}

impl Syntax {
    pub(crate) fn new(delimiters: Delimiters, charset: Charset) -> Self {
        let decimal_comma = delimiters.release.is_some();
        Self { delimiters, meanings: delimiters.meanings(), charset, decimal_comma }
    }

    /// The first value of an element, for header and trailer segments; empty if it is not there or not readable.
    pub(crate) fn value(&self, segment: &Segment<'_>, element: u8, component: u8) -> String {
        let raw = segment.element(&self.delimiters, element);
        let Ok(text) = self.charset.text(raw) else { return String::new() };
        let mut pieces = Pieces::new(&text, &self.meanings);
        let piece = pieces.find(|piece| piece.repetition > 1 || piece.component == component);
        piece
            .filter(|piece| piece.repetition == 1)
            .map(|piece| self.plain(piece.text, piece.has_release))
            .unwrap_or_default()
    }

    fn plain(&self, text: &str, has_release: bool) -> String {
        match self.delimiters.release {
            Some(release) if has_release => released(text, char::from(release)),
            _ => text.to_owned(),
        }
    }
}

/// A segment to be read, and where it stands in its message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) segment: Segment<'a>,
    pub(crate) tag: &'a str,
    pub(crate) position: u32,
}

impl Line<'_> {
    /// The place of one of its values, or of the segment with element 0.
    pub(crate) fn place(&self, delimiters: &Delimiters, element: u8, repetition: u16, component: u8) -> Place {
        let byte = self.segment.byte_of(delimiters, element);
        Place { tag: self.tag.to_owned(), position: self.position, element, component, repetition, byte }
    }
}

/// The text of a segment; a byte that the character set does not have is a finding, and the segment has no values.
pub(crate) fn text<'a>(syntax: &Syntax, line: &Line<'a>, findings: &mut Findings) -> Cow<'a, str> {
    match syntax.charset.text(line.segment.raw) {
        Ok(text) => text,
        Err(at) => {
            let place = Place { byte: line.segment.byte + at, ..line.place(&syntax.delimiters, 0, 0, 0) };
            findings.add(Kind::BadCharacter(syntax.charset.name()), place);
            Cow::Borrowed(line.tag)
        }
    }
}

/// The values of a segment as fields, checked by the rules of its guide. How many pieces there are is limited by the
/// length of a segment.
pub(crate) fn fields(syntax: &Syntax, line: &Line<'_>, rules: &Rules, findings: &mut Findings) -> Vec<(String, Tree)> {
    let text = text(syntax, line, findings);
    let mut fields = Vec::with_capacity(8);
    let mut left = rules.elements.iter().peekable();
    let mut present: u128 = 0;
    let mut wrong = |kind, (element, component), repetition| {
        findings.add(kind, line.place(&syntax.delimiters, element, repetition, component));
    };
    let is_missing =
        |rule: &Rule, present: u128| rule.is_mandatory && (rule.component == 1 || present >> rule.element & 1 == 1);
    for piece in Pieces::new(&text, &syntax.meanings).skip(1).filter(|piece| !piece.text.is_empty()) {
        let at = (piece.element, piece.component);
        if piece.element > 99 || piece.component > 99 || piece.repetition > name::REPETITIONS_MAX {
            wrong(Kind::ElementTooMany, (0, 0), 0);
            break;
        }
        let value = syntax.plain(piece.text, piece.has_release);
        if piece.repetition == 1 {
            present |= 1 << piece.element;
            while let Some(rule) = left.next_if(|rule| rule.at() < at) {
                if is_missing(rule, present) {
                    wrong(Kind::ElementMissing, rule.at(), 1);
                }
            }
            let rule = left.next_if(|rule| rule.at() == at);
            if let Some(kind) = rule.and_then(|rule| rule.check(&value, syntax.decimal_comma)) {
                wrong(kind, at, 1);
            }
        }
        fields.push((name::of(line.tag, piece.element, piece.repetition, piece.component), Tree::Text(value)));
    }
    left.filter(|rule| is_missing(rule, present)).for_each(|rule| wrong(Kind::ElementMissing, rule.at(), 1));
    for condition in rules.conditions.iter().filter(|condition| !condition.holds(present)) {
        wrong(Kind::ElementCondition(condition.text.clone()), (condition.elements[0], 1), 1);
    }
    fields
}
