//! `lineshaft run`: a node and its API, until it is told to stop or its store fails.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use lineshaft_connect::net::SystemNet;
use lineshaft_engine::{Node, Opening};
use lineshaft_flow::project::Project;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::SystemClock;
use lineshaft_server::{Api, Facts, Server, Token};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::exit::Exit;
use crate::folder;

/// Which lines of the log are written where `RUST_LOG` does not say.
const LOG_DEFAULT: &str = "info";

/// Run this node.
#[derive(Args)]
pub struct Run {
    /// Directory of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Directory of database, token and secrets, instead of the one that lineshaft.yaml names
    #[arg(long, env = "LINESHAFT_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address for documents, instead of the one that lineshaft.yaml names; port 0 for any
    #[arg(long, env = "LINESHAFT_LISTEN_INBOUND", value_name = "ADDR")]
    listen_inbound: Option<SocketAddr>,
    /// Address for commands and reads, instead of the one that lineshaft.yaml names; port 0 for any
    #[arg(long, env = "LINESHAFT_LISTEN_API", value_name = "ADDR")]
    listen_api: Option<SocketAddr>,
    /// How the log is written to standard error; RUST_LOG says which lines
    #[arg(long, env = "LINESHAFT_LOG", value_enum, default_value = "text")]
    log: Log,
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// Runs a node until it ends.
pub fn run(args: &Run) -> Exit {
    start_log(args.log);
    let project = match runnable(&args.dir) {
        Ok(project) => project,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no threads: {error}")),
    };
    let ended = runtime.block_on(live(args, project));
    // Reads that still run may not hold the end up.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit,
        Err(message) => failed(&message),
    }
}

fn failed(message: &str) -> Exit {
    eprintln!("error: {message}");
    Exit::Failed
}

/// The project, if nothing forbids to run it; otherwise everything that does.
fn runnable(dir: &Path) -> Result<Project, Exit> {
    let checked = folder::check(dir).map_err(|error| failed(&format!("{}: {error}", dir.display())))?;
    let (errors, _) = checked.counts();
    for problem in &checked.problems {
        eprintln!("{problem}\n");
    }
    checked.project.ok_or_else(|| {
        eprintln!("error: {errors} problems forbid to run this project; nothing was started");
        Exit::Problems
    })
}

async fn live(args: &Run, mut project: Project) -> Result<Exit, String> {
    let installation = &mut project.installation;
    if let Some(addr) = args.listen_inbound {
        installation.listen_inbound = addr.to_string();
    }
    if let Some(addr) = args.listen_api {
        installation.listen_api = addr.to_string();
    }
    let data = args.data.clone().unwrap_or_else(|| args.dir.join(&installation.data_dir));
    // A provider can only be there already if this process has installed it before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut signals = Signals::new().map_err(|error| format!("signals: {error}"))?;
    let token = Token::open(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let listener = TcpListener::bind(&installation.listen_api)
        .await
        .map_err(|error| not_started(&unheard(&installation.listen_api, &error), &data))?;
    let insecure = insecure(&project, &token, &listener);
    let opening = Opening {
        project: Arc::new(project),
        directory: args.dir.clone(),
        data: data.clone(),
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SeededRng::from_os()),
        net: Arc::new(SystemNet),
    };
    for setting in &insecure {
        tracing::warn!("insecure: {setting}");
    }
    let node = Node::start(opening).await.map_err(|fault| not_started(&fault, &data))?;
    let facts = Facts { inbound: node.inbound(), version: env!("CARGO_PKG_VERSION"), insecure };
    let server = Server::start(listener, Api::new(Arc::clone(node.shared()), token, facts))
        .map_err(|error| format!("the API: {error}"))?;
    let shown = std::fs::canonicalize(&data).unwrap_or(data);
    println!("ready inbound={} api={} data={}", node.inbound(), server.local_addr(), shown.display());
    until_end(node, server, &mut signals).await
}

fn unheard(addr: &str, error: &std::io::Error) -> Fault {
    Fault::new(Code::ProjectAddress, format!("cannot listen at {addr}: {error}")).at("listen.api")
}

/// Why a node did not start, and what to do before the next try.
fn not_started(fault: &Fault, data: &Path) -> String {
    let help = match fault.code {
        Code::DeliverSecret if fault.message.starts_with("env:") => {
            "set the variable in the environment of this program, then start it again".to_owned()
        }
        Code::DeliverSecret => format!("`secret:NAME` is the file {}", data.join("secrets").join("NAME").display()),
        _ => fault.next_step().to_owned(),
    };
    format!("{fault}\n  = help: {help}")
}

/// Settings that weaken security, told at every start (HD-4).
fn insecure(project: &Project, token: &Token, listener: &TcpListener) -> Vec<String> {
    let mut insecure = project.installation.insecure.clone();
    if token.exposed {
        insecure.push("the token file can be read by others on this machine".to_owned());
    }
    if let Some(addr) = listener.local_addr().ok().filter(|addr| !addr.ip().is_loopback()) {
        insecure.push(format!("the API listens on {addr} without TLS: the token can be read on the network"));
    }
    insecure
}

async fn until_end(node: Node, server: Server, signals: &mut Signals) -> Result<Exit, String> {
    tokio::select! {
        name = signals.next() => eprintln!("{name}: taking nothing more in, waiting for attempts on their way; a second signal ends at once"),
        () = node.failed() => {}
    }
    let failed = node.shared().has_failed();
    server.not_ready();
    let shared = Arc::clone(node.shared());
    let stopped = tokio::select! {
        stopped = async { node.stop().await & server.stop().await } => stopped,
        name = signals.next() => {
            eprintln!("{name} again: ending at once; what was on its way is found at the next start");
            false
        }
    };
    if failed || shared.has_failed() {
        let code = Code::StoreWrite.spec();
        return Err(format!(
            "{} {}: nothing was acknowledged that is not on disk\n  = help: {}",
            code.text, code.title, code.next_step
        ));
    }
    if stopped {
        eprintln!("stopped");
    } else {
        eprintln!("stopped before everything on its way had ended; it is found at the next start");
    }
    Ok(Exit::Ok)
}

/// The signals that end a node.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn start_log(log: Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG_DEFAULT));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A subscriber is refused only where the process has one already.
    drop(match log {
        Log::Text => builder.with_ansi(colours()).try_init(),
        Log::Json => builder.json().try_init(),
    });
}

fn colours() -> bool {
    use std::io::IsTerminal as _;
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal()
}
