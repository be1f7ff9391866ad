//! What a rules file says: what is known of one kind of object, how events change it, and what they may not do.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PathText;

/// One kind of object: one file below `rules/`, called like the object. Everything that is known of an order, a batch
/// or a stock line comes from events, and events are checked against it before anything is sent.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Kind of the object, the same as the file's name: `order`.
    pub object: String,
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// How each event touches such objects, by event name with major version: one entry for each way.
    pub events: BTreeMap<String, Vec<Touch>>,
}

/// One way in which an event touches an object.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    /// Which object it is.
    pub named_by: NamedBy,
    /// Whether an event that lacks a part of the name, or has it empty, touches no such object. It is stopped otherwise;
    /// an empty part beside others is a name, as for material without batches.
    #[serde(default)]
    pub optional: bool,
    /// A list of the event whose entries touch an object each. Paths are then looked for in the entry, and where it
    /// has no such field, in the event.
    #[serde(default)]
    pub each: Option<PathText>,
    /// The unit of the event's quantities. An object is counted in one unit, which it keeps as its fact `unit`.
    #[serde(default)]
    pub unit: Option<UnitOf>,
    /// Quantities by which totals grow: `yield: .yield`.
    #[serde(default)]
    pub adds: BTreeMap<String, PathText>,
    /// Quantities by which totals shrink.
    #[serde(default)]
    pub takes: BTreeMap<String, PathText>,
    /// Facts that the event tells, as text: `state: .state`. They replace what was told before.
    #[serde(default)]
    pub sets: BTreeMap<String, PathText>,
    /// Facts that are quantities, converted like the others: `quantity: .quantity`.
    #[serde(default)]
    pub sets_quantity: BTreeMap<String, PathText>,
    /// What must hold. An event that fails a check stops before it is sent anywhere, and changes nothing.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// Which object an event means: a business key, values of the event, or both in this order.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedBy {
    /// Kind of a business key of the event: `order`.
    #[serde(default)]
    pub key: Option<String>,
    /// Values of the event: `[.operation]`.
    #[serde(default)]
    pub paths: Vec<PathText>,
}

/// The unit of an event's quantities.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitOf {
    /// Where the unit stands.
    pub path: PathText,
    /// Where the material stands to whose base unit quantities are converted, exactly. Without it the event must come
    /// in the object's own unit.
    #[serde(default)]
    pub material: Option<PathText>,
}

/// What must hold.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Something was told of the object before, or a reference table knows a key (JUDGE-003). Otherwise the event
    /// waits and goes on by itself when it is told.
    Known(Known),
    /// The object has been begun and is not over (JUDGE-002). An event that comes too early waits and goes on by itself.
    Open(Open),
    /// A total does not go over a quantity told of the object (JUDGE-001).
    NotOver(NotOver),
    /// A total does not go below nought (JUDGE-004).
    NotNegative(NotNegative),
}

/// Something is known.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The reference table that knows it. The object itself without it.
    #[serde(default)]
    pub table: Option<String>,
    /// Where the key in that table stands. Without it the object's own name is the key: for an object named by
    /// `paths: [.material, .batch]` it is `300200/B0001`.
    #[serde(default)]
    pub key: Option<PathText>,
}

/// The object has been begun and is not over.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The fact that says so: `state`.
    pub fact: String,
    /// Its values that mean that the object is over.
    #[serde(default)]
    pub closed: Vec<String>,
    /// Its values that mean that it has not been begun.
    #[serde(default)]
    pub not_yet: Vec<String>,
}

/// A total does not go over a quantity told of the object.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotOver {
    /// The total.
    pub total: String,
    /// The fact that limits it, told by `sets_quantity`.
    pub limit: String,
    /// By how many percent of the limit it may be over it, as text: `"10"`, `"2.5"`.
    #[serde(default = "default_tolerance")]
    pub tolerance_percent: String,
}

/// A total does not go below nought.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotNegative {
    /// The total.
    pub total: String,
}

fn default_tolerance() -> String {
    "0".to_owned()
}
