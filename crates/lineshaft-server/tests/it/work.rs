//! What a person looks for, reads and decides.

use std::time::Duration;

use serde_json::{Value, json};

use crate::node::{HandClock, Running, erp, start, start_with};

const GOOD: &str = r#"{"order":"0001000040","operation":"0010","plant":"DE10","good":"95","scrap":"3","unit":"PCE"}"#;
const NO_SITE: &str = r#"{"order":"1000041","operation":"0010","plant":"XX","good":"95","scrap":"3","unit":"PCE"}"#;

async fn read(running: &Running, path: &str) -> Value {
    let answer = running.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

#[tokio::test]
async fn a_transaction_is_found_by_its_key_and_told_from_end_to_end() {
    let running = start().await;
    running.hand_in(GOOD).await;
    let found = read(&running, "/api/v1/find?key=order:1000040").await;
    assert_eq!(found["items"].as_array().map(Vec::len), Some(1), "{found}");
    // It is on its way meanwhile, so only what does not change is compared.
    let named = read(&running, "/api/v1/find?key=order:erp/1000040").await;
    assert_eq!(named["items"][0]["id"], found["items"][0]["id"]);
    assert_eq!(read(&running, "/api/v1/find?key=order:mes/1000040").await["items"], json!([]));
    assert_eq!(running.get("/api/v1/find?key=1000040").await.status, 400);

    let id = found["items"][0]["id"].as_str().unwrap();
    let plain = read(&running, &format!("/api/v1/transactions/{id}")).await;
    assert_eq!(plain.get("documents"), None);
    let trace = read(&running, &format!("/api/v1/transactions/{id}?documents=true")).await;
    assert_eq!(trace["principal"], "interface:mes/completion");
    assert_eq!(trace["transaction"]["keys"], json!(["order:erp/1000040"]));
    assert_eq!(trace["transaction"]["tags"]["site"], "DE10");
    assert_eq!(trace["documents"]["received"]["text"], GOOD);
    let event = &trace["documents"]["event"]["cloud_event"];
    assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!(id)));
    assert_eq!(
        (&event["source"], &event["type"]),
        (&json!("/first/mes/completion"), &json!("production.completion.reported@1"))
    );
    assert_eq!(event["data"]["good"], "95");
    let delivery = &trace["transaction"]["deliveries"][0];
    assert_eq!((&delivery["receiver"], &delivery["label"]), (&json!("erp/completion"), &json!("In flight")));
    assert!(delivery["sent"]["body"]["text"].as_str().unwrap().contains("\"scrap\":\"3\""), "{delivery}");
    running.stop().await;
}

/// How often is looked whether something is as wanted, and how long between: a minute in all.
const LOOKS: u32 = 12_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Reads until it is as wanted.
async fn until(running: &Running, path: &str, reached: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    for _ in 0..LOOKS {
        found = read(running, path).await;
        if reached(&found) {
            return found;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("{path}: not as wanted: {found:#}")
}

#[tokio::test]
async fn ot14_a_stopped_delivery_past_its_agreed_time_is_flagged_late() {
    let clock = HandClock::new();
    let refuses = erp("HTTP/1.1 422 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    let running = start_with(clock.clone(), refuses).await;
    running.hand_in(GOOD).await;
    let stopped = |list: &Value| list["items"].as_array().is_some_and(|items| items.len() == 1);
    let list = until(&running, "/api/v1/exceptions", stopped).await;
    assert_eq!((&list["items"][0]["late"], &list["items"][0]["label"]), (&json!(false), &json!("Stopped")));
    clock.advance(Duration::from_secs(61));
    let list = read(&running, "/api/v1/exceptions").await;
    assert_eq!(list["items"][0]["late"], true, "{list}");
    let status = until(&running, "/api/v1/status", |status| status["late"][0]["count"] == 1).await;
    let late = &status["late"][0];
    assert_eq!((&late["receiver"], &late["within_secs"]), (&json!("erp/completion"), &json!(60)));
    assert_eq!((&late["oldest_age_secs"], &late["more"]), (&json!(61), &json!(false)));
    running.stop().await;
}

#[tokio::test]
async fn a_trace_says_that_its_documents_have_expired() {
    let clock = HandClock::new();
    let takes = erp("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 14\r\nConnection: close\r\n\r\n{\"number\":\"1\"}").await;
    let running = start_with(clock.clone(), takes).await;
    running.hand_in(GOOD).await;
    let delivered = |status: &Value| status["books"]["delivery_states"]["delivered"] == 1;
    until(&running, "/api/v1/status", delivered).await;
    let found = read(&running, "/api/v1/find?key=order:1000040").await;
    let path = format!("/api/v1/transactions/{}?documents=true", found["items"][0]["id"].as_str().unwrap());
    assert_eq!(read(&running, &path).await["received"], "kept");
    clock.advance(Duration::from_secs(31 * 24 * 3600));
    let trace = until(&running, &path, |trace| trace["received"] == "expired").await;
    for document in ["received", "event"] {
        assert_eq!(trace["documents"][document]["state"], "expired", "{document}: {trace}");
    }
    assert_eq!(trace["transaction"]["deliveries"][0]["sent"]["body"]["state"], "expired");
    clock.advance(Duration::from_secs(400 * 24 * 3600));
    let status = until(&running, "/api/v1/status", |status| status["books"]["expired_transactions"] == 1).await;
    assert_eq!((&status["books"]["transactions"], &status["books"]["delta"]), (&json!(0), &json!(0)));
    let gone = running.get(&path).await;
    assert!(gone.status == 404 && gone.text.contains("retention.tracking"), "{gone:?}");
    running.stop().await;
}

#[tokio::test]
async fn an_exception_is_listed_shown_and_decided_on_once() {
    let running = start().await;
    running.hand_in(NO_SITE).await;
    running.hand_in(GOOD).await;
    let list = read(&running, "/api/v1/exceptions").await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    let it = &list["items"][0];
    assert_eq!((&it["label"], &it["order_key"]), (&json!("Stopped"), &json!("order:erp/1000041")));
    assert_eq!(it["impact"], "financial posting", "before routing too");
    assert_eq!((&it["fault"]["code"], &it["can"]), (&json!("VALIDATE-002"), &json!(["retry", "discard"])));
    assert!(it["fault"]["next_step"].as_str().unwrap().ends_with('.'));

    let path = format!("/api/v1/exceptions/{}", it["id"].as_str().unwrap());
    assert_eq!(read(&running, &path).await["transaction"], it["transaction"]);
    let discard = format!("{path}/discard");
    for (body, said) in [("{}", "needs a reason"), (r#"{"reason":"x","force":true}"#, "unknown field"), ("", "EOF")] {
        let refused = running.post(&discard, body).await;
        assert!(refused.status == 400 && refused.text.contains(said), "{body}: {refused:?}");
    }
    let done = running.post(&discard, r#"{"reason":"test data"}"#).await;
    assert_eq!(done.status, 200, "{done:?}");
    let again = running.post(&discard, r#"{"reason":"test data"}"#).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("API-004")), "{again:?}");
    assert_eq!(read(&running, "/api/v1/exceptions").await["items"], json!([]));
    assert_eq!(running.get(&path).await.status, 404);
    running.stop().await;
}

#[tokio::test]
async fn the_status_counts_what_is_there() {
    let running = start().await;
    running.hand_in(NO_SITE).await;
    running.hand_in(GOOD).await;
    assert_eq!(running.post("/api/v1/systems/erp%2Fcompletion/pause", r#"{"reason":"stocktaking"}"#).await.status, 200);
    assert_eq!(running.post("/api/v1/systems/erp%2Fcompletion/pause", "{}").await.status, 409);
    assert_eq!(running.post("/api/v1/systems/nobody/pause", "{}").await.status, 404);
    let load = r#"{"records":[{"key":"PCE","record":{"factor":1.50}}],"reason":"first"}"#;
    let loaded = running.post("/api/v1/reference/unit", load).await;
    assert!(loaded.status == 200 && loaded.text.contains("1 new or changed"), "{loaded:?}");

    let status = read(&running, "/api/v1/status").await;
    assert_eq!((&status["ready"], &status["installation"]), (&json!(true), &json!("first")));
    let paused = &status["paused"][0];
    assert_eq!((&paused["name"], &paused["principal"]), (&json!("erp/completion"), &json!("operator:anna")));
    let books = &status["books"];
    assert_eq!((&books["transactions"], &books["deliveries"], &books["delta"]), (&json!(2), &json!(1), &json!(0)));
    assert_eq!(books["transaction_states"], json!({"parked": 1, "processed": 1}));
    assert_eq!(status["open"][0]["impact"], "financial posting");
    assert_eq!(status["reference"], json!([{"table": "unit", "records": 1}]));
    assert_eq!(status["emits"][0]["path"], "/in/mes/completion");
    assert!(status["insecure"][0].as_str().unwrap().contains("loopback"), "{status}");

    let check = read(&running, "/api/v1/store/check").await;
    assert_eq!((&check["sound"], &check["damage"]), (&json!(true), &json!([])));
    assert_eq!(running.post("/api/v1/systems/erp%2Fcompletion/resume", "{}").await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what_by_page() {
    let running = start().await;
    for (word, reason) in [("pause", "stocktaking"), ("resume", "done"), ("pause", "again")] {
        let body = json!({ "reason": reason }).to_string();
        assert_eq!(running.post(&format!("/api/v1/systems/erp/{word}"), &body).await.status, 200);
    }
    let told = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|it| format!("{} {}", it["action"].as_str().unwrap(), it["reason"].as_str().unwrap())).collect()
    };
    let all = read(&running, "/api/v1/audit").await;
    assert_eq!(told(&all)[1..], ["pause stocktaking", "resume done", "pause again"]);
    assert_eq!((&all["items"][0]["principal"], &all["items"][0]["action"]), (&json!("node"), &json!("start")));
    assert_eq!((&all["items"][3]["principal"], &all["more"]), (&json!("operator:anna"), &json!(false)));

    let page = read(&running, "/api/v1/audit?target=erp&principal=anna&since=1h&limit=2").await;
    assert_eq!((told(&page), &page["more"]), (vec!["resume done".to_owned(), "pause again".to_owned()], &json!(true)));
    let first = page["items"][0]["id"].as_str().unwrap();
    let before = read(&running, &format!("/api/v1/audit?target=erp&older_than={first}&limit=2")).await;
    assert_eq!((told(&before), &before["more"]), (vec!["pause stocktaking".to_owned()], &json!(false)));
    assert_eq!(read(&running, "/api/v1/audit?action=resume").await["items"].as_array().map(Vec::len), Some(1));
    for (query, at) in
        [("since=yesterday", "query, since"), ("older_than=7", "query, older_than"), ("limit=x", "query")]
    {
        assert_eq!(running.get(&format!("/api/v1/audit?{query}")).await.problem()["at"], at);
    }
    running.stop().await;
}
