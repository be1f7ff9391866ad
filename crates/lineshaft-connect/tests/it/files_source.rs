//! Files are taken once, whole, in order, whatever stands between them (IN-1, IN-2, IN-8).

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use flate2::{Compression, write::GzEncoder};
use lineshaft_connect::contract::{Batch, Cursor, Reply, ReplyKind, Source};
use lineshaft_model::fault::{Code, Fault};
use serde_json::json;

use crate::exchange::{Exchange, Hands, content, is_root, renamed, take, with};

fn key(batch: &Batch) -> String {
    batch.intakes[0].idempotency_key.clone().expect("a key")
}

async fn refuse(source: &dyn Source, batch: &Batch, code: Code) {
    source.settle(batch.id, Err(Fault::new(code, "for a reason"))).await.expect("settles");
}

#[tokio::test]
async fn a_file_is_taken_when_it_has_stayed_the_same_for_long_enough() {
    let clock = Arc::new(Hands::default());
    let exchange = Exchange { clock: Some(Arc::clone(&clock)), ..Exchange::new(&["out"]) };
    let source = exchange.source(&with("out", &json!({ "complete": { "stable_for": "5s" } })));
    exchange.write("out/a.csv", "half");
    let taken = tokio::spawn(async move { source.receive(None).await.expect("batch") });
    clock.looked().await;
    clock.turn(Duration::from_secs(4));
    clock.looked().await;
    assert!(!taken.is_finished(), "too early");
    exchange.write("out/a.csv", "whole");
    clock.looked().await;
    clock.turn(Duration::from_secs(4));
    clock.looked().await;
    assert!(!taken.is_finished(), "it has changed since");
    clock.turn(Duration::from_secs(1));
    assert_eq!(content(&taken.await.expect("taken")), "whole");
}

#[tokio::test]
async fn a_marker_says_that_a_file_is_complete_and_goes_with_it() {
    let exchange = Exchange::new(&["out"]);
    let source = exchange.source(&with("out", &json!({ "complete": { "marker": ".done" } })));
    for (file, text) in [("a.csv", "written"), ("b.csv", "complete"), ("b.csv.done", "")] {
        exchange.write(&format!("out/{file}"), text);
    }
    let mut cursor = None;
    assert_eq!(content(&take(&*source, &mut cursor).await), "complete");
    assert_eq!(exchange.names("out"), ["a.csv", "done"]);
    exchange.write("out/a.csv.done", "");
    assert_eq!(content(&take(&*source, &mut cursor).await), "written");
    assert_eq!(exchange.names("out"), ["done"]);
    assert_eq!(exchange.names("out/done"), ["a.csv", "b.csv"]);
}

#[tokio::test]
async fn names_decide_what_is_taken_and_in_which_order() {
    let exchange = Exchange::new(&["out"]);
    for name in ["10.xml", "9.xml", "b.csv", ".c.xml", "d.xml.tmp", "e.xml.part", "Köln 1.xml", ".xml"] {
        exchange.write(&format!("out/{name}"), name);
    }
    let source = exchange.source(&with("out", &json!({ "pattern": "*.xml" })));
    let mut cursor = None;
    for name in ["10.xml", "9.xml", "Köln 1.xml"] {
        let batch = take(&*source, &mut cursor).await;
        assert_eq!((content(&batch), batch.intakes[0].origin.clone()), (name, format!("out/{name}")));
    }
    assert_eq!(exchange.names("out"), [".c.xml", ".xml", "b.csv", "d.xml.tmp", "done", "e.xml.part"]);
}

#[tokio::test]
async fn files_can_be_taken_by_their_time() {
    let exchange = Exchange::new(&["out"]);
    for (name, age) in [("a", 10), ("b", 30), ("c", 20), ("d", 20)] {
        exchange.write(&format!("out/{name}"), name);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 - age);
        File::open(exchange.path(&format!("out/{name}"))).expect("opens").set_modified(then).expect("sets");
    }
    let source = exchange.source(&with("out", &json!({ "order": "modified" })));
    let (mut cursor, mut seen) = (None, String::new());
    for _ in 0..4 {
        seen += content(&take(&*source, &mut cursor).await);
    }
    assert_eq!(seen, "bcda");
}

#[tokio::test]
async fn nothing_in_done_is_ever_overwritten() {
    let exchange = Exchange::new(&["out"]);
    let source = exchange.source(&renamed("out"));
    let mut cursor = None;
    for text in ["one", "two", "three"] {
        exchange.drop_in("out/a.csv", text);
        assert_eq!(content(&take(&*source, &mut cursor).await), text);
    }
    let names = exchange.names("out/done");
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.starts_with("a.csv")), "{names:?}");
    let mut texts: Vec<String> = names.iter().map(|name| exchange.read(&format!("out/done/{name}"))).collect();
    texts.sort();
    assert_eq!(texts, ["one", "three", "two"]);
}

#[tokio::test]
async fn the_key_of_a_repeat_is_the_name_with_the_content_and_the_time_where_it_is_declared() {
    let exchange = Exchange::new(&["out"]);
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for (known_by, again_same, again_other_time) in
        [("name-and-content", true, true), ("name-content-and-time", true, false)]
    {
        let source = exchange.source(&with("out", &json!({ "known_by": known_by })));
        let mut cursor = None;
        let mut keys = Vec::new();
        for (name, text, time) in
            [("a", "x", then), ("a", "x", then), ("a", "x", SystemTime::UNIX_EPOCH), ("a", "y", then), ("b", "x", then)]
        {
            exchange.write(&format!("out/{name}.tmp"), text);
            File::open(exchange.path(&format!("out/{name}.tmp"))).expect("opens").set_modified(time).expect("sets");
            std::fs::rename(exchange.path(&format!("out/{name}.tmp")), exchange.path(&format!("out/{name}"))).unwrap();
            keys.push(key(&take(&*source, &mut cursor).await));
        }
        assert_eq!(keys[0] == keys[1], again_same, "{known_by}: the same file, put back");
        assert_eq!(keys[0] == keys[2], again_other_time, "{known_by}: the same, written anew");
        assert_ne!(keys[0], keys[3], "other content is another document");
        assert_ne!(keys[0], keys[4], "another name is another document");
        exchange.remove("out/done");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_between_good_files_stops_none_of_them() {
    let exchange = Exchange::new(&["out", "elsewhere", "out/c-directory"]);
    exchange.write("elsewhere/secret", "not ours");
    exchange.write("out/a-good", "1");
    exchange.link("../elsewhere/secret", "out/b-link");
    exchange.link("b-loop", "out/b-loop");
    exchange.link("nowhere", "out/b-nowhere");
    exchange.pipe("out/d-pipe");
    exchange.write("out/e-large", &"x".repeat(101));
    exchange.write("out/f-empty", "");
    exchange.write("out/g-good", "2");
    exchange.write("out/h-line\nend", "no");
    {
        use std::os::unix::ffi::OsStrExt;
        let odd = std::ffi::OsStr::from_bytes(b"i-\xff");
        File::create(exchange.path("out").join(odd)).expect("a name that is not UTF-8");
    }
    exchange.write("out/j-good", &"y".repeat(100));
    let source = exchange.source(&with("out", &json!({ "file_bytes_max": 100 })));
    let mut cursor = None;
    for expected in ["1", "", "2", &"y".repeat(100)] {
        assert_eq!(content(&take(&*source, &mut cursor).await), expected);
    }
    assert_eq!(exchange.names("out/done"), ["a-good", "f-empty", "g-good", "j-good"]);
    assert_eq!(exchange.names("out/failed"), ["e-large", "e-large.reason.txt"]);
    let reason = exchange.read("out/failed/e-large.reason.txt");
    assert!(reason.contains("RECEIVE-001") && reason.contains("file_bytes_max"), "{reason}");
    let left = exchange.names("out");
    let stays =
        ["b-link", "b-loop", "b-nowhere", "c-directory", "d-pipe", "done", "failed", "h-line\nend", "i-\u{fffd}"];
    assert_eq!(left, stays, "told, and left where it is");
    assert_eq!(exchange.read("elsewhere/secret"), "not ours");
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_taken_when_it_may() {
    use std::os::unix::fs::PermissionsExt;
    if is_root() {
        println!("SKIP: no permission binds this user");
        return;
    }
    let exchange = Exchange::new(&["out"]);
    exchange.write("out/a", "closed");
    exchange.write("out/b", "open");
    let may = |mode| std::fs::set_permissions(exchange.path("out/a"), PermissionsExt::from_mode(mode)).expect("sets");
    may(0o000);
    let source = exchange.source(&renamed("out"));
    let mut cursor = None;
    assert_eq!(content(&take(&*source, &mut cursor).await), "open");
    may(0o600);
    assert_eq!(content(&take(&*source, &mut cursor).await), "closed");
    // A directory in which nothing can be moved: the document is stored, and nothing further is taken until it is moved.
    exchange.drop_in("out/c", "c");
    exchange.drop_in("out/d", "d");
    let batch = source.receive(cursor.clone()).await.expect("batch");
    let lock = |mode| std::fs::set_permissions(exchange.path("out"), PermissionsExt::from_mode(mode)).expect("sets");
    lock(0o500);
    let told = source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect_err("it cannot be moved");
    assert_eq!(told.code, Code::ReceiveFile);
    assert_eq!(source.receive(batch.cursor.clone()).await.expect_err("nor now").code, Code::ReceiveFile);
    lock(0o700);
    assert_eq!(content(&take(&*source, &mut cursor).await), "d", "c was stored before");
    assert_eq!(exchange.names("out"), ["done"]);
}

#[tokio::test]
async fn a_refused_file_goes_aside_with_its_reason_and_a_full_store_leaves_it() {
    let exchange = Exchange::new(&["out"]);
    let source = exchange.source(&renamed("out"));
    for name in ["a", "b", "c"] {
        exchange.drop_in(&format!("out/{name}"), name);
    }
    let first = source.receive(None).await.expect("batch");
    refuse(&*source, &first, Code::ReceiveStoreUnavailable).await;
    let again = source.receive(None).await.expect("batch");
    assert_eq!((content(&again), key(&again)), (content(&first), key(&first)), "it comes again, and first");
    refuse(&*source, &again, Code::DecodeSyntax).await;
    let next = source.receive(None).await.expect("batch");
    assert_eq!(content(&next), "b");
    refuse(&*source, &next, Code::ReceiveKeyReused).await;
    assert_eq!(content(&take(&*source, &mut None).await), "c");
    assert_eq!(exchange.names("out/failed"), ["a", "a.reason.txt", "b", "b.reason.txt"]);
    let reason = exchange.read("out/failed/a.reason.txt");
    assert!(reason.contains("DECODE-001 for a reason"), "{reason}");
    assert_eq!(exchange.names("out"), ["done", "failed"]);
}

#[tokio::test]
async fn a_file_that_was_stored_and_not_moved_is_moved_and_not_taken_again() {
    for marked in [false, true] {
        let exchange = Exchange::new(&["out"]);
        let complete = if marked { json!({ "marker": ".ok" }) } else { json!("renamed") };
        let settings = with("out", &json!({ "complete": complete }));
        for name in ["a", "b"] {
            exchange.drop_in(&format!("out/{name}"), name);
            if marked {
                exchange.write(&format!("out/{name}.ok"), "");
            }
        }
        let stored = exchange.source(&settings).receive(None).await.expect("batch");
        assert_eq!(content(&stored), "a");
        // Here the node dies: after the commit, before the move, the marker gone already.
        if marked {
            std::fs::remove_file(exchange.path("out/a.ok")).expect("removes");
        }
        let mut cursor = stored.cursor;
        assert_eq!(content(&take(&*exchange.source(&settings), &mut cursor).await), "b");
        assert_eq!(exchange.names("out/done"), ["a", "b"]);
        assert_eq!(exchange.names("out"), ["done"]);
    }
}

#[tokio::test]
async fn another_file_in_the_place_of_a_stored_one_is_taken() {
    let exchange = Exchange::new(&["out"]);
    exchange.drop_in("out/a", "first");
    let batch = exchange.source(&renamed("out")).receive(None).await.expect("batch");
    exchange.drop_in("out/a", "another");
    let mut cursor = batch.cursor;
    assert_eq!(content(&take(&*exchange.source(&renamed("out")), &mut cursor).await), "another");

    // The same within one life: it is replaced between reading and settling.
    let source = exchange.source(&renamed("out"));
    exchange.drop_in("out/b", "first");
    let batch = source.receive(None).await.expect("batch");
    exchange.drop_in("out/b", "another");
    source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("settles");
    assert_eq!(content(&take(&*source, &mut None).await), "another");
}

#[tokio::test]
async fn packed_files_are_unpacked_within_bounds_and_only_where_it_is_declared() {
    let gzip = |text: &[u8]| {
        let mut writer = GzEncoder::new(Vec::new(), Compression::best());
        writer.write_all(text).expect("packs");
        writer.finish().expect("ends")
    };
    let exchange = Exchange::new(&["out"]);
    for (name, bytes) in [
        ("a.gz", gzip(b"unpacked")),
        ("b.gz", gzip(&vec![b' '; 20 * 1024 * 1024])),
        ("c.gz", b"plain".to_vec()),
        ("d.gz", gzip(b"cut off")[..12].to_vec()),
        ("e.gz", gzip(b"last")),
    ] {
        std::fs::write(exchange.path(&format!("out/{name}")), bytes).expect("writes");
    }
    let source = exchange.source(&with("out", &json!({ "decompress": "gzip" })));
    let mut cursor = None;
    assert_eq!(content(&take(&*source, &mut cursor).await), "unpacked");
    assert_eq!(content(&take(&*source, &mut cursor).await), "last");
    for name in ["b.gz", "c.gz", "d.gz"] {
        let reason = exchange.read(&format!("out/failed/{name}.reason.txt"));
        assert!(reason.contains("RECEIVE-005"), "{name}: {reason}");
    }
    exchange.drop_in("out/f.gz", "as it is");
    assert_eq!(content(&take(&*exchange.source(&renamed("out")), &mut None).await), "as it is");
}

#[tokio::test]
async fn a_directory_that_is_missing_or_leads_elsewhere_is_told_and_not_made() {
    let exchange = Exchange::new(&["elsewhere"]);
    exchange.write("elsewhere/a", "not ours");
    let source = exchange.source(&renamed("out/completions"));
    let fault = source.receive(None).await.expect_err("not there");
    assert_eq!(fault.code.as_str(), "RECEIVE-008");
    assert!(fault.message.contains("out/completions"), "{fault}");
    exchange.make("out");
    exchange.link("../elsewhere", "out/completions");
    assert_eq!(source.receive(None).await.expect_err("a link").code, Code::ReceiveFile);
    std::fs::remove_file(exchange.path("out/completions")).expect("removes");
    exchange.make("out/completions");
    exchange.drop_in("out/completions/a", "ours");
    assert_eq!(content(&take(&*source, &mut None).await), "ours");
    assert_eq!(exchange.names("elsewhere"), ["a"]);

    // `done` that leads elsewhere is no place to move to.
    exchange.remove("out/completions/done");
    exchange.link("../../elsewhere", "out/completions/done");
    exchange.drop_in("out/completions/b", "ours");
    let batch = source.receive(None).await.expect("batch");
    let told = source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect_err("a link");
    assert_eq!(told.code, Code::ReceiveFile);
    assert_eq!(exchange.names("elsewhere"), ["a"]);
}

#[tokio::test]
async fn a_dropped_call_changes_neither_what_is_taken_nor_the_order() {
    let exchange = Exchange::new(&["out"]);
    let source = exchange.source(&renamed("out"));
    for number in 10..40 {
        exchange.drop_in(&format!("out/{number}"), &number.to_string());
    }
    let mut cursor = None;
    for number in 10..40 {
        for polls in 0..3 {
            let mut waiting = source.receive(cursor.clone());
            for _ in 0..polls {
                let once = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx))).await;
                if let std::task::Poll::Ready(batch) = once {
                    refuse(&*source, &batch.expect("batch"), Code::ReceiveStoreUnavailable).await;
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(content(&take(&*source, &mut cursor).await), number.to_string());
    }
}

#[tokio::test]
async fn a_cursor_of_another_kind_is_told_and_not_guessed() {
    let exchange = Exchange::new(&["out"]);
    for cursor in ["17955", "1 2 ../a", "x y z", ""] {
        let source = exchange.source(&renamed("out"));
        let fault = source.receive(Some(Cursor(cursor.into()))).await.expect_err("refused");
        assert_eq!(fault.code, Code::StoreDamaged, "{cursor}");
    }
}

#[tokio::test]
async fn a_root_is_a_directory_or_a_reference_to_one() {
    let exchange = Exchange::new(&["out"]);
    let of = |root: &str| exchange.source_at(root, &renamed("src")).map(drop).map_err(|fault| fault.code.as_str());
    assert_eq!(of("/"), Err("PROJECT-001"));
    assert_eq!(of("root/../.."), Err("PROJECT-001"));
    assert_eq!(of("env:LINESHAFT_NOT_SET"), Err("DELIVER-011"));
    // Cargo sets it for tests: the directory of this crate. What is only read is not moved.
    if std::env::var_os("CARGO_MANIFEST_DIR").is_none() {
        println!("SKIP: no environment variable names a directory that is known");
        return;
    }
    let settings = with("src", &json!({ "pattern": "lib.rs" }));
    let source = exchange.source_at("env:CARGO_MANIFEST_DIR", &settings).expect("opens");
    let batch = source.receive(None).await.expect("batch");
    assert!(content(&batch).starts_with("//! Connectors"));
    assert_eq!(batch.intakes[0].origin, "src/lib.rs");
}
