//! Formats of documents, as the user writes them: `json`, `xml` and `csv` alone, or with settings.

use schemars::{JsonSchema, Schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value as Json, json};

/// How bytes and documents become each other: `json`, `xml`, `csv`, or `{ xml: { ... } }`, `{ csv: { ... } }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(transform = words)]
pub enum Format {
    /// JSON (RFC 8259), UTF-8.
    #[default]
    Json,
    /// XML, with settings.
    Xml(Xml),
    /// Delimited text, with settings.
    Csv(Csv),
}

/// How XML is read and written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Xml {
    /// Reading: names of elements that are a list even where they stand once, without prefix: `Component`.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Reading: whether attributes are kept. Dropped, an element with text and attributes is that text.
    #[serde(default)]
    pub attributes: Attributes,
    /// Writing: the root element around the document: `Movement`. Without it the document has one field, the root.
    #[serde(default)]
    pub root: Option<String>,
}

/// Whether attributes are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Attributes {
    /// As fields `@name`.
    #[default]
    Kept,
    /// Not at all: what matters to the map stands in elements.
    Dropped,
}

/// How delimited text is read and written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// Between fields: one ASCII character.
    #[serde(default = "default_delimiter")]
    pub delimiter: String,
    /// Around fields that hold delimiters, quotes or line ends, and doubled inside them: one ASCII character.
    #[serde(default = "default_quote")]
    pub quote: String,
    /// Whether the first row holds the names of the columns.
    #[serde(default = "default_header")]
    pub header: bool,
    /// Reading with a header: columns that must be there. Reading without: their names. Writing: the columns, in this
    /// order; without it all fields, in the order in which they first appear.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Reading: the character set, where neither the transport nor a byte order mark says otherwise. Written is UTF-8.
    #[serde(default)]
    pub charset: Charset,
    /// Writing: a cell that a spreadsheet would run as a formula gets a `'` in front.
    #[serde(default)]
    pub spreadsheet_safe: bool,
}

impl Default for Csv {
    fn default() -> Self {
        Self {
            delimiter: default_delimiter(),
            quote: default_quote(),
            header: default_header(),
            columns: Vec::new(),
            charset: Charset::default(),
            spreadsheet_safe: false,
        }
    }
}

/// Character sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Charset {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Seven bits.
    #[serde(rename = "us-ascii")]
    Ascii,
    /// ISO-8859-1, of which the bytes 128 to 159 are refused.
    #[serde(rename = "iso-8859-1")]
    Latin1,
    /// Windows-1252.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// UTF-16 with the low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16 with the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
}

/// Reads a format. A format whose settings may all be left out may be written as its name alone.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
    let written = Json::deserialize(deserializer)?;
    let whole = match written.as_str() {
        Some(word @ ("xml" | "csv")) => json!({ word: {} }),
        _ => written,
    };
    serde_json::from_value(whole).map_err(D::Error::custom)
}

/// Adds the names alone to the schema, as [`read`] takes them.
fn words(schema: &mut Schema) {
    if let Some(choices) = schema.get_mut("oneOf").and_then(Json::as_array_mut) {
        for (word, about) in [("xml", "XML, by one fixed convention."), ("csv", "Delimited text with commas.")] {
            choices.push(json!({ "type": "string", "const": word, "description": about }));
        }
    }
}

fn default_delimiter() -> String {
    ",".to_owned()
}

fn default_quote() -> String {
    "\"".to_owned()
}

fn default_header() -> bool {
    true
}
