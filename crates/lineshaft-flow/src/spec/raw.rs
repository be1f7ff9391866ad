//! What the user wrote: the structs behind project files, field by field. Their comments are the manual, and the JSON
//! Schemas of `schemas/` are made from them.
//!
//! Nothing is resolved or checked here beyond names and types. No flatten, no untagged: every value has one shape.

mod answer;

mod format;

mod keep;

mod rules;

use std::collections::BTreeMap;

pub use answer::{Answer, AnswerBy, Answers, Reply};
pub use format::{Attributes, Charset, Format};
pub use keep::{Disk, Percent, Retention};
pub use lineshaft_model::connection::Span;
use lineshaft_model::connection::tls::ServerTls;
use lineshaft_model::connection::{Connection, DestinationSettings, SourceSettings};
pub use rules::{Check, InSequence, Known, Listing, Rules, Touch, When};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A path into a document: `.order`, `.d.results[0].Material`, `."odd name"`, or `.` for the whole document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^\\."))]
pub struct PathText(pub String);

/// The installation: `lineshaft.yaml` in the root of a project.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    /// Name of the installation, shown in every command: `demo`.
    pub installation: String,
    /// Name of this node: `hub-1`.
    pub node: String,
    /// Addresses on which this node listens.
    pub listen: Listen,
    /// Directory of database, token and secrets, relative to the project directory or absolute.
    #[serde(default = "default_data")]
    pub data: String,
    /// Addresses that connectors may connect to. Without it they may connect to none.
    #[serde(default)]
    pub egress: Egress,
    /// How long what is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Room on the disk under the data directory.
    #[serde(default)]
    pub disk: Disk,
    /// Plants and other places, by code: `DE10`.
    pub sites: BTreeMap<String, Site>,
}

/// Addresses on which this node listens.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port for documents that systems send: `127.0.0.1:7400`.
    pub inbound: String,
    /// Address and port for commands and reads: `127.0.0.1:7401`.
    pub api: String,
    /// TLS on both. Without it, one that can be reached from the network is listed as insecure.
    #[serde(default)]
    pub tls: Option<ServerTls>,
}

/// Addresses that connectors may connect to.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Allowed `host:port` pairs, the host as written in the system's URL; `*` for any port.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Whether loopback addresses may be connected to. Permitted is listed as insecure: for demo and tests.
    #[serde(default)]
    pub loopback: Loopback,
    /// Private networks that may be connected to, as CIDR: `10.1.0.0/16`.
    #[serde(default)]
    pub private: Vec<String>,
}

/// Whether loopback addresses may be connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loopback {
    /// Never.
    #[default]
    Refused,
    /// As far as `allow` lists them.
    Permitted,
}

/// A plant or other place with its own time zone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Name: `Augsburg`.
    pub name: String,
    /// IANA time zone: `Europe/Berlin`.
    pub time_zone: String,
    /// Region for data-boundary policies: `eu`.
    #[serde(default)]
    pub region: String,
}

/// An outside application: one file below `systems/`, called like the system.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Name, the same as the file's: small letters, digits and `-`.
    pub system: String,
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// How it is reached.
    pub connection: Connection,
    /// What it can bear.
    #[serde(default)]
    pub limits: Limits,
    /// What it emits: interfaces by name.
    #[serde(default)]
    pub emits: BTreeMap<String, Emit>,
    /// What it receives: interfaces by name.
    #[serde(default)]
    pub receives: BTreeMap<String, Receive>,
}

/// What a system can bear.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Attempts on their way at the same time.
    #[serde(default = "default_in_flight")]
    pub in_flight: u32,
    /// Attempts that may start in a second. No limit without it.
    #[serde(default)]
    pub rate: Option<u32>,
    /// When to stop asking an unwell system.
    #[serde(default)]
    pub breaker: Breaker,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight: default_in_flight(), rate: None, breaker: Breaker::default() }
    }
}

/// When to stop asking an unwell system.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Failures in a row, of the kind that says the system itself is unwell, after which attempts stop.
    #[serde(default = "default_open_after")]
    pub open_after: u32,
    /// How long until one attempt tries whether it is back.
    #[serde(default = "default_probe_every")]
    pub probe_every: Span,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { open_after: default_open_after(), probe_every: default_probe_every() }
    }
}

/// An interface by which a system emits. It makes canonical events (`event`) or reference data (`reference`).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Emit {
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// Where its documents come from.
    pub source: SourceSettings,
    /// How bytes become a document. A CSV file is one transaction a row.
    #[serde(default, deserialize_with = "format::read")]
    pub format: Format,
    /// Where the list of transactions stands, if a document holds many: `.d.results`.
    #[serde(default)]
    pub split: Option<PathText>,
    /// Where the documents of transactions may stand, if senders wrap them differently. Instead of `split`.
    #[serde(default)]
    pub parts: Option<Parts>,
    /// Agreed shape of one transaction's document: a JSON Schema file, relative to `systems/`.
    #[serde(default)]
    pub schema: Option<String>,
    /// The canonical event its documents become, with its major version: `production.order.released@1`.
    #[serde(default)]
    pub event: Option<String>,
    /// The reference table its documents are records of.
    #[serde(default)]
    pub reference: Option<Reference>,
    /// Its documents are a target's answers to deliveries that await them: an IDoc status, an acknowledgement.
    #[serde(default)]
    pub answers: Option<Answers>,
    /// How a document becomes the event or record: a VRL file, relative to `systems/`. Reference data needs none.
    #[serde(default)]
    pub map: Option<String>,
    /// Business keys by kind, read from the document before mapping: people find transactions by them, order is kept by them.
    #[serde(default)]
    pub keys: BTreeMap<String, Key>,
    /// How a repeat is recognised. Without it nothing is deduplicated: two equal documents are two transactions.
    /// A source that polls recognises repeats by itself and takes none.
    #[serde(default)]
    pub idempotency: Option<Idempotency>,
    /// How a document names an earlier transaction that it takes back. Without it no document takes anything back.
    #[serde(default)]
    pub reverses: Option<Reverses>,
    /// The site a transaction belongs to: a code, `DE10`, or a path to the code in the document, `.ProductionPlant`.
    /// Needed for events.
    #[serde(default)]
    pub site: Option<String>,
    /// Class for data-boundary policies: `operational`.
    #[serde(default)]
    pub data_class: String,
    /// What may follow a document that cannot be read.
    #[serde(default)]
    pub unreadable: Unreadable,
    /// When the sender is answered, where it waits for one.
    #[serde(default)]
    pub reply: Reply,
}

/// The reference table that an interface fills.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Name of the table: `material`.
    pub table: String,
    /// Where the record's key stands in the map's result, or in the document without a map.
    pub key: PathText,
}

/// Where the documents of transactions may stand in what is received.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Paths of which the first that leads anywhere counts; `.` is the whole. A list on the way or at the end is gone
    /// through, so that `.d.results` finds one document or many.
    pub at: Vec<PathText>,
    /// Values that every part is given, by the field under which it gets them: looked for in what the part stands in,
    /// from the inside outwards. `order: .ProductionRequestID`.
    #[serde(default)]
    pub carry: BTreeMap<String, PathText>,
}

/// One business key of an emitting interface.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Where it stands in the document of one transaction.
    pub path: PathText,
    /// The system that issued the number. The emitting system without it.
    #[serde(default)]
    pub issued_by: Option<String>,
    /// Whether leading zeros are dropped, so that `000001000040` and `1000040` are one key.
    #[serde(default)]
    pub trim_zeros: bool,
    /// Whether a transaction without it is stopped.
    #[serde(default = "default_true")]
    pub required: bool,
}

/// How a repeat is recognised.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// Where the sender's key stands: `header` (the source's `key_header`) or a path in the document, `.id`.
    pub key: String,
    /// Fields whose equality makes it the same transaction. The whole document without it.
    #[serde(default)]
    pub same_when: Vec<PathText>,
}

/// How a document names the transaction that it takes back, its original.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reverses {
    /// Where the original's number stands in the document: `.reverses`. A document without it takes nothing back.
    pub original: PathText,
    /// Kind of the business key by which the original has that number: `report`.
    pub key: String,
    /// The interface by which the original came: `completion` of the same system, or `mes/completion`. This one without it.
    #[serde(default)]
    pub interface: Option<String>,
}

/// What may follow a document that cannot be read, of which no key is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unreadable {
    /// Nothing of this interface: its order might be broken. It is refused, and its sender keeps it and what follows. A
    /// directory keeps nothing back: a file goes to `failed`, and the next one is taken.
    #[default]
    Stop,
    /// Everything: the unreadable one waits for a person alone.
    Pass,
}

/// An interface by which a system receives a canonical event.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receive {
    /// What it is, in a line.
    #[serde(default)]
    pub about: String,
    /// The canonical event it takes, with its major version: `production.confirmation@1`.
    pub event: String,
    /// Taken only where every one of these fields of the event has one of the listed values: `.site: [DE10]`.
    #[serde(default)]
    pub only_when: BTreeMap<String, Vec<String>>,
    /// Whether it takes transactions that take back earlier ones.
    #[serde(default)]
    pub takes: Takes,
    /// For reversals: the interface of this system that took the original, `confirmation`; this one without it. A reversal
    /// is sent when that has settled, and its map finds the system's reference of the original in `%original_receipt`.
    #[serde(default)]
    pub original_at: Option<String>,
    /// How the event becomes the receiver's document: a VRL file, relative to `systems/`. The event itself without it.
    #[serde(default)]
    pub map: Option<String>,
    /// Shape of the receiver's document: a JSON Schema file, relative to `systems/`. It decides which decimals leave as numbers.
    #[serde(default)]
    pub schema: Option<String>,
    /// How the document is written.
    #[serde(default, deserialize_with = "format::read")]
    pub format: Format,
    /// How it is handed over.
    pub send: DestinationSettings,
    /// Kind of the business key by which order is kept, or `nothing`.
    pub in_order_by: String,
    /// Interfaces of a system that name the same sequence keep one order.
    #[serde(default = "default_sequence")]
    pub sequence: String,
    /// Which of several that wait for the same key are sent. `latest` is for snapshots: a newer one replaces those that
    /// were not attempted yet. Never for increments such as confirmations and moves.
    #[serde(default)]
    pub keep: Keep,
    /// What the system can do with a repeat. There is no default: a wrong class posts twice.
    pub repeat: Repeat,
    /// How failed attempts are repeated.
    #[serde(default)]
    pub retry: Retry,
    /// How the system's final word comes, if taking a document is not yet having posted it. Without it a document that
    /// was taken is delivered.
    #[serde(default)]
    pub answer: Option<Answer>,
    /// What a failure hurts.
    pub impact: Impact,
    /// How soon a delivery is due. One that is open for longer is shown as late.
    #[serde(default)]
    pub sla: Option<Sla>,
}

/// How soon a delivery is due.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sla {
    /// Time from the acceptance of the transaction until it is settled at this receiver: `60s`.
    pub within: Span,
}

/// Whether an interface takes transactions that take back earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Takes {
    /// None: they are left out here.
    #[default]
    Events,
    /// Only those.
    Reversals,
    /// Those too.
    Both,
}

/// Which of several deliveries that wait for the same key are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Every one, in order.
    #[default]
    All,
    /// The newest; older ones that were not attempted yet are superseded.
    Latest,
}

/// What a receiving system can do with a repeat.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// The class.
    pub class: RepeatClass,
    /// For T1: how long the system remembers a key after the first attempt.
    #[serde(default)]
    pub window: Option<Span>,
    /// For T1: the class past the window.
    #[serde(default)]
    pub past: Option<PastClass>,
    /// For T3: how long a slow system may still be posting; *absent* counts only after it.
    #[serde(default)]
    pub quiet: Option<Span>,
}

/// What a receiving system can do with a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RepeatClass {
    /// It remembers our key: a repeat within `window` has no second effect. Needs `window` and `past`.
    T1,
    /// It takes the same document twice with one effect: a natural key, an upsert.
    T2,
    /// It can be asked whether it posted. Needs `quiet` and a `probe`.
    T3,
    /// It cannot tell a repeat from a new request: a person decides.
    T4,
}

/// The class of a T1 system past its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PastClass {
    /// It can be asked whether it posted. Needs `quiet` and a `probe`.
    T3,
    /// A person decides.
    T4,
}

/// How failed attempts are repeated.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Wait before the second attempt; doubles with every further one.
    #[serde(default = "default_first")]
    pub first: Span,
    /// Longest wait between two attempts.
    #[serde(default = "default_cap")]
    pub cap: Span,
    /// Attempts that may fail before a person is asked.
    #[serde(default = "default_attempts")]
    pub attempts: u32,
    /// How long a refusal that passes by itself (order locked by a user) is repeated, from the first attempt.
    #[serde(default = "default_business_for")]
    pub business_for: Span,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: default_first(),
            cap: default_cap(),
            attempts: default_attempts(),
            business_for: default_business_for(),
        }
    }
}

/// What a failure hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Impact {
    /// Orders do not reach the plant.
    #[serde(rename = "production release")]
    ProductionRelease,
    /// Stock in the systems is not the stock on the floor.
    #[serde(rename = "inventory accuracy")]
    InventoryAccuracy,
    /// Goods cannot leave, or leave wrongly.
    #[serde(rename = "shipment execution")]
    ShipmentExecution,
    /// Books are incomplete or wrong.
    #[serde(rename = "financial posting")]
    FinancialPosting,
    /// Inspection or release is affected.
    #[serde(rename = "quality")]
    Quality,
    /// A record that law or customer asks for is missing.
    #[serde(rename = "compliance")]
    Compliance,
}

impl Impact {
    /// The words of the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProductionRelease => "production release",
            Self::InventoryAccuracy => "inventory accuracy",
            Self::ShipmentExecution => "shipment execution",
            Self::FinancialPosting => "financial posting",
            Self::Quality => "quality",
            Self::Compliance => "compliance",
        }
    }
}

fn default_data() -> String {
    "data".to_owned()
}

fn default_in_flight() -> u32 {
    8
}

fn default_open_after() -> u32 {
    5
}

fn default_probe_every() -> Span {
    Span("10s".to_owned())
}

fn default_true() -> bool {
    true
}

fn default_sequence() -> String {
    "main".to_owned()
}

fn default_first() -> Span {
    Span("500ms".to_owned())
}

fn default_cap() -> Span {
    Span("5m".to_owned())
}

fn default_attempts() -> u32 {
    20
}

fn default_business_for() -> Span {
    Span("24h".to_owned())
}
