//! One receiving interface of a system that is reached over HTTP.
//!
//! The documents of a batch are sent one after the other, each as a request of its own; the engine sends several
//! batches at once where several requests at once are wanted. The bytes are sent as they were frozen.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request};
use lineshaft_model::connection::http as settings;
use lineshaft_model::delivery::{Answer, Outcome, Outgoing, Probe};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::tree::Path;

use super::answer::{self, Agreed};
use super::client::{Answer as HttpAnswer, HttpClient, NoAnswer};
use super::readback::{self, Readback};
use super::template::Template;
use crate::contract::{BoxFuture, Destination, Surroundings};

/// Headers that the protocol or `auth` sets; an interface file may not.
const OURS: [&str; 8] =
    ["host", "content-length", "transfer-encoding", "connection", "authorization", "accept-encoding", "te", "upgrade"];

/// One receiving interface.
pub struct HttpDestination {
    client: HttpClient,
    surroundings: Surroundings,
    method: Method,
    path: Template,
    headers: Vec<(HeaderName, Template)>,
    key_header: Option<HeaderName>,
    receipt: Vec<Path>,
    busy_when: Vec<settings::BusyRule>,
    no_effect_on: Vec<u16>,
    probe: Option<ProbePlan>,
    readback: Option<Readback>,
}

struct ProbePlan {
    path: Template,
    found_when: Path,
    receipt: Vec<Path>,
}

impl HttpDestination {
    /// Reads the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// `PROJECT-001` for a setting that cannot be used, `DELIVER-011` for a secret that cannot be resolved.
    pub fn open(
        surroundings: &Surroundings,
        connection: &settings::HttpConnection,
        settings: &settings::HttpDestination,
    ) -> Result<Self, Fault> {
        let mut headers = Vec::with_capacity(settings.headers.len());
        for (name, value) in &settings.headers {
            headers.push((header_name(name)?, template(value)?));
        }
        let probe = match &settings.probe {
            None => None,
            Some(probe) => Some(ProbePlan {
                path: template(&probe.path)?,
                found_when: path(&probe.found_when)?,
                receipt: receipt(probe.receipt.as_deref())?,
            }),
        };
        Ok(Self {
            client: HttpClient::open(surroundings, connection)?,
            surroundings: surroundings.clone(),
            method: match settings.method {
                settings::Method::Post => Method::POST,
                settings::Method::Put => Method::PUT,
                settings::Method::Patch => Method::PATCH,
            },
            path: template(&settings.path)?,
            headers,
            key_header: settings.key_header.as_deref().map(header_name).transpose()?,
            receipt: receipt(settings.receipt.as_deref())?,
            busy_when: settings.busy_when.clone(),
            no_effect_on: settings.no_effect_on.clone(),
            probe,
            readback: settings.readback.as_ref().map(Readback::open).transpose()?,
        })
    }

    async fn attempt(&self, outgoing: &Outgoing) -> Outcome {
        let exchange = match self.request(outgoing) {
            Ok(request) => self.client.exchange(request).await,
            Err(fault) => Err(NoAnswer::NotSent(fault)),
        };
        let agreed = Agreed {
            receipt: &self.receipt,
            busy_when: &self.busy_when,
            no_effect_on: &self.no_effect_on,
            busy_codes: &[],
            single: false,
            bound: false,
        };
        answer::outcome(exchange, &agreed, self.surroundings.clock.now())
    }

    fn request(&self, outgoing: &Outgoing) -> Result<Request<Bytes>, Fault> {
        let uri = self.client.uri(&self.path.path(outgoing)?)?;
        let mut request = Request::new(Bytes::copy_from_slice(&outgoing.body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(outgoing.content_type));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/problem+json"));
        for (name, value) in &self.headers {
            headers.insert(name, header_value(name, &value.header(outgoing)?)?);
        }
        if let Some(name) = &self.key_header {
            headers.insert(name, header_value(name, &outgoing.target_key)?);
        }
        pass_on_trace(headers, outgoing)?;
        Ok(request)
    }

    async fn ask(&self, outgoing: &Outgoing) -> Probe {
        let Some(plan) = &self.probe else {
            let what = "this interface declares no probe, so the target cannot be asked";
            return Probe::CannotTell(Fault::new(Code::DeliverNoAnswer, what));
        };
        let exchange = self.get(plan.path.path(outgoing), outgoing).await;
        answer::probe(exchange, &plan.found_when, &plan.receipt)
    }

    async fn final_word(&self, outgoing: &Outgoing) -> Answer {
        let Some(readback) = &self.readback else { return readback::not_declared() };
        let answer = self.get(readback.question(outgoing), outgoing).await;
        readback.understand(answer, self.surroundings.clock.now())
    }

    async fn get(&self, path: Result<String, Fault>, outgoing: &Outgoing) -> Result<HttpAnswer, NoAnswer> {
        match path.and_then(|path| self.question(&path, outgoing)) {
            Ok(request) => self.client.exchange(request).await,
            Err(fault) => Err(NoAnswer::NotSent(fault)),
        }
    }

    fn question(&self, path: &str, outgoing: &Outgoing) -> Result<Request<Bytes>, Fault> {
        let uri = self.client.uri(path)?;
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        pass_on_trace(request.headers_mut(), outgoing)?;
        Ok(request)
    }
}

impl Destination for HttpDestination {
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Vec<(DeliveryId, Outcome)>> {
        Box::pin(in_turn(batch, |outgoing| self.attempt(outgoing)))
    }

    fn patience(&self) -> Duration {
        self.client.patience()
    }

    fn probe<'a>(&'a self, delivery: &'a Outgoing) -> BoxFuture<'a, Probe> {
        Box::pin(self.ask(delivery))
    }

    fn read_back<'a>(&'a self, delivery: &'a Outgoing) -> BoxFuture<'a, Answer> {
        Box::pin(self.final_word(delivery))
    }
}

/// One attempt after the other. A target that cannot be reached is not asked once more for each document of a call.
pub(crate) async fn in_turn<'a, F: Future<Output = Outcome>>(
    batch: &'a [Outgoing],
    attempt: impl Fn(&'a Outgoing) -> F,
) -> Vec<(DeliveryId, Outcome)> {
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut unreachable: Option<Fault> = None;
    for outgoing in batch {
        let outcome = match &unreachable {
            Some(fault) => Outcome::Unreachable(fault.clone()),
            None => attempt(outgoing).await,
        };
        if let Outcome::Unreachable(fault) = &outcome {
            unreachable = Some(fault.clone());
        }
        tracing::debug!(delivery = %outgoing.id, outcome = word(&outcome), "attempt");
        outcomes.push((outgoing.id, outcome));
    }
    outcomes
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::Unreachable(fault) | Outcome::Refused { fault, .. } | Outcome::Unknown(fault) => fault.code.as_str(),
    }
}

pub(crate) fn pass_on_trace(headers: &mut http::HeaderMap, outgoing: &Outgoing) -> Result<(), Fault> {
    if !outgoing.traceparent.is_empty() {
        let name = HeaderName::from_static("traceparent");
        let value = header_value(&name, &outgoing.traceparent)?;
        headers.insert(name, value);
    }
    Ok(())
}

pub(crate) fn header_value(name: &HeaderName, value: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| Fault::new(Code::RenderParameter, format!("the value of the header {name} cannot stand there")))
}

pub(crate) fn header_name(name: &str) -> Result<HeaderName, Fault> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Fault::new(Code::ProjectFile, format!("{name:?} is not a header name")))?;
    if OURS.contains(&parsed.as_str()) {
        let what = format!("the header {name:?} may not be set here; credentials belong under auth");
        return Err(Fault::new(Code::ProjectFile, what));
    }
    Ok(parsed)
}

pub(crate) fn template(text: &str) -> Result<Template, Fault> {
    Template::parse(text).map_err(|why| Fault::new(Code::ProjectFile, why))
}

/// The paths of the target's own reference; none if it has none.
fn receipt(text: Option<&str>) -> Result<Vec<Path>, Fault> {
    text.map_or_else(Vec::new, settings::reference_parts).into_iter().map(path).collect()
}

pub(crate) fn path(text: &str) -> Result<Path, Fault> {
    Path::parse(text).map_err(|why| Fault::new(Code::ProjectFile, why))
}
