//! Codecs: bytes to and from [`lineshaft_model::tree::Tree`], as pure functions.
//!
//! Every reader treats its input as hostile: a limit for each dimension, no recursion beyond a fixed depth, no memory
//! reserved because the input claims to need it, and a [`lineshaft_model::fault::Fault`] with its place instead of a
//! panic. Deliberately absent: I/O, async, and any meaning of the fields (that is the map's business).

pub mod charset;

mod place;

pub mod unpack;

pub mod json;

pub mod xml;

pub mod csv;

pub mod edi;

pub mod x12;

pub mod edifact;
