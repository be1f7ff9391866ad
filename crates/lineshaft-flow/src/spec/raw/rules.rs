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
    /// A value by which totals and quantities are kept apart, as those of the operations of an order: `by: .operation`
    /// makes `yield/0010` of `yield`.
    #[serde(default)]
    pub by: Option<PathText>,
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
    /// Facts that are the values of a list, in its order: `steps: { each: .operations, value: .operation }`.
    #[serde(default)]
    pub sets_list: BTreeMap<String, Listing>,
    /// What must hold. An event that fails a check stops before it is sent anywhere, and changes nothing.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// The values of a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The list of the event.
    pub each: PathText,
    /// Where the value stands in an entry.
    pub value: PathText,
    /// Which entries are meant. All without it.
    #[serde(default)]
    pub when: Option<When>,
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
    /// A total is not under a quantity told of the object when the last is reported (JUDGE-008).
    NotUnder(NotUnder),
    /// A total does not go below nought (JUDGE-004).
    NotNegative(NotNegative),
    /// A step of the object does not run ahead of the one before it (JUDGE-011). An event that comes too early waits,
    /// keeps nothing back, and goes on behind the report that it waited for.
    InSequence(InSequence),
    /// A record of a reference table is not blocked (JUDGE-009). The event waits for the record to change, as it waits for
    /// one that is not there.
    Usable(Usable),
    /// A day is in an open period of a reference table (JUDGE-010). The event waits for a closed one to be opened.
    InPeriod(InPeriod),
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
    /// The fact that says it for this object, in percent. Where the object does not tell it, `tolerance_percent` counts.
    #[serde(default)]
    pub tolerance: Option<String>,
    /// The fact that lifts the limit where it is `true`.
    #[serde(default)]
    pub unlimited: Option<String>,
}

/// A total is not under a quantity told of the object when the last is reported.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotUnder {
    /// The total.
    pub total: String,
    /// The fact that it must reach, told by `sets_quantity`.
    pub limit: String,
    /// By how many percent of the limit it may be under it, as text.
    #[serde(default = "default_tolerance")]
    pub tolerance_percent: String,
    /// The fact that says it for this object, in percent. Where the object does not tell it, `tolerance_percent` counts.
    #[serde(default)]
    pub tolerance: Option<String>,
    /// With which events it is checked: those that say that they are the last. Without it, with every one.
    #[serde(default)]
    pub when: Option<When>,
}

/// A value of the event.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Where it stands: `.final`.
    pub path: PathText,
    /// The values that are meant, as text: `["true"]`.
    pub is: Vec<String>,
}

/// A step does not run ahead of the one before it. The touch says `by:` with the same value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InSequence {
    /// The fact that lists the steps, told by `sets_list`.
    pub steps: String,
    /// Totals of a step that together were worked on there: `[yield, scrap]`.
    pub done: Vec<String>,
    /// The total of a step that the next one can work on: `yield`.
    pub passes_on: String,
    /// The fact that lists steps which confirm those before them, and so wait for none.
    #[serde(default)]
    pub milestones: Option<String>,
}

/// A record of a reference table is not blocked.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usable {
    /// The reference table.
    pub table: String,
    /// Where the key in that table stands. Without it the object's own name is the key.
    #[serde(default)]
    pub key: Option<PathText>,
    /// Where in the record it stands: `.status`.
    pub field: PathText,
    /// Its values that forbid the event: `[blocked]`.
    pub blocked: Vec<String>,
}

/// A day is in an open period. A record of the table is a period:
/// `{ "from": "2026-11-01", "to": "2026-11-30", "state": "open" }`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InPeriod {
    /// The reference table of periods.
    pub table: String,
    /// Where the day stands: a date, or a time that begins with one.
    pub date: PathText,
    /// Where it says whose periods are meant, as they say in their field `of`. Without it, those without `of`.
    #[serde(default)]
    pub of: Option<PathText>,
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
