//! Opening a store and handing it changes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lineshaft_model::ids::IncarnationId;
use lineshaft_model::random::Rng;
use lineshaft_model::time::Clock;
use rusqlite::{Connection, OpenFlags, params};

use crate::change::{Change, Effect};
use crate::migrate::migrate;
use crate::writer::{Durable, Writer};

/// Oldest SQLite that is safe: earlier ones can corrupt a WAL (promises, "Journal").
const SQLITE_OLDEST: i32 = 3_051_003;

/// Connections that read at the same time, at most.
const READERS: usize = 4;

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A write or fsync failed. Fatal: nothing is acknowledged any more (RS2).
    Write(String),
    /// The disk is full. Nothing of the group was committed; the store goes on when there is room (RS1).
    Full,
    /// Too many changes wait already; try again.
    Busy,
    /// The store is closed or has failed before.
    Stopped,
    /// Another node has the directory open.
    InUse(String),
    /// The database was written by another version.
    Version(String),
    /// A row or page cannot be right.
    Damaged(String),
}

impl StoreError {
    /// Whether the process must end.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Write(_) | Self::Damaged(_))
    }

    /// What may be told outside of the node: the words of the database stay in its log (HD-2).
    pub fn outside(&self) -> &'static str {
        match self {
            Self::Full => "the disk is full",
            Self::Busy => "too many changes wait to be written",
            Self::Stopped => "the node is stopping",
            Self::Damaged(_) => "a row of the database cannot be read",
            Self::Write(_) | Self::InUse(_) | Self::Version(_) => "the database could not be used",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(cause) => write!(f, "the database could not be written: {cause}"),
            Self::Full => f.write_str("the disk is full"),
            Self::Busy => f.write_str("too many changes wait to be written"),
            Self::Stopped => f.write_str("the store is closed"),
            Self::InUse(directory) => write!(f, "another node has {directory} open"),
            Self::Version(cause) => write!(f, "the database belongs to another version: {cause}"),
            Self::Damaged(cause) => write!(f, "the database is damaged: {cause}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // The index of the log is a file too: that it cannot grow is a full disk, and nothing was written.
        if error.sqlite_error().is_some_and(|code| code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE) {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Write(error.to_string()),
        }
    }
}

/// The database of one node.
#[derive(Debug)]
pub struct Store {
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    returned: Condvar,
    file: PathBuf,
    incarnation: IncarnationId,
    epoch: i64,
    /// Held while the store is open: a second node on the same directory is refused.
    _lock: std::fs::File,
}

impl Store {
    /// Opens (and makes, if it is new) the database below `directory`, and starts its writer.
    ///
    /// Each opening begins a new epoch: attempts of an earlier one are recognised as cut off.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>, rng: &dyn Rng) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_OLDEST {
            return Err(StoreError::Version(format!("SQLite {} is too old", rusqlite::version())));
        }
        make_private(directory).map_err(|error| StoreError::Write(format!("{}: {error}", directory.display())))?;
        let lock = lock(directory)?;
        let file = directory.join("lineshaft.db");
        // One thread writes, so the connection needs no lock of its own.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&file, flags)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;
             PRAGMA locking_mode = NORMAL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;",
        )?;
        connection.set_prepared_statement_cache_capacity(128);
        migrate(&mut connection)?;
        let (incarnation, epoch) = begin_epoch(&connection, &*clock, rng)?;
        let readers = (0..READERS).map(|_| open_reader(&file)).collect::<Result<_, _>>()?;
        let writer = Writer::start(connection, clock, epoch)?;
        Ok(Self {
            writer,
            readers: Mutex::new(readers),
            returned: Condvar::new(),
            file,
            incarnation,
            epoch,
            _lock: lock,
        })
    }

    /// Commits `changes` whole or not at all, and returns after the fsync with what each came to.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Durable<Vec<Effect>>, StoreError> {
        self.writer.submit(changes)?.await.map_err(|_| StoreError::Stopped)?
    }

    /// Whether a write or fsync failed: the process must end (RS2).
    pub fn failed(&self) -> bool {
        self.writer.failed()
    }

    /// Whether the latest commit failed because the disk is full: nothing is accepted until there is room (RS1).
    pub fn is_full(&self) -> bool {
        self.writer.full()
    }

    /// Which life of the database this is (LK4).
    pub fn incarnation(&self) -> IncarnationId {
        self.incarnation
    }

    /// Which opening of the database this is.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Size of the database file and its log, in bytes.
    pub fn size_on_disk(&self) -> u64 {
        let log = self.file.with_extension("db-wal");
        [self.file.as_path(), log.as_path()]
            .iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|data| data.len())
            .sum()
    }

    /// Runs `read` on a connection of its own; waits while all are in use. Blocks: call it off the async threads
    /// for anything that is not a few rows by key.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let connection = {
            let mut free = self.free_readers();
            loop {
                match free.pop() {
                    Some(connection) => break connection,
                    None => free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner),
                }
            }
        };
        let result = read(&connection);
        self.free_readers().push(connection);
        self.returned.notify_one();
        result
    }

    fn free_readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Documents of the plants are in there: nobody but the node's user reads them.
fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    #[cfg(unix)]
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

fn lock(directory: &Path) -> Result<std::fs::File, StoreError> {
    let path = directory.join("lineshaft.lock");
    let file =
        std::fs::File::create(&path).map_err(|error| StoreError::Write(format!("{}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(directory.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::Write(format!("{}: {error}", path.display()))),
    }
}

fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")?;
    Ok(connection)
}

fn begin_epoch(connection: &Connection, clock: &dyn Clock, rng: &dyn Rng) -> Result<(IncarnationId, i64), StoreError> {
    let now = clock.now();
    let fresh = IncarnationId::new(now, rng);
    connection.execute(
        "INSERT INTO node (one, incarnation, created_at, epoch, last_rank, catalog) VALUES (1, ?1, ?2, 0, 0, 0) ON CONFLICT (one) DO NOTHING",
        params![fresh.as_bytes().as_slice(), now.as_micros()],
    )?;
    connection.execute("UPDATE node SET epoch = epoch + 1 WHERE one = 1", [])?;
    let (bytes, epoch): (Vec<u8>, i64) =
        connection
            .query_row("SELECT incarnation, epoch FROM node WHERE one = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| StoreError::Damaged("node.incarnation".to_owned()))?;
    Ok((IncarnationId::from_bytes(bytes), epoch))
}
