//! Reading one request within its limits (IN-1, IN-2), handing it over, and waiting for what became of it.
//!
//! Checks stand in the order of their cost, and nothing is read of a body whose sender is not recognised.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use lineshaft_format::charset::Charset;
use lineshaft_format::unpack::gunzip;
use lineshaft_model::connection::http::HttpSource as Settings;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::Received;
use lineshaft_model::media;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::listener::{Route, Shared};
use super::problem::{Answered, Refusal, accepted};
use super::source::Arrival;
use super::{auth, standing};

/// Longest idempotency key, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// Longest Content-Type kept, in bytes.
const CONTENT_TYPE_BYTES_MAX: usize = 255;

/// Memory reserved on a sender's word, in bytes. What is announced beyond it must arrive before it is reserved.
const RESERVED_BYTES_MAX: u64 = 64 * 1024;

/// The whole way of one request.
pub(super) async fn answer(shared: &Shared, peer: &str, request: Request<Incoming>) -> Answered {
    match hand_over(shared, peer, request).await {
        Ok(answered) => answered,
        Err(refusal) => {
            tracing::debug!(peer, ?refusal, "request refused");
            refusal.answer()
        }
    }
}

/// What an address stands for: `/in/mes/completion` for the interface, one step below it for a document that it received.
struct Addressed<'a> {
    name: &'a str,
    route: Arc<Route>,
    document: Option<&'a str>,
}

fn addressed<'a>(shared: &Shared, path: &'a str) -> Option<Addressed<'a>> {
    let path = path.strip_prefix("/in/")?;
    let at = |name: &'a str, document| shared.route(name).map(|route| Addressed { name, route, document });
    let below = || path.rsplit_once('/').filter(|(_, document)| !document.is_empty());
    at(path, None).or_else(|| below().and_then(|(name, document)| at(name, Some(document))))
}

async fn hand_over(shared: &Shared, peer: &str, request: Request<Incoming>) -> Result<Answered, Refusal> {
    let path = request.uri().path().to_owned();
    let Some(Addressed { name, route, document }) = addressed(shared, &path) else {
        // While interfaces are opened or closed nobody can say that there is none: the sender comes again.
        return Err(if shared.complete.load(Ordering::Acquire) {
            Fault::new(Code::ReceiveUnknownInterface, "no interface receives at this address").into()
        } else {
            Refusal::busy("the interfaces are being opened or closed")
        });
    };
    let wanted = if document.is_some() { Method::GET } else { Method::POST };
    if request.method() != wanted {
        return Err(Refusal::method(if document.is_some() { "GET" } else { "POST" }));
    }
    if !auth::recognised(&route.settings.auth, &shared.secrets, request.headers())? {
        return Err(Refusal::unrecognised(auth::challenge(&route.settings.auth)));
    }
    if let Some(document) = document {
        return outcome(shared, name, document).await;
    }
    let deadline = shared.clock.monotonic() + shared.limits.body_time + shared.limits.answer_time;
    let (head, body) = request.into_parts();
    let mut held = Held { shared, bytes: 0 };
    let received = read(&route, &head.headers, body, peer, &mut held).await?;
    let (told, answer) = oneshot::channel();
    route.inbox.try_send(Arrival { received, told, deadline }).map_err(|error| match error {
        TrySendError::Full(_) => Refusal::busy("too many documents wait at this interface"),
        TrySendError::Closed(_) => Refusal::busy("the interface is closing"),
    })?;
    match timeout(shared.limits.answer_time, answer).await {
        Ok(Ok(outcome)) => Ok(accepted(name, outcome?)),
        Ok(Err(_)) => Err(Refusal::busy("the interface was closed before the document was accepted")),
        Err(_) => Err(Refusal::busy("the document was not accepted in time; send it again with the same key")),
    }
}

/// What a document came to that the interface received.
async fn outcome(shared: &Shared, name: &str, id: &str) -> Result<Answered, Refusal> {
    let Some(outcomes) = shared.outcomes.get().map(Arc::clone) else { return Err(Refusal::no_such_document()) };
    let (of, asked) = (name.to_owned(), id.to_owned());
    let read = tokio::task::spawn_blocking(move || outcomes.of(&of, &asked)).await;
    let standing = read.map_err(|_| Refusal::busy("the document could not be looked up"))??;
    standing.map(|standing| standing::told(name, id, &standing)).ok_or_else(Refusal::no_such_document)
}

async fn read(
    route: &Route,
    headers: &HeaderMap,
    body: Incoming,
    peer: &str,
    held: &mut Held<'_>,
) -> Result<Received, Refusal> {
    let settings = &route.settings;
    let content_type = media_type(route, headers)?;
    let idempotency_key = key(settings, headers)?;
    let packed = is_packed(headers)?;
    let time = held.shared.limits.body_time;
    let read = timeout(time, read_body(settings, headers, body, held)).await;
    let mut body = read.map_err(|_| Refusal::too_slow(format!("the body did not arrive within {time:?}")))??;
    if packed {
        body = gunzip(&body, limit(settings))?;
        held.add(body.len())?;
    }
    Ok(Received {
        body,
        content_type: content_type.to_owned(),
        idempotency_key,
        traceparent: traceparent(headers),
        origin: peer.to_owned(),
    })
}

async fn read_body(
    settings: &Settings,
    headers: &HeaderMap,
    mut body: Incoming,
    held: &mut Held<'_>,
) -> Result<Vec<u8>, Refusal> {
    let limit = limit(settings);
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
    if announced > settings.body_bytes_max {
        return Err(too_large(limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced.min(RESERVED_BYTES_MAX)).unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| malformed("the body is broken off or wrongly framed"))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > limit {
                return Err(too_large(limit));
            }
            held.add(data.len())?;
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// The Content-Type, if the interface takes it. A sender that names none is believed to know what it sends.
fn media_type<'a>(route: &Route, headers: &'a HeaderMap) -> Result<&'a str, Refusal> {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (first, more) = (given.next(), given.next());
    let text = first.map_or(Ok(""), |value| value.to_str()).map_err(|_| malformed("the Content-Type is no text"))?;
    if more.is_some() || text.len() > CONTENT_TYPE_BYTES_MAX {
        return Err(malformed("the Content-Type stands more than once, or is too long"));
    }
    let (types, more) = (&route.media_types, &route.settings.media_types);
    let taken = |name: &str| types.take(name) || more.iter().any(|it| it == name);
    if text.trim().is_empty() || types.types.is_empty() {
        return Ok(text);
    }
    if !media::named(text).is_some_and(|name| taken(&name)) {
        let suffix = types.suffix.map(|suffix| format!("application/*{suffix}"));
        let names = types.types.iter().map(|it| (*it).to_owned()).chain(suffix).chain(more.iter().cloned());
        let names = names.collect::<Vec<_>>().join(", ");
        let what = format!("{text:?} is not taken here; this interface takes {names}");
        return Err(Fault::new(Code::ReceiveMediaType, what).at("header Content-Type").into());
    }
    let foreign = |label: &&str| !matches!(Charset::from_label(label), Some(Charset::Utf8 | Charset::Ascii));
    match media::charset(text).filter(foreign).filter(|_| types.utf8) {
        None => Ok(text),
        Some(label) => {
            let what = format!("the charset {label:?} is not taken here: JSON is sent as UTF-8 (RFC 8259)");
            Err(Fault::new(Code::ReceiveMediaType, what).at("header Content-Type").into())
        }
    }
}

fn limit(settings: &Settings) -> usize {
    usize::try_from(settings.body_bytes_max).unwrap_or(usize::MAX)
}

fn too_large(limit: usize) -> Refusal {
    Fault::new(Code::ReceiveTooLarge, format!("the document is larger than {limit} bytes")).into()
}

fn malformed(what: impl Into<String>) -> Refusal {
    Fault::new(Code::ReceiveMalformed, what).into()
}

fn key(settings: &Settings, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut given = headers.get_all(settings.key_header.as_str()).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(malformed(format!("the header {} stands more than once", settings.key_header)));
    }
    match value.to_str() {
        Ok(key) if !key.trim().is_empty() && key.len() <= KEY_BYTES_MAX => Ok(Some(key.trim().to_owned())),
        _ => Err(malformed(format!(
            "the header {} must hold 1 to {KEY_BYTES_MAX} printable ASCII characters",
            settings.key_header
        ))),
    }
}

fn is_packed(headers: &HeaderMap) -> Result<bool, Refusal> {
    let mut given = headers.get_all(CONTENT_ENCODING).iter();
    let (first, more) = (given.next(), given.next());
    match (first.map(|value| value.as_bytes().trim_ascii()), more) {
        (None, _) => Ok(false),
        (Some(value), None) if value.eq_ignore_ascii_case(b"identity") => Ok(false),
        (Some(value), None) if value.eq_ignore_ascii_case(b"gzip") => Ok(true),
        _ => Err(Refusal::unknown_encoding()),
    }
}

/// W3C trace context, version 00. Anything else is left out: a sender's tracing must never cost a document.
fn traceparent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = value.split('-');
    let hex = |part: Option<&str>, length| {
        part.is_some_and(|part| {
            part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let shaped = hex(parts.next(), 2) && hex(parts.next(), 32) && hex(parts.next(), 16) && hex(parts.next(), 2);
    (shaped && parts.next().is_none()).then(|| value.to_owned())
}

/// What one request holds of the memory that all bodies share; given back when the request is answered.
struct Held<'a> {
    shared: &'a Shared,
    bytes: usize,
}

impl Held<'_> {
    fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        let before = self.shared.body_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before + bytes > self.shared.limits.body_bytes {
            return Err(Refusal::busy("too many large documents arrive at the same time"));
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shared.body_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
