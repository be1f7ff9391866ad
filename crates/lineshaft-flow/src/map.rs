//! Tree to canonical event, canonical event to a receiver's document: VRL with our own functions.
//!
//! A map is compiled once and run many times. It reads `.` (the document), `%` (facts about the transaction) and
//! reference tables; what stands in `.` at its end is the result. The same document, facts and catalog always make
//! the same result: there is no clock, randomness, network or file, and no binary floating point. Numbers of a
//! document are text in a map; operators on them do not compile, the `dec_*` functions do.

mod closures;

mod convert;

/// The functions as a person reads of them.
pub mod described;

mod diagnose;

mod lint;

mod native;

mod stdlib;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::tree::Tree;
use sha2::{Digest as _, Sha256};
use vrl::compiler::runtime::{Runtime, Terminate};
use vrl::compiler::state::ExternalEnv;
use vrl::compiler::{CompileConfig, Function, Program, TargetValueRef, TimeZone};
use vrl::value::{Secrets, Value};

use crate::problem::Problem;
use crate::schema::Schema;

/// How many expressions one run may evaluate. A 20-field document needs some hundred.
pub const STEPS_MAX: u32 = 2_000_000;

/// What is known about a map when it is compiled.
#[derive(Clone, Copy, Debug, Default)]
pub struct MapContext<'a> {
    /// The agreed shape of its input, enforced before it runs. Without one every field may be anything.
    pub input: Option<&'a Schema>,
    /// The agreed shape of its result: a required field that the map never sets is a problem.
    pub output: Option<&'a Schema>,
    /// Known reference tables; `None` for any.
    pub tables: Option<&'a BTreeSet<String>>,
}

/// What the engine tells a map about the transaction; a map reads them as `%id`, `%received_at` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Transaction id.
    pub id: String,
    /// When the document was received: RFC 3339, UTC.
    pub received_at: String,
    /// Site code; empty while it is not known.
    pub site: String,
    /// IANA time zone of the site; empty while it is not known.
    pub time_zone: String,
    /// Full name of the interface.
    pub interface: String,
    /// In the map of a receiver, for what takes back an earlier transaction: the receiver's reference of that. Else empty.
    pub original_receipt: String,
}

/// A compiled map.
pub struct Map {
    /// First 16 hexadecimal digits of the SHA-256 of its text.
    pub version: String,
    file: String,
    text: String,
    program: Program,
    tables: BTreeSet<String>,
    warnings: Vec<Problem>,
}

/// What one run can reach; functions find it here, because VRL hands them no argument of ours.
#[derive(Default)]
struct Run {
    catalog: Option<Arc<Catalog>>,
    faults: Vec<Fault>,
}

thread_local! {
    static RUN: RefCell<Run> = RefCell::default();
    static RUNTIME: RefCell<Runtime> = RefCell::default();
}

/// Reference tables that a map names, collected while it compiles.
#[derive(Default)]
struct UsedTables(BTreeSet<String>);

/// Reference tables that exist.
struct KnownTables(BTreeSet<String>);

static FUNCTIONS: LazyLock<Vec<Box<dyn Function>>> = LazyLock::new(|| {
    let mut functions = stdlib::allowed();
    functions.extend(native::functions());
    functions.extend(closures::functions());
    functions
});

impl Map {
    /// Compiles the map `text`, which stands in `file`. Every problem is told at once, with line and column.
    pub fn compile(text: &str, file: &str, context: &MapContext<'_>) -> Result<Self, Vec<Problem>> {
        let mut problems = match vrl::parser::parse(text) {
            Ok(program) => lint::check(&program, text, file, context.input),
            Err(_) => Vec::new(), // The compiler tells the same error below.
        };
        let mut config = CompileConfig::default();
        config.set_custom(UsedTables::default());
        if let Some(tables) = context.tables {
            config.set_custom(KnownTables(tables.clone()));
        }
        let input = context.input.map_or_else(vrl::value::Kind::any, convert::kind_of);
        let external = ExternalEnv::new_with_kind(input, convert::facts_kind());
        match vrl::compiler::compile_with_external(text, &FUNCTIONS, &external, config) {
            Ok(result) => {
                if let Some(output) = context.output {
                    problems.extend(convert::never_set(&result.program, output, file));
                }
                if !problems.is_empty() {
                    return Err(in_order(problems));
                }
                let used = result.config.get_custom::<UsedTables>().map(|used| used.0.clone());
                Ok(Self {
                    version: version_of(text),
                    file: file.to_owned(),
                    text: text.to_owned(),
                    program: result.program,
                    tables: used.unwrap_or_default(),
                    warnings: diagnose::problems(result.warnings, text, file),
                })
            }
            Err(diagnostics) => {
                let own: BTreeSet<_> = problems.iter().map(|problem| problem.line).collect();
                // A line that already has a plainer message of ours needs no second one.
                let theirs = diagnose::problems(diagnostics, text, file);
                problems.extend(theirs.into_iter().filter(|problem| !own.contains(&problem.line)));
                Err(in_order(problems))
            }
        }
    }

    /// Runs the map. Faults: [`Code::MapFailed`] with `file:line:column`, [`Code::MapUnknownReference`] with the table
    /// and key waited for, [`Code::MapUnit`], and [`Code::MapTimeLimit`] after [`STEPS_MAX`] steps.
    pub fn run(&self, input: &Tree, catalog: &Arc<Catalog>, facts: &Facts) -> Result<Tree, Fault> {
        let (mut value, mut metadata) = (convert::to_value(input), convert::facts_value(facts));
        let mut secrets = Secrets::default();
        let mut target = TargetValueRef { value: &mut value, metadata: &mut metadata, secrets: &mut secrets };
        RUN.with_borrow_mut(|run| *run = Run { catalog: Some(Arc::clone(catalog)), faults: Vec::new() });
        let mut left = STEPS_MAX;
        let mut control = || {
            left = left.saturating_sub(1);
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let ended = RUNTIME.with_borrow_mut(|runtime| {
            runtime.clear();
            runtime.resolve_with_control(&mut target, &self.program, &utc(), &mut control)
        });
        let run = RUN.take();
        match ended {
            Ok(_) => convert::to_tree(value).map_err(|message| Fault::new(Code::MapFailed, message).at(&*self.file)),
            Err(Terminate::Interrupted) => {
                let message = format!("the map used up its {STEPS_MAX} steps");
                Err(Fault::new(Code::MapTimeLimit, message).at(&*self.file))
            }
            Err(Terminate::Error(error) | Terminate::Abort(error)) => {
                Err(diagnose::fault(error, &run.faults, &self.text, &self.file))
            }
        }
    }

    /// The file that it stands in, relative to the project.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Paths of the document that the map reads, in order: `.order`, `.items`, `%site`.
    pub fn reads(&self) -> Vec<String> {
        let paths: BTreeSet<_> = self.program.info().target_queries.iter().map(ToString::to_string).collect();
        paths.into_iter().collect()
    }

    /// Paths of the result that the map sets, in order.
    pub fn writes(&self) -> Vec<String> {
        let paths: BTreeSet<_> = self.program.info().target_assignments.iter().map(ToString::to_string).collect();
        paths.into_iter().collect()
    }

    /// Reference tables that the map looks into; `convert_unit` with a material looks into `material`.
    pub fn tables(&self) -> &BTreeSet<String> {
        &self.tables
    }

    /// What a person should look at although the map works: results that nothing uses.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("file", &self.file).field("version", &self.version).finish_non_exhaustive()
    }
}

fn utc() -> TimeZone {
    static UTC: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::parse("UTC").unwrap_or_default());
    *UTC
}

fn version_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn in_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

/// The catalog of the run on this thread. Outside a run, as when the compiler folds constants, it is empty.
fn with_catalog<T>(read: impl FnOnce(&Catalog) -> T) -> T {
    RUN.with_borrow(|run| match &run.catalog {
        Some(catalog) => read(catalog),
        None => read(&Catalog::default()),
    })
}

/// Keeps a fault beside the error that VRL carries; the answer is the note by which the error finds it again.
fn keep_fault(fault: Fault) -> String {
    RUN.with_borrow_mut(|run| {
        run.faults.push(fault);
        format!("{FAULT_NOTE}{}", run.faults.len() - 1)
    })
}

/// Starts the note by which an error finds its fault.
const FAULT_NOTE: &str = "lineshaft fault ";

/// Text of a VRL value, if it is text.
fn text_of(value: &Value) -> Option<&str> {
    value.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
}
