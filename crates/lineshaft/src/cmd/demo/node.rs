//! The node of the demo: a process of its own, so that it can be killed as a power cut would. It is killed with the
//! demo, however that ends. Deliberately absent: anything that looks into the node but its HTTP interfaces.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lineshaft_standin::client::{Connection, Target};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::judge::Hub;

/// How long a start may take.
const START: Duration = Duration::from_secs(30);

/// How long one answer of the API may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A running node and what it needs to be started again.
pub(super) struct Node {
    directory: PathBuf,
    urls: Vec<(&'static str, String)>,
    child: Child,
    inbound: SocketAddr,
    api: SocketAddr,
}

/// What the hub says of its work at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) hub: Hub,
    /// Deliveries of unknown outcome.
    pub(super) in_doubt: u64,
    /// Deliveries and transactions that stopped for a person or for master data.
    pub(super) stopped: u64,
    /// Deliveries to the ERP that are open.
    pub(super) open_to_erp: u64,
}

impl Node {
    /// Starts the node in `directory`, where `project` holds the project files, with its data below `data`.
    ///
    /// # Errors
    /// A sentence that says why it did not start.
    pub(super) async fn start(
        directory: &Path,
        urls: Vec<(&'static str, String)>,
        secrets: &BTreeMap<&'static str, String>,
    ) -> Result<Self, String> {
        write_secrets(&directory.join("data").join("secrets"), secrets)
            .map_err(|error| format!("the secrets cannot be written: {error}"))?;
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (child, inbound, api) = spawn(directory, &urls, free, free).await?;
        Ok(Self { directory: directory.to_owned(), urls, child, inbound, api })
    }

    /// Where documents go in.
    pub(super) fn inbound(&self) -> SocketAddr {
        self.inbound
    }

    /// `http://127.0.0.1:port` of the API.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.api)
    }

    /// Kills it without a word (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) async fn kill(&mut self) -> Result<(), String> {
        self.child.kill().await.map_err(|error| format!("the node cannot be killed: {error}"))
    }

    /// Starts it again on the same data and at the same addresses.
    ///
    /// # Errors
    /// A sentence that says why it did not start.
    pub(super) async fn start_again(&mut self) -> Result<(), String> {
        let (child, inbound, api) = spawn(&self.directory, &self.urls, self.inbound, self.api).await?;
        (self.child, self.inbound, self.api) = (child, inbound, api);
        Ok(())
    }

    /// `Err` with how it ended, if it did.
    pub(super) fn lives(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the node ended by itself ({status}): {}", last_words(&self.directory))),
            Err(error) => Err(format!("the node cannot be watched: {error}")),
        }
    }

    /// What the hub says of its work.
    ///
    /// # Errors
    /// When the API does not answer.
    pub(super) async fn now(&self) -> Result<Now, String> {
        Ok(read_status(&self.ask("/api/v1/status").await?))
    }

    /// What the program prints on standard output for a command about this node.
    ///
    /// # Errors
    /// When it fails or cannot be run.
    pub(super) async fn command(&self, words: &[&str]) -> Result<String, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
        let mut command = Command::new(program);
        command.args(words).args(["--node", &self.url(), "--data"]).arg(self.data()).kill_on_drop(true);
        let output = command.output().await.map_err(|error| format!("{words:?} cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("{words:?} failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The same command as somebody would type it.
    pub(super) fn typed(&self, words: &str) -> String {
        let program = std::env::current_exe().map_or_else(|_| "lineshaft".to_owned(), |it| it.display().to_string());
        format!("{program} {words} --node {} --data {}", self.url(), self.data().display())
    }

    /// Where a file of the project stands.
    pub(super) fn project_file(&self, path: &str) -> String {
        self.directory.join("project").join(path).display().to_string()
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Asks the API; the path begins with a slash.
    ///
    /// # Errors
    /// When there is no answer, or not 200.
    pub(super) async fn ask(&self, path: &str) -> Result<Value, String> {
        let token = std::fs::read_to_string(self.data().join("token"))
            .map_err(|error| format!("the token cannot be read: {error}"))?;
        let target = Target::parse(&format!("{}{path}", self.url()))?;
        let mut connection = Connection::new(target, Some(token.trim()), ANSWER);
        let answer = connection.send(Method::GET, "", Bytes::new()).await.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("GET {path} was answered {}", answer.status));
        }
        serde_json::from_slice(&answer.body).map_err(|error| format!("GET {path}: {error}"))
    }
}

/// Reads the answer of `/api/v1/status`.
fn read_status(status: &Value) -> Now {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let open = status["open"].as_array().map_or(&[][..], Vec::as_slice);
    let in_state = |state: &str| open.iter().filter(|it| it["state"] == state).map(|it| count(&it["count"])).sum();
    let transactions = |state: &str| count(&status["books"]["transaction_states"][state]);
    let hub = Hub {
        open: open.iter().map(|it| count(&it["count"])).sum::<u64>() + transactions("accepted"),
        exceptions: transactions("parked"),
        // An answer without books proves nothing.
        conservation: status["books"]["delta"].as_u64().unwrap_or(u64::MAX),
    };
    let open_to_erp = open.iter().filter(|it| it["system"] == "erp").map(|it| count(&it["count"])).sum();
    Now { hub, in_doubt: in_state("outcome_unknown"), stopped: in_state("parked") + hub.exceptions, open_to_erp }
}

async fn spawn(
    directory: &Path,
    urls: &[(&'static str, String)],
    inbound: SocketAddr,
    api: SocketAddr,
) -> Result<(Child, SocketAddr, SocketAddr), String> {
    let program = std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
    let log = log(directory).map_err(|error| format!("the log cannot be opened: {error}"))?;
    let mut child = Command::new(program)
        .arg("run")
        .arg(directory.join("project"))
        .arg("--data")
        .arg(directory.join("data"))
        .args(["--listen-inbound", &inbound.to_string(), "--listen-api", &api.to_string()])
        .envs(urls.iter().map(|(name, url)| (name, url)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the node cannot be started: {error}"))?;
    let stdout = child.stdout.take().ok_or("the node has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let ready = tokio::time::timeout(START, async {
        while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
            if let Some(found) = ready(&line) {
                return Ok(found);
            }
        }
        Err(format!("the node did not start: {}", last_words(directory)))
    });
    let (inbound, api) = ready.await.map_err(|_| format!("the node was not ready in {START:?}"))??;
    let log = log_of(directory);
    tokio::spawn(keep(lines.into_inner(), log));
    Ok((child, inbound, api))
}

/// Reads `ready inbound=ADDR api=ADDR …`.
fn ready(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let words = line.strip_prefix("ready ")?;
    let word = |name: &str| words.split(' ').find_map(|word| word.strip_prefix(name)?.parse().ok());
    Some((word("inbound=")?, word("api=")?))
}

/// Keeps what the node prints: a pipe that nobody reads would stop it.
async fn keep(mut stdout: BufReader<ChildStdout>, log: PathBuf) {
    let Ok(mut file) = tokio::fs::OpenOptions::new().create(true).append(true).open(log).await else { return };
    // The node is gone or the disk is full; either way there is nothing to keep.
    let _ = tokio::io::copy(&mut stdout, &mut file).await;
    let _ = file.flush().await;
}

fn log_of(directory: &Path) -> PathBuf {
    directory.join("node.log")
}

fn log(directory: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(log_of(directory))
}

/// The last lines of the log.
fn last_words(directory: &Path) -> String {
    const LINES: usize = 8;
    let log = std::fs::read_to_string(log_of(directory)).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn write_secrets(directory: &Path, secrets: &BTreeMap<&'static str, String>) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    secrets.iter().try_for_each(|(name, value)| std::fs::write(directory.join(name), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_added_up() {
        let status = serde_json::json!({
            "open": [{"state": "parked", "count": 2}, {"state": "behind", "count": 5, "system": "erp"}, {"state": "outcome_unknown", "count": 1}],
            "books": {"transaction_states": {"parked": 3, "accepted": 4, "processed": 9}, "delta": 0},
        });
        let hub = Hub { open: 12, exceptions: 3, conservation: 0 };
        assert_eq!(read_status(&status), Now { hub, in_doubt: 1, stopped: 5, open_to_erp: 5 });
        assert_ne!(read_status(&Value::Null).hub.conservation, 0);
    }

    #[test]
    fn the_ready_line_is_understood_and_others_are_not() {
        let found = ready("ready inbound=127.0.0.1:7400 api=127.0.0.1:7401 data=/x y");
        assert_eq!(found, Some(("127.0.0.1:7400".parse().unwrap(), "127.0.0.1:7401".parse().unwrap())));
        assert_eq!(ready("ready inbound=127.0.0.1:7400"), None);
        assert_eq!(ready("not ready inbound=127.0.0.1:1 api=127.0.0.1:2"), None);
    }
}
