//! Housekeeping on a clock of the test's: what is late is seen (OT14), what is old and settled goes, what is damaged stops
//! alone (RS3).

use std::sync::Arc;
use std::time::Duration;

use lineshaft_engine::act;
use lineshaft_model::ids::TransactionId;
use lineshaft_model::key::KeyQuery;
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;
use lineshaft_store::payload::Unreadable;

use crate::plant::{HandClock, Plant, T1, anna};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn late(plant: &Plant) -> Vec<(String, u64)> {
    plant.node.shared().late().late.iter().map(|it| (it.receiver.clone(), it.count)).collect()
}

fn transaction(plant: &Plant, order: &str) -> Option<TransactionId> {
    let key = KeyQuery::parse(&format!("order:{order}")).expect("a key");
    plant.node.shared().store.find(&key, 1).expect("finds").first().map(|row| row.id)
}

fn received(plant: &Plant, order: &str) -> Result<Vec<u8>, Unreadable> {
    let store = &plant.node.shared().store;
    let id = transaction(plant, order).expect("is there");
    let row = store.transaction(id).expect("reads").expect("there");
    store.documents(&row).expect("reads").expect("there").received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot14_an_open_delivery_past_its_agreed_time_is_seen_and_a_delivered_one_is_not() {
    let clock = HandClock::new();
    let plant = Plant::at(clock.clone(), Class::T1, T1, &[]).await;
    let shared = plant.node.shared();
    act::on_interface(shared, &anna(), "sink", Verdict::Pause, "stock taking").await.expect("pauses");
    plant.send("K1", 1, "a").await;
    plant.send("K1", 2, "b").await;
    clock.advance(Duration::from_secs(59));
    plant.until("a look", || shared.late().at.is_some_and(|at| at >= clock_now(&clock))).await;
    assert_eq!(late(&plant), []);
    clock.advance(Duration::from_secs(10));
    plant.until("late", || late(&plant) == [("sink/completion".to_owned(), 2)]).await;
    act::on_interface(shared, &anna(), "sink", Verdict::Resume, "done").await.expect("resumes");
    plant.until_delivered(2).await;
    clock.advance(Duration::from_secs(10));
    plant.until("nothing late", || late(&plant).is_empty()).await;
}

fn clock_now(clock: &Arc<HandClock>) -> lineshaft_model::time::Timestamp {
    use lineshaft_model::time::Clock as _;
    clock.now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_settled_expires_and_what_waits_does_not() {
    let clock = HandClock::new();
    let plant = Plant::at(clock.clone(), Class::T1, T1, &[]).await;
    for seq in 1..=5 {
        assert_eq!(plant.send("K1", seq, &format!("k{seq}")).await.0, 202);
    }
    plant.send_body("w", r#"{"order":"W","seq":1,"material":"NEW"}"#).await;
    plant.until_delivered(5).await;
    plant.until_exceptions(1).await;
    let first = transaction(&plant, "K1");
    clock.advance(31 * DAY);
    plant.until("documents expire", || received(&plant, "K1") == Err(Unreadable::Expired)).await;
    assert!(received(&plant, "W").is_ok(), "it still waits for its material");
    // A sender that was cut off for a month is told the same again.
    let again = plant.send("K1", 5, "k5").await;
    assert_eq!(again.0, 202, "{again:?}");
    assert_eq!((plant.books().transactions, transaction(&plant, "K1")), (6, first));
    clock.advance(400 * DAY);
    plant.until("tracking expires", || plant.books().gone.transactions == 5).await;
    assert_eq!(transaction(&plant, "K1"), None);
    let record = vec![("NEW".to_owned(), br#"{"text":"new part"}"#.to_vec())];
    act::load(plant.node.shared(), &anna(), "material", record, "it came at last").await.expect("loads");
    plant.until_delivered(1).await;
    assert_eq!(plant.sink.effects(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tm2_a_clock_that_jumped_makes_nothing_old_and_lived_time_does() {
    const YEAR_SECS: i64 = 365 * 24 * 3600;
    let clock = HandClock::new();
    let plant = Plant::at(clock.clone(), Class::T1, T1, &[]).await;
    let (_, receipt) = plant.send("K1", 1, "k1").await;
    plant.until_delivered(1).await;
    let looked = |plant: &Plant| plant.node.shared().late().at.is_some_and(|at| at >= clock_now(&clock));
    // While it runs, and at a start: every kind is looked for, and nothing is old.
    clock.step(YEAR_SECS);
    clock.advance(Duration::from_secs(3600));
    plant.until("a look", || looked(&plant)).await;
    let plant = plant.restart().await;
    clock.advance(Duration::from_secs(60));
    plant.until("a look", || looked(&plant)).await;
    assert!(received(&plant, "K1").is_ok());
    let plant = plant.restart_after(&[], |_| clock.step(-YEAR_SECS)).await;
    assert_eq!(plant.send("K1", 1, "k1").await.1, receipt, "the key is known");
    assert!(received(&plant, "K1").is_ok() && plant.books().transactions == 1);
    // A clock that stays ahead is believed in the end.
    clock.step(YEAR_SECS);
    clock.advance(10 * DAY);
    plant.until("a look", || looked(&plant)).await;
    assert!(received(&plant, "K1").is_ok());
    clock.advance(10 * DAY);
    plant.until("documents expire", || received(&plant, "K1") == Err(Unreadable::Expired)).await;
}

/// Damages every place where `text` stands in the database.
fn damage(data: &std::path::Path, text: &str) {
    let file = data.join("lineshaft.db");
    let mut bytes = std::fs::read(&file).expect("reads");
    let places: Vec<usize> =
        bytes.windows(text.len()).enumerate().filter(|(_, it)| *it == text.as_bytes()).map(|(at, _)| at).collect();
    assert!(!places.is_empty(), "{text} is in there");
    places.into_iter().for_each(|at| bytes[at] ^= 1);
    std::fs::write(&file, bytes).expect("writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rs3_a_damaged_document_parks_its_delivery_alone() {
    let plant = Plant::new(Class::T1, T1).await;
    let shared = plant.node.shared();
    act::on_interface(shared, &anna(), "sink", Verdict::Pause, "stock taking").await.expect("pauses");
    plant.send_body("a", r#"{"order":"K1","seq":1,"material":"canary"}"#).await;
    plant.send_body("b", r#"{"order":"K2","seq":1,"material":"M1"}"#).await;
    let plant = plant.restart_after(&[], |data| damage(data, "canary")).await;
    act::on_interface(plant.node.shared(), &anna(), "sink", Verdict::Resume, "done").await.expect("resumes");
    plant.until_delivered(1).await;
    plant.until_exceptions(1).await;
    let parked = plant.exceptions().remove(0);
    assert_eq!(parked.fault.as_ref().map(|fault| fault.code.as_str()), Some("STORE-005"), "{parked:?}");
    let store = &plant.node.shared().store;
    plant.until("it is set aside", || store.damaged().expect("reads") == 1).await;
    assert!(!plant.node.shared().has_failed());
    assert_eq!(plant.send("K3", 1, "c").await.0, 202);
    plant.until_delivered(2).await;
}
