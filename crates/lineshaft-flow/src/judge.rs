//! May this happen, given what is known of the order, the batch, the stock? And what does it change there?
//!
//! Rules are data, one file for each kind of object, see [`rule`]. Pure: the same rules, states and event make the same
//! entries. Deliberately absent: where states come from, and that two decisions may be made at the same time; the store
//! refuses the later one, and it is made again.

/// What an event does to an object, and what is checked, as compiled from `rules/*.yaml`.
pub mod rule;

/// Which object an event means.
mod naming;

/// How much, in the unit in which the object is counted.
mod amount;

/// The checks, one function for each.
mod check;

/// Which period has a day.
mod period;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::key::Key;
use lineshaft_model::object::{Entry, ObjectKey, ObjectState, States};
use lineshaft_model::tree::Tree;

use amount::Measure;
use rule::{Listing, Touch};

/// An event as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Its business keys.
    pub keys: &'a [Key],
    /// Its data.
    pub data: &'a Tree,
}

/// The objects that an event touches. Fails with [`Code::JudgeUnknownObject`] where it must name one and does not.
pub fn touched(touches: &[Touch], event: Subject<'_>) -> Result<BTreeSet<ObjectKey>, Fault> {
    let mut objects = BTreeSet::new();
    for touch in touches {
        for item in naming::items(touch, event.data) {
            objects.extend(naming::object(touch, event, item)?);
        }
    }
    Ok(objects)
}

/// Judges an event against what is known of its objects: what it does to each, or why it may not happen.
///
/// Where it touches an object several times, later touches see what earlier ones did. Where several things are wrong,
/// one that comes right by itself is told, because the event is judged again then; otherwise the first.
pub fn judge(touches: &[Touch], catalog: &Catalog, states: &States, event: Subject<'_>) -> Result<Vec<Entry>, Fault> {
    let mut objects: BTreeMap<ObjectKey, ObjectState> = BTreeMap::new();
    let mut entries: BTreeMap<ObjectKey, Entry> = BTreeMap::new();
    let mut fault = None;
    for touch in touches {
        for item in naming::items(touch, event.data) {
            let Some(object) = naming::object(touch, event, item)? else { continue };
            let before = objects.remove(&object).unwrap_or_else(|| states.get(&object));
            let scene = Scene { touch, object: &object, catalog, item, data: event.data };
            let state = match scene.touch(&before, &mut entries) {
                Ok(after) => after,
                Err(found) => {
                    fault = Some(to_tell(fault, found));
                    before
                }
            };
            objects.insert(object, state);
        }
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    Ok(entries.into_values().filter(|entry| !(entry.adds.is_empty() && entry.sets.is_empty())).collect())
}

/// Of two faults the one that comes right by itself, or else the first.
fn to_tell(first: Option<Fault>, second: Fault) -> Fault {
    match first {
        Some(first) if first.waits_for.is_some() || second.waits_for.is_none() => first,
        _ => second,
    }
}

/// One touch of one object.
struct Scene<'a> {
    touch: &'a Touch,
    object: &'a ObjectKey,
    catalog: &'a Catalog,
    item: &'a Tree,
    data: &'a Tree,
}

impl Scene<'_> {
    /// What the object comes to, if it may.
    fn touch(&self, before: &ObjectState, entries: &mut BTreeMap<ObjectKey, Entry>) -> Result<ObjectState, Fault> {
        let entry = self.entry(before)?;
        let mut after = before.clone();
        after.put(&entry).map_err(|error| unit_fault(self.object, &error.to_string()))?;
        check::all(self, before, &after)?;
        merge(entries, entry);
        Ok(after)
    }

    fn entry(&self, before: &ObjectState) -> Result<Entry, Fault> {
        let touch = self.touch;
        let (mut adds, mut sets) = (Vec::new(), Vec::new());
        let measure = Measure::of(self, before)?;
        sets.extend(measure.told.clone().map(|unit| (rule::UNIT_FACT.to_owned(), unit)));
        for (total, path, sign) in &touch.counts {
            if let Some(quantity) = measure.quantity(self, path)? {
                let signed = sign.apply(quantity).map_err(|error| unit_fault(self.object, &error.to_string()))?;
                adds.push((self.named(total)?, signed));
            }
        }
        adds.retain(|(_, quantity)| !quantity.is_zero());
        for (fact, path) in &touch.quantities {
            if let Some(quantity) = measure.quantity(self, path)? {
                sets.push((self.named(fact)?, quantity.to_string()));
            }
        }
        for (fact, path) in &touch.sets {
            let value = naming::value(path, self.item, self.data);
            sets.extend(value.map(|value| (fact.clone(), value.to_owned())));
        }
        sets.extend(touch.lists.iter().map(|(fact, listing)| (fact.clone(), listed(listing, self.data))));
        Ok(Entry { object: self.object.clone(), adds, sets })
    }
}

impl Scene<'_> {
    /// The name of a total or quantity of the touch.
    fn named(&self, name: &str) -> Result<String, Fault> {
        naming::total(name, self.touch, self.item, self.data)
    }
}

/// The values of a list as one fact: `0010/0020`.
fn listed(listing: &Listing, data: &Tree) -> String {
    let items = match listing.each.find(data) {
        Some(Tree::List(items)) => items.as_slice(),
        Some(Tree::Null) | None => &[],
        Some(one) => std::slice::from_ref(one),
    };
    let meant = items.iter().filter(|item| listing.when.as_ref().is_none_or(|when| when.holds(item, item)));
    let values = meant.filter_map(|item| listing.value.find(item).and_then(Tree::scalar)).map(naming::whole);
    values.collect::<Vec<_>>().join("/")
}

/// At most one row for each object: quantities of one total are summed, the latest fact counts.
fn merge(entries: &mut BTreeMap<ObjectKey, Entry>, more: Entry) {
    let Some(entry) = entries.get_mut(&more.object) else {
        entries.insert(more.object.clone(), more);
        return;
    };
    for (total, quantity) in more.adds {
        match entry.adds.iter_mut().find(|(name, _)| *name == total) {
            // The sum was made once already, for the state after: it has room.
            Some((_, sum)) => *sum = sum.plus(quantity).unwrap_or(*sum),
            None => entry.adds.push((total, quantity)),
        }
    }
    for (fact, value) in more.sets {
        entry.sets.retain(|(name, _)| *name != fact);
        entry.sets.push((fact, value));
    }
}

fn unit_fault(object: &ObjectKey, why: &str) -> Fault {
    Fault::new(Code::JudgeUnit, format!("{} {}: {why}", object.kind, object.key))
}
