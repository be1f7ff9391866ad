//! An append-only file of lines whose writers learn when their line is on disk. Lines that arrive while one `fdatasync`
//! runs share the next one (group commit). After a failed write or sync the file is dead: it never claims a later line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::serve::lock;

/// A promise that a line will be on disk.
#[derive(Debug)]
pub struct Ticket(oneshot::Receiver<()>);

/// The history file could not be written; nothing after this point is durable.
#[derive(Debug)]
pub struct Dead;

impl Ticket {
    /// Waits until the line and all lines before it are on disk.
    ///
    /// # Errors
    /// [`Dead`] when the file failed first.
    pub async fn durable(self) -> Result<(), Dead> {
        self.0.await.map_err(|_| Dead)
    }

    /// The same for a thread that is not part of a runtime.
    ///
    /// # Errors
    /// [`Dead`] when the file failed first.
    pub fn durable_blocking(self) -> Result<(), Dead> {
        self.0.blocking_recv().map_err(|_| Dead)
    }
}

/// An open history. Clones write to the same file, which is closed when the last clone is dropped.
#[derive(Clone)]
pub struct History(Arc<Closing>);

struct Closing(Arc<Shared>);

impl Drop for Closing {
    fn drop(&mut self) {
        lock(&self.0.queue).state = State::Closing;
        self.0.filled.notify_one();
    }
}

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

struct Queue {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
    state: State,
}

#[derive(PartialEq, Clone, Copy)]
enum State {
    Open,
    Closing,
    Dead,
}

impl History {
    /// Opens `path` for appending and returns it with the whole lines it already holds. What follows the last line
    /// break was never promised to anybody and is cut off.
    ///
    /// # Errors
    /// When the file cannot be opened, read or cut.
    pub fn open(path: &Path) -> io::Result<(Self, String)> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut held = Vec::new();
        file.read_to_end(&mut held)?;
        held.truncate(held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        file.set_len(held.len() as u64)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        // The directory entry must survive as well.
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue { bytes: Vec::new(), waiting: Vec::new(), state: State::Open }),
            filled: Condvar::new(),
        });
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name("history".to_owned()).spawn(move || write_out(&writer, file))?;
        Ok((Self(Arc::new(Closing(shared))), String::from_utf8_lossy(&held).into_owned()))
    }

    /// Appends `line`, which ends with a line break, without asking when it is durable.
    pub fn note(&self, line: &[u8]) {
        self.push(line, None);
    }

    /// Appends `line`, which ends with a line break.
    pub fn append(&self, line: &[u8]) -> Ticket {
        let (sender, receiver) = oneshot::channel();
        self.push(line, Some(sender));
        Ticket(receiver)
    }

    /// A ticket for everything appended so far.
    pub fn barrier(&self) -> Ticket {
        let (sender, receiver) = oneshot::channel();
        self.push(b"", Some(sender));
        Ticket(receiver)
    }

    fn push(&self, line: &[u8], waiting: Option<oneshot::Sender<()>>) {
        debug_assert!(line.is_empty() || line.ends_with(b"\n"), "a line ends with a line break");
        let shared = &self.0.0;
        let mut queue = lock(&shared.queue);
        if queue.state == State::Dead {
            return; // dropping the sender tells the waiting side
        }
        queue.bytes.extend_from_slice(line);
        queue.waiting.extend(waiting);
        drop(queue);
        shared.filled.notify_one();
    }
}

/// The writer thread: takes what is queued, writes, syncs, tells.
fn write_out(shared: &Shared, mut file: File) {
    let mut bytes = Vec::new();
    loop {
        let waiting = {
            let mut queue = lock(&shared.queue);
            while queue.bytes.is_empty() && queue.waiting.is_empty() && queue.state == State::Open {
                queue = shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            if queue.bytes.is_empty() && queue.waiting.is_empty() {
                return;
            }
            bytes.clear();
            std::mem::swap(&mut bytes, &mut queue.bytes);
            std::mem::take(&mut queue.waiting)
        };
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            // A second sync may report success for pages that are gone, so nothing is tried again.
            let mut queue = lock(&shared.queue);
            queue.state = State::Dead;
            queue.waiting.clear();
            return;
        }
        for sender in waiting {
            // A receiver that stopped waiting does not matter: the line is on disk all the same.
            let _ = sender.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn lines_survive_and_a_torn_end_is_cut() {
        let dir = Scratch::new();
        let path = dir.path().join("h.jsonl");
        std::fs::write(&path, "one\ntor").unwrap();
        let (history, held) = History::open(&path).unwrap();
        assert_eq!(held, "one\n");
        history.note(b"two\n");
        history.append(b"three\n").durable_blocking().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
    }
}
