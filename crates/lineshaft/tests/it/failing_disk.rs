//! A write or flush that fails: no receipt after it, the process ends with an error, and the next start has everything that
//! was acknowledged (RS2). The error is put in the way of the real program by `strace`.

use std::path::Path;
use std::process::Command;

use crate::hub::{ANYWHERE, document, launch, project, start};
use crate::program::command;

/// Documents handed in, at most; enough to reach every call below.
const DOCUMENTS: usize = 120;

/// Documents tried after the first that was not taken.
const AFTERWARDS: usize = 5;

/// Which call fails, each at these calls of a thread; `+` from that one on.
const FAILURES: [(&str, &[&str]); 2] =
    [("fsync,fdatasync", &["1", "2+", "7", "30", "75+"]), ("pwrite64", &["1", "12", "40+", "150", "301", "1203"])];

/// Whether calls can be made to fail here.
fn tracing_works() -> Result<(), String> {
    let tried = Command::new("strace").args(["-qq", "-e", "trace=none", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("strace: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("strace is not here (Debian: strace): {error}")),
    }
}

fn failing(directory: &Path, call: &str, when: &str) -> Command {
    let plain = command(directory, &ANYWHERE);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "trace.txt", "-e", &format!("trace={call}"), "-e"]);
    traced.arg(format!("inject={call}:error=EIO:when={when}"));
    traced.arg(plain.get_program()).args(plain.get_args());
    traced.current_dir(directory).env_clear().env("USER", "anna");
    traced
}

fn injected(directory: &Path) -> bool {
    std::fs::read_to_string(directory.join("trace.txt")).unwrap().contains("(INJECTED)")
}

/// Hands documents in until one is not taken, and some more; those that were acknowledged, in that order.
fn acknowledged(node: &crate::hub::Node, what: &str) -> Vec<String> {
    let (mut taken, mut refused) = (Vec::new(), 0);
    for number in 0..DOCUMENTS {
        let order = (1_000_000 + number).to_string();
        match node.post("/in/mes/completion", &order, &document(&order, "DE10")) {
            Ok(answer) if answer.status == 202 => {
                assert_eq!(refused, 0, "{what}: a receipt after an error, {answer:?}");
                taken.push(order);
            }
            _ if refused == AFTERWARDS => break,
            _ => refused += 1,
        }
    }
    taken
}

#[test]
fn rs2_after_a_failed_write_or_flush_there_is_no_receipt_and_a_restart_has_everything() {
    if let Err(why) = tracing_works() {
        println!("SKIP: {why}");
        return;
    }
    let mut reached = 0;
    for (call, times) in FAILURES {
        for when in times {
            let what = format!("{call} {when}");
            let directory = project();
            let here = directory.path();
            let taken = match launch(failing(here, call, when)) {
                Err(ended) => {
                    assert!(injected(here) && ended.code != 0, "{what}: {ended:?}");
                    Vec::new()
                }
                Ok(node) => {
                    let taken = acknowledged(&node, &what);
                    let ended = if injected(here) { node.wait() } else { node.terminate_child() };
                    let failed = injected(here);
                    assert_eq!(ended.code != 0, failed, "{what}: {ended:?}");
                    assert!(!failed || taken.len() < DOCUMENTS, "{what}: it went on after the error");
                    assert!(!failed || ended.err.contains("STORE-001"), "{what}: {ended:?}");
                    taken
                }
            };
            reached += usize::from(injected(here));
            let node = start(here);
            for order in &taken {
                let found = node.ask(here, &["find", &format!("order:{order}")]);
                assert_eq!(found.code, 0, "{what}: {order} was acknowledged; {found:?}");
            }
            assert_eq!(node.ask(here, &["store", "check"]).code, 0, "{what}");
            println!("{what}: {} acknowledged before it, all there", taken.len());
            assert_eq!(node.terminate().code, 0, "{what}");
        }
    }
    assert!(reached >= 8, "the calls were met in {reached} runs");
}
