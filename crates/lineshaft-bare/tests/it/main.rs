//! The loop does the work that the node is compared with: it posts the documents that the node would send, each once,
//! and has them on disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use lineshaft_bare::Bare;
use lineshaft_bare::setup::{Setup, TAKEN, materials, project};
use lineshaft_bare::store::stored;
use lineshaft_flow::process::{Ground, Work, process};
use lineshaft_flow::project::Project;
use lineshaft_model::catalog::Catalog;
use lineshaft_model::ids::IntakeId;
use lineshaft_model::intake::Received;
use lineshaft_model::plan;
use lineshaft_model::time::Timestamp;
use lineshaft_standin::load::{self, Load};
use lineshaft_standin::sink::{Class, Effect, Sink, sha256_hex};

/// The project of the bench, and two of its materials.
fn ground() -> (Project, Arc<Catalog>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/bench/project");
    let records = br#"{"records":[
        {"material":"481516","base_unit":"PCE","name":"Pump housing","group":"FERT","units":[]},
        {"material":"300200","base_unit":"GRM","name":"PP granulate","group":"ROH","units":[]}]}"#;
    (project(&directory).unwrap(), materials(records).unwrap())
}

/// What the node sends for a document: the whole path, checks, routing and all.
fn sent_by_the_node(project: &Project, catalog: &Arc<Catalog>, body: &[u8]) -> Vec<u8> {
    let received = Received {
        body: body.to_vec(),
        content_type: "application/json".to_owned(),
        idempotency_key: None,
        traceparent: None,
        origin: String::new(),
    };
    let work = Work { id: IntakeId::from_bytes([7; 16]), received_at: Timestamp::from_micros(0), received: &received };
    let processed = process(Ground { project, catalog }, &project.emits[TAKEN], work);
    let Ok(plan::Plan::Event { deliveries, .. }) = &processed.parts[0].result else { panic!("{processed:?}") };
    let [plan::PlannedDelivery { work: plan::Work::Send(rendered), .. }] = deliveries.as_slice() else {
        panic!("{deliveries:?}")
    };
    rendered.body.clone()
}

#[tokio::test]
async fn what_is_acknowledged_is_stored_and_posted_once_as_the_node_would_send_it() {
    const COUNT: usize = 300;
    let scratch = tempfile::tempdir().unwrap();
    let (project, catalog) = ground();
    let any = "127.0.0.1:0".parse().unwrap();
    let history = scratch.path().join("sink.jsonl");
    let sink = Sink::start(any, Class::T1, &history, None).await.unwrap();
    let setup = Setup::of(&project, Arc::clone(&catalog), &scratch.path().join("data")).unwrap();
    let setup = Setup { listen: any, receiver: format!("{}/completion", sink.server().url()), ..setup };
    let data = setup.data.clone();
    let bare = Bare::start(setup).await.unwrap();

    let url = format!("http://{}/in/source/completion", bare.address());
    let load = Load { transactions: COUNT as u64, keys: 40, ..Load::new(&url, scratch.path().join("load.jsonl")) };
    assert_eq!(load::run(load).await.unwrap().ok, COUNT as u64);
    // Acknowledged, so on disk, whatever is posted by now.
    let stored = stored(&data).unwrap();
    assert_eq!(stored.len(), COUNT);
    assert_eq!(bare.finish().await, Ok(COUNT as u64));

    let lines = std::fs::read_to_string(&history).unwrap();
    let effects = lines.lines().map(|line| serde_json::from_str::<Effect>(line).unwrap());
    let mut posted: Vec<_> = effects.map(|effect| (effect.idem, effect.sha256)).collect();
    let wanted = |(key, body): &(String, Vec<u8>)| {
        (key.clone(), sha256_hex(&Bytes::from(sent_by_the_node(&project, &catalog, body))))
    };
    let mut wanted: Vec<_> = stored.iter().map(wanted).collect();
    posted.sort();
    wanted.sort();
    assert_eq!(posted, wanted);
}

#[test]
fn a_document_is_mapped_in_and_out() {
    let (project, catalog) = ground();
    let body = br#"{"id":"L-1","order":"LK1","seq":1,"operation":"0010","plant":"DE10","material":"481516","good":95,
        "scrap":3,"unit":"PCE","finished_at":"2026-11-23T10:31:04+01:00","final":false,"text":"",
        "components":[{"material":"300200","batch":"B0001","quantity":24.5,"unit":"kg"}]}"#;
    let maps = lineshaft_bare::maps::Maps::of(&project, Arc::clone(&catalog)).unwrap();
    let posted = String::from_utf8(maps.document(body).unwrap()).unwrap();
    assert_eq!(posted.as_bytes(), sent_by_the_node(&project, &catalog, body));
    // Names of the receiver, a unit converted, a name looked up, a date in the receiver's way of writing.
    for part in ["\"MaterialName\":\"Pump housing\"", "\"QuantityInEntryUnit\":\"24500.000\"", "\"/Date("] {
        assert!(posted.contains(part), "{part} in {posted}");
    }
}

#[tokio::test]
async fn what_cannot_be_mapped_ends_the_loop() {
    let scratch = tempfile::tempdir().unwrap();
    let (project, _) = ground();
    let any = "127.0.0.1:0".parse().unwrap();
    let setup = Setup::of(&project, Arc::new(Catalog::default()), scratch.path()).unwrap();
    let mut bare = Bare::start(Setup { listen: any, ..setup }).await.unwrap();
    let url = format!("http://{}/in/source/completion", bare.address());
    let load = Load { transactions: 1, ..Load::new(&url, scratch.path().join("load.jsonl")) };
    assert_eq!(load::run(load).await.unwrap().ok, 1);
    let why = bare.failed().await;
    assert!(why.starts_with("L-00000000: ") && why.contains("481516"), "{why}");
}
