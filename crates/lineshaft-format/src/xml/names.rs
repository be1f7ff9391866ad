//! Names and characters that XML 1.0 (fifth edition) allows. Deliberately absent: the exotic parts of XML 1.1.

/// True for a name without a colon.
pub(super) fn is_local(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(is_start) && characters.all(is_inside)
}

/// Prefix (possibly empty) and local name, or nothing if it is no qualified name.
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) if is_local(prefix) => (prefix, local),
        Some(_) => return None,
        None => ("", name),
    };
    is_local(local).then_some((prefix, local))
}

/// The offset of the first character that no XML document may hold.
pub(super) fn first_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let forbidden = |at: usize| match bytes[at] {
        b'\t' | b'\n' | b'\r' => false,
        0x00..=0x1F => true,
        // U+FFFE and U+FFFF, which begin with this byte as other characters do.
        0xEF => bytes[at..].starts_with(b"\xEF\xBF\xBE") || bytes[at..].starts_with(b"\xEF\xBF\xBF"),
        _ => false,
    };
    (0..bytes.len()).find(|at| forbidden(*at))
}

/// White space as XML means it; Unicode has more, but a no-break space is content.
pub(super) fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_start(character: char) -> bool {
    matches!(character,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

fn is_inside(character: char) -> bool {
    is_start(character)
        || matches!(character,
            '0'..='9' | '-' | '.' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_at_one_colon() {
        assert_eq!(split("soap:Body"), Some(("soap", "Body")));
        assert_eq!(split("Größe"), Some(("", "Größe")));
        for bad in ["", ":a", "a:", "a:b:c", "1a", "-a", "a b", "a<b", "@a", "#text"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    #[test]
    fn forbidden_characters_are_found() {
        assert_eq!(first_forbidden("a\tb\r\n\u{FFFD}\u{E000}"), None);
        assert_eq!(first_forbidden("ab\u{1}"), Some(2));
        assert_eq!(first_forbidden("a\u{FFFF}"), Some(1));
    }
}
