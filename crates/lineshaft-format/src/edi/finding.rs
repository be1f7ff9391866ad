//! What is wrong with a message or an envelope, and where. A finding is data: a fault, a 997 and a CONTRL are made of it.

use std::fmt;

use lineshaft_model::fault::{Code, Fault};

use super::name;

/// A message or envelope keeps this many faults, and as many notices; the first ones tell what is wrong.
pub const FINDINGS_MAX: usize = 25;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub place: Place,
}

/// Where in an interchange something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The segment: `BEG`. For a missing one, its tag.
    pub tag: String,
    /// Which segment of its message it is, the header being 1. For a missing one, where it should stand. In an envelope,
    /// which segment of the interchange.
    pub position: u32,
    /// From 1; 0 for the segment as a whole.
    pub element: u8,
    /// From 1; 0 for the element as a whole.
    pub component: u8,
    /// From 1; 0 for the element as a whole.
    pub repetition: u16,
    /// Offset in the document.
    pub byte: usize,
}

/// What can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes that are no segment: no tag of two or three capitals and digits.
    NotASegment,
    /// A segment beyond its limit of bytes, or a message beyond its limits of segments, values or depth.
    Limit(&'static str),
    /// A segment that no guide has at this place. It is kept.
    SegmentUnexpected {
        /// Whether the guide has it elsewhere.
        is_known: bool,
    },
    /// A segment that stands after one that should follow it. It is read into its own place.
    SegmentOutOfOrder,
    /// A mandatory segment is not there.
    SegmentMissing,
    /// More of them than the guide allows.
    SegmentTooMany,
    /// A mandatory element or component is not there.
    ElementMissing,
    /// The presence of one element asks for another, or forbids it: `P0304`.
    ElementCondition(String),
    /// An element beyond the 99th, or a component or repetition beyond what can be named.
    ElementTooMany,
    /// A value that is none of those that the guide lists.
    CodeUnknown,
    /// A date that is none; told as a notice where it need not be there at all.
    NotADate {
        /// Whether the guide wants it.
        is_mandatory: bool,
    },
    /// A time that is none; told as a notice where it need not be there at all.
    NotATime {
        /// Whether the guide wants it.
        is_mandatory: bool,
    },
    /// A number that is none.
    NotANumber,
    /// A byte that does not belong to the character set.
    BadCharacter(&'static str),
    /// A level names a parent that is not there, itself, or is named twice.
    Hierarchy(&'static str),
    /// The trailer is not there; the payload is its tag.
    TrailerMissing(&'static str),
    /// The trailer stands without its header.
    HeaderMissing(&'static str),
    /// Header and trailer do not carry the same control number.
    ControlDiffers,
    /// A trailer counts otherwise than is there.
    CountDiffers {
        /// What is counted: `segments`.
        what: &'static str,
        /// What the trailer says, as a number; `None` if it says none.
        said: Option<u64>,
        /// How many are there.
        found: u64,
    },
    /// A segment between envelopes that belongs to none.
    Stray,
    /// The document ends in the middle of a segment.
    CutOff,
    /// The header lacks what it must have.
    HeaderIncomplete(&'static str),
    /// No guide is known for this type of message: it is read as a list of segments.
    NoGuide,
}

impl Finding {
    /// Whether the message cannot be used. A notice is only told.
    pub fn is_fault(&self) -> bool {
        !matches!(
            self.kind,
            Kind::SegmentUnexpected { .. }
                | Kind::SegmentOutOfOrder
                | Kind::SegmentTooMany
                | Kind::ElementCondition(_)
                | Kind::NotADate { is_mandatory: false }
                | Kind::NotATime { is_mandatory: false }
                | Kind::NoGuide
        )
    }

    /// The code of the fault that it is.
    pub fn code(&self) -> Code {
        match self.kind {
            Kind::NotASegment | Kind::CutOff => Code::DecodeSyntax,
            Kind::Limit(_) => Code::DecodeLimit,
            Kind::BadCharacter(_) => Code::DecodeEncoding,
            Kind::TrailerMissing(_)
            | Kind::HeaderMissing(_)
            | Kind::ControlDiffers
            | Kind::CountDiffers { .. }
            | Kind::Stray
            | Kind::HeaderIncomplete(_) => Code::DecodeEnvelope,
            _ => Code::DecodeMessage,
        }
    }

    /// As a fault. `inside` says in what it stands: `transaction 0001, interchange 000000905`.
    pub fn fault(&self, inside: &str) -> Fault {
        let comma = if inside.is_empty() { "" } else { ", " };
        Fault::new(self.code(), self.to_string()).at(format!("{inside}{comma}byte {}", self.place.byte))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.kind {
            Kind::NotASegment => f.write_str("no segment begins here"),
            Kind::Limit(what) => f.write_str(what),
            Kind::SegmentUnexpected { is_known: false } => write!(f, "{place} is not in the guide"),
            Kind::SegmentUnexpected { is_known: true } => write!(f, "{place} is not expected here"),
            Kind::SegmentOutOfOrder => write!(f, "{place} stands after what should follow it"),
            Kind::SegmentMissing => write!(f, "{place} is missing"),
            Kind::SegmentTooMany => write!(f, "{place} occurs more often than the guide allows"),
            Kind::ElementMissing => write!(f, "{place} is missing"),
            Kind::ElementCondition(rule) => write!(f, "{place} breaks the condition {rule}"),
            Kind::ElementTooMany => write!(f, "{place} has more elements than can be named"),
            Kind::CodeUnknown => write!(f, "{place} is none of the codes allowed"),
            Kind::NotADate { .. } => write!(f, "{place} is not a date"),
            Kind::NotATime { .. } => write!(f, "{place} is not a time"),
            Kind::NotANumber => write!(f, "{place} is not a number"),
            Kind::BadCharacter(charset) => write!(f, "{place} holds a byte that is not {charset}"),
            Kind::Hierarchy(what) => write!(f, "{place} {what}"),
            Kind::TrailerMissing(tag) => write!(f, "{tag} is missing"),
            Kind::HeaderMissing(tag) => write!(f, "{place} stands without {tag}"),
            Kind::ControlDiffers => write!(f, "{place} is not the control number of the header"),
            Kind::CountDiffers { what, said: Some(said), found } => {
                write!(f, "{place} counts {said} {what}, but {found} are there")
            }
            Kind::CountDiffers { what, said: None, found } => {
                write!(f, "{place} does not count the {what}, of which {found} are there")
            }
            Kind::Stray => write!(f, "{place} belongs to no message"),
            Kind::CutOff => write!(f, "the document ends inside of {place}"),
            Kind::HeaderIncomplete(what) => write!(f, "{place} {what}"),
            Kind::NoGuide => f.write_str("no guide is known for this type of message"),
        }
    }
}

impl fmt::Display for Place {
    /// `BEG`, `BEG03`, `DTM01_2`: the names that a map reads by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element {
            0 => f.write_str(&self.tag),
            element => f.write_str(&name::of(&self.tag, element, self.repetition.max(1), self.component.max(1))),
        }
    }
}

/// Findings with their limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    all: Vec<Finding>,
    faults: usize,
}

impl Findings {
    /// Adds one, as long as there is room for its sort; a limit, at which reading ends, always.
    pub fn add(&mut self, kind: Kind, place: Place) {
        let is_limit = matches!(kind, Kind::Limit(_));
        let finding = Finding { kind, place };
        let is_fault = finding.is_fault();
        let alike = if is_fault { self.faults } else { self.all.len() - self.faults };
        if alike < FINDINGS_MAX || is_limit {
            self.faults += usize::from(is_fault);
            self.all.push(finding);
        }
    }

    /// All of them, in the order in which they were found.
    pub fn all(&self) -> &[Finding] {
        &self.all
    }

    /// Those that make it unusable.
    pub fn faults(&self) -> impl Iterator<Item = &Finding> {
        self.all.iter().filter(|finding| finding.is_fault())
    }

    /// Those that are only told.
    pub fn notices(&self) -> impl Iterator<Item = &Finding> {
        self.all.iter().filter(|finding| !finding.is_fault())
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first fault, with the others as its detail.
    pub fn fault(&self, inside: &str) -> Option<Fault> {
        let mut faults = self.faults();
        let first = faults.next()?.fault(inside);
        let others: Vec<String> = faults.map(|finding| format!("{finding} (byte {})", finding.place.byte)).collect();
        Some(if others.is_empty() { first } else { first.detail(others.join("\n")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_one_line() {
        let place = Place { tag: "BEG".into(), position: 2, element: 3, byte: 412, ..Place::default() };
        let mut findings = Findings::default();
        findings.add(Kind::ElementMissing, place.clone());
        findings.add(Kind::SegmentOutOfOrder, place.clone());
        findings.add(Kind::NotADate { is_mandatory: true }, Place { element: 5, byte: 420, ..place });
        let fault = findings.fault("transaction 0001, interchange 000000905").expect("a fault");
        assert_eq!(
            fault.to_string(),
            "DECODE-008 BEG03 is missing (at transaction 0001, interchange 000000905, byte 412)"
        );
        assert_eq!(fault.detail, "BEG05 is not a date (byte 420)");
    }

    #[test]
    fn faults_find_room_beside_any_number_of_notices() {
        let mut findings = Findings::default();
        for _ in 0..1000 {
            findings.add(Kind::SegmentOutOfOrder, Place::default());
        }
        findings.add(Kind::SegmentMissing, Place::default());
        assert_eq!((findings.all().len(), findings.faults().count()), (FINDINGS_MAX + 1, 1));
    }
}
