//! `lineshaft trace show`: what became of one transaction, hop by hop.

use clap::{Args, Subcommand};
use lineshaft_server::api::documents::{Documents, Preview};
use lineshaft_server::api::transactions::{Delivery, FaultView, Relative, Trace as Answer};

use crate::client::{Client, NodeArgs, encoded};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs, instant, printable, printable_lines};

/// Look at one transaction.
#[derive(Args)]
pub struct Trace {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show what became of one transaction: deliveries, attempts, reasons
    Show(Show),
}

#[derive(Args)]
struct Show {
    /// Id of the transaction
    id: String,
    /// Show the documents too: received, event, sent
    #[arg(long)]
    documents: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Shows what became of one transaction.
pub fn run(args: &Trace) -> Result<Exit, Failure> {
    let Verb::Show(args) = &args.verb;
    let documents = if args.documents { "?documents=true" } else { "" };
    let path = format!("/api/v1/transactions/{}{documents}", encoded(&args.id));
    let (text, trace): (_, Answer) = Client::open(&args.node)?.get(&path)?;
    if !args.output.wrote_json(&text) {
        print::out(&told(&trace));
    }
    Ok(Exit::Ok)
}

fn told(trace: &Answer) -> String {
    let it = &trace.transaction;
    let mut lines = vec![
        format!("{}  {}", it.label, it.id),
        format!(
            "  received   {} at {} from {} ({})",
            instant(&it.accepted_at),
            it.interface,
            trace.principal,
            trace.origin
        ),
        format!("  intake     {}, part {}", it.intake, it.part),
        format!("  keys       {}", if it.keys.is_empty() { "none".to_owned() } else { it.keys.join(", ") }),
        format!(
            "  site       {}",
            [&it.tags.site, &it.tags.region, &it.tags.data_class].map(String::as_str).join(" ").trim()
        ),
        format!("  became     {}", if it.event.is_empty() { "nothing yet" } else { &it.event }),
        format!(
            "  in force   project {}, map {}, reference data {}",
            short(&it.versions.project),
            short(&it.versions.map),
            it.versions.catalog
        ),
    ];
    match trace.received.as_str() {
        "kept" => {}
        state => lines.push(format!("  document   {}", unreadable(state))),
    }
    lines.extend(trace.lineage.iter().map(relative));
    if let Some((table, key)) = &it.waits_for {
        lines.push(format!("  waits for  {table} {key}"));
    }
    it.fault.iter().for_each(|fault| lines.extend(reason(fault, "  ")));
    for delivery in &it.deliveries {
        lines.push(String::new());
        lines.extend(hop(delivery));
    }
    let mut text = lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n");
    if let Some(documents) = &trace.documents {
        text.push_str(&shown(documents, &it.deliveries));
    }
    text
}

fn relative(it: &Relative) -> String {
    let word = match (it.kind.as_str(), it.is.as_str()) {
        ("reversal", "parent") => "takes back".to_owned(),
        ("reversal", _) => "taken back".to_owned(),
        ("answer", "parent") => "answers".to_owned(),
        ("answer", _) => "answered".to_owned(),
        (kind, _) => kind.to_owned(),
    };
    let by = if it.is == "child" { "by " } else { "" };
    format!("  {word:<10} {by}{}", it.id)
}

fn hop(it: &Delivery) -> Vec<String> {
    let receipt = it.receipt.as_ref().map(|receipt| format!(", receipt {receipt}")).unwrap_or_default();
    let when = it.settled_at.as_ref().unwrap_or(&it.changed_at);
    let mut lines = vec![
        format!("{}  to {} since {}{receipt}", it.label, it.receiver, instant(when)),
        format!("  delivery   {}, target key {}", it.id, it.target_key),
    ];
    lines.extend(it.order_key.iter().map(|key| format!("  in order   {key}")));
    lines.extend(it.rule.iter().map(|rule| format!("  left out   {rule}")));
    lines.extend(it.next_at.iter().map(|at| format!("  next       {}", instant(at))));
    lines.extend(it.attempts.iter().map(|attempt| {
        format!(
            "  {:<10} {} {}, {} ms{}{} {}",
            format!("{} {}", attempt.kind, attempt.number),
            instant(&attempt.started_at),
            attempt.came_to,
            attempt.took_ms,
            if attempt.code.is_empty() { "" } else { ": " },
            attempt.code,
            attempt.message
        )
        .trim_end()
        .to_owned()
    }));
    it.fault.iter().for_each(|fault| lines.extend(reason(fault, "  ")));
    lines
}

/// A fault, line by line: what, where, detail, what to do.
pub fn reason(fault: &FaultView, indent: &str) -> Vec<String> {
    let mut lines = vec![format!("{indent}{} {}: {}", fault.code, fault.title, fault.message)];
    if !fault.at.is_empty() {
        lines.push(format!("{indent}  at     {}", fault.at));
    }
    if !fault.detail.is_empty() {
        lines.push(format!("{indent}  detail {}", fault.detail));
    }
    lines.push(format!("{indent}  do     {}", fault.next_step));
    lines
}

fn shown(documents: &Documents, deliveries: &[Delivery]) -> String {
    let mut text = format!("\n\nreceived, {}", preview(&documents.received));
    if let Some(event) = &documents.event {
        let envelope = serde_json::to_string_pretty(&event.cloud_event).unwrap_or_default();
        let state =
            if event.state == "kept" { String::new() } else { format!(", its data: {}", unreadable(&event.state)) };
        text.push_str(&format!("\n\nevent{state}\n{envelope}"));
    }
    for delivery in deliveries {
        if let Some(sent) = &delivery.sent {
            text.push_str(&format!("\n\nto {}, {}", delivery.receiver, preview(&sent.body)));
        }
    }
    printable_lines(&text)
}

fn preview(it: &Preview) -> String {
    match (it.state.as_str(), it.truncated) {
        ("kept", false) => format!("{}\n{}", print::bytes(it.bytes), it.text),
        ("kept", true) => format!("{}, only its beginning\n{}", print::bytes(it.bytes), it.text),
        (state, _) => unreadable(state).to_owned(),
    }
}

/// Why there is nothing to show.
fn unreadable(state: &str) -> &str {
    match state {
        "expired" => "expired: its retention is over (`retention.payloads` in lineshaft.yaml)",
        "damaged" => "DAMAGED: its bytes are not those that were stored; it is set aside (`lineshaft store check`)",
        "missing" => "never made",
        other => other,
    }
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
