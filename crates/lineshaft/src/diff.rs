//! Two documents compared field by field. The order of fields says nothing; the digits of a number do.

use lineshaft_model::tree::Tree;

/// A path and what stands there; containers that are empty stand for themselves.
pub type Leaf = (String, Tree);

/// Every scalar (and empty list or map) of a document with its path, in the order of the document.
pub fn leaves(tree: &Tree) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(tree, String::new(), &mut found);
    found
}

fn collect(tree: &Tree, path: String, found: &mut Vec<Leaf>) {
    match tree {
        Tree::Map(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| collect(value, format!("{path}.{}", step(name)), found));
        }
        Tree::List(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, value)| collect(value, format!("{path}[{at}]"), found));
        }
        leaf => found.push((if path.is_empty() { ".".to_owned() } else { path }, leaf.clone())),
    }
}

fn step(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    if plain { name.to_owned() } else { format!("\"{name}\"") }
}

/// What differs, a line each: `~ .good  "95" -> "96"`, `- .unit` for what is missing, `+ .site` for what is too much.
pub fn differences(expected: &Tree, got: &Tree) -> Vec<String> {
    let (expected, got) = (leaves(expected), leaves(got));
    let at =
        |leaves: &[Leaf], path: &str| leaves.iter().find(|(other, _)| other == path).map(|(_, value)| value.clone());
    let mut lines = Vec::new();
    for (path, wanted) in &expected {
        match at(&got, path) {
            None => lines.push(format!("- {path}  {} expected, nothing there", text(wanted))),
            Some(value) if value != *wanted => {
                lines.push(format!("~ {path}  {} expected, got {}", text(wanted), text(&value)));
            }
            Some(_) => {}
        }
    }
    let extra = got.iter().filter(|(path, _)| at(&expected, path).is_none());
    lines.extend(extra.map(|(path, value)| format!("+ {path}  {} not expected", text(value))));
    lines
}

/// A value as JSON on one line.
pub fn text(tree: &Tree) -> String {
    String::from_utf8_lossy(&lineshaft_format::json::encode(tree)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Tree {
        lineshaft_format::json::decode(json.as_bytes()).unwrap()
    }

    #[test]
    fn differences_name_the_field_and_both_values() {
        let expected = read(r#"{"a":"1","b":{"c":[1,2.0]},"d":null}"#);
        let got = read(r#"{"b":{"c":[1,2]},"a":"1","e e":[]}"#);
        assert_eq!(
            differences(&expected, &got),
            ["~ .b.c[1]  2.0 expected, got 2", "- .d  null expected, nothing there", "+ .\"e e\"  [] not expected"]
        );
        assert!(differences(&got, &read(r#"{"e e":[],"a":"1","b":{"c":[1,2]}}"#)).is_empty());
    }
}
