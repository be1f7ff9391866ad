//! A small client of a node's API: one request, one answer, told in sentences.
//!
//! A node with TLS is believed by its certificate's authority, public or `--ca`; without `--node` it is the one of this
//! project, and shows exactly the certificate that stands in its file. Deliberately absent: retries (a person repeats a
//! command) and proxies.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::HeaderValue;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lineshaft_connect::tls;
use lineshaft_flow::project::Installation;
use lineshaft_flow::spec;
use lineshaft_model::fault::Fault;
use lineshaft_server::Problem;
use lineshaft_server::problem::MEDIA_TYPE;
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::{Exit, Failure};

/// Longest time to connect.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Longest wait for an answer; a check of a large database takes long.
const ANSWER_TIME: Duration = Duration::from_secs(3600);

/// Largest answer read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Which node to ask, and as whom.
#[derive(Args)]
#[command(next_help_heading = "Which node")]
pub struct NodeArgs {
    /// Address of the node's API, http://127.0.0.1:7401 or https://hub.example.com:7401; without it, as lineshaft.yaml says
    #[arg(long, env = "LINESHAFT_NODE", value_name = "URL")]
    node: Option<String>,
    /// PEM file of the authorities that are believed for an https address; without it, the public ones
    #[arg(long, env = "LINESHAFT_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The node's token; without it, the file `token` in the data directory
    #[arg(long, env = "LINESHAFT_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Directory of the project
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// Data directory of the node, instead of the one that lineshaft.yaml names
    #[arg(long, env = "LINESHAFT_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// Your name, kept in the audit log; without it, that of the user
    #[arg(long, env = "LINESHAFT_OPERATOR", value_name = "NAME")]
    operator: Option<String>,
}

/// A way to one node.
pub struct Client {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: tokio::runtime::Runtime,
    base: String,
    token: String,
    operator: HeaderValue,
}

impl Client {
    /// Finds the node and its token. Connects to nothing yet.
    pub fn open(args: &NodeArgs) -> Result<Self, Failure> {
        let (base, tls) = way(args)?;
        let token = match &args.token {
            Some(token) => token.trim().to_owned(),
            None => token(args)?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, format!("no threads: {error}")))?;
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let http = Http::builder(TokioExecutor::new()).build(connector);
        Ok(Self { http, runtime, base, token, operator: operator(args)? })
    }

    /// Reads `path`, which starts with a slash. The answer as text, and as `T`.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<(String, T), Failure> {
        self.ask("GET", path, Bytes::new())
    }

    /// Sends `body` to `path`.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<(String, T), Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        self.ask("POST", path, body.into())
    }

    fn ask<T: DeserializeOwned>(&self, method: &str, path: &str, body: Bytes) -> Result<(String, T), Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.token))
            .header("x-operator", self.operator.clone())
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(|error| Failure::new(Exit::Usage, format!("this cannot be asked: {error}")))?;
        let answer = self.runtime.block_on(async {
            let exchange = async {
                let (head, body) =
                    self.http.request(request).await.map_err(|error| self.unreachable(&error))?.into_parts();
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
                let body = body.map_err(|error| self.broken(&error.to_string()))?.to_bytes();
                Ok((head, body))
            };
            let late = |_| Failure::new(Exit::Unreachable, format!("the node at {} did not answer in time", self.base));
            tokio::time::timeout(ANSWER_TIME, exchange).await.map_err(late)?
        });
        let (head, body) = answer?;
        if !head.status.is_success() {
            let kind = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
            return Err(match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) if kind.starts_with(MEDIA_TYPE) => refused(problem),
                _ => self.broken(&format!("it answered {}, but not as a node does", head.status)),
            });
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        let read =
            serde_json::from_str(&text).map_err(|error| self.broken(&format!("its answer cannot be read: {error}")))?;
        Ok((text, read))
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        let mut said = error.to_string();
        while let Some(inner) = cause {
            if let Some(io) = inner.downcast_ref::<std::io::Error>() {
                said = if io.kind() == ErrorKind::ConnectionRefused {
                    "nothing listens there".to_owned()
                } else {
                    io.to_string()
                };
            }
            cause = inner.source();
        }
        if !error.is_connect() {
            return self.broken(&format!("it gave no answer that can be read: {said}"));
        }
        Failure::new(Exit::Unreachable, format!("the node at {} cannot be reached: {said}", self.base))
            .help("start it with `lineshaft run`, or name another with --node")
    }

    fn broken(&self, said: &str) -> Failure {
        Failure::new(Exit::Unreachable, format!("{}: {said}", self.base))
            .help("does --node name a node's API, with https:// if it has TLS?")
    }
}

/// A part of a path, with everything but unreserved characters percent-encoded.
pub fn encoded(part: &str) -> String {
    part.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn refused(problem: Problem) -> Failure {
    let exit = match problem.status {
        401 | 403 => Exit::Denied,
        404 => Exit::NotFound,
        409 => Exit::Conflict,
        400 | 405 | 415 => Exit::Usage,
        _ => Exit::Failed,
    };
    let code = if problem.code.starts_with("API-") { String::new() } else { format!("[{}]", problem.code) };
    // Places in a request are of the program's making; only those in files and documents help the person.
    let at = if code.is_empty() || problem.at.is_empty() { String::new() } else { format!(" (at {})", problem.at) };
    Failure { exit, code, message: format!("{}{at}", problem.detail), help: problem.next_step }
}

/// The node's address, and whom to believe there.
fn way(args: &NodeArgs) -> Result<(String, ClientConfig), Failure> {
    let unusable = |fault: Fault| Failure::new(Exit::Usage, fault.to_string()).help(fault.next_step());
    let believing = || tls::believing(args.ca.as_deref()).map_err(unusable);
    if let Some(url) = &args.node {
        return Ok((checked(url)?, believing()?));
    }
    let installation = installation(&args.project)?;
    let addr = reachable(&installation.listen_api);
    match &installation.listen_tls {
        None => Ok((format!("http://{addr}"), believing()?)),
        Some(_) if args.ca.is_some() => Ok((format!("https://{addr}"), believing()?)),
        Some(tls) => {
            let own = data(args, &installation).join(&tls.certificate);
            Ok((format!("https://{addr}"), tls::expecting(&own).map_err(unusable)?))
        }
    }
}

fn data(args: &NodeArgs, installation: &Installation) -> PathBuf {
    args.data.clone().unwrap_or_else(|| args.project.join(&installation.data_dir))
}

fn checked(url: &str) -> Result<String, Failure> {
    let base = url.trim_end_matches('/');
    let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
    if host.is_some_and(|host| !host.is_empty() && !host.contains('/')) {
        return Ok(base.to_owned());
    }
    Err(Failure::new(
        Exit::Usage,
        format!("{url:?} is no address of a node: write http://HOST:PORT or https://HOST:PORT"),
    ))
}

/// An address to connect to for one to listen on: who listens everywhere also listens here.
fn reachable(listen: &str) -> String {
    listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
}

/// What `lineshaft.yaml` of a project says of its installation.
pub fn installation(project: &Path) -> Result<Installation, Failure> {
    let path = project.join(spec::INSTALLATION_FILE);
    let help = "stand in the directory of the project, or use --project, or --node with --token";
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(Exit::Usage, format!("{} cannot be read: {error}", path.display())).help(help))?;
    // Systems are not needed to find the node, and reading them would take longer than the command itself.
    let files = spec::Files::from([(spec::INSTALLATION_FILE.to_owned(), text)]);
    spec::check(&files).0.map(|project| project.installation).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{} has problems", path.display())).help("`lineshaft check` tells them")
    })
}

fn token(args: &NodeArgs) -> Result<String, Failure> {
    let data = match &args.data {
        Some(data) => data.clone(),
        None => data(args, &installation(&args.project)?),
    };
    lineshaft_server::token::read_text(&data).map_err(|error| {
        let path = data.join(lineshaft_server::token::FILE);
        match error.kind() {
            ErrorKind::NotFound => Failure::new(Exit::Unreachable, format!("there is no {}", path.display()))
                .help("the node makes it at its first start: `lineshaft run`; or use --data, or --token"),
            _ => Failure::new(Exit::Denied, format!("{} cannot be read: {error}", path.display()))
                .help("only the node's user may read it; ask for the token and use LINESHAFT_TOKEN"),
        }
    })
}

fn operator(args: &NodeArgs) -> Result<HeaderValue, Failure> {
    let user = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    let name = args.operator.clone().or_else(user).unwrap_or_else(|| "operator".to_owned());
    // As bytes: names are not ASCII everywhere.
    HeaderValue::from_bytes(name.as_bytes())
        .map_err(|_| Failure::new(Exit::Usage, format!("{name:?} cannot be an operator's name")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_in_a_name_does_not_become_a_path() {
        assert_eq!(encoded("erp/confirmation"), "erp%2Fconfirmation");
        assert_eq!(encoded("Größe 1"), "Gr%C3%B6%C3%9Fe%201");
    }

    #[test]
    fn an_address_is_a_scheme_host_and_port() {
        assert_eq!(checked("http://127.0.0.1:7401/").ok().as_deref(), Some("http://127.0.0.1:7401"));
        assert_eq!(checked("https://hub:7401").ok().as_deref(), Some("https://hub:7401"));
        for wrong in ["127.0.0.1:7401", "ftp://hub:7401", "http://", "https://", "http://hub/api"] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
        assert_eq!(reachable("0.0.0.0:7401"), "127.0.0.1:7401");
        assert_eq!(reachable("10.0.0.1:7401"), "10.0.0.1:7401");
    }
}
