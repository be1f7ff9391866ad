//! Each rule on a small tree that breaks it, and on one that does not. Trees are texts in memory.

use super::tree::Tree;
use super::{Finding, findings};

/// A table that allows what the clean tree does.
const MAP: &str = "# Map\n<!-- layers:begin -->\n| crate | owns | may import | never |\n|---|---|---|---|\n\
    | `lineshaft-model` | nouns | – | `tokio` |\n| `lineshaft-store` | disk | model (all of it) | |\n<!-- layers:end -->\n";

const MODEL: &str = "crates/lineshaft-model/src/lib.rs";

/// The clean tree with `changes` laid over it.
fn tree(changes: &[(&str, &str)]) -> Tree {
    let mut pairs = vec![
        ("ARCHITECTURE.md", MAP),
        ("crates/lineshaft-model/Cargo.toml", "[package]\nname = \"lineshaft-model\"\n[dependencies]\nserde = \"1\"\n"),
        (MODEL, "//! Nouns.\n\n/// Time.\npub mod time;\n\npub fn f(x: Option<u8>) -> Option<u8> { x }\n"),
        ("crates/lineshaft-model/src/time.rs", "//! Time.\npub fn now() { std::time::SystemTime::now(); }\n"),
        ("crates/lineshaft-store/Cargo.toml", "[dependencies]\nlineshaft-model.workspace = true\n"),
        ("crates/lineshaft-store/src/lib.rs", "//! Disk.\nconst READ: &str = \"SELECT a FROM b\";\n"),
    ];
    pairs.retain(|(path, _)| changes.iter().all(|(changed, _)| changed != path));
    pairs.extend_from_slice(changes);
    Tree::of(&pairs)
}

/// File, line and rule of everything found in the clean tree with `changes`.
fn found(changes: &[(&str, &str)]) -> Vec<String> {
    let show = |it: &Finding| format!("{}:{}: {}", it.file, it.line, it.rule);
    findings(&tree(changes)).iter().map(show).collect()
}

#[test]
fn a_clean_tree_has_no_findings() {
    assert_eq!(found(&[]), Vec::<String>::new());
}

#[test]
fn a_finding_names_file_line_rule_and_remedy() {
    let all = findings(&tree(&[(MODEL, "//! Nouns.\nmod time;\nfn f() { g().unwrap(); }\n")]));
    let line = all.first().map(ToString::to_string).unwrap_or_default();
    assert!(line.starts_with(&format!("{MODEL}:3: unwrap: return the error")), "{line}");
}

#[test]
fn imports_follow_the_table() {
    let manifest = "crates/lineshaft-model/Cargo.toml";
    let at = |text| found(&[(manifest, text)]);
    assert_eq!(at("[dependencies]\nlineshaft-store.workspace = true\n"), [format!("{manifest}:2: layers")]);
    assert_eq!(at("[dev-dependencies]\nlineshaft-store = { path = \"x\" }\n"), [format!("{manifest}:2: layers")]);
    assert_eq!(at("[dependencies.lineshaft-store]\npath = \"x\"\n"), [format!("{manifest}:1: layers")]);
    assert_eq!(at("[dependencies]\ntokio = \"1\"\n"), [format!("{manifest}:2: layers")]);
    assert_eq!(at("[features]\ntokio = []\n"), Vec::<String>::new());
}

#[test]
fn the_table_names_every_crate_and_no_other() {
    let fresh = "crates/lineshaft-new/Cargo.toml";
    assert_eq!(found(&[(fresh, "[package]\n")]), [format!("{fresh}:1: layers")]);
    let more = MAP.replace("<!-- layers:end", "| `lineshaft-gone` | x | – | |\n<!-- layers:end");
    assert_eq!(found(&[("ARCHITECTURE.md", &more)]), ["ARCHITECTURE.md:7: layers"]);
    assert_eq!(found(&[("ARCHITECTURE.md", "# Map\n")]), ["ARCHITECTURE.md:1: layers"]);
}

#[test]
fn every_file_begins_with_what_it_is() {
    let text = "// Nouns.\nmod time;\n";
    assert_eq!(found(&[(MODEL, text)]), [format!("{MODEL}:1: file-doc")]);
}

#[test]
fn long_functions_are_found_whatever_stands_in_strings_and_comments() {
    let body = "    let _ = (\"}\", '{', r#\"}\"#); // }\n".repeat(69);
    let long = format!("//! Nouns.\nmod time;\nfn f() {{\n{body}}}\n");
    assert_eq!(found(&[(MODEL, &long)]), [format!("{MODEL}:3: function-length")]);
    let exact = format!("//! Nouns.\nmod time;\nfn f() {{\n{}}}\n", body.split_once('\n').map_or("", |(_, rest)| rest));
    assert_eq!(found(&[(MODEL, &exact)]), Vec::<String>::new());
    let test = format!("//! Nouns.\nmod time;\n#[cfg(test)]\nmod tests {{ fn f() {{\n{body}}} }}\n");
    assert_eq!(found(&[(MODEL, &test)]), Vec::<String>::new());
}

#[test]
fn long_files_warn_and_then_fail() {
    let file = |lines: usize| format!("//! Nouns.\nmod time;\n{}", "\n".repeat(lines - 2));
    let kinds = |lines: usize| -> Vec<(&str, bool)> {
        findings(&tree(&[(MODEL, &file(lines))])).iter().map(|it| (it.rule, it.warning)).collect()
    };
    assert_eq!(kinds(500), []);
    assert_eq!(kinds(501), [("file-length", true)]);
    assert_eq!(kinds(800), [("file-length", true)]);
    assert_eq!(kinds(801), [("file-length", false)]);
    let test = "crates/lineshaft-model/tests/a.rs";
    assert_eq!(found(&[(test, &format!("//! A.\n{}", "\n".repeat(900)))]), Vec::<String>::new());
}

#[test]
fn banned_words_are_found_in_code_alone() {
    let rule = |code: &str| found(&[(MODEL, &format!("//! Nouns.\nmod time;\n{code}\n"))]);
    let one = |name: &str| vec![format!("{MODEL}:3: {name}")];
    assert_eq!(rule("fn f() { SystemTime::now(); }"), one("wall-clock"));
    assert_eq!(rule("fn f() { std::time::Instant::now(); }"), one("monotonic-clock"));
    assert_eq!(rule("fn f() { tokio::spawn(g()); }"), one("spawn"));
    assert_eq!(rule("fn f() { tokio::task::spawn(g()); }"), one("spawn"));
    assert_eq!(rule("fn f() { g()\n.unwrap(); }").len(), 1);
    assert_eq!(rule("const A: &str = \"SELECT a FROM b\";"), one("sql"));
    assert_eq!(rule("const A: &str = \"UPDATE a\n SET b\";"), one("sql"));
    assert_eq!(rule("const A: &str = \"CREATE TABLE x\";"), one("sql"));
    assert_eq!(rule("// SystemTime::now, .unwrap()\nconst A: &str = \"tokio::spawn\";"), Vec::<String>::new());
    assert_eq!(rule("const A: &str = \"Select one from the list.\";"), Vec::<String>::new());
    assert_eq!(rule("fn f() { g().unwrap_or(1); h.spawn(); spawn_blocking(); }"), Vec::<String>::new());
    assert_eq!(rule("#[cfg(test)] mod t { fn f() { Instant::now(); g().unwrap(); } }"), Vec::<String>::new());
}

#[test]
fn marks_of_unfinished_work_are_found_everywhere() {
    let mark = concat!("TO", "DO");
    let rule = |code: &str| found(&[(MODEL, &format!("//! Nouns.\nmod time;\n{code}\n"))]);
    assert_eq!(rule(&format!("// {mark}: later")), [format!("{MODEL}:3: mark")]);
    assert_eq!(rule(&format!("/* a\n {mark} */")), [format!("{MODEL}:4: mark")]);
    assert_eq!(rule(&format!("#[cfg(test)] mod t {{ /* {mark} */ }}")), [format!("{MODEL}:3: mark")]);
    assert_eq!(rule("// to-do lists and todos are fine"), Vec::<String>::new());
}

#[test]
fn modules_are_named_after_what_is_in_them() {
    for name in ["util", "common", "helpers", "manager", "imp", "inner", "core"] {
        let text = format!("//! Nouns.\nmod time;\nmod {name} {{}}\n");
        assert_eq!(found(&[(MODEL, &text)]), [format!("{MODEL}:3: module-name")]);
    }
}

#[test]
fn files_that_nothing_reaches_are_found() {
    let dead = "crates/lineshaft-model/src/old.rs";
    assert_eq!(found(&[(dead, "//! Old.\n")]), [format!("{dead}:1: dead-file")]);
    let alive = [
        (
            "crates/lineshaft-model/src/time.rs",
            "//! Time.\nmod zone;\nmod a { mod b; }\n#[path = \"odd name.rs\"]\nmod c;\n",
        ),
        ("crates/lineshaft-model/src/time/zone.rs", "//! Zone.\ninclude!(\"table.rs\");\n"),
        ("crates/lineshaft-model/src/time/table.rs", "//! Table.\n"),
        ("crates/lineshaft-model/src/time/a/b.rs", "//! B.\n"),
        ("crates/lineshaft-model/src/odd name.rs", "//! Odd.\n"),
        ("crates/lineshaft-model/src/bin/x.rs", "//! X.\n"),
        ("crates/lineshaft-model/tests/all.rs", "//! All.\nmod cases;\n"),
        ("crates/lineshaft-model/tests/cases/mod.rs", "//! Cases.\nfn f() { g().unwrap(); }\n"),
        ("crates/lineshaft-model/build.rs", "//! Build.\n"),
    ];
    assert_eq!(found(&alive), Vec::<String>::new());
}

#[test]
fn a_file_declared_under_cfg_test_is_a_test() {
    let file = ("crates/lineshaft-model/src/queue.rs", "//! Queue.\nfn f() { g().unwrap(); }\n");
    let declared = |attribute: &str| {
        let text = format!("//! Nouns.\nmod time;\n{attribute}\nmod queue;\n");
        found(&[(MODEL, &text), file])
    };
    assert_eq!(declared("#[cfg(test)]"), Vec::<String>::new());
    assert_eq!(declared(""), [format!("{}:2: unwrap", file.0)]);
}

#[test]
fn codes_and_their_pages_belong_together() {
    let table = "crates/lineshaft-model/src/fault/code.rs";
    let changes = [
        (MODEL, "//! Nouns.\nmod time;\nmod fault { mod code; }\n"),
        (table, "//! Codes.\nconst A: &str = \"MAP-001\";\n#[cfg(test)] mod t { const X: &str = \"MAP-009\"; }\n"),
    ];
    assert_eq!(found(&changes), [format!("{table}:2: error-page")]);
    let page = ("docs/errors/MAP-001.md", "# MAP-001\n");
    assert_eq!(found(&[changes[0], changes[1], page]), Vec::<String>::new());
    let left_over = ("docs/errors/MAP-002.md", "# MAP-002\n");
    assert_eq!(found(&[changes[0], changes[1], page, left_over]), ["docs/errors/MAP-002.md:1: error-page"]);
}

#[test]
fn links_lead_somewhere() {
    let at = |text: &str| found(&[("docs/a.md", text)]);
    assert_eq!(
        at("[map](../ARCHITECTURE.md#map) [web](https://example.com/x) [here](#a) [dir](../crates)\n"),
        Vec::<String>::new()
    );
    assert_eq!(at("\n[gone](b.md)\n"), ["docs/a.md:2: link"]);
    assert_eq!(at("![gone](b.png \"title\")\n"), ["docs/a.md:1: link"]);
    assert_eq!(at("`[x](b.md)`\n```\n[x](b.md)\n```\n"), Vec::<String>::new());
}

#[test]
fn paths_of_one_machine_are_found() {
    let home = format!("/{}/", "home");
    let at = |text: &str| found(&[("docs/a.md", text)]);
    assert_eq!(at(&format!("see {home}x\n")), ["docs/a.md:1: machine-path"]);
    assert_eq!(at(&format!("`{home}x`\n")), ["docs/a.md:1: machine-path"]);
    assert_eq!(at(&format!("https://example.com{home}x and api{home}x\n")), Vec::<String>::new());
}
