//! Maps as text: what they make, what they refuse, what the message says.

use super::*;

fn text(text: &str) -> Tree {
    Tree::Text(text.to_owned())
}

fn tree(json: &str) -> Tree {
    fn read(value: &serde_json::Value) -> Tree {
        use serde_json::Value;
        match value {
            Value::Null => Tree::Null,
            Value::Bool(truth) => Tree::Bool(*truth),
            Value::Number(number) => Tree::Number(number.to_string()),
            Value::String(words) => text(words),
            Value::Array(items) => Tree::List(items.iter().map(read).collect()),
            Value::Object(fields) => {
                Tree::Map(fields.iter().map(|(name, value)| (name.clone(), read(value))).collect())
            }
        }
    }
    read(&serde_json::from_str(json).expect(json))
}

fn written(tree: &Tree) -> String {
    match tree {
        Tree::Null => "null".to_owned(),
        Tree::Bool(truth) => truth.to_string(),
        Tree::Number(digits) => digits.clone(),
        Tree::Text(text) => format!("{text:?}"),
        Tree::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(",")),
        Tree::Map(fields) => {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}:{}", written(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
    }
}

fn catalog() -> Arc<Catalog> {
    let record = |json: &str| Arc::new(tree(json));
    let units = r#"{"base_unit":"PCE","name":"Pump","units":[{"unit":"CAR","numerator":12,"denominator":1}]}"#;
    let catalog = Catalog::default().with(1, "material", [("FG-1".to_owned(), record(units))]);
    Arc::new(catalog.with(2, "unit", [("ST".to_owned(), record("\"PCE\"")), ("KAR".to_owned(), record("\"CAR\""))]))
}

fn facts() -> Facts {
    Facts {
        id: "id-1".into(),
        received_at: "2026-11-23T10:00:00.000Z".into(),
        site: "DE10".into(),
        time_zone: "Europe/Berlin".into(),
        interface: "erp/order".into(),
        ..Facts::default()
    }
}

fn compiled(source: &str) -> Map {
    match Map::compile(source, "maps/x.vrl", &MapContext::default()) {
        Ok(map) => map,
        Err(problems) => panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn ran(source: &str, json: &str) -> String {
    match compiled(source).run(&tree(json), &catalog(), &facts()) {
        Ok(result) => written(&result),
        Err(fault) => fault.to_string(),
    }
}

fn refused(source: &str, context: &MapContext<'_>) -> String {
    match Map::compile(source, "maps/x.vrl", context) {
        Ok(_) => format!("compiled: {source}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn functions_give_what_their_names_say() {
    for (source, result) in [
        ("dec_add!(\"0.10\", \"0.2\")", "\"0.30\""),
        ("dec_sub!(.q, 1)", "\"9.500\""),
        ("dec_mul!(.q, \"2\")", "\"21.000\""),
        ("dec_div!(\"10\", \"3\", 2)", "\"3.33\""),
        ("dec_div!(\"10\", \"3\", 2, rounding: \"up\")", "\"3.34\""),
        ("dec_round!(.q, 0, \"half_even\")", "\"10\""),
        ("dec_cmp!(\"9\", \"10\")", "-1"),
        ("[dec_eq!(\"1.0\", \"1.00\"), dec_lt!(\"9\", \"10\"), dec_gt!(\"9\", \"10\")]", "[true,true,false]"),
        ("dec_sum!([\"1.5\", 2, .q])", "\"14.000\""),
        ("dec_sum!([])", "\"0\""),
        ("xref!(\"unit\", \"ST\")", "\"PCE\""),
        ("xref!(\"material\", \"FG-1\", field: \"name\")", "\"Pump\""),
        ("xref(\"unit\", \"?\", default: \"C62\")", "\"C62\""),
        ("[exists_ref(\"unit\", \"ST\"), exists_ref(\"unit\", \"?\")]", "[true,false]"),
        ("convert_unit!(\"2.5\", \"KGM\", \"GRM\")", "\"2500.0\""),
        ("convert_unit!(\"30\", \"PCE\", \"CAR\", material: \"FG-1\", places: 1)", "\"2.5\""),
        ("sap_date!(\"/Date(1493510400000)/\")", "\"2017-04-30\""),
        ("sap_date!(\"/Date(1493510400000+0120)/\")", "\"2017-04-30\""),
        ("[sap_date!(\"20261123\"), sap_date!(\"2026-11-23T01:02:03\")]", "[\"2026-11-23\",\"2026-11-23\"]"),
        ("[sap_time!(\"PT12H26M00S\"), sap_time!(\"122600\")]", "[\"12:26:00\",\"12:26:00\"]"),
        ("sap_timestamp!(\"20261123122600\")", "\"2026-11-23T12:26:00Z\""),
        ("to_sap_date!(\"2017-04-30\")", "\"/Date(1493510400000)/\""),
        ("local_to_utc!(\"2026-11-23T10:00:00\", %time_zone)", "\"2026-11-23T09:00:00Z\""),
        ("local_to_utc!(\"2026-10-25T02:30:00\", \"Europe/Berlin\", fold: \"earlier\")", "\"2026-10-25T00:30:00Z\""),
        ("local_to_utc!(\"2026-10-25T02:30:00\", \"Europe/Berlin\", fold: \"later\")", "\"2026-10-25T01:30:00Z\""),
        ("local_date!(\"2026-11-23T23:30:00Z\", \"Europe/Berlin\")", "\"2026-11-24\""),
        ("[trim_zeros(\"0012\"), trim_zeros(\"000\"), trim_zeros(\"00A\")]", "[\"12\",\"0\",\"00A\"]"),
        ("[pad_zeros(\"12\", 5), pad_zeros(\"A\", 5), pad_zeros(\"123\", 2)]", "[\"00012\",\"A\",\"123\"]"),
        ("map([\"a\", \"b\"]) -> |i, item| { item + \"-\" + to_string(i) }", "[\"a-0\",\"b-1\"]"),
        ("sort_by([\"b\", \"c\", \"a\"]) -> |item| { item }", "[\"a\",\"b\",\"c\"]"),
        ("sort_by([10, 9, 11]) -> |item| { item }", "[9,10,11]"),
        (
            "group_by([\"b1\", \"a1\", \"b2\"]) -> |item| { slice!(item, 0, 1) }",
            "[{items:[\"b1\",\"b2\"],key:\"b\"},{items:[\"a1\"],key:\"a\"}]",
        ),
        ("reduce([\"1\", \"2.5\"], \"0\") -> |sum, item| { dec_add!(sum, item) }", "\"3.5\""),
        ("reduce([\"1\", \"2.5\"]) -> |sum, item| { dec_add!(sum, item) }", "\"3.5\""),
        ("[%id, %site]", "[\"id-1\",\"DE10\"]"),
        ("to_int!(.n) + 1", "8"),
    ] {
        assert_eq!(ran(&format!(". = {source}"), r#"{"q":"10.500","n":"7"}"#), result, "{source}");
    }
}

#[test]
fn failures_have_a_code_and_a_place() {
    for (source, fault) in [
        (".x = dec_div!(\"1\", .z, 2)", "MAP-001 division by zero (at maps/x.vrl:1:6)"),
        ("\n.x = xref!(\"unit\", .u)", "MAP-002 unit \"XX\" is not known here (at maps/x.vrl:2:6)"),
        (
            ".x = convert_unit!(\"1\", \"KGM\", \"XX\")",
            "MAP-003 cannot convert \"KGM\" to \"XX\": \"XX\" is not a known unit (at maps/x.vrl:1:6)",
        ),
        ("if .u == \"XX\" { abort \"not for us\" }", "MAP-001 not for us (at maps/x.vrl:1:17)"),
        (".x = dec_add!(.u, 1)", "MAP-001 \"XX\" is not a decimal (at maps/x.vrl:1:6)"),
        (
            ".x = local_to_utc!(\"2026-10-25T02:30:00\", %time_zone)",
            "MAP-001 2026-10-25T02:30:00 in Europe/Berlin happened twice, because the clock was put back: declare fold: \"earlier\" or \"later\" (at maps/x.vrl:1:6)",
        ),
        (
            ".x = local_to_utc!(\"2026-10-25T02:30:00+02:00\", %time_zone)",
            "MAP-001 \"2026-10-25T02:30:00+02:00\" is not a local time without an offset (at maps/x.vrl:1:6)",
        ),
    ] {
        assert_eq!(ran(source, r#"{"u":"XX","z":"0.0"}"#), fault, "{source}");
    }
    let missing = compiled(".x = xref!(\"unit\", .u)").run(&tree(r#"{"u":"XX"}"#), &catalog(), &facts());
    assert_eq!(missing.expect_err("missing").waits_for, Some(("unit".into(), "XX".into())));
    assert_eq!(ran(".x = xref(\"unit\", \"?\") ?? \"none\"", "{}"), "{x:\"none\"}");
}

#[test]
fn a_runaway_loop_is_stopped() {
    let items = vec!["1"; 200].join(",");
    let source = "l = array!(.l)\n.n = map(l) -> |_i, _a| { map(l) -> |_j, _b| { map(l) -> |_k, c| { c } } }";
    let fault = ran(source, &format!("{{\"l\":[{items}]}}"));
    assert_eq!(fault, "MAP-004 the map used up its 2000000 steps (at maps/x.vrl)");
}

const INPUT: &str = r#"{"type":"object","additionalProperties":false,"required":["name","qty","items"],"properties":{
  "name":{"type":"string"},"due":{"type":"string","format":"date"},"qty":{"type":"number"},"done":{"type":"boolean"},
  "items":{"type":"array","items":{"type":"object","required":["qty","unit"],"properties":{
    "qty":{"type":"string","format":"decimal"},"unit":{"type":"string"}}}}}}"#;

#[test]
fn what_does_not_compile_says_why_and_what_to_do() {
    let schema = Schema::compile(INPUT, "input.json").expect("input");
    let tables = BTreeSet::from(["unit".to_owned(), "material".to_owned()]);
    let context = MapContext { input: Some(&schema), output: None, tables: Some(&tables) };
    for (source, place, said) in [
        (".x = .qty + .qty", "1:6", "use dec_add(left, right)"),
        (".x = .qty * 2", "1:6", "use dec_mul(left, right)"),
        ("q = .qty\n.x = q - 1", "2:6", "use dec_sub(left, right)"),
        (".x = 1 / 2", "1:6", "use dec_div(left, right, places)"),
        (".x = .qty < \"10\"", "1:6", "use dec_lt(left, right)"),
        (".x = .name <= \"10\"", "1:6", "use !dec_gt(left, right)"),
        (".x = .qty == \"10\"", "1:6", "use dec_eq(left, right)"),
        (".x = .name != 10", "1:6", "use !dec_eq(left, right)"),
        (".x = map(.items) -> |_i, item| { item.qty == \"1\" }", "1:34", "use dec_eq(left, right)"),
        (".x = dec_add!(.qty, 1) > dec_mul!(.qty, 2)", "1:6", "use dec_gt(left, right)"),
        (".x = 1.5", "1:6", "write the decimal as text"),
        ("o = []\nfor_each(.items) -> |_i, item| { o = push(o, item) }\n.x = o", "2:38", "use map(list)"),
        ("x = \"a\"\nfor_each(.items) -> |_i, _v| { x = x + \"\" + x }\n.x = x", "2:36", "doubles with every item"),
        ("x = []\nfor_each(.items) -> |_i, _v| { x = [{ \"a\": x }, x] }\n.x = x", "2:36", "doubles with every item"),
        (".x = dec_add(.qty, 1)", "1:6", "handle the failure: `name!(...)`"),
        (".x = xref!(\"unti\", .name)", "1:6", "did you mean \"unit\"?"),
        (".x = now()", "1:6", "%received_at"),
        (".x = uuid_v4()", "1:6", "%id names the transaction"),
        (".x = upcas(.name)", "1:6", "did you mean upcase?"),
        (".x = upcase(.done)", "", ""),
        (".x = ", "1:", "unexpected end of program"),
    ] {
        let problem = refused(source, &context);
        assert!(problem.starts_with("error: "), "{source}\n{problem}");
        assert!(problem.contains(&format!("--> maps/x.vrl:{place}")), "{source}\n{problem}");
        assert!(problem.contains(said), "{source}\n{problem}");
        assert!(!problem.contains("://") && !problem.contains("vrl.dev"), "{source}\n{problem}");
    }
    assert_eq!(
        refused(".x = .qty * 2", &context),
        "error: `*` on what may be a decimal: numbers of a document are text\n --> maps/x.vrl:1:6\n  |\n1 | .x = .qty * 2\n  |      ^^^^^^^^\n  = help: use dec_mul(left, right); a count that is no decimal can be made an integer by to_int"
    );
}

#[test]
fn operators_stay_where_they_are_safe() {
    let schema = Schema::compile(INPUT, "input.json").expect("input");
    let context = MapContext { input: Some(&schema), output: None, tables: None };
    for source in [
        ".x = length(.items) + 1",
        ".x = \"PO-\" + .name + \"/\" + .name",
        ".x = .name == \"10\"",
        ".x = .qty == null",
        ".x = .done == true || .name != \"a\"",
        ".x = (.due ?? \"\") < \"2026-01-01\"",
        "n = to_int(.name) ?? 0\n.x = n * 2 > 10",
        ".x = dec_gt!(.qty, 0) && !dec_lt!(.qty, \"1\")",
        ".x = map(.items) -> |i, item| { { \"line\": (i + 1) * 10, \"unit\": upcase(item.unit) } }",
        ".x = map(.items) -> |_i, item| { { \"unit\": item.unit } }\n.y = upcase(.x[0].unit) ?? \"none\"",
    ] {
        let compiled = Map::compile(source, "maps/x.vrl", &context);
        let told: Vec<_> = compiled.err().into_iter().flatten().map(|problem| problem.to_string()).collect();
        // The schema makes the fallback unnecessary in some lines; VRL says so as an error of its own.
        assert!(
            told.iter().all(|problem| problem.contains("coalesc") || problem.contains("never fail")),
            "{source}\n{told:?}"
        );
    }
}

#[test]
fn the_result_is_held_against_its_schema() {
    let output = r#"{"type":"object","additionalProperties":false,"required":["a","b"],"properties":{"a":{},"b":{}}}"#;
    let schema = Schema::compile(output, "output.json").expect("output");
    let context = MapContext { input: None, output: Some(&schema), tables: None };
    let problem = refused(". = { \"a\": 1, \"c\": 2 }", &context);
    assert!(problem.contains("the map never sets .b, which its schema requires"), "{problem}");
    assert!(problem.contains("the map sets .c, which its schema does not have"), "{problem}");
    assert!(Map::compile(". = { \"a\": 1, \"b\": .b }", "x", &context).is_ok());
}

const ORDER_MAP: &str = include_str!("tests/order.vrl");

#[test]
fn an_order_is_mapped_and_its_lineage_is_known() {
    let map = compiled(ORDER_MAP);
    let order = r#"{"ManufacturingOrder":"000001000040","Material":"FG-1","TotalQuantity":"3.000","ProductionUnit":"KAR",
      "Plant":"DE10","MfgOrderPlannedStartDate":"/Date(1795392000000)/","MfgOrderPlannedStartTime":"PT06H00M00S",
      "to_Operation":{"results":[
        {"Op":"0020","WorkCenter":"PACK","Hours":"1.25"},{"Op":"0010","WorkCenter":"ASM","Hours":"2.5"}]}}"#;
    let result = map.run(&tree(order), &catalog(), &facts()).map(|result| written(&result));
    assert_eq!(
        result.as_deref(),
        Ok(
            "{hours:\"3.75\",material:\"FG-1\",operations:[{hours:\"2.5\",number:\"10\",position:1,work_centre:\"ASM\"},{hours:\"1.25\",number:\"20\",position:2,work_centre:\"PACK\"}],order:\"1000040\",quantity:{entered:\"3.000\",entered_unit:\"CAR\",unit:\"PCE\",value:\"36\"},received_at:\"2026-11-23T10:00:00.000Z\",site:\"DE10\",start:\"2026-11-23T05:00:00Z\"}"
        )
    );
    assert_eq!(map.tables().iter().map(String::as_str).collect::<Vec<_>>(), ["material", "unit"]);
    assert!(map.reads().contains(&".TotalQuantity".to_owned()), "{:?}", map.reads());
    assert_eq!(map.version.len(), 16);
}

#[test]
fn a_map_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&compiled(".x = 1"));
}
