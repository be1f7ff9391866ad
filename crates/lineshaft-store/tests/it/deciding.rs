//! In doubt, and what a person decides: each decision with its audit entry (OT5, OT10).

use std::time::Duration;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::lifecycle::Next;
use lineshaft_model::time::Clock;
use lineshaft_store::Effect;
use lineshaft_store::change::{AttemptKind, Target, Verdict};
use lineshaft_store::read::audit::{Audited, Wanted};

use crate::scene::{Scene, due};

fn lost() -> Fault {
    Fault::new(Code::DeliverNoAnswer, "no answer")
}

/// What was done to `target`.
pub fn audited(scene: &Scene, target: &str) -> Vec<Audited> {
    let wanted = Wanted { target: Some(target.to_owned()), ..Wanted::default() };
    scene.store.audit(&wanted, 100).expect("reads")
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
    assert_eq!(scene.store.next_due("erp", &["erp/confirmation"], scene.clock.now()).expect("reads"), Some(at));
    scene.settle(delivery, AttemptKind::Probe, Next::Ask { at, absent: 1, probes: 1, fault: lost() }).await;
    scene.settle(delivery, AttemptKind::Probe, Next::Delivered { receipt: None }).await;
    assert_eq!(scene.state(delivery), "delivered");
    let kinds: Vec<String> = scene.store.attempts(delivery).expect("reads").into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, ["send", "probe", "probe"]);
}

#[tokio::test]
async fn what_waits_for_an_interface_that_is_gone_is_listed_and_decided_on_in_any_order() {
    let scene = Scene::new();
    let (first, second, third) = (scene.post("1").await, scene.post("1").await, scene.post("1").await);
    let left = ["erp/confirmation".to_owned()];
    assert_eq!(scene.store.stranded(&[], 10).expect("reads"), []);
    assert_eq!(scene.store.stranded(&["erp/other".to_owned()], 10).expect("reads"), []);
    let listed: Vec<_> = scene.store.stranded(&left, 10).expect("reads").into_iter().map(|it| it.behind).collect();
    assert_eq!(listed, [2, 1, 0]);
    assert_eq!(scene.store.stranded(&left, 2).expect("reads").len(), 2);
    assert!(scene.store.exception_of_delivery(second, true).expect("reads").is_some());
    assert_eq!(scene.store.exception_of_delivery(second, false).expect("reads"), None);
    for verdict in [Verdict::Skip, Verdict::Discard] {
        let here = scene.act(Target::Delivery(second), verdict).await;
        assert_eq!(here, Effect::NotNow { state: "behind".into() }, "an interface that is there goes on by itself");
    }
    assert_eq!(due(&scene.act_on(Target::Delivery(second), Verdict::Discard, true).await), []);
    assert_eq!(due(&scene.act_on(Target::Delivery(first), Verdict::Skip, true).await), [third]);
    for verdict in [Verdict::Retry, Verdict::Posted("1".into()), Verdict::NotPosted] {
        let never = scene.act_on(Target::Delivery(third), verdict, true).await;
        assert_eq!(never, Effect::NotNow { state: "pending".into() });
    }
    assert!(matches!(scene.act_on(Target::Delivery(first), Verdict::Skip, true).await, Effect::NotNow { .. }));
    assert_eq!([first, second, third].map(|it| scene.state(it)), ["skipped", "discarded", "pending"]);
    scene.balanced();
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
    assert!(audited(&scene, "x").is_empty());
    scene.act(Target::Delivery(delivery), Verdict::Discard).await;
    assert!(matches!(scene.act(Target::Delivery(delivery), Verdict::Retry).await, Effect::NotNow { .. }));
    let entries = audited(&scene, "x");
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    assert_eq!((entry.principal.as_str(), entry.reason.as_str()), ("operator:anna", "test"));
    assert_eq!((entry.before.as_deref(), entry.after.as_deref()), (Some("parked"), Some("discarded")));
}

#[tokio::test]
async fn the_audit_log_is_read_by_page_in_the_order_of_time() {
    let scene = Scene::new();
    let began = scene.clock.now();
    for (at, verdict) in [Verdict::Pause, Verdict::Resume].into_iter().cycle().take(6).enumerate() {
        scene.clock.advance(Duration::from_secs(60));
        let system = if at < 4 { "erp" } else { "wms" };
        scene.act(Target::Interface(system.into()), verdict).await;
    }
    let page = |wanted: Wanted, limit| scene.store.audit(&wanted, limit).expect("reads");
    let minutes = |rows: &[Audited]| rows.iter().map(|row| row.at.since(began).as_secs() / 60).collect::<Vec<_>>();
    assert_eq!(minutes(&page(Wanted::default(), 100)), [1, 2, 3, 4, 5, 6]);
    let latest = page(Wanted::default(), 4);
    assert_eq!(minutes(&latest), [3, 4, 5, 6]);
    let earlier = page(Wanted { older_than: Some(latest[0].id), ..Wanted::default() }, 4);
    assert_eq!(minutes(&earlier), [1, 2]);
    let since = Some(began.after(Duration::from_secs(5 * 60)));
    assert_eq!(minutes(&page(Wanted { since, ..Wanted::default() }, 100)), [5, 6]);
    for principal in ["operator:anna", "anna"] {
        let wanted = Wanted { principal: Some(principal.to_owned()), since, ..Wanted::default() };
        assert_eq!(minutes(&page(wanted, 100)), [5, 6], "{principal}");
    }
    assert_eq!(page(Wanted { principal: Some("node".to_owned()), ..Wanted::default() }, 100), []);
    assert_eq!(
        page(Wanted { action: Some("retry".to_owned()), target: Some("x".into()), ..Wanted::default() }, 3).len(),
        3
    );
    assert_eq!(page(Wanted { action: Some("skip".to_owned()), ..Wanted::default() }, 100), []);
}
