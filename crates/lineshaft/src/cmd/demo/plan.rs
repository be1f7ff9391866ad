//! What is going to happen on the shop floor: the orders, and what the plants will report of each. Pure data from a seed.
//! Deliberately absent: any knowledge of what the product makes of it.

use lineshaft_model::random::{Rng, SeededRng};
use lineshaft_standin::Decimal;

/// Orders released.
pub(super) const ORDERS: usize = 20;

/// Completions that are reported for each order, the final one included.
pub(super) const COMPLETIONS: usize = 16;

/// Stock moves for each order.
pub(super) const MOVES: usize = 5;

/// How often granulate is used outside of a completion, for each order.
pub(super) const CONSUMPTIONS: usize = 2;

/// The order of which a report is taken back and reported anew.
pub(super) const TAKEN_BACK: usize = 10;

/// Documents of all orders that become confirmations or cancel one: completions, pieces found to be bad, and one report
/// taken back and reported anew.
pub(super) const WORK: usize = ORDERS * (COMPLETIONS + 1) + 2;

/// Pieces in every order.
pub(super) const PIECES: u32 = 480;

/// What is made, and known to the hub from the start.
pub(super) const PUMP: &str = "481516";

/// What is made in one order, and not known to the hub when that order is released.
pub(super) const COVER: &str = "481520";

/// What it is made of.
pub(super) const GRANULATE: &str = "300200";

/// Pieces of [`PUMP`] and [`COVER`] in a box.
pub(super) const PUMPS_IN_BOX: u32 = 12;
pub(super) const COVERS_IN_BOX: u32 = 24;

/// The order that names [`COVER`].
pub(super) const EARLY: usize = 19;

/// The order whose first confirmation is posted and never answered.
pub(super) const UNANSWERED: usize = 4;

/// The order that a user has open for some seconds.
pub(super) const LOCKED: usize = 7;

/// The order of which one goods movement fails behind a good confirmation.
pub(super) const SHORT: usize = 12;

/// Confirmations that the ERP takes and whose goods movements it then cannot post: later ones of [`SHORT`] wait.
pub(super) const FAILED: usize = 1;

/// Where an order is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plant {
    /// Augsburg: pieces and kilograms.
    De10,
    /// Gliwice: boxes and grams.
    Pl20,
}

impl Plant {
    /// The smallest amount that it counts, in its own unit: a piece in Augsburg, a quarter of a box in Gliwice.
    pub(super) fn share(self) -> Decimal {
        match self {
            Self::De10 => Decimal::ONE,
            Self::Pl20 => Decimal::new(25, 2),
        }
    }

    /// As all systems call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::De10 => "DE10",
            Self::Pl20 => "PL20",
        }
    }
}

/// One report of work done, in the plant's own units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// Good.
    pub(super) good: Decimal,
    /// Scrapped.
    pub(super) scrap: Decimal,
    /// Granulate used.
    pub(super) used: Decimal,
    /// The final one.
    pub(super) last: bool,
}

/// One order and its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Twelve digits.
    pub(super) number: String,
    /// Where.
    pub(super) plant: Plant,
    /// What.
    pub(super) material: &'static str,
    /// Reports in their order.
    pub(super) reports: Vec<Report>,
    /// Granulate moved from the raw store to the line, move by move, in the plant's own unit.
    pub(super) moves: Vec<Decimal>,
    /// Granulate taken from the raw store outside of a completion, time by time, in the plant's own unit.
    pub(super) consumptions: Vec<Decimal>,
    /// Granulate that was spilled in the raw store, in the plant's own unit.
    pub(super) spilled: Decimal,
    /// Pieces found to be bad after their operation was reported, in the plant's own unit.
    pub(super) found_bad: Decimal,
}

impl Order {
    /// The number as people say it.
    pub(super) fn short(&self) -> &str {
        self.number.trim_start_matches('0')
    }

    /// The batch of granulate it is made of.
    pub(super) fn batch(&self) -> &'static str {
        match self.plant {
            Plant::De10 => "B0001",
            Plant::Pl20 => "B0002",
        }
    }
}

/// All orders, by turns of both plants.
pub(super) fn orders(seed: u64) -> Vec<Order> {
    let rng = SeededRng::new(seed);
    (0..ORDERS).map(|at| order(at, &rng)).collect()
}

fn order(at: usize, rng: &SeededRng) -> Order {
    let plant = if at.is_multiple_of(2) { Plant::De10 } else { Plant::Pl20 };
    let material = if at == EARLY { COVER } else { PUMP };
    let (share, weight) = match plant {
        Plant::De10 => (plant.share(), Decimal::new(1, 1)),
        Plant::Pl20 => (plant.share(), Decimal::from(100)),
    };
    let in_share = match (plant, material) {
        (Plant::De10, _) => 1,
        (Plant::Pl20, COVER) => COVERS_IN_BOX / 4,
        (Plant::Pl20, _) => PUMPS_IN_BOX / 4,
    };
    let shares = PIECES / in_share;
    let completions = u32::try_from(COMPLETIONS).unwrap_or(u32::MAX);
    let mut left = shares;
    let reports = (0..completions).map(|report| {
        let last = report + 1 == completions;
        let even = left / (completions - report);
        let good = if last { left } else { even.saturating_sub(below(rng, even / 4 + 1)).max(1) };
        left -= good;
        let used = weight * Decimal::from(20 + below(rng, 20));
        Report { good: share * Decimal::from(good), scrap: share * Decimal::from(below(rng, 3)), used, last }
    });
    let reports = reports.collect();
    let moves = (0..MOVES).map(|_| weight * Decimal::from(100 + below(rng, 400))).collect();
    Order {
        number: format!("{:012}", 100_234_871 + at),
        plant,
        material,
        reports,
        moves,
        consumptions: (0..CONSUMPTIONS).map(|_| weight * Decimal::from(5 + below(rng, 20))).collect(),
        spilled: weight * Decimal::from(1 + below(rng, 5)),
        found_bad: share * Decimal::from(1 + below(rng, 2)),
    }
}

/// A number from zero up to, but not including, `end`.
fn below(rng: &SeededRng, end: u32) -> u32 {
    u32::try_from(rng.next_u64() % u64::from(end.max(1))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_made_in_full_and_ends_with_its_final_report() {
        for seed in 0..50 {
            for order in orders(seed) {
                let in_unit = match (order.plant, order.material) {
                    (Plant::De10, _) => 1,
                    (_, COVER) => COVERS_IN_BOX,
                    _ => PUMPS_IN_BOX,
                };
                let good: Decimal = order.reports.iter().map(|it| it.good).sum();
                assert_eq!(good * Decimal::from(in_unit), Decimal::from(PIECES), "{order:?}");
                assert!(order.reports.iter().all(|it| it.good > Decimal::ZERO), "{order:?}");
                assert_eq!(order.reports.iter().filter(|it| it.last).count(), 1);
                assert!(order.reports.last().is_some_and(|it| it.last));
                assert_eq!((order.reports.len(), order.moves.len()), (COMPLETIONS, MOVES));
                assert_eq!(order.consumptions.len(), CONSUMPTIONS);
                assert!(
                    order.consumptions.iter().chain([&order.spilled, &order.found_bad]).all(|it| *it > Decimal::ZERO)
                );
            }
        }
    }
}
