//! What an event does to an object, and what is checked, as compiled from `rules/*.yaml`. Everything is checked;
//! nothing here can be wrong any more.

use std::collections::BTreeMap;

use lineshaft_model::decimal::{Decimal, DecimalError};
use lineshaft_model::tree::Path;

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
    /// The unit of its quantities.
    pub unit: Option<UnitRule>,
    /// Quantities that count: total, where it stands, and which way.
    pub counts: Vec<(String, Path, Sign)>,
    /// Facts that are quantities.
    pub quantities: Vec<(String, Path)>,
    /// Facts that are text.
    pub sets: Vec<(String, Path)>,
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
        /// The total.
        total: String,
        /// The fact.
        limit: String,
        /// By how many percent of the limit it may be over it.
        tolerance_percent: Decimal,
    },
    /// A total does not go below nought.
    NotNegative {
        /// The total.
        total: String,
    },
}
