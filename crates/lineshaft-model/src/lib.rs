//! The nouns of Lineshaft: what a receipt acknowledges, what is delivered, who did it, and what may go wrong.
//!
//! Deliberately absent: I/O, async, SQL, HTTP, mapping. Every other crate speaks in these words, so a word has
//! one meaning in code, database, API and command line. Modules stand in the order in which a transaction meets them.

/// Who a row belongs to: principals, site and policy tags.
pub mod principal;

/// Names of things: UUIDv7 ids, and ids computed from a frozen cause.
pub mod ids;

/// Instants and the `Clock` through which alone time is read.
pub mod time;

/// The `Rng` through which alone randomness is drawn.
pub mod random;

/// What one receipt acknowledges: bytes and where they came from.
pub mod intake;

/// What a format is sent as.
pub mod media;

/// A document after decoding: order kept, numbers kept as text.
pub mod tree;

/// Business keys, qualified by the authority that issued them.
pub mod key;

/// One business event end to end.
pub mod transaction;

/// What processing decided for one transaction.
pub mod plan;

/// One (transaction, receiver) pair.
pub mod delivery;

/// The only place that decides what follows an attempt.
pub mod lifecycle;

/// How one transaction came from another.
pub mod lineage;

/// Reference data as of one moment: what maps may look up.
pub mod catalog;

/// Exact decimal arithmetic on text.
pub mod decimal;

/// What is known of an order, a batch, a stock line: facts and totals, from a ledger.
pub mod object;

/// The transaction that another takes back.
pub mod original;

/// Units of measure and exact conversion.
pub mod unit;

/// What a person or a rule did, kept with the change it made.
pub mod audit;

/// What went wrong: code, class, place, next step.
pub mod fault;

/// How a system is reached and what an interface asks of its connector: settings as plain data.
pub mod connection;
