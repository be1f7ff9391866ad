//! The `odata` connector: OData V2 and V4, with what SAP asks for.
//!
//! **Sending.** One request for each document ([`crate::odata::OdataDestination`]): CSRF token and session, `If-Match`,
//! error codes that pass by themselves. What an answer means is decided in [`crate::http::answer`], as for every
//! connector over HTTP.
//!
//! **Receiving.** A poll for what has changed ([`crate::odata::OdataSource`]); each row is one document. Its settings,
//! with an example of a whole system file, stand in `lineshaft_model::connection::odata`.
//!
//! **No `$batch`.** One document is one request, so that its outcome is its own: in a batch one part may be posted and
//! the next refused, and an answer that is lost leaves all of them in doubt. `check` refuses a path with `$batch`, and the
//! answer to one (`202` with `multipart/mixed`, or JSON `responses`) is never taken for the success of a request.
//!
//! **Deliberately absent:** `$metadata` (names are declared, answers
//! are checked), delta links (they expire, and SAP offers them rarely), XML, and retries, which belong to the queue.

/// A service: requests below its root, answers in its version's words.
mod service;

/// Times of change.
mod stamp;

/// Outbound: the CSRF token and its session.
mod session;

/// Outbound: one receiving interface.
mod destination;

/// Inbound: what one page is asked for, and what it holds.
mod page;

/// Inbound: one emitting interface.
mod source;

pub use destination::OdataDestination;
pub use source::OdataSource;

use crate::ConnectorSpec;

/// The connector's entry in [`crate::CONNECTORS`].
pub static SPEC: ConnectorSpec =
    ConnectorSpec { name: "odata", about: "OData services, V2 and V4", source: true, destination: true };
