//! Writing to an OData service: token and session, preconditions, busy objects, and the question whether it was posted.

use lineshaft_connect::contract::Destination;
use lineshaft_connect::open_destination;
use lineshaft_model::connection::{Connection, DestinationSettings};
use lineshaft_model::delivery::{Outcome, Outgoing, Probe};
use serde_json::{Value as Json, json};

use crate::odata_fake::decoded;
use crate::peer::{Act, Peer, answer, outgoing, surroundings, word};

const CLOSE: &str = "connection: close\r\n";

fn open(peer: &Peer, version: &str, send: &Json) -> Box<dyn Destination> {
    open_with(peer, &json!({ "version": version }), send)
}

fn open_with(peer: &Peer, connection: &Json, send: &Json) -> Box<dyn Destination> {
    let mut connection = connection.clone();
    connection["url"] = format!("http://{}/svc", peer.addr).into();
    let connection: Connection = serde_json::from_value(json!({ "odata": connection })).expect("connection");
    let settings: DestinationSettings = serde_json::from_value(json!({ "odata": send })).expect("settings");
    open_destination(&surroundings(), &connection, &settings).expect("opens")
}

async fn send(destination: &dyn Destination) -> Outcome {
    destination.send(&[outgoing("{\"Qty\":\"1.10\"}")]).await.remove(0).1
}

fn token(name: &str) -> Act {
    let session = format!("set-cookie: SID={name}; path=/; HttpOnly\r\nset-cookie: client=100\r\n");
    answer("200 OK", &format!("{CLOSE}x-csrf-token: {name}\r\n{session}"), "{}")
}

fn created() -> Act {
    answer("201 Created", CLOSE, r#"{"d":{"Group":"7","Count":"1"}}"#)
}

fn required() -> Act {
    answer("403 Forbidden", &format!("{CLOSE}x-csrf-token: Required\r\n"), "CSRF token validation failed")
}

/// Method, path, and the named headers of a request.
fn line(request: &str, headers: &[&str]) -> String {
    let mut lines = request.split("\r\n\r\n").next().unwrap_or_default().lines();
    let first = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    let named: Vec<&str> =
        lines.filter(|line| headers.iter().any(|name| line.starts_with(&format!("{name}:")))).collect();
    [vec![first.as_str()], named].concat().join(" | ")
}

#[tokio::test]
async fn the_token_is_fetched_once_and_anew_when_the_target_asks() {
    let script = vec![token("one"), created(), created(), required(), token("two"), created()];
    let peer = Peer::start(script).await;
    let destination = open(&peer, "v2", &json!({ "path": "/Conf", "receipt": ["Group", "Count"] }));
    for _ in 0..3 {
        assert_eq!(word(&send(&*destination).await), "delivered 7/1");
    }
    let seen: Vec<String> = peer.seen().iter().map(|request| line(request, &["x-csrf-token", "cookie"])).collect();
    assert_eq!(
        seen,
        [
            "GET /svc/ | x-csrf-token: Fetch",
            "POST /svc/Conf | x-csrf-token: one | cookie: SID=one; client=100",
            "POST /svc/Conf | x-csrf-token: one | cookie: SID=one; client=100",
            "POST /svc/Conf | x-csrf-token: one | cookie: SID=one; client=100",
            "GET /svc/ | x-csrf-token: Fetch",
            "POST /svc/Conf | x-csrf-token: two | cookie: SID=two; client=100",
        ]
    );
}

#[tokio::test]
async fn a_token_that_is_never_right_ends_the_attempt() {
    let peer = Peer::start(vec![token("one"), required(), token("two"), required()]).await;
    let destination = open(&peer, "v4", &json!({ "path": "/Conf" }));
    assert_eq!(word(&send(&*destination).await), "refused DELIVER-012");
    assert_eq!(peer.seen().len(), 4);
}

#[tokio::test]
async fn without_a_token_the_document_does_not_leave() {
    for (act, expected) in [
        (answer("503 Later", &format!("{CLOSE}retry-after: 7\r\n"), ""), "refused DELIVER-003"),
        (answer("500 Oops", CLOSE, ""), "refused DELIVER-003"),
        (answer("401 No", CLOSE, ""), "refused DELIVER-012"),
        (answer("404 No", CLOSE, ""), "refused DELIVER-005"),
        (answer("302 Found", &format!("{CLOSE}location: http://169.254.169.254/\r\n"), ""), "refused DELIVER-005"),
        (Act::Close, "unreachable DELIVER-001"),
        (Act::Answer("HTTP/1.1 20".into()), "unreachable DELIVER-001"),
    ] {
        let peer = Peer::start(vec![act.clone()]).await;
        let destination = open(&peer, "v2", &json!({ "path": "/Conf" }));
        assert_eq!(word(&send(&*destination).await), expected, "{act:?}");
        assert_eq!(peer.seen().len(), 1, "{act:?}");
    }
    // A service that hands out no token asks for none.
    let peer = Peer::start(vec![answer("200 OK", CLOSE, "{}"), created()]).await;
    assert_eq!(word(&send(&*open(&peer, "v2", &json!({ "path": "/Conf" }))).await), "delivered -");
}

#[tokio::test]
async fn the_answer_to_a_batch_is_no_success_of_a_request() {
    let json = &format!("{CLOSE}content-type: application/json\r\n");
    let mixed = &format!("{CLOSE}content-type: multipart/mixed; boundary=batch_1\r\n");
    let parts = "--batch_1\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n--batch_1--";
    let responses = r#"{"responses":[{"id":"1","status":400,"body":{"error":{"code":"X"}}}]}"#;
    for receipt in [json!([]), json!(["Group"])] {
        let settings = json!({ "path": "/Conf", "csrf": "off", "receipt": receipt });
        for (act, expected) in [
            (answer("202 Accepted", mixed, parts), "unknown DELIVER-009"),
            (answer("200 OK", mixed, parts), "unknown DELIVER-009"),
            (answer("202 Accepted", CLOSE, ""), "unknown DELIVER-009"),
            (answer("202 Accepted", json, r#"{"d":{"Group":"7"}}"#), "unknown DELIVER-009"),
            (answer("200 OK", json, responses), "unknown DELIVER-009"),
            (answer("204 No Content", CLOSE, ""), "delivered -"),
        ] {
            for version in ["v2", "v4"] {
                let peer = Peer::start(vec![act.clone()]).await;
                let outcome = send(&*open(&peer, version, &settings)).await;
                assert_eq!(word(&outcome), expected, "{version} {act:?}: {outcome:?}");
            }
        }
    }
    let atom = answer("201 Created", &format!("{CLOSE}content-type: application/atom+xml\r\n"), "<entry/>");
    let peer = Peer::start(vec![atom]).await;
    let settings = json!({ "path": "/Conf", "csrf": "off" });
    assert_eq!(word(&send(&*open(&peer, "v2", &settings)).await), "delivered -");
}

#[tokio::test]
async fn a_change_names_the_state_that_was_read() {
    let settings = json!({ "path": "/Orders('{order}')", "method": "MERGE", "csrf": "off", "if_match": "read" });
    let entity = r#"{"d":{"__metadata":{"etag":"W/\"1\""},"Id":"7"}}"#;
    for (read, etag) in [
        (answer("200 OK", CLOSE, entity), "W/\"1\""),
        (answer("200 OK", &format!("{CLOSE}etag: W/\"2\"\r\n"), entity), "W/\"2\""),
    ] {
        let peer = Peer::start(vec![read, answer("204 No Content", CLOSE, "")]).await;
        assert_eq!(word(&send(&*open(&peer, "v2", &settings)).await), "delivered -");
        let path = "/svc/Orders('0012%2F3')";
        let seen: Vec<String> = peer.seen().iter().map(|request| line(request, &["if-match"])).collect();
        assert_eq!(seen, [format!("GET {path}"), format!("MERGE {path} | if-match: {etag}")]);
    }
    let read = || answer("200 OK", CLOSE, entity);
    for (script, expected, requests) in [
        (vec![read(), answer("412 Precondition Failed", CLOSE, "")], "refused DELIVER-006", 2),
        (vec![answer("404 Not Found", CLOSE, "")], "refused DELIVER-005", 1),
        (vec![answer("200 OK", CLOSE, r#"{"d":{}}"#)], "refused DELIVER-005", 1),
        (vec![Act::Close], "unreachable DELIVER-001", 1),
        (vec![read(), Act::Close], "unknown DELIVER-002", 2),
    ] {
        let peer = Peer::start(script).await;
        assert_eq!(word(&send(&*open(&peer, "v2", &settings)).await), expected);
        assert_eq!(peer.seen().len(), requests, "{expected}");
    }
}

#[tokio::test]
async fn what_the_target_says_is_told_and_busy_codes_pass_by_themselves() {
    let settings = json!({ "path": "/Conf", "csrf": "off", "busy_codes": ["RU/018", "CO/469"] });
    let v2 = r#"{"error":{"code":"SY/530","message":{"lang":"en","value":"Order is being processed by ANNA"},
        "innererror":{"errordetails":[{"code":"CO/469","message":"Locked"},{"code":"","message":"?"}]}}}"#;
    let v4 = r#"{"error":{"code":"RU/018","message":"Order 7 locked","details":[{"code":"A/1","message":"B"}]}}"#;
    let other = r#"{"error":{"code":"RU/019","message":"Order closed"}}"#;
    for (version, body, expected) in [
        (
            "v2",
            v2,
            "DELIVER-006 the target answered 400 Bad Request: Order is being processed by ANNA / SY/530 Order is being processed by ANNA / CO/469 Locked",
        ),
        ("v4", v4, "DELIVER-006 the target answered 400 Bad Request: Order 7 locked / RU/018 Order 7 locked / A/1 B"),
        ("v4", other, "DELIVER-005 the target answered 400 Bad Request: Order closed / RU/019 Order closed"),
    ] {
        let peer = Peer::start(vec![answer("400 Bad Request", CLOSE, body)]).await;
        let Outcome::Refused { fault, .. } = send(&*open(&peer, version, &settings)).await else { panic!("refused") };
        assert_eq!(format!("{fault} / {}", fault.detail.replace('\n', " / ")), expected);
    }
}

#[tokio::test]
async fn a_probe_believes_only_what_proves_something() {
    let probe = json!({ "path": "/Conf?sap-language=EN", "receipt": ["Group", "Count"],
        "filter": "OrderID eq 'P-{order}' and Plant eq {plant} and ExtKey eq guid'{target_key}'" });
    let settings = json!({ "path": "/Conf", "probe": probe });
    let found = Probe::Found { receipt: Some("7/1".into()) };
    for (version, body, expected) in [
        ("v2", r#"{"d":{"results":[{"Group":"7","Count":"1"}]}}"#, Some(found.clone())),
        ("v4", r#"{"value":[{"Group":"7","Count":"1"}]}"#, Some(found)),
        ("v2", r#"{"d":{"results":[{"Group":"7"}]}}"#, Some(Probe::Found { receipt: None })),
        ("v2", r#"{"d":{"results":[]}}"#, Some(Probe::Absent)),
        ("v4", r#"{"value":[]}"#, Some(Probe::Absent)),
        ("v4", r#"{"value":[],"@odata.nextLink":"Conf?$skiptoken=1"}"#, None),
        ("v2", r#"{"value":[]}"#, None),
        ("v4", r#"{"error":{"code":"X"}}"#, None),
        ("v4", r#"{"value":[],"error":{"code":"X"}}"#, None),
    ] {
        let peer = Peer::start(vec![answer("200 OK", CLOSE, body)]).await;
        let said = open(&peer, version, &settings).probe(&outgoing("{}")).await;
        match expected {
            Some(expected) => assert_eq!(said, expected, "{body}"),
            None => assert!(matches!(said, Probe::CannotTell(_)), "{body}: {said:?}"),
        }
        let asked = decoded(peer.seen()[0].split(' ').nth(1).expect("target"));
        assert_eq!(
            asked,
            "/svc/Conf?sap-language=EN&$filter=OrderID eq 'P-0012/3' and Plant eq DE10 and ExtKey eq \
             guid'07070707-0707-0707-0707-070707070707'&$top=1"
        );
    }
    for status in ["404 Not Found", "400 Bad", "500 Oops", "204 No Content"] {
        let peer = Peer::start(vec![answer(status, CLOSE, "")]).await;
        let said = open(&peer, "v2", &settings).probe(&outgoing("{}")).await;
        assert!(matches!(said, Probe::CannotTell(_)), "{status}: {said:?}");
    }
}

#[tokio::test]
async fn a_value_cannot_change_the_question() {
    let probe = json!({ "path": "/Conf", "filter": "A eq 'x{order}' and B eq {plant}" });
    let peer = Peer::start(vec![answer("200 OK", CLOSE, r#"{"value":[]}"#)]).await;
    let destination = open(&peer, "v4", &json!({ "path": "/Conf", "probe": probe }));
    let with = |order: &str, plant: &str| Outgoing {
        parameters: vec![("order".into(), order.into()), ("plant".into(), plant.into())],
        ..outgoing("{}")
    };
    assert!(matches!(destination.probe(&with("1", "1 or 1 eq 1")).await, Probe::CannotTell(_)));
    assert!(peer.seen().is_empty());
    assert_eq!(destination.probe(&with("' or '1' eq '1&$top=0#", "7")).await, Probe::Absent);
    let asked = peer.seen()[0].split(' ').nth(1).expect("target").to_owned();
    assert_eq!(asked.matches('&').count(), 1, "{asked}");
    assert_eq!(decoded(&asked), "/svc/Conf?$filter=A eq 'x'' or ''1'' eq ''1&$top=0#' and B eq 7&$top=1");
}

#[tokio::test]
async fn a_token_of_an_issuer_is_kept_and_replaced_when_refused() {
    let token = |name: &str| answer("200 OK", CLOSE, &format!(r#"{{"access_token":"{name}","expires_in":3600}}"#));
    let issuer = Peer::start(vec![token("first"), token("second")]).await;
    let refused = answer("401 Unauthorized", CLOSE, "");
    let peer = Peer::start(vec![created(), created(), refused, created()]).await;
    let auth = json!({ "oauth2": { "token_url": format!("http://{}/token", issuer.addr), "client_id": "line",
        "client_secret": "secret:sesame", "scope": "orders read" } });
    let settings = json!({ "path": "/Conf", "csrf": "off" });
    let destination = open_with(&peer, &json!({ "version": "v2", "auth": auth }), &settings);
    for _ in 0..3 {
        assert_eq!(word(&send(&*destination).await), "delivered -");
    }
    let seen: Vec<String> = peer.seen().iter().map(|request| line(request, &["authorization"])).collect();
    let (first, second) =
        ("POST /svc/Conf | authorization: Bearer first", "POST /svc/Conf | authorization: Bearer second");
    assert_eq!(seen, [first, first, first, second]);
    let asked = &issuer.seen()[0];
    assert_eq!(line(asked, &["authorization"]), "POST /token | authorization: Basic bGluZTpvcGVuLXNlc2FtZQ==");
    assert!(asked.ends_with("\r\n\r\ngrant_type=client_credentials&scope=orders%20read"), "{asked}");

    let closed = Peer::start(vec![answer("401 Unauthorized", CLOSE, "")]).await;
    let auth = json!({ "oauth2": { "token_url": format!("http://{}/token", closed.addr), "client_id": "line",
        "client_secret": "secret:sesame" } });
    let destination = open_with(&peer, &json!({ "version": "v2", "auth": auth }), &settings);
    assert_eq!(word(&send(&*destination).await), "refused DELIVER-012");
    assert_eq!(peer.seen().len(), 4, "no token, no request");
}
