//! No route answers without a principal, except the two for a supervisor (ID-1).

use lineshaft_server::api::{OPEN, ROUTES};

use crate::node::{Running, ask, start};

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
        assert!(answer.head.contains("application/problem+json"), "{answer:?}");
        assert_eq!(answer.json()["code"], "API-001", "{answer:?}");
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
