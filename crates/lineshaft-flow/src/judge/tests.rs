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
fn an_order_may_bring_its_own_tolerance_and_what_would_fit_is_told() {
    let text =
        ORDER.replace("sets: { state: .state }", "sets: { over: .over, under: .under, any: .any, state: .state }");
    let rules = rules(&format!(
        "{text}        - not_over: {{ total: yield, limit: quantity, tolerance_percent: \"5\", tolerance: over, unlimited: any }}\n        \
         - not_under: {{ total: yield, limit: quantity, tolerance: under, when: {{ path: .final, is: [\"true\"] }} }}\n"
    ));
    let order = |more: &str| format!(r#"{{"quantity":"100","unit":"PCE","material":"P"{more}}}"#);
    let good = |quantity: &str, more: &str| format!(r#"{{"good":"{quantity}","unit":"PCE","material":"P"{more}}}"#);
    let last = |release: &str, reports: &[String]| {
        let events: Vec<&str> = std::iter::once(release).chain(reports.iter().map(String::as_str)).collect();
        run(&rules, &events).pop().expect("some")
    };
    let said = |release: &str, quantity: &str, more: &str| last(&order(release), &[good(quantity, more)]);
    assert_eq!(said("", "105", ""), "yield 105", "the rule's own tolerance");
    assert!(said("", "106", "").ends_with("its quantity is 100, and 5 % more are allowed"));
    assert_eq!(said(r#","over":"10""#, "110", ""), "yield 110", "the order's own");
    assert!(said(r#","over":"0""#, "101", "").ends_with("yield would be 101, but its quantity is 100"));
    assert_eq!(said(r#","over":"""#, "105", ""), "yield 105", "told empty is not told");
    assert!(last(&order(r#","over":"-1""#), &[]).starts_with("JUDGE-005 order erp/1: its over is \"-1\""));
    assert_eq!(said(r#","any":"true""#, "1000", ""), "yield 1000");
    assert!(said(r#","any":"false""#, "1000", "").starts_with("JUDGE-001"));

    let under = said("", "99", r#","final":"true""#);
    assert_eq!(under, "JUDGE-008 order erp/1: it is the last report, and yield would be 99, but its quantity is 100");
    assert_eq!(said("", "99", ""), "yield 99", "it is not the last");
    assert_eq!(said("", "100", r#","final":"true""#), "yield 100");
    assert_eq!(said(r#","under":"2""#, "98", r#","final":"true""#), "yield 98");
    assert!(
        said(r#","under":"2""#, "97.9", r#","final":"true""#)
            .ends_with("its quantity is 100, and 2 % less are allowed")
    );
    assert_eq!(last(&order(""), &[good("60", ""), good("40", r#","final":"true""#)]), "yield 40", "all of them count");

    let suggestion = |quantity: &str| {
        let keys = [Key { kind: "order".into(), authority: "erp".into(), value: "1".into() }];
        let mut states = States::default();
        for event in [order(""), good("60", "")] {
            let data = tree(&event);
            let entries = judge(&rules, &catalog(), &states, Subject { keys: &keys, data: &data }).expect("judges");
            states.put(&entries).expect("counts");
        }
        let data = tree(&good(quantity, ""));
        judge(&rules, &catalog(), &states, Subject { keys: &keys, data: &data }).expect_err("too much").detail
    };
    assert_eq!(suggestion("46"), "Suggestion: at most 45 of it fit; report that, or have the order raised.");
}

#[test]
fn a_step_does_not_run_ahead_of_the_one_before_it_unless_it_is_a_milestone() {
    let text = "object: order\nevents:\n  production.completion.reported@1:\n    - named_by: { key: order }\n      \
                sets_list: { steps: { each: .operations, value: .operation }, milestones: { each: .operations, value: .operation, when: { path: .milestone, is: [\"true\"] } } }\n";
    let mut rules = rules(&format!(
        "{text}    - named_by: {{ key: order }}\n      by: .step\n      adds: {{ yield: .good, scrap: .scrap }}\n      checks:\n        \
         - in_sequence: {{ steps: steps, done: [yield, scrap], passes_on: yield, milestones: milestones }}\n"
    ));
    let report = rules.remove(1);
    let keys = [Key { kind: "order".into(), authority: "erp".into(), value: "1".into() }];
    let mut states = States::default();
    let mut run = |touches: &[Touch], event: &str| {
        let data = tree(event);
        match judge(touches, &catalog(), &states, Subject { keys: &keys, data: &data }) {
            Ok(entries) => {
                states.put(&entries).expect("counts");
                String::new()
            }
            Err(fault) => fault.to_string(),
        }
    };
    let steps =
        |event: &str| format!(r#"{{"step":"{}","good":"{}","scrap":"{}"}}"#, &event[..4], &event[5..7], &event[8..]);
    assert_eq!(
        run(std::slice::from_ref(&report), &steps("0010 10 0")),
        "JUDGE-003 order erp/1: its steps are not known"
    );
    assert_eq!(
        run(
            &rules,
            r#"{"operations":[{"operation":"0010"},{"operation":"00/2"},{"operation":"0030","milestone":true},{"operation":"0040"}]}"#
        ),
        ""
    );
    let report = std::slice::from_ref(&report);
    assert_eq!(run(report, &steps("0010 60 3")), "", "the first waits for none");
    assert_eq!(run(report, &steps("00/2 50 9")), "");
    assert_eq!(
        run(report, &steps("00/2 02 0")),
        "JUDGE-011 order erp/1: 00%2F2 would have worked on 61, but 0010 before it has passed on 60"
    );
    assert_eq!(run(report, &steps("00/2 -1 0")), "", "what takes a report back is not ahead");
    assert_eq!(run(report, &steps("0030 99 0")), "", "a milestone confirms what is before it");
    assert_eq!(run(report, &steps("0040 99 0")), "");
    assert!(run(report, &steps("0040 01 0")).starts_with("JUDGE-011"));
    assert_eq!(run(report, &steps("0050 01 0")), "JUDGE-003 order erp/1: it has no step \"0050\" (at .step)");
    assert_eq!(
        run(report, r#"{"good":"1"}"#),
        "JUDGE-003 the event names no order: it does not say of what step (at .step)"
    );
}

#[test]
fn what_is_blocked_or_in_a_closed_period_waits_for_its_release() {
    let text = "object: order\nevents:\n  production.completion.reported@1:\n    - named_by: { key: order }\n      checks:\n        - known: {}\n";
    let mut rules = rules(text);
    let path = |text: &str| lineshaft_model::tree::Path::parse(text).expect("path");
    let records = |table: &str, records: &[(&str, &str)]| {
        let records = records.iter().map(|(key, record)| ((*key).to_owned(), Arc::new(tree(record))));
        Catalog::default().with(1, table, records.collect::<Vec<_>>())
    };
    let mut judged = |check: super::rule::Check, catalog: &Catalog, event: &str| {
        rules[0].checks = vec![check];
        let keys = [Key { kind: "order".into(), authority: "erp".into(), value: "1".into() }];
        let data = tree(event);
        match judge(&rules, catalog, &States::default(), Subject { keys: &keys, data: &data }) {
            Ok(_) => String::new(),
            Err(fault) => {
                let waits = fault.waits_for.clone().map(|(table, key)| format!(", waits for {table} {key}"));
                format!("{fault}{}", waits.unwrap_or_default())
            }
        }
    };
    let batches =
        records("batch", &[("B1", r#"{"status":"released"}"#), ("B2", r#"{"status":"blocked"}"#), ("B3", "{}")]);
    let usable = || super::rule::Check::Usable {
        table: "batch".into(),
        key: Some(path(".batch")),
        field: path(".status"),
        blocked: vec!["blocked".into(), "restricted".into()],
    };
    assert_eq!(judged(usable(), &batches, r#"{"batch":"B1"}"#), "");
    assert_eq!(judged(usable(), &batches, r#"{"batch":"B3"}"#), "", "nothing is said against it");
    assert_eq!(
        judged(usable(), &batches, r#"{"batch":"B2"}"#),
        "JUDGE-009 order erp/1: batch \"B2\" is blocked (at .batch), waits for batch B2"
    );
    assert!(judged(usable(), &batches, r#"{"batch":"B4"}"#).starts_with("JUDGE-003"), "unknown is waited for as ever");

    let periods = records(
        "posting-period",
        &[
            ("2026-10", r#"{"from":"2026-10-01","to":"2026-10-31","state":"closed"}"#),
            ("2026-11", r#"{"from":"2026-11-01","to":"2026-11-30","state":"open"}"#),
            ("PL", r#"{"from":"2026-10-01","to":"2026-12-31","state":"open","of":"PL20"}"#),
            ("XX", r#"{"from":"soon","to":"2026-12-31","state":"open","of":"XX"}"#),
        ],
    );
    let period = |of: Option<&str>| super::rule::Check::InPeriod {
        table: "posting-period".into(),
        date: path(".day"),
        of: of.map(path),
    };
    assert_eq!(judged(period(None), &periods, r#"{"day":"2026-11-01"}"#), "");
    assert_eq!(judged(period(None), &periods, r#"{"day":"2026-11-30T23:59:59+01:00"}"#), "");
    assert_eq!(
        judged(period(None), &periods, r#"{"day":"2026-10-31"}"#),
        "JUDGE-010 order erp/1: 2026-10-31 is in posting-period \"2026-10\", which is closed (at .day), waits for posting-period 2026-10"
    );
    assert_eq!(judged(period(Some(".plant")), &periods, r#"{"day":"2026-10-31","plant":"PL20"}"#), "");
    for (of, event, said) in [
        (None, r#"{"day":"2026-12-01"}"#, "no posting-period has the day 2026-12-01 (at .day)"),
        (None, r#"{"day":"2026-13-01"}"#, "\"2026-13-01\" is not a day (at .day)"),
        (None, "{}", "\"\" is not a day (at .day)"),
        (
            Some(".plant"),
            r#"{"day":"2026-11-01","plant":"XX"}"#,
            "posting-period \"XX\" says no day in `from` (at .day)",
        ),
    ] {
        assert_eq!(judged(period(of), &periods, event), format!("JUDGE-010 order erp/1: {said}"));
    }
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
