//! A large document and a node that is killed while it takes it apart: no part is lost or twice (OT1, OT2).

use std::path::Path;

use crate::hub::{ANYWHERE, Node, launch, pass_on};
use crate::program::command;

/// Parts of the document: some 400 KB, and as many slices as make it likely that a kill meets one.
const PARTS: usize = 3000;

const SOURCE: &str = "system: source
connection: { http: {} }
emits:
  file:
    source: { http: { auth: none } }
    split: .items
    event: production.completion@1
    map: maps/source-completion.vrl
    keys: { order: { path: .order } }
    idempotency: { key: header }
    site: DE10
    unreadable: pass
";

fn started(here: &Path) -> Node {
    launch(command(here, &ANYWHERE)).unwrap_or_else(|ended| panic!("{ended:?}"))
}

#[test]
fn ot1_a_large_document_is_taken_apart_once_however_often_the_node_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    pass_on(here, 9, "disk: { ballast: 64KiB }\n");
    std::fs::write(here.join("systems/source.yaml"), SOURCE).unwrap();
    let filler = "x".repeat(100);
    let items: Vec<String> = (0..PARTS)
        .map(|at| format!(r#"{{"id":"{at}","order":"K{}","seq":{},"note":"{filler}"}}"#, at % 40, at / 40 + 1))
        .collect();
    let document = format!(r#"{{"items":[{}]}}"#, items.join(","));
    let node = started(here);
    assert_eq!(node.post("/in/source/file", "large", &document).unwrap().status, 202);
    node.kill();
    let mut met = 0;
    // Killed again after each further bit of it.
    for bit in 1..=4 {
        let node = started(here);
        let wanted = (PARTS * bit / 6) as u64;
        let status = node.until(here, &[], "a bit of it", |status| status["books"]["parts"].as_u64() >= Some(wanted));
        met += usize::from(status["splitting"] == 1);
        node.kill();
    }
    println!("killed {met} times while it was taken apart");
    let node = started(here);
    let status = node.until(here, &[], "all of it", |status| status["splitting"] == 0);
    let books = &status["books"];
    assert_eq!((&books["intakes"], &books["parts"]), (&1.into(), &PARTS.into()), "{status:#}");
    assert_eq!((&books["transactions"], &books["deliveries"]), (&PARTS.into(), &PARTS.into()), "{status:#}");
    let again = node.post("/in/source/file", "large", &document).unwrap();
    assert!(again.status == 202 && again.head.contains("idempotent-replayed: true"), "{again:?}");
    assert_eq!(node.ask(here, &["store", "check"]).code, 0);
    assert_eq!(node.terminate().code, 0);
}
