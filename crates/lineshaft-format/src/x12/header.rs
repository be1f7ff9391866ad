//! Headers of X12: where an interchange begins, what separates in it, and what ISA, GS and ST say.

use memchr::memmem;

use crate::edi::element::Syntax;
use crate::edi::{Delimiters, GroupHead, Head, Party, Segment};

/// A header that is longer than this, its delimiters included, is none. The standard has 106.
const HEADER_BYTES_MAX: usize = 512;

/// The repetition separator stands in ISA11 from this version of ISA12 on; before, it is the letter U.
const REPEATING_VERSION: &str = "00402";

/// The next place from `from` on where an interchange begins whose header can be used.
pub(super) fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let finder = memmem::find_iter(&bytes[from..], b"ISA").map(|at| from + at);
    finder.into_iter().find(|at| match delimiters(&bytes[*at..]) {
        // A header is no value of a segment.
        Ok(found) => at.checked_sub(1).is_none_or(|before| {
            let before = bytes[before];
            before != found.element && before != found.component && !before.is_ascii_alphanumeric()
        }),
        Err(_) => false,
    })
}

/// The delimiters of the interchange whose header begins here; the error is the sentence that says what is wrong.
pub(super) fn delimiters(bytes: &[u8]) -> Result<Delimiters, String> {
    let header = &bytes[..bytes.len().min(HEADER_BYTES_MAX)];
    let [b'I', b'S', b'A', element, ..] = *header else { return Err("no ISA segment begins here".to_owned()) };
    let mut separators = memchr::memchr_iter(element, header);
    let few = || "ISA has fewer than 16 elements".to_owned();
    let (Some(eleventh), Some(twelfth), Some(fifteenth), Some(sixteenth)) =
        (separators.nth(10), separators.next(), separators.nth(2), separators.next())
    else {
        return Err(few());
    };
    // What stands there then belongs to the next segment.
    if !header[fifteenth + 1..sixteenth].iter().all(u8::is_ascii_alphanumeric) {
        return Err(few());
    }
    let [component, segment, ..] = header[sixteenth + 1..] else {
        return Err("the document ends inside of ISA".to_owned());
    };
    let version = &header[twelfth + 1..];
    let version = &version[..memchr::memchr(element, version).unwrap_or(version.len())];
    let repetition = match &header[eleventh + 1..twelfth] {
        [byte] if byte.is_ascii_punctuation() && is_repeating(version) => Some(*byte),
        _ => None,
    };
    let delimiters = Delimiters { segment, element, component, repetition, release: None };
    delimiters.check()?;
    if header[..sixteenth].contains(&segment) { Err(few()) } else { Ok(delimiters) }
}

fn is_repeating(version: &[u8]) -> bool {
    version.len() == 5 && version.iter().all(u8::is_ascii_digit) && version >= REPEATING_VERSION.as_bytes()
}

/// What ISA says.
pub(super) fn interchange(syntax: &Syntax, segment: &Segment<'_>) -> Head {
    let value = |element| syntax.value(segment, element, 1).trim().to_owned();
    Head {
        sender: Party { qualifier: value(5), id: value(6) },
        receiver: Party { qualifier: value(7), id: value(8) },
        date: value(9),
        time: value(10),
        charset: String::new(),
        version: value(12),
        control: value(13),
        wants_answer: value(14) == "1",
        is_test: value(15) == "T",
        reference: String::new(),
    }
}

/// What GS says.
pub(super) fn group(syntax: &Syntax, segment: &Segment<'_>) -> GroupHead {
    let value = |element| syntax.value(segment, element, 1).trim().to_owned();
    GroupHead {
        function: value(1),
        sender: value(2),
        receiver: value(3),
        date: value(4),
        time: value(5),
        control: value(6),
        version: value(8),
    }
}

/// The type of a transaction set. Its version stands in its group.
pub(super) fn message(syntax: &Syntax, segment: &Segment<'_>) -> (String, String) {
    (syntax.value(segment, 1, 1).trim().to_owned(), String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: &str =
        "ISA*00*          *00*          *ZZ*A              *ZZ*B              *261123*0444*U*00401*000000905*0*P*>~GS";

    #[test]
    fn delimiters_are_where_the_header_has_them() {
        let repeated = USUAL.replace("*U*00401*", "*^*00501*");
        let short = "ISA|00||00||ZZ|A|ZZ|B|261123|0444|U|00401|905|0|P|:\nGS";
        let old = USUAL.replace("*U*00401*", "*^*00401*");
        for (header, segment, element, component, repetition) in [
            (USUAL, b'~', b'*', b'>', None),
            (&repeated, b'~', b'*', b'>', Some(b'^')),
            (&old, b'~', b'*', b'>', None),
            (short, b'\n', b'|', b':', None),
        ] {
            let wanted = Delimiters { segment, element, component, repetition, release: None };
            assert_eq!(delimiters(header.as_bytes()), Ok(wanted), "{header}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_used_says_why() {
        for (header, said) in [
            (&USUAL[..60], "fewer than 16"),
            (&USUAL[..104], "ends inside"),
            (&USUAL.replace("*>~", "~"), "fewer than 16"),
            (&USUAL.replace("*>~", "**~"), "element separator and component separator are both"),
            (&USUAL.replace("*>~", "*>G"), "segment terminator is 'G'"),
            ("ISB*", "no ISA"),
        ] {
            let error = delimiters(header.as_bytes()).expect_err(header);
            assert!(error.contains(said), "{header}: {error}");
        }
    }

    #[test]
    fn an_interchange_begins_after_another_but_not_in_a_value() {
        let document = format!("MSG*{USUAL}*a~\n{USUAL}");
        assert_eq!(find(document.as_bytes(), 0), Some(document.len() - USUAL.len()));
        assert_eq!(find(USUAL.as_bytes(), 1), None);
    }
}
