//! The other side of the wire: stand-ins for the systems that Lineshaft connects, a load generator, counting sinks and
//! the judge that compares what was promised with what happened. Deliberately absent: the product's own code. A checker
//! that shared it would share its mistakes.

/// Quantities, as the stand-ins take and tell them.
pub use rust_decimal::Decimal;

/// Reading the clocks.
mod clock;

/// HTTP serving, shared by all stand-ins, and the fault menu.
pub mod serve;

/// HTTP sending.
pub mod client;

/// Sending a document until it is acknowledged.
pub mod push;

/// An ERP that looks like SAP.
pub mod erp;

/// The MES of one plant.
pub mod mes;

/// A WMS.
pub mod wms;

/// Lines that are on disk before anybody is told.
pub mod history;

/// A receiver that counts effects.
pub mod sink;

/// The load generator.
pub mod load;

/// The judge.
pub mod judge;

#[cfg(test)]
mod scratch;
