//! Levels that name their parents: HL of a ship notice, CPS of a despatch advice. The pointers make the tree, whatever
//! the order of the segments; children stand in their parent in the order of the document.

use std::collections::HashMap;

use lineshaft_model::tree::Tree;

use super::finding::{Findings, Kind, Place};
use super::name;

/// Levels stand this deep in each other.
pub(crate) const DEPTH_MAX: usize = 32;

/// Puts every level into the one that it names as its parent, under the field `field`. What cannot be put anywhere is
/// found and stays at the top.
pub(crate) fn nest(levels: Vec<Tree>, field: &str, places: &[Place], findings: &mut Findings) -> Vec<Tree> {
    let tag = name::tag(field).unwrap_or(field);
    let value =
        |level: &Tree, element| level.get(&name::of(tag, element, 1, 1)).and_then(Tree::scalar).map(str::to_owned);
    let mut wrong = |level: usize, element, what| {
        let place = places.get(level).cloned().unwrap_or_default();
        findings.add(Kind::Hierarchy(what), Place { element, ..place });
    };
    let mut numbers = HashMap::new();
    for (at, level) in levels.iter().enumerate() {
        if let Some(number) = value(level, 1)
            && numbers.insert(number, at).is_some()
        {
            wrong(at, 1, "is the number of an earlier level too");
        }
    }
    let mut children = vec![Vec::new(); levels.len()];
    let mut tops = Vec::new();
    for (at, level) in levels.iter().enumerate() {
        match value(level, 2).map(|parent| numbers.get(&parent)) {
            Some(Some(parent)) => children[*parent].push(at),
            Some(None) => {
                wrong(at, 2, "names a parent that is not there");
                tops.push(at);
            }
            None => tops.push(at),
        }
    }
    let (order, is_too_deep) = from_the_top(&tops, &children);
    let mut is_reached = vec![false; levels.len()];
    order.iter().for_each(|at| is_reached[*at] = true);
    let Some(lost) = is_reached.iter().position(|reached| !reached).or(is_too_deep) else {
        return assemble(levels, field, &tops, &children, &order);
    };
    let what = if is_too_deep.is_some() {
        "stands too deep in other levels"
    } else {
        "is its own parent, by others or itself"
    };
    wrong(lost, 2, what);
    levels
}

/// Every level that can be reached, parents before their children, and one that stands too deep.
fn from_the_top(tops: &[usize], children: &[Vec<usize>]) -> (Vec<usize>, Option<usize>) {
    let mut order = Vec::with_capacity(children.len());
    let mut open: Vec<(usize, usize)> = tops.iter().map(|at| (*at, 1)).collect();
    while let Some((at, depth)) = open.pop() {
        if depth > DEPTH_MAX {
            return (order, Some(at));
        }
        order.push(at);
        open.extend(children[at].iter().map(|child| (*child, depth + 1)));
    }
    (order, None)
}

fn assemble(levels: Vec<Tree>, field: &str, tops: &[usize], children: &[Vec<usize>], order: &[usize]) -> Vec<Tree> {
    let mut levels: Vec<Option<Tree>> = levels.into_iter().map(Some).collect();
    let take = |levels: &mut Vec<Option<Tree>>, from: &[usize]| -> Vec<Tree> {
        from.iter().filter_map(|at| levels[*at].take()).collect()
    };
    for at in order.iter().rev().filter(|at| !children[**at].is_empty()) {
        let beneath = take(&mut levels, &children[*at]);
        if let Some(Tree::Map(fields)) = &mut levels[*at] {
            fields.push((field.to_owned(), Tree::List(beneath)));
        }
    }
    take(&mut levels, tops)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels as `number parent` to their nesting as text, and what was found.
    fn nested(levels: &[(&str, &str)]) -> (String, Vec<String>) {
        let level = |(number, parent): &(&str, &str)| {
            let fields = [("HL01", number), ("HL02", parent)].into_iter().filter(|(_, value)| !value.is_empty());
            Tree::Map(fields.map(|(name, value)| (name.to_owned(), Tree::Text((*value).to_owned()))).collect())
        };
        let mut findings = Findings::default();
        let place = Place { tag: "HL".into(), ..Place::default() };
        let tree = nest(levels.iter().map(level).collect(), "HL", &vec![place; levels.len()], &mut findings);
        (outline(&tree), findings.all().iter().map(ToString::to_string).collect())
    }

    fn outline(levels: &[Tree]) -> String {
        let one = |level: &Tree| {
            let number = level.get("HL01").and_then(Tree::scalar).unwrap_or("-");
            match level.get("HL") {
                Some(Tree::List(beneath)) => format!("{number}({})", outline(beneath)),
                _ => number.to_owned(),
            }
        };
        levels.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn parents_are_found_by_pointer_and_not_by_order() {
        assert_eq!(nested(&[("1", ""), ("2", "1"), ("3", "2"), ("4", "1")]).0, "1(2(3) 4)");
        assert_eq!(nested(&[("3", "2"), ("1", ""), ("4", "1"), ("2", "1")]).0, "1(4 2(3))");
        assert_eq!(nested(&[("1", ""), ("2", ""), ("", "1")]).0, "1(-) 2");
        assert_eq!(nested(&[]), (String::new(), Vec::new()));
    }

    #[test]
    fn what_has_no_place_is_found_and_kept() {
        let (tree, found) = nested(&[("1", ""), ("2", "9")]);
        assert_eq!((tree.as_str(), found), ("1 2", vec!["HL02 names a parent that is not there".to_owned()]));
        let (tree, found) = nested(&[("1", ""), ("2", "3"), ("3", "2")]);
        assert_eq!((tree.as_str(), found), ("1 2 3", vec!["HL02 is its own parent, by others or itself".to_owned()]));
        let (_, found) = nested(&[("1", ""), ("1", "")]);
        assert_eq!(found, ["HL01 is the number of an earlier level too"]);
        let names: Vec<String> = (0..=DEPTH_MAX).map(|number| number.to_string()).collect();
        let deep: Vec<(&str, &str)> =
            (0..=DEPTH_MAX).map(|at| (names[at].as_str(), at.checked_sub(1).map_or("", |at| &names[at]))).collect();
        let (_, found) = nested(&deep);
        assert_eq!(found, ["HL02 stands too deep in other levels"]);
        let chain: Vec<(&str, &str)> = deep[..DEPTH_MAX].to_vec();
        assert_eq!(nested(&chain).1, Vec::<String>::new());
    }
}
