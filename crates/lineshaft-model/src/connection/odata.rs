//! Settings of the `odata` connector.
//!
//! A system that is written to and polled, with everything that SAP asks for:
//!
//! ```yaml
//! connection:
//!   odata:
//!     url: "env:ERP_ORDERS_URL"      # the service root, .../sap/opu/odata/sap/API_PRODUCTION_ORDER_2_SRV
//!     version: v2
//!     auth: { basic: { user: LINESHAFT, password: "secret:erp" } }
//!     headers: { sap-client: "100" }
//! emits:
//!   order:
//!     source:
//!       odata:
//!         poll:
//!           path: /A_ProductionOrder_2
//!           changed_since: LastChangeDateTime
//!           stamp: text
//!           every: 10s
//!           overlap: 5m
//!           key: [ManufacturingOrder]
//!           filter: "ProductionPlant eq '1000'"
//!           expand: [to_ProductionOrderOperation]
//! receives:
//!   confirmation:
//!     send:
//!       odata:
//!         path: /ProdnOrdConf2
//!         key_field: .ExternalSystemConfirmation
//!         receipt: [ConfirmationGroup, ConfirmationCount]
//!         busy_codes: [RU/018]
//!         probe:
//!           path: /ProdnOrdConf2
//!           filter: "OrderID eq '{OrderID}' and ExternalSystemConfirmation eq guid'{target_key}'"
//!           receipt: [ConfirmationGroup, ConfirmationCount]
//! ```

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::http::ClientAuth;
use super::tls::ClientTls;
use super::{Readback, Span};

/// A system that is reached through an OData service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OdataConnection {
    /// Service root, `https://erp.example.com/sap/opu/odata/sap/API_PRODUCTION_ORDER_2_SRV`, or a reference
    /// `env:ERP_URL`. Paths of interfaces are appended.
    pub url: String,
    /// Version of the protocol that the service speaks.
    pub version: Version,
    /// How this node proves who it is to the system.
    #[serde(default)]
    pub auth: ClientAuth,
    /// TLS beyond the public authorities: a private authority, a client certificate, pinned keys. Needs an `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Headers of every request, by name: `sap-client: "100"`. No places, no secrets.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Longest time for one request, from the first byte sent to the last byte of the answer, in seconds.
    #[serde(default = "default_timeout_secs")]
    pub timeout_secs: u64,
    /// Largest answer read, in bytes. A larger one is an unintelligible answer: ask for smaller pages.
    #[serde(default = "default_answer_bytes_max")]
    pub answer_bytes_max: u64,
}

/// Version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Version {
    /// OData 2.0, as SAP Gateway services speak it.
    V2,
    /// OData 4.0 or 4.01.
    V4,
}

/// Documents that this node asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OdataSource {
    /// Asks again and again for what has changed. Each row is one document.
    pub poll: OdataPoll,
}

/// Asks again and again for what has changed. A repeat is recognised by the row's key, version and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OdataPoll {
    /// Entity set below the service root: `/A_ProductionOrder_2`.
    pub path: String,
    /// Field that holds when a row was changed last: `LastChangeDateTime`.
    pub changed_since: String,
    /// How that field is written.
    pub stamp: Stamp,
    /// Wait between the end of one reading and the next.
    #[serde(default = "default_every")]
    pub every: Span,
    /// How far each reading goes back behind the latest change seen, so that a row which was committed late with an
    /// earlier time is not lost. Longer than the system's longest posting.
    #[serde(default = "default_overlap")]
    pub overlap: Span,
    /// Rows asked for at once, at most 5000. All rows of a page that are new are accepted together.
    #[serde(default = "default_page_size")]
    pub page_size: u32,
    /// Navigation properties that come with each row: `[to_ProductionOrderItem]`.
    #[serde(default)]
    pub expand: Vec<String>,
    /// Further condition in the protocol's own words: `ProductionPlant eq '1000'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Key fields of the entity: `[ManufacturingOrder]`.
    pub key: Vec<String>,
    /// Where the first reading begins, `2026-01-01T00:00:00Z`. Everything there is without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// How a time of change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stamp {
    /// Text `yyyymmddhhmmss`, with or without a fraction.
    Text,
    /// `Edm.DateTime` (V2 only).
    Datetime,
    /// `Edm.DateTimeOffset`.
    Datetimeoffset,
}

/// A request for each document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OdataDestination {
    /// Request method. `POST` creates or calls an action, `MERGE` (V2) and `PATCH` change in part, `PUT` replaces.
    #[serde(default = "default_method")]
    pub method: Method,
    /// Path below the service root. `{name}` is replaced by that top-level field of the rendered document, or else of
    /// the event, percent-encoded, quotes doubled: `/A_ProductionOrder_2('{order}')`.
    pub path: String,
    /// Whether writing needs an `X-CSRF-Token` and its session.
    #[serde(default)]
    pub csrf: Csrf,
    /// What `If-Match` says.
    #[serde(default)]
    pub if_match: IfMatch,
    /// Header in which the target expects the key that lets it recognise a repeat, such as `Repeatability-Request-ID`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// Path in the document at which the target expects that key: `.ExternalSystemConfirmation`. It is set when
    /// the document is rendered, and replaces what a map wrote there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_field: Option<String>,
    /// Fields of the answered entity that make the target's own reference, joined with `/`.
    #[serde(default)]
    pub receipt: Vec<String>,
    /// How to ask whether an earlier attempt took effect. Needed for class T3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<OdataProbe>,
    /// How to ask whether a document that the target took is posted. Needed for `answer: { by: readback }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readback: Option<Readback>,
    /// Codes of errors that pass by themselves, such as an order locked by a user: `[RU/018]`. Compared with
    /// `error.code` and the codes of `innererror`.
    #[serde(default)]
    pub busy_codes: Vec<String>,
    /// Statuses from 500 on with which the target says that it did nothing: `[503]` for one that turns requests away before
    /// it reads them. Without it a plain 503 leaves the outcome open, because a gateway answers so after it has passed
    /// the document on, too; 429, and 503 with `Retry-After`, are refusals anyway. 502 and 504 may not stand here: a
    /// gateway sends them, and it does not know.
    #[serde(default)]
    pub no_effect_on: Vec<u16>,
}

/// A query that asks whether an earlier attempt took effect: any row means it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OdataProbe {
    /// Entity set below the service root: `/ProdnOrdConf2`. Places as in the path of the destination.
    pub path: String,
    /// Condition that only rows of this document fulfil: `OrderID eq '{order}' and ExternalKey eq '{target_key}'`.
    /// Name the order too: an unselective condition is slow in large tables.
    pub filter: String,
    /// Fields of the found row that make the target's own reference, joined with `/`.
    #[serde(default)]
    pub receipt: Vec<String>,
}

/// Request methods that carry a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Make something new, or call an action.
    Post,
    /// Change in part (V2).
    Merge,
    /// Change in part.
    Patch,
    /// Replace.
    Put,
}

/// Whether writing needs an `X-CSRF-Token`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Csrf {
    /// Fetched from the service root before the first request, and again when the target asks for it.
    #[default]
    Fetch,
    /// Never.
    Off,
}

/// What `If-Match` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IfMatch {
    /// Nothing is sent.
    #[default]
    Off,
    /// `*`: whatever its state, overwrite it.
    Any,
    /// The ETag read just before at the same path. A change by somebody else in between is tried again.
    Read,
}

fn default_timeout_secs() -> u64 {
    30
}

fn default_answer_bytes_max() -> u64 {
    16 * 1024 * 1024
}

fn default_every() -> Span {
    Span("10s".to_owned())
}

fn default_overlap() -> Span {
    Span("5m".to_owned())
}

fn default_page_size() -> u32 {
    500
}

fn default_method() -> Method {
    Method::Post
}
