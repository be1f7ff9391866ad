//! Rules as a person writes them, events, and what comes of them: text in, text out.

use std::sync::Arc;

use lineshaft_model::catalog::Catalog;
use lineshaft_model::key::Key;
use lineshaft_model::object::States;
use lineshaft_model::tree::Tree;

use super::rule::Touch;
use super::{Subject, judge, touched};
use crate::spec::{check, starter};

const EVENT: &str = "production.completion.reported@1";

const ORDER: &str = r#"object: order
events:
  production.completion.reported@1:
    - named_by: { key: order }
      unit: { path: .unit, material: .material }
      adds: { yield: .good }
      sets: { state: .state }
      sets_quantity: { quantity: .quantity }
      checks:
"#;

/// The touches of `text`, which stands in `rules/order.yaml` of the starter project with an open event.
fn rules(text: &str) -> Vec<Touch> {
    let mut files: crate::spec::Files =
        starter().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    let event = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"x","description":"x","x-version":"1.0.0","type":"object"}"#;
    files.insert(format!("model/{EVENT}.json"), event.to_owned());
    files.insert("rules/order.yaml".to_owned(), text.to_owned());
    let (project, problems) = check(&files);
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    project.unwrap_or_else(|| panic!("{}", told.join("\n"))).rules.remove(EVENT).expect("rules of the event")
}

fn tree(text: &str) -> Tree {
    lineshaft_format::json::decode(text.as_bytes()).expect("JSON")
}

fn catalog() -> Catalog {
    let pump = tree(r#"{"base_unit":"PCE","units":[{"unit":"CT","numerator":"12","denominator":"1"}]}"#);
    Catalog::default().with(1, "material", [("P".to_owned(), Arc::new(pump))])
}

/// What each event of order 1 comes to, one after the other: its entry, or its fault.
fn run(rules: &[Touch], events: &[&str]) -> Vec<String> {
    let keys = [Key { kind: "order".into(), authority: "erp".into(), value: "1".into() }];
    let mut states = States::default();
    let said = events.iter().map(|event| {
        let data = tree(event);
        match judge(rules, &catalog(), &states, Subject { keys: &keys, data: &data }) {
            Ok(entries) => {
                states.put(&entries).expect("counts");
                let adds = entries.iter().flat_map(|entry| entry.adds.iter().map(|(name, it)| format!("{name} {it}")));
                let sets = entries.iter().flat_map(|entry| entry.sets.iter().map(|(name, it)| format!("{name}={it}")));
                adds.chain(sets).collect::<Vec<_>>().join(" ")
            }
            Err(fault) => match &fault.waits_for {
                Some((table, key)) => format!("{fault}, waits for {table} {key}"),
                None => fault.to_string(),
            },
        }
    });
    said.collect()
}

#[test]
fn exactly_the_tolerance_is_taken_and_one_piece_more_is_not() {
    let with = |percent: &str| {
        rules(&format!(
            "{ORDER}        - not_over: {{ total: yield, limit: quantity, tolerance_percent: \"{percent}\" }}\n"
        ))
    };
    let released = r#"{"quantity":"100","unit":"PCE","material":"P","state":"released"}"#;
    let good = |quantity: &str| format!(r#"{{"good":"{quantity}","unit":"PCE","material":"P"}}"#);
    let last = |percent: &str, reports: &[&str]| {
        let reports: Vec<String> = reports.iter().map(|it| good(it)).collect();
        let events: Vec<&str> = std::iter::once(released).chain(reports.iter().map(String::as_str)).collect();
        run(&with(percent), &events).pop().expect("some")
    };
    assert_eq!(last("0", &["60", "40"]), "yield 40");
    assert_eq!(last("0", &["60", "41"]), "JUDGE-001 order erp/1: yield would be 101, but its quantity is 100");
    assert_eq!(
        last("0", &["100.000", "0.001"]),
        "JUDGE-001 order erp/1: yield would be 100.001, but its quantity is 100"
    );
    assert_eq!(last("2.5", &["100", "2.5"]), "yield 2.5");
    assert_eq!(
        last("2.5", &["100", "2.50001"]),
        "JUDGE-001 order erp/1: yield would be 102.50001, but its quantity is 100, and 2.5 % more are allowed"
    );
    assert_eq!(last("0", &["60", "41", "40"]), "yield 40", "what was refused does not count");
}

#[test]
fn quantities_are_counted_in_the_base_unit_and_what_cannot_be_is_said() {
    let rules = rules(&format!("{ORDER}        - not_over: {{ total: yield, limit: quantity }}\n"));
    let said = run(
        &rules,
        &[
            r#"{"quantity":"40","unit":"CT","material":"P","state":"released"}"#,
            r#"{"good":"39.75","unit":"CT","material":"P"}"#,
            r#"{"good":"4","unit":"PCE","material":"P"}"#,
            r#"{"good":"3","unit":"KGM","material":"P"}"#,
            r#"{"good":"three","unit":"PCE","material":"P"}"#,
            r#"{"good":"3","unit":"PCE","material":"Q"}"#,
            r#"{"good":"3","unit":"PCE","material":"P"}"#,
        ],
    );
    assert_eq!(said[0], "unit=PCE quantity=480 state=released");
    assert_eq!(said[1], "yield 477.00");
    assert_eq!(said[2], "JUDGE-001 order erp/1: yield would be 481.00, but its quantity is 480");
    assert!(said[3].starts_with("JUDGE-005 order erp/1: cannot convert \"KGM\" to \"PCE\""), "{}", said[3]);
    assert!(said[4].starts_with("JUDGE-005 order erp/1: ") && said[4].ends_with("(at .good)"), "{}", said[4]);
    assert_eq!(said[5], "MAP-002 material \"Q\" is not known here (at .material), waits for material Q");
    assert_eq!(said[6], "yield 3");
}

#[test]
fn an_object_is_counted_in_one_unit() {
    let rules = rules(&ORDER.replace(", material: .material", "").replace("      checks:\n", ""));
    let said = run(
        &rules,
        &[
            r#"{"good":"1","unit":"PCE"}"#,
            r#"{"good":"1","unit":"CT"}"#,
            r#"{"good":"1"}"#,
            r#"{"good":"2","unit":"PCE"}"#,
        ],
    );
    assert_eq!(
        said,
        [
            "yield 1 unit=PCE",
            "JUDGE-005 order erp/1: it is counted in PCE, and this is in CT (at .unit)",
            "JUDGE-005 order erp/1: the event says no unit (at .unit)",
            "yield 2",
        ]
    );
}

#[test]
fn what_is_unknown_or_not_released_waits_and_what_is_closed_does_not() {
    let text = "object: order\nevents:\n  production.completion.reported@1:\n    - named_by: { key: order }\n      sets: { state: .tell }\n      \
                checks:\n        - open: { fact: state, closed: [completed, closed], not_yet: [created] }\n        - known: {}\n";
    let mut rules = rules(text);
    assert_eq!(
        run(&rules, &[r#"{"tell":"created"}"#]),
        ["JUDGE-003 order erp/1: its state is not known, waits for object:order erp/1"]
    );
    // What tells the state is not judged by it.
    let mut telling = rules[0].clone();
    telling.checks.clear();
    for (state, said) in [
        ("created", "JUDGE-002 order erp/1: it is created, so not yet released, waits for object:order erp/1"),
        ("completed", "JUDGE-002 order erp/1: it is completed"),
        ("released", ""),
    ] {
        rules[0].sets.clear();
        let keys = [Key { kind: "order".into(), authority: "erp".into(), value: "1".into() }];
        let data = tree(&format!(r#"{{"tell":"{state}"}}"#));
        let mut states = States::default();
        let subject = Subject { keys: &keys, data: &data };
        states.put(&judge(&[telling.clone()], &catalog(), &states, subject).expect("tells")).expect("counts");
        let came_to = judge(&rules, &catalog(), &states, subject);
        let shown = came_to.map_or_else(
            |fault| match fault.waits_for.clone() {
                Some((table, key)) => format!("{fault}, waits for {table} {key}"),
                None => fault.to_string(),
            },
            |entries| entries.iter().map(|_| "entry").collect(),
        );
        assert_eq!(shown, said);
    }
}

#[test]
fn lists_touch_an_object_for_each_entry_and_stock_does_not_go_below_nought() {
    let text = "object: order\nevents:\n  production.completion.reported@1:\n    - named_by: { paths: [.site, .material, .batch] }\n      each: .used\n      \
                takes: { stock: .quantity }\n      adds: { received: .received }\n      checks:\n        - not_negative: { total: stock }\n";
    let rules = rules(text);
    let event = r#"{"site":"DE/10","received":"1","used":[{"material":"R","batch":"B%","quantity":"0"},{"material":"R","batch":"","quantity":"0"},
                   {"material":"R","batch":"B%","quantity":"0"}]}"#;
    let data = tree(event);
    let subject = Subject { keys: &[], data: &data };
    let names: Vec<String> = touched(&rules, subject).expect("names").iter().map(ToString::to_string).collect();
    assert_eq!(names, ["order:DE%2F10/R/", "order:DE%2F10/R/B%25"]);
    let entries = judge(&rules, &catalog(), &States::default(), subject).expect("judges");
    let counted: Vec<String> = entries.iter().map(|entry| entry.adds[0].1.to_string()).collect();
    assert_eq!(counted, ["1", "2"], "two entries for one object are one row");
    let taken = tree(r#"{"site":"DE10","used":[{"material":"R","batch":"B","quantity":"0.001"}]}"#);
    let fault =
        judge(&rules, &catalog(), &States::default(), Subject { keys: &[], data: &taken }).expect_err("too much");
    assert_eq!(fault.to_string(), "JUDGE-004 order DE10/R/B: stock is 0 and would be -0.001");
    let nameless = tree(r#"{"used":[{"quantity":"1"}]}"#);
    let fault = touched(&rules, Subject { keys: &[], data: &nameless }).expect_err("no name");
    assert_eq!(fault.to_string(), "JUDGE-003 the event names no order: a part of its name is missing (at .site)");
}

#[test]
fn a_reference_that_is_not_there_is_waited_for() {
    let mut rules = rules(
        "object: order\nevents:\n  production.completion.reported@1:\n    - named_by: { paths: [.batch] }\n      optional: true\n      checks:\n        - known: {}\n",
    );
    let key = lineshaft_model::tree::Path::parse(".batch").expect("path");
    rules[0].checks = vec![super::rule::Check::Listed { table: "material".into(), key: Some(key) }];
    assert_eq!(
        run(&rules, &[r#"{"batch":"P"}"#, r#"{"batch":"B7"}"#, r#"{"batch":""}"#]),
        ["", "JUDGE-003 order B7: material \"B7\" is not known here (at .batch), waits for material B7", ""]
    );
}

#[test]
fn what_comes_right_by_itself_is_told_before_what_needs_a_person() {
    let rules = rules(&format!(
        "{}{}",
        ORDER.replace("sets: { state: .state }", "takes: { stock: .taken }\n      sets: { state: .state }"),
        "        - not_negative: { total: stock }\n        - known: {}\n    - named_by: { key: order }\n      checks:\n        - known: {}\n"
    ));
    let event = r#"{"good":"1","taken":"1","unit":"PCE","material":"P"}"#;
    assert_eq!(
        run(&rules, &[event]),
        ["JUDGE-003 order erp/1: nothing is known of it, waits for object:order erp/1"],
        "the stock is wrong as well, but will be counted again"
    );
}
