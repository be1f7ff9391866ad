//! Polling: every row once, in order, whatever pages, restarts, late rows and failures do.

use std::collections::BTreeSet;

use lineshaft_connect::contract::Cursor;
use lineshaft_model::fault::{Code, Fault};

use crate::odata_fake::{Fake, poll, source, take, values, whole};

fn url(fake: &Fake, version: &str) -> String {
    format!("http://{}/{version}", fake.addr)
}

#[tokio::test]
async fn a_row_that_commits_late_is_delivered_exactly_once() {
    for version in ["v2", "v4"] {
        let fake = Fake::start().await;
        fake.put("A", "20261123100000");
        fake.put("B", "20261123100500");
        let polled = source(&url(&fake, version), version, &poll());
        let mut cursor = None;
        assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["A", "B"]);

        fake.put("C", "20261123100300");
        assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["C"], "the cursor had passed it");
        fake.put("D", "20261123100600");
        assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["D"], "and nothing a second time");
        fake.put("B", "20261123100700");
        assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["B"], "a change is a new document");
    }
}

#[tokio::test]
async fn after_a_restart_rows_of_the_overlap_come_again_under_the_same_keys() {
    let fake = Fake::start().await;
    fake.put("A", "20261123090000");
    fake.put("B", "20261123100000");
    fake.put("C", "20261123100100.5000000");
    let mut cursor = None;
    let first = take(&*source(&url(&fake, "v2"), "v2", &poll()), &mut cursor).await;
    let again = take(&*source(&url(&fake, "v2"), "v2", &poll()), &mut cursor).await;
    assert_eq!(values(&again, "Id"), ["B", "C"]);
    let keys = |batch: &lineshaft_connect::contract::Batch| -> Vec<String> {
        batch.intakes.iter().map(|received| received.idempotency_key.clone().expect("key")).collect()
    };
    assert_eq!(keys(&first)[1..], keys(&again));
    assert!(keys(&first)[1].starts_with("B|20261123100000|"), "{:?}", keys(&first));
    assert_eq!(first.intakes[0].body, br#"{"Id":"A","Changed":"20261123090000","Qty":"1.10","Note":""}"#.as_slice());
    let last = fake.held.lock().expect("lock").asked.pop().expect("asked");
    assert_eq!(last, "/v2/Orders?$orderby=Changed,Id&$top=100&$filter=Changed ge '20261123095600'");
}

#[tokio::test]
async fn a_row_whose_time_cannot_be_read_is_a_document_like_its_neighbours() {
    for version in ["v2", "v4"] {
        let fake = Fake::start().await;
        fake.put("A", "20261123090000");
        fake.put("B", "20261123100000");
        fake.put("X", "soon");
        let polled = source(&url(&fake, version), version, &poll());
        let mut cursor = None;
        assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["A", "B", "X"]);
        fake.put("C", "20261123100100");
        assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["C"], "it has no say in where to go on");
        let fake = Fake::start().await;
        fake.put("X", "soon");
        let fault = source(&url(&fake, version), version, &poll()).receive(None).await.expect_err("no time at all");
        assert!(fault.message.contains("1 of 1 rows"), "{fault}");
    }
}

#[tokio::test]
async fn every_row_arrives_once_however_it_is_paged() {
    for (version, page_max, page_size) in [("v2", 0, 3), ("v4", 0, 3), ("v2", 2, 50), ("v4", 2, 50), ("v4", 2, 1)] {
        let fake = Fake::start().await;
        fake.held.lock().expect("lock").page_max = page_max;
        let mut expected = BTreeSet::new();
        for row in 0..23 {
            // Eleven rows of one second: more than a page.
            let second = if (5..16).contains(&row) { 5 } else { row };
            fake.put(&format!("{row:02}"), &format!("202611231000{second:02}"));
            expected.insert(format!("{row:02}"));
        }
        let mut settings = poll();
        settings["page_size"] = page_size.into();
        let polled = source(&url(&fake, version), version, &settings);
        let (mut cursor, mut seen) = (None, Vec::new());
        while seen.len() < expected.len() {
            let batch = take(&*polled, &mut cursor).await;
            assert!(batch.intakes.len() <= 3.max(page_max), "a page at most");
            seen.extend(values(&batch, "Id"));
        }
        fake.put("99", "20261123100100");
        seen.extend(values(&take(&*polled, &mut cursor).await, "Id"));
        expected.insert("99".to_owned());
        assert_eq!(seen.len(), expected.len(), "{version} {page_max} {page_size}: {seen:?}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[tokio::test]
async fn a_row_that_moves_while_we_read_hides_no_other() {
    let fake = Fake::start().await;
    for row in 0..6 {
        fake.put(&format!("{row}"), &format!("2026112310000{row}"));
    }
    let mut settings = poll();
    settings["page_size"] = 2.into();
    settings["overlap"] = "1s".into();
    let polled = source(&url(&fake, "v2"), "v2", &settings);
    let mut cursor = None;
    assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["0", "1"]);
    // Read by position, the next page would begin behind row 2.
    fake.put("0", "20261123100009");
    let mut seen = Vec::new();
    while seen.len() < 5 {
        seen.extend(values(&take(&*polled, &mut cursor).await, "Id"));
    }
    assert_eq!(seen, ["2", "3", "4", "5", "0"]);
}

#[tokio::test]
async fn a_refused_batch_comes_again_and_nothing_overtakes_it() {
    let fake = Fake::start().await;
    fake.put("A", "20261123100000");
    let polled = source(&url(&fake, "v4"), "v4", &poll());
    let batch = polled.receive(None).await.expect("batch");
    fake.put("B", "20261123110000");
    let mut waiting = polled.receive(None);
    assert!(
        std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending(),
        "an open batch holds back the next page"
    );
    let full = Fault::new(Code::ReceiveStoreUnavailable, "full");
    polled.settle(batch.id, Err(full)).await.expect("settles");
    assert_eq!(values(&waiting.await.expect("batch"), "Id"), ["A", "B"]);
}

#[tokio::test]
async fn a_source_outlives_every_failure_of_its_target() {
    let fake = Fake::start().await;
    fake.put("A", "20261123100000");
    let bad = |body: &str| whole("200 OK", "", body);
    for (answer, expected) in [
        (whole("503 Later", "retry-after: 0\r\n", ""), "DELIVER-003"),
        (whole("429 Slow", "retry-after: 0\r\n", ""), "DELIVER-004"),
        (whole("400 Bad", "", r#"{"error":{"code":"X/1","message":{"value":"no such field"}}}"#), "DELIVER-005"),
        (whole("500 Oops", "", ""), "DELIVER-003"),
        (String::new(), "DELIVER-001"),
        (bad("<html>"), "DELIVER-009"),
        (bad(r#"{"d":{}}"#), "DELIVER-009"),
        (bad(r#"{"d":{"results":[{"Id":"A","Changed":"yesterday"}]}}"#), "DELIVER-009"),
        (bad(r#"{"d":{"results":[{"Changed":"20261123100001"},{"Changed":"20261123100000"}]}}"#), "DELIVER-009"),
    ] {
        fake.held.lock().expect("lock").instead.push(answer.clone());
        let polled = source(&url(&fake, "v2"), "v2", &poll());
        let fault = polled.receive(None).await.expect_err("fails");
        assert_eq!(fault.code.as_str(), expected, "{answer}: {fault}");
        assert_eq!(values(&take(&*polled, &mut None).await, "Id"), ["A"], "after {answer}");
    }
    let addr = fake.addr;
    let polled = source(&url(&fake, "v2"), "v2", &poll());
    let held = fake.stop().await;
    assert_eq!(polled.receive(None).await.expect_err("down").code, Code::DeliverUnreachable);
    let _back = Fake::start_at(addr, held).await;
    assert_eq!(values(&take(&*polled, &mut None).await, "Id"), ["A"]);
}

#[tokio::test]
async fn a_link_to_another_address_is_not_followed() {
    let elsewhere = Fake::start().await;
    for links_at in [
        format!("http://{}", elsewhere.addr),
        "http://169.254.169.254".to_owned(),
        "//169.254.169.254".to_owned(),
        format!("http://me@{}", elsewhere.addr),
    ] {
        let fake = Fake::start().await;
        for id in ["A", "B", "C"] {
            fake.put(id, "20261123100000");
        }
        {
            let mut held = fake.held.lock().expect("lock");
            (held.page_max, held.links_at) = (1, Some(links_at.clone()));
        }
        let polled = source(&url(&fake, "v2"), "v2", &poll());
        let mut cursor = None;
        assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["A"]);
        // The second page begins in the same second, so the third can only be reached by the link.
        let fault = polled.receive(cursor).await.expect_err("refused");
        assert_eq!(fault.code.as_str(), "DELIVER-010", "{links_at}: {fault}");
    }
    assert!(elsewhere.held.lock().expect("lock").asked.is_empty());
}

#[tokio::test]
async fn a_time_far_ahead_does_not_hide_later_changes() {
    let fake = Fake::start().await;
    fake.put("A", "20261123100000");
    fake.put("Z", "99991231000000");
    let polled = source(&url(&fake, "v2"), "v2", &poll());
    let mut cursor = None;
    assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["A", "Z"]);
    fake.put("B", "20261123100001");
    assert_eq!(values(&take(&*polled, &mut cursor).await, "Id"), ["B"]);
}

#[tokio::test]
async fn the_first_reading_begins_where_the_file_says() {
    let fake = Fake::start().await;
    fake.put("A", "20251231235959");
    fake.put("B", "20260101000000");
    let mut settings = poll();
    settings["since"] = "2026-01-01T01:00:00+01:00".into();
    settings["filter"] = "Plant eq '1000' or Plant eq 'A&B'".into();
    settings["expand"] = serde_json::json!(["to_Item", "to_Op/to_Tool"]);
    let polled = source(&url(&fake, "v4"), "v4", &settings);
    assert_eq!(values(&take(&*polled, &mut None).await, "Id"), ["B"]);
    let asked = fake.held.lock().expect("lock").asked[0].clone();
    assert_eq!(
        asked,
        "/v4/Orders?$orderby=Changed,Id&$top=100&$filter=Changed ge '20260101000000' and (Plant eq '1000' or Plant eq \
         'A&B')&$expand=to_Item,to_Op($expand=to_Tool)"
    );
}

#[tokio::test]
async fn a_cursor_of_another_kind_is_told_and_not_guessed() {
    let fake = Fake::start().await;
    let polled = source(&url(&fake, "v2"), "v2", &poll());
    let fault = polled.receive(Some(Cursor(b"offset 7".to_vec()))).await.expect_err("refused");
    assert_eq!(fault.code, Code::StoreDamaged);
}
