//! The segments of one message to a tree, by its guide.
//!
//! A segment goes to the next place in the guide that takes it: the innermost open loop first, then the loops around
//! it. If none takes it there, an earlier place does, and that is told. A segment that no place takes is kept where it
//! stands, in a list under its tag (`ZZZ`, a second time `ZZZ_2`), and told. So nothing is lost and nothing is guessed.

use lineshaft_model::tree::Tree;

use super::element::{Line, Syntax, fields};
use super::finding::{Findings, Kind, Place};
use super::guide::{Guide, Node};
use super::hierarchy::nest;
use super::name;
use super::rules::Rules;
use super::token::{SEGMENT_BYTES_MAX, Segment};

/// All messages of a document may have this many values, because all of them are held. A segment counts as one more, a
/// group or message as twenty.
pub const VALUES_MAX: usize = 1_000_000;

/// So many runs of unexpected segments are kept at one level.
const RUNS_MAX: usize = 100;

/// How many values may still be read.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(VALUES_MAX)
    }

    pub(crate) fn spend(&mut self, values: usize) -> Result<(), Kind> {
        match self.0.checked_sub(values) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                self.0 = 0;
                Err(Kind::Limit("the document has more than 1000000 values; send it in smaller files"))
            }
        }
    }
}

/// Reads one message from its header to before its trailer.
pub(crate) fn message(
    syntax: &Syntax,
    guide: Option<&Guide>,
    segments: &[Segment<'_>],
    budget: &mut Budget,
) -> (Tree, Findings) {
    let mut findings = Findings::default();
    let tree = match guide {
        Some(guide) => by_guide(syntax, guide, segments, budget, &mut findings),
        None => as_list(syntax, segments, budget, &mut findings),
    };
    (tree, findings)
}

/// The segments that can be read at all, each with its tag and position.
fn readable<'a>(
    syntax: &Syntax,
    segments: &'a [Segment<'a>],
    findings: &mut Findings,
    mut take: impl FnMut(Line<'a>, &mut Findings) -> Result<(), Kind>,
) {
    for (position, segment) in (1..).zip(segments) {
        let tag = segment.tag(&syntax.delimiters);
        let nowhere = Place { position, byte: segment.byte, ..Place::default() };
        let Some(tag) = name::is_tag(tag).then_some(tag).and_then(|tag| std::str::from_utf8(tag).ok()) else {
            findings.add(Kind::NotASegment, nowhere);
            continue;
        };
        let line = Line { segment: *segment, tag, position };
        if segment.raw.len() > SEGMENT_BYTES_MAX {
            let place = Place { tag: tag.to_owned(), ..nowhere };
            findings.add(Kind::Limit("a segment has more than 64 KiB; perhaps its terminator is lost"), place);
            continue;
        }
        if let Err(limit) = take(line, findings) {
            findings.add(limit, Place { tag: tag.to_owned(), ..nowhere });
            return;
        }
    }
}

/// Without a guide: the header under its tag, and everything else in a list, each segment a map of one field.
fn as_list(syntax: &Syntax, segments: &[Segment<'_>], budget: &mut Budget, findings: &mut Findings) -> Tree {
    let mut all = Vec::with_capacity(segments.len());
    readable(syntax, segments, findings, |line, findings| {
        let fields = fields(syntax, &line, &Rules::default(), findings);
        budget.spend(fields.len() + 1)?;
        all.push((line.tag.to_owned(), Tree::Map(fields)));
        Ok(())
    });
    if let Some(first) = segments.first() {
        findings.add(Kind::NoGuide, Place { position: 1, byte: first.byte, ..Place::default() });
    }
    let mut all = all.into_iter();
    let mut message: Vec<(String, Tree)> = all.next().into_iter().collect();
    message.push((SEGMENTS.to_owned(), Tree::List(all.map(|field| Tree::Map(vec![field])).collect())));
    Tree::Map(message)
}

/// The field that holds the segments of a message without a guide.
pub(crate) const SEGMENTS: &str = "segments";

fn by_guide(
    syntax: &Syntax,
    guide: &Guide,
    segments: &[Segment<'_>],
    budget: &mut Budget,
    findings: &mut Findings,
) -> Tree {
    let mut reader =
        Reader { syntax, guide, levels: vec![Level::new(&guide.root, 0, Vec::new())], position: 1, byte: 0 };
    readable(syntax, segments, findings, |line, findings| {
        (reader.position, reader.byte) = (line.position, line.segment.byte);
        budget.spend(reader.take(&line, findings)? + 1)
    });
    if let Some(last) = segments.last() {
        // What is still missing should stand after the last segment.
        reader.byte = last.byte + last.raw.len();
        reader.position = u32::try_from(segments.len()).unwrap_or(u32::MAX).saturating_add(1);
    }
    reader.close_to(1, findings);
    let message = reader.levels.pop().map(|level| level.finish(reader.position, reader.byte, findings));
    message.unwrap_or(Tree::Map(Vec::new()))
}

struct Reader<'guide> {
    syntax: &'guide Syntax,
    guide: &'guide Guide,
    /// The message, and the loops that are open in it, outermost first.
    levels: Vec<Level<'guide>>,
    /// Where the reading stands, for what is found missing.
    position: u32,
    byte: usize,
}

/// One occurrence of a loop, or the message.
struct Level<'guide> {
    node: &'guide Node,
    /// Which child of the level around it the node is.
    child: usize,
    fields: Vec<(String, Tree)>,
    /// One for each child of the node.
    slots: Vec<Slot>,
    /// The child at which the reading stands.
    at: usize,
    /// Where each occurrence of a child that makes a hierarchy stands.
    places: Vec<Place>,
    /// Runs of unexpected segments kept here.
    runs: usize,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    count: u32,
    /// Where among the fields it is.
    field: Option<usize>,
    /// Where it should have stood, once something later is read: position and byte.
    passed: Option<(u32, usize)>,
}

/// Where a segment goes.
struct Target {
    level: usize,
    child: usize,
    is_late: bool,
}

impl<'guide> Level<'guide> {
    fn new(node: &'guide Node, child: usize, fields: Vec<(String, Tree)>) -> Self {
        let slots = vec![Slot::default(); node.children.len()];
        Self { node, child, fields, slots, at: 0, places: Vec::new(), runs: 0 }
    }

    /// A child from `from` on and before `to` that takes the segment.
    fn find(&self, from: usize, to: usize, tag: &str, qualifier: &impl Fn() -> String) -> Option<usize> {
        let takes = |child: &Node, slot: &Slot| {
            child.tag == tag
                && (child.is_list || slot.count == 0)
                && (child.qualifier.is_empty() || child.qualifier == qualifier())
        };
        (from..to).find(|at| takes(&self.node.children[*at], &self.slots[*at]))
    }

    /// Puts a child's value where it belongs.
    fn put(&mut self, child: usize, value: Tree) {
        let node = &self.node.children[child];
        match self.slots[child].field.map(|field| &mut self.fields[field].1) {
            Some(Tree::List(items)) => items.push(value),
            Some(other) => *other = value,
            None => {
                self.slots[child].field = Some(self.fields.len());
                let value = if node.is_list { Tree::List(vec![value]) } else { value };
                self.fields.push((node.name.clone(), value));
            }
        }
    }

    /// Keeps a segment that has no place, in the order in which it stands.
    fn keep(&mut self, tag: &str, value: Tree) -> Result<(), Kind> {
        let is_child = |name: &str| self.node.child(name).is_some();
        if let Some((name, Tree::List(run))) = self.fields.last_mut()
            && !is_child(name)
            && name::tag(name) == Some(tag)
        {
            run.push(value);
            return Ok(());
        }
        if self.runs == RUNS_MAX {
            return Err(Kind::Limit("more than 100 unexpected segments stand apart from each other"));
        }
        self.runs += 1;
        let is_taken = |name: &str| is_child(name) || self.fields.iter().any(|(field, _)| field == name);
        let mut name = tag.to_owned();
        let mut number = 1;
        while is_taken(&name) {
            number += 1;
            name = format!("{tag}_{number}");
        }
        self.fields.push((name, Tree::List(vec![value])));
        Ok(())
    }

    /// The loop as a value. What is mandatory and not there is found.
    fn finish(mut self, position: u32, byte: usize, findings: &mut Findings) -> Tree {
        for (child, slot) in self.node.children.iter().zip(&self.slots) {
            let missing = child.is_mandatory && slot.count == 0;
            let (position, byte) = slot.passed.unwrap_or((position, byte));
            let place = || Place { tag: child.tag.clone(), position, byte, ..Place::default() };
            if missing {
                findings.add(Kind::SegmentMissing, place());
            } else if slot.count > child.most {
                findings.add(Kind::SegmentTooMany, place());
            }
            if child.is_hierarchy
                && let Some(Tree::List(levels)) = slot.field.map(|field| &mut self.fields[field].1)
            {
                *levels = nest(std::mem::take(levels), &child.name, &self.places, findings);
            }
        }
        Tree::Map(self.fields)
    }
}

impl<'guide> Reader<'guide> {
    /// Reads one segment; says how many values it has.
    fn take(&mut self, line: &Line<'_>, findings: &mut Findings) -> Result<usize, Kind> {
        let Some(target) = self.target(line) else { return self.keep(line, findings) };
        if target.is_late {
            findings.add(Kind::SegmentOutOfOrder, line.place(&self.syntax.delimiters, 0, 0, 0));
        }
        self.close_to(target.level + 1, findings);
        let (position, byte) = (self.position, self.byte);
        // The message itself is never closed, so there is a level.
        let Some(level) = self.levels.last_mut() else { return Ok(0) };
        if !target.is_late {
            for slot in &mut level.slots[level.at..target.child] {
                slot.passed.get_or_insert((position, byte));
            }
            level.at = target.child;
        }
        level.slots[target.child].count += 1;
        let node = &level.node.children[target.child];
        let values = fields(self.syntax, line, &node.rules, findings);
        let count = values.len();
        if node.is_hierarchy {
            level.places.push(line.place(&self.syntax.delimiters, 0, 1, 1));
        }
        if node.children.is_empty() {
            level.put(target.child, Tree::Map(values));
        } else {
            self.levels.push(Level::new(node, target.child, values));
        }
        Ok(count)
    }

    fn target(&self, line: &Line<'_>) -> Option<Target> {
        let qualifier = || self.syntax.value(&line.segment, 1, 1);
        let in_order = self.levels.iter().enumerate().rev().find_map(|(at, level)| {
            let child = level.find(level.at, level.slots.len(), line.tag, &qualifier)?;
            Some(Target { level: at, child, is_late: false })
        });
        in_order.or_else(|| {
            self.levels.iter().enumerate().rev().find_map(|(at, level)| {
                let child = level.find(0, level.at, line.tag, &qualifier)?;
                Some(Target { level: at, child, is_late: true })
            })
        })
    }

    fn keep(&mut self, line: &Line<'_>, findings: &mut Findings) -> Result<usize, Kind> {
        let is_known = self.guide.root.knows(line.tag);
        findings.add(Kind::SegmentUnexpected { is_known }, line.place(&self.syntax.delimiters, 0, 0, 0));
        let values = fields(self.syntax, line, &Rules::default(), findings);
        let count = values.len();
        match self.levels.last_mut() {
            Some(level) => level.keep(line.tag, Tree::Map(values)).map(|()| count),
            None => Ok(count),
        }
    }

    /// Closes loops until `open` levels are left.
    fn close_to(&mut self, open: usize, findings: &mut Findings) {
        while self.levels.len() > open.max(1)
            && let Some(level) = self.levels.pop()
        {
            let child = level.child;
            let value = level.finish(self.position, self.byte, findings);
            if let Some(around) = self.levels.last_mut() {
                around.put(child, value);
            }
        }
    }
}
