//! What a reversal needs of others: the interface by which its original came, and at each receiver the interface that took
//! the original, in the same line.

use super::emit::NOTHING;
use super::scope::Scope;
use super::{SystemFile, World};
use crate::spec::raw::{self, Takes};
use crate::spec::report::nearest;

/// Checks both ends of every reversal.
pub fn check(world: &mut World<'_>, systems: &[SystemFile<'_>]) {
    for file in systems {
        for (name, emit) in &file.raw.emits {
            if let Some(reverses) = &emit.reverses {
                let scope = Scope { doc: &file.doc, prefix: vec!["emits", name, "reverses"] };
                original(world, &scope, systems, (&file.raw.system, name), reverses);
            }
        }
        for (name, receive) in &file.raw.receives {
            let scope = Scope { doc: &file.doc, prefix: vec!["receives", name] };
            taken(world, &scope, file, systems, (name, receive));
        }
    }
}

/// The interface by which the original came is there, and its transactions have the key.
fn original(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    systems: &[SystemFile<'_>],
    (system, interface): (&str, &str),
    reverses: &raw::Reverses,
) {
    let named = reverses.interface.as_deref().unwrap_or(interface);
    let (of, name) = named.split_once('/').unwrap_or((system, named));
    let file = systems.iter().find(|file| file.raw.system == of);
    let Some(emit) = file.and_then(|file| file.raw.emits.get(name)) else {
        let all = systems.iter().flat_map(|file| {
            file.raw.emits.keys().map(move |emit| match file.raw.system == system {
                true => emit.clone(),
                false => format!("{}/{emit}", file.raw.system),
            })
        });
        let all: Vec<String> = all.collect();
        let help = nearest(named, all.iter().map(String::as_str), "emitting interfaces");
        scope.error(world, &["interface"], format!("there is no interface `{named}` that emits"), help);
        return;
    };
    if !emit.keys.contains_key(&reverses.key) {
        let near = nearest(&reverses.key, emit.keys.keys().map(String::as_str), "keys");
        let help = format!("{near}; or add `{}: {{ path: .id }}` to the `keys` of `{of}/{name}`", reverses.key);
        scope.error(world, &["key"], format!("transactions of `{of}/{name}` have no key `{}`", reverses.key), help);
    }
}

/// A receiver of reversals is in one line with the one that took the original: then a reversal never passes it.
fn taken(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    file: &SystemFile<'_>,
    systems: &[SystemFile<'_>],
    (name, receive): (&str, &raw::Receive),
) {
    match (receive.takes, &receive.original_at) {
        (Takes::Events, None) => return,
        (Takes::Events, Some(_)) => {
            let help = "add `takes: reversals` or `takes: both`, or remove it";
            scope.error(world, &["original_at"], "the interface takes no reversals", help);
            return;
        }
        (Takes::Reversals, None) => {
            let help = "add `original_at: <interface>`: the one of this system that took the original";
            scope.error(world, &["takes"], "an interface that takes reversals only never took an original", help);
            return;
        }
        (Takes::Reversals | Takes::Both, _) => {}
    }
    let at = receive.original_at.as_deref().unwrap_or(name);
    let Some(original) = file.raw.receives.get(at).filter(|original| original.takes != Takes::Reversals) else {
        let known = file.raw.receives.iter().filter(|(_, it)| it.takes != Takes::Reversals);
        let help = nearest(at, known.map(|(name, _)| name.as_str()), "interfaces that take originals");
        scope.error(world, &["original_at"], format!("`{at}` takes no originals"), help);
        return;
    };
    let line = |it: &raw::Receive| (it.in_order_by.clone(), it.sequence.clone());
    if receive.in_order_by == NOTHING || line(receive) != line(original) {
        let (message, help) = if at == name {
            (
                "a reversal could pass its original: no order is kept".to_owned(),
                "name a key: `in_order_by: order`".to_owned(),
            )
        } else {
            (
                format!("a reversal could pass its original: `{name}` is not in one line with `{at}`"),
                format!("give `{name}` and `{at}` the same `in_order_by` and `sequence`, and a key to be in order by"),
            )
        };
        scope.error(world, &["in_order_by"], message, help);
    }
    let mut emits = systems.iter().flat_map(|file| file.raw.emits.values());
    let emitted = emits.any(|emit| emit.event.as_ref() == Some(&receive.event) && emit.reverses.is_some());
    if !emitted && !world.report.has_errors() {
        let help = "add `reverses:` to an interface that emits it";
        scope.warning(world, &["takes"], format!("nobody emits reversals of `{}`", receive.event), help);
    }
}
