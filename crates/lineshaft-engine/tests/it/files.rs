//! Files in and out of a running node: one file with many transactions, nothing twice, nothing held up (OT1, OT4, OT6).

use std::path::{Path, PathBuf};

use lineshaft_standin::sink::Class;

use crate::plant::{Plant, T1};

/// A system that drops and takes files below `root`.
fn system(root: &str) -> String {
    let emits = |name: &str, format: &str, unreadable: &str| {
        format!(
            "  {name}:\n    about: files\n    source: {{ files: {{ directory: {name}, pattern: \"*.{format}\", complete: renamed, \
             every: 5ms, file_bytes_max: 1000000 }} }}\n    format: {format}\n    event: production.completion@1\n    \
             map: maps/completion.vrl\n    keys:\n      order: {{ path: .order, issued_by: source }}\n    site: DE10\n    \
             unreadable: {unreadable}\n"
        )
    };
    format!(
        "system: drop\nabout: files\nconnection: {{ files: {{ root: \"{root}\" }} }}\nemits:\n{}{}{}\
         receives:\n  order:\n    about: all of it\n    event: production.completion@1\n    \
         send: {{ files: {{ directory: in, name: \"{{order}}-{{target_key}}.json\" }} }}\n    in_order_by: order\n    \
         repeat: {{ class: T2 }}\n    retry: {{ first: 20ms, cap: 200ms, attempts: 5 }}\n    impact: production release\n",
        emits("rows", "csv", "pass"),
        emits("passing", "json", "pass"),
        emits("stopping", "json", "stop"),
    )
}

/// A node, and the root of its files.
struct Dropped {
    plant: Plant,
    root: PathBuf,
    _kept: tempfile::TempDir,
}

impl Dropped {
    async fn new() -> Self {
        let kept = tempfile::tempdir().expect("directory");
        let root = kept.path().to_owned();
        for directory in ["rows", "passing", "stopping", "in"] {
            std::fs::create_dir(root.join(directory)).expect("makes");
        }
        let system = system(root.to_str().expect("a path"));
        let plant = Plant::with(Class::T1, T1, &[("systems/drop.yaml", &system)]).await;
        Self { plant, root, _kept: kept }
    }

    fn put(&self, file: &str, text: &str) {
        put(&self.root, file, text);
    }

    fn names(&self, directory: &str) -> Vec<String> {
        names(&self.root.join(directory))
    }

    async fn until_names(&self, directory: &str, expected: &[&str]) {
        self.plant.until(&format!("{expected:?} in {directory}"), || self.names(directory) == expected).await;
    }
}

/// Under another name first, as a sender does that renames.
fn put(root: &Path, file: &str, text: &str) {
    let (unfinished, finished) = (root.join(format!("{file}.tmp")), root.join(file));
    std::fs::write(&unfinished, text).expect("writes");
    std::fs::rename(unfinished, finished).expect("renames");
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn completion(order: &str, seq: u32) -> String {
    format!(r#"{{"order":"{order}","seq":{seq}}}"#)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_row_of_ten_thousand_waits_alone() {
    let root = tempfile::tempdir().expect("directory");
    std::fs::create_dir(root.path().join("rows")).expect("makes");
    let system = system(root.path().to_str().expect("a path"));
    // Without a receiver of files: ten thousand files prove nothing here.
    let (emitting, _) = system.split_once("receives:").expect("both");
    let plant = Plant::with(Class::T1, T1, &[("systems/drop.yaml", emitting)]).await;
    let mut file = "order,seq\r\n".to_owned();
    for row in 1..=10_000 {
        let line = if row == 5_000 { "K7\r\n".to_owned() } else { format!("K{},{row}\r\n", row % 100) };
        file.push_str(&line);
    }
    put(root.path(), "rows/day.csv", &file);
    plant.until_delivered(9_999).await;
    let books = plant.books();
    assert_eq!((books.intakes, books.transactions), (1, 10_000));
    let stopped = plant.exceptions();
    assert_eq!(stopped.len(), 1);
    let fault = stopped[0].fault.clone().expect("a reason");
    assert!(fault.at.contains("row 5000"), "{fault}");
    assert_eq!(plant.sink.effects(), 9_999);
    assert_eq!(names(&root.path().join("rows/done")), ["day.csv"]);
    // Rows of one key arrive in the order in which they stand in the file.
    let history = std::fs::read_to_string(plant.directory.path().join("sink.jsonl")).expect("history");
    let of_one_key = history.lines().filter(|line| line.contains("\"K42\""));
    let number = |line: &str| -> u32 {
        let (_, rest) = line.split_once("\"seq\":").expect("a seq");
        rest.trim_start_matches('"')
            .split(|char: char| !char.is_ascii_digit())
            .next()
            .expect("digits")
            .parse()
            .expect("seq")
    };
    let sequence: Vec<u32> = of_one_key.map(number).collect();
    assert_eq!(sequence, (0..100).map(|hundred| hundred * 100 + 42).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot1_a_file_that_is_put_back_is_neither_lost_nor_taken_twice() {
    let dropped = Dropped::new().await;
    dropped.put("passing/a.json", &completion("K1", 1));
    dropped.plant.until_delivered(2).await;
    dropped.put("passing/b.json", &completion("K1", 2));
    dropped.plant.until_delivered(4).await;
    dropped.until_names("passing/done", &["a.json", "b.json"]).await;
    let Dropped { plant, root, _kept } = dropped;
    // As if the node had died after the commit and before the move, for the file that was stored last; and a file of
    // long before, put back by a person.
    let back = |_: &Path| {
        for name in ["a.json", "b.json"] {
            std::fs::rename(root.join("passing/done").join(name), root.join("passing").join(name)).expect("moves back");
        }
    };
    let plant = plant.restart_after(&[], back).await;
    plant.until("moved again", || names(&root.join("passing/done")) == ["a.json", "b.json"]).await;
    // A sender that was not sure sends again: the same name and content.
    put(&root, "passing/a.json", &completion("K1", 1));
    plant.until("a third time", || names(&root.join("passing/done")).len() == 3).await;
    put(&root, "passing/a.json", &completion("K1", 3));
    plant.until_delivered(6).await;
    let books = plant.books();
    assert_eq!((books.intakes, books.transactions), (3, 3));
    assert_eq!(plant.sink.effects(), 3);
    assert_eq!(names(&root.join("in")).len(), 3);
    assert_eq!(names(&root.join("passing")), ["done"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_stops_no_good_file_beside_it() {
    let dropped = Dropped::new().await;
    let passing = dropped.root.join("passing");
    std::os::unix::fs::symlink("/etc/hostname", passing.join("b.json")).expect("a link");
    std::fs::create_dir(passing.join("c.json")).expect("a directory");
    std::os::unix::net::UnixListener::bind(passing.join("d.json")).expect("a socket");
    dropped.put("passing/e.json", &"x".repeat(1_000_001));
    dropped.put("passing/f.json", "");
    dropped.put("passing/g.json", "{\"order\":");
    dropped.put("passing/h.json", &completion("K2", 1));
    dropped.put("passing/a.json", &completion("K1", 1));
    dropped.plant.until_delivered(4).await;
    dropped.plant.until_exceptions(2).await;
    dropped.until_names("passing/done", &["a.json", "f.json", "g.json", "h.json"]).await;
    dropped.until_names("passing/failed", &["e.json", "e.json.reason.txt"]).await;
    assert_eq!(dropped.names("passing"), ["b.json", "c.json", "d.json", "done", "failed"]);
    assert_eq!(dropped.plant.books().intakes, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_files_go_aside_and_the_next_does_not_wait_for_them() {
    let dropped = Dropped::new().await;
    for number in 10..40 {
        dropped.put(&format!("stopping/{number}.json"), "{\"order\":");
    }
    dropped.put("stopping/99.json", &completion("K1", 1));
    dropped.plant.until_delivered(2).await;
    assert_eq!(dropped.names("stopping/failed").len(), 60, "each with its reason");
    let reason = std::fs::read_to_string(dropped.root.join("stopping/failed/10.json.reason.txt")).expect("a reason");
    assert!(reason.contains("DECODE-001"), "{reason}");
    let books = dropped.plant.books();
    assert_eq!((books.intakes, dropped.plant.exceptions().len()), (1, 0), "the sender keeps what was refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ot4_files_go_out_in_order_once_and_wait_for_a_directory_that_is_gone() {
    let dropped = Dropped::new().await;
    let away = dropped.root.join("unmounted");
    std::fs::rename(dropped.root.join("in"), &away).expect("goes");
    for seq in 1..=5 {
        assert_eq!(dropped.plant.send("K1", seq, &format!("k{seq}")).await.0, 202);
    }
    assert_eq!(dropped.plant.send("K/2", 1, "no name").await.0, 202);
    dropped.plant.until_delivered(6).await;
    // More often than attempts are allowed: a target that is not there burns none.
    let store = &dropped.plant.node.shared().store;
    let now = lineshaft_model::time::Timestamp::from_micros(i64::MAX);
    let tried = || {
        let due = store.due("drop", &["drop/order"], now, 100).expect("reads");
        due.iter().map(|row| row.tried).max().unwrap_or(0)
    };
    dropped.plant.until("several tries", || tried() > 5).await;
    std::fs::rename(&away, dropped.root.join("in")).expect("is back");
    dropped.plant.until_delivered(11).await;
    let written = dropped.names("in");
    assert_eq!(written.len(), 5);
    assert!(written.iter().all(|name| name.starts_with("K1-") && name.ends_with(".json")), "{written:?}");
    let mut by_seq: Vec<_> = written
        .iter()
        .map(|name| {
            let path = dropped.root.join("in").join(name);
            let text = std::fs::read_to_string(&path).expect("reads");
            let seq = text.split_once("\"seq\":\"").and_then(|(_, rest)| rest.chars().next()).expect("a seq");
            (seq, std::fs::metadata(path).expect("there").modified().expect("time"))
        })
        .collect();
    by_seq.sort_unstable();
    assert_eq!(by_seq.iter().map(|(seq, _)| *seq).collect::<String>(), "12345");
    assert!(by_seq.is_sorted_by_key(|(_, written)| *written), "in order: {by_seq:?}");
    // A value that cannot stand in a name stops its own document alone.
    dropped.plant.until_exceptions(1).await;
    let stopped = dropped.plant.exceptions();
    assert_eq!(stopped.len(), 1);
    assert_eq!(stopped[0].fault.as_ref().map(|fault| fault.code.as_str()), Some("RENDER-002"));
}
