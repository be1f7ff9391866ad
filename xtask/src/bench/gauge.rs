//! What the operating system says of a process: `/proc`. Elsewhere nothing is known, and figures are told as not a number.

use std::path::Path;
use std::process::Command;

/// CPU time of a process, and of its threads by what they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// Microseconds of the whole process, user and system.
    pub micros: f64,
    /// Of these, in the system.
    pub system: f64,
    /// Of the thread that writes the store.
    pub writer: f64,
}

impl Cpu {
    /// What came on top since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            micros: self.micros - earlier.micros,
            system: self.system - earlier.system,
            writer: self.writer - earlier.writer,
        }
    }
}

/// CPU time of process `id` so far.
pub fn cpu(id: u32) -> Cpu {
    let tick = micros_per_tick();
    let of = |path: &Path| ticks(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or((0, 0));
    let (user, system) = of(&Path::new("/proc").join(id.to_string()).join("stat"));
    let mut writer = 0;
    for task in std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if name.trim() == "store-writer" {
            let (user, system) = of(&task.path().join("stat"));
            writer += user + system;
        }
    }
    Cpu { micros: (user + system) as f64 * tick, system: system as f64 * tick, writer: writer as f64 * tick }
}

/// User and system time from a `stat` line. The name in it may hold blanks and parentheses.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let user = words.nth(11)?.parse().ok()?;
    Some((user, words.next()?.parse().ok()?))
}

fn micros_per_tick() -> f64 {
    let output = Command::new("getconf").arg("CLK_TCK").output().ok();
    let ticks = output.and_then(|output| String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().ok());
    1e6 / ticks.unwrap_or(100.0)
}

/// Memory of process `id` in MiB: `VmRSS` is what it has, `VmHWM` the most it ever had.
pub fn memory(id: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Processes that wanted to run in the last minute, on average.
pub fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

/// Bytes of all files below `directory`.
pub fn bytes_below(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => bytes_below(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_after_a_name_that_may_hold_anything() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 30 0 0 20 0";
        assert_eq!(ticks(stat), Some((250, 30)));
        assert_eq!(ticks("7 (x) S 1"), None);
    }
}
