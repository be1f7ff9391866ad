//! A destination against targets that answer well, badly, late or not at all.

use lineshaft_connect::contract::{Destination, Surroundings};
use lineshaft_connect::http::HttpDestination;
use lineshaft_model::connection::SecretRef;
use lineshaft_model::connection::http::{ClientAuth, HttpConnection, HttpProbe};
use lineshaft_model::delivery::{Outcome, Probe};

use crate::peer::{Act, Peer, answer, connection, interface, outgoing, surroundings, word};

async fn send(surroundings: &Surroundings, connection: &HttpConnection) -> Outcome {
    let destination = HttpDestination::open(surroundings, connection, &interface()).expect("opens");
    let batch = [outgoing("{\"qty\":1.10}")];
    let mut outcomes = destination.send(&batch).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0).1
}

#[tokio::test]
async fn the_request_carries_document_key_trace_and_credentials() {
    let peer = Peer::start(vec![answer("201 Created", "", r#"{"documentNumber":"49"}"#)]).await;
    let mut connection = connection(peer.addr);
    let password = SecretRef("secret:sesame".into());
    connection.auth = ClientAuth::Basic { user: "line".into(), password };
    let outcome = send(&surroundings(), &connection).await;
    assert_eq!(word(&outcome), "delivered 49");
    let seen = peer.seen().remove(0);
    let (head, body) = seen.split_once("\r\n\r\n").expect("request");
    assert_eq!(body, "{\"qty\":1.10}");
    let mut lines: Vec<&str> = head.lines().collect();
    lines[1..].sort_unstable();
    assert_eq!(
        lines.join("\n").replace(&peer.addr.to_string(), "PEER"),
        "POST /api/orders/0012%2F3 HTTP/1.1\n\
         accept-encoding: identity\n\
         accept: application/json, application/problem+json\n\
         authorization: Basic bGluZTpvcGVuLXNlc2FtZQ==\n\
         content-length: 12\n\
         content-type: application/json\n\
         host: PEER\n\
         idempotency-key: 07070707-0707-0707-0707-070707070707\n\
         traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n\
         user-agent: lineshaft\n\
         x-plant: DE10"
    );
}

#[tokio::test]
async fn what_hostile_answers_come_to() {
    let huge = format!("{{\"documentNumber\":\"{}\"}}", "9".repeat(2000));
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (act, expected) in [
        (Act::Close, "unknown DELIVER-002"),
        (Act::Answer("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"docum".into()), "unknown DELIVER-002"),
        (Act::Answer(format!("{chunked}5\r\n{{\"doc\r\n")), "unknown DELIVER-002"),
        (Act::Answer("HTTP/1.1 409 Conflict\r\ncontent-length: 50\r\n\r\n{\"ti".into()), "refused DELIVER-005"),
        (Act::Answer("SSH-2.0-OpenSSH_9.9\r\n".into()), "unknown DELIVER-002"),
        (
            Act::Answer("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".into()),
            "unknown DELIVER-002",
        ),
        (Act::Answer(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1_000_000))), "unknown DELIVER-002"),
        (answer("200 OK", "", &huge), "unknown DELIVER-009"),
        (answer("200 OK", "content-type: text/html\r\n", "<html>Sign in</html>"), "unknown DELIVER-009"),
        (answer("200 OK", "content-type: text/plain\r\n", "OK"), "unknown DELIVER-009"),
        (answer("200 OK", "content-encoding: gzip\r\n", "{}"), "unknown DELIVER-009"),
        (answer("500 Oops", "", ""), "unknown DELIVER-003"),
        (answer("503 Later", "retry-after: 7\r\n", ""), "refused DELIVER-003"),
        (answer("503 Later", "", ""), "unknown DELIVER-003"),
        (answer("502 Gateway", "retry-after: 7\r\n", ""), "unknown DELIVER-003"),
        (answer("504 Gateway", "", ""), "unknown DELIVER-003"),
        (answer("429 Slow", "retry-after: 7\r\n", ""), "refused DELIVER-004"),
        (answer("302 Found", "location: http://169.254.169.254/latest\r\n", ""), "refused DELIVER-005"),
        (answer("204 No Content", "", ""), "delivered -"),
    ] {
        let peer = Peer::start(vec![act.clone()]).await;
        let outcome = send(&surroundings(), &connection(peer.addr)).await;
        let shown: String = format!("{act:?}: {outcome:?}").chars().take(300).collect();
        assert_eq!(word(&outcome), expected, "{shown}");
        assert_eq!(peer.seen().len(), 1, "one attempt is one request: {shown}");
    }
}

/// IN-12: what never ends is cut off, by size or by time, and the connection is given up.
#[tokio::test]
async fn what_never_ends_is_cut_off_and_let_go() {
    let chunked = |status: &str| format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    let stretched = format!("1;{}\r\nx\r\n", "y".repeat(1000));
    for (act, expected) in [
        (Act::Endless(chunked("200 OK"), chunk.clone()), "unknown DELIVER-009"),
        (Act::Endless(chunked("409 Conflict"), chunk.clone()), "refused DELIVER-005"),
        (Act::Endless(chunked("503 Later"), chunk), "unknown DELIVER-003"),
        (Act::Endless(chunked("200 OK"), stretched), "unknown DELIVER-002"),
        (Act::Endless("HTTP/1.1 200 OK\r\n\r\n".into(), "x".repeat(1024)), "unknown DELIVER-009"),
        (Act::Endless("HTTP/1.1 200 OK\r\n".into(), "x-more: y\r\n".repeat(50)), "unknown DELIVER-002"),
        (Act::Endless(String::new(), "HTTP/1.1 100 Continue\r\n\r\n".repeat(50)), "unknown DELIVER-002"),
        (Act::Endless("HTTP/1.1 200 ".into(), "OK".repeat(500)), "unknown DELIVER-002"),
    ] {
        let peer = Peer::start(vec![act.clone()]).await;
        let connection = HttpConnection { timeout_secs: 1, ..connection(peer.addr) };
        let outcome = send(&surroundings(), &connection).await;
        let shown: String = format!("{act:?}: {outcome:?}").chars().take(300).collect();
        assert_eq!(word(&outcome), expected, "{shown}");
        // The target goes on only when its words find no reader, and then takes no more connections.
        let let_go = async {
            while tokio::net::TcpStream::connect(peer.addr).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(std::time::Duration::from_secs(30), let_go).await.is_ok(), "{shown}");
    }
}

#[tokio::test]
async fn an_answer_that_is_packed_nested_or_moved_is_neither_unpacked_nor_followed() {
    let deep = format!("{{\"documentNumber\":{}", "[".repeat(900));
    let twice = r#"{"documentNumber":"1","documentNumber":"2"}"#;
    let json = "content-type: application/json\r\n";
    for (act, expected) in [
        (answer("200 OK", "content-encoding: gzip\r\n", "\u{1f}\u{8b}"), "unknown DELIVER-009"),
        (answer("422 No", "content-encoding: gzip\r\n", "\u{1f}\u{8b}"), "refused DELIVER-005"),
        (
            Act::Answer("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n\u{1f}x\r\n0\r\n\r\n".into()),
            "unknown DELIVER-009",
        ),
        (answer("200 OK", json, &deep), "unknown DELIVER-009"),
        (answer("200 OK", json, twice), "unknown DELIVER-009"),
        (answer("200 OK", "content-type: application/xhtml+xml\r\n", "<html/>"), "unknown DELIVER-009"),
        (answer("301 Moved", "location: /elsewhere\r\n", ""), "refused DELIVER-005"),
        (answer("307 Moved", "location: http://127.0.0.1:1/\r\n", ""), "refused DELIVER-005"),
        (Act::Answer("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n".into()), "unknown DELIVER-009"),
    ] {
        let peer = Peer::start(vec![act.clone()]).await;
        let outcome = send(&surroundings(), &connection(peer.addr)).await;
        let shown: String = format!("{act:?}: {outcome:?}").chars().take(300).collect();
        assert_eq!(word(&outcome), expected, "{shown}");
        assert_eq!(peer.seen().len(), 1, "one attempt is one request: {shown}");
    }
}

#[tokio::test]
async fn a_refusal_repeats_the_targets_words_but_never_our_secret() {
    let problem = r#"{"title":"Order closed","detail":"by open-sesame"}"#;
    let peer = Peer::start(vec![answer("422 No", "content-type: application/problem+json\r\n", problem)]).await;
    let mut connection = connection(peer.addr);
    let key = SecretRef("secret:sesame".into());
    connection.auth = ClientAuth::ApiKey { header: "X-Key".into(), key };
    let Outcome::Refused { fault, retry_after: None } = send(&surroundings(), &connection).await else {
        panic!("refused");
    };
    assert_eq!(fault.message, "the target answered 422 Unprocessable Entity: Order closed. by ***");
    assert!(peer.seen()[0].contains("x-key: open-sesame"));
}

#[tokio::test]
async fn silence_is_unknown_once_the_request_has_begun() {
    let late_body = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{";
    for said in ["", "HTTP/1.1 20", late_body] {
        let peer = Peer::start(vec![Act::Hang(said.into())]).await;
        let connection = HttpConnection { timeout_secs: 1, ..connection(peer.addr) };
        assert_eq!(word(&send(&surroundings(), &connection).await), "unknown DELIVER-002", "{said:?}");
    }
}

#[tokio::test]
async fn what_fails_before_the_request_has_certainly_no_effect() {
    let closed = Peer::start(vec![]).await;
    let addr = closed.addr;
    closed.stop().await;
    assert_eq!(word(&send(&surroundings(), &connection(addr)).await), "unreachable DELIVER-001");

    let plain = Peer::start(vec![Act::Answer("HTTP/1.1 400 Bad Request\r\n\r\n".into())]).await;
    let tls = HttpConnection { url: Some(format!("https://{}", plain.addr)), ..connection(plain.addr) };
    // The target reads what it takes for a request and gives up when we do.
    let outcome = send(&surroundings(), &HttpConnection { timeout_secs: 1, ..tls }).await;
    assert_eq!(word(&outcome), "unreachable DELIVER-001", "{outcome:?}");

    for url in ["http://169.254.169.254/latest", "http://10.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://2130706433/"]
    {
        let denied = HttpConnection { url: Some(url.into()), ..connection(addr) };
        assert_eq!(word(&send(&surroundings(), &denied).await), "unreachable DELIVER-010", "{url}");
    }
}

#[tokio::test]
async fn a_batch_to_a_target_that_is_down_fails_once_for_all() {
    let closed = Peer::start(vec![]).await;
    let addr = closed.addr;
    closed.stop().await;
    let destination = HttpDestination::open(&surroundings(), &connection(addr), &interface()).expect("opens");
    let mut unfit = outgoing("{}");
    unfit.parameters.clear();
    let outcomes = destination.send(&[unfit, outgoing("{}"), outgoing("{}")]).await;
    let words: Vec<String> = outcomes.iter().map(|(_, outcome)| word(outcome)).collect();
    assert_eq!(words, ["refused RENDER-002", "unreachable DELIVER-001", "unreachable DELIVER-001"]);
}

#[tokio::test]
async fn a_probe_asks_with_the_documents_own_values() {
    let peer = Peer::start(vec![
        answer("200 OK", "", r#"{"d":{"results":[{"doc":"49"}]}}"#),
        answer("200 OK", "", r#"{"d":{"results":[]}}"#),
        answer("404 Not Found", "", ""),
        answer("500 Oops", "", ""),
    ])
    .await;
    let mut settings = interface();
    settings.probe = Some(HttpProbe {
        path: "/orders?$filter=Ref eq '{target_key}' and Order eq '{order}'".into(),
        found_when: ".d.results[0]".into(),
        receipt: Some(".d.results[0].doc".into()),
    });
    let destination = HttpDestination::open(&surroundings(), &connection(peer.addr), &settings).expect("opens");
    let document = outgoing("{}");
    assert_eq!(destination.probe(&document).await, Probe::Found { receipt: Some("49".into()) });
    assert_eq!(destination.probe(&document).await, Probe::Absent);
    assert_eq!(destination.probe(&document).await, Probe::Absent);
    assert!(matches!(destination.probe(&document).await, Probe::CannotTell(_)));
    let expected = "GET /api/orders?$filter=Ref%20eq%20'07070707-0707-0707-0707-070707070707'\
                    %20and%20Order%20eq%20'0012%2F3' HTTP/1.1";
    assert_eq!(peer.seen()[0].lines().next(), Some(expected));
}

#[test]
fn settings_that_cannot_be_used_are_refused_at_opening() {
    let addr = "127.0.0.1:1".parse().expect("address");
    let open = |connection: &HttpConnection, path: &str, header: &str| {
        let mut settings = interface();
        settings.path = path.into();
        settings.headers.insert(header.into(), "x".into());
        HttpDestination::open(&surroundings(), connection, &settings).err().map(|fault| fault.code.as_str())
    };
    assert_eq!(open(&connection(addr), "/a", "X-A"), None);
    assert_eq!(open(&connection(addr), "/{a", "X-A"), Some("PROJECT-001"));
    for header in ["Authorization", "Host", "Transfer-Encoding", "a b", "X\r\nY"] {
        assert_eq!(open(&connection(addr), "/a", header), Some("PROJECT-001"), "{header}");
    }
    for url in [
        "",
        "erp",
        "ftp://erp/",
        "http://",
        "http://anna:secret@erp/",
        "http://erp@169.254.169.254/",
        "http://erp/?a=b",
    ] {
        let connection = HttpConnection { url: Some(url.into()), ..connection(addr) };
        assert_eq!(open(&connection, "/a", "X-A"), Some("PROJECT-001"), "{url}");
    }
    let token = SecretRef("secret:nothing".into());
    let connection = HttpConnection { auth: ClientAuth::Bearer { token }, ..connection(addr) };
    assert_eq!(open(&connection, "/a", "X-A"), Some("DELIVER-011"));
}
