//! What one node does on this machine: one run measures everything, from the disk up, so that figures can be compared
//! within it. Several runs, and the medians of them.
//!
//! Generator, node and sink share the machine, as they do in the targets. A bare loop of store, map and post
//! (`lineshaft-bare`) is measured in the node's place, with the same load, and must send what the node sends. No figure
//! makes this fail; only what does not arrive does. Deliberately absent: figures of a release build.

/// One figure, and what several runs make of it.
mod figure;

/// The disk alone: append and sync.
mod disk;

/// An order by its key.
mod find;

/// What the operating system says of a process.
mod gauge;

/// The bare loop in the node's place.
mod bare;

/// When the first was sent and the last arrived.
mod history;

/// The phases of one run.
mod phase;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use self::figure::{Figure, Report};
use crate::demo;
use crate::faults::arena::Arena;
use crate::faults::numbers;
use crate::place::{Place, shown};
use crate::step;

/// The project that is measured.
const PROJECT: &str = "xtask/bench/project";

/// How much is measured.
pub struct Orders {
    /// How often everything is measured.
    runs: u64,
    /// Transactions of the end-to-end figure.
    transactions: u64,
    /// Orders they are of.
    orders: u64,
    /// Transactions stored while the sink is away.
    backlog: u64,
    /// Runs of `find`.
    finds: u64,
}

impl Orders {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let rest: Vec<String> = arguments.iter().filter(|argument| *argument != "--quick").cloned().collect();
        let mut orders = Self { runs: 5, transactions: 20_000, orders: 2_000, backlog: 100_000, finds: 20 };
        if quick {
            (orders.runs, orders.backlog) = (1, 10_000);
        }
        numbers(&rest, &mut [("--runs", &mut orders.runs), ("--backlog", &mut orders.backlog)])?;
        if orders.runs == 0 || orders.backlog == 0 { Err("nothing would be measured".to_owned()) } else { Ok(orders) }
    }
}

/// `cargo xtask bench [--quick] [--runs N] [--backlog N]`.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    let orders = match Orders::read(arguments) {
        Ok(orders) => orders,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    match demo::build_with(place, &["lineshaft-bare"]).and_then(|()| measure(place, &orders, arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => step::failed(&message),
    }
}

fn measure(place: &Place, orders: &Orders, arguments: &[String]) -> Result<(), String> {
    let mut report = Report::default();
    for number in 1..=orders.runs {
        let arena = Arena::prepare(place, "bench", PROJECT)?;
        let figures = phase::all(&arena, orders)
            .map_err(|error| format!("run {number}: {error}\nkept: {}", shown(&place.root, &arena.directory)))?;
        println!("run {number} of {}: {}", orders.runs, in_a_line(&figures));
        report.add(figures);
        std::fs::remove_dir_all(&arena.directory).map_err(|error| error.to_string())?;
    }
    let words = std::iter::once("cargo xtask bench").chain(arguments.iter().map(String::as_str));
    let facts = [
        ("command", words.collect::<Vec<_>>().join(" ")),
        ("at", said("date", &["-u", "+%Y-%m-%dT%H-%M-%SZ"])),
        ("commit", said("git", &["-C", &place.root.to_string_lossy(), "describe", "--always", "--dirty"])),
        ("machine", machine()),
        ("runs", orders.runs.to_string()),
    ];
    let file = write(place, &report.to_json(&facts), &facts[1].1)?;
    println!("\n{}", report.to_markdown(&facts));
    println!("{} figures, {} skipped; written to {}", report.count(), report.skipped(), shown(&place.root, &file));
    Ok(())
}

fn in_a_line(figures: &[Figure]) -> String {
    let shown = ["disk_syncs", "echo", "bare", "end_to_end", "of_bare", "cpu", "accept_p99_half", "drain"];
    figures.iter().filter(|figure| shown.contains(&figure.key)).fold(String::new(), |mut line, figure| {
        // Writing to a string cannot fail.
        let value = figure::shown(figure.value.clone().unwrap_or(f64::NAN));
        let _ = write!(line, "{} {value}  ", figure.key);
        line
    })
}

fn write(place: &Place, json: &str, at: &str) -> Result<PathBuf, String> {
    let directory = place.target.join("bench");
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let file = directory.join(format!("{at}.json"));
    std::fs::write(&file, json).map_err(|error| error.to_string())?;
    Ok(file)
}

/// What a program prints, or `unknown`.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    output.map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Processor, cores, memory and kernel.
fn machine() -> String {
    let line = |file: &str, start: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_default();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let (model, memory) = (line("/proc/cpuinfo", "model name"), line("/proc/meminfo", "MemTotal"));
    format!("{cores} cores of {model}, {memory} of memory, {}", said("uname", &["-sr"]))
}
