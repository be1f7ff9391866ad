//! Taken is not posted, and what senders are told: a real node, a target that owes its final word, and senders that wait.

use std::time::Duration;

use lineshaft_engine::act::{Refusal, on_delivery};
use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::key::KeyQuery;
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;
use lineshaft_store::read::deliveries::Delivery;

use crate::plant::{Plant, T1, anna, get, post};

/// An interface that brings the answers of the receiving system.
const STATUS: &str = "emits:\n  status:\n    about: final words\n    source: { http: { auth: none } }\n    \
    answers: { to: sink/completion, reference: .key, posted_when: { at: .status, is: [\"53\"] }, \
    refused_when: { at: .status, is: [\"51\"] }, reason: .text, receipt: .document }\n    unreadable: pass\n";

/// The receiving system with `answer` and `readback` as given.
fn sink(url: &str, answer: &str, readback: &str) -> String {
    let emits = if readback.is_empty() { STATUS } else { "" };
    format!(
        "system: sink\nabout: counts\nconnection: {{ http: {{ url: \"{url}\", timeout_secs: 2 }} }}\n{emits}\
         receives:\n  completion:\n    about: all of it\n    event: production.completion@1\n    \
         send: {{ http: {{ path: /completion, key_header: Idempotency-Key{readback} }} }}\n    in_order_by: order\n    \
         repeat: {T1}\n    answer: {answer}\n    retry: {{ first: 20ms, cap: 200ms, attempts: 50 }}\n    impact: inventory accuracy\n"
    )
}

const BY_DOCUMENT: &str = "{ by: document, within: 10m, reference: target-key }";

async fn plant(answer: &str, readback: &str) -> Plant {
    Plant::made(Class::T1, |url| vec![("systems/sink.yaml".to_owned(), sink(url, answer, readback))]).await
}

fn only_delivery(plant: &Plant, order: &str) -> Delivery {
    let query = KeyQuery::parse(&format!("order:{order}")).expect("a key");
    let transaction = plant.node.shared().store.find(&query, 1).expect("reads").remove(0);
    transaction.deliveries.into_iter().next().expect("one delivery")
}

async fn until_state(plant: &Plant, order: &str, state: DeliveryState) -> Delivery {
    plant.until(state.as_str(), || only_delivery(plant, order).state == state).await;
    only_delivery(plant, order)
}

async fn answer(plant: &Plant, key: &str, delivery: DeliveryId, revision: u32, rest: &str) {
    let body = format!("{{\"key\":\"{}\",{rest}}}", delivery.target_key(revision));
    assert_eq!(post(plant.node.inbound(), "/in/sink/status", key, &body).await.0, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_brings_the_final_word() {
    let plant = plant(BY_DOCUMENT, "").await;
    plant.send("K1", 1, "a").await;
    plant.send("K1", 2, "b").await;
    plant.until("the first is taken", || plant.sink.effects() == 1).await;
    let query = KeyQuery::parse("order:K1").expect("a key");
    let all = plant.node.shared().store.find(&query, 2).expect("reads");
    let [second, first] = [0, 1].map(|at| all[at].deliveries[0].id);
    plant
        .until("sent", || plant.node.shared().store.delivery(first).unwrap().unwrap().state == DeliveryState::Sent)
        .await;
    assert_eq!(plant.delivered(), 0, "taken is not delivered");
    answer(&plant, "s1", first, 0, r#""status":"64""#).await;
    answer(&plant, "s2", first, 0, r#""status":"53","document":"4900001""#).await;
    plant.until_delivered(1).await;
    plant.until("the second is taken", || plant.sink.effects() == 2).await;
    answer(&plant, "s3", second, 0, r#""status":"53","document":"4900002""#).await;
    plant.until_delivered(2).await;
    let row = plant.node.shared().store.delivery(first).expect("reads").expect("there");
    assert_eq!(row.receipt.as_deref(), Some("4900001"));
    assert!(plant.exceptions().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_after_taking_parks_and_a_retry_is_a_new_document() {
    let plant = plant(BY_DOCUMENT, "").await;
    plant.send("K1", 1, "a").await;
    let delivery = until_state(&plant, "K1", DeliveryState::Sent).await;
    answer(&plant, "s1", delivery.id, 0, r#""status":"51","text":"M7 021 deficit of stock""#).await;
    plant.until_exceptions(1).await;
    let fault = plant.exceptions().remove(0).fault.expect("a reason");
    assert_eq!((fault.code.as_str(), fault.message.as_str()), ("DELIVER-013", "M7 021 deficit of stock"));
    let shared = plant.node.shared();
    on_delivery(shared, &anna(), delivery.id, Verdict::Retry, "stock is there").await.expect("retries");
    plant.until("sent again", || plant.sink.effects() == 2).await;
    until_state(&plant, "K1", DeliveryState::Sent).await;
    answer(&plant, "s2", delivery.id, 1, r#""status":"53""#).await;
    plant.until_delivered(1).await;
    assert_eq!(plant.sink.effects(), 2, "the target remembers keys: a new key was a new document");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_in_time_is_told_and_a_late_one_still_settles() {
    let plant = plant("{ by: document, within: 300ms, reference: target-key }", "").await;
    plant.send("K1", 1, "a").await;
    plant.until_exceptions(1).await;
    let exception = plant.exceptions().remove(0);
    assert_eq!(exception.fault.map(|fault| fault.code.as_str()), Some("DELIVER-014"));
    let delivery = exception.delivery.expect("a delivery");
    answer(&plant, "s1", delivery, 0, r#""status":"53""#).await;
    plant.until_delivered(1).await;
    assert!(plant.exceptions().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_may_name_what_stands_in_the_document() {
    let plant = plant("{ by: document, within: 10m, reference: .order }", "").await;
    plant.send("K1", 1, "a").await;
    plant.send("K2", 1, "b").await;
    for (order, state) in [("K1", DeliveryState::Sent), ("K2", DeliveryState::Sent)] {
        assert_eq!(until_state(&plant, order, state).await.awaits.as_deref(), Some(order));
    }
    let body = r#"{"key":"K2","status":"53","document":"49"}"#;
    assert_eq!(post(plant.node.inbound(), "/in/sink/status", "s1", body).await.0, 202);
    plant.until_delivered(1).await;
    assert_eq!(only_delivery(&plant, "K2").receipt.as_deref(), Some("49"));
    assert_eq!(only_delivery(&plant, "K1").state, DeliveryState::Sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_target_is_asked_for_its_final_word_after_a_restart_too() {
    let readback = ", readback: { path: \"/effects?key={target_key}\", posted_when: { at: .found } }";
    let plant = plant("{ by: readback, within: 10m, every: 100ms }", readback).await;
    for order in 0..20 {
        plant.send(&format!("K{order}"), 1, &format!("k{order}")).await;
    }
    let plant = plant.restart().await;
    plant.until_delivered(20).await;
    assert_eq!(plant.sink.effects(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_target_refuses_when_asked_is_settled_by_whoever_had_it_posted_there() {
    let readback = ", readback: { path: \"/effects?key={target_key}\", posted_when: { at: .posted }, \
                    refused_when: { at: .found }, reason: '.found[0].n' }";
    let plant = plant("{ by: readback, within: 10m, every: 100ms }", readback).await;
    plant.send("K1", 1, "a").await;
    plant.send("K1", 2, "b").await;
    plant.until_exceptions(1).await;
    let exception = plant.exceptions().remove(0);
    let fault = exception.fault.expect("a reason");
    assert_eq!((fault.code.as_str(), fault.message.as_str()), ("DELIVER-013", "1"));
    assert_eq!(plant.sink.effects(), 1, "the later one of its key waits");
    let (shared, delivery) = (plant.node.shared(), exception.delivery.expect("a delivery"));
    on_delivery(shared, &anna(), delivery, Verdict::Posted("49".to_owned()), "posted by hand").await.expect("settles");
    let row = shared.store.delivery(delivery).expect("reads").expect("there");
    assert_eq!((row.state, row.receipt.as_deref()), (DeliveryState::Delivered, Some("49")));
    plant.until("the later one is taken", || plant.sink.effects() == 2).await;
}

/// The emitting system with `reply` as given.
fn source(reply: &str) -> String {
    format!(
        "system: source\nabout: sends\nconnection: {{ http: {{}} }}\nemits:\n  completion:\n    about: completions\n    \
         source: {{ http: {{ auth: none }} }}\n    event: production.completion@1\n    map: maps/completion.vrl\n    \
         keys: {{ order: {{ path: .order, issued_by: source }} }}\n    idempotency: {{ key: header }}\n    site: DE10\n    \
         unreadable: pass\n    reply: {reply}\n  material:\n    about: materials\n    source: {{ http: {{ auth: none }} }}\n    \
         reference: {{ table: material, key: .material }}\n    idempotency: {{ key: header }}\n    unreadable: pass\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_waits_is_told_the_outcome() {
    let more = |_: &str| vec![("systems/source.yaml".to_owned(), source("{ settled: { within: 20s } }"))];
    let plant = Plant::made(Class::T1, more).await;
    let (status, told) = plant.send("K1", 1, "a").await;
    assert_eq!(status, 200, "{told}");
    assert!(told.contains("\"state\":\"settled\"") && told.contains("\"delivered\""), "{told}");
    let (status, again) = plant.send("K1", 1, "a").await;
    assert_eq!((status, again), (200, told), "a repeat hears the same");
    let (status, waits) = plant.send_body("b", r#"{"order":"K2","seq":1,"material":"NEW"}"#).await;
    assert_eq!(status, 202, "what waits for a person is not settled: {waits}");
    assert!(waits.contains("\"stopped\"") && waits.contains("MAP-002"), "{waits}");
    let id = waits.split('"').nth(3).expect("an id").to_owned();
    let (status, later) = get(plant.node.inbound(), &format!("/in/source/completion/{id}")).await;
    assert_eq!((status, later), (202, waits));
    let (status, _) = get(plant.node.inbound(), &format!("/in/source/material/{id}")).await;
    assert_eq!(status, 404, "it is not that interface's document");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_the_same_document_is_told_the_same() {
    let more = |_: &str| vec![("systems/source.yaml".to_owned(), source("{ settled: { within: 25s } }"))];
    let plant = Plant::made(Class::T1, more).await;
    plant.sink.server().go_down(None);
    let work = async {
        plant.until("both documents are here", || plant.books().intakes == 2).await;
        // A repeat that comes later finds it settled: it hears the same.
        plant.sink.server().go_up();
    };
    let [first, again, other] = [("K1", "a"), ("K1", "a"), ("K2", "b")].map(|(order, key)| plant.send(order, 1, key));
    let (first, again, other, ()) = tokio::join!(first, again, other, work);
    assert_eq!((first.0, again.0, other.0), (200, 200, 200), "{first:?} {again:?} {other:?}");
    assert_eq!(first.1, again.1);
    assert_eq!(plant.sink.effects(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_settled_is_decided_on_by_nobody_and_whoever_tries_reads_why() {
    let plant = plant(BY_DOCUMENT, "").await;
    plant.send("K1", 1, "a").await;
    let delivery = until_state(&plant, "K1", DeliveryState::Sent).await;
    answer(&plant, "s1", delivery.id, 0, r#""status":"53""#).await;
    plant.until_delivered(1).await;
    for verdict in [Verdict::Retry, Verdict::NotPosted, Verdict::Skip, Verdict::Discard] {
        let shared = plant.node.shared();
        let refused = on_delivery(shared, &anna(), delivery.id, verdict, "late").await.expect_err("settled is final");
        assert!(matches!(&refused, Refusal::NotNow { state, .. } if state == "delivered"), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_waits_is_told_where_to_ask_when_it_takes_too_long() {
    let more = |_: &str| vec![("systems/source.yaml".to_owned(), source("{ settled: { within: 300ms } }"))];
    let plant = Plant::made(Class::T1, more).await;
    plant.sink.server().go_down(None);
    let (status, told) = plant.send("K1", 1, "a").await;
    assert!(status == 202 && told.contains("\"state\":\"open\""), "{status} {told}");
    plant.sink.server().go_up();
    plant.until_delivered(1).await;
    let id = told.split('"').nth(3).expect("an id");
    let (status, later) = get(plant.node.inbound(), &format!("/in/source/completion/{id}")).await;
    assert!(status == 200 && later.contains("settled"), "{later}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_content_is_refused_and_not_kept_where_the_interface_says_so() {
    let plant = Plant::made(Class::T1, |_| vec![("systems/source.yaml".to_owned(), source("validated"))]).await;
    for (key, body, code) in [
        ("a", "{\"order\":", "DECODE-001"),
        ("b", r#"{"seq":1}"#, "VALIDATE-002"),
        ("c", r#"{"order":"K1","order":"K2"}"#, "DECODE-004"),
    ] {
        let (status, told) = plant.send_body(key, body).await;
        assert!(status == 422 && told.contains(code), "{status} {told}");
    }
    assert_eq!(plant.books().intakes, 0);
    let (status, _) = plant.send_body("d", r#"{"order":"K1","seq":1,"material":"NEW"}"#).await;
    assert_eq!(status, 202, "what waits for reference data is valid");
    assert_eq!(plant.send("K2", 1, "a").await.0, 202, "a refused key is free");
    tokio::time::timeout(Duration::from_secs(60), plant.until_delivered(1)).await.expect("goes on");
}
