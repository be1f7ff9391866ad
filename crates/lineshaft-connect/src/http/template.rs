//! Paths, header values and names of files with places for a document's parameters: `/orders/{order}/confirmations`.
//!
//! A value can never leave its place: in a path it is percent-encoded (RFC 3986) and is never a dot segment, in a
//! header it holds no control character, in a name it holds nothing but letters, digits and `-_.`. Conditions and loops are deliberately absent: a map decides, not a template.

use lineshaft_model::connection::files::UNFINISHED;
use lineshaft_model::delivery::Outgoing;
use lineshaft_model::fault::{Code, Fault};

/// Longest result, in bytes.
const RESULT_BYTES_MAX: usize = 8 * 1024;

/// Longest name of a file, in bytes. File systems know 255; a name grows while it is written, and where it is put away.
const NAME_BYTES_MAX: usize = 180;

/// The place that stands for the delivery's target key.
const TARGET_KEY: &str = "target_key";

/// Text with places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place {
        name: String,
        /// Whether it stands between single quotes: in an OData string literal.
        quoted: bool,
    },
}

impl Template {
    /// Reads `text` with `{name}` places. The error says what cannot be read.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut quoted = false;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            let (name, after) = from
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
                .ok_or_else(|| format!("{text:?} has a brace without its partner"))?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(format!("{text:?}: {{{name}}} is not a name"));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            quoted ^= before.bytes().filter(|byte| *byte == b'\'').count() % 2 == 1;
            parts.push(Part::Place { name: name.to_owned(), quoted });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The path and query for a document.
    ///
    /// A place between single quotes is inside an OData string literal: its quotes are doubled, as OData wants it.
    ///
    /// # Errors
    /// `RENDER-002` for a value that is missing, empty, a dot segment, or makes the path too long.
    pub(crate) fn path(&self, outgoing: &Outgoing) -> Result<String, Fault> {
        let mut path = String::with_capacity(64);
        for part in &self.parts {
            match part {
                Part::Text(text) => encode(&mut path, text, literal),
                Part::Place { name, quoted } => {
                    let value = value(outgoing, name)?;
                    if value.is_empty() {
                        return Err(refused(name, "is empty, and a path needs it"));
                    }
                    if *quoted && value.contains('\'') {
                        encode(&mut path, &value.replace('\'', "''"), unreserved);
                    } else {
                        encode(&mut path, value, unreserved);
                    }
                }
            }
        }
        let before_query = path.split('?').next().unwrap_or_default();
        if before_query.split('/').any(|segment| segment == "." || segment == "..") {
            return Err(Fault::new(Code::RenderParameter, "a value makes a segment of the path a dot or two"));
        }
        within_limit(path)
    }

    /// The path and query for a document, where a value that stands in no quotes could change what is asked.
    ///
    /// # Errors
    /// As for [`Self::path`], and `RENDER-002` for a value outside quotes that is no number, date, word or id.
    pub(crate) fn condition(&self, outgoing: &Outgoing) -> Result<String, Fault> {
        for part in &self.parts {
            let Part::Place { name, quoted: false } = part else { continue };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
            if !value(outgoing, name)?.bytes().all(plain) {
                return Err(refused(name, "can only stand between quotes"));
            }
        }
        self.path(outgoing)
    }

    /// The header value for a document.
    ///
    /// # Errors
    /// `RENDER-002` for a value that is missing or holds a control character, such as a line end.
    pub(crate) fn header(&self, outgoing: &Outgoing) -> Result<String, Fault> {
        let mut header = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => header.push_str(text),
                Part::Place { name, .. } => {
                    let value = value(outgoing, name)?;
                    if value.chars().any(char::is_control) {
                        return Err(refused(name, "holds a control character, which a header cannot carry"));
                    }
                    header.push_str(value);
                }
            }
        }
        within_limit(header)
    }

    /// The name of a file for a document: one that leads nowhere else and is not taken for an option or a file that is
    /// still written (IN-8).
    ///
    /// # Errors
    /// `RENDER-002` for a value that is missing, empty, or holds more than letters A to Z, digits, `-`, `_` and `.`, and
    /// where all of it together makes no such name.
    pub(crate) fn name(&self, outgoing: &Outgoing) -> Result<String, Fault> {
        let mut file = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => file.push_str(text),
                Part::Place { name, .. } => match value(outgoing, name)? {
                    "" => return Err(refused(name, "is empty, and the name of a file needs it")),
                    value if value.bytes().all(in_name) => file.push_str(value),
                    _ => {
                        return Err(refused(name, "holds what the name of a file cannot: a slash, a blank, an accent"));
                    }
                },
            }
        }
        let ends = UNFINISHED.iter().any(|ending| file.ends_with(ending)) || file.ends_with('.');
        let plain = file.bytes().all(in_name) && !file.contains("..") && !file.starts_with(['.', '-']) && !ends;
        if !plain || file.is_empty() || file.len() > NAME_BYTES_MAX {
            let said =
                format!("the name of the file would begin or end oddly, hold `..`, or pass {NAME_BYTES_MAX} bytes");
            return Err(Fault::new(Code::RenderParameter, said));
        }
        Ok(file)
    }
}

fn value<'a>(outgoing: &'a Outgoing, name: &str) -> Result<&'a str, Fault> {
    if name == TARGET_KEY {
        return Ok(&outgoing.target_key);
    }
    let found = outgoing.parameters.iter().find(|(parameter, _)| parameter == name);
    found.map(|(_, value)| value.as_str()).ok_or_else(|| refused(name, "is not among the document's parameters"))
}

fn refused(name: &str, why: &str) -> Fault {
    Fault::new(Code::RenderParameter, format!("the value {name} {why}"))
}

fn within_limit(result: String) -> Result<String, Fault> {
    if result.len() <= RESULT_BYTES_MAX {
        return Ok(result);
    }
    Err(Fault::new(Code::RenderParameter, format!("the result is longer than {RESULT_BYTES_MAX} bytes")))
}

/// Text for a place in a query, percent-encoded.
pub(crate) fn encoded(text: &str) -> String {
    let mut target = String::with_capacity(text.len());
    encode(&mut target, text, unreserved);
    target
}

fn encode(target: &mut String, text: &str, stays: fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if stays(byte) {
            target.push(char::from(byte));
        } else {
            target.push('%');
            target.push(char::from(HEX[usize::from(byte >> 4)]));
            target.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// What may stand in the name of a file.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

/// What never needs encoding (RFC 3986, 2.3).
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What an integrator may write as it is: every character that RFC 3986 allows in a path or query. Blanks, which
/// OData filters are full of, become `%20`.
fn literal(byte: u8) -> bool {
    unreserved(byte) || b"!$&'()*+,;=:@/?%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lineshaft_model::ids::DeliveryId;

    fn outgoing(value: &str) -> Outgoing {
        Outgoing {
            id: DeliveryId::from_bytes([7; 16]),
            target_key: "key-7".into(),
            content_type: "application/json",
            body: vec![],
            parameters: vec![("x".into(), value.into())],
            traceparent: String::new(),
            receipt: None,
        }
    }

    #[test]
    fn values_stay_in_their_place() {
        for (template, value, path, header) in [
            ("/a/{x}", "0012", "/a/0012", "/a/0012"),
            ("/a/{x}/b", "1/../2?c=d#e", "/a/1%2F..%2F2%3Fc%3Dd%23e/b", "/a/1/../2?c=d#e/b"),
            ("/a/{x}", "ä b%", "/a/%C3%A4%20b%25", "/a/ä b%"),
            ("/a/{x}", "..", "RENDER-002", "/a/.."),
            ("/a/.{x}", ".", "RENDER-002", "/a/.."),
            ("/a/{x}", "", "RENDER-002", "/a/"),
            ("/a/{x}", "b\r\nEvil: 1", "/a/b%0D%0AEvil%3A%201", "RENDER-002"),
            ("/a/{y}", "", "RENDER-002", "RENDER-002"),
            ("/a?$filter=Id eq '{x}'", "O'Hara", "/a?$filter=Id%20eq%20'O%27%27Hara'", "/a?$filter=Id eq 'O'Hara'"),
            (
                "/a?$filter=Id eq 'A-{x}'",
                "b' or 1 eq '1",
                "/a?$filter=Id%20eq%20'A-b%27%27%20or%201%20eq%20%27%271'",
                "/a?$filter=Id eq 'A-b' or 1 eq '1'",
            ),
            ("/{target_key}?k={x}", "a&b", "/key-7?k=a%26b", "/key-7?k=a&b"),
        ] {
            let template = Template::parse(template).expect(template);
            let text = |made: Result<String, Fault>| made.unwrap_or_else(|fault| fault.code.as_str().to_owned());
            assert_eq!(text(template.path(&outgoing(value))), path, "path of {template:?}");
            assert_eq!(text(template.header(&outgoing(value))), header, "header of {template:?}");
        }
    }

    #[test]
    fn a_value_makes_no_other_file_of_a_name() {
        for (template, value, name) in [
            ("{x}.xml", "0012", "0012.xml"),
            ("a_{x}-{target_key}.xml", "4500.12", "a_4500.12-key-7.xml"),
            ("{x}.xml", "..", "RENDER-002"),
            ("{x}", "..", "RENDER-002"),
            ("a.{x}", ".b", "RENDER-002"),
            ("{x}.xml", "../../etc/passwd", "RENDER-002"),
            ("{x}.xml", "a/b", "RENDER-002"),
            ("{x}.xml", "a\\b", "RENDER-002"),
            ("{x}.xml", "a\0b", "RENDER-002"),
            ("{x}.xml", "a b", "RENDER-002"),
            ("{x}.xml", "ä", "RENDER-002"),
            ("{x}.xml", ".hidden", "RENDER-002"),
            ("{x}.xml", "-rf", "RENDER-002"),
            ("a.{x}", "tmp", "RENDER-002"),
            ("a.{x}", "part", "RENDER-002"),
            ("{x}", "a.", "RENDER-002"),
            ("{x}.xml", "", "RENDER-002"),
            ("{y}.xml", "", "RENDER-002"),
            ("{x}.xml", &"9".repeat(NAME_BYTES_MAX), "RENDER-002"),
        ] {
            let made = Template::parse(template).expect(template).name(&outgoing(value));
            assert_eq!(made.unwrap_or_else(|fault| fault.code.as_str().to_owned()), name, "{template} {value}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_read_says_why() {
        for (text, said) in [("/{x", "partner"), ("/x}", "partner"), ("/{}", "not a name"), ("/{a b}", "not a name")] {
            let error = Template::parse(text).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
