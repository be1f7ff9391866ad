//! `lineshaft exceptions`: what waits for a person, and what the person decides.

use clap::{Args, Subcommand};
use lineshaft_server::api::Done;
use lineshaft_server::api::exceptions::{Decision, Exception, Exceptions as List};

use super::trace::reason;
use serde::Serialize;

use crate::client::{Client, NodeArgs, encoded};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs, counted, instant, printable, span};

/// Decide on what is stopped or in doubt.
#[derive(Args)]
pub struct Exceptions {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List everything that is stopped or in doubt, the oldest first
    List(ListArgs),
    /// Show one with its reason, what it hurts and what can be done
    Show(ShowArgs),
    /// Send or process again
    Retry(RetryArgs),
    /// Leave a delivery out; later ones of its key go on
    Skip(DecideArgs),
    /// Give up
    Discard(DecideArgs),
    /// Say whether one in doubt was posted, after looking in the target
    Answer(AnswerArgs),
}

#[derive(Args)]
struct ListArgs {
    /// Most to show
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
struct ShowArgs {
    /// Id of a delivery, or of its transaction
    id: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
struct RetryArgs {
    /// Ids of deliveries or transactions
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
struct DecideArgs {
    /// Ids of deliveries or transactions
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Why, for the audit log
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
#[group(id = "outcome", required = true, multiple = false, args = ["posted", "not_posted"])]
struct AnswerArgs {
    /// Ids of deliveries
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// It took effect; the target's reference, a document number
    #[arg(long, value_name = "REF")]
    posted: Option<String>,
    /// It had no effect: send it again
    #[arg(long)]
    not_posted: bool,
    /// Why, for the audit log: where you looked
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Lists, shows or decides.
pub fn run(args: Exceptions) -> Result<Exit, Failure> {
    let plain = |reason: String| Decision { reason, ..Decision::default() };
    match args.verb {
        Verb::List(args) => list(&args),
        Verb::Show(args) => show(&args),
        Verb::Retry(args) => decide((&args.node, args.output), "retry", &args.ids, &plain(args.reason)),
        Verb::Skip(args) => decide((&args.node, args.output), "skip", &args.ids, &plain(args.reason)),
        Verb::Discard(args) => decide((&args.node, args.output), "discard", &args.ids, &plain(args.reason)),
        Verb::Answer(args) => {
            if args.posted.is_some() && args.ids.len() > 1 {
                return Err(Failure::new(Exit::Usage, "one reference belongs to one delivery: answer them one by one"));
            }
            let decision = Decision { reason: args.reason, posted: args.posted, not_posted: args.not_posted };
            decide((&args.node, args.output), "answer", &args.ids, &decision)
        }
    }
}

fn list(args: &ListArgs) -> Result<Exit, Failure> {
    let (text, list): (_, List) = Client::open(&args.node)?.get(&format!("/api/v1/exceptions?limit={}", args.limit))?;
    if args.output.wrote_json(&text) {
        return Ok(Exit::Ok);
    }
    if list.items.is_empty() {
        eprintln!("Nothing waits for a person.");
        return Ok(Exit::Ok);
    }
    let rows = list.items.iter().map(|it| {
        let code = it.fault.as_ref().map(|fault| format!("{} {}", fault.code, fault.title)).unwrap_or_default();
        vec![
            label(it),
            it.interface.clone(),
            it.site.clone(),
            it.order_key.clone().unwrap_or_default(),
            span(it.age_secs),
            it.behind.to_string(),
            code,
            it.id.clone(),
        ]
    });
    print::table(&["STATE", "AT", "SITE", "KEY", "SINCE", "BEHIND", "REASON", "ID"], &["SINCE", "BEHIND"], rows);
    let more = if list.more { "; there may be more, raise --limit" } else { "" };
    let waits = counted(list.items.len() as u64, "exception waits", "exceptions wait");
    eprintln!("{waits}{more}   see: lineshaft exceptions show ID");
    Ok(Exit::Ok)
}

fn show(args: &ShowArgs) -> Result<Exit, Failure> {
    let (text, it): (_, Exception) =
        Client::open(&args.node)?.get(&format!("/api/v1/exceptions/{}", encoded(&args.id)))?;
    if !args.output.wrote_json(&text) {
        print::out(&told(&it).iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n"));
    }
    Ok(Exit::Ok)
}

/// The state, with *Late* as a flag beside it.
fn label(it: &Exception) -> String {
    if it.late { format!("{}, late", it.label) } else { it.label.clone() }
}

fn told(it: &Exception) -> Vec<String> {
    let mut lines = vec![format!("{}  at {}  {}", label(it), it.interface, it.id)];
    lines.push(format!("  since       {}, {} ago", instant(&it.since), span(it.age_secs)));
    if !it.impact.is_empty() {
        lines.push(format!("  hurts       {}", it.impact));
    }
    if !it.site.is_empty() {
        lines.push(format!("  site        {}", it.site));
    }
    lines.extend(it.order_key.iter().map(|key| {
        format!("  holds back  {key}, {}", counted(it.behind, "delivery waits behind it", "deliveries wait behind it"))
    }));
    lines.extend(it.next_at.iter().map(|at| format!("  next        the target is asked at {}", instant(at))));
    lines.push(format!("  transaction {}", it.transaction));
    lines.push(String::new());
    it.fault.iter().for_each(|fault| lines.extend(reason(fault, "")));
    lines.push(String::new());
    lines.push("You can:".to_owned());
    lines.extend(it.can.iter().map(|word| {
        let id = &it.id;
        match word.as_str() {
            "retry" => format!("  lineshaft exceptions retry {id}"),
            "answer" => format!(
                "  lineshaft exceptions answer {id} --posted REF --reason \"...\"    (it is in the target)\n  \
                 lineshaft exceptions answer {id} --not-posted --reason \"...\"    (it is not; it is sent again)"
            ),
            word => format!("  lineshaft exceptions {word} {id} --reason \"...\""),
        }
    }));
    lines.push(format!("  lineshaft trace show {} --documents", it.transaction));
    lines.iter().flat_map(|line| line.split('\n').map(str::to_owned)).collect()
}

/// Decides on each id; one that fails does not keep the others back.
/// What became of each, for programs.
#[derive(Default, Serialize)]
struct Decided<'a> {
    items: Vec<One<'a>>,
}

impl Decided<'_> {
    fn tell(&self, output: OutputArgs) {
        if !self.items.is_empty() && !output.wrote(self) {
            self.items.iter().filter_map(|one| one.said.as_deref()).for_each(|said| print::out(&printable(said)));
        }
    }
}

#[derive(Serialize)]
struct One<'a> {
    id: &'a str,
    /// What was done; `null` where nothing was.
    said: Option<String>,
    /// Why nothing was done.
    failed: Option<String>,
}

fn decide(
    (node, output): (&NodeArgs, OutputArgs),
    word: &str,
    ids: &[String],
    decision: &Decision,
) -> Result<Exit, Failure> {
    if word != "retry" && decision.reason.trim().is_empty() {
        return Err(Failure::new(Exit::Usage, "--reason may not be empty: it stays in the audit log"));
    }
    let client = Client::open(node)?;
    let (mut failures, mut decided) = (Vec::new(), Decided::default());
    for id in ids {
        match client.post::<Done>(&format!("/api/v1/exceptions/{}/{word}", encoded(id)), decision) {
            Ok((_, done)) => decided.items.push(One { id, said: Some(done.said), failed: None }),
            Err(failure) if ids.len() == 1 || failure.exit == Exit::Unreachable => {
                decided.tell(output);
                return Err(failure);
            }
            Err(failure) => {
                eprintln!("{id}: {failure}");
                decided.items.push(One { id, said: None, failed: Some(failure.to_string()) });
                failures.push(failure.exit);
            }
        }
    }
    decided.tell(output);
    if failures.is_empty() {
        return Ok(Exit::Ok);
    }
    eprintln!("{} of {} could be decided on", ids.len() - failures.len(), ids.len());
    Ok(if failures.len() < ids.len() { Exit::Partial } else { failures[0] })
}
