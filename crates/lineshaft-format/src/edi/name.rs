//! How the values of a segment are named in a tree: as partners' guides name them, and so that a map needs no quotes.
//!
//! `BEG03` is element 3 of BEG; of an element with components it is the first one, and `DTM01_2` is the second. The
//! second repetition of an element is `HD03r2`, its third component `HD03r2_3`. So a value has the same name whatever
//! else stands beside it, and every value is text.

/// The name of a value.
pub(crate) fn of(tag: &str, element: u8, repetition: u16, component: u8) -> String {
    let mut name = String::with_capacity(tag.len() + 2);
    name.push_str(tag);
    name.push(char::from(b'0' + element / 10 % 10));
    name.push(char::from(b'0' + element % 10));
    if repetition > 1 {
        name.push('r');
        name.push_str(&repetition.to_string());
    }
    if component > 1 {
        name.push('_');
        name.push_str(&component.to_string());
    }
    name
}

/// Element, repetition and component that `name` says of a segment `tag`; nothing if it is the name of something else.
pub(crate) fn position(tag: &str, name: &str) -> Option<(u8, u16, u8)> {
    let rest = name.strip_prefix(tag)?;
    let element = number(rest.get(..2)?, 1, 99)?;
    let (repetition, component) = match rest[2..].split_once('_') {
        Some((repetition, component)) => (repetition, number(component, 2, 99)?),
        None => (&rest[2..], 1),
    };
    let repetition = match repetition.strip_prefix('r') {
        Some(digits) => number(digits, 2, REPETITIONS_MAX.into())?,
        None if repetition.is_empty() => 1,
        None => return None,
    };
    Some((u8::try_from(element).ok()?, u16::try_from(repetition).ok()?, u8::try_from(component).ok()?))
}

/// An element can be repeated this often.
pub(crate) const REPETITIONS_MAX: u16 = 9_999;

/// A number as [`of`] writes it: no sign, and no leading zeros but in the element's two digits.
fn number(digits: &str, least: u32, most: u32) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (least == 1 || !digits.starts_with('0'));
    digits.parse().ok().filter(|number| is_plain && (least..=most).contains(number))
}

/// The tag of the segment that a field holds: `REF`, also for `REF_2` and `UNS_D`. Nothing if it names no segment.
pub(crate) fn tag(field: &str) -> Option<&str> {
    let tag = field.split_once('_').map_or(field, |(tag, _)| tag);
    is_tag(tag.as_bytes()).then_some(tag)
}

/// Two or three capitals and digits, the first a capital.
pub(crate) fn is_tag(bytes: &[u8]) -> bool {
    matches!(bytes, [first, rest @ ..] if first.is_ascii_uppercase() && (1..=2).contains(&rest.len())
        && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for (tag, element, repetition, component, name) in [
            ("BEG", 3, 1, 1, "BEG03"),
            ("N1", 4, 1, 1, "N104"),
            ("DTM", 1, 1, 2, "DTM01_2"),
            ("HD", 3, 2, 1, "HD03r2"),
            ("HD", 99, 9_999, 99, "HD99r9999_99"),
        ] {
            assert_eq!(of(tag, element, repetition, component), name);
            assert_eq!(position(tag, name), Some((element, repetition, component)), "{name}");
        }
    }

    #[test]
    fn what_names_no_value_of_the_segment() {
        for name in
            ["N1", "N3", "N1_2", "N100", "N1x4", "N104_", "N104_1", "N104_02", "N104r1", "N104r", "N1041", "N10é"]
        {
            assert_eq!(position("N1", name), None, "{name}");
        }
        assert_eq!(
            (tag("REF_2"), tag("UNS_D"), tag("REF"), tag("REF03"), tag("interchange")),
            (Some("REF"), Some("UNS"), Some("REF"), None, None)
        );
    }
}
