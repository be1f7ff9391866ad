//! Housekeeping, one duty for each file. Each is a plain loop: look, do little, wait on the node's clock.

/// At start: what an earlier life of the node left in the middle.
pub(crate) mod rescue;

/// Room on the disk: new documents are refused while there is little, and taken again by itself.
mod disk;
/// At start: what waits for interfaces that have left the project.
pub(crate) mod stranded;

/// At start: lines of deliveries that stand still.
pub(crate) mod stalled;

/// Documents that were read damaged are set aside; a damaged database ends the node.
mod damage;

/// Open deliveries past their agreed time.
pub(crate) mod late;

/// What retention no longer keeps is removed.
mod expire;

use std::sync::Arc;
use std::time::Duration;

use crate::shared::Shared;

/// How often a waiting duty looks at the node's clock, in real time: that clock may be one that jumps.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Does every duty until the node stops.
pub(crate) async fn keep(shared: Arc<Shared>) {
    tokio::join!(disk::run(&shared), damage::run(&shared), late::run(&shared), expire::run(&shared));
}

/// Waits until `period` has passed on the node's clock. Says whether the node stops.
async fn pause(shared: &Shared, period: Duration) -> bool {
    pause_until(shared, shared.clock.monotonic() + period).await
}

/// Waits until the node's clock says so. Says whether the node stops.
async fn pause_until(shared: &Shared, until: Duration) -> bool {
    let mut stopping = shared.stopping.subscribe();
    loop {
        let now = shared.clock.monotonic();
        if shared.is_stopping() || now >= until {
            return shared.is_stopping();
        }
        // The wait itself is what is wanted; whether it was cut short is seen above.
        let _waited = tokio::time::timeout((until - now).min(LOOK_EVERY), stopping.wait_for(|stop| *stop)).await;
    }
}
