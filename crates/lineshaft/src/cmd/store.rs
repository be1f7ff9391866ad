//! `lineshaft store`: whether a database is sound and its books balance, and what to save of one that is not.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::SystemClock;
use lineshaft_server::api::status::Books;
use lineshaft_server::api::store::{DamagedDocument, StoreCheck};
use lineshaft_store::StoreError;
use lineshaft_store::check::check_directory;
use lineshaft_store::salvage::{Salvaged, salvage};

use crate::client::{Client, NodeArgs, installation};
use crate::exit::{Exit, Failure};
use crate::print::{self, OutputArgs, counted, instant, printable};

/// Name of the database in a data directory.
const DATABASE: &str = "lineshaft.db";

/// Look after the database.
#[derive(Args)]
pub struct Store {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Read every page and document and add up the books; exit code 8 if anything is wrong
    Check(Check),
    /// Copy what is readable of a damaged database into a new one, and list the rest; exit code 8 if there is a rest
    Salvage(Salvage),
}

#[derive(Args)]
struct Check {
    /// Data directory, or directory of the project, of a node that does not run; without it the running node is asked
    dir: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    node: NodeArgs,
}

#[derive(Args)]
struct Salvage {
    /// Data directory, or directory of the project, of a node that does not run. It is not changed
    dir: PathBuf,
    /// New data directory
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Checks or salvages the database.
pub fn run(args: &Store) -> Result<Exit, Failure> {
    match &args.verb {
        Verb::Check(args) => check(args),
        Verb::Salvage(args) => save(args),
    }
}

fn check(args: &Check) -> Result<Exit, Failure> {
    let (text, check) = match &args.dir {
        None => Client::open(&args.node)?.get("/api/v1/store/check")?,
        Some(dir) => {
            let data = data_of(dir)?;
            let report = check_directory(&data).map_err(|error| unusable(&data, &error))?;
            let check = StoreCheck::of(report, std::fs::metadata(data.join(DATABASE)).map_or(0, |data| data.len()));
            let text = serde_json::to_string(&check);
            (text.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?, check)
        }
    };
    if !args.output.wrote_json(&text) {
        told(&check).iter().for_each(|line| print::out(&printable(line)));
    }
    if check.sound {
        return Ok(Exit::Ok);
    }
    eprintln!(
        "error: the database is not sound\n  = help: keep a copy of the data directory before anything else; \
         `lineshaft store salvage DIR --to NEW` copies what is readable"
    );
    Ok(Exit::Problems)
}

fn told(check: &StoreCheck) -> Vec<String> {
    let mark = |sound| if sound { "ok  " } else { "FAIL" };
    let mut lines = vec![format!("{} every page read, {}", mark(check.damage.is_empty()), print::bytes(check.bytes))];
    lines.extend(check.damage.iter().map(|line| format!("     {line}")));
    match &check.books {
        Some(books) => lines.extend(balance(books)),
        None => lines.push("FAIL the books cannot be read".to_owned()),
    }
    let fits = check.differences.is_empty();
    lines.push(format!("{} counters, object state and open deliveries fit what is on disk", mark(fits)));
    lines.extend(check.differences.iter().map(|line| format!("     {line}")));
    let damaged = check.damaged.len() as u64 + check.damaged_more;
    let read = counted(check.documents, "document", "documents");
    lines.push(format!("{} {read} read, {damaged} of them damaged", mark(damaged == 0)));
    check.damaged.iter().for_each(|it| lines.extend(document(it)));
    if check.damaged_more > 0 {
        lines.push(format!("     and {} more", check.damaged_more));
    }
    lines
}

fn balance(books: &Books) -> [String; 2] {
    let mark = |sound| if sound { "ok  " } else { "FAIL" };
    let (parts, planned) = (books.parts == books.transactions, books.planned == books.deliveries);
    [
        format!(
            "{} {} intakes hold {} parts; {} transactions are on disk",
            mark(parts),
            books.intakes,
            books.parts,
            books.transactions
        ),
        format!("{} {} deliveries were planned; {} are on disk", mark(planned), books.planned, books.deliveries),
    ]
}

fn document(it: &DamagedDocument) -> [String; 2] {
    let whose = match (it.interface.as_str(), it.transactions.as_slice()) {
        ("", _) => "of an intake that is gone".to_owned(),
        (interface, []) => format!("of {interface}, intake {}", it.intake),
        (interface, transactions) => format!("of {interface}, transaction {}", transactions.join(" ")),
    };
    let needed = if it.needed { ", STILL NEEDED" } else { "" };
    [format!("     {whose}, stored {}{needed}", instant(&it.stored_at)), format!("       do   {}", it.next_step)]
}

fn save(args: &Salvage) -> Result<Exit, Failure> {
    let data = data_of(&args.dir)?;
    let saved = salvage(&data, &args.to, &SystemClock::new(), &SeededRng::from_os());
    let saved = saved.map_err(|error| unusable(&data, &error))?;
    let whole = saved.is_whole();
    copied(saved).iter().for_each(|line| print::out(&printable(line)));
    eprintln!("copied to {}; {} is as it was. Secrets and token were not copied.", args.to.display(), data.display());
    if whole {
        return Ok(Exit::Ok);
    }
    eprintln!(
        "warning: not everything is in the copy\n  = help: have the senders repeat what is missing, and compare with the \
         receivers before a node runs on the copy"
    );
    Ok(Exit::Problems)
}

fn copied(saved: Salvaged) -> Vec<String> {
    let mut lines = Vec::new();
    for table in &saved.tables {
        let mark = if table.lost.is_empty() { "ok  " } else { "LOST" };
        lines.push(format!("{mark} {:<20} {}", table.name, counted(table.rows, "row", "rows")));
        lines.extend(table.lost.iter().map(|line| format!("     {line}")));
    }
    lines.push("the copy:".to_owned());
    lines.extend(told(&StoreCheck::of(saved.report, 0)).into_iter().skip(1));
    lines
}

/// The data directory that a person means: that itself, or the one of a project.
fn data_of(dir: &Path) -> Result<PathBuf, Failure> {
    let named = || installation(dir).map(|installation| dir.join(installation.data_dir));
    let data = if dir.join(DATABASE).exists() { dir.to_owned() } else { named().unwrap_or_else(|_| dir.to_owned()) };
    if data.join(DATABASE).exists() {
        return Ok(data);
    }
    Err(Failure::new(Exit::NotFound, format!("there is no {}", data.join(DATABASE).display()))
        .help("name the data directory of a node: `data` in lineshaft.yaml"))
}

fn unusable(data: &Path, error: &StoreError) -> Failure {
    let exit = if matches!(error, StoreError::InUse(_)) { Exit::Conflict } else { Exit::Failed };
    Failure::new(exit, format!("{}: {error}", data.display()))
}
