//! What one page is asked for, and what it holds.
//!
//! A row becomes a document with a key of its own: the entity's key, its version (ETag, or else its time of change) and a
//! digest of its content. The same row read twice has the same key; a changed one has another, even if the target
//! forgot to move its time.

use lineshaft_model::connection::odata::{OdataPoll, Stamp as Notation, Version};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::sha256;
use lineshaft_model::tree::Tree;

use super::service::Service;
use super::stamp::Stamp;
use crate::http::template::encoded;

/// Longest key of a row in clear, in bytes; a longer one is replaced by its digest.
const KEY_BYTES_MAX: usize = 200;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What a repeat is recognised by.
    pub(super) key: String,
    /// The row, JSON.
    pub(super) body: Vec<u8>,
    /// When it was changed, if the target says so.
    pub(super) stamp: Option<Stamp>,
}

/// One page.
#[derive(Debug)]
pub(super) struct Page {
    /// Its rows, in the order of their times of change.
    pub(super) rows: Vec<Row>,
    /// Where the target goes on.
    pub(super) next: Option<String>,
}

/// Path and query of the page that begins at `from` and leaves out `skip` rows.
pub(super) fn question(poll: &OdataPoll, version: Version, from: Option<Stamp>, skip: usize) -> String {
    let since = from.map(|from| format!("{} ge {}", poll.changed_since, from.literal(poll.stamp, version)));
    let filter = match (since, &poll.filter) {
        (Some(since), Some(own)) => Some(format!("{since} and ({own})")),
        (Some(one), None) => Some(one),
        (None, own) => own.clone(),
    };
    let mut order = vec![poll.changed_since.as_str()];
    order.extend(poll.key.iter().map(String::as_str).filter(|key| *key != poll.changed_since));
    let mut query = vec![("$orderby", order.join(",")), ("$top", poll.page_size.to_string())];
    query.extend(filter.map(|filter| ("$filter", filter)));
    if skip > 0 {
        query.push(("$skip", skip.to_string()));
    }
    if !poll.expand.is_empty() {
        query.push(("$expand", expand(&poll.expand, version)));
    }
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
    format!("{}?{}", poll.path, query.join("&"))
}

/// V2 writes a path to the second level, V4 an option of the first: `to_Item/to_Batch`, `to_Item($expand=to_Batch)`.
fn expand(paths: &[String], version: Version) -> String {
    let of_v4 = |path: &String| {
        let mut steps: Vec<&str> = path.split('/').collect();
        let last = steps.pop().unwrap_or_default().to_owned();
        steps.into_iter().rev().fold(last, |inner, step| format!("{step}($expand={inner})"))
    };
    match version {
        Version::V2 => paths.join(","),
        Version::V4 => paths.iter().map(of_v4).collect::<Vec<_>>().join(","),
    }
}

/// Reads an answer.
///
/// # Errors
/// `DELIVER-009` if it is no list, no time of change in it can be read, or rows do not stand in the order of their times:
/// then the place to go on from would be wrong, and rows would be lost. A single row with an unreadable time is a
/// document like the others; it has no say in where to go on.
pub(super) fn read(service: &Service, poll: &OdataPoll, answer: &Tree) -> Result<Page, Fault> {
    let bad = |what: String| Fault::new(Code::DeliverBadAnswer, what).at(poll.path.clone());
    let list = match service.version {
        Version::V2 => answer.get("d").map(|d| d.get("results").unwrap_or(d)),
        Version::V4 => answer.get("value"),
    };
    let Some(Tree::List(items)) = list else { return Err(bad("the answer holds no list of rows".to_owned())) };
    let mut rows = Vec::with_capacity(items.len());
    let (mut latest, mut unread): (Option<Stamp>, usize) = (None, 0);
    for item in items {
        let text = item.get(&poll.changed_since).and_then(Tree::scalar).unwrap_or_default();
        let stamp = match text.trim_matches('0') {
            // An empty time, which SAP also writes as zeros: never changed.
            "" => None,
            _ => {
                let stamp = Stamp::read(text, poll.stamp);
                unread += usize::from(stamp.is_none());
                stamp
            }
        };
        if stamp.is_some() && stamp < latest {
            return Err(bad(format!("the rows do not stand in the order of {}", poll.changed_since)));
        }
        latest = stamp.or(latest);
        rows.push(row(service, poll, item, text, stamp));
    }
    if unread > 0 {
        let what =
            format!("in {unread} of {} rows {} is not written as {}", rows.len(), poll.changed_since, word(poll.stamp));
        if latest.is_none() {
            return Err(bad(what));
        }
        tracing::warn!(path = poll.path, what, "taken all the same");
    }
    Ok(Page { rows, next: service.next_link(answer).map(str::to_owned) })
}

fn row(service: &Service, poll: &OdataPoll, item: &Tree, text: &str, stamp: Option<Stamp>) -> Row {
    let body = lineshaft_format::json::encode(item);
    let digest = hex(&sha256(&body)[..16]);
    let keys: Vec<&str> =
        poll.key.iter().map(|name| item.get(name).and_then(Tree::scalar).unwrap_or_default()).collect();
    let version = service.etag(item).unwrap_or(text);
    let clear = format!("{}|{version}|", keys.join(","));
    let plain = clear.len() <= KEY_BYTES_MAX && clear.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let key = if plain { format!("{clear}{digest}") } else { format!("{}|{digest}", hex(&sha256(clear.as_bytes()))) };
    Row { key, body, stamp }
}

fn word(notation: Notation) -> &'static str {
    match notation {
        Notation::Text => "text",
        Notation::Datetime => "datetime",
        Notation::Datetimeoffset => "datetimeoffset",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
