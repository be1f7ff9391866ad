//! No route answers without a principal, except the two for a supervisor (ID-1), and none answers an error in any
//! other form than a problem (HD-2).

use lineshaft_server::api::{OPEN, ROUTES};

use crate::node::{Answer, Running, ask, ask_with, start};

const UNKNOWN_ID: &str = "01a20778-442e-7baa-89bd-7f4503daa5c7";

fn concrete(path: &str) -> String {
    path.replace("{id}", UNKNOWN_ID)
        .replace("{decision}", "retry")
        .replace("{name}", "nobody")
        .replace("{table}", "unit")
}

async fn refused_without_token(running: &Running, method: &str, path: &str) {
    let addr = running.server.local_addr();
    let longer = format!("{}0", running.token);
    let wrong = [None, Some(""), Some("wrong"), Some(&running.token[1..]), Some(longer.as_str())];
    for token in wrong {
        let answer = ask(addr, method, path, token, "{}").await;
        assert_eq!(answer.status, 401, "{method} {path} with token {token:?}: {answer:?}");
        assert_eq!(answer.problem()["code"], "API-001", "{answer:?}");
    }
}

#[tokio::test]
async fn every_route_asks_who_is_there() {
    let running = start().await;
    assert!(ROUTES.len() >= 10);
    for route in ROUTES {
        let path = concrete(route.path);
        refused_without_token(&running, route.method, &path).await;
        let known = ask(running.server.local_addr(), route.method, &path, Some(&running.token), "{}").await;
        assert!(known.status != 401 && known.status < 500, "{} {path}: {known:?}", route.method);
        let other = if route.method == "GET" { "POST" } else { "GET" };
        refused_without_token(&running, other, &path).await;
    }
    refused_without_token(&running, "GET", "/").await;
    refused_without_token(&running, "GET", "/api/v1/nothing").await;
    assert_eq!(running.get("/api/v1/nothing").await.status, 404);
    assert_eq!(running.post("/api/v1/status", "{}").await.status, 405);
    running.stop().await;
}

#[tokio::test]
async fn a_supervisor_needs_no_token_and_learns_nothing_else() {
    let running = start().await;
    let addr = running.server.local_addr();
    let open: Vec<_> = OPEN.iter().map(|route| route.path).collect();
    assert_eq!(open, ["/healthz", "/readyz"]);
    for path in open {
        let answer = ask(addr, "GET", path, None, "").await;
        assert!(answer.status == 200 && answer.text.len() < 10, "{answer:?}");
    }
    running.server.not_ready();
    assert_eq!(ask(addr, "GET", "/readyz", None, "").await.status, 503);
    assert_eq!(ask(addr, "GET", "/healthz", None, "").await.status, 200);
    running.stop().await;
}

/// What no handler ever sees in a healthy client, to one route.
async fn badly_asked(running: &Running, method: &str, path: &str) -> Vec<Answer> {
    let addr = running.server.local_addr();
    let token = format!("Authorization: Bearer {}\r\n", running.token);
    let json = format!("{token}Content-Type: application/json\r\n");
    let mut answers = Vec::new();
    for (path, headers, body) in [
        (format!("{path}?limit=many&documents=perhaps&key=%ff&since=then"), json.clone(), "{}"),
        (format!("{path}?no_such_field=1"), json.clone(), "{}"),
        (path.replace(UNKNOWN_ID, "%ff%fe").replace("nobody", "%ff").replace("unit", "%ff"), json.clone(), "{}"),
        (path.replace(UNKNOWN_ID, "7"), json.clone(), "{}"),
        (path.to_owned(), token.clone(), "{}"),
        (path.to_owned(), format!("{token}Content-Type: text/html\r\n"), "<html>"),
        (path.to_owned(), json.clone(), "{\"reason\":"),
        (path.to_owned(), json.clone(), "{\"reason\":1}"),
        (path.to_owned(), json.clone(), "{\"reason\":\"x\",\"force\":true}"),
        (path.to_owned(), json.clone(), "[]"),
        (path.to_owned(), format!("{json}X-Operator: \t \r\n"), "{}"),
        (path.to_owned(), format!("{json}Authorization: Basic x\r\n"), "{}"),
        (format!("{path}/more"), json.clone(), "{}"),
    ] {
        answers.push(ask_with(addr, method, &path, &headers, body).await);
    }
    for other in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        answers.push(ask_with(addr, other, path, &json, "{}").await);
        answers.push(ask_with(addr, other, path, "", "").await);
    }
    answers
}

#[tokio::test]
async fn no_route_ever_answers_an_error_that_is_no_problem() {
    let running = start().await;
    let mut codes = std::collections::BTreeSet::new();
    for route in OPEN.iter().chain(ROUTES) {
        for answer in badly_asked(&running, route.method, &concrete(route.path)).await {
            assert!(answer.status > 0, "{} {}: no answer", route.method, route.path);
            if answer.status >= 400 {
                codes.insert(answer.problem()["code"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    let wanted = ["API-001", "API-002", "API-003", "API-007", "API-009"].map(str::to_owned);
    assert!(wanted.iter().all(|code| codes.contains(code)), "{codes:?}");
    let addr = running.server.local_addr();
    let post = ask(addr, "POST", "/healthz", None, "").await;
    assert_eq!((post.status, post.problem()["code"].as_str()), (405, Some("API-007")));
    assert!(post.head.contains("\r\nallow: get,head\r\n"), "{post:?}");
    running.server.not_ready();
    assert_eq!(ask(addr, "GET", "/readyz", None, "").await.problem()["code"], "API-006");
    running.stop().await;
}

#[tokio::test]
async fn a_problem_says_where_and_what_to_do() {
    let running = start().await;
    for (path, at, said, step) in [
        ("/api/v1/find", "query", "missing field `key`", "docs/reference/api.md"),
        ("/api/v1/find?key=1000040", "query, key", "is no key", "order:1000040"),
        ("/api/v1/exceptions?limit=-1", "query", "limit: invalid digit", "docs/reference/api.md"),
        ("/api/v1/exceptions?lmit=1", "query", "unknown field `lmit`, expected `limit`", "docs/reference/api.md"),
        ("/api/v1/transactions/7", "path", "\"7\" is not an id", "lineshaft find"),
        ("/api/v1/transactions/%ff", "path", "UTF-8", "docs/reference/api.md"),
        ("/api/v2/status", "path", "there is nothing at /api/v2/status", "docs/reference/api.md"),
    ] {
        let problem = running.get(path).await.problem();
        let text = |field: &str| problem[field].as_str().unwrap_or_default();
        assert_eq!(text("at"), at, "{path}: {problem}");
        assert!(text("detail").contains(said) && text("next_step").contains(step), "{path}: {problem}");
    }
    // One byte too many, so that the node has read all of it when it answers.
    let large = format!("{{\"reason\":\"{}\"}}", "x".repeat(lineshaft_server::api::BODY_BYTES_MAX - 12));
    let addr = running.server.local_addr();
    let announced = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", running.token);
    let answer = ask_with(addr, "POST", "/api/v1/systems/erp/pause", &announced, &large).await;
    assert_eq!((answer.status, answer.problem()["at"].as_str()), (413, Some("body")));
    running.stop().await;
}
