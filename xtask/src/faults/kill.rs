//! `kill -9`, again and again, under load; then drain, and let the judge compare receipts with effects.
//! Holds OT1 (no receipt lost), OT4 (one effect), OT6 (order) and OT8 (no phantom) to account.
//!
//! The seed fixes the delays, not what the machine does in them: a replay kills at the same times, not at the same
//! instructions.

use std::thread::sleep;
use std::time::Duration;

use super::arena::{Arena, Load, READY_WITHIN};
use super::chance::{Rng, fresh_seed};
use crate::demo;
use crate::place::{Place, shown};

/// Transactions offered per second. One node on a small machine keeps up with it, starts included.
const RATE: u64 = 300;
/// Transactions for each kill: a little more than pass between two kills.
const PER_KILL: u64 = 400;
/// Shortest and longest life of a node, in milliseconds.
const LIFE_MILLIS: (u64, u64) = (5, 2_000);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Orders {
    kills: u64,
    seed: u64,
}

impl Orders {
    /// So many kills, with a seed of its own.
    pub fn of(kills: u64) -> Self {
        Self { kills, seed: fresh_seed() }
    }

    /// Reads `--kills N --seed S`.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let mut orders = Self::of(200);
        super::numbers(arguments, &mut [("--kills", &mut orders.kills), ("--seed", &mut orders.seed)])?;
        Ok(orders)
    }

    fn load(&self) -> Load {
        let transactions = self.kills.max(1) * PER_KILL;
        Load { transactions, orders: 100, connections: 16, per_second: Some(RATE), prefix: "L" }
    }
}

/// Runs it. Keeps the data and says how to go on if anything is wrong.
pub fn run(place: &Place, orders: &Orders) -> Result<(), String> {
    demo::build(place)?;
    let arena = Arena::prepare(place, &format!("faults/kill-{}", orders.seed), super::PROJECT)?;
    println!("faults kill: {} kills, seed {}", orders.kills, orders.seed);
    match play(&arena, orders) {
        Ok(verdict) => {
            println!("{verdict}");
            std::fs::remove_dir_all(&arena.directory).map_err(|error| error.to_string())
        }
        Err(message) => {
            println!("kept: {} (data, histories, logs)", shown(&place.root, &arena.directory));
            println!("again: cargo xtask faults kill --kills {} --seed {}", orders.kills, orders.seed);
            Err(message)
        }
    }
}

/// Plays it in `arena`; the verdict, if every promise held.
pub fn play(arena: &Arena, orders: &Orders) -> Result<String, String> {
    let mut rng = Rng::new(orders.seed);
    let mut sink = arena.start_sink("sink.jsonl")?;
    let mut node = arena.start_node()?;
    node.until(READY_WITHIN, || arena.ready())?;
    let mut load = arena.start_load(arena.inbound, &orders.load(), "load")?;
    let mut slowest = Duration::ZERO;
    for number in 1..=orders.kills {
        sleep(Duration::from_millis(rng.between(LIFE_MILLIS.0, LIFE_MILLIS.1)));
        node.kill().map_err(|error| format!("before kill {number}: {error}"))?;
        node = arena.start_node()?;
        // Every fourth node is not waited for: the next kill meets it while it recovers.
        if rng.between(0, 3) != 0 {
            slowest = slowest.max(node.until(READY_WITHIN, || arena.ready())?);
        }
        if number % 50 == 0 {
            println!("{number} kills, slowest recovery {} ms", slowest.as_millis());
        }
    }
    node.until(READY_WITHIN, || arena.ready())?;
    arena.finish_load(&mut load, &orders.load(), "load")?;
    let verdict = arena.drain(&mut node)?;
    sink.still_running()?;
    Ok(format!("{verdict}\n{} kills survived, slowest recovery {} ms", orders.kills, slowest.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_and_wrong_ones_named() {
        let read = |text: &str| Orders::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("--kills 3 --seed 7"), Ok(Orders { kills: 3, seed: 7 }));
        assert_eq!(read("").map(|orders| orders.kills), Ok(200));
        assert_eq!(read("--kills"), Err("`--kills` needs a number".to_owned()));
        assert_eq!(read("--kills many"), Err("`many` is not a number".to_owned()));
        assert!(read("--speed 3").is_err());
    }
}
