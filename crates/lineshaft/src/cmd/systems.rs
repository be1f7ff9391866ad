//! `lineshaft systems`: pausing and resuming deliveries. Intake goes on.

use clap::{Args, Subcommand};
use lineshaft_server::api::Done;
use lineshaft_server::api::systems::Reason;

use crate::client::{Client, NodeArgs, encoded};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs};

/// Pause and resume outside systems.
#[derive(Args)]
pub struct Systems {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Send nothing more to a system or receiving interface; intake goes on
    Pause(Name),
    /// Send again
    Resume(Name),
}

#[derive(Args)]
struct Name {
    /// A system, `erp`, or one of its receiving interfaces, `erp/confirmation`
    name: String,
    /// Why, for the audit log
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Pauses or resumes.
pub fn run(args: Systems) -> Result<Exit, Failure> {
    let (word, args) = match args.verb {
        Verb::Pause(args) => ("pause", args),
        Verb::Resume(args) => ("resume", args),
    };
    let path = format!("/api/v1/systems/{}/{word}", encoded(&args.name));
    let (text, done): (_, Done) = Client::open(&args.node)?.post(&path, &Reason { reason: args.reason })?;
    if !args.output.wrote_json(&text) {
        print::out(&print::printable(&done.said));
    }
    Ok(Exit::Ok)
}
