//! Open deliveries past the time that their receiver declares (`sla`): looked for every ten seconds, so that one is shown
//! within thirty (OT14).

use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::time::Timestamp;
use lineshaft_store::StoreError;
use lineshaft_store::read::late::Late;

use super::pause_until;
use crate::shared::Shared;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(10);

/// What the latest look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// When it was made; `None` before the first.
    pub at: Option<Timestamp>,
    /// Receivers with late deliveries.
    pub late: Vec<Late>,
}

pub(super) async fn run(shared: &Shared) {
    loop {
        // From the beginning of a look, so that the clock may move while one runs.
        let next = shared.clock.monotonic() + EVERY;
        if let Err(error) = look(shared) {
            shared.fail_if_fatal(&error);
            tracing::warn!(%error, "late deliveries cannot be looked for");
        }
        if pause_until(shared, next).await {
            return;
        }
    }
}

fn look(shared: &Shared) -> Result<(), StoreError> {
    let now = shared.clock.now();
    let receives = shared.project.receives.iter();
    let agreed: Vec<(&str, Timestamp)> =
        receives.filter_map(|(name, it)| Some((name.as_str(), now.before(it.late_after?)))).collect();
    let late = if agreed.is_empty() { Vec::new() } else { shared.store.late(&agreed, now)? };
    let before = shared.late();
    for it in late.iter().filter(|it| before.late.iter().all(|known| known.receiver != it.receiver)) {
        tracing::warn!(receiver = it.receiver, count = it.count, "deliveries are late");
    }
    for known in before.late.iter().filter(|known| late.iter().all(|it| it.receiver != known.receiver)) {
        tracing::info!(receiver = known.receiver, "nothing is late any more");
    }
    shared.see_late(Arc::new(Seen { at: Some(now), late }));
    Ok(())
}
