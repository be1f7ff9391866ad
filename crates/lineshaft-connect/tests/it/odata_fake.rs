//! An entity set that answers polls: conditions on the time of change, order, pages, links. Small on purpose; what it
//! cannot read it refuses loudly.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use lineshaft_connect::contract::{Batch, Cursor, Reply, ReplyKind, Source};
use lineshaft_connect::open_source;
use lineshaft_model::connection::{Connection, SourceSettings};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::peer::surroundings;

/// What the service holds and was asked.
#[derive(Default)]
pub struct Held {
    /// Key, time of change (text), note.
    pub rows: Vec<(String, String, String)>,
    /// Requests: path and query, decoded.
    pub asked: Vec<String>,
    /// Whole answers to give first, last one first.
    pub instead: Vec<String>,
    /// Rows of a page, whatever is asked for.
    pub page_max: usize,
    /// Address in front of the links.
    pub links_at: Option<String>,
}

/// A running service.
pub struct Fake {
    pub addr: SocketAddr,
    pub held: Arc<Mutex<Held>>,
    task: JoinHandle<()>,
}

impl Fake {
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("address"), Arc::default()).await
    }

    pub async fn start_at(addr: SocketAddr, held: Arc<Mutex<Held>>) -> Self {
        let listener = TcpListener::bind(addr).await.expect("listens");
        let addr = listener.local_addr().expect("address");
        let state = Arc::clone(&held);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("accepts");
                let mut bytes = Vec::new();
                let mut chunk = [0; 4096];
                while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut chunk).await {
                        Ok(0) | Err(_) => break,
                        Ok(read) => bytes.extend_from_slice(&chunk[..read]),
                    }
                }
                let head = String::from_utf8_lossy(&bytes).into_owned();
                let said = answer(&mut state.lock().expect("lock"), &head);
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { addr, held, task }
    }

    pub fn put(&self, key: &str, changed: &str) {
        let mut held = self.held.lock().expect("lock");
        held.rows.retain(|(known, ..)| known != key);
        held.rows.push((key.to_owned(), changed.to_owned(), String::new()));
    }

    pub async fn stop(mut self) -> Arc<Mutex<Held>> {
        self.task.abort();
        let _ = (&mut self.task).await;
        Arc::clone(&self.held)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(held: &mut Held, head: &str) -> String {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let asked = decoded(target);
    held.asked.push(asked.clone());
    if let Some(instead) = held.instead.pop() {
        return instead;
    }
    let query = asked.split_once('?').map_or("", |(_, query)| query);
    let option = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let v4 = asked.starts_with("/v4");
    let mut rows = held.rows.clone();
    rows.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
    if let Some(filter) = option("$filter") {
        let from = filter.strip_prefix("Changed ge '").and_then(|rest| rest.split_once('\''));
        let (from, _) = from.unwrap_or_else(|| panic!("cannot read the filter {filter:?}"));
        rows.retain(|(_, changed, _)| changed.as_str() >= from);
    }
    assert_eq!(option("$orderby"), Some("Changed,Id"), "{asked}");
    let number = |name: &str| option(name).map(|digits| digits.parse::<usize>().expect("number"));
    let skip = number("$skiptoken").or(number("$skip")).unwrap_or(0);
    let top = number("$top").unwrap_or(usize::MAX);
    let size = if held.page_max == 0 { top } else { top.min(held.page_max) };
    let all = rows.len();
    let page: Vec<Json> = rows
        .into_iter()
        .skip(skip)
        .take(size)
        .map(|(id, changed, note)| json!({ "Id": id, "Changed": changed, "Qty": "1.10", "Note": note }))
        .collect();
    let more = (held.page_max > 0 && skip + size < all.min(skip.saturating_add(top))).then(|| {
        let plain = target.split("&%24skip").next().unwrap_or_default().replace("$skip", "$was");
        let plain = plain.split("&$skiptoken").next().unwrap_or_default().to_owned();
        format!("{}{plain}&$skiptoken={}", held.links_at.clone().unwrap_or_default(), skip + size)
    });
    let body = match (v4, more) {
        (true, Some(link)) => json!({ "value": page, "@odata.nextLink": link }),
        (true, None) => json!({ "value": page }),
        (false, Some(link)) => json!({ "d": { "results": page, "__next": link } }),
        (false, None) => json!({ "d": { "results": page } }),
    };
    whole("200 OK", "", &body.to_string())
}

/// An answer as it stands on the wire.
pub fn whole(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// Percent-encoding undone.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (byte, pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).expect("text")
}

/// Opens a source as a project file would have it.
pub fn source(url: &str, version: &str, poll: &Json) -> std::sync::Arc<dyn Source> {
    let connection: Connection =
        serde_json::from_value(json!({ "odata": { "url": url, "version": version } })).expect("connection");
    source_over(&connection, poll)
}

/// The same over a given connection.
pub fn source_over(connection: &Connection, poll: &Json) -> std::sync::Arc<dyn Source> {
    let settings: SourceSettings = serde_json::from_value(json!({ "odata": { "poll": poll } })).expect("settings");
    open_source(&surroundings(), connection, &settings).expect("polls").expect("opens")
}

/// A poll of the fake, over and over without a pause that would be felt.
pub fn poll() -> Json {
    json!({ "path": "/Orders", "changed_since": "Changed", "stamp": "text", "every": "1ms", "overlap": "5m",
            "page_size": 100, "key": ["Id"] })
}

/// One value of each row.
pub fn values(batch: &Batch, field: &str) -> Vec<String> {
    let value = |body: &[u8]| {
        let row: Json = serde_json::from_slice(body).expect("row");
        row[field].as_str().expect(field).to_owned()
    };
    batch.intakes.iter().map(|received| value(&received.body)).collect()
}

/// Takes one batch as the engine does: commits it, settles it, and goes on from its cursor.
pub async fn take(source: &dyn Source, cursor: &mut Option<Cursor>) -> Batch {
    let batch = source.receive(cursor.clone()).await.expect("batch");
    source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("settles");
    *cursor = batch.cursor.clone();
    batch
}
