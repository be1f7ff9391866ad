//! OData servers that nobody here wrote: mock-sap (PyPI) and SAP CAP (npm) serving SAP's own metadata.
//!
//! They are installed below the target directory by `tests/peers/*.sh`. Where that is not possible a test says
//! `SKIP: no <peer>` and passes. Servers listen on a free port of 127.0.0.1 and are ended by their process id.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use lineshaft_connect::contract::Destination;
use lineshaft_connect::open_destination;
use lineshaft_model::connection::{Connection, DestinationSettings};
use lineshaft_model::delivery::{Outcome, Outgoing, Probe};
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::odata_fake::{source_over, take, values};
use crate::peer::{outgoing, surroundings, word};
use crate::sender::ask;

/// How long an installation may take, and how long a server may need to start.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(60));

/// A running server; ends with the test.
struct Server {
    addr: SocketAddr,
    _child: Child,
}

impl Server {
    /// Installs and starts a peer; `None`, told on stderr, if that is not possible here.
    async fn start(
        (script, name, ready): (&str, &str, &[&str]),
        installed_with: &[&Path],
        options: &[&str],
    ) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script);
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
        let mut install = Command::new(&script);
        install.arg("install").arg(&home).args(installed_with).kill_on_drop(true);
        let done = tokio::time::timeout(PATIENCE.0, install.output()).await;
        if !matches!(&done, Ok(Ok(output)) if output.status.success()) {
            eprintln!("SKIP: no {name} ({done:?})");
            return None;
        }
        let port = free_port();
        let mut run = Command::new(&script);
        run.arg("run").arg(&home).arg(port.to_string()).args(options).kill_on_drop(true);
        run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = run.spawn().expect("starts");
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let up = async {
            // Nothing but an answer says that a foreign server serves; some listen before they do.
            for path in ready {
                let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\nauthorization: Basic YWxpY2U6\r\n");
                let request = format!("{request}connection: close\r\n\r\n");
                while TcpStream::connect(addr).await.is_err()
                    || ask(addr, request.as_bytes()).await.starts_with("HTTP/1.1 404")
                {
                    if child.try_wait().expect("child").is_some() {
                        return false;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            true
        };
        assert_eq!(tokio::time::timeout(PATIENCE.1, up).await, Ok(true), "{name} does not listen");
        Some(Self { addr, _child: child })
    }

    async fn mock_sap(options: &[&str]) -> Option<Self> {
        Self::start(("mock_sap.sh", "mock-sap", &["/"]), &[], options).await
    }

    async fn cap() -> Option<Self> {
        let realdata = match std::env::var_os("LINESHAFT_REALDATA") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/realdata"),
        };
        let edmx = realdata.join("sap_edmx/API_PRODUCTION_ORDER_2_SRV.edmx");
        if !edmx.exists() {
            eprintln!("SKIP: no SAP metadata to serve with CAP");
            return None;
        }
        let ready = [format!("{CAP_V4}/A_ProductionOrder_2"), format!("{CAP_V2}/A_ProductionOrder_2")];
        let ready = ready.each_ref().map(String::as_str);
        Self::start(("cap.sh", "SAP CAP", &ready), &[&edmx], &[]).await
    }

    /// Tells mock-sap to answer the next matching request otherwise.
    async fn fault(&self, rule: &Json) {
        let body = rule.to_string();
        let head = format!("POST /_mock/faults HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.addr);
        let length = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        let said = ask(self.addr, format!("{head}{length}{body}").as_bytes()).await;
        assert!(said.contains(" 201 "), "{said}");
    }

    fn connection(&self, service: &str, version: &str, auth: &Json) -> Connection {
        let url = format!("http://{}{service}", self.addr);
        serde_json::from_value(json!({ "odata": { "url": url, "version": version, "auth": auth } }))
            .expect("connection")
    }
}

/// A port below those that the system hands out by itself: nobody else takes it before the server does.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = 20_000 + u16::try_from(std::process::id() % 100).expect("small") * 100;
    loop {
        let port = begin + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn open(connection: &Connection, send: &Json) -> Box<dyn Destination> {
    let settings: DestinationSettings = serde_json::from_value(json!({ "odata": send })).expect("settings");
    open_destination(&surroundings(), connection, &settings).expect("opens")
}

async fn send(destination: &dyn Destination, document: &Outgoing) -> Outcome {
    destination.send(std::slice::from_ref(document)).await.remove(0).1
}

const CAP_V2: &str = "/sap/opu/odata/sap/api-production-order-2-srv";

const CAP_V4: &str = "/odata/v4/api-production-order-2-srv";

const SALES_V2: &str = "/sap/opu/odata/sap/API_SALES_ORDER_SRV";

const SALES_V4: &str = "/sap/opu/odata4/sap/api_salesorder/srvd_a2x/sap/api_salesorder/0001";

/// A sales order whose external number is the delivery's key.
fn sales_order(key: &str) -> Outgoing {
    let body = json!({ "SalesOrderType": "OR", "SalesOrganization": "1710", "DistributionChannel": "10",
        "OrganizationDivision": "00", "SoldToParty": "1000006", "PurchaseOrderByCustomer": key,
        "to_Item": [{ "Material": "TG11", "RequestedQuantity": "1" }] });
    Outgoing { target_key: key.into(), ..outgoing(&body.to_string()) }
}

fn sales() -> Json {
    json!({ "path": "/A_SalesOrder", "receipt": ["SalesOrder"], "probe": { "path": "/A_SalesOrder",
        "filter": "PurchaseOrderByCustomer eq '{target_key}'", "receipt": ["SalesOrder"] } })
}

#[tokio::test]
async fn mock_sap_takes_a_document_once_and_says_so() {
    let Some(server) = Server::mock_sap(&["--auth", "LINE:open-sesame"]).await else { return };
    let auth = json!({ "basic": { "user": "LINE", "password": "secret:sesame" } });
    let destination = open(&server.connection(SALES_V2, "v2", &auth), &sales());
    let document = sales_order("it's 1");
    assert_eq!(destination.probe(&document).await, Probe::Absent);
    let outcome = send(&*destination, &document).await;
    let Outcome::Delivered { receipt: Some(number) } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(destination.probe(&document).await, Probe::Found { receipt: Some(number.clone()) });

    // The session has gone: a new one is fetched within the same attempt.
    server.fault(&json!({ "method": "POST", "match": "A_SalesOrder", "scenario": "csrf", "count": 1 })).await;
    assert!(word(&send(&*destination, &sales_order("2")).await).starts_with("delivered 0"));
    for (scenario, expected) in [("lock", "refused DELIVER-006"), ("busy", "refused DELIVER-003")] {
        server.fault(&json!({ "method": "POST", "match": "A_SalesOrder", "scenario": scenario, "count": 1 })).await;
        assert_eq!(word(&send(&*destination, &sales_order("3")).await), expected, "{scenario}");
    }
    let unfit = Outgoing { body: br#"{"NoSuchField":"1"}"#.to_vec(), ..sales_order("4") };
    let outcome = send(&*destination, &unfit).await;
    let Outcome::Refused { fault, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(fault.message.contains("NoSuchField") && fault.detail.contains("/IWBEP/"), "{fault:?}");
    assert_eq!(destination.probe(&sales_order("4")).await, Probe::Absent);
}

/// A path that `lineshaft check` refuses: whatever the service makes of the document, nothing of it is believed.
#[tokio::test]
async fn mock_sap_answers_a_batch_and_is_not_believed() {
    let Some(server) = Server::mock_sap(&[]).await else { return };
    let json =
        r#"{"requests":[{"id":"1","method":"POST","url":"SalesOrder","headers":{},"body":{"NoSuchField":"1"}}]}"#;
    let v4 = server.connection(SALES_V4, "v4", &json!("none"));
    let destination = open(&v4, &json!({ "path": "/$batch" }));
    let outcome = send(&*destination, &outgoing(json)).await;
    let Outcome::Unknown(fault) = &outcome else { panic!("{outcome:?}") };
    assert!(fault.message.contains("$batch"), "{fault:?}");
    let v2 = server.connection(SALES_V2, "v2", &json!("none"));
    let outcome = send(&*open(&v2, &json!({ "path": "/$batch" })), &outgoing(json)).await;
    assert!(word(&outcome).starts_with("refused"), "{outcome:?}");
}

#[tokio::test]
async fn mock_sap_changes_only_the_state_that_was_read() {
    let Some(server) = Server::mock_sap(&["--require-if-match"]).await else { return };
    for (service, version, path, method) in [
        (SALES_V2, "v2", "/A_SalesOrder('{order}')", "MERGE"),
        (SALES_V2, "v2", "/A_SalesOrder('{order}')", "PATCH"),
        (SALES_V4, "v4", "/SalesOrder('{order}')", "PATCH"),
    ] {
        let connection = server.connection(service, version, &json!("none"));
        let document = Outgoing {
            parameters: vec![("order".into(), "0000004712".into())],
            ..outgoing(r#"{"PurchaseOrderByCustomer":"changed"}"#)
        };
        let settings = json!({ "path": path, "method": method, "if_match": "read" });
        assert_eq!(word(&send(&*open(&connection, &settings), &document).await), "delivered -", "{version} {method}");
        let blind = json!({ "path": path, "method": method });
        assert_eq!(word(&send(&*open(&connection, &blind), &document).await), "refused DELIVER-005", "{version}");
        if version == "v2" {
            let rule = json!({ "method": method, "match": "A_SalesOrder", "scenario": "precondition", "count": 1 });
            server.fault(&rule).await;
            assert_eq!(word(&send(&*open(&connection, &settings), &document).await), "refused DELIVER-006");
        }
    }
}

#[tokio::test]
async fn mock_sap_is_polled_to_the_last_row_and_from_there_on() {
    let Some(server) = Server::mock_sap(&["--oauth", "line:open-sesame"]).await else { return };
    let auth = json!({ "oauth2": { "token_url": format!("http://{}/sap/bc/sec/oauth2/token", server.addr),
        "client_id": "line", "client_secret": "secret:sesame" } });
    let connection = server.connection(SALES_V2, "v2", &auth);
    let poll = json!({ "path": "/A_SalesOrder", "changed_since": "LastChangeDate", "stamp": "datetime",
        "every": "1ms", "overlap": "5m", "page_size": 2, "key": ["SalesOrder"], "expand": ["to_Item"] });
    let polled = source_over(&connection, &poll);
    let destination = open(&connection, &sales());
    let Outcome::Delivered { receipt: Some(first) } = send(&*destination, &sales_order("first")).await else {
        panic!("posted");
    };
    // A token that the target no longer takes is replaced on the way.
    server.fault(&json!({ "method": "GET", "match": "A_SalesOrder", "scenario": "expired-token", "count": 1 })).await;
    let (mut cursor, mut seen) = (None, Vec::new());
    while !seen.contains(&first) {
        seen.extend(values(&take(&*polled, &mut cursor).await, "SalesOrder"));
    }
    let Outcome::Delivered { receipt: Some(second) } = send(&*destination, &sales_order("second")).await else {
        panic!("posted");
    };
    assert_eq!(values(&take(&*polled, &mut cursor).await, "SalesOrder"), [second]);
    assert!(seen.len() > 2, "{seen:?}");
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "each row once: {seen:?}");
}

#[tokio::test]
async fn cap_serves_saps_production_orders_in_both_versions() {
    let Some(server) = Server::cap().await else { return };
    let auth = json!({ "basic": { "user": "alice", "password": "secret:sesame" } });
    let v2 = server.connection(CAP_V2, "v2", &auth);
    let v4 = server.connection(CAP_V4, "v4", &auth);
    let settings = json!({ "path": "/A_ProductionOrder_2", "receipt": ["ManufacturingOrder"],
        "probe": { "path": "/A_ProductionOrder_2", "filter": "ManufacturingOrder eq '{order}'",
            "receipt": ["ManufacturingOrder", "ProductionPlant"] } });
    let poll = json!({ "path": "/A_ProductionOrder_2", "changed_since": "LastChangeDateTime", "stamp": "text",
        "every": "1ms", "overlap": "5m", "page_size": 2, "key": ["ManufacturingOrder"],
        "filter": "ProductionPlant eq '1000'" });
    let order = |number: &str, changed: &str| Outgoing {
        parameters: vec![("order".into(), number.into())],
        ..outgoing(
            &json!({ "ManufacturingOrder": number, "ProductionPlant": "1000", "LastChangeDateTime": changed })
                .to_string(),
        )
    };
    let (by_v2, by_v4) = (open(&v2, &settings), open(&v4, &settings));
    for number in 1..=5 {
        let document = order(&format!("100004{number}"), "20261123100000");
        let way = if number % 2 == 0 { &by_v2 } else { &by_v4 };
        assert_eq!(way.probe(&document).await, Probe::Absent);
        assert_eq!(word(&send(&**way, &document).await), format!("delivered 100004{number}"));
        let found = Probe::Found { receipt: Some(format!("100004{number}/1000")) };
        assert_eq!(way.probe(&document).await, found);
    }
    let again = send(&*by_v4, &order("1000041", "20261123100000")).await;
    assert!(!matches!(again, Outcome::Delivered { .. }), "a number is taken once: {again:?}");

    for (connection, late, next) in [(&v2, "1000061", "1000062"), (&v4, "1000071", "1000072")] {
        let polled = source_over(connection, &poll);
        let (mut cursor, mut seen) = (None, Vec::new());
        let count = 5 + if late == "1000071" { 2 } else { 0 };
        while seen.len() < count {
            seen.extend(values(&take(&*polled, &mut cursor).await, "ManufacturingOrder"));
        }
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), count, "each row once: {seen:?}");
        assert!(word(&send(&*by_v4, &order(late, "20261123095900")).await).starts_with("delivered"));
        assert_eq!(values(&take(&*polled, &mut cursor).await, "ManufacturingOrder"), [late], "a late row");
        assert!(word(&send(&*by_v4, &order(next, "20261123100001")).await).starts_with("delivered"));
        assert_eq!(values(&take(&*polled, &mut cursor).await, "ManufacturingOrder"), [next]);
    }
}
