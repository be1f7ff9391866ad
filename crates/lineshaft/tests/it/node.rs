//! A node as a process, and the commands that ask it.

use crate::hub::{document, project, start};
use crate::program::{command, run};

#[test]
fn a_person_finds_and_decides_and_the_node_stops_in_peace() {
    let directory = project();
    let here = directory.path();
    let node = start(here);
    node.hand_in("1", &document("1000040", "DE10"));
    node.hand_in("2", &document("1000041", "XX"));
    node.hand_in("3", &document("1000042", "YY"));

    let status = node.ask(here, &["status"]);
    assert_eq!(status.code, 0, "{status:?}");
    for said in ["insecure: egress.loopback", "erp/completion  In flight", "2 exceptions wait", "the books balance"] {
        assert!(status.out.contains(said), "{said}: {}", status.out);
    }
    let found = node.ask(here, &["find", "order:1000040"]);
    assert!(
        found.code == 0 && found.out.contains("erp/completion In flight") && found.err == "1 transaction found\n",
        "{found:?}"
    );
    assert_eq!(node.ask(here, &["find", "order:1"]).code, 3);
    assert_eq!(node.ask(here, &["find", "1000040"]).code, 2);

    let list = node.ask(here, &["exceptions", "list"]);
    let ids: Vec<&str> = list.out.lines().skip(1).filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(ids.len(), 2, "{list:?}");
    let shown = node.ask(here, &["exceptions", "show", ids[0]]);
    assert!(shown.out.contains("site \"XX\" is not declared") && shown.out.contains("exceptions retry"), "{shown:?}");
    let unknown = "01a20778-442e-7baa-89bd-7f4503daa5c7";
    let some = node.ask(here, &["exceptions", "discard", ids[0], unknown, "--reason", "test data"]);
    assert!(some.code == 6 && some.err.contains("1 of 2 could be decided on"), "{some:?}");
    assert_eq!(node.ask(here, &["exceptions", "discard", ids[0], "--reason", "again"]).code, 5);
    let trace = node.ask(here, &["trace", "show", ids[0]]);
    assert!(trace.out.starts_with("Discarded  "), "{trace:?}");

    std::fs::write(here.join("units.csv"), "code,name\nPCE,piece\nKGM,kilogram\n").unwrap();
    let loaded = node.ask(here, &["reference", "load", "unit", "units.csv", "--key", "code"]);
    assert!(loaded.code == 0 && loaded.out.contains("2 new or changed in unit"), "{loaded:?}");
    assert_eq!(
        node.ask(here, &["systems", "pause", "erp/completion", "--reason", "stocktaking", "--operator", "Jürgen"]).code,
        0
    );
    assert_eq!(node.ask(here, &["systems", "pause", "erp/completion"]).code, 5);
    assert!(node.ask(here, &["status"]).out.contains("by operator:Jürgen: stocktaking"));
    assert_eq!(node.ask(here, &["store", "check"]).code, 0);
    assert_eq!(node.ask(here, &["status", "--token", "wrong"]).code, 4);

    let api = node.api.clone();
    let ended = node.terminate();
    assert!(ended.code == 0 && ended.err.contains("SIGTERM") && ended.err.ends_with("stopped\n"), "{ended:?}");
    assert_eq!(run(here, &["status", "--node", &api]).code, 7);
}

#[test]
fn a_second_node_on_the_same_directory_is_refused() {
    let directory = project();
    let node = start(directory.path());
    let mut second =
        command(directory.path(), &["run", "--listen-inbound", "127.0.0.1:0", "--listen-api", "127.0.0.1:0"]);
    let second = second.env("ERP_URL", "http://127.0.0.1:9").output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("STORE-004 another node has") && said.contains("stop that one first"), "{said}");
    let taken = node.api.trim_start_matches("http://");
    let third = run(
        directory.path(),
        &["run", "--data", "elsewhere", "--listen-api", taken, "--listen-inbound", "127.0.0.1:0"],
    );
    assert!(third.code == 1 && third.err.contains("PROJECT-002") && third.err.contains("ss -ltnp"), "{third:?}");
    assert_eq!(node.terminate().code, 0);
}

#[test]
fn what_waits_for_an_interface_that_left_the_project_is_seen_and_decided_on() {
    let directory = project();
    let here = directory.path();
    let node = start(here);
    node.hand_in("1", &document("1000040", "DE10"));
    node.hand_in("2", &document("1000040", "DE10"));
    assert_eq!(node.terminate().code, 0);
    let erp = here.join("systems/erp.yaml");
    let text = std::fs::read_to_string(&erp).unwrap();
    assert!(text.contains("\n  completion:\n"), "{text}");
    std::fs::write(&erp, text.replace("\n  completion:\n", "\n  report:\n")).unwrap();

    let node = start(here);
    let status = node.ask(here, &["status"]);
    let line = "not in this project: erp/completion; 2 open deliveries wait   see: lineshaft exceptions list";
    assert!(status.out.contains(line) && status.out.contains("erp/completion  Stopped"), "{}", status.out);
    let list = node.ask(here, &["exceptions", "list"]);
    let ids: Vec<&str> = list.out.lines().skip(1).filter_map(|line| line.split_whitespace().last()).collect();
    assert!(ids.len() == 2 && list.out.contains("ROUTE-002"), "{list:?}");
    let shown = node.ask(here, &["exceptions", "show", ids[1]]);
    for said in ["Stopped  at erp/completion", "Put the interface back", "exceptions skip", "exceptions discard"] {
        assert!(shown.out.contains(said), "{said}: {shown:?}");
    }
    assert!(!shown.out.contains("exceptions retry 0"), "{shown:?}");
    let retried = node.ask(here, &["exceptions", "retry", ids[0]]);
    assert!(retried.code == 1 && retried.err.contains("[ROUTE-002]"), "{retried:?}");
    assert_eq!(node.ask(here, &["exceptions", "discard", ids[1], ids[0], "--reason", "moved to report"]).code, 0);
    assert!(node.ask(here, &["exceptions", "list"]).err.contains("Nothing waits"));

    let audit = node.ask(here, &["audit", "list", "--action", "discard", "--principal", "anna", "--since", "1h"]);
    let lines: Vec<&str> = audit.out.lines().collect();
    assert!(audit.code == 0 && audit.err == "2 entries\n" && lines.len() == 3, "{audit:?}");
    let words = ["operator:anna", "discard", ids[1], "behind > discarded", "moved to report"];
    assert!(words.iter().all(|word| lines[1].contains(word)), "{audit:?}");
    let lines = node.ask(here, &["audit", "list", "--target", ids[0], "-o", "ndjson"]);
    assert!(lines.out.lines().count() == 1 && lines.out.starts_with("{\"id\":"), "{lines:?}");
    assert_eq!(node.ask(here, &["audit", "list", "--since", "yesterday"]).code, 2);
    let ended = node.terminate();
    assert!(ended.err.contains("deliveries wait for an interface that is not in this project"), "{ended:?}");
}

/// What the manual says of exit codes, with a command for each.
#[test]
fn every_exit_code_of_the_manual_is_met() {
    let directory = project();
    let here = directory.path();
    let node = start(here);
    node.hand_in("1", &document("1000041", "XX"));
    let list = node.ask(here, &["exceptions", "list"]);
    let stopped = list.out.lines().nth(1).and_then(|line| line.split_whitespace().last()).unwrap().to_owned();
    let unknown = "01a20778-442e-7baa-89bd-7f4503daa5c7";
    let mut met = Vec::new();
    let mut meet = |code: i32, arguments: &[&str]| {
        let ended = node.ask(here, arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        met.push(code);
    };
    meet(0, &["status"]);
    meet(1, &["reference", "load", "unit", "no-such-file.csv", "--key", "code"]);
    meet(2, &["exceptions", "skip", &stopped]);
    meet(2, &["audit", "list", "--older-than", "7"]);
    meet(3, &["find", "order:1"]);
    meet(3, &["trace", "show", unknown]);
    meet(4, &["status", "--token", "wrong"]);
    meet(5, &["systems", "resume", "erp"]);
    meet(6, &["exceptions", "discard", &stopped, unknown, "--reason", "test data"]);
    let away = run(here, &["status", "--node", "http://127.0.0.1:9", "--token", "x"]);
    let check = run(here, &["check", "data"]);
    assert_eq!((away.code, check.code), (7, 8), "{away:?} {check:?}");
    let at_once = node.terminate_at_once();
    assert_eq!(at_once.code, 9, "{at_once:?}");
    met.extend([7, 8, 9]);
    met.dedup();
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let codes: Vec<i32> =
        manual.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok()).collect();
    assert_eq!(met, codes, "each code of docs/reference/cli.md, in its order");
}
