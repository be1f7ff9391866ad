//! Which parts of a document decide on which fields of a map's result.
//!
//! Found by trying, not by reading the map: each value of the input is changed and the map runs again; what changes in
//! the result follows from it. That counts only what matters for this document: a branch not taken is not told.

use std::collections::BTreeMap;
use std::sync::Arc;

use lineshaft_flow::map::{Facts, Map};
use lineshaft_model::catalog::Catalog;
use lineshaft_model::tree::{Path, Tree};

use crate::diff::leaves;

/// Most values of a document that are tried.
pub const VALUES_MAX: usize = 500;

/// Codes that a map is likely to know, tried where it refuses an invented value.
const KNOWN_CODES: [&str; 6] = ["KGM", "GRM", "PCE", "EA", "LTR", "MTR"];

/// What decides on a result.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Field of the result → parts of the input (`.good`) and facts (`%site`) on which it depends.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Parts of the input that the map refuses when they are changed: it depends on them as a whole.
    pub refused: Vec<String>,
}

/// Tries every value of `input` and every fact. `result` is what the map makes of them unchanged.
pub fn trace(map: &Map, input: &Tree, catalog: &Arc<Catalog>, facts: &Facts, result: &Tree) -> Lineage {
    let mut lineage = Lineage::default();
    let before = leaves(result);
    for (path, value) in leaves(input).into_iter().take(VALUES_MAX) {
        let Ok(place) = Path::parse(&path) else { continue };
        let tried = others(&value, catalog).into_iter().filter_map(|other| {
            let mut changed = input.clone();
            changed.set(&place, other).ok()?;
            map.run(&changed, catalog, facts).ok()
        });
        note(&mut lineage, &path, &before, tried);
    }
    for (name, changed) in other_facts(facts) {
        let tried = map.run(input, catalog, &changed).ok();
        let known = map.reads().iter().any(|read| read == name);
        if known {
            note(&mut lineage, name, &before, tried.into_iter());
        }
    }
    lineage
}

fn note(lineage: &mut Lineage, source: &str, before: &[(String, Tree)], tried: impl Iterator<Item = Tree>) {
    let mut ran = false;
    for after in tried {
        ran = true;
        let after = leaves(&after);
        let mut changed = false;
        for (field, value) in before {
            if after.iter().find(|(other, _)| other == field).map(|(_, other)| other) != Some(value) {
                changed = true;
                let sources = lineage.fields.entry(field.clone()).or_default();
                if sources.last().map(String::as_str) != Some(source) {
                    sources.push(source.to_owned());
                }
            }
        }
        if changed {
            return;
        }
    }
    if !ran {
        lineage.refused.push(source.to_owned());
    }
}

/// Other values that could stand in the place of `value`, likely ones first.
fn others(value: &Tree, catalog: &Catalog) -> Vec<Tree> {
    let text = match value {
        Tree::Bool(truth) => return vec![Tree::Bool(!truth)],
        Tree::Null => return vec![Tree::Text("x".to_owned()), Tree::Bool(true)],
        Tree::List(_) | Tree::Map(_) => return vec![Tree::Null],
        Tree::Text(text) | Tree::Number(text) => text,
    };
    let mut others: Vec<String> =
        [turned(text, false), turned(text, true), Some(format!("{text}x"))].into_iter().flatten().collect();
    let table_keys = catalog
        .tables()
        .flat_map(|(table, _)| KNOWN_CODES.iter().filter(move |code| catalog.get(table, code).is_some()));
    others.extend(table_keys.chain(&KNOWN_CODES).filter(|code| *code != text).map(|code| (*code).to_owned()));
    let same_kind = |text: String| if matches!(value, Tree::Number(_)) { Tree::Number(text) } else { Tree::Text(text) };
    others.into_iter().map(same_kind).collect()
}

/// The text with its first or last digit changed.
fn turned(text: &str, first: bool) -> Option<String> {
    let digit = |letter: char| letter.is_ascii_digit();
    let at = if first { text.find(digit) } else { text.rfind(digit) }?;
    let other = if &text[at..=at] == "1" { "2" } else { "1" };
    Some(format!("{}{other}{}", &text[..at], &text[at + 1..]))
}

fn other_facts(facts: &Facts) -> [(&'static str, Facts); 6] {
    let facts = || facts.clone();
    [
        ("%id", Facts { id: "00000000-0000-7000-8000-000000000000".to_owned(), ..facts() }),
        ("%received_at", Facts { received_at: "2001-02-03T04:05:06.007Z".to_owned(), ..facts() }),
        ("%site", Facts { site: format!("{}X", facts().site), ..facts() }),
        ("%time_zone", Facts { time_zone: "Asia/Kathmandu".to_owned(), ..facts() }),
        ("%interface", Facts { interface: format!("{}x", facts().interface), ..facts() }),
        ("%original_receipt", Facts { original_receipt: "4711/8".to_owned(), ..facts() }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use lineshaft_flow::map::MapContext;

    #[test]
    fn each_field_names_what_it_was_made_of() {
        let text = ". = { \"order\": .order, \"both\": to_string(.a) + \"/\" + to_string(.b), \"by\": %site, \"fixed\": \"x\" }\n";
        let text = text.replace("to_string(.a)", "string!(.a)").replace("to_string(.b)", "string!(.b)");
        let map = Map::compile(&text, "m.vrl", &MapContext::default()).unwrap();
        let input = lineshaft_format::json::decode(br#"{"order":"1000040","a":"p","b":"q","unused":"7"}"#).unwrap();
        let (catalog, facts) = (Arc::new(Catalog::default()), Facts { site: "DE10".to_owned(), ..Facts::default() });
        let result = map.run(&input, &catalog, &facts).unwrap();
        let lineage = trace(&map, &input, &catalog, &facts, &result);
        let fields: Vec<_> =
            lineage.fields.iter().map(|(field, from)| format!("{field} <- {}", from.join(" "))).collect();
        assert_eq!(fields, [".both <- .a .b", ".by <- %site", ".order <- .order"]);
        assert!(lineage.refused.is_empty());
    }
}
