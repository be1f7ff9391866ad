//! The writer thread: takes lists of changes, commits many in one transaction, answers after the fsync.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use lineshaft_model::time::Clock;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::apply::Commit;
use crate::change::{Change, Effect};
use crate::store::StoreError;

/// Lists of changes in one commit, at most.
const GROUP_MAX: usize = 512;

/// Lists of changes that may wait for the writer. Past it callers are refused, so that memory stays bounded (RS4).
pub(crate) const WAITING_MAX: usize = 8192;

/// Proof that `T` is on disk: only the writer makes one, and only after its commit has returned.
#[derive(Debug)]
pub struct Durable<T>(T);

impl<T> Durable<T> {
    /// What is on disk.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Durable<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

type Outcome = Result<Durable<Vec<Effect>>, StoreError>;

pub(crate) struct Job {
    changes: Vec<Change>,
    answer: oneshot::Sender<Outcome>,
}

/// The way to the writer thread.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Option<SyncSender<Job>>,
    failed: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, clock: Arc<dyn Clock>, epoch: i64) -> Result<Self, StoreError> {
        let (jobs, inbox) = sync_channel(WAITING_MAX);
        let failed = Arc::new(AtomicBool::new(false));
        let full = Arc::new(AtomicBool::new(false));
        let told = Told { failed: Arc::clone(&failed), full: Arc::clone(&full) };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(connection, &*clock, epoch, &inbox, &told))
            .map_err(|error| StoreError::Write(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), failed, full, thread: Some(thread) })
    }

    /// Queues `changes`; the answer comes after their commit.
    pub(crate) fn submit(&self, changes: Vec<Change>) -> Result<oneshot::Receiver<Outcome>, StoreError> {
        let (answer, later) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Stopped)?;
        match jobs.try_send(Job { changes, answer }) {
            Ok(()) => Ok(later),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Stopped),
        }
    }

    /// Whether the latest commit found the disk full.
    pub(crate) fn full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Whether a write or fsync failed: nothing is acknowledged any more, the process must end (RS2).
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }
}

/// What the thread tells of itself.
struct Told {
    failed: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
}

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failed.store(true, Ordering::Release);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer ended with a panic");
        }
    }
}

fn run(connection: Connection, clock: &dyn Clock, epoch: i64, inbox: &Receiver<Job>, told: &Told) {
    while let Ok(first) = inbox.recv() {
        let mut group = vec![first];
        group.extend(inbox.try_iter().take(GROUP_MAX - 1));
        match commit(&connection, clock, epoch, &group) {
            Ok(effects) => {
                told.full.store(false, Ordering::Release);
                answer(group, effects);
            }
            Err(error) => {
                let fatal = error.is_fatal();
                told.full.store(error == StoreError::Full, Ordering::Release);
                tracing::error!(%error, fatal, "nothing of this group was committed");
                for job in group {
                    // A caller that no longer waits needs no answer.
                    let _gone = job.answer.send(Err(error.clone()));
                }
                if fatal {
                    told.failed.store(true, Ordering::Release);
                    return;
                }
            }
        }
    }
}

fn commit(
    connection: &Connection,
    clock: &dyn Clock,
    epoch: i64,
    group: &[Job],
) -> Result<Vec<Vec<Effect>>, StoreError> {
    // Prepared once, like every statement: a transaction begins and ends thousands of times a second.
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = apply_all(connection, clock, epoch, group)
        .and_then(|effects| Ok(connection.prepare_cached("COMMIT")?.execute([]).map(|_| effects)?));
    if done.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
    }
    done
}

fn apply_all(
    connection: &Connection,
    clock: &dyn Clock,
    epoch: i64,
    group: &[Job],
) -> Result<Vec<Vec<Effect>>, StoreError> {
    let mut commit = Commit::begin(connection, clock.now(), epoch)?;
    let effects = group.iter().map(|job| commit.apply_list(&job.changes)).collect::<Result<_, _>>()?;
    commit.end()?;
    Ok(effects)
}

fn answer(group: Vec<Job>, effects: Vec<Vec<Effect>>) {
    for (job, effects) in group.into_iter().zip(effects) {
        // A caller that no longer waits needs no answer: what it asked for is on disk all the same.
        let _gone = job.answer.send(Ok(Durable(effects)));
    }
}
