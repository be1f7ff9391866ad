//! What is known of a business object: the last snapshot told of it, and totals of what was reported on it.
//!
//! State is a ledger. Each transaction that touches an object leaves one row, an [`Entry`]; totals derive from the rows
//! that count. An object has a version that grows with every change, so that a decision which was made against an older
//! one is noticed and made again. Deliberately absent: rules (what may happen) and storage.

use std::collections::BTreeMap;
use std::fmt;

use crate::decimal::{Decimal, DecimalError};
use crate::original::{Original, OriginalName, Originals};

/// An object by name: `order:erp/1000040`, `stock:DE10/0001/300200/B0001`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// What it is: `order`, `operation`, `batch`, `stock`.
    pub kind: String,
    /// Which one: a business key with its authority, or values of the event, separated by `/`.
    pub key: String,
}

impl ObjectKey {
    /// What a transaction waits for that needs this object to be told of: no reference table has such a name.
    pub fn awaited(&self) -> (String, String) {
        (format!("object:{}", self.kind), self.key.clone())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.key)
    }
}

/// What is known of an object at one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectState {
    /// Grows with every change; 0 while nothing was ever told of it.
    pub version: u64,
    /// The last snapshot: fact to value.
    pub facts: BTreeMap<String, String>,
    /// Sums over the rows that count. A total that is nought is left out.
    pub totals: BTreeMap<String, Decimal>,
}

impl ObjectState {
    /// A total; nought if nothing counts towards it.
    pub fn total(&self, name: &str) -> Decimal {
        self.totals.get(name).copied().unwrap_or(Decimal::ZERO)
    }

    /// Puts a row in: its facts replace older ones, its quantities count. Fails if a total would need more digits than
    /// a decimal has, and then changes nothing.
    pub fn put(&mut self, entry: &Entry) -> Result<(), DecimalError> {
        self.put_quantities(&entry.adds)?;
        self.facts.extend(entry.sets.iter().cloned());
        Ok(())
    }

    /// Puts the quantities of a row in. Its facts are the caller's.
    pub fn put_quantities(&mut self, adds: &[(String, Decimal)]) -> Result<(), DecimalError> {
        let mut totals = self.totals.clone();
        for (name, quantity) in adds {
            count(&mut totals, name, *quantity)?;
        }
        self.totals = totals;
        self.version += 1;
        Ok(())
    }

    /// Takes the quantities of a row out again. Its facts are the caller's: they are those of the rows that are left.
    pub fn take_out(&mut self, adds: &[(String, Decimal)]) -> Result<(), DecimalError> {
        let negated = adds.iter().map(|(name, quantity)| Ok((name.clone(), Decimal::ZERO.minus(*quantity)?)));
        self.put_quantities(&negated.collect::<Result<Vec<_>, _>>()?)
    }
}

fn count(totals: &mut BTreeMap<String, Decimal>, name: &str, quantity: Decimal) -> Result<(), DecimalError> {
    let sum = totals.get(name).copied().unwrap_or(Decimal::ZERO).plus(quantity)?;
    if sum.is_zero() {
        totals.remove(name);
    } else {
        totals.insert(name.to_owned(), sum);
    }
    Ok(())
}

/// What one transaction does to one object: its row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The object.
    pub object: ObjectKey,
    /// Quantities by total, signed.
    pub adds: Vec<(String, Decimal)>,
    /// Facts by name.
    pub sets: Vec<(String, String)>,
}

/// Whether a row counts, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryState {
    /// Somebody told it.
    Reported,
    /// Every receiver took it.
    Posted,
    /// A later transaction undid it.
    Reversed,
    /// A person gave it up.
    Discarded,
}

impl EntryState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Reported, Self::Posted, Self::Reversed, Self::Discarded];

    /// The word in database and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Posted => "posted",
            Self::Reversed => "reversed",
            Self::Discarded => "discarded",
        }
    }

    /// The state that a stored word names.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether the row counts towards totals and facts.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Reported | Self::Posted)
    }
}

/// What is known, as far as one decision needs it: objects, and transactions that are to be taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// One that is not here was never told of.
    objects: BTreeMap<ObjectKey, ObjectState>,
    originals: Originals,
    reversals: Reversals,
}

/// Whether a reversal is decided on with what else is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reversals {
    /// It is: there is nothing else.
    #[default]
    Now,
    /// Not with the others of its batch, which would not see what it undoes.
    Apart,
    /// One was met: what follows is left for later too.
    Met,
}

impl States {
    /// These objects.
    pub fn new(objects: impl IntoIterator<Item = (ObjectKey, ObjectState)>) -> Self {
        Self { objects: objects.into_iter().collect(), ..Self::default() }
    }

    /// The same with transactions that may be taken back.
    #[must_use]
    pub fn with_originals(mut self, originals: Originals) -> Self {
        self.originals = originals;
        self
    }

    /// The same where a reversal and what follows it are left for later.
    #[must_use]
    pub fn reversals_apart(mut self) -> Self {
        self.reversals = Reversals::Apart;
        self
    }

    /// Whether a transaction is left for later: a reversal, or one after it.
    pub fn is_left(&mut self, reversal: bool) -> bool {
        if reversal && self.reversals == Reversals::Apart {
            self.reversals = Reversals::Met;
        }
        self.reversals == Reversals::Met
    }

    /// The transactions of that name.
    pub fn originals(&self, name: &OriginalName) -> &[Original] {
        self.originals.get(name).map_or(&[], Vec::as_slice)
    }

    /// One object; unknown if nothing was ever told of it.
    pub fn get(&self, key: &ObjectKey) -> ObjectState {
        self.objects.get(key).cloned().unwrap_or_default()
    }

    /// The version of an object.
    pub fn version(&self, key: &ObjectKey) -> u64 {
        self.objects.get(key).map_or(0, |state| state.version)
    }

    /// Puts rows in, so that what follows in the same intake sees them. Fails like [`ObjectState::put`].
    pub fn put(&mut self, entries: &[Entry]) -> Result<(), DecimalError> {
        entries.iter().try_for_each(|entry| self.objects.entry(entry.object.clone()).or_default().put(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> ObjectKey {
        ObjectKey { kind: "order".into(), key: "erp/1".into() }
    }

    fn entry(quantity: &str) -> Entry {
        let quantity = Decimal::parse(quantity).expect("decimal");
        Entry {
            object: order(),
            adds: vec![("yield".into(), quantity)],
            sets: vec![("by".into(), quantity.to_string())],
        }
    }

    #[test]
    fn totals_are_sums_and_what_is_taken_out_is_gone() {
        let mut state = ObjectState::default();
        state.put(&entry("95.5")).expect("counts");
        state.put(&entry("4.50")).expect("counts");
        assert_eq!((state.version, state.total("yield").to_string()), (2, "100.00".to_owned()));
        assert_eq!(state.facts["by"], "4.50");
        state.take_out(&entry("95.5").adds).expect("counts");
        state.take_out(&entry("4.5").adds).expect("counts");
        assert_eq!((state.version, state.totals.len()), (4, 0));
    }

    #[test]
    fn a_total_that_has_no_room_changes_nothing() {
        let mut states = States::default();
        states.put(&[entry("9999999999999999999999999999")]).expect("counts");
        assert!(states.put(&[entry("1")]).is_err());
        assert_eq!(states.version(&order()), 1);
    }

    #[test]
    fn words_read_back() {
        for state in EntryState::ALL {
            assert_eq!(EntryState::from_word(state.as_str()), Some(state));
        }
    }
}
