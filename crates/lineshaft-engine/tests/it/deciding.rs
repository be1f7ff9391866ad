//! Where Lineshaft stops and asks: refusals, outcomes in doubt, and what a person decides (OT5, OT7, OT10).

use lineshaft_engine::{Refusal, act};
use lineshaft_model::fault::Code;
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;

use crate::plant::{Plant, T1, T4, anna};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot5_a_lost_answer_at_t4_stands_in_doubt_and_is_never_sent_again_by_itself() {
    let plant = Plant::new(Class::T4, T4).await;
    plant.sink.server().fault(Fault::new(Kind::ApplyThenDrop).times(1));
    plant.send("K1", 1, "a").await;
    plant.until_exceptions(1).await;
    plant.send("K1", 2, "b").await;
    plant.send("K2", 1, "c").await;
    plant.until_delivered(1).await;
    let doubt = plant.exceptions();
    assert_eq!((doubt[0].state.as_str(), doubt[0].behind, doubt[0].next_at), ("outcome_unknown", 1, None));
    let delivery = doubt[0].delivery.expect("a delivery");
    let shared = plant.node.shared();
    let hasty = act::on_delivery(shared, &anna(), delivery, Verdict::Retry, "hurry").await;
    assert!(matches!(hasty, Err(Refusal::NotNow { .. })), "{hasty:?}");
    act::on_delivery(shared, &anna(), delivery, Verdict::Posted("4711".into()), "seen in the target")
        .await
        .expect("answers");
    plant.until_delivered(3).await;
    assert_eq!(plant.sink.effects(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot5_a_plain_503_at_t4_stands_in_doubt_unless_it_names_a_time_or_the_interface_knows_better() {
    let plant = Plant::new(Class::T4, T4).await;
    plant.sink.server().fault(Fault::new(Kind::Http503).times(1));
    plant.send("K1", 1, "a").await;
    plant.until_exceptions(1).await;
    let doubt = plant.exceptions().remove(0);
    assert_eq!(
        (doubt.state.as_str(), doubt.fault.map(|it| it.code)),
        ("outcome_unknown", Some(Code::DeliverServerError))
    );
    let delivery = doubt.delivery.expect("a delivery");
    act::on_delivery(plant.node.shared(), &anna(), delivery, Verdict::NotPosted, "not there").await.expect("answers");
    plant.until_delivered(1).await;

    plant.sink.server().fault(Fault::new(Kind::Http503).times(2).retry_after(0));
    plant.send("K2", 1, "b").await;
    plant.until_delivered(2).await;

    let declared = ("systems/sink.yaml", "path: /completion,", "path: /completion, no_effect_on: [503],");
    let plant = plant.restart_with(&[declared]).await;
    plant.sink.server().fault(Fault::new(Kind::Http503).times(5));
    for (key, order) in [("c", "K3"), ("d", "K4"), ("e", "K5")] {
        plant.send(order, 1, key).await;
    }
    plant.until_delivered(5).await;
    plant.sink.server().fault(Fault::new(Kind::Http500).times(1));
    plant.send("K6", 1, "f").await;
    plant.until_exceptions(1).await;
    assert_eq!((plant.exceptions().len(), plant.sink.effects()), (1, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_says_not_posted_has_it_sent_again() {
    let plant = Plant::new(Class::T4, T4).await;
    plant.sink.server().fault(Fault::new(Kind::Reset).times(1));
    plant.send("K1", 1, "a").await;
    plant.until_exceptions(1).await;
    let delivery = plant.exceptions()[0].delivery.expect("a delivery");
    act::on_delivery(plant.node.shared(), &anna(), delivery, Verdict::NotPosted, "looked, it is not there")
        .await
        .expect("answers");
    plant.until_delivered(1).await;
    assert_eq!(plant.sink.effects(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_system_receives_nothing_while_intake_goes_on() {
    let plant = Plant::new(Class::T1, T1).await;
    let shared = plant.node.shared();
    act::on_interface(shared, &anna(), "sink", Verdict::Pause, "stock taking").await.expect("pauses");
    for seq in 1..=10 {
        assert_eq!(plant.send("K1", seq, &format!("k{seq}")).await.0, 202);
    }
    plant.send("K2", 1, "other").await;
    assert_eq!(plant.sink.effects(), 0);
    let again = act::on_interface(shared, &anna(), "sink", Verdict::Pause, "twice").await;
    assert!(matches!(again, Err(Refusal::NotNow { .. })));
    act::on_interface(shared, &anna(), "sink", Verdict::Resume, "done").await.expect("resumes");
    plant.until_delivered(11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_said_to_be_missing() {
    let plant = Plant::new(Class::T1, T1).await;
    let shared = plant.node.shared();
    let nobody = act::on_interface(shared, &anna(), "nobody", Verdict::Pause, "x").await;
    assert!(matches!(nobody, Err(Refusal::Missing(_))));
    let id = "01920000-0000-7000-8000-000000000000".parse().expect("an id");
    assert!(matches!(act::on_delivery(shared, &anna(), id, Verdict::Skip, "x").await, Err(Refusal::Missing(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_overtakes_the_question_that_waits_for_the_target() {
    let plant = Plant::new(Class::T3, "{ class: T3, quiet: 10m }").await;
    plant.sink.server().fault(Fault::new(Kind::Reset).times(1));
    plant.send("K1", 1, "a").await;
    plant.send("K1", 2, "b").await;
    plant.until_exceptions(1).await;
    let doubt = plant.exceptions();
    assert!(doubt[0].next_at.is_some(), "the target will be asked in ten minutes");
    let delivery = doubt[0].delivery.expect("a delivery");
    act::on_delivery(plant.node.shared(), &anna(), delivery, Verdict::NotPosted, "looked, it is not there")
        .await
        .expect("answers");
    plant.until_delivered(2).await;
    assert_eq!(plant.sink.effects(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_for_a_table_that_the_project_does_not_know_are_refused() {
    let plant = Plant::new(Class::T1, T1).await;
    let (shared, anna) = (plant.node.shared(), anna());
    let records = || vec![("P".to_owned(), br#"{"material":"P","unit":"PCE"}"#.to_vec())];
    let refused = act::load(shared, &anna, "matrial", records(), "test").await.expect_err("no such table");
    assert!(matches!(&refused, Refusal::Missing(what) if what.contains("there are: material")), "{refused:?}");
    act::load(shared, &anna, "material", records(), "test").await.expect("loads");
}
