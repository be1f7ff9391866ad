//! A database with damage in it: what the node does, what `store check` says, what `store salvage` saves (RS3).

use std::path::Path;

use crate::hub::{ANYWHERE, launch, pass_on};
use crate::program::{Ended, command, run};

/// A node that accepted three documents, the second with `canary` in it, and ended. Nothing listens where it delivers to.
fn ended_node() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    pass_on(directory.path(), 9, "disk: { ballast: 64KiB }\n");
    let node = launch(command(directory.path(), &ANYWHERE)).unwrap_or_else(|ended| panic!("{ended:?}"));
    for (seq, note) in [(1, "plain"), (2, "canary"), (3, "plain")] {
        let body = format!(r#"{{"id":"{seq}","order":"K{seq}","seq":{seq},"note":"{note}"}}"#);
        let answer = node.post("/in/source/completion", &format!("k{seq}"), &body).unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    assert_eq!(node.terminate().code, 0);
    directory
}

fn change(directory: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let file = directory.join("data/lineshaft.db");
    let mut bytes = std::fs::read(&file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

fn started(directory: &Path) -> Result<crate::hub::Node, Ended> {
    launch(command(directory, &ANYWHERE))
}

#[test]
fn rs3_a_damaged_document_is_told_with_its_transaction_and_the_rest_is_served() {
    let directory = ended_node();
    let here = directory.path();
    let sound = run(here, &["store", "check", "data"]);
    assert!(sound.code == 0 && sound.out.contains("ok   3 documents read, 0 of them damaged"), "{sound:?}");
    change(here, |bytes| {
        let places: Vec<usize> =
            bytes.windows(6).enumerate().filter(|(_, it)| *it == b"canary").map(|(at, _)| at).collect();
        assert!(!places.is_empty());
        places.into_iter().for_each(|at| bytes[at] = b'C');
    });
    // By the directory of the project too.
    let check = run(here, &["store", "check", "."]);
    assert_eq!(check.code, 8, "{check:?}");
    for said in [
        "FAIL 3 documents read, 1 of them damaged",
        "of source/completion, transaction ",
        "STILL NEEDED",
        "sent again with a new key",
    ] {
        assert!(check.out.contains(said), "{said}: {}", check.out);
    }
    let node = started(here).unwrap_or_else(|ended| panic!("{ended:?}"));
    assert_eq!(node.ask(here, &["store", "check"]).code, 8);
    let find = node.ask(here, &["find", "order:K2"]);
    assert_eq!(find.code, 0, "{find:?}");
    let status = node.until(here, &[], "set aside", |status| status["store"]["damaged"] == 1);
    assert_eq!(status["ready"], true, "{status:#}");
    let shown = node.ask(here, &["status"]);
    assert!(shown.out.contains("DAMAGED: 1 stored document is"), "{shown:?}");
    assert_eq!(node.terminate().code, 0);

    let salvaged = run(here, &["store", "salvage", "data", "--to", "saved"]);
    assert!(salvaged.code == 8 && salvaged.out.contains("transactions         3 rows"), "{salvaged:?}");
    let again = run(here, &["store", "salvage", "data", "--to", "saved"]);
    assert!(again.code == 1 && again.err.contains("holds a database already"), "{again:?}");
    let node = launch(command(here, &[&ANYWHERE[..], &["--data", "saved"]].concat()));
    assert_eq!(node.unwrap_or_else(|ended| panic!("{ended:?}")).terminate().code, 0, "a node runs on the copy");
    assert_eq!(run(here, &["store", "check", "nowhere"]).code, 3);
}

#[test]
fn rs3_a_damaged_page_is_told_clearly_at_every_start_and_nothing_is_deleted() {
    let directory = ended_node();
    let here = directory.path();
    change(here, |bytes| bytes[4096 * 2..4096 * 30].fill(0xff));
    let before = std::fs::read(here.join("data/lineshaft.db")).unwrap();
    for _ in 0..2 {
        let Err(ended) = started(here) else { panic!("it starts on a damaged database") };
        assert!(ended.code == 1 && ended.err.contains("STORE-002") && ended.err.contains("salvage"), "{ended:?}");
        assert_eq!(std::fs::read(here.join("data/lineshaft.db")).unwrap().len(), before.len());
    }
    let check = run(here, &["store", "check", "data"]);
    assert!(check.code == 8 && check.out.contains("FAIL every page read"), "{check:?}");
    // Salvage says what is lost, or that nothing can be read.
    let salvaged = run(here, &["store", "salvage", "data", "--to", "saved"]);
    assert!(salvaged.code == 8 || (salvaged.code == 1 && salvaged.err.contains("damaged")), "{salvaged:?}");
}

#[test]
fn rs3_a_log_that_was_taken_away_is_noticed() {
    let directory = ended_node();
    let here = directory.path();
    let earlier = std::fs::read(here.join("data/lineshaft.db")).unwrap();
    let node = started(here).unwrap_or_else(|ended| panic!("{ended:?}"));
    let body = r#"{"id":"4","order":"K4","seq":4}"#;
    assert_eq!(node.post("/in/source/completion", "k4", body).unwrap().status, 202);
    assert_eq!(node.terminate().code, 0);
    std::fs::write(here.join("data/lineshaft.db"), earlier).unwrap();
    let Err(ended) = started(here) else { panic!("it starts on an older copy") };
    assert!(ended.code == 1 && ended.err.contains("commits are missing"), "{ended:?}");
    assert!(ended.err.contains("lineshaft.mark"), "it says how to go on all the same: {ended:?}");
    let check = run(here, &["store", "check", "data"]);
    assert!(check.code == 8 && check.out.contains("commits are missing"), "{check:?}");
}
