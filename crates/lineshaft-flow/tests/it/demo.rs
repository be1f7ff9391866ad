//! The demo project has no problems, and its maps make what their samples say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lineshaft_flow::map::Facts;
use lineshaft_flow::process::check_record;
use lineshaft_flow::spec::{Expected, Files, belongs, check, maps, rule_samples, samples, starter};
use lineshaft_format::{csv, json};
use lineshaft_model::catalog::Catalog;
use lineshaft_model::tree::Tree;

fn demo() -> Files {
    let mut files = Files::new();
    read(&root(), "", &mut files);
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo")
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

#[test]
fn the_demo_project_has_no_problems() {
    let (project, problems) = check(&demo());
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
    let project = project.unwrap();
    assert_eq!(
        project.emits.keys().collect::<Vec<_>>(),
        [
            "erp/material",
            "erp/production-order",
            "mes-de/completion",
            "mes-de/consumption",
            "mes-de/move",
            "mes-de/scrap",
            "mes-pl/completion",
            "mes-pl/consumption",
            "mes-pl/move",
            "mes-pl/scrap",
        ]
    );
    assert_eq!(project.sites["PL20"].time_zone, "Europe/Warsaw");
}

#[test]
fn events_and_reference_objects_are_those_of_the_library() {
    let library = crate::library::files();
    let demo = demo();
    let shared = |file: &str| file.starts_with("model/") || file.starts_with("reference/");
    let shared: Vec<_> = demo.iter().filter(|(file, _)| shared(file)).collect();
    assert_eq!(shared.len(), 10, "five events, five reference objects");
    for (file, text) in shared {
        assert_eq!(library.get(file), Some(text), "copy library/{file} to demo/{file}, or the other way round");
    }
}

#[test]
fn the_records_that_the_demo_loads_fit_their_tables() {
    let (project, _) = check(&demo());
    let project = project.unwrap();
    for (table, key) in [("unit", "unit"), ("location", "location"), ("work-centre", "work_centre"), ("batch", "key")] {
        let text = std::fs::read(root().join(format!("reference/{table}.csv"))).unwrap();
        let rows: Vec<_> = csv::rows(&text, &csv::CsvOptions::default()).unwrap().collect();
        assert!(rows.len() >= 2, "{table}");
        for row in rows {
            let record = row.tree.unwrap();
            check_record(&project.references[table], table, &record).unwrap_or_else(|fault| panic!("{fault}"));
            let whole =
                |fields: [&str; 2]| fields.map(|field| record.get(field).and_then(Tree::scalar).unwrap()).join("/");
            let named = record.get(key).and_then(Tree::scalar).unwrap();
            match table {
                "location" | "work-centre" => assert_eq!(named, whole(["site", "code"])),
                "batch" => assert_eq!(named, whole(["material", "batch"])),
                _ => {}
            }
        }
    }
}

#[test]
fn every_demo_map_has_a_sample_with_a_result() {
    let files = demo();
    let samples = samples(&files);
    for map in files.keys().filter(|file| file.ends_with(".vrl")) {
        assert!(samples.iter().any(|sample| sample.map == *map), "{map} has no sample");
    }
    assert!(samples.iter().all(|sample| sample.expected != Expected::Missing), "{samples:#?}");
}

#[test]
fn every_rule_of_the_demo_has_samples_and_they_pass() {
    let files = demo();
    let project = check(&files).0.unwrap();
    let (samples, problems) = rule_samples(&files);
    assert!(problems.is_empty(), "{problems:#?}");
    for rules in files.keys().filter_map(|file| file.strip_prefix("rules/")?.strip_suffix(".yaml")) {
        assert!(samples.iter().any(|sample| sample.object() == rules), "{rules} has no sample");
    }
    for sample in &samples {
        assert_eq!(sample.run(&project), Vec::<String>::new(), "{}", sample.file);
    }
}

#[test]
fn a_sample_of_rules_that_is_not_true_says_what_is_wrong() {
    let mut files = demo();
    let file = "rules/operation.samples/over-delivery.json";
    let wrong = [
        (
            "\"stops\": \"JUDGE-001\"",
            "\"stops\": \"JUDGE-002\"",
            "step 3, production.confirmation@1: JUDGE-002 expected, got JUDGE-001",
        ),
        (
            "yield would be 481",
            "yield would be 482",
            "step 3, production.confirmation@1: \"yield would be 482\" expected, got JUDGE-001",
        ),
        ("\"yield\": \"40\"", "\"yield\": \"41\"", "step 2, production.confirmation@1: stopped by JUDGE-001"),
        (
            "\"yield\": \"1\"",
            "\"yield\": \"0\"",
            "step 3, production.confirmation@1: JUDGE-001 expected, and it passes",
        ),
        ("\"yield\": \"480\"", "\"yield\": \"481\"", "operation:erp/100234871/0010 yield is \"480\", \"481\" expected"),
        (
            "\"state\": \"released\"",
            "\"state\": \"begun\"",
            "step 1, production.order.released@1: stopped by VALIDATE-001",
        ),
    ];
    let right = files[file].clone();
    for (from, to, said) in wrong {
        assert!(right.contains(from), "{from}");
        files.insert(file.to_owned(), right.replace(from, to));
        let project = check(&files).0.unwrap();
        let found = rule_samples(&files).0.iter().flat_map(|sample| sample.run(&project)).collect::<Vec<_>>();
        assert!(found.first().is_some_and(|line| line.starts_with(said)), "{said}: {found:#?}");
    }
}

#[test]
fn every_sample_gives_its_result() {
    let starter: Files = starter().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    for files in [demo(), starter] {
        let maps = maps(&files);
        for sample in samples(&files) {
            let at = format!("{} {}", sample.map, sample.case);
            let tree =
                |path: &str| json::decode(files[path].as_bytes()).unwrap_or_else(|fault| panic!("{path}: {fault}"));
            let text = |facts: &Tree, name: &str| facts.get(name).and_then(Tree::scalar).unwrap_or_default().to_owned();
            let facts = sample.facts.as_deref().map_or(Tree::Null, tree);
            let facts = Facts {
                site: text(&facts, "site"),
                time_zone: text(&facts, "time_zone"),
                original_receipt: text(&facts, "original_receipt"),
                ..Facts::default()
            };
            let mut catalog = Catalog::default();
            if let Some(Tree::Map(tables)) = sample.catalog.as_deref().map(tree) {
                for (table, records) in tables {
                    let Tree::Map(records) = records else { panic!("{at}: {table}") };
                    let records = records.into_iter().map(|(key, record)| (key, Arc::new(record)));
                    catalog = catalog.with(1, &table, records);
                }
            }
            let made = maps[&sample.map].run(&tree(&sample.input), &Arc::new(catalog), &facts);
            let Expected::Document(expected) = &sample.expected else { panic!("{at}: {:?}", sample.expected) };
            let sorted = |tree: &Tree| serde_json::from_slice::<serde_json::Value>(&json::encode(tree)).unwrap();
            assert_eq!(sorted(&made.unwrap_or_else(|fault| panic!("{at}: {fault}"))), sorted(&tree(expected)), "{at}");
        }
    }
}
