//! What was in work when a life of the node ended comes again: it is stored first, and is as good as any other (OT6, OT9,
//! OT11).

use lineshaft_standin::sink::Class;
use lineshaft_store::in_work::InWork;

use crate::plant::{Plant, T1};

const BODY: &str = r#"{"order":"K1","seq":1,"material":"M1"}"#;

/// The same fields, other bytes.
const ALIKE: &str = r#"{"order":"K1", "seq":1, "material":"M1"}"#;

/// A plant whose last life ended `times` times while `BODY` was in work.
async fn plant(times: usize) -> Plant {
    let plant = Plant::new(Class::T1, T1).await;
    let fields = "idempotency: { key: header, same_when: [.order, .seq] }\n    site";
    let edit = ("systems/source.yaml", "idempotency: { key: header }\n    site", fields);
    let plant = plant.restart_with(&[edit]).await;
    plant
        .restart_after(&[], |data| {
            for _ in 0..times {
                let in_work = InWork::open(data);
                std::mem::forget(in_work.note("source/completion", BODY.as_bytes()));
            }
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot9_a_suspect_that_is_harmless_is_delivered_in_its_place_and_known_when_it_is_repeated() {
    let plant = plant(1).await;
    let (status, receipt) = plant.send_body("a", BODY).await;
    assert_eq!(status, 202, "{receipt}");
    assert_eq!(plant.send("K1", 2, "b").await.0, 202);
    plant.until_delivered(2).await;
    let sink = std::fs::read_to_string(plant.directory.path().join("sink.jsonl")).expect("reads");
    let seqs: Vec<_> = sink.lines().map(|line| line.contains("\"seq\":1")).collect();
    assert_eq!(seqs, [true, false], "{sink}");
    // Acquitted, and processed as any other.
    for body in [BODY, ALIKE] {
        assert_eq!(plant.send_body("a", body).await, (202, receipt.clone()));
    }
    assert_eq!(plant.send_body("c", BODY).await.0, 202);
    plant.until_delivered(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot11_one_that_ended_two_lives_is_not_even_read_before_it_is_stored() {
    let plant = plant(2).await;
    assert_eq!(plant.send_body("a", BODY).await.0, 202);
    plant.until_delivered(1).await;
    assert_eq!(plant.send_body("b", BODY).await.0, 202);
    plant.until_delivered(2).await;
    assert_eq!(plant.books().intakes, 2);
}
