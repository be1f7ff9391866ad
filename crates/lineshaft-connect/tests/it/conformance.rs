//! One suite for every connector of the list. A connector without a way to be tested here fails it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lineshaft_connect::contract::{Destination, Reply, ReplyKind, Source};
use lineshaft_connect::http::{Limits, Listener};
use lineshaft_connect::{CONNECTORS, open_destination};
use lineshaft_model::connection::{Connection, DestinationSettings};
use lineshaft_model::delivery::{Answer, Outcome, Probe};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::media::MediaTypes;
use tokio::task::JoinHandle;

use crate::exchange::{self, Exchange};
use crate::odata_fake::{self, Fake};
use crate::peer::{Act, Peer, answer, connection, interface, outgoing, surroundings};
use crate::sender::{ask, post, settings};

/// The other side of one connector, as the suite needs it.
trait Bench {
    /// Opens both sides of the connector.
    async fn open() -> Self;
    /// The side that documents go out by.
    fn destination(&self) -> Box<dyn Destination>;
    /// Starts a target that takes `documents` documents, at the address that the destination knows.
    async fn target_up(&mut self, documents: usize);
    /// Starts a target that answers with nonsense.
    async fn target_hostile(&mut self);
    /// What nonsense proves: nothing, where a target answers.
    fn nonsense_proves(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Unknown(_))
    }
    /// Ends the target.
    async fn target_down(&mut self);
}

/// A connector that is sent to.
trait Inbound: Bench {
    /// The side that documents come in by.
    fn source(&mut self) -> Box<dyn Source>;
    /// A peer sends one document and says whether it got a receipt.
    fn hand_in(&self, document: &'static str) -> JoinHandle<bool>;
    /// Closes our side of receiving.
    async fn close(self);
}

/// A connector that asks by itself.
trait Polling {
    /// Opens both sides of the connector.
    async fn open() -> Self;
    /// The side that documents come in by; opened again, it goes on from a cursor.
    fn source(&self) -> Arc<dyn Source>;
    /// Makes one document that was not there before.
    fn make(&self);
}

struct HttpBench {
    listener: Listener,
    source: Option<Box<dyn Source>>,
    target: Option<Peer>,
    addr: SocketAddr,
}

impl Bench for HttpBench {
    async fn open() -> Self {
        let any = "127.0.0.1:0".parse().expect("address");
        let listener = Listener::open(&surroundings(), any, Limits::default()).await.expect("listens");
        let source = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens");
        let target = Peer::start(vec![]).await;
        let addr = target.addr;
        target.stop().await;
        Self { listener, source: Some(Box::new(source)), target: None, addr }
    }

    fn destination(&self) -> Box<dyn Destination> {
        let connection = Connection::Http(connection(self.addr));
        open_destination(&surroundings(), &connection, &DestinationSettings::Http(interface())).expect("opens")
    }

    async fn target_up(&mut self, documents: usize) {
        let taken = answer("201 Created", "connection: close\r\n", r#"{"documentNumber":"49"}"#);
        self.target = Some(Peer::start_at(self.addr, vec![taken; documents]).await);
    }

    async fn target_hostile(&mut self) {
        self.target = Some(Peer::start_at(self.addr, nonsense()).await);
    }

    async fn target_down(&mut self) {
        if let Some(target) = self.target.take() {
            target.stop().await;
        }
    }
}

impl Inbound for HttpBench {
    fn source(&mut self) -> Box<dyn Source> {
        self.source.take().expect("taken once")
    }

    fn hand_in(&self, document: &'static str) -> JoinHandle<bool> {
        let addr = self.listener.local_addr();
        tokio::spawn(
            async move { ask(addr, &post("/in/mes/completion", "", document)).await.starts_with("HTTP/1.1 202") },
        )
    }

    async fn close(self) {
        assert!(self.listener.stop(std::time::Duration::from_secs(60)).await, "closes by itself");
    }
}

struct OdataBench {
    target: Option<Peer>,
    addr: SocketAddr,
}

impl Bench for OdataBench {
    async fn open() -> Self {
        let target = Peer::start(vec![]).await;
        let addr = target.addr;
        target.stop().await;
        Self { target: None, addr }
    }

    fn destination(&self) -> Box<dyn Destination> {
        let url = format!("http://{}/svc", self.addr);
        let connection = serde_json::json!({ "odata": { "url": url, "version": "v2", "answer_bytes_max": 1024 } });
        let settings = serde_json::json!({ "odata": { "path": "/Conf", "csrf": "off", "receipt": ["Number"] } });
        let read = (serde_json::from_value(connection), serde_json::from_value(settings));
        open_destination(&surroundings(), &read.0.expect("connection"), &read.1.expect("settings")).expect("opens")
    }

    async fn target_up(&mut self, documents: usize) {
        let taken = answer("201 Created", "connection: close\r\n", r#"{"d":{"Number":"49"}}"#);
        self.target = Some(Peer::start_at(self.addr, vec![taken; documents]).await);
    }

    async fn target_hostile(&mut self) {
        self.target = Some(Peer::start_at(self.addr, nonsense()).await);
    }

    async fn target_down(&mut self) {
        if let Some(target) = self.target.take() {
            target.stop().await;
        }
    }
}

struct OdataPolls(Fake, AtomicUsize);

impl Polling for OdataPolls {
    async fn open() -> Self {
        Self(Fake::start().await, AtomicUsize::new(1))
    }

    fn source(&self) -> Arc<dyn Source> {
        odata_fake::source(&format!("http://{}/v2", self.0.addr), "v2", &odata_fake::poll())
    }

    fn make(&self) {
        let number = self.1.fetch_add(1, Ordering::Relaxed);
        self.0.put(&number.to_string(), &format!("202611231000{number:02}"));
    }
}

struct FilesBench(Exchange);

impl Bench for FilesBench {
    async fn open() -> Self {
        Self(Exchange::new(&[]))
    }

    fn destination(&self) -> Box<dyn Destination> {
        self.0.destination(&serde_json::json!({ "directory": "in", "name": "{plant}-{target_key}.json" }))
    }

    async fn target_up(&mut self, _documents: usize) {
        self.0.make("in");
    }

    async fn target_hostile(&mut self) {
        self.0.make("in");
        self.0.pipe(&format!("in/DE10-{}.json", outgoing("{}").target_key));
    }

    /// A directory gives no answers that could be misread: something else stands there, and a person decides.
    fn nonsense_proves(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Refused { fault, .. } if fault.code == Code::DeliverRejected)
    }

    async fn target_down(&mut self) {
        self.0.remove("in");
    }
}

struct FilesPolls(Exchange, AtomicUsize);

impl Polling for FilesPolls {
    async fn open() -> Self {
        Self(Exchange::new(&["out"]), AtomicUsize::new(1))
    }

    fn source(&self) -> Arc<dyn Source> {
        self.0.source(&exchange::renamed("out"))
    }

    fn make(&self) {
        let number = self.1.fetch_add(1, Ordering::Relaxed);
        self.0.drop_in(&format!("out/{number}.csv"), &format!("document {number}"));
    }
}

fn nonsense() -> Vec<Act> {
    vec![
        Act::Answer("\0\u{1}nonsense\r\n\r\n".to_owned()),
        Act::Close,
        answer("200 OK", "connection: close\r\n", &"x".repeat(4096)),
    ]
}

#[tokio::test]
async fn every_connector_of_the_list_keeps_the_contract() {
    for spec in CONNECTORS {
        assert!(!spec.about.is_empty() && (spec.source || spec.destination), "{}", spec.name);
        match spec.name {
            "http" => {
                receives::<HttpBench>().await;
                sends::<HttpBench>().await;
            }
            "odata" => {
                sends::<OdataBench>().await;
                polls::<OdataPolls>().await;
            }
            "files" => {
                sends::<FilesBench>().await;
                polls::<FilesPolls>().await;
            }
            other => panic!("the connector {other} has no bench in this suite"),
        }
    }
}

/// Hand-over at least once, batches settled in any order, refusal told, and an end that is told.
async fn receives<B: Inbound>() {
    let mut bench = B::open().await;
    let source = bench.source();
    let (one, two) = (bench.hand_in("one"), bench.hand_in("two"));
    let first = source.receive(None).await.expect("batch");
    let second = source.receive(None).await.expect("several batches may be outstanding");
    assert_ne!(first.id, second.id);
    assert!(!one.is_finished() && !two.is_finished(), "an unsettled batch is not acknowledged");
    let (accepted, refused) =
        if first.intakes[0].body == b"one" { (first.id, second.id) } else { (second.id, first.id) };
    let full = Fault::new(Code::ReceiveStoreUnavailable, "full");
    source.settle(refused, Err(full)).await.expect("settles");
    assert!(!two.await.expect("answer"), "a refused document has no receipt");
    source.settle(accepted, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("settles");
    assert!(one.await.expect("answer"), "a stored document has one");

    let lost = bench.hand_in("lost");
    drop(source.receive(None).await.expect("batch"));
    drop(source);
    assert!(!lost.await.expect("answer"), "a source that goes away acknowledges nothing");
    bench.close().await;
}

/// Nothing twice once it is committed, nothing lost that is not, and every document with a key for a repeat.
async fn polls<P: Polling>() {
    let bench = P::open().await;
    let source = bench.source();
    bench.make();
    let first = source.receive(None).await.expect("batch");
    assert_eq!(first.intakes.len(), 1);
    assert!(first.intakes.iter().all(|received| received.idempotency_key.is_some()));
    let full = Fault::new(Code::ReceiveStoreUnavailable, "full");
    source.settle(first.id, Err(full)).await.expect("settles");
    let again = source.receive(None).await.expect("what was refused comes again");
    assert_eq!(again.intakes, first.intakes);
    assert_ne!(again.id, first.id);
    source.settle(again.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("settles");
    bench.make();
    drop(source.receive(again.cursor.clone()));
    let second = source.receive(again.cursor.clone()).await.expect("a dropped call loses nothing");
    assert_eq!(second.intakes.len(), 1, "what is committed does not come again");
    drop(source);
    let reopened = bench.source().receive(again.cursor).await.expect("batch");
    assert!(reopened.intakes.contains(&second.intakes[0]), "what is not committed comes again, under the same key");
}

/// One outcome for each delivery, a target that comes, goes, comes back and lies, without a restart of ours.
async fn sends<B: Bench>() {
    let mut bench = B::open().await;
    let destination = bench.destination();
    let document = outgoing("{}");
    let batch = [document.clone(), document.clone()];

    assert!(destination.send(&[]).await.is_empty());
    let down = destination.send(&batch).await;
    assert!(down.iter().all(|(_, outcome)| matches!(outcome, Outcome::Unreachable(_))), "{down:?}");
    for _ in 0..2 {
        bench.target_up(2).await;
        let up = destination.send(&batch).await;
        assert!(up.iter().all(|(_, outcome)| matches!(outcome, Outcome::Delivered { .. })), "{up:?}");
        assert!(up.iter().zip(&batch).all(|((id, _), sent)| *id == sent.id), "outcomes stand in the batch's order");
        bench.target_down().await;
        let down = destination.send(&batch).await;
        assert!(!down.iter().any(|(_, outcome)| matches!(outcome, Outcome::Delivered { .. })), "{down:?}");
    }
    bench.target_hostile().await;
    for _ in 0..3 {
        let outcome = destination.send(&batch[..1]).await.remove(0).1;
        assert!(B::nonsense_proves(&outcome), "nonsense proves nothing: {outcome:?}");
    }
    bench.target_down().await;
    // A connector without a question cannot tell either.
    assert!(matches!(destination.probe(&document).await, Probe::NotAnswered(_) | Probe::CannotTell(_)));
    assert!(matches!(destination.read_back(&document).await, Answer::CannotTell(_)), "nothing is made up");
}
