//! A node that stops with work before it goes on where it was (OT1, OT11).

use lineshaft_engine::act;
use lineshaft_standin::load::{Load, run};
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;

use crate::plant::{Plant, T1, anna};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_drained_in_order_after_a_restart() {
    let plant = Plant::new(Class::T1, T1).await;
    plant.sink.server().go_down(None);
    let load = Load {
        transactions: 2_000,
        keys: 50,
        connections: 16,
        ..Load::new(&plant.url(), plant.directory.path().join("load.jsonl"))
    };
    run(load).await.expect("load runs");
    let plant = plant.restart().await;
    plant.sink.server().go_up();
    plant.until_delivered(2_000).await;
    let verdict = plant.verdict();
    assert!(verdict.good(), "{}", verdict.to_json());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_and_reference_data_outlive_a_restart() {
    let plant = Plant::new(Class::T1, T1).await;
    act::on_interface(plant.node.shared(), &anna(), "sink/completion", Verdict::Pause, "stock taking")
        .await
        .expect("pauses");
    let record = vec![("NEW".to_owned(), br#"{"text":"new part"}"#.to_vec())];
    act::load(plant.node.shared(), &anna(), "material", record, "first load").await.expect("loads");
    let plant = plant.restart().await;
    plant.send_body("a", r#"{"order":"K1","seq":1,"material":"NEW"}"#).await;
    assert!(plant.exceptions().is_empty(), "the material is known");
    assert_eq!(plant.sink.effects(), 0);
    act::on_interface(plant.node.shared(), &anna(), "sink/completion", Verdict::Resume, "done").await.expect("resumes");
    plant.until_delivered(1).await;
}
