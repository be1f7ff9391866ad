//! A question after a target's final word, and what a document must say for something to hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tree::{Path, Tree};

/// A question after the target's final word on a document that it took: a GET with a JSON answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Readback {
    /// Path and query for a GET, below the system's address. `{target_key}`, the document's parameters, `{receipt}` (the
    /// target's reference) and its parts `{receipt_1}`, `{receipt_2}` … may be used.
    pub path: String,
    /// When it is posted: what the answer says.
    pub posted_when: Condition,
    /// When it will not be posted as it is. Looked at first. Anything else means: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_when: Option<Condition>,
    /// Path into the answer that holds the target's reason for a refusal, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Path into the answer that holds the target's own reference of the posting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// What a document says at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Path into the document: `.status`, `.d.results[0]`.
    pub at: String,
    /// Values of which one must stand there. Without it anything but null, an empty text or an empty list.
    #[serde(default)]
    pub is: Vec<String>,
}

impl Condition {
    /// The condition, ready to be held against documents. The error says what cannot be read.
    pub fn read(&self) -> Result<Says, String> {
        Ok(Says { at: Path::parse(&self.at)?, is: self.is.clone() })
    }
}

/// What a document says at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Says {
    /// The place.
    pub at: Path,
    /// Values of which one must stand there; anything at all where there are none.
    pub is: Vec<String>,
}

impl Says {
    /// Whether `document` says so.
    pub fn holds(&self, document: &Tree) -> bool {
        match self.at.find(document) {
            None | Some(Tree::Null) => false,
            Some(Tree::List(items)) if self.is.is_empty() => !items.is_empty(),
            Some(found) if self.is.is_empty() => found.scalar() != Some(""),
            Some(found) => found.scalar().is_some_and(|text| self.is.iter().any(|wanted| wanted == text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_by_value_or_by_presence() {
        let text = |text: &str| Tree::Text(text.to_owned());
        let list = |items| Tree::List(items);
        let document = Tree::Map(vec![
            ("status".into(), text("53")),
            ("empty".into(), text("")),
            ("none".into(), Tree::Null),
            ("rows".into(), list(vec![])),
            ("items".into(), list(vec![text("a")])),
        ]);
        let holds = |at: &str, is: &[&str]| {
            let is = is.iter().map(|value| (*value).to_owned()).collect();
            Condition { at: at.to_owned(), is }.read().expect("a path").holds(&document)
        };
        assert!(holds(".status", &["51", "53"]) && !holds(".status", &["51"]) && holds(".status", &[]));
        assert!(!holds(".empty", &[]) && !holds(".none", &[]) && !holds(".rows", &[]) && !holds(".absent", &[]));
        assert!(holds(".items", &[]) && holds(".items[0]", &[]) && !holds(".items", &["a"]));
    }
}
