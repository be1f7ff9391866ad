//! The checks, one function for each. Each says why the event may not happen, and what it waits for where that comes
//! by itself.

use lineshaft_model::decimal::{Decimal, DecimalError};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::object::ObjectState;
use lineshaft_model::tree::Path;

use super::rule::Check;
use super::{Scene, naming, unit_fault};

/// Every check of a touch, in the order of the file; the first that fails is told.
pub fn all(scene: &Scene<'_>, before: &ObjectState, after: &ObjectState) -> Result<(), Fault> {
    scene.touch.checks.iter().try_for_each(|check| match check {
        Check::Known => known(scene, before),
        Check::Listed { table, key } => listed(scene, table, key.as_ref()),
        Check::Open { fact, closed, not_yet } => open(scene, before, fact, (closed, not_yet)),
        Check::NotOver { total, limit, tolerance_percent } => {
            not_over(scene, (before.total(total), after.total(total)), after, (total, limit), *tolerance_percent)
        }
        Check::NotNegative { total } => not_negative(scene, before.total(total), after.total(total), total),
    })
}

fn known(scene: &Scene<'_>, before: &ObjectState) -> Result<(), Fault> {
    if before.facts.is_empty() { Err(unknown(scene, "nothing is known of it")) } else { Ok(()) }
}

fn listed(scene: &Scene<'_>, table: &str, key: Option<&Path>) -> Result<(), Fault> {
    let place = key.map_or("", Path::as_str);
    let value = match key {
        Some(key) => naming::value(key, scene.item, scene.data).filter(|value| !value.is_empty()),
        None => Some(scene.object.key.as_str()),
    };
    let Some(value) = value else {
        return Err(said(scene, Code::JudgeUnknownObject, &format!("the event names no {table}")).at(place));
    };
    if scene.catalog.get(table, value).is_some() {
        return Ok(());
    }
    let mut fault = said(scene, Code::JudgeUnknownObject, &format!("{table} {value:?} is not known here"));
    fault.waits_for = Some((table.to_owned(), value.to_owned()));
    Err(fault.at(place))
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

fn not_over(
    scene: &Scene<'_>,
    (before, after): (Decimal, Decimal),
    object: &ObjectState,
    (total, limit): (&str, &str),
    tolerance_percent: Decimal,
) -> Result<(), Fault> {
    let Some(text) = object.facts.get(limit) else {
        return Err(unknown(scene, &format!("its {limit} is not known")));
    };
    // What brings a total down again is never refused for being over.
    if after <= before {
        return Ok(());
    }
    let fits = Decimal::parse(text).and_then(|limit| is_within(after, limit, tolerance_percent));
    match fits {
        Ok(true) => Ok(()),
        Ok(false) => {
            let allowed = if tolerance_percent.is_zero() {
                format!("its {limit} is {text}")
            } else {
                format!("its {limit} is {text}, and {tolerance_percent} % more are allowed")
            };
            Err(said(scene, Code::JudgeOverDelivery, &format!("{total} would be {after}, but {allowed}")))
        }
        Err(error) => Err(unit_fault(scene.object, &format!("its {limit}: {error}"))),
    }
}

/// Whether `total` is at most `limit` and so many percent: compared as a hundredfold, so that nothing is rounded.
fn is_within(total: Decimal, limit: Decimal, percent: Decimal) -> Result<bool, DecimalError> {
    let hundred = Decimal::from(100);
    Ok(total.times(hundred)? <= limit.times(hundred.plus(percent)?)?)
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
