//! How many tests passed, failed and were skipped, read from the output of `cargo test -- --show-output`.
//!
//! A test that cannot run here prints `SKIP: reason` and returns; cargo calls that passed, we call it skipped.
//! An ignored test is skipped too. So every test is counted once.

use std::fmt;

/// The counts of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests that ran and hold.
    pub passed: usize,
    /// Tests that do not hold.
    pub failed: usize,
    /// Tests that could not run here.
    pub skipped: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Reads output line by line and remembers in which part of it we are.
#[derive(Default)]
pub struct Reader {
    counts: Counts,
    part: Part,
    /// Tests of the running program that have said SKIP.
    skipping: usize,
    /// Whether the test whose output we are in has said so already.
    skipped_here: bool,
}

/// The parts of one test program's output.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    /// Before, between and after.
    #[default]
    Outside,
    /// What passing tests printed.
    Successes,
    /// What failing tests printed.
    Failures,
}

/// What a line is worth to somebody who watches.
#[derive(Debug, PartialEq, Eq)]
pub enum Worth {
    /// For the log only.
    Log,
    /// To be shown.
    Show,
}

impl Reader {
    /// Takes one line and says whether it is worth showing.
    pub fn line(&mut self, line: &str) -> Worth {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.result(result);
            return Worth::Show;
        }
        match line {
            "successes:" => self.part = Part::Successes,
            "failures:" => self.part = Part::Failures,
            _ if line.starts_with("---- ") && line.ends_with(" ----") => self.skipped_here = false,
            _ if line.starts_with("SKIP:") => {
                // Several reasons of one test are one skipped test; a failing test is no skipped one.
                self.skipping += usize::from(self.part != Part::Failures && !self.skipped_here);
                self.skipped_here = self.part == Part::Successes;
                return Worth::Show;
            }
            _ => {}
        }
        let wanted = self.part == Part::Failures || is_headline(line);
        if wanted { Worth::Show } else { Worth::Log }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads `ok. 7 passed; 0 failed; 1 ignored; ...`, which ends one test program.
    fn result(&mut self, result: &str) {
        let number = |word: &str| {
            let before = result.split(&format!(" {word}")).next().unwrap_or_default();
            before
                .rsplit(|c: char| !c.is_ascii_digit())
                .next()
                .and_then(|digits| digits.parse().ok())
                .unwrap_or(0_usize)
        };
        self.counts.passed += number("passed").saturating_sub(self.skipping);
        self.counts.failed += number("failed");
        self.counts.skipped += number("ignored") + self.skipping;
        self.skipping = 0;
        self.part = Part::Outside;
        self.skipped_here = false;
    }
}

fn is_headline(line: &str) -> bool {
    let start = line.trim_start();
    ["Running ", "Doc-tests ", "error", "warning: unused"].iter().any(|word| start.starts_with(word))
        || line.ends_with("... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(output: &str) -> Counts {
        let mut reader = Reader::default();
        for line in output.lines() {
            reader.line(line);
        }
        reader.counts()
    }

    #[test]
    fn results_of_all_programs_add_up() {
        let output = "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(count(output).to_string(), "17 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_skipping_test_is_not_a_passing_one_and_counts_once() {
        let output = "successes:\n\n---- a stdout ----\nSKIP: no documents\nSKIP: no peer\n\n---- b stdout ----\nSKIP: x\n\
            ---- c stdout ----\nhello\n\nsuccesses:\n    a\n    b\n    c\n\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(count(output), Counts { passed: 1, failed: 0, skipped: 2 });
    }

    #[test]
    fn a_failing_test_is_never_a_skipped_one() {
        let output = "failures:\n\n---- a stdout ----\nSKIP: half of it\nthread panicked\n\nfailures:\n    a\n\n\
            test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(count(output), Counts { passed: 0, failed: 1, skipped: 0 });
    }

    #[test]
    fn failures_are_shown_and_passing_tests_are_not() {
        let mut reader = Reader::default();
        assert_eq!(reader.line("test a ... ok"), Worth::Log);
        assert_eq!(reader.line("test b ... FAILED"), Worth::Show);
        assert_eq!(reader.line("failures:"), Worth::Show);
        assert_eq!(reader.line("thread 'b' panicked"), Worth::Show);
    }
}
