//! The CSRF token and the session that it belongs to.
//!
//! Fetched from the service root before the first write and kept until the target asks for a new one. Several requests
//! at once share it: whoever is refused first fetches, the others take what was fetched. A service that hands out no
//! token asks for none.

use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use http::{Method, StatusCode};
use lineshaft_model::delivery::Outcome;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::time::Clock;
use tokio::sync::Mutex;

use super::service::Service;
use crate::http::answer;
use crate::http::client::Answer;
use crate::secrets::Secret;

/// Longest `Cookie` header kept, in bytes.
const COOKIE_BYTES_MAX: usize = 8 * 1024;

/// The header that carries the token.
const TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// What a write carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    token: Option<HeaderValue>,
    cookies: Option<HeaderValue>,
    /// Which fetch it came from, so that a refused one is fetched anew once only.
    number: u64,
}

impl Session {
    /// Puts token and cookies on a request.
    pub(super) fn onto(&self, headers: &mut HeaderMap) {
        for (name, value) in [(TOKEN, &self.token), (COOKIE, &self.cookies)] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
    }

    /// What an answer must not be allowed to echo.
    pub(super) fn hidden(&self) -> Vec<Secret> {
        let text = |value: &Option<HeaderValue>| value.as_ref()?.to_str().ok().map(Secret::new);
        [text(&self.token), text(&self.cookies)].into_iter().flatten().collect()
    }
}

/// The session that the requests of one interface share.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Option<Session>>);

impl Sessions {
    /// The session, fetched if there is none or the last one was `refused`.
    ///
    /// # Errors
    /// What it means for the document that no token could be fetched: it has not left.
    pub(super) async fn current(
        &self,
        service: &Service,
        clock: &dyn Clock,
        refused: Option<&Session>,
    ) -> Result<Session, Outcome> {
        let mut held = self.0.lock().await;
        match &*held {
            Some(session) if refused.is_none_or(|refused| refused.number != session.number) => Ok(session.clone()),
            _ => {
                let number = held.as_ref().map_or(0, |session| session.number) + 1;
                *held = None;
                Ok(held.insert(fetch(service, clock, number).await?).clone())
            }
        }
    }
}

/// Whether the target refused a request for want of a token: then it processed nothing.
pub(super) fn wanted(answer: &Answer) -> bool {
    let said = answer.headers.get(TOKEN).map(HeaderValue::as_bytes).unwrap_or_default();
    answer.status == StatusCode::FORBIDDEN && said.eq_ignore_ascii_case(b"required")
}

async fn fetch(service: &Service, clock: &dyn Clock, number: u64) -> Result<Session, Outcome> {
    let refused = |fault| Outcome::Refused { fault, retry_after: None };
    let root = service.client.uri("/").map_err(refused)?;
    let mut request = service.request(Method::GET, root, bytes::Bytes::new());
    request.headers_mut().insert(TOKEN, HeaderValue::from_static("Fetch"));
    let answer = match service.client.exchange(request).await {
        Ok(answer) if answer.status.is_success() => answer,
        other => return Err(answer::before(other, clock.now())),
    };
    let token = answer.headers.get(TOKEN).filter(|token| !token.as_bytes().eq_ignore_ascii_case(b"required")).cloned();
    Ok(Session { token, cookies: cookies(&answer.headers).map_err(refused)?, number })
}

/// The `Cookie` that answers every `Set-Cookie`: names and values only. It goes to no other address than the service.
fn cookies(headers: &HeaderMap) -> Result<Option<HeaderValue>, Fault> {
    let set = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs: Vec<&str> = set
        .filter_map(|cookie| cookie.split(';').next())
        .map(str::trim)
        .filter(|pair| pair.split_once('=').is_some_and(|(name, _)| !name.is_empty()))
        .collect();
    let text = pairs.join("; ");
    if text.len() > COOKIE_BYTES_MAX {
        return Err(Fault::new(Code::DeliverBadAnswer, "the target's session is larger than a header may be"));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Fault::new(Code::DeliverBadAnswer, "the target's session cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
