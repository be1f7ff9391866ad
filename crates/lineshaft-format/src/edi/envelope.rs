//! What stands around messages: who sends to whom, under which number. The same for X12 and EDIFACT.

use lineshaft_model::fault::Fault;
use lineshaft_model::tree::Tree;

use super::delimiters::Delimiters;
use super::finding::Findings;

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// ASC X12.
    X12,
    /// UN/EDIFACT, ISO 9735.
    Edifact,
}

impl Standard {
    /// What a message is called in it, in lower case.
    pub const fn message_word(self) -> &'static str {
        match self {
            Self::X12 => "transaction",
            Self::Edifact => "message",
        }
    }
}

/// One interchange: an envelope with messages in it. A message that is wrong leaves its neighbours as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interchange {
    /// X12 or EDIFACT.
    pub standard: Standard,
    /// How it is written.
    pub delimiters: Delimiters,
    /// What its header says.
    pub head: Head,
    /// Its functional groups. Messages outside of groups stand in one without a header.
    pub groups: Vec<Group>,
    /// Interchange acknowledgements (TA1) that it carries, each a map of `TA101` and so on. X12 only.
    pub acknowledgements: Vec<Tree>,
    /// What is wrong with the envelope itself.
    pub findings: Findings,
    /// Where it begins in the document.
    pub byte: usize,
}

/// The header of an interchange: ISA, or UNB. Values are as sent, without the blanks that fill them up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Who sends.
    pub sender: Party,
    /// Who is to receive.
    pub receiver: Party,
    /// Control number, ISA13 or UNB05.
    pub control: String,
    /// `YYMMDD` or `CCYYMMDD`.
    pub date: String,
    /// `HHMM`.
    pub time: String,
    /// Character set as EDIFACT names it: `UNOC`. Empty in X12.
    pub charset: String,
    /// Version of the envelope: `00401` (ISA12), `3` (UNB01_2).
    pub version: String,
    /// Whether it is a test: ISA15 is `T`, UNB11 is `1`.
    pub is_test: bool,
    /// Whether the sender asks for an acknowledgement: ISA14 or UNB09 is `1`.
    pub wants_answer: bool,
    /// Application reference, UNB07. Empty in X12.
    pub reference: String,
}

/// One side of an interchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Party {
    /// Its identification.
    pub id: String,
    /// What kind of identification that is: `ZZ`, `01`, `14`.
    pub qualifier: String,
}

/// A functional group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// What its header says; nothing for messages outside of groups.
    pub head: Option<GroupHead>,
    /// Its messages.
    pub messages: Vec<Message>,
    /// What is wrong with header or trailer.
    pub findings: Findings,
}

/// The header of a functional group: GS, or UNG.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupHead {
    /// `PO`; in EDIFACT the type of its messages.
    pub function: String,
    /// Application that sends.
    pub sender: String,
    /// Application that is to receive.
    pub receiver: String,
    /// As sent.
    pub date: String,
    /// As sent.
    pub time: String,
    /// Control number, GS06 or UNG05.
    pub control: String,
    /// `004010`; in EDIFACT version and release, `D:96A`.
    pub version: String,
}

/// A transaction set or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `850`, `ORDERS`.
    pub kind: String,
    /// `004010`, `D:96A`.
    pub version: String,
    /// Control number, ST02 or UNH01.
    pub control: String,
    /// What could be read, also where something is wrong with it: business keys may be found in it.
    pub tree: Tree,
    /// What is wrong with it, and what is only odd.
    pub findings: Findings,
    /// How many segments it has, header and trailer included.
    pub segments: u64,
    /// In what it stands: `transaction 0001, interchange 000000905`.
    pub inside: String,
}

impl Message {
    /// The message, or the fault that makes it unusable.
    ///
    /// # Errors
    /// The first fault that was found, with its place; the others stand in its detail.
    pub fn document(&self) -> Result<&Tree, Fault> {
        match self.findings.fault(&self.inside) {
            Some(fault) => Err(fault),
            None => Ok(&self.tree),
        }
    }
}

impl Interchange {
    /// All its messages, in their order.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.groups.iter().flat_map(|group| &group.messages)
    }

    /// What is wrong with the envelopes: one fault for the interchange and each of its groups.
    pub fn faults(&self) -> Vec<Fault> {
        let inside = self.inside();
        let of_groups = self.groups.iter().filter_map(|group| {
            let control = group.head.as_ref().map_or("", |head| &head.control);
            group.findings.fault(&format!("group {}, {inside}", shown(control)))
        });
        of_groups.chain(self.findings.fault(&inside)).collect()
    }

    /// How a fault names it: `interchange 000000905`.
    pub fn inside(&self) -> String {
        format!("interchange {}", shown(&self.head.control))
    }

    /// The envelope as a map reads it, to stand beside a message's segments: `interchange`, and `group` where there is one.
    pub fn around(&self, group: &Group) -> Vec<(String, Tree)> {
        let mut around = vec![("interchange".to_owned(), self.head.tree())];
        around.extend(group.head.as_ref().map(|head| ("group".to_owned(), head.tree())));
        around
    }
}

impl Head {
    fn tree(&self) -> Tree {
        let mut fields = texts(&[
            ("sender", &self.sender.id),
            ("sender_qualifier", &self.sender.qualifier),
            ("receiver", &self.receiver.id),
            ("receiver_qualifier", &self.receiver.qualifier),
            ("control", &self.control),
            ("date", &self.date),
            ("time", &self.time),
            ("charset", &self.charset),
            ("version", &self.version),
            ("reference", &self.reference),
        ]);
        fields.push(("test".to_owned(), Tree::Bool(self.is_test)));
        Tree::Map(fields)
    }
}

impl GroupHead {
    fn tree(&self) -> Tree {
        Tree::Map(texts(&[
            ("function", &self.function),
            ("sender", &self.sender),
            ("receiver", &self.receiver),
            ("date", &self.date),
            ("time", &self.time),
            ("control", &self.control),
            ("version", &self.version),
        ]))
    }
}

/// The values that are there.
fn texts(values: &[(&str, &String)]) -> Vec<(String, Tree)> {
    let there = values.iter().filter(|(_, value)| !value.is_empty());
    there.map(|(name, value)| ((*name).to_owned(), Tree::Text((*value).clone()))).collect()
}

/// A control number as a fault may show it: the sender chose it, so that it is cut and cleaned.
pub(crate) fn shown(control: &str) -> String {
    const CHARS_MAX: usize = 35;
    let clean: String = control.chars().filter(|character| !character.is_control()).take(CHARS_MAX).collect();
    if clean.is_empty() { "without number".to_owned() } else { clean }
}
