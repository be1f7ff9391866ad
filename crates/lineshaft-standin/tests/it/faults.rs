//! The fault menu, seen from the caller: what happens to the connection and what happened to the effect.

use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::{Class, Sink};
use serde_json::{Value, json};

use super::{FREE, PATIENCE, Scratch, ask, json as send};

async fn sink(dir: &Scratch, class: Class) -> (Sink, String) {
    let sink = Sink::start(FREE, class, &dir.file("sink"), None).await.unwrap();
    let url = format!("{}/in", sink.server().url());
    (sink, url)
}

/// Waits until the sink has `count` effects; asking it is how this test lets time pass.
async fn until_effects(sink: &Sink, count: u64) {
    let wait = async {
        while sink.effects() < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

#[tokio::test]
async fn every_kind_does_what_it_says() {
    let dir = Scratch::new("kinds");
    let (sink, url) = sink(&dir, Class::T4).await;
    let mut applied = 0;
    for (kind, status, effects) in [
        (Kind::Slow, Some(200), 1),
        (Kind::Reset, None, 0),
        (Kind::Http500, Some(500), 0),
        (Kind::Http503, Some(503), 0),
        (Kind::Http429, Some(429), 0),
        (Kind::ApplyThenDrop, None, 1),
        (Kind::DropThenApply, None, 1),
        (Kind::WrongType, Some(200), 0),
        (Kind::HugeBody, Some(200), 1),
    ] {
        let mut fault = Fault::new(kind).times(1).ms(1);
        fault.bytes = Some(1_000_000);
        sink.server().fault(fault);
        let got = ask("POST", &url, &[], "{}").await;
        assert_eq!(got.as_ref().ok().map(|(status, ..)| *status), status, "{kind:?}");
        applied += effects;
        until_effects(&sink, applied).await;
        assert_eq!(sink.effects(), applied, "{kind:?}");
        match kind {
            Kind::WrongType => assert_eq!(got.unwrap().1["content-type"], "text/html; charset=utf-8"),
            Kind::HugeBody => assert_eq!(got.unwrap().2.len(), 1_000_000),
            Kind::Http429 => assert_eq!(got.unwrap().1["retry-after"], "1"),
            _ => {}
        }
    }
    assert_eq!(sink.server().faults_met(), 9);
    for seconds in [None, Some(7)] {
        sink.server().fault(Fault { retry_after: seconds, ..Fault::new(Kind::Http503).times(1) });
        let (status, headers, _) = ask("POST", &url, &[], "{}").await.unwrap();
        let asked = headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!((status, asked), (503, seconds.map(|it: u64| it.to_string())));
    }
}

#[tokio::test]
async fn an_effect_that_comes_late_comes_after_the_answer_was_lost_and_not_before() {
    let dir = Scratch::new("late");
    let (sink, url) = sink(&dir, Class::T4).await;
    // Thirty seconds, unless the fault says otherwise: longer than this test lives.
    sink.server().fault(Fault::new(Kind::DropThenApply).times(1));
    assert!(ask("POST", &url, &[], "{}").await.is_err());
    assert_eq!(ask("POST", &url, &[], "{}").await.unwrap().2, "{\"effect\":1}", "the later one is the first effect");
    sink.server().fault(Fault::new(Kind::DropThenApply).times(1).ms(20));
    assert!(ask("POST", &url, &[], "{}").await.is_err());
    until_effects(&sink, 2).await;
    assert_eq!(sink.effects(), 2);
}

#[tokio::test]
async fn a_reset_is_a_reset_and_not_a_close() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let dir = Scratch::new("reset");
    let (sink, _) = sink(&dir, Class::T4).await;
    sink.server().fault(Fault::new(Kind::Reset));
    let mut stream = tokio::net::TcpStream::connect(sink.server().address()).await.unwrap();
    stream.write_all(b"POST /in HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_fault_is_cleared() {
    let dir = Scratch::new("hang");
    let (sink, url) = sink(&dir, Class::T4).await;
    sink.server().fault(Fault::new(Kind::Hang).times(1));
    let asked = tokio::spawn(async move { ask("POST", &url, &[], "{}").await });
    let wait = async {
        while sink.server().faults_met() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
    assert!(!asked.is_finished());
    sink.server().clear_faults();
    assert!(asked.await.unwrap().is_err());
    assert_eq!(sink.effects(), 0);
}

#[tokio::test]
async fn faults_are_narrowed_by_path_body_share_and_times_and_set_over_the_wire() {
    let dir = Scratch::new("narrow");
    let (sink, url) = sink(&dir, Class::T4).await;
    let server = sink.server().url();
    let fault = json!({"kind": "http_500", "path": "/in", "body": "481516", "times": 2});
    assert_eq!(send("POST", &format!("{server}/_fault"), &fault).await, (200, json!({"fault": 1})));
    let status = async |path: &str, body: &str| ask("POST", &format!("{server}{path}"), &[], body).await.unwrap().0;
    assert_eq!(status("/other", "481516").await, 200);
    assert_eq!(status("/in", "other").await, 200);
    assert_eq!(status("/in", "x481516x").await, 500);
    assert_eq!(status("/in", "481516").await, 500);
    assert_eq!(status("/in", "481516").await, 200);
    assert_eq!(send("POST", &format!("{server}/_fault"), &json!({"kind": "typo"})).await.0, 400);
    sink.server().fault(Fault::new(Kind::Http503).share(0.5));
    let mut failed = 0;
    for _ in 0..200 {
        failed += u64::from(ask("POST", &url, &[], "{}").await.unwrap().0 == 503);
    }
    // The draw is seeded, so this is one fixed number; half of 200 give or take.
    assert!((60..140).contains(&failed), "{failed}");
    assert_eq!(send("DELETE", &format!("{server}/_fault"), &Value::Null).await.0, 200);
    assert_eq!(status("/in", "{}").await, 200);
    let (_, state) = send("GET", &format!("{server}/_state"), &Value::Null).await;
    assert_eq!((&state["requests"], &state["faults_met"]), (&json!(206), &json!(2 + failed)));
    assert_eq!(state["effects"], sink.effects());
}

#[tokio::test]
async fn a_server_that_is_down_refuses_and_comes_back_on_the_same_port() {
    let dir = Scratch::new("down");
    let (sink, url) = sink(&dir, Class::T4).await;
    sink.server().go_down(None);
    let until = async |up: bool| {
        let wait = async {
            while ask("POST", &url, &[], "{}").await.is_ok() != up {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap();
    };
    until(false).await;
    sink.server().go_up();
    until(true).await;
    sink.server().fault(Fault::new(Kind::Refuse).ms(1));
    until(true).await;
}

#[tokio::test]
async fn a_sink_tells_repeats_by_its_class_and_remembers_across_a_restart() {
    for (class, effects, found) in [(Class::T1, 1, 1), (Class::T2, 1, 0), (Class::T3, 2, 2), (Class::T4, 2, 2)] {
        let dir = Scratch::new(&format!("class-{class:?}"));
        let post = async |url: &str| {
            let headers = [("idempotency-key", "k")];
            ask("POST", url, &headers, r#"{"order":"A","seq":5}"#).await.unwrap().2
        };
        let first = {
            let (_sink, url) = sink(&dir, class).await;
            post(&url).await
        };
        assert_eq!(first, "{\"effect\":1}");
        let (sink, url) = sink(&dir, class).await;
        let second = post(&url).await;
        assert_eq!(second.contains("repeat"), effects == 1, "{class:?}");
        assert_eq!(sink.effects(), effects, "{class:?}");
        let asked = send("GET", &format!("{}/effects?key=k", sink.server().url()), &Value::Null).await.1;
        assert_eq!(asked["found"].as_array().unwrap().len(), found, "{class:?}");
        let line: Value = serde_json::from_str(super::read(&dir.file("sink")).lines().next().unwrap()).unwrap();
        assert_eq!((&line["key"], &line["seq"], &line["idem"]), (&json!("A"), &json!(5), &json!("k")));
    }
}
