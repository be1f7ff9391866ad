//! Large intakes: on disk before they are taken apart, taken apart once whatever cuts it off (OT1, OT2), and later
//! deliveries of the same key stay behind (OT6).

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_model::plan::Repeat;
use lineshaft_store::change::Slice;
use lineshaft_store::{Change, Effect};

use crate::scene::{NewPart, Scene, due, part};

fn delivery(intake: IntakeId, at: u32) -> DeliveryId {
    DeliveryId::of(TransactionId::of_part(intake, at), "erp/confirmation")
}

/// Stores a large intake that may stand in the line of the ERP.
async fn store(scene: &Scene) -> IntakeId {
    let mut accept = scene.accept(Vec::new());
    accept.later = Some(vec![("erp".into(), "main".into())]);
    accept.repeat = Some(Repeat { key: "large".into(), same: [3; 32] });
    let id = accept.id;
    let effect = scene.commit(Change::Accept(Box::new(accept))).await;
    assert_eq!(due(&effect), [], "{effect:?}");
    id
}

async fn slice(scene: &Scene, intake: IntakeId, first: u32, parts: Vec<NewPart>, last: bool) -> Effect {
    let parts = (first..).zip(parts).map(|(at, part)| part.into_part(intake, at)).collect();
    scene.commit(Change::Slice(Box::new(Slice { intake, first, parts, last, unreadable: false }))).await
}

async fn let_go(scene: &Scene, intake: IntakeId) -> Vec<DeliveryId> {
    let mut all = Vec::new();
    loop {
        let Effect::LetGo { due, complete } = scene.commit(Change::LetGo(intake)).await else { panic!("lets go") };
        all.extend(due.into_iter().map(|due| due.delivery));
        scene.balanced();
        if complete {
            return all;
        }
    }
}

#[tokio::test]
async fn ot6_what_came_after_a_large_intake_stays_behind_it() {
    let scene = Scene::new();
    let earlier = scene.post("1").await;
    let large = store(&scene).await;
    let (same, other) = (scene.post("1").await, scene.post("2").await);
    let states = |of: &[DeliveryId]| of.iter().map(|it| scene.state(*it)).collect::<Vec<_>>();
    assert_eq!(states(&[earlier, same, other]), ["pending", "behind", "behind"], "its keys are not known");
    assert_eq!(scene.deliver(earlier).await, [], "nor when what came before is settled");
    scene.balanced();
    assert_eq!(due(&slice(&scene, large, 0, vec![part("1"), part("3")], false).await).len(), 2);
    assert_eq!(states(&[same, other]), ["behind", "behind"]);
    assert_eq!(due(&slice(&scene, large, 2, vec![part("4"), part("1")], true).await).len(), 1);
    let after = scene.post("5").await;
    assert_eq!(scene.state(after), "pending", "what comes now is judged by its own key");
    assert_eq!(let_go(&scene, large).await, [other]);
    assert_eq!(scene.store.to_let_go().expect("reads"), []);
    assert_eq!(scene.deliver(delivery(large, 0)).await, [delivery(large, 3)]);
    assert_eq!(scene.deliver(delivery(large, 3)).await, [same]);
    scene.balanced();
}

#[tokio::test]
async fn ot1_taking_apart_goes_on_after_a_restart_and_no_part_is_lost_or_twice() {
    let scene = Scene::new();
    let large = store(&scene).await;
    let books = scene.store.books().expect("reads");
    assert_eq!((books.intakes, books.parts, books.transactions), (1, 0, 0));
    assert_eq!(scene.commit(Change::BeginSplit(large)).await, Effect::Counted(1));
    let first = || vec![part("1"), part("2")];
    slice(&scene, large, 0, first(), false).await;
    let scene = scene.restart();
    assert_eq!(scene.store.to_split(9).expect("reads"), [large]);
    let stored = scene.store.stored_intake(large).expect("reads").expect("there");
    assert_eq!((stored.parts, stored.received.map(|it| it.body)), (2, Ok(b"{}".to_vec())));
    assert_eq!(scene.commit(Change::BeginSplit(large)).await, Effect::Counted(1), "it had got on");
    assert_eq!(scene.commit(Change::BeginSplit(large)).await, Effect::Counted(2), "and now it did not");
    assert!(matches!(slice(&scene, large, 0, first(), false).await, Effect::NotNow { .. }), "it is there already");
    assert!(matches!(slice(&scene, large, 3, first(), false).await, Effect::NotNow { .. }), "one is missing before");
    slice(&scene, large, 2, vec![part("3")], true).await;
    assert!(matches!(slice(&scene, large, 3, first(), true).await, Effect::NotNow { .. }), "it is whole");
    assert_eq!(scene.commit(Change::BeginSplit(large)).await, Effect::Missing);
    assert_eq!((scene.store.to_split(9).expect("reads"), scene.store.splitting().expect("reads")), (vec![], 0));
    let books = scene.store.books().expect("reads");
    assert_eq!((books.intakes, books.parts, books.transactions, books.deliveries), (1, 3, 3, 3));
    assert_eq!(scene.store.parts_of(large).expect("reads").len(), 3);
    scene.balanced();
}

#[tokio::test]
async fn ot9_a_large_intake_is_recognised_by_its_key_before_and_after_it_is_taken_apart() {
    let scene = Scene::new();
    let large = store(&scene).await;
    let again = |same: u8| {
        let mut accept = scene.accept(Vec::new());
        accept.later = Some(Vec::new());
        accept.repeat = Some(Repeat { key: "large".into(), same: [same; 32] });
        Change::Accept(Box::new(accept))
    };
    assert_eq!(scene.commit(again(3)).await, Effect::Duplicate { intake: large });
    slice(&scene, large, 0, vec![part("1")], true).await;
    assert_eq!(scene.commit(again(3)).await, Effect::Duplicate { intake: large });
    assert_eq!(scene.commit(again(4)).await, Effect::KeyReused { intake: large });
}

#[tokio::test]
async fn ot6_many_that_waited_are_let_go_in_slices_and_a_restart_goes_on() {
    let scene = Scene::new();
    let large = store(&scene).await;
    let mut waiting = Vec::new();
    for order in 0..1200 {
        waiting.push(scene.post(&format!("{order:04}")).await);
    }
    let second = store_other(&scene).await;
    slice(&scene, large, 0, vec![part("0007")], true).await;
    let Effect::LetGo { due, complete } = scene.commit(Change::LetGo(large)).await else { panic!("lets go") };
    assert!(!complete && !due.is_empty() && due.len() < 1200, "{}", due.len());
    let first = due.len();
    let scene = scene.restart();
    assert_eq!(scene.store.to_let_go().expect("reads"), [large]);
    assert_eq!(first + let_go(&scene, large).await.len(), 1199, "one stays behind the part of its key");
    let behind: Vec<&str> = waiting.iter().map(|it| scene.state(*it)).filter(|state| *state != "pending").collect();
    assert_eq!(behind, ["behind"]);
    let last = scene.post("x").await;
    assert_eq!(scene.state(last), "behind", "it came after the second, which is not taken apart yet");
    slice(&scene, second, 0, Vec::new(), true).await;
    assert_eq!(let_go(&scene, second).await, [last]);
}

async fn store_other(scene: &Scene) -> IntakeId {
    let mut accept = scene.accept(Vec::new());
    accept.later = Some(vec![("erp".into(), "main".into())]);
    let id = accept.id;
    scene.commit(Change::Accept(Box::new(accept))).await;
    id
}

#[tokio::test]
async fn a_part_that_stops_keeps_back_its_own_key_alone() {
    let scene = Scene::new();
    let large = store(&scene).await;
    let (same, other) = (scene.post("1").await, scene.post("2").await);
    let stuck = part("1").parked(Fault::new(Code::MapFailed, "x"));
    slice(&scene, large, 0, vec![stuck, part("3")], true).await;
    assert_eq!(let_go(&scene, large).await, [other]);
    assert_eq!(scene.state(same), "behind");
    scene.balanced();
}
