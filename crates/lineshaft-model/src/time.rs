//! Instants and the `Clock` through which alone time is read.
//!
//! Only [`SystemClock`] touches the operating system; everything else is given `now` or a `&dyn Clock`, so that a
//! node runs under a simulated clock. Durations come from the monotonic reading, never from wall-clock differences (TM2).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An instant in UTC, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This instant plus `duration`; stays at the last representable instant instead of overflowing.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This instant minus `duration`; stays at the first representable instant instead of overflowing.
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero if it is not in the past.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// An instant as RFC 3339 writes it, with any offset: `2026-11-23T11:42:07+01:00`.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|instant| Self(instant.as_microsecond()))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-23T10:42:07.123Z`.
    pub fn to_rfc3339(self) -> String {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => format!("{instant:.3}"),
            Err(_) => format!("{}us", self.0),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// The source of time. An argument everywhere, so that tests and simulation decide what time it is.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// A reading that never goes back, for durations; its zero has no meaning.
    fn monotonic(&self) -> Duration;
}

/// The time of one life of the node, in which deadlines are written (TM2): the wall clock as it was at the start, and from
/// then on what the monotonic clock counts. It never steps; what it says of an earlier life is only what that one's wall
/// clock said.
#[derive(Clone)]
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    started_monotonic: Duration,
}

impl SteadyClock {
    /// A life begins.
    pub fn begin(clock: Arc<dyn Clock>) -> Self {
        let (started, started_monotonic) = (clock.now(), clock.monotonic());
        Self { clock, started, started_monotonic }
    }

    /// When this life began.
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.started.after(self.clock.monotonic().saturating_sub(self.started_monotonic))
    }

    /// The latest that it may be: a wall clock that is ahead may be right, as after a machine was suspended.
    pub fn latest(&self) -> Timestamp {
        self.now().max(self.clock.now())
    }

    /// A deadline as the wall clock now has it, for people.
    pub fn shown(&self, at: Timestamp) -> Timestamp {
        let (steady, wall) = (self.now(), self.clock.now());
        let (ahead, behind) = (wall.since(steady), steady.since(wall));
        match ahead.max(behind) < STEP {
            true => at,
            false => at.after(ahead).before(behind),
        }
    }
}

impl fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SteadyClock").field("started", &self.started).finish_non_exhaustive()
    }
}

/// How far retention has come after `elapsed`, if it had come to `aged_to` and the wall clock says `wall`. It follows the
/// wall clock at most twice as fast as time is really lived through: a clock that is years ahead makes nothing old, and
/// years without the node are caught up with.
pub fn age_towards(aged_to: Timestamp, wall: Timestamp, elapsed: Duration) -> Timestamp {
    let reach = elapsed.saturating_mul(2);
    if wall >= aged_to { aged_to.after(reach).min(wall) } else { aged_to.before(reach).max(wall) }
}

/// Clocks that differ by less are one: they are read one after the other, and a correction of this size is no step.
const STEP: Duration = Duration::from_secs(1);

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// The clock of this process.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_print_in_utc_with_their_offset() {
        assert_eq!(Timestamp::from_millis(1_795_392_000_123).to_string(), "2026-11-23T00:00:00.123Z");
        assert_eq!(Timestamp::from_micros(-1).as_millis(), -1);
        let read = Timestamp::from_rfc3339("2026-11-23T01:00:00.123+01:00");
        assert_eq!(read, Some(Timestamp::from_millis(1_795_392_000_123)));
        assert_eq!(
            read.map(|it| it.before(Duration::from_millis(123)).to_string()),
            Some("2026-11-23T00:00:00.000Z".to_owned())
        );
        assert_eq!(Timestamp::from_rfc3339("2026-11-23"), None);
    }

    #[test]
    fn retention_follows_the_wall_clock_as_fast_as_time_is_lived_through() {
        let (then, day) = (Timestamp::from_millis(1_795_392_000_000), Duration::from_secs(24 * 3600));
        let wall = |days: u32| then.after(day * days);
        assert_eq!(age_towards(then, wall(1), day), wall(1), "as long as it is right, it is the wall clock");
        assert_eq!(age_towards(then, wall(365), Duration::ZERO), then);
        assert_eq!(age_towards(then, wall(365), day), wall(2), "a clock that is ahead");
        assert_eq!(age_towards(wall(10), then, day), wall(8), "a clock that is behind, or one that was ahead");
        let (mut aged, mut lived) = (then, 0);
        while aged < wall(365 + lived) {
            lived += 1;
            aged = age_towards(aged, wall(365 + lived), day);
        }
        assert_eq!(lived, 365, "a year without the node is caught up with in a year");
    }

    #[test]
    fn a_clock_that_went_back_makes_no_negative_age() {
        let (early, late) = (Timestamp::from_millis(1), Timestamp::from_millis(3));
        assert_eq!(late.since(early), Duration::from_millis(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(i64::MAX).after(Duration::from_secs(1)), Timestamp::from_micros(i64::MAX));
    }
}
