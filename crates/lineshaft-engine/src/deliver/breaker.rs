//! Stops attempts at a system that is unwell, and tries now and then whether it is back. Such a trial burns no
//! attempt of the delivery that it is made with.

use std::time::Duration;

/// What an attempt says of the system itself, apart from the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered as a working system does, also when it refused.
    Well,
    /// It cannot be reached, does not answer, or fails on its side.
    Unwell,
    /// Nothing: there was no contact.
    NotSeen,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    open_after: u32,
    probe_every: Duration,
    failures: u32,
    /// Reading of the monotonic clock at which the next trial may begin; `None` while closed.
    open_until: Option<Duration>,
    trial_runs: bool,
}

impl Breaker {
    pub(crate) fn new(open_after: u32, probe_every: Duration) -> Self {
        Self { open_after: open_after.max(1), probe_every, failures: 0, open_until: None, trial_runs: false }
    }

    /// Whether an attempt may begin at `now`, or how long until it is worth asking again.
    pub(crate) fn permits(&self, now: Duration) -> Result<(), Duration> {
        match self.open_until {
            None => Ok(()),
            Some(_) if self.trial_runs => Err(self.probe_every),
            Some(until) if now < until => Err(until - now),
            Some(_) => Ok(()),
        }
    }

    /// An attempt begins; says whether it is a trial.
    pub(crate) fn begin(&mut self) -> bool {
        self.trial_runs |= self.open_until.is_some();
        self.open_until.is_some()
    }

    /// An attempt ended at `now`.
    pub(crate) fn end(&mut self, trial: bool, health: Health, now: Duration) {
        if trial {
            self.trial_runs = false;
        }
        match health {
            // The next attempt is the trial.
            Health::NotSeen => {}
            Health::Well if trial || self.open_until.is_none() => {
                self.failures = 0;
                self.open_until = None;
            }
            // An attempt that began before the breaker opened says nothing about the system now.
            Health::Well => {}
            Health::Unwell => {
                self.failures = self.failures.saturating_add(1);
                if trial || (self.failures >= self.open_after && self.open_until.is_none()) {
                    self.open_until = Some(now + self.probe_every);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(breaker: &mut Breaker, now: Duration) {
        let trial = breaker.begin();
        breaker.end(trial, Health::Unwell, now);
    }

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_trial_through_at_a_time() {
        let mut breaker = Breaker::new(3, 10 * SECOND);
        fail(&mut breaker, SECOND);
        fail(&mut breaker, SECOND);
        assert_eq!(breaker.permits(SECOND), Ok(()));
        fail(&mut breaker, SECOND);
        assert_eq!(breaker.permits(2 * SECOND), Err(9 * SECOND));
        assert_eq!(breaker.permits(11 * SECOND), Ok(()));
        assert!(breaker.begin());
        assert!(breaker.permits(11 * SECOND).is_err(), "one trial at a time");
        breaker.end(true, Health::Unwell, 12 * SECOND);
        assert_eq!(breaker.permits(12 * SECOND), Err(10 * SECOND));
        assert!(breaker.begin());
        breaker.end(true, Health::Well, 22 * SECOND);
        assert_eq!(breaker.permits(22 * SECOND), Ok(()));
        assert!(!breaker.begin());
    }

    #[test]
    fn a_trial_without_contact_leaves_it_open_and_another_one_may_begin() {
        let mut breaker = Breaker::new(1, 10 * SECOND);
        fail(&mut breaker, SECOND);
        assert!(breaker.begin());
        breaker.end(true, Health::NotSeen, 12 * SECOND);
        assert_eq!(breaker.permits(12 * SECOND), Ok(()));
        assert!(breaker.begin(), "it is a trial again");
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let mut breaker = Breaker::new(2, SECOND);
        for _ in 0..10 {
            fail(&mut breaker, SECOND);
            let trial = breaker.begin();
            breaker.end(trial, Health::Well, SECOND);
        }
        assert_eq!(breaker.permits(SECOND), Ok(()));
    }

    #[test]
    fn an_attempt_from_before_does_not_close_it() {
        let mut breaker = Breaker::new(1, SECOND);
        let early = breaker.begin();
        fail(&mut breaker, SECOND);
        breaker.end(early, Health::Well, SECOND);
        assert!(breaker.permits(SECOND).is_err());
    }
}
