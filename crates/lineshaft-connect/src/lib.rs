//! Connectors: how documents come in from outside systems and go out to them.
//!
//! A connector attempts, the engine persists: there is no retry, no queue and no state of ours here. One folder is
//! one connector; [`CONNECTORS`] lists them; `tests/it/conformance.rs` runs one suite over the whole list.

/// What every connector offers and what it is given.
pub mod contract;

/// Secrets by reference, read again while the node runs.
pub mod secrets;

/// The network as an argument.
pub mod net;

/// Which addresses may be connected to.
pub mod guard;

/// TLS on listeners and towards systems.
pub mod tls;

/// A background task that dies with its owner.
pub mod pump;

/// Requests and answers over HTTP/1.1.
pub mod http;

/// OData services, V2 and V4.
pub mod odata;

/// Files, by directory.
pub mod files;

use std::sync::Arc;

use lineshaft_model::connection::{Connection, DestinationSettings, SourceSettings};
use lineshaft_model::fault::{Code, Fault};

use contract::{Destination, Source, Surroundings};

/// What is fixed about a connector.
#[derive(Clone, Copy, Debug)]
pub struct ConnectorSpec {
    /// Name in system files: the `kind` of a connection.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Whether documents can come in through it.
    pub source: bool,
    /// Whether documents can go out through it.
    pub destination: bool,
}

/// Every connector.
pub static CONNECTORS: &[&ConnectorSpec] = &[&http::SPEC, &odata::SPEC, &files::SPEC];

/// Opens the way to one receiving interface. Connects to nothing yet: a target that is down is a matter of attempts.
///
/// # Errors
/// `DELIVER-011` if a secret cannot be resolved, `PROJECT-001` if a setting cannot be used.
pub fn open_destination(
    surroundings: &Surroundings,
    connection: &Connection,
    settings: &DestinationSettings,
) -> Result<Box<dyn Destination>, Fault> {
    match (connection, settings) {
        (Connection::Http(connection), DestinationSettings::Http(settings)) => {
            Ok(Box::new(http::HttpDestination::open(surroundings, connection, settings)?))
        }
        (Connection::Odata(connection), DestinationSettings::Odata(settings)) => {
            Ok(Box::new(odata::OdataDestination::open(surroundings, connection, settings)?))
        }
        (Connection::Files(connection), DestinationSettings::Files(settings)) => {
            Ok(Box::new(files::FilesDestination::open(surroundings, connection, settings)?))
        }
        _ => Err(unfit(settings.kind())),
    }
}

/// Opens a source that asks its system by itself; `None` for one that is sent to, which belongs to the inbound listener
/// ([`http::Listener`]). Connects to nothing yet.
///
/// Such a source reads the cursor given to [`Source::receive`]; the engine commits [`contract::Batch::cursor`] in the
/// same transaction as the batch. A fault from `receive` does not end it: call again, after a pause that grows.
///
/// # Errors
/// `DELIVER-011` if a secret cannot be resolved, `PROJECT-001` if a setting cannot be used.
pub fn open_source(
    surroundings: &Surroundings,
    connection: &Connection,
    settings: &SourceSettings,
) -> Option<Result<Arc<dyn Source>, Fault>> {
    match (connection, settings) {
        (_, SourceSettings::Http(_)) => None,
        (Connection::Odata(connection), SourceSettings::Odata(settings)) => {
            let opened = odata::OdataSource::open(surroundings, connection, settings);
            Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
        }
        (Connection::Files(connection), SourceSettings::Files(settings)) => {
            let opened = files::FilesSource::open(surroundings, connection, settings);
            Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
        }
        (_, SourceSettings::Odata(_)) => Some(Err(unfit("odata"))),
        (_, SourceSettings::Files(_)) => Some(Err(unfit("files"))),
    }
}

/// `check` refuses this; whoever skips it is told here.
fn unfit(wanted: &str) -> Fault {
    Fault::new(Code::ProjectFile, format!("the interface needs a connection of the kind {wanted}"))
}
