//! What a stand-in is asked and what it answers, free of HTTP machinery. Absent: streaming of request bodies; a
//! stand-in reads a request whole, up to [`BODY_BYTES_MAX`].

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::Value;

use crate::history::Ticket;

/// The largest request body that a stand-in reads.
pub const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One request, read whole.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Path and query as sent.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    /// A header as text; empty if it is absent or not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A query parameter, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let pairs = self.uri.query()?.split('&');
        pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| unescape(key) == name).map(|(_, it)| unescape(it))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// The parser's text when the body is not JSON.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| error.to_string())
    }
}

/// `%41` and `+` as browsers write them; a broken escape stays as it is.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (bytes[at], hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            (other, _) => {
                out.push(other);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Further headers; the content type is JSON unless one is named here.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
    /// The answer is sent only once this is on disk.
    pub after: Option<Ticket>,
}

impl Answer {
    /// `status` with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    /// `status` with a body that already is JSON text.
    pub fn text(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::from(body), after: None }
    }

    /// The same answer with one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The body of an answer: one piece, or so many bytes that nobody should read them all.
pub(super) enum Payload {
    Once(Option<Bytes>),
    Huge { left: u64 },
}

const HUGE_PIECE: &[u8] = &[b' '; 64 * 1024];

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Once(body) => body.take().filter(|body| !body.is_empty()),
            Self::Huge { left: 0 } => None,
            Self::Huge { left } => {
                let size = usize::try_from(*left).unwrap_or(usize::MAX).min(HUGE_PIECE.len());
                *left -= size as u64;
                Some(Bytes::from_static(&HUGE_PIECE[..size]))
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Once(body) => body.as_ref().is_none_or(Bytes::is_empty),
            Self::Huge { left } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Once(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Huge { left } => SizeHint::with_exact(*left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_are_unescaped() {
        let asked = |uri: &str| Asked {
            method: Method::GET,
            uri: uri.parse().unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let plain = "OrderID eq '7'";
        assert_eq!(asked("/x?$filter=OrderID%20eq%20'7'").query("$filter").as_deref(), Some(plain));
        assert_eq!(asked("/x?a=1&%24filter=OrderID+eq+%277%27").query("$filter").as_deref(), Some(plain));
        assert_eq!(asked("/x?key=100%").query("key").as_deref(), Some("100%"));
        assert_eq!(asked("/x").query("key"), None);
    }
}
