//! What went wrong: a code, a class, a place, what happened and what a person can do.
//!
//! A fault never stops an interface by itself: it parks one transaction or delivery and keeps back only later ones
//! of the same key. The next step and the class belong to the code, so that the same fault reads the same everywhere.

mod code;

pub use code::{CODES, Code, CodeSpec};

use std::fmt;

/// What a fault means for the work it struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Trying again later can help.
    Retry,
    /// A person, or data that is still missing, must decide.
    Park,
    /// The sender is told and keeps it: nothing was accepted.
    Refuse,
    /// The node cannot go on safely.
    Stop,
}

impl Class {
    /// The word in API and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Park => "park",
            Self::Refuse => "refuse",
            Self::Stop => "stop",
        }
    }
}

/// One failure, told so that a tired person can act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which failure this is.
    pub code: Code,
    /// What happened, in one sentence without a payload or a secret (HD-2, SC-2).
    pub message: String,
    /// Where: `part 3, .items[2].unit`, `maps/erp-order.vrl:14:5`; empty if the message says it.
    pub at: String,
    /// Technical detail for a second look: the target's own words, a list of schema errors. At most 4 KiB.
    pub detail: String,
    /// The reference table and key, the object ([`crate::object::ObjectKey::awaited`]) or the original
    /// ([`crate::original::OriginalName::awaited`]), whose arrival releases the transaction by itself (MD8).
    pub waits_for: Option<(String, String)>,
}

impl Fault {
    /// Longest detail kept, in bytes.
    pub const DETAIL_BYTES_MAX: usize = 4096;

    /// A fault that says what happened.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), at: String::new(), detail: String::new(), waits_for: None }
    }

    /// The same fault with its place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.at = place.into();
        self
    }

    /// The same fault with technical detail, cut at [`Self::DETAIL_BYTES_MAX`].
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        if self.detail.len() > Self::DETAIL_BYTES_MAX {
            let end = (0..=Self::DETAIL_BYTES_MAX).rev().find(|at| self.detail.is_char_boundary(*at)).unwrap_or(0);
            self.detail.truncate(end);
        }
        self
    }

    /// A reference that is not there yet: the transaction waits for `key` in `table`.
    pub fn unknown_reference(table: &str, key: &str) -> Self {
        let mut fault = Self::new(Code::MapUnknownReference, format!("{table} {key:?} is not known here"));
        fault.waits_for = Some((table.to_owned(), key.to_owned()));
        fault
    }

    /// An answer that came before what it answers is known to wait for one: it is released when that is.
    pub fn unmatched_answer(receiver: &str, reference: &str) -> Self {
        let mut fault = Self::new(
            Code::SettleUnmatched,
            format!("no delivery to {receiver} awaits an answer by the reference {reference:?}"),
        );
        fault.waits_for = Some((answer_table(receiver), reference.to_owned()));
        fault
    }

    /// What the fault means for the work it struck.
    pub fn class(&self) -> Class {
        self.code.spec().class
    }

    /// What a person can do.
    pub fn next_step(&self) -> &'static str {
        self.code.spec().next_step
    }

    /// What the sender of a document can do that was refused with this fault: it was not stored, so there is nothing
    /// to retry or discard here.
    pub fn next_step_of_sender(&self) -> &'static str {
        match self.class() {
            Class::Refuse => self.next_step(),
            Class::Park => {
                "Nothing was stored. Correct the document and send it again, under the same key or a new one."
            }
            Class::Retry | Class::Stop => {
                "Nothing was stored. Send it again later, under the same key; those who run the node find the cause in its log."
            }
        }
    }
}

/// The name under which answers wait for deliveries to `receiver`. No reference table can be called so.
pub fn answer_table(receiver: &str) -> String {
    format!("answer to {receiver}")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.as_str(), self.message)?;
        if self.at.is_empty() { Ok(()) } else { write!(f, " (at {})", self.at) }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_one_line_and_knows_its_next_step() {
        let fault = Fault::unknown_reference("material", "FG-9").at("maps/mes-completion.vrl:3:8");
        assert_eq!(fault.to_string(), "MAP-002 material \"FG-9\" is not known here (at maps/mes-completion.vrl:3:8)");
        assert_eq!(fault.class(), Class::Park);
        assert!(fault.next_step().contains("reference load"));
    }

    #[test]
    fn a_sender_is_never_told_to_retry_or_discard_what_was_not_stored() {
        for spec in CODES {
            let step = Fault::new(spec.code, "x").next_step_of_sender();
            assert!(spec.class == Class::Refuse || step.starts_with("Nothing was stored"), "{}", spec.text);
            assert!(step.ends_with('.') && !step.contains("exceptions retry"), "{}: {step}", spec.text);
        }
    }

    #[test]
    fn detail_is_cut_at_a_character() {
        let fault = Fault::new(Code::DecodeSyntax, "x").detail("ä".repeat(Fault::DETAIL_BYTES_MAX));
        assert!(fault.detail.len() <= Fault::DETAIL_BYTES_MAX);
        assert!(fault.detail.ends_with('ä'));
    }
}
