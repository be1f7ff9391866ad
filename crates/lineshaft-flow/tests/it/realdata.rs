//! Real documents: what the library makes of them, compared with what an extractor of its own reads in the same files.
//!
//! The documents are read where they are (`LINESHAFT_REALDATA`, else beside the workspace) and are no part of this
//! repository. Every document of the folders is accounted for: it becomes events, or it is refused for a stated reason.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr as _;

use lineshaft_flow::project::Project;
use lineshaft_format::json;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::decimal::Decimal;
use lineshaft_model::fault::Code;
use lineshaft_model::plan::Plan;
use lineshaft_model::tree::Tree;
use serde_json::Value as Json;

use crate::library;

const FOLDERS: [&str; 3] = ["sap_odata", "b2mml/examples", "mes_fsmes"];

/// Plants that the documents name.
const SITES: [&str; 3] = ["0001", "1000", "1710"];

const ORDERS: &str = "erp-odata/order";
const DETAILS: &str = "erp-odata/order-detail";
const CONFIRMATIONS: &str = "erp-odata/confirmation";
const CONSUMPTIONS: &str = "erp-odata/consumption";

/// Documents that are none of ours: the interface that comes nearest, the code and some of its words, and why.
const REFUSED: &[(&str, &str, Code, &str, &str)] = &[
    ("inspection-plan-bill-of-operations", DETAILS, Code::ValidateKeyMissing, "key order", "inspection plan"),
    ("inspection-plan-header", DETAILS, Code::ValidateKeyMissing, "key order", "inspection plan"),
    ("inspection-plan-operation", DETAILS, Code::ValidateKeyMissing, "key order", "inspection plan"),
    ("material-document-header-01", CONSUMPTIONS, Code::ValidateKeyMissing, "key material", "header without its items"),
    ("material-document-header-02-item", CONSUMPTIONS, Code::ValidateKeyMissing, "key order", "initial stock (561)"),
    ("material-stock-01", CONSUMPTIONS, Code::ValidateKeyMissing, "key order", "a stock, not a movement"),
    ("EC_MC_sample_production_order_events", ORDERS, Code::ValidateKeyMissing, "key material", "a notification"),
    ("SDC_Production_Order_sample", ORDERS, Code::ValidateKeyMissing, "key material", "a template without values"),
    ("ProductionOrderEvents_format", ORDERS, Code::ValidateKeyMissing, "key material", "description of an interface"),
    ("OP_API_INSPECTIONPLAN", ORDERS, Code::ValidateKeyMissing, "key material", "description of an interface"),
    ("OP_API_MATERIAL_DOCUMENT", ORDERS, Code::ValidateKeyMissing, "key material", "description of an interface"),
    ("OP_API_MATERIAL_STOCK", ORDERS, Code::ValidateKeyMissing, "key material", "description of an interface"),
    (
        "OP_API_PROD_ORDER_CONFIRMATIO",
        CONFIRMATIONS,
        Code::ValidateKeyMissing,
        "key order",
        "description of an interface",
    ),
    ("OP_API_PRODUCTION_ORDER", ORDERS, Code::ValidateKeyMissing, "key material", "description of an interface"),
    (
        "ProductionBatchRecord",
        "mes-b2mml/confirmation",
        Code::DecodeSplit,
        "there is none of",
        "a batch record (BatchML)",
    ),
    ("amplab2mml", "mes-b2mml/material", Code::DecodeSplit, "there is none of", "equipment"),
];

fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("LINESHAFT_REALDATA") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/realdata"),
    };
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIP: no real documents");
    None
}

/// What the extractor reads, or nothing if there is no Python.
fn extracted(folder: &Path) -> Option<Vec<Json>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/extract/expected.py");
    let Ok(output) = Command::new("python3").arg(script).arg(folder).output() else {
        eprintln!("SKIP: no python3");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn documents(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for part in FOLDERS {
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            found.push(format!("{part}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    found.sort();
    found
}

/// What a document becomes: the event's or record's fields of every part, or its fault.
fn made(project: &Project, interface: &str, body: &[u8]) -> Vec<Result<Tree, lineshaft_model::fault::Fault>> {
    let schemas = library::reference_schemas();
    let processed = library::run(project, &Catalog::default(), interface, body, "");
    let parts = processed.parts.into_iter().map(|part| {
        part.result.map(|plan| match plan {
            Plan::Event { data, .. } => json::decode(&data).unwrap(),
            Plan::Reference { table, record, .. } => {
                let record = json::decode(&record).unwrap();
                schemas[&table].check(&record).unwrap_or_else(|fault| panic!("{table}: {fault}"));
                record
            }
            Plan::Answer(answer) => panic!("no document here answers one of ours: {answer:?}"),
            Plan::Later => panic!("nothing is left for later"),
        })
    });
    parts.collect()
}

/// Adds to `differ` where `event` is not as `wanted` says: decimals by value, instants by moment, the rest as text.
fn compare(wanted: &Json, event: Option<&Tree>, at: &str, differ: &mut Vec<String>) {
    match (wanted, event) {
        (Json::Null, None) => {}
        (Json::Bool(wanted), Some(Tree::Bool(event))) if wanted == event => {}
        (Json::String(wanted), Some(event)) if event.scalar().is_some_and(|event| alike(wanted, event)) => {}
        (Json::Array(wanted), Some(Tree::List(items))) if wanted.len() == items.len() => {
            for (index, (wanted, item)) in wanted.iter().zip(items).enumerate() {
                compare(wanted, Some(item), &format!("{at}[{index}]"), differ);
            }
        }
        (Json::Object(fields), Some(event @ Tree::Map(_))) => {
            for (name, wanted) in fields {
                compare(wanted, event.get(name), &format!("{at}.{name}"), differ);
            }
        }
        _ => differ.push(format!("{at}: wanted {wanted}, made {event:?}")),
    }
}

fn alike(wanted: &str, event: &str) -> bool {
    let instants = (jiff::Timestamp::from_str(wanted), jiff::Timestamp::from_str(event));
    let decimals = (Decimal::parse(wanted), Decimal::parse(event));
    // A number of an object is no decimal: its zeros count.
    let is_quantity = wanted.contains('.') || event.contains('.');
    match (instants, decimals) {
        ((Ok(wanted), Ok(event)), _) => wanted == event,
        (_, (Ok(wanted), Ok(event))) if is_quantity => wanted == event,
        _ => wanted == event,
    }
}

#[test]
fn real_documents_become_what_another_reader_finds_in_them() {
    let Some(folder) = folder() else { return };
    let Some(extracted) = extracted(&folder) else { return };
    let project = library::project(&SITES, &[]);
    let (mut differ, mut parts) = (Vec::new(), 0);
    for document in &extracted {
        let (file, interface) = (document["file"].as_str().unwrap(), document["interface"].as_str().unwrap());
        let body = std::fs::read(folder.join(file)).unwrap();
        let wanted = document["parts"].as_array().unwrap();
        let made = made(&project, interface, &body);
        if made.len() != wanted.len() {
            differ.push(format!("{file}: wanted {} parts, made {}", wanted.len(), made.len()));
        }
        for (index, (wanted, made)) in wanted.iter().zip(made).enumerate() {
            parts += 1;
            match made {
                Ok(event) => compare(wanted, Some(&event), &format!("{file} part {index} "), &mut differ),
                Err(fault) => differ.push(format!("{file} part {index}: {fault}")),
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(extracted.len() >= 15 && parts >= 30, "only {} documents with {parts} parts", extracted.len());
}

#[test]
fn every_other_document_is_refused_by_every_interface_for_a_stated_reason() {
    let Some(folder) = folder() else { return };
    let project = library::project(&SITES, &[]);
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for file in documents(&folder) {
        let Some((name, nearest, code, words, why)) = REFUSED.iter().find(|(name, ..)| file.contains(name)) else {
            continue;
        };
        named.insert(*name);
        let body = std::fs::read(folder.join(&file)).unwrap();
        for interface in project.emits.keys().filter(|name| !name.starts_with("tables/")) {
            for part in made(&project, interface, &body) {
                match part {
                    Ok(event) => wrong.push(format!("{file} ({why}) is taken by {interface}: {event:?}")),
                    Err(fault) if interface == nearest => {
                        let told = format!("{} {}", fault.message, fault.detail);
                        if fault.code != *code || !told.contains(words) || fault.next_step().is_empty() {
                            wrong.push(format!("{file} ({why}): {interface} says {fault} {}", fault.detail));
                        }
                    }
                    Err(_) => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(named.len(), REFUSED.len(), "only {named:?} are there");
}

#[test]
fn every_document_is_either_read_or_refused() {
    let Some(folder) = folder() else { return };
    let Some(extracted) = extracted(&folder) else { return };
    let read: BTreeSet<&str> = extracted.iter().filter_map(|document| document["file"].as_str()).collect();
    for file in documents(&folder) {
        let refused = REFUSED.iter().filter(|(name, ..)| file.contains(name)).count();
        assert_eq!(refused + usize::from(read.contains(file.as_str())), 1, "{file} is accounted for once");
    }
}
