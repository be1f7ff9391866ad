//! A node with one emitting system and one receiving stand-in, on free ports and a fresh directory.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lineshaft_connect::net::SystemNet;
use lineshaft_engine::{Node, Opening};
use lineshaft_flow::project::Project;
use lineshaft_flow::spec::{Files, check};
use lineshaft_model::principal::Principal;
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::{Clock, SystemClock, Timestamp};
use lineshaft_standin::judge::{Evidence, Verdict, judge};
use lineshaft_standin::sink::{Class, Sink};
use lineshaft_store::read::exceptions::Exception;
use lineshaft_store::read::status::Conservation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How a receiver's repeats are declared, as in its system file.
pub const T1: &str = "{ class: T1, window: 24h, past: T4 }";
pub const T3: &str = "{ class: T3, quiet: 300ms }";
pub const T4: &str = "{ class: T4 }";

/// Longest wait for something that must come to pass.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Plant {
    pub node: Node,
    pub sink: Sink,
    pub directory: tempfile::TempDir,
    files: Files,
    clock: Arc<dyn Clock>,
}

/// A clock that stands until it is moved: the time that has passed, and by how much the wall clock was set.
pub struct HandClock(AtomicI64, AtomicI64);

impl HandClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_392_000_000_000), AtomicI64::new(0)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).expect("short"), Ordering::SeqCst);
    }

    /// Sets the wall clock by so many seconds, while no time passes.
    pub fn step(&self, secs: i64) {
        self.1.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst) + self.1.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

impl Plant {
    pub async fn new(class: Class, repeat: &str) -> Self {
        Self::with(class, repeat, &[]).await
    }

    /// With further project files; one of the same name takes the place of the usual one. `SINK_URL` in them is the sink's
    /// address.
    pub async fn with(class: Class, repeat: &str, more: &[(&str, &str)]) -> Self {
        Self::at(Arc::new(SystemClock::new()), class, repeat, more).await
    }

    /// By a clock of the test's.
    pub async fn at(clock: Arc<dyn Clock>, class: Class, repeat: &str, more: &[(&str, &str)]) -> Self {
        let more = more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self::build(clock, class, repeat, |_| more).await
    }

    /// With files that need to know where the target is.
    pub async fn made(class: Class, more: impl FnOnce(&str) -> Vec<(String, String)>) -> Self {
        Self::build(Arc::new(SystemClock::new()), class, T1, more).await
    }

    async fn build(
        clock: Arc<dyn Clock>,
        class: Class,
        repeat: &str,
        more: impl FnOnce(&str) -> Vec<(String, String)>,
    ) -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let sink = Sink::start(local(), class, &directory.path().join("sink.jsonl"), None).await.expect("sink");
        let files = files(&sink.server().url(), repeat, more(&sink.server().url()));
        let node = start(project(&files), &directory.path().join("data"), Arc::clone(&clock)).await;
        Self { node, sink, directory, files, clock }
    }

    /// Stops the node in order and starts it again on the same directory.
    pub async fn restart(self) -> Self {
        self.restart_after(&[], |_| ()).await
    }

    /// The same, with each text in a project file replaced: file, from, to.
    pub async fn restart_with(self, edits: &[(&str, &str, &str)]) -> Self {
        self.restart_after(edits, |_| ()).await
    }

    /// The same, with something done to the data directory in between.
    pub async fn restart_after(self, edits: &[(&str, &str, &str)], meanwhile: impl FnOnce(&Path)) -> Self {
        let Self { node, sink, directory, mut files, clock } = self;
        assert!(node.stop().await, "everything under way ended in time");
        let data = directory.path().join("data");
        meanwhile(&data);
        for (file, from, to) in edits {
            let text = files.get_mut(*file).expect("a file of the project");
            assert!(text.contains(from), "{file} has no {from:?}");
            *text = text.replace(from, to);
        }
        let node = start(project(&files), &data, Arc::clone(&clock)).await;
        Self { node, sink, directory, files, clock }
    }

    pub fn url(&self) -> String {
        format!("http://{}/in/source/completion", self.node.inbound())
    }

    /// Sends one completion; the status and body of the answer.
    pub async fn send(&self, order: &str, seq: u32, key: &str) -> (u16, String) {
        self.send_body(key, &format!(r#"{{"order":"{order}","seq":{seq},"material":"M1"}}"#)).await
    }

    pub async fn send_body(&self, key: &str, body: &str) -> (u16, String) {
        post(self.node.inbound(), "/in/source/completion", key, body).await
    }

    pub fn books(&self) -> Conservation {
        let books = self.node.shared().store.conservation().expect("reads");
        assert_eq!(books.delta(), 0, "{books:?}");
        books
    }

    pub fn delivered(&self) -> u64 {
        let books = self.books();
        books.delivery_states.iter().find(|(state, _)| state == "delivered").map_or(0, |(_, count)| *count)
    }

    pub fn exceptions(&self) -> Vec<Exception> {
        self.node.shared().store.exceptions(100).expect("reads")
    }

    /// Waits until `count` deliveries are delivered.
    pub async fn until_delivered(&self, count: u64) {
        self.until(&format!("{count} delivered"), || self.delivered() >= count).await;
    }

    /// Waits until `count` exceptions stand in front of a person.
    pub async fn until_exceptions(&self, count: usize) {
        self.until(&format!("{count} exceptions"), || self.exceptions().len() >= count).await;
    }

    pub async fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !reached() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "not reached: {what}; {:?} {:?}", self.books(), self.exceptions());
    }

    /// The judge's verdict over what the generator and the sink wrote down.
    pub fn verdict(&self) -> Verdict {
        let load = std::fs::read_to_string(self.directory.path().join("load.jsonl")).expect("load history");
        let sink = std::fs::read_to_string(self.directory.path().join("sink.jsonl")).expect("sink history");
        judge(&Evidence { load: &load, sinks: &[&sink], ..Evidence::default() }).expect("histories read")
    }
}

pub fn anna() -> Principal {
    Principal::Operator("anna".to_owned())
}

fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn start(project: Arc<Project>, data: &Path, clock: Arc<dyn Clock>) -> Node {
    let opening = Opening {
        project,
        directory: data.parent().expect("a directory").to_owned(),
        data: data.to_owned(),
        clock,
        rng: Arc::new(SeededRng::new(7)),
        net: Arc::new(SystemNet),
    };
    Node::start(opening).await.expect("starts")
}

/// What a sender is told who asks.
pub async fn get(from: SocketAddr, path: &str) -> (u16, String) {
    exchange(from, &format!("GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")).await
}

pub async fn post(to: SocketAddr, path: &str, key: &str, body: &str) -> (u16, String) {
    request(to, path, key, body.len(), body).await
}

/// A request that claims a body of `bytes` and sends none of it.
pub async fn claim(to: SocketAddr, path: &str, bytes: usize) -> (u16, String) {
    request(to, path, "claim", bytes, "").await
}

async fn request(to: SocketAddr, path: &str, key: &str, length: usize, body: &str) -> (u16, String) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    exchange(to, &request).await
}

async fn exchange(to: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(to).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("reads");
    let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("status");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn files(sink: &str, repeat: &str, more: Vec<(String, String)>) -> Files {
    let files = [
        (
            "lineshaft.yaml",
            "installation: test\nnode: hub\nlisten: { inbound: \"127.0.0.1:0\", api: \"127.0.0.1:1\" }\ndata: data\ndisk: { ballast: 64KiB }\n\
             egress: { allow: [\"127.0.0.1:*\"], loopback: permitted }\nsites:\n  DE10: { name: Augsburg, time_zone: Europe/Berlin, region: eu }\n"
                .to_owned(),
        ),
        (
            "model/production.completion@1.json",
            r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"production.completion","description":"A completion.",
              "x-version":"1.0.0","type":"object","required":["order"],"properties":{"order":{"type":"string"}},
              "examples":[{"order":"1"},{"order":"2"}]}"#
                .to_owned(),
        ),
        (
            "systems/source.yaml",
            "system: source\nabout: sends\nconnection: { http: {} }\nemits:\n  completion:\n    about: completions\n    source: { http: { auth: none } }\n    \
             format: json\n    event: production.completion@1\n    map: maps/completion.vrl\n    keys:\n      order: { path: .order, issued_by: source }\n    \
             idempotency: { key: header }\n    site: DE10\n    unreadable: pass\n  material:\n    about: materials\n    source: { http: { auth: none } }\n    \
             format: json\n    reference: { table: material, key: .material }\n    idempotency: { key: header }\n    unreadable: pass\n"
                .to_owned(),
        ),
        (
            "systems/sink.yaml",
            format!(
                "system: sink\nabout: counts\nconnection: {{ http: {{ url: \"{sink}\", timeout_secs: 2 }} }}\n\
                 limits: {{ in_flight: 16, breaker: {{ open_after: 3, probe_every: 100ms }} }}\nreceives:\n  completion:\n    about: all of it\n    \
                 event: production.completion@1\n    send: {{ http: {{ path: /completion, key_header: Idempotency-Key, \
                 probe: {{ path: \"/effects?key={{target_key}}\", found_when: \".found\" }} }} }}\n    in_order_by: order\n    repeat: {repeat}\n    \
                 retry: {{ first: 20ms, cap: 200ms, attempts: 50 }}\n    impact: inventory accuracy\n    sla: {{ within: 60s }}\n"
            ),
        ),
        ("systems/maps/completion.vrl", MAP.to_owned()),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text));
    let more = more.into_iter().map(|(path, text)| (path, text.replace("SINK_URL", sink)));
    files.chain(more).collect()
}

fn project(files: &Files) -> Arc<Project> {
    let (project, problems) = check(files);
    let errors = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    Arc::new(project.unwrap_or_else(|| panic!("{errors}")))
}

/// A document that names material `NEW` waits for it; everything else passes through.
const MAP: &str = r#"if .material == "NEW" {
  . = merge(object!(.), { "text": xref!("material", "NEW", field: "text") })
}
. = object!(.)
"#;
