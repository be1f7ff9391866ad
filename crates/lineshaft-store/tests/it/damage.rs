//! Damage is found and told, and nothing is served that is not what was stored (RS3): documents, pages, the log, the file
//! itself. SQLite only, as the tools are.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lineshaft_model::ids::{DeliveryId, TransactionId};
use lineshaft_model::random::{Rng as _, SeededRng};
use lineshaft_model::time::Clock;
use lineshaft_store::check::check_directory;
use lineshaft_store::payload::Unreadable;
use lineshaft_store::read::expiring::Kept;
use lineshaft_store::salvage::salvage;
use lineshaft_store::{Change, Store, StoreError};
use rusqlite::Connection;

use crate::scene::{HandClock, Scene, part};

fn open(directory: &Path, clock: &Arc<HandClock>) -> Result<Store, StoreError> {
    Store::open(directory, Arc::clone(clock) as Arc<dyn Clock>, &SeededRng::new(2))
}

async fn accepted(scene: &Scene, orders: u32) -> Vec<TransactionId> {
    let mut ids = Vec::new();
    for order in 0..orders {
        let accept = scene.accept(vec![part(&order.to_string())]);
        ids.push(accept.parts[0].id);
        scene.commit(Change::Accept(Box::new(accept))).await;
    }
    ids
}

/// Every file of a data directory but its lock.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("lists") {
        let entry = entry.expect("entry");
        if entry.file_name() != "lineshaft.lock" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
        }
    }
}

fn flip(path: &Path, at: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("opens");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("reads");
    file.write_all_at(&[byte[0] ^ 0x41], at).expect("writes");
}

fn damage_document(database: &Path, payload: i64) {
    let connection = Connection::open(database).expect("opens");
    let changed = connection
        .execute("UPDATE payloads SET bytes = CAST(x'0000000000' || substr(bytes, 6) AS BLOB) WHERE id = ?1", [payload])
        .expect("damages");
    assert_eq!(changed, 1);
}

/// Overwrites the root page of a table or index.
fn damage_page_of(database: &Path, name: &str) {
    let connection = Connection::open(database).expect("opens");
    let root: i64 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [name], |row| row.get(0))
        .expect("known");
    let size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).expect("known");
    drop(connection);
    let file = std::fs::OpenOptions::new().write(true).open(database).expect("opens");
    let (root, size) = (u64::try_from(root).expect("a page"), u64::try_from(size).expect("a size"));
    file.write_all_at(&[0xff; 64], (root - 1) * size).expect("writes");
}

#[tokio::test]
async fn rs3_a_damaged_document_is_set_aside_and_the_others_are_served() {
    let scene = Scene::new();
    let ids = accepted(&scene, 3).await;
    for id in &ids {
        scene.deliver(DeliveryId::of(*id, "erp/confirmation")).await;
    }
    let clock = Arc::clone(&scene.clock);
    let directory = scene.close();
    damage_document(&directory.path().join("lineshaft.db"), 3);
    let store = open(directory.path(), &clock).expect("opens");
    let received = |id: &TransactionId| {
        let row = store.transaction(*id).expect("reads").expect("there");
        store.documents(&row).expect("reads").expect("there").received
    };
    assert_eq!(received(&ids[1]), Err(Unreadable::Damaged));
    assert!(received(&ids[0]).is_ok() && received(&ids[2]).is_ok());
    assert_eq!(store.found_damaged(), [3]);
    store.commit(vec![Change::SetAside(vec![3])]).await.expect("commits");
    let report = store.check().expect("checks");
    assert!(!report.is_sound() && report.pages.is_empty() && report.differences.is_empty(), "{report:?}");
    let found = &report.damaged[0];
    assert_eq!((report.payloads, report.damaged.len(), found.payload, found.needed), (6, 1, 3, false));
    assert_eq!((found.interface.as_str(), &found.transactions[..]), ("mes/completion", &ids[1..2]));
    assert_eq!(store.damaged().expect("reads"), 1);
    assert!(!store.failed(), "a document is not the database");
    // It is kept as long as what tells whose it is.
    clock.advance(Duration::from_secs(401 * 24 * 3600));
    let before = clock.now().before(Duration::from_secs(400 * 24 * 3600));
    for (kept, removed) in [(Kept::Payloads, 5), (Kept::Tracking, 3)] {
        let look = store.expired(kept, before, &Default::default()).expect("looks");
        let effects = store.commit(vec![Change::Expire(look.expire.expect("some"))]).await.expect("commits");
        assert_eq!(*effects, [lineshaft_store::Effect::Expired { removed, complete: true }], "{kept:?}");
    }
    assert_eq!(store.damaged().expect("reads"), 0);
}

#[tokio::test]
async fn rs3_a_damaged_page_stops_the_node_and_is_not_met_again_by_a_restart() {
    let scene = Scene::new();
    let ids = accepted(&scene, 200).await;
    let clock = Arc::clone(&scene.clock);
    let directory = scene.close();
    let database = directory.path().join("lineshaft.db");
    damage_page_of(&database, "deliveries");
    let store = open(directory.path(), &clock).expect("the damage was not met yet");
    let read = store.delivery(DeliveryId::of(ids[7], "erp/confirmation"));
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    assert!(store.failed());
    let refused = store.commit(vec![Change::Process(ids[0])]).await;
    assert_eq!(refused.err(), Some(StoreError::Stopped));
    drop(store);
    let again = open(directory.path(), &clock).err();
    assert!(matches!(&again, Some(StoreError::Corrupt(cause)) if cause.contains("lineshaft.damaged")), "{again:?}");
    let report = check_directory(directory.path()).expect("checks");
    assert!(report.pages.len() > 1 && report.books.is_none(), "{report:?}");
    std::fs::remove_file(directory.path().join("lineshaft.damaged")).expect("removes");
    assert!(open(directory.path(), &clock).is_ok(), "a person decided");
}

#[tokio::test]
async fn rs3_salvage_copies_what_is_readable_and_lists_the_rest() {
    let scene = Scene::new();
    let ids = accepted(&scene, 300).await;
    let clock = Arc::clone(&scene.clock);
    let directory = scene.close();
    let database = directory.path().join("lineshaft.db");
    damage_document(&database, 5);
    let whole = tempfile::tempdir().expect("directory");
    let salvaged = salvage(directory.path(), &whole.path().join("to"), &*clock, &SeededRng::new(3)).expect("salvages");
    assert!(salvaged.tables.iter().all(|table| table.lost.is_empty()), "{salvaged:?}");
    assert_eq!((salvaged.report.damaged.len(), salvaged.report.differences.len()), (1, 0), "{:?}", salvaged.report);
    let store = open(&whole.path().join("to"), &clock).expect("opens");
    assert_eq!(store.conservation().expect("reads").transactions, 300);
    assert_eq!((store.books().expect("reads").delta(), store.damaged().expect("reads")), (0, 1));
    assert!(store.transaction(ids[299]).expect("reads").is_some());
    drop(store);

    damage_page_of(&database, "attempts");
    damage_page_of(&database, "lineage");
    let before = std::fs::read(&database).expect("reads");
    let part_of_it = tempfile::tempdir().expect("directory");
    let to = part_of_it.path().join("to");
    let salvaged = salvage(directory.path(), &to, &*clock, &SeededRng::new(3)).expect("salvages");
    let lost: Vec<&str> =
        salvaged.tables.iter().filter(|table| !table.lost.is_empty()).map(|table| table.name.as_str()).collect();
    assert_eq!(lost, ["attempts", "lineage"], "{salvaged:?}");
    assert!(!salvaged.is_whole());
    assert_eq!(std::fs::read(&database).expect("reads"), before, "the original is as it was");
    assert!(salvage(directory.path(), &to, &*clock, &SeededRng::new(3)).is_err(), "nothing is written over");
    assert_eq!(open(&to, &clock).expect("opens").books().expect("reads").transactions, 300);
}

#[tokio::test]
async fn rs3_a_lost_log_is_noticed_and_a_whole_one_is_not() {
    let scene = Scene::new();
    accepted(&scene, 20).await;
    // As after a kill: the log is not in the database file yet.
    let killed = tempfile::tempdir().expect("directory");
    copy(scene.directory.path(), killed.path());
    let log = killed.path().join("lineshaft.db-wal");
    let bytes = std::fs::read(&log).expect("there is a log");
    let opened = |directory: &Path| open(directory, &scene.clock).err();
    let missing = |error: Option<StoreError>| {
        assert!(
            matches!(&error, Some(StoreError::Corrupt(cause)) if cause.contains("commits are missing")),
            "{error:?}"
        );
    };
    std::fs::write(&log, &bytes[..bytes.len() / 2]).expect("cuts");
    missing(opened(killed.path()));
    std::fs::write(&log, &bytes).expect("writes");
    flip(&log, bytes.len() as u64 - 2000);
    missing(opened(killed.path()));
    std::fs::write(&log, &bytes).expect("writes");
    assert_eq!(opened(killed.path()), None, "with its whole log it is whole");

    let gone = tempfile::tempdir().expect("directory");
    let earlier = Scene::new().close();
    for file in ["lineshaft.db", "lineshaft.mark"] {
        let from = if file.ends_with("db") { earlier.path() } else { scene.directory.path() };
        std::fs::copy(from.join(file), gone.path().join(file)).expect("copies");
    }
    missing(opened(gone.path()));
    assert!(check_directory(gone.path()).expect("checks").pages[0].contains("commits are missing"));
    std::fs::remove_file(gone.path().join("lineshaft.mark")).expect("a person decides");
    assert_eq!(opened(gone.path()), None);
}

#[tokio::test]
async fn rs3_a_file_cut_at_any_place_is_told_and_never_believed() {
    let scene = Scene::new();
    accepted(&scene, 50).await;
    let clock = Arc::clone(&scene.clock);
    let directory = scene.close();
    let bytes = std::fs::read(directory.path().join("lineshaft.db")).expect("reads");
    for eighth in 0..8 {
        let cut = tempfile::tempdir().expect("directory");
        copy(directory.path(), cut.path());
        std::fs::write(cut.path().join("lineshaft.db"), &bytes[..bytes.len() * eighth / 8]).expect("cuts");
        let told = check_directory(cut.path()).map(|report| report.is_sound());
        assert_ne!(told, Ok(true), "{eighth} eighths");
        let books = open(cut.path(), &clock).and_then(|store| store.conservation());
        assert!(books.is_err(), "{eighth} eighths: {books:?}");
    }
}

#[tokio::test]
async fn rs3_a_flipped_byte_anywhere_never_yields_another_document() {
    let scene = Scene::new();
    let ids = accepted(&scene, 30).await;
    let clock = Arc::clone(&scene.clock);
    let directory = scene.close();
    let size = std::fs::metadata(directory.path().join("lineshaft.db")).expect("there").len();
    let rng = SeededRng::new(11);
    let (mut noticed, mut tried) = (0, 0);
    while tried < 120 {
        let at = rng.next_u64() % size;
        let damaged = tempfile::tempdir().expect("directory");
        copy(directory.path(), damaged.path());
        flip(&damaged.path().join("lineshaft.db"), at);
        tried += 1;
        let sound = check_directory(damaged.path()).map(|report| report.is_sound());
        noticed += u32::from(sound != Ok(true));
        let Ok(store) = open(damaged.path(), &clock) else { continue };
        for id in &ids {
            let Ok(Some(row)) = store.transaction(*id) else { continue };
            let Ok(Some(documents)) = store.documents(&row) else { continue };
            let served = documents.received;
            assert!(served == Ok(b"{}".to_vec()) || served.is_err(), "byte {at}: {served:?}");
        }
    }
    assert!(noticed > 0, "the check notices some; tracking rows have no checksum");
}

#[tokio::test]
async fn rs3_a_row_that_cannot_be_read_stays_and_cleaning_up_goes_on_around_it() {
    let scene = Scene::new();
    let ids = accepted(&scene, 3).await;
    for id in &ids {
        scene.deliver(DeliveryId::of(*id, "erp/confirmation")).await;
    }
    let clock = Arc::clone(&scene.clock);
    let directory = scene.close();
    let damage = Connection::open(directory.path().join("lineshaft.db")).expect("opens");
    let id = ids[1].as_bytes().as_slice();
    damage.execute("UPDATE transactions SET keys = 'no list' WHERE id = ?1", [id]).expect("damages");
    drop(damage);
    let store = open(directory.path(), &clock).expect("opens");
    clock.advance(Duration::from_secs(401 * 24 * 3600));
    let before = clock.now().before(Duration::from_secs(400 * 24 * 3600));
    let look = store.expired(Kept::Tracking, before, &Default::default()).expect("looks");
    store.commit(vec![Change::Expire(look.expire.expect("some"))]).await.expect("commits");
    let books = store.conservation().expect("reads");
    assert_eq!((books.transactions, books.gone.transactions, books.delta()), (1, 2, 0));
    assert!(!store.failed());
}

#[tokio::test]
async fn a_line_that_waits_for_nothing_is_told_and_goes_on() {
    let scene = Scene::new();
    let (first, second) = (scene.post("1").await, scene.post("1").await);
    scene.deliver(first).await;
    let clock = Arc::clone(&scene.clock);
    let directory = scene.close();
    Connection::open(directory.path().join("lineshaft.db"))
        .expect("opens")
        .execute_batch(
            "UPDATE deliveries SET state = 'behind', next_at = NULL WHERE state = 'pending';
             UPDATE counts SET live = live + 1 WHERE what = 'deliveries' AND state = 'behind';
             UPDATE counts SET live = live - 1 WHERE what = 'deliveries' AND state = 'pending';",
        )
        .expect("writes");
    let store = open(directory.path(), &clock).expect("opens");
    let report = store.check().expect("checks");
    assert!(!report.is_sound() && report.pages.is_empty(), "{report:?}");
    assert!(report.differences.len() == 1 && report.differences[0].contains("erp/1 to erp"), "{report:?}");
    let lines = store.stalled(10).expect("looks");
    let effects = store.commit(vec![Change::Advance(lines)]).await.expect("commits");
    assert!(
        matches!(&effects[..], [lineshaft_store::Effect::LetGo { due, complete: true }] if due[0].delivery == second),
        "{effects:?}"
    );
    assert!(store.check().expect("checks").is_sound());
}
