//! The one place of this crate that reads the operating system's clocks. The stand-ins live outside the product,
//! so nothing here is simulated: faults that bend time bend it for the whole process.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 by the wall clock. For documents and for reading a history, never for durations.
#[expect(clippy::disallowed_methods, reason = "the one place of the stand-ins that reads the wall clock")]
pub fn wall_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Microseconds since this process first asked; never goes back.
pub fn monotonic_micros() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = instant().saturating_duration_since(*START.get_or_init(instant));
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the one place of the stand-ins that reads the monotonic clock")]
fn instant() -> Instant {
    Instant::now()
}
