//! The stand-ins over real sockets on free ports: what they accept, refuse, repeat, and how they misbehave.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod erp;

mod erp_goods;

mod faults;

mod plants;

mod run;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A free port on this machine.
pub const FREE: std::net::SocketAddr =
    std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Longer than anything here takes; only a broken test waits for it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// An answer: status, headers, body.
pub type Got = (u16, http::HeaderMap, String);

/// One request on a connection of its own. An error is a connection that ended without an answer.
pub async fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Got, String> {
    let client: Client<_, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build_http();
    let mut request = http::Request::builder().method(method).uri(url.replace(' ', "%20"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let response = tokio::time::timeout(PATIENCE, client.request(request)).await.unwrap();
    let (parts, body) = response.map_err(|error| error.to_string())?.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    Ok((parts.status.as_u16(), parts.headers, String::from_utf8_lossy(&body).into_owned()))
}

/// The same for JSON: status and document.
pub async fn json(method: &str, url: &str, body: &Value) -> (u16, Value) {
    let (status, _, text) = ask(method, url, &[], &body.to_string()).await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

/// A directory for one test, removed afterwards.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A fresh one; `name` is the test's own.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("standin-it-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The text of a file.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
