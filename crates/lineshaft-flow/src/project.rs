//! What runs: the compiled project. Everything is resolved and checked; nothing here can be wrong any more.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::connection::tls::ServerTls;
use lineshaft_model::connection::{Connection, DestinationSettings, Says, SourceSettings};
use lineshaft_model::delivery::{AnswerRule, TargetClass};
use lineshaft_model::lifecycle::RetryPolicy;
use lineshaft_model::media::MediaTypes;
use lineshaft_model::tree::Path;

use crate::judge::rule::Rules;
use crate::map::Map;
use crate::schema::Schema;

/// A compiled project.
#[derive(Debug)]
pub struct Project {
    /// SHA-256 over all project files, hex: recorded with every transaction.
    pub version: String,
    /// What `lineshaft.yaml` says of this installation.
    pub installation: Installation,
    /// Sites by code.
    pub sites: BTreeMap<String, Site>,
    /// Systems by name.
    pub systems: BTreeMap<String, Arc<System>>,
    /// Emitting interfaces by full name, `mes/completion`.
    pub emits: BTreeMap<String, Arc<Emit>>,
    /// Receiving interfaces by full name, `erp/confirmation`.
    pub receives: BTreeMap<String, Arc<Receive>>,
    /// Canonical events by name and major version, `production.confirmation@1`.
    pub events: BTreeMap<String, Arc<Event>>,
    /// Shapes of records by reference table, as far as the project declares them.
    pub references: BTreeMap<String, Arc<Schema>>,
    /// Kinds of business keys by which reversals name transactions of an interface, by its full name.
    pub originals: BTreeMap<String, BTreeSet<String>>,
    /// What events do to objects, and what is checked.
    pub rules: Rules,
}

impl Project {
    /// Reference tables that the project knows: those that an interface fills, and those whose records it describes.
    pub fn tables(&self) -> BTreeSet<&str> {
        let filled = self.emits.values().filter_map(|emit| match &emit.becomes {
            Becomes::Reference { table, .. } => Some(table.as_str()),
            _ => None,
        });
        filled.chain(self.references.keys().map(String::as_str)).collect()
    }
}

/// What `lineshaft.yaml` says of this installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installation {
    /// Name of the installation, shown in every command.
    pub name: String,
    /// Name of this node.
    pub node: String,
    /// Address of the listener for documents, `127.0.0.1:7400`.
    pub listen_inbound: String,
    /// Address of the listener for commands and reads, `127.0.0.1:7401`.
    pub listen_api: String,
    /// TLS on both listeners.
    pub listen_tls: Option<ServerTls>,
    /// Directory of the database, token and secrets, relative to the project directory or absolute.
    pub data_dir: String,
    /// Addresses that connectors may connect to.
    pub egress: Egress,
    /// How long what is kept.
    pub retention: Retention,
    /// Room on the disk.
    pub disk: Disk,
    /// Settings in force that weaken security, told at start and in `status` (HD-4).
    pub insecure: Vec<String>,
}

impl Installation {
    /// Listeners that can be reached from the network without TLS, as settings that weaken security.
    pub fn unprotected(&self) -> Vec<String> {
        if self.listen_tls.is_some() {
            return Vec::new();
        }
        let listeners =
            [("inbound", &self.listen_inbound, "documents and credentials"), ("api", &self.listen_api, "the token")];
        let reachable = listeners
            .into_iter()
            .filter(|(_, address, _)| address.parse::<SocketAddr>().is_ok_and(|address| !address.ip().is_loopback()));
        let told = |(field, address, what)| {
            format!("listen.{field}: {address} is reachable from the network without TLS: {what} can be read there")
        };
        reachable.map(told).collect()
    }
}

/// How long what is kept after it is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Documents.
    pub payloads: Duration,
    /// What tracks transactions.
    pub tracking: Duration,
    /// Senders' idempotency keys.
    pub keys: Duration,
    /// The audit log.
    pub audit: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        Self { payloads: days(30), tracking: days(400), keys: days(90), audit: days(3650) }
    }
}

/// Room on the disk under the data directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Size of the file that reserves room; none if 0.
    pub ballast_bytes: u64,
    /// Share in use, in percent, from which on new documents are refused.
    pub refuse_above_percent: Option<u8>,
}

/// Addresses that connectors may connect to (NW-4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Allowed `host:port` pairs; `*` for any port. A host is a name or an address, compared as written in the URL.
    pub allow: Vec<String>,
    /// Whether loopback addresses may be connected to. For demo and tests.
    pub loopback: bool,
    /// Private networks that may be connected to, as CIDR, `10.1.0.0/16`.
    pub private: Vec<String>,
}

/// A plant or other place with its own time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Code, `DE10`.
    pub code: String,
    /// Name, `Augsburg`.
    pub name: String,
    /// IANA time zone, `Europe/Berlin`.
    pub time_zone: String,
    /// Region for data-boundary policies, `eu`.
    pub region: String,
}

/// An outside application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Name, as the file is called.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
    /// How it is reached.
    pub connection: Connection,
    /// What it can bear.
    pub limits: Limits,
}

/// What a system can bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attempts on their way at the same time.
    pub in_flight: u32,
    /// Attempts that may start in a second; `None` for no limit.
    pub rate_per_sec: Option<u32>,
    /// Failures in a row, of the kind that says the system itself is unwell, after which attempts stop.
    pub breaker_open_after: u32,
    /// How long until one attempt tries whether an unwell system is back.
    pub breaker_probe_every: Duration,
}

/// An interface by which a system emits.
#[derive(Debug)]
pub struct Emit {
    /// Full name, `mes/completion`.
    pub name: String,
    /// The system.
    pub system: String,
    /// What it is, in a line.
    pub about: String,
    /// Where its documents come from.
    pub source: SourceSettings,
    /// How bytes become a document.
    pub format: Format,
    /// Where the list of transactions stands, if a document holds many.
    pub split: Option<Path>,
    /// Where the documents of transactions may stand, instead of `split`.
    pub parts: Option<Parts>,
    /// The agreed shape of one transaction's document.
    pub schema: Option<Arc<Schema>>,
    /// What its documents become.
    pub becomes: Becomes,
    /// Business keys, read before mapping.
    pub keys: Vec<KeyRule>,
    /// How a repeat is recognised.
    pub idempotency: Option<Idempotency>,
    /// How a document names the transaction that it takes back.
    pub reverses: Option<Reverses>,
    /// The site a transaction belongs to.
    pub site: SiteRule,
    /// Class for data-boundary policies, empty if not declared.
    pub data_class: String,
    /// What may follow a document that cannot be read: `true` holds nothing back.
    pub unreadable_pass: bool,
    /// When a sender that waits is answered.
    pub reply: Reply,
}

/// When a sender that waits is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// When its document is on disk.
    Stored,
    /// The same, but content that cannot be processed is refused and not kept.
    Validated,
    /// When everything that it set going is settled, or after this time.
    Settled(Duration),
}

/// What the documents of an emitting interface become.
#[derive(Debug)]
pub enum Becomes {
    /// Canonical events.
    Event {
        /// The event made.
        event: Arc<Event>,
        /// How.
        map: Arc<Map>,
    },
    /// Records of a reference table: the map's result is the record.
    Reference {
        /// The table.
        table: String,
        /// Where the record's key stands in the map's result (or in the document, without a map).
        key: Path,
        /// How; without a map the document is the record.
        map: Option<Arc<Map>>,
        /// The agreed shape of a record, if the project declares one.
        schema: Option<Arc<Schema>>,
    },
    /// A target's answers to deliveries that await them.
    Answer(Box<Answers>),
}

impl Becomes {
    /// How a document is mapped, if it is.
    pub fn map(&self) -> Option<&Arc<Map>> {
        match self {
            Self::Event { map, .. } => Some(map),
            Self::Reference { map, .. } => map.as_ref(),
            Self::Answer(answers) => answers.map.as_ref(),
        }
    }
}

/// How a document answers a delivery. Paths lead into the map's result, or into the document without a map.
#[derive(Debug)]
pub struct Answers {
    /// Receiving interface whose deliveries are answered.
    pub to: String,
    /// What names the delivery.
    pub reference: Path,
    /// When it is posted.
    pub posted_when: Says,
    /// When it will not be posted as it is; looked at first.
    pub refused_when: Option<Says>,
    /// Where the reason for a refusal stands.
    pub reason: Option<Path>,
    /// Where the target's own reference stands.
    pub receipt: Option<Path>,
    /// How.
    pub map: Option<Arc<Map>>,
}

/// Formats of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON (RFC 8259), UTF-8.
    Json,
    /// XML by the convention of [`lineshaft_format::xml`].
    Xml {
        /// How it is read.
        options: lineshaft_format::xml::Options,
        /// Whether attributes are left out.
        no_attributes: bool,
        /// The element in which a receiver's document is written; without it the document is a map of one field.
        root: Option<String>,
    },
    /// Delimited text: received, each row is a transaction; sent, a map is one row and a list of maps many.
    Csv(lineshaft_format::csv::CsvOptions),
}

impl Format {
    /// Media types that a document in it is received as.
    pub const fn media_types(&self) -> MediaTypes {
        match self {
            Self::Json => MediaTypes::JSON,
            Self::Xml { .. } => MediaTypes::XML,
            Self::Csv(_) => MediaTypes::CSV,
        }
    }

    /// Media type of a document written in it.
    pub const fn media_type(&self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xml { .. } => "application/xml",
            Self::Csv(_) => "text/csv",
        }
    }
}

/// Where the documents of transactions may stand in what is received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Names of fields on the way to a document; the first way that leads anywhere counts. Lists on it are gone through.
    pub ways: Vec<Vec<String>>,
    /// Values that every part is given, by field: looked for in what it stands in, from the inside outwards.
    pub carry: Vec<(String, Path)>,
}

/// One business key of an emitting interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRule {
    /// What is named: `order`.
    pub kind: String,
    /// Where it stands in the decoded document of one transaction.
    pub path: Path,
    /// The system that issued the number; the emitting system unless the file says otherwise.
    pub issued_by: String,
    /// Whether leading zeros are dropped, so that `000001000040` and `1000040` are one key.
    pub trim_zeros: bool,
    /// Whether a transaction without it is an error.
    pub required: bool,
}

/// How a repeat is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Where the sender's key stands.
    pub key: IdempotencyKey,
    /// Fields whose equality makes it the same transaction; the whole document if empty.
    pub same_when: Vec<Path>,
}

/// How a document names the transaction that it takes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reverses {
    /// Where the original's number stands in the document.
    pub original: Path,
    /// Kind of the original's business key that has it.
    pub key: String,
    /// Full name of the interface by which the original came.
    pub interface: String,
}

/// Where the sender's key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdempotencyKey {
    /// In the transport (the source's `key_header`): one key for the intake.
    Header,
    /// In each transaction's document.
    Path(Path),
}

/// The site a transaction belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteRule {
    /// Always the same. Empty for reference data that belongs to no site.
    Fixed(String),
    /// As the document says; a code that is no site parks the transaction.
    From(Path),
}

/// An interface by which a system receives.
#[derive(Debug)]
pub struct Receive {
    /// Full name, `erp/confirmation`.
    pub name: String,
    /// The system.
    pub system: String,
    /// What it is, in a line.
    pub about: String,
    /// The canonical event it takes.
    pub event: Arc<Event>,
    /// Taken only where every one of these fields has one of these values; all events if empty.
    pub only_when: Vec<(Path, Vec<String>)>,
    /// Whether it takes transactions that take nothing back.
    pub takes_events: bool,
    /// The interface that took the originals of reversals that it takes; `None` if it takes no reversals.
    pub original_at: Option<String>,
    /// Canonical event to the receiver's document; the event itself without one.
    pub map: Option<Arc<Map>>,
    /// Shape of the receiver's document: decides which fields leave as numbers.
    pub schema: Option<Arc<Schema>>,
    /// How the document is written.
    pub format: Format,
    /// How it is handed over.
    pub destination: DestinationSettings,
    /// Kind of the business key by which order is kept; `None` where the file says `in_order_by: nothing`.
    pub in_order_by: Option<String>,
    /// Interfaces of a system in the same sequence keep one order.
    pub sequence: String,
    /// Whether a newer delivery of the same key replaces older ones that were not attempted yet.
    pub keep_latest: bool,
    /// What the target can do with a repeat.
    pub class: TargetClass,
    /// How failed attempts are repeated.
    pub retry: RetryPolicy,
    /// How the target's final word comes, where taking a document is not yet having posted it.
    pub answer: Option<AnswerRule>,
    /// What an answering document names a delivery by, where that is known before it is sent.
    pub awaits: Option<Awaits>,
    /// What a failure hurts.
    pub impact: String,
    /// Age at which an open delivery is late; `None` where nothing was agreed.
    pub late_after: Option<Duration>,
}

/// What an answering document names a delivery by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// The key it was sent with.
    TargetKey,
    /// A value of the document as it was sent.
    Field(Path),
}

/// A canonical event.
#[derive(Debug)]
pub struct Event {
    /// Name with major version, `production.confirmation@1`.
    pub name: String,
    /// Its JSON Schema.
    pub schema: Arc<Schema>,
}
