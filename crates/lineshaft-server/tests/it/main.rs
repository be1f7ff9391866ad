//! The API over a real node with a database in a temporary directory and the starter project.

#![expect(clippy::unwrap_used, reason = "a panic in a test is a failure with a place")]

mod node;

mod routes;

mod crowd;

mod work;
