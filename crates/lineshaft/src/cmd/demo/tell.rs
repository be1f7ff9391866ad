//! The voice of the demo: sentences, and a line of progress that stays in its place on a terminal and comes every few
//! seconds elsewhere. Deliberately absent: colours and anything that a screen reader would stumble over.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lineshaft_model::time::{Clock, SystemClock};

/// Time between two lines of progress where they cannot be written over.
const EVERY: Duration = Duration::from_secs(3);

/// Columns of a line that is written over; a longer one would wrap and stay.
const COLUMNS: usize = 79;

/// Columns of a sentence, indentation not counted.
const SENTENCE: usize = 100;

/// Tells what happens.
pub(super) struct Tell {
    clock: SystemClock,
    began: Duration,
    in_place: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A progress line stands and has to be wiped before anything else is written.
    standing: bool,
    last: Option<Duration>,
}

impl Tell {
    /// To standard output.
    pub(super) fn new() -> Self {
        let clock = SystemClock::new();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let in_place = std::io::stdout().is_terminal() && !dumb;
        Self { began: clock.monotonic(), clock, in_place, state: Mutex::default() }
    }

    /// Time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.began)
    }

    /// A new chapter.
    pub(super) fn chapter(&self, title: &str) {
        self.write(&format!("\n{title}\n"));
    }

    /// A sentence of the current chapter.
    pub(super) fn say(&self, sentence: &str) {
        let at = self.elapsed().as_secs();
        let clock = format!("{:02}:{:02}  ", at / 60, at % 60);
        let lines = folded(sentence, SENTENCE);
        let text: String = lines
            .iter()
            .enumerate()
            .map(|(at, line)| format!("  {}{line}\n", if at == 0 { clock.as_str() } else { "       " }))
            .collect();
        self.write(&text);
    }

    /// Text as it is.
    pub(super) fn print(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// How far it is. On a terminal this replaces the last one.
    pub(super) fn progress(&self, line: &str) {
        let now = self.elapsed();
        let mut state = self.state();
        if self.in_place {
            let cut: String = line.chars().take(COLUMNS - 9).collect();
            print!("\r\x1b[2K         {cut}");
            state.standing = true;
            flush();
        } else if state.last.is_none_or(|last| now.saturating_sub(last) >= EVERY) {
            println!("  {:02}:{:02}    … {line}", now.as_secs() / 60, now.as_secs() % 60);
            state.last = Some(now);
            flush();
        }
    }

    fn write(&self, text: &str) {
        let mut state = self.state();
        if std::mem::take(&mut state.standing) {
            print!("\r\x1b[2K");
        }
        print!("{text}");
        flush();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush() {
    // Nobody listens any more; the demo plays on and its exit code still counts.
    let _ = std::io::stdout().flush();
}

/// The words of `text` in lines of at most `columns` characters, as far as words are no longer than that.
fn folded(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_folded_between_words() {
        assert_eq!(folded("one two  three four", 9), ["one two", "three", "four"]);
        assert_eq!(folded("incomprehensibilities x", 5), ["incomprehensibilities", "x"]);
    }
}
