//! What must hold, as the checks of a touch say it.

use std::collections::BTreeSet;

use super::{Filled, TouchAt};
use crate::judge::rule::{Bound, Check, When, percentage};
use crate::spec::check::World;
use crate::spec::raw;
use crate::spec::report::nearest;

/// A check where it stands: its place in the list, and its kind.
struct At<'a> {
    number: &'a str,
    kind: &'static str,
}

impl<'a> At<'a> {
    fn field(&self, field: &'a str) -> [&'a str; 4] {
        ["checks", self.number, self.kind, field]
    }

    fn whole(&self) -> [&'a str; 3] {
        ["checks", self.number, self.kind]
    }
}

impl TouchAt<'_, '_> {
    pub(super) fn check(
        &self,
        world: &mut World<'_>,
        number: usize,
        check: &raw::Check,
        filled: &Filled<'_>,
    ) -> Option<Check> {
        let number = number.to_string();
        let at = |kind| At { number: &number, kind };
        match check {
            raw::Check::Known(known) => self.known(world, &at("known"), known),
            raw::Check::Open(open) => {
                let at = at("open");
                self.filled(world, &at.field("fact"), &open.fact, &filled.facts, "facts");
                if open.closed.is_empty() && open.not_yet.is_empty() {
                    let help = "add `closed: [...]`, `not_yet: [...]` or both";
                    self.scope.error(world, &at.whole(), "nothing would ever be stopped by it", help);
                }
                let (closed, not_yet) = (open.closed.clone(), open.not_yet.clone());
                Some(Check::Open { fact: open.fact.clone(), closed, not_yet })
            }
            raw::Check::NotOver(it) => {
                let at = at("not_over");
                let names = (it.total.as_str(), it.limit.as_str());
                let bound = self.bound(world, &at, names, (&it.tolerance_percent, it.tolerance.as_deref()), filled);
                if let Some(fact) = &it.unlimited {
                    self.filled(world, &at.field("unlimited"), fact, &filled.facts, "facts");
                }
                Some(Check::NotOver { bound: bound?, unlimited: it.unlimited.clone() })
            }
            raw::Check::NotUnder(it) => {
                let at = at("not_under");
                let names = (it.total.as_str(), it.limit.as_str());
                let bound = self.bound(world, &at, names, (&it.tolerance_percent, it.tolerance.as_deref()), filled);
                let when = it.when.as_ref().map(|when| self.when(world, &at, when));
                let when = match when {
                    None => None,
                    Some(when) => Some(when?),
                };
                Some(Check::NotUnder { bound: bound?, when })
            }
            raw::Check::NotNegative(it) => {
                self.filled(world, &at("not_negative").field("total"), &it.total, &filled.totals, "totals");
                Some(Check::NotNegative { total: it.total.clone() })
            }
            raw::Check::InSequence(it) => self.in_sequence(world, &at("in_sequence"), it, filled),
            raw::Check::Usable(it) => {
                let at = at("usable");
                self.table(world, &at, &it.table);
                self.own_name(world, &at, it.key.is_some());
                self.some(world, &at.field("blocked"), &it.blocked);
                let field = self.scope.path(world, &at.field("field"), &it.field.0);
                let key = match &it.key {
                    Some(key) => Some(self.path(world, &at.field("key"), key)?),
                    None => None,
                };
                Some(Check::Usable { table: it.table.clone(), key, field: field?, blocked: it.blocked.clone() })
            }
            raw::Check::InPeriod(it) => {
                let at = at("in_period");
                self.table(world, &at, &it.table);
                let date = self.path(world, &at.field("date"), &it.date);
                let of = match &it.of {
                    Some(of) => Some(self.path(world, &at.field("of"), of)?),
                    None => None,
                };
                Some(Check::InPeriod { table: it.table.clone(), date: date?, of })
            }
        }
    }

    fn in_sequence(
        &self,
        world: &mut World<'_>,
        at: &At<'_>,
        it: &raw::InSequence,
        filled: &Filled<'_>,
    ) -> Option<Check> {
        self.filled(world, &at.field("steps"), &it.steps, &filled.lists, "lists");
        for name in &it.done {
            self.filled(world, &at.field("done"), name, &filled.totals, "totals");
        }
        self.filled(world, &at.field("passes_on"), &it.passes_on, &filled.totals, "totals");
        if let Some(fact) = &it.milestones {
            self.filled(world, &at.field("milestones"), fact, &filled.lists, "lists");
        }
        self.some(world, &at.field("done"), &it.done);
        let Some(by) = &self.touch.by else {
            let help = "add `by: .<path>` to the entry: the value that names the step";
            self.scope.error(world, &at.whole(), "totals of steps are not kept apart", help);
            return None;
        };
        Some(Check::InSequence {
            steps: it.steps.clone(),
            step: self.path(world, &["by"], by)?,
            done: it.done.clone(),
            passes_on: it.passes_on.clone(),
            milestones: it.milestones.clone(),
        })
    }

    fn bound(
        &self,
        world: &mut World<'_>,
        at: &At<'_>,
        (total, limit): (&str, &str),
        (percent, tolerance): (&str, Option<&str>),
        filled: &Filled<'_>,
    ) -> Option<Bound> {
        self.filled(world, &at.field("total"), total, &filled.totals, "totals");
        self.filled(world, &at.field("limit"), limit, &filled.quantities, "quantities");
        if let Some(fact) = tolerance {
            self.filled(world, &at.field("tolerance"), fact, &filled.facts, "facts");
        }
        let tolerance_percent = percentage(percent);
        if tolerance_percent.is_none() {
            let message = format!("`{percent}` is not a percentage");
            let help = "write nought or more, without the sign: `\"10\"`, `\"2.5\"`";
            self.scope.error(world, &at.field("tolerance_percent"), message, help);
        }
        Some(Bound {
            total: total.to_owned(),
            limit: limit.to_owned(),
            tolerance_percent: tolerance_percent?,
            tolerance: tolerance.map(str::to_owned),
        })
    }

    fn when(&self, world: &mut World<'_>, at: &At<'_>, when: &raw::When) -> Option<When> {
        let place = ["checks", at.number, at.kind, "when", "path"];
        self.some(world, &["checks", at.number, at.kind, "when", "is"], &when.is);
        Some(When { path: self.path(world, &place, &when.path)?, is: when.is.clone() })
    }

    fn some(&self, world: &mut World<'_>, at: &[&str], values: &[String]) {
        if values.is_empty() {
            self.scope.error(world, at, "nothing would ever be stopped by it", "name at least one value");
        }
    }

    fn known(&self, world: &mut World<'_>, at: &At<'_>, known: &raw::Known) -> Option<Check> {
        match (&known.table, &known.key) {
            (None, None) => Some(Check::Known),
            (Some(table), key) => {
                self.table(world, at, table);
                self.own_name(world, at, key.is_some());
                let key = match key {
                    Some(key) => Some(self.path(world, &at.field("key"), key)?),
                    None => None,
                };
                Some(Check::Listed { table: table.clone(), key })
            }
            (None, Some(_)) => {
                let help = "add the table, or leave out both for the object itself: `known: { table: batch }`";
                self.scope.error(world, &at.whole(), "a key without its table", help);
                None
            }
        }
    }

    fn table(&self, world: &mut World<'_>, at: &At<'_>, table: &str) {
        if let Some(tables) = &world.tables
            && !tables.contains(table)
        {
            let help = nearest(table, tables.iter().map(String::as_str), "reference tables");
            self.scope.error(world, &at.field("table"), format!("nobody fills a table `{table}`"), help);
        }
    }

    /// Without a key the object's own name is looked up, which must be one that a table can have.
    fn own_name(&self, world: &mut World<'_>, at: &At<'_>, has_key: bool) {
        if !has_key && self.touch.named_by.key.is_some() {
            let help = "add `key: .<path>`: where the key in the table stands";
            let message = "the object is named by a business key, which no table has";
            self.scope.error(world, &at.whole(), message, help);
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
