//! Our own functions without a closure: one table, one way to call them.

mod calendar;

mod decimals;

mod lookup;

mod text;

use lineshaft_model::fault::Fault;
use vrl::compiler::prelude::*;
use vrl::diagnostic::Label;

use super::{KnownTables, UsedTables};

/// One function of ours.
#[derive(Debug)]
pub(super) struct Native {
    name: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    gives: Gives,
    fails: Fails,
    call: fn(&Arguments) -> Result<Value, Failure>,
}

/// What a function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gives {
    /// Text.
    Text,
    /// Text that is a decimal: operators on it do not compile.
    Decimal,
    /// An integer.
    Integer,
    /// A truth value.
    Truth,
}

/// Whether a call can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    /// Yes.
    Maybe,
    /// No.
    Never,
    /// Not if it has an argument `default`.
    WithoutDefault,
}

/// Why a call failed.
enum Failure {
    /// In words.
    Words(String),
    /// With a code of its own.
    Fault(Fault),
}

impl From<String> for Failure {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// Arguments in the order of the parameters.
struct Arguments(Vec<Option<Value>>);

impl Arguments {
    fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at).and_then(Option::as_ref)
    }

    /// The text of a required or given argument.
    fn text(&self, at: usize) -> Result<&str, Failure> {
        let value = self.get(at).ok_or_else(|| Failure::Words("an argument is missing".to_owned()))?;
        super::text_of(value).ok_or_else(|| Failure::Words("an argument is not text in UTF-8".to_owned()))
    }

    fn optional_text(&self, at: usize) -> Result<Option<&str>, Failure> {
        if self.get(at).is_none() { Ok(None) } else { self.text(at).map(Some) }
    }

    fn optional_integer(&self, at: usize) -> Option<i64> {
        self.get(at).and_then(Value::as_integer)
    }
}

static TABLES: [&[Native]; 4] = [lookup::FUNCTIONS, decimals::FUNCTIONS, calendar::FUNCTIONS, text::FUNCTIONS];

pub(super) fn functions() -> impl Iterator<Item = Box<dyn Function>> {
    TABLES.into_iter().flatten().map(|native| Box::new(native) as Box<dyn Function>)
}

/// Names of our own functions, by what they are for.
pub(super) fn groups() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    ["Look up", "Decimals and units", "Dates and times", "Text"]
        .into_iter()
        .zip(TABLES)
        .map(|(group, table)| (group, table.iter().map(|native| native.name).collect()))
}

/// Whether the function gives a decimal.
pub(super) fn gives_decimal(name: &str) -> bool {
    find(name).is_some_and(|native| native.gives == Gives::Decimal)
}

/// Whether the function gives an integer or a truth value.
pub(super) fn gives_exact(name: &str) -> bool {
    find(name).is_some_and(|native| matches!(native.gives, Gives::Integer | Gives::Truth))
}

/// Whether the function gives a date or an instant, whose order as text is their order in time.
pub(super) fn gives_time(name: &str) -> bool {
    calendar::FUNCTIONS.iter().any(|native| native.name == name)
}

fn find(name: &str) -> Option<&'static Native> {
    TABLES.into_iter().flatten().find(|native| native.name == name)
}

impl Function for &'static Native {
    fn identifier(&self) -> &'static str {
        self.name
    }

    fn usage(&self) -> &'static str {
        self.about
    }

    fn category(&self) -> &'static str {
        "Lineshaft"
    }

    fn return_kind(&self) -> u16 {
        match self.gives {
            Gives::Text | Gives::Decimal => kind::BYTES,
            Gives::Integer => kind::INTEGER,
            Gives::Truth => kind::BOOLEAN,
        }
    }

    fn parameters(&self) -> &'static [Parameter] {
        self.parameters
    }

    fn examples(&self) -> &'static [Example] {
        &[]
    }

    /// Reference data changes between runs, so no call may be folded at compile time.
    fn pure(&self) -> bool {
        false
    }

    fn compile(
        &self,
        state: &state::TypeState,
        context: &mut FunctionCompileContext,
        arguments: ArgumentList,
    ) -> Compiled {
        if self.parameters.iter().any(|parameter| parameter.keyword == "table") {
            let table = arguments.required_literal("table", state)?;
            use_table(context, &table.to_string_lossy())?;
        }
        if arguments.optional("material").is_some() {
            use_table(context, lineshaft_model::unit::MATERIAL_TABLE)?;
        }
        let given: Vec<_> = self.parameters.iter().map(|parameter| arguments.optional(parameter.keyword)).collect();
        let has_default = arguments.optional("default").is_some();
        let fails = match self.fails {
            Fails::Maybe => true,
            Fails::Never => false,
            Fails::WithoutDefault => !has_default,
        };
        Ok(NativeCall { native: self, given, fails, span: context.span() }.as_expr())
    }
}

fn use_table(context: &mut FunctionCompileContext, table: &str) -> Result<(), Box<dyn DiagnosticMessage>> {
    if let Some(known) = context.get_external_context::<KnownTables>()
        && !known.0.contains(table)
    {
        let near =
            known.0.iter().max_by(|a, b| strsim::jaro_winkler(a, table).total_cmp(&strsim::jaro_winkler(b, table)));
        let near = near.filter(|name| strsim::jaro_winkler(name, table) > 0.8);
        let help = match near {
            Some(near) => format!("did you mean {near:?}?"),
            None => "declare it by an interface that emits into it, or correct the name".to_owned(),
        };
        let message = format!("there is no reference table {table:?}");
        return Err(Box::new(OwnError { message, help, span: context.span() }));
    }
    if let Some(used) = context.get_external_context_mut::<UsedTables>() {
        used.0.insert(table.to_owned());
    }
    Ok(())
}

/// An error that our own functions raise while a map compiles.
#[derive(Debug)]
struct OwnError {
    message: String,
    help: String,
    span: Span,
}

impl std::fmt::Display for OwnError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OwnError {}

impl DiagnosticMessage for OwnError {
    fn code(&self) -> usize {
        super::diagnose::OWN_CODE
    }

    fn labels(&self) -> Vec<Label> {
        vec![Label::primary(self.help.clone(), self.span)]
    }
}

#[derive(Clone, Debug)]
struct NativeCall {
    native: &'static Native,
    given: Vec<Option<Box<dyn Expression>>>,
    fails: bool,
    span: Span,
}

impl FunctionExpression for NativeCall {
    fn resolve(&self, ctx: &mut Context) -> Resolved {
        let mut arguments = Vec::with_capacity(self.given.len());
        for expression in &self.given {
            arguments.push(expression.as_ref().map(|expression| expression.resolve(ctx)).transpose()?);
        }
        (self.native.call)(&Arguments(arguments)).map_err(|failure| {
            let (message, notes) = match failure {
                Failure::Words(words) => (words, Vec::new()),
                Failure::Fault(fault) => (fault.message.clone(), vec![Note::Hint(super::keep_fault(fault))]),
            };
            ExpressionError::Error { labels: vec![Label::primary(message.clone(), self.span)], message, notes }
        })
    }

    fn type_def(&self, _: &state::TypeState) -> TypeDef {
        let kind = match self.native.gives {
            Gives::Text | Gives::Decimal => TypeDef::bytes(),
            Gives::Integer => TypeDef::integer(),
            Gives::Truth => TypeDef::boolean(),
        };
        kind.maybe_fallible(self.fails).impure()
    }
}
