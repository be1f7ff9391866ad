//! Many deliveries that wait for a later time delay nothing else (OT7).

use lineshaft_engine::act;
use lineshaft_model::time::Timestamp;
use lineshaft_standin::load::{Load, run};
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;

use crate::plant::{Plant, T1, anna, post};

const LEVELS: &str = r#"system: levels
about: sends levels
connection: { http: {} }
emits:
  level:
    source: { http: { auth: none } }
    event: production.level@1
    map: maps/completion.vrl
    keys: { order: { path: .order } }
    idempotency: { key: header }
    site: DE10
"#;

const LEVEL: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"production.level","description":"A level.",
  "x-version":"1.0.0","type":"object","required":["order"],"properties":{"order":{"type":"string"}},"examples":[{"order":"1"},{"order":"2"}]}"#;

const SINK: &str = r#"system: sink
about: takes completions and levels
connection: { http: { url: "SINK_URL", timeout_secs: 2 } }
limits: { in_flight: 16, breaker: { open_after: 3, probe_every: 100ms } }
receives:
  completion:
    event: production.completion@1
    send: { http: { path: /completion, key_header: Idempotency-Key } }
    in_order_by: order
    repeat: { class: T1, window: 24h, past: T4 }
    impact: inventory accuracy
  level:
    event: production.level@1
    send: { http: { path: /level, key_header: Idempotency-Key } }
    in_order_by: order
    repeat: { class: T1, window: 24h, past: T4 }
    impact: inventory accuracy
"#;

/// More than are loaded from the store at a time.
const MANY: u32 = 1_500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot7_many_retries_of_one_interface_keep_nothing_from_another() {
    let files =
        [("systems/levels.yaml", LEVELS), ("model/production.level@1.json", LEVEL), ("systems/sink.yaml", SINK)];
    let plant = Plant::with(Class::T1, T1, &files).await;
    plant.sink.server().fault(Fault::new(Kind::Http429).path("/completion").retry_after(3600));
    let load = Load {
        transactions: MANY.into(),
        keys: MANY.into(),
        connections: 16,
        ..Load::new(&plant.url(), plant.directory.path().join("load.jsonl"))
    };
    run(load).await.expect("load runs");
    let shared = plant.node.shared();
    let waiting = || {
        let rows = shared.store.due("sink", &["sink/completion"], Timestamp::from_micros(i64::MAX), 2_000);
        u32::try_from(rows.expect("reads").iter().filter(|row| row.tried == 1).count()).expect("few")
    };
    plant.until("all wait for their second attempt", || waiting() == MANY).await;

    act::on_interface(shared, &anna(), "sink/level", Verdict::Pause, "").await.expect("pauses");
    for key in ["a", "b", "c"] {
        assert_eq!(post(plant.node.inbound(), "/in/levels/level", key, r#"{"order":"L1"}"#).await.0, 202);
    }
    act::on_interface(shared, &anna(), "sink/level", Verdict::Resume, "").await.expect("resumes");
    plant.until_delivered(3).await;
    assert_eq!(waiting(), MANY, "none was sent before its time");
}
