//! At start: attempts that an earlier life of the node began and nobody saw the end of. The target's class decides,
//! as after any lost answer: send again, ask, or stand in doubt for a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use lineshaft_model::lifecycle::{Next, after_restart};
use lineshaft_store::change::{AttemptKind, Settle};
use lineshaft_store::{Change, Effect, StoreError};

use crate::deliver::{Receiver, facts_of_row};
use crate::shared::Shared;

/// Decides on every attempt that was cut off, before anything new is sent.
pub(crate) async fn rescue(shared: &Shared, receivers: &BTreeMap<String, Arc<Receiver>>) -> Result<usize, StoreError> {
    let cut_off = shared.store.cut_off()?;
    let now = shared.clock.now();
    let mut rescued = 0;
    for row in cut_off {
        let next = match receivers.get(&row.receiver) {
            Some(receiver) => after_restart(&facts_of_row(receiver, &row, now), &*shared.rng),
            None => Next::InDoubt { fault: lineshaft_model::lifecycle::cut_off() },
        };
        let started_at = row.last_attempt.unwrap_or(now);
        let settle = Settle { delivery: row.id, kind: AttemptKind::Send, started_at, ended_at: now, next };
        let effects = shared.store.commit(vec![Change::Settle(Box::new(settle))]).await?.into_inner();
        if let Some(Effect::Settled { due, .. }) = effects.into_iter().next() {
            shared.enqueue(due);
            rescued += 1;
        }
    }
    Ok(rescued)
}
