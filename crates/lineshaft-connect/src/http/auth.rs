//! Who we are to a target, and who a sender is to us: Basic (RFC 7617), Bearer (RFC 6750), a key in a header.
//!
//! Secrets are resolved for each use, so that a rotated one is taken up while the node runs (SC-3). Tokens of an
//! issuer (OAuth 2) are fetched in [`super::token`]; client certificates belong to [`crate::tls`].

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use lineshaft_model::connection::SecretRef;
use lineshaft_model::connection::http::{ClientAuth, ServerAuth};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::sha256;

use crate::secrets::{Secret, Secrets};

/// How this node proves who it is, ready to be put on a request.
pub(super) struct Proof {
    /// The header.
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// What an answer must not be allowed to echo (SC-2): the secret, and what the header made of it.
    pub(super) hidden: Vec<Secret>,
}

/// The header that proves who we are.
///
/// # Errors
/// `DELIVER-011` if the secret cannot be resolved or cannot stand in a header.
pub(super) fn prove(auth: &ClientAuth, secrets: &Secrets) -> Result<Proof, Fault> {
    let (name, secret, shown) = match auth {
        ClientAuth::None => return Ok(Proof { header: None, hidden: vec![] }),
        // The token is fetched and put on the request elsewhere; its secret must be there all the same.
        ClientAuth::Oauth2 { client_secret, .. } => {
            return Ok(Proof { header: None, hidden: vec![secrets.get(client_secret)?] });
        }
        ClientAuth::Basic { user, password } => {
            let secret = secrets.get(password)?;
            let value = format!("Basic {}", basic(user, &secret));
            (AUTHORIZATION, secret, value)
        }
        ClientAuth::Bearer { token } => return bearer(secrets.get(token)?),
        ClientAuth::ApiKey { header, key } => {
            let name = HeaderName::from_bytes(header.as_bytes())
                .map_err(|_| Fault::new(Code::ProjectFile, format!("{header:?} is not a header name")))?;
            let secret = secrets.get(key)?;
            let value = secret.reveal().to_owned();
            (name, secret, value)
        }
    };
    shown_as(name, secret, &shown)
}

/// A token on a request.
///
/// # Errors
/// `DELIVER-011` if it cannot stand in a header.
pub(super) fn bearer(token: Secret) -> Result<Proof, Fault> {
    let shown = format!("Bearer {}", token.reveal());
    shown_as(AUTHORIZATION, token, &shown)
}

fn shown_as(name: HeaderName, secret: Secret, shown: &str) -> Result<Proof, Fault> {
    let mut value = HeaderValue::try_from(shown)
        .map_err(|_| Fault::new(Code::DeliverSecret, "the secret holds a character that a header cannot carry"))?;
    value.set_sensitive(true);
    let coded = Secret::new(shown.rsplit(' ').next().unwrap_or_default());
    Ok(Proof { header: Some((name, value)), hidden: vec![coded, secret] })
}

/// Whether a request's headers hold what the interface asks for. Compared in constant time.
///
/// # Errors
/// `DELIVER-011` if our side of the secret cannot be resolved.
pub(super) fn recognised(auth: &ServerAuth, secrets: &Secrets, headers: &HeaderMap) -> Result<bool, Fault> {
    let (scheme, expected) = match auth {
        ServerAuth::None => return Ok(true),
        ServerAuth::Basic { user, password } => ("basic", basic(user, &secrets.get(password)?)),
        ServerAuth::Bearer { token } => ("bearer", secrets.get(token)?.reveal().to_owned()),
    };
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Ok(false) };
    let Some((given_scheme, credentials)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
        return Ok(false);
    };
    let same = same_in_constant_time(credentials.trim_start().as_bytes(), expected.as_bytes());
    Ok(given_scheme.eq_ignore_ascii_case(scheme) && same)
}

/// What a `401` asks for.
pub(super) fn challenge(auth: &ServerAuth) -> &'static str {
    match auth {
        ServerAuth::Basic { .. } => "Basic realm=\"lineshaft\", charset=\"UTF-8\"",
        ServerAuth::Bearer { .. } | ServerAuth::None => "Bearer realm=\"lineshaft\"",
    }
}

/// The secret that an interface needs before its first request.
pub(super) fn needed(auth: &ServerAuth) -> Option<&SecretRef> {
    match auth {
        ServerAuth::None => None,
        ServerAuth::Basic { password, .. } => Some(password),
        ServerAuth::Bearer { token } => Some(token),
    }
}

/// Digests have one length and no relation to the text, so neither length nor a common beginning shows in the time.
fn same_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    let pairs = sha256(one).into_iter().zip(sha256(other));
    std::hint::black_box(pairs.fold(0, |differing, (one, other)| differing | (one ^ other))) == 0
}

fn basic(user: &str, password: &Secret) -> String {
    base64(format!("{user}:{}", password.reveal()).as_bytes())
}

/// Base64 (RFC 4648, 4) with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_usize, |word, at| (word << 8) | usize::from(chunk.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * place)) & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn comparison_sees_every_difference() {
        assert!(same_in_constant_time(b"abc", b"abc"));
        for other in ["", "ab", "abcd", "abd", "Abc"] {
            assert!(!same_in_constant_time(b"abc", other.as_bytes()), "{other}");
        }
    }
}
