//! Transactions that take back others, from the sender to the target: undone once, never before the original, and waiting
//! where the original is not there yet.

use lineshaft_engine::{Refusal, act};
use lineshaft_model::object::ObjectKey;
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::{Class, Effect};
use lineshaft_store::change::Verdict;

use crate::plant::{Plant, T1, T4, anna, post};

const SOURCE: &str = r#"system: source
about: reports, and takes back
connection: { http: {} }
emits:
  completion:
    source: { http: { auth: none } }
    event: production.completion@1
    map: maps/completion.vrl
    keys: { order: { path: .order }, report: { path: .id } }
    idempotency: { key: header }
    reverses: { original: .reverses, key: report }
    site: DE10
  batch:
    source: { http: { auth: none } }
    split: .list
    event: production.completion@1
    map: maps/completion.vrl
    keys: { order: { path: .order }, report: { path: .id } }
    idempotency: { key: .id }
    reverses: { original: .reverses, key: report }
    site: DE10
  order:
    source: { http: { auth: none } }
    event: production.order@1
    map: maps/completion.vrl
    keys: { order: { path: .order } }
    site: DE10
  material:
    source: { http: { auth: none } }
    reference: { table: material, key: .material }
"#;

const SINK: &str = r#"system: sink
about: takes reports and what takes them back
connection: { http: { url: "SINK_URL", timeout_secs: 2 } }
limits: { in_flight: 16, breaker: { open_after: 3, probe_every: 50ms } }
receives:
  completion:
    event: production.completion@1
    send: { http: { path: /completion, key_header: Idempotency-Key, receipt: .effect } }
    in_order_by: order
    repeat: REPEAT
    retry: { first: 20ms, cap: 100ms, attempts: 50 }
    impact: inventory accuracy
  cancel:
    event: production.completion@1
    takes: reversals
    original_at: completion
    map: maps/cancel.vrl
    send: { http: { path: "/cancel/{original}", key_header: Idempotency-Key, receipt: .effect } }
    in_order_by: order
    repeat: REPEAT
    retry: { first: 20ms, cap: 100ms, attempts: 50 }
    impact: inventory accuracy
  order:
    event: production.order@1
    send: { http: { path: /order, key_header: Idempotency-Key } }
    in_order_by: order
    sequence: orders
    repeat: REPEAT
    impact: production release
"#;

const CANCEL: &str = "# What is taken back is named by the sink's own number.\noriginal = if %original_receipt == \"\" { \"unknown\" } else { %original_receipt }\n. = { \"order\": .order, \"original\": original }\n";

const ORDER: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"production.order","description":"An order.",
  "x-version":"1.0.0","type":"object","required":["order","quantity"],"examples":[{"order":"1","quantity":"1"},{"order":"2","quantity":"1"}]}"#;

const COMPLETION: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"production.completion","description":"A completion.",
  "x-version":"1.0.0","type":"object","required":["order"],"properties":{"order":{"type":"string"}},"examples":[{"order":"1"},{"order":"2"}]}"#;

const RULES: &str = "object: order\nevents:\n  production.order@1:\n    - named_by: { key: order }\n      sets_quantity: { quantity: .quantity }\n  \
     production.completion@1:\n    - named_by: { key: order }\n      adds: { yield: .quantity }\n      checks: [{ not_over: { total: yield, limit: quantity } }]\n";

/// A plant with order O1 of ten pieces.
async fn plant(class: Class, repeat: &str) -> Plant {
    with_map(class, repeat, CANCEL).await
}

/// The same, with another map for what takes back.
async fn with_map(class: Class, repeat: &str, cancel: &str) -> Plant {
    let sink = SINK.replace("REPEAT", repeat);
    let files: &[(&str, &str)] = &[
        ("systems/source.yaml", SOURCE),
        ("systems/sink.yaml", &sink),
        ("systems/maps/cancel.vrl", cancel),
        ("model/production.order@1.json", ORDER),
        ("model/production.completion@1.json", COMPLETION),
        ("rules/order.yaml", RULES),
    ];
    let plant = Plant::with(class, repeat, files).await;
    let (status, _) = post(plant.node.inbound(), "/in/source/order", "o", r#"{"order":"O1","quantity":"10"}"#).await;
    assert_eq!(status, 202);
    plant.until_delivered(1).await;
    plant
}

fn report(id: &str, quantity: &str) -> String {
    format!(r#"{{"id":"{id}","order":"O1","quantity":"{quantity}"}}"#)
}

fn takes_back(id: &str, original: &str) -> String {
    format!(r#"{{"id":"{id}","order":"O1","reverses":"{original}"}}"#)
}

async fn send(plant: &Plant, id: &str, body: &str) {
    let (status, answer) = plant.send_body(id, body).await;
    assert_eq!(status, 202, "{answer}");
}

fn yields(plant: &Plant) -> String {
    let store = &plant.node.shared().store;
    assert_eq!(store.rebuild_objects().expect("reads"), []);
    let key = ObjectKey { kind: "order".into(), key: "source/O1".into() };
    store.objects(&[key.clone()].into()).expect("reads").get(&key).total("yield").to_string()
}

fn codes(plant: &Plant) -> Vec<&'static str> {
    plant.exceptions().iter().filter_map(|it| it.fault.as_ref().map(|fault| fault.code.as_str())).collect()
}

/// Where the sink was asked, in the order of the effects; the order itself left out.
fn effects(plant: &Plant) -> Vec<String> {
    let text = std::fs::read_to_string(plant.directory.path().join("sink.jsonl")).expect("history");
    let effects = text.lines().map(|line| serde_json::from_str::<Effect>(line).expect("effect").path);
    effects.filter(|path| path != "POST /order").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_counts_no_more_and_the_target_is_told_its_own_number() {
    let plant = plant(Class::T1, T1).await;
    send(&plant, "C1", &report("C1", "6")).await;
    send(&plant, "C2", &report("C2", "4")).await;
    plant.until_delivered(3).await;
    assert_eq!(yields(&plant), "10");
    send(&plant, "R1", &takes_back("R1", "C1")).await;
    plant.until_delivered(4).await;
    assert_eq!(
        (yields(&plant), effects(&plant)),
        ("4".into(), ["/completion", "/completion", "/cancel/2"].map(posted).into())
    );
    // The same again is the same; another one cannot take it back a second time, nor take back what takes back.
    send(&plant, "R1", &takes_back("R1", "C1")).await;
    send(&plant, "R2", &takes_back("R2", "C1")).await;
    send(&plant, "R3", &takes_back("R3", "R1")).await;
    send(&plant, "R4", &takes_back("R4", "R4")).await;
    assert_eq!((codes(&plant), yields(&plant)), (vec!["JUDGE-007"; 3], "4".into()));
    // What became free may be reported anew. Those that cannot be taken back keep the order back until a person decides.
    let parked: Vec<_> = plant.exceptions().into_iter().map(|it| it.transaction).collect();
    for transaction in parked {
        act::on_transaction(plant.node.shared(), &anna(), transaction, Verdict::Discard, "wrong")
            .await
            .expect("discards");
    }
    send(&plant, "C3", &report("C3", "6")).await;
    plant.until_delivered(5).await;
    assert_eq!(yields(&plant), "10");
}

fn posted(path: &str) -> String {
    format!("POST {path}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reversal_waits_behind_its_original_while_the_target_is_away_and_nobody_is_asked() {
    let plant = plant(Class::T1, T1).await;
    plant.sink.server().go_down(None);
    send(&plant, "C1", &report("C1", "10")).await;
    send(&plant, "R1", &takes_back("R1", "C1")).await;
    send(&plant, "C2", &report("C2", "9")).await;
    assert_eq!((yields(&plant), codes(&plant)), ("9".into(), vec![]), "what it frees may be used at once");
    plant.sink.server().go_up();
    plant.until_delivered(4).await;
    assert_eq!(effects(&plant), ["/completion", "/cancel/2", "/completion"].map(posted));
    let plant = plant.restart().await;
    assert_eq!(yields(&plant), "9");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn md8_a_reversal_whose_turn_comes_before_its_record_is_released_by_it() {
    let map = format!("text = xref!(\"material\", \"NEW\", field: \"text\")\n{CANCEL}.text = text\n");
    let plant = with_map(Class::T1, T1, &map).await;
    plant.sink.server().go_down(None);
    send(&plant, "C1", &report("C1", "10")).await;
    send(&plant, "R1", &takes_back("R1", "C1")).await;
    plant.sink.server().go_up();
    plant.until_exceptions(1).await;
    assert_eq!(codes(&plant), ["MAP-002"]);
    let record = vec![("NEW".to_owned(), br#"{"text":"new part"}"#.to_vec())];
    act::load(plant.node.shared(), &anna(), "material", record, "").await.expect("loads");
    plant.until_delivered(3).await;
    assert_eq!(effects(&plant), ["/completion", "/cancel/2"].map(posted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reversal_before_its_original_waits_across_a_restart_and_never_passes_it() {
    let plant = plant(Class::T1, T1).await;
    send(&plant, "R1", &takes_back("R1", "C1")).await;
    let waiting = plant.exceptions().remove(0);
    assert_eq!(codes(&plant), ["JUDGE-006"]);
    let plant = plant.restart().await;
    send(&plant, "C2", &report("C2", "3")).await;
    plant.until_delivered(2).await;
    plant.sink.server().go_down(None);
    send(&plant, "C1", &report("C1", "5")).await;
    plant.until("it goes on by itself", || yields(&plant) == "3" && codes(&plant).is_empty()).await;
    plant.sink.server().go_up();
    plant.until_delivered(4).await;
    assert_eq!(effects(&plant), ["/completion", "/completion", "/cancel/3"].map(posted));
    let store = &plant.node.shared().store;
    let kinds: Vec<_> =
        store.lineage(waiting.transaction).expect("reads").into_iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(kinds, ["reversal"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_batch_what_follows_a_reversal_sees_what_it_freed() {
    let plant = plant(Class::T1, T1).await;
    let parts =
        [report("C1", "10"), takes_back("R1", "C1"), report("C2", "7"), takes_back("R9", "C9"), report("C3", "3")];
    let body = format!(r#"{{"list":[{}]}}"#, parts.join(","));
    assert_eq!(post(plant.node.inbound(), "/in/source/batch", "b", &body).await.0, 202);
    plant.until_delivered(5).await;
    assert_eq!((yields(&plant), codes(&plant)), ("10".into(), vec!["JUDGE-006"]));
    assert_eq!(effects(&plant), ["/completion", "/cancel/2", "/completion", "/completion"].map(posted));
    // Sent again, nothing of it is decided twice.
    assert_eq!(post(plant.node.inbound(), "/in/source/batch", "again", &body).await.0, 202);
    assert_eq!(yields(&plant), "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reversal_of_what_was_given_up_sends_nothing() {
    let plant = plant(Class::T4, T4).await;
    plant.sink.server().fault(Fault::new(Kind::Reset).times(1));
    send(&plant, "C1", &report("C1", "10")).await;
    plant.until_exceptions(1).await;
    send(&plant, "R1", &takes_back("R1", "C1")).await;
    let doubt = plant.exceptions()[0].delivery.expect("in doubt");
    assert_eq!(plant.exceptions()[0].behind, 1, "the reversal waits in its line");
    act::on_delivery(plant.node.shared(), &anna(), doubt, Verdict::Discard, "it is not there").await.expect("discards");
    send(&plant, "C2", &report("C2", "10")).await;
    plant.until_delivered(2).await;
    assert_eq!((effects(&plant), yields(&plant)), (vec![posted("/completion")], "10".into()));
    // One that was stopped before it went anywhere: what waits to take it back is let go.
    let unknown = r#"{"id":"C4","order":"O1","quantity":"1","material":"NEW"}"#;
    send(&plant, "C4", unknown).await;
    send(&plant, "R4", &takes_back("R4", "C4")).await;
    assert_eq!(codes(&plant), ["MAP-002", "JUDGE-006"]);
    let stopped = plant.exceptions()[0].transaction;
    act::on_transaction(plant.node.shared(), &anna(), stopped, Verdict::Discard, "never mind").await.expect("discards");
    // A reversal is left out where reports go; those of R1 and R4 where reports are taken back as well, for nothing is left.
    let left_out = || plant.books().delivery_states.into_iter().find(|(state, _)| state == "skipped");
    plant.until("nothing is left to decide", || left_out().is_some_and(|(_, count)| count == 4)).await;
    assert_eq!((effects(&plant).len(), codes(&plant).len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_posted_by_hand_a_person_takes_back_by_hand() {
    let plant = plant(Class::T4, T4).await;
    plant.sink.server().fault(Fault::new(Kind::Reset).times(1));
    send(&plant, "C1", &report("C1", "10")).await;
    plant.until_exceptions(1).await;
    send(&plant, "R1", &takes_back("R1", "C1")).await;
    let shared = plant.node.shared();
    let doubt = plant.exceptions()[0].delivery.expect("in doubt");
    act::on_delivery(shared, &anna(), doubt, Verdict::Skip, "posted by hand").await.expect("skips");
    plant.until("it stops", || codes(&plant) == ["RENDER-003"]).await;
    let stopped = plant.exceptions()[0].delivery.expect("a delivery");
    let again = act::on_delivery(shared, &anna(), stopped, Verdict::Retry, "hurry").await;
    assert!(matches!(again, Err(Refusal::Fault(_))), "{again:?}");
    act::on_delivery(shared, &anna(), stopped, Verdict::Skip, "taken back by hand").await.expect("skips");
    send(&plant, "C2", &report("C2", "10")).await;
    plant.until_delivered(2).await;
    assert_eq!((effects(&plant).len(), yields(&plant)), (1, "10".into()));
}
