//! `lineshaft audit`: who did what, and why.

use clap::{Args, Subcommand};
use lineshaft_server::api::audit::{Audit as List, Entry};

use crate::client::{Client, NodeArgs, encoded};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs, counted, instant};

/// Read who did what, and why.
#[derive(Args)]
pub struct Audit {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the latest entries in the order of time
    List(ListArgs),
}

#[derive(Args)]
struct ListArgs {
    /// Only what was done to this: an id, a system or interface, a table, a node
    #[arg(long)]
    target: Option<String>,
    /// Only what this one did: a name, or `operator:NAME`, `interface:NAME`, `node`
    #[arg(long)]
    principal: Option<String>,
    /// Only this: retry, skip, discard, answer-posted, answer-not-posted, pause, resume, reference-load, key-reused, start
    #[arg(long)]
    action: Option<String>,
    /// Not earlier than this: an instant, 2026-11-23T10:00:00Z, or a span back from now, 2h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what is earlier than the entry with this id: the page before
    #[arg(long, value_name = "ID")]
    older_than: Option<String>,
    /// Most to show
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Lists entries of the audit log.
pub fn run(args: &Audit) -> Result<Exit, Failure> {
    let Verb::List(args) = &args.verb;
    let (text, list): (_, List) = Client::open(&args.node)?.get(&path(args))?;
    if args.output.wrote_json(&text) {
        return Ok(Exit::Ok);
    }
    if list.items.is_empty() {
        eprintln!("No entry.");
        return Ok(Exit::Ok);
    }
    print::table(&["AT", "WHO", "DID", "TO", "BECAME", "REASON"], &[], list.items.iter().map(row));
    let more = match list.items.first().filter(|_| list.more) {
        Some(first) => format!("; there may be earlier ones: --older-than {}", first.id),
        None => String::new(),
    };
    eprintln!("{}{more}", counted(list.items.len() as u64, "entry", "entries"));
    Ok(Exit::Ok)
}

fn path(args: &ListArgs) -> String {
    let asked = [
        ("target", &args.target),
        ("principal", &args.principal),
        ("action", &args.action),
        ("since", &args.since),
        ("older_than", &args.older_than),
    ];
    let asked = asked.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", encoded(value.as_ref()?))));
    format!("/api/v1/audit?limit={}{}", args.limit, asked.collect::<String>())
}

fn row(it: &Entry) -> Vec<String> {
    let became = match (&it.before, &it.after) {
        (Some(before), Some(after)) => format!("{before} > {after}"),
        (None, Some(after)) => after.clone(),
        _ => String::new(),
    };
    vec![instant(&it.at), it.principal.clone(), it.action.clone(), it.target.clone(), became, it.reason.clone()]
}
