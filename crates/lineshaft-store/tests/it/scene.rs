//! A store on a fresh directory, and short ways to say what is written to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use lineshaft_model::audit::{Action, Entry};
use lineshaft_model::decimal::Decimal;
use lineshaft_model::fault::Fault;
use lineshaft_model::ids::{DeliveryId, IntakeId, TransactionId};
use lineshaft_model::key::Key;
use lineshaft_model::lifecycle::Next;
use lineshaft_model::object::{Entry as ObjectEntry, ObjectKey, ObjectState};
use lineshaft_model::original::{OriginalName, Ties};
use lineshaft_model::plan::Repeat;
use lineshaft_model::principal::{Principal, Tags};
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::{Clock, Timestamp};
use lineshaft_model::transaction::Versions;
use lineshaft_store::change::{Accept, Act, AttemptKind, NewDelivery, NewWork, Part, Planned, Settle, Target, Verdict};
use lineshaft_store::read::expiring::{Kept, Place};
use lineshaft_store::{Change, Effect, Payload, Store};

pub struct HandClock(AtomicI64, AtomicI64);

impl HandClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).expect("short"), Ordering::SeqCst);
    }

    /// Sets the wall clock by so many seconds, while no time passes.
    pub fn step(&self, secs: i64) {
        self.1.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst) + self.1.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

pub struct Scene {
    pub store: Store,
    pub clock: Arc<HandClock>,
    pub rng: SeededRng,
    pub directory: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let clock = Arc::new(HandClock(AtomicI64::new(1_795_392_000_000_000), AtomicI64::new(0)));
        let rng = SeededRng::new(1);
        let store = Store::open(directory.path(), Arc::clone(&clock) as Arc<dyn Clock>, &rng).expect("opens");
        Self { store, clock, rng, directory }
    }

    /// Closes the store and opens it again, as a restart does.
    pub fn restart(self) -> Self {
        let Self { store, clock, rng, directory } = self;
        drop(store);
        let store = Store::open(directory.path(), Arc::clone(&clock) as Arc<dyn Clock>, &rng).expect("opens again");
        Self { store, clock, rng, directory }
    }

    pub async fn commit(&self, change: Change) -> Effect {
        self.store.commit(vec![change]).await.expect("commits").into_inner().remove(0)
    }

    /// Everything that is to be processed, in the order in which it is.
    pub fn to_process(&self) -> Vec<TransactionId> {
        let (mut ids, mut rank) = (Vec::new(), i64::MIN);
        while let Some(next) = self.store.next_to_process(rank).expect("reads") {
            rank = next.rank;
            ids.extend(self.store.to_process(rank, 10).expect("reads").0.into_iter().map(|(id, _)| id));
        }
        ids
    }

    pub fn accept(&self, parts: Vec<NewPart>) -> Accept {
        let id = IntakeId::new(self.clock.now(), &self.rng);
        Accept {
            id,
            interface: "mes/completion".into(),
            principal: Principal::Interface("mes/completion".into()),
            origin: "test".into(),
            content_type: "application/json".into(),
            traceparent: String::new(),
            body: Some(Payload::pack(&[b"{}"])),
            unreadable: false,
            repeat: None,
            parts: parts
                .into_iter()
                .enumerate()
                .map(|(at, part)| part.into_part(id, u32::try_from(at).expect("few")))
                .collect(),
            later: None,
        }
    }

    /// Accepts one transaction of `order` for `erp/confirmation` and returns its delivery.
    pub async fn post(&self, order: &str) -> DeliveryId {
        let accept = self.accept(vec![part(order)]);
        let transaction = accept.parts[0].id;
        let effect = self.commit(Change::Accept(Box::new(accept))).await;
        assert!(matches!(effect, Effect::Accepted { .. }), "{effect:?}");
        DeliveryId::of(transaction, "erp/confirmation")
    }

    pub async fn begin(&self, delivery: DeliveryId) -> Effect {
        self.commit(Change::Begin { delivery }).await
    }

    pub async fn settle(&self, delivery: DeliveryId, kind: AttemptKind, next: Next) -> Effect {
        let now = self.clock.now();
        self.commit(Change::Settle(Box::new(Settle { delivery, kind, started_at: now, ended_at: now, next }))).await
    }

    pub async fn deliver(&self, delivery: DeliveryId) -> Vec<DeliveryId> {
        assert!(matches!(self.begin(delivery).await, Effect::Begun(_)));
        due(&self.settle(delivery, AttemptKind::Send, Next::Delivered { receipt: Some("4711".into()) }).await)
    }

    pub async fn act(&self, target: Target, verdict: Verdict) -> Effect {
        self.act_on(target, verdict, false).await
    }

    /// Decides on a delivery whose interface has left the project, if it is `gone`.
    pub async fn act_on(&self, target: Target, verdict: Verdict, gone: bool) -> Effect {
        self.commit(Change::Act(Box::new(Act { target, verdict, rendered: None, gone, entry: entry() }))).await
    }

    pub fn state(&self, delivery: DeliveryId) -> &'static str {
        self.store.delivery(delivery).expect("reads").expect("exists").state.as_str()
    }

    /// What is known of an order.
    pub fn known(&self, number: &str) -> ObjectState {
        self.store.objects(&[order(number)].into()).expect("reads").get(&order(number))
    }

    pub fn balanced(&self) {
        assert_eq!(self.store.rebuild_objects().expect("reads"), [], "object state is what its rows come to");
        assert_eq!(self.store.stalled(10).expect("reads"), [], "no line waits for nothing");
        let books = self.store.conservation().expect("reads");
        assert_eq!(books.delta(), 0, "{books:?}");
        assert_eq!(self.store.books().expect("reads"), books, "the counters are what the rows come to");
    }

    /// Removes what is older than `kept` and was settled so long ago, slice by slice; how much it was. The books balance
    /// after each.
    pub async fn expire(&self, what: Kept, kept: Duration) -> u64 {
        let before = self.clock.now().before(kept);
        let (mut place, mut all) = (Place::default(), 0);
        loop {
            let look = self.store.expired(what, before, &place).expect("looks");
            let mut complete = true;
            if let Some(expire) = look.expire {
                let effect = self.commit(Change::Expire(expire)).await;
                let Effect::Expired { removed, complete: whole } = effect else { panic!("{effect:?}") };
                all += removed;
                complete = whole;
                self.balanced();
            }
            match look.next {
                Some(next) if complete => place = next,
                None if complete => return all,
                _ => {}
            }
        }
    }

    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Closes the store; its directory stays.
    pub fn close(self) -> tempfile::TempDir {
        self.directory
    }
}

/// Who decides in these tests, and why.
pub fn entry() -> Entry {
    Entry {
        principal: Principal::Operator("anna".into()),
        action: Action::Retry,
        target: "x".into(),
        reason: "test".into(),
    }
}

pub struct NewPart {
    order: String,
    receiver: String,
    stuck: Option<Fault>,
    object: Option<String>,
    fault: Option<Fault>,
    repeat: Option<Repeat>,
    record: Option<(String, String)>,
    expects: Vec<(ObjectKey, u64)>,
    entries: Vec<ObjectEntry>,
    latest: bool,
    late: bool,
    awaits: Option<String>,
    undecided: bool,
    report: Option<String>,
    ties: Ties,
}

/// How a reversal names the report with this number.
pub fn report(number: &str) -> OriginalName {
    let key = Key { kind: "report".into(), authority: "mes".into(), value: number.into() };
    OriginalName { interface: "mes/completion".into(), key }
}

pub fn part(order: &str) -> NewPart {
    NewPart {
        order: order.into(),
        receiver: "erp/confirmation".into(),
        stuck: None,
        object: None,
        fault: None,
        repeat: None,
        record: None,
        expects: Vec::new(),
        entries: Vec::new(),
        latest: false,
        late: false,
        awaits: None,
        undecided: false,
        report: None,
        ties: Ties::default(),
    }
}

/// Order `number` as an object.
pub fn order(number: &str) -> ObjectKey {
    ObjectKey { kind: "order".into(), key: format!("erp/{number}") }
}

impl NewPart {
    pub fn parked(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Another interface of the same system receives it.
    pub fn to(mut self, receiver: &str) -> Self {
        self.receiver = receiver.into();
        self
    }

    /// Its delivery cannot be rendered.
    pub fn stuck(mut self, fault: Fault) -> Self {
        self.stuck = Some(fault);
        self
    }

    pub fn key(mut self, key: &str, content: u8) -> Self {
        self.repeat = Some(Repeat { key: key.into(), same: [content; 32] });
        self
    }

    /// It is about another order than the one it is in line for.
    pub fn of(mut self, order: &str) -> Self {
        self.object = Some(order.into());
        self
    }

    fn object(&self) -> ObjectKey {
        order(self.object.as_deref().unwrap_or(&self.order))
    }

    /// It was decided on while its order had this version, and reports so much.
    pub fn on(mut self, version: u64, quantity: &str) -> Self {
        let object = self.object();
        self.expects.push((object.clone(), version));
        let quantity = Decimal::parse(quantity).expect("decimal");
        self.entries.push(ObjectEntry { object, adds: vec![("yield".into(), quantity)], sets: Vec::new() });
        self
    }

    /// Besides what it reports, it tells facts of its order.
    pub fn and_tells(mut self, facts: &[(&str, &str)]) -> Self {
        let sets = facts.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        self.entries.last_mut().expect("it reports").sets.extend(sets);
        self
    }

    /// It tells facts of its order, which had this version.
    pub fn tells(mut self, version: u64, facts: &[(&str, &str)]) -> Self {
        let object = self.object();
        self.expects.push((object.clone(), version));
        let sets = facts.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.entries.push(ObjectEntry { object, adds: Vec::new(), sets });
        self
    }

    /// It is report `number`, which others may take back.
    pub fn report(mut self, number: &str) -> Self {
        self.report = Some(number.into());
        self.ties.known_as = vec![report(number)];
        self
    }

    /// It names report `number` as what it takes back, which was found to be `original`.
    pub fn takes_back(mut self, number: &str, original: Option<TransactionId>) -> Self {
        self.ties.takes_back = Some(report(number));
        self.ties.original = original;
        self
    }

    /// It is rendered when its turn comes.
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }

    /// Answers will name it so; that is known before it is sent.
    pub fn awaits(mut self, reference: &str) -> Self {
        self.awaits = Some(reference.into());
        self
    }

    /// Nothing was decided on it yet.
    pub fn undecided(mut self) -> Self {
        self.undecided = true;
        self
    }

    pub fn latest(mut self) -> Self {
        self.latest = true;
        self
    }

    pub fn record(mut self, table: &str, key: &str) -> Self {
        self.record = Some((table.into(), key.into()));
        self
    }

    pub fn into_part(self, intake: IntakeId, at: u32) -> Part {
        let key = Key { kind: "order".into(), authority: "erp".into(), value: self.order };
        let (expects, entries, ties) = (self.expects, self.entries, self.ties);
        let report = self.report.map(|number| report(&number).key);
        let plan = match (self.fault, self.record) {
            (Some(fault), _) => Err(fault),
            _ if self.undecided => Ok(Planned::Later),
            (None, Some((table, key))) => Ok(Planned::Reference { table, key, record: b"{}".to_vec() }),
            (None, None) => Ok(Planned::Event {
                name: "production.confirmation@1".into(),
                data: 0,
                deliveries: vec![NewDelivery {
                    receiver: self.receiver,
                    system: "erp".into(),
                    sequence: "main".into(),
                    order_key: Some(key.clone()),
                    keep_latest: self.latest,
                    work: match (self.stuck, self.late) {
                        (Some(fault), _) => NewWork::Stuck(fault),
                        (None, true) => NewWork::Later,
                        (None, false) => NewWork::Send {
                            slot: 1,
                            parameters: vec![("order".into(), "1".into())],
                            awaits: self.awaits,
                        },
                    },
                }],
                entries,
            }),
        };
        Part {
            id: TransactionId::of_part(intake, at),
            part: at,
            keys: std::iter::once(key).chain(report).collect(),
            tags: Tags::default(),
            repeat: self.repeat,
            documents: Some(Payload::pack(&[b"{}", b"document"])),
            versions: Versions::default(),
            expects,
            holds_back: true,
            ties,
            result: plan,
        }
    }
}

pub fn due(effect: &Effect) -> Vec<DeliveryId> {
    match effect {
        Effect::Accepted { due, .. }
        | Effect::Planned { due, .. }
        | Effect::Settled { due, .. }
        | Effect::Acted { due, .. } => due.iter().map(|due| due.delivery).collect(),
        other => panic!("{other:?}"),
    }
}
