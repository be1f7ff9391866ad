//! Media types: what a format is sent as, and whether a `Content-Type` names one of them.

/// Media types that documents of one format come as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaTypes {
    /// Whole types in small letters, the usual one first. Empty: the format is taken under any name.
    pub types: &'static [&'static str],
    /// A suffix that counts as well (RFC 6838, 4.2.8): `+json`.
    pub suffix: Option<&'static str>,
    /// Whether the format is UTF-8 whatever the transport says.
    pub utf8: bool,
}

impl MediaTypes {
    /// Everything is taken.
    pub const ANY: Self = Self { types: &[], suffix: None, utf8: false };

    /// JSON (RFC 8259).
    pub const JSON: Self = Self { types: &["application/json", "text/json"], suffix: Some("+json"), utf8: true };

    /// XML (RFC 7303).
    pub const XML: Self = Self { types: &["application/xml", "text/xml"], suffix: Some("+xml"), utf8: false };

    /// Delimited text (RFC 4180).
    pub const CSV: Self = Self { types: &["text/csv", "application/csv", "text/plain"], suffix: None, utf8: false };

    /// Whether a document may come as `media_type`, in small letters and without parameters.
    pub fn take(&self, media_type: &str) -> bool {
        let suffixed = |suffix: &str| media_type.strip_suffix(suffix).is_some_and(|name| !name.ends_with('/'));
        self.types.is_empty() || self.types.contains(&media_type) || self.suffix.is_some_and(suffixed)
    }
}

/// The media type that a `Content-Type` names: in small letters, without parameters. `None` where it names none.
pub fn named(content_type: &str) -> Option<String> {
    let name = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, sort) = name.split_once('/')?;
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    };
    (token(kind) && token(sort)).then_some(name)
}

/// The character set that a `Content-Type` names, as written there.
pub fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(charset_parameter)
}

fn charset_parameter(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_its_types_and_its_suffix() {
        for (types, given, taken) in [
            (MediaTypes::JSON, "application/json", true),
            (MediaTypes::JSON, "text/json", true),
            (MediaTypes::JSON, "application/vnd.plant.completion+json", true),
            (MediaTypes::JSON, "application/+json", false),
            (MediaTypes::JSON, "text/html", false),
            (MediaTypes::JSON, "application/xml", false),
            (MediaTypes::JSON, "application/json-seq", false),
            (MediaTypes::XML, "application/soap+xml", true),
            (MediaTypes::XML, "application/json", false),
            (MediaTypes::CSV, "text/csv", true),
            (MediaTypes::CSV, "text/html", false),
            (MediaTypes::ANY, "text/html", true),
        ] {
            assert_eq!(types.take(given), taken, "{given}");
        }
    }

    #[test]
    fn type_and_character_set_are_read_as_senders_write_them() {
        assert_eq!(named("Application/JSON; charset=UTF-8").as_deref(), Some("application/json"));
        for none in ["", "json", "application/", "/json", "application/json/x", "application/js on", "a/b\u{e4}"] {
            assert_eq!(named(none), None, "{none:?}");
        }
        assert_eq!(charset("text/xml; q=1; Charset = \"iso-8859-1\" "), Some("iso-8859-1"));
        assert_eq!(charset("text/xml; q=\"charset\""), None);
        assert_eq!(charset("text/xml"), None);
    }
}
