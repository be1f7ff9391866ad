//! The API of a node: reads and commands over HTTP/1.1, on loopback unless the project says otherwise, and with TLS if it
//! says so (a matter of the inlet that it is given).
//!
//! Nothing but `/healthz` and `/readyz` answers without a principal (ID-1). Deliberately absent: users and roles, the console, SQL and any decision about a delivery.

/// The routes and what each noun shows, one file for each noun.
pub mod api;

/// What went wrong with a request, as RFC 9457 problem details.
pub mod problem;

/// The node's token: who knows it may command.
pub mod token;

/// Connections: their number, their time, and a stop that lets answers finish.
mod serve;

pub use api::{Api, Facts};
pub use problem::Problem;
pub use serve::Server;
pub use token::Token;
