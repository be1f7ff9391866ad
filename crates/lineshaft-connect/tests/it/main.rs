//! Connectors against real sockets on 127.0.0.1, and against a network in memory where time must stand still.

/// The other side of the wire: scripted, and hostile where asked.
mod peer;

/// A sender's view of the listener.
mod sender;

mod secrets;

/// Certificates made for each test.
mod authority;

mod tls;

mod destination;

mod readback;

mod source;

mod limits;

/// A service that answers polls.
mod odata_fake;

mod odata_destination;

mod odata_source;

/// Servers that nobody here wrote.
mod odata_peers;

/// Directories with files in them.
mod exchange;

mod files_source;

mod files_destination;

mod conformance;
