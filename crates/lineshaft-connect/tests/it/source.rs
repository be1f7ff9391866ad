//! Receiving: what a sender is told, case by case.

use std::time::Duration;

use lineshaft_connect::contract::{Reply, ReplyKind, Source};
use lineshaft_connect::http::{Limits, Listener};
use lineshaft_model::connection::http::HttpSource as Settings;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::media::MediaTypes;
use lineshaft_model::principal::Principal;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::peer::surroundings;
use crate::sender::{answer, ask, bearer, post, settings, settle_all, store};

/// A gzip document of one stored block, as RFC 1952 and RFC 1951 have it.
fn gzip(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short");
    let mut packed = vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0x03, 0x01];
    packed.extend(length.to_le_bytes());
    packed.extend((!length).to_le_bytes());
    packed.extend(body);
    packed.extend(crc32(body).to_le_bytes());
    packed.extend(u32::from(length).to_le_bytes());
    packed
}

async fn listener() -> Listener {
    let addr = "127.0.0.1:0".parse().expect("address");
    Listener::open(&surroundings(), addr, Limits::default()).await.expect("listens")
}

/// Status, then the headers that mean something here, then what the body says.
fn told(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).unwrap_or("no answer");
    let notable = ["retry-after", "www-authenticate", "allow", "idempotent-replayed"];
    let mut line = status.to_owned();
    for header in head.lines().filter(|header| notable.iter().any(|name| header.starts_with(name))) {
        line.push_str(&format!(" [{header}]"));
    }
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(problem) if problem.get("code").is_some() => {
            assert_eq!(problem["status"].to_string(), status, "{answer}");
            assert!(problem["next_step"].as_str().is_some_and(|step| step.ends_with('.')), "{answer}");
            assert!(head.contains("content-type: application/problem+json"), "{answer}");
            format!("{line} {}", problem["code"].as_str().expect("code"))
        }
        _ => format!("{line} {body}"),
    }
}

#[tokio::test]
async fn a_document_arrives_as_it_was_sent() {
    let listener = listener().await;
    let settings = Settings { auth: bearer(), ..settings() };
    let source = listener.source("mes", "completion", &settings, MediaTypes::JSON).expect("opens");
    let addr = listener.local_addr();
    let sender = tokio::spawn(async move {
        let headers = "authorization: bearer open-sesame\r\ncontent-type: application/json\r\nidempotency-key: k-1\r\n\
                       traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
        ask(addr, &post("/in/mes/completion", headers, "{\"qty\":1.10}")).await
    });
    let batch = source.receive(None).await.expect("batch");
    assert_eq!(batch.principal, Principal::Interface("mes/completion".into()));
    assert_eq!((batch.intakes.len(), &batch.cursor), (1, &None));
    let received = &batch.intakes[0];
    assert_eq!(received.body, b"{\"qty\":1.10}");
    assert_eq!(received.content_type, "application/json");
    assert_eq!(received.idempotency_key.as_deref(), Some("k-1"));
    assert_eq!(received.traceparent.as_deref(), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_eq!(received.origin, "127.0.0.1");
    assert!(!sender.is_finished(), "nobody is told before the batch is settled");
    source.settle(batch.id, Ok(Reply::one("0197-1", ReplyKind::Stored))).await.expect("settles");
    assert_eq!(told(&sender.await.expect("answer")), "202 {\"id\":\"0197-1\",\"state\":\"stored\"}");
}

#[tokio::test]
async fn what_the_engine_says_becomes_an_answer() {
    let listener = listener().await;
    let source = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens");
    let engine = settle_all(source, |received| match received.body.as_slice() {
        b"new" => Ok(Reply::one("0197-1", ReplyKind::Stored)),
        b"again" => Ok(Reply::one("0197-1", ReplyKind::Duplicate)),
        b"reused" => Err(Fault::new(Code::ReceiveKeyReused, "k-1 was used for another document")),
        b"full" => Err(Fault::new(Code::ReceiveStoreUnavailable, "the disk is full")),
        b"broken" => Err(Fault::new(Code::StoreWrite, "/var/lib/lineshaft is read-only")),
        b"invalid" => Err(Fault::new(Code::ValidateSchema, "qty is missing")),
        _ => Ok(Reply { receipts: vec![] }),
    });
    // One connection: an answer, good or bad, leaves it usable.
    let mut stream = TcpStream::connect(listener.local_addr()).await.expect("connects");
    for (body, expected) in [
        ("new", "202 {\"id\":\"0197-1\",\"state\":\"stored\"}"),
        ("again", "202 [idempotent-replayed: true] {\"id\":\"0197-1\",\"state\":\"stored\"}"),
        ("reused", "409 RECEIVE-003"),
        ("full", "503 [retry-after: 5] RECEIVE-004"),
        ("broken", "503 [retry-after: 5] STORE-001"),
        ("invalid", "422 VALIDATE-001"),
        ("nothing", "503 [retry-after: 1] RECEIVE-004"),
    ] {
        stream.write_all(&post("/in/mes/completion", "", body)).await.expect("sends");
        let answer = answer(&mut stream).await;
        assert_eq!(told(&answer), expected);
        assert!(!answer.contains("/var/lib"), "paths of the node are no business of a sender: {answer}");
    }
    drop(listener);
    engine.await.expect("the source ends with its listener");
}

#[tokio::test]
async fn requests_that_are_refused_before_they_are_read() {
    let listener = listener().await;
    let secured = Settings { auth: bearer(), ..settings() };
    let (open, secure) = ("/in/mes/open", "/in/mes/secure");
    let _one = settle_all(listener.source("mes", "open", &settings(), MediaTypes::JSON).expect("opens"), store);
    let _two = settle_all(listener.source("mes", "secure", &secured, MediaTypes::JSON).expect("opens"), store);
    let get = format!("GET {open} HTTP/1.1\r\nhost: node\r\n\r\n").into_bytes();
    let announced = format!("POST {open} HTTP/1.1\r\nhost: node\r\ncontent-length: 1001\r\n\r\n").into_bytes();
    let chunked = format!(
        "POST {open} HTTP/1.1\r\nhost: node\r\ntransfer-encoding: chunked\r\n\r\n3e8\r\n{}\r\n1\r\nx\r\n0\r\n\r\n",
        "x".repeat(1000)
    );
    let two_keys = "idempotency-key: a\r\nidempotency-key: b\r\n";
    let long_key = format!("idempotency-key: {}\r\n", "k".repeat(256));
    let no_chunk =
        format!("POST {open} HTTP/1.1\r\nhost: node\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").into_bytes();
    let early = post("/in/mes/other", "", "{}");
    assert_eq!(told(&ask(listener.local_addr(), &early).await), "503 [retry-after: 1] RECEIVE-004", "not open yet");
    listener.complete();
    for (request, expected) in [
        (post("/in/mes/other", "", "{}"), "404 RECEIVE-006"),
        (post("/in/mes/open/", "", "{}"), "404 RECEIVE-006"),
        (post("/", "", "{}"), "404 RECEIVE-006"),
        (get, "405 [allow: POST] RECEIVE-007"),
        (post(secure, "", "{}"), "401 [www-authenticate: Bearer realm=\"lineshaft\"] RECEIVE-002"),
        (
            post(secure, "authorization: Bearer open-sesam\r\n", "{}"),
            "401 [www-authenticate: Bearer realm=\"lineshaft\"] RECEIVE-002",
        ),
        (
            post(secure, "authorization: Basic open-sesame\r\n", "{}"),
            "401 [www-authenticate: Bearer realm=\"lineshaft\"] RECEIVE-002",
        ),
        (post(secure, "authorization: Bearer open-sesame\r\n", "{}"), "202 {\"id\":\"0197-1\",\"state\":\"stored\"}"),
        (announced, "413 RECEIVE-001"),
        (chunked.into_bytes(), "413 RECEIVE-001"),
        (post(open, two_keys, "{}"), "400 RECEIVE-007"),
        (post(open, &long_key, "{}"), "400 RECEIVE-007"),
        (no_chunk, "400 RECEIVE-007"),
        (post(open, "content-encoding: br\r\n", "{}"), "415 RECEIVE-005"),
        (post(open, "content-encoding: gzip, gzip\r\n", "{}"), "415 RECEIVE-005"),
        (post(open, "content-encoding: gzip\r\n", "{}"), "400 RECEIVE-005"),
        (post(open, &format!("x: {}\r\n", "y".repeat(20_000)), "{}"), "431 "),
        (b"NONSENSE\r\n\r\n".to_vec(), "400 "),
    ] {
        let answer = ask(listener.local_addr(), &request).await;
        assert_eq!(told(&answer), expected, "{}", String::from_utf8_lossy(&request));
    }
}

#[tokio::test]
async fn a_document_comes_as_its_format_or_is_told_what_would_be_taken() {
    let listener = listener().await;
    let lenient = Settings { media_types: vec!["application/octet-stream".to_owned()], ..settings() };
    let open = |name, settings: &Settings, types| {
        settle_all(listener.source("mes", name, settings, types).expect("opens"), store)
    };
    let _engines = [
        open("json", &settings(), MediaTypes::JSON),
        open("xml", &settings(), MediaTypes::XML),
        open("csv", &settings(), MediaTypes::CSV),
        open("lenient", &lenient, MediaTypes::JSON),
        open("any", &settings(), MediaTypes::ANY),
    ];
    let json = "application/json, text/json, application/*+json";
    for (interface, given, expected) in [
        ("json", "application/json", ""),
        ("json", "APPLICATION/JSON;charset=\"UTF-8\"", ""),
        ("json", "application/json; charset=us-ascii", ""),
        ("json", "application/vnd.mes.completion+json; version=2", ""),
        ("json", "text/json", ""),
        ("json", " ", ""),
        ("json", "text/html", json),
        ("json", "application/xml", json),
        ("json", "application/x-www-form-urlencoded", json),
        ("json", "json", json),
        ("json", "application/json; charset=iso-8859-1", "JSON is sent as UTF-8"),
        ("json", "application/json; charset=utf-16", "JSON is sent as UTF-8"),
        ("xml", "text/xml; charset=iso-8859-1", ""),
        ("xml", "application/soap+xml", ""),
        ("xml", "application/json", "application/xml, text/xml, application/*+xml"),
        ("csv", "text/plain; charset=windows-1252", ""),
        ("csv", "application/xml", "text/csv, application/csv, text/plain"),
        ("lenient", "application/octet-stream", ""),
        ("lenient", "text/html", "application/*+json, application/octet-stream"),
        ("any", "nonsense", ""),
    ] {
        let request = post(&format!("/in/mes/{interface}"), &format!("content-type: {given}\r\n"), "{}");
        let answer = ask(listener.local_addr(), &request).await;
        if expected.is_empty() {
            assert!(told(&answer).starts_with("202"), "{interface} {given}: {answer}");
        } else {
            assert_eq!(told(&answer), "415 RECEIVE-009", "{interface} {given}");
            assert!(answer.contains(expected) && answer.contains("header Content-Type"), "{given}: {answer}");
        }
    }
    let twice = post("/in/mes/json", "content-type: text/json\r\ncontent-type: text/json\r\n", "{}");
    assert_eq!(told(&ask(listener.local_addr(), &twice).await), "400 RECEIVE-007");
}

#[tokio::test]
async fn the_wrong_basic_password_is_refused_and_the_right_one_taken() {
    let listener = listener().await;
    let password = lineshaft_model::connection::SecretRef("secret:sesame".into());
    let auth = lineshaft_model::connection::http::ServerAuth::Basic { user: "line".into(), password };
    let source =
        listener.source("mes", "completion", &Settings { auth, ..settings() }, MediaTypes::JSON).expect("opens");
    let _engine = settle_all(source, store);
    for (given, expected) in [("bGluZTpvcGVuLXNlc2FtZQ==", "202"), ("bGluZTpvcGVuLXNlc2FtZR==", "401"), ("", "401")] {
        let request = post("/in/mes/completion", &format!("authorization: Basic {given}\r\n"), "{}");
        let answer = ask(listener.local_addr(), &request).await;
        assert_eq!(told(&answer).split(' ').next(), Some(expected), "{given}");
    }
}

#[tokio::test]
async fn gzip_is_undone_within_the_limit() {
    let listener = listener().await;
    let small = Settings { body_bytes_max: 30, ..settings() };
    let source = listener.source("mes", "completion", &small, MediaTypes::JSON).expect("opens");
    let _engine = settle_all(source, |received| Ok(Reply::one(format!("{}", received.body.len()), ReplyKind::Stored)));
    for (body, expected) in [
        (gzip(b"{}"), "202 {\"id\":\"2\",\"state\":\"stored\"}"),
        (gzip(&[b'x'; 31]), "413 RECEIVE-001"),
        (gzip(b"{}")[..20].to_vec(), "400 RECEIVE-005"),
    ] {
        let head = format!(
            "POST /in/mes/completion HTTP/1.1\r\nhost: node\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = ask(listener.local_addr(), &[head.as_bytes(), &body].concat()).await;
        assert_eq!(told(&answer), expected);
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[tokio::test]
async fn requests_that_run_are_answered_while_the_listener_stops() {
    let listener = listener().await;
    let source = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens");
    let addr = listener.local_addr();
    let sender = tokio::spawn(async move { ask(addr, &post("/in/mes/completion", "", "{}")).await });
    let batch = source.receive(None).await.expect("batch");
    let stopping = tokio::spawn(listener.stop(Duration::from_secs(60)));
    source.settle(batch.id, Ok(Reply::one("0197-1", ReplyKind::Stored))).await.expect("settles");
    assert_eq!(told(&sender.await.expect("answer")), "202 {\"id\":\"0197-1\",\"state\":\"stored\"}");
    assert!(stopping.await.expect("stops"), "every request was answered");
    assert!(TcpStream::connect(addr).await.is_err(), "the port is closed");
    assert_eq!(source.receive(None).await.expect_err("ended").code, Code::ReceiveStoreUnavailable);
}

#[tokio::test]
async fn a_source_that_goes_away_takes_its_address_with_it_unless_another_has_it() {
    let listener = listener().await;
    let first = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens");
    let second = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens again");
    drop(first);
    let engine = settle_all(second, store);
    let request = post("/in/mes/completion", "", "{}");
    assert!(told(&ask(listener.local_addr(), &request).await).starts_with("202"));
    engine.abort();
    let _ = engine.await;
    // Not 404: the sender of a node that is closing must come again, not give up.
    assert_eq!(told(&ask(listener.local_addr(), &request).await), "503 [retry-after: 1] RECEIVE-004");
}
