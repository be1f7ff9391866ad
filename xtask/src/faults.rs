//! Break the running node on purpose and judge what is left. One file for each kind of fault.
//!
//! Load, receiver and judge are processes of their own (`lineshaft-standin`), so that they outlive the node and know
//! nothing of it. Deliberately absent: faults that need a second node.

/// Processes we started, which never outlive us.
pub mod process;

/// One node between a load generator and a sink.
pub mod arena;

/// Numbers that repeat from their seed.
mod chance;

/// `kill -9`, again and again, under load.
mod kill;

/// The power fails, again and again, under load.
mod power;

/// Broken builds of the product, each of which must be caught.
mod mutants;

use std::process::ExitCode;

use crate::place::Place;
use crate::step;

/// The project that is broken: one receiver, nothing changed on the way.
const PROJECT: &str = "xtask/faults/project";

/// `cargo xtask faults kill|power|mutants …`.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    let (kind, rest) = arguments.split_first().map_or(("", &[][..]), |(kind, rest)| (kind.as_str(), rest));
    let done = match kind {
        "kill" => kill::Orders::read(rest).map(|orders| kill::run(place, &orders)),
        "power" => power::Orders::read(rest).map(|orders| power::run(place, &orders)),
        "mutants" => mutants::Orders::read(rest).map(|orders| mutants::run(place, &orders)),
        _ => Err("which fault? known: kill power mutants".to_owned()),
    };
    match done {
        Err(usage) => {
            eprintln!("error: {usage}");
            ExitCode::from(2)
        }
        Ok(Err(message)) => step::failed(&message),
        Ok(Ok(())) => ExitCode::SUCCESS,
    }
}

/// Reads pairs of a name and a number into what is `known`.
pub fn numbers(arguments: &[String], known: &mut [(&str, &mut u64)]) -> Result<(), String> {
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return Err(format!("`{}` needs a number", pair[0])) };
        let Some((_, place)) = known.iter_mut().find(|(known, _)| known == name) else {
            let names = known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
            return Err(format!("`{name}` is not known here; known: {names}"));
        };
        **place = value.parse().map_err(|_| format!("`{value}` is not a number"))?;
    }
    Ok(())
}
