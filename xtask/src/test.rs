//! Every test of the workspace. The whole output goes to `xtask/test.log` below the target directory; shown are
//! the programs, their results, failures, and what was skipped and why.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ExitCode, Stdio};
use std::sync::mpsc;

use crate::counts::{Counts, Reader, Worth};
use crate::place::{PROFILE, Place, shown};
use crate::step::Stopwatch;
use crate::{debian, tidy};

/// What tests of a full and of a failing disk need beside root.
const TOOLS: [debian::Tool; 3] = [("strace", "strace"), ("mount", "mount"), ("umount", "mount")];

/// `cargo xtask test`: tidy, then all tests. The last line is the counts.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    if let Err(code) = crate::only_known(arguments, &[]) {
        return code;
    }
    let tidy = tidy::check(place);
    let mut counts = all(place);
    if let Err(message) = tidy {
        eprintln!("error: {message}");
        counts.failed += 1;
    }
    println!("{counts}");
    if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all tests. A build that fails, or a test program that dies, counts as one failure.
pub fn all(place: &Place) -> Counts {
    match place.real_documents() {
        Some(path) => println!("real documents: {}", path.display()),
        None => println!("real documents: none (LINESHAFT_REALDATA is not set); tests that read some say SKIP"),
    }
    if let Err(missing) = debian::ensure(&TOOLS) {
        println!("tests that need more say SKIP: {missing}");
    }
    let watch = Stopwatch::start();
    println!("cargo test --profile {PROFILE} --workspace --locked");
    let counts = match cargo_test(place) {
        Ok(counts) => counts,
        Err(error) => {
            eprintln!("error: the tests could not be run: {error}");
            Counts { failed: 1, ..Counts::default() }
        }
    };
    println!("tests took {}", watch.seconds());
    counts
}

fn cargo_test(place: &Place) -> std::io::Result<Counts> {
    let log_path = place.own("")?.join("test.log");
    let mut log = std::io::BufWriter::new(std::fs::File::create(&log_path)?);
    let words = ["test", "--profile", PROFILE, "--workspace", "--locked", "--no-fail-fast", "--", "--show-output"];
    let mut command = place.cargo(words);
    if let Some(path) = place.real_documents() {
        command.env("LINESHAFT_REALDATA", path);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let lines = both(child.stdout.take(), child.stderr.take());
    let mut reader = Reader::default();
    let mut end: std::collections::VecDeque<String> = std::collections::VecDeque::new();
    for line in lines {
        writeln!(log, "{line}")?;
        if reader.line(&line) == Worth::Show {
            println!("{line}");
        }
        if end.len() == SHOWN_AT_END {
            end.pop_front();
        }
        end.push_back(line);
    }
    log.flush()?;
    let status = child.wait()?;
    println!("whole output: {}", shown(&place.root, &log_path));
    let mut counts = reader.counts();
    if !status.success() && counts.failed == 0 {
        end.iter().for_each(|line| println!("    {line}"));
        println!("cargo test ended with {status} without naming a failed test: counted as one failure");
        counts.failed = 1;
    }
    Ok(counts)
}

/// Lines shown when cargo fails without naming a test, for example because something does not compile.
const SHOWN_AT_END: usize = 60;

/// The lines of two streams as they come.
fn both(one: Option<impl Read + Send + 'static>, two: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(1024);
    feed(one, sender.clone());
    feed(two, sender);
    receiver
}

fn feed(stream: Option<impl Read + Send + 'static>, sender: mpsc::SyncSender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
            if sender.send(line).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}
