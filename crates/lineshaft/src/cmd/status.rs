//! `lineshaft status`: one screen about a node.

use std::collections::BTreeMap;

use clap::Args;
use lineshaft_server::api::status::{Emits, Open, Status as Answer};

use crate::client::{Client, NodeArgs};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs, counted, instant, span};

/// Show a node on one screen.
#[derive(Args)]
pub struct Status {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Shows a node on one screen.
pub fn run(args: &Status) -> Result<Exit, Failure> {
    let (text, status): (_, Answer) = Client::open(&args.node)?.get("/api/v1/status")?;
    if !args.output.wrote_json(&text) {
        print::out(&screen(&status));
        deliveries(&status.open);
        print::out(&foot(&status));
    }
    Ok(Exit::Ok)
}

fn screen(status: &Answer) -> String {
    let store = &status.store;
    let state = match (status.ready, store.refusing || store.full) {
        (true, false) => "accepts documents",
        (true, true) => "ACCEPTS NOTHING: there is no room on the disk; it goes on by itself when there is",
        (false, _) => "ACCEPTS NOTHING: it is stopping, or its store failed",
    };
    let mut lines = vec![
        format!("{}, node {}: {state}", status.installation, status.node),
        format!("as of {}, up {}, version {}", instant(&status.now), span(status.uptime_secs), status.version),
        format!("inbound {}://{}", if status.tls { "https" } else { "http" }, status.inbound),
    ];
    let sent = status.emits.iter().filter_map(|it| Some((it.path.as_ref()?, &it.interface)));
    lines.extend(sent.map(|(path, interface)| format!("  {path}  from {interface}")));
    lines.extend(status.emits.iter().filter(|it| it.path.is_none()).map(fetched));
    lines.extend(status.emits.iter().flat_map(not_fetched));
    lines.extend(status.insecure.iter().map(|it| format!("insecure: {it}")));
    lines.extend(status.late.iter().map(|it| {
        let count = format!("{}{}", if it.more { "at least " } else { "" }, it.count);
        let (agreed, oldest) = (span(it.within_secs), span(it.oldest_age_secs));
        format!(
            "LATE: {count} to {} open for more than {agreed}, the oldest {oldest}; hurts {}",
            it.receiver, it.impact
        )
    }));
    if store.damaged > 0 {
        let count = counted(store.damaged, "stored document is", "stored documents are");
        lines.push(format!("DAMAGED: {count} not what was stored, and set aside: run `lineshaft store check`"));
    }
    lines.extend(status.paused.iter().map(|it| {
        let reason = if it.reason.is_empty() { String::new() } else { format!(": {}", it.reason) };
        format!("paused: {} since {} by {}{reason}", it.name, instant(&it.since), it.principal)
    }));
    lines.extend(stranded(&status.open));
    lines.push(String::new());
    lines.iter().map(|line| print::printable(line)).collect::<Vec<_>>().join("\n") + "\n"
}

/// A source that is asked, in a line.
fn fetched(it: &Emits) -> String {
    let last = it.fetched_at.as_ref().map_or_else(|| "nothing yet".to_owned(), |at| format!("last {}", instant(at)));
    format!("fetches {} ({}) from {}: {last}", it.from, it.connector, it.interface)
}

/// That a source gives nothing, or what it gave was refused.
fn not_fetched(it: &Emits) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(failing) = &it.failing {
        let (since, times) = (span(failing.age_secs), counted(failing.times, "time", "times"));
        let fault = &failing.fault;
        let said = format!("{} {}", fault.code, fault.message);
        lines.push(format!("NOTHING FETCHED: {} fails for {since} ({times}): {said}", it.interface));
        lines.push(format!("  do: {}", fault.next_step));
    }
    if let Some(fault) = &it.last_refused {
        let refused = counted(it.refused, "document", "documents");
        lines.push(format!("REFUSED: {refused} of {}, the latest: {} {}", it.interface, fault.code, fault.message));
    }
    lines
}

/// What waits for receivers that are not in this project, a line for each.
fn stranded(open: &[Open]) -> impl Iterator<Item = String> {
    let mut gone: BTreeMap<&str, u64> = BTreeMap::new();
    for it in open.iter().filter(|it| it.system.is_empty()) {
        *gone.entry(&it.receiver).or_default() += it.count;
    }
    gone.into_iter().map(|(receiver, count)| {
        let wait = counted(count, "open delivery waits", "open deliveries wait");
        format!("not in this project: {receiver}; {wait}   see: lineshaft exceptions list")
    })
}

fn deliveries(open: &[Open]) {
    if open.is_empty() {
        print::out("No open deliveries.");
        return;
    }
    let rows = open.iter().map(|it| {
        let oldest = it.oldest_age_secs.map(span).unwrap_or_default();
        vec![it.receiver.clone(), it.label.clone(), it.count.to_string(), oldest, it.impact.clone()]
    });
    print::table(&["RECEIVER", "STATE", "COUNT", "OLDEST", "IMPACT"], &["COUNT", "OLDEST"], rows);
}

fn foot(status: &Answer) -> String {
    let books = &status.books;
    let of = |states: &BTreeMap<String, u64>, name: &str| states.get(name).copied().unwrap_or(0);
    let mut lines = vec![String::new()];
    let before = of(&books.transaction_states, "parked");
    let (parked, doubt) = (of(&books.delivery_states, "parked"), of(&books.delivery_states, "outcome_unknown"));
    if before + parked + doubt > 0 {
        lines.push(format!(
            "{} for a person: {before} before routing, {parked} stopped, {doubt} in doubt   see: lineshaft exceptions list",
            counted(before + parked + doubt, "exception waits", "exceptions wait")
        ));
    }
    let balance = if books.delta == 0 {
        "the books balance".to_owned()
    } else {
        format!("THE BOOKS DO NOT BALANCE, off by {}: run `lineshaft store check`", books.delta)
    };
    lines.push(format!(
        "{} accepted, {} planned, {} delivered; {balance}",
        counted(books.transactions, "transaction", "transactions"),
        counted(books.planned, "delivery", "deliveries"),
        of(&books.delivery_states, "delivered"),
    ));
    if status.splitting > 0 {
        let count = counted(status.splitting, "large document is", "large documents are");
        lines.push(format!("{count} on disk and being taken apart; what may share a key with them waits"));
    }
    if books.expired_transactions > 0 {
        lines.push(format!(
            "{} more, with {}, were settled and are past their retention",
            counted(books.expired_transactions, "transaction", "transactions"),
            counted(books.expired_deliveries, "delivery", "deliveries"),
        ));
    }
    if status.store.refused > 0 {
        let refused = counted(status.store.refused, "document was", "documents were");
        lines.push(format!("{refused} refused for want of room since ever: senders that do not repeat have lost them"));
    }
    let records: u64 = status.reference.iter().map(|it| it.records).sum();
    let store = &status.store;
    let disk = match store.disk_bytes {
        0 => String::new(),
        bytes => {
            format!(" ({} of {} free, ballast {})", print::bytes(store.free_bytes), print::bytes(bytes), store.ballast)
        }
    };
    lines.push(format!(
        "store {}{disk}, {} in {}",
        print::bytes(store.bytes),
        counted(records, "reference record", "reference records"),
        counted(status.reference.len() as u64, "table", "tables"),
    ));
    lines.join("\n")
}
