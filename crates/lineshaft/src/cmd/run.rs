//! `lineshaft run`: a node and its API, until it is told to stop or its store fails.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use lineshaft_connect::net::{Inlet, SystemNet};
use lineshaft_connect::secrets::Secrets;
use lineshaft_connect::tls::{self, Identity};
use lineshaft_engine::{Node, Opening};
use lineshaft_flow::project::{Installation, Project};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::random::SeededRng;
use lineshaft_model::time::{Clock, SystemClock};
use lineshaft_server::{Api, Facts, Server, Token};
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
    listen_as_told(args, &mut project.installation);
    let installation = &project.installation;
    let data = args.data.clone().unwrap_or_else(|| args.dir.join(&installation.data_dir));
    // A provider can only be there already if this process has installed it before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut signals = Signals::new().map_err(|error| format!("signals: {error}"))?;
    let token = Token::open(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let inlet = api_inlet(installation, &data, &clock).await.map_err(|fault| not_started(&fault, &data))?;
    let insecure = insecure(installation, &token);
    let opening = Opening {
        project: Arc::new(project),
        directory: args.dir.clone(),
        data: data.clone(),
        clock,
        rng: Arc::new(SeededRng::from_os()),
        net: Arc::new(SystemNet),
    };
    for setting in &insecure {
        tracing::warn!("insecure: {setting}");
    }
    let node = Node::start(opening).await.map_err(|fault| not_started(&fault, &data))?;
    let facts = Facts { inbound: node.inbound(), version: env!("CARGO_PKG_VERSION"), insecure };
    let server = Server::start(inlet, Api::new(Arc::clone(node.shared()), token, facts))
        .map_err(|error| format!("the API: {error}"))?;
    let shown = std::fs::canonicalize(&data).unwrap_or(data);
    println!("ready inbound={} api={} data={}", node.inbound(), server.local_addr(), shown.display());
    until_end(node, server, &mut signals).await
}

/// Addresses of the command line instead of those of the file; what they weaken is what is told.
fn listen_as_told(args: &Run, installation: &mut Installation) {
    let of_file = installation.unprotected();
    if let Some(addr) = args.listen_inbound {
        installation.listen_inbound = addr.to_string();
    }
    if let Some(addr) = args.listen_api {
        installation.listen_api = addr.to_string();
    }
    installation.insecure.retain(|setting| !of_file.contains(setting));
    installation.insecure.splice(0..0, installation.unprotected());
}

/// The place at which the API listens, opened first: an address in use is known before anything is started.
async fn api_inlet(installation: &Installation, data: &Path, clock: &Arc<dyn Clock>) -> Result<Box<dyn Inlet>, Fault> {
    let at = |fault: Fault| fault.at("listen.api");
    let unread = |_| Fault::new(Code::ProjectAddress, format!("{:?} is no address", installation.listen_api));
    let addr = installation.listen_api.parse().map_err(unread).map_err(at)?;
    let secrets = Arc::new(Secrets::new(Some(data.join("secrets")), Arc::clone(clock)));
    let identity = installation.listen_tls.as_ref().map(|tls| Identity::open(secrets, Arc::clone(clock), tls));
    let identity = identity.transpose().map_err(|fault| fault.at("listen.tls"))?;
    tls::listen(&SystemNet, addr, identity).await.map_err(at)
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
fn insecure(installation: &Installation, token: &Token) -> Vec<String> {
    let mut insecure = installation.insecure.clone();
    if token.exposed {
        insecure.push("the token file can be read by others on this machine".to_owned());
    }
    insecure
}

async fn until_end(node: Node, server: Server, signals: &mut Signals) -> Result<Exit, String> {
    tokio::select! {
        name = signals.next() => eprintln!(
            "{name}: taking nothing more in, waiting for attempts on their way, at most {} s; a second signal ends at once",
            node.patience().as_secs()
        ),
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
        let damaged = shared.store.is_damaged();
        let code = if damaged { Code::StoreDamaged } else { Code::StoreWrite }.spec();
        return Err(format!(
            "{} {}: nothing was acknowledged that is not on disk\n  = help: {}",
            code.text, code.title, code.next_step
        ));
    }
    if stopped {
        eprintln!("stopped");
        return Ok(Exit::Ok);
    }
    eprintln!("stopped before everything on its way had ended; it is found at the next start");
    Ok(Exit::Unfinished)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_command_line_are_judged_instead_of_those_of_the_file() {
        let file = || {
            let mut installation = Installation {
                listen_inbound: "0.0.0.0:7400".to_owned(),
                listen_api: "127.0.0.1:7401".to_owned(),
                insecure: vec!["egress".to_owned()],
                ..Installation::default()
            };
            installation.insecure.splice(0..0, installation.unprotected());
            installation
        };
        let told = |inbound: Option<&str>, api: Option<&str>| {
            let addr = |text: Option<&str>| text.map(|text| text.parse().unwrap());
            let (listen_inbound, listen_api) = (addr(inbound), addr(api));
            let args = Run { dir: PathBuf::new(), data: None, listen_inbound, listen_api, log: Log::Text };
            let mut installation = file();
            listen_as_told(&args, &mut installation);
            let first_words = installation.insecure.iter().map(|it| it.split(" is").next().unwrap().to_owned());
            first_words.collect::<Vec<_>>()
        };
        assert_eq!(told(None, None), ["listen.inbound: 0.0.0.0:7400", "egress"]);
        assert_eq!(told(Some("127.0.0.1:0"), None), ["egress"]);
        assert_eq!(told(Some("[::1]:0"), Some("10.0.0.1:1")), ["listen.api: 10.0.0.1:1", "egress"]);
        let tls = lineshaft_model::connection::tls::ServerTls {
            certificate: "hub.pem".to_owned(),
            key: lineshaft_model::connection::SecretRef("secret:hub".to_owned()),
        };
        assert_eq!(Installation { listen_tls: Some(tls), ..file() }.unprotected(), [""; 0]);
    }
}
