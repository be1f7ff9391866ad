//! A node as a process: the program as a supervisor runs it.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::{Ended, command, run};

/// Longest wait for something that must come to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments that let a node listen where it finds room.
pub const ANYWHERE: [&str; 5] = ["run", "--listen-inbound", "127.0.0.1:0", "--listen-api", "127.0.0.1:0"];

pub struct Node {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// Everything it writes to standard error, read all the time so that it never waits for a reader.
    err: std::thread::JoinHandle<String>,
    pub api: String,
    pub inbound: String,
}

/// What a document was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
}

pub fn start(directory: &Path) -> Node {
    match launch(command(directory, &ANYWHERE)) {
        Ok(node) => node,
        Err(ended) => panic!("not ready: {ended:?}"),
    }
}

/// Starts a node, or says how it ended before it was ready.
pub fn launch(mut command: Command) -> Result<Node, Ended> {
    let mut child =
        command.env("ERP_URL", "http://127.0.0.1:9").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = child.stderr.take().unwrap();
    let err = std::thread::spawn(move || {
        let mut said = Vec::new();
        stderr.read_to_end(&mut said).unwrap();
        String::from_utf8_lossy(&said).into_owned()
    });
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let value = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)).map(str::to_owned);
    match (value("api="), value("inbound=")) {
        (Some(api), Some(inbound)) if line.starts_with("ready ") => {
            Ok(Node { child, out, err, api: format!("http://{api}"), inbound })
        }
        _ => {
            let code = child.wait().unwrap().code().unwrap_or(-1);
            Err(Ended { code, out: line, err: err.join().unwrap() })
        }
    }
}

impl Node {
    pub fn ask(&self, directory: &Path, arguments: &[&str]) -> Ended {
        run(directory, &[arguments, &["--node", &self.api]].concat())
    }

    /// What `lineshaft status` says, for programs.
    pub fn status(&self, directory: &Path, data: &[&str]) -> Value {
        let asked = self.ask(directory, &[&["status", "-o", "json"], data].concat());
        assert_eq!(asked.code, 0, "{asked:?}");
        serde_json::from_str(&asked.out).unwrap()
    }

    /// Waits until the status is as wanted; the last one.
    pub fn until(&self, directory: &Path, data: &[&str], what: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let waited = std::time::Duration::from_millis(50);
        let mut status = Value::Null;
        for _ in 0..PATIENCE.as_millis() / waited.as_millis() {
            status = self.status(directory, data);
            if reached(&status) {
                return status;
            }
            std::thread::sleep(waited);
        }
        panic!("not reached: {what}; {status:#}");
    }

    /// Hands a document to an interface of the starter project; the node must take it.
    pub fn hand_in(&self, key: &str, body: &str) {
        let answer = self.post("/in/mes/completion", key, body).unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    /// Hands a document in. An error if the node gives no answer.
    pub fn post(&self, path: &str, key: &str, body: &str) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.inbound)?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nAuthorization: Bearer s3cret\r\n\
             Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other("no answer"))?;
        Ok(Answer { status, head: answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase() })
    }

    /// Ends it without warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as a supervisor does; the exit code and what it wrote.
    pub fn terminate(self) -> Ended {
        let id = self.child.id();
        self.terminate_process(id)
    }

    /// Ends the process that the started one has started, and waits for both.
    pub fn terminate_child(self) -> Ended {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let child = children.split_whitespace().next().and_then(|id| id.parse().ok()).unwrap_or(id);
        self.terminate_process(child)
    }

    /// Ends it in the middle of a request, by a second signal.
    pub fn terminate_at_once(self) -> Ended {
        let mut request = TcpStream::connect(&self.inbound).unwrap();
        let head = "POST /in/mes/completion HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer s3cret\r\nIdempotency-Key: h\r\n\
                    Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
        request.write_all(head.as_bytes()).unwrap();
        let id = self.child.id();
        let killed = Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap();
        assert!(killed.success());
        // Two signals that come together are one.
        while TcpStream::connect(&self.inbound).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.terminate_process(id)
    }

    fn terminate_process(self, id: u32) -> Ended {
        let killed = Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap();
        assert!(killed.success());
        self.wait()
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> Ended {
        let mut out = String::new();
        self.out.read_to_string(&mut out).unwrap();
        Ended { code: self.child.wait().unwrap().code().unwrap_or(-1), out, err: self.err.join().unwrap() }
    }
}

/// The starter project, with its secret.
pub fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["init"]).code, 0);
    std::fs::create_dir_all(directory.path().join("data/secrets")).unwrap();
    std::fs::write(directory.path().join("data/secrets/mes-inbound"), "s3cret").unwrap();
    directory
}

pub fn document(order: &str, plant: &str) -> String {
    format!(r#"{{"order":"{order}","operation":"0010","plant":"{plant}","good":"95","scrap":"3","unit":"PCE"}}"#)
}

/// The project of the fault runs (`xtask/faults/project`): what comes in goes out unchanged to a sink at `port`. `more`
/// is added to `lineshaft.yaml`.
pub fn pass_on(to: &Path, port: u16, more: &str) {
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../xtask/faults/project");
    copy(&from, to, &port.to_string());
    let file = to.join("lineshaft.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, format!("{text}{more}")).unwrap();
}

fn copy(from: &Path, to: &Path, port: &str) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, port);
        } else {
            std::fs::write(target, std::fs::read_to_string(entry.path()).unwrap().replace("27402", port)).unwrap();
        }
    }
}
