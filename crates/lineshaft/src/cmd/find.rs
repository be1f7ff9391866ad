//! `lineshaft find`: transactions by business key.

use clap::Args;
use lineshaft_server::api::transactions::{Found, Transaction};

use crate::client::{Client, NodeArgs, encoded};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs, counted, instant};

/// Find transactions by business key.
#[derive(Args)]
pub struct Find {
    /// Kind and number, `order:1000040`; with the system that issued it, `order:erp/1000040`
    key: String,
    /// Most transactions to show, the newest first
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Finds transactions by business key. Nothing found is exit code 3.
pub fn run(args: &Find) -> Result<Exit, Failure> {
    let path = format!("/api/v1/find?key={}&limit={}", encoded(&args.key), args.limit);
    let (text, found): (_, Found) = Client::open(&args.node)?.get(&path)?;
    let exit = if found.items.is_empty() { Exit::NotFound } else { Exit::Ok };
    if args.output.wrote_json(&text) {
        return Ok(exit);
    }
    if found.items.is_empty() {
        eprintln!("no transaction carries {}", print::printable(&args.key));
        return Ok(exit);
    }
    print::table(&["STATE", "EVENT", "SITE", "FROM", "RECEIVED", "DELIVERIES", "ID"], &[], found.items.iter().map(row));
    let more = if found.more { "; there may be more, raise --limit" } else { "" };
    eprintln!("{} found{more}", counted(found.items.len() as u64, "transaction", "transactions"));
    Ok(exit)
}

fn row(it: &Transaction) -> Vec<String> {
    let deliveries = it.deliveries.iter().map(|to| format!("{} {}", to.receiver, to.label)).collect::<Vec<_>>();
    let deliveries = match (&it.fault, deliveries.is_empty()) {
        (Some(fault), true) => format!("{} {}", fault.code, fault.title),
        _ => deliveries.join(", "),
    };
    vec![
        it.label.clone(),
        it.event.clone(),
        it.tags.site.clone(),
        it.interface.clone(),
        instant(&it.accepted_at),
        deliveries,
        it.id.clone(),
    ]
}
