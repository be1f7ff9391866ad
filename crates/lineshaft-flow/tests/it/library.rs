//! The library of canonical events and maps: no problems, samples give their results, reference objects fit their
//! examples. Also the ground on which other tests process documents with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lineshaft_flow::map::Facts;
use lineshaft_flow::process::{Ground, ProcessedIntake, Work, process};
use lineshaft_flow::project::Project;
use lineshaft_flow::schema::Schema;
use lineshaft_flow::spec::{Expected, Files, belongs, check, maps, samples};
use lineshaft_format::json;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::ids::IntakeId;
use lineshaft_model::intake::Received;
use lineshaft_model::time::Timestamp;
use lineshaft_model::tree::Tree;

/// The library with these sites, all in a zone that never changes its clocks, and with these files put in or replaced.
pub fn project(sites: &[&str], changed: &[(&str, &str)]) -> Project {
    let mut files = files();
    files.extend(changed.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    let mut installation = files["lineshaft.yaml"].clone();
    for site in sites {
        installation.push_str(&format!("  \"{site}\": {{ name: \"{site}\", time_zone: Asia/Tokyo }}\n"));
    }
    files.insert("lineshaft.yaml".to_owned(), installation.replace("Europe/Berlin", "Asia/Tokyo"));
    let (project, problems) = check(&files);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    project.unwrap_or_else(|| panic!("{}", told.join("\n\n")))
}

/// Every file of the library that belongs to a project.
pub fn files() -> Files {
    let mut files = Files::new();
    read(&root(), "", &mut files);
    files
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../library")
}

fn read(directory: &Path, prefix: &str, files: &mut Files) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), files);
        } else if belongs(&path) {
            files.insert(path, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// Processes `body` as if it had come in by `interface`.
pub fn run(project: &Project, catalog: &Catalog, interface: &str, body: &[u8], content_type: &str) -> ProcessedIntake {
    let received = Received { body: body.to_vec(), content_type: content_type.to_owned(), ..Received::default() };
    let received_at = Timestamp::from_millis(1_795_392_000_000);
    let work = Work { id: IntakeId::from_bytes([7; 16]), received_at, received: &received };
    let catalog = Arc::new(catalog.clone());
    process(Ground { project, catalog: &catalog }, &project.emits[interface], work)
}

/// Reference tables out of JSON.
pub fn catalog(text: &str) -> Catalog {
    let mut catalog = Catalog::default();
    if let Tree::Map(tables) = json::decode(text.as_bytes()).unwrap() {
        for (table, records) in tables {
            let Tree::Map(records) = records else { panic!("{table}") };
            catalog = catalog.with(1, &table, records.into_iter().map(|(key, record)| (key, Arc::new(record))));
        }
    }
    catalog
}

#[test]
fn the_library_has_no_problems_but_that_nobody_receives_its_events() {
    let (project, problems) = check(&files());
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let project = project.unwrap_or_else(|| panic!("{}", told.join("\n\n")));
    let events = ["inventory.moved", "material.consumed", "production.confirmation"];
    let events = events.into_iter().chain(["production.order.detail", "production.order.released", "scrap.declared"]);
    let names: Vec<String> = events.map(|name| format!("{name}@1")).collect();
    assert_eq!(project.events.keys().collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    for problem in told {
        assert!(problem.contains("received by nobody") || problem.contains("used by nobody"), "{problem}");
    }
}

#[test]
fn reference_objects_fit_their_examples() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("reference")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let schema = Schema::compile(&text, &name).unwrap_or_else(|problems| panic!("{problems:?}"));
        let whole = json::decode(text.as_bytes()).unwrap();
        let Some(Tree::List(examples)) = whole.get("examples") else { panic!("{name} has no examples") };
        assert!(examples.len() >= 2, "{name}");
        examples.iter().for_each(|example| schema.check(example).unwrap_or_else(|fault| panic!("{name}: {fault}")));
        let version = whole.get("x-version").and_then(Tree::scalar).unwrap();
        assert!(version.starts_with("1."), "{name} {version}");
        names.push(name);
    }
    names.sort();
    let wanted = ["batch-characteristic", "batch", "location", "material", "unit", "work-centre"];
    assert_eq!(names, wanted.map(|name| format!("{name}.json")));
}

/// What a map makes of reference tables fits the schema of its object.
pub fn reference_schemas() -> BTreeMap<String, Schema> {
    let tables = ["batch", "batch-characteristic", "location", "material", "unit", "work-centre"];
    tables
        .map(|table| {
            let text = std::fs::read_to_string(root().join(format!("reference/{table}.json"))).unwrap();
            (table.to_owned(), Schema::compile(&text, table).unwrap())
        })
        .into()
}

#[test]
fn every_library_map_has_samples_and_they_give_their_results() {
    let files = files();
    let (maps, samples) = (maps(&files), samples(&files));
    for map in files.keys().filter(|file| file.ends_with(".vrl")) {
        assert!(samples.iter().any(|sample| sample.map == *map), "{map} has no sample");
    }
    for sample in samples {
        let at = format!("{} {}", sample.map, sample.case);
        let tree = |path: &str| json::decode(files[path].as_bytes()).unwrap_or_else(|fault| panic!("{path}: {fault}"));
        let told = sample.facts.as_deref().map(tree).unwrap_or_else(|| panic!("{at} has no facts"));
        let text = |name: &str| told.get(name).and_then(Tree::scalar).unwrap_or_default().to_owned();
        let facts = Facts { id: text("id"), site: text("site"), time_zone: text("time_zone"), ..Facts::default() };
        let catalog = Arc::new(sample.catalog.as_deref().map_or_else(Catalog::default, |path| catalog(&files[path])));
        let made = maps[&sample.map].run(&tree(&sample.input), &catalog, &facts);
        match &sample.expected {
            Expected::Document(path) => {
                let made = made.unwrap_or_else(|fault| panic!("{at}: {fault}"));
                assert_eq!(json::encode_pretty(&made), json::encode_pretty(&tree(path)), "{at}");
            }
            Expected::Fault(path) => {
                let fault = made.expect_err(&at);
                assert_eq!(fault.code.spec().text, files[path].trim(), "{at}: {fault}");
            }
            Expected::Missing => {
                let made = made.unwrap_or_else(|fault| panic!("{at}: {fault}"));
                assert!(std::env::var_os("UPDATE_GOLDEN").is_some(), "{at} has no result");
                let path = root().join(sample.input.replace(".in.json", ".out.json"));
                std::fs::write(path, json::encode_pretty(&made)).unwrap();
            }
        }
    }
}
