//! Many parts of one document are released at once: they are processed together, others are not kept waiting, and a part
//! that ends the process is found among them (MD8, OT11).

use std::path::Path;
use std::sync::Arc;

use lineshaft_engine::act;
use lineshaft_model::audit::{Action, Entry};
use lineshaft_model::ids::{IntakeId, TransactionId};
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::SystemClock;
use lineshaft_model::transaction::TransactionState;
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Load;
use lineshaft_store::{Change, Store};

use crate::plant::{Plant, T1, anna, post};

/// The source with an interface for documents of many completions, each of a material that must be known.
const SOURCE: &str = "system: source\nabout: sends\nconnection: { http: {} }\nemits:
  file:
    source: { http: { auth: none } }
    split: .items
    event: production.completion@1
    map: maps/file.vrl
    keys: { order: { path: .order, issued_by: source } }
    idempotency: { key: header }
    site: DE10
    unreadable: pass
  material:
    source: { http: { auth: none } }
    reference: { table: material, key: .material }
";

const MAP: &str = ". = merge(object!(.), { \"text\": xref!(\"material\", string!(.material), field: \"text\") })\n";

async fn plant() -> Plant {
    Plant::with(Class::T1, T1, &[("systems/source.yaml", SOURCE), ("systems/maps/file.vrl", MAP)]).await
}

/// Sends a document of `count` parts, for as many orders; its intake.
async fn send(plant: &Plant, material: &str, count: usize) -> IntakeId {
    let items = (0..count).map(|at| format!(r#"{{"order":"{material}-{at}","seq":1,"material":"{material}"}}"#));
    let body = format!(r#"{{"items":[{}]}}"#, items.collect::<Vec<_>>().join(","));
    let (status, receipt) = post(plant.node.inbound(), "/in/source/file", material, &body).await;
    assert_eq!(status, 202, "{receipt}");
    let receipt: serde_json::Value = serde_json::from_str(&receipt).expect("a receipt");
    receipt["id"].as_str().expect("its id").parse().expect("an id")
}

async fn load(plant: &Plant, material: &str) {
    let record = vec![(material.to_owned(), br#"{"text":"new part"}"#.to_vec())];
    act::load(plant.node.shared(), &anna(), "material", record, "it came").await.expect("loads");
}

fn in_state(plant: &Plant, state: &str) -> u64 {
    let books = plant.books();
    books.transaction_states.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn md8_thousands_of_parts_are_released_together_and_keep_no_other_document_waiting() {
    let plant = plant().await;
    plant.sink.server().go_down(None);
    send(&plant, "M1", 4_000).await;
    let other = TransactionId::of_part(send(&plant, "M2", 1).await, 0);
    let shared = plant.node.shared();
    let state = |id| shared.store.transaction(id).expect("reads").expect("there").state;
    assert_eq!((in_state(&plant, "parked"), state(other)), (4_001, TransactionState::Parked));
    load(&plant, "M1").await;
    load(&plant, "M2").await;
    plant.until("the other document is released", || state(other) == TransactionState::Processed).await;
    assert!(in_state(&plant, "accepted") > 0, "it did not wait for all of the large one");
    plant.until("all of it is released", || in_state(&plant, "processed") == 4_001).await;
    plant.sink.server().go_up();
    plant.until_delivered(4_001).await;
    assert_eq!(plant.sink.effects(), 4_001);
}

/// Commits past the node, while it is down.
fn commit(data: &Path, lists: Vec<Vec<Change>>) {
    let store = Store::open(data, Arc::new(SystemClock::new()), &SeededRng::new(9)).expect("opens");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for changes in lists {
        runtime.block_on(store.commit(changes)).expect("commits");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot11_a_part_that_ends_the_process_is_parked_alone() {
    let plant = plant().await;
    plant.sink.server().go_down(None);
    let intake = send(&plant, "M1", 10).await;
    let parts: Vec<TransactionId> = (0..10).map(|part| TransactionId::of_part(intake, part)).collect();
    let entry =
        Entry { principal: anna(), action: Action::ReferenceLoad, target: "material".into(), reason: "it came".into() };
    let records = vec![("M1".into(), br#"{"text":"new part"}"#.to_vec())];
    let released = Change::Load(Box::new(Load { table: "material".into(), records, entry }));
    // One life ended while all were processed together, two more while the fifth was alone.
    let together = parts.iter().copied().map(Change::Process).collect();
    let alone = || vec![Change::Process(parts[4])];
    let lives = vec![vec![released], together, alone(), alone()];
    let plant = plant
        .restart_after(&[], |data| {
            std::thread::scope(|scope| {
                scope.spawn(|| commit(data, lives));
            });
        })
        .await;
    plant.until("all are decided", || in_state(&plant, "accepted") == 0).await;
    let exceptions = plant.exceptions();
    let stopped: Vec<_> =
        exceptions.iter().map(|it| (it.transaction, it.fault.as_ref().map(|it| it.code.as_str()))).collect();
    assert_eq!(stopped, [(parts[4], Some("DECODE-006"))]);
    plant.sink.server().go_up();
    plant.until_delivered(9).await;
}
