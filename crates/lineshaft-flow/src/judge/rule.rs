//! What an event does to an object, and what is checked, as compiled from `rules/*.yaml`. Everything is checked;
//! nothing here can be wrong any more.

use std::collections::BTreeMap;

use lineshaft_model::decimal::{Decimal, DecimalError};
use lineshaft_model::tree::{Path, Tree};

/// What every event does to objects, by event name with major version. Empty where a project has no rules.
pub type Rules = BTreeMap<String, Vec<Touch>>;

/// The fact that keeps the unit in which an object is counted.
pub const UNIT_FACT: &str = "unit";

/// How one event touches one kind of object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Kind of the object.
    pub object: String,
    /// Kind of the business key that begins its name.
    pub key: Option<String>,
    /// Values that follow in its name, or are its name.
    pub paths: Vec<Path>,
    /// Whether an event that lacks a part of the name, or has it empty, does not touch the object.
    pub optional: bool,
    /// The list whose entries touch an object each; paths are then looked for in the entry first.
    pub each: Option<Path>,
    /// The value by which totals and quantities are kept apart: `yield` of step 0010 is `yield/0010`.
    pub by: Option<Path>,
    /// The unit of its quantities.
    pub unit: Option<UnitRule>,
    /// Quantities that count: total, where it stands, and which way.
    pub counts: Vec<(String, Path, Sign)>,
    /// Facts that are quantities.
    pub quantities: Vec<(String, Path)>,
    /// Facts that are text.
    pub sets: Vec<(String, Path)>,
    /// Facts that are the values of a list, in its order.
    pub lists: Vec<(String, Listing)>,
    /// What must hold.
    pub checks: Vec<Check>,
}

/// The unit of a touch's quantities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitRule {
    /// Where the unit stands.
    pub path: Path,
    /// Where the material stands to whose base unit quantities are converted.
    pub material: Option<Path>,
}

/// The values of a list of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The list.
    pub each: Path,
    /// The value of an entry.
    pub value: Path,
    /// Which entries are meant; all without it.
    pub when: Option<When>,
}

/// Which way a quantity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// The total grows by it.
    Adds,
    /// The total shrinks by it.
    Takes,
}

impl Sign {
    /// The quantity as it counts.
    pub fn apply(self, quantity: Decimal) -> Result<Decimal, DecimalError> {
        match self {
            Self::Adds => Ok(quantity),
            Self::Takes => Decimal::ZERO.minus(quantity),
        }
    }
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Something was told of the object.
    Known,
    /// A reference table knows a key.
    Listed {
        /// The table.
        table: String,
        /// Where the key stands; the object's own name without it.
        key: Option<Path>,
    },
    /// A fact has none of these values.
    Open {
        /// The fact.
        fact: String,
        /// Values that mean that it is over.
        closed: Vec<String>,
        /// Values that mean that it has not begun: the event waits.
        not_yet: Vec<String>,
    },
    /// A total is not over a quantity told of the object.
    NotOver {
        /// Total and limit.
        bound: Bound,
        /// The fact that lifts the limit where it is true.
        unlimited: Option<String>,
    },
    /// A total is not under a quantity told of the object, when an event says that it is the last one.
    NotUnder {
        /// Total and limit.
        bound: Bound,
        /// When it is checked; always without it.
        when: Option<When>,
    },
    /// A step does not run ahead of the one before it.
    InSequence {
        /// The fact that lists the steps.
        steps: String,
        /// Where the event's step stands.
        step: Path,
        /// Totals of a step that together were worked on there.
        done: Vec<String>,
        /// The total of a step that the next one can work on.
        passes_on: String,
        /// The fact that lists steps which confirm those before them.
        milestones: Option<String>,
    },
    /// The record of a reference table says nothing against it.
    Usable {
        /// The table.
        table: String,
        /// Where the key stands; the object's own name without it.
        key: Option<Path>,
        /// The field of the record.
        field: Path,
        /// Values of the field that forbid it.
        blocked: Vec<String>,
    },
    /// A day is in a period that is open.
    InPeriod {
        /// The table of periods.
        table: String,
        /// Where the day stands.
        date: Path,
        /// Where it says whose periods are meant; those that name nobody without it.
        of: Option<Path>,
    },
    /// A total does not go below nought.
    NotNegative {
        /// The total.
        total: String,
    },
}

/// A total, and the quantity of the object that it is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The total.
    pub total: String,
    /// The fact that limits it.
    pub limit: String,
    /// By how many percent of the limit it may be off, where the object does not say.
    pub tolerance_percent: Decimal,
    /// The fact that says by how many percent.
    pub tolerance: Option<String>,
}

/// A value of the event that decides whether something is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// Where it stands.
    pub path: Path,
    /// The values with which it is checked.
    pub is: Vec<String>,
}

impl When {
    /// Whether an entry of the event, or the event, says so.
    pub fn holds(&self, item: &Tree, data: &Tree) -> bool {
        let value = self.path.find(item).or_else(|| self.path.find(data)).and_then(Tree::scalar).unwrap_or_default();
        self.is.iter().any(|word| word == value)
    }
}

/// A percentage as text: nought or more.
pub fn percentage(text: &str) -> Option<Decimal> {
    Decimal::parse(text).ok().filter(|percent| !percent.is_negative())
}
