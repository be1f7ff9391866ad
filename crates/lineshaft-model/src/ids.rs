//! Names of things. Ids are UUIDv7 (RFC 9562, 5.7): sortable by time, unique without coordination.
//!
//! A derived thing (part 7 of a file, a delivery, a summary) has an id computed from its frozen cause, so that
//! doing the work twice makes the same ids.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::random::Rng;
use crate::time::Timestamp;

/// Text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId(String);

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an id (expected a UUID)", self.0)
    }
}

impl std::error::Error for NotAnId {}

/// The id of a noun `Of`. Ids of different nouns do not mix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<Of>(Uuid, PhantomData<Of>);

/// Marks ids of intakes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfIntake {}
/// Marks ids of transactions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfTransaction {}
/// Marks ids of deliveries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfDelivery {}
/// Marks ids of audit entries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfAudit {}
/// Marks ids of answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfAnswer {}
/// Marks ids of incarnations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfIncarnation {}

/// What one receipt acknowledges.
pub type IntakeId = Id<OfIntake>;
/// One business event end to end; the same on every node.
pub type TransactionId = Id<OfTransaction>;
/// One (transaction, receiver) pair.
pub type DeliveryId = Id<OfDelivery>;
/// One entry of the audit log.
pub type AuditId = Id<OfAudit>;
/// One answer to a request that failed: by it the sender's log and ours meet (HD-2).
pub type AnswerId = Id<OfAnswer>;
/// One life of a node's database. A restored copy gets a new one, so that its numbers are never mistaken (LK4).
pub type IncarnationId = Id<OfIncarnation>;

impl<Of> Id<Of> {
    /// A fresh id: 48 bits of `now` in milliseconds, the rest from `rng`.
    pub fn new(now: Timestamp, rng: &dyn Rng) -> Self {
        Self::from_bytes(v7(now.as_millis(), rng.next_u64(), rng.next_u64()))
    }

    /// A fresh id that sorts behind those of earlier microseconds, and behind those with a smaller `nth` in the same one.
    pub fn in_order(now: Timestamp, nth: u16, rng: &dyn Rng) -> Self {
        let micros = now.as_micros().rem_euclid(1_000).unsigned_abs();
        // 12 bits stand before the variant and 62 behind it (RFC 9562, 6.2, method 3).
        Self::from_bytes(v7(now.as_millis(), micros << 50, u64::from(nth) << 46 | rng.next_u64() >> 18))
    }

    /// The id of what follows from `cause` as its `part`: same cause and part, same id.
    /// `now` is the cause's own time, so that derived ids sort beside it.
    pub fn derived(now: Timestamp, cause: &[u8; 16], part: &str) -> Self {
        let digest = Sha256::new().chain_update(cause).chain_update(part.as_bytes()).finalize();
        let word = |at: usize| digest[at..at + 8].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        Self::from_bytes(v7(now.as_millis(), word(0), word(8)))
    }

    /// The 16 bytes that the database stores.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// An id read back from its 16 stored bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes), PhantomData)
    }

    /// No id made at `instant` or later sorts before this one, and none made earlier sorts behind it.
    pub fn first_at(instant: Timestamp) -> Self {
        Self::from_bytes(v7(instant.as_millis().max(0), 0, 0))
    }

    /// The millisecond in which the id (or its cause) was made.
    pub fn made_at(&self) -> Timestamp {
        Timestamp::from_millis(self.as_bytes()[..6].iter().fold(0, |sum, byte| (sum << 8) | i64::from(*byte)))
    }
}

impl<Of> fmt::Display for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<Of> fmt::Debug for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl<Of> FromStr for Id<Of> {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Uuid::parse_str(text).map(|uuid| Self(uuid, PhantomData)).map_err(|_| NotAnId(text.to_owned()))
    }
}

impl TransactionId {
    /// The transaction that is part `part` (from 0) of `intake`.
    pub fn of_part(intake: IntakeId, part: u32) -> Self {
        Self::derived(intake.made_at(), intake.as_bytes(), &format!("part {part}"))
    }
}

impl DeliveryId {
    /// The delivery of `transaction` to `receiver` (`erp/confirmation`).
    pub fn of(transaction: TransactionId, receiver: &str) -> Self {
        Self::derived(transaction.made_at(), transaction.as_bytes(), receiver)
    }

    /// The key that the target sees with every attempt of this delivery; a corrected payload is a new revision
    /// and so a new key ("Changed bytes, new key").
    pub fn target_key(&self, revision: u32) -> String {
        if revision == 0 {
            self.to_string()
        } else {
            Self::derived(self.made_at(), self.as_bytes(), &format!("revision {revision}")).to_string()
        }
    }
}

fn v7(millis: i64, high: u64, low: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&high.to_be_bytes()[..2]);
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SeededRng;

    #[test]
    fn ids_are_version_7_and_keep_their_millisecond() {
        let now = Timestamp::from_millis(1_795_392_000_123);
        let id = TransactionId::new(now, &SeededRng::new(1));
        assert_eq!(id.made_at(), now);
        assert_eq!(id.to_string().as_bytes()[14], b'7');
        assert_eq!(id.to_string().parse::<TransactionId>(), Ok(id));
    }

    #[test]
    fn ids_in_order_sort_by_microsecond_and_then_by_number() {
        let rng = SeededRng::new(1);
        let at =
            |micros: i64, nth| AuditId::in_order(Timestamp::from_micros(1_795_392_000_123_000 + micros), nth, &rng);
        let ids = [at(0, 0), at(0, 1), at(0, u16::MAX), at(1, 0), at(999, 0), at(1_000, 0)];
        assert!(ids.is_sorted() && ids.iter().all(|id| id.to_string().as_bytes()[14] == b'7'), "{ids:?}");
        assert_eq!(ids[4].made_at(), Timestamp::from_millis(1_795_392_000_123));
        assert_ne!(at(0, 0), at(0, 0));
    }

    #[test]
    fn ids_of_before_and_after_an_instant_sort_on_either_side_of_it() {
        let at = |millis| Timestamp::from_millis(millis);
        let (early, late) = (AuditId::new(at(6), &SeededRng::new(1)), AuditId::new(at(7), &SeededRng::new(1)));
        assert!(early < AuditId::first_at(at(7)) && AuditId::first_at(at(7)) <= late);
        assert!(AuditId::first_at(at(-1)) < early);
    }

    #[test]
    fn the_same_cause_makes_the_same_ids() {
        let intake = IntakeId::new(Timestamp::from_millis(5), &SeededRng::new(1));
        assert_eq!(TransactionId::of_part(intake, 7), TransactionId::of_part(intake, 7));
        assert_ne!(TransactionId::of_part(intake, 7), TransactionId::of_part(intake, 8));
        let delivery = DeliveryId::of(TransactionId::of_part(intake, 7), "erp/confirmation");
        assert_eq!(delivery.target_key(0), delivery.to_string());
        assert_ne!(delivery.target_key(1), delivery.target_key(0));
        assert_ne!(delivery.target_key(1), delivery.target_key(2));
    }
}
