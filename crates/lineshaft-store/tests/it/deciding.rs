//! In doubt, and what a person decides: each decision with its audit entry (OT5, OT10).

use std::time::Duration;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::lifecycle::Next;
use lineshaft_model::time::Clock;
use lineshaft_store::Effect;
use lineshaft_store::change::{AttemptKind, Target, Verdict};

use crate::scene::{Scene, due};

fn lost() -> Fault {
    Fault::new(Code::DeliverNoAnswer, "no answer")
}

#[tokio::test]
async fn ot5_an_outcome_in_doubt_is_stable_until_someone_answers() {
    let scene = Scene::new();
    let (first, second) = (scene.post("1").await, scene.post("1").await);
    scene.begin(first).await;
    assert_eq!(due(&scene.settle(first, AttemptKind::Send, Next::InDoubt { fault: lost() }).await), []);
    scene.clock.advance(Duration::from_secs(30 * 24 * 3600));
    assert!(scene.store.due("erp", &["erp/confirmation"], scene.clock.now(), 10).expect("reads").is_empty());
    assert!(matches!(scene.begin(first).await, Effect::NotNow { .. }));
    assert!(
        matches!(scene.act(Target::Delivery(first), Verdict::Retry).await, Effect::NotNow { .. }),
        "not before it is known to be absent"
    );
    assert_eq!(due(&scene.act(Target::Delivery(first), Verdict::Posted("4900001".into())).await), [second]);
    let row = scene.store.delivery(first).expect("reads").expect("there");
    assert_eq!((row.state.as_str(), row.receipt.as_deref()), ("delivered", Some("4900001")));
}

#[tokio::test]
async fn not_posted_sends_it_again_with_the_same_key() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    scene.begin(delivery).await;
    scene.settle(delivery, AttemptKind::Send, Next::InDoubt { fault: lost() }).await;
    assert_eq!(due(&scene.act(Target::Delivery(delivery), Verdict::NotPosted).await), [delivery]);
    let Effect::Begun(begun) = scene.begin(delivery).await else { panic!("begins") };
    assert_eq!((begun.attempts, begun.revision), (1, 0));
}

#[tokio::test]
async fn a_probe_is_due_in_its_time_and_settles_like_an_attempt() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    scene.begin(delivery).await;
    let at = scene.clock.now().after(Duration::from_secs(120));
    scene.settle(delivery, AttemptKind::Send, Next::Ask { at, absent: 0, probes: 0, fault: lost() }).await;
    assert!(scene.store.due("erp", &["erp/confirmation"], scene.clock.now(), 10).expect("reads").is_empty());
    assert_eq!(scene.store.due("erp", &["erp/confirmation"], at, 10).expect("reads")[0].id, delivery);
    assert_eq!(scene.store.next_due("erp", &["erp/confirmation"]).expect("reads"), Some(at));
    scene.settle(delivery, AttemptKind::Probe, Next::Ask { at, absent: 1, probes: 1, fault: lost() }).await;
    scene.settle(delivery, AttemptKind::Probe, Next::Delivered { receipt: None }).await;
    assert_eq!(scene.state(delivery), "delivered");
    let kinds: Vec<String> = scene.store.attempts(delivery).expect("reads").into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, ["send", "probe", "probe"]);
}

#[tokio::test]
async fn pausing_twice_is_told_and_resuming_ends_it() {
    let scene = Scene::new();
    let erp = || Target::Interface("erp".into());
    assert!(matches!(scene.act(erp(), Verdict::Pause).await, Effect::Acted { .. }));
    assert_eq!(scene.act(erp(), Verdict::Pause).await, Effect::NotNow { state: "paused".into() });
    assert_eq!(scene.store.pauses().expect("reads")[0].target, "erp");
    assert!(matches!(scene.act(erp(), Verdict::Resume).await, Effect::Acted { .. }));
    assert!(scene.store.pauses().expect("reads").is_empty());
}

#[tokio::test]
async fn ot10_a_decision_leaves_one_audit_entry_and_a_refused_one_none() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    scene.begin(delivery).await;
    scene.settle(delivery, AttemptKind::Send, Next::Park { fault: lost() }).await;
    assert!(scene.store.audit_of("x").expect("reads").is_empty());
    scene.act(Target::Delivery(delivery), Verdict::Discard).await;
    assert!(matches!(scene.act(Target::Delivery(delivery), Verdict::Retry).await, Effect::NotNow { .. }));
    let entries = scene.store.audit_of("x").expect("reads");
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    assert_eq!((entry.principal.as_str(), entry.reason.as_str()), ("operator:anna", "test"));
    assert_eq!((entry.before.as_deref(), entry.after.as_deref()), (Some("parked"), Some("discarded")));
}
