//! Rules on batches and stock lines: an unknown batch waits for its record, and nobody takes what is not there, however many
//! try at the same time.

use lineshaft_engine::act;
use lineshaft_model::object::ObjectKey;
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;
use tokio::task::JoinSet;

use crate::plant::{Plant, T1, T4, anna, post};

const MOVED: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"stock.moved","description":"Stock came, went or moved.",
  "x-version":"1.0.0","type":"object","required":["material","batch","quantity"],"examples":[{"material":"R","batch":"B","quantity":"1"},
  {"material":"R","batch":"","quantity":"1"}]}"#;

const BATCH: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"Batch","description":"A batch.","x-version":"1.0.0",
  "type":"object","required":["key"],"properties":{"key":{"type":"string"}},"additionalProperties":false,"examples":[{"key":"R/B1"},{"key":"R/B2"}]}"#;

const SYSTEM: &str = "system: store\nabout: tells what came, went and moved\nconnection: { http: {} }\nemits:\n  moved:\n    \
     source: { http: { auth: none } }\n    event: stock.moved@1\n    map: maps/completion.vrl\n    keys: { order: { path: .order } }\n    \
     idempotency: { key: header }\n    site: DE10\n";

const TAKER: &str = "system: taker\nabout: takes it\nconnection: { http: { url: \"SINK_URL\", timeout_secs: 2 } }\nreceives:\n  moved:\n    \
     event: stock.moved@1\n    send: { http: { path: /moved, key_header: Idempotency-Key } }\n    in_order_by: order\n    repeat: REPEAT\n    \
     retry: { first: 20ms, cap: 100ms, attempts: 50 }\n    impact: inventory accuracy\n";

const STOCK_RULES: &str = "object: stock\nevents:\n  stock.moved@1:\n    - named_by: { paths: [.from, .material, .batch] }\n      optional: true\n      \
     takes: { stock: .quantity }\n      checks: [{ not_negative: { total: stock } }]\n    \
     - named_by: { paths: [.to, .material, .batch] }\n      optional: true\n      adds: { stock: .quantity }\n";

const BATCH_RULES: &str = "object: batch\nevents:\n  stock.moved@1:\n    - named_by: { paths: [.material, .batch] }\n      optional: true\n      \
     checks: [{ known: { table: batch } }]\n";

async fn plant(class: Class, repeat: &str) -> Plant {
    let taker = TAKER.replace("REPEAT", repeat);
    let files: &[(&str, &str)] = &[
        ("model/stock.moved@1.json", MOVED),
        ("reference/batch.json", BATCH),
        ("systems/store.yaml", SYSTEM),
        ("systems/taker.yaml", &taker),
        ("rules/stock.yaml", STOCK_RULES),
        ("rules/batch.yaml", BATCH_RULES),
    ];
    let plant = Plant::with(class, repeat, files).await;
    load(&plant, "B1").await;
    plant
}

async fn load(plant: &Plant, batch: &str) {
    let records = vec![(format!("R/{batch}"), format!(r#"{{"key":"R/{batch}"}}"#).into_bytes())];
    act::load(plant.node.shared(), &anna(), "batch", records, "delivered").await.expect("loads");
}

/// `from` or `to` may be empty: it came, or it went.
fn moved(order: &str, (from, to): (&str, &str), batch: &str, quantity: &str) -> String {
    format!(
        r#"{{"order":"{order}","from":"{from}","to":"{to}","material":"R","batch":"{batch}","quantity":"{quantity}"}}"#
    )
}

async fn send(plant: &Plant, key: &str, body: &str) {
    assert_eq!(post(plant.node.inbound(), "/in/store/moved", key, body).await.0, 202);
}

fn stock(plant: &Plant, place: &str) -> String {
    let store = &plant.node.shared().store;
    assert_eq!(store.rebuild_objects().expect("reads"), []);
    let key = ObjectKey { kind: "stock".into(), key: place.into() };
    store.objects(&[key.clone()].into()).expect("reads").get(&key).total("stock").to_string()
}

fn codes(plant: &Plant) -> Vec<&'static str> {
    plant.exceptions().iter().filter_map(|it| it.fault.as_ref().map(|fault| fault.code.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_batch_waits_for_its_record_and_material_without_batches_does_not() {
    let plant = plant(Class::T1, T1).await;
    send(&plant, "a", &moved("1", ("", "raw"), "B2", "5")).await;
    send(&plant, "b", &moved("2", ("", "raw"), "", "7")).await;
    assert_eq!((codes(&plant), stock(&plant, "raw/R/B2")), (vec!["JUDGE-003"], "0".into()));
    let waits =
        plant.node.shared().store.transaction(plant.exceptions()[0].transaction).expect("reads").expect("there");
    assert_eq!(waits.waits_for, Some(("batch".into(), "R/B2".into())));
    load(&plant, "B2").await;
    plant.until_delivered(2).await;
    assert_eq!((codes(&plant), stock(&plant, "raw/R/B2")), (vec![], "5".into()));
    // A record that has not the shape of its table is not loaded, and nothing of the request is.
    let wrong =
        vec![("R/B3".to_owned(), b"{\"key\":\"R/B3\"}".to_vec()), ("R/B4".to_owned(), b"{\"name\":1}".to_vec())];
    let refused = act::load(plant.node.shared(), &anna(), "batch", wrong, "").await;
    assert!(format!("{refused:?}").contains("the record is no batch"), "{refused:?}");
    assert!(plant.node.shared().catalog().get("batch", "R/B3").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_32_who_take_one_each_of_10_at_once_10_get_it_and_one_given_up_is_there_again() {
    let plant = plant(Class::T4, T4).await;
    send(&plant, "came", &moved("0", ("", "raw"), "B1", "10")).await;
    plant.until_delivered(1).await;
    plant.sink.server().fault(Fault::new(Kind::Reset).times(1));
    let inbound = plant.node.inbound();
    let mut senders = JoinSet::new();
    for number in 1..=32 {
        let body = moved(&number.to_string(), ("raw", "line"), "B1", "1");
        senders.spawn(async move { post(inbound, "/in/store/moved", &format!("k{number}"), &body).await.0 });
    }
    assert!(senders.join_all().await.iter().all(|status| *status == 202));
    plant.until_exceptions(23).await;
    assert_eq!(codes(&plant).iter().filter(|code| **code == "JUDGE-004").count(), 22);
    assert_eq!(
        (stock(&plant, "raw/R/B1"), stock(&plant, "line/R/B1")),
        ("0".into(), "10".into()),
        "none is lost on the way"
    );
    let in_doubt = plant.exceptions().into_iter().find_map(|it| it.delivery).expect("its answer was lost");
    act::on_delivery(plant.node.shared(), &anna(), in_doubt, Verdict::Discard, "never moved").await.expect("discards");
    assert_eq!((stock(&plant, "raw/R/B1"), stock(&plant, "line/R/B1")), ("1".into(), "9".into()));
    let waiting = plant.exceptions().into_iter().find(|it| it.delivery.is_none()).expect("one who got none");
    act::on_transaction(plant.node.shared(), &anna(), waiting.transaction, Verdict::Retry, "there is one")
        .await
        .expect("retries");
    plant.until("it is taken", || stock(&plant, "line/R/B1") == "10").await;
}
