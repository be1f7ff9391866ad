//! Retention: only settled work goes, the books balance after every slice (OT2), totals outlive their rows (OT13), and a
//! sender's key outlives its document (OT9).

use std::time::Duration;

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::key::KeyQuery;
use lineshaft_model::lifecycle::Next;
use lineshaft_store::change::{AttemptKind, Target, Verdict};
use lineshaft_store::payload::Unreadable;
use lineshaft_store::read::expiring::Kept;
use lineshaft_store::{Change, Effect};

use crate::deciding::audited;
use crate::scene::{NewPart, Scene, part};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn delivery(transaction: TransactionId) -> DeliveryId {
    DeliveryId::of(transaction, "erp/confirmation")
}

async fn accept(scene: &Scene, parts: Vec<NewPart>) -> Vec<TransactionId> {
    let accept = scene.accept(parts);
    let ids = accept.parts.iter().map(|part| part.id).collect();
    let effect = scene.commit(Change::Accept(Box::new(accept))).await;
    assert!(matches!(effect, Effect::Accepted { .. }), "{effect:?}");
    ids
}

async fn delivered(scene: &Scene, order: &str) -> TransactionId {
    let id = accept(scene, vec![part(order)]).await.remove(0);
    scene.deliver(delivery(id)).await;
    id
}

fn received(scene: &Scene, id: TransactionId) -> Result<Vec<u8>, Unreadable> {
    let row = scene.store.transaction(id).expect("reads").expect("there");
    scene.store.documents(&row).expect("reads").expect("there").received
}

#[tokio::test]
async fn a_document_expires_and_reads_back_so_while_its_tracking_stays() {
    let scene = Scene::new();
    let id = delivered(&scene, "1").await;
    scene.clock.advance(30 * DAY);
    let young = delivered(&scene, "2").await;
    assert_eq!(scene.expire(Kept::Payloads, 30 * DAY).await, 0, "not one moment too early");
    scene.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.expire(Kept::Payloads, 30 * DAY).await, 2, "as received, and what was made of it");
    assert_eq!(received(&scene, id), Err(Unreadable::Expired));
    let row = scene.store.delivery(delivery(id)).expect("reads").expect("there");
    assert_eq!(scene.store.document(&row).expect("reads"), Err(Unreadable::Expired));
    assert_eq!(scene.store.find(&KeyQuery::parse("order:1").expect("query"), 10).expect("finds").len(), 1);
    assert!(received(&scene, young).is_ok());
}

#[tokio::test]
async fn the_number_of_an_expired_document_is_never_given_to_another() {
    let scene = Scene::new();
    let old = delivered(&scene, "1").await;
    scene.clock.advance(31 * DAY);
    assert_eq!(scene.expire(Kept::Payloads, 30 * DAY).await, 2);
    let scene = scene.restart();
    delivered(&scene, "2").await;
    assert_eq!(received(&scene, old), Err(Unreadable::Expired));
}

#[tokio::test]
async fn nothing_of_open_parked_or_doubtful_work_is_ever_removed() {
    let scene = Scene::new();
    let refused = || Fault::new(Code::DeliverRejected, "no");
    let pending = accept(&scene, vec![part("1")]).await[0];
    let parked = accept(&scene, vec![part("2")]).await[0];
    scene.begin(delivery(parked)).await;
    scene.settle(delivery(parked), AttemptKind::Send, Next::Park { fault: refused() }).await;
    let doubtful = accept(&scene, vec![part("3")]).await[0];
    scene.begin(delivery(doubtful)).await;
    scene.settle(delivery(doubtful), AttemptKind::Send, Next::InDoubt { fault: refused() }).await;
    let unrouted = accept(&scene, vec![part("4").parked(refused())]).await[0];
    let half = accept(&scene, vec![part("5"), part("6")]).await;
    scene.deliver(delivery(half[0])).await;
    scene.clock.advance(5000 * DAY);
    for kept in Kept::ALL {
        assert_eq!(scene.expire(kept, 30 * DAY).await, 0, "{kept:?}");
    }
    for id in [pending, parked, doubtful, unrouted, half[0], half[1]] {
        assert!(received(&scene, id).is_ok());
    }
    // Its time begins when it is settled, not when it was accepted.
    scene.act(Target::Transaction(unrouted), Verdict::Discard).await;
    scene.deliver(delivery(half[1])).await;
    assert_eq!(scene.expire(Kept::Payloads, 30 * DAY).await, 0);
    scene.clock.advance(31 * DAY);
    assert_eq!(scene.expire(Kept::Payloads, 30 * DAY).await, 5);
    assert_eq!(scene.expire(Kept::Tracking, 30 * DAY).await, 2);
    assert!(scene.store.transaction(unrouted).expect("reads").is_none());
    assert!(scene.store.transaction(pending).expect("reads").is_some());
}

#[tokio::test]
async fn ot2_tracking_goes_whole_and_what_is_gone_stays_counted() {
    let scene = Scene::new();
    for order in ["1", "2"] {
        let id = delivered(&scene, order).await;
        assert_eq!(scene.store.attempts(delivery(id)).expect("reads").len(), 0);
    }
    let discarded = accept(&scene, vec![part("3")]).await[0];
    scene.begin(delivery(discarded)).await;
    let fault = Fault::new(Code::DeliverRejected, "no");
    scene.settle(delivery(discarded), AttemptKind::Send, Next::Park { fault }).await;
    scene.act(Target::Delivery(delivery(discarded)), Verdict::Discard).await;
    scene.clock.advance(400 * DAY);
    let open = accept(&scene, vec![part("4")]).await[0];
    scene.clock.advance(DAY);
    assert_eq!(scene.expire(Kept::Payloads, 30 * DAY).await, 6);
    assert_eq!(scene.expire(Kept::Tracking, 400 * DAY).await, 3);
    let books = scene.store.books().expect("reads");
    assert_eq!((books.intakes, books.transactions, books.deliveries), (1, 1, 1));
    assert_eq!((books.gone.intakes, books.gone.transactions, books.gone.deliveries), (3, 3, 3));
    assert!(scene.store.attempts(delivery(discarded)).expect("reads").is_empty());
    for order in ["1", "2", "3"] {
        let query = KeyQuery::parse(&format!("order:{order}")).expect("query");
        assert!(scene.store.find(&query, 10).expect("finds").is_empty());
    }
    assert!(scene.store.transaction(open).expect("reads").is_some());
    assert_eq!(audited(&scene, "x").len(), 1, "the decision is kept longer");
    assert_eq!(scene.expire(Kept::Audit, 500 * DAY).await, 0);
    assert_eq!(scene.expire(Kept::Audit, 400 * DAY).await, 1);
}

#[tokio::test]
async fn ot2_an_intake_of_many_parts_goes_slice_by_slice() {
    let scene = Scene::new();
    let parts = (0..1200).map(|order| part(&order.to_string())).collect();
    let ids = accept(&scene, parts).await;
    for id in &ids {
        scene.deliver(delivery(*id)).await;
    }
    scene.clock.advance(401 * DAY);
    let before = scene.clock_now().before(400 * DAY);
    let look = scene.store.expired(Kept::Tracking, before, &Default::default()).expect("looks");
    let expire = look.expire.expect("one intake");
    let first = scene.commit(Change::Expire(expire.clone())).await;
    assert_eq!(first, Effect::Expired { removed: 0, complete: false }, "more than one slice");
    scene.balanced();
    let left = scene.store.books().expect("reads");
    assert!(left.intakes == 1 && left.transactions < 1200 && left.gone.transactions > 0, "{left:?}");
    // A restart in between: the next look finds the rest.
    let scene = scene.restart();
    assert_eq!(scene.expire(Kept::Tracking, 400 * DAY).await, 1);
    let books = scene.store.books().expect("reads");
    assert_eq!((books.intakes, books.transactions, books.gone.transactions, books.gone.intakes), (0, 0, 1200, 1));
}

#[tokio::test]
async fn ot9_a_key_outlives_its_document_and_its_tracking() {
    let scene = Scene::new();
    let first = scene.accept(vec![part("1").key("K", 1)]);
    let (intake, id) = (first.id, first.parts[0].id);
    scene.commit(Change::Accept(Box::new(first))).await;
    scene.deliver(delivery(id)).await;
    scene.clock.advance(60 * DAY);
    assert_eq!(scene.expire(Kept::Payloads, 30 * DAY).await, 2);
    assert_eq!(scene.expire(Kept::Tracking, 30 * DAY).await, 1);
    assert_eq!(scene.expire(Kept::Keys, 90 * DAY).await, 0);
    let again = || scene.accept(vec![part("1").key("K", 1)]);
    assert_eq!(scene.commit(Change::Accept(Box::new(again()))).await, Effect::Duplicate { intake });
    scene.clock.advance(31 * DAY);
    assert_eq!(scene.expire(Kept::Keys, 90 * DAY).await, 1);
    assert!(matches!(scene.commit(Change::Accept(Box::new(again()))).await, Effect::Accepted { .. }));
}

#[tokio::test]
async fn ot13_totals_and_facts_outlive_the_rows_they_derive_from() {
    let scene = Scene::new();
    let told = accept(&scene, vec![part("1").tells(0, &[("quantity", "10")])]).await[0];
    scene.deliver(delivery(told)).await;
    // An older snapshot stays behind because its delivery waits; newer ones go.
    let waiting = accept(&scene, vec![part("1").tells(1, &[("quantity", "15"), ("state", "released")])]).await[0];
    let newer = accept(&scene, vec![part("1").tells(2, &[("quantity", "20")])]).await[0];
    let reported = accept(&scene, vec![part("1").on(3, "2.5")]).await[0];
    scene.begin(delivery(waiting)).await;
    let fault = Fault::new(Code::DeliverRejected, "no");
    scene.settle(delivery(waiting), AttemptKind::Send, Next::Park { fault }).await;
    scene.clock.advance(401 * DAY);
    assert_eq!(scene.expire(Kept::Tracking, 400 * DAY).await, 1, "only the first is settled");
    scene.act(Target::Delivery(delivery(waiting)), Verdict::Skip).await;
    scene.deliver(delivery(newer)).await;
    scene.deliver(delivery(reported)).await;
    scene.clock.advance(401 * DAY);
    assert_eq!(scene.expire(Kept::Tracking, 400 * DAY).await, 3);
    let known = scene.known("1");
    let facts: Vec<(&str, &str)> = known.facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(facts, [("quantity", "20"), ("state", "released")]);
    assert_eq!(known.total("yield").to_string(), "2.5");
    // What comes later counts on, and what was given up meanwhile leaves what is gone in place.
    let last = accept(&scene, vec![part("1").on(known.version, "1")]).await[0];
    scene.begin(delivery(last)).await;
    let fault = Fault::new(Code::DeliverRejected, "no");
    scene.settle(delivery(last), AttemptKind::Send, Next::Park { fault }).await;
    assert_eq!(scene.known("1").total("yield").to_string(), "3.5");
    scene.act(Target::Delivery(delivery(last)), Verdict::Discard).await;
    assert_eq!(scene.known("1").total("yield").to_string(), "2.5");
    scene.balanced();
}

#[tokio::test]
async fn ot13_a_fact_that_is_gone_is_newer_than_one_that_was_stopped() {
    let scene = Scene::new();
    // Accepted first, judged last: it tells an older snapshot.
    let stopped = scene.accept(vec![part("1").parked(Fault::new(Code::MapFailed, "x"))]);
    let (intake, id) = (stopped.id, stopped.parts[0].id);
    scene.commit(Change::Accept(Box::new(stopped))).await;
    let newer = accept(&scene, vec![part("2").of("1").tells(0, &[("quantity", "20")])]).await[0];
    scene.deliver(delivery(newer)).await;
    scene.clock.advance(401 * DAY);
    assert_eq!(scene.expire(Kept::Tracking, 400 * DAY).await, 1);
    scene.act(Target::Transaction(id), Verdict::Retry).await;
    let late = part("1").tells(1, &[("quantity", "10"), ("state", "released")]).into_part(intake, 0);
    scene.commit(Change::Replan(Box::new(late))).await;
    assert_eq!(scene.known("1").facts["quantity"], "20");
    assert_eq!(scene.known("1").facts["state"], "released");
    scene.balanced();
}
