//! Accepting: what is acknowledged is there, once (OT1, OT2, OT9), and reference data releases what waits (MD8).

use lineshaft_model::fault::Fault;
use lineshaft_model::ids::TransactionId;
use lineshaft_model::key::KeyQuery;
use lineshaft_model::plan::Repeat;
use lineshaft_model::transaction::TransactionState;
use lineshaft_store::{Change, Effect, Store, StoreError};

use crate::scene::{Scene, due, part};

#[tokio::test]
async fn ot1_what_was_accepted_is_there_after_a_restart_and_found_by_its_key() {
    let scene = Scene::new();
    let delivery = scene.post("1000040").await;
    let scene = scene.restart();
    let found = scene.store.find(&KeyQuery::parse("order:1000040").expect("query"), 10).expect("finds");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].deliveries[0].id, delivery);
    let documents = scene.store.documents(&found[0]).expect("reads").expect("there");
    assert_eq!(documents.received, Ok(b"{}".to_vec()));
    assert!(scene.store.find(&KeyQuery::parse("order:other/1000040").expect("query"), 10).expect("finds").is_empty());
    scene.balanced();
}

#[tokio::test]
async fn ot9_the_same_key_and_content_is_the_same_intake_and_other_content_is_refused() {
    let scene = Scene::new();
    let first = scene.accept(vec![part("1").key("K", 1)]);
    let first_id = first.id;
    scene.commit(Change::Accept(Box::new(first))).await;
    let again = scene.commit(Change::Accept(Box::new(scene.accept(vec![part("1").key("K", 1)])))).await;
    assert_eq!(again, Effect::Duplicate { intake: first_id });
    let other = scene.commit(Change::Accept(Box::new(scene.accept(vec![part("1").key("K", 2)])))).await;
    assert_eq!(other, Effect::KeyReused { intake: first_id });
    let books = scene.store.conservation().expect("reads");
    assert_eq!((books.intakes, books.transactions, books.deliveries), (1, 1, 1));
}

#[tokio::test]
async fn ot9_a_key_of_the_whole_intake_counts_for_all_its_parts() {
    let scene = Scene::new();
    let mut first = scene.accept(vec![part("1"), part("2")]);
    first.repeat = Some(Repeat { key: "K".into(), same: [7; 32] });
    let first_id = first.id;
    scene.commit(Change::Accept(Box::new(first))).await;
    let mut again = scene.accept(vec![part("1"), part("2")]);
    again.repeat = Some(Repeat { key: "K".into(), same: [7; 32] });
    assert_eq!(scene.commit(Change::Accept(Box::new(again))).await, Effect::Duplicate { intake: first_id });
}

#[tokio::test]
async fn a_batch_that_repeats_some_of_its_transactions_keeps_the_new_ones() {
    let scene = Scene::new();
    scene.commit(Change::Accept(Box::new(scene.accept(vec![part("1").key("A", 1)])))).await;
    let batch =
        scene.accept(vec![part("1").key("A", 1), part("2").key("B", 1), part("3").key("B", 1), part("4").key("A", 9)]);
    let ids: Vec<TransactionId> = batch.parts.iter().map(|part| part.id).collect();
    let effect = scene.commit(Change::Accept(Box::new(batch))).await;
    assert_eq!(due(&effect).len(), 1, "only the new one is delivered");
    let states: Vec<TransactionState> =
        ids.iter().map(|id| scene.store.transaction(*id).expect("reads").expect("there").state).collect();
    assert_eq!(
        states,
        [TransactionState::Absorbed, TransactionState::Processed, TransactionState::Absorbed, TransactionState::Parked]
    );
    scene.balanced();
}

#[tokio::test]
async fn md8_a_record_releases_what_waits_for_it() {
    let scene = Scene::new();
    let waiting = scene.accept(vec![part("1").parked(Fault::unknown_reference("material", "FG-9"))]);
    let id = waiting.parts[0].id;
    scene.commit(Change::Accept(Box::new(waiting))).await;
    let other = scene.commit(Change::Accept(Box::new(scene.accept(vec![part("x").record("material", "FG-1")])))).await;
    let Effect::Accepted { released, .. } = other else { panic!("{other:?}") };
    assert!(released.process.is_empty());
    let record = scene.commit(Change::Accept(Box::new(scene.accept(vec![part("x").record("material", "FG-9")])))).await;
    let Effect::Accepted { released, .. } = record else { panic!("{record:?}") };
    assert_eq!(released.process, [id]);
    assert_eq!(scene.to_process(), [id]);
    let (number, records) = scene.store.catalog().expect("reads");
    assert_eq!((number, records.len()), (2, 2));
    scene.balanced();
}

#[tokio::test]
async fn the_same_record_again_makes_no_new_version() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.commit(Change::Accept(Box::new(scene.accept(vec![part("x").record("material", "FG-1")])))).await;
    }
    let (number, records) = scene.store.catalog().expect("reads");
    assert_eq!((number, records[0].version), (1, 1));
}

#[tokio::test]
async fn a_second_node_on_the_same_directory_is_refused() {
    let scene = Scene::new();
    let clock = scene.clock.clone();
    let second = Store::open(scene.directory.path(), clock, &scene.rng);
    assert!(matches!(second, Err(StoreError::InUse(_))));
}

#[tokio::test]
async fn md8_a_record_that_arrives_while_its_transaction_is_processed_is_not_missed() {
    let scene = Scene::new();
    scene.commit(Change::Accept(Box::new(scene.accept(vec![part("x").record("material", "FG-9")])))).await;
    // Processed against catalog 0, committed after catalog 1.
    let late = scene.accept(vec![part("1").parked(Fault::unknown_reference("material", "FG-9"))]);
    let id = late.parts[0].id;
    let Effect::Accepted { released, .. } = scene.commit(Change::Accept(Box::new(late))).await else {
        panic!("accepts")
    };
    assert_eq!(released.process, [id]);
    assert_eq!(scene.store.transaction(id).expect("reads").expect("there").state, TransactionState::Accepted);
}
