//! Opening a store and handing it changes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lineshaft_model::ids::IncarnationId;
use lineshaft_model::random::Rng;
use lineshaft_model::time::{Clock, SteadyClock, Timestamp};
use rusqlite::{Connection, OpenFlags, params};

use crate::change::{Change, Effect};
use crate::disk::{Disk, DiskRules, Room};
use crate::mark::{self, Mark};
use crate::migrate::migrate;
use crate::writer::{Durable, Writer};

/// Oldest SQLite that is safe: earlier ones can corrupt a WAL (promises, "Journal").
const SQLITE_OLDEST: i32 = 3_051_003;

/// Connections that read at the same time, at most.
const READERS: usize = 4;

/// Name of the database in its directory.
pub(crate) const DATABASE: &str = "lineshaft.db";

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A write or fsync failed. Fatal: nothing is acknowledged any more (RS2).
    Write(String),
    /// The disk is full, or fuller than the installation allows for new documents. Nothing was committed; the store goes
    /// on by itself when there is room (RS1).
    Full,
    /// Too many changes wait already; try again.
    Busy,
    /// The store is closed or has failed before.
    Stopped,
    /// Another node has the directory open.
    InUse(String),
    /// The database was written by another version.
    Version(String),
    /// A row cannot be right.
    Damaged(String),
    /// A page cannot be right, or what was acknowledged is missing: nobody knows what else is (RS3).
    Corrupt(String),
}

impl StoreError {
    /// Whether the process must end.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Write(_) | Self::Damaged(_) | Self::Corrupt(_))
    }

    /// What may be told outside of the node: the words of the database stay in its log (HD-2).
    pub fn outside(&self) -> &'static str {
        match self {
            Self::Full => "the disk is full",
            Self::Busy => "too many changes wait to be written",
            Self::Stopped => "the node is stopping",
            Self::Damaged(_) => "a row of the database cannot be read",
            Self::Corrupt(_) => "the database is damaged",
            Self::Write(_) | Self::InUse(_) | Self::Version(_) => "the database could not be used",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(cause) => write!(f, "the database could not be written: {cause}"),
            Self::Full => f.write_str("the disk is full; it goes on by itself when there is room"),
            Self::Busy => f.write_str("too many changes wait to be written"),
            Self::Stopped => f.write_str("the store is closed"),
            Self::InUse(directory) => write!(f, "another node has {directory} open"),
            Self::Version(cause) => write!(f, "the database belongs to another version: {cause}"),
            Self::Damaged(cause) => write!(f, "a row of the database cannot be read: {cause}"),
            Self::Corrupt(cause) => write!(f, "the database is damaged: {cause}"),
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
                Self::Corrupt(error.to_string())
            }
            Some(_) => Self::Write(error.to_string()),
            None if reads_wrong(&error) => Self::Damaged(error.to_string()),
            None => Self::Write(error.to_string()),
        }
    }
}

/// Whether a row holds what no version of this program wrote.
fn reads_wrong(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::InvalidParameterName(_)
            | rusqlite::Error::Utf8Error(..)
    )
}

/// The database of one node.
#[derive(Debug)]
pub struct Store {
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
    returned: Condvar,
    directory: PathBuf,
    disk: Arc<Disk>,
    /// Payloads that were read damaged and are not set aside yet.
    damaged: Mutex<BTreeSet<i64>>,
    is_damaged: AtomicBool,
    incarnation: IncarnationId,
    epoch: i64,
    steady: SteadyClock,
    aged_to: Timestamp,
    /// Held while the store is open: a second node on the same directory is refused.
    _lock: std::fs::File,
}

impl Store {
    /// Opens (and makes, if it is new) the database below `directory`, and starts its writer. Without ballast, and
    /// whatever the disk has in use.
    ///
    /// Each opening begins a new epoch: attempts of an earlier one are recognised as cut off.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>, rng: &dyn Rng) -> Result<Self, StoreError> {
        let careless = DiskRules { ballast_bytes: 0, refuse_above_percent: Some(100) };
        Self::open_on(directory, careless, clock, rng)
    }

    /// The same, with rules for the disk.
    pub fn open_on(
        directory: &Path,
        rules: DiskRules,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
    ) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_OLDEST {
            return Err(StoreError::Version(format!("SQLite {} is too old", rusqlite::version())));
        }
        let unusable = |error: std::io::Error| StoreError::Write(format!("{}: {error}", directory.display()));
        make_private(directory).map_err(unusable)?;
        let lock = lock(directory)?;
        if let Some((path, cause)) = mark::noted_damage(directory) {
            return Err(StoreError::Corrupt(format!(
                "{cause}; found by an earlier start, which ended. To start all the same, remove {}",
                path.display()
            )));
        }
        let disk = Arc::new(Disk::new(directory, rules));
        let opened = open_writer(directory, &*clock, rng).or_else(|error| match error {
            // What a start writes has room in the ballast.
            StoreError::Full => {
                disk.is_full();
                open_writer(directory, &*clock, rng)
            }
            other => Err(other),
        })?;
        let Opened { connection, incarnation, epoch, commits, aged_to } = opened;
        let (mark, marked) = Mark::open(directory).map_err(unusable)?;
        if let Some(missing) = marked.and_then(|marked| marked.checked_sub(commits)).filter(|missing| *missing > 0) {
            return Err(StoreError::Corrupt(format!(
                "its newest {missing} commits are missing, although they were acknowledged: its log was lost, or an older \
                 copy was put in its place. To start with what is there, remove {}",
                directory.join(mark::MARK).display()
            )));
        }
        let file = directory.join(DATABASE);
        let readers = (0..READERS).map(|_| open_reader(&file)).collect::<Result<_, _>>()?;
        let steady = SteadyClock::begin(Arc::clone(&clock));
        let writer = Writer::start(connection, clock, steady.clone(), epoch, mark, Arc::clone(&disk))?;
        let store = Self {
            writer,
            readers: Mutex::new(readers),
            returned: Condvar::new(),
            directory: directory.to_owned(),
            disk,
            damaged: Mutex::default(),
            is_damaged: AtomicBool::new(false),
            incarnation,
            epoch,
            steady,
            aged_to,
            _lock: lock,
        };
        store.look_at_disk()?;
        Ok(store)
    }

    /// Commits `changes` whole or not at all, and returns after the fsync with what each came to. New documents are
    /// refused while there is no room for them; everything else goes on.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Durable<Vec<Effect>>, StoreError> {
        let documents = changes.iter().filter(|change| matches!(change, Change::Accept(_))).count() as u64;
        let done = if documents > 0 && self.disk.refuses() {
            Err(StoreError::Full)
        } else {
            self.writer.submit(changes)?.await.map_err(|_| StoreError::Stopped)?
        };
        match &done {
            Err(StoreError::Full) => self.disk.note_refused(documents),
            Err(StoreError::Corrupt(cause)) => self.found_damage(cause),
            _ => {}
        }
        done
    }

    /// Whether a write or fsync failed, or damage was found: the process must end (RS2, RS3).
    pub fn failed(&self) -> bool {
        self.writer.failed()
    }

    /// Whether damage was found since it was opened: a page that cannot be right (RS3).
    pub fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Acquire)
    }

    /// Whether the latest commit failed because the disk is full (RS1).
    pub fn is_full(&self) -> bool {
        self.writer.full()
    }

    /// Whether new documents are refused for want of room (RS1).
    pub fn refuses(&self) -> bool {
        self.disk.refuses()
    }

    /// What the latest look at the disk found; `None` before the first.
    pub fn room(&self) -> Option<Room> {
        self.disk.room()
    }

    /// Documents refused for want of room, those included that are not written down yet.
    pub(crate) fn refused_unwritten(&self) -> u64 {
        self.disk.refused()
    }

    /// Looks how much room there is, and decides on it whether documents are taken in. Also makes the ballast again.
    pub fn look_at_disk(&self) -> Result<Room, StoreError> {
        let free_inside = self.read(|connection| {
            let pragma = |name: &str| connection.query_row(name, [], |row| row.get::<_, i64>(0));
            let bytes = pragma("PRAGMA freelist_count")?.saturating_mul(pragma("PRAGMA page_size")?);
            Ok(u64::try_from(bytes).unwrap_or(0))
        })?;
        let room = self.disk.look(self.writer.full(), free_inside);
        let room = room.map_err(|error| StoreError::Write(format!("{}: {error}", self.directory.display())))?;
        if !room.refusing {
            self.writer.has_room();
        }
        Ok(room)
    }

    /// Payloads that were read damaged since they were last asked for: to be set aside.
    pub fn found_damaged(&self) -> Vec<i64> {
        let mut found = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *found).into_iter().collect()
    }

    /// A payload is to be set aside when [`Self::found_damaged`] is asked for the next time.
    pub fn note_damaged(&self, payload: i64) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(payload);
    }

    /// Nothing is written or started any more on a database of which a page cannot be right (RS3).
    pub(crate) fn found_damage(&self, cause: &str) {
        tracing::error!(cause, "the database is damaged; the node ends");
        mark::note_damage(&self.directory, cause);
        self.is_damaged.store(true, Ordering::Release);
        self.writer.fail();
    }

    /// Which life of the database this is (LK4).
    pub fn incarnation(&self) -> IncarnationId {
        self.incarnation
    }

    /// Which opening of the database this is.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The clock that deadlines are written in since this opening.
    pub fn steady(&self) -> &SteadyClock {
        &self.steady
    }

    /// How far retention had come at this opening.
    pub fn aged_to(&self) -> Timestamp {
        self.aged_to
    }

    /// Size of the database file and its log, in bytes.
    pub fn size_on_disk(&self) -> u64 {
        let file = self.directory.join(DATABASE);
        [file.with_extension("db-wal"), file]
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
        if let Err(StoreError::Corrupt(cause)) = &result {
            self.found_damage(cause);
        }
        result
    }

    fn free_readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The writer's connection closes last: only then the log is brought into the database file.
        self.free_readers().clear();
    }
}

/// What the writer begins with.
struct Opened {
    connection: Connection,
    incarnation: IncarnationId,
    epoch: i64,
    commits: u64,
    aged_to: Timestamp,
}

fn open_writer(directory: &Path, clock: &dyn Clock, rng: &dyn Rng) -> Result<Opened, StoreError> {
    // One thread writes, so the connection needs no lock of its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(directory.join(DATABASE), flags)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
         PRAGMA locking_mode = NORMAL; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;",
    )?;
    connection.set_prepared_statement_cache_capacity(128);
    migrate(&mut connection)?;
    let (incarnation, epoch) = begin_epoch(&connection, clock, rng)?;
    let (commits, aged_to): (i64, i64) =
        connection
            .query_row("SELECT commits, aged_to FROM node WHERE one = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let aged_to = Timestamp::from_micros(aged_to);
    Ok(Opened { connection, incarnation, epoch, commits: u64::try_from(commits).unwrap_or(0), aged_to })
}

/// Documents of the plants are in there: nobody but the node's user reads them.
pub(crate) fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    #[cfg(unix)]
    std::fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

pub(crate) fn lock(directory: &Path) -> Result<std::fs::File, StoreError> {
    let path = directory.join("lineshaft.lock");
    let file =
        std::fs::File::create(&path).map_err(|error| StoreError::Write(format!("{}: {error}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse(directory.display().to_string())),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::Write(format!("{}: {error}", path.display()))),
    }
}

pub(crate) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
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
    // Before the first start there is nothing that could be too old.
    connection.execute("UPDATE node SET aged_to = ?1 WHERE aged_to = 0", params![now.as_micros()])?;
    let (bytes, epoch): (Vec<u8>, i64) =
        connection
            .query_row("SELECT incarnation, epoch FROM node WHERE one = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| StoreError::Damaged("node.incarnation".to_owned()))?;
    Ok((IncarnationId::from_bytes(bytes), epoch))
}
