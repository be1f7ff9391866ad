//! `lineshaft map`: maps run on their samples, or on one document.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use lineshaft_flow::map::{Facts, Map as Compiled};
use lineshaft_flow::process::{self, Placed};
use lineshaft_flow::project::{Emit, Format, Project};
use lineshaft_flow::spec::{self, Expected, Files, Sample};
use lineshaft_format::json;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::Received;
use lineshaft_model::tree::Tree;
use serde::Serialize;

use crate::diff;
use crate::exit::{Exit, Failure};
use crate::folder;
use crate::lineage;
use crate::print::{self, OutputArgs};

/// Run maps on samples or on a document.
#[derive(Args)]
pub struct Map {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run every map on the samples beside it; exit code 8 if one differs
    Test(Test),
    /// Run one map on one document, and tell where each field comes from
    Run(Run),
}

#[derive(Args)]
struct Test {
    /// Directory of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// What the samples came to, for programs.
#[derive(Default, Serialize)]
struct Tested {
    items: Vec<Case>,
    passed: usize,
    failed: usize,
}

/// What one sample came to.
#[derive(Serialize)]
struct Case {
    map: String,
    case: String,
    passed: bool,
    /// What is wrong, line by line.
    wrong: Vec<String>,
}

#[derive(Args)]
struct Run {
    /// The map: `systems/maps/mes-completion.vrl`, as in the project
    map: String,
    /// The document as the interface receives it, or as its map sees it (`.json`); standard input without it
    input: Option<PathBuf>,
    /// Reference tables, JSON: table to key to record; without it, the `catalog.json` of the map's samples
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Site that the map reads as `%site`, with its time zone; without it, the `facts.json` of the map's samples
    #[arg(long, default_value = "")]
    site: String,
    /// Directory of the project
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

/// Tests all maps, or runs one.
pub fn run(args: &Map) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Test(args) => test(args),
        Verb::Run(args) => run_one(args),
    }
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Failed, message)
}

fn test(args: &Test) -> Result<Exit, Failure> {
    let checked = folder::check(&args.dir).map_err(|error| failed(format!("{}: {error}", args.dir.display())))?;
    let maps = spec::maps(&checked.files);
    let samples = spec::samples(&checked.files);
    let mut tested = Tested::default();
    for sample in &samples {
        let wrong = match maps.get(&sample.map) {
            None => vec!["the map does not compile, or no interface uses it; see `lineshaft check`".to_owned()],
            Some(map) => try_sample(&checked.files, map, sample).unwrap_or_else(|message| vec![message]),
        };
        let passed = wrong.is_empty();
        *(if passed { &mut tested.passed } else { &mut tested.failed }) += 1;
        tested.items.push(Case { map: sample.map.clone(), case: sample.case.clone(), passed, wrong });
    }
    let told = args.output.wrote(&tested);
    for case in tested.items.iter().filter(|_| !told) {
        print::out(&format!("{}  {} {}", if case.passed { "PASS" } else { "FAIL" }, case.map, case.case));
        case.wrong.iter().for_each(|line| print::out(&format!("      {}", print::printable(line))));
    }
    let without = maps.keys().filter(|map| !samples.iter().any(|sample| sample.map == **map)).count();
    let note = if without == 0 { String::new() } else { format!("; {without} maps have no samples") };
    eprintln!("{} passed, {} failed{note}", tested.passed, tested.failed);
    Ok(if tested.failed == 0 { Exit::Ok } else { Exit::Problems })
}

/// What is wrong with one sample: nothing if it passes.
fn try_sample(files: &Files, map: &Compiled, sample: &Sample) -> Result<Vec<String>, String> {
    let read = |path: &str| document(path, files.get(path).map(String::as_str).unwrap_or_default());
    let catalog =
        Arc::new(sample.catalog.as_deref().map(read).transpose()?.map(tables).transpose()?.unwrap_or_default());
    let facts = sample.facts.as_deref().map(read).transpose()?.map(|tree| facts_of(&tree)).unwrap_or_default();
    let result = map.run(&read(&sample.input)?, &catalog, &facts);
    Ok(match (&sample.expected, result) {
        (Expected::Document(path), Ok(got)) => diff::differences(&read(path)?, &got),
        (Expected::Fault(path), Err(fault)) => {
            let code = files.get(path).map(|text| text.trim()).unwrap_or_default();
            if code == fault.code.as_str() { Vec::new() } else { vec![format!("{code} expected, got {fault}")] }
        }
        (Expected::Document(_), Err(fault)) => fault_lines(&fault),
        (Expected::Fault(path), Ok(got)) => {
            vec![format!("a fault expected ({path}), got {}", diff::text(&got))]
        }
        (Expected::Missing, got) => {
            let base = sample.input.trim_end_matches(".in.json");
            let got = got.map_or_else(|fault| fault.to_string(), |tree| diff::text(&tree));
            vec![format!("nothing is expected yet: write {base}.out.json or {base}.fault; the map makes"), got]
        }
    })
}

fn fault_lines(fault: &Fault) -> Vec<String> {
    let mut lines = vec![fault.to_string()];
    lines.extend((!fault.detail.is_empty()).then(|| fault.detail.clone()));
    lines.push(format!("do: {}", fault.next_step()));
    lines
}

fn document(path: &str, text: &str) -> Result<Tree, String> {
    json::decode(text.as_bytes()).map_err(|fault| format!("{path}: {fault}"))
}

fn tables(tree: Tree) -> Result<Catalog, String> {
    let Tree::Map(tables) = tree else { return Err("catalog.json: table to key to record expected".to_owned()) };
    tables.into_iter().try_fold(Catalog::default(), |catalog, (table, records)| match records {
        Tree::Map(records) => {
            let records = records.into_iter().map(|(key, record)| (key, Arc::new(record)));
            Ok(catalog.with(1, &table, records))
        }
        _ => Err(format!("catalog.json: key to record expected in {table}")),
    })
}

fn facts_of(tree: &Tree) -> Facts {
    let text = |name: &str| tree.get(name).and_then(Tree::scalar).unwrap_or_default().to_owned();
    Facts {
        id: text("id"),
        received_at: text("received_at"),
        site: text("site"),
        time_zone: text("time_zone"),
        interface: text("interface"),
        original_receipt: text("original_receipt"),
    }
}

fn run_one(args: &Run) -> Result<Exit, Failure> {
    let checked =
        folder::check(&args.project).map_err(|error| failed(format!("{}: {error}", args.project.display())))?;
    let maps = spec::maps(&checked.files);
    let Some(map) = maps.get(&args.map) else {
        let known = maps.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(Failure::new(Exit::NotFound, format!("no interface uses a map {:?} that compiles", args.map))
            .help(format!("maps here: {known}")));
    };
    let input = match &args.input {
        Some(path) => std::fs::read(path).map_err(|error| failed(format!("{}: {error}", path.display())))?,
        None => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map_err(|error| failed(error.to_string()))?;
            bytes
        }
    };
    let documents = documents(args, checked.project.as_ref(), input)?;
    let catalog = Arc::new(catalog_for(args, &checked.files)?);
    let facts = facts_for(args, checked.project.as_ref(), &checked.files)?;
    for (place, input) in documents {
        if !place.is_empty() {
            eprintln!("{place}:");
        }
        let input = input.map_err(told)?;
        let result = map.run(&input, &catalog, &facts).map_err(told)?;
        print::out(&String::from_utf8_lossy(&json::encode_pretty(&result)));
        explain(map, &input, &catalog, &facts, &result);
    }
    Ok(Exit::Ok)
}

/// What the map sees, with its place: the parts of what an interface received that uses it, or the document itself.
fn documents(args: &Run, project: Option<&Project>, input: Vec<u8>) -> Result<Vec<Placed>, Failure> {
    let uses = |emit: &&Arc<Emit>| emit.becomes.map().is_some_and(|map| map.file() == args.map);
    let emit = project.and_then(|project| project.emits.values().find(uses));
    let is_json = args.input.as_ref().is_some_and(|path| path.extension().is_some_and(|it| it == "json"));
    match emit.filter(|emit| !is_json && !matches!(emit.format, Format::Json)) {
        Some(emit) => process::documents(emit, &Received { body: input, ..Received::default() }).map_err(told),
        None => Ok(vec![(String::new(), json::decode(&input))]),
    }
}

fn facts_for(args: &Run, project: Option<&Project>, files: &Files) -> Result<Facts, Failure> {
    let beside = format!("{}.samples/facts.json", args.map.trim_end_matches(".vrl"));
    let facts = match files.get(&beside).filter(|_| args.site.is_empty()) {
        Some(text) => facts_of(&document(&beside, text).map_err(failed)?),
        None => Facts { site: args.site.clone(), ..Facts::default() },
    };
    let site = project.and_then(|project| project.sites.get(&facts.site));
    if site.is_none() && !args.site.is_empty() {
        let known = project.map(|project| project.sites.keys().cloned().collect::<Vec<_>>().join(", "));
        let failure = Failure::new(Exit::NotFound, format!("no site {:?} is declared in lineshaft.yaml", args.site));
        return Err(failure.help(format!("sites here: {}", known.unwrap_or_default())));
    }
    let time_zone = site.map_or_else(|| facts.time_zone.clone(), |site| site.time_zone.clone());
    Ok(Facts { time_zone, ..facts })
}

/// A fault of a map is what was asked for, told as any failure.
fn told(fault: Fault) -> Failure {
    let detail = if fault.detail.is_empty() { String::new() } else { format!("\n  {}", fault.detail) };
    let help = match fault.code {
        // The map runs here, not in a node: there is nothing to start or to retry.
        Code::MapFailed => "Read the place in the map. A map that reads %site or %time_zone is run with `--site CODE`.",
        _ => fault.next_step(),
    };
    Failure::new(Exit::Failed, format!("{fault}{detail}")).help(help)
}

fn catalog_for(args: &Run, files: &Files) -> Result<Catalog, Failure> {
    let beside = format!("{}.samples/catalog.json", args.map.trim_end_matches(".vrl"));
    let text = match &args.catalog {
        Some(path) => std::fs::read_to_string(path).map_err(|error| failed(format!("{}: {error}", path.display())))?,
        None => match files.get(&beside) {
            Some(text) => text.clone(),
            None => return Ok(Catalog::default()),
        },
    };
    document("catalog.json", &text).and_then(tables).map_err(failed)
}

/// Tells on standard error where each field comes from, so that the result alone can be piped on.
fn explain(map: &Compiled, input: &Tree, catalog: &Arc<Catalog>, facts: &Facts, result: &Tree) {
    let lineage = lineage::trace(map, input, catalog, facts, result);
    eprintln!("\nwhere it comes from:");
    for (field, value) in diff::leaves(result) {
        let from = lineage.fields.get(&field).map_or_else(|| "the map alone".to_owned(), |from| from.join(", "));
        eprintln!("  {field} = {}  <-  {from}", print::printable(&diff::text(&value)));
    }
    if !lineage.refused.is_empty() {
        eprintln!("  any other value is refused in: {}", lineage.refused.join(", "));
    }
    let tables: Vec<_> = map.tables().iter().map(String::as_str).collect();
    if !tables.is_empty() {
        eprintln!("  looks into: {}", tables.join(", "));
    }
}
