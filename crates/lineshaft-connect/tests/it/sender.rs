//! A sender: plain text over a socket, so that the tests see every byte of an answer.

use std::net::SocketAddr;

use lineshaft_connect::contract::{Reply, ReplyKind, Source};
use lineshaft_connect::http::HttpSource;
use lineshaft_model::connection::SecretRef;
use lineshaft_model::connection::http::{HttpSource as Settings, ServerAuth};
use lineshaft_model::fault::Fault;
use lineshaft_model::intake::Received;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

pub fn settings() -> Settings {
    let key_header = "Idempotency-Key".to_owned();
    Settings { auth: ServerAuth::None, body_bytes_max: 1000, media_types: Vec::new(), key_header }
}

pub fn bearer() -> ServerAuth {
    ServerAuth::Bearer { token: SecretRef("secret:sesame".to_owned()) }
}

/// A request with a body.
pub fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: node\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Sends bytes over a connection of their own and reads one answer: head and body.
pub async fn ask(addr: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.expect("connects");
    stream.write_all(request).await.expect("sends");
    answer(&mut stream).await
}

/// Reads one answer.
pub async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or(0) {
                return text.into_owned();
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&bytes).into_owned(),
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

/// Settles whatever comes in, as `judge` says, until the source ends.
pub fn settle_all(
    source: HttpSource,
    mut judge: impl FnMut(&Received) -> Result<Reply, Fault> + Send + 'static,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok(batch) = source.receive(None).await {
            let outcome = judge(&batch.intakes[0]);
            source.settle(batch.id, outcome).await.expect("settles");
        }
    })
}

/// Stores everything under one id.
pub fn store(_: &Received) -> Result<Reply, Fault> {
    Ok(Reply::one("0197-1", ReplyKind::Stored))
}
