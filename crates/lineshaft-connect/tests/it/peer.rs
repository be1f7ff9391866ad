//! A target that does what a script says, one connection after the other, and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use lineshaft_connect::contract::Surroundings;
use lineshaft_connect::guard::{Egress, Guard};
use lineshaft_connect::net::{Net, SystemNet};
use lineshaft_connect::secrets::Secrets;
use lineshaft_model::connection::http::{ClientAuth, HttpConnection, HttpDestination};
use lineshaft_model::delivery::{Outcome, Outgoing};
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::time::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the target does with one connection.
#[derive(Clone, Debug)]
pub enum Act {
    /// Reads the request, writes these bytes, closes.
    Answer(String),
    /// Reads the request, writes these bytes, and keeps the connection open without another word.
    Hang(String),
    /// Reads the request, writes the first bytes, then the others again and again until nobody reads them any more.
    Endless(String, String),
    /// Reads the request and closes.
    Close,
}

/// A running target.
pub struct Peer {
    pub addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Peer {
    pub async fn start(script: Vec<Act>) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("address"), script).await
    }

    pub async fn start_at(addr: SocketAddr, script: Vec<Act>) -> Self {
        let listener = TcpListener::bind(addr).await.expect("listens");
        let addr = listener.local_addr().expect("address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut open = Vec::new();
            for act in script {
                let (mut stream, _) = listener.accept().await.expect("accepts");
                let request = read_request(&mut stream).await;
                told.lock().expect("lock").push(request);
                match act {
                    Act::Answer(bytes) => {
                        let _ = stream.write_all(bytes.as_bytes()).await;
                        let _ = stream.shutdown().await;
                    }
                    Act::Hang(bytes) => {
                        let _ = stream.write_all(bytes.as_bytes()).await;
                        open.push(stream);
                    }
                    Act::Endless(head, piece) => {
                        let _ = stream.write_all(head.as_bytes()).await;
                        while stream.write_all(piece.as_bytes()).await.is_ok() {}
                    }
                    Act::Close => {}
                }
            }
            drop(listener);
            std::future::pending::<()>().await;
        });
        Self { addr, seen, task }
    }

    /// The requests so far, as text.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("lock").clone()
    }

    /// Ends the target; its port is free again when this returns.
    pub async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One whole request: head and as many bytes as it announces.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().expect("length"))
            });
            if body.len() >= announced.unwrap_or(0) {
                return text.into_owned();
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// An answer with its length.
pub fn answer(status: &str, headers: &str, body: &str) -> Act {
    Act::Answer(format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()))
}

pub fn surroundings() -> Surroundings {
    surroundings_over(Arc::new(SystemNet))
}

pub fn surroundings_over(net: Arc<dyn Net>) -> Surroundings {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets");
    // Once: another test may be reading it.
    static WRITTEN: std::sync::Once = std::sync::Once::new();
    WRITTEN.call_once(|| {
        std::fs::create_dir_all(&dir).expect("directory");
        std::fs::write(dir.join("sesame"), "open-sesame\n").expect("secret");
    });
    let egress = Egress { allow: vec![], loopback: true, private: vec![] };
    Surroundings {
        net,
        guard: Arc::new(Guard::new(&egress).expect("guard")),
        secrets: Arc::new(Secrets::new(Some(dir), Arc::clone(&clock))),
        clock,
        directory: std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    }
}

pub fn connection(addr: SocketAddr) -> HttpConnection {
    HttpConnection {
        url: Some(format!("http://{addr}/api/")),
        auth: ClientAuth::None,
        tls: None,
        timeout_secs: 10,
        answer_bytes_max: 1024,
    }
}

pub fn interface() -> HttpDestination {
    // As a project file has it, so that settings with a default stay out of these tests.
    serde_json::from_value(serde_json::json!({
        "method": "POST",
        "path": "/orders/{order}",
        "headers": { "X-Plant": "{plant}" },
        "key_header": "Idempotency-Key",
        "receipt": ".documentNumber",
    }))
    .expect("settings")
}

pub fn outgoing(body: &str) -> Outgoing {
    let id = DeliveryId::from_bytes([7; 16]);
    Outgoing {
        id,
        target_key: id.target_key(0),
        content_type: "application/json",
        body: body.as_bytes().to_vec(),
        parameters: vec![("order".into(), "0012/3".into()), ("plant".into(), "DE10".into())],
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        receipt: None,
    }
}

/// The kind of an outcome and its fault's code.
pub fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivered { receipt } => format!("delivered {}", receipt.as_deref().unwrap_or("-")),
        Outcome::Unreachable(fault) => format!("unreachable {}", fault.code.as_str()),
        Outcome::Refused { fault, .. } => format!("refused {}", fault.code.as_str()),
        Outcome::Unknown(fault) => format!("unknown {}", fault.code.as_str()),
    }
}
