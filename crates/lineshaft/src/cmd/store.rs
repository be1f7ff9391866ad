//! `lineshaft store`: whether the database of a running node is sound and its books balance.

use clap::{Args, Subcommand};
use lineshaft_server::api::store::StoreCheck;

use crate::client::{Client, NodeArgs};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs};

/// Look after the database.
#[derive(Args)]
pub struct Store {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Read every page and add up the books; exit code 8 if anything is wrong
    Check(Check),
}

#[derive(Args)]
struct Check {
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

/// Checks the database.
pub fn run(args: &Store) -> Result<Exit, Failure> {
    let Verb::Check(args) = &args.verb;
    let (text, check): (_, StoreCheck) = Client::open(&args.node)?.get("/api/v1/store/check")?;
    if !args.output.wrote_json(&text) {
        let (books, mark) = (&check.books, |sound| if sound { "ok  " } else { "FAIL" });
        print::out(&format!("{} every page read, {}", mark(check.damage.is_empty()), print::bytes(check.bytes)));
        check.damage.iter().for_each(|line| print::out(&format!("     {}", print::printable(line))));
        let parts = books.parts == books.transactions;
        print::out(&format!(
            "{} {} intakes hold {} parts; {} transactions are on disk",
            mark(parts),
            books.intakes,
            books.parts,
            books.transactions
        ));
        let planned = books.planned == books.deliveries;
        print::out(&format!(
            "{} {} deliveries were planned; {} are on disk",
            mark(planned),
            books.planned,
            books.deliveries
        ));
    }
    if check.sound {
        return Ok(Exit::Ok);
    }
    eprintln!("error: the database is not sound\n  = help: keep a copy of the data directory before anything else");
    Ok(Exit::Problems)
}
