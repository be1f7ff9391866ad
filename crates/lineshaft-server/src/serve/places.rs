//! Who may be connected, and who gives way. Pure book-keeping: nothing here waits on a socket.
//!
//! When an address has used up its places, or all are taken, the connection that has gone longest without a request is
//! closed for the new one: of the same address in the first case, of the address with the most in the second. One whose
//! request is being answered never gives way; where only such are left, the new one is closed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Connections open at the same time.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// Connections from one address.
pub(super) const CONNECTIONS_PER_ADDRESS_MAX: usize = 32;

/// Every connection there is.
#[derive(Default)]
pub(super) struct Places {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// Counts events: what happened earlier has a smaller number.
    tick: u64,
    taken: HashMap<u64, Taken>,
}

struct Taken {
    peer: IpAddr,
    /// Whether a request is being answered on it.
    asking: bool,
    /// When the last request ended, or the connection was made.
    idle_since: u64,
    go: Arc<Notify>,
}

/// One connection's place. Dropping it gives it back.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    go: Arc<Notify>,
    /// As the connection's own task knows it: the place may be gone already when a request begins.
    asking: AtomicBool,
}

/// A request that is being answered.
pub(super) struct Asking<'a>(&'a Place);

impl Places {
    /// A place for a connection from `peer`; `None` if nobody can give way.
    pub(super) fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut book = self.book();
        let own = book.taken.values().filter(|it| it.peer == peer).count();
        if own >= CONNECTIONS_PER_ADDRESS_MAX {
            book.give_way(Some(peer))?;
        } else if book.taken.len() >= CONNECTIONS_MAX {
            book.give_way(None)?;
        }
        let number = book.next();
        let go = Arc::new(Notify::new());
        book.taken.insert(number, Taken { peer, asking: false, idle_since: number, go: Arc::clone(&go) });
        Some(Place { places: Arc::clone(self), number, go, asking: AtomicBool::new(false) })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn next(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// Frees the place of the connection that can best be missed, and tells it to go.
    fn give_way(&mut self, peer: Option<IpAddr>) -> Option<()> {
        let mut of_address: HashMap<IpAddr, usize> = HashMap::new();
        for it in self.taken.values() {
            *of_address.entry(it.peer).or_default() += 1;
        }
        let idle = self.taken.iter().filter(|(_, it)| !it.asking && peer.is_none_or(|peer| it.peer == peer));
        let crowd = |it: &Taken| of_address.get(&it.peer).copied().unwrap_or(0);
        let first = idle.max_by_key(|(_, it)| (crowd(it), std::cmp::Reverse(it.idle_since)));
        let number = *first?.0;
        self.taken.remove(&number)?.go.notify_one();
        Some(())
    }
}

impl Place {
    /// A request begins. There is one at a time on a connection.
    pub(super) fn ask(&self) -> Asking<'_> {
        self.set(true);
        Asking(self)
    }

    fn set(&self, asking: bool) {
        self.asking.store(asking, Ordering::Release);
        let mut book = self.places.book();
        let now = book.next();
        if let Some(it) = book.taken.get_mut(&self.number) {
            (it.asking, it.idle_since) = (asking, now);
        }
    }

    /// Waits until another connection needs this place.
    pub(super) async fn wanted(&self) {
        self.go.notified().await;
    }

    /// Whether a request is being answered.
    pub(super) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Acquire)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.book().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Whether its place went to another.
    fn gone(place: &Place) -> bool {
        !place.places.book().taken.contains_key(&place.number)
    }

    /// Connections from one address, as many as it may have.
    fn crowd(places: &Arc<Places>, from: u8) -> Vec<Place> {
        (0..CONNECTIONS_PER_ADDRESS_MAX).map(|_| places.take(peer(from)).unwrap()).collect()
    }

    #[test]
    fn an_address_that_has_used_up_its_places_replaces_its_own_longest_idle() {
        let places = Arc::new(Places::default());
        let other = places.take(peer(2)).unwrap();
        let held = crowd(&places, 1);
        // The first has just asked something, so the second has waited longest.
        drop(held[0].ask());
        let busy = held[2].ask();
        let _new = [places.take(peer(1)).unwrap(), places.take(peer(1)).unwrap()];
        let left: Vec<usize> = (0..held.len()).filter(|at| gone(&held[*at])).collect();
        assert_eq!((left, gone(&other)), (vec![1, 3], false));
        drop(busy);
    }

    #[test]
    fn when_all_are_taken_the_address_with_the_most_gives_way() {
        let places = Arc::new(Places::default());
        let few: Vec<Place> = (0..CONNECTIONS_MAX - CONNECTIONS_PER_ADDRESS_MAX)
            .map(|at| places.take(peer(10 + u8::try_from(at).unwrap())).unwrap())
            .collect();
        let many = crowd(&places, 1);
        let _new = places.take(peer(2)).unwrap();
        assert!(gone(&many[0]) && !few.iter().any(gone));
        assert_eq!(places.book().taken.len(), CONNECTIONS_MAX);
    }

    #[test]
    fn whoever_is_being_answered_never_gives_way() {
        let places = Arc::new(Places::default());
        let held: Vec<Place> = [crowd(&places, 1), crowd(&places, 2)].into_iter().flatten().collect();
        let asking: Vec<Asking<'_>> = held.iter().map(Place::ask).collect();
        assert!(places.take(peer(1)).is_none() && places.take(peer(3)).is_none());
        assert!(!held.iter().any(gone));
        drop(asking);
        let late = places.take(peer(3)).unwrap();
        // A request that begins on a place that is gone already is answered all the same.
        let given_up = held.iter().find(|it| gone(it)).unwrap();
        let answered = given_up.ask();
        assert!(given_up.is_asking());
        drop(answered);
        assert!(!given_up.is_asking());
        drop(late);
        drop(held);
        assert_eq!(places.book().taken.len(), 0);
    }
}
