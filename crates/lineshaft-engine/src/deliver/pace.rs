//! At most so many attempts begin in a second, evenly spaced with a little credit (GCRA, ITU-T I.371).

use std::time::Duration;

/// Attempts that may begin at once after a rest.
const BURST: u32 = 5;

#[derive(Debug)]
pub(crate) struct Pace {
    /// Time between two attempts; zero for no limit.
    interval: Duration,
    /// Reading of the monotonic clock at which the next attempt would be exactly on time.
    on_time: Duration,
}

impl Pace {
    pub(crate) fn new(rate_per_sec: Option<u32>) -> Self {
        let interval = rate_per_sec.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        Self { interval, on_time: Duration::ZERO }
    }

    /// Whether an attempt may begin at `now`, or how long to wait.
    pub(crate) fn permits(&self, now: Duration) -> Result<(), Duration> {
        let earliest = self.on_time.saturating_sub(self.interval * BURST);
        if now >= earliest { Ok(()) } else { Err(earliest - now) }
    }

    pub(crate) fn begin(&mut self, now: Duration) {
        self.on_time = self.on_time.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_a_minute_the_rate_holds_and_a_burst_is_small() {
        let mut pace = Pace::new(Some(50));
        let (mut now, mut begun) = (Duration::from_secs(1), 0_u32);
        while now < Duration::from_secs(61) {
            match pace.permits(now) {
                Ok(()) => {
                    pace.begin(now);
                    begun += 1;
                }
                Err(wait) => now += wait,
            }
        }
        assert!((50 * 60..=50 * 60 + BURST + 1).contains(&begun), "{begun}");
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut pace = Pace::new(None);
        for _ in 0..1000 {
            assert_eq!(pace.permits(Duration::ZERO), Ok(()));
            pace.begin(Duration::ZERO);
        }
    }
}
