//! Words with a better replacement. Code words are looked for in code alone, marks in comments too.

use super::Finding;
use super::reach::Source;
use super::rust::Kind;

/// Code that must not be written, but in the named places.
struct Banned {
    rule: &'static str,
    tokens: &'static [&'static str],
    /// Beginnings of paths where it belongs.
    allowed: &'static [&'static str],
    todo: &'static str,
}

const CLOCKS: &[&str] = &["crates/lineshaft-model/src/time.rs", "crates/lineshaft-standin/", "xtask/"];

const SPAWNERS: &[&str] = &[
    "crates/lineshaft-engine/",
    "crates/lineshaft-server/",
    "crates/lineshaft/",
    "crates/lineshaft-standin/",
    "crates/lineshaft-bare/",
    "crates/lineshaft-connect/src/pump.rs",
];

static BANNED: &[Banned] = &[
    Banned {
        rule: "wall-clock",
        tokens: &["SystemTime", ":", ":", "now"],
        allowed: CLOCKS,
        todo: "take a `&dyn Clock` from lineshaft_model::time as an argument",
    },
    Banned {
        rule: "monotonic-clock",
        tokens: &["Instant", ":", ":", "now"],
        allowed: CLOCKS,
        todo: "take a `&dyn Clock` from lineshaft_model::time as an argument",
    },
    Banned {
        rule: "spawn",
        tokens: &["tokio", ":", ":", "spawn"],
        allowed: SPAWNERS,
        todo: "a background task needs an owner: let the engine run it, or use the helper in pump.rs",
    },
    Banned {
        rule: "spawn",
        tokens: &["task", ":", ":", "spawn"],
        allowed: SPAWNERS,
        todo: "a background task needs an owner: let the engine run it, or use the helper in pump.rs",
    },
    Banned {
        rule: "unwrap",
        tokens: &[".", "unwrap", "(", ")"],
        allowed: &[],
        todo: "return the error, or use `expect` with the reason why it cannot fail",
    },
];

/// Statements of SQL, as pairs of words that follow each other in one string.
const SQL: [(&str, &str); 7] = [
    ("SELECT ", " FROM "),
    ("INSERT ", "INTO "),
    ("UPDATE ", " SET "),
    ("DELETE ", "FROM "),
    ("CREATE ", "TABLE "),
    ("CREATE ", "INDEX "),
    ("PRAGMA", " "),
];

/// Where SQL belongs; the second is no part of the product.
const SQL_HOMES: &[&str] = &["crates/lineshaft-store/", "crates/lineshaft-bare/src/store.rs"];

/// Marks of unfinished work. Written in two halves, so that this file does not carry them.
const MARKS: [&str; 3] = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];

/// Findings about words.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        marks(source, &mut findings);
        if source.test {
            continue;
        }
        for banned in BANNED.iter().filter(|it| !starts_with_any(&source.path, it.allowed)) {
            for token in source.rust.find(banned.tokens).filter(|token| !token.test) {
                findings.push(Finding::new(&source.path, token.line, banned.rule, banned.todo));
            }
        }
        if source.path.starts_with("crates/") && !starts_with_any(&source.path, SQL_HOMES) {
            sql(source, &mut findings);
        }
    }
    findings
}

fn starts_with_any(path: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| path.starts_with(beginning))
}

fn sql(source: &Source, findings: &mut Vec<Finding>) {
    for token in source.rust.tokens.iter().filter(|token| token.kind == Kind::Text && !token.test) {
        let text = token.text.replace(['\n', '\t', '\\'], " ");
        let found = SQL.iter().any(|(one, two)| text.split_once(one).is_some_and(|(_, rest)| has_padded(rest, two)));
        if found {
            let todo = "SQL stands in lineshaft-store alone: add a read or a `Change` there";
            findings.push(Finding::new(&source.path, token.line, "sql", todo));
        }
    }
}

/// Whether `word` stands in `rest`, also right at its beginning or end.
fn has_padded(rest: &str, word: &str) -> bool {
    format!(" {rest} ").contains(word)
}

fn marks(source: &Source, findings: &mut Vec<Finding>) {
    let comments = source.rust.comments.iter().map(|(line, text)| (*line, text.as_str()));
    let code = source.rust.tokens.iter().filter(|token| token.kind == Kind::Word);
    for (line, text) in comments.chain(code.map(|token| (token.line, token.text.as_str()))) {
        for (down, row) in text.lines().enumerate() {
            let words = row.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(mark) = words.into_iter().find(|word| MARKS.contains(word)) {
                let todo = format!("`{mark}`: finish it, or leave it out whole and say so in the docs");
                findings.push(Finding::new(&source.path, line + down, "mark", todo));
            }
        }
    }
}
