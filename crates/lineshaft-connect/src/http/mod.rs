//! The `http` connector: requests and answers over HTTP/1.1.
//!
//! **Receiving.** One listener serves every interface at `POST /in/<system>/<interface>` ([`crate::http::Listener`],
//! [`crate::http::HttpSource`]).
//! A sender is answered only after the document is on disk: `202` with our id, and the same id for a repeat with the
//! same idempotency key; otherwise a problem (RFC 9457) that carries the fault's code and the next step. Where the interface
//! says `reply: { settled: ... }` it is answered `200` with the outcome, or `202` and the address in `Location`.
//! `GET /in/<system>/<interface>/<id>` tells a sender at any time what its document came to.
//!
//! **Sending.** One request for each document ([`crate::http::HttpDestination`]). What an answer means for the document's effect is
//! decided in one table, [`crate::http::answer`].
//!
//! **Deliberately absent:** redirects, proxies, cookies, compressed answers, HTTP/2, client certificates of senders, and
//! retries, which belong to the queue.

/// Values in paths and headers.
pub(crate) mod template;

/// Who we are, and who they are.
mod auth;

/// Inbound: the address that every interface shares.
mod listener;

/// Inbound: reading one request within its limits.
mod request;

/// Inbound: the answers to senders.
mod problem;

/// Inbound: what a document came to.
mod standing;

/// Inbound: one interface behind the listener.
mod source;

/// Outbound: tokens of an issuer (OAuth 2).
mod token;

/// Outbound: one exchange with a target.
pub(crate) mod client;

/// Outbound: what a target's answer means.
pub mod answer;

/// Outbound: one receiving interface.
pub(crate) mod destination;

/// Outbound: what a target says of a document that it took.
pub(crate) mod readback;

pub use destination::HttpDestination;
pub use listener::{Limits, Listener};
pub use source::HttpSource;

use crate::ConnectorSpec;

/// The connector's entry in [`crate::CONNECTORS`].
pub static SPEC: ConnectorSpec =
    ConnectorSpec { name: "http", about: "Requests and answers over HTTP/1.1", source: true, destination: true };
