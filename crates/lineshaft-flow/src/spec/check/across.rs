//! What shows only when all files are seen together: events without a maker or taker, order by a key that nobody reads.
//! What reversals need of other interfaces stands in [`super::reversals`].

use super::scope::Scope;
use super::{SystemFile, World, files, system};
use crate::problem::Problem;
use crate::spec::raw::AnswerBy;
use crate::spec::report::nearest;

/// Checks across files.
pub fn check(world: &mut World<'_>, systems: &[SystemFile<'_>]) {
    for file in systems {
        for (name, receive) in &file.raw.receives {
            if receive.in_order_by != super::emit::NOTHING {
                let scope = Scope { doc: &file.doc, prefix: vec!["receives", name] };
                order(world, &scope, systems, &receive.event, &receive.in_order_by);
            }
        }
    }
    for file in systems {
        for (name, emit) in &file.raw.emits {
            if let Some(answers) = &emit.answers {
                let scope = Scope { doc: &file.doc, prefix: vec!["emits", name] };
                answered(world, &scope, systems, &answers.to);
            }
        }
    }
    files::apart(world, systems);
    super::reversals::check(world, systems);
    // With an error elsewhere, "nobody" would be a guess and often only a consequence.
    if !world.report.has_errors() {
        events(world, systems);
        unused(world);
    }
}

fn events(world: &mut World<'_>, systems: &[SystemFile<'_>]) {
    for name in world.event_names.clone() {
        let emitted = systems.iter().any(|file| file.raw.emits.values().any(|emit| emit.event.as_ref() == Some(&name)));
        let received = systems.iter().any(|file| file.raw.receives.values().any(|receive| receive.event == name));
        let (message, help) = match (emitted, received) {
            (true, true) => continue,
            (false, true) => {
                ("the event is received, but emitted by nobody", "add an interface to `emits` of a system")
            }
            (true, false) => {
                ("the event is emitted, but received by nobody", "add an interface to `receives` of a system")
            }
            (false, false) => ("the event is used by nobody", "name it in a system file, or remove the file"),
        };
        world.report.push(Problem::warning(format!("model/{name}.json"), message).help(help));
    }
}

fn unused(world: &mut World<'_>) {
    let files = world.files;
    for file in files.keys().filter(|file| file.starts_with("systems/") && !super::super::samples::is_sample(file)) {
        if (file.ends_with(".vrl") || file.ends_with(".json")) && !world.used.contains(file) {
            world.report.push(system::unused(file));
        }
    }
}

/// Answers go to deliveries that await one from a document.
fn answered(world: &mut World<'_>, scope: &Scope<'_>, systems: &[SystemFile<'_>], to: &str) {
    let receives = || systems.iter().flat_map(|file| file.raw.receives.iter().map(move |(name, it)| (file, name, it)));
    let full = |file: &SystemFile<'_>, name: &str| format!("{}/{name}", file.raw.system);
    match receives().find(|(file, name, _)| full(file, name) == to) {
        Some((_, _, receive)) => {
            if !matches!(&receive.answer, Some(answer) if answer.by == AnswerBy::Document) {
                let help = "add `answer: { by: document, within: 10m, reference: receipt }` to it";
                scope.error(world, &["answers", "to"], format!("`{to}` awaits no answer from a document"), help);
            }
        }
        None => {
            let names: Vec<String> = receives().map(|(file, name, _)| full(file, name)).collect();
            let near = nearest(to, names.iter().map(String::as_str), "receiving interfaces");
            scope.error(world, &["answers", "to"], format!("there is no receiving interface `{to}`"), near);
        }
    }
}

/// A receiver that keeps order by a key which an emitter of its event does not read would stop everything of that emitter.
fn order(world: &mut World<'_>, scope: &Scope<'_>, systems: &[SystemFile<'_>], event: &str, kind: &str) {
    for file in systems {
        for (interface, emit) in &file.raw.emits {
            if emit.event.as_deref() != Some(event) {
                continue;
            }
            let name = format!("{}/{interface}", file.raw.system);
            match emit.keys.get(kind) {
                None => {
                    let near = nearest(kind, emit.keys.keys().map(String::as_str), "keys");
                    let help = format!("{near}; or add `{kind}:` to its `keys`, or write `in_order_by: nothing`");
                    scope.error(
                        world,
                        &["in_order_by"],
                        format!("`{name}` emits the event without a key `{kind}`"),
                        help,
                    );
                }
                Some(key) if !key.required => {
                    let message = format!("order is kept by `{kind}`, which is not required in `{name}`");
                    let help =
                        "a transaction without it will be stopped; make it required, or keep order by another key";
                    scope.warning(world, &["in_order_by"], message, help);
                }
                Some(_) => {}
            }
        }
    }
}
