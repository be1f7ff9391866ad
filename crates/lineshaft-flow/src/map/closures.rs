//! `map`, `sort_by`, `group_by`, `reduce` over lists: linear in the number of items, with types that the compiler
//! can follow into the closure and out of it.

use std::collections::HashMap;

use vrl::compiler::prelude::*;
use vrl::example;

/// Which of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Map,
    SortBy,
    GroupBy,
    Reduce,
}

/// One of the four as a function.
#[derive(Clone, Copy, Debug)]
struct OverList(Work);

const LIST: &[Parameter] = &[Parameter::required("value", kind::ARRAY, "The list.")];

const LIST_AND_INITIAL: &[Parameter] = &[
    Parameter::required("value", kind::ARRAY, "The list."),
    Parameter::optional("initial", kind::ANY, "What the first item is taken together with."),
];

pub(super) fn functions() -> Vec<Box<dyn Function>> {
    [Work::Map, Work::SortBy, Work::GroupBy, Work::Reduce]
        .into_iter()
        .map(|work| Box::new(OverList(work)) as Box<dyn Function>)
        .collect()
}

impl Function for OverList {
    fn identifier(&self) -> &'static str {
        match self.0 {
            Work::Map => "map",
            Work::SortBy => "sort_by",
            Work::GroupBy => "group_by",
            Work::Reduce => "reduce",
        }
    }

    fn usage(&self) -> &'static str {
        match self.0 {
            Work::Map => "The list of what the closure gives for each item: map(list) -> |index, item| { ... }",
            Work::SortBy => {
                "The items in the order of the text or integer that the closure gives: sort_by(list) -> |item| { ... }"
            }
            Work::GroupBy => {
                "A list of {key, items}, by the text that the closure gives: group_by(list) -> |item| { ... }"
            }
            Work::Reduce => "All items taken together, one by one: reduce(list, initial) -> |sum, item| { ... }",
        }
    }

    fn category(&self) -> &'static str {
        "Lineshaft"
    }

    fn return_kind(&self) -> u16 {
        if self.0 == Work::Reduce { kind::ANY } else { kind::ARRAY }
    }

    fn parameters(&self) -> &'static [Parameter] {
        if self.0 == Work::Reduce { LIST_AND_INITIAL } else { LIST }
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    fn compile(&self, _: &state::TypeState, _: &mut FunctionCompileContext, arguments: ArgumentList) -> Compiled {
        Ok(OverListCall {
            work: self.0,
            value: arguments.required("value"),
            initial: arguments.optional("initial"),
            closure: arguments.required_closure()?,
        }
        .as_expr())
    }

    fn closure(&self) -> Option<closure::Definition> {
        use closure::{Definition, Input, Output, Variable, VariableKind};
        let exact = |kind| Variable { kind: VariableKind::Exact(kind) };
        let item = Variable { kind: VariableKind::TargetInnerValue };
        let (variables, output) = match self.0 {
            Work::Map => (vec![exact(Kind::integer()), item], Kind::any()),
            Work::SortBy => (vec![item], Kind::bytes().or_integer()),
            Work::GroupBy => (vec![item], Kind::bytes()),
            Work::Reduce => (vec![exact(Kind::any()), item], Kind::any()),
        };
        Some(Definition {
            inputs: vec![Input {
                parameter_keyword: "value",
                kind: Kind::array(Collection::any()),
                variables,
                output: Output::Kind(output),
                example: example! { title: "list", source: "map([1]) -> |_i, item| { item }", result: Ok("[1]") },
            }],
            is_iterator: true,
            supports_break: false,
        })
    }
}

#[derive(Clone, Debug)]
struct OverListCall {
    work: Work,
    value: Box<dyn Expression>,
    initial: Option<Box<dyn Expression>>,
    closure: Closure,
}

impl OverListCall {
    /// What the closure gives with one variable set.
    fn with_one(&self, ctx: &mut Context, item: &Value) -> Resolved {
        let variables = &self.closure.variables[..self.closure.variables.len().min(1)];
        let runner = closure::Runner::new(variables, |ctx: &mut Context| self.closure.block.resolve(ctx));
        let mut result = item.clone();
        runner.map_value(ctx, &mut result)?;
        Ok(result)
    }

    fn map(&self, ctx: &mut Context, items: Vec<Value>) -> Resolved {
        let runner = closure::Runner::new(&self.closure.variables, |ctx: &mut Context| self.closure.block.resolve(ctx));
        let mut made = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            ctx.checkpoint()?;
            made.push(runner.run_index_value_owned(ctx, at, item).map_err(|error| in_item(at, error))?);
        }
        Ok(Value::Array(made))
    }

    fn sort(&self, ctx: &mut Context, items: Vec<Value>) -> Resolved {
        let mut keyed = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            ctx.checkpoint()?;
            let key = match self.with_one(ctx, &item).map_err(|error| in_item(at, error))? {
                Value::Integer(number) => (Some(number), String::new()),
                text => (None, super::text_of(&text).unwrap_or_default().to_owned()),
            };
            keyed.push((key, item));
        }
        keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(Value::Array(keyed.into_iter().map(|(_, item)| item).collect()))
    }

    fn group(&self, ctx: &mut Context, items: Vec<Value>) -> Resolved {
        let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
        let mut places: HashMap<Bytes, usize> = HashMap::new();
        for (at, item) in items.into_iter().enumerate() {
            ctx.checkpoint()?;
            let key = self.with_one(ctx, &item).map_err(|error| in_item(at, error))?;
            let place = *places.entry(key.clone().try_bytes()?).or_insert(groups.len());
            if place == groups.len() {
                groups.push((key, Vec::new()));
            }
            groups[place].1.push(item);
        }
        let told = groups.into_iter().map(|(key, items)| {
            Value::Object(ObjectMap::from([("key".into(), key), ("items".into(), Value::Array(items))]))
        });
        Ok(Value::Array(told.collect()))
    }

    fn reduce(&self, ctx: &mut Context, items: Vec<Value>) -> Resolved {
        let mut items = items.into_iter().enumerate();
        let mut sum = match &self.initial {
            Some(initial) => initial.resolve(ctx)?,
            None => items.next().map_or(Value::Null, |(_, item)| item),
        };
        let variables = &self.closure.variables;
        let item_variable = variables.get(1..2).unwrap_or_default();
        for (at, item) in items {
            ctx.checkpoint()?;
            let outer = closure::Runner::new(&variables[..variables.len().min(1)], |ctx: &mut Context| {
                let inner = closure::Runner::new(item_variable, |ctx: &mut Context| self.closure.block.resolve(ctx));
                let mut result = item.clone();
                inner.map_value(ctx, &mut result)?;
                Ok(result)
            });
            outer.map_value(ctx, &mut sum).map_err(|error| in_item(at, error))?;
        }
        Ok(sum)
    }
}

/// The same error with the position of the item it struck.
fn in_item(at: usize, error: ExpressionError) -> ExpressionError {
    match error {
        ExpressionError::Error { message, labels, notes } => ExpressionError::Error {
            message: format!("item {at}: {}", super::diagnose::plain(&message)),
            labels,
            notes,
        },
        other => other,
    }
}

impl FunctionExpression for OverListCall {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        let items = self.value.resolve(ctx)?.try_array()?;
        match self.work {
            Work::Map => self.map(ctx, items),
            Work::SortBy => self.sort(ctx, items),
            Work::GroupBy => self.group(ctx, items),
            Work::Reduce => self.reduce(ctx, items),
        }
    }

    fn type_def(&self, state: &state::TypeState) -> TypeDef {
        let value = self.value.type_def(state);
        let closure = self.closure.block_type_def.kind().clone();
        let item = value.kind().as_array().map_or_else(Kind::any, Collection::reduced_kind);
        let mut fallible = value.is_fallible() || self.closure.block_type_def.is_fallible();
        let list = |kind: Kind| TypeDef::array(Collection::from_unknown(kind));
        let made = match self.work {
            Work::Map => list(closure),
            Work::SortBy => list(item),
            Work::GroupBy => list(Kind::object(Collection::from_parts(
                [("key".into(), Kind::bytes()), ("items".into(), Kind::array(Collection::from_unknown(item)))].into(),
                Kind::undefined(),
            ))),
            Work::Reduce => {
                let start = self.initial.as_ref().map(|initial| initial.type_def(state));
                fallible |= start.as_ref().is_some_and(TypeDef::is_fallible);
                let start = start.map_or_else(|| item.or_null(), |start| start.kind().clone());
                TypeDef::from(start.union(closure))
            }
        };
        made.maybe_fallible(fallible)
    }
}
