//! One node between a load generator and a sink, each a process of its own, with addresses and directories of their own.
//!
//! The histories lie beside the node's data, never in it: what happens to the data must not touch the evidence.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::process::{Process, answers_200, ask, free_ports, listens};
use crate::place::Place;
use crate::step::Stopwatch;

/// Longest time from start to ready.
pub const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long nothing may arrive any more before the judge's word is final.
const QUIET: Duration = Duration::from_secs(20);

/// Where everything of one run lies.
pub struct Arena {
    /// Project, histories and logs.
    pub directory: PathBuf,
    /// The node's data directory; `data` below `directory` unless changed.
    pub data: PathBuf,
    /// Where the node takes documents.
    pub inbound: SocketAddr,
    /// Where the node takes commands.
    pub api: SocketAddr,
    /// Where the sink listens.
    pub sink: SocketAddr,
    /// The program under test.
    pub lineshaft: PathBuf,
    standin: PathBuf,
    bare: PathBuf,
    project: PathBuf,
}

/// What the generator is asked to send.
pub struct Load {
    /// How many transactions.
    pub transactions: u64,
    /// Over how many orders.
    pub orders: u64,
    /// Over how many connections.
    pub connections: u64,
    /// Open loop, so many a second; closed loop without it.
    pub per_second: Option<u64>,
    /// Prefix of orders and ids: every load against one store needs its own.
    pub prefix: &'static str,
}

impl Load {
    /// Longest time it may take: three times what its rate asks for, and time for outages.
    fn longest(&self) -> Duration {
        Duration::from_secs(120 + 3 * self.transactions / self.per_second.unwrap_or(1_000).max(1))
    }
}

impl Arena {
    /// A copy of the project `from` (in the repository) below our own directory `name`, with addresses of its own.
    /// The project names its three addresses by port: 27400 inbound, 27401 API, 27402 sink.
    pub fn prepare(place: &Place, name: &str, from: &str) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let directory = place.own(name).map_err(text)?;
        // What an earlier run of this name kept would be judged again.
        std::fs::remove_dir_all(&directory).map_err(text)?;
        let [inbound, api, sink] = free_ports().map_err(text)?;
        let project = directory.join("project");
        let ports = [("27400", inbound), ("27401", api), ("27402", sink)].map(|(from, to)| (from, to.to_string()));
        copy(&place.root.join(from), &project, &ports).map_err(text)?;
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Self {
            data: directory.join("data"),
            directory,
            project,
            inbound: local(inbound),
            api: local(api),
            sink: local(sink),
            lineshaft: place.program("lineshaft"),
            standin: place.program("lineshaft-standin"),
            bare: place.program("lineshaft-bare"),
        })
    }

    /// Whether the node says that it accepts.
    pub fn ready(&self) -> bool {
        answers_200(self.api, "/readyz")
    }

    /// Starts the node; it is not ready yet.
    pub fn start_node(&self) -> Result<Process, String> {
        let mut command = Command::new(&self.lineshaft);
        command.arg("run").arg(&self.project).arg("--data").arg(&self.data);
        Process::start("lineshaft run", &mut command, &self.file("node.log"))
    }

    /// Starts the bare loop in the node's place, with the reference table in the file `materials`, and waits until it
    /// listens.
    pub fn start_bare(&self, materials: &Path) -> Result<Process, String> {
        let mut command = Command::new(&self.bare);
        command.arg(&self.project).arg(self.file("bare")).arg(materials);
        let mut bare = Process::start("lineshaft-bare", &mut command, &self.file("bare.log"))?;
        bare.until(READY_WITHIN, || listens(self.inbound))?;
        Ok(bare)
    }

    /// Starts the sink and waits until it listens. It goes on with the history `name`, if there is one.
    pub fn start_sink(&self, name: &str) -> Result<Process, String> {
        let mut command = Command::new(&self.standin);
        command.args(["sink", "--class", "T1", "--listen", &self.sink.to_string()]);
        command.arg("--history").arg(self.file(name));
        let mut sink = Process::start("lineshaft-standin sink", &mut command, &self.file("sink.log"))?;
        sink.until(READY_WITHIN, || listens(self.sink))?;
        Ok(sink)
    }

    /// Makes the sink misbehave as the JSON `fault` says.
    pub fn break_sink(&self, fault: &str) -> Result<(), String> {
        self.tell_sink("POST", fault)
    }

    /// Lets the sink behave again.
    pub fn mend_sink(&self) -> Result<(), String> {
        self.tell_sink("DELETE", "")
    }

    fn tell_sink(&self, method: &str, body: &str) -> Result<(), String> {
        match ask(self.sink, method, "/_fault", body) {
            Ok(status) if (200..300).contains(&status) => Ok(()),
            Ok(status) => Err(format!("the sink answered {status} to {method} /_fault")),
            Err(error) => Err(format!("the sink could not be told: {error}")),
        }
    }

    /// Starts the generator; its history and its summary are called like its `name`.
    pub fn start_load(&self, to: SocketAddr, load: &Load, name: &str) -> Result<Process, String> {
        let mut command = Command::new(&self.standin);
        let url = format!("http://{to}/in/source/completion");
        command.args(["load", "--url", &url, "--transactions", &load.transactions.to_string()]);
        command.args(["--keys", &load.orders.to_string(), "--connections", &load.connections.to_string()]);
        if let Some(rate) = load.per_second {
            command.args(["--per-second", &rate.to_string()]);
        }
        command.args(["--prefix", load.prefix]).arg("--history").arg(self.file(&format!("{name}.jsonl")));
        Process::start("lineshaft-standin load", &mut command, &self.file(&format!("{name}.log")))
    }

    /// Waits until everything was sent and acknowledged.
    pub fn finish_load(&self, process: &mut Process, load: &Load, name: &str) -> Result<(), String> {
        let watch = Stopwatch::start();
        loop {
            match process.ended() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the load ended with {status}: {}", self.refusals(name))),
                None if watch.elapsed() > load.longest() => return Err("the load did not come to its end".to_owned()),
                None => sleep(Duration::from_millis(50)),
            }
        }
    }

    /// How often the generator was told *definitely not*, and the first reason.
    fn refusals(&self, name: &str) -> String {
        let history = std::fs::read_to_string(self.file(&format!("{name}.jsonl"))).unwrap_or_default();
        let mut refused = history.lines().filter_map(|line| line.split_once("\"e\":\"fail\"")).peekable();
        let first = refused.peek().map_or("see its log", |(_, rest)| rest);
        let first: String = first.chars().take(240).collect();
        format!("{} refused for good, the first {first}", refused.count())
    }

    /// Asks the judge until everything has arrived, or nothing arrives any more. The last word is the verdict.
    ///
    /// # Errors
    /// The verdict, if a promise is broken; or that the node ended.
    pub fn drain(&self, node: &mut Process) -> Result<String, String> {
        let (mut arrived, mut quiet) = (self.arrived(), Stopwatch::start());
        loop {
            let verdict = self.judge()?;
            if verdict.0 {
                return Ok(verdict.1);
            }
            node.still_running()?;
            let now = self.arrived();
            if now != arrived {
                (arrived, quiet) = (now, Stopwatch::start());
            } else if quiet.elapsed() > QUIET {
                return Err(format!("a promise is broken\n{}", verdict.1));
            }
            sleep(Duration::from_secs(1));
        }
    }

    /// Size of the sink's history.
    fn arrived(&self) -> u64 {
        std::fs::metadata(self.file("sink.jsonl")).map_or(0, |data| data.len())
    }

    /// Whether every promise held, and the judge's words.
    fn judge(&self) -> Result<(bool, String), String> {
        let mut command = Command::new(&self.standin);
        command.arg("judge").arg("--load").arg(self.file("load.jsonl")).arg("--sink").arg(self.file("sink.jsonl"));
        let output =
            command.stdin(Stdio::null()).output().map_err(|error| format!("the judge could not start: {error}"))?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
    }

    /// A file of this run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The project's copy.
    pub fn project(&self) -> &Path {
        &self.project
    }
}

/// Copies a directory of text files, with replacements.
fn copy(from: &Path, to: &Path, replace: &[(&str, String)]) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, replace)?;
        } else {
            let text = std::fs::read_to_string(entry.path())?;
            std::fs::write(target, replace.iter().fold(text, |text, (from, to)| text.replace(from, to)))?;
        }
    }
    Ok(())
}
