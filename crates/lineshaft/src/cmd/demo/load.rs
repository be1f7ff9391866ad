//! The steady load: both plants report by turns, bring granulate to the lines in bursts, use some of it outside of
//! completions, and declare scrap. Deliberately absent: waiting for anybody. A report goes out when its time has come; a MES keeps it until the hub has acknowledged it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{COMPLETIONS, CONSUMPTIONS, MOVES, Order};
use super::systems::Systems;

/// Time between two completions of all plants together.
const EVERY: Duration = Duration::from_millis(115);

/// The rounds in which granulate is used outside of completions.
const CONSUMED_IN: [usize; CONSUMPTIONS] = [3, 11];

/// The round in which spilled granulate is declared.
const SPILLED_IN: usize = 6;

/// The round in which pieces are found to be bad.
const FOUND_BAD_IN: usize = 9;

/// Reports everything that the orders have to report.
///
/// # Errors
/// When a stand-in cannot send at all.
pub(super) async fn run(systems: Arc<Systems>, orders: Arc<Vec<Order>>, inbound: SocketAddr) -> Result<(), String> {
    let mut turn = tokio::time::interval(EVERY);
    for round in 0..COMPLETIONS {
        // The moves are spread over the rounds: one burst of all orders at a time.
        if let Some(burst) = (0..MOVES).find(|burst| burst * COMPLETIONS / MOVES == round) {
            for order in orders.iter() {
                systems.bring(order, order.moves[burst], inbound)?;
            }
        }
        for order in orders.iter() {
            turn.tick().await;
            systems.report(order, &order.reports[round], inbound)?;
            if let Some(time) = CONSUMED_IN.iter().position(|it| *it == round) {
                systems.consume(order, order.consumptions[time], inbound)?;
            }
            if round == SPILLED_IN {
                systems.declare_spilled(order, inbound)?;
            }
            if round == FOUND_BAD_IN {
                systems.declare_bad(order, inbound)?;
            }
        }
    }
    Ok(())
}
