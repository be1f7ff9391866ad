//! Large documents: acknowledged when they are on disk, taken apart after, and nothing of the same key passes them (OT6).

use lineshaft_engine::act;
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;

use crate::plant::{Plant, T1, anna, post};

/// The source with an interface whose documents hold many completions.
const SOURCE: &str = "system: source\nabout: sends\nconnection: { http: {} }\nemits:
  completion:
    source: { http: { auth: none } }
    event: production.completion@1
    map: maps/completion.vrl
    keys: { order: { path: .order, issued_by: source } }
    idempotency: { key: header }
    site: DE10
    unreadable: pass
  file:
    source: { http: { auth: none } }
    split: .items
    event: production.completion@1
    map: maps/completion.vrl
    keys: { order: { path: .order, issued_by: source } }
    idempotency: { key: header }
    site: DE10
    unreadable: UNREADABLE
  material:
    source: { http: { auth: none } }
    reference: { table: material, key: .material }
";

/// Orders in the document, and completions of each: some 400 KB.
const ORDERS: usize = 50;
const EACH: usize = 40;

fn document() -> String {
    let filler = "x".repeat(120);
    let items = (1..=EACH).flat_map(|seq| (0..ORDERS).map(move |order| (order, seq)));
    let items: Vec<String> = items
        .map(|(order, seq)| format!(r#"{{"order":"K{order}","seq":{seq},"material":"M1","note":"{filler}"}}"#))
        .collect();
    format!(r#"{{"items":[{}]}}"#, items.join(","))
}

async fn plant(unreadable: &str) -> Plant {
    let source = SOURCE.replace("UNREADABLE", unreadable);
    Plant::with(Class::T1, T1, &[("systems/source.yaml", &source)]).await
}

async fn send_file(plant: &Plant, key: &str, body: &str) -> (u16, String) {
    post(plant.node.inbound(), "/in/source/file", key, body).await
}

/// The numbers of an order in the order in which the sink took them.
fn taken(plant: &Plant, order: &str) -> Vec<u64> {
    let text = std::fs::read_to_string(plant.directory.path().join("sink.jsonl")).expect("reads");
    let lines = text.lines().map(effect);
    lines.filter(|(key, _)| key == order).map(|(_, seq)| seq).collect()
}

fn effect(line: &str) -> (String, u64) {
    let effect: serde_json::Value = serde_json::from_str(line).expect("an effect");
    (effect["key"].as_str().unwrap_or_default().to_owned(), effect["seq"].as_u64().unwrap_or_default())
}

async fn in_order_behind_it(unreadable: &str, restarts: bool) {
    let plant = plant(unreadable).await;
    let shared = plant.node.shared();
    act::on_interface(shared, &anna(), "sink", Verdict::Pause, "so that all of it waits").await.expect("pauses");
    assert_eq!(plant.send("K0", 0, "before").await.0, 202);
    let (status, receipt) = send_file(&plant, "file", &document()).await;
    assert_eq!(status, 202, "{receipt}");
    let last = u32::try_from(EACH + 1).expect("few");
    for order in 0..ORDERS {
        assert_eq!(plant.send(&format!("K{order}"), last, &format!("after-{order}")).await.0, 202);
    }
    assert_eq!(plant.send("Z", 1, "other").await.0, 202);
    let plant = if restarts { plant.restart().await } else { plant };
    let shared = plant.node.shared();
    act::on_interface(shared, &anna(), "sink", Verdict::Resume, "done").await.expect("resumes");
    let all = ORDERS * EACH + ORDERS + 2;
    plant.until_delivered(all as u64).await;
    for order in 0..ORDERS {
        let first = u64::from(order != 0);
        let wanted: Vec<u64> = (first..=u64::from(last)).collect();
        assert_eq!(taken(&plant, &format!("K{order}")), wanted, "K{order}");
    }
    assert_eq!(plant.sink.effects(), all as u64);
    assert_eq!(send_file(&plant, "file", &document()).await, (202, receipt), "the same receipt again");
    let books = plant.books();
    assert_eq!((books.transactions, books.deliveries), (all as u64, all as u64));
    assert_eq!(shared.store.splitting().expect("reads"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot6_a_small_document_behind_a_large_one_does_not_pass_it() {
    in_order_behind_it("pass", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot6_nor_where_the_node_stops_while_it_is_taken_apart() {
    in_order_behind_it("stop", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_document_that_cannot_be_read_is_refused_or_parked_as_its_interface_says() {
    let broken = document().replace("}]}", "}");
    let plant = plant("stop").await;
    let refused = send_file(&plant, "file", &broken).await;
    assert!(refused.0 >= 400 && refused.1.contains("DECODE-001"), "{refused:?}");
    assert_eq!(plant.books().intakes, 0);
    let plant = self::plant("pass").await;
    assert_eq!(send_file(&plant, "file", &broken).await.0, 202);
    assert_eq!(plant.send("K1", 1, "after").await.0, 202);
    plant.until_exceptions(1).await;
    plant.until_delivered(1).await;
    assert_eq!(plant.exceptions()[0].fault.as_ref().map(|fault| fault.code.as_str()), Some("DECODE-001"));
}
