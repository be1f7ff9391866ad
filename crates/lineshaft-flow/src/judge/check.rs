//! The checks, one function for each. Each says why the event may not happen, and what it waits for where that comes
//! by itself.

use lineshaft_model::decimal::{Decimal, DecimalError};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::object::ObjectState;
use lineshaft_model::tree::{Path, Tree};

use super::rule::{Bound, Check, When, percentage};
use super::{Scene, naming, period, unit_fault};

/// Every check of a touch, in the order of the file; the first that fails is told.
pub(super) fn all(scene: &Scene<'_>, before: &ObjectState, after: &ObjectState) -> Result<(), Fault> {
    let change = Change { before, after };
    scene.touch.checks.iter().try_for_each(|check| match check {
        Check::Known => known(scene, before),
        Check::Listed { table, key } => listed(scene, table, key.as_ref()).map(|_| ()),
        Check::Open { fact, closed, not_yet } => open(scene, before, fact, (closed, not_yet)),
        Check::NotOver { bound, unlimited } => not_over(scene, change, bound, unlimited.as_deref()),
        Check::NotUnder { bound, when } => not_under(scene, change, bound, when.as_ref()),
        Check::NotNegative { total } => {
            let total = scene.named(total)?;
            not_negative(scene, before.total(&total), after.total(&total), &total)
        }
        Check::InSequence { steps, step, done, passes_on, milestones } => {
            let step = Step { steps, step, milestones: milestones.as_deref() };
            in_sequence(scene, change, &step, (done, passes_on))
        }
        Check::Usable { table, key, field, blocked } => usable(scene, (table, key.as_ref()), field, blocked),
        Check::InPeriod { table, date, of } => in_period(scene, table, date, of.as_ref()),
    })
}

/// An object before and after the event.
#[derive(Clone, Copy)]
struct Change<'a> {
    before: &'a ObjectState,
    after: &'a ObjectState,
}

fn known(scene: &Scene<'_>, before: &ObjectState) -> Result<(), Fault> {
    if before.facts.is_empty() { Err(unknown(scene, "nothing is known of it")) } else { Ok(()) }
}

fn listed<'a>(scene: &'a Scene<'_>, table: &str, key: Option<&Path>) -> Result<(&'a str, &'a Tree), Fault> {
    let place = key.map_or("", Path::as_str);
    let value = match key {
        Some(key) => naming::value(key, scene.item, scene.data).filter(|value| !value.is_empty()),
        None => Some(scene.object.key.as_str()),
    };
    let Some(value) = value else {
        return Err(said(scene, Code::JudgeUnknownObject, &format!("the event names no {table}")).at(place));
    };
    if let Some(record) = scene.catalog.get(table, value) {
        return Ok((value, record));
    }
    let mut fault = said(scene, Code::JudgeUnknownObject, &format!("{table} {value:?} is not known here"));
    fault.waits_for = Some((table.to_owned(), value.to_owned()));
    Err(fault.at(place))
}

/// A record that is changed lets go what it stopped.
fn usable(
    scene: &Scene<'_>,
    (table, key): (&str, Option<&Path>),
    field: &Path,
    blocked: &[String],
) -> Result<(), Fault> {
    let (value, record) = listed(scene, table, key)?;
    let found = field.find(record).and_then(Tree::scalar).unwrap_or_default();
    if !blocked.iter().any(|word| word == found) {
        return Ok(());
    }
    let mut fault = said(scene, Code::JudgeBlocked, &format!("{table} {value:?} is {found}"));
    fault.waits_for = Some((table.to_owned(), value.to_owned()));
    Err(fault.at(key.map_or("", Path::as_str)))
}

fn open(
    scene: &Scene<'_>,
    before: &ObjectState,
    fact: &str,
    (closed, not_yet): (&[String], &[String]),
) -> Result<(), Fault> {
    let Some(value) = before.facts.get(fact) else {
        return Err(unknown(scene, &format!("its {fact} is not known")));
    };
    if not_yet.contains(value) {
        return Err(awaiting(scene, said(scene, Code::JudgeNotOpen, &format!("it is {value}, so not yet released"))));
    }
    if closed.contains(value) {
        return Err(said(scene, Code::JudgeNotOpen, &format!("it is {value}")));
    }
    Ok(())
}

/// The quantity that a total is held against, the percentage by which it may be off, and both in words.
struct Allowed {
    limit: Decimal,
    percent: Decimal,
    said: String,
}

impl Allowed {
    fn of(scene: &Scene<'_>, object: &ObjectState, bound: &Bound, more_or_less: &str) -> Result<Self, Fault> {
        let limit = &scene.named(&bound.limit)?;
        let Some(text) = object.facts.get(limit) else {
            return Err(unknown(scene, &format!("its {limit} is not known")));
        };
        let own = bound.tolerance.as_ref().and_then(|fact| Some((fact, object.facts.get(fact)?)));
        let percent = match own.filter(|(_, text)| !text.is_empty()) {
            Some((fact, text)) => percentage(text).ok_or_else(|| {
                unit_fault(scene.object, &format!("its {fact} is {text:?}, which is not a percentage"))
            })?,
            None => bound.tolerance_percent,
        };
        let number =
            Decimal::parse(text).map_err(|error| unit_fault(scene.object, &format!("its {limit}: {error}")))?;
        let mut said = format!("its {limit} is {text}");
        if !percent.is_zero() {
            said.push_str(&format!(", and {percent} % {more_or_less} are allowed"));
        }
        Ok(Self { limit: number, percent, said })
    }

    /// The bound times a hundred: a percentage of it is exact so.
    fn hundredfold(&self, percent: Decimal) -> Result<Decimal, DecimalError> {
        self.limit.times(Decimal::from(100).plus(percent)?)
    }
}

fn not_over(scene: &Scene<'_>, change: Change<'_>, bound: &Bound, unlimited: Option<&str>) -> Result<(), Fault> {
    let total = &scene.named(&bound.total)?;
    let allowed = Allowed::of(scene, change.after, bound, "more")?;
    let (before, after) = (change.before.total(total), change.after.total(total));
    let is_unlimited = unlimited.and_then(|fact| change.after.facts.get(fact)).is_some_and(|text| text == "true");
    // What brings a total down again is never refused for being over.
    if after <= before || is_unlimited {
        return Ok(());
    }
    let (most, hundred) = (allowed.hundredfold(allowed.percent), Decimal::from(100));
    match most.and_then(|most| Ok((after.times(hundred)? <= most, most))) {
        Ok((true, _)) => Ok(()),
        Ok((false, most)) => {
            let why = format!("{total} would be {after}, but {}", allowed.said);
            Err(said(scene, Code::JudgeOverDelivery, &why).detail(room(before, most)))
        }
        Err(error) => Err(unit_fault(scene.object, &format!("its {}: {error}", bound.limit))),
    }
}

/// What could be reported instead, as a person would say it.
fn room(before: Decimal, most: Decimal) -> String {
    let left = Decimal::parse("0.01").and_then(|hundredth| most.times(hundredth)?.minus(before));
    match left.map(|left| (left.is_negative() || left.is_zero(), left.shortest())) {
        Ok((false, left)) => format!("Suggestion: at most {left} of it fit; report that, or have the order raised."),
        _ => "Suggestion: nothing more fits; have the order raised, or discard this.".to_owned(),
    }
}

fn not_under(scene: &Scene<'_>, change: Change<'_>, bound: &Bound, when: Option<&When>) -> Result<(), Fault> {
    if !when.is_none_or(|when| when.holds(scene.item, scene.data)) {
        return Ok(());
    }
    let total = &scene.named(&bound.total)?;
    let allowed = Allowed::of(scene, change.after, bound, "less")?;
    let after = change.after.total(total);
    let least = Decimal::ZERO.minus(allowed.percent).and_then(|percent| allowed.hundredfold(percent));
    match least.and_then(|least| Ok(after.times(Decimal::from(100))? >= least)) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let why = format!("it is the last report, and {total} would be {after}, but {}", allowed.said);
            let what = format!("Suggestion: report what is missing first, or have the order lowered to {after}.");
            Err(said(scene, Code::JudgeUnderDelivery, &why).detail(what))
        }
        Err(error) => Err(unit_fault(scene.object, &format!("its {}: {error}", bound.limit))),
    }
}

/// Where steps, the event's step and the milestones stand.
struct Step<'a> {
    steps: &'a str,
    step: &'a Path,
    milestones: Option<&'a str>,
}

fn in_sequence(
    scene: &Scene<'_>,
    change: Change<'_>,
    Step { steps, step, milestones }: &Step<'_>,
    (done, passes_on): (&[String], &str),
) -> Result<(), Fault> {
    let own = naming::value(step, scene.item, scene.data).map(naming::whole).unwrap_or_default();
    let fact = |name: &str| change.after.facts.get(name).map(String::as_str);
    let Some(listed) = fact(steps).filter(|text| !text.is_empty()) else {
        return Err(unknown(scene, &format!("its {steps} are not known")));
    };
    let Some(at) = listed.split('/').position(|one| one == own) else {
        return Err(unknown(scene, &format!("it has no step {own:?}")).at(step.as_str()));
    };
    let is_milestone = milestones.and_then(fact).is_some_and(|text| text.split('/').any(|one| one == own));
    let before = at.checked_sub(1).and_then(|at| listed.split('/').nth(at));
    let Some(before) = before.filter(|_| !is_milestone) else { return Ok(()) };
    let sum = |state: &ObjectState, names: &[String], step: &str| {
        names.iter().try_fold(Decimal::ZERO, |sum, name| sum.plus(state.total(&format!("{name}/{step}"))))
    };
    let overflows = |error: DecimalError| unit_fault(scene.object, &error.to_string());
    let (was, now) = (sum(change.before, done, &own), sum(change.after, done, &own));
    let (was, now) = (was.map_err(overflows)?, now.map_err(overflows)?);
    let came = change.after.total(&format!("{passes_on}/{before}"));
    // What takes a report back is never refused for the rest being ahead.
    if now <= came || now <= was {
        return Ok(());
    }
    let why = format!("{own} would have worked on {now}, but {before} before it has passed on {came}");
    Err(awaiting(scene, said(scene, Code::JudgeSequence, &why)))
}

fn in_period(scene: &Scene<'_>, table: &str, date: &Path, of: Option<&Path>) -> Result<(), Fault> {
    let refused = |why: &str| said(scene, Code::JudgePeriod, why).at(date.as_str());
    let text = naming::value(date, scene.item, scene.data).unwrap_or_default();
    let Some(day) = period::day(text) else {
        return Err(refused(&format!("{text:?} is not a day")));
    };
    let of = of.map(|of| naming::value(of, scene.item, scene.data).unwrap_or_default());
    match period::find(scene.catalog, table, of, day).map_err(|why| refused(&why))? {
        Some(found) if found.is_open => Ok(()),
        Some(found) => {
            let mut fault = refused(&format!("{day} is in {table} {:?}, which is closed", found.key));
            fault.waits_for = Some((table.to_owned(), found.key.to_owned()));
            Err(fault.detail("Suggestion: have the period opened for this, or report it anew with a day that is open."))
        }
        None => Err(refused(&format!("no {table} has the day {day}"))),
    }
}

fn not_negative(scene: &Scene<'_>, before: Decimal, after: Decimal, total: &str) -> Result<(), Fault> {
    if after.is_negative() && after < before {
        return Err(said(scene, Code::JudgeNotEnough, &format!("{total} is {before} and would be {after}")));
    }
    Ok(())
}

/// Nothing is known: what is told of the object later lets the event go on.
fn unknown(scene: &Scene<'_>, why: &str) -> Fault {
    awaiting(scene, said(scene, Code::JudgeUnknownObject, why))
}

fn awaiting(scene: &Scene<'_>, mut fault: Fault) -> Fault {
    fault.waits_for = Some(scene.object.awaited());
    fault
}

fn said(scene: &Scene<'_>, code: Code, why: &str) -> Fault {
    Fault::new(code, format!("{} {}: {why}", scene.object.kind, scene.object.key))
}
