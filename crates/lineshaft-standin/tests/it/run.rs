//! Generator, sink and judge together: a T1 sink survives every fault with a good verdict, a T4 sink that drops answers
//! is caught. (The generator talks to the sink directly; in real use the product stands between them.)

use std::time::Duration;

use lineshaft_standin::judge::{Evidence, Verdict, judge};
use lineshaft_standin::load::{Load, run};
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::{Class, Sink};

use super::{FREE, Scratch, read};

async fn verdict(dir: &Scratch, sink: &Sink, change: impl FnOnce(Load) -> Load) -> Verdict {
    let load = Load {
        transactions: 500,
        keys: 20,
        connections: 8,
        time_out: Duration::from_secs(5),
        ..Load::new(&format!("{}/in", sink.server().url()), dir.file("load"))
    };
    run(change(load)).await.unwrap();
    let (load, effects) = (read(&dir.file("load")), read(&dir.file("sink")));
    judge(&Evidence { load: &load, sinks: &[&effects], same_bytes: true, ..Evidence::default() }).unwrap()
}

#[tokio::test]
async fn a_deduplicating_sink_is_good_through_every_fault() {
    let dir = Scratch::new("good");
    let sink = Sink::start(FREE, Class::T1, &dir.file("sink"), None).await.unwrap();
    for kind in [Kind::Reset, Kind::Http500, Kind::ApplyThenDrop, Kind::DropThenApply, Kind::Slow] {
        sink.server().fault(Fault::new(kind).share(0.05).ms(5).times(20));
    }
    sink.server().go_down(Some(Duration::from_millis(50)));
    let found = verdict(&dir, &sink, |load| load).await;
    assert!(found.good(), "{found}");
    assert!(sink.repeats() > 0, "the faults were met");
}

#[tokio::test]
async fn a_sink_that_applies_every_time_is_caught() {
    let dir = Scratch::new("duplicates");
    let sink = Sink::start(FREE, Class::T4, &dir.file("sink"), None).await.unwrap();
    sink.server().fault(Fault::new(Kind::ApplyThenDrop).times(3));
    let found = verdict(&dir, &sink, |load| load).await;
    assert_eq!((found.duplicated_effects, found.good()), (3, false), "{found}");
    assert!(found.lost == 0 && found.phantom == 0 && found.reordered == 0, "{found}");
}

#[tokio::test]
async fn a_sink_that_answers_without_applying_is_caught() {
    let dir = Scratch::new("lost");
    let sink = Sink::start(FREE, Class::T1, &dir.file("sink"), None).await.unwrap();
    sink.server().fault(Fault::new(Kind::WrongType).times(4));
    let found = verdict(&dir, &sink, |load| load).await;
    assert_eq!((found.receipts, found.lost, found.good()), (500, 4, false), "{found}");
}

#[tokio::test]
async fn unknown_operations_that_are_left_are_neither_lost_nor_phantom() {
    let dir = Scratch::new("unknown");
    let sink = Sink::start(FREE, Class::T4, &dir.file("sink"), None).await.unwrap();
    sink.server().fault(Fault::new(Kind::ApplyThenDrop).times(2));
    sink.server().fault(Fault::new(Kind::Reset).times(3));
    let found = verdict(&dir, &sink, |load| Load { retry_unknown: false, per_second: Some(5_000.0), ..load }).await;
    assert_eq!((found.receipts, found.unknown, found.effects), (495, 5, 497), "{found}");
    assert!(found.safety().iter().all(|(_, count)| *count == 0), "{found}");
    assert!(!found.good(), "fewer receipts than planned");
}
