//! Transactions that take back others: the original's rows count no more, once; what came before its original waits and
//! takes its place behind it; what was given up lets the rows count again.

use std::time::Duration;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::lifecycle::Next;
use lineshaft_model::lineage::LineageKind;
use lineshaft_model::object::EntryState;
use lineshaft_model::random::{Rng, SeededRng};
use lineshaft_model::transaction::TransactionState;
use lineshaft_store::change::{AttemptKind, Expire, Target, Verdict};
use lineshaft_store::read::expiring::Kept;
use lineshaft_store::read::originals::Relative;
use lineshaft_store::{Change, Effect};

use crate::scene::{NewPart, Scene, due, order, part, report};

fn delivery(transaction: TransactionId) -> DeliveryId {
    DeliveryId::of(transaction, "erp/confirmation")
}

/// Accepts one transaction.
async fn accept(scene: &Scene, new: NewPart) -> (TransactionId, Effect) {
    let accept = scene.accept(vec![new]);
    let id = accept.parts[0].id;
    (id, scene.commit(Change::Accept(Box::new(accept))).await)
}

async fn accepted(scene: &Scene, new: NewPart) -> TransactionId {
    let (id, effect) = accept(scene, new).await;
    assert!(matches!(effect, Effect::Accepted { .. }), "{effect:?}");
    id
}

/// What was decided on an accepted transaction afterwards.
async fn decided(scene: &Scene, id: TransactionId, new: NewPart) -> Effect {
    let mut part = scene.accept(vec![new]).parts.remove(0);
    part.id = id;
    scene.commit(Change::Replan(Box::new(part))).await
}

fn yields(scene: &Scene) -> String {
    scene.balanced();
    scene.known("1").total("yield").to_string()
}

/// States of the rows, the newest first.
fn rows(scene: &Scene) -> Vec<EntryState> {
    scene.store.ledger(&order("1"), 10).expect("reads").into_iter().map(|row| row.state).collect()
}

fn missing(number: &str) -> Fault {
    Fault { waits_for: Some(report(number).awaited()), ..Fault::new(Code::JudgeOriginalMissing, "not here") }
}

async fn discard(scene: &Scene, transaction: TransactionId) {
    assert!(matches!(scene.begin(delivery(transaction)).await, Effect::Begun(_)));
    let fault = Fault::new(Code::DeliverRejected, "no");
    scene.settle(delivery(transaction), AttemptKind::Send, Next::Park { fault }).await;
    scene.act(Target::Delivery(delivery(transaction)), Verdict::Discard).await;
}

fn reversal(original: TransactionId) -> NewPart {
    part("1").report("R").takes_back("A", Some(original))
}

#[tokio::test]
async fn a_reversal_undoes_the_rows_of_its_original_once_and_its_lineage_says_so() {
    let scene = Scene::new();
    let first = accepted(&scene, part("1").on(0, "6").report("A")).await;
    accepted(&scene, part("1").on(1, "4").report("B")).await;
    let back = accepted(&scene, reversal(first)).await;
    assert_eq!((yields(&scene), rows(&scene)), ("4".into(), vec![EntryState::Reported, EntryState::Reversed]));
    let relative = |is_parent, transaction| Relative { kind: LineageKind::Reversal, is_parent, transaction };
    assert_eq!(scene.store.lineage(first).expect("reads"), [relative(false, back)]);
    assert_eq!(scene.store.lineage(back).expect("reads"), [relative(true, first)]);
    // Somebody who decided on it before that is told to decide again, as on an older version of an object.
    let (late, effect) = accept(&scene, part("1").report("R2").takes_back("A", Some(first))).await;
    assert_eq!(effect, Effect::Stale { repeats: vec![] });
    assert!(scene.store.transaction(late).expect("reads").is_none(), "nothing of it is there");
    let known = scene.store.originals([&report("A")]).expect("reads").remove(&report("A")).expect("asked");
    assert_eq!((known.len(), known[0].id, known[0].reversed_by, known[0].is_reversal), (1, first, Some(back), false));
    let known = scene.store.originals([&report("R")]).expect("reads").remove(&report("R")).expect("asked");
    assert!(known[0].is_reversal);
    assert_eq!(scene.store.original_of(back).expect("reads").map(|it| it.id), Some(first));
    assert_eq!(scene.store.original_of(first).expect("reads"), None);
    // The reversal is behind its original in the line of the order.
    assert_eq!((scene.state(delivery(first)), scene.state(delivery(back))), ("pending", "behind"));
    let scene = scene.restart();
    assert_eq!(yields(&scene), "4");
}

#[tokio::test]
async fn a_decision_on_an_object_that_a_reversal_changed_meanwhile_is_stale() {
    let scene = Scene::new();
    let first = accepted(&scene, part("1").on(0, "6").report("A")).await;
    accepted(&scene, reversal(first)).await;
    assert_eq!(accept(&scene, part("1").on(1, "1")).await.1, Effect::Stale { repeats: vec![] });
    accepted(&scene, part("1").on(2, "1")).await;
    assert_eq!(yields(&scene), "1");
}

#[tokio::test]
async fn one_that_comes_first_keeps_nothing_back_and_stands_behind_its_original_when_that_came() {
    let scene = Scene::new();
    let early = accepted(&scene, part("1").report("R").takes_back("A", None).parked(missing("A"))).await;
    let between = accepted(&scene, part("1").on(0, "1").report("B")).await;
    assert_eq!(scene.state(delivery(between)), "pending", "it does not wait for what waits");
    let (first, effect) = accept(&scene, part("1").on(1, "6").report("A")).await;
    let Effect::Accepted { released, .. } = &effect else { panic!("{effect:?}") };
    assert_eq!(released.process, [early]);
    assert_eq!(yields(&scene), "7");
    let effect = decided(&scene, early, part("1").report("R").takes_back("A", Some(first)).late()).await;
    assert!(due(&effect).is_empty(), "{effect:?}");
    assert_eq!(yields(&scene), "1");
    let line = || [between, first, early].map(|id| scene.state(delivery(id)));
    assert_eq!(line(), ["pending", "behind", "behind"]);
    assert_eq!(scene.deliver(delivery(between)).await, [delivery(first)]);
    assert_eq!(scene.deliver(delivery(first)).await, [delivery(early)], "its original was never passed");
    let row = scene.store.delivery(delivery(early)).expect("reads").expect("there");
    assert!(!row.is_rendered());
}

#[tokio::test]
async fn an_original_that_comes_while_it_is_missed_is_not_missed() {
    let scene = Scene::new();
    accepted(&scene, part("1").on(0, "6").report("A")).await;
    // Decided before that was committed.
    let (back, effect) = accept(&scene, part("1").report("R").takes_back("A", None).parked(missing("A"))).await;
    let Effect::Accepted { released, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(released.process, [back]);
    assert_eq!(scene.store.transaction(back).expect("reads").expect("there").state, TransactionState::Accepted);
    // While it is parked itself, what it was parked for is waited for.
    let fault = Fault::unknown_reference("material", "X");
    accepted(&scene, part("1").report("C").parked(fault)).await;
    let waiting = accepted(&scene, part("1").report("S").takes_back("C", None).parked(missing("C"))).await;
    assert_eq!(scene.store.transaction(waiting).expect("reads").expect("there").state, TransactionState::Parked);
}

#[tokio::test]
async fn what_waits_to_take_back_something_is_let_go_when_that_is_given_up() {
    let scene = Scene::new();
    let stuck = accepted(&scene, part("1").report("A").parked(Fault::unknown_reference("material", "X"))).await;
    let waiting = accepted(&scene, part("1").report("R").takes_back("A", None).parked(missing("A"))).await;
    scene.act(Target::Transaction(stuck), Verdict::Discard).await;
    assert_eq!(scene.to_process(), [waiting]);
    // Decided before that was committed.
    let (late, effect) = accept(&scene, part("1").report("S").takes_back("A", None).parked(missing("A"))).await;
    assert!(matches!(&effect, Effect::Accepted { released, .. } if released.process == [late]), "{effect:?}");
}

#[tokio::test]
async fn a_reversal_that_is_given_up_lets_the_rows_count_again() {
    let scene = Scene::new();
    let first = accepted(&scene, part("1").on(0, "6").and_tells(&[("state", "told")]).report("A")).await;
    scene.deliver(delivery(first)).await;
    assert_eq!(rows(&scene), [EntryState::Posted]);
    let back = accepted(&scene, reversal(first)).await;
    assert_eq!((yields(&scene), scene.known("1").facts.len()), ("0".into(), 0));
    discard(&scene, back).await;
    assert_eq!((yields(&scene), rows(&scene)), ("6".into(), vec![EntryState::Posted]), "posted as it was");
    assert_eq!(scene.known("1").facts["state"], "told");
    // Now another may take it back, and only one.
    accepted(&scene, part("1").report("R2").takes_back("A", Some(first))).await;
    assert_eq!((yields(&scene), rows(&scene)), ("0".into(), vec![EntryState::Reversed]));
    assert_eq!(accept(&scene, part("1").takes_back("A", Some(first))).await.1, Effect::Stale { repeats: vec![] });
}

#[tokio::test]
async fn a_reversal_that_a_person_leaves_out_still_happened() {
    let scene = Scene::new();
    let first = accepted(&scene, part("1").on(0, "6").report("A")).await;
    let back = accepted(&scene, reversal(first).late()).await;
    scene.deliver(delivery(first)).await;
    // Its turn has come, and it has nothing to send: it is given a document, or left out.
    assert!(matches!(scene.act(Target::Delivery(delivery(back)), Verdict::Retry).await, Effect::NotNow { .. }));
    assert!(matches!(scene.act(Target::Delivery(delivery(back)), Verdict::Discard).await, Effect::NotNow { .. }));
    assert!(matches!(scene.act(Target::Delivery(delivery(back)), Verdict::Skip).await, Effect::Acted { .. }));
    assert_eq!(scene.state(delivery(back)), "skipped");
    assert_eq!((yields(&scene), rows(&scene)), ("0".into(), vec![EntryState::Reversed]));
}

#[tokio::test]
async fn what_is_left_for_later_is_accepted_and_keeps_its_key_back() {
    let scene = Scene::new();
    let intake = scene.accept(vec![part("1").on(0, "6").report("A"), part("1").report("R").undecided()]);
    let ids: Vec<_> = intake.parts.iter().map(|part| part.id).collect();
    let effect = scene.commit(Change::Accept(Box::new(intake))).await;
    let Effect::Accepted { released, .. } = &effect else { panic!("{effect:?}") };
    assert_eq!(released.process, [ids[1]]);
    let after = accepted(&scene, part("1").on(1, "1")).await;
    scene.deliver(delivery(ids[0])).await;
    assert_eq!(scene.state(delivery(after)), "behind", "what is not decided on yet comes before it");
    let effect = decided(&scene, ids[1], part("1").report("R").takes_back("A", Some(ids[0]))).await;
    assert_eq!(due(&effect), [delivery(ids[1])]);
    assert_eq!(yields(&scene), "1");
}

const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);

async fn expire(scene: &Scene) -> u64 {
    scene.clock.advance(KEPT + Duration::from_secs(1));
    scene.expire(Kept::Tracking, KEPT).await
}

#[tokio::test]
async fn an_original_is_kept_as_long_as_its_reversal_is_open() {
    let scene = Scene::new();
    let first = accepted(&scene, part("1").on(0, "6").report("A")).await;
    scene.deliver(delivery(first)).await;
    let back = accepted(&scene, reversal(first).late()).await;
    assert_eq!(expire(&scene).await, 0);
    assert_eq!(scene.store.original_of(back).expect("reads").map(|it| it.id), Some(first));
    // Whoever looked before the reversal came does not remove it either.
    let intake = scene.store.transaction(first).expect("reads").expect("there").intake;
    let effect = scene.commit(Change::Expire(Expire::Tracking(vec![intake]))).await;
    assert!(matches!(effect, Effect::Expired { .. }) && scene.store.transaction(first).expect("reads").is_some());
    scene.act(Target::Delivery(delivery(back)), Verdict::Skip).await;
    assert_eq!(expire(&scene).await, 2);
    assert_eq!(yields(&scene), "0");
}

#[tokio::test]
async fn a_reversal_that_retention_removed_stands_unless_it_was_given_up() {
    let scene = Scene::new();
    let first = accepted(&scene, part("1").on(0, "6").report("A")).await;
    let back = accepted(&scene, part("2").report("R").takes_back("A", Some(first))).await;
    scene.deliver(delivery(back)).await;
    let second = accepted(&scene, part("1").on(2, "4").report("B")).await;
    let given_up = accepted(&scene, part("2").report("S").takes_back("B", Some(second))).await;
    discard(&scene, given_up).await;
    assert_eq!(yields(&scene), "4");
    assert_eq!(expire(&scene).await, 2, "the reversals; what they took back is still on its way");
    let known = |name: &str| {
        let name = report(name);
        scene.store.originals([&name]).expect("reads").remove(&name).expect("asked").remove(0).reversed_by
    };
    assert_eq!((known("A"), known("B")), (Some(back), None));
    let again = |name: &str, original| part("2").takes_back(name, Some(original));
    assert_eq!(accept(&scene, again("A", first)).await.1, Effect::Stale { repeats: vec![] });
    accepted(&scene, again("B", second)).await;
    assert_eq!(yields(&scene), "0");
    // One that is gone itself cannot be taken back: whoever found it before decides again.
    scene.deliver(delivery(first)).await;
    assert_eq!(expire(&scene).await, 1);
    assert_eq!(accept(&scene, again("A", first)).await.1, Effect::Stale { repeats: vec![] });
}

#[tokio::test]
async fn ot13_totals_are_those_of_what_stands_whatever_is_taken_back_and_given_up() {
    struct Report {
        id: TransactionId,
        order: String,
        quantity: u64,
        given_up: bool,
        reversals: Vec<(TransactionId, bool)>,
    }
    let scene = Scene::new();
    let chance = SeededRng::new(14);
    let below = |end: usize| usize::try_from(chance.next_u64() % (end.max(1) as u64)).expect("small");
    let mut reports: Vec<Report> = Vec::new();
    let (mut stale, mut again, mut both) = (0, 0, 0);
    for round in 0..600_u64 {
        match below(6) {
            0 => {
                let (quantity, order) = (below(50) as u64 + 1, below(8).to_string());
                let version = scene.known(&order).version;
                let new = part(&order).on(version, &quantity.to_string()).report(&round.to_string());
                let id = accepted(&scene, new).await;
                reports.push(Report { id, order, quantity, given_up: false, reversals: Vec::new() });
            }
            1 if !reports.is_empty() => {
                let at = below(reports.len());
                let report = &mut reports[at];
                let stands = report.reversals.iter().any(|(_, given_up)| !given_up);
                let new = part(&report.order).report(&round.to_string()).takes_back("any", Some(report.id));
                let (id, effect) = accept(&scene, new).await;
                assert_eq!(matches!(effect, Effect::Stale { .. }), stands, "{effect:?}");
                stale += u64::from(stands);
                again += u64::from(!stands && !report.reversals.is_empty());
                if !stands {
                    report.reversals.push((id, false));
                }
            }
            _ if !reports.is_empty() => {
                let at = below(reports.len());
                let report = &mut reports[at];
                let one = below(report.reversals.len() + 1);
                let id = report.reversals.get(one).map_or(report.id, |(id, _)| *id);
                // One that is settled, or behind another, cannot begin.
                if !matches!(scene.begin(delivery(id)).await, Effect::Begun(_)) {
                    continue;
                }
                if below(2) == 0 {
                    scene.settle(delivery(id), AttemptKind::Send, Next::Delivered { receipt: None }).await;
                    continue;
                }
                let fault = Fault::new(Code::DeliverRejected, "no");
                scene.settle(delivery(id), AttemptKind::Send, Next::Park { fault }).await;
                scene.act(Target::Delivery(delivery(id)), Verdict::Discard).await;
                match report.reversals.get_mut(one) {
                    Some((_, given_up)) => *given_up = true,
                    None => report.given_up = true,
                }
                both += u64::from(report.given_up && report.reversals.iter().any(|(_, given_up)| *given_up));
            }
            _ => {}
        }
        let counts = |it: &&Report| !it.given_up && it.reversals.iter().all(|(_, given_up)| *given_up);
        scene.balanced();
        for number in 0..8 {
            let order = number.to_string();
            let sum: u64 = reports.iter().filter(|it| it.order == order).filter(counts).map(|it| it.quantity).sum();
            assert_eq!(scene.known(&order).total("yield").to_string(), sum.to_string(), "round {round}, order {order}");
        }
    }
    assert!(stale > 5 && again > 2 && both > 0, "{stale} {again} {both}");
}
