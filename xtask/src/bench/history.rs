//! When the first was sent and the last arrived, from the histories of generator and sink; and what the generator's
//! summary says. Only the fields needed are looked for: this program has no JSON reader.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::step::Stopwatch;

/// How long nothing may arrive any more before waiting ends.
const QUIET: Duration = Duration::from_secs(30);

/// Waits until the history at `path` has `count` lines. Reads each byte once: it must not disturb what is measured.
pub fn wait_for(path: &Path, count: u64) -> Result<(), String> {
    let text = |error: std::io::Error| format!("{}: {error}", path.display());
    let (mut lines, mut read, mut quiet) = (0, 0, Stopwatch::start());
    loop {
        let mut file = File::open(path).map_err(text)?;
        file.seek(SeekFrom::Start(read)).map_err(text)?;
        let mut more = Vec::new();
        read += file.read_to_end(&mut more).map_err(text)? as u64;
        lines += more.iter().filter(|byte| **byte == b'\n').count() as u64;
        if lines >= count {
            return Ok(());
        }
        if !more.is_empty() {
            quiet = Stopwatch::start();
        } else if quiet.elapsed() > QUIET {
            return Err(format!("only {lines} of {count} arrived"));
        }
        sleep(Duration::from_millis(50));
    }
}

/// Microseconds from the first line of `from` that holds `mark` to the last line of `to`.
pub fn micros_between(from: &Path, mark: &str, to: &Path) -> Result<f64, String> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let (from, to) = (read(from)?, read(to)?);
    let first = from.lines().find(|line| line.contains(mark)).and_then(|line| number(line, "t"));
    let last = to.lines().filter_map(|line| number(line, "t")).max_by(f64::total_cmp);
    first.zip(last).map(|(first, last)| last - first).ok_or_else(|| "a history is empty".to_owned())
}

/// The number called `name` in the last line of JSON in a file.
pub fn told(path: &Path, name: &str) -> Result<f64, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let last = text.lines().rev().find(|line| line.starts_with('{'));
    last.and_then(|line| number(line, name)).ok_or_else(|| format!("{} does not tell {name}", path.display()))
}

fn number(line: &str, name: &str) -> Option<f64> {
    let rest = line.split_once(&format!("\"{name}\":"))?.1;
    let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_name() {
        let line = r#"{"e":"invoke","t":1795421081051045,"per_second":299.9,"p99_us":75501}"#;
        assert_eq!(number(line, "t"), Some(1_795_421_081_051_045.0));
        assert_eq!(number(line, "per_second"), Some(299.9));
        assert_eq!(number(line, "p99_us"), Some(75_501.0));
        assert_eq!(number(line, "p50_us"), None);
    }
}
