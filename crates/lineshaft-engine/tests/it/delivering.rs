//! Everything arrives once and in order, whatever the target does (OT1, OT2, OT4, OT6, OT7, OT8, OT9, MD8).

use std::time::Duration;

use lineshaft_standin::load::{Load, run};
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::Class;

use crate::plant::{Plant, T1, T3, post};

async fn under(class: Class, repeat: &str, faults: &[Fault]) {
    let plant = Plant::new(class, repeat).await;
    for fault in faults {
        plant.sink.server().fault(fault.clone());
    }
    let load = Load {
        transactions: 600,
        keys: 40,
        connections: 16,
        ..Load::new(&plant.url(), plant.directory.path().join("load.jsonl"))
    };
    run(load).await.expect("load runs");
    plant.sink.server().clear_faults();
    plant.until_delivered(600).await;
    let verdict = plant.verdict();
    assert!(verdict.good(), "{}", verdict.to_json());
    plant.books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_once_and_in_order() {
    under(Class::T1, T1, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_answers_lost_after_the_effect_repeat_harmlessly_at_t1() {
    under(Class::T1, T1, &[Fault::new(Kind::ApplyThenDrop).share(0.2)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_answers_lost_after_the_effect_are_asked_for_at_t3() {
    under(Class::T3, T3, &[Fault::new(Kind::ApplyThenDrop).share(0.1).path("/completion")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_an_answer_lost_before_a_late_effect_is_not_posted_twice_at_t3() {
    under(Class::T3, T3, &[Fault::new(Kind::DropThenApply).times(5).ms(100).path("/completion")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_a_plain_503_is_asked_about_at_t3_and_sent_again_once_it_is_absent() {
    under(Class::T3, T3, &[Fault::new(Kind::Http503).share(0.1).path("/completion")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unwell_target_costs_time_and_nothing_else() {
    let unwell = [
        Fault::new(Kind::Http503).share(0.1),
        Fault::new(Kind::Http429).times(3),
        Fault::new(Kind::Reset).share(0.05),
        Fault::new(Kind::WrongType).times(5),
        Fault::new(Kind::Slow).share(0.1).ms(30),
    ];
    under(Class::T1, T1, &unwell).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_down_burns_no_attempts() {
    let plant = Plant::new(Class::T1, T1).await;
    plant.sink.server().go_down(None);
    for seq in 1..=20 {
        assert_eq!(plant.send(&format!("K{}", seq % 4), seq, &format!("k{seq}")).await.0, 202);
    }
    let store = &plant.node.shared().store;
    let tried = || {
        store
            .due("sink", &["sink/completion"], lineshaft_model::time::Timestamp::from_micros(i64::MAX), 100)
            .expect("reads")
    };
    plant.until("several tries", || tried().iter().map(|row| row.tried).sum::<u32>() >= 6).await;
    assert!(tried().iter().all(|row| row.attempts == 0), "{:?}", tried());
    plant.sink.server().go_up();
    plant.until_delivered(20).await;
    assert_eq!(plant.sink.effects(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot9_a_repeat_gets_the_same_receipt_and_other_content_is_refused() {
    let plant = Plant::new(Class::T1, T1).await;
    let (status, receipt) = plant.send("K1", 1, "same").await;
    assert_eq!(status, 202, "{receipt}");
    let (again, repeated) = plant.send("K1", 1, "same").await;
    assert!(again == 202 || again == 200, "{again} {repeated}");
    let id = |text: &str| text.split('"').find(|part| part.len() == 36).map(str::to_owned).expect("an id");
    assert_eq!(id(&receipt), id(&repeated));
    let (other, problem) = plant.send("K1", 2, "same").await;
    assert_eq!(other, 409);
    assert!(problem.contains("RECEIVE-003"), "{problem}");
    plant.until_delivered(1).await;
    assert_eq!(plant.books().transactions, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn md8_an_unknown_reference_holds_back_its_key_and_is_released_when_it_arrives() {
    let plant = Plant::new(Class::T1, T1).await;
    plant.send_body("a", r#"{"order":"K1","seq":1,"material":"NEW"}"#).await;
    plant.send("K1", 2, "b").await;
    plant.send("K2", 1, "c").await;
    plant.until_delivered(1).await;
    let waiting = plant.exceptions();
    assert_eq!((waiting.len(), waiting[0].behind), (1, 1));
    assert_eq!(waiting[0].fault.as_ref().map(|fault| fault.code.as_str()), Some("MAP-002"));
    post(plant.node.inbound(), "/in/source/material", "m", r#"{"material":"NEW","text":"new part"}"#).await;
    plant.until_delivered(3).await;
    assert!(plant.exceptions().is_empty());
    let sink = std::fs::read_to_string(plant.directory.path().join("sink.jsonl")).expect("history");
    let of_first_key: Vec<&str> = sink.lines().filter(|line| line.contains("\"K1\"")).collect();
    assert_eq!(of_first_key.len(), 2);
    assert!(of_first_key[0].contains("\"seq\":1") && of_first_key[1].contains("\"seq\":2"), "{sink}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_documents_are_kept_and_stop_nothing_beside_them() {
    let plant = Plant::new(Class::T1, T1).await;
    let bad = [
        "{\"order\":",
        "{\"order\":\"K1\",\"order\":\"K2\"}",
        "[]",
        "{\"seq\":1}",
        "\u{feff}",
        "{\"order\":\"K1\",\"seq\":1}}",
    ];
    for (at, body) in bad.iter().enumerate() {
        assert_eq!(plant.send_body(&format!("bad{at}"), body).await.0, 202, "{body}");
    }
    plant.send("K9", 1, "good").await;
    plant.until_delivered(1).await;
    assert_eq!(plant.exceptions().len(), bad.len());
    for exception in plant.exceptions() {
        let transaction = plant.node.shared().store.transaction(exception.transaction).expect("reads").expect("there");
        let documents = plant.node.shared().store.documents(&transaction).expect("reads").expect("there");
        assert!(bad.iter().any(|body| documents.received.as_deref() == Ok(body.as_bytes())), "the original is kept");
        assert!(exception.fault.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_past_the_limit_is_refused_before_it_is_held() {
    let plant = Plant::new(Class::T1, T1).await;
    // It claims to be too long, and is refused by its claim.
    let (status, problem) = crate::plant::claim(plant.node.inbound(), "/in/source/completion", 11 * 1024 * 1024).await;
    assert_eq!(status, 413);
    assert!(problem.contains("RECEIVE-001"), "{problem}");
    assert_eq!(plant.books().intakes, 0);
    tokio::time::timeout(Duration::from_secs(5), plant.send("K1", 1, "after")).await.expect("goes on");
}
