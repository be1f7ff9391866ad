//! Deliveries of one system that are due or will be, as far as they fit in memory. The store has them all.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::time::Timestamp;
use lineshaft_store::StoreError;
use lineshaft_store::change::{AttemptKind, Due};
use tokio::sync::Notify;

use crate::shared::Shared;

/// Entries kept in memory at most; what does not fit is found again in the store.
const ENTRIES_MAX: usize = 8192;

#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// By time, then in the order of arrival.
    waiting: BTreeMap<(Timestamp, u64), Due>,
    /// Waiting or on their way: not to be loaded a second time.
    known: HashMap<DeliveryId, Whereabouts>,
    arrivals: u64,
    /// Whether the store has entries that are not here, and from when on to look.
    more_from: Option<Timestamp>,
}

/// Where a known delivery is.
enum Whereabouts {
    /// Waiting, under this place in the order.
    Waiting((Timestamp, u64)),
    /// On its way. What became due meanwhile, because a person decided, is kept until it has ended.
    OnItsWay(Option<Due>),
}

impl Queue {
    /// The latest word on a delivery counts: an attempt that a person asked for replaces a question that waits.
    pub(crate) fn push(&self, due: Due) {
        let mut state = self.lock();
        match state.known.get_mut(&due.delivery) {
            Some(Whereabouts::OnItsWay(next)) => {
                *next = Some(due);
                return;
            }
            Some(Whereabouts::Waiting(place)) => {
                let place = *place;
                state.waiting.remove(&place);
                state.known.remove(&due.delivery);
            }
            None => {}
        }
        if state.waiting.len() >= ENTRIES_MAX {
            state.more_from = Some(state.more_from.map_or(due.at, |from| from.min(due.at)));
        } else {
            state.insert(due);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The next delivery that is due at `now`. It stays known until [`Self::forget`].
    pub(crate) fn pop(&self, now: Timestamp) -> Option<Due> {
        let mut state = self.lock();
        let first = state.waiting.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let due = first.remove();
        state.known.insert(due.delivery, Whereabouts::OnItsWay(None));
        Some(due)
    }

    /// When the next one is due, here or in the store.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let state = self.lock();
        let here = state.waiting.first_key_value().map(|((at, _), _)| *at);
        here.into_iter().chain(state.more_from).min()
    }

    /// Its attempt has ended, or it is not to be attempted now.
    pub(crate) fn forget(&self, delivery: DeliveryId) {
        let mut state = self.lock();
        if let Some(Whereabouts::OnItsWay(Some(due))) = state.known.remove(&delivery) {
            state.insert(due);
            drop(state);
            self.changed.notify_one();
        }
    }

    pub(crate) fn look_into_store(&self) {
        self.lock().more_from = Some(Timestamp::default());
        self.changed.notify_one();
    }

    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Loads due deliveries from the store, if it has some that are not here and there is room.
    pub(crate) fn refill(
        &self,
        shared: &Shared,
        (system, receivers): (&str, &[&str]),
        now: Timestamp,
        limit: usize,
    ) -> Result<(), StoreError> {
        {
            let state = self.lock();
            let wanted = state.more_from.is_some_and(|from| from <= now);
            if !wanted || state.waiting.len() > ENTRIES_MAX / 8 {
                return Ok(());
            }
        }
        let rows = shared.store.due(system, receivers, now, limit + self.lock().known.len())?;
        let complete = rows.len() < limit;
        let next = if complete { shared.store.next_due(system, receivers)? } else { Some(now) };
        let mut state = self.lock();
        for row in rows {
            if !state.known.contains_key(&row.id) {
                let kind = match row.state {
                    DeliveryState::OutcomeUnknown => AttemptKind::Probe,
                    DeliveryState::Sent => AttemptKind::Readback,
                    _ => AttemptKind::Send,
                };
                let at = row.next_at.unwrap_or(now);
                state.insert(Due { delivery: row.id, system: row.system, receiver: row.receiver, at, kind });
            }
        }
        // What is due later stays in the store until its time.
        state.more_from =
            next.map(|at| if complete { at.max(now.after(std::time::Duration::from_millis(1))) } else { at });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, due: Due) {
        self.arrivals += 1;
        let place = (due.at, self.arrivals);
        self.known.insert(due.delivery, Whereabouts::Waiting(place));
        self.waiting.insert(place, due);
    }
}
