//! Settings of the `http` connector.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::ClientTls;
use super::{Readback, SecretRef};

/// A system that is reached over HTTP/1.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpConnection {
    /// Base address, `https://erp.example.com/api`, or a reference `env:ERP_URL`. Paths of interfaces are appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How this node proves who it is to the system.
    #[serde(default)]
    pub auth: ClientAuth,
    /// TLS beyond the public authorities: a private authority, a client certificate, pinned keys. Needs an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Longest time for one request, from the first byte sent to the last byte of the answer, in seconds.
    #[serde(default = "default_timeout_secs")]
    pub timeout_secs: u64,
    /// Largest answer read, in bytes. A larger one is an unintelligible answer.
    #[serde(default = "default_answer_bytes_max")]
    pub answer_bytes_max: u64,
}

/// How this node proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClientAuth {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic (RFC 7617).
    Basic {
        /// User name.
        user: String,
        /// Password, as a reference.
        password: SecretRef,
    },
    /// `Authorization: Bearer` with a fixed token (RFC 6750).
    Bearer {
        /// Token, as a reference.
        token: SecretRef,
    },
    /// A key in a header of the system's choice.
    ApiKey {
        /// Header name.
        header: String,
        /// Key, as a reference.
        key: SecretRef,
    },
    /// A token of OAuth 2 (RFC 6749, client credentials), fetched when needed and kept until shortly before it expires.
    Oauth2 {
        /// Address of the token endpoint.
        token_url: String,
        /// Client id.
        client_id: String,
        /// Client secret, as a reference.
        client_secret: SecretRef,
        /// Scope asked for, as the issuer names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
}

/// Documents that a system sends to this node. The address is `/in/<system>/<interface>` on the inbound listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSource {
    /// How the sender proves who it is. There is no default: `none` must be written, and is listed as insecure.
    pub auth: ServerAuth,
    /// Largest document accepted, in bytes after unpacking.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: u64,
    /// Media types taken besides those of the interface's format, for senders that cannot name the right one:
    /// `application/octet-stream`. A document without a `Content-Type` is always taken.
    #[serde(default)]
    pub media_types: Vec<String>,
    /// Header that carries the sender's idempotency key. A sender that gives none is not deduplicated by it.
    #[serde(default = "default_key_header")]
    pub key_header: String,
}

/// How a sender proves who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ServerAuth {
    /// Anybody who reaches the listener may send. Insecure: for tests and sealed networks.
    None,
    /// HTTP Basic (RFC 7617).
    Basic {
        /// User name.
        user: String,
        /// Password, as a reference.
        password: SecretRef,
    },
    /// `Authorization: Bearer` with a fixed token (RFC 6750).
    Bearer {
        /// Token, as a reference.
        token: SecretRef,
    },
}

/// A request for each document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDestination {
    /// Request method.
    #[serde(default = "default_method")]
    pub method: Method,
    /// Path below the system's address. `{name}` is replaced by that top-level field of the
    /// rendered document, or else of the event, percent-encoded; a transaction without a value there is stopped.
    pub path: String,
    /// Further headers; values may use `{name}` as the path does.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Header in which the target expects the key that lets it recognise a repeat, often `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// Path in the document at which the target expects that key, for example `.ExternalSystemConfirmation`. It is set when
    /// the document is rendered, and replaces what a map wrote there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
    /// Path into a JSON answer that holds the target's own reference (document number), for example `.documentNumber`.
    /// Where a reference has several parts: `.d.Group/.d.Count`; they are joined with `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// How to ask whether an earlier attempt took effect. Needed for class T3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<HttpProbe>,
    /// How to ask whether a document that the target took is posted. Needed for `answer: { by: readback }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readback: Option<Readback>,
    /// Business errors that pass by themselves: an answer with this status whose body contains one of these texts is repeated by time.
    #[serde(default)]
    pub busy_when: Vec<BusyRule>,
    /// Statuses from 500 on with which the target says that it did nothing: `[503]` for one that turns requests away before
    /// it reads them. Without it a plain 503 leaves the outcome open, because a gateway answers so after it has passed
    /// the document on, too; 429, and 503 with `Retry-After`, are refusals anyway. 502 and 504 may not stand here: a
    /// gateway sends them, and it does not know.
    #[serde(default)]
    pub no_effect_on: Vec<u16>,
}

/// A request that asks whether an earlier attempt took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// Path and query for a GET. `{target_key}` and the document's parameters may be used.
    pub path: String,
    /// Path into the JSON answer: the attempt took effect when something other than null or an empty list stands there.
    /// A 404 means absent.
    pub found_when: String,
    /// Path into the JSON answer that holds the target's own reference, or several as in the destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// A business refusal that passes by itself, such as an order locked by a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusyRule {
    /// Status of the answer.
    pub status: u16,
    /// Text that the answer's body contains, for example a message id.
    pub contains: String,
}

/// Request methods that carry a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Make something new.
    Post,
    /// Put at a known place.
    Put,
    /// Change in part.
    Patch,
}

/// The paths of a reference: `.d.Group/.d.Count` has two. A `/` between quotes belongs to a name.
pub fn reference_parts(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted) = (Vec::new(), 0, false);
    for (at, char) in text.char_indices() {
        match char {
            '"' => quoted = !quoted,
            '/' if !quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn default_timeout_secs() -> u64 {
    10
}

fn default_answer_bytes_max() -> u64 {
    1024 * 1024
}

fn default_body_bytes_max() -> u64 {
    10 * 1024 * 1024
}

fn default_key_header() -> String {
    "Idempotency-Key".to_owned()
}

fn default_method() -> Method {
    Method::Post
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_may_have_several_parts() {
        assert_eq!(reference_parts(".number"), [".number"]);
        assert_eq!(reference_parts(".d.Group/.d.Count"), [".d.Group", ".d.Count"]);
        assert_eq!(reference_parts(".\"a/b\".c/.d"), [".\"a/b\".c", ".d"]);
    }
}
