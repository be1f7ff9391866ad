//! Deliveries that wait for reference data to be rendered are released by it, whatever comes between (MD8).

use std::path::Path;
use std::sync::Arc;

use lineshaft_engine::act;
use lineshaft_model::audit::{Action, Entry};
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::SystemClock;
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Load;
use lineshaft_store::{Change, Store};

use crate::plant::{Plant, T1, anna};

const SINK: &str = r#"system: sink
about: needs two records for each document
connection: { http: { url: "SINK_URL", timeout_secs: 2 } }
limits: { in_flight: 16, breaker: { open_after: 3, probe_every: 100ms } }
receives:
  completion:
    event: production.completion@1
    map: maps/sink.vrl
    send: { http: { path: /completion, key_header: Idempotency-Key } }
    in_order_by: order
    repeat: { class: T1, window: 24h, past: T4 }
    impact: inventory accuracy
"#;

const MAP: &str = r#"unit = xref!("material", "UNIT", field: "text")
text = xref!("material", "TEXT", field: "text")
. = merge(object!(.), { "unit": unit, "text": text })
"#;

async fn plant() -> Plant {
    Plant::with(Class::T1, T1, &[("systems/sink.yaml", SINK), ("systems/maps/sink.vrl", MAP)]).await
}

fn record(key: &str) -> (String, Vec<u8>) {
    (key.to_owned(), br#"{"text":"x"}"#.to_vec())
}

/// Loads records as a node does that dies with the commit.
fn load_and_die(data: &Path, keys: &[&str]) {
    let store = Store::open(data, Arc::new(SystemClock::new()), &SeededRng::new(9)).expect("opens");
    let entry = Entry {
        principal: anna(),
        action: Action::ReferenceLoad,
        target: "material".into(),
        reason: "the last thing it did".into(),
    };
    let records = keys.iter().map(|key| record(key)).collect();
    let load = Change::Load(Box::new(Load { table: "material".into(), records, entry }));
    let commit = store.commit(vec![load]);
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(commit)).expect("commits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn md8_deliveries_whose_record_came_just_before_the_end_go_on_at_the_next_start() {
    let plant = plant().await;
    for at in 0..20 {
        plant.send(&format!("K{}", at % 7), at, &format!("k{at}")).await;
    }
    plant.until_exceptions(20).await;
    let plant = plant.restart_after(&[], |data| load_and_die(data, &["UNIT", "TEXT"])).await;
    plant.until_delivered(20).await;
    assert!(plant.exceptions().is_empty());
    assert_eq!(plant.sink.effects(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn md8_a_delivery_that_needs_two_records_waits_for_the_second_after_the_first() {
    let plant = plant().await;
    plant.send("K1", 1, "k1").await;
    plant.until_exceptions(1).await;
    let missing = |key: &str| {
        plant.exceptions().iter().any(|it| it.fault.as_ref().is_some_and(|fault| fault.message.contains(key)))
    };
    assert!(missing("UNIT"));
    act::load(plant.node.shared(), &anna(), "material", vec![record("UNIT")], "").await.expect("loads");
    plant.until("it waits for the other", || missing("TEXT")).await;
    act::load(plant.node.shared(), &anna(), "material", vec![record("TEXT")], "").await.expect("loads");
    plant.until_delivered(1).await;
    assert!(plant.exceptions().is_empty());
}
