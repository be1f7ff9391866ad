//! Deliveries of one system that are due or will be, as far as they fit in memory: those that are due first. The store has
//! them all, so that one which is given up here for an earlier one is found again at its time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::time::Timestamp;
use lineshaft_store::change::{AttemptKind, Due};
use lineshaft_store::read::deliveries::Delivery;
use lineshaft_store::{Store, StoreError};
use tokio::sync::Notify;

/// Entries kept in memory at most; what does not fit is found again in the store.
const ENTRIES_MAX: usize = 8192;

/// As long as so many are due here, nothing is loaded.
const ENOUGH_DUE: usize = ENTRIES_MAX / 8;

/// What becomes due in the store is looked for this often at most.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
    /// Whether the store has entries that are not here, and from when on to look: none of them is due earlier.
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
        state.take_in(due);
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
            state.take_in(due);
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
        store: &Store,
        (system, receivers): (&str, &[&str]),
        now: Timestamp,
        limit: usize,
    ) -> Result<(), StoreError> {
        let Some(here) = self.lock().begin_look(now) else { return Ok(()) };
        let looked = look(store, (system, receivers), now, limit + here);
        let mut state = self.lock();
        let (rows, next) = match looked {
            Ok(found) => found,
            Err(error) => {
                state.look_from(Some(now.after(LOOK_EVERY)));
                return Err(error);
            }
        };
        state.look_from(next);
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
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is due, the longest due first, and from when on there is more.
fn look(
    store: &Store,
    (system, receivers): (&str, &[&str]),
    now: Timestamp,
    limit: usize,
) -> Result<(Vec<Delivery>, Option<Timestamp>), StoreError> {
    let rows = store.due(system, receivers, now, limit)?;
    let next = match rows.last() {
        Some(last) if rows.len() == limit => last.next_at,
        // What is due later stays in the store until its time.
        _ => store.next_due(system, receivers, now)?.map(|at| at.max(now.after(LOOK_EVERY))),
    };
    Ok((rows, next))
}

impl State {
    /// Whether the store is to be asked: it has something that is due, and not enough is here. Then how many of the entries
    /// here it may name too. What is left to the store from here on is not overlooked by what the look comes to.
    fn begin_look(&mut self, now: Timestamp) -> Option<usize> {
        self.more_from.filter(|from| *from <= now)?;
        let due = self.waiting.range(..=(now, u64::MAX)).take(ENOUGH_DUE).count();
        if due == ENOUGH_DUE {
            return None;
        }
        self.more_from = None;
        Some(due + self.known.len() - self.waiting.len())
    }

    fn look_from(&mut self, at: Option<Timestamp>) {
        self.more_from = self.more_from.into_iter().chain(at).min();
    }

    /// Takes in what became due. Where there is enough here, and something in the store is due no later, it waits behind that.
    fn take_in(&mut self, due: Due) {
        if self.waiting.len() < ENOUGH_DUE || self.more_from.is_none_or(|from| from > due.at) {
            self.insert(due);
        }
    }

    /// Where there is no room, the one that is due last is left to the store.
    fn insert(&mut self, due: Due) {
        if self.waiting.len() >= ENTRIES_MAX {
            match self.waiting.last_entry() {
                Some(last) if last.key().0 > due.at => {
                    let last = last.remove();
                    self.known.remove(&last.delivery);
                    self.leave(&last);
                }
                _ => return self.leave(&due),
            }
        }
        self.arrivals += 1;
        let place = (due.at, self.arrivals);
        self.known.insert(due.delivery, Whereabouts::Waiting(place));
        self.waiting.insert(place, due);
    }

    /// Leaves an entry to the store.
    fn leave(&mut self, due: &Due) {
        self.more_from = Some(self.more_from.map_or(due.at, |from| from.min(due.at)));
    }
}

#[cfg(test)]
mod tests {
    use lineshaft_model::ids::TransactionId;

    use super::*;

    fn due(number: usize, at: i64) -> Due {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let receiver = "erp/confirmation".to_owned();
        Due {
            delivery: DeliveryId::of(TransactionId::from_bytes(bytes), &receiver),
            system: "erp".to_owned(),
            receiver,
            at: Timestamp::from_micros(at),
            kind: AttemptKind::Send,
        }
    }

    fn held(queue: &Queue) -> (usize, usize, Option<i64>) {
        let state = queue.lock();
        (state.waiting.len(), state.known.len(), state.more_from.map(Timestamp::as_micros))
    }

    #[test]
    fn what_is_due_first_stays_and_the_rest_is_found_at_its_time() {
        let queue = Queue::default();
        let max = i64::try_from(ENTRIES_MAX).expect("few");
        (0..ENTRIES_MAX + 100).zip(1000..).for_each(|(number, at)| queue.push(due(number, at)));
        assert_eq!(held(&queue), (ENTRIES_MAX, ENTRIES_MAX, Some(1000 + max)));
        queue.push(due(20_000, 5));
        assert_eq!(held(&queue), (ENTRIES_MAX, ENTRIES_MAX, Some(1000 + max - 1)), "the last gives way to the first");
        assert_eq!(queue.pop(Timestamp::from_micros(999)), Some(due(20_000, 5)));
        assert_eq!(queue.pop(Timestamp::from_micros(999)), None);
    }

    #[test]
    fn what_is_due_later_keeps_nothing_from_being_loaded() {
        let queue = Queue::default();
        (0..ENTRIES_MAX).for_each(|number| queue.push(due(number, 1_000_000)));
        let look = |now| queue.lock().begin_look(Timestamp::from_micros(now));
        assert_eq!(look(10), None, "nothing is known to be in the store");
        queue.look_into_store();
        assert_eq!(look(10), Some(0));
        // Whatever is due is enough for the moment.
        queue.look_into_store();
        assert_eq!(look(1_000_000), None);
        // And what comes then does not overtake what is in the store.
        assert!(queue.pop(Timestamp::from_micros(1_000_000)).is_some());
        queue.push(due(20_000, 1_000_001));
        assert_eq!(held(&queue), (ENTRIES_MAX - 1, ENTRIES_MAX, Some(0)));
    }
}
