//! A document that ends the process on its way in: whoever brings it again and again, after a few starts it is a stopped
//! transaction, and the node stays up (OT11).

use std::path::Path;
use std::process::Command;

use crate::hub::{ANYWHERE, Node, launch, pass_on};
use crate::program::Ended;

/// Starts after which the document must be stopped: one that it ends on its way in, four that it ends from the store, and
/// one more.
const STARTS_MAX: usize = 6;

const KILLER: &str = r#"{"id":"0123456789abcdef","order":"K1","seq":"1","kill":true}"#;
const HARMLESS: &str = r#"{"id":"1","order":"K2","seq":"1"}"#;

const DROP: &str = "system: drop
connection: { files: { root: \"files\" } }
emits:
  doc:
    source: { files: { directory: out, pattern: \"*.json\", complete: renamed, every: 50ms, file_bytes_max: 1000000 } }
    event: production.completion@1
    map: maps/source-completion.vrl
    keys: { order: { path: .order, issued_by: source } }
    site: DE10
    unreadable: stop
";

/// The project of the fault runs with a map that no memory is enough for, if the document says so.
fn poisonous(here: &Path) {
    pass_on(here, 9, "disk: { ballast: 64KiB }\n");
    let doubled = "  x = x + \"\" + x\n".repeat(40);
    let map = format!("if .kill == true {{\n  x = string!(.id)\n{doubled}  .order = x\n}}\n.\n");
    std::fs::write(here.join("systems/maps/source-completion.vrl"), map).unwrap();
}

/// A node that may have 2 GB of memory.
fn bounded(here: &Path) -> Result<Node, Ended> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -v 2000000 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_lineshaft")]).args(ANYWHERE);
    command.current_dir(here).stdin(std::process::Stdio::null()).env_clear().env("USER", "anna");
    launch(command)
}

/// Starts the node, as a supervisor does, until it stays up and the document is stopped.
fn until_stopped(here: &Path, send: impl Fn(&Node)) -> Node {
    for start in 1..=STARTS_MAX {
        let Ok(node) = bounded(here) else { continue };
        send(&node);
        loop {
            let list = node.ask(here, &["exceptions", "list"]);
            if list.code != 0 {
                let ended = node.wait();
                assert!(ended.err.contains("memory allocation"), "start {start}: {ended:?}");
                break;
            }
            if list.out.contains("DECODE-006") {
                println!("stopped after {start} starts");
                return node;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    panic!("{STARTS_MAX} starts were not enough");
}

#[test]
fn ot11_a_sender_that_repeats_does_not_hold_the_node_down() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    poisonous(here);
    let send = |node: &Node| drop(node.post("/in/source/completion", "killer", KILLER));
    let node = until_stopped(here, send);
    let again = node.post("/in/source/completion", "killer", KILLER).unwrap();
    assert!(again.status == 202 && again.head.contains("idempotent-replayed: true"), "{again:?}");
    assert_eq!(node.post("/in/source/completion", "other", HARMLESS).unwrap().status, 202);
    let status = node.until(here, &[], "both", |status| status["books"]["transactions"] == 2);
    assert_eq!((&status["books"]["intakes"], &status["splitting"]), (&2.into(), &0.into()), "{status:#}");
    assert_eq!(node.ask(here, &["store", "check"]).code, 0);
    assert_eq!(node.terminate().code, 0);
}

#[test]
fn ot11_a_file_does_not_hold_the_node_down() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    poisonous(here);
    std::fs::write(here.join("systems/drop.yaml"), DROP).unwrap();
    let out = here.join("files/out");
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("a.json"), KILLER).unwrap();
    std::fs::write(out.join("b.json"), HARMLESS).unwrap();
    let node = until_stopped(here, |_| ());
    node.until(here, &[], "the file behind it", |status| status["books"]["transactions"] == 2);
    assert_eq!(node.terminate().code, 0);
}
