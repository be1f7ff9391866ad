//! Broken builds of the product, each of which must be caught: what no check notices, no check guards.
//!
//! A mutant is a file of `xtask/faults/mutants`: what it breaks, which check must notice, and texts of the source with
//! what stands in their place. It is built from a copy of the tree, in a target directory of its own that begins as a
//! copy of ours. First every check named must pass on the copy unchanged: a check that is always red catches nothing.
//!
//! Deliberately absent: mutants by the hundred, which `cargo-mutants` makes; these are the ones that break a promise.

/// What a mutant's file says.
mod recipe;

/// The copy of the tree and of the target directory.
mod workshop;

/// What must notice.
mod check;

use crate::place::Place;

use self::check::Seen;
use self::recipe::Recipe;
use self::workshop::Workshop;

/// Where the mutants lie.
const MUTANTS: &str = "xtask/faults/mutants";

/// What is asked for: all of them, or those named.
#[derive(Debug, PartialEq, Eq)]
pub struct Orders {
    only: Vec<String>,
}

impl Orders {
    /// Reads names of mutants; all of them without any.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        match arguments.iter().find(|argument| argument.starts_with('-')) {
            Some(unknown) => Err(format!("`{unknown}` is not known here; name mutants of {MUTANTS}, or none for all")),
            None => Ok(Self { only: arguments.to_vec() }),
        }
    }
}

/// Builds each mutant and lets its check look.
///
/// # Errors
/// If one survives, cannot be built, or a check fails without any.
pub fn run(place: &Place, orders: &Orders) -> Result<(), String> {
    let recipes = recipe::all(&place.root.join(MUTANTS))?;
    if let Some(unknown) = orders.only.iter().find(|name| recipes.iter().all(|recipe| recipe.name != **name)) {
        return Err(format!("there is no mutant `{unknown}`"));
    }
    let wanted = |recipe: &&Recipe| orders.only.is_empty() || orders.only.contains(&recipe.name);
    let recipes: Vec<&Recipe> = recipes.iter().filter(wanted).collect();
    let workshop = Workshop::set_up(place)?;
    let mut passed: Vec<&check::Check> = Vec::new();
    for recipe in &recipes {
        if passed.contains(&&recipe.check) {
            continue;
        }
        println!("mutants: without any, {} must pass", recipe.check);
        if let Seen::Broken(how) = recipe.check.look(&workshop)? {
            return Err(format!("{} fails without a mutant: {how}", recipe.check));
        }
        passed.push(&recipe.check);
    }
    let mut rows = Vec::new();
    for recipe in &recipes {
        println!("mutants: {}: {}", recipe.name, recipe.about);
        let seen = workshop.changed(recipe, || recipe.check.look(&workshop))?;
        rows.push((recipe.name.as_str(), recipe.check.to_string(), seen));
    }
    conclude(&rows)
}

fn conclude(rows: &[(&str, String, Seen)]) -> Result<(), String> {
    println!("\n| mutant | check | result |\n|---|---|---|");
    for (name, check, seen) in rows {
        let result = match seen {
            Seen::Broken(how) => format!("caught: {how}"),
            Seen::Well => "SURVIVED".to_owned(),
            Seen::Skipped(why) => format!("SKIP: {why}"),
        };
        println!("| {name} | {check} | {result} |");
    }
    let count = |wanted: fn(&Seen) -> bool| rows.iter().filter(|(_, _, seen)| wanted(seen)).count();
    let (caught, survived) = (count(|it| matches!(it, Seen::Broken(_))), count(|it| matches!(it, Seen::Well)));
    println!("\n{caught} caught, {survived} survived, {} skipped", rows.len() - caught - survived);
    if survived == 0 { Ok(()) } else { Err(format!("{survived} mutants survived")) }
}
