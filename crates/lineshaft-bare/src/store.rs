//! One table of documents. One thread writes; what has come in while it committed goes into its next commit, and is
//! acknowledged after that. Absent: any way to read a document again, because nobody here does.

use std::path::Path;
use std::sync::mpsc;

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// Documents in one commit, at most; as many as the node has.
const GROUP_MAX: usize = 512;

/// A document, and who waits for it to be on disk.
pub struct Document {
    /// The sender's key, which the receiver is given too.
    pub key: String,
    /// As it was received.
    pub body: Bytes,
    /// Told when it is on disk.
    pub stored: oneshot::Sender<()>,
}

/// The way to the thread that writes. It ends when the last one is dropped.
#[derive(Clone)]
pub struct Store(mpsc::Sender<Document>);

impl Store {
    /// Makes the database in `directory`, anew, and starts its thread. Groups go to `committed` when they are on disk.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn open(directory: &Path, committed: UnboundedSender<Vec<Document>>) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        let connection = begin(directory).map_err(|error| error.to_string())?;
        let (documents, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        let write = move || {
            while let Ok(first) = inbox.recv() {
                let mut group = vec![first];
                group.extend(inbox.try_iter().take(GROUP_MAX - 1));
                // A group that was not written is dropped: who waits for it is told nothing, and nothing follows it.
                match commit(&connection, &group) {
                    Ok(()) if committed.send(group).is_ok() => {}
                    Ok(()) => return,
                    Err(error) => return eprintln!("the database could not be written: {error}"),
                }
            }
        };
        thread.spawn(write).map_err(|error| error.to_string())?;
        Ok(Self(documents))
    }

    /// Stores a document and returns when it is on disk; `false` if nothing is stored any more.
    pub async fn put(&self, key: String, body: Bytes) -> bool {
        let (stored, told) = oneshot::channel();
        self.0.send(Document { key, body, stored }).is_ok() && told.await.is_ok()
    }
}

fn begin(directory: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(directory.join("bare.db"))?;
    // As the node has it; and the log is brought into the file at the same length.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32768;
         CREATE TABLE documents (number INTEGER PRIMARY KEY, key TEXT NOT NULL, body BLOB NOT NULL) STRICT;",
    )?;
    Ok(connection)
}

fn commit(connection: &Connection, group: &[Document]) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut insert = connection.prepare_cached("INSERT INTO documents (key, body) VALUES (?1, ?2)")?;
    for document in group {
        insert.execute(params![document.key, &*document.body])?;
    }
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

/// Key and content of every document in the database in `directory`.
///
/// # Errors
/// Why it cannot be read.
pub fn stored(directory: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let read = || {
        let connection = Connection::open(directory.join("bare.db"))?;
        let mut rows = connection.prepare("SELECT key, body FROM documents ORDER BY number")?;
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()
    };
    read().map_err(|error| error.to_string())
}
