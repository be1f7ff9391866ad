//! Character sets that documents of plants and ERPs still come in, and their reading to text.
//!
//! Strict on purpose: a byte that the declared set does not define is an error, never a replacement character, because
//! a batch number with a wrong letter is worse than a parked document. Deliberately absent: guessing by content.

use std::borrow::Cow;

use lineshaft_model::fault::{Code, Fault};

use crate::place::line_column;

/// A character set that can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, the default everywhere.
    #[default]
    Utf8,
    /// Seven bits; a byte above 127 is an error.
    Ascii,
    /// ISO-8859-1. The bytes 128 to 159 are refused: who sends them means Windows-1252.
    Latin1,
    /// Windows-1252; its five undefined bytes are refused.
    Windows1252,
    /// UTF-16 with the low byte first.
    Utf16Le,
    /// UTF-16 with the high byte first.
    Utf16Be,
}

/// Windows-1252 from 0x80 to 0x9F; NUL marks the five bytes that it leaves undefined.
const WINDOWS_1252_HIGH: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', //
    '\0', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

impl Charset {
    /// The name as IANA registers it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Ascii => "US-ASCII",
            Self::Latin1 => "ISO-8859-1",
            Self::Windows1252 => "Windows-1252",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
        }
    }

    /// The set that a label names, in any case: `utf-8`, `ISO-8859-1`, `cp1252`. `UTF-16` alone names none, because
    /// only a byte order mark tells which of the two it is.
    pub fn from_label(label: &str) -> Option<Self> {
        match label.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "us-ascii" | "ascii" => Some(Self::Ascii),
            "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1" => Some(Self::Latin1),
            "windows-1252" | "cp1252" | "cp-1252" => Some(Self::Windows1252),
            "utf-16le" => Some(Self::Utf16Le),
            "utf-16be" => Some(Self::Utf16Be),
            _ => None,
        }
    }

    /// The set that a byte order mark tells, and the mark's length in bytes.
    pub fn of_mark(bytes: &[u8]) -> Option<(Self, usize)> {
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            Some((Self::Utf8, 3))
        } else if bytes.starts_with(b"\xFF\xFE") {
            Some((Self::Utf16Le, 2))
        } else if bytes.starts_with(b"\xFE\xFF") {
            Some((Self::Utf16Be, 2))
        } else {
            None
        }
    }

    /// The UTF-16 that bytes without a mark look like: a document starts with two ASCII characters in every format
    /// here, so one of the first two bytes is zero in UTF-16 and in nothing else.
    pub(crate) fn unmarked_utf16(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0, high, ..] if *high != 0 => Some(Self::Utf16Be),
            [low, 0, ..] if *low != 0 => Some(Self::Utf16Le),
            _ => None,
        }
    }

    /// The bytes as text, without a copy where they are UTF-8 already. The error is the first bad byte's offset.
    pub fn text(self, bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| error.valid_up_to()),
            Self::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                Some(at) => Err(at),
                None => Self::Utf8.text(bytes),
            },
            Self::Latin1 | Self::Windows1252 => self.single_bytes(bytes),
            Self::Utf16Le => utf16(bytes, u16::from_le_bytes),
            Self::Utf16Be => utf16(bytes, u16::from_be_bytes),
        }
    }

    fn single_bytes(self, bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
        if bytes.is_ascii() {
            return Self::Utf8.text(bytes);
        }
        let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
        for (at, byte) in bytes.iter().enumerate() {
            match *byte {
                0x80..=0x9F => match WINDOWS_1252_HIGH[usize::from(*byte - 0x80)] {
                    _ if self == Self::Latin1 => return Err(at),
                    '\0' => return Err(at),
                    character => text.push(character),
                },
                byte => text.push(char::from(byte)),
            }
        }
        Ok(Cow::Owned(text))
    }

    /// The whole document as text, or the fault that names the set and the place of the first bad byte.
    pub(crate) fn document(self, bytes: &[u8]) -> Result<Cow<'_, str>, Fault> {
        self.text(bytes).map_err(|at| {
            let message = format!("the document is not {}: the byte at offset {at} does not belong there", self.name());
            Fault::new(Code::DecodeEncoding, message).at(line_column(bytes, at))
        })
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, usize> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let character = decoded.map_err(|_| at)?;
        at += character.len_utf16() * 2;
        text.push(character);
    }
    if rest.is_empty() { Ok(Cow::Owned(text)) } else { Err(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_reads_its_own_bytes() {
        for (set, bytes, text) in [
            (Charset::Utf8, "Größe".as_bytes(), "Größe"),
            (Charset::Latin1, b"Gr\xF6\xDFe", "Größe"),
            (Charset::Windows1252, b"5 \x80 \x96 \xE4", "5 € – ä"),
            (Charset::Utf16Le, b"A\0\xAC\x20\x3D\xD8\x00\xDE", "A€😀"),
            (Charset::Utf16Be, b"\0A\x20\xAC", "A€"),
            (Charset::Ascii, b"plain", "plain"),
        ] {
            assert_eq!(set.text(bytes).as_deref(), Ok(text), "{}", set.name());
        }
    }

    #[test]
    fn a_byte_that_the_set_does_not_define_is_told_by_its_offset() {
        for (set, bytes, at) in [
            (Charset::Utf8, b"ab\xFF".as_slice(), 2),
            (Charset::Ascii, "aä".as_bytes(), 1),
            (Charset::Latin1, b"abc\x80", 3),
            (Charset::Windows1252, b"\xE4\x81", 1),
            (Charset::Utf16Le, b"A\0\0\xDC", 2),
            (Charset::Utf16Be, b"\0A\0", 2),
        ] {
            assert_eq!(set.text(bytes), Err(at), "{}", set.name());
        }
    }
}
