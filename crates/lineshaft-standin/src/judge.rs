//! The judge: compares what the generator was told with what the sinks saw and says whether every promise held. It reads
//! files only and knows nothing of the product but the counters that the product itself states, if they are given.
//!
//! Rules: an acknowledged operation has exactly one effect per sink, one of unknown outcome none or one, a refused one
//! none; the first effects of a key come in the order of acceptance, which is `seq` because the generator sends a key's
//! operations one after the other. Audited skips are exempt from "exactly one" and from the order.

mod verdict;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

pub use self::verdict::Verdict;
use crate::load::Line;
use crate::sink::Effect;

/// The product's own count of deliveries by state. Fields that are left out count as zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Counters {
    /// Transactions that were accepted; compared with the receipts if it is given.
    pub accepted: Option<u64>,
    /// Planned deliveries.
    pub planned: u64,
    /// Delivered.
    pub delivered: u64,
    /// Skipped by a rule.
    pub skipped: u64,
    /// Discarded by a person.
    pub discarded: u64,
    /// Expired by policy.
    pub expired: u64,
    /// Superseded by a newer snapshot.
    pub superseded: u64,
    /// Waiting for a person.
    pub parked: u64,
    /// Waiting for a person because nobody knows.
    pub outcome_unknown: u64,
    /// Open: not tried yet.
    pub pending: u64,
    /// Open: being sent.
    pub in_flight: u64,
    /// Open: behind an earlier one of the same key.
    pub behind: u64,
    /// Open: sent and not answered.
    pub sent: u64,
}

impl Counters {
    /// What is not settled yet: open, or in front of a person.
    fn unsettled(&self) -> u64 {
        self.pending + self.in_flight + self.behind + self.sent + self.parked + self.outcome_unknown
    }

    /// How far the states are from adding up to what was planned.
    fn delta(&self) -> i64 {
        let settled = self.delivered + self.skipped + self.discarded + self.expired + self.superseded;
        signed(self.planned) - signed(settled + self.unsettled())
    }
}

/// One transaction that a person skipped or discarded, with an audit entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// Order key.
    pub key: String,
    /// Number within the key.
    pub seq: u64,
}

/// What the judge reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// The generator's history: JSON lines.
    pub load: &'a str,
    /// One history per sink, each of which should have received everything.
    pub sinks: &'a [&'a str],
    /// The product's counters.
    pub counters: Option<Counters>,
    /// Audited skips.
    pub skips: &'a [Skip],
    /// Effects must carry exactly the bytes that were sent in (a route that changes nothing).
    pub same_bytes: bool,
}

/// The fate of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Invoked and never heard of again.
    Silent,
    Unknown,
    Ok,
    Fail,
}

struct Op {
    fate: Fate,
    hash: String,
    skipped: bool,
}

/// The generator's history, understood.
struct Told {
    planned: u64,
    ops: HashMap<(String, u64), Op>,
    recovery_micros: i64,
}

/// Judges.
///
/// # Errors
/// The line that cannot be read, with its number and what is wrong; a history that cannot be read proves nothing.
pub fn judge(evidence: &Evidence<'_>) -> Result<Verdict, String> {
    let mut told = read_load(evidence.load)?;
    for skip in evidence.skips {
        if let Some(op) = told.ops.get_mut(&(skip.key.clone(), skip.seq)) {
            op.skipped = true;
        }
    }
    let mut verdict = Verdict {
        planned: told.planned,
        receipts: count(&told, Fate::Ok),
        refused: count(&told, Fate::Fail),
        unknown: count(&told, Fate::Unknown),
        skipped: told.ops.values().filter(|op| op.skipped).count() as u64,
        sinks: evidence.sinks.len() as u64,
        recovery_ms: told.recovery_micros / 1_000,
        ..Verdict::default()
    };
    let mut missing = 0;
    for (number, sink) in evidence.sinks.iter().enumerate() {
        let effects = read_sink(sink).map_err(|why| format!("sink {}: {why}", number + 1))?;
        missing += judge_sink(&told, &effects, evidence.same_bytes, &mut verdict);
    }
    // What the product itself says it still holds is stuck, not lost; without its word it is lost.
    let held = evidence.counters.map_or(0, |counters| counters.unsettled());
    verdict.lost = missing.saturating_sub(held);
    verdict.stuck = held + count(&told, Fate::Silent);
    verdict.conservation_delta = evidence.counters.map_or(0, |counters| {
        let (low, high) = (verdict.receipts, verdict.receipts + verdict.unknown + count(&told, Fate::Silent));
        let accepted = counters.accepted.map_or(0, |accepted| accepted.abs_diff(accepted.clamp(low, high)));
        signed(counters.delta().unsigned_abs() + accepted)
    });
    Ok(verdict)
}

fn count(told: &Told, fate: Fate) -> u64 {
    told.ops.values().filter(|op| op.fate == fate).count() as u64
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read_load(text: &str) -> Result<Told, String> {
    let mut told = Told { planned: 0, ops: HashMap::new(), recovery_micros: 0 };
    let mut names: HashMap<String, (String, u64)> = HashMap::new();
    let mut down_since = None;
    for (number, line) in whole_lines(text) {
        let at = |why: String| format!("load history, line {number}: {why}");
        let line: Line = serde_json::from_str(line).map_err(|error| at(error.to_string()))?;
        let (op, fate) = match line {
            Line::Plan { transactions, .. } => {
                told.planned += transactions;
                continue;
            }
            Line::Down { t } => {
                down_since.get_or_insert(t);
                continue;
            }
            Line::Invoke { op, key, seq, hash, .. } => {
                let new =
                    told.ops.insert((key.clone(), seq), Op { fate: Fate::Silent, hash, skipped: false }).is_none();
                if names.insert(op.clone(), (key, seq)).is_some() || !new {
                    return Err(at(format!("{op} was invoked before; give every run a prefix of its own")));
                }
                continue;
            }
            Line::Ok { t, op, .. } => {
                if let Some(since) = down_since.take() {
                    told.recovery_micros = told.recovery_micros.max(t - since);
                }
                (op, Fate::Ok)
            }
            Line::Info { t, op, .. } => {
                down_since.get_or_insert(t);
                (op, Fate::Unknown)
            }
            Line::Fail { op, .. } => (op, Fate::Fail),
        };
        let place = names.get(&op).ok_or_else(|| at(format!("{op} was never invoked")))?;
        if let Some(known) = told.ops.get_mut(place) {
            known.fate = match (known.fate, fate) {
                (Fate::Ok, _) | (_, Fate::Ok) => Fate::Ok,
                // A refusal after an unknown attempt does not undo what that attempt may have done.
                (Fate::Unknown, _) => Fate::Unknown,
                (_, fate) => fate,
            };
        }
    }
    Ok(told)
}

fn read_sink(text: &str) -> Result<Vec<Effect>, String> {
    let mut effects: Vec<Effect> = Vec::new();
    for (number, line) in whole_lines(text) {
        let effect: Effect = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        if effect.n != effects.len() as u64 + 1 {
            return Err(format!("line {number}: effect {} follows effect {}", effect.n, effects.len()));
        }
        effects.push(effect);
    }
    Ok(effects)
}

/// Numbered lines. What follows the last line break was never synced, so it is no evidence.
fn whole_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.rfind('\n').map_or(0, |at| at + 1);
    text[..end].lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.is_empty())
}

/// Adds one sink's counts to `verdict`; returns how many acknowledged operations have no effect there.
fn judge_sink(told: &Told, effects: &[Effect], same_bytes: bool, verdict: &mut Verdict) -> u64 {
    let mut seen: HashSet<(&str, u64)> = HashSet::new();
    let mut highest: BTreeMap<&str, u64> = BTreeMap::new();
    verdict.effects += effects.len() as u64;
    for effect in effects {
        let op = effect.seq.and_then(|seq| told.ops.get(&(effect.key.clone(), seq)).map(|op| (seq, op)));
        let Some((seq, op)) = op.filter(|(_, op)| op.fate != Fate::Fail) else {
            verdict.phantom += 1;
            continue;
        };
        if same_bytes && op.hash != effect.sha256 {
            verdict.altered += 1;
        }
        if !seen.insert((&effect.key, seq)) {
            verdict.duplicated_effects += 1;
            continue;
        }
        verdict.distinct_effects += 1;
        // Nobody knows when an operation of unknown outcome was accepted, so it proves nothing about order.
        if op.skipped || op.fate != Fate::Ok {
            continue;
        }
        let highest = highest.entry(&effect.key).or_insert(0);
        if seq < *highest {
            verdict.reordered += 1;
        }
        *highest = seq.max(*highest);
    }
    let owed = told.ops.iter().filter(|(_, op)| op.fate == Fate::Ok && !op.skipped);
    owed.filter(|((key, seq), _)| !seen.contains(&(key.as_str(), *seq))).count() as u64
}
