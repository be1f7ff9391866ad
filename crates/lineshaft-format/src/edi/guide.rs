//! Message guides: which segments a message has, in which order and how often, and what their elements must be.
//!
//! A guide is a text, so that one can be added without a line of code. Those that come with the program are our own
//! short versions, written by hand from what is commonly exchanged; they are no copies of a standard's tables. One
//! guide serves all versions of its message: what it asks for is what all of them ask for, and what it does not know
//! is kept and told, not refused.
//!
//! ```text
//! 850 PO Purchase order           type, functional group (X12 only), title
//! BEG 1                           once; ? at most once, + at least once, * any number; *25 at most 25 times
//! N1 *                            a segment with others beneath it begins a loop
//!   N3 *
//! UNS[D] ?                        only where its first element is D; its name in a tree is UNS_D
//! HL + tree                       levels: 01 is the level's number, 02 its parent's
//! CTT ? 01!n                      more rules for its elements than its segment has anyway
//! @party                          the lines that `define party` has beneath it, here or in the parts of the standard
//! ```
//!
//! Rules of elements: `03!` mandatory, `01.2` the second component, `n` a number, `d` a date, `t` a time, `=A|E|R` one
//! of these codes; `P0304` and its like are conditions in the words of X12.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::name;
use super::rules::Rules;

/// Guides nest their loops this deep at most, and parts in each other.
pub(crate) const DEPTH_MAX: usize = 12;

/// A guide has this many lines at most, those of its parts included.
const LINES_MAX: usize = 5_000;

/// The guide of one type of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// The type: `850`, `ORDERS`.
    pub kind: String,
    /// Code of the functional group that carries it: `PO`. Empty in EDIFACT.
    pub function: String,
    /// What it is, in a few words.
    pub title: String,
    pub(crate) root: Node,
}

/// A segment at its place in a message, with what stands beneath it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its tag; empty for the message itself.
    pub(crate) tag: String,
    /// The field in a tree that holds it.
    pub(crate) name: String,
    /// What its first element must be for it to be this one; anything if empty.
    pub(crate) qualifier: String,
    pub(crate) is_mandatory: bool,
    pub(crate) most: u32,
    /// Whether it stands in a tree as a list, whatever number is there.
    pub(crate) is_list: bool,
    /// Whether elements 01 and 02 make a tree of its occurrences.
    pub(crate) is_hierarchy: bool,
    pub(crate) rules: Arc<Rules>,
    pub(crate) children: Vec<Node>,
}

impl Node {
    /// The child that a field of a tree names.
    pub(crate) fn child(&self, name: &str) -> Option<usize> {
        self.children.iter().position(|child| child.name == name)
    }

    /// Whether the guide has the segment anywhere from here on.
    pub(crate) fn knows(&self, tag: &str) -> bool {
        self.tag == tag || self.children.iter().any(|child| child.knows(tag))
    }
}

/// What the guides of one standard share: rules of segments, and lines that many messages have.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    rules: BTreeMap<String, Rules>,
    lines: BTreeMap<String, Vec<Line>>,
}

#[derive(Clone, Debug)]
struct Line {
    number: usize,
    depth: usize,
    words: Vec<String>,
}

impl Parts {
    /// Reads the rules of segments (`TAG rules`), and `define NAME` with lines beneath it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Self::default();
        let rest = parts.take_definitions(lines(text)?)?;
        for line in rest {
            let (tag, words) = line.words.split_first().map_or(("", [].as_slice()), |(tag, words)| (tag, words));
            if !name::is_tag(tag.as_bytes()) {
                return Err(line.wrong(&format!("{tag:?} is no tag")));
            }
            let rules = parts.rules.entry(tag.to_owned()).or_default();
            words.iter().try_for_each(|word| rules.add(word)).map_err(|problem| line.wrong(&problem))?;
        }
        Ok(parts)
    }

    /// Takes `define` blocks out of the lines.
    fn take_definitions(&mut self, lines: Vec<Line>) -> Result<Vec<Line>, String> {
        let mut rest = Vec::new();
        let mut defining = None;
        for line in lines {
            match line.words.as_slice() {
                [word, name] if word == "define" && line.depth == 0 => {
                    if self.lines.insert(name.clone(), Vec::new()).is_some() {
                        return Err(line.wrong(&format!("{name:?} is defined twice")));
                    }
                    defining = Some(name.clone());
                }
                _ => match defining.as_ref().filter(|_| line.depth > 0) {
                    Some(name) => {
                        let block = self.lines.entry(name.clone()).or_default();
                        block.push(Line { depth: line.depth - 1, ..line });
                    }
                    None => {
                        defining = None;
                        rest.push(line);
                    }
                },
            }
        }
        Ok(rest)
    }

    /// Puts the lines of parts where they are named. `around` are the parts that the lines stand in.
    fn expand<'name>(
        &'name self,
        lines: &'name [Line],
        depth: usize,
        around: &mut Vec<&'name str>,
        all: &mut Vec<Line>,
    ) -> Result<(), String> {
        for line in lines {
            let depth = depth + line.depth;
            if all.len() == LINES_MAX || depth > DEPTH_MAX {
                return Err(line.wrong("the guide is too long or too deep"));
            }
            let Some(part) = line.words[0].strip_prefix('@') else {
                all.push(Line { depth, ..line.clone() });
                continue;
            };
            let block = self.lines.get(part).ok_or_else(|| line.wrong(&format!("{part:?} is not defined")))?;
            if around.contains(&part) {
                return Err(line.wrong(&format!("{part:?} stands in itself")));
            }
            around.push(part);
            self.expand(block, depth, around, all)?;
            around.pop();
        }
        Ok(())
    }
}

impl Line {
    fn wrong(&self, problem: &str) -> String {
        format!("line {}: {problem}", self.number)
    }
}

/// The lines that say something; two blanks are one level.
fn lines(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let said = line.split('#').next().unwrap_or_default().trim_end();
        let words: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
        let blanks = said.len() - said.trim_start().len();
        if words.is_empty() {
            continue;
        }
        let line = Line { number, depth: blanks / 2, words };
        if blanks % 2 == 1 || line.depth > DEPTH_MAX {
            return Err(line.wrong("the indentation is not two blanks for each level, or too deep"));
        }
        lines.push(line);
    }
    Ok(lines)
}

impl Guide {
    /// Reads a guide. `header` is the tag of the segment that begins every message of its standard: `ST`, `UNH`.
    pub fn parse(text: &str, header: &str, parts: &Parts) -> Result<Self, String> {
        let mut parts = parts.clone();
        let lines = parts.take_definitions(lines(text)?)?;
        let (first, body) = lines.split_first().ok_or("the guide is empty")?;
        let has_function = header == "ST";
        let (kind, function, title) = match first.words.as_slice() {
            [kind, function, title @ ..] if has_function => (kind, function.clone(), title),
            [kind, title @ ..] if !has_function => (kind, String::new(), title),
            _ => return Err(first.wrong("type, functional group and title should stand here")),
        };
        let mut root = Node::default();
        let head = Line { number: 0, depth: 0, words: vec![header.to_owned(), "1".to_owned()] };
        let mut all = vec![head];
        parts.expand(body, 0, &mut Vec::new(), &mut all)?;
        let rest = children(&mut root, &all, 0, &parts)?;
        match rest.first() {
            None => Ok(Self { kind: kind.clone(), function, title: title.join(" "), root }),
            Some(line) => Err(line.wrong("the indentation leaps")),
        }
    }
}

/// Adds the lines of one level, and of those beneath it, to `parent`; what is left belongs to a level above.
fn children<'lines>(
    parent: &mut Node,
    mut lines: &'lines [Line],
    depth: usize,
    parts: &Parts,
) -> Result<&'lines [Line], String> {
    while let Some((line, rest)) = lines.split_first().filter(|(line, _)| line.depth == depth) {
        let mut node = node(line, parts)?;
        lines = children(&mut node, rest, depth + 1, parts)?;
        if parent.child(&node.name).is_some() {
            return Err(line.wrong(&format!("{} stands twice beside each other", node.name)));
        }
        parent.children.push(node);
    }
    Ok(lines)
}

fn node(line: &Line, parts: &Parts) -> Result<Node, String> {
    let (tag, qualifier) = match line.words[0].split_once('[') {
        Some((tag, rest)) => (tag, rest.strip_suffix(']').ok_or_else(|| line.wrong("] is missing"))?),
        None => (line.words[0].as_str(), ""),
    };
    if !name::is_tag(tag.as_bytes()) {
        return Err(line.wrong(&format!("{tag:?} is no tag")));
    }
    let often = line.words.get(1).map_or("", String::as_str);
    let (is_mandatory, is_list, most) = match often.split_at_checked(1) {
        Some(("1", "")) => (true, false, 1),
        Some(("?", "")) => (false, false, 1),
        Some((sign @ ("*" | "+"), "")) => (sign == "+", true, u32::MAX),
        Some((sign @ ("*" | "+"), most)) => {
            (sign == "+", true, most.parse().map_err(|_| line.wrong(&format!("{most:?} is no number")))?)
        }
        _ => return Err(line.wrong("how often the segment occurs should stand here: 1, ?, + or *")),
    };
    let mut rules = parts.rules.get(tag).cloned().unwrap_or_default();
    let (hierarchy, own): (Vec<&String>, _) = line.words.iter().skip(2).partition(|word| *word == "tree");
    own.iter().try_for_each(|word| rules.add(word)).map_err(|problem| line.wrong(&problem))?;
    Ok(Node {
        tag: tag.to_owned(),
        name: if qualifier.is_empty() { tag.to_owned() } else { format!("{tag}_{qualifier}") },
        qualifier: qualifier.to_owned(),
        is_mandatory,
        most,
        is_list,
        is_hierarchy: !hierarchy.is_empty(),
        rules: Arc::new(rules),
        children: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: &str = "N1 01!\nCTT 01!n\ndefine party\n  N1 *\n    N3 *2\n";

    fn outline(node: &Node) -> String {
        let children: Vec<String> = node.children.iter().map(outline).collect();
        let often = match (node.is_mandatory, node.is_list) {
            (true, false) => "1",
            (false, false) => "?",
            (true, true) => "+",
            (false, true) => "*",
        };
        let beneath = if children.is_empty() { String::new() } else { format!("({})", children.join(" ")) };
        format!("{}{often}{beneath}", node.name)
    }

    #[test]
    fn a_guide_is_read_with_its_parts() {
        let parts = Parts::parse(PARTS).expect("parts");
        let text =
            "850 PO Purchase order # ours\nBEG 1\n@party\nPO1 + \n  @party\nUNS[D] ?\nHL * tree\n  HL[x] ?\nCTT ?\n";
        let guide = Guide::parse(text, "ST", &parts).expect("guide");
        let names = [guide.kind.as_str(), &guide.function, &guide.title];
        assert_eq!(names, ["850", "PO", "Purchase order"]);
        let found: Vec<String> = guide.root.children.iter().map(outline).collect();
        assert_eq!(found, ["ST1", "BEG1", "N1*(N3*)", "PO1+(N1*(N3*))", "UNS_D?", "HL*(HL_x?)", "CTT?"]);
        assert_eq!(guide.root.children[2].children[0].most, 2);
        assert!(guide.root.children[5].is_hierarchy);
        assert_eq!(guide.root.children[2].rules.elements.len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, said) in [
            ("", "empty"),
            ("850", "line 1"),
            ("850 PO x\nbeg 1", "line 2: \"beg\" is no tag"),
            ("850 PO x\nBEG", "line 2: how often"),
            ("850 PO x\nBEG *x", "line 2: \"x\" is no number"),
            ("850 PO x\nBEG 1 3x", "line 2: \"3x\" is no rule"),
            ("850 PO x\n BEG 1", "line 2: the indentation"),
            ("850 PO x\nBEG 1\n    REF 1", "line 3: the indentation leaps"),
            ("850 PO x\nBEG 1\nBEG ?", "line 3: BEG stands twice"),
            ("850 PO x\n@other", "line 2: \"other\" is not defined"),
            ("850 PO x\n@loop\ndefine loop\n  N1 *\n    @loop", "\"loop\" stands in itself"),
        ] {
            let error = Guide::parse(text, "ST", &Parts::default()).expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
