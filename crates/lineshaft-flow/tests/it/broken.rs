//! Projects with one or more mistakes: what a person is told, word for word.
//!
//! Each case changes the starter project and is compared with `broken/<case>.txt`. Read those files as a tired person:
//! each must say which file, which line, and what to do.

use std::collections::BTreeSet;

use lineshaft_flow::problem::Severity;
use lineshaft_flow::spec::{Files, check, starter};

use crate::files::ERP as FILES_ERP;
use crate::golden;
use crate::odata::ERP as ODATA_ERP;

const ROOT: &str = "lineshaft.yaml";
const MES: &str = "systems/mes.yaml";
const ERP: &str = "systems/erp.yaml";
const RULES: &str = "rules/order.yaml";
const EVENT: &str = "model/production.completion.reported@1.json";

/// One change of the starter project: in `file`, every `from` becomes `to`. An empty `from` replaces the whole text;
/// with an empty `to` as well, the file goes.
type Edit = (&'static str, &'static str, &'static str);

const CASES: &[(&str, &[Edit])] = &[
    ("unknown-field", &[(ERP, "about: Planning", "abuot: Planning")]),
    (
        "media-type",
        &[(MES, "    source: { http: { auth", "    source: { http: { media_types: [Application/JSON, json], auth")],
    ),
    (
        "no-effect",
        &[(ERP, "send: { http: { method: POST,", "send: { http: { no_effect_on: [503, 502, 404], method: POST,")],
    ),
    (
        "tls",
        &[
            (ROOT, "listen:\n", "listen:\n  tls: { certificate: \"\", key: \"-----BEGIN PRIVATE KEY-----\" }\n"),
            (ERP, "url: \"env:ERP_URL\"", "url: \"http://127.0.0.1:9\", tls: { certificate: erp.pem, pins: [abc] }"),
        ],
    ),
    ("unknown-field-far", &[(ERP, "about: Planning", "colour: Planning")]),
    ("unknown-field-deep", &[(MES, "trim_zeros: true", "trim_zeroes: true")]),
    ("unknown-connector", &[(MES, "connection: { http: {} }", "connection: { htp: {} }")]),
    ("two-connectors", &[(MES, "connection: { http: {} }", "connection: { http: {}, file: {} }")]),
    ("answer-without-readback", &[(ERP, "    impact:", "    answer: { by: readback, within: 10m }\n    impact:")]),
    (
        "answer-without-reference",
        &[(ERP, "    impact:", "    answer: { by: document, within: 10m, every: 5s }\n    impact:")],
    ),
    (
        "answers-to-nobody",
        &[
            (
                MES,
                "    event: production.completion.reported@1\n",
                "    answers: { to: erp/confirmation, reference: .id, posted_when: { at: id } }\n",
            ),
            (MES, "    data_class: operational\n", "    reply: { settled: { within: 60s } }\n"),
        ],
    ),
    ("retention-keys-too-short", &[(ROOT, "sites:", "retention: { payloads: 7d, keys: 14d }\nsites:")]),
    (
        "retention-out-of-order",
        &[(ROOT, "sites:", "retention: { payloads: 60d, tracking: 30d, keys: 45d, audit: 12h }\nsites:")],
    ),
    ("disk-without-unit", &[(ROOT, "sites:", "disk: { ballast: \"64\", refuse_above: \"95\" }\nsites:")]),
    ("disk-refuses-early", &[(ROOT, "sites:", "disk: { refuse_above: 20% }\nsites:")]),
    ("sla-of-no-time", &[(ERP, "    impact:", "    sla: { within: 0s }\n    impact:")]),
    ("missing-field", &[(ERP, "    in_order_by: order\n", "")]),
    ("missing-fields-everywhere", &[(ERP, "    impact: financial posting\n", ""), (ROOT, "node: hub-1\n", "")]),
    ("no-value", &[(ERP, "in_order_by: order", "in_order_by:")]),
    ("wrong-type-number", &[(ERP, "in_flight: 4", "in_flight: four")]),
    ("wrong-type-text", &[(ROOT, "installation: first", "installation: 0010")]),
    ("wrong-type-list", &[(ROOT, "allow: [\"127.0.0.1:*\"]", "allow: \"127.0.0.1:*\"")]),
    ("number-out-of-range", &[(ERP, "in_flight: 4", "in_flight: -4")]),
    ("unknown-word", &[(MES, "unreadable: pass", "unreadable: passs")]),
    ("unknown-impact", &[(ERP, "impact: financial posting", "impact: money")]),
    ("unknown-method", &[(ERP, "method: POST", "method: post")]),
    ("word-needs-fields", &[(ERP, "auth: none", "auth: bearer")]),
    (
        "duplicate-field",
        &[(ERP, "    impact: financial posting\n", "    impact: quality\n    impact: financial posting\n")],
    ),
    (
        "many-at-once",
        &[
            (ERP, "about: Planning", "abuot: Planning"),
            (ERP, "in_flight: 4", "in_flight: four"),
            (ERP, "class: T1", "class: T9"),
            (ERP, "    in_order_by: order\n", ""),
            (MES, "site: .plant", "site: [.plant]"),
            (ROOT, "Europe/Berlin", "Europe/Berln"),
        ],
    ),
    ("not-yaml-quote", &[(ERP, "path: /completions", "path: \"/completions")]),
    ("not-yaml-tab", &[(MES, "  completion:\n", "\tcompletion:\n")]),
    ("anchor", &[(MES, "data_class: operational", "data_class: &class operational")]),
    ("alias-bomb", &[(MES, "", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")]),
    ("merge-key", &[(MES, "    data_class: operational\n", "    <<: { data_class: operational }\n")]),
    (
        "nested-too-deep",
        &[(MES, "", "system: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n")],
    ),
    ("empty-file", &[(ERP, "", "# nothing yet\n")]),
    ("no-installation", &[(ROOT, "", "")]),
    ("yml", &[(MES, "", ""), ("systems/mes.yml", "", "system: mes\n")]),
    ("listeners-the-same", &[(ROOT, "127.0.0.1:7401", "127.0.0.1:7400")]),
    ("listener-unreadable", &[(ROOT, "127.0.0.1:7401", "localhost")]),
    ("egress-with-scheme", &[(ROOT, "127.0.0.1:*", "http://erp.example.com:8080")]),
    ("private-network-unreadable", &[(ROOT, "loopback: permitted", "private: [10.1.0.0]")]),
    ("time-zone", &[(ROOT, "Europe/Berlin", "Europe/Berln")]),
    ("time-zone-abbreviated", &[(ROOT, "Europe/Berlin", "MEZ")]),
    ("no-sites", &[(ROOT, "sites:\n  DE10: { name: Augsburg, time_zone: Europe/Berlin, region: eu }", "sites: {}")]),
    ("system-named-otherwise", &[(ERP, "system: erp", "system: sap")]),
    ("name-with-capitals", &[(MES, "  completion:", "  Completion:")]),
    ("secret-in-file", &[(MES, "secret:mes-inbound", "hunter2-canary")]),
    ("secret-outside-directory", &[(MES, "secret:mes-inbound", "secret:../../etc/passwd")]),
    ("password-in-url", &[(ERP, "env:ERP_URL", "http://me:hunter2-canary@127.0.0.1:8080")]),
    ("url-unreadable", &[(ERP, "env:ERP_URL", "erp.example.com")]),
    ("url-not-allowed", &[(ERP, "env:ERP_URL", "https://erp.example.com/api")]),
    ("url-loopback-refused", &[(ERP, "env:ERP_URL", "http://127.0.0.1:8080"), (ROOT, "permitted ", "refused ")]),
    ("receives-without-url", &[(ERP, "url: \"env:ERP_URL\", ", "")]),
    ("no-such-event", &[(ERP, "reported@1", "reportd@1")]),
    ("no-such-map", &[(MES, "mes-completion.vrl", "mes-completions.vrl")]),
    ("no-such-schema", &[(MES, "    site: .plant\n", "    site: .plant\n    schema: schemas/completion.json\n")]),
    ("map-outside", &[(MES, "maps/mes-completion.vrl", "../maps/mes-completion.vrl")]),
    ("no-map", &[(MES, "    map: maps/mes-completion.vrl\n", "")]),
    ("neither-event-nor-reference", &[(MES, "    event: production.completion.reported@1\n", "")]),
    (
        "event-and-reference",
        &[(MES, "    site: .plant\n", "    site: .plant\n    reference: { table: x, key: .id }\n")],
    ),
    ("no-such-site", &[(MES, "site: .plant", "site: DE11")]),
    ("no-site", &[(MES, "    site: .plant\n", "")]),
    ("path-without-dot", &[(MES, "path: .order", "path: order")]),
    ("path-unclosed", &[(MES, "path: .order", "path: \".orders[0\"")]),
    ("issued-by-nobody", &[(MES, "issued_by: erp", "issued_by: epr")]),
    ("idempotency-nowhere", &[(MES, "key: header", "key: headers")]),
    ("order-by-unknown-key", &[(ERP, "in_order_by: order", "in_order_by: batch")]),
    ("order-by-optional-key", &[(MES, "trim_zeros: true", "required: false")]),
    ("duration-without-unit", &[(ERP, "probe_every: 2s", "probe_every: \"2\"")]),
    ("duration-zero", &[(ERP, "probe_every: 2s", "probe_every: 0s")]),
    ("t1-without-window", &[(ERP, "window: 24h, past: T4", "past: T4")]),
    ("t1-without-past", &[(ERP, ", past: T4", "")]),
    ("t1-without-key", &[(ERP, "key_header: Idempotency-Key, ", "")]),
    ("t1-past-t3-without-probe", &[(ERP, "past: T4", "past: T3, quiet: 10s")]),
    ("t2-with-window", &[(ERP, "class: T1, window: 24h, past: T4", "class: T2, window: 24h")]),
    ("t3-without-probe", &[(ERP, "class: T1, window: 24h, past: T4", "class: T3, quiet: 5s")]),
    ("t3-without-quiet", &[(ERP, "class: T1, window: 24h, past: T4", "class: T3")]),
    ("template-unclosed", &[(ERP, "path: /completions", "path: \"/completions/{order\"")]),
    ("template-odd-name", &[(ERP, "path: /completions", "path: \"/completions/{order no}\"")]),
    ("path-of-address", &[(ERP, "path: /completions", "path: completions")]),
    ("receipt-unreadable", &[(ERP, "receipt: .number", "receipt: number")]),
    ("retry-cap-below-first", &[(ERP, "    impact:", "    retry: { first: 1m, cap: 10s, attempts: 0 }\n    impact:")]),
    ("rate-zero", &[(ERP, "in_flight: 4", "in_flight: 4, rate: 0")]),
    ("only-when-empty", &[(ERP, "    impact:", "    only_when: { .site: [], plant: [DE10] }\n    impact:")]),
    (
        "emitted-and-received-under-one-name",
        &[(
            ERP,
            "receives:\n",
            "emits:\n  completion:\n    source: { http: { auth: none } }\n    reference: { table: x, key: .id }\nreceives:\n",
        )],
    ),
    ("odata-not-allowed", &[(ERP, "", ODATA_ERP)]),
    (
        "odata-batch",
        &[
            (ERP, "", ODATA_ERP),
            (ERP, "        path: /ProdnOrdConf2\n        key_field", "        path: /$batch\n        key_field"),
            (ROOT, "127.0.0.1:*", "erp.example.com:443"),
        ],
    ),
    (
        "odata-poll",
        &[
            (ROOT, "127.0.0.1:*", "erp.example.com:443"),
            (ERP, "", ODATA_ERP),
            (ERP, "version: v2", "version: v4"),
            (ERP, "stamp: text", "stamp: datetime"),
            (ERP, "path: /A_ProductionOrder_2", "path: A_ProductionOrder_2?sap-client=100"),
            (ERP, "every: 10s", "every: 0s"),
            (ERP, "overlap: 5m", "page_size: 0"),
            (ERP, "2026-01-01T00:00:00Z", "2026-01-01"),
            (ERP, "key: [ManufacturingOrder]", "key: [.ManufacturingOrder]"),
            (ERP, "changed_since: LastChangeDateTime", "changed_since: Last Change"),
            (ERP, "[to_ProductionOrderOperation,", "[to_Operation($top=1),"),
            (ERP, "    reference: {", "    idempotency: { key: .id }\n    reference: {"),
        ],
    ),
    (
        "odata-send",
        &[
            (ROOT, "127.0.0.1:*", "erp.example.com:443"),
            (ERP, "", ODATA_ERP),
            (
                ERP,
                "      odata:\n        path: /ProdnOrdConf2\n",
                "      odata:\n        if_match: read\n        path: ProdnOrdConf2\n",
            ),
            (ERP, "OrderID eq '{order}' and ExternalSystemConfirmation eq guid'{target_key}'", "OrderID eq '1'"),
            (ERP, "receipt: [ConfirmationGroup,", "receipt: [d.ConfirmationGroup,"),
            (ERP, "key_field: .External", "key_field: External"),
            (ERP, "sap-client: \"100\"", "Authorization: hunter2-canary"),
            (ERP, "\"secret:erp\"", "hunter2-canary"),
        ],
    ),
    (
        "odata-without-probe-and-key",
        &[
            (ROOT, "127.0.0.1:*", "erp.example.com:443"),
            (ERP, "", ODATA_ERP),
            (ERP, "        key_field: .ExternalSystemConfirmation\n", ""),
            (ERP, "class: T3, quiet: 2m", "class: T1, window: 24h, past: T4"),
        ],
    ),
    (
        "files-source",
        &[
            (ERP, "", FILES_ERP),
            (ERP, "root: exchange/erp", "root: systems/../data"),
            (ERP, "directory: out/orders\n", "directory: /out/orders\n"),
            (ERP, "\"ORDERS*.csv\"", "\"ORDERS*.c[sS]*v\""),
            (ERP, "stable_for: 10s", "stable_for: 0s"),
            (ERP, "every: 5s", "every: 5s\n        file_bytes_max: 1073741825"),
            (ERP, "marker: .done", "marker: .tmp"),
            (ERP, "key: .Id", "key: header"),
            (ERP, "pattern: \"STOCK*.csv\"", "pattern: STOCK*.part"),
        ],
    ),
    (
        "files-destination",
        &[
            (ERP, "", FILES_ERP),
            (ERP, "root: exchange/erp", "root: data/exchange"),
            (ERP, "{order}-{target_key}.json", "../order {Order}.tmp"),
            (ERP, "directory: in,", "directory: in/../..,"),
            (ERP, "taken_to: in/taken", "taken_to: ./in"),
            (ERP, "T3, quiet: 2m", "T1, window: 1d, past: T4"),
        ],
    ),
    (
        "files-t3-without-place",
        &[
            (ERP, "", FILES_ERP),
            (ERP, "root: exchange/erp", "root: \"secret:exchange\""),
            (ERP, ", taken_to: in/taken", ""),
            (ERP, "{order}-{target_key}.json", "order.json"),
        ],
    ),
    ("files-name-of-many", &[(ERP, "", FILES_ERP), (ERP, "{order}-{target_key}.json", "{order}.json")]),
    ("probe-of-many", &[(ERP, "", ODATA_ERP), (ERP, "{target_key}", "{order}")]),
    ("files-taken-twice", &[(ERP, "", FILES_ERP), (ERP, "pattern: \"STOCK*.csv\"", "pattern: \"*.csv\"")]),
    (
        "two-kinds-in-a-system",
        &[(
            ERP,
            "http: { method: POST, path: /completions, key_header: Idempotency-Key, receipt: .number }",
            "odata: { path: /Conf, key_header: Repeatability-Request-ID }",
        )],
    ),
    ("event-not-json", &[(EVENT, "\"type\": \"object\",", "\"type\": \"object\"")]),
    ("event-without-title", &[(EVENT, "  \"title\": \"Completion reported\",\n", "")]),
    ("event-of-other-version", &[(EVENT, "\"1.0.0\"", "\"2.0.0\"")]),
    ("event-example-wrong", &[(EVENT, "\"good\": \"95\"", "\"good\": 95")]),
    ("event-file-misnamed", &[("model/order.json", "", "{}")]),
    (
        "reversals",
        &[
            (
                MES,
                "    site: .plant\n",
                "    site: .plant\n    reverses: { original: reverses, key: report }\n  again:\n    source: { http: { auth: none } }\n    \
                 event: production.completion.reported@1\n    map: maps/mes-completion.vrl\n    keys: { order: { path: .order } }\n    \
                 reverses: { original: .reverses, key: ordre, interface: mes/completions }\n    site: .plant\n",
            ),
            (ERP, "    repeat: { class: T1", "    original_at: completion\n    repeat: { class: T1"),
            (
                ERP,
                "receives:\n",
                "receives:\n  cancel:\n    event: production.completion.reported@1\n    takes: reversals\n    original_at: completions\n    \
                 send: { http: { path: /cancel } }\n    in_order_by: order\n    repeat: { class: T2 }\n    impact: financial posting\n  \
                 undo:\n    event: production.completion.reported@1\n    takes: reversals\n    send: { http: { path: /undo } }\n    \
                 in_order_by: order\n    repeat: { class: T2 }\n    impact: financial posting\n  aside:\n    \
                 event: production.completion.reported@1\n    takes: reversals\n    original_at: completion\n    sequence: other\n    \
                 send: { http: { path: /aside } }\n    in_order_by: order\n    repeat: { class: T2 }\n    impact: financial posting\n  \
                 all:\n    event: production.completion.reported@1\n    takes: both\n    send: { http: { path: /all } }\n    \
                 in_order_by: nothing\n    repeat: { class: T2 }\n    impact: financial posting\n",
            ),
        ],
    ),
    (
        "reference-object-wrong",
        &[
            ("reference/Material.json", "", "{}"),
            (
                "reference/unit.json",
                "",
                "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"Unit\",\"x-version\":\"one\",\
                 \"type\":\"object\",\"required\":[\"unit\",\"code\"],\"examples\":[{\"unit\":\"BT\"}]}",
            ),
        ],
    ),
    ("event-received-by-nobody", &[(ERP, "", "system: erp\nconnection: { http: {} }\n")]),
    ("event-emitted-by-nobody", &[(MES, "", "system: mes\nconnection: { http: {} }\n")]),
    (
        "rules",
        &[(
            RULES,
            "",
            "object: orders\nevents:\n  production.completion.reported@1:\n    - named_by: { key: batch }\n      unit: { path: .unti }\n      \
             adds: { yield: .good, stock: good }\n      takes: { yield: .scrap }\n      sets: { unit: .unit }\n      checks:\n        \
             - not_over: { total: yields, limit: quantity, tolerance_percent: \"-1 %\" }\n        - open: { fact: state }\n        \
             - known: { table: batch, key: .order }\n        - known: { table: batch }\n        - known: { key: .order }\n        - not_negative: { total: yield }\n    \
             - named_by: {}\n    - named_by: { paths: [.order] }\n  production.completion@1: []\n",
        )],
    ),
    (
        "rules-of-the-wrong-shape",
        &[(
            RULES,
            "",
            "object: order\nevents:\n  production.completion.reported@1:\n    - name: .order\n      adds: yield\n      checks:\n        \
             - not_below: { total: yield }\n        - not_over: { total: yield, limit: quantity, tolerance_percent: 10 }\n",
        )],
    ),
    (
        "rules-of-steps-and-periods",
        &[(
            RULES,
            "",
            "object: order\nevents:\n  production.completion.reported@1:\n    - named_by: { key: order }\n      by: .stepp\n      \
             adds: { yield: .good }\n      sets: { over: .order }\n      sets_list: { steps: { each: .stages, value: .step }, \"no name\": { each: good, value: .x } }\n      checks:\n        \
             - not_over: { total: yield, limit: quantity, tolerance: overr, unlimited: any }\n        \
             - not_under: { total: yield, limit: quantity, tolerance_percent: ten, when: { path: .final, is: [] } }\n        \
             - in_sequence: { steps: step, done: [], passes_on: yields, milestones: none }\n        \
             - usable: { table: batch, field: status, blocked: [] }\n        - in_period: { table: period, date: .day, of: .plnt }\n    \
             - named_by: { key: order }\n      adds: { yield: .good }\n      checks:\n        - in_sequence: { steps: steps, done: [yield], passes_on: yield }\n",
        )],
    ),
    (
        "rule-samples",
        &[
            (
                "rules/order.yaml",
                "",
                "object: order\nevents:\n  production.completion.reported@1:\n    - named_by: { key: order }\n      adds: { yield: .good }\n",
            ),
            ("rules/order.samples/a.json", "", "{\n  \"about\": \"x\",\n  \"step\": []\n}\n"),
            ("rules/order.samples/b.json", "", "{ \"about\": \"x\", \"steps\": [] }\n"),
            (
                "rules/order.samples/c.json",
                "",
                "{ \"about\": \"x\", \"steps\": [{ \"event\": \"production.completion@1\", \"data\": {} }] }\n",
            ),
            (
                "rules/orders.samples/d.json",
                "",
                "{ \"about\": \"x\", \"steps\": [{ \"event\": \"production.completion.reported@1\", \"data\": {} }] }\n",
            ),
        ],
    ),
    ("rules-misnamed", &[("rules/order.yml", "", "object: order\n")]),
    ("map-not-used", &[("systems/maps/old.vrl", "", ". = {}\n")]),
];

fn project(edits: &[Edit]) -> Files {
    let mut files: Files = starter().into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    for (file, from, to) in edits {
        match (from.is_empty(), to.is_empty()) {
            (true, true) => assert!(files.remove(*file).is_some(), "{file} is not there"),
            (true, false) => {
                files.insert((*file).to_owned(), (*to).to_owned());
            }
            (false, _) => {
                let text = files.get_mut(*file).unwrap();
                assert!(text.contains(from), "{file} does not contain {from:?}");
                *text = text.replace(from, to);
            }
        }
    }
    files
}

#[test]
fn the_starter_project_has_no_problems() {
    let (project, problems) = check(&project(&[]));
    assert_eq!(problems, []);
    let project = project.unwrap();
    assert_eq!(project.emits.keys().collect::<Vec<_>>(), ["mes/completion"]);
    assert_eq!(project.receives.keys().collect::<Vec<_>>(), ["erp/completion"]);
    assert_eq!(project.installation.insecure, ["egress.loopback: connectors may connect to this machine"]);
}

#[test]
fn every_mistake_is_told_with_its_place_and_its_remedy() {
    let mut names = BTreeSet::new();
    for (name, edits) in CASES {
        assert!(names.insert(format!("{name}.txt")), "{name} stands twice");
        let (compiled, problems) = check(&project(edits));
        assert!(!problems.is_empty(), "{name}: nothing found");
        let errors = problems.iter().any(|problem| problem.severity == Severity::Error);
        assert_eq!(compiled.is_none(), errors, "{name}: a project runs if and only if nothing is an error");
        let mut text = String::new();
        for problem in &problems {
            assert!(!problem.file.is_empty() && !problem.help.is_empty(), "{name}: no remedy in {problem}");
            text.push_str(&format!("{problem}\n\n"));
        }
        assert!(!text.contains("canary"), "{name}: a secret is shown");
        golden::compare(&format!("tests/it/broken/{name}.txt"), &text);
    }
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/broken");
    for entry in std::fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&file), "broken/{file} belongs to no case");
    }
}

#[test]
fn the_version_changes_with_a_map_and_not_with_a_sample() {
    let version = |edits: &[Edit]| check(&project(edits)).0.unwrap().version;
    let plain = version(&[]);
    assert_eq!(plain.len(), 64);
    assert_eq!(plain, version(&[]));
    assert_ne!(plain, version(&[("systems/maps/mes-completion.vrl", "# The plant's", "# A plant's")]));
    assert_eq!(plain, version(&[("systems/maps/mes-completion.samples/plain.in.json", "95", "96")]));
}

#[test]
fn what_weakens_security_is_listed() {
    let files = project(&[
        (ROOT, "127.0.0.1:7400", "0.0.0.0:7400"),
        (ROOT, "127.0.0.1:*", "erp.example.com:80"),
        (ERP, "env:ERP_URL", "http://erp.example.com"),
        (MES, "{ bearer: { token: \"secret:mes-inbound\" } }", "none"),
    ]);
    let (project, problems) = check(&files);
    assert_eq!(problems, []);
    assert_eq!(
        project.unwrap().installation.insecure,
        [
            "listen.inbound: 0.0.0.0:7400 is reachable from the network without TLS: documents and credentials can be read there",
            "egress.loopback: connectors may connect to this machine",
            "erp: erp.example.com is reached without TLS",
            "mes/completion: anybody who reaches the listener may send",
        ]
    );
}
