//! Documents through the whole path: formats, character sets, rows, wrappers, and input that is wrong in some way.
//!
//! What is wrong must be told by its code, its place and a next step, and must leave its neighbours alone.

use lineshaft_flow::problem::Severity;
use lineshaft_flow::process::ProcessedIntake;
use lineshaft_flow::project::Project;
use lineshaft_flow::spec::check;
use lineshaft_format::json;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::plan::{Plan, Work};
use lineshaft_model::tree::Tree;

use crate::library::{self, catalog, run};

fn told(intake: &ProcessedIntake) -> Vec<String> {
    let parts = intake.parts.iter().map(|part| match &part.result {
        Ok(Plan::Event { data, .. }) => String::from_utf8(data.clone()).unwrap(),
        Ok(Plan::Reference { record, .. }) => String::from_utf8(record.clone()).unwrap(),
        Ok(Plan::Answer(answer)) => format!("{answer:?}"),
        Ok(Plan::Later) => "later".to_owned(),
        Err(fault) => format!("{} at {}", fault.code.spec().text, fault.at),
    });
    parts.collect()
}

/// The fault of part `at`, which alone is wrong.
fn only_fault(intake: &ProcessedIntake, at: usize) -> Fault {
    for (index, part) in intake.parts.iter().enumerate() {
        assert_eq!(part.part as usize, index);
        assert_eq!(part.result.is_err(), index == at, "part {index}: {:?}", part.result);
    }
    intake.parts[at].result.clone().unwrap_err()
}

fn order(number: &str, fields: &str) -> String {
    format!(
        r#"{{"ManufacturingOrder":"{number}","Material":"M-1","ProductionPlant":"1710","TotalQuantity":"5","ProductionUnit":"PC"{fields}}}"#
    )
}

fn field(project: &Project, interface: &str, body: &str, path: &str) -> Vec<String> {
    let intake = run(project, &Catalog::default(), interface, body.as_bytes(), "");
    let parts = intake.parts.iter().map(|part| match &part.result {
        Ok(Plan::Event { data, .. } | Plan::Reference { record: data, .. }) => {
            let data = json::decode(data).unwrap();
            let path = lineshaft_model::tree::Path::parse(path).unwrap();
            path.find(&data).and_then(Tree::scalar).unwrap_or("-").to_owned()
        }
        Ok(Plan::Answer(answer)) => answer.reference.clone(),
        Ok(Plan::Later) => "later".to_owned(),
        Err(fault) => fault.to_string(),
    });
    parts.collect()
}

#[test]
fn a_bad_row_is_parked_alone() {
    let project = library::project(&[], &[]);
    let mut rows = vec!["unit;code;description".to_owned()];
    rows.extend((1..=9).map(|number| format!("U{number};C{number};unit {number}")));
    rows[7] = "U7;C7;unit;7".to_owned();
    let body = rows.join("\r\n");
    let intake = run(&project, &Catalog::default(), "tables/unit", body.as_bytes(), "text/csv");
    assert!(!intake.unreadable);
    assert_eq!(intake.parts.len(), 9);
    let fault = only_fault(&intake, 6);
    assert_eq!((fault.code, fault.at.as_str()), (Code::DecodeSyntax, "8:1, row 7"));
    assert!(fault.message.contains("4 fields, not 3"), "{fault}");
    assert!(!fault.next_step().is_empty());
    assert_eq!(told(&intake)[7], r#"{"unit":"U8","code":"C8","description":"unit 8"}"#);
    // A row that reads and is wrong in itself names its row too.
    let intake = run(&project, &Catalog::default(), "tables/unit", b"unit;code\nA;B\n;C\n", "");
    let fault = only_fault(&intake, 1);
    assert_eq!((fault.code, fault.at.as_str()), (Code::ValidateKeyMissing, "row 2, .unit"));
    // A header alone is a file with nothing to do; a wrong header makes the whole file unreadable.
    assert_eq!(run(&project, &Catalog::default(), "tables/unit", b"unit;code\n", "").parts.len(), 0);
    let intake = run(&project, &Catalog::default(), "tables/unit", b"unit;kode\nA;B\n", "");
    assert!(intake.unreadable);
    assert!(only_fault(&intake, 0).at.contains("header"));
    // A quote that is never closed hides what follows it, and nothing before it.
    let intake = run(&project, &Catalog::default(), "tables/unit", b"unit;code\nA;B\n\"C;D\nE;F\n", "");
    assert_eq!(only_fault(&intake, 1).code, Code::DecodeSyntax);
}

#[test]
fn the_character_set_of_the_transport_counts() {
    let project = library::project(&[], &[]);
    let csv = b"unit;code;description\nROL;RO;Gr\xF6\xDFe\n";
    let made = |content_type: &str| told(&run(&project, &Catalog::default(), "tables/unit", csv, content_type));
    assert_eq!(made("text/csv; charset=ISO-8859-1"), [r#"{"unit":"ROL","code":"RO","description":"Größe"}"#]);
    assert_eq!(made("text/csv; header=present; Charset=\"windows-1252\"").len(), 1);
    assert_eq!(made("text/csv"), ["DECODE-002 at 2:10, row 1"]);
    assert_eq!(made("text/csv; charset=ebcdic"), ["DECODE-002 at 1:1"]);

    let lot = |declaration: &str, word: &[u8]| {
        let start =
            format!("{declaration}<MaterialLot><ID>L1</ID><MaterialDefinitionID>M1</MaterialDefinitionID><Status>");
        [start.as_bytes(), word, b"</Status></MaterialLot>"].concat()
    };
    let status = |body: &[u8], content_type: &str| {
        let intake = run(&project, &Catalog::default(), "mes-b2mml/lot", body, content_type);
        told(&intake).remove(0)
    };
    let good = r#"{"batch":"L1","key":"M1/L1","material":"M1","properties":[],"status":"größer"}"#;
    let (latin, utf8) = (b"gr\xF6\xDFer".as_slice(), "größer".as_bytes());
    for (declaration, word, content_type) in [
        ("", utf8, "application/xml"),
        ("", utf8, "application/xml; charset=utf-8"),
        ("", latin, "text/xml; charset=iso-8859-1"),
        // The transport counts more than the document itself.
        ("<?xml version=\"1.0\" encoding=\"utf-8\"?>", latin, "text/xml; charset=latin1"),
        ("<?xml version='1.0' encoding='iso-8859-1' ?>", utf8, "text/xml; charset=utf-8"),
        ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>", latin, "text/xml"),
        // A byte order mark counts more than both.
        ("\u{feff}", utf8, "text/xml; charset=iso-8859-1"),
    ] {
        assert_eq!(status(&lot(declaration, word), content_type), good, "{declaration} {content_type}");
    }
    assert!(status(&lot("", latin), "application/xml").starts_with("DECODE-002 at 1:"));
    assert_eq!(status(&lot("", latin), "text/xml; charset=utf-8"), "DECODE-002 at offset 81");
}

#[test]
fn every_usual_wrapper_is_opened() {
    let project = library::project(&["1710"], &[]);
    let (one, two) = (order("1", ""), order("2", ""));
    for (body, orders) in [
        (one.clone(), vec!["1"]),
        (format!(r#"{{"d":{one}}}"#), vec!["1"]),
        (format!(r#"{{"d":{{"results":[{one},{two}]}}}}"#), vec!["1", "2"]),
        (format!(r#"{{"value":[{one},{two}]}}"#), vec!["1", "2"]),
        (format!(r#"{{"message":[{one}],"level":"INFO"}}"#), vec!["1"]),
        (format!(r#"{{"ProductionOrder":{one},"result":true}}"#), vec!["1"]),
        (format!("[{one},{two}]"), vec!["1", "2"]),
        (r#"{"value":[]}"#.to_owned(), vec![]),
    ] {
        assert_eq!(field(&project, "erp-odata/order", &body, ".order"), orders, "{body}");
    }
}

#[test]
fn dates_come_in_many_forms_and_fields_may_be_missing() {
    let project = library::project(&["1710"], &[]);
    let start = |fields: &str| field(&project, "erp-odata/order", &order("1", fields), ".start").remove(0);
    for (fields, made) in [
        (
            r#","MfgOrderPlannedStartDate":"/Date(1795392000000)/","MfgOrderPlannedStartTime":"PT06H30M00S""#,
            "2026-11-22T21:30:00Z",
        ),
        (r#","MfgOrderPlannedStartDate":"2026-11-23","MfgOrderPlannedStartTime":"06:30:00""#, "2026-11-22T21:30:00Z"),
        (
            r#","MfgOrderPlannedStartDate":"2026-11-23T09:00:00+09:00","MfgOrderPlannedStartTime":"PT6H30M""#,
            "2026-11-22T21:30:00Z",
        ),
        (r#","MfgOrderPlannedStartDate":"20261123","MfgOrderPlannedStartTime":"""#, "2026-11-22T15:00:00Z"),
        (r#","MfgOrderPlannedStartDate":"","MfgOrderPlannedStartTime":"PT00H00M00S""#, "-"),
        (r#","MfgOrderPlannedStartDate":null"#, "-"),
        ("", "-"),
    ] {
        assert_eq!(start(fields), made, "{fields}");
    }
    let children = r#","OrderIsReleased":"X","to_ProductionOrderOperation":{"results":[{"ManufacturingOrderOperation":"0010","OpPlannedTotalQuantity":"5"}]},"to_ProductionOrderComponent":{"__deferred":{"uri":"x"}}"#;
    assert_eq!(field(&project, "erp-odata/order", &order("1", children), ".operations[0].operation"), ["0010"]);
    assert_eq!(field(&project, "erp-odata/order", &order("1", children), ".state"), ["released"]);
}

const SEGMENT: &str = "<SegmentRequirement><ID>10</ID><MaterialRequirement><MaterialDefinitionID schemeName=\"x\">FG\
    </MaterialDefinitionID><MaterialUse>Produced</MaterialUse><Quantity><QuantityString>2.50</QuantityString>\
    <UnitOfMeasure>KG</UnitOfMeasure></Quantity></MaterialRequirement></SegmentRequirement>";

#[test]
fn b2mml_is_read_in_any_namespace_and_verb() {
    let project = library::project(&[], &[]);
    for (root, noun, request, namespace) in [
        ("SyncProductionSchedule", "ProductionSchedule", "ProductionRequest", "http://www.wbf.org/xml/B2MML-V0401"),
        ("ProcessOperationsSchedule", "OperationsSchedule", "OperationsRequest", "http://www.mesa.org/xml/B2MML-V0600"),
        ("ShowOperationsSchedule", "OperationsSchedule", "OperationsRequest", "http://www.mesa.org/xml/B2MML"),
        ("SyncProductionSchedule", "ProductionSchedule", "ProductionRequest", ""),
    ] {
        let (prefix, declared) = match namespace {
            "" => ("", String::new()),
            _ => ("b:", format!(" xmlns:b=\"{namespace}\"")),
        };
        let within = |name: &str, inside: &str| format!("<{prefix}{name}>{inside}</{prefix}{name}>");
        let one = |id: &str| within(request, &format!("{}{SEGMENT}", within("ID", id)));
        let body = within("DataArea", &within(noun, &format!("{}{}", one("A"), one("B"))));
        let body = format!("<{prefix}{root}{declared}>{body}</{prefix}{root}>");
        assert_eq!(field(&project, "mes-b2mml/order", &body, ".order"), ["A", "B"], "{body}");
        assert_eq!(field(&project, "mes-b2mml/order", &body, ".quantity"), ["2.50", "2.50"], "{body}");
        assert_eq!(field(&project, "mes-b2mml/order", &body, ".unit"), ["KGM", "KGM"], "{body}");
    }
    let cancel = format!(
        "<CancelProductionSchedule><DataArea><ProductionSchedule><ProductionRequest><ID>A</ID>{SEGMENT}</ProductionRequest></ProductionSchedule></DataArea></CancelProductionSchedule>"
    );
    let refused = field(&project, "mes-b2mml/order", &cancel, ".order").remove(0);
    assert!(refused.contains("DECODE-005"), "{refused}");
}

#[test]
fn lots_take_their_material_from_around_them() {
    let project = library::project(&[], &[]);
    let body = "<SyncMaterialInformation xmlns=\"http://www.mesa.org/xml/B2MML-V0600\"><DataArea><Sync/>\
        <MaterialInformation><ID>A</ID><MaterialDefinition><ID>A</ID><MaterialDefinitionProperty><ID>BaseUnitOfMeasure</ID>\
        <Value><ValueString>KG</ValueString></Value></MaterialDefinitionProperty></MaterialDefinition>\
        <MaterialLot><ID>1</ID></MaterialLot><MaterialLot><ID>2</ID><MaterialDefinitionID>C</MaterialDefinitionID></MaterialLot>\
        </MaterialInformation><MaterialInformation><ID>B</ID><MaterialLot><ID>3</ID><Status/></MaterialLot></MaterialInformation>\
        </DataArea></SyncMaterialInformation>";
    assert_eq!(field(&project, "mes-b2mml/lot", body, ".key"), ["A/1", "C/2", "B/3"]);
    assert_eq!(field(&project, "mes-b2mml/material", body, ".base_unit"), ["KGM"]);
}

#[test]
fn a_performance_becomes_a_confirmation_for_each_segment() {
    let project = library::project(&[], &[]);
    let actual = |kind: &str, material: &str, quantity: &str| {
        format!(
            "<MaterialActual><MaterialDefinitionID>{material}</MaterialDefinitionID><MaterialUse>{kind}</MaterialUse><Quantity><QuantityString>{quantity}</QuantityString><UnitOfMeasure>KG</UnitOfMeasure></Quantity></MaterialActual>"
        )
    };
    let segment = |id: &str, inside: &str| {
        format!(
            "<SegmentResponse><ID>{id}</ID><ActualEndTime>2026-11-23T18:00:00+09:00</ActualEndTime><ProcessSegmentID>Mix</ProcessSegmentID>{inside}</SegmentResponse>"
        )
    };
    let inner = format!("<SegmentResponse><ID>S1.1</ID>{}</SegmentResponse>", actual("Consumed", "RM", "1.5"));
    let first = segment(
        "S1",
        &format!("{}{}{inner}", actual("Produced", "FG", "2.5"), actual("Material Produced", "FG", "0.5")),
    );
    let second = segment("S2", &actual("Consumed", "RM", "4"));
    let body = format!(
        "<ProductionPerformance><ProductionResponse><ProductionRequestID>77</ProductionRequestID>{first}{second}</ProductionResponse></ProductionPerformance>"
    );
    let get = |path: &str| field(&project, "mes-b2mml/confirmation", &body, path);
    assert_eq!(get(".id"), ["S1", "S2"]);
    assert_eq!(get(".order"), ["77", "77"]);
    assert_eq!(get(".yield"), ["3.0", "0"]);
    assert_eq!(get(".components[0].quantity"), ["1.5", "4"]);
    assert_eq!(get(".finished_at"), ["2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z"]);
    let mixed = body.replacen("FG", "OTHER", 1);
    let told = field(&project, "mes-b2mml/confirmation", &mixed, ".id");
    assert!(told[0].contains("several materials") && told[1] == "S2", "{told:?}");
}

#[test]
fn documents_that_cannot_be_read_are_told_with_their_place() {
    let project = library::project(&["1710"], &[]);
    let cases: [(&str, Vec<u8>, Code, &str); 7] = [
        ("mes-b2mml/lot", b"<MaterialLot><ID>L1</ID>".to_vec(), Code::DecodeSyntax, "1:"),
        ("mes-b2mml/lot", b"<MaterialLot>\n<ID>L\xFF</ID></MaterialLot>".to_vec(), Code::DecodeEncoding, "2:"),
        (
            "mes-b2mml/lot",
            b"<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>".to_vec(),
            Code::DecodeLimit,
            "2:",
        ),
        ("mes-b2mml/lot", b"<Other/>".to_vec(), Code::DecodeSplit, ""),
        ("erp-odata/order", br#"{"Material":"A","Material":"B"}"#.to_vec(), Code::DecodeDuplicateField, "1:"),
        ("erp-odata/order", br#"{"d":{"results":["#.to_vec(), Code::DecodeSyntax, "1:"),
        ("erp-odata/order", b"{\"a\":\"\xC3\x28\"}".to_vec(), Code::DecodeEncoding, "1:"),
    ];
    for (interface, body, code, place) in cases {
        let intake = run(&project, &Catalog::default(), interface, &body, "");
        assert!(intake.unreadable, "{interface}");
        assert_eq!(intake.parts.len(), 1);
        let fault = only_fault(&intake, 0);
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.at.starts_with(place), "{fault}");
        assert!(!fault.next_step().is_empty() && !fault.message.contains("passwd"), "{fault}");
    }
}

#[test]
fn a_part_that_is_wrong_leaves_its_neighbours_alone() {
    let project = library::project(&["1710"], &[]);
    let known = catalog(r#"{"unit":{"BT":{"unit":"BT","code":"BO"}}}"#);
    let among = |bad: &str| {
        let body = format!(r#"{{"value":[{},{bad},{}]}}"#, order("1", ""), order("3", ""));
        let intake = run(&project, &known, "erp-odata/order", body.as_bytes(), "");
        only_fault(&intake, 1)
    };
    let fault = among(r#"{"ManufacturingOrder":"2","Material":"M-1","ProductionPlant":"1710"}"#);
    assert_eq!((fault.code, fault.at.as_str()), (Code::ValidateSchema, "part 1, ."));
    assert!(fault.message.contains("TotalQuantity"), "{fault}");

    let fault = among(&order("2", "").replace("\"PC\"", "\"XYZ\""));
    assert_eq!(fault.code, Code::MapUnknownReference);
    assert_eq!(fault.waits_for, Some(("unit".to_owned(), "XYZ".to_owned())));
    assert!(fault.at.starts_with("part 1, systems/maps/erp-order.vrl:"), "{}", fault.at);
    assert!(fault.next_step().contains("reference"), "{}", fault.next_step());

    let fault = among(&order("2", "").replace("\"5\"", "\"five\""));
    assert_eq!((fault.code, fault.at.as_str()), (Code::MapEvent, "part 1, .quantity"));

    let fault = among(&order("2", r#","MfgOrderPlannedStartDate":"soon""#));
    assert_eq!(fault.code, Code::MapFailed);
    assert!(fault.message.contains("\"soon\" is not a date"), "{fault}");

    let fault = among(&order("2", "").replace("1710", "9999"));
    assert_eq!(fault.code, Code::ValidateKeyMissing);
    // A unit that the table knows is taken from there.
    let body = order("1", "").replace("\"PC\"", "\"BT\"");
    let intake = run(&project, &known, "erp-odata/order", body.as_bytes(), "");
    assert!(told(&intake)[0].contains(r#""unit":"BO""#), "{:?}", told(&intake));
}

#[test]
fn arithmetic_units_and_materials_that_fail_are_told_apart() {
    let map = |yield_: &str| {
        format!(
            r#". = {{ "id": .message_key, "order": .order, "site": %site, "scope": "order", "final": true, "components": [],
                 "scrap": "0", "yield": {yield_} }}"#
        )
    };
    let report = |material: &str, good: &str| {
        format!(
            r#"{{"kind":"order_completion","message_key":"k","order":"1","material":"{material}","good_qty":{good}}}"#
        )
    };
    let known = catalog(r#"{"material":{"M-1":{"material":"M-1","base_unit":"PCE","units":[]}}}"#);
    let convert = r#"convert_unit!(.good_qty, "CT", "PCE", material: string!(.material))"#;
    let divide = r#"dec_div!("10", .good_qty, places: 2)"#;
    for (made, wrong, code, words) in [
        (divide, report("M-1", "0"), Code::MapFailed, "zero"),
        (convert, report("M-1", "1"), Code::MapUnit, "CT"),
        (convert, report("M-9", "1"), Code::MapUnknownReference, "M-9"),
    ] {
        let project = library::project(&[], &[("systems/maps/fsmes-report.vrl", map(made).as_str())]);
        let right = report("M-1", "1");
        let body = if made == divide { format!("[{right},{wrong},{right}]") } else { format!("[{wrong}]") };
        let at = if made == divide { 1 } else { 0 };
        let fault = only_fault(&run(&project, &known, "mes-fsmes/report", body.as_bytes(), ""), at);
        assert_eq!(fault.code, code, "{fault}");
        assert!(fault.message.contains(words), "{fault}");
        assert!(fault.at.starts_with(&format!("part {at}, systems/maps/fsmes-report.vrl:")), "{}", fault.at);
        assert!(!fault.next_step().is_empty());
    }
}

fn receiver(format: &str) -> String {
    format!(
        "system: wms\nconnection: {{ http: {{ url: \"http://127.0.0.1:9\" }} }}\nreceives:\n  done:\n    event: production.confirmation@1\n    \
         map: maps/wms.vrl\n    format: {format}\n    send: {{ http: {{ method: POST, path: /done }} }}\n    in_order_by: nothing\n    \
         repeat: {{ class: T4 }}\n    impact: inventory accuracy\n"
    )
}

fn sent(format: &str, map: &str) -> Result<String, Fault> {
    let system = receiver(format);
    let egress = "egress: { allow: [\"127.0.0.1:*\"], loopback: permitted }\nsites:";
    let installation = library::files()["lineshaft.yaml"].replace("sites:", egress);
    let changed =
        [("systems/wms.yaml", system.as_str()), ("systems/maps/wms.vrl", map), ("lineshaft.yaml", &installation)];
    let project = library::project(&[], &changed);
    let body = r#"{"kind":"order_completion","message_key":"k;1","order":"7","material":"M","good_qty":2.50}"#;
    let intake = run(&project, &Catalog::default(), "mes-fsmes/report", body.as_bytes(), "");
    let Ok(Plan::Event { deliveries, .. }) = intake.parts[0].result.clone() else { panic!("{:?}", intake.parts) };
    match deliveries[0].work.clone() {
        Work::Send(rendered) => Ok(String::from_utf8(rendered.body).unwrap()),
        Work::Stuck(fault) => Err(fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn documents_are_written_in_the_receivers_format() {
    let plain = r#". = { "Id": .id, "Qty": .yield }"#;
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    for (format, map, body) in [
        ("json", plain, r#"{"Id":"k;1","Qty":"2.50"}"#.to_owned()),
        ("{ xml: { root: Done } }", plain, format!("{declaration}<Done><Id>k;1</Id><Qty>2.50</Qty></Done>")),
        (
            "xml",
            r#". = { "Done": { "@id": .id, "Qty": [.yield, "1"] } }"#,
            format!("{declaration}<Done id=\"k;1\"><Qty>2.50</Qty><Qty>1</Qty></Done>"),
        ),
        ("csv", plain, "Id,Qty\r\nk;1,2.50\r\n".to_owned()),
        ("{ csv: { delimiter: \";\", columns: [Qty, Id] } }", plain, "Qty;Id\r\n2.50;\"k;1\"\r\n".to_owned()),
        ("{ csv: { header: false } }", r#". = [{ "a": .id }, { "a": "=1" }]"#, "k;1\r\n=1\r\n".to_owned()),
        ("{ csv: { header: false, spreadsheet_safe: true } }", r#". = [{ "a": "=1" }]"#, "'=1\r\n".to_owned()),
    ] {
        assert_eq!(sent(format, map).unwrap(), body, "{format}");
    }
    assert_eq!(sent("xml", plain).unwrap_err().code, Code::RenderFailed);
    assert_eq!(sent("csv", r#". = { "a": { "b": 1 } }"#).unwrap_err().code, Code::RenderFailed);
}

#[test]
fn settings_that_cannot_work_are_told_at_their_place() {
    let (unit, lot) = ("systems/tables.yaml", "systems/mes-b2mml.yaml");
    let lists = "{ xml: { attributes: dropped, lists: [Description, MaterialDefinitionProperty, Value] } }";
    for (file, from, to, words) in [
        (unit, "delimiter: \";\", columns: [unit, code]", "delimiter: \";;\"", "`delimiter` must be one character"),
        (unit, "delimiter: \";\", columns: [unit, code]", "delimiter: \"\\\"\"", "delimiter and quote must differ"),
        (unit, "columns: [unit, code]", "columns: [unit, unit]", "named twice"),
        (unit, "columns: [unit, code]", "spreadsheet_safe: true", "meaning for writing only"),
        (unit, "columns: [unit, code]", "charset: utf8", "`utf8`"),
        (
            unit,
            "    reference: { table: unit",
            "    split: .x\n    reference: { table: unit",
            "each row is a transaction",
        ),
        (lot, lists, "{ xml: { root: A } }", "`root` has a meaning for writing only"),
        (lot, lists, "yaml", "`yaml`"),
        (lot, lists, "{ xml: { list: [A] } }", "`list` is not a field"),
        (lot, "carry: { information: .ID }", "carry: { information: ID }", "path \"ID\" must start with a dot"),
        (lot, "        - .MaterialLot\n", "        - .MaterialLot[0]\n", "has a position in a list"),
    ] {
        let mut files = library::files();
        let text = files.get_mut(file).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        *text = text.replacen(from, to, 1);
        let (project, problems) = check(&files);
        assert!(project.is_none(), "{to} passes");
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
        let told: Vec<String> = errors.map(ToString::to_string).collect();
        assert!(told.iter().any(|told| told.contains(words) && told.contains(file)), "{to}: {}", told.join("\n"));
    }
}
