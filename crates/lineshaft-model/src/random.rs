//! The `Rng` through which alone randomness is drawn: ids and jitter. Not for secrets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A source of random numbers. An argument everywhere, so that a run can be repeated from its seed.
pub trait Rng: Send + Sync {
    /// 64 uniformly distributed bits.
    fn next_u64(&self) -> u64;
}

/// A uniformly distributed share of `span`: between zero and `span`.
pub fn jitter(rng: &dyn Rng, span: Duration) -> Duration {
    let micros = u128::from(rng.next_u64()) * span.as_micros() / (u128::from(u64::MAX) + 1);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): repeatable from its seed, lock-free, good enough for ids and jitter.
#[derive(Debug)]
pub struct SeededRng {
    state: AtomicU64,
}

impl SeededRng {
    /// A generator that always gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// A generator seeded by the operating system's randomness.
    pub fn from_os() -> Self {
        use std::hash::{BuildHasher, Hasher};
        // RandomState is keyed by the operating system; hashing nothing with two of them gives 64 fresh bits.
        let one = std::collections::hash_map::RandomState::new().build_hasher().finish();
        let two = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Self::new(one ^ two.rotate_left(32))
    }
}

impl Rng for SeededRng {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_jitter_stays_in_its_span() {
        let (one, two) = (SeededRng::new(7), SeededRng::new(7));
        for _ in 0..100 {
            assert_eq!(one.next_u64(), two.next_u64());
            assert!(jitter(&one, Duration::from_secs(1)) < Duration::from_secs(1));
            two.next_u64();
        }
    }
}
