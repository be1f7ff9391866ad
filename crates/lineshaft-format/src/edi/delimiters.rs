//! The characters that separate. Read from a header that anybody may have written, so checked before use (IN-6).

/// What ends segments and separates what stands in them. All are ASCII, distinct, and neither letters nor digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiters {
    /// Ends a segment.
    pub segment: u8,
    /// Between elements.
    pub element: u8,
    /// Between the components of an element.
    pub component: u8,
    /// Between the repetitions of an element; `None` where the version of the syntax has none.
    pub repetition: Option<u8>,
    /// Takes the next character's meaning away. X12 has none.
    pub release: Option<u8>,
}

impl Delimiters {
    /// What X12 is written with. The repetition separator counts from version 00402 on.
    pub const X12: Self = Self { segment: b'~', element: b'*', component: b'>', repetition: Some(b'^'), release: None };

    /// What EDIFACT is written with, and read with where no UNA says otherwise.
    pub const EDIFACT: Self =
        Self { segment: b'\'', element: b'+', component: b':', repetition: None, release: Some(b'?') };

    /// Whether they can work; the error is the sentence that says why not.
    pub fn check(&self) -> Result<(), String> {
        let all = self.all();
        for (at, (what, byte)) in all.iter().enumerate() {
            // A blank or a line end may end a segment, but must not separate inside of one.
            let is_space = byte.is_ascii_whitespace() && *what != "segment terminator";
            if !byte.is_ascii() || byte.is_ascii_alphanumeric() || *byte == 0 || is_space || *byte == b' ' {
                return Err(format!("the {what} is {}, which cannot separate anything", shown(*byte)));
            }
            if let Some((other, _)) = all[..at].iter().find(|(_, earlier)| earlier == byte) {
                return Err(format!("{other} and {what} are both {}", shown(*byte)));
            }
        }
        Ok(())
    }

    /// Every delimiter with its name.
    pub fn all(&self) -> Vec<(&'static str, u8)> {
        let mut all = vec![
            ("segment terminator", self.segment),
            ("element separator", self.element),
            ("component separator", self.component),
        ];
        all.extend(self.repetition.map(|byte| ("repetition separator", byte)));
        all.extend(self.release.map(|byte| ("release character", byte)));
        all
    }

    /// The name of the delimiter that `byte` is, if it is one.
    pub fn name_of(&self, byte: u8) -> Option<&'static str> {
        self.all().into_iter().find(|(_, delimiter)| *delimiter == byte).map(|(name, _)| name)
    }

    /// What each byte means inside of a segment, to be worked out once for an interchange.
    pub fn meanings(&self) -> Meanings {
        let mut meanings = [Meaning::Content; 256];
        meanings[usize::from(self.element)] = Meaning::Element;
        meanings[usize::from(self.component)] = Meaning::Component;
        if let Some(byte) = self.repetition {
            meanings[usize::from(byte)] = Meaning::Repetition;
        }
        if let Some(byte) = self.release {
            meanings[usize::from(byte)] = Meaning::Release;
        }
        Meanings(meanings)
    }
}

/// What a byte means inside of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Content,
    Element,
    Component,
    Repetition,
    Release,
}

/// The meaning of each byte.
#[derive(Clone, Debug)]
pub struct Meanings([Meaning; 256]);

impl Meanings {
    pub(crate) fn of(&self, byte: u8) -> Meaning {
        self.0[usize::from(byte)]
    }
}

/// A byte as a person can read it.
fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("{:?}", char::from(byte)) } else { format!("the byte 0x{byte:02X}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_must_differ_and_be_no_content() {
        assert_eq!(Delimiters::X12.check(), Ok(()));
        assert_eq!(Delimiters::EDIFACT.check(), Ok(()));
        assert_eq!(Delimiters { segment: b'\n', ..Delimiters::X12 }.check(), Ok(()));
        for (delimiters, said) in [
            (
                Delimiters { component: b'*', ..Delimiters::X12 },
                "element separator and component separator are both '*'",
            ),
            (Delimiters { element: b'A', ..Delimiters::X12 }, "the element separator is 'A', which cannot"),
            (Delimiters { component: b' ', ..Delimiters::X12 }, "the component separator is the byte 0x20"),
            (Delimiters { segment: 0xA7, ..Delimiters::X12 }, "the segment terminator is the byte 0xA7"),
            (Delimiters { release: Some(b'+'), ..Delimiters::EDIFACT }, "element separator and release character"),
        ] {
            let error = delimiters.check().expect_err(said);
            assert!(error.starts_with(said), "{error}");
        }
    }
}
