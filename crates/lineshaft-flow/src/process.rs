//! The path of one transaction, read aloud. It has two halves: what a document says needs no state; what may happen
//! with it is decided on the state of the objects that it turned out to touch.

use std::collections::BTreeSet;
use std::sync::Arc;

use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::ids::{IntakeId, TransactionId};
use lineshaft_model::intake::Received;
use lineshaft_model::key::Key;
use lineshaft_model::object::{Entry, ObjectKey, States};
use lineshaft_model::original::{Original, OriginalName, Ties};
use lineshaft_model::plan::{AnswerTo, AnswerVerdict, Plan, PlannedDelivery, Processed, Repeat, Work as ToSend};
use lineshaft_model::principal::Tags;
use lineshaft_model::time::Timestamp;
use lineshaft_model::transaction::Versions;
use lineshaft_model::tree::{Path, Tree};

use crate::decode::decode;
use crate::identify::{identify, repeat_of_intake};
use crate::judge::{Subject, judge, touched};
use crate::map::Facts;
use crate::project::{Answers, Becomes, Emit, Event, Project};
use crate::render::render;
use crate::reversal::{Turn, original};
use crate::route::route;
use crate::schema::Schema;
use crate::split::{Part, split};

/// What a project and a catalog are to one run: both frozen for its whole length.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The compiled project.
    pub project: &'a Project,
    /// Reference data in force.
    pub catalog: &'a Arc<Catalog>,
}

/// One intake to process.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    /// Its id.
    pub id: IntakeId,
    /// When it was received.
    pub received_at: Timestamp,
    /// What was received.
    pub received: &'a Received,
}

/// What an intake came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessedIntake {
    /// Whether it could not even be read: its one part is the parked remainder.
    pub unreadable: bool,
    /// The sender's key for the whole intake.
    pub repeat: Option<Repeat>,
    /// Its transactions, in their order.
    pub parts: Vec<Processed>,
}

/// An intake that was read and taken apart, so that each of its parts can be understood by itself.
#[derive(Debug)]
pub struct Opened {
    repeat: Option<Repeat>,
    parts: Result<Vec<Part>, Fault>,
}

/// What an intake says, before anything is decided: read, checked and mapped. It can be decided on more than once.
#[derive(Clone, Debug)]
pub struct Understood {
    unreadable: bool,
    repeat: Option<Repeat>,
    parts: Vec<UnderstoodPart>,
}

#[derive(Clone, Debug)]
struct UnderstoodPart {
    identity: Processed,
    place: String,
    facts: Facts,
    content: Result<Content, Fault>,
}

/// What one transaction's document became.
#[derive(Clone, Debug)]
enum Content {
    Event { event: Arc<Event>, data: Tree, objects: BTreeSet<ObjectKey> },
    Reference { table: String, key: String, record: Vec<u8> },
    Answer(AnswerTo),
}

impl Understood {
    /// An intake of which nothing is known but why it cannot be processed.
    pub fn stopped(id: IntakeId, fault: Fault) -> Self {
        let identity = nameless(TransactionId::of_part(id, 0), 0, Tags::default(), Versions::default());
        let part = UnderstoodPart { identity, place: String::new(), facts: Facts::default(), content: Err(fault) };
        Self { unreadable: true, repeat: None, parts: vec![part] }
    }

    /// An intake that is not read yet and has no parts so far.
    pub fn unread(emit: &Emit, received: &Received) -> Self {
        Self { unreadable: false, repeat: repeat_of_intake(emit, received, None), parts: Vec::new() }
    }

    /// The same, but read, so that the fields are known by which a repeat of it is told.
    pub fn only_read(emit: &Emit, received: &Received) -> Self {
        Self { unreadable: false, repeat: open(emit, received).repeat, parts: Vec::new() }
    }

    /// The objects whose state the decision needs. None where the project has no rules for its events.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectKey> {
        self.parts
            .iter()
            .flat_map(|part| match &part.content {
                Ok(Content::Event { objects, .. }) => Some(objects),
                Ok(Content::Reference { .. } | Content::Answer(_)) | Err(_) => None,
            })
            .flatten()
    }

    /// Whether it could not even be read.
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Whether there are no parts (any more).
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Leaves out the first `count` parts.
    pub fn skip(&mut self, count: usize) {
        self.parts.drain(..count.min(self.parts.len()));
    }

    /// Takes the next `count` parts off, to be decided on by themselves.
    pub fn next(&mut self, count: usize) -> Self {
        let parts = self.parts.drain(..count.min(self.parts.len())).collect();
        Self { unreadable: self.unreadable, repeat: None, parts }
    }

    /// Gives every part up for the same reason; what is known of them stays.
    pub fn give_up(&mut self, fault: &Fault) {
        self.parts.iter_mut().for_each(|part| part.content = Err(fault.clone()));
    }

    /// The transactions of which the decision needs to know whether they may be taken back.
    pub fn originals(&self) -> impl Iterator<Item = &OriginalName> {
        self.parts.iter().filter_map(|part| part.identity.ties.takes_back.as_ref())
    }

    /// How many transactions it has.
    pub fn count(&self) -> usize {
        self.parts.len()
    }
}

/// Processes every part of an intake where nothing is known of any object. A part that fails is parked alone.
pub fn process(ground: Ground<'_>, emit: &Emit, work: Work<'_>) -> ProcessedIntake {
    decide(ground, understand(ground, emit, work), &mut States::default(), &BTreeSet::new())
}

/// Reads, checks and maps every part of an intake: the first half of the path, which needs no state.
pub fn understand(ground: Ground<'_>, emit: &Emit, work: Work<'_>) -> Understood {
    let Opened { repeat, parts } = open(emit, work.received);
    match parts {
        Err(fault) => Understood { unreadable: true, repeat, parts: vec![unreadable(ground, emit, work, 0, fault)] },
        Ok(parts) => {
            let parts = (0..).zip(parts).map(|(at, part)| understand_part(ground, emit, work, at, &part)).collect();
            Understood { unreadable: false, repeat, parts }
        }
    }
}

/// Reads an intake and takes it apart; nothing is checked or mapped yet.
pub fn open(emit: &Emit, received: &Received) -> Opened {
    let decoded = decode(&emit.format, received);
    let document = decoded.as_ref().ok().and_then(|decoded| decoded.whole());
    let repeat = repeat_of_intake(emit, received, document);
    Opened { repeat, parts: decoded.and_then(|decoded| split(emit, decoded)) }
}

impl Opened {
    /// Checks and maps part `at` alone. A fault says that there is no such part, or none can be read.
    pub fn understand(&self, ground: Ground<'_>, emit: &Emit, work: Work<'_>, at: u32) -> Result<Understood, Fault> {
        let parts = self.parts.as_ref().map_err(Clone::clone)?;
        let part = usize::try_from(at).ok().and_then(|at| parts.get(at));
        let gone = || Fault::new(Code::DecodeSplit, "the document has no such part any more");
        let part = understand_part(ground, emit, work, at, part.ok_or_else(gone)?);
        Ok(Understood { unreadable: false, repeat: None, parts: vec![part] })
    }
}

/// Judges, routes and renders every part: the second half of the path, on `states` as they were read. Each part sees
/// what earlier ones did, except those of `repeats`, which are known to change nothing.
///
/// `states` are those after the intake, so that another intake can be decided on in the same commit.
pub fn decide(
    ground: Ground<'_>,
    understood: Understood,
    states: &mut States,
    repeats: &BTreeSet<TransactionId>,
) -> ProcessedIntake {
    let Understood { unreadable, repeat, parts } = understood;
    let mut decided = Vec::with_capacity(parts.len());
    for part in parts {
        let mut processed = decide_part(ground, part, states);
        if let Ok(Plan::Event { entries, .. }) = &processed.result
            && !repeats.contains(&processed.id)
            && let Err(error) = states.put(entries)
        {
            processed.result = Err(Fault::new(Code::JudgeUnit, error.to_string()));
        }
        decided.push(processed);
    }
    ProcessedIntake { unreadable, repeat, parts: decided }
}

/// A part whose bytes cannot be read is parked as one, and its neighbours go on.
fn understand_part(ground: Ground<'_>, emit: &Emit, work: Work<'_>, at: u32, part: &Part) -> UnderstoodPart {
    match &part.document {
        Ok(document) => understand_document(ground, emit, work, (at, part.place.clone()), document),
        Err(fault) => unreadable(ground, emit, work, at, fault.clone()),
    }
}

fn understand_document(
    ground: Ground<'_>,
    emit: &Emit,
    work: Work<'_>,
    (part, place): (u32, String),
    document: &Tree,
) -> UnderstoodPart {
    let id = TransactionId::of_part(work.id, part);
    let known = identify(ground.project, emit, document);
    let facts = Facts {
        id: id.to_string(),
        received_at: work.received_at.to_rfc3339(),
        site: known.tags.site.clone(),
        time_zone: ground.project.sites.get(&known.tags.site).map(|site| site.time_zone.clone()).unwrap_or_default(),
        interface: emit.name.clone(),
        original_receipt: String::new(),
    };
    let (ties, fault) = match crate::identify::ties(ground.project, emit, document, &known.keys) {
        Ok(ties) => (ties, known.fault),
        Err(fault) => (Ties::default(), known.fault.or(Some(fault))),
    };
    let content = match fault {
        Some(fault) => Err(fault),
        None => content(ground, emit, &known.keys, &facts, document),
    };
    let identity = nameless(id, part, known.tags, versions(ground, emit));
    // An answer is about something that is on its way already: nothing waits for it but that.
    let holds_back = !matches!(emit.becomes, Becomes::Answer(_));
    let identity = Processed { keys: known.keys, repeat: known.repeat, holds_back, ties, ..identity };
    UnderstoodPart { identity, place, facts, content }
}

fn content(ground: Ground<'_>, emit: &Emit, keys: &[Key], facts: &Facts, document: &Tree) -> Result<Content, Fault> {
    if let Some(schema) = &emit.schema {
        schema.check(document)?;
    }
    match &emit.becomes {
        Becomes::Answer(answers) => {
            let mapped = answers.map.as_ref().map(|map| map.run(document, ground.catalog, facts)).transpose()?;
            answer(answers, mapped.as_ref().unwrap_or(document)).map(Content::Answer)
        }
        Becomes::Reference { table, key, map, schema } => {
            let mapped = map.as_ref().map(|map| map.run(document, ground.catalog, facts)).transpose()?;
            let record = mapped.as_ref().unwrap_or(document);
            let key = crate::identify::required(record, key, "reference key")?;
            if let Some(schema) = schema {
                check_record(schema, table, record)?;
            }
            Ok(Content::Reference { table: table.clone(), key, record: lineshaft_format::json::encode(record) })
        }
        Becomes::Event { event, map } => {
            let data = map.run(document, ground.catalog, facts)?;
            check_event(event, &data)?;
            let objects = match ground.project.rules.get(&event.name) {
                Some(touches) => touched(touches, Subject { keys, data: &data })?,
                None => BTreeSet::new(),
            };
            Ok(Content::Event { event: Arc::clone(event), data, objects })
        }
    }
}

/// What a document says to a delivery: which one, and whether it is posted.
fn answer(answers: &Answers, document: &Tree) -> Result<AnswerTo, Fault> {
    let text = |path: &Option<Path>| path.as_ref()?.find(document)?.scalar().filter(|text| !text.is_empty());
    let reference = crate::identify::required(document, &answers.reference, "reference of an answer")?;
    let verdict = if answers.refused_when.as_ref().is_some_and(|says| says.holds(document)) {
        let said = text(&answers.reason).unwrap_or("the target gave no reason");
        Some(AnswerVerdict::Refused(Fault::new(Code::DeliverRefusedLater, said)))
    } else if answers.posted_when.holds(document) {
        Some(AnswerVerdict::Posted(text(&answers.receipt).map(str::to_owned)))
    } else {
        None
    };
    Ok(AnswerTo { receiver: answers.to.clone(), reference, verdict })
}

fn decide_part(ground: Ground<'_>, part: UnderstoodPart, states: &mut States) -> Processed {
    let UnderstoodPart { identity: mut processed, place, facts, content } = part;
    if states.is_left(processed.ties.takes_back.is_some()) {
        processed.result = Ok(Plan::Later);
        return processed;
    }
    let states = &*states;
    processed.result = match content {
        Err(fault) => Err(fault),
        Ok(Content::Reference { table, key, record }) => Ok(Plan::Reference { table, key, record }),
        Ok(Content::Answer(answer)) => Ok(Plan::Answer(answer)),
        Ok(Content::Event { event, data, .. }) if let Some(name) = processed.ties.takes_back.clone() => {
            original(&name, states, &processed).and_then(|found| {
                processed.ties.original = Some(found.id);
                let deliveries = deliveries(ground, &processed, &facts, (&event, &data), Some(found))?;
                Ok(planned(&event, &data, deliveries, Vec::new()))
            })
        }
        Ok(Content::Event { event, data, objects }) => {
            processed.expects = objects
                .into_iter()
                .map(|key| {
                    let version = states.version(&key);
                    (key, version)
                })
                .collect();
            plan(ground, &processed, &facts, (&event, &data), states)
        }
    };
    if let Err(fault) = &mut processed.result
        && !place.is_empty()
    {
        fault.at = if fault.at.is_empty() { place } else { format!("{place}, {}", fault.at) };
    }
    processed
}

fn plan(
    ground: Ground<'_>,
    part: &Processed,
    facts: &Facts,
    (event, data): (&Event, &Tree),
    states: &States,
) -> Result<Plan, Fault> {
    let entries = match ground.project.rules.get(&event.name) {
        Some(touches) => judge(touches, ground.catalog, states, Subject { keys: &part.keys, data })?,
        None => Vec::new(),
    };
    let deliveries = deliveries(ground, part, facts, (event, data), None)?;
    Ok(planned(event, data, deliveries, entries))
}

fn planned(event: &Event, data: &Tree, deliveries: Vec<PlannedDelivery>, entries: Vec<Entry>) -> Plan {
    Plan::Event { name: event.name.clone(), data: lineshaft_format::json::encode(data), deliveries, entries }
}

/// One delivery for each receiver of the event, of what takes `original` back if it takes anything back.
fn deliveries(
    ground: Ground<'_>,
    part: &Processed,
    facts: &Facts,
    (event, data): (&Event, &Tree),
    original: Option<&Original>,
) -> Result<Vec<PlannedDelivery>, Fault> {
    let routed = route(ground.project, event, part, (data, original))?.into_iter();
    let planned = routed.map(|routed| {
        let work = match routed.turn {
            Turn::Skip(rule) => ToSend::Skip(rule),
            Turn::Later => ToSend::Later,
            Turn::Stuck(fault) => ToSend::Stuck(fault),
            // A receiver that cannot be rendered holds only itself back, never its neighbours.
            Turn::Send(receipt) => {
                let own;
                let facts = if receipt.is_empty() {
                    facts
                } else {
                    own = Facts { original_receipt: receipt, ..facts.clone() };
                    &own
                };
                match render(routed.receive, ground.catalog, facts, part.id, 0, data) {
                    Ok(rendered) => ToSend::Send(rendered),
                    Err(fault) => ToSend::Stuck(fault),
                }
            }
        };
        PlannedDelivery {
            receiver: routed.receive.name.clone(),
            system: routed.receive.system.clone(),
            sequence: routed.receive.sequence.clone(),
            order_key: routed.order_key,
            keep_latest: routed.receive.keep_latest,
            work,
        }
    });
    Ok(planned.collect())
}

fn check_event(event: &Event, data: &Tree) -> Result<(), Fault> {
    event.schema.check(data).map_err(|fault| Fault {
        code: Code::MapEvent,
        message: format!("the map's result is not a {}: {}", event.name, fault.message),
        ..fault
    })
}

/// The document of one transaction, or what is wrong with its bytes, and its place in what was received.
pub type Placed = (String, Result<Tree, Fault>);

/// The documents of an interface's transactions as its map sees them, each with its place in what was received.
///
/// # Errors
/// What was received cannot be read at all.
pub fn documents(emit: &Emit, received: &Received) -> Result<Vec<Placed>, Fault> {
    let parts = split(emit, decode(&emit.format, received)?)?;
    Ok(parts.into_iter().map(|part| (part.place, part.document)).collect())
}

/// Whether a record has the shape that the project declares for its table.
///
/// # Errors
/// [`Code::MapEvent`] with the first thing wrong.
pub fn check_record(schema: &Schema, table: &str, record: &Tree) -> Result<(), Fault> {
    schema.check(record).map_err(|fault| Fault {
        code: Code::MapEvent,
        message: format!("the record is no {table}: {}", fault.message),
        ..fault
    })
}

fn unreadable(ground: Ground<'_>, emit: &Emit, work: Work<'_>, part: u32, fault: Fault) -> UnderstoodPart {
    let id = TransactionId::of_part(work.id, part);
    let identity = nameless(id, part, crate::identify::tags(ground.project, emit, None), versions(ground, emit));
    UnderstoodPart { identity, place: String::new(), facts: Facts::default(), content: Err(fault) }
}

/// A transaction of which no key is known and nothing is decided yet.
fn nameless(id: TransactionId, part: u32, tags: Tags, versions: Versions) -> Processed {
    Processed {
        id,
        part,
        keys: Vec::new(),
        tags,
        repeat: None,
        versions,
        expects: Vec::new(),
        holds_back: true,
        ties: Ties::default(),
        result: Err(Fault::unknown_reference("", "")),
    }
}

fn versions(ground: Ground<'_>, emit: &Emit) -> Versions {
    let map = emit.becomes.map().map(|map| map.version.clone()).unwrap_or_default();
    Versions {
        project: ground.project.version.clone(),
        map,
        policy: "none".to_owned(),
        catalog: ground.catalog.version(),
    }
}
