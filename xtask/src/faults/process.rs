//! Processes we started, which never outlive us; and the little HTTP that is needed to see whether one is ready.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::step::Stopwatch;

/// How often a state is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running process. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// Starts a program; what it prints is added to `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self, String> {
        let open = || OpenOptions::new().create(true).append(true).open(log);
        let (out, err) =
            open().and_then(|out| Ok((out, open()?))).map_err(|error| format!("{}: {error}", log.display()))?;
        let started = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = started.map_err(|error| format!("{name} could not start: {error}"))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// Ends it without warning (`SIGKILL` on Unix) and waits until it is gone.
    ///
    /// # Errors
    /// If it had already ended by itself, which nobody asked for.
    pub fn kill(mut self) -> Result<(), String> {
        self.still_running()?;
        self.child.kill().and_then(|()| self.child.wait()).map_err(|error| format!("{}: {error}", self.name))?;
        Ok(())
    }

    /// An error if it has ended.
    pub fn still_running(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("{} ended by itself with {status}", self.name)),
            Err(error) => Err(format!("{}: {error}", self.name)),
        }
    }

    /// Its number in the process table.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (`SIGTERM`) and waits until it has.
    pub fn terminate(mut self, longest: Duration) -> Result<(), String> {
        self.still_running()?;
        crate::step::succeed(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let watch = Stopwatch::start();
        while self.ended().is_none() {
            if watch.elapsed() > longest {
                return Err(format!("{} did not end within {} s of SIGTERM", self.name, longest.as_secs()));
            }
            sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Its exit, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until `ready` says so; how long it took.
    ///
    /// # Errors
    /// If the process ends before, or `longest` is over.
    pub fn until(&mut self, longest: Duration, ready: impl Fn() -> bool) -> Result<Duration, String> {
        let watch = Stopwatch::start();
        while !ready() {
            self.still_running()?;
            if watch.elapsed() > longest {
                return Err(format!("{} was not ready within {} s", self.name, longest.as_secs()));
            }
            sleep(LOOK_EVERY);
        }
        Ok(watch.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Different free ports on this machine.
pub fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    // All are held until all are known, so that none is given twice.
    let held: Vec<TcpListener> = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Whether something listens there.
pub fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

/// Whether `GET path` is answered with 200.
pub fn answers_200(address: SocketAddr, path: &str) -> bool {
    ask(address, "GET", path, "").is_ok_and(|status| status == 200)
}

/// Sends one request with a JSON body and reads the status of the answer, nothing else of it.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    let status = std::str::from_utf8(&start[9..]).ok().and_then(|text| text.parse().ok());
    status.ok_or_else(|| std::io::Error::other("the answer has no status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_other_than_200_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("has an address");
        let serve = std::thread::spawn(move || {
            for status in ["200 OK", "503 Service Unavailable"] {
                let (mut stream, _) = listener.accept().expect("accepts");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("reads");
                    request.extend(byte);
                }
                // At once: whoever asks reads the status alone and goes.
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).expect("writes");
            }
        });
        assert!(answers_200(address, "/readyz"));
        assert!(!answers_200(address, "/readyz"));
        serve.join().expect("ends");
        assert!(!listens(address));
    }

    #[test]
    fn ports_differ() {
        let [a, b, c] = free_ports().expect("there are free ports");
        assert!(a != b && b != c && a != c);
    }
}
