//! Business keys: how people name a transaction, and what its order is kept by.
//!
//! A key is qualified by the authority that issued it, because two ERPs may share an order number. Keys are read
//! from the decoded document at ingest, before mapping, so that a document that cannot be mapped still keeps back
//! later ones of its key, and is found by it.

use std::fmt;

/// A business key: `order:erp/1000040` is order 1000040 as issued by system `erp`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What is named: `order`, `material`, `batch`, `handling-unit`, ...
    pub kind: String,
    /// The system whose number it is.
    pub authority: String,
    /// The number, normalised as the interface file says.
    pub value: String,
}

impl Key {
    /// Longest value kept, in bytes; a longer one is refused at ingest.
    pub const VALUE_BYTES_MAX: usize = 256;
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.kind, self.authority, self.value)
    }
}

/// What a person types after `find`: `order:1000040`, or with its authority `order:erp/1000040`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyQuery {
    /// What is named.
    pub kind: String,
    /// The issuing system, if the person said so.
    pub authority: Option<String>,
    /// The number.
    pub value: String,
}

impl KeyQuery {
    /// Reads `kind:value` or `kind:authority/value`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (authority, value) = match rest.split_once('/') {
            Some((authority, value)) => (Some(authority.to_owned()), value),
            None => (None, rest),
        };
        (!kind.is_empty() && !value.is_empty()).then(|| Self {
            kind: kind.to_owned(),
            authority,
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_leave_the_authority_open() {
        let open = KeyQuery::parse("order:1000040").expect("reads");
        assert_eq!((open.authority, open.value.as_str()), (None, "1000040"));
        let named = KeyQuery::parse("order:erp/1000040").expect("reads");
        assert_eq!((named.authority.as_deref(), named.value.as_str()), (Some("erp"), "1000040"));
        assert_eq!(KeyQuery::parse("1000040"), None);
        assert_eq!(KeyQuery::parse("order:"), None);
    }
}
