//! Taken is not posted: a delivery that awaits its target's final word, and the answers that settle or park it.

use std::time::Duration;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::lifecycle::Next;
use lineshaft_model::plan::{AnswerTo, AnswerVerdict};
use lineshaft_model::time::Clock;
use lineshaft_store::change::{Accept, Act, AttemptKind, NewBytes, Planned, Released, Target, Verdict};
use lineshaft_store::{Change, Effect, Payload};

use crate::scene::{Scene, due, entry, part};

const WITHIN: Duration = Duration::from_secs(600);

fn refusal() -> Fault {
    Fault::new(Code::DeliverRefusedLater, "M7 021 deficit of stock")
}

/// The target took it and gave the reference `receipt`.
async fn taken(scene: &Scene, delivery: DeliveryId, receipt: &str, keeps_key: bool) -> Effect {
    assert!(matches!(scene.begin(delivery).await, Effect::Begun(_)));
    scene.settle(delivery, AttemptKind::Send, awaiting(scene, receipt, keeps_key)).await
}

fn awaiting(scene: &Scene, receipt: &str, keeps_key: bool) -> Next {
    let until = scene.clock.now().after(WITHIN);
    Next::Await { at: until, until, receipt: Some(receipt.to_owned()), keeps_key, by_receipt: true, probes: 0 }
}

fn answer(scene: &Scene, reference: &str, verdict: Option<AnswerVerdict>) -> Accept {
    let mut accept = scene.accept(vec![part("answer")]);
    let to = AnswerTo { receiver: "erp/confirmation".into(), reference: reference.into(), verdict };
    accept.parts[0].holds_back = false;
    accept.parts[0].result = Ok(Planned::Answer(to));
    accept
}

async fn bring(scene: &Scene, reference: &str, verdict: Option<AnswerVerdict>) -> (TransactionId, Effect) {
    let accept = answer(scene, reference, verdict);
    (accept.parts[0].id, scene.commit(Change::Accept(Box::new(accept))).await)
}

fn fault_of(scene: &Scene, transaction: TransactionId) -> Option<Code> {
    scene.store.transaction(transaction).expect("reads").expect("there").fault.map(|fault| fault.code)
}

#[tokio::test]
async fn taken_is_not_delivered_and_keeps_its_key_until_the_answer() {
    let scene = Scene::new();
    let (first, second) = (scene.post("1").await, scene.post("1").await);
    assert_eq!(due(&taken(&scene, first, "D1", true).await), [first], "what is due next is the question");
    assert_eq!((scene.state(first), scene.state(second)), ("sent", "behind"));
    let (_, effect) = bring(&scene, "D1", Some(AnswerVerdict::Posted(Some("4900001".into())))).await;
    assert_eq!(due(&effect), [second]);
    let row = scene.store.delivery(first).expect("reads").expect("there");
    assert_eq!((row.state.as_str(), row.receipt.as_deref()), ("delivered", Some("4900001")));
    let kinds: Vec<String> = scene.store.attempts(first).expect("reads").into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, ["send", "answer"]);
    scene.balanced();
}

#[tokio::test]
async fn later_ones_pass_where_the_interface_lets_them() {
    let scene = Scene::new();
    let (first, second) = (scene.post("1").await, scene.post("1").await);
    assert_eq!(due(&taken(&scene, first, "D1", false).await), [first, second]);
    assert_eq!(scene.deliver(second).await, []);
    let third = scene.post("1").await;
    let (_, effect) = bring(&scene, "D1", Some(AnswerVerdict::Refused(refusal()))).await;
    assert!(matches!(effect, Effect::Accepted { .. }));
    assert_eq!(scene.state(first), "parked");
    assert!(matches!(scene.begin(third).await, Effect::Begun(_)), "it was on its way already");
    let fourth = scene.post("1").await;
    assert_eq!(scene.state(fourth), "behind", "what is refused stands in the line again");
    scene.balanced();
}

#[tokio::test]
async fn an_answer_that_comes_too_early_waits_and_is_released() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    let (early, effect) = bring(&scene, "D1", Some(AnswerVerdict::Posted(None))).await;
    assert!(matches!(&effect, Effect::Accepted { released, .. } if released == &Released::default()));
    assert_eq!(fault_of(&scene, early), Some(Code::SettleUnmatched));
    let other = scene.post("answer").await;
    assert_eq!(scene.state(other), "pending", "an answer that waits keeps back nothing of its keys");
    let effect = taken(&scene, delivery, "D1", true).await;
    let Effect::Settled { process, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(process, [early]);
}

#[tokio::test]
async fn answers_come_twice_late_and_against_what_is_settled() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    taken(&scene, delivery, "D1", true).await;
    bring(&scene, "D1", None).await;
    assert_eq!(scene.state(delivery), "sent", "still at work is no final word");
    let late = Fault::new(Code::DeliverUnanswered, "no word within 600s");
    scene.settle(delivery, AttemptKind::Readback, Next::Park { fault: late }).await;
    assert_eq!(scene.state(delivery), "parked");
    let retried = scene.act(Target::Delivery(delivery), Verdict::Retry).await;
    assert!(matches!(retried, Effect::NotNow { .. }), "nobody knows yet whether it was posted");
    bring(&scene, "D1", Some(AnswerVerdict::Posted(None))).await;
    assert_eq!(scene.state(delivery), "delivered");
    let (again, _) = bring(&scene, "D1", Some(AnswerVerdict::Posted(None))).await;
    assert_eq!(fault_of(&scene, again), None, "the same answer twice is one");
    let (against, _) = bring(&scene, "D1", Some(AnswerVerdict::Refused(refusal()))).await;
    assert_eq!(fault_of(&scene, against), Some(Code::SettleTooLate));
    assert_eq!(scene.state(delivery), "delivered", "settled is final");
    scene.balanced();
}

#[tokio::test]
async fn what_was_taken_once_is_sent_again_only_with_a_new_key() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    taken(&scene, delivery, "D1", true).await;
    bring(&scene, "D1", Some(AnswerVerdict::Refused(refusal()))).await;
    let retried = scene.act(Target::Delivery(delivery), Verdict::Retry).await;
    assert!(matches!(retried, Effect::NotNow { .. }), "the old bytes carry the old key");
    let new = NewBytes { payload: Payload::pack(&[b"again"]), parameters: vec![], awaits: None };
    let act = Act {
        target: Target::Delivery(delivery),
        verdict: Verdict::Retry,
        rendered: Some(new),
        gone: false,
        entry: entry(),
    };
    assert_eq!(due(&scene.commit(Change::Act(Box::new(act))).await), [delivery]);
    let Effect::Begun(begun) = scene.begin(delivery).await else { panic!("begins") };
    assert_eq!(begun.revision, 1);
    let (old, _) = bring(&scene, "D1", Some(AnswerVerdict::Posted(None))).await;
    assert_eq!(
        fault_of(&scene, old),
        Some(Code::SettleUnmatched),
        "the old document was posted after all: a person looks"
    );
    assert_eq!(scene.state(delivery), "in_flight");
}

#[tokio::test]
async fn a_person_can_give_the_final_word() {
    let scene = Scene::new();
    let (first, second) = (scene.post("1").await, scene.post("1").await);
    taken(&scene, first, "D1", true).await;
    assert_eq!(due(&scene.act(Target::Delivery(first), Verdict::Posted("77".into())).await), [second]);
    assert_eq!(scene.state(first), "delivered");
    let late = scene.settle(first, AttemptKind::Readback, Next::Park { fault: refusal() }).await;
    assert!(matches!(late, Effect::NotNow { .. }));
}

#[tokio::test]
async fn a_restart_forgets_no_question() {
    let scene = Scene::new();
    let delivery = scene.post("1").await;
    taken(&scene, delivery, "D1", true).await;
    let scene = scene.restart();
    assert!(scene.store.cut_off().expect("reads").is_empty(), "nothing was on its way");
    let later = scene.clock.now().after(WITHIN);
    let row = scene.store.due("erp", &["erp/confirmation"], later, 10).expect("reads").remove(0);
    assert_eq!((row.id, row.state.as_str(), row.answer_until), (delivery, "sent", Some(later)));
    scene.balanced();
}

/// Accepts one transaction whose answers will name it `reference`.
async fn post_awaiting(scene: &Scene, reference: &str) -> DeliveryId {
    let accept = scene.accept(vec![part("1").awaits(reference)]);
    let id = DeliveryId::of(accept.parts[0].id, "erp/confirmation");
    assert!(matches!(scene.commit(Change::Accept(Box::new(accept))).await, Effect::Accepted { .. }));
    id
}

#[tokio::test]
async fn an_answer_may_overtake_the_target_that_takes_the_document() {
    let scene = Scene::new();
    let delivery = post_awaiting(&scene, "REF-1").await;
    let (early, _) = bring(&scene, "REF-1", Some(AnswerVerdict::Posted(None))).await;
    assert_eq!(fault_of(&scene, early), Some(Code::SettleUnmatched), "nothing was sent yet");
    assert!(matches!(scene.begin(delivery).await, Effect::Begun(_)));
    bring(&scene, "REF-1", Some(AnswerVerdict::Posted(Some("49".into())))).await;
    assert_eq!(scene.state(delivery), "delivered");
    let late = scene.settle(delivery, AttemptKind::Send, awaiting(&scene, "D1", true)).await;
    assert_eq!(late, Effect::NotNow { state: "delivered".into() });
    let row = scene.store.delivery(delivery).expect("reads").expect("there");
    assert_eq!((row.state.as_str(), row.receipt.as_deref()), ("delivered", Some("49")));
    scene.balanced();
}

#[tokio::test]
async fn an_answer_ends_the_doubt_about_what_was_sent() {
    let scene = Scene::new();
    let (posted, refused) = (post_awaiting(&scene, "REF-1").await, post_awaiting(&scene, "REF-2").await);
    for (delivery, reference, verdict, state) in [
        (posted, "REF-1", AnswerVerdict::Posted(None), "delivered"),
        (refused, "REF-2", AnswerVerdict::Refused(refusal()), "parked"),
    ] {
        assert!(matches!(scene.begin(delivery).await, Effect::Begun(_)));
        let fault = Fault::new(Code::DeliverNoAnswer, "the connection broke");
        scene.settle(delivery, AttemptKind::Send, Next::InDoubt { fault }).await;
        assert_eq!(scene.state(delivery), "outcome_unknown");
        bring(&scene, reference, Some(verdict)).await;
        assert_eq!(scene.state(delivery), state);
    }
    let retried = scene.act(Target::Delivery(refused), Verdict::Retry).await;
    assert!(matches!(retried, Effect::NotNow { .. }), "it has the document: the old key is used up");
    scene.balanced();
}
