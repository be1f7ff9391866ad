//! Rules on the state of an order, with many reports at the same time: what fits is taken, no more, and what is given
//! up makes room again.

use lineshaft_engine::act;
use lineshaft_model::object::{ObjectKey, ObjectState};
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;
use tokio::task::JoinSet;

use crate::plant::{Plant, T1, T4, anna, post};

const FILES: &[(&str, &str)] = &[
    (
        "model/production.order@1.json",
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"production.order","description":"An order.",
          "x-version":"1.0.0","type":"object","required":["order","quantity","state"]}"#,
    ),
    (
        "systems/planner.yaml",
        "system: planner\nabout: plans\nconnection: { http: {} }\nemits:\n  order:\n    source: { http: { auth: none } }\n    \
         event: production.order@1\n    map: maps/completion.vrl\n    keys: { order: { path: .order, issued_by: source } }\n    \
         idempotency: { key: header }\n    site: DE10\n  reports:\n    source: { http: { auth: none } }\n    split: .list\n    \
         event: production.completion@1\n    map: maps/completion.vrl\n    keys: { order: { path: .order, issued_by: source } }\n    \
         idempotency: { key: .id }\n    site: DE10\n  reversal:\n    source: { http: { auth: none } }\n    \
         event: production.reversal@1\n    map: maps/completion.vrl\n    keys: { order: { path: .order, issued_by: source } }\n    \
         idempotency: { key: header }\n    site: DE10\n",
    ),
    (
        "model/production.reversal@1.json",
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"production.reversal","description":"A report taken back.",
          "x-version":"1.0.0","type":"object","required":["order","seq","quantity","state"]}"#,
    ),
    (
        "rules/report.yaml",
        "object: report\nevents:\n  production.completion@1:\n    - named_by: { paths: [.order, .seq] }\n      optional: true\n      \
         sets: { state: .state }\n  production.reversal@1:\n    - named_by: { paths: [.order, .seq] }\n      sets: { state: .state }\n      \
         checks:\n        - known: {}\n        - open: { fact: state, closed: [reversed] }\n",
    ),
    (
        "rules/order.yaml",
        "object: order\nevents:\n  production.order@1:\n    - named_by: { key: order }\n      sets: { state: .state }\n      \
         sets_quantity: { quantity: .quantity }\n  production.completion@1:\n    - named_by: { key: order }\n      \
         adds: { yield: .quantity }\n      checks:\n        - open: { fact: state, closed: [closed], not_yet: [created] }\n        \
         - not_over: { total: yield, limit: quantity }\n  production.reversal@1:\n    - named_by: { key: order }\n      \
         takes: { yield: .quantity }\n      checks:\n        - not_negative: { total: yield }\n",
    ),
];

async fn order(plant: &Plant, number: &str, quantity: &str, state: &str) {
    let body = format!(r#"{{"order":"{number}","quantity":"{quantity}","state":"{state}"}}"#);
    let key = format!("{number} {state}");
    assert_eq!(post(plant.node.inbound(), "/in/planner/order", &key, &body).await.0, 202);
}

fn report(order: &str, seq: u32, quantity: &str) -> String {
    format!(r#"{{"order":"{order}","seq":{seq},"quantity":"{quantity}","state":"reported"}}"#)
}

fn known(plant: &Plant, order: &str) -> ObjectState {
    let key = ObjectKey { kind: "order".into(), key: format!("source/{order}") };
    plant.node.shared().store.objects(&[key.clone()].into()).expect("reads").get(&key)
}

fn yields(plant: &Plant, order: &str) -> String {
    assert_eq!(plant.node.shared().store.rebuild_objects().expect("reads"), []);
    known(plant, order).total("yield").to_string()
}

/// Codes of the exceptions, the oldest first.
fn codes(plant: &Plant) -> Vec<&'static str> {
    plant.exceptions().iter().filter_map(|it| it.fault.as_ref().map(|fault| fault.code.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_reports_at_once_on_an_order_of_10_exactly_10_are_taken_and_one_given_up_makes_room_for_one() {
    let plant = Plant::with(Class::T4, T4, FILES).await;
    order(&plant, "O1", "10", "released").await;
    plant.sink.server().fault(Fault::new(Kind::Reset).times(1));
    let inbound = plant.node.inbound();
    let mut senders = JoinSet::new();
    for seq in 0..64 {
        senders.spawn(async move {
            post(inbound, "/in/source/completion", &format!("k{seq}"), &report("O1", seq, "1")).await.0
        });
    }
    assert!(senders.join_all().await.iter().all(|status| *status == 202), "no sender is refused for it");
    assert_eq!(yields(&plant, "O1"), "10");
    plant.until_exceptions(55).await;
    let mut stopped = codes(&plant);
    stopped.sort_unstable();
    assert_eq!(stopped.iter().filter(|code| **code == "JUDGE-001").count(), 54);
    let in_doubt = plant.exceptions().into_iter().find_map(|it| it.delivery).expect("the first one's answer was lost");

    let shared = plant.node.shared();
    act::on_delivery(shared, &anna(), in_doubt, Verdict::Discard, "was reported wrongly").await.expect("discards");
    assert_eq!(yields(&plant, "O1"), "9");
    plant.until_delivered(9).await;
    let parked: Vec<_> = plant.exceptions().into_iter().map(|it| it.transaction).collect();
    assert_eq!(parked.len(), 54);
    act::on_transaction(shared, &anna(), parked[0], Verdict::Retry, "there is room").await.expect("retries");
    plant.until("the free piece is taken", || yields(&plant, "O1") == "10").await;
    act::on_transaction(shared, &anna(), parked[1], Verdict::Retry, "perhaps").await.expect("retries");
    plant.until("there is no room for another", || codes(&plant).len() == 53).await;
    assert_eq!(yields(&plant, "O1"), "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_before_its_order_waits_and_goes_on_by_itself_when_it_is_released() {
    let plant = Plant::with(Class::T1, T1, FILES).await;
    plant.send_body("a", &report("O1", 1, "3")).await;
    plant.send_body("b", &report("O2", 1, "3")).await;
    assert_eq!(codes(&plant), ["JUDGE-003", "JUDGE-003"]);
    order(&plant, "O1", "10", "created").await;
    plant.until("it is known and not released", || codes(&plant) == ["JUDGE-003", "JUDGE-002"]).await;
    order(&plant, "O1", "10", "released").await;
    plant.until_delivered(1).await;
    assert_eq!((codes(&plant), yields(&plant, "O1")), (vec!["JUDGE-003"], "3".to_owned()));
    order(&plant, "O1", "10", "closed").await;
    plant.send_body("c", &report("O1", 2, "3")).await;
    assert_eq!(codes(&plant), ["JUDGE-003", "JUDGE-002"]);
    assert_eq!(yields(&plant, "O1"), "3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_one_document_see_what_came_before_and_repeats_do_not_count_twice() {
    let plant = Plant::with(Class::T1, T1, FILES).await;
    order(&plant, "O1", "10", "released").await;
    let send = async |parts: &[(&str, &str)]| {
        let parts =
            parts.iter().map(|(id, quantity)| format!(r#"{{"id":"{id}","order":"O1","quantity":"{quantity}"}}"#));
        let body = format!(r#"{{"list":[{}]}}"#, parts.collect::<Vec<_>>().join(","));
        assert_eq!(post(plant.node.inbound(), "/in/planner/reports", "x", &body).await.0, 202);
    };
    send(&[("a", "4"), ("b", "4"), ("c", "4"), ("d", "1")]).await;
    assert_eq!((codes(&plant), yields(&plant, "O1")), (vec!["JUDGE-001"], "9".to_owned()));
    // The first was counted already; if it counted again, the last would not fit.
    send(&[("a", "4"), ("e", "1")]).await;
    assert_eq!((codes(&plant), yields(&plant, "O1")), (vec!["JUDGE-001"], "10".to_owned()));
    assert_eq!(known(&plant, "O1").version, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_of_an_order_outlives_a_restart() {
    let plant = Plant::with(Class::T1, T1, FILES).await;
    order(&plant, "O1", "10", "released").await;
    plant.send_body("a", &report("O1", 1, "8")).await;
    plant.until_delivered(1).await;
    let plant = plant.restart().await;
    plant.send_body("b", &report("O1", 2, "3")).await;
    plant.send_body("c", &report("O1", 3, "2")).await;
    assert_eq!((codes(&plant), yields(&plant, "O1")), (vec!["JUDGE-001"], "10".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reversal_takes_its_quantity_back_once_and_waits_where_its_report_is_not_there_yet() {
    let plant = Plant::with(Class::T1, T1, FILES).await;
    order(&plant, "O1", "10", "released").await;
    let reverse = async |key: &str, seq: u32| {
        let body = format!(r#"{{"order":"O1","seq":{seq},"quantity":"3","state":"reversed"}}"#);
        assert_eq!(post(plant.node.inbound(), "/in/planner/reversal", key, &body).await.0, 202);
    };
    plant.send_body("a", &report("O1", 1, "3")).await;
    plant.send_body("c", &report("O1", 3, "4")).await;
    reverse("r1", 1).await;
    assert_eq!((codes(&plant), yields(&plant, "O1")), (vec![], "4".to_owned()));
    reverse("r1 again", 1).await;
    assert_eq!((codes(&plant), yields(&plant, "O1")), (vec!["JUDGE-002"], "4".to_owned()));
    reverse("r2", 2).await;
    assert_eq!(codes(&plant), ["JUDGE-002", "JUDGE-003"]);
    plant.send_body("b", &report("O1", 2, "3")).await;
    plant.until("the early reversal goes on by itself", || yields(&plant, "O1") == "4").await;
    assert_eq!(codes(&plant), ["JUDGE-002"]);
    assert_eq!(known(&plant, "O1").version, 6, "told once, reported three times, taken back twice");
}
