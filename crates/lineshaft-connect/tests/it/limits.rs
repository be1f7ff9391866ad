//! Time limits and back-pressure, over a network in memory: time stands still unless everybody waits.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineshaft_connect::contract::{BoxFuture, Destination, Reply, ReplyKind, Source};
use lineshaft_connect::http::{HttpDestination, HttpSource, Limits, Listener};
use lineshaft_connect::net::{BoxStream, Inlet, Net, SystemNet};
use lineshaft_connect::tls::TlsInlet;
use lineshaft_model::delivery::Outcome;
use lineshaft_model::media::MediaTypes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;

use crate::peer::{connection, interface, outgoing, surroundings_over, word};
use crate::sender::{answer, post, settings, settle_all, store};

/// Connections handed over by the test, each with the address it claims to come from.
type Arriving = mpsc::UnboundedReceiver<(DuplexStream, SocketAddr)>;

struct MemoryNet {
    arriving: Mutex<Option<Arriving>>,
    /// Whether a connection that is opened is ever made.
    answers: bool,
    made: Mutex<Vec<DuplexStream>>,
}

struct MemoryInlet(tokio::sync::Mutex<Arriving>);

impl Inlet for MemoryInlet {
    fn accept(&self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            match self.0.lock().await.recv().await {
                Some((stream, peer)) => Ok((Box::new(stream) as BoxStream, peer)),
                None => std::future::pending().await,
            }
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(peer(0))
    }
}

impl Net for MemoryNet {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async { Err(io::Error::other("no names here")) })
    }

    fn connect(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<BoxStream>> {
        Box::pin(async move {
            if !self.answers {
                return std::future::pending().await;
            }
            let (ours, theirs) = duplex(64 * 1024);
            self.made.lock().expect("lock").push(theirs);
            Ok(Box::new(ours) as BoxStream)
        })
    }

    fn listen(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Inlet>>> {
        let arriving = self.arriving.lock().expect("lock").take().expect("listens once");
        Box::pin(async move { Ok(Box::new(MemoryInlet(tokio::sync::Mutex::new(arriving))) as Box<dyn Inlet>) })
    }
}

fn peer(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 40_000))
}

struct Inbound {
    listener: Listener,
    source: HttpSource,
    arrive: mpsc::UnboundedSender<(DuplexStream, SocketAddr)>,
}

impl Inbound {
    async fn open(limits: Limits) -> Self {
        let (arrive, arriving) = mpsc::unbounded_channel();
        let net = MemoryNet { arriving: Mutex::new(Some(arriving)), answers: false, made: Mutex::default() };
        let listener = Listener::open(&surroundings_over(Arc::new(net)), peer(0), limits).await.expect("listens");
        let source = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens");
        Self { listener, source, arrive }
    }

    fn connect(&self, from: u8) -> DuplexStream {
        let (ours, theirs) = duplex(64 * 1024);
        self.arrive.send((theirs, peer(from))).expect("listener runs");
        ours
    }
}

fn request() -> Vec<u8> {
    post("/in/mes/completion", "", "{}")
}

async fn status(stream: &mut DuplexStream) -> String {
    answer(stream).await.split(' ').nth(1).unwrap_or("closed").to_owned()
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_too_slowly_is_let_go() {
    let inbound = Inbound::open(Limits::default()).await;
    let (mut head, mut body, mut idle) = (inbound.connect(1), inbound.connect(2), inbound.connect(3));
    head.write_all(b"POST /in/mes/completion HTTP/1.1\r\nhost: n").await.expect("sends");
    body.write_all(&request()[..request().len() - 1]).await.expect("sends");
    // One byte every five seconds keeps no connection open.
    let drip = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let _ = head.write_all(b"o").await;
        }
        status(&mut head).await
    };
    assert_eq!(drip.await, "closed");
    assert_eq!(status(&mut body).await, "408");
    assert_eq!(status(&mut idle).await, "closed");
    let _engine = settle_all(inbound.source, store);
    let _listener = inbound.listener;
}

#[tokio::test(start_paused = true)]
async fn whoever_never_ends_the_greeting_of_tls_is_let_go() {
    let (arrive, arriving) = mpsc::unbounded_channel();
    let inlet = MemoryInlet(tokio::sync::Mutex::new(arriving));
    let surroundings = surroundings_over(Arc::new(SystemNet));
    let tls = TlsInlet::new(Box::new(inlet), crate::tls::identity());
    let listener = Listener::over(&surroundings, Box::new(tls), Limits::default()).expect("opens");
    let mut streams = Vec::new();
    // Nothing; the first bytes of a greeting and no more.
    for (from, said) in [(1, &b""[..]), (2, b"\x16\x03\x01\x02\x00\x01")] {
        let (mut ours, theirs) = duplex(64 * 1024);
        arrive.send((theirs, peer(from))).expect("listener runs");
        ours.write_all(said).await.expect("sends");
        streams.push(ours);
    }
    for mut stream in streams {
        let mut chunk = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut chunk)).await;
        assert!(ended.is_ok(), "closed");
    }
    drop(listener);
}

#[tokio::test(start_paused = true)]
async fn a_full_interface_pushes_back_and_one_that_is_not_settled_is_not_acknowledged() {
    let inbound = Inbound::open(Limits { waiting: 2, ..Limits::default() }).await;
    let mut senders: Vec<DuplexStream> = Vec::new();
    for from in 1..=2 {
        let mut sender = inbound.connect(from);
        sender.write_all(&request()).await.expect("sends");
        senders.push(sender);
    }
    // Everybody waits after this, so both have reached the interface.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut third = inbound.connect(3);
    third.write_all(&request()).await.expect("sends");
    let refused = answer(&mut third).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");

    let batch = inbound.source.receive(None).await.expect("batch");
    third.write_all(&request()).await.expect("the connection is still good");
    inbound.source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("settles");
    assert_eq!(status(&mut senders[0]).await, "202");
    // Nobody settles the others: they are told to come again, never that all is well.
    assert_eq!(status(&mut senders[1]).await, "503");
    assert_eq!(status(&mut third).await, "503");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_hung_up_is_neither_stored_nor_an_error() {
    let inbound = Inbound::open(Limits::default()).await;
    let mut gone = inbound.connect(1);
    gone.write_all(&request()).await.expect("sends");
    tokio::time::sleep(Duration::from_millis(1)).await;
    drop(gone);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut stays = inbound.connect(2);
    stays.write_all(&post("/in/mes/completion", "", "stays")).await.expect("sends");
    let batch = inbound.source.receive(None).await.expect("batch");
    assert_eq!(batch.intakes[0].body, b"stays");
    drop(stays);
    tokio::time::sleep(Duration::from_millis(1)).await;
    inbound.source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("no error");
}

#[tokio::test(start_paused = true)]
async fn receive_loses_nothing_when_it_is_cancelled() {
    let inbound = Inbound::open(Limits::default()).await;
    let cancelled = tokio::time::timeout(Duration::from_secs(1), inbound.source.receive(None)).await;
    assert!(cancelled.is_err());
    let mut sender = inbound.connect(1);
    sender.write_all(&request()).await.expect("sends");
    let batch = inbound.source.receive(None).await.expect("batch");
    inbound.source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("settles");
    assert_eq!(status(&mut sender).await, "202");
}

#[tokio::test(start_paused = true)]
async fn one_address_cannot_take_every_connection_and_large_bodies_share_a_bound() {
    let limits = Limits { connections_per_address: 2, body_bytes: 100, ..Limits::default() };
    let inbound = Inbound::open(limits).await;
    let held = [inbound.connect(1), inbound.connect(1)];
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(status(&mut inbound.connect(1)).await, "closed");
    let mut other = inbound.connect(2);
    other.write_all(&post("/in/mes/completion", "", &"x".repeat(101))).await.expect("sends");
    assert_eq!(status(&mut other).await, "503");
    drop(held);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut again = inbound.connect(1);
    again.write_all(&post("/in/mes/completion", "", &"x".repeat(100))).await.expect("sends");
    let _engine = settle_all(inbound.source, store);
    assert_eq!(status(&mut again).await, "202", "what was refused gave its share back");
    let _listener = inbound.listener;
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_tells_a_connection_that_is_not_made_from_an_answer_that_is_not_given() {
    for (answers, expected) in [(false, "unreachable DELIVER-001"), (true, "unknown DELIVER-002")] {
        let net = Arc::new(MemoryNet { arriving: Mutex::default(), answers, made: Mutex::default() });
        let addr = "127.0.0.1:9".parse().expect("address");
        let surroundings = surroundings_over(Arc::clone(&net) as Arc<dyn Net>);
        let destination = HttpDestination::open(&surroundings, &connection(addr), &interface()).expect("opens");
        let outcome: Outcome = destination.send(&[outgoing("{}")]).await.remove(0).1;
        assert_eq!(word(&outcome), expected);
        let made = net.made.lock().expect("lock").pop();
        if let Some(mut stream) = made {
            let mut first = [0; 4];
            stream.read_exact(&mut first).await.expect("the request had begun");
            assert_eq!(&first, b"POST");
        }
    }
}
