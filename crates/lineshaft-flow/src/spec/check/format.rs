//! Formats of interfaces, and where the documents of transactions stand in them.

use lineshaft_format::charset::Charset;
use lineshaft_format::csv::CsvOptions;
use lineshaft_format::xml;
use lineshaft_model::connection::SourceSettings;

use super::World;
use super::scope::Scope;
use crate::project::{Format, Parts};
use crate::spec::raw;

/// How an interface reads. `None` if something is wrong, which is told.
pub fn reading(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Emit) -> Option<Format> {
    if matches!(raw.source, SourceSettings::Odata(_)) && raw.format != raw::Format::Json {
        let help = "remove `format`: each row comes as JSON";
        scope.error(world, &["format"], "a source that polls an OData service reads JSON", help);
    }
    match &raw.format {
        raw::Format::Xml(xml) if xml.root.is_some() => {
            let help = "remove it; a document that is received names its root itself";
            scope.error(world, &["format", "xml", "root"], "`root` has a meaning for writing only", help);
        }
        raw::Format::Csv(csv) if csv.spreadsheet_safe => {
            let at = ["format", "csv", "spreadsheet_safe"];
            scope.error(world, &at, "`spreadsheet_safe` has a meaning for writing only", "remove it");
        }
        _ => {}
    }
    if let (raw::Format::Csv(_), Some(field)) = (&raw.format, splitting(raw)) {
        let message = format!("`{field}` has no meaning for CSV: each row is a transaction");
        scope.error(world, &[field], message, "remove it");
    }
    format(world, scope, &raw.format)
}

/// How an interface writes. `None` if something is wrong, which is told.
pub fn writing(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Receive) -> Option<Format> {
    match &raw.format {
        raw::Format::Xml(xml) if !xml.lists.is_empty() => {
            let help = "remove it; a list is written as its element repeated";
            scope.error(world, &["format", "xml", "lists"], "`lists` has a meaning for reading only", help);
        }
        raw::Format::Xml(xml) if xml.attributes != raw::Attributes::Kept => {
            let at = ["format", "xml", "attributes"];
            scope.error(world, &at, "`attributes` has a meaning for reading only", "remove it");
        }
        raw::Format::Csv(csv) if csv.charset != raw::Charset::Utf8 => {
            let at = ["format", "csv", "charset"];
            scope.error(world, &at, "`charset` has a meaning for reading only", "remove it; what is written is UTF-8");
        }
        _ => {}
    }
    format(world, scope, &raw.format)
}

fn splitting(raw: &raw::Emit) -> Option<&'static str> {
    match (&raw.split, &raw.parts) {
        (Some(_), _) => Some("split"),
        (None, Some(_)) => Some("parts"),
        (None, None) => None,
    }
}

fn format(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Format) -> Option<Format> {
    match raw {
        raw::Format::Json => Some(Format::Json),
        raw::Format::Xml(xml) => Some(Format::Xml {
            options: xml::Options { lists: xml.lists.clone() },
            no_attributes: xml.attributes == raw::Attributes::Dropped,
            root: xml.root.clone(),
        }),
        raw::Format::Csv(csv) => {
            let delimiter = character(world, scope, "delimiter", &csv.delimiter);
            let quote = character(world, scope, "quote", &csv.quote);
            let options = CsvOptions {
                delimiter: delimiter?,
                quote: quote?,
                header: csv.header,
                columns: csv.columns.clone(),
                charset: charset(csv.charset),
                spreadsheet_safe: csv.spreadsheet_safe,
            };
            if let Err(message) = options.check() {
                scope.error(world, &["format", "csv"], message, "correct the settings of `csv`");
                return None;
            }
            Some(Format::Csv(options))
        }
    }
}

fn character(world: &mut World<'_>, scope: &Scope<'_>, field: &str, text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        _ => {
            let help = "write one ASCII character: `\",\"`, `\";\"`, or `\"\\t\"` for a tab";
            let message = format!("`{field}` must be one character, but is {text:?}");
            scope.error(world, &["format", "csv", field], message, help);
            None
        }
    }
}

fn charset(raw: raw::Charset) -> Charset {
    match raw {
        raw::Charset::Utf8 => Charset::Utf8,
        raw::Charset::Ascii => Charset::Ascii,
        raw::Charset::Latin1 => Charset::Latin1,
        raw::Charset::Windows1252 => Charset::Windows1252,
        raw::Charset::Utf16Le => Charset::Utf16Le,
        raw::Charset::Utf16Be => Charset::Utf16Be,
    }
}

/// Where the documents of transactions may stand. The outer `None` says that something is wrong.
pub fn parts(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Emit) -> Option<Option<Parts>> {
    let Some(parts) = &raw.parts else { return Some(None) };
    if raw.split.is_some() {
        let help = "keep `split` for one list that must be there, `parts` for several places";
        scope.error(world, &["parts"], "`split` and `parts` cannot stand together", help);
    }
    if parts.at.is_empty() {
        let help = "list the places, the likeliest first, and `.` last where the whole may be one document";
        scope.error(world, &["parts", "at"], "`at` lists no place", help);
    }
    let mut ways = Some(Vec::new());
    for (index, text) in parts.at.iter().enumerate() {
        let at = ["parts", "at", &index.to_string()];
        let way = scope.path(world, &at, &text.0).and_then(|_| {
            let way = names(&text.0);
            if way.is_none() {
                let help = "name fields only; lists on the way are gone through";
                scope.error(world, &at, format!("`{}` has a position in a list", text.0), help);
            }
            way
        });
        ways = ways.zip(way).map(|(mut ways, way)| {
            ways.push(way);
            ways
        });
    }
    let mut carry = Some(Vec::new());
    for (name, path) in &parts.carry {
        let path = scope.path(world, &["parts", "carry", name], &path.0);
        carry = carry.zip(path).map(|(mut carry, path)| {
            carry.push((name.clone(), path));
            carry
        });
    }
    Some(Some(Parts { ways: ways?, carry: carry? }))
}

/// The names of a path that was read before; `None` if it has positions of lists.
fn names(path: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = path.strip_prefix('.')?;
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.starts_with('[') {
            return None;
        }
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        names.push(name.to_owned());
        rest = after;
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_names_of_fields() {
        let names = |path| names(path).map(|names| names.join("|"));
        assert_eq!(names("."), Some(String::new()));
        assert_eq!(names(".d.results"), Some("d|results".to_owned()));
        assert_eq!(names(".\"odd name\".x"), Some("odd name|x".to_owned()));
        assert_eq!(names(".d[0]"), None);
        assert_eq!(names(".d[0].x"), None);
    }
}
