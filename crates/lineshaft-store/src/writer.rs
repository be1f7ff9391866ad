//! The writer thread: takes lists of changes, commits many in one transaction, answers after the fsync.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use lineshaft_model::time::{Clock, SteadyClock};
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use tokio::sync::oneshot;

use crate::apply::Commit;
use crate::change::{Change, Effect};
use crate::disk::Disk;
use crate::mark::Mark;
use crate::store::StoreError;

/// Lists of changes in one commit, at most.
const GROUP_MAX: usize = 512;

/// Lists of changes that may wait for the writer. Past it callers are refused, so that memory stays bounded (RS4).
pub(crate) const WAITING_MAX: usize = 8192;

/// Pages in the log from which on it is brought into the database file.
const LOG_PAGES_MAX: usize = 4000;

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
    told: Arc<Told>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its callers tell each other.
#[derive(Debug, Default)]
struct Told {
    failed: AtomicBool,
    full: AtomicBool,
}

/// What the thread works with.
struct Desk {
    connection: Connection,
    clock: Arc<dyn Clock>,
    steady: SteadyClock,
    epoch: i64,
    mark: Mark,
    disk: Arc<Disk>,
    told: Arc<Told>,
    /// Pages that the log holds since it was last begun anew.
    log_pages: Arc<AtomicUsize>,
}

impl Writer {
    pub(crate) fn start(
        mut connection: Connection,
        clock: Arc<dyn Clock>,
        steady: SteadyClock,
        epoch: i64,
        mark: Mark,
        disk: Arc<Disk>,
    ) -> Result<Self, StoreError> {
        let (jobs, inbox) = sync_channel(WAITING_MAX);
        let told = Arc::new(Told::default());
        let log_pages = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&log_pages);
        // SQLite's own checkpoints would swallow a failed fsync.
        connection.wal_hook(Some(move |_: &mut Wal, pages: i32| {
            counted.store(usize::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let desk = Desk { connection, clock, steady, epoch, mark, disk, told: Arc::clone(&told), log_pages };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || desk.run(&inbox))
            .map_err(|error| StoreError::Write(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), told, thread: Some(thread) })
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
        self.told.full.load(Ordering::Acquire)
    }

    /// There is room again, although nothing was committed since.
    pub(crate) fn has_room(&self) {
        self.told.full.store(false, Ordering::Release);
    }

    /// Whether a write or fsync failed: nothing is acknowledged any more, the process must end (RS2).
    pub(crate) fn failed(&self) -> bool {
        self.told.failed.load(Ordering::Acquire)
    }

    /// Nothing is written any more: somebody else found that the database cannot be right.
    pub(crate) fn fail(&self) {
        self.told.failed.store(true, Ordering::Release);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.told.failed.store(true, Ordering::Release);
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

impl Desk {
    fn run(self, inbox: &Receiver<Job>) {
        while let Ok(first) = inbox.recv() {
            let mut group = vec![first];
            group.extend(inbox.try_iter().take(GROUP_MAX - 1));
            let done = if self.told.failed.load(Ordering::Acquire) {
                Err(StoreError::Stopped)
            } else {
                self.commit(&group).and_then(|(effects, commit)| self.set_mark(commit).map(|()| effects))
            };
            let ended = match done {
                Ok(effects) => {
                    self.told.full.store(false, Ordering::Release);
                    answer(group, effects);
                    self.checkpoint_when_long()
                }
                Err(error) => {
                    for job in group {
                        // A caller that no longer waits needs no answer.
                        let _gone = job.answer.send(Err(error.clone()));
                    }
                    Err(error)
                }
            };
            if let Err(error) = ended
                && !self.goes_on_after(&error)
            {
                return;
            }
        }
    }

    /// What a failure means for the groups that follow.
    fn goes_on_after(&self, error: &StoreError) -> bool {
        let fatal = error.is_fatal() || *error == StoreError::Stopped;
        tracing::error!(%error, fatal, "the store could not write");
        if *error == StoreError::Full {
            self.told.full.store(true, Ordering::Release);
            self.disk.is_full();
        }
        if fatal {
            self.told.failed.store(true, Ordering::Release);
        }
        !fatal
    }

    fn commit(&self, group: &[Job]) -> Result<(Vec<Vec<Effect>>, u64), StoreError> {
        // Prepared once, like every statement: a transaction begins and ends thousands of times a second.
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let refused = self.disk.take_refused();
        let done = self
            .apply_all(group, refused)
            .and_then(|done| Ok(self.connection.prepare_cached("COMMIT")?.execute([]).map(|_| done)?));
        if done.is_err() {
            self.disk.note_refused(refused);
            if !self.connection.is_autocommit() {
                self.connection.prepare_cached("ROLLBACK")?.execute([])?;
            }
        }
        done
    }

    fn apply_all(&self, group: &[Job], refused: u64) -> Result<(Vec<Vec<Effect>>, u64), StoreError> {
        let mut commit = Commit::begin(&self.connection, &*self.clock, self.steady.now(), self.epoch)?;
        let effects = group.iter().map(|job| commit.apply_list(&job.changes)).collect::<Result<_, _>>()?;
        if refused > 0 {
            commit.refused(refused);
        }
        let number = commit.end()?;
        Ok((effects, number))
    }

    fn set_mark(&self, commit: u64) -> Result<(), StoreError> {
        self.mark.set(commit).map_err(|error| StoreError::Write(format!("the mark: {error}")))
    }

    /// Brings the log into the database file. What was acknowledged does not depend on it; a failed fsync still ends the
    /// node, because nobody knows what the disk has after one.
    fn checkpoint_when_long(&self) -> Result<(), StoreError> {
        if self.log_pages.load(Ordering::Relaxed) < LOG_PAGES_MAX {
            return Ok(());
        }
        self.connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))?;
        Ok(())
    }
}

fn answer(group: Vec<Job>, effects: Vec<Vec<Effect>>) {
    for (job, effects) in group.into_iter().zip(effects) {
        // A caller that no longer waits needs no answer: what it asked for is on disk all the same.
        let _gone = job.answer.send(Ok(Durable(effects)));
    }
}
