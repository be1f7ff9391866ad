//! TLS both ways: our client against our listener and against targets that ask for a certificate. Authorities and
//! certificates are made for each test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lineshaft_connect::contract::{Destination, Surroundings};
use lineshaft_connect::http::{HttpDestination, Limits, Listener};
use lineshaft_connect::secrets::Secrets;
use lineshaft_connect::tls::{Identity, listen};
use lineshaft_model::connection::SecretRef;
use lineshaft_model::connection::http::{HttpConnection, HttpDestination as Settings};
use lineshaft_model::connection::tls::{ClientTls, ServerTls};
use lineshaft_model::delivery::Outcome;
use lineshaft_model::fault::Fault;
use lineshaft_model::media::MediaTypes;
use lineshaft_model::time::{Clock, Timestamp};
use rcgen::{ExtendedKeyUsagePurpose, PublicKeyData as _, date_time_ymd};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::authority::{Authority, Issued, pem};
use crate::peer::{connection, outgoing, surroundings, word};
use crate::sender::{settings, settle_all, store};

/// A directory of PEM files with a `secrets` directory in it, as a node has it.
struct Files {
    directory: tempfile::TempDir,
    clock: Arc<HandClock>,
}

struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_392_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// As it is pinned.
fn pin(issued: &Issued) -> String {
    let key = lineshaft_model::intake::sha256(&issued.key.subject_public_key_info());
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("directory");
        std::fs::create_dir(directory.path().join("secrets")).expect("directory");
        Self { directory, clock: Arc::new(HandClock(AtomicU64::new(1))) }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn authority(&self, file: &str, authority: &Authority) {
        std::fs::write(self.path().join(file), pem("CERTIFICATE", &authority.der)).expect("writes");
    }

    /// `<name>.pem` and `secrets/<name>-key`.
    fn identity(&self, name: &str, issued: &Issued) -> ServerTls {
        let certificate = format!("{name}.pem");
        std::fs::write(self.path().join(&certificate), pem("CERTIFICATE", &issued.certificate)).expect("writes");
        let key = pem("PRIVATE KEY", issued.key.serialized_der());
        std::fs::write(self.path().join(format!("secrets/{name}-key")), key).expect("writes");
        ServerTls { certificate, key: SecretRef(format!("secret:{name}-key")) }
    }

    fn secrets(&self) -> Arc<Secrets> {
        Arc::new(Secrets::new(Some(self.path().join("secrets")), Arc::clone(&self.clock) as Arc<dyn Clock>))
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings { secrets: self.secrets(), ..surroundings() }
    }

    fn open(&self, settings: &ServerTls) -> Result<Arc<Identity>, Fault> {
        Identity::open(self.secrets(), Arc::clone(&self.clock) as Arc<dyn Clock>, settings)
    }

    /// Our own listener, which stores whatever comes.
    async fn listener(&self, settings_of_tls: &ServerTls) -> Listener {
        let surroundings = self.surroundings();
        let identity = self.open(settings_of_tls).expect("opens");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let inlet = listen(&*surroundings.net, any, Some(identity)).await.expect("listens");
        let listener = Listener::over(&surroundings, inlet, Limits::default()).expect("opens");
        let source = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens");
        drop(settle_all(source, store));
        listener
    }

    /// Sends a document to `addr` by TLS; what it came to.
    async fn send(&self, addr: SocketAddr, tls: Option<ClientTls>) -> Outcome {
        let url = Some(format!("https://{addr}"));
        let connection = HttpConnection { url, tls, ..connection(addr) };
        let interface: Settings =
            serde_json::from_value(serde_json::json!({ "path": "/in/mes/completion" })).expect("ok");
        let destination = HttpDestination::open(&self.surroundings(), &connection, &interface).expect("opens");
        destination.send(&[outgoing("{}")]).await.remove(0).1
    }
}

/// What some node may show.
pub fn identity() -> Arc<Identity> {
    let files = Files::new();
    files.open(&files.identity("hub", &Authority::new("ours").issue("127.0.0.1", |_| {}))).expect("opens")
}

fn ca(file: &str) -> ClientTls {
    ClientTls { ca: Some(file.to_owned()), ..ClientTls::default() }
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Unreachable(fault) | Outcome::Refused { fault, .. } | Outcome::Unknown(fault) => fault.message.clone(),
        Outcome::Delivered { .. } => String::new(),
    }
}

#[tokio::test]
async fn a_document_goes_from_our_client_to_our_listener_and_only_to_whom_it_is_meant_for() {
    let files = Files::new();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    files.authority("ours.pem", &ours);
    files.authority("other.pem", &other);
    let good = ours.issue("127.0.0.1", |_| {});
    let listener = files.listener(&files.identity("hub", &good)).await;
    let addr = listener.local_addr();
    assert_eq!(word(&files.send(addr, Some(ca("ours.pem"))).await), "delivered -");
    let pinned = |pin: String| Some(ClientTls { pins: vec!["0".repeat(64), pin], ..ca("ours.pem") });
    assert_eq!(word(&files.send(addr, pinned(pin(&good))).await), "delivered -");
    for (tls, why) in [
        (None, "UnknownIssuer"),
        (Some(ClientTls::default()), "UnknownIssuer"),
        (Some(ca("other.pem")), "UnknownIssuer"),
        (pinned("1".repeat(64)), "none of those that are pinned"),
    ] {
        let outcome = files.send(addr, tls.clone()).await;
        assert_eq!(word(&outcome), "unreachable DELIVER-015", "{tls:?}: {outcome:?}");
        assert!(said(&outcome).contains(why), "{tls:?}: {outcome:?}");
    }
    for (name, issued, why) in [
        ("name", ours.issue("hub.example.com", |_| {}), "not valid for"),
        ("address", ours.issue("127.0.0.2", |_| {}), "not valid for"),
        (
            "old",
            ours.issue("127.0.0.1", |it| {
                (it.not_before, it.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
            }),
            "expired",
        ),
        (
            "early",
            ours.issue("127.0.0.1", |it| {
                (it.not_before, it.not_after) = (date_time_ymd(3020, 1, 1), date_time_ymd(3021, 1, 1));
            }),
            "not valid yet",
        ),
        (
            "usage",
            ours.issue("127.0.0.1", |it| it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "extended key usage",
        ),
    ] {
        let listener = files.listener(&files.identity(name, &issued)).await;
        let outcome = files.send(listener.local_addr(), Some(ca("ours.pem"))).await;
        assert_eq!(word(&outcome), "unreachable DELIVER-015", "{name}: {outcome:?}");
        assert!(said(&outcome).contains(why), "{name}: {outcome:?}");
    }
}

/// A target that lets in only who has a certificate of `clients`, and answers one request on each connection.
async fn strict(server: &Issued, clients: &Authority) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(clients.der.clone().into()).expect("root");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let key = rustls::pki_types::PrivateKeyDer::try_from(server.key.serialized_der().to_vec()).expect("key");
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.expect("verifier"))
        .with_single_cert(vec![server.certificate.clone().into()], key)
        .expect("identity");
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.expect("ok"));
    let addr = listener.local_addr().expect("address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut chunk = [0; 4096];
            let mut seen = Vec::new();
            while !seen.ends_with(b"{}") {
                match stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => seen.extend_from_slice(&chunk[..read]),
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    addr
}

#[tokio::test]
async fn a_target_that_wants_our_certificate_gets_it_and_without_it_nothing_is_in_doubt() {
    let files = Files::new();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    files.authority("theirs.pem", &theirs);
    let addr = strict(&theirs.issue("127.0.0.1", |_| {}), &ours).await;
    let client = |name: &str, issued: &Issued| {
        let ServerTls { certificate, key } = files.identity(name, issued);
        Some(ClientTls { certificate: Some(certificate), key: Some(key), ..ca("theirs.pem") })
    };
    let good = client("good", &ours.issue("line", |_| {}));
    let foreign = client("foreign", &theirs.issue("line", |_| {}));
    let old =
        ours.issue("line", |it| (it.not_before, it.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)));
    let old = client("old", &old);
    assert_eq!(word(&files.send(addr, good).await), "delivered -");
    for (tls, what) in [(Some(ca("theirs.pem")), "none"), (foreign, "foreign"), (old, "old")] {
        let outcome = files.send(addr, tls).await;
        assert_eq!(word(&outcome), "refused DELIVER-012", "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() {
    let files = Files::new();
    let ours = Authority::new("ours");
    files.authority("ours.pem", &ours);
    let [first, second, third] = [0; 3].map(|_| ours.issue("127.0.0.1", |_| {}));
    let listener = files.listener(&files.identity("hub", &first)).await;
    let addr = listener.local_addr();
    let pinned = |issued: &Issued| Some(ClientTls { pins: vec![pin(issued)], ..ca("ours.pem") });
    let later = || files.clock.0.fetch_add(10, Ordering::SeqCst);
    assert_eq!(word(&files.send(addr, pinned(&first)).await), "delivered -");

    files.identity("hub", &second);
    later();
    assert_eq!(word(&files.send(addr, pinned(&second)).await), "delivered -");

    // Certificate and key that do not belong together, then no certificate at all: the last good one stays.
    let key = std::fs::read(files.path().join("secrets/hub-key")).expect("reads");
    files.identity("hub", &third);
    std::fs::write(files.path().join("secrets/hub-key"), key).expect("writes");
    later();
    assert_eq!(word(&files.send(addr, pinned(&second)).await), "delivered -");
    std::fs::remove_file(files.path().join("hub.pem")).expect("removes");
    later();
    assert_eq!(word(&files.send(addr, pinned(&second)).await), "delivered -");

    files.identity("hub", &third);
    later();
    assert_eq!(word(&files.send(addr, pinned(&third)).await), "delivered -");
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_told_nothing_and_holds_nobody_up() {
    let files = Files::new();
    let ours = Authority::new("ours");
    files.authority("ours.pem", &ours);
    let listener = files.listener(&files.identity("hub", &ours.issue("127.0.0.1", |_| {}))).await;
    let addr = listener.local_addr();
    let plain = crate::sender::ask(addr, b"POST /in/mes/completion HTTP/1.1\r\nhost: node\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1 2") && !plain.contains("RECEIVE"), "{plain}");
    let _silent = tokio::net::TcpStream::connect(addr).await.expect("connects");
    assert_eq!(word(&files.send(addr, Some(ca("ours.pem"))).await), "delivered -");
}

#[test]
fn material_that_cannot_be_used_is_refused_at_opening() {
    let files = Files::new();
    let ours = Authority::new("ours");
    let (one, two) = (ours.issue("127.0.0.1", |_| {}), ours.issue("127.0.0.1", |_| {}));
    let good = files.identity("one", &one);
    files.identity("two", &two);
    std::fs::write(files.path().join("empty.pem"), "").expect("writes");
    std::fs::write(files.path().join("secrets/text"), "open-sesame").expect("writes");
    assert!(files.open(&good).is_ok());
    let with = |certificate: &str, key: &str| {
        let settings = ServerTls { certificate: certificate.into(), key: SecretRef(key.into()) };
        files
            .open(&settings)
            .err()
            .map(|fault| format!("{} {}", fault.code.as_str(), fault.message))
            .unwrap_or_default()
    };
    for (certificate, key, expected) in [
        ("nothing.pem", "secret:one-key", "PROJECT-003"),
        ("empty.pem", "secret:one-key", "holds no certificate"),
        ("one.pem", "secret:two-key", "PROJECT-003"),
        ("one.pem", "secret:text", "secret:text is no private key in PEM"),
        ("one.pem", "secret:nothing", "DELIVER-011"),
    ] {
        let told = with(certificate, key);
        assert!(told.contains(expected) && !told.contains("open-sesame"), "{certificate} {key}: {told}");
    }
    let addr = "127.0.0.1:1".parse().expect("address");
    let open = |url: &str, tls: ClientTls| {
        let connection = HttpConnection { url: Some(url.into()), tls: Some(tls), ..connection(addr) };
        HttpDestination::open(&files.surroundings(), &connection, &crate::peer::interface())
            .err()
            .map(|fault| fault.code.as_str())
    };
    assert_eq!(open("https://erp", ClientTls::default()), None);
    assert_eq!(
        open("http://erp", ClientTls::default()),
        Some("PROJECT-001"),
        "nothing goes out unencrypted by mistake"
    );
    assert_eq!(open("https://erp", ca("nothing.pem")), Some("PROJECT-003"));
    assert_eq!(open("https://erp", ClientTls { pins: vec!["x".into()], ..ClientTls::default() }), Some("PROJECT-003"));
    let half = ClientTls { certificate: Some("one.pem".into()), ..ClientTls::default() };
    assert_eq!(open("https://erp", half), Some("PROJECT-003"));
}
