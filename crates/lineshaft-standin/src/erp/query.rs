//! What the ERP may be asked: `$filter` with `eq`, `ge`, `gt`, `le`, `lt` and `and`, `$top`, `$skip`, `$expand`, keys in
//! the path. Absent: `or` and functions, which are refused, and every other option, which is not read; lists stand in the
//! order of posting or of change, which is what `$orderby` would ask for.

use serde_json::Value;

use super::odata::Refusal;
use crate::serve::Asked;

/// One condition of a `$filter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    field: String,
    compare: Compare,
    value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    AtLeast,
    After,
    AtMost,
    Before,
}

impl Compare {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Equal,
            "ge" => Self::AtLeast,
            "gt" => Self::After,
            "le" => Self::AtMost,
            "lt" => Self::Before,
            _ => return None,
        })
    }

    fn holds(self, found: &str, wanted: &str) -> bool {
        match self {
            Self::Equal => found == wanted,
            Self::AtLeast => found >= wanted,
            Self::After => found > wanted,
            Self::AtMost => found <= wanted,
            Self::Before => found < wanted,
        }
    }
}

/// The conditions of `$filter`, all of which must hold; none where nothing is filtered.
pub(super) fn filter(asked: &Asked) -> Result<Vec<Condition>, Refusal> {
    let Some(text) = asked.query("$filter") else { return Ok(Vec::new()) };
    let wrong = || Refusal::new(400, "005056A509B11EE1", format!("Invalid $filter: {text}"));
    let words = words(&text).ok_or_else(wrong)?;
    let mut conditions = Vec::new();
    for condition in words.split(|word| *word == Word::Plain("and".to_owned())) {
        let [Word::Plain(field), Word::Plain(compare), Word::Literal(value)] = condition else { return Err(wrong()) };
        let compare = Compare::read(compare).ok_or_else(wrong)?;
        conditions.push(Condition { field: field.clone(), compare, value: value.clone() });
    }
    Ok(conditions)
}

/// Whether all conditions hold for a record.
///
/// # Errors
/// As the real one says it: a property that the record does not have.
pub(super) fn holds(conditions: &[Condition], record: &Value) -> Result<bool, Refusal> {
    let mut all = true;
    for Condition { field, compare, value } in conditions {
        let found = match record.get(field) {
            Some(Value::String(text)) => text.clone(),
            Some(found @ (Value::Bool(_) | Value::Number(_))) => found.to_string(),
            _ => return Err(Refusal::new(400, "005056A509B11EE1", format!("Property {field} not found"))),
        };
        all &= compare.holds(&found, value);
    }
    Ok(all)
}

/// Whether `$expand` names a navigation property.
pub(super) fn expands(asked: &Asked, property: &str) -> bool {
    asked.query("$expand").is_some_and(|names| names.split(',').any(|name| name.trim() == property))
}

/// A number of an option such as `$top`.
pub(super) fn number(asked: &Asked, option: &str) -> Result<Option<usize>, Refusal> {
    let Some(text) = asked.query(option) else { return Ok(None) };
    let number =
        text.parse().map_err(|_| Refusal::new(400, "005056A509B11EE1", format!("Invalid {option}: {text}")))?;
    Ok(Some(number))
}

/// Key and rest of a path `Set(Field='value',…)/rest` or `Set('value')`; `None` for another set or no key.
pub(super) fn keyed<'p>(path: &'p str, set: &str) -> Option<(Vec<(String, String)>, &'p str)> {
    let inner = path.strip_prefix(set)?.strip_prefix('(')?;
    let (inner, rest) = inner.split_once(')')?;
    let inner = inner.replace("%27", "'");
    let key = inner.split(',').map(|part| {
        let (field, value) = part.split_once('=').unwrap_or(("", part));
        let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        Some((field.trim().to_owned(), value.to_owned()))
    });
    Some((key.collect::<Option<_>>()?, rest))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Plain(String),
    /// Between quotes; a prefix such as `guid` is left out, a doubled quote is a quote.
    Literal(String),
}

/// The words of a filter. Parentheses only group, and conditions are all joined by `and`, so they say nothing.
fn words(text: &str) -> Option<Vec<Word>> {
    let (mut words, mut plain) = (Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    let end = |plain: &mut String, words: &mut Vec<Word>| {
        if !plain.is_empty() {
            words.push(Word::Plain(std::mem::take(plain)));
        }
    };
    while let Some(char) = chars.next() {
        match char {
            ' ' | '(' | ')' => end(&mut plain, &mut words),
            '\'' => {
                plain.clear();
                let mut literal = String::new();
                loop {
                    match chars.next()? {
                        '\'' if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
                        '\'' => break,
                        other => literal.push(other),
                    }
                }
                words.push(Word::Literal(literal));
            }
            other => plain.push(other),
        }
    }
    end(&mut plain, &mut words);
    Some(words)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;

    fn asked(query: &str) -> Asked {
        let uri = format!("/x?{}", query.replace(' ', "%20")).parse().unwrap();
        Asked { method: Method::GET, uri, headers: HeaderMap::new(), body: Bytes::new() }
    }

    #[test]
    fn conditions_are_read_and_hold_or_not() {
        let record = json!({"Key": "it's", "Changed": "20261123080000", "Final": true, "Number": 7, "List": []});
        for (filter, said) in [
            ("Key eq 'it''s'", Ok(true)),
            ("Key eq guid'it''s'", Ok(true)),
            ("Key eq 'other'", Ok(false)),
            ("Changed ge '20261123080000'", Ok(true)),
            ("Changed gt '20261123080000'", Ok(false)),
            ("Changed ge '2026' and (Final eq 'true')", Ok(true)),
            ("Changed ge '2026' and Number eq '8'", Ok(false)),
            ("Changed le '2026' and Key eq 'it''s'", Ok(false)),
            ("Nothing eq '1'", Err("Property Nothing not found".to_owned())),
            ("List eq '1'", Err("Property List not found".to_owned())),
        ] {
            let conditions = super::filter(&asked(&format!("$filter={filter}"))).unwrap();
            assert_eq!(holds(&conditions, &record).map_err(|refusal| refusal.text), said, "{filter}");
        }
        for filter in ["Key", "Key eq 7", "Key like '7'", "Key eq '7' or Key eq '8'", "Key eq '7", ""] {
            assert!(super::filter(&asked(&format!("$filter={filter}"))).is_err(), "{filter}");
        }
        assert_eq!(super::filter(&asked("a=1")), Ok(Vec::new()));
    }

    #[test]
    fn keys_in_the_path_are_read() {
        let key = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(keyed("Set(A='1',B='2')/to_C", "Set"), Some((key(&[("A", "1"), ("B", "2")]), "/to_C")));
        assert_eq!(keyed("Set(%271%27)", "Set"), Some((key(&[("", "1")]), "")));
        assert_eq!(keyed("Set", "Set"), None);
        assert_eq!(keyed("Set(1)", "Set"), None);
        assert!(expands(&asked("$expand=to_A,to_B"), "to_B") && !expands(&asked("$expand=to_AB"), "to_B"));
        assert_eq!((number(&asked("$top=5"), "$top"), number(&asked("$skip=5"), "$top")), (Ok(Some(5)), Ok(None)));
        assert!(number(&asked("$top=x"), "$top").is_err());
    }
}
