//! One intake, many transactions: the rows of a file, the list that the interface names, or the parts that stand
//! somewhere in a wrapper.

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::{Path, Tree};

use crate::decode::Decoded;
use crate::project::{Emit, Parts};

/// The document of one transaction, or what is wrong with its bytes.
#[derive(Debug)]
pub(crate) struct Part {
    /// Which one it is, for a person: `part 0`, `row 7`; empty for the only one.
    pub(crate) place: String,
    pub(crate) document: Result<Tree, Fault>,
}

/// The documents of an intake's transactions, in their order. An empty list is none: there is nothing to do, and
/// the intake is kept.
pub(crate) fn split(emit: &Emit, decoded: Decoded) -> Result<Vec<Part>, Fault> {
    let document = match decoded {
        Decoded::Rows(rows) => return Ok(numbered("row", 1, rows)),
        Decoded::Whole(document) => document,
    };
    if let Some(parts) = &emit.parts {
        return Ok(numbered("part", 0, found(parts, &document)?.into_iter().map(Ok)));
    }
    match &emit.split {
        None => Ok(vec![Part { place: String::new(), document: Ok(document) }]),
        Some(path) => Ok(numbered("part", 0, list(path, &document)?.iter().cloned().map(Ok))),
    }
}

fn numbered(word: &str, first: u64, documents: impl IntoIterator<Item = Result<Tree, Fault>>) -> Vec<Part> {
    let numbers = first..;
    numbers.zip(documents).map(|(number, document)| Part { place: format!("{word} {number}"), document }).collect()
}

fn list<'tree>(path: &Path, document: &'tree Tree) -> Result<&'tree [Tree], Fault> {
    match path.find(document) {
        Some(Tree::List(items)) => Ok(items),
        Some(_) => Err(Fault::new(Code::DecodeSplit, format!("{} is not a list", path.as_str()))),
        None => Err(Fault::new(Code::DecodeSplit, format!("there is no {}", path.as_str()))),
    }
}

/// What one way leads to.
#[derive(Default)]
struct Walk<'tree> {
    /// What stands around the node at hand, outermost first.
    around: Vec<&'tree Tree>,
    /// Each part, and what it stands in.
    parts: Vec<(&'tree Tree, Vec<&'tree Tree>)>,
    /// Whether the way ends at a list, be it empty.
    ends: bool,
}

fn found(parts: &Parts, document: &Tree) -> Result<Vec<Tree>, Fault> {
    for way in &parts.ways {
        let mut walk = Walk::default();
        walk.node(document, way);
        if walk.ends {
            return Ok(walk.parts.iter().map(|(part, around)| carried(parts, part, around)).collect());
        }
    }
    let ways: Vec<String> = parts.ways.iter().map(|way| format!(".{}", way.join("."))).collect();
    Err(Fault::new(Code::DecodeSplit, format!("there is none of {}", ways.join(", "))))
}

impl<'tree> Walk<'tree> {
    /// Goes on from `node`. As deep as the way is long and lists are nested, which the formats bound.
    fn node(&mut self, node: &'tree Tree, way: &[String]) {
        if let Tree::List(items) = node {
            self.ends |= way.is_empty();
            items.iter().for_each(|item| self.node(item, way));
            return;
        }
        match way.split_first() {
            None => {
                self.ends = true;
                self.parts.push((node, self.around.clone()));
            }
            Some((name, rest)) => {
                if let Some(next) = node.get(name) {
                    self.around.push(node);
                    self.node(next, rest);
                    self.around.pop();
                }
            }
        }
    }
}

/// The part with the values that it is given from around it. A part that is no map can be given nothing.
fn carried(parts: &Parts, part: &Tree, around: &[&Tree]) -> Tree {
    let mut part = part.clone();
    if let Tree::Map(fields) = &mut part {
        for (name, path) in &parts.carry {
            let value = around.iter().rev().find_map(|outer| path.find(outer));
            if let Some(value) = value {
                fields.retain(|(field, _)| field != name);
                fields.push((name.clone(), value.clone()));
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(ways: &[&[&str]], carry: &[(&str, &str)]) -> Parts {
        Parts {
            ways: ways.iter().map(|way| way.iter().map(|&name| name.to_owned()).collect()).collect(),
            carry: carry.iter().map(|(name, path)| ((*name).to_owned(), Path::parse(path).expect(path))).collect(),
        }
    }

    fn split(parts: &Parts, json: &str) -> Result<String, String> {
        let document = lineshaft_format::json::decode(json.as_bytes()).expect(json);
        let found = found(parts, &document).map_err(|fault| fault.message)?;
        Ok(String::from_utf8(lineshaft_format::json::encode(&Tree::List(found))).expect("UTF-8"))
    }

    #[test]
    fn the_first_way_that_leads_anywhere_counts() {
        let wrappers = parts(&[&["message"], &["d", "results"], &["d"], &[]], &[]);
        for (sent, made) in [
            (r#"{"message":[{"a":1},{"a":2}]}"#, r#"[{"a":1},{"a":2}]"#),
            (r#"{"message":{"a":1}}"#, r#"[{"a":1}]"#),
            (r#"{"d":{"results":[{"a":1}]}}"#, r#"[{"a":1}]"#),
            (r#"{"d":{"results":[]}}"#, "[]"),
            (r#"{"d":{"a":1}}"#, r#"[{"a":1}]"#),
            (r#"{"a":1}"#, r#"[{"a":1}]"#),
            (r#"[{"a":1},{"a":2}]"#, r#"[{"a":1},{"a":2}]"#),
        ] {
            assert_eq!(split(&wrappers, sent).as_deref(), Ok(made), "{sent}");
        }
        let strict = parts(&[&["message"], &["d", "results"]], &[]);
        assert_eq!(split(&strict, r#"{"a":1}"#), Err("there is none of .message, .d.results".to_owned()));
    }

    #[test]
    fn lists_on_the_way_are_gone_through_and_parts_are_given_what_stands_around_them() {
        let lots = parts(&[&["info", "lot"]], &[("material", ".id"), ("at", ".made"), ("none", ".absent")]);
        let sent = r#"{"made":"now","info":[{"id":"A","lot":[{"id":"1"},{"id":"2"}]},{"id":"B","lot":{"id":"3"}}]}"#;
        let made = concat!(
            r#"[{"id":"1","material":"A","at":"now"},{"id":"2","material":"A","at":"now"},"#,
            r#"{"id":"3","material":"B","at":"now"}]"#
        );
        assert_eq!(split(&lots, sent).as_deref(), Ok(made));
        // A part does not look into itself.
        assert_eq!(split(&lots, r#"{"info":{"lot":{"id":"3"}}}"#).as_deref(), Ok(r#"[{"id":"3"}]"#));
    }
}
