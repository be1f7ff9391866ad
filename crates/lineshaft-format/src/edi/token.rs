//! Bytes to segments and their pieces, without a copy. What a segment means is nobody's business here.

use memchr::{memchr, memchr_iter};

use super::delimiters::{Delimiters, Meaning, Meanings};

/// A segment may have this many bytes (IN-6).
pub const SEGMENT_BYTES_MAX: usize = 64 * 1024;

/// An interchange may have this many segments (IN-6).
pub const SEGMENTS_MAX: u32 = 1_000_000;

/// One segment as it stands in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'bytes> {
    /// Its bytes, without the terminator.
    pub raw: &'bytes [u8],
    /// Where it begins in the document.
    pub byte: usize,
    /// Which segment of the interchange it is, from 1.
    pub number: u32,
    /// Whether its terminator is there; only the last one of a document can lack it.
    pub is_ended: bool,
}

impl<'bytes> Segment<'bytes> {
    /// What stands before the first element separator.
    pub fn tag(&self, delimiters: &Delimiters) -> &'bytes [u8] {
        &self.raw[..memchr(delimiters.element, self.raw).unwrap_or(self.raw.len())]
    }

    /// The bytes of an element, with its components, repetitions and release characters; empty if it is not there.
    pub fn element(&self, delimiters: &Delimiters, number: u8) -> &'bytes [u8] {
        let mut ends = separators(self.raw, delimiters).chain([self.raw.len()]);
        let mut start = 0;
        for _ in 0..number {
            match ends.next() {
                Some(end) if end < self.raw.len() => start = end + 1,
                _ => return &[],
            }
        }
        &self.raw[start..ends.next().unwrap_or(self.raw.len())]
    }

    /// Its values, from its tag on, if it is UTF-8.
    pub fn pieces<'meanings>(&self, meanings: &'meanings Meanings) -> Option<Pieces<'bytes, 'meanings>> {
        std::str::from_utf8(self.raw).ok().map(|text| Pieces::new(text, meanings))
    }

    /// Where an element begins in the document; the segment itself where it does not go on so far.
    pub fn byte_of(&self, delimiters: &Delimiters, element: u8) -> usize {
        match usize::from(element).checked_sub(1) {
            None => self.byte,
            Some(before) => separators(self.raw, delimiters).nth(before).map_or(self.byte, |at| self.byte + at + 1),
        }
    }
}

/// Where element separators stand that no release character takes away.
fn separators<'bytes>(raw: &'bytes [u8], delimiters: &Delimiters) -> impl Iterator<Item = usize> + 'bytes {
    let release = delimiters.release;
    memchr_iter(delimiters.element, raw).filter(move |at| !is_released(raw, *at, release))
}

/// Whether the byte before `at` takes its meaning away: an odd number of release characters stands there.
fn is_released(bytes: &[u8], at: usize, release: Option<u8>) -> bool {
    let Some(release) = release else { return false };
    bytes[..at].iter().rev().take_while(|byte| **byte == release).count() % 2 == 1
}

/// The segments of one interchange, in their order. Line ends and blanks before a segment belong to none; an empty
/// segment is none.
#[derive(Clone, Debug)]
pub struct Segments<'bytes> {
    document: &'bytes [u8],
    at: usize,
    number: u32,
    delimiters: Delimiters,
}

impl<'bytes> Segments<'bytes> {
    /// Begins at the byte `at` of the document.
    pub fn new(document: &'bytes [u8], at: usize, delimiters: Delimiters) -> Self {
        Self { document, at, number: 0, delimiters }
    }

    fn skip_between(&mut self) {
        let Delimiters { segment, .. } = self.delimiters;
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\r' | b'\n' | b'\t') || *byte == segment;
        let rest = self.document.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|byte| !is_between(byte)).unwrap_or(rest.len());
    }
}

impl<'bytes> Iterator for Segments<'bytes> {
    type Item = Segment<'bytes>;

    fn next(&mut self) -> Option<Segment<'bytes>> {
        self.skip_between();
        let rest = &self.document[self.at..];
        if rest.is_empty() {
            return None;
        }
        let Delimiters { segment, release, .. } = self.delimiters;
        let end = memchr_iter(segment, rest).find(|at| !is_released(rest, *at, release));
        self.number += 1;
        let found = Segment {
            raw: &rest[..end.unwrap_or(rest.len())],
            byte: self.at,
            number: self.number,
            is_ended: end.is_some(),
        };
        self.at += found.raw.len() + usize::from(found.is_ended);
        Some(found)
    }
}

/// One value: a component of a repetition of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'text> {
    /// From 1; 0 is the tag.
    pub element: u8,
    /// From 1.
    pub repetition: u16,
    /// From 1.
    pub component: u8,
    /// The text as sent; may be empty.
    pub text: &'text str,
    /// Whether release characters stand in it.
    pub has_release: bool,
}

/// The pieces of one segment, from its tag on.
#[derive(Clone, Debug)]
pub struct Pieces<'text, 'meanings> {
    text: &'text str,
    meanings: &'meanings Meanings,
    start: usize,
    element: u8,
    repetition: u16,
    component: u8,
    is_over: bool,
}

impl<'text, 'meanings> Pieces<'text, 'meanings> {
    pub(crate) fn new(text: &'text str, meanings: &'meanings Meanings) -> Self {
        Self { text, meanings, start: 0, element: 0, repetition: 1, component: 1, is_over: false }
    }

    /// The end of the piece that begins at `start`, what ends it, and whether release characters stand in it.
    fn end(&self) -> (usize, Option<Meaning>, bool) {
        let bytes = self.text.as_bytes();
        let mut at = self.start;
        let mut has_release = false;
        while let Some(byte) = bytes.get(at) {
            match self.meanings.of(*byte) {
                Meaning::Content => at += 1,
                Meaning::Release => {
                    has_release = true;
                    at += 2;
                }
                ends => return (at, Some(ends), has_release),
            }
        }
        (bytes.len(), None, has_release)
    }
}

impl<'text> Iterator for Pieces<'text, '_> {
    type Item = Piece<'text>;

    fn next(&mut self) -> Option<Piece<'text>> {
        if self.is_over {
            return None;
        }
        let (end, ends, has_release) = self.end();
        let (element, repetition, component) = (self.element, self.repetition, self.component);
        // Delimiters are ASCII, so both cuts are at characters.
        let piece = Piece { element, repetition, component, text: &self.text[self.start..end], has_release };
        match ends {
            Some(Meaning::Component) => self.component = component.saturating_add(1),
            Some(Meaning::Repetition) => (self.repetition, self.component) = (repetition.saturating_add(1), 1),
            Some(_) => (self.element, self.repetition, self.component) = (element.saturating_add(1), 1, 1),
            None => self.is_over = true,
        }
        self.start = end + 1;
        Some(piece)
    }
}

/// The text without its release characters: each stands for the character after it. One at the very end stands for itself.
pub(crate) fn released(text: &str, release: char) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == release { characters.next().unwrap_or(release) } else { character });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(document: &str, delimiters: Delimiters) -> Vec<(usize, &str)> {
        let segments = Segments::new(document.as_bytes(), 0, delimiters);
        segments.map(|found| (found.byte, std::str::from_utf8(found.raw).expect("text"))).collect()
    }

    fn pieces(segment: &str, delimiters: Delimiters) -> Vec<(u8, u16, u8, &str)> {
        let meanings = delimiters.meanings();
        Pieces::new(segment, &meanings)
            .map(|piece| (piece.element, piece.repetition, piece.component, piece.text))
            .collect()
    }

    #[test]
    fn what_stands_between_segments_belongs_to_none() {
        assert_eq!(
            segments("\r\n ST*850~\r\n\tBEG*00 ~~ \nSE*1", Delimiters::X12),
            [(3, "ST*850"), (13, "BEG*00 "), (24, "SE*1")]
        );
        let lines = Delimiters { segment: b'\n', ..Delimiters::X12 };
        assert_eq!(segments("ST*850\r\n\n  SE*1\n", lines), [(0, "ST*850\r"), (11, "SE*1")]);
        assert_eq!(segments(" \n", Delimiters::X12), []);
    }

    #[test]
    fn a_released_terminator_ends_nothing() {
        assert_eq!(
            segments("FTX+a?'b'BGM+??'UNT+1", Delimiters::EDIFACT),
            [(0, "FTX+a?'b"), (9, "BGM+??"), (16, "UNT+1")]
        );
    }

    #[test]
    fn pieces_are_counted_by_element_repetition_and_component() {
        assert_eq!(
            pieces("REF*A>B^C**", Delimiters::X12),
            [(0, 1, 1, "REF"), (1, 1, 1, "A"), (1, 1, 2, "B"), (1, 2, 1, "C"), (2, 1, 1, ""), (3, 1, 1, "")]
        );
        assert_eq!(
            pieces("FTX+?+ä?:+b?", Delimiters::EDIFACT),
            [(0, 1, 1, "FTX"), (1, 1, 1, "?+ä?:"), (2, 1, 1, "b?")]
        );
        assert_eq!(released("?+ä?:b??c?", '?'), "+ä:b?c?");
    }

    #[test]
    fn an_element_is_found_by_its_number() {
        let raw = b"RFF+A?+B:1++C";
        let segment = Segment { raw, byte: 100, number: 1, is_ended: true };
        let found: Vec<_> = (0..5).map(|number| segment.element(&Delimiters::EDIFACT, number)).collect();
        assert_eq!(found, [b"RFF".as_slice(), b"A?+B:1", b"", b"C", b""]);
        assert_eq!(
            (0..5).map(|number| segment.byte_of(&Delimiters::EDIFACT, number)).collect::<Vec<_>>(),
            [100, 104, 111, 112, 100]
        );
    }
}
