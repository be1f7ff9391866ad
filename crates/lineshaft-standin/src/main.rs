//! The stand-ins as one program: `erp`, `mes`, `wms` and `sink` serve until they are killed; `load` sends and prints what
//! it measured; `judge` reads the histories and decides. Absent: anything that the library cannot do as well.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use lineshaft_standin::erp::{Erp, Material, Order, Setup};
use lineshaft_standin::judge::{Evidence, judge};
use lineshaft_standin::load::{self, Load};
use lineshaft_standin::mes::{Mes, Plant};
use lineshaft_standin::serve::Server;
use lineshaft_standin::sink::{Class, Sink};
use lineshaft_standin::wms::Wms;

/// The other side of the wire: stand-in systems, load, judge.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// An ERP that looks like SAP, with two materials and one order per plant
    Erp(ErpArgs),
    /// The MES of one plant
    Mes(MesArgs),
    /// A WMS that honours Idempotency-Key
    Wms(WmsArgs),
    /// A receiver that counts effects and writes them down
    Sink(SinkArgs),
    /// Send transactions and write down what was promised
    Load(LoadArgs),
    /// Compare what was promised with what happened; exits 1 if a promise was broken
    Judge(JudgeArgs),
}

#[derive(Args)]
struct Listen {
    /// Where to listen; port 0 takes a free one. The first line printed is the URL
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Callers need this bearer token
    #[arg(long)]
    token: Option<String>,
}

#[derive(Args)]
struct ErpArgs {
    #[command(flatten)]
    listen: Listen,
    /// Writes need a CSRF token and its cookie
    #[arg(long)]
    csrf: bool,
    /// Refuse a movement that would make a stock negative
    #[arg(long)]
    check_stock: bool,
}

#[derive(Args)]
struct MesArgs {
    #[command(flatten)]
    listen: Listen,
    /// DE10 (pieces, kg) or PL20 (boxes, g)
    #[arg(long, default_value = "DE10")]
    plant: String,
}

#[derive(Args)]
struct WmsArgs {
    #[command(flatten)]
    listen: Listen,
    /// Answer 429 beyond so many moves a second
    #[arg(long)]
    per_second: Option<u32>,
}

#[derive(Args)]
struct SinkArgs {
    #[command(flatten)]
    listen: Listen,
    /// How repeats are told: T1 by key, T2 by path, T3 by asking, T4 not at all
    #[arg(long, default_value = "T1")]
    class: Class,
    /// The history file, continued if it exists
    #[arg(long)]
    history: PathBuf,
}

#[derive(Args)]
struct LoadArgs {
    /// Where to send
    #[arg(long)]
    url: String,
    /// The history file, continued if it exists
    #[arg(long)]
    history: PathBuf,
    /// Bearer token
    #[arg(long)]
    token: Option<String>,
    /// How many transactions
    #[arg(long, default_value_t = 1_000)]
    transactions: u64,
    /// Over how many order keys
    #[arg(long, default_value_t = 100)]
    keys: u64,
    /// Over how many connections
    #[arg(long, default_value_t = 64)]
    connections: u64,
    /// Open loop: so many transactions a second
    #[arg(long)]
    per_second: Option<f64>,
    /// Size of a body in bytes
    #[arg(long, default_value_t = 1_024)]
    body_bytes: usize,
    /// How long an answer may take, in milliseconds
    #[arg(long, default_value_t = 10_000)]
    time_out_ms: u64,
    /// Leave operations of unknown outcome instead of sending them again
    #[arg(long)]
    leave_unknown: bool,
    /// Give up on an operation after so many milliseconds
    #[arg(long)]
    give_up_ms: Option<u64>,
    /// Prefix of keys and ids; every run against one history needs its own
    #[arg(long, default_value = "L")]
    prefix: String,
}

#[derive(Args)]
struct JudgeArgs {
    /// The generator's history
    #[arg(long)]
    load: PathBuf,
    /// A sink's history; once per sink, each of which should have received everything
    #[arg(long = "sink", required = true)]
    sinks: Vec<PathBuf>,
    /// The product's own counters: a JSON file with accepted, planned, delivered, parked, pending, …
    #[arg(long)]
    counters: Option<PathBuf>,
    /// Audited skips: a JSON file with [{"key":"…","seq":1}]
    #[arg(long)]
    skips: Option<PathBuf>,
    /// Effects must carry exactly the bytes that were sent
    #[arg(long)]
    same_bytes: bool,
}

fn main() -> ExitCode {
    // One thread: the stand-ins share the machine with what they measure.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(run(Cli::parse().command))) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("lineshaft-standin: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(command: Command) -> io::Result<ExitCode> {
    match command {
        Command::Erp(args) => {
            let setup = Setup { token: args.listen.token, csrf: args.csrf, check_stock: args.check_stock };
            let erp = Erp::start(args.listen.listen, setup).await?;
            furnish(&erp);
            serve(erp.server()).await
        }
        Command::Mes(args) => {
            let plant = match args.plant.as_str() {
                "DE10" => Plant::de10(),
                "PL20" => Plant::pl20(),
                other => return Err(wrong(format!("plant {other} is unknown; DE10 and PL20 are known"))),
            };
            serve(Mes::start(args.listen.listen, plant, args.listen.token).await?.server()).await
        }
        Command::Wms(args) => {
            serve(Wms::start(args.listen.listen, args.per_second, args.listen.token).await?.server()).await
        }
        Command::Sink(args) => {
            let sink = Sink::start(args.listen.listen, args.class, &args.history, args.listen.token).await?;
            serve(sink.server()).await
        }
        Command::Load(args) => send(args).await,
        Command::Judge(args) => decide(&args),
    }
}

/// Prints the URL and serves until the process is killed.
async fn serve(server: &Server) -> io::Result<ExitCode> {
    println!("{}", server.url());
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

/// The sample master data: a pump housing made of granulate, one order per plant.
fn furnish(erp: &Erp) {
    let plants = ["DE10", "PL20"];
    erp.add_material(Material::new("481516", "Pump housing", "FERT", "PC", &plants).unit("CAR", 12, 1));
    erp.add_material(Material::new("300200", "PP granulate", "ROH", "KG", &plants).unit("G", 1, 1_000));
    for (number, plant, work_center) in [("000100234871", "DE10", "CNC-07"), ("000100234872", "PL20", "PL20-CNC-07")] {
        erp.add_order(Order::new(number, plant, "481516", 480.into()).component("300200", 120.into()).at(work_center));
    }
}

async fn send(args: LoadArgs) -> io::Result<ExitCode> {
    let load = Load {
        token: args.token,
        transactions: args.transactions,
        keys: args.keys,
        connections: args.connections,
        per_second: args.per_second,
        body_bytes: args.body_bytes,
        time_out: Duration::from_millis(args.time_out_ms),
        retry_unknown: !args.leave_unknown,
        give_up: args.give_up_ms.map(Duration::from_millis),
        prefix: args.prefix,
        ..Load::new(&args.url, args.history)
    };
    let summary = load::run(load).await?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(if summary.ok == summary.planned { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn decide(args: &JudgeArgs) -> io::Result<ExitCode> {
    let load = std::fs::read_to_string(&args.load)?;
    let sinks = args.sinks.iter().map(std::fs::read_to_string).collect::<io::Result<Vec<_>>>()?;
    let sinks: Vec<&str> = sinks.iter().map(String::as_str).collect();
    let counters = match &args.counters {
        Some(path) => Some(serde_json::from_str(&std::fs::read_to_string(path)?)?),
        None => None,
    };
    let skips = match &args.skips {
        Some(path) => serde_json::from_str(&std::fs::read_to_string(path)?)?,
        None => Vec::new(),
    };
    let evidence = Evidence { load: &load, sinks: &sinks, counters, skips: &skips, same_bytes: args.same_bytes };
    let verdict = judge(&evidence).map_err(wrong)?;
    println!("{}", verdict.to_json());
    println!("{verdict}");
    Ok(if verdict.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wrong(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
