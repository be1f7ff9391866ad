//! The page about maps: what a map reads, and its functions, from the tables that the compiler has.

use std::fmt::Write as _;

use lineshaft_flow::map::{STEPS_MAX, described};
use lineshaft_model::decimal::RoundingMode;

const START: &str = "
# Maps

A map is a program in [VRL](https://vector.dev/docs/reference/vrl/) with the functions below. It reads `.`, the document, and leaves in
`.` what comes of it. There is no clock, no chance, no network and no file: the same document, facts and reference tables always give
the same. Numbers of a document are text in a map, so that no digit is lost: operators on them do not compile, `dec_*` functions
calculate. A call that can fail is written with `!` (the transaction stops with a place in the map), with `??` and another value, or with `err`.

| it reads | which is |
|---|---|
| `.` | the document, or the canonical event in the map of a receiver |
| `%id` | the transaction |
| `%received_at` | when the document was received, RFC 3339 in UTC |
| `%site`, `%time_zone` | the site and its time zone; empty while it is not known |
| `%interface` | the interface |
| `%original_receipt` | in the map of a receiver, for what takes back an earlier transaction: what that was answered |

`lineshaft map test` runs maps on the samples beside them: `maps/erp-order.samples/<case>.in.json` with `<case>.out.json`, or with
`<case>.fault` that holds a code; `catalog.json` holds reference tables, `facts.json` or `<case>.facts.json` facts. `lineshaft map run`
tells where each field of a result comes from.
";

/// The whole page.
pub fn page() -> String {
    let mut page = START.to_owned();
    let modes: Vec<_> = RoundingMode::ALL.iter().map(|(name, _)| format!("`{name}`")).collect();
    for (group, functions) in described::own() {
        let _ = writeln!(page, "\n## {group}\n\n| function | gives | arguments |\n|---|---|---|");
        for function in functions {
            let names = function.arguments.iter().map(|(name, required, _)| match required {
                true => (*name).to_owned(),
                false => format!("[{name}]"),
            });
            let about = function.arguments.iter().map(|(name, _, about)| match about.is_empty() {
                true => format!("`{name}`"),
                false => format!("`{name}`: {about}"),
            });
            let names = names.collect::<Vec<_>>().join(", ");
            let about = about.collect::<Vec<_>>().join("<br>");
            let _ = writeln!(page, "| `{}({names})` | {} | {} |", function.name, cell(function.about), cell(&about));
        }
    }
    let _ = writeln!(page, "\nRounding is one of {}.", modes.join(", "));
    let names: Vec<_> = described::of_vrl().into_iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(page, "\n## Of VRL itself\n\n{}.", names.join(", "));
    let _ = writeln!(page, "\nA run that evaluates more than {STEPS_MAX} expressions stops (MAP-004).");
    page
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
