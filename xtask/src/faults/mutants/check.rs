//! What must notice a mutant: a fault run that ends at the judge, or tests by name.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use super::workshop::Workshop;
use crate::demo;
use crate::faults::arena::{Arena, Load, READY_WITHIN};
use crate::faults::{PROJECT, kill, power};
use crate::place::PROFILE;

/// What must notice.
#[derive(Debug, PartialEq, Eq)]
pub enum Check {
    /// `kill N`: so many kills under load, then the judge.
    Kill(u64),
    /// `power N`: so many power cuts under load, then the judge.
    Power(u64),
    /// `outage N`: the sink is away while one transaction for each of so many orders is taken; then the judge.
    Outage(u64),
    /// `refusals N`: the sink refuses a fifth of what it gets of so many transactions; then the judge.
    Refusals(u64),
    /// `test PACKAGE FILTER`: tests of a package by name.
    Test(String, String),
}

/// What a check saw.
pub enum Seen {
    /// Nothing wrong.
    Well,
    /// A broken promise, and how it showed.
    Broken(String),
    /// Nothing, because it cannot run here.
    Skipped(String),
}

impl Check {
    /// Reads it from a mutant's file.
    pub fn read(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| word.parse::<u64>().map_err(|_| format!("`{word}` is not a number"));
        match words.as_slice() {
            ["kill", count] => Ok(Self::Kill(number(count)?)),
            ["power", count] => Ok(Self::Power(number(count)?)),
            ["outage", count] => Ok(Self::Outage(number(count)?)),
            ["refusals", count] => Ok(Self::Refusals(number(count)?)),
            ["test", package, filter] => Ok(Self::Test((*package).to_owned(), (*filter).to_owned())),
            _ => Err(format!("`{text}` is no check; known: kill, power, outage and refusals N, test PACKAGE FILTER")),
        }
    }

    /// Builds what it needs in the workshop and looks.
    ///
    /// # Errors
    /// If it cannot be built: that proves nothing.
    pub fn look(&self, workshop: &Workshop) -> Result<Seen, String> {
        if let Self::Test(package, filter) = self {
            return test(workshop, package, filter);
        }
        demo::build(&workshop.place)?;
        let arena = Arena::prepare(&workshop.place, "mutant", PROJECT)?;
        let verdict = match self {
            Self::Power(cuts) => match power::once(arena, &power::Orders::of(*cuts)) {
                Ok(power::Outcome::Skipped(why)) => return Ok(Seen::Skipped(why)),
                Ok(power::Outcome::Held(verdict)) => Ok(verdict),
                Err(broken) => Err(broken),
            },
            Self::Kill(kills) => kill::play(&arena, &kill::Orders::of(*kills)),
            Self::Outage(orders) => outage(&arena, *orders),
            Self::Refusals(transactions) => refusals(&arena, *transactions),
            Self::Test(..) => Ok(String::new()),
        };
        Ok(verdict.map_or_else(|broken| Seen::Broken(told(&broken)), |_| Seen::Well))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(count) => write!(f, "judge after {count} kills"),
            Self::Power(count) => write!(f, "judge after {count} power cuts"),
            Self::Outage(count) => write!(f, "judge after an outage with {count} orders waiting"),
            Self::Refusals(count) => write!(f, "judge after {count} transactions to a sink that refuses some"),
            Self::Test(package, filter) => write!(f, "{package}: tests `{filter}`"),
        }
    }
}

fn outage(arena: &Arena, orders: u64) -> Result<String, String> {
    let load = Load { transactions: orders, orders, connections: 64, per_second: None, prefix: "L" };
    let mut node = arena.start_node()?;
    node.until(READY_WITHIN, || arena.ready())?;
    let mut sender = arena.start_load(arena.inbound, &load, "load")?;
    arena.finish_load(&mut sender, &load, "load")?;
    let _sink = arena.start_sink("sink.jsonl")?;
    arena.drain(&mut node)
}

fn refusals(arena: &Arena, transactions: u64) -> Result<String, String> {
    let load = Load { transactions, orders: 20, connections: 16, per_second: None, prefix: "L" };
    let _sink = arena.start_sink("sink.jsonl")?;
    arena.break_sink(r#"{"kind":"http_503","share":0.2}"#)?;
    let mut node = arena.start_node()?;
    node.until(READY_WITHIN, || arena.ready())?;
    let mut sender = arena.start_load(arena.inbound, &load, "load")?;
    arena.finish_load(&mut sender, &load, "load")?;
    std::thread::sleep(Duration::from_secs(2));
    arena.mend_sink()?;
    arena.drain(&mut node)
}

/// Builds the tests, then runs them: only the second may fail.
fn test(workshop: &Workshop, package: &str, filter: &str) -> Result<Seen, String> {
    let cargo = |more: &[&str]| {
        let words = ["test", "--profile", PROFILE, "--locked", "--quiet", "--package", package];
        workshop.place.cargo(words.into_iter().chain(more.iter().copied()))
    };
    crate::step::succeed(&mut cargo(&["--no-run"]))?;
    let output = cargo(&["--", filter]).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let ran = said.lines().filter(|line| line.starts_with("running ") && !line.starts_with("running 0 ")).count();
    if ran == 0 {
        return Err(format!("{package} has no test `{filter}`"));
    }
    if output.status.success() {
        return Ok(Seen::Well);
    }
    let failed = said.lines().filter_map(|line| line.strip_prefix("---- ")?.strip_suffix(" stdout ----"));
    Ok(Seen::Broken(failed.collect::<Vec<_>>().join(", ")))
}

/// A verdict in a line: only what is broken.
fn told(broken: &str) -> String {
    let counts: Vec<String> = broken
        .lines()
        .filter_map(|line| line.strip_suffix("  BROKEN").or(line.split_once("  FEWER").map(|(line, _)| line)))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    if counts.is_empty() { broken.lines().next().unwrap_or_default().to_owned() } else { counts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_read() {
        assert_eq!(Check::read("power 3"), Ok(Check::Power(3)));
        assert_eq!(Check::read("test a b"), Ok(Check::Test("a".to_owned(), "b".to_owned())));
        assert!(Check::read("kill").is_err());
        assert!(Check::read("power many").is_err());
    }

    #[test]
    fn a_verdict_is_told_by_what_is_broken() {
        let verdict = "a promise is broken\nreceipts   5\nlost      3  BROKEN\neffects   2  FEWER THAN PLANNED  (x)";
        assert_eq!(told(verdict), "lost 3, effects 2");
        assert_eq!(told("it ended by itself\nmore"), "it ended by itself");
    }
}
