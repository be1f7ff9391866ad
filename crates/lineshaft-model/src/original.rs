//! The transaction that another takes back: how it is named, and what is known of it. Deliberately absent: whether it may
//! be taken back, which the flow decides, and what that undoes, which the store does.

use std::collections::BTreeMap;
use std::fmt;

use crate::delivery::DeliveryState;
use crate::ids::TransactionId;
use crate::key::Key;
use crate::transaction::TransactionState;

/// How a reversal names its original: by a business key of a transaction that came by an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginalName {
    /// The interface by which the original came, `mes/completion`.
    pub interface: String,
    /// Its key: `report:mes/DE10-C-000001`.
    pub key: Key,
}

impl OriginalName {
    /// What a reversal waits for whose original is not there yet: no reference table has such a name.
    pub fn awaited(&self) -> (String, String) {
        (format!("transaction:{}", self.interface), self.key.to_string())
    }
}

impl fmt::Display for OriginalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.key, self.interface)
    }
}

/// What is known of a transaction that a reversal names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its id.
    pub id: TransactionId,
    /// Its state.
    pub state: TransactionState,
    /// Its business keys.
    pub keys: Vec<Key>,
    /// Whether it takes back another one itself.
    pub is_reversal: bool,
    /// The transaction that took it back already.
    pub reversed_by: Option<TransactionId>,
    /// What became of it, receiver by receiver.
    pub deliveries: Vec<OriginalDelivery>,
}

/// What became of an original at one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalDelivery {
    /// The receiving interface.
    pub receiver: String,
    /// Its state.
    pub state: DeliveryState,
    /// Whether a rule left it out, not a person.
    pub by_rule: bool,
    /// The target's reference.
    pub receipt: Option<String>,
}

/// Originals as far as one decision needs them, by the name that a reversal gives them. Several transactions may have one name.
pub type Originals = BTreeMap<OriginalName, Vec<Original>>;

/// How a transaction stands to one that takes another back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// The names by which a reversal may know it.
    pub known_as: Vec<OriginalName>,
    /// What it names as the transaction that it takes back.
    pub takes_back: Option<OriginalName>,
    /// The transaction that it takes back, where that was decided.
    pub original: Option<TransactionId>,
}
