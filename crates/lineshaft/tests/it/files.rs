//! Commands that need no node: init, check, map, completion.

use std::path::Path;

use crate::program::run;

fn change(directory: &Path, file: &str, from: &str, to: &str) {
    let path = directory.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

fn starter() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["init"]).code, 0);
    directory
}

#[test]
fn a_starter_has_no_problems_and_is_not_written_over_work() {
    let directory = tempfile::tempdir().unwrap();
    let first = run(directory.path(), &["init", "plant"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.starts_with("lineshaft.yaml\n") && first.err.contains("lineshaft map test"), "{first:?}");
    let again = run(directory.path(), &["init", "plant"]);
    assert_eq!(
        (again.code, again.err.as_str()),
        (5, "error: plant is not empty\n  = help: name another directory, or use --force to write into this one\n")
    );
    let check = run(directory.path(), &["check", "plant"]);
    assert_eq!((check.code, check.out.as_str()), (0, ""), "{check:?}");
    assert_eq!(check.err, "ok: 7 files; 2 systems, 1 interface emitting and 1 receiving, 1 event\n");
}

#[test]
fn every_problem_is_told_with_its_place_and_nothing_starts() {
    let directory = starter();
    change(directory.path(), "systems/erp.yaml", "in_order_by: order", "in_order_by: oder");
    change(directory.path(), "lineshaft.yaml", "Europe/Berlin", "Europe/Berlim");
    std::fs::write(directory.path().join("systems/maps/latin.vrl"), b"# Gr\xf6\xdfe\n").unwrap();
    let check = run(directory.path(), &["check"]);
    assert_eq!(check.code, 8, "{check:?}");
    for said in [
        "systems/erp.yaml:12",
        "oder",
        "lineshaft.yaml:",
        "Europe/Berlim",
        "systems/maps/latin.vrl",
        "byte 5 is not UTF-8",
    ] {
        assert!(check.out.contains(said), "{said}: {}", check.out);
    }
    assert!(check.err.contains("errors in 7 files"), "{}", check.err);
    let refused = run(directory.path(), &["run"]);
    assert!(refused.code == 8 && refused.out.is_empty() && refused.err.contains("nothing was started"), "{refused:?}");
    assert!(!directory.path().join("data").exists());
}

#[test]
fn a_map_test_says_which_field_differs() {
    let directory = starter();
    let passed = run(directory.path(), &["map", "test"]);
    assert_eq!((passed.code, passed.out.as_str()), (0, "PASS  systems/maps/mes-completion.vrl plain\n"));
    let samples = directory.path().join("systems/maps/mes-completion.samples");
    change(&samples, "plain.out.json", "\"95\"", "\"96\"");
    std::fs::write(samples.join("refused.in.json"), "{}").unwrap();
    std::fs::write(samples.join("refused.fault"), "MAP-002\n").unwrap();
    let failed = run(directory.path(), &["map", "test"]);
    assert_eq!(failed.code, 8, "{failed:?}");
    assert!(
        failed
            .out
            .contains("FAIL  systems/maps/mes-completion.vrl plain\n      ~ .good  \"96\" expected, got \"95\"\n"),
        "{}",
        failed.out
    );
    assert!(
        failed.out.contains("refused\n      a fault expected") || failed.out.contains("MAP-002 expected, got"),
        "{}",
        failed.out
    );
    assert_eq!(failed.err, "0 passed, 2 failed\n");
}

#[test]
fn a_map_run_tells_where_each_field_comes_from() {
    let directory = starter();
    let input = "systems/maps/mes-completion.samples/plain.in.json";
    let ran = run(directory.path(), &["map", "run", "systems/maps/mes-completion.vrl", input]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("\"site\": \"DE10\"") && !ran.out.contains("<-"), "{}", ran.out);
    assert!(ran.err.contains(".site = \"DE10\"  <-  .plant"), "{}", ran.err);
    let unknown = run(directory.path(), &["map", "run", "systems/maps/none.vrl", input]);
    assert!(unknown.code == 3 && unknown.err.contains("mes-completion.vrl"), "{unknown:?}");
}

#[test]
fn checks_are_told_to_programs_too() {
    let directory = starter();
    let json = |arguments: &[&str]| {
        let ran = run(directory.path(), &[arguments, &["-o", "json"]].concat());
        let value: serde_json::Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
        (ran.code, value)
    };
    assert_eq!(json(&["check"]), (0, serde_json::json!({ "items": [], "errors": 0, "warnings": 0 })));
    let (code, tested) = json(&["map", "test"]);
    assert_eq!((code, &tested["passed"], &tested["items"][0]["case"]), (0, &1.into(), &"plain".into()));
    change(directory.path(), "systems/erp.yaml", "in_order_by: order", "in_order_by: oder");
    let (code, found) = json(&["check"]);
    let item = &found["items"][0];
    assert_eq!((code, &found["errors"], &item["line"]), (8, &1.into(), &12.into()));
    assert!(
        item["file"] == "systems/erp.yaml" && item["help"].as_str().is_some_and(|help| !help.is_empty()),
        "{found}"
    );
    let lines = run(directory.path(), &["check", "-o", "ndjson"]);
    assert!(lines.out.lines().count() == 1 && lines.out.starts_with("{\"severity\":\"error\""), "{lines:?}");
}

#[test]
fn every_shell_gets_its_words() {
    let directory = tempfile::tempdir().unwrap();
    for (shell, said) in
        [("bash", "complete -F _lineshaft"), ("zsh", "#compdef lineshaft"), ("fish", "complete -c lineshaft")]
    {
        let script = run(directory.path(), &["completion", shell]);
        assert!(script.code == 0 && script.out.contains(said), "{shell}: {}", script.code);
        for word in ["exceptions", "audit", "completion", "ndjson"] {
            assert!(script.out.contains(word), "{shell} has no {word}");
        }
    }
    assert_eq!(run(directory.path(), &["completion", "csh"]).code, 2);
}

#[test]
fn what_is_no_terminal_gets_no_colours() {
    let directory = starter();
    change(directory.path(), "systems/erp.yaml", "in_order_by: order", "in_order_by: oder");
    for arguments in [&["--help"][..], &["check"], &["frobnicate"], &["run"], &["map", "test"], &["status", "--help"]] {
        let ran = run(directory.path(), arguments);
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn exit_codes_tell_usage_from_an_unreachable_node() {
    let directory = starter();
    assert_eq!(run(directory.path(), &["exceptions", "skip", "x"]).code, 2);
    assert_eq!(run(directory.path(), &["exceptions", "answer", "x", "--reason", "y"]).code, 2);
    assert_eq!(run(directory.path(), &["frobnicate"]).code, 2);
    // A port that was free a moment ago and that nothing listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let gone = run(directory.path(), &["status", "--node", &url, "--token", "x"]);
    assert!(gone.code == 7 && gone.err.contains("nothing listens there"), "{gone:?}");
    let never = run(directory.path(), &["status"]);
    assert!(never.code == 7 && never.err.contains("lineshaft run"), "{never:?}");
}

#[test]
fn what_is_no_file_in_a_project_is_told_and_not_waited_for() {
    let directory = starter();
    for file in ["systems/pipe.yaml", "model/pipe.json", "lineshaft.yml"] {
        let made = std::process::Command::new("mkfifo").arg(directory.path().join(file)).status();
        assert!(made.is_ok_and(|made| made.success()), "mkfifo {file}");
    }
    let check = run(directory.path(), &["check"]);
    assert_eq!(check.code, 8, "{check:?}");
    for said in ["--> systems/pipe.yaml", "--> model/pipe.json", "--> lineshaft.yml", "it is no file"] {
        assert!(check.out.contains(said), "{said}: {}", check.out);
    }
    // A name that no project file has is nobody's business.
    let other = starter();
    let path = other.path().join("systems/notes");
    assert!(std::process::Command::new("mkfifo").arg(path).status().is_ok_and(|made| made.success()));
    assert_eq!(run(other.path(), &["check"]).code, 0);
}

#[test]
fn samples_of_what_we_ship_pass_by_command() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (project, maps) in [("library", 20), ("demo", 15)] {
        let tested = run(&root.join(project), &["map", "test", "-o", "json"]);
        let json: serde_json::Value = serde_json::from_str(&tested.out).unwrap();
        assert!(tested.code == 0 && json["passed"].as_u64() >= Some(maps), "{project}: {tested:?}");
    }
    let rules = run(&root.join("demo"), &["rules", "test"]);
    assert!(rules.code == 0 && rules.out.contains("PASS  operation over-delivery: "), "{rules:?}");
}

#[test]
fn a_map_runs_on_what_its_interface_receives() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../library");
    let directory = tempfile::tempdir().unwrap();
    let document = directory.path().join("materials.xml");
    let unit = "<MaterialDefinitionProperty><ID>BaseUnitOfMeasure</ID><Value><ValueString>KG</ValueString></Value></MaterialDefinitionProperty>";
    let materials = |ids: &[&str]| {
        let each = ids.iter().map(|id| format!("<MaterialDefinition><ID>{id}</ID>{unit}</MaterialDefinition>"));
        format!("<MaterialInformation>{}</MaterialInformation>", each.collect::<String>())
    };
    let map = "systems/maps/b2mml-material.vrl";
    std::fs::write(&document, materials(&["481516", "300200"])).unwrap();
    let both = run(&library, &["map", "run", map, document.to_str().unwrap()]);
    assert_eq!(both.code, 0, "{both:?}");
    assert!(both.out.contains("\"481516\"") && both.out.contains("\"300200\""), "{both:?}");
    assert!(both.err.contains("part 1:") && both.err.contains(".material = \"300200\"  <-  .ID"), "{both:?}");
    let none = run(&library, &["map", "run", "systems/maps/erp-order.vrl", "--site", "XX"]);
    assert!(none.code == 3 && none.err.contains("no site \"XX\""), "{none:?}");
}
