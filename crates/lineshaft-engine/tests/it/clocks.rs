//! Clocks that step, and times that end while nobody looks (TM2, OT4).

use std::sync::Arc;
use std::time::Duration;

use lineshaft_engine::act;
use lineshaft_model::key::KeyQuery;
use lineshaft_model::lifecycle::PROBES_MAX;
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::Class;
use lineshaft_store::change::Verdict;
use lineshaft_store::read::deliveries::Delivery;

use crate::plant::{HandClock, Plant, T1, anna};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const YEAR_SECS: i64 = 365 * 24 * 3600;

/// The target remembers a key for an hour.
const AN_HOUR: &str = "{ class: T1, window: 1h, past: T4 }";

fn row(plant: &Plant) -> Delivery {
    let store = &plant.node.shared().store;
    let found = store.find(&KeyQuery::parse("order:K1").expect("a key"), 1).expect("finds");
    store.transaction(found[0].id).expect("reads").expect("there").deliveries.remove(0)
}

/// One document whose first attempt took effect without an answer. The clock stands, so that nothing follows by itself.
async fn answer_lost(clock: &Arc<HandClock>, class: Class, repeat: &str) -> Plant {
    let plant = Plant::at(clock.clone(), class, repeat, &[]).await;
    plant.sink.server().fault(Fault::new(Kind::ApplyThenDrop).times(1));
    assert_eq!(plant.send("K1", 1, "a").await.0, 202);
    plant.until("a lost answer", || row(&plant).fault.is_some()).await;
    plant
}

/// The same as [`Plant::until`], while time passes.
async fn until_passing(clock: &HandClock, plant: &Plant, what: &str, reached: impl Fn() -> bool) {
    let passing = || {
        clock.advance(Duration::from_millis(100));
        reached()
    };
    plant.until(what, passing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_a_window_that_ends_during_a_pause_is_noticed_before_sending() {
    let clock = HandClock::new();
    let plant = answer_lost(&clock, Class::T1, AN_HOUR).await;
    let shared = plant.node.shared();
    act::on_interface(shared, &anna(), "sink", Verdict::Pause, "stock taking").await.expect("pauses");
    clock.advance(HOUR);
    let asked = plant.sink.server().requests();
    act::on_interface(shared, &anna(), "sink", Verdict::Resume, "done").await.expect("resumes");
    plant.until_exceptions(1).await;
    let doubt = plant.exceptions().remove(0);
    assert_eq!((doubt.state.as_str(), doubt.next_at), ("outcome_unknown", None), "{doubt:?}");
    assert_eq!(plant.sink.server().requests(), asked, "nothing was sent");
    // A person knows that it was not posted: it goes out, and its window begins anew.
    act::on_delivery(shared, &anna(), doubt.delivery.expect("one"), Verdict::NotPosted, "looked").await.expect("acts");
    plant.until_delivered(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_a_window_that_ends_while_the_target_is_down_is_noticed_after_it_and_after_a_restart() {
    let clock = HandClock::new();
    let plant = answer_lost(&clock, Class::T1, AN_HOUR).await;
    plant.sink.server().go_down(None);
    until_passing(&clock, &plant, "an attempt that reaches nobody", || row(&plant).tried >= 2).await;
    let plant = plant.restart().await;
    clock.advance(HOUR);
    plant.sink.server().go_up();
    until_passing(&clock, &plant, "in doubt", || plant.exceptions().len() == 1).await;
    assert_eq!((row(&plant).state.as_str(), plant.sink.repeats()), ("outcome_unknown", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_past_its_window_the_target_is_asked_where_the_interface_says_so() {
    let clock = HandClock::new();
    let past = "{ class: T1, window: 1h, past: T3, quiet: 5s }";
    let plant = answer_lost(&clock, Class::T3, past).await;
    clock.advance(HOUR);
    plant.until("held", || row(&plant).state.as_str() != "pending").await;
    until_passing(&clock, &plant, "delivered", || plant.delivered() == 1).await;
    assert_eq!((plant.sink.effects(), plant.sink.repeats()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_its_window_it_is_sent_again_whatever_the_clock_does_meanwhile() {
    let clock = HandClock::new();
    let plant = answer_lost(&clock, Class::T1, T1).await;
    clock.step(-YEAR_SECS);
    until_passing(&clock, &plant, "delivered", || plant.delivered() == 1).await;
    assert_eq!((plant.sink.effects(), plant.sink.repeats()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tm2_what_waits_goes_on_after_the_clock_went_back_also_over_a_restart() {
    let clock = HandClock::new();
    let plant = Plant::at(clock.clone(), Class::T1, T1, &[]).await;
    plant.sink.server().go_down(None);
    assert_eq!(plant.send("K1", 1, "a").await.0, 202);
    assert_eq!(plant.send("K2", 1, "b").await.0, 202);
    plant.until("an attempt", || row(&plant).fault.is_some()).await;
    clock.step(-YEAR_SECS);
    // What nobody can say the age of is told (OT14).
    clock.advance(SECOND * 10);
    let late = || plant.node.shared().late().late.iter().map(|it| it.count).sum::<u64>();
    plant.until("late", || late() == 2).await;
    let tried = row(&plant).tried;
    until_passing(&clock, &plant, "another attempt", || row(&plant).tried > tried).await;
    let plant = plant.restart().await;
    clock.step(-YEAR_SECS);
    let plant = plant.restart().await;
    plant.sink.server().go_up();
    // Nothing waits longer than the longest wait of its receiver.
    until_passing(&clock, &plant, "both delivered", || plant.delivered() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tm2_a_clock_that_steps_forward_shortens_no_quiet_time() {
    let clock = HandClock::new();
    let plant = Plant::at(clock.clone(), Class::T3, "{ class: T3, quiet: 120s }", &[]).await;
    plant.sink.server().fault(Fault::new(Kind::Reset).path("/completion").times(1));
    assert_eq!(plant.send("K1", 1, "a").await.0, 202);
    plant.until("in doubt", || row(&plant).state.as_str() == "outcome_unknown").await;
    clock.step(YEAR_SECS);
    // Time enough for everything that would be due.
    assert_eq!(plant.send("K2", 1, "b").await.0, 202);
    plant.until_delivered(1).await;
    assert_eq!(row(&plant).tried, 1, "it is not asked");
    // What passed while the node was not there cannot be proven: the quiet time is waited anew.
    let plant = plant.restart().await;
    clock.advance(SECOND * 119);
    assert_eq!(plant.send("K3", 1, "c").await.0, 202);
    plant.until_delivered(2).await;
    let waits = row(&plant);
    assert_eq!((waits.state.as_str(), waits.absent), ("outcome_unknown", 0), "{waits:?}");
    clock.advance(SECOND);
    plant.until("absent once", || row(&plant).absent == 1).await;
    until_passing(&clock, &plant, "delivered", || plant.delivered() == 3).await;
    assert_eq!((plant.sink.effects(), plant.sink.repeats()), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_down_while_it_should_be_asked_is_asked_when_it_is_back() {
    let clock = HandClock::new();
    let plant = answer_lost(&clock, Class::T3, "{ class: T3, quiet: 1s }").await;
    plant.sink.server().go_down(None);
    until_passing(&clock, &plant, "more questions than are counted", || row(&plant).tried > PROBES_MAX + 1).await;
    assert_eq!((row(&plant).probes, row(&plant).next_at.is_some()), (0, true));
    plant.sink.server().go_up();
    until_passing(&clock, &plant, "delivered", || plant.delivered() == 1).await;
    assert_eq!((plant.sink.effects(), plant.sink.repeats()), (1, 0));
}
