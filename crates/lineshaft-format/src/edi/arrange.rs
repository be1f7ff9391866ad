//! A document made by a map, in the order and shape that a guide wants: fields sorted, one occurrence where one is
//! allowed, levels numbered. A map's result is sorted by name, so that its own order means nothing.

use lineshaft_model::fault::Fault;
use lineshaft_model::tree::Tree;

use super::delimiters::Delimiters;
use super::element::Syntax;
use super::finding::Kind;
use super::guide::{Guide, Node};
use super::hierarchy;
use super::name;
use super::read::{self, Budget};
use super::token::Segments;
use super::write::{Writer, failed, under};
use crate::charset::Charset;

/// The message as reading it would give it.
///
/// # Errors
/// [`lineshaft_model::fault::Code::RenderFailed`] with the path in `at`: a field that the guide does not have, more
/// occurrences than it allows, a value that is no scalar.
pub(crate) fn arranged(guide: &Guide, message: &Tree) -> Result<Tree, Fault> {
    level(guide, &guide.root, message, 0).map(Tree::Map)
}

fn level(guide: &Guide, node: &Node, value: &Tree, depth: usize) -> Result<Vec<(String, Tree)>, Fault> {
    let Tree::Map(fields) = value else {
        return Err(failed(if node.tag.is_empty() {
            "a message is a map of its segments"
        } else {
            "a segment is a map"
        }));
    };
    let mut values = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        if let Some(at) = name::position(&node.tag, name) {
            let scalar = match value {
                Tree::Null => "",
                value => value.scalar().ok_or_else(|| failed("an element must be a scalar").at(format!(".{name}")))?,
            };
            if !scalar.is_empty() {
                values.push((at, name.clone(), Tree::Text(scalar.to_owned())));
            }
        } else if node.child(name).is_none() && !(node.is_hierarchy && *name == node.name) {
            return Err(failed(format!("the guide of {} has no such field here", guide.kind)).at(format!(".{name}")));
        }
    }
    values.sort_unstable_by_key(|(at, ..)| *at);
    let mut arranged: Vec<(String, Tree)> = values.into_iter().map(|(_, name, value)| (name, value)).collect();
    for child in &node.children {
        arranged.extend(field(guide, child, value.get(&child.name), depth + 1)?);
    }
    if node.is_hierarchy {
        arranged.extend(field(guide, node, value.get(&node.name), depth + 1)?);
    }
    Ok(arranged)
}

/// The occurrences of one child, if there are any.
fn field(guide: &Guide, node: &Node, value: Option<&Tree>, depth: usize) -> Result<Option<(String, Tree)>, Fault> {
    let step = || format!(".{}", node.name);
    if depth > super::guide::DEPTH_MAX + hierarchy::DEPTH_MAX {
        return Err(failed("levels stand too deep in each other").at(step()));
    }
    let items = match value {
        None | Some(Tree::Null) => return Ok(None),
        Some(Tree::List(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut occurrences = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let fields = level(guide, node, item, depth).map_err(under(|| format!(".{}[{at}]", node.name)))?;
        occurrences.push(Tree::Map(fields));
    }
    if node.is_hierarchy && depth == 1 {
        number(&mut occurrences, node);
    }
    match (node.is_list, occurrences.len()) {
        (_, 0) => Ok(None),
        (true, _) => Ok(Some((node.name.clone(), Tree::List(occurrences)))),
        (false, 1) => Ok(occurrences.pop().map(|one| (node.name.clone(), one))),
        (false, _) => Err(failed("the segment may stand once only").at(step())),
    }
}

/// Numbers the levels, and points each to its parent, if none of them has a number.
fn number(levels: &mut [Tree], node: &Node) {
    let number = name::of(&node.tag, 1, 1, 1);
    if !levels.iter().any(|level| has_number(level, &number, node)) {
        let mut next = 0;
        levels.iter_mut().for_each(|level| count(level, node, None, &mut next));
    }
}

fn has_number(level: &Tree, number: &str, node: &Node) -> bool {
    let beneath = match level.get(&node.name) {
        Some(Tree::List(beneath)) => beneath.as_slice(),
        _ => &[],
    };
    level.get(number).is_some() || beneath.iter().any(|level| has_number(level, number, node))
}

/// As deep as [`field`] let the levels be.
fn count(level: &mut Tree, node: &Node, parent: Option<u32>, next: &mut u32) {
    let Tree::Map(fields) = level else { return };
    *next += 1;
    let own = *next;
    if let Some((_, Tree::List(beneath))) = fields.iter_mut().find(|(name, _)| *name == node.name) {
        beneath.iter_mut().for_each(|level| count(level, node, Some(own), next));
    }
    fields.retain(|(name, _)| *name != name::of(&node.tag, 2, 1, 1));
    let numbers = [(2, parent), (1, Some(own))];
    for (element, number) in numbers.into_iter().filter_map(|(element, number)| Some((element, number?))) {
        fields.insert(0, (name::of(&node.tag, element, 1, 1), Tree::Text(number.to_string())));
    }
}

/// Writes a message with its header, by its guide, and reads it back. Says how many segments it has.
///
/// # Errors
/// [`lineshaft_model::fault::Code::RenderFailed`]: as [`arranged`] and the writer, and everything that reading finds.
pub(crate) fn write(
    guide: Option<&Guide>,
    message: &Tree,
    delimiters: Delimiters,
    writer: &mut Writer,
) -> Result<u64, Fault> {
    let arranged = guide.map_or_else(|| Ok(message.clone()), |guide| arranged(guide, message))?;
    let start = writer.text.len();
    let count = writer.message(&arranged)?;
    let syntax = Syntax::new(delimiters, Charset::Utf8);
    let segments: Vec<_> = Segments::new(&writer.text.as_bytes()[start..], 0, delimiters).collect();
    let (again, findings) = read::message(&syntax, guide, &segments, &mut Budget::new());
    if let Some(finding) = findings.all().iter().find(|finding| finding.kind != Kind::NoGuide) {
        return Err(failed(finding.to_string()).at(format!("segment {} of the message", finding.place.position)));
    }
    if again != arranged && guide.is_some() {
        return Err(failed("what is written would be read otherwise: a segment would go to another loop"));
    }
    Ok(count)
}
