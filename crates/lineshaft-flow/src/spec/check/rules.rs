//! `rules/<object>.yaml`: what is known of one kind of object, how events change it, and what they may not do.

/// What must hold: the checks of a touch.
mod checks;

use std::collections::{BTreeMap, BTreeSet};

use lineshaft_model::tree::Path;

use super::scope::Scope;
use super::{SystemFile, World};
use crate::judge::rule::{Check, Listing, Rules, Sign, Touch, UNIT_FACT, UnitRule, When};
use crate::problem::Problem;
use crate::schema::Schema;
use crate::spec::report::Doc;
use crate::spec::rule_samples::{is_rule_sample, rule_samples};
use crate::spec::{FileKind, raw, values};

/// One readable rules file.
pub struct RulesFile<'a> {
    doc: Doc<'a>,
    raw: raw::Rules,
}

/// Names that the touches of one file fill, and how its object is named.
#[derive(Default)]
struct Filled<'a> {
    totals: BTreeSet<&'a str>,
    facts: BTreeSet<&'a str>,
    quantities: BTreeSet<&'a str>,
    lists: BTreeSet<&'a str>,
    name: Option<(Option<String>, usize)>,
}

/// Reads all rules files.
pub fn read<'a>(world: &mut World<'a>) -> Vec<RulesFile<'a>> {
    let mut found = Vec::new();
    for (file, text) in world.files.iter().filter(|(file, _)| file.starts_with("rules/") && !is_rule_sample(file)) {
        let name = file.strip_prefix("rules/").unwrap_or(file);
        if name.contains('/') || !name.ends_with(".yaml") {
            let help = "put it at `rules/<object>.yaml`, called like the kind of object it is about";
            world.report.push(Problem::error(file, "the file is not named like a file of rules").help(help));
            continue;
        }
        if let Some((doc, raw)) = super::read(&mut world.report, file, text, FileKind::Rules) {
            found.push(RulesFile { doc, raw });
        }
    }
    world.report.extend(rule_samples(world.files).1);
    found
}

/// Checks and compiles all rules. What is wrong is told and left out.
pub fn check(world: &mut World<'_>, files: &[RulesFile<'_>], systems: &[SystemFile<'_>]) -> Rules {
    let mut rules = Rules::new();
    for file in files {
        let scope = Scope { doc: &file.doc, prefix: Vec::new() };
        name(world, &scope, &file.raw.object);
        let mut filled = filled(&file.raw);
        for (event, touches) in &file.raw.events {
            let scope = Scope { doc: &file.doc, prefix: vec!["events"] };
            let schema = scope.event(world, &[event], event).map(|event| event.schema.clone());
            if touches.is_empty() {
                let help = "list what the event does: `- named_by: { key: order }`";
                scope.error(world, &[event], format!("`{event}` touches nothing"), help);
            }
            for (at, touch) in touches.iter().enumerate() {
                let at = at.to_string();
                let scope = Scope { doc: &file.doc, prefix: vec!["events", event, &at] };
                let place = TouchAt { scope: &scope, event, schema: schema.as_deref(), touch };
                place.named(world, systems, &mut filled);
                if let Some(touch) = place.compile(world, &file.raw.object, &filled) {
                    rules.entry(event.clone()).or_default().push(touch);
                }
            }
        }
    }
    rules
}

fn name(world: &mut World<'_>, scope: &Scope<'_>, name: &str) {
    let file = scope.doc.file;
    let stem = file.strip_prefix("rules/").and_then(|file| file.strip_suffix(".yaml")).unwrap_or(file);
    if !values::is_name(name) {
        let help = "use small letters, digits and `-`, beginning with a letter";
        scope.error(world, &["object"], format!("`{name}` cannot be a kind of object"), help);
    } else if name != stem {
        let help = format!("write `object: {stem}`, or rename the file to `rules/{name}.yaml`");
        scope.error(world, &["object"], format!("the file is named `{stem}`, but its object `{name}`"), help);
    }
}

fn filled(raw: &raw::Rules) -> Filled<'_> {
    let mut filled = Filled::default();
    for touch in raw.events.values().flatten() {
        filled.totals.extend(touch.adds.keys().chain(touch.takes.keys()).map(String::as_str));
        filled.quantities.extend(touch.sets_quantity.keys().map(String::as_str));
        filled.lists.extend(touch.sets_list.keys().map(String::as_str));
        filled.facts.extend(touch.sets.keys().chain(touch.sets_quantity.keys()).map(String::as_str));
    }
    filled
}

/// One touch where it stands.
struct TouchAt<'a, 'scope> {
    scope: &'a Scope<'scope>,
    event: &'a str,
    schema: Option<&'a Schema>,
    touch: &'a raw::Touch,
}

impl TouchAt<'_, '_> {
    /// One kind of object is named in one way, or two events would mean different objects by the same name.
    fn named(&self, world: &mut World<'_>, systems: &[SystemFile<'_>], filled: &mut Filled<'_>) {
        let named_by = &self.touch.named_by;
        if named_by.key.is_none() && named_by.paths.is_empty() {
            let help = "add `key: <kind>` for a business key, or `paths: [.<path>]` for values of the event";
            self.scope.error(world, &["named_by"], "nothing names the object", help);
            return;
        }
        let name = (named_by.key.clone(), named_by.paths.len());
        if *filled.name.get_or_insert_with(|| name.clone()) != name {
            let help = "name it by the same kind of key and the same number of paths everywhere in the file";
            self.scope.error(world, &["named_by"], "the object is named otherwise than above", help);
        }
        let Some(kind) = named_by.key.as_deref() else { return };
        for file in systems {
            let emits = file.raw.emits.iter().filter(|(_, emit)| emit.event.as_deref() == Some(self.event));
            for (interface, emit) in emits {
                let required = emit.keys.get(kind).map(|key| key.required);
                if required == Some(true) || required.is_some() && self.touch.optional {
                    continue;
                }
                let message =
                    format!("`{}/{interface}` emits the event without a required key `{kind}`", file.raw.system);
                let help = format!("add `{kind}:` to its `keys`, or write `optional: true` here");
                self.scope.error(world, &["named_by", "key"], message, help);
            }
        }
    }

    fn compile(&self, world: &mut World<'_>, object: &str, filled: &Filled<'_>) -> Option<Touch> {
        let raw = self.touch;
        let paths = raw.named_by.paths.iter().enumerate();
        let paths = paths.map(|(at, path)| self.path(world, &["named_by", "paths", &at.to_string()], path));
        let paths: Vec<Option<Path>> = paths.collect();
        let each = match &raw.each {
            None => Some(None),
            Some(path) => self.scope.path(world, &["each"], &path.0).map(Some),
        };
        let by = match &raw.by {
            None => Some(None),
            Some(by) => self.path(world, &["by"], by).map(Some),
        };
        let unit = self.unit(world);
        let adds = self.fields(world, "adds", &raw.adds);
        let takes = self.fields(world, "takes", &raw.takes);
        let sets = self.fields(world, "sets", &raw.sets);
        let quantities = self.fields(world, "sets_quantity", &raw.sets_quantity);
        let lists = self.lists(world);
        self.twice(world);
        let checks = raw.checks.iter().enumerate();
        let checks: Vec<Option<Check>> = checks.map(|(at, check)| self.check(world, at, check, filled)).collect();
        let nothing = raw.adds.is_empty() && raw.takes.is_empty() && raw.sets.is_empty() && raw.sets_list.is_empty();
        if nothing && raw.sets_quantity.is_empty() && raw.checks.is_empty() {
            let help = "add `adds`, `takes`, `sets`, `sets_quantity`, `sets_list` or `checks`";
            self.scope.error(world, &[], "the event does nothing to the object", help);
        }
        let signed = |list: Vec<(String, Path)>, sign| list.into_iter().map(move |(total, path)| (total, path, sign));
        Some(Touch {
            object: object.to_owned(),
            key: raw.named_by.key.clone(),
            paths: paths.into_iter().collect::<Option<_>>()?,
            optional: raw.optional,
            each: each?,
            by: by?,
            unit: unit?,
            counts: signed(adds?, Sign::Adds).chain(signed(takes?, Sign::Takes)).collect(),
            quantities: quantities?,
            sets: sets?,
            lists: lists?,
            checks: checks.into_iter().collect::<Option<_>>()?,
        })
    }

    fn unit(&self, world: &mut World<'_>) -> Option<Option<UnitRule>> {
        let Some(unit) = &self.touch.unit else { return Some(None) };
        let path = self.path(world, &["unit", "path"], &unit.path);
        let material = match &unit.material {
            None => Some(None),
            Some(material) => self.path(world, &["unit", "material"], material).map(Some),
        };
        Some(Some(UnitRule { path: path?, material: material? }))
    }

    /// A path of the event or, with `each`, of an entry of its list.
    fn path(&self, world: &mut World<'_>, at: &[&str], text: &raw::PathText) -> Option<Path> {
        let path = self.scope.path(world, at, &text.0)?;
        let inside = self.touch.each.as_ref().map(|each| format!("{}[]{}", each.0, text.0));
        if let Some(schema) = self.schema
            && schema.lacks(&text.0)
            && inside.is_none_or(|inside| schema.lacks(&inside))
        {
            let message = format!("`{}` has no field at `{}`", self.event, text.0);
            let help = format!("compare it with `model/{}.json`", self.event);
            self.scope.error(world, at, message, help);
        }
        Some(path)
    }

    fn fields(
        &self,
        world: &mut World<'_>,
        list: &str,
        fields: &BTreeMap<String, raw::PathText>,
    ) -> Option<Vec<(String, Path)>> {
        let mut compiled = Vec::new();
        for (name, path) in fields {
            self.identifier(world, list, name);
            compiled.push(self.path(world, &[list, name], path).map(|path| (name.clone(), path)));
        }
        compiled.into_iter().collect()
    }

    fn lists(&self, world: &mut World<'_>) -> Option<Vec<(String, Listing)>> {
        let mut compiled = Vec::new();
        for (name, listing) in &self.touch.sets_list {
            self.identifier(world, "sets_list", name);
            let when = listing.when.as_ref().map(|when| {
                let path = self.scope.path(world, &["sets_list", name, "when", "path"], &when.path.0);
                path.map(|path| When { path, is: when.is.clone() })
            });
            let each = self.scope.path(world, &["sets_list", name, "each"], &listing.each.0);
            let value = self.scope.path(world, &["sets_list", name, "value"], &listing.value.0);
            for (at, path) in [("each", listing.each.0.clone()), ("value", inside(listing, &listing.value.0))] {
                self.in_schema(world, &["sets_list", name, at], &path);
            }
            let when = match when {
                None => Some(None),
                Some(when) => when.map(Some),
            };
            compiled.push((|| Some((name.clone(), Listing { each: each?, value: value?, when: when? })))());
        }
        compiled.into_iter().collect()
    }

    fn identifier(&self, world: &mut World<'_>, list: &str, name: &str) {
        if !values::is_identifier(name) {
            let help = "use letters, digits and `_`, beginning with a letter";
            self.scope.error(world, &[list, name], format!("`{name}` cannot be the name of a total or fact"), help);
        }
    }

    /// A path that the event may have.
    fn in_schema(&self, world: &mut World<'_>, at: &[&str], path: &str) {
        if self.schema.is_some_and(|schema| schema.lacks(path)) {
            let message = format!("`{}` has no field at `{path}`", self.event);
            let help = format!("compare it with `model/{}.json`", self.event);
            self.scope.error(world, at, message, help);
        }
    }

    fn twice(&self, world: &mut World<'_>) {
        let raw = self.touch;
        for name in raw.takes.keys().filter(|name| raw.adds.contains_key(*name)) {
            let help = "keep one of both, or write two entries for the event";
            self.scope.error(world, &["takes", name], format!("`{name}` stands in `adds` and in `takes`"), help);
        }
        for name in raw.sets_quantity.keys().filter(|name| raw.sets.contains_key(*name)) {
            let help = "keep `sets_quantity` if it is a quantity, `sets` otherwise";
            let message = format!("`{name}` stands in `sets` and in `sets_quantity`");
            self.scope.error(world, &["sets_quantity", name], message, help);
        }
        for (list, facts) in [("sets", &raw.sets), ("sets_quantity", &raw.sets_quantity)] {
            if raw.unit.is_some() && facts.contains_key(UNIT_FACT) {
                let help = "remove the line: `unit:` keeps it already";
                let message = format!("`{UNIT_FACT}` is kept by the rules themselves");
                self.scope.error(world, &[list, UNIT_FACT], message, help);
            }
        }
    }
}

/// A path inside an entry of a list.
fn inside(listing: &raw::Listing, path: &str) -> String {
    format!("{}[]{path}", listing.each.0)
}
