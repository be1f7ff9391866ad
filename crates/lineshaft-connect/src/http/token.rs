//! Tokens of an issuer: OAuth 2.0 client credentials (RFC 6749, 4.4), id and secret as HTTP Basic.
//!
//! One token for all requests of a client, fetched when first needed, used until [`EARLY`] before its end, and given up
//! when the target answers 401. Refresh tokens are deliberately absent: this grant has none.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, StatusCode};
use lineshaft_model::connection::http::{ClientAuth, HttpConnection};
use lineshaft_model::connection::tls::ClientTls;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;
use tokio::sync::Mutex;

use super::auth::{self, Proof};
use super::client::{HttpClient, NoAnswer};
use super::template::encoded;
use crate::contract::Surroundings;
use crate::secrets::Secret;

/// How long before its end a token is no longer used.
const EARLY: Duration = Duration::from_secs(60);

/// How long a token is used whose issuer does not say.
const UNTOLD: Duration = Duration::from_secs(300);

/// Largest answer of an issuer, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// The tokens of one client.
pub(super) struct Tokens {
    issuer: HttpClient,
    auth: ClientAuth,
    form: Bytes,
    surroundings: Surroundings,
    held: Mutex<Option<Token>>,
}

/// A token and when it is to be replaced, by the monotonic clock.
#[derive(Clone)]
pub(super) struct Token {
    secret: Secret,
    until: Duration,
}

impl Token {
    /// The token on a request.
    pub(super) fn proof(&self) -> Result<Proof, NoAnswer> {
        auth::bearer(self.secret.clone()).map_err(NoAnswer::NotSent)
    }
}

impl Tokens {
    /// `None` for a connection that needs no issuer.
    pub(super) fn open(surroundings: &Surroundings, connection: &HttpConnection) -> Result<Option<Self>, Fault> {
        let ClientAuth::Oauth2 { token_url, client_id, client_secret, scope } = &connection.auth else {
            return Ok(None);
        };
        let auth = ClientAuth::Basic { user: client_id.clone(), password: client_secret.clone() };
        let issuer = HttpConnection {
            url: Some(token_url.clone()),
            auth: auth.clone(),
            // The issuer has a key of its own, and may be one of the public ones.
            tls: connection
                .tls
                .clone()
                .filter(|_| token_url.starts_with("https://"))
                .map(|tls| ClientTls { pins: Vec::new(), ..tls }),
            timeout_secs: connection.timeout_secs,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let scope = scope.as_ref().map(|scope| format!("&scope={}", encoded(scope))).unwrap_or_default();
        Ok(Some(Self {
            issuer: HttpClient::open(surroundings, &issuer)?,
            auth,
            form: Bytes::from(format!("grant_type=client_credentials{scope}")),
            surroundings: surroundings.clone(),
            held: Mutex::default(),
        }))
    }

    /// A token that has not ended yet.
    pub(super) async fn current(&self) -> Result<Token, Fault> {
        let mut held = self.held.lock().await;
        match &*held {
            Some(token) if self.surroundings.clock.monotonic() < token.until => Ok(token.clone()),
            _ => Ok(held.insert(self.fetch().await?).clone()),
        }
    }

    /// Another token than `refused`. Requests that were refused together share the new one.
    pub(super) async fn after(&self, refused: &Token) -> Result<Token, Fault> {
        let mut held = self.held.lock().await;
        match &*held {
            Some(token) if token.secret != refused.secret => Ok(token.clone()),
            _ => Ok(held.insert(self.fetch().await?).clone()),
        }
    }

    async fn fetch(&self) -> Result<Token, Fault> {
        let mut request = Request::new(self.form.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.issuer.root()?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let asked = self.surroundings.clock.monotonic();
        let proof = auth::prove(&self.auth, &self.surroundings.secrets)?;
        let answer = self.issuer.once(request, proof).await.map_err(|none| match none {
            NoAnswer::NotSent(fault) => fault,
            // The document itself has not left: for it the target is out of reach.
            NoAnswer::Unknown(fault) => {
                Fault::new(Code::DeliverUnreachable, "the token issuer does not answer").detail(fault.message)
            }
        })?;
        if answer.status != StatusCode::OK {
            // 400 is the issuer's word for a client or secret that it does not know (RFC 6749, 5.2).
            let code = match answer.status.as_u16() {
                408 | 425 | 429 => Code::DeliverThrottled,
                400..=499 => Code::DeliverCredentials,
                _ => Code::DeliverServerError,
            };
            return Err(Fault::new(code, format!("the token issuer answered {}", answer.status)));
        }
        let bad = || Fault::new(Code::DeliverBadAnswer, "the token issuer's answer holds no token");
        let tree = lineshaft_format::json::decode(&answer.body?).map_err(|_| bad())?;
        let text = tree.get("access_token").and_then(Tree::scalar).filter(|text| !text.is_empty()).ok_or_else(bad)?;
        let life = tree.get("expires_in").and_then(Tree::scalar).and_then(|text| text.parse().ok());
        let life = life.map_or(UNTOLD, Duration::from_secs);
        // A token that lives shorter than a minute is used for half of its life.
        let used = life.saturating_sub(EARLY).max(life / 2);
        Ok(Token { secret: Secret::new(text), until: asked.saturating_add(used) })
    }
}
