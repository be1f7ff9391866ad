//! One receiving interface of a system that is reached through an OData service.
//!
//! One attempt is one write. Reads may come before it: the CSRF token, and the ETag where the file says `if_match:
//! read`; whatever goes wrong with them, the document has not left. A write refused for want of a token was not
//! processed, so it is sent once more within the same attempt.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH};
use http::{Method, Request, StatusCode};
use lineshaft_model::connection::odata::{self as settings, Csrf, IfMatch, OdataConnection};
use lineshaft_model::delivery::{Answer, Outcome, Outgoing, Probe};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::tree::Path;

use super::service::Service;
use super::session::{self, Sessions};
use crate::contract::{BoxFuture, Destination, Surroundings};
use crate::http::answer::{self, Agreed};
use crate::http::client::{Answer as HttpAnswer, NoAnswer};
use crate::http::destination::{header_name, header_value, in_turn, pass_on_trace, path, template};
use crate::http::readback::{self, Readback};
use crate::http::template::Template;

/// One receiving interface.
pub struct OdataDestination {
    service: Service,
    surroundings: Surroundings,
    method: Method,
    path: Template,
    sessions: Option<Sessions>,
    if_match: IfMatch,
    key_header: Option<HeaderName>,
    receipt: Vec<Path>,
    busy_codes: Vec<String>,
    no_effect_on: Vec<u16>,
    probe: Option<ProbePlan>,
    readback: Option<Readback>,
}

struct ProbePlan {
    question: Template,
    first_row: Path,
    receipt: Vec<Path>,
}

impl OdataDestination {
    /// Reads the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// `PROJECT-001` for a setting that cannot be used, `DELIVER-011` for a secret that cannot be resolved.
    pub fn open(
        surroundings: &Surroundings,
        connection: &OdataConnection,
        settings: &settings::OdataDestination,
    ) -> Result<Self, Fault> {
        let service = Service::open(surroundings, connection)?;
        let probe = settings.probe.as_ref().map(|probe| probe_plan(&service, probe)).transpose()?;
        Ok(Self {
            method: match settings.method {
                settings::Method::Post => Method::POST,
                settings::Method::Patch => Method::PATCH,
                settings::Method::Put => Method::PUT,
                settings::Method::Merge => Method::from_bytes(b"MERGE")
                    .map_err(|_| Fault::new(Code::ProjectFile, "the method MERGE cannot be used"))?,
            },
            surroundings: surroundings.clone(),
            path: template(&settings.path)?,
            sessions: (settings.csrf == Csrf::Fetch).then(Sessions::default),
            if_match: settings.if_match,
            key_header: settings.key_header.as_deref().map(header_name).transpose()?,
            receipt: service.fields_of_entity(&settings.receipt)?,
            busy_codes: settings.busy_codes.clone(),
            no_effect_on: settings.no_effect_on.clone(),
            probe,
            readback: settings.readback.as_ref().map(Readback::open).transpose()?,
            service,
        })
    }

    async fn attempt(&self, outgoing: &Outgoing) -> Outcome {
        let mut request = match self.request(outgoing) {
            Ok(request) => request,
            Err(fault) => return Outcome::Refused { fault, retry_after: None },
        };
        match self.precondition(&request).await {
            Ok(Some(value)) => {
                request.headers_mut().insert(IF_MATCH, value);
            }
            Ok(None) => {}
            Err(outcome) => return outcome,
        }
        let exchange = match self.write(request).await {
            Ok(exchange) => exchange,
            Err(outcome) => return outcome,
        };
        let agreed = Agreed {
            receipt: &self.receipt,
            busy_when: &[],
            no_effect_on: &self.no_effect_on,
            busy_codes: &self.busy_codes,
            single: true,
            bound: self.if_match == IfMatch::Read,
        };
        answer::outcome(exchange, &agreed, self.surroundings.clock.now())
    }

    fn request(&self, outgoing: &Outgoing) -> Result<Request<Bytes>, Fault> {
        let uri = self.service.client.uri(&self.path.path(outgoing)?)?;
        let mut request = self.service.request(self.method.clone(), uri, Bytes::copy_from_slice(&outgoing.body));
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(name) = &self.key_header {
            headers.insert(name, header_value(name, &outgoing.target_key)?);
        }
        pass_on_trace(headers, outgoing)?;
        Ok(request)
    }

    /// What `If-Match` is to say. An error is what it means for the document.
    async fn precondition(&self, write: &Request<Bytes>) -> Result<Option<HeaderValue>, Outcome> {
        match self.if_match {
            IfMatch::Off => return Ok(None),
            IfMatch::Any => return Ok(Some(HeaderValue::from_static("*"))),
            IfMatch::Read => {}
        }
        let refused = |code, what: &str| Outcome::Refused { fault: Fault::new(code, what), retry_after: None };
        let read = self.service.request(Method::GET, write.uri().clone(), Bytes::new());
        let answer = match self.service.client.exchange(read).await {
            Ok(answer) if answer.status == StatusCode::OK => answer,
            other => return Err(answer::before(other, self.surroundings.clock.now())),
        };
        if let Some(etag) = answer.headers.get(ETAG) {
            return Ok(Some(etag.clone()));
        }
        let tree = answer.body.as_ref().ok().and_then(|body| lineshaft_format::json::decode(body).ok());
        let etag = tree.as_ref().and_then(|tree| self.service.etag(self.service.entity(tree)?));
        let value = etag.and_then(|etag| HeaderValue::from_str(etag).ok());
        value.map(Some).ok_or_else(|| refused(Code::DeliverRejected, "the entity has no ETag that a change could name"))
    }

    /// The write itself, once more if the target wants another token. An error is what it means for the document.
    async fn write(&self, request: Request<Bytes>) -> Result<Result<HttpAnswer, NoAnswer>, Outcome> {
        let Some(sessions) = &self.sessions else { return Ok(self.service.client.exchange(request).await) };
        let clock = &*self.surroundings.clock;
        let session = sessions.current(&self.service, clock, None).await?;
        let exchange = self.write_in(&session, request.clone()).await;
        match &exchange {
            Ok(answer) if session::wanted(answer) => {}
            _ => return Ok(exchange),
        }
        let anew = sessions.current(&self.service, clock, Some(&session)).await?;
        Ok(self.write_in(&anew, request).await)
    }

    async fn write_in(&self, session: &session::Session, mut request: Request<Bytes>) -> Result<HttpAnswer, NoAnswer> {
        session.onto(request.headers_mut());
        let mut answer = self.service.client.exchange(request).await?;
        answer.hidden.extend(session.hidden());
        Ok(answer)
    }

    async fn ask(&self, outgoing: &Outgoing) -> Probe {
        let Some(plan) = &self.probe else {
            let what = "this interface declares no probe, so the target cannot be asked";
            return Probe::CannotTell(Fault::new(Code::DeliverNoAnswer, what));
        };
        let exchange = self.get(plan.question.condition(outgoing), outgoing).await;
        // Here 404 speaks of a wrong path, and an empty page with a link to more of nothing at all. Either taken for
        // "absent" would post twice.
        let unclear = |what: &str| Probe::CannotTell(Fault::new(Code::DeliverBadAnswer, what));
        if let Ok(answer) = &exchange {
            if answer.status == StatusCode::NOT_FOUND {
                return unclear("the target does not know the entity set that the probe names (404)");
            }
            let tree = answer.body.as_ref().ok().and_then(|body| lineshaft_format::json::decode(body).ok());
            if let Some(tree) = tree.filter(|tree| self.service.next_link(tree).is_some())
                && plan.first_row.find(&tree).is_none()
            {
                return unclear("the target answers with an empty page and a link to more");
            }
        }
        answer::probe(exchange, &plan.first_row, &plan.receipt)
    }

    async fn final_word(&self, outgoing: &Outgoing) -> Answer {
        let Some(readback) = &self.readback else { return readback::not_declared() };
        let answer = self.get(readback.question(outgoing), outgoing).await;
        readback.understand(answer, self.surroundings.clock.now())
    }

    async fn get(&self, path: Result<String, Fault>, outgoing: &Outgoing) -> Result<HttpAnswer, NoAnswer> {
        match path.and_then(|path| self.question(&path, outgoing)) {
            Ok(request) => self.service.client.exchange(request).await,
            Err(fault) => Err(NoAnswer::NotSent(fault)),
        }
    }

    fn question(&self, path: &str, outgoing: &Outgoing) -> Result<Request<Bytes>, Fault> {
        let uri = self.service.client.uri(path)?;
        let mut request = self.service.request(Method::GET, uri, Bytes::new());
        pass_on_trace(request.headers_mut(), outgoing)?;
        Ok(request)
    }
}

fn probe_plan(service: &Service, probe: &settings::OdataProbe) -> Result<ProbePlan, Fault> {
    let join = if probe.path.contains('?') { '&' } else { '?' };
    // What would end the condition is part of it.
    let filter = probe.filter.replace('%', "%25").replace('&', "%26").replace('+', "%2B");
    Ok(ProbePlan {
        question: template(&format!("{}{join}$filter={filter}&$top=1", probe.path))?,
        first_row: path(service.first_row())?,
        receipt: service.fields_of_first_row(&probe.receipt)?,
    })
}

impl Destination for OdataDestination {
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> BoxFuture<'a, Vec<(DeliveryId, Outcome)>> {
        Box::pin(in_turn(batch, |outgoing| self.attempt(outgoing)))
    }

    /// The write, and what may come before it: the entity read for `If-Match`, the token against forged requests.
    fn patience(&self) -> Duration {
        let before = u32::from(self.if_match == IfMatch::Read) + u32::from(self.sessions.is_some());
        self.service.client.patience() * (1 + before)
    }

    fn probe<'a>(&'a self, delivery: &'a Outgoing) -> BoxFuture<'a, Probe> {
        Box::pin(self.ask(delivery))
    }

    fn read_back<'a>(&'a self, delivery: &'a Outgoing) -> BoxFuture<'a, Answer> {
        Box::pin(self.final_word(delivery))
    }
}
