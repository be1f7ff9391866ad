//! The judge's words: one line of JSON for machines, one table for people, one answer for the exit code.

use std::fmt;

use serde::Serialize;

/// What the judge found. A run is good when every safety count is zero and everything planned was acknowledged and has
/// its effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Transactions that the generator wanted to place.
    pub planned: u64,
    /// Acknowledged.
    pub receipts: u64,
    /// Definitely refused.
    pub refused: u64,
    /// Of unknown outcome to the end.
    pub unknown: u64,
    /// Exempt because of an audited skip.
    pub skipped: u64,
    /// How many sinks should have received everything.
    pub sinks: u64,
    /// Effects at all sinks.
    pub effects: u64,
    /// Effects at all sinks, repeats and phantoms not counted.
    pub distinct_effects: u64,
    /// Acknowledged without an effect, and not held by the product either.
    pub lost: u64,
    /// Effects beyond the first of the same operation at the same sink.
    pub duplicated_effects: u64,
    /// Effects of operations that were never invoked, or were refused.
    pub phantom: u64,
    /// First effects that came after one with a higher number of the same key.
    pub reordered: u64,
    /// Effects whose bytes differ from what was sent in; counted only where nothing may change them.
    pub altered: u64,
    /// Held by the product at the end (open, parked, in doubt), and operations that the generator left unanswered.
    pub stuck: u64,
    /// How far the product's own counters are from adding up; 0 when it gave none.
    pub conservation_delta: i64,
    /// The longest time from the first sign of an outage to the next acknowledgement.
    pub recovery_ms: i64,
}

impl Verdict {
    /// The counts of which each must be zero.
    pub fn safety(&self) -> [(&'static str, u64); 7] {
        [
            ("lost", self.lost),
            ("duplicated_effects", self.duplicated_effects),
            ("phantom", self.phantom),
            ("reordered", self.reordered),
            ("altered", self.altered),
            ("stuck", self.stuck),
            ("conservation_delta", self.conservation_delta.unsigned_abs()),
        ]
    }

    /// Whether something was planned, all of it was acknowledged and had its effect wherever somebody looked, and every
    /// safety count is zero.
    pub fn good(&self) -> bool {
        let due = (self.planned * self.sinks).saturating_sub(self.skipped * self.sinks);
        self.planned > 0
            && self.sinks > 0
            && self.receipts >= self.planned
            && self.distinct_effects >= due
            && self.safety().iter().all(|(_, count)| *count == 0)
    }

    /// One line of JSON, with the answer in `good`.
    pub fn to_json(&self) -> String {
        let mut fields = serde_json::to_value(self).unwrap_or_default();
        fields["good"] = self.good().into();
        fields.to_string()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let due = self.planned * self.sinks;
        writeln!(f, "planned              {:>10}", self.planned)?;
        let shortfall = |have: u64, due: u64| if have < due { "  FEWER THAN PLANNED" } else { "" };
        writeln!(f, "receipts             {:>10}{}", self.receipts, shortfall(self.receipts, self.planned))?;
        let exempt = self.skipped * self.sinks;
        writeln!(
            f,
            "effects              {:>10}{}  ({} distinct at {} sinks)",
            self.effects,
            shortfall(self.distinct_effects + exempt, due),
            self.distinct_effects,
            self.sinks
        )?;
        writeln!(f, "refused              {:>10}", self.refused)?;
        writeln!(f, "unknown              {:>10}", self.unknown)?;
        writeln!(f, "skipped (audited)    {:>10}", self.skipped)?;
        for (name, count) in self.safety() {
            writeln!(f, "{name:<20} {count:>10}{}", if count == 0 { "" } else { "  BROKEN" })?;
        }
        writeln!(f, "recovery_ms          {:>10}", self.recovery_ms)?;
        write!(f, "verdict              {:>10}", if self.good() { "good" } else { "BAD" })
    }
}
