//! What a run of the generator measured.

use serde::Serialize;

/// The counters and latencies of one worker, then of all.
#[derive(Debug, Default)]
pub(super) struct Tally {
    micros: Vec<u32>,
    pub(super) failed: u64,
    pub(super) unknown: u64,
}

/// What a run measured. Latencies are from the first sending (in an open loop: from the moment it was due) to the
/// acknowledgement, repeats included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Transactions to place.
    pub planned: u64,
    /// Acknowledged.
    pub ok: u64,
    /// Definitely refused.
    pub failed: u64,
    /// Left with an unknown outcome.
    pub unknown: u64,
    /// Attempts with an unknown outcome, most of them settled by a later attempt.
    pub unknown_attempts: u64,
    /// Answers that asked to come again later (408, 425, 429, 503).
    pub refused_attempts: u64,
    /// Duration of the run in milliseconds.
    pub elapsed_ms: u64,
    /// Acknowledgements a second.
    pub per_second: f64,
    /// Median latency in microseconds.
    pub p50_us: u32,
    /// 99th percentile in microseconds.
    pub p99_us: u32,
    /// 99.9th percentile in microseconds.
    pub p999_us: u32,
    /// Longest latency in microseconds.
    pub max_us: u32,
}

impl Tally {
    pub(super) fn ok(&mut self, micros: u64) {
        self.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
    }

    pub(super) fn add(&mut self, other: Self) {
        self.micros.extend(other.micros);
        self.failed += other.failed;
        self.unknown += other.unknown;
    }

    pub(super) fn summary(mut self, planned: u64, elapsed_micros: u64, refused: u64, doubted: u64) -> Summary {
        self.micros.sort_unstable();
        let rank = |per_mille: usize| {
            let at = (self.micros.len() * per_mille).div_ceil(1_000).saturating_sub(1);
            self.micros.get(at).copied().unwrap_or(0)
        };
        let ok = self.micros.len() as u64;
        Summary {
            planned,
            ok,
            failed: self.failed,
            unknown: self.unknown,
            unknown_attempts: doubted,
            refused_attempts: refused,
            elapsed_ms: elapsed_micros / 1_000,
            per_second: (ok as f64 * 1e7 / elapsed_micros.max(1) as f64).round() / 10.0,
            p50_us: rank(500),
            p99_us: rank(990),
            p999_us: rank(999),
            max_us: rank(1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_latencies() {
        let mut tally = Tally::default();
        (1..=1_000).rev().for_each(|micros| tally.ok(micros));
        let summary = tally.summary(1_000, 2_000_000, 0, 0);
        assert_eq!((summary.p50_us, summary.p99_us, summary.p999_us, summary.max_us), (500, 990, 999, 1_000));
        assert!((summary.per_second - 500.0).abs() < 0.01);
    }
}
