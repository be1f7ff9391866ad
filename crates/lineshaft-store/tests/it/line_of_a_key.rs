//! The line of a key: order, and that one blocked key delays no other (OT3, OT6, OT7, OT11).

use std::time::Duration;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::lifecycle::Next;
use lineshaft_store::change::{AttemptKind, Target, Verdict};
use lineshaft_store::{Change, Effect};

use crate::scene::{Scene, due, part};

fn refused() -> Fault {
    Fault::new(Code::DeliverRejected, "order is closed")
}

#[tokio::test]
async fn ot6_a_key_is_delivered_in_accept_order_and_others_go_on() {
    let scene = Scene::new();
    let (first, second, third) = (scene.post("1").await, scene.post("1").await, scene.post("1").await);
    let other = scene.post("2").await;
    assert_eq!([first, second, third, other].map(|it| scene.state(it)), ["pending", "behind", "behind", "pending"]);
    assert!(matches!(scene.begin(second).await, Effect::NotNow { .. }), "nothing overtakes");
    assert_eq!(scene.deliver(first).await, [second]);
    assert_eq!(scene.deliver(other).await, []);
    assert_eq!(scene.deliver(second).await, [third]);
    scene.balanced();
}

#[tokio::test]
async fn ot7_a_parked_delivery_holds_back_its_key_alone_until_a_person_decides() {
    let scene = Scene::new();
    let (first, second, other) = (scene.post("1").await, scene.post("1").await, scene.post("2").await);
    scene.begin(first).await;
    scene.settle(first, AttemptKind::Send, Next::Park { fault: refused() }).await;
    assert_eq!([first, second, other].map(|it| scene.state(it)), ["parked", "behind", "pending"]);
    let listed = scene.store.exceptions(10).expect("reads");
    assert_eq!((listed.len(), listed[0].behind), (1, 1));
    assert_eq!(due(&scene.act(Target::Delivery(first), Verdict::Skip).await), [second]);
    assert_eq!([first, second].map(|it| scene.state(it)), ["skipped", "pending"]);
    scene.balanced();
}

#[tokio::test]
async fn a_transaction_parked_before_routing_keeps_its_key_back_for_all_receivers() {
    let scene = Scene::new();
    let parked = scene.accept(vec![part("1").parked(Fault::new(Code::MapFailed, "x"))]);
    let id = parked.parts[0].id;
    scene.commit(Change::Accept(Box::new(parked))).await;
    let (behind, other) = (scene.post("1").await, scene.post("2").await);
    assert_eq!([behind, other].map(|it| scene.state(it)), ["behind", "pending"]);
    assert_eq!(scene.store.exceptions(10).expect("reads")[0].behind, 1);
    assert_eq!(due(&scene.act(Target::Transaction(id), Verdict::Discard).await), [behind]);
    assert_eq!(scene.state(behind), "pending");
    scene.balanced();
}

#[tokio::test]
async fn a_transaction_processed_late_takes_the_place_of_its_accept() {
    let scene = Scene::new();
    let earlier = scene.post("1").await;
    let parked = scene.accept(vec![part("1").parked(Fault::new(Code::MapFailed, "x"))]);
    let (intake, id) = (parked.id, parked.parts[0].id);
    scene.commit(Change::Accept(Box::new(parked))).await;
    let later = scene.post("1").await;
    let Effect::Acted { process: Some(again), .. } = scene.act(Target::Transaction(id), Verdict::Retry).await else {
        panic!("acts")
    };
    assert_eq!(again, id);
    assert_eq!(scene.commit(Change::Process(id)).await, Effect::Counted(1));
    scene.commit(Change::Replan(Box::new(part("1").into_part(intake, 0)))).await;
    let late = scene.store.transaction(id).expect("reads").expect("there").deliveries[0].id;
    assert_eq!([earlier, late, later].map(|it| scene.state(it)), ["pending", "behind", "behind"]);
    assert_eq!(scene.deliver(earlier).await, [late]);
    assert_eq!(scene.deliver(late).await, [later]);
    scene.balanced();
}

#[tokio::test]
async fn parts_of_one_intake_keep_their_order() {
    let scene = Scene::new();
    let batch = scene.accept(vec![part("1").parked(Fault::new(Code::MapFailed, "x")), part("1"), part("2")]);
    let effect = scene.commit(Change::Accept(Box::new(batch))).await;
    assert_eq!(due(&effect).len(), 1, "part 1 waits behind part 0, part 2 does not");
}

#[tokio::test]
async fn ot3_settled_is_final() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    scene.deliver(delivery).await;
    let late = scene.settle(delivery, AttemptKind::Send, Next::Park { fault: refused() }).await;
    assert_eq!(late, Effect::NotNow { state: "delivered".into() });
    assert!(matches!(scene.act(Target::Delivery(delivery), Verdict::Discard).await, Effect::NotNow { .. }));
    assert_eq!(scene.state(delivery), "delivered");
}

#[tokio::test]
async fn ot11_an_attempt_is_counted_before_the_work_and_seen_after_a_restart() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    let Effect::Begun(begun) = scene.begin(delivery).await else { panic!("begins") };
    assert_eq!(begun.attempts, 1);
    assert!(scene.store.cut_off().expect("reads").is_empty(), "an attempt of this epoch is not cut off");
    let scene = scene.restart();
    let cut = scene.store.cut_off().expect("reads");
    assert_eq!((cut[0].id, cut[0].attempts), (delivery, 1));
    let at = scene.clock_now_plus(Duration::from_secs(5));
    let effect = scene
        .settle(delivery, AttemptKind::Send, Next::Retry { at, fault: refused(), counted: true, unknown: false })
        .await;
    assert_eq!(due(&effect), [delivery]);
    let Effect::Begun(begun) = scene.begin(delivery).await else { panic!("begins") };
    assert_eq!(begun.attempts, 2);
}

#[tokio::test]
async fn an_attempt_that_reached_nobody_is_not_counted() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    for _ in 0..3 {
        let Effect::Begun(begun) = scene.begin(delivery).await else { panic!("begins") };
        assert_eq!(begun.attempts, 1);
        scene
            .settle(
                delivery,
                AttemptKind::Send,
                Next::Retry {
                    at: scene.clock_now_plus(Duration::ZERO),
                    fault: refused(),
                    counted: false,
                    unknown: false,
                },
            )
            .await;
    }
    assert_eq!(scene.store.attempts(delivery).expect("reads").len(), 3, "every try is kept with its reason");
}

/// Accepts a snapshot for a receiver that keeps the latest, and returns its delivery.
async fn snapshot(scene: &Scene, order: &str) -> DeliveryId {
    let accept = scene.accept(vec![part(order).latest()]);
    let delivery = DeliveryId::of(accept.parts[0].id, "erp/confirmation");
    scene.commit(Change::Accept(Box::new(accept))).await;
    delivery
}

#[tokio::test]
async fn keep_latest_supersedes_what_was_not_attempted_yet_and_nothing_else() {
    let scene = Scene::new();
    let first = snapshot(&scene, "1").await;
    scene.begin(first).await;
    let (second, third) = (snapshot(&scene, "1").await, snapshot(&scene, "1").await);
    let other = snapshot(&scene, "2").await;
    let states = |scene: &Scene| [first, second, third, other].map(|it| scene.state(it));
    assert_eq!(states(&scene), ["in_flight", "superseded", "behind", "pending"]);
    let next = scene.settle(first, AttemptKind::Send, Next::Delivered { receipt: None }).await;
    assert_eq!(due(&next), [third]);
    assert_eq!(states(&scene), ["delivered", "superseded", "pending", "pending"]);
    scene.balanced();
}

#[tokio::test]
async fn keep_latest_a_snapshot_that_comes_late_gives_way() {
    let scene = Scene::new();
    let parked = scene.accept(vec![part("1").latest().parked(Fault::new(Code::MapFailed, "x"))]);
    let (intake, id) = (parked.id, parked.parts[0].id);
    scene.commit(Change::Accept(Box::new(parked))).await;
    let newer = snapshot(&scene, "1").await;
    scene.act(Target::Transaction(id), Verdict::Retry).await;
    let effect = scene.commit(Change::Replan(Box::new(part("1").latest().into_part(intake, 0)))).await;
    assert_eq!(due(&effect), [newer]);
    assert_eq!(scene.state(DeliveryId::of(id, "erp/confirmation")), "superseded");
    scene.balanced();
}

/// Accepts a snapshot for another interface of the same system, in the same sequence; its delivery, and what is due.
async fn level(scene: &Scene) -> (DeliveryId, Vec<DeliveryId>) {
    let accept = scene.accept(vec![part("1").to("erp/level").latest()]);
    let delivery = DeliveryId::of(accept.parts[0].id, "erp/level");
    (delivery, due(&scene.commit(Change::Accept(Box::new(accept))).await))
}

#[tokio::test]
async fn keep_latest_lets_go_what_stood_behind_the_superseded_one() {
    let scene = Scene::new();
    let (first, _) = level(&scene).await;
    let other = scene.post("1").await;
    let (second, next) = level(&scene).await;
    assert_eq!([first, other, second].map(|it| scene.state(it)), ["superseded", "pending", "behind"]);
    assert_eq!(next, [other]);
    scene.balanced();
    let (third, next) = level(&scene).await;
    assert_eq!([other, second, third].map(|it| scene.state(it)), ["pending", "superseded", "behind"]);
    assert_eq!(next, []);
    assert_eq!(scene.deliver(other).await, [third]);
    assert_eq!(level(&scene).await.1.len(), 1, "alone in its line, it is due itself");
    scene.balanced();
}

#[tokio::test]
async fn keep_latest_what_stood_behind_waits_for_a_snapshot_that_is_parked_and_goes_on_with_it() {
    let scene = Scene::new();
    let (first, _) = level(&scene).await;
    let parked = scene.accept(vec![part("1").parked(Fault::new(Code::MapFailed, "x"))]);
    let (intake, id) = (parked.id, parked.parts[0].id);
    scene.commit(Change::Accept(Box::new(parked))).await;
    let other = scene.post("1").await;
    let (newest, next) = level(&scene).await;
    assert_eq!([first, other, newest].map(|it| scene.state(it)), ["superseded", "behind", "behind"]);
    assert_eq!(next, []);
    scene.balanced();
    scene.act(Target::Transaction(id), Verdict::Retry).await;
    let late = part("1").to("erp/level").latest().into_part(intake, 0);
    assert_eq!(due(&scene.commit(Change::Replan(Box::new(late))).await), [other]);
    assert_eq!(scene.state(DeliveryId::of(id, "erp/level")), "superseded");
    scene.balanced();
}

impl Scene {
    fn clock_now_plus(&self, by: Duration) -> lineshaft_model::time::Timestamp {
        use lineshaft_model::time::Clock;
        self.clock.now().after(by)
    }
}
