//! What retention no longer keeps is removed: documents first, then what tracked them, senders' keys, the audit log.
//!
//! Looking is done on a reading connection; the writer only removes, in slices of a few milliseconds, and has four times
//! as long for everybody else after each. What a pass did not come to is found by the next.

use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::time::{Timestamp, age_towards};
use lineshaft_store::read::expiring::{Kept, Look, Place};
use lineshaft_store::{Change, Effect, StoreError};

use super::pause_until;
use crate::shared::Shared;

/// How long after its beginning a pass begins again, where what is old is found by its age.
const EVERY: Duration = Duration::from_secs(60);

/// How long after its beginning a pass begins again, where it must go through everything to find what is old.
const GOES_THROUGH_ALL: Duration = Duration::from_secs(3600);

/// After each slice the writer is left alone for so many times as long as it took.
const REST: u32 = 4;

/// Shortest and longest rest.
const REST_BOUNDS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));

/// How often it is written down how far retention has come.
const WRITTEN_EVERY: Duration = Duration::from_secs(600);

/// What time it is for retention: a wall clock that jumped makes nothing old (docs/decisions/0016).
struct Aging {
    aged_to: Timestamp,
    /// When it was last brought on, and when written down, on the clock that does not step.
    at: Timestamp,
    written: Timestamp,
}

impl Aging {
    fn begin(shared: &Shared) -> Self {
        let at = shared.steady().started();
        Self { aged_to: shared.store.aged_to(), at, written: at }
    }

    fn now(&self, shared: &Shared) -> Timestamp {
        self.aged_to.min(shared.clock.now())
    }

    async fn go_on(&mut self, shared: &Shared) {
        let at = shared.steady().now();
        self.aged_to = age_towards(self.aged_to, shared.clock.now(), at.since(self.at));
        self.at = at;
        if at.since(self.written) < WRITTEN_EVERY {
            return;
        }
        self.written = at;
        if let Err(error) = shared.store.commit(vec![Change::Aged(self.aged_to)]).await {
            shared.fail_if_fatal(&error);
            tracing::warn!(%error, "how far retention has come is not written down now");
        }
    }
}

pub(super) async fn run(shared: &Shared) {
    let mut due = Kept::ALL.map(|kept| (kept, Duration::ZERO));
    let mut aging = Aging::begin(shared);
    loop {
        aging.go_on(shared).await;
        for (kept, at) in &mut due {
            let now = shared.clock.monotonic();
            if now < *at {
                continue;
            }
            // Keys are not found by their age.
            *at = now + if *kept == Kept::Keys { GOES_THROUGH_ALL } else { EVERY };
            match pass(shared, *kept, aging.now(shared)).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(?kept, removed, "retention is over"),
                // A row that cannot be read is in nobody's way here; whoever needs it tells.
                Err(error @ StoreError::Damaged(_)) => tracing::error!(%error, ?kept, "nothing is removed now"),
                Err(error) => {
                    shared.fail_if_fatal(&error);
                    tracing::warn!(%error, ?kept, "nothing is removed now");
                }
            }
        }
        let next = due.iter().map(|(_, at)| *at).min().unwrap_or_default();
        if pause_until(shared, next).await {
            return;
        }
    }
}

/// Goes once through everything of a kind; how much it removed.
async fn pass(shared: &Shared, kept: Kept, now: Timestamp) -> Result<u64, StoreError> {
    let retention = &shared.project.installation.retention;
    let age = match kept {
        Kept::Payloads => retention.payloads,
        Kept::Tracking => retention.tracking,
        Kept::Keys => retention.keys,
        Kept::Audit => retention.audit,
    };
    let before = now.before(age);
    let (mut place, mut all) = (Place::default(), 0);
    while !shared.is_stopping() {
        let began = shared.clock.monotonic();
        let Look { expire, next } = look(shared, kept, before, place.clone()).await?;
        let mut complete = true;
        if let Some(expire) = expire {
            let effects = shared.store.commit(vec![Change::Expire(expire)]).await?.into_inner();
            if let Some(Effect::Expired { removed, complete: whole }) = effects.into_iter().next() {
                all += removed;
                complete = whole;
            }
        }
        match next {
            // What is left of this look is found again from the same place.
            _ if !complete => {}
            Some(next) => place = next,
            None => break,
        }
        let took = shared.clock.monotonic().saturating_sub(began);
        tokio::time::sleep((took * REST).clamp(REST_BOUNDS.0, REST_BOUNDS.1)).await;
    }
    Ok(all)
}

/// Reads many rows, so it is done off the async threads.
async fn look(shared: &Shared, kept: Kept, before: Timestamp, place: Place) -> Result<Look, StoreError> {
    let store = Arc::clone(&shared.store);
    let looked = tokio::task::spawn_blocking(move || store.expired(kept, before, &place)).await;
    looked.unwrap_or_else(|error| {
        tracing::error!(%error, "a look for what has expired ended early");
        Ok(Look { expire: None, next: None })
    })
}
