//! A root with directories, and files that come and go in it.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lineshaft_connect::contract::{Batch, Cursor, Destination, Reply, ReplyKind, Source, Surroundings};
use lineshaft_connect::{open_destination, open_source};
use lineshaft_model::connection::{Connection, DestinationSettings, SourceSettings};
use lineshaft_model::fault::Fault;
use lineshaft_model::time::{Clock, Timestamp};
use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::peer::surroundings;

pub struct Exchange {
    pub directory: TempDir,
    pub clock: Option<Arc<Hands>>,
}

impl Exchange {
    pub fn new(directories: &[&str]) -> Self {
        let exchange = Self { directory: tempfile::tempdir().expect("directory"), clock: None };
        directories.iter().for_each(|directory| exchange.make(directory));
        exchange
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join("root").join(below)
    }

    pub fn make(&self, directory: &str) {
        std::fs::create_dir_all(self.path(directory)).expect("makes");
    }

    pub fn remove(&self, directory: &str) {
        std::fs::remove_dir_all(self.path(directory)).expect("removes");
    }

    pub fn write(&self, file: &str, content: &str) {
        std::fs::write(self.path(file), content).expect("writes");
    }

    /// A file that is complete as soon as it has its name.
    pub fn drop_in(&self, file: &str, content: &str) {
        self.write(&format!("{file}.tmp"), content);
        std::fs::rename(self.path(&format!("{file}.tmp")), self.path(file)).expect("renames");
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub fn pipe(&self, file: &str) {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, self.path(file), FileType::Fifo, mode, 0).expect("a pipe");
    }

    pub fn link(&self, target: &str, file: &str) {
        std::os::unix::fs::symlink(target, self.path(file)).expect("a link");
    }

    /// Names in a directory, sorted, those with a leading dot too.
    pub fn names(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(directory)).expect("lists");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn surroundings(&self) -> Surroundings {
        // The root is relative: it begins at the project's directory.
        let clock = self.clock.clone().map(|clock| clock as Arc<dyn Clock>);
        let given = surroundings();
        Surroundings { directory: self.directory.path().to_owned(), clock: clock.unwrap_or(given.clock), ..given }
    }

    pub fn source(&self, settings: &Json) -> Arc<dyn Source> {
        self.source_at("root", settings).expect("opens")
    }

    /// A source with another root.
    pub fn source_at(&self, root: &str, settings: &Json) -> Result<Arc<dyn Source>, Fault> {
        let settings: SourceSettings = serde_json::from_value(json!({ "files": settings })).expect("settings");
        open_source(&self.surroundings(), &connection(root), &settings).expect("polls")
    }

    pub fn destination(&self, settings: &Json) -> Box<dyn Destination> {
        let settings: DestinationSettings = serde_json::from_value(json!({ "files": settings })).expect("settings");
        open_destination(&self.surroundings(), &connection("root"), &settings).expect("opens")
    }
}

fn connection(root: &str) -> Connection {
    serde_json::from_value(json!({ "files": { "root": root } })).expect("connection")
}

/// Settings that take whatever has its name, over and over without a pause that would be felt.
pub fn renamed(directory: &str) -> Json {
    json!({ "directory": directory, "complete": "renamed", "every": "1ms" })
}

/// The same with further settings.
pub fn with(directory: &str, more: &Json) -> Json {
    let mut settings = renamed(directory);
    for (name, value) in more.as_object().expect("settings") {
        settings[name] = value.clone();
    }
    settings
}

/// Takes one file as the engine does: commits it, settles it, and goes on from its cursor.
pub async fn take(source: &dyn Source, cursor: &mut Option<Cursor>) -> Batch {
    let batch = source.receive(cursor.clone()).await.expect("batch");
    source.settle(batch.id, Ok(Reply::one("1", ReplyKind::Stored))).await.expect("settles");
    *cursor = batch.cursor.clone();
    batch
}

/// What a batch of one file holds.
pub fn content(batch: &Batch) -> &str {
    assert_eq!(batch.intakes.len(), 1, "one file, one intake");
    std::str::from_utf8(&batch.intakes[0].body).expect("text")
}

/// Whether this process may do what permissions forbid to others.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A clock that a test turns by hand, and that counts how often it is looked at.
#[derive(Default)]
pub struct Hands {
    reading: Mutex<Duration>,
    looks: AtomicUsize,
}

impl Hands {
    pub fn turn(&self, by: Duration) {
        *self.reading.lock().expect("lock") += by;
    }

    /// Waits until the source has surely looked into its directory from beginning to end.
    pub async fn looked(&self) {
        let enough = self.looks.load(Ordering::Relaxed) + 10;
        let looks = async {
            while self.looks.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), looks).await.expect("the source looks no more: it has a file");
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_392_000_123)
    }

    fn monotonic(&self) -> Duration {
        self.looks.fetch_add(1, Ordering::Relaxed);
        *self.reading.lock().expect("lock")
    }
}
