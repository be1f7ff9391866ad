//! Where in a document something stands, for the `at` of a fault. Counted only when a fault needs it.

/// Line and column of the byte `offset` as `line:column`, both from 1; a column is a character, as an editor counts it.
///
/// Bytes that are not UTF-8 count as one column each, so that the place before a bad byte can be told too.
pub(crate) fn line_column(bytes: &[u8], offset: usize) -> String {
    line_column_from(bytes, 1, offset)
}

/// The same for a part of a document that begins with line number `first_line`.
pub(crate) fn line_column_from(bytes: &[u8], first_line: usize, offset: usize) -> String {
    let before = &bytes[..offset.min(bytes.len())];
    let line = first_line + line_ends(before);
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // A continuation byte of UTF-8 belongs to the character before it.
    let column = 1 + before[line_start..].iter().filter(|byte| **byte & 0xC0 != 0x80).count();
    format!("{line}:{column}")
}

/// How many line feeds there are.
pub(crate) fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// `name` as one step of a path, quoted if [`lineshaft_model::tree::Path`] needs it so; long names are cut, because
/// a name that the sender chose must not flood a list of exceptions.
pub(crate) fn field_step(name: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    let shown: String = name.chars().take(SHOWN_CHARS_MAX).filter(|c| !c.is_control()).collect();
    if shown.is_empty() || shown.starts_with('"') || shown.contains(['.', '[']) {
        format!(".\"{shown}\"")
    } else {
        format!(".{shown}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters() {
        let text = "a\näö!".as_bytes();
        assert_eq!(line_column(text, 0), "1:1");
        assert_eq!(line_column(text, 2), "2:1");
        assert_eq!(line_column(text, 6), "2:3");
        assert_eq!(line_column(text, 999), "2:4");
    }

    #[test]
    fn odd_names_are_quoted_and_long_ones_cut() {
        assert_eq!(field_step("unit"), ".unit");
        assert_eq!(field_step("a.b"), ".\"a.b\"");
        assert_eq!(field_step(""), ".\"\"");
        assert_eq!(field_step(&"x".repeat(500)).len(), 81);
    }
}
