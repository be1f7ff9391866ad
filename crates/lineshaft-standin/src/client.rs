//! One HTTP/1.1 connection of ours to somebody else, driven request by request, with an exact statement of what is
//! known after a failure. Absent: pools, redirects, TLS.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Where to send: `http://host:port/path`.
#[derive(Debug, Clone)]
pub struct Target {
    /// `host:port`.
    pub authority: String,
    /// Path and query, starting with a slash.
    pub path: Uri,
    host: HeaderValue,
}

impl Target {
    /// Reads an absolute `http://` URL.
    ///
    /// # Errors
    /// A sentence that says what is wrong with `url`.
    pub fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url} is not a URL: {error}"))?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("{url} must start with http://"));
        }
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let authority = if uri.port().is_some() { authority.to_owned() } else { format!("{authority}:80") };
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let path = path.parse().map_err(|error| format!("{url} has no usable path: {error}"))?;
        let host = HeaderValue::from_str(&authority).map_err(|error| format!("{url} names no host: {error}"))?;
        Ok(Self { authority, path, host })
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// The request certainly did not reach the target.
    NotSent(String),
    /// The request may have been applied or not.
    Unknown(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "outcome unknown: {why}"),
        }
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Reply {
    /// `Retry-After` in seconds, if it is a number.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        text.parse().ok().map(Duration::from_secs)
    }
}

/// A connection that is opened when it is needed.
pub struct Connection {
    target: Target,
    token: Option<HeaderValue>,
    time_out: Duration,
    sender: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// A connection to `target`; every request has `time_out` to be answered whole.
    pub fn new(target: Target, token: Option<&str>, time_out: Duration) -> Self {
        let token = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
        Self { target, token, time_out, sender: None }
    }

    /// Sends a JSON body with an idempotency key and reads the answer.
    ///
    /// # Errors
    /// [`NoAnswer`]; the connection is then given up and the next call opens a new one.
    pub async fn send(&mut self, method: http::Method, key: &str, body: Bytes) -> Result<Reply, NoAnswer> {
        let answered = tokio::time::timeout(self.time_out, self.exchange(method, key, body)).await;
        let answered = answered.unwrap_or_else(|_| Err(NoAnswer::Unknown("no answer in time".to_owned())));
        if answered.is_err() {
            self.sender = None;
        }
        answered
    }

    async fn exchange(&mut self, method: http::Method, key: &str, body: Bytes) -> Result<Reply, NoAnswer> {
        let mut sender = match self.sender.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => open(&self.target).await.map_err(NoAnswer::NotSent)?,
        };
        sender.ready().await.map_err(|error| NoAnswer::NotSent(error.to_string()))?;
        let request = self.request(method, key, body).map_err(|error| NoAnswer::NotSent(error.to_string()))?;
        let unknown = |error: &dyn fmt::Display| NoAnswer::Unknown(error.to_string());
        let response = sender.send_request(request).await.map_err(|error| unknown(&error))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|error| unknown(&error))?.to_bytes();
        self.sender = Some(sender);
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    fn request(&self, method: http::Method, key: &str, body: Bytes) -> http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.target.path.clone())
            .header(header::HOST, self.target.host.clone())
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token.clone());
        }
        request.body(Full::new(body))
    }
}

async fn open(target: &Target) -> Result<http1::SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(&target.authority).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // The connection future moves the bytes; it ends with the sender or the peer, and its error reaches the sender.
    tokio::spawn(connection);
    Ok(sender)
}
