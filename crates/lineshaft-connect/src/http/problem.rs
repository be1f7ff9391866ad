//! The answers to senders: the receipt, or a problem (RFC 9457) with the fault's code and the next step.
//!
//! A fault of ours that a sender can do nothing about is told without its message: paths and reasons inside the node
//! are no business of whoever reaches the listener.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::Full;
use lineshaft_model::fault::{Class, Code, Fault};

use super::standing;
use crate::contract::{Reply, ReplyKind};

/// What a sender can do while the node lacks the secret by which it would recognise it.
const NOT_READY: &str = "Nothing was stored. Send it again later; those who run the node find the cause in its log.";

/// A whole answer.
pub(super) type Answered = Response<Full<Bytes>>;

/// Tells a sender that the same document was stored before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    /// Boxed: it is large and rare.
    fault: Box<Fault>,
    header: Option<(HeaderName, &'static str)>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = status(&fault);
        let header = (status == StatusCode::SERVICE_UNAVAILABLE).then_some((RETRY_AFTER, "5"));
        Self { status, fault: Box::new(fault), header }
    }
}

impl Refusal {
    /// Everything waits: try again in a second.
    pub(super) fn busy(what: &str) -> Self {
        let fault = Fault::new(Code::ReceiveStoreUnavailable, what);
        Self { header: Some((RETRY_AFTER, "1")), ..fault.into() }
    }

    /// The sender is not recognised.
    pub(super) fn unrecognised(challenge: &'static str) -> Self {
        let fault = Fault::new(Code::ReceiveNotAllowed, "the credentials are missing or wrong");
        Self { header: Some((WWW_AUTHENTICATE, challenge)), ..fault.into() }
    }

    /// A request by another method than the one that is meant at this address.
    pub(super) fn method(wanted: &'static str) -> Self {
        let fault = Fault::new(Code::ReceiveMalformed, format!("at this address, only {wanted} is understood"));
        Self { status: StatusCode::METHOD_NOT_ALLOWED, fault: Box::new(fault), header: Some((ALLOW, wanted)) }
    }

    /// There is no such document, or not of this sender.
    pub(super) fn no_such_document() -> Self {
        let fault = Fault::new(Code::ReceiveUnknownInterface, "this interface received no document of that id");
        Self { status: StatusCode::NOT_FOUND, ..fault.into() }
    }

    /// The request took too long to arrive.
    pub(super) fn too_slow(what: String) -> Self {
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            fault: Box::new(Fault::new(Code::ReceiveMalformed, what)),
            header: None,
        }
    }

    /// A transfer encoding that is not known here, in distinction to one that is broken.
    pub(super) fn unknown_encoding() -> Self {
        let what = "the Content-Encoding is neither gzip nor identity";
        let fault = Fault::new(Code::ReceiveBadEncoding, what);
        Self { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, fault: Box::new(fault), header: None }
    }

    /// The answer that tells it.
    pub(super) fn answer(&self) -> Answered {
        let spec = self.fault.code.spec();
        let detail = match spec.class {
            Class::Refuse | Class::Park if self.fault.code != Code::DeliverSecret => self.fault.message.as_str(),
            _ => "the node cannot accept it at the moment",
        };
        let body = serde_json::json!({
            "type": format!("urn:lineshaft:fault:{}", spec.text),
            "title": spec.title,
            "status": self.status.as_u16(),
            "detail": detail,
            "at": if detail == self.fault.message { self.fault.at.as_str() } else { "" },
            "code": spec.text,
            "next_step": if self.fault.code == Code::DeliverSecret { NOT_READY } else { self.fault.next_step_of_sender() },
        });
        let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = &self.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

fn status(fault: &Fault) -> StatusCode {
    match fault.code {
        Code::ReceiveTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::ReceiveNotAllowed => StatusCode::UNAUTHORIZED,
        Code::ReceiveKeyReused => StatusCode::CONFLICT,
        Code::ReceiveStoreUnavailable | Code::DeliverSecret => StatusCode::SERVICE_UNAVAILABLE,
        Code::ReceiveUnknownInterface => StatusCode::NOT_FOUND,
        Code::ReceiveMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code => match code.spec().class {
            Class::Refuse => StatusCode::BAD_REQUEST,
            Class::Park => StatusCode::UNPROCESSABLE_ENTITY,
            Class::Retry | Class::Stop => StatusCode::SERVICE_UNAVAILABLE,
        },
    }
}

/// The answer to a request whose document is on disk. A repeat reads exactly as the first answer did (OT9).
pub(super) fn accepted(name: &str, reply: Reply) -> Answered {
    let Some(receipt) = reply.receipts.into_iter().next() else {
        // A reply without a receipt acknowledges nothing, so nothing is acknowledged.
        return Refusal::busy("the document was not accepted").answer();
    };
    let replayed = receipt.kind == ReplyKind::Duplicate;
    let mut answer = match (&receipt.standing, receipt.body) {
        (Some(standing), None) => standing::told(name, &receipt.id, standing),
        (_, body) => stored(&receipt.id, body),
    };
    if replayed {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    answer
}

fn stored(id: &str, body: Option<Vec<u8>>) -> Answered {
    let body = body.unwrap_or_else(|| {
        let mut body = Vec::with_capacity(id.len() + 24);
        body.extend_from_slice(b"{\"id\":");
        body.extend_from_slice(serde_json::Value::from(id).to_string().as_bytes());
        body.extend_from_slice(b",\"state\":\"stored\"}");
        body
    });
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = StatusCode::ACCEPTED;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
