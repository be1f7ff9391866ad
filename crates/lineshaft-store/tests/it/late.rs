//! Open deliveries past their agreed time (OT14), and how many are open since when.

use std::time::Duration;

use lineshaft_model::time::Clock;

use crate::scene::Scene;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn ot14_an_open_delivery_is_late_by_its_age_and_a_settled_one_is_not() {
    let scene = Scene::new();
    let first = scene.post("1").await;
    let accepted = scene.clock.now();
    scene.clock.advance(MINUTE);
    scene.post("1").await;
    scene.clock.advance(Duration::from_millis(1));
    let late = |by: Duration| {
        let before = scene.clock.now().before(by);
        let late =
            scene.store.late(&[("erp/confirmation", before), ("erp/other", before)], scene.clock.now()).expect("reads");
        late.into_iter().map(|it| (it.receiver, it.count, it.oldest)).collect::<Vec<_>>()
    };
    assert_eq!(late(MINUTE), [("erp/confirmation".to_owned(), 1, accepted)]);
    assert_eq!(late(2 * MINUTE), []);
    scene.deliver(first).await;
    assert_eq!(late(MINUTE), []);
}

#[tokio::test]
async fn open_deliveries_are_counted_by_state_with_the_oldest_of_each() {
    let scene = Scene::new();
    let first = scene.post("1").await;
    let accepted = scene.clock.now();
    scene.clock.advance(MINUTE);
    scene.post("1").await;
    let delivered = scene.post("2").await;
    scene.begin(first).await;
    scene.deliver(delivered).await;
    let open: Vec<_> =
        scene.store.open_deliveries().expect("reads").into_iter().map(|it| (it.state, it.count, it.oldest)).collect();
    let behind = Some(accepted.after(MINUTE));
    assert_eq!(open, [("behind".to_owned(), 1, behind), ("in_flight".to_owned(), 1, Some(accepted))]);
    scene.balanced();
}

#[tokio::test]
async fn ot14_what_was_accepted_in_the_future_has_no_age_and_is_shown() {
    let scene = Scene::new();
    scene.post("1").await;
    let late = || {
        let now = scene.clock.now();
        scene.store.late(&[("erp/confirmation", now.before(MINUTE))], now).expect("reads").len()
    };
    scene.clock.step(-60);
    assert_eq!(late(), 0, "a small correction");
    scene.clock.step(-1);
    assert_eq!(late(), 1);
}
