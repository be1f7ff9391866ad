//! Canonical event to the bytes that one receiver expects, and the values for its path and headers.

use std::sync::Arc;

use lineshaft_model::catalog::Catalog;
use lineshaft_model::connection::DestinationSettings;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::plan::Rendered;
use lineshaft_model::tree::{Path, Tree};

use crate::identify::required;
use crate::map::Facts;
use crate::project::{Awaits, Format, Receive};

/// Renders `data` for `receive`. `revision` decides the target key where the document carries it.
pub fn render(
    receive: &Receive,
    catalog: &Arc<Catalog>,
    facts: &Facts,
    transaction: TransactionId,
    revision: u32,
    data: &Tree,
) -> Result<Rendered, Fault> {
    let mapped = receive.map.as_ref().map(|map| map.run(data, catalog, facts)).transpose().map_err(in_render)?;
    let mut document = mapped.unwrap_or_else(|| data.clone());
    let target_key = DeliveryId::of(transaction, &receive.name).target_key(revision);
    if let Some(field) = receive.destination.key_field() {
        let path = Path::parse(field).map_err(|error| Fault::new(Code::RenderFailed, error))?;
        document
            .set(&path, Tree::Text(target_key.clone()))
            .map_err(|error| Fault::new(Code::RenderFailed, error).at(field))?;
    }
    let parameters = parameters(&receive.destination, &document, data)?;
    let awaits = match &receive.awaits {
        None => None,
        Some(Awaits::TargetKey) => Some(target_key),
        Some(Awaits::Field(path)) => Some(
            required(&document, path, "value that an answer names it by")
                .map_err(|fault| Fault { code: Code::RenderParameter, ..fault })?,
        ),
    };
    if let Some(schema) = &receive.schema {
        document = schema.numbers(document);
        schema.check(&document).map_err(in_render)?;
    }
    let body = encode(&receive.format, document)?;
    Ok(Rendered { body, parameters, awaits })
}

/// Writes the document as `format` says.
fn encode(format: &Format, document: Tree) -> Result<Vec<u8>, Fault> {
    match format {
        Format::Json => Ok(lineshaft_format::json::encode(&document)),
        Format::Xml { root: None, .. } => lineshaft_format::xml::encode(&document),
        Format::Xml { root: Some(root), .. } => {
            lineshaft_format::xml::encode(&Tree::Map(vec![(root.clone(), document)]))
        }
        Format::Csv(options) => {
            let rows = match document {
                rows @ Tree::List(_) => rows,
                row => Tree::List(vec![row]),
            };
            lineshaft_format::csv::encode(&rows, options)
        }
    }
}

/// The same failure in a receiver's map is a failure to render: it is the receiver that is held back.
/// A reference that is missing keeps its own code, so that people read the same words for it everywhere.
fn in_render(fault: Fault) -> Fault {
    match fault.code {
        Code::MapUnknownReference | Code::MapUnit | Code::MapTimeLimit => fault,
        _ => Fault { code: Code::RenderFailed, ..fault },
    }
}

/// Values for `{name}` in path, headers and probe: a field of the rendered document, otherwise of the event.
fn parameters(settings: &DestinationSettings, document: &Tree, data: &Tree) -> Result<Vec<(String, String)>, Fault> {
    let mut values: Vec<(String, String)> = Vec::new();
    for name in settings.templates().into_iter().flat_map(places) {
        // What the target says of itself is known only when it is asked.
        if name == "target_key"
            || name == "receipt"
            || name.starts_with("receipt_")
            || values.iter().any(|(known, _)| known == name)
        {
            continue;
        }
        let value = document
            .get(name)
            .and_then(Tree::scalar)
            .or_else(|| data.get(name).and_then(Tree::scalar))
            .unwrap_or_default();
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(
                Fault::new(Code::RenderParameter, format!("{{{name}}} has no usable value")).at(format!(".{name}"))
            );
        }
        values.push((name.to_owned(), value.to_owned()));
    }
    Ok(values)
}

/// Names of the places `{name}` in a template.
fn places(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}
