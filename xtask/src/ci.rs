//! All gates in a row, cheapest first. What is green here is green everywhere: there is no other list of checks.

use std::process::{Command, ExitCode, Stdio};

use crate::counts::Counts;
use crate::place::{PROFILE, Place};
use crate::step::{Stopwatch, succeed};
use crate::{codegen, demo, test, tidy};

type Gate = fn(&Place, &mut Counts) -> Result<(), String>;

static GATES: &[(&str, Gate)] = &[
    ("fmt", |place, _| succeed(&mut place.cargo(["fmt", "--all", "--check"]))),
    ("tidy", |place, _| tidy::check(place)),
    ("clippy", clippy),
    ("deny", deny),
    ("codegen --check", |place, _| codegen::check(place)),
    ("test", tests),
    ("demo --once", demo_once),
];

/// `cargo xtask ci`: stops at the first red gate. The last line is the counts; a red gate counts as a failure.
pub fn run(place: &Place, arguments: &[String]) -> ExitCode {
    if let Err(code) = crate::only_known(arguments, &[]) {
        return code;
    }
    let mut counts = Counts::default();
    let whole = Stopwatch::start();
    for (name, gate) in GATES {
        println!("== {name}");
        let watch = Stopwatch::start();
        if let Err(message) = gate(place, &mut counts) {
            println!("RED   {name} after {}: {message}", watch.seconds());
            counts.failed = counts.failed.max(1);
            println!("{counts}");
            return ExitCode::FAILURE;
        }
        println!("green {name} {}", watch.seconds());
    }
    println!("all gates green in {}", whole.seconds());
    println!("{counts}");
    ExitCode::SUCCESS
}

fn clippy(place: &Place, _: &mut Counts) -> Result<(), String> {
    let words = ["clippy", "--workspace", "--all-targets", "--profile", PROFILE, "--locked", "--", "-D", "warnings"];
    succeed(&mut place.cargo(words))
}

/// Licences, sources and doubled versions. Not the advisories: those need a network, and change by themselves.
fn deny(place: &Place, counts: &mut Counts) -> Result<(), String> {
    let mut asked = Command::new("cargo-deny");
    let there = asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        println!("SKIP: cargo-deny not installed");
        counts.skipped += 1;
        return Ok(());
    }
    succeed(&mut place.cargo(["deny", "--locked", "--offline", "check", "bans", "licenses", "sources"]))
}

fn tests(place: &Place, counts: &mut Counts) -> Result<(), String> {
    let ran = test::all(place);
    counts.passed += ran.passed;
    counts.failed += ran.failed;
    counts.skipped += ran.skipped;
    if ran.failed == 0 { Ok(()) } else { Err(format!("{} tests failed", ran.failed)) }
}

fn demo_once(place: &Place, _: &mut Counts) -> Result<(), String> {
    demo::build(place)?;
    succeed(Command::new(place.program("lineshaft")).args(["demo", "--once"]).stdin(Stdio::null()))
}
