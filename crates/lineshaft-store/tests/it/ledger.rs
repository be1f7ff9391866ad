//! Object state: decisions on an older version are not written, rows that are undone do not count, and totals are what
//! the rows come to (OT13).

use lineshaft_model::audit::{Action, Entry};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::lifecycle::Next;
use lineshaft_model::object::EntryState;
use lineshaft_model::principal::Principal;
use lineshaft_model::random::{Rng, SeededRng};
use lineshaft_model::transaction::TransactionState;
use lineshaft_store::change::{AttemptKind, Load, Target, Verdict};
use lineshaft_store::{Change, Effect};

use crate::scene::{NewPart, Scene, due, order, part};

fn delivery(transaction: TransactionId) -> DeliveryId {
    DeliveryId::of(transaction, "erp/confirmation")
}

async fn accept(scene: &Scene, parts: Vec<NewPart>) -> (Vec<TransactionId>, Effect) {
    let accept = scene.accept(parts);
    let ids = accept.parts.iter().map(|part| part.id).collect();
    (ids, scene.commit(Change::Accept(Box::new(accept))).await)
}

/// Parks the transaction's delivery, as a refusal of the target does.
async fn park(scene: &Scene, transaction: TransactionId) {
    scene.begin(delivery(transaction)).await;
    let fault = Fault::new(Code::DeliverRejected, "no");
    scene.settle(delivery(transaction), AttemptKind::Send, Next::Park { fault }).await;
}

fn yields(scene: &Scene, number: &str) -> (u64, String) {
    let known = scene.known(number);
    (known.version, known.total("yield").to_string())
}

#[tokio::test]
async fn a_decision_on_an_older_version_is_not_written_and_its_neighbours_are() {
    let scene = Scene::new();
    let (first, second, other) = (
        scene.accept(vec![part("1").on(0, "6")]),
        scene.accept(vec![part("1").on(0, "6")]),
        scene.accept(vec![part("2").on(0, "1")]),
    );
    let late = second.id;
    let commit = |accept| scene.store.commit(vec![Change::Accept(Box::new(accept))]);
    // All three are handed over before the first is committed.
    let (first, second, other) = tokio::join!(commit(first), commit(second), commit(other));
    let effect =
        |answer: Result<lineshaft_store::Durable<Vec<Effect>>, _>| answer.expect("commits").into_inner().remove(0);
    assert!(matches!(effect(first), Effect::Accepted { .. }));
    assert_eq!(effect(second), Effect::Stale { repeats: vec![] });
    assert!(matches!(effect(other), Effect::Accepted { .. }));
    assert_eq!((yields(&scene, "1"), yields(&scene, "2")), ((1, "6".into()), (1, "1".into())));
    assert!(scene.store.parts_of(late).expect("reads").is_empty(), "nothing of it is there");
    assert_eq!(scene.store.conservation().expect("reads").transactions, 2);
    scene.balanced();
}

#[tokio::test]
async fn a_list_with_one_older_decision_is_not_written_at_all_not_even_its_cursor() {
    let scene = Scene::new();
    let cursor = Change::Cursor { interface: "erp/order".into(), cursor: b"7".to_vec() };
    let record = Change::Accept(Box::new(scene.accept(vec![part("x").record("material", "FG-1")])));
    let stale = Change::Accept(Box::new(scene.accept(vec![part("1").on(3, "1")])));
    let effects = scene.store.commit(vec![record, stale, cursor]).await.expect("commits").into_inner();
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Stale { .. })) && effects.len() == 3, "{effects:?}");
    assert_eq!(scene.store.cursor("erp/order").expect("reads"), None);
    assert_eq!(scene.store.catalog().expect("reads"), (0, vec![]));
    assert_eq!(scene.store.conservation().expect("reads").intakes, 0);
    // What follows is numbered as if it had not been.
    let entry = Entry {
        principal: Principal::Node,
        action: Action::ReferenceLoad,
        target: "material".into(),
        reason: "test".into(),
    };
    let load = Load { table: "material".into(), records: vec![("FG-1".into(), b"{}".to_vec())], entry };
    let Effect::Loaded(released) = scene.commit(Change::Load(Box::new(load))).await else { panic!("loads") };
    assert_eq!(released.catalog, 1);
}

#[tokio::test]
async fn parts_of_one_intake_count_one_after_the_other() {
    let scene = Scene::new();
    let (_, effect) = accept(&scene, vec![part("1").on(0, "1.5"), part("1").on(1, "2"), part("2").on(0, "1")]).await;
    assert_eq!(due(&effect).len(), 2, "one for each order; the second of order 1 waits in its line");
    assert_eq!(yields(&scene, "1"), (2, "3.5".into()));
    scene.balanced();
}

#[tokio::test]
async fn a_repeat_changes_no_object_and_what_counted_on_it_is_decided_again() {
    let scene = Scene::new();
    accept(&scene, vec![part("1").on(0, "1").key("A", 1)]).await;
    // Decided as if A were new.
    let parts = || vec![part("1").on(1, "1").key("A", 1), part("1").on(2, "5").key("B", 1)];
    let (ids, effect) = accept(&scene, parts()).await;
    assert_eq!(effect, Effect::Stale { repeats: vec![ids[0]] });
    let (ids, effect) = accept(&scene, vec![part("1").on(1, "1").key("A", 1), part("1").on(1, "5").key("B", 1)]).await;
    assert!(matches!(effect, Effect::Accepted { .. }), "{effect:?}");
    assert_eq!(yields(&scene, "1"), (2, "6".into()));
    assert_eq!(scene.store.transaction(ids[0]).expect("reads").expect("there").state, TransactionState::Absorbed);
    scene.balanced();
}

#[tokio::test]
async fn a_whole_intake_that_repeats_is_named_where_a_later_one_counted_on_it() {
    let scene = Scene::new();
    let first = scene.accept(vec![part("1").on(0, "1").key("A", 1)]);
    let earlier = first.id;
    scene.commit(Change::Accept(Box::new(first))).await;
    let (again, next) =
        (scene.accept(vec![part("1").on(1, "1").key("A", 1)]), scene.accept(vec![part("1").on(2, "5").key("B", 1)]));
    let repeated = again.parts[0].id;
    let list = vec![Change::Accept(Box::new(again)), Change::Accept(Box::new(next))];
    let effects = scene.store.commit(list).await.expect("commits").into_inner();
    assert_eq!(effects[0], Effect::Stale { repeats: vec![repeated] });
    let alone = scene.commit(Change::Accept(Box::new(scene.accept(vec![part("1").on(9, "1").key("A", 1)])))).await;
    assert_eq!(alone, Effect::Duplicate { intake: earlier }, "the same receipt again, whatever was decided");
    assert_eq!(yields(&scene, "1"), (1, "1".into()));
}

#[tokio::test]
async fn what_every_receiver_took_is_posted_and_what_all_gave_up_counts_no_more() {
    let scene = Scene::new();
    let (ids, _) = accept(&scene, vec![part("1").on(0, "6")]).await;
    let (more, _) = accept(&scene, vec![part("1").on(1, "4")]).await;
    scene.deliver(delivery(ids[0])).await;
    park(&scene, more[0]).await;
    let states = || -> Vec<EntryState> {
        scene.store.ledger(&order("1"), 10).expect("reads").into_iter().map(|row| row.state).collect()
    };
    assert_eq!(states(), [EntryState::Reported, EntryState::Posted], "the newest first");
    assert_eq!(yields(&scene, "1"), (2, "10".into()));
    scene.act(Target::Delivery(delivery(more[0])), Verdict::Discard).await;
    assert_eq!(states(), [EntryState::Discarded, EntryState::Posted]);
    assert_eq!(yields(&scene, "1"), (3, "6".into()), "a new version: what was decided on the old one is stale");
    assert_eq!(accept(&scene, vec![part("1").on(2, "4")]).await.1, Effect::Stale { repeats: vec![] });
    assert!(matches!(accept(&scene, vec![part("1").on(3, "4")]).await.1, Effect::Accepted { .. }));
    scene.balanced();
}

#[tokio::test]
async fn what_a_person_leaves_out_still_happened() {
    let scene = Scene::new();
    let (ids, _) = accept(&scene, vec![part("1").on(0, "6")]).await;
    park(&scene, ids[0]).await;
    scene.act(Target::Delivery(delivery(ids[0])), Verdict::Skip).await;
    assert_eq!(yields(&scene, "1"), (1, "6".into()));
    let rows = scene.store.ledger(&order("1"), 10).expect("reads");
    assert_eq!((rows.len(), rows[0].state, rows[0].transaction), (1, EntryState::Reported, ids[0]));
}

#[tokio::test]
async fn what_waits_for_an_object_is_accepted_again_when_it_is_told_of() {
    let scene = Scene::new();
    let mut fault = Fault::new(Code::JudgeUnknownObject, "order erp/1: its quantity is not known");
    fault.waits_for = Some(order("1").awaited());
    let (waiting, _) = accept(&scene, vec![part("1").parked(fault.clone())]).await;
    let (_, effect) = accept(&scene, vec![part("2").tells(0, &[("quantity", "5")])]).await;
    assert!(matches!(&effect, Effect::Accepted { released, .. } if released.process.is_empty()), "{effect:?}");
    let (_, effect) = accept(&scene, vec![part("1").tells(0, &[("quantity", "10")])]).await;
    assert!(matches!(&effect, Effect::Accepted { released, .. } if released.process == waiting), "{effect:?}");
    // A decision that nothing is known, made before and committed after, is stale.
    let mut late = part("1").on(0, "1").parked(fault);
    late = late.key("late", 1);
    assert_eq!(accept(&scene, vec![late]).await.1, Effect::Stale { repeats: vec![] });
    scene.balanced();
}

#[tokio::test]
async fn what_runs_ahead_of_a_step_keeps_nothing_back_and_goes_on_behind_it() {
    let scene = Scene::new();
    let mut fault = Fault::new(Code::JudgeSequence, "0020 would have worked on 5, but 0010 has passed on 0");
    fault.waits_for = Some(order("1").awaited());
    let (ahead, _) = accept(&scene, vec![part("1").parked(fault.clone())]).await;
    let (first, effect) = accept(&scene, vec![part("1").on(0, "5")]).await;
    assert!(matches!(&effect, Effect::Accepted { released, .. } if released.process == ahead), "{effect:?}");
    assert_eq!(scene.state(delivery(first[0])), "pending", "what it waits for does not wait for it");
    let decided = |new: NewPart| {
        let mut again = scene.accept(vec![new]).parts.remove(0);
        again.id = ahead[0];
        scene.commit(Change::Replan(Box::new(again)))
    };
    // It was not enough: it waits on, and still keeps nothing back.
    let effect = decided(part("1").parked(fault)).await;
    assert!(matches!(effect, Effect::Planned { .. }));
    let (more, effect) = accept(&scene, vec![part("1").on(1, "5")]).await;
    assert!(matches!(&effect, Effect::Accepted { released, .. } if released.process == ahead), "{effect:?}");
    decided(part("1").on(2, "7")).await;
    let line = || [first[0], more[0], ahead[0]].map(|id| scene.state(delivery(id)));
    assert_eq!(line(), ["pending", "behind", "behind"]);
    assert_eq!(scene.deliver(delivery(first[0])).await, [delivery(more[0])]);
    assert_eq!(scene.deliver(delivery(more[0])).await, [delivery(ahead[0])]);
    scene.balanced();
    assert_eq!(yields(&scene, "1"), (3, "17".into()));
}

#[tokio::test]
async fn the_newest_snapshot_by_acceptance_counts_and_the_one_before_comes_back() {
    let scene = Scene::new();
    let (old, _) = accept(&scene, vec![part("1").parked(Fault::unknown_reference("material", "FG-9"))]).await;
    let (new, _) = accept(&scene, vec![part("1").tells(0, &[("quantity", "20"), ("state", "released")])]).await;
    // The older one is processed after the newer one.
    scene.act(Target::Transaction(old[0]), Verdict::Retry).await;
    let mut again = scene.accept(vec![part("1").tells(1, &[("quantity", "10"), ("unit", "PCE")])]).parts.remove(0);
    again.id = old[0];
    assert!(matches!(scene.commit(Change::Replan(Box::new(again))).await, Effect::Planned { .. }));
    let facts = |scene: &Scene| {
        let told = scene.known("1").facts;
        told.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(facts(&scene), "quantity=20 state=released unit=PCE");
    scene.balanced();
    scene.deliver(delivery(old[0])).await;
    park(&scene, new[0]).await;
    scene.act(Target::Delivery(delivery(new[0])), Verdict::Discard).await;
    assert_eq!(facts(&scene), "quantity=10 unit=PCE");
    scene.balanced();
}

#[tokio::test]
async fn ot13_object_state_outlives_a_restart_and_is_what_its_rows_come_to() {
    let scene = Scene::new();
    let mut given_up = Vec::new();
    for (version, quantity) in ["0.125", "3", "1000000000000.5", "0", "7.50", "2"].into_iter().enumerate() {
        let version = u64::try_from(version).expect("small");
        given_up.push(accept(&scene, vec![part("1").on(version, quantity)]).await.0[0]);
    }
    for transaction in [given_up[0], given_up[1], given_up[2]] {
        park(&scene, transaction).await;
        scene.act(Target::Delivery(delivery(transaction)), Verdict::Discard).await;
    }
    let scene = scene.restart();
    assert_eq!(yields(&scene, "1").0, 9);
    assert_eq!(scene.known("1").total("yield"), "9.5".parse().expect("decimal"));
    scene.balanced();
    let file = scene.directory.path().join("lineshaft.db");
    let other = rusqlite::Connection::open(file).expect("opens");
    other.execute("UPDATE objects SET totals = '{\"yield\":\"9.6\"}'", []).expect("tampers");
    let differences = scene.store.rebuild_objects().expect("reads");
    assert_eq!(differences.len(), 1, "a total that is not that of its rows is found");
    assert_eq!(differences[0].object, order("1"));
}

#[tokio::test]
async fn ot13_object_state_is_what_its_rows_come_to_whatever_happens() {
    let scene = Scene::new();
    let chance = SeededRng::new(13);
    let below = |end: u64| chance.next_u64() % end;
    let mut open: Vec<TransactionId> = Vec::new();
    for round in 0..300 {
        let number = below(3).to_string();
        let version = scene.known(&number).version;
        // Now and then somebody decides on what was known before.
        let (stale, version) = if below(5) == 0 { (true, version + 1) } else { (false, version) };
        let quantity = format!("{}.{}", below(50), below(1000));
        let new = match below(3) {
            0 => part(&number).tells(version, &[("quantity", &quantity), ("round", &round.to_string())]),
            _ => part(&number).on(version, &quantity),
        };
        let (ids, effect) = accept(&scene, vec![new]).await;
        assert_eq!(matches!(effect, Effect::Stale { .. }), stale, "{effect:?}");
        if !stale {
            open.push(ids[0]);
        }
        if open.len() > 5 {
            let at = usize::try_from(below(open.len() as u64)).expect("small");
            let transaction = open.swap_remove(at);
            // One that is behind another cannot begin and stays as it is.
            match below(3) {
                _ if !matches!(scene.begin(delivery(transaction)).await, Effect::Begun(_)) => open.push(transaction),
                0 => drop(
                    scene.settle(delivery(transaction), AttemptKind::Send, Next::Delivered { receipt: None }).await,
                ),
                verdict => {
                    let fault = Fault::new(Code::DeliverRejected, "no");
                    scene.settle(delivery(transaction), AttemptKind::Send, Next::Park { fault }).await;
                    let verdict = if verdict == 1 { Verdict::Discard } else { Verdict::Skip };
                    scene.act(Target::Delivery(delivery(transaction)), verdict).await;
                }
            }
        }
        scene.balanced();
    }
    let rows: Vec<EntryState> = ["0", "1", "2"]
        .into_iter()
        .flat_map(|number| scene.store.ledger(&order(number), 1000).expect("reads"))
        .map(|row| row.state)
        .collect();
    for state in [EntryState::Reported, EntryState::Posted, EntryState::Discarded] {
        assert!(rows.contains(&state), "{state:?} was never met");
    }
}
