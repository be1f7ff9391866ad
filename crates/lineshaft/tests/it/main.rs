//! The program as a script or a person meets it: what it writes, and its exit code.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failure with a place")]

mod program;

mod hub;

mod files;

mod node;

/// Certificates made for a test.
#[path = "../../../lineshaft-connect/tests/it/authority.rs"]
mod authority;

mod full_disk;
mod tls;

mod failing_disk;

mod damaged;

mod large;

mod poison;
