//! Reference pages made from the code: fault codes, the command line, project files, the API; and the JSON Schemas.

/// Project files, from their schemas.
mod files;

/// Maps and their functions.
mod maps;

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};
use lineshaft_flow::spec::{FileKind, schema_of};
use lineshaft_model::fault::{CODES, Class, CodeSpec};
use lineshaft_server::api::{BODY_BYTES_MAX, OPEN, ROUTES, Route};
use lineshaft_server::problem::{KINDS, Kind};

use crate::cmd::Cli;
use crate::exit::Exit;

/// Stands in every generated page.
const GENERATED: &str = "<!-- Made by `cargo xtask codegen` from the code; changes here are lost. -->\n";

/// Every generated file: path from the repository's root, and text.
pub fn all() -> Vec<(String, String)> {
    let mut pages: Vec<_> =
        CODES.iter().map(|spec| (format!("docs/errors/{}.md", spec.text), error_page(spec))).collect();
    pages.push(("docs/errors/README.md".to_owned(), error_index()));
    pages.push(("docs/reference/cli.md".to_owned(), command_line()));
    pages.push(("docs/reference/api.md".to_owned(), api()));
    pages.push(("docs/reference/project-files.md".to_owned(), format!("{GENERATED}{}", files::page())));
    pages.push(("docs/reference/maps.md".to_owned(), format!("{GENERATED}{}", maps::page())));
    for kind in FileKind::ALL {
        let text = serde_json::to_string_pretty(&schema_of(kind)).unwrap_or_default();
        pages.push((format!("schemas/{}.json", kind.as_str()), format!("{text}\n")));
    }
    pages
}

fn error_page(spec: &CodeSpec) -> String {
    format!(
        "{GENERATED}\n# {}: {}\n\n{}\n\nWhere: {}.\n\n## What to do\n\n{}\n",
        spec.text,
        spec.title,
        meaning(spec.class),
        place(spec.text),
        spec.next_step
    )
}

fn meaning(class: Class) -> &'static str {
    match class {
        Class::Retry => "Class *retry*: trying again later can help, and happens by itself.",
        Class::Park => {
            "Class *park*: the transaction or delivery stops with this reason and waits for a person, or for the data \
             that the reason names. Only later ones of its key wait with it."
        }
        Class::Refuse => "Class *refuse*: the sender is told and keeps the document; nothing was accepted.",
        Class::Stop => {
            "Class *stop*: the node cannot go on safely, so it ends or does not start. What was acknowledged is on disk."
        }
    }
}

fn place(code: &str) -> &'static str {
    match code.split('-').next().unwrap_or_default() {
        "RECEIVE" => "while a document is received, before it is acknowledged",
        "DECODE" => "while bytes are read as a document",
        "VALIDATE" => "while the document is compared with its agreed shape",
        "MAP" => "while the document becomes a canonical event",
        "JUDGE" => "while the event is checked against what is known of its order, batch or stock",
        "ROUTE" => "while receivers and order are decided",
        "RENDER" => "while the event becomes one receiver's document",
        "DELIVER" => "while the document is handed to the outside system",
        "STORE" => "in the database",
        _ => "in the project files",
    }
}

fn error_index() -> String {
    let mut page =
        format!("{GENERATED}\n# Fault codes\n\nThe prefix is the step of the path at which it happened.\n\n");
    page.push_str("| code | what | class |\n|---|---|---|\n");
    for spec in CODES {
        let _ = writeln!(page, "| [{0}]({0}.md) | {1} | {2} |", spec.text, spec.title, spec.class.as_str());
    }
    page
}

fn command_line() -> String {
    let mut page = format!(
        "{GENERATED}\n# The command line\n\nData goes to standard output, everything else to standard error. Times carry their \
         offset; `TZ=Europe/Berlin` shows them in that zone.\n\nEvery list and every object can be had with `-o json`, as the API answers, \
         or `-o ndjson`, a line for each item. Tables have no colours and no boxes. Help and the log are coloured on a terminal \
         only, and never where `NO_COLOR` is set.\n\n`lineshaft completion bash`, `zsh` or `fish` writes the words for a shell: \
         `source <(lineshaft completion bash)`.\n\n## Exit codes\n\n| code | meaning |\n|---|---|\n"
    );
    for (exit, meaning) in Exit::ALL {
        let _ = writeln!(page, "| {} | {meaning} |", exit as u8);
    }
    let mut root = Cli::command().term_width(100);
    root.build();
    for command in root.get_subcommands() {
        section(&mut page, command, "lineshaft", 2);
    }
    page
}

fn section(page: &mut String, command: &Command, parent: &str, depth: usize) {
    if command.is_hide_set() {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "\n{} `{name}`\n\n{about}.\n", "#".repeat(depth));
    if command.has_subcommands() {
        command.get_subcommands().for_each(|it| section(page, it, &name, depth + 1));
        return;
    }
    let usage = command.clone().render_usage().to_string();
    let _ = write!(page, "\n```text\n{}\n```\n\n", usage.trim());
    for argument in command.get_arguments().filter(|it| !it.is_hide_set() && it.get_id() != "help") {
        let names = [argument.get_short().map(|it| format!("-{it}")), argument.get_long().map(|it| format!("--{it}"))];
        let names: Vec<_> = names.into_iter().flatten().collect();
        let id = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
        let value = if argument.get_action().takes_values() { id } else { "" };
        let shown = match (names.is_empty(), value.is_empty()) {
            (true, _) => value.to_owned(),
            (false, true) => names.join(", "),
            (false, false) => format!("{} {value}", names.join(", ")),
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let env = argument.get_env().map(|env| format!(" (`{}`)", env.to_string_lossy())).unwrap_or_default();
        let _ = writeln!(page, "* `{shown}`: {help}{}{env}", choices(argument));
    }
}

/// What may be given, and what it is without.
fn choices(argument: &Arg) -> String {
    if !argument.get_action().takes_values() {
        return String::new();
    }
    let values = argument.get_possible_values();
    let words: Vec<_> = values.iter().filter(|it| !it.is_hide_set()).map(|it| format!("`{}`", it.get_name())).collect();
    let words = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    let default: Vec<_> = argument.get_default_values().iter().map(|it| it.to_string_lossy()).collect();
    let default = default.join(" ");
    if default.is_empty() { words } else { format!("{words}; `{default}` if not given") }
}

fn api() -> String {
    let mut page = format!(
        "{GENERATED}\n# The API\n\nHTTP/1.1 at `listen.api` of lineshaft.yaml, on loopback unless that says otherwise; with TLS if `listen.tls` is set. Requests and \
         answers are JSON in snake_case; times are RFC 3339 in UTC. A request has at most {BODY_BYTES_MAX} bytes.\n\n\
         Every request but the first two names the node's token, `Authorization: Bearer TOKEN`: the text of the file `token` in the \
         data directory. `X-Operator: NAME` says who you are; it is kept in the audit log, and is `operator` without it.\n\n\
         The result of each command of the [command line](cli.md) with `-o json` is the API's answer as it stands.\n\n\
         | request | what it does |\n|---|---|\n"
    );
    for Route { method, path, about, .. } in OPEN.iter().chain(ROUTES) {
        let _ = writeln!(page, "| `{method} {path}` | {about} |");
    }
    page.push_str(
        "\n## Problems\n\nWhat is not done is answered as problem details (RFC 9457, `application/problem+json`) with `status`, `title`, \
         `code`, `detail`, `at` (where), `next_step` and `instance`, an id that the node's log names too. There is no other kind of \
         error. A code is one of these or a [fault code](../errors/README.md) with status 422.\n\n\
         | code | status | title | what to do |\n|---|---|---|---|\n",
    );
    for Kind { code, status, title, next_step } in KINDS {
        let _ = writeln!(page, "| {code} | {status} | {title} | {next_step} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_route_and_command_has_its_place() {
        let pages: std::collections::BTreeMap<_, _> = all().into_iter().collect();
        assert!(CODES.iter().all(|spec| pages[&format!("docs/errors/{}.md", spec.text)].contains(spec.next_step)));
        assert!(ROUTES.iter().all(|route| pages["docs/reference/api.md"].contains(route.path)));
        let cli = &pages["docs/reference/cli.md"];
        for command in ["`lineshaft exceptions answer`", "`--not-posted`", "`lineshaft run`", "LINESHAFT_TOKEN"] {
            assert!(cli.contains(command), "{command}");
        }
        assert!(!cli.contains("codegen`\n"));
        let files = &pages["docs/reference/project-files.md"];
        assert!(files.contains("in_order_by") && files.contains("listen"), "{files}");
    }
}
