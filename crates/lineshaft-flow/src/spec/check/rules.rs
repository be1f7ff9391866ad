//! `rules/<object>.yaml`: what is known of one kind of object, how events change it, and what they may not do.

use std::collections::{BTreeMap, BTreeSet};

use lineshaft_model::decimal::Decimal;
use lineshaft_model::tree::Path;

use super::scope::Scope;
use super::{SystemFile, World};
use crate::judge::rule::{self, Check, Rules, Sign, Touch, UNIT_FACT, UnitRule};
use crate::problem::Problem;
use crate::schema::Schema;
use crate::spec::report::{Doc, nearest};
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
    name: Option<(Option<String>, usize)>,
}

/// Reads all rules files.
pub fn read<'a>(world: &mut World<'a>) -> Vec<RulesFile<'a>> {
    let mut found = Vec::new();
    for (file, text) in world.files.iter().filter(|(file, _)| file.starts_with("rules/")) {
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
        let unit = self.unit(world);
        let adds = self.fields(world, "adds", &raw.adds);
        let takes = self.fields(world, "takes", &raw.takes);
        let sets = self.fields(world, "sets", &raw.sets);
        let quantities = self.fields(world, "sets_quantity", &raw.sets_quantity);
        self.twice(world);
        let checks = raw.checks.iter().enumerate();
        let checks: Vec<Option<Check>> = checks.map(|(at, check)| self.check(world, at, check, filled)).collect();
        let nothing = raw.adds.is_empty() && raw.takes.is_empty() && raw.sets.is_empty();
        if nothing && raw.sets_quantity.is_empty() && raw.checks.is_empty() {
            let help = "add `adds`, `takes`, `sets`, `sets_quantity` or `checks`";
            self.scope.error(world, &[], "the event does nothing to the object", help);
        }
        let signed = |list: Vec<(String, Path)>, sign| list.into_iter().map(move |(total, path)| (total, path, sign));
        Some(Touch {
            object: object.to_owned(),
            key: raw.named_by.key.clone(),
            paths: paths.into_iter().collect::<Option<_>>()?,
            optional: raw.optional,
            each: each?,
            unit: unit?,
            counts: signed(adds?, Sign::Adds).chain(signed(takes?, Sign::Takes)).collect(),
            quantities: quantities?,
            sets: sets?,
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
            if !values::is_identifier(name) {
                let help = "use letters, digits and `_`, beginning with a letter";
                self.scope.error(world, &[list, name], format!("`{name}` cannot be the name of a total or fact"), help);
            }
            compiled.push(self.path(world, &[list, name], path).map(|path| (name.clone(), path)));
        }
        compiled.into_iter().collect()
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

    fn check(&self, world: &mut World<'_>, at: usize, check: &raw::Check, filled: &Filled<'_>) -> Option<Check> {
        let at = at.to_string();
        let place = |kind: &'static str, field: &'static str| ["checks", &at, kind, field];
        match check {
            raw::Check::Known(known) => self.known(world, &at, known),
            raw::Check::Open(open) => {
                self.filled(world, &place("open", "fact"), &open.fact, &filled.facts, "facts");
                if open.closed.is_empty() && open.not_yet.is_empty() {
                    let help = "add `closed: [...]`, `not_yet: [...]` or both";
                    self.scope.error(world, &["checks", &at, "open"], "nothing would ever be stopped by it", help);
                }
                let (closed, not_yet) = (open.closed.clone(), open.not_yet.clone());
                Some(Check::Open { fact: open.fact.clone(), closed, not_yet })
            }
            raw::Check::NotOver(it) => {
                self.filled(world, &place("not_over", "total"), &it.total, &filled.totals, "totals");
                self.filled(world, &place("not_over", "limit"), &it.limit, &filled.quantities, "quantities");
                let tolerance = Decimal::parse(&it.tolerance_percent).ok().filter(|percent| !percent.is_negative());
                if tolerance.is_none() {
                    let message = format!("`{}` is not a percentage", it.tolerance_percent);
                    let help = "write nought or more, without the sign: `\"10\"`, `\"2.5\"`";
                    self.scope.error(world, &place("not_over", "tolerance_percent"), message, help);
                }
                Some(Check::NotOver { total: it.total.clone(), limit: it.limit.clone(), tolerance_percent: tolerance? })
            }
            raw::Check::NotNegative(it) => {
                self.filled(world, &place("not_negative", "total"), &it.total, &filled.totals, "totals");
                Some(Check::NotNegative { total: it.total.clone() })
            }
        }
    }

    fn known(&self, world: &mut World<'_>, at: &str, known: &raw::Known) -> Option<Check> {
        let place = |field: &'static str| ["checks", at, "known", field];
        match (&known.table, &known.key) {
            (None, None) => Some(Check::Known),
            (Some(table), key) => {
                if let Some(tables) = &world.tables
                    && !tables.contains(table)
                {
                    let help = nearest(table, tables.iter().map(String::as_str), "reference tables");
                    self.scope.error(world, &place("table"), format!("nobody fills a table `{table}`"), help);
                }
                if key.is_none() && self.touch.named_by.key.is_some() {
                    let help = "add `key: .<path>`: where the key in the table stands";
                    let message = "the object is named by a business key, which no table has";
                    self.scope.error(world, &["checks", at, "known"], message, help);
                }
                let key = match key {
                    Some(key) => Some(self.path(world, &place("key"), key)?),
                    None => None,
                };
                Some(rule::Check::Listed { table: table.clone(), key })
            }
            (None, Some(_)) => {
                let help = "add the table, or leave out both for the object itself: `known: { table: batch }`";
                self.scope.error(world, &["checks", at, "known"], "a key without its table", help);
                None
            }
        }
    }

    /// A name that some touch of the file fills: a check of anything else would never hold, or never fail.
    fn filled(&self, world: &mut World<'_>, at: &[&str], name: &str, known: &BTreeSet<&str>, what: &str) {
        if !known.contains(name) {
            let help = nearest(name, known.iter().copied(), what);
            self.scope.error(world, at, format!("no event of this file tells `{name}`"), help);
        }
    }
}
