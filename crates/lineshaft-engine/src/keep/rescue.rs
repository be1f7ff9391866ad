//! At start: attempts that an earlier life of the node began and nobody saw the end of. The target's class decides,
//! as after any lost answer: send again, ask, or stand in doubt for a person.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::delivery::TargetClass;
use lineshaft_model::lifecycle::{Next, RETRY_AFTER_MAX, after_restart};
use lineshaft_store::change::{AttemptKind, Longest, Settle};
use lineshaft_store::{Change, Effect, StoreError};

use crate::deliver::{Receiver, facts_of_row};
use crate::shared::Shared;

/// Sets deadlines of an earlier life anew, and decides on every attempt that was cut off, before anything new is sent.
pub(crate) async fn rescue(shared: &Shared, receivers: &BTreeMap<String, Arc<Receiver>>) -> Result<usize, StoreError> {
    let cut_off = shared.store.cut_off()?;
    let now = shared.clock.now();
    shared.store.commit(vec![Change::SetDeadlines(longest(receivers))]).await?;
    let mut rescued = 0;
    for row in cut_off {
        let next = match receivers.get(&row.receiver) {
            Some(receiver) => after_restart(&facts_of_row(shared, receiver, &row), &*shared.rng),
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

/// How long deliveries of each receiver wait at most.
fn longest(receivers: &BTreeMap<String, Arc<Receiver>>) -> Vec<Longest> {
    let of = |(name, receiver): (&String, &Arc<Receiver>)| {
        let receive = &receiver.receive;
        let answer = receive.answer.as_ref().map(|rule| rule.within);
        let quiet = quiet(&receive.class).max(receive.retry.cap);
        Longest {
            receiver: name.clone(),
            system: receive.system.clone(),
            wait: quiet.max(answer.unwrap_or_default()).saturating_add(RETRY_AFTER_MAX),
            usual: receive.retry.cap,
            answer,
        }
    };
    receivers.iter().map(of).collect()
}

fn quiet(class: &TargetClass) -> Duration {
    match class {
        TargetClass::Probe { quiet } => *quiet,
        TargetClass::NativeKey { past, .. } => quiet(past),
        TargetClass::NaturalKey | TargetClass::None => Duration::ZERO,
    }
}
