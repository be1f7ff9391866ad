//! Deliveries that wait for a record to be rendered: its arrival releases them, whatever comes between (MD8).

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::DeliveryId;
use lineshaft_model::lifecycle::Next;
use lineshaft_store::change::{AttemptKind, StayParked};
use lineshaft_store::read::reference::Place;
use lineshaft_store::{Change, Effect};

use crate::scene::{Scene, part};

fn waits_for(key: &str) -> Fault {
    Fault::unknown_reference("material", key)
}

/// A delivery that waits for this material, and what its accept released.
async fn stuck(scene: &Scene, order: &str, key: &str) -> (DeliveryId, Vec<DeliveryId>) {
    let accept = scene.accept(vec![part(order).stuck(waits_for(key))]);
    let delivery = DeliveryId::of(accept.parts[0].id, "erp/confirmation");
    let effect = scene.commit(Change::Accept(Box::new(accept))).await;
    let Effect::Accepted { released, due, .. } = effect else { panic!("{effect:?}") };
    assert_eq!((scene.state(delivery), due), ("parked", Vec::new()));
    (delivery, released.render)
}

/// The material arrives; which deliveries that releases.
async fn arrives(scene: &Scene, key: &str) -> Vec<DeliveryId> {
    let effect = scene.commit(Change::Accept(Box::new(scene.accept(vec![part("x").record("material", key)])))).await;
    let Effect::Accepted { released, .. } = effect else { panic!("{effect:?}") };
    released.render
}

async fn stay(scene: &Scene, delivery: DeliveryId, fault: Fault, catalog: u64) -> Effect {
    scene.commit(Change::StayParked(Box::new(StayParked { delivery, fault, catalog }))).await
}

#[tokio::test]
async fn md8_a_record_that_arrives_while_a_delivery_is_rendered_is_not_missed() {
    let scene = Scene::new();
    arrives(&scene, "FG-9").await;
    // Rendered against catalog 0, committed after catalog 1.
    let (delivery, released) = stuck(&scene, "1", "FG-9").await;
    assert_eq!(released, [delivery]);
    assert_eq!(stuck(&scene, "2", "FG-1").await.1, []);
    scene.balanced();
}

#[tokio::test]
async fn md8_a_release_that_a_crash_cut_off_is_found_again_slice_by_slice() {
    let scene = Scene::new();
    let mut all = Vec::new();
    for (order, key) in [("1", "FG-1"), ("2", "FG-2"), ("3", "FG-2"), ("4", "FG-3"), ("5", "FG-2")] {
        all.push(stuck(&scene, order, key).await.0);
    }
    assert_eq!(arrives(&scene, "FG-2").await.len(), 3);
    let scene = scene.restart();
    let (mut found, mut place, mut slices) = (Vec::new(), Some(Place::default()), 0);
    while let Some(from) = place {
        let look = scene.store.arrived(&from, 2).expect("looks");
        found.extend(look.arrived);
        (place, slices) = (look.next, slices + 1);
    }
    let mut expected = [all[1], all[2], all[4]];
    expected.sort();
    assert_eq!((found, slices), (expected.to_vec(), 3));
}

#[tokio::test]
async fn md8_what_still_cannot_be_rendered_waits_for_what_is_missing_now() {
    let scene = Scene::new();
    let (delivery, _) = stuck(&scene, "1", "FG-1").await;
    assert_eq!(arrives(&scene, "FG-1").await, [delivery]);
    assert_eq!(stay(&scene, delivery, waits_for("FG-2"), 1).await, Effect::Stays { arrived: false });
    assert_eq!(scene.store.arrived(&Place::default(), 10).expect("looks").arrived, []);
    assert_eq!(arrives(&scene, "FG-2").await, [delivery]);
    assert_eq!(stay(&scene, delivery, waits_for("FG-2"), 1).await, Effect::Stays { arrived: true });
    // For what a record cannot mend, it waits for a person.
    assert_eq!(stay(&scene, delivery, Fault::new(Code::MapFailed, "x"), 2).await, Effect::Stays { arrived: false });
    assert_eq!(arrives(&scene, "FG-2").await, []);
    assert_eq!(
        scene.store.delivery(delivery).expect("reads").expect("there").fault.expect("why").code,
        Code::MapFailed
    );
    scene.balanced();
}

#[tokio::test]
async fn md8_what_is_rendered_when_its_turn_comes_waits_like_the_others() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    scene.begin(delivery).await;
    scene.settle(delivery, AttemptKind::Send, Next::Park { fault: waits_for("FG-1") }).await;
    assert_eq!(arrives(&scene, "FG-1").await, [delivery]);
    scene.balanced();
}
