//! One exchange with a target: guard, connection, TLS, request, answer, all within one time limit.
//!
//! The one question that everything else depends on is asked here: had the request begun to leave when it failed? A
//! request's body is handed to the connection only when its head is written, so [`Document`] knows. An idle connection
//! is kept for [`IDLE`] only, less than common servers keep theirs: a request on a connection that the target closes in
//! the same moment would stand in doubt. Environment variables for proxies are not read.

use std::convert::Infallible;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use lineshaft_model::connection::SecretRef;
use lineshaft_model::connection::http::{ClientAuth, HttpConnection};
use lineshaft_model::fault::{Code, Fault};
use tokio::time::sleep;
use tower_service::Service;

use super::auth::{self, Proof};
use super::token::Tokens;
use crate::contract::{BoxFuture, Surroundings};
use crate::net::BoxStream;
use crate::secrets::Secret;
use crate::tls;

/// How long an unused connection is kept. Common servers close theirs after 5 s or more.
const IDLE: Duration = Duration::from_secs(4);

/// Most unused connections kept for one system: as many as attempts are commonly on their way at once.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// Largest head of an answer, in bytes.
const ANSWER_HEAD_BYTES_MAX: usize = 64 * 1024;

/// A system that is reached over HTTP.
pub(crate) struct HttpClient {
    surroundings: Surroundings,
    client: Client<HttpsConnector<Way>, Document>,
    base: String,
    auth: ClientAuth,
    /// Where the proof is a token that must be fetched.
    tokens: Option<Box<Tokens>>,
    timeout: Duration,
    answer_bytes_max: usize,
}

/// A target's answer, as far as it arrived.
pub(crate) struct Answer {
    /// Status.
    pub(crate) status: StatusCode,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// The body, or why it is not whole. What had arrived is dropped then: half a document proves nothing.
    pub(crate) body: Result<Vec<u8>, Fault>,
    /// What the request proved us by; must not stand in anything kept of the answer.
    pub(crate) hidden: Vec<Secret>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// No byte of the request left. The fault's code is `DELIVER-010` if the address may not be connected to.
    NotSent(Fault),
    /// It may have arrived.
    Unknown(Fault),
}

impl HttpClient {
    /// Reads the settings and resolves the secrets once. Connects to nothing yet.
    ///
    /// # Errors
    /// `PROJECT-001` for an address that cannot be used, `PROJECT-003` for a certificate, `DELIVER-011` for a secret that
    /// cannot be resolved.
    pub(crate) fn open(surroundings: &Surroundings, connection: &HttpConnection) -> Result<Self, Fault> {
        let url = connection.url.as_deref().ok_or_else(|| unusable("the system has no address (url)"))?;
        let url = if url.starts_with("env:") {
            surroundings.secrets.get(&SecretRef(url.to_owned()))?.reveal().to_owned()
        } else {
            url.to_owned()
        };
        auth::prove(&connection.auth, &surroundings.secrets)?;
        if connection.tls.is_some() && !url.starts_with("https://") {
            return Err(unusable("the system has settings for TLS, but its url does not begin with https://"));
        }
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(tls::towards(&surroundings.secrets, connection.tls.as_ref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Way(surroundings.clone()));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
            .build(tls);
        Ok(Self {
            surroundings: surroundings.clone(),
            client,
            base: base_address(&url)?,
            auth: connection.auth.clone(),
            tokens: Tokens::open(surroundings, connection)?.map(Box::new),
            timeout: Duration::from_secs(connection.timeout_secs),
            answer_bytes_max: usize::try_from(connection.answer_bytes_max).unwrap_or(usize::MAX),
        })
    }

    /// The longest that one exchange takes, the token before it included.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout * if self.tokens.is_some() { 2 } else { 1 }
    }

    /// A request for a path below the system's address.
    pub(crate) fn uri(&self, path: &str) -> Result<Uri, Fault> {
        let slash = if path.starts_with('/') { "" } else { "/" };
        Uri::try_from(format!("{}{slash}{path}", self.base))
            .map_err(|error| Fault::new(Code::RenderParameter, format!("the path is no part of an address: {error}")))
    }

    /// The system's own address, with nothing appended.
    pub(super) fn root(&self) -> Result<Uri, Fault> {
        Uri::try_from(&self.base).map_err(|_| unusable("the address cannot be used"))
    }

    /// The address that a link in an answer stands for, if it is one of this system's.
    ///
    /// # Errors
    /// `DELIVER-010` for a link to another scheme, host or port; `DELIVER-009` for a text that is no link.
    pub(crate) fn linked(&self, link: &str) -> Result<Uri, Fault> {
        let bad = || Fault::new(Code::DeliverBadAnswer, "a link in the answer cannot be read");
        let own = Uri::try_from(&self.base).map_err(|_| bad())?;
        let uri = match link {
            absolute if absolute.contains("://") => Uri::try_from(absolute).map_err(|_| bad())?,
            elsewhere if elsewhere.starts_with("//") => {
                Uri::try_from(format!("{}:{elsewhere}", own.scheme_str().unwrap_or_default())).map_err(|_| bad())?
            }
            rooted if rooted.starts_with('/') => {
                let authority = own.authority().map_or("", |authority| authority.as_str());
                let scheme = own.scheme_str().unwrap_or_default();
                Uri::try_from(format!("{scheme}://{authority}{rooted}")).map_err(|_| bad())?
            }
            relative => Uri::try_from(format!("{}/{relative}", self.base)).map_err(|_| bad())?,
        };
        if origin(&uri) != origin(&own) {
            let what = "a link in the answer leads to another address than the system's";
            return Err(Fault::new(Code::DeliverEgressDenied, what).at(uri.host().unwrap_or_default().to_owned()));
        }
        Ok(uri)
    }

    /// Sends one request and reads the answer to its end. A token that the target no longer takes (401: nothing was
    /// processed) is fetched anew and the request sent once more.
    ///
    /// # Errors
    /// What is known when there is no answer.
    pub(crate) async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, NoAnswer> {
        let Some(tokens) = &self.tokens else {
            let proof = auth::prove(&self.auth, &self.surroundings.secrets).map_err(NoAnswer::NotSent)?;
            return self.once(request, proof).await;
        };
        let used = tokens.current().await.map_err(NoAnswer::NotSent)?;
        let answer = self.once(request.clone(), used.proof()?).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let anew = tokens.after(&used).await.map_err(NoAnswer::NotSent)?;
        self.once(request, anew.proof()?).await
    }

    /// One request with a given proof.
    pub(super) async fn once(&self, request: Request<Bytes>, proof: Proof) -> Result<Answer, NoAnswer> {
        let (mut head, body) = request.into_parts();
        if let Some((name, value)) = proof.header {
            head.headers.insert(name, value);
        }
        head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        head.headers.entry(USER_AGENT).or_insert(HeaderValue::from_static("lineshaft"));
        let begun = Arc::new(AtomicBool::new(false));
        let request = Request::from_parts(head, Document::new(body, Arc::clone(&begun)));

        let mut time_up = pin!(sleep(self.timeout));
        let answered = tokio::select! {
            answered = self.client.request(request) => Some(answered),
            () = &mut time_up => None,
        };
        let response = match answered {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Err(self.failed(&error, error.is_connect(), begun.load(Ordering::Acquire))),
            None if begun.load(Ordering::Acquire) => {
                return Err(NoAnswer::Unknown(Fault::new(
                    Code::DeliverNoAnswer,
                    format!("no answer within {} s", self.timeout.as_secs_f64()),
                )));
            }
            None => {
                return Err(NoAnswer::NotSent(Fault::new(
                    Code::DeliverUnreachable,
                    format!("no connection within {} s", self.timeout.as_secs_f64()),
                )));
            }
        };
        let (head, body) = response.into_parts();
        let body = tokio::select! {
            read = self.read(body) => read,
            () = &mut time_up => Err(Fault::new(
                Code::DeliverNoAnswer,
                format!("the answer did not end within {} s", self.timeout.as_secs_f64()),
            )),
        };
        Ok(Answer { status: head.status, headers: head.headers, body, hidden: proof.hidden })
    }

    fn failed(&self, error: &(dyn Error + 'static), connecting: bool, begun: bool) -> NoAnswer {
        let mut cause = Some(error);
        let mut said = String::new();
        while let Some(error) = cause {
            if let Some(fault) = error.downcast_ref::<Fault>() {
                return NoAnswer::NotSent(fault.clone());
            }
            if !said.is_empty() {
                said.push_str(": ");
            }
            said.push_str(&error.to_string());
            cause = error.source();
        }
        if let Some(fault) = by_tls(tls_error(error), &self.base) {
            NoAnswer::NotSent(fault)
        } else if connecting || !begun {
            let what = format!("{} cannot be reached", self.base);
            NoAnswer::NotSent(Fault::new(Code::DeliverUnreachable, what).detail(said))
        } else {
            let what = "the connection was lost before the answer";
            NoAnswer::Unknown(Fault::new(Code::DeliverNoAnswer, what).detail(said))
        }
    }

    async fn read(&self, mut body: Incoming) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Fault::new(Code::DeliverNoAnswer, "the connection was lost in the middle of the answer")
                    .detail(error.to_string())
            })?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > self.answer_bytes_max {
                    let what = format!("the answer is larger than {} bytes", self.answer_bytes_max);
                    return Err(Fault::new(Code::DeliverBadAnswer, what));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes)
    }
}

/// What TLS itself says, however deep it lies.
fn tls_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(found) = error.downcast_ref::<rustls::Error>() {
        return Some(found);
    }
    // An error of input and output hides what it was made from to everybody who asks for its source.
    let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inside {
        Some(inside) => tls_error(inside),
        None => tls_error(error.source()?),
    }
}

/// A greeting that failed on a certificate: theirs, or ours. Theirs is judged before anything is sent; ours by a target
/// that then reads nothing, although in TLS 1.3 a request may have left by that time. So neither had an effect.
fn by_tls(error: Option<&rustls::Error>, base: &str) -> Option<Fault> {
    use rustls::AlertDescription as Alert;
    match error? {
        rustls::Error::InvalidCertificate(why) => {
            let what = format!("the certificate of {base} is not accepted: {why}");
            Some(Fault::new(Code::DeliverCertificate, what))
        }
        rustls::Error::AlertReceived(
            alert @ (Alert::CertificateRequired
            | Alert::NoCertificate
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied),
        ) => {
            let what = format!("{base} does not accept our certificate ({alert:?})");
            Some(Fault::new(Code::DeliverCredentials, what))
        }
        _ => None,
    }
}

fn unusable(why: &str) -> Fault {
    Fault::new(Code::ProjectFile, why)
}

/// Scheme, host and port, also if the port is not written.
fn origin(uri: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let default_port = match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let host = uri.host().filter(|_| !user).map(str::to_ascii_lowercase);
    (uri.scheme_str(), host, uri.port_u16().or(default_port))
}

/// `scheme://host:port/prefix` without a slash at its end.
fn base_address(url: &str) -> Result<String, Fault> {
    // The address itself is not repeated: it may hold credentials.
    let uri = Uri::try_from(url).map_err(|error| unusable(&format!("the system's url cannot be read: {error}")))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(unusable("the system's url must begin with http:// or https:// and a host"));
    };
    if authority.as_str().contains('@') {
        return Err(unusable("the system's url holds credentials: write them under auth"));
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(unusable("the system's url ends with its path: put a query into the interface's path"));
    }
    Ok(format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/')))
}

/// The way to a target: checked by the guard, made by the network.
#[derive(Clone)]
struct Way(Surroundings);

impl Service<Uri> for Way {
    type Response = TokioIo<BoxStream>;
    type Error = Fault;
    type Future = BoxFuture<'static, Result<Self::Response, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Surroundings { net, guard, .. } = self.0.clone();
        Box::pin(async move {
            let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let port = uri.port_u16().unwrap_or(default_port);
            guard.connect(&*net, uri.host().unwrap_or_default(), port).await.map(TokioIo::new)
        })
    }
}

impl Connection for BoxStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// A request's body that tells when a connection has begun to send it.
struct Document {
    bytes: Option<Bytes>,
    begun: Arc<AtomicBool>,
}

impl Document {
    fn new(bytes: Bytes, begun: Arc<AtomicBool>) -> Self {
        // Nothing asks for an empty body, so a request without one must count as begun from the first moment.
        begun.store(bytes.is_empty(), Ordering::Release);
        Self { bytes: (!bytes.is_empty()).then_some(bytes), begun }
    }
}

impl Body for Document {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.begun.store(true, Ordering::Release);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
