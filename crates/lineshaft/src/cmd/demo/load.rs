//! The steady load: both plants report by turns, and bring granulate to the lines in bursts. Deliberately absent: waiting
//! for anybody. A report goes out when its time has come; a MES keeps it until the hub has acknowledged it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::plan::{COMPLETIONS, MOVES, Order};
use super::systems::Systems;

/// Time between two completions of all plants together.
const EVERY: Duration = Duration::from_millis(115);

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
        }
    }
    Ok(())
}
