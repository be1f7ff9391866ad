//! Hand-made histories: one broken promise each, and every one must be caught. A judge that misses one is worthless.

use super::*;

/// `ok K 1` and so on, one operation per line: outcome, key, number. Each is invoked and then gets its outcome.
fn load(script: &str) -> String {
    let mut lines = Vec::new();
    let outcomes: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.push(format!(r#"{{"e":"plan","t":0,"transactions":{}}}"#, outcomes.len()));
    for (at, line) in outcomes.iter().enumerate() {
        let (t, words) = (at * 1_000_000, line.split(' ').collect::<Vec<_>>());
        let op = format!("{}{}", words[1], words[2]);
        let invoke =
            format!(r#"{{"e":"invoke","t":{t},"op":"{op}","key":"{}","seq":{},"hash":"h{op}"}}"#, words[1], words[2]);
        lines.push(invoke);
        for outcome in words[0].split('+') {
            lines.push(match outcome {
                "ok" => format!(r#"{{"e":"ok","t":{t},"op":"{op}","receipt":"r"}}"#),
                "fail" => format!(r#"{{"e":"fail","t":{t},"op":"{op}","why":"w"}}"#),
                "info" => format!(r#"{{"e":"info","t":{t},"op":"{op}","why":"w"}}"#),
                _ => continue,
            });
        }
    }
    lines.join("\n") + "\n"
}

/// `K 1`, one effect per line.
fn sink(script: &str) -> String {
    let effects = script.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate().map(|(at, line)| {
        let (key, seq) = line.split_once(' ').unwrap();
        let (n, seq) = (at + 1, seq.parse::<u64>().map_or("null".to_owned(), |seq| seq.to_string()));
        format!(r#"{{"n":{n},"t":0,"path":"POST /x","idem":"","key":"{key}","seq":{seq},"sha256":"h{key}{seq}"}}"#)
            + "\n"
    });
    effects.collect()
}

fn verdict(load_script: &str, sink_script: &str) -> Verdict {
    let (load, sink) = (load(load_script), sink(sink_script));
    judge(&Evidence { load: &load, sinks: &[&sink], same_bytes: true, ..Evidence::default() }).unwrap()
}

const CLEAN: &str = "ok A 1\nok A 2\nok B 1";

/// The names of the safety counts that are not zero.
fn broken(verdict: &Verdict) -> String {
    let names = verdict.safety().into_iter().filter(|(_, count)| *count != 0);
    names.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_clean_history_is_good() {
    let clean = verdict(CLEAN, "A 1\nB 1\nA 2");
    assert!(clean.good(), "{clean}");
    assert_eq!(broken(&clean), "");
    assert_eq!((clean.planned, clean.receipts, clean.effects), (3, 3, 3));
}

#[test]
fn every_broken_promise_is_caught_and_named() {
    for (told, seen, named) in [
        (CLEAN, "A 1\nA 2", "lost 1"),
        (CLEAN, "", "lost 3"),
        (CLEAN, "A 1\nA 2\nB 1\nA 2", "duplicated_effects 1"),
        (CLEAN, "A 2\nA 1\nB 1", "reordered 1"),
        (CLEAN, "A 1\nA 2\nB 1\nC 1", "phantom 1"),
        (CLEAN, "A 1\nA 2\nB 1\nA x", "phantom 1"),
        ("ok A 1\nfail A 2", "A 1\nA 2", "phantom 1"),
        ("ok A 1\nsilent A 2", "A 1", "stuck 1"),
        ("ok A 1\ninfo A 2\nok B 1", "A 1\nA 2\nB 1\nA 2", "duplicated_effects 1"),
    ] {
        let found = verdict(told, seen);
        assert!(!found.good(), "{told} / {seen}");
        assert_eq!(broken(&found), named, "{told} / {seen}");
    }
}

#[test]
fn unknown_operations_may_appear_or_not_and_prove_nothing_about_order() {
    for seen in ["A 1\nA 3", "A 1\nA 2\nA 3", "A 1\nA 3\nA 2"] {
        assert_eq!(broken(&verdict("ok A 1\ninfo A 2\nok A 3", seen)), "", "{seen}");
    }
    // Unknown first, acknowledged on a later attempt: exactly one effect is owed.
    assert_eq!(broken(&verdict("ok A 1\ninfo+ok A 2", "A 1")), "lost 1");
    // Unknown first, refused later: the first attempt may have been accepted.
    assert_eq!(broken(&verdict("ok A 1\ninfo+fail A 2", "A 1\nA 2")), "");
}

#[test]
fn fewer_receipts_or_effects_than_planned_are_bad_without_any_broken_count() {
    let refused = verdict("ok A 1\nfail A 2", "A 1");
    assert_eq!((broken(&refused), refused.good()), (String::new(), false));
    for seen in ["A 1", "A 1\nA 2"] {
        let unknown = verdict("ok A 1\ninfo A 2", seen);
        assert_eq!((broken(&unknown), unknown.good()), (String::new(), false), "never acknowledged: {seen}");
    }
    let load = load("ok A 1");
    let unseen = judge(&Evidence { load: &load, ..Evidence::default() }).unwrap();
    assert_eq!((broken(&unseen), unseen.good()), (String::new(), false), "nobody looked for effects");
    assert!(!judge(&Evidence::default()).unwrap().good(), "no evidence is no proof");
}

#[test]
fn changed_bytes_are_caught_where_nothing_may_change_them() {
    let (load, sink) = (load("ok A 1"), sink("A 1").replace("hA1", "other"));
    let evidence = Evidence { load: &load, sinks: &[&sink], same_bytes: true, ..Evidence::default() };
    assert_eq!(broken(&judge(&evidence).unwrap()), "altered 1");
    assert!(judge(&Evidence { same_bytes: false, ..evidence }).unwrap().good());
}

#[test]
fn every_sink_is_owed_everything() {
    let (load, whole, part) = (load(CLEAN), sink("A 1\nA 2\nB 1"), sink("A 1\nB 1"));
    let both = judge(&Evidence { load: &load, sinks: &[&whole, &whole], ..Evidence::default() }).unwrap();
    assert!(both.good(), "{both}");
    let one = judge(&Evidence { load: &load, sinks: &[&whole, &part], ..Evidence::default() }).unwrap();
    assert_eq!((broken(&one), one.good()), ("lost 1".to_owned(), false));
}

#[test]
fn audited_skips_are_exempt() {
    let (load, sink) = (load(CLEAN), sink("A 1\nB 1"));
    let skips = [Skip { key: "A".to_owned(), seq: 2 }];
    let skipped = judge(&Evidence { load: &load, sinks: &[&sink], skips: &skips, ..Evidence::default() }).unwrap();
    assert!(skipped.good(), "{skipped}");
}

#[test]
fn the_products_own_numbers_must_add_up() {
    let (load, whole, part) = (load(CLEAN), sink("A 1\nA 2\nB 1"), sink("A 1\nB 1"));
    let with = |sink: &String, counters: &str| {
        let counters = Some(serde_json::from_str(counters).unwrap());
        broken(&judge(&Evidence { load: &load, sinks: &[sink], counters, ..Evidence::default() }).unwrap())
    };
    assert_eq!(with(&whole, r#"{"accepted":3,"planned":3,"delivered":3}"#), "");
    assert_eq!(with(&whole, r#"{"planned":4,"delivered":3}"#), "conservation_delta 1");
    assert_eq!(with(&whole, r#"{"planned":3,"delivered":4}"#), "conservation_delta 1");
    assert_eq!(with(&whole, r#"{"accepted":2,"planned":3,"delivered":3}"#), "conservation_delta 1");
    // Missing at the sink and held by the product: stuck. Missing and said to be delivered: lost.
    assert_eq!(with(&part, r#"{"planned":3,"delivered":2,"parked":1}"#), "stuck 1");
    assert_eq!(with(&part, r#"{"planned":3,"delivered":3}"#), "lost 1");
    // Everything is there, but the product still holds something.
    assert_eq!(with(&whole, r#"{"planned":4,"delivered":3,"pending":1}"#), "stuck 1");
}

#[test]
fn recovery_is_the_longest_time_from_an_outage_to_the_next_receipt() {
    let load = load("ok A 1\ninfo A 2\nsilent A 3\nsilent A 4\nok A 5\ninfo A 6\nok A 7");
    let found = judge(&Evidence { load: &load, ..Evidence::default() }).unwrap();
    assert_eq!(found.recovery_ms, 3_000);
}

#[test]
fn unreadable_histories_prove_nothing_and_a_torn_end_is_no_evidence() {
    let (good, seen) = (load("ok A 1"), sink("A 1"));
    let with = |load: &str, sink: &str| judge(&Evidence { load, sinks: &[sink], ..Evidence::default() });
    assert!(with(&good, &(seen.clone() + "{\"n\":2,")).unwrap().good());
    assert_eq!(
        with(&good, &seen.replace("\"n\":1", "\"n\":2")).unwrap_err(),
        "sink 1: line 1: effect 2 follows effect 0"
    );
    assert!(with(&(good.clone() + "nonsense\n"), &seen).unwrap_err().starts_with("load history, line 4:"));
    assert!(with(&(good.clone() + &good), &seen).unwrap_err().contains("invoked before"));
    let orphan = "{\"e\":\"ok\",\"t\":0,\"op\":\"Z\",\"receipt\":\"\"}\n";
    assert_eq!(with(orphan, "").unwrap_err(), "load history, line 1: Z was never invoked");
}

#[test]
fn the_verdict_reads_well() {
    let bad = verdict(CLEAN, "A 2\nA 1");
    assert!(bad.to_json().ends_with(r#""recovery_ms":0,"good":false}"#), "{}", bad.to_json());
    let table = bad.to_string();
    assert!(table.contains("lost                          1  BROKEN"), "{table}");
    assert!(table.ends_with("verdict                     BAD"), "{table}");
}
