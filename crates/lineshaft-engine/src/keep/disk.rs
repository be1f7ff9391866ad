//! Room on the disk (RS1): looked at every second. The store refuses new documents while there is little and gives its
//! ballast up when there is none; here it is told to look again, so that service returns without anybody's help.

use std::time::Duration;

use super::pause;
use crate::shared::Shared;

/// How often the disk is looked at.
const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(shared: &Shared) {
    while !pause(shared, EVERY).await {
        if let Err(error) = shared.store.look_at_disk() {
            tracing::warn!(%error, "the disk cannot be looked at");
        }
    }
}
