//! Messages made up by walking the guides themselves: each is written, and reads back as it was.

use lineshaft_model::tree::Tree;

use super::arrange::{arranged, write};
use super::delimiters::Delimiters;
use super::element::Syntax;
use super::guide::{Guide, Node};
use super::guides;
use super::name;
use super::read::{Budget, message};
use super::rules::{Form, Rules};
use super::token::Segments;
use super::write::Writer;
use crate::charset::Charset;

/// Chances without end, the same in every run (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

fn occurrence(node: &Node, depth: u64, chance: &mut Chance) -> Tree {
    let mut fields = elements(node, chance);
    for child in &node.children {
        let least = u64::from(child.is_mandatory);
        let more = if child.is_list { 3 } else { 1 - least };
        let wanted = if chance.one_in(2 + depth * 2) { chance.below(more + 1) } else { 0 };
        let count = (least + wanted).min(u64::from(child.most));
        let occurrences: Vec<Tree> = (0..count).map(|_| occurrence(child, depth + 1, chance)).collect();
        fields.push((child.name.clone(), Tree::List(occurrences)));
    }
    if node.is_hierarchy && depth < 5 {
        let beneath: Vec<Tree> = (0..chance.below(3)).map(|_| occurrence(node, depth + 1, chance)).collect();
        fields.push((node.name.clone(), Tree::List(beneath)));
    }
    Tree::Map(fields)
}

fn elements(node: &Node, chance: &mut Chance) -> Vec<(String, Tree)> {
    if node.tag.is_empty() {
        return Vec::new();
    }
    let mut present: u128 = if chance.one_in(2) { 1 << (1 + chance.below(8)) } else { 0 };
    let mandatory = node.rules.elements.iter().filter(|rule| rule.is_mandatory && rule.component == 1);
    mandatory.for_each(|rule| present |= 1 << rule.element);
    satisfy(&node.rules, &mut present);
    let mut values = Vec::new();
    for element in (1..64).filter(|element| present >> element & 1 == 1) {
        // The writer numbers levels that have no numbers.
        if node.is_hierarchy && element < 3 {
            continue;
        }
        let rules = node.rules.elements.iter().filter(|rule| rule.element == element);
        let mut components: Vec<u8> = rules.filter(|rule| rule.is_mandatory).map(|rule| rule.component).collect();
        if !components.contains(&1) {
            components.push(1);
        }
        for component in components {
            let value = value(node, element, component, chance);
            values.push((name::of(&node.tag, element, 1, component), Tree::Text(value)));
        }
    }
    values
}

fn satisfy(rules: &Rules, present: &mut u128) {
    for _ in 0..20 {
        for condition in &rules.conditions {
            if condition.holds(*present) {
                continue;
            }
            let all = condition.elements.iter().fold(0, |all, element| all | 1_u128 << element);
            match condition.text.as_bytes()[0] {
                b'E' => *present &= !all | 1 << condition.elements[0],
                b'R' => *present |= 1 << condition.elements[0],
                b'L' => *present |= 1 << condition.elements[1],
                _ => *present |= all,
            }
        }
    }
}

fn value(node: &Node, element: u8, component: u8, chance: &mut Chance) -> String {
    if (element, component) == (1, 1) && !node.qualifier.is_empty() {
        return node.qualifier.clone();
    }
    let rule = node.rules.elements.iter().find(|rule| rule.at() == (element, component));
    let picked = chance.below(1000);
    match rule {
        Some(rule) if !rule.codes.is_empty() => rule.codes[picked as usize % rule.codes.len()].clone(),
        Some(rule) if rule.form == Form::Number => format!("{picked}.{}", picked % 10),
        Some(rule) if rule.form == Form::Date => format!("202611{:02}", 1 + picked % 30),
        Some(rule) if rule.form == Form::Time => format!("{:02}{:02}", picked % 24, picked % 60),
        _ => format!("V {picked}"),
    }
}

/// A message by `guide`; its header says what it is.
fn made_up(guide: &Guide, seed: u64) -> Tree {
    let mut chance = Chance(seed * 2 + 1);
    (0..10).for_each(|_| {
        chance.below(2);
    });
    occurrence(&guide.root, 0, &mut chance)
}

const AMBIGUOUS: [&str; 3] = ["another loop", "is not expected here", "stands after what should follow it"];

#[test]
fn a_message_of_any_guide_reads_back_as_it_was() {
    for guide in guides::all_x12().iter().chain(guides::all_edifact()) {
        let delimiters = if guide.function.is_empty() { Delimiters::EDIFACT } else { Delimiters::X12 };
        let mut written = 0;
        for seed in 0..200 {
            let tree = made_up(guide, seed);
            let mut writer = Writer::new(delimiters, false);
            match write(Some(guide), &tree, delimiters, &mut writer) {
                Ok(_) => written += 1,
                // Some of what can be made up would be read into another loop; it is refused.
                Err(fault) if AMBIGUOUS.iter().any(|said| fault.message.contains(said)) => continue,
                Err(fault) => panic!("{} {seed}: {fault}\n{}", guide.kind, writer.text),
            }
            let syntax = Syntax::new(delimiters, Charset::Utf8);
            let segments: Vec<_> = Segments::new(writer.text.as_bytes(), 0, delimiters).collect();
            let (again, findings) = message(&syntax, Some(guide), &segments, &mut Budget::new());
            assert!(findings.is_empty(), "{} {seed}: {findings:?}", guide.kind);
            assert_eq!(arranged(guide, &again).as_ref(), Ok(&again), "{} {seed}: what is read is in order", guide.kind);
            let mut second = Writer::new(delimiters, false);
            second.message(&again).expect("writes");
            assert_eq!(second.text, writer.text, "{} {seed}", guide.kind);
        }
        assert!(written >= 50, "{}: only {written} of 200 could be written", guide.kind);
    }
}
