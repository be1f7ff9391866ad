//! A node that stops with work before it goes on where it was (OT1, OT11).

use lineshaft_engine::{Refusal, act};
use lineshaft_model::fault::Code;
use lineshaft_standin::load::{Load, run};
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;

use crate::plant::{HandClock, Plant, T1, anna};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_an_interface_that_left_is_shown_decided_on_or_goes_on_when_it_is_back() {
    let plant = Plant::new(Class::T1, T1).await;
    plant.sink.server().go_down(None);
    for (seq, key) in [(1, "a"), (2, "b"), (3, "c")] {
        assert_eq!(plant.send("K1", seq, key).await.0, 202);
    }
    assert_eq!(plant.node.shared().gone().expect("reads"), [""; 0]);
    let renamed = "  completion:\n    about: all of it";
    let plant = plant.restart_with(&[("systems/sink.yaml", renamed, "  other:\n    about: all of it")]).await;
    plant.sink.server().go_up();
    let shared = plant.node.shared();
    assert_eq!(shared.gone().expect("reads"), ["sink/completion"]);
    let stranded = shared.store.stranded(shared.gone().expect("reads"), 10).expect("reads");
    assert_eq!(stranded.iter().map(|it| it.behind).collect::<Vec<_>>(), [2, 1, 0]);
    plant.send("K2", 1, "d").await;
    plant.until_delivered(1).await;
    assert_eq!(plant.sink.effects(), 1, "nothing is sent to an interface that is not there");

    let [first, second] = [0, 1].map(|at| stranded[at].delivery.expect("a delivery"));
    let again = act::on_delivery(shared, &anna(), first, Verdict::Retry, "").await;
    assert!(matches!(&again, Err(Refusal::Fault(fault)) if fault.code == Code::RouteInterfaceGone), "{again:?}");
    act::on_delivery(shared, &anna(), second, Verdict::Discard, "it was a test").await.expect("decides");
    act::on_delivery(shared, &anna(), first, Verdict::Skip, "done by hand").await.expect("decides");

    let plant = plant.restart_with(&[("systems/sink.yaml", "  other:", "  completion:")]).await;
    plant.until_delivered(2).await;
    assert_eq!(plant.node.shared().gone().expect("reads"), [""; 0]);
    assert_eq!((plant.sink.effects(), plant.exceptions().len()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_away_for_a_while_stops_nothing() {
    let clock = HandClock::new();
    let plant = Plant::at(clock.clone(), Class::T1, T1, &[]).await;
    let file = plant.directory.path().join("data/secrets/out");
    let write = || {
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("makes");
        std::fs::write(&file, "s3cret").expect("writes");
    };
    let auth = "timeout_secs: 2, auth: { bearer: { token: \"secret:out\" } }";
    let plant = plant.restart_after(&[("systems/sink.yaml", "timeout_secs: 2", auth)], |_| write()).await;
    plant.send("K1", 1, "a").await;
    plant.until_delivered(1).await;
    std::fs::remove_file(&file).expect("removes");
    // What was read is used for a while.
    clock.advance(std::time::Duration::from_secs(60));
    for key in ["K2", "K3", "K4", "K5"] {
        plant.send(key, 1, key).await;
    }
    let store = &plant.node.shared().store;
    let waiting = || {
        let rows = store.due("sink", &["sink/completion"], lineshaft_model::time::Timestamp::from_micros(i64::MAX), 10);
        rows.expect("reads")
            .into_iter()
            .filter(|row| row.fault.as_ref().is_some_and(|it| it.code == Code::DeliverSecret))
            .count()
    };
    plant.until("tried without", || waiting() > 0).await;
    write();
    let passing = || {
        clock.advance(std::time::Duration::from_millis(100));
        plant.delivered() == 5
    };
    plant.until("all delivered", passing).await;
    assert!(plant.exceptions().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_waits_as_long_as_its_destinations_may_take() {
    let plant = Plant::new(Class::T1, T1).await;
    let usual = plant.node.patience();
    let plant = plant.restart_with(&[("systems/sink.yaml", "timeout_secs: 2", "timeout_secs: 60")]).await;
    assert!(usual < std::time::Duration::from_secs(60) && plant.node.patience() > std::time::Duration::from_secs(60));
}
