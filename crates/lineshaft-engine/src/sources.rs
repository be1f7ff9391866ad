//! What each source did last: whether documents come, and why not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lineshaft_model::fault::Fault;
use lineshaft_model::time::Timestamp;

/// What the source of an interface did since the node started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// When it handed something over last.
    pub received_at: Option<Timestamp>,
    /// That it fails, if its latest call did.
    pub failing: Option<Failing>,
    /// Documents that were refused for what they are, and stay with their sender or in its directory.
    pub refused: u64,
    /// Why the latest of them was refused, and when.
    pub last_refused: Option<(Fault, Timestamp)>,
}

/// A source that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Why, as it was the last time.
    pub fault: Fault,
    /// Since when.
    pub since: Timestamp,
    /// How often since then.
    pub times: u64,
}

/// The states of all sources, by interface.
#[derive(Debug, Default)]
pub struct Sources(Mutex<BTreeMap<String, SourceState>>);

impl Sources {
    /// What is known of the source of an interface.
    pub fn of(&self, interface: &str) -> SourceState {
        self.lock().get(interface).cloned().unwrap_or_default()
    }

    pub(crate) fn received(&self, interface: &str, now: Timestamp) {
        self.change(interface, |state| (state.received_at, state.failing) = (Some(now), None));
    }

    pub(crate) fn failed(&self, interface: &str, fault: &Fault, now: Timestamp) {
        self.change(interface, |state| {
            let (since, times) = state.failing.as_ref().map_or((now, 0), |failing| (failing.since, failing.times));
            state.failing = Some(Failing { fault: fault.clone(), since, times: times + 1 });
        });
    }

    /// It fails no more, although it handed nothing over.
    pub(crate) fn recovered(&self, interface: &str) {
        if let Some(state) = self.lock().get_mut(interface) {
            state.failing = None;
        }
    }

    pub(crate) fn refused(&self, interface: &str, fault: &Fault, now: Timestamp) {
        self.change(interface, |state| {
            state.refused += 1;
            state.last_refused = Some((fault.clone(), now));
        });
    }

    fn change(&self, interface: &str, change: impl FnOnce(&mut SourceState)) {
        let mut states = self.lock();
        match states.get_mut(interface) {
            Some(state) => change(state),
            None => change(states.entry(interface.to_owned()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, SourceState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use lineshaft_model::fault::Code;

    use super::*;

    #[test]
    fn a_source_fails_since_its_first_failure_until_something_comes_or_it_fails_no_more() {
        let sources = Sources::default();
        let at = Timestamp::from_micros;
        let fault = |message: &str| Fault::new(Code::DeliverUnreachable, message);
        assert_eq!(sources.of("erp/order"), SourceState::default());
        sources.recovered("erp/order");
        sources.failed("erp/order", &fault("first"), at(1));
        sources.failed("erp/order", &fault("second"), at(2));
        let failing = Some(Failing { fault: fault("second"), since: at(1), times: 2 });
        assert_eq!(sources.of("erp/order").failing, failing);
        assert_eq!(sources.of("erp/other").failing, None);
        sources.received("erp/order", at(3));
        assert_eq!((sources.of("erp/order").failing, sources.of("erp/order").received_at), (None, Some(at(3))));
        sources.failed("erp/order", &fault("third"), at(4));
        assert_eq!(sources.of("erp/order").failing.map(|failing| (failing.since, failing.times)), Some((at(4), 1)));
        sources.recovered("erp/order");
        sources.refused("erp/order", &fault("bad"), at(5));
        let state = sources.of("erp/order");
        assert_eq!((state.failing, state.refused, state.last_refused), (None, 1, Some((fault("bad"), at(5)))));
    }
}
