//! A tree to JSON bytes. Deliberately absent: sorting of fields and changing of numbers; the tree decides both.

use lineshaft_model::tree::Tree;

/// Writes the tree without any white space.
///
/// A [`Tree::Number`] whose text is not a JSON number, such as `1,5` or `+3`, is written as text: the digits are
/// kept, and the document stays readable for everyone.
pub fn encode(tree: &Tree) -> Vec<u8> {
    let mut out = String::new();
    write(&mut out, tree, None);
    out.into_bytes()
}

/// Writes the tree for people: one field or item per line, two blanks per level, a line end at the end.
pub fn encode_pretty(tree: &Tree) -> Vec<u8> {
    let mut out = String::new();
    write(&mut out, tree, Some(0));
    out.push('\n');
    out.into_bytes()
}

/// `level` is the indentation of the line that the value starts on, or none for the compact form.
fn write(out: &mut String, tree: &Tree, level: Option<usize>) {
    match tree {
        Tree::Null => out.push_str("null"),
        Tree::Bool(true) => out.push_str("true"),
        Tree::Bool(false) => out.push_str("false"),
        Tree::Number(digits) if is_number(digits) => out.push_str(digits),
        Tree::Number(text) | Tree::Text(text) => write_text(out, text),
        Tree::List(items) => {
            let inner = level.map(|level| level + 1);
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separate(out, at, inner);
                write(out, item, inner);
            }
            close(out, items.is_empty(), level, ']');
        }
        Tree::Map(fields) => {
            let inner = level.map(|level| level + 1);
            out.push('{');
            for (at, (name, value)) in fields.iter().enumerate() {
                separate(out, at, inner);
                write_text(out, name);
                out.push_str(if inner.is_some() { ": " } else { ":" });
                write(out, value, inner);
            }
            close(out, fields.is_empty(), level, '}');
        }
    }
}

fn separate(out: &mut String, at: usize, level: Option<usize>) {
    if at > 0 {
        out.push(',');
    }
    if let Some(level) = level {
        break_line(out, level);
    }
}

fn close(out: &mut String, is_empty: bool, level: Option<usize>, end: char) {
    if let (Some(level), false) = (level, is_empty) {
        break_line(out, level);
    }
    out.push(end);
}

fn break_line(out: &mut String, level: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", level));
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0C => "\\f",
            0x00..=0x1F => "",
            _ => continue,
        };
        // Every escaped byte is ASCII, so both cuts are at characters.
        out.push_str(&text[written..at]);
        if escape.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escape);
        }
        written = at + 1;
    }
    out.push_str(&text[written..]);
    out.push('"');
}

/// True if the text is a number by the grammar of RFC 8259.
pub(crate) fn is_number(text: &str) -> bool {
    let digits_end = |rest: &[u8]| rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.as_bytes();
    rest = rest.strip_prefix(b"-").unwrap_or(rest);
    let whole = digits_end(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let end = digits_end(fraction);
        if end == 0 {
            return false;
        }
        rest = &fraction[end..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let end = digits_end(exponent);
        return end > 0 && end == exponent.len();
    }
    rest.is_empty()
}
