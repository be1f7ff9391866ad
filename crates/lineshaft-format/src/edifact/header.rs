//! Headers of EDIFACT: where an interchange begins, what separates in it, and what UNB, UNG and UNH say.

use memchr::memmem;

use crate::charset::Charset;
use crate::edi::element::Syntax;
use crate::edi::{Delimiters, GroupHead, Head, Party, Segment, Segments};

/// UNA and its six characters.
const UNA_BYTES: usize = 9;

/// So many blanks and line ends may stand between UNA and UNB.
const SPACES_MAX: usize = 64;

/// What is looked at to find out how an interchange is written.
const HEADER_BYTES_MAX: usize = 1024;

/// What level B is written with where it is not written like level A: information separators of ISO 646.
const LEVEL_B: Delimiters =
    Delimiters { segment: 0x1C, element: 0x1D, component: 0x1F, repetition: None, release: None };

/// What the front of an interchange says about the rest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) delimiters: Delimiters,
    pub(super) charset: Charset,
    /// Where UNB begins, counted from the front.
    pub(super) start: usize,
}

/// The next place from `from` on where an interchange begins whose header can be used.
pub(super) fn find(bytes: &[u8], from: usize) -> Option<usize> {
    memmem::find_iter(&bytes[from..], b"UN").map(|at| from + at).find(|at| {
        let is_header = matches!(bytes.get(at + 2), Some(b'A' | b'B'));
        is_header
            && !has_una_before(&bytes[..*at])
            && read(&bytes[*at..]).is_ok_and(|header| stands_free(&bytes[..*at], &header))
    })
}

/// Whether what stands before makes it a header of its own and no value of a segment.
fn stands_free(before: &[u8], header: &Header) -> bool {
    let Delimiters { element, component, release, .. } = header.delimiters;
    before.last().is_none_or(|byte| {
        *byte != element && *byte != component && Some(*byte) != release && !byte.is_ascii_alphanumeric()
    })
}

/// Whether this UNB belongs to the UNA before it; a few blanks or line ends may stand between.
fn has_una_before(before: &[u8]) -> bool {
    let spaces = before.iter().rev().take(SPACES_MAX).take_while(|byte| byte.is_ascii_whitespace()).count();
    (0..=spaces).any(|skipped| {
        let before = &before[..before.len() - skipped];
        before.len().checked_sub(UNA_BYTES).is_some_and(|start| before[start..].starts_with(b"UNA"))
    })
}

/// Reads UNA, if it is there, and what UNB says about the syntax; the error is the sentence that says what is wrong.
pub(super) fn read(bytes: &[u8]) -> Result<Header, String> {
    let bytes = &bytes[..bytes.len().min(HEADER_BYTES_MAX)];
    let (una, start) = match bytes {
        [b'U', b'N', b'A', component, element, _, release, repetition, segment, rest @ ..] => {
            let blank = |byte: u8| (byte != b' ').then_some(byte);
            let (release, repetition) = (blank(*release), blank(*repetition));
            let una = Delimiters { segment: *segment, element: *element, component: *component, repetition, release };
            (Some(una), UNA_BYTES + rest.iter().take(SPACES_MAX).take_while(|byte| byte.is_ascii_whitespace()).count())
        }
        _ => (None, 0),
    };
    let [b'U', b'N', b'B', separator, ..] = bytes[start..] else {
        return Err("no UNB segment begins here".to_owned());
    };
    let found = match una {
        Some(una) => una,
        None if separator == LEVEL_B.element => LEVEL_B,
        None => Delimiters { repetition: Some(b'*'), ..Delimiters::EDIFACT },
    };
    let mut delimiters = Delimiters { repetition: None, ..found };
    delimiters.check()?;
    if separator != delimiters.element {
        return Err("what follows UNB is not the element separator".to_owned());
    }
    let header = Segments::new(bytes, start, delimiters).next().ok_or("the document ends inside of UNB")?;
    let syntax = Syntax::new(delimiters, Charset::Latin1);
    let version = syntax.value(&header, 1, 2);
    if version.starts_with(|digit: char| ('4'..='9').contains(&digit)) && found.repetition.is_some() {
        delimiters = found;
        delimiters.check()?;
    }
    Ok(Header { delimiters, charset: charset(&syntax.value(&header, 1, 1)), start })
}

/// The character set that a syntax identifier names.
pub(super) fn charset(identifier: &str) -> Charset {
    match identifier {
        "UNOA" | "UNOB" | "UNOC" => Charset::Latin1,
        "UNOW" | "UNOY" => Charset::Utf8,
        _ => Charset::Ascii,
    }
}

/// What UNB says.
pub(super) fn interchange(syntax: &Syntax, segment: &Segment<'_>) -> Head {
    let value = |element, component| syntax.value(segment, element, component).trim().to_owned();
    Head {
        charset: value(1, 1),
        version: value(1, 2),
        sender: Party { id: value(2, 1), qualifier: value(2, 2) },
        receiver: Party { id: value(3, 1), qualifier: value(3, 2) },
        date: value(4, 1),
        time: value(4, 2),
        control: value(5, 1),
        reference: value(7, 1),
        wants_answer: value(9, 1) == "1",
        is_test: value(11, 1) == "1",
    }
}

/// What UNG says.
pub(super) fn group(syntax: &Syntax, segment: &Segment<'_>) -> GroupHead {
    let value = |element, component| syntax.value(segment, element, component).trim().to_owned();
    GroupHead {
        function: value(1, 1),
        sender: value(2, 1),
        receiver: value(3, 1),
        date: value(4, 1),
        time: value(4, 2),
        control: value(5, 1),
        version: joined(value(7, 1), &value(7, 2)),
    }
}

/// Type and version of a message.
pub(super) fn message(syntax: &Syntax, segment: &Segment<'_>) -> (String, String) {
    let value = |component| syntax.value(segment, 2, component).trim().to_owned();
    (value(1), joined(value(2), &value(3)))
}

fn joined(version: String, release: &str) -> String {
    if release.is_empty() { version } else { format!("{version}:{release}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_come_from_una_or_by_default() {
        let star = Delimiters { repetition: Some(b'*'), ..Delimiters::EDIFACT };
        let other = Delimiters { segment: b'\n', element: b'|', component: b'^', repetition: None, release: None };
        for (header, delimiters, charset, start) in [
            ("UNB+UNOA:3+A+B'", Delimiters::EDIFACT, Charset::Latin1, 0),
            ("UNB+UNOY:4+A+B'", star, Charset::Utf8, 0),
            ("UNA:+.? '\r\nUNB+UNOC:4+A+B'", Delimiters::EDIFACT, Charset::Latin1, 11),
            ("UNA:+.?*'UNB+UNOB:3+A+B'", Delimiters::EDIFACT, Charset::Latin1, 9),
            ("UNA:+,?*'UNB+UNOD:4+A+B'", star, Charset::Ascii, 9),
            ("UNA^|.  \nUNB|UNOA^2|A|B\n", other, Charset::Latin1, 9),
            ("UNB\u{1D}UNOB\u{1F}1\u{1D}A\u{1C}", LEVEL_B, Charset::Latin1, 0),
        ] {
            assert_eq!(read(header.as_bytes()), Ok(Header { delimiters, charset, start }), "{header:?}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_used_says_why() {
        for (header, said) in [
            ("UNA:+.? 'UNH+1'", "no UNB"),
            ("UNA::.? 'UNB:UNOA'", "are both ':'"),
            ("UNA:A.? 'UNBAUNOA'", "element separator is 'A'"),
            ("UNB:UNOA", "not the element separator"),
            ("UNA:|.? 'UNB+UNOA'", "not the element separator"),
        ] {
            let error = read(header.as_bytes()).expect_err(header);
            assert!(error.contains(said), "{header}: {error}");
        }
    }

    #[test]
    fn an_interchange_begins_with_its_una_and_not_in_a_value() {
        let document = b"UNA:+.? '\nUNB+UNOA:1+A+B'UNZ+0+1'\nUNB+UNOA:1+UNB+B'FTX+UNA:+.? 'UNB+UNOA'";
        let found: Vec<usize> = std::iter::successors(find(document, 0), |at| find(document, at + 1)).collect();
        assert_eq!(found, [0, 34]);
    }
}
