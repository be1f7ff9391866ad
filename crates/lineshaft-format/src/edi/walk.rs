//! The segments of one interchange to its groups and messages: header, body, trailer, three times in each other. Counts
//! and control numbers are compared here. A message is read as soon as its trailer, or what stands in for it, is there.

use super::element::{Line, Syntax, fields};
use super::envelope::{Group, GroupHead, Head, Interchange, Message, Standard, shown};
use super::finding::{Findings, Kind, Place};
use super::guide::Guide;
use super::read::{self, Budget};
use super::rules::Rules;
use super::token::{SEGMENTS_MAX, Segment, Segments};
use lineshaft_model::tree::Tree;

/// What differs between the standards.
pub(crate) struct Dialect {
    pub(crate) standard: Standard,
    pub(crate) interchange: Layer,
    pub(crate) group: Layer,
    pub(crate) message: Layer,
    /// Whether a message must stand in a group.
    pub(crate) needs_group: bool,
    pub(crate) head: fn(&Syntax, &Segment<'_>) -> Head,
    pub(crate) group_head: fn(&Syntax, &Segment<'_>) -> GroupHead,
    /// Type and version of a message; the version may stand in its group.
    pub(crate) kind: fn(&Syntax, &Segment<'_>) -> (String, String),
    pub(crate) guide: fn(&str) -> Option<&'static Guide>,
}

/// A header and its trailer. The trailer has what it counts in element 1 and the control number in element 2.
pub(crate) struct Layer {
    pub(crate) head: &'static str,
    pub(crate) tail: &'static str,
    /// The element of the header that is its control number.
    pub(crate) control: u8,
}

/// What a group or message costs beside its values.
const ENVELOPE_COST: usize = 20;

struct Walk<'a> {
    dialect: &'a Dialect,
    syntax: &'a Syntax,
    budget: &'a mut Budget,
    interchange: Interchange,
    /// The open group's header as a segment, if the open group has one.
    group: Option<Segment<'a>>,
    is_group_open: bool,
    /// The open message from its header on; empty if none is open.
    message: Vec<Segment<'a>>,
    /// What the walk found about the open message.
    found: Findings,
    /// The last segment that belonged to no message.
    stray: u32,
    is_over: bool,
    byte: usize,
}

/// Reads one interchange, whose header is the first segment.
pub(crate) fn interchange(
    dialect: &Dialect,
    syntax: &Syntax,
    mut segments: Segments<'_>,
    budget: &mut Budget,
) -> Interchange {
    let header = segments.next();
    let interchange = Interchange {
        standard: dialect.standard,
        delimiters: syntax.delimiters,
        head: header.as_ref().map(|header| (dialect.head)(syntax, header)).unwrap_or_default(),
        groups: Vec::new(),
        acknowledgements: Vec::new(),
        findings: Findings::default(),
        byte: header.map_or(0, |header| header.byte),
    };
    let (message, found) = (Vec::new(), Findings::default());
    let mut walk = Walk {
        dialect,
        syntax,
        budget,
        interchange,
        group: None,
        is_group_open: false,
        message,
        found,
        stray: 0,
        is_over: false,
        byte: 0,
    };
    for segment in segments {
        let place = || place(syntax, &segment, 0, 1);
        let is_envelope =
            [&dialect.group, &dialect.message].iter().any(|layer| segment.raw.starts_with(layer.head.as_bytes()));
        let limit = match segment.number {
            number if number > SEGMENTS_MAX => {
                Err(Kind::Limit("the interchange has more than 1000000 segments; send it in smaller ones"))
            }
            _ if is_envelope => walk.budget.spend(ENVELOPE_COST),
            _ => Ok(()),
        };
        if let Err(limit) = limit {
            walk.interchange.findings.add(limit, place());
            break;
        }
        if walk.is_over || segment.tag(&syntax.delimiters) == dialect.interchange.head.as_bytes() {
            walk.close_interchange(None);
            walk.interchange.findings.add(Kind::Stray, place());
            break;
        }
        walk.take(segment);
        walk.byte = segment.byte + segment.raw.len();
    }
    walk.close_interchange(None);
    walk.interchange
}

impl<'a> Walk<'a> {
    fn take(&mut self, segment: Segment<'a>) {
        let Dialect { interchange, group, message, .. } = self.dialect;
        let tag = segment.tag(&self.syntax.delimiters);
        let is = |known: &str| tag == known.as_bytes();
        if !segment.is_ended && !is(interchange.tail) {
            self.tell(Kind::CutOff, &segment);
        } else if is(message.head) {
            self.close_message(None);
            self.open_group_for(&segment);
            self.message.push(segment);
        } else if is(message.tail) {
            self.close_message(Some(&segment));
        } else if is(group.head) {
            self.close_group(None);
            self.open_group(Some(segment));
        } else if is(group.tail) {
            self.close_group(Some(&segment));
        } else if is(interchange.tail) {
            self.close_interchange(Some(&segment));
        } else if !self.message.is_empty() {
            self.message.push(segment);
        } else if is("TA1") && self.dialect.standard == Standard::X12 {
            self.acknowledgement(segment);
        } else {
            // The first one of a run tells enough.
            if self.stray != segment.number - 1 {
                self.tell(Kind::Stray, &segment);
            }
            self.stray = segment.number;
        }
    }

    /// What is wrong where the walk stands: in the open message, or in the interchange.
    fn tell(&mut self, kind: Kind, segment: &Segment<'_>) {
        match self.message.first() {
            Some(header) => self.found.add(kind, place(self.syntax, segment, 0, header.number)),
            None => self.interchange.findings.add(kind, place(self.syntax, segment, 0, 1)),
        }
    }

    fn acknowledgement(&mut self, segment: Segment<'a>) {
        let line = Line { segment, tag: "TA1", position: segment.number };
        let values = fields(self.syntax, &line, &Rules::default(), &mut self.interchange.findings);
        self.interchange.acknowledgements.push(Tree::Map(values));
    }

    fn open_group(&mut self, segment: Option<Segment<'a>>) {
        let head = segment.as_ref().map(|segment| (self.dialect.group_head)(self.syntax, segment));
        self.interchange.groups.push(Group { head, ..Group::default() });
        self.group = segment;
        self.is_group_open = true;
    }

    /// A group for a message that stands in none.
    fn open_group_for(&mut self, segment: &Segment<'a>) {
        if !self.is_group_open {
            self.open_group(None);
            if self.dialect.needs_group {
                self.tell(Kind::HeaderMissing(self.dialect.group.head), segment);
            }
        }
    }

    fn close_message(&mut self, trailer: Option<&Segment<'_>>) {
        let layer = &self.dialect.message;
        let Some(header) = self.message.first().copied() else {
            if let Some(trailer) = trailer {
                self.tell(Kind::HeaderMissing(layer.head), trailer);
            }
            return;
        };
        let segments = self.message.len() as u64 + u64::from(trailer.is_some());
        let mut found = std::mem::take(&mut self.found);
        self.compare(layer, &header, trailer, header.number, &mut found);
        if let Some(trailer) = trailer {
            count(self.syntax, trailer, header.number, ("segments", segments), &mut found);
        }
        let message = self.message(&header, segments, found);
        self.message.clear();
        if let Some(group) = self.interchange.groups.last_mut() {
            group.messages.push(message);
        }
    }

    fn message(&mut self, header: &Segment<'_>, segments: u64, mut findings: Findings) -> Message {
        let (kind, version) = (self.dialect.kind)(self.syntax, header);
        let group = self.interchange.groups.last().and_then(|group| group.head.as_ref());
        let version = if version.is_empty() { group.map_or("", |head| &head.version) } else { &version };
        let element = self.dialect.message.control;
        let control = self.syntax.value(header, element, 1);
        let guide = (self.dialect.guide)(&kind);
        if kind.is_empty() {
            findings
                .add(Kind::HeaderIncomplete("does not say the type of the message"), place(self.syntax, header, 0, 1));
        }
        if control.is_empty() {
            findings.add(Kind::ElementMissing, place(self.syntax, header, element, header.number));
        }
        let (tree, of_content) = read::message(self.syntax, guide, &self.message, self.budget);
        of_content.all().iter().cloned().for_each(|finding| findings.add(finding.kind, finding.place));
        let word = self.dialect.standard.message_word();
        let inside = format!("{word} {}, {}", shown(&control), self.interchange.inside());
        Message { kind, version: version.to_owned(), control, tree, findings, segments, inside }
    }

    fn close_group(&mut self, trailer: Option<&Segment<'_>>) {
        self.close_message(None);
        let is_open = std::mem::take(&mut self.is_group_open);
        let header = self.group.take().filter(|_| is_open);
        match (header, trailer) {
            (None, None) => {}
            (None, Some(trailer)) => self.tell(Kind::HeaderMissing(self.dialect.group.head), trailer),
            (Some(header), _) => {
                let mut found = Findings::default();
                self.compare(&self.dialect.group, &header, trailer, 1, &mut found);
                if let (Some(group), Some(trailer)) = (self.interchange.groups.last(), trailer) {
                    count(self.syntax, trailer, 1, (self.messages(), group.messages.len() as u64), &mut found);
                }
                if let Some(group) = self.interchange.groups.last_mut() {
                    group.findings = found;
                }
            }
        }
    }

    fn close_interchange(&mut self, trailer: Option<&Segment<'_>>) {
        if self.is_over {
            return;
        }
        self.close_group(None);
        self.is_over = true;
        let layer = &self.dialect.interchange;
        let Some(trailer) = trailer else {
            let place = Place { tag: layer.tail.to_owned(), byte: self.byte, ..Place::default() };
            self.interchange.findings.add(Kind::TrailerMissing(layer.tail), place);
            return;
        };
        if !is_same(&self.interchange.head.control, &self.syntax.value(trailer, 2, 1)) {
            self.interchange.findings.add(Kind::ControlDiffers, place(self.syntax, trailer, 2, 1));
        }
        let groups = self.interchange.groups.iter().filter(|group| group.head.is_some()).count() as u64;
        let counted = match (self.dialect.needs_group, groups) {
            (false, 0) => (self.messages(), self.interchange.messages().count() as u64),
            _ => ("groups", groups),
        };
        count(self.syntax, trailer, 1, counted, &mut self.interchange.findings);
    }

    /// Whether the trailer is there and has the header's control number. `first` is the segment that is position 1.
    fn compare(
        &self,
        layer: &Layer,
        header: &Segment<'_>,
        trailer: Option<&Segment<'_>>,
        first: u32,
        found: &mut Findings,
    ) {
        match trailer {
            None => {
                let place = Place { byte: self.byte, ..place(self.syntax, header, 0, first) };
                found.add(Kind::TrailerMissing(layer.tail), place);
            }
            Some(trailer) => {
                let (said, own) = (self.syntax.value(header, layer.control, 1), self.syntax.value(trailer, 2, 1));
                if !is_same(&said, &own) {
                    found.add(Kind::ControlDiffers, place(self.syntax, trailer, 2, first));
                }
            }
        }
    }

    fn messages(&self) -> &'static str {
        match self.dialect.standard {
            Standard::X12 => "transactions",
            Standard::Edifact => "messages",
        }
    }
}

/// Whether the trailer counts what is there.
fn count(syntax: &Syntax, trailer: &Segment<'_>, first: u32, (what, there): (&'static str, u64), found: &mut Findings) {
    let said = syntax.value(trailer, 1, 1).trim().parse().ok();
    if said != Some(there) {
        found.add(Kind::CountDiffers { what, said, found: there }, place(syntax, trailer, 1, first));
    }
}

/// Whether two control numbers are one: as text, or as numbers written with more or fewer zeros.
fn is_same(one: &str, other: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (one, other) = (one.trim(), other.trim());
    one == other
        || (!one.is_empty() && !other.is_empty() && is_number(one) && is_number(other))
            && one.trim_start_matches('0') == other.trim_start_matches('0')
}

/// The place of a segment or element, counted from the segment `first`.
fn place(syntax: &Syntax, segment: &Segment<'_>, element: u8, first: u32) -> Place {
    let tag = String::from_utf8_lossy(segment.tag(&syntax.delimiters)).chars().take(3).collect();
    let position = segment.number.saturating_sub(first).saturating_add(1);
    Place { tag, position, element, byte: segment.byte_of(&syntax.delimiters, element), ..Place::default() }
}
