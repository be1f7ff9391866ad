//! A node to ask, and the smallest HTTP client: one request a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lineshaft_connect::net::{Inlet, Net as _, SystemNet};
use lineshaft_engine::{Node, Opening};
use lineshaft_flow::spec;
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::{Clock, SystemClock, Timestamp};
use lineshaft_server::{Api, Facts, Server, Token};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A running node, its API and its token.
pub struct Running {
    pub node: Node,
    pub server: Server,
    pub token: String,
    _directory: tempfile::TempDir,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer as a problem, every field of which is there and in order.
    pub fn problem(&self) -> Value {
        assert!(self.head.contains("content-type: application/problem+json"), "{self:?}");
        let problem = self.json();
        let text = |field: &str| problem[field].as_str().unwrap_or_else(|| panic!("{field}: {self:?}")).to_owned();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert!(text("type").starts_with("urn:lineshaft:") && text("type").ends_with(&text("code")), "{self:?}");
        assert!(!text("title").is_empty() && !text("detail").is_empty(), "{self:?}");
        assert!(text("next_step").ends_with('.'), "{self:?}");
        assert!(text("instance").starts_with("urn:uuid:") && text("instance").len() == 45, "{self:?}");
        let inside = ["sqlite", "select ", "panicked", "/crates/", "axum", "lineshaft_"];
        assert!(!inside.iter().any(|word| self.text.to_lowercase().contains(word)), "{self:?}");
        problem
    }
}

/// A clock that stands until it is moved.
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_392_000_000_000)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// An ERP that answers everything alike.
pub async fn erp(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Read whole: a connection that is closed with something unread is reset, and the answer may be lost with it.
            if read_request(&mut stream).await.is_ok() {
                // Whoever has gone needs no answer.
                drop(stream.write_all(answer.as_bytes()).await);
            }
        }
    });
    addr
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Ok(());
            }
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

pub async fn start() -> Running {
    start_at(SystemNet.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap()).await
}

/// A node whose API listens at `inlet`.
pub async fn start_at(inlet: Box<dyn Inlet>) -> Running {
    // Nothing listens at port 9 of loopback; deliveries stay open.
    start_on(inlet, Arc::new(SystemClock::new()), "127.0.0.1:9".parse().unwrap()).await
}

/// A node by a clock of the test's, which delivers to `erp` and has agreed on a minute for it.
pub async fn start_with(clock: Arc<dyn Clock>, erp: SocketAddr) -> Running {
    start_on(SystemNet.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap(), clock, erp).await
}

async fn start_on(inlet: Box<dyn Inlet>, clock: Arc<dyn Clock>, erp: SocketAddr) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let token = Token::open(&data).unwrap();
    std::fs::create_dir(data.join("secrets")).unwrap();
    std::fs::write(data.join("secrets/mes-inbound"), "inbound-secret").unwrap();
    let text = |text: &str| {
        text.replace("env:ERP_URL", &format!("http://{erp}"))
            .replace("127.0.0.1:7400", "127.0.0.1:0")
            .replace("    impact:", "    sla: { within: 60s }\n    impact:")
    };
    let files = spec::starter().into_iter().map(|(name, it)| (name.to_owned(), text(it))).collect();
    let (project, problems) = spec::check(&files);
    let project = Arc::new(project.unwrap_or_else(|| panic!("{problems:?}")));
    let rng = Arc::new(SeededRng::new(1));
    let insecure = project.installation.insecure.clone();
    let (root, net) = (directory.path().to_owned(), Arc::new(SystemNet));
    let node = Node::start(Opening { project, directory: root, data: data.clone(), clock, rng, net }).await.unwrap();
    let facts = Facts { inbound: node.inbound(), version: "0.0.0-test", insecure };
    let server = Server::start(inlet, Api::new(Arc::clone(node.shared()), token, facts)).unwrap();
    let token = lineshaft_server::token::read_text(&data).unwrap();
    Running { node, server, token, _directory: directory }
}

impl Running {
    pub async fn get(&self, path: &str) -> Answer {
        ask(self.server.local_addr(), "GET", path, Some(&self.token), "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        ask(self.server.local_addr(), "POST", path, Some(&self.token), body).await
    }

    /// Hands a document in, as the plant's system would.
    pub async fn hand_in(&self, body: &str) {
        let answer = ask(self.node.inbound(), "POST", "/in/mes/completion", Some("inbound-secret"), body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    pub async fn stop(self) {
        self.server.not_ready();
        assert!(self.node.stop().await & self.server.stop().await);
    }
}

pub async fn ask(addr: SocketAddr, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    ask_with(addr, method, path, &format!("{token}X-Operator: anna\r\nContent-Type: application/json\r\n"), body).await
}

/// A request with headers of the caller's choice.
pub async fn ask_with(addr: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    ask_over(TcpStream::connect(addr).await.unwrap(), &request).await
}

/// Sends a request and reads the answer, to the end of the connection.
pub async fn ask_over(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_ascii_lowercase(), text: text.to_owned() }
}
