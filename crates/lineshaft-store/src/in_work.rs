//! What is being processed before it is stored. A document that ends the process would be sent again and end the next one,
//! so it must be known when it comes again (OT11).
//!
//! `lineshaft.inwork` has two tables of rows: the suspects, and what is in work now. A row is written before a document is
//! processed and cleared after, and never synced: what was written outlives the process, and that is all it is for. After
//! a power cut no document was the cause.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lineshaft_model::intake::document_digest;

/// Name of the file in the data directory.
const FILE: &str = "lineshaft.inwork";

/// Suspects that are remembered; beyond them the oldest are forgotten.
const SUSPECTS_MAX: usize = 256;

/// Documents in work at the same time for which there is room from the start; for more, the file grows.
const ROOM: usize = 1024;

/// A digest, and how often a life of the node ended while that was in work.
const ROW: usize = 40;

/// What is in work, and what was when an earlier life of the node ended.
#[derive(Debug)]
pub struct InWork {
    /// `None` where the file cannot be used: then nothing is noted, and nothing is suspected.
    file: Option<File>,
    any: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    suspects: Vec<Row>,
    /// Rows that are clear, and the first that was never used.
    free: Vec<usize>,
    next: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    digest: [u8; 32],
    ended: u64,
}

impl InWork {
    /// Opens the file of a data directory, or makes one. What stands in it as in work is suspect from now on. A file that
    /// cannot be read or written keeps no node from starting.
    pub fn open(directory: &Path) -> Self {
        let opened = open(&directory.join(FILE));
        if let Err(error) = &opened {
            tracing::warn!(%error, FILE, "a document that ends the process will not be known when it comes again");
        }
        let (file, suspects) = opened.map_or((None, Vec::new()), |(file, suspects)| (Some(file), suspects));
        if !suspects.is_empty() {
            let documents = suspects.len();
            tracing::warn!(
                documents,
                "were in work when the process ended; stored first, and processed after, if they come again"
            );
        }
        let any = AtomicBool::new(!suspects.is_empty());
        Self { file, any, table: Mutex::new(Table { suspects, ..Table::default() }) }
    }

    /// Notes that a document of an interface is in work, until the note is dropped.
    pub fn note(&self, interface: &str, body: &[u8]) -> Noted<'_> {
        let digest = document_digest(interface, body);
        let mut table = self.table();
        let ended = table.suspects.iter().find(|row| row.digest == digest).map_or(0, |row| row.ended);
        let place = table.free.pop().unwrap_or_else(|| {
            table.next += 1;
            table.next - 1
        });
        drop(table);
        self.write(place, Row { digest, ended: 1 });
        Noted { in_work: self, place, ended }
    }

    /// A document that was processed to its end is suspect no more.
    pub fn acquit(&self, interface: &str, body: &[u8]) {
        if !self.any.load(Ordering::Relaxed) {
            return;
        }
        let digest = document_digest(interface, body);
        let mut table = self.table();
        table.suspects.retain(|row| row.digest != digest);
        self.any.store(!table.suspects.is_empty(), Ordering::Relaxed);
        if let Some(file) = &self.file {
            // It stays a suspect, which costs it time and nothing else.
            let _kept = file.write_all_at(&suspects_as_bytes(&table.suspects), 0);
        }
    }

    fn write(&self, place: usize, row: Row) {
        let at = (SUSPECTS_MAX + place) * ROW;
        if let (Some(file), Ok(at)) = (&self.file, u64::try_from(at)) {
            // A full disk: this document is processed without a note.
            let _unnoted = file.write_all_at(&row.to_bytes(), at);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A document is in work for as long as this is there.
#[derive(Debug)]
pub struct Noted<'a> {
    in_work: &'a InWork,
    place: usize,
    ended: u64,
}

impl Noted<'_> {
    /// How often a life of the node ended while this document was in work.
    pub fn ended(&self) -> u64 {
        self.ended
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.in_work.write(self.place, Row { digest: [0; 32], ended: 0 });
        self.in_work.table().free.push(self.place);
    }
}

impl Row {
    fn to_bytes(self) -> [u8; ROW] {
        let mut bytes = [0; ROW];
        bytes[..32].copy_from_slice(&self.digest);
        bytes[32..].copy_from_slice(&self.ended.to_be_bytes());
        bytes
    }

    /// A row that is not clear.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (digest, ended) = bytes.split_at_checked(32)?;
        let row = Self { digest: digest.try_into().ok()?, ended: u64::from_be_bytes(ended.try_into().ok()?) };
        (row.ended > 0).then_some(row)
    }
}

/// Opens the file, takes what was in work for suspect, and writes it anew with nothing in work.
fn open(path: &Path) -> io::Result<(File, Vec<Row>)> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| ErrorKind::FileTooLarge)?];
    file.read_exact_at(&mut bytes, 0)?;
    let mut suspects: Vec<Row> = Vec::new();
    for row in bytes.chunks_exact(ROW).filter_map(Row::read) {
        match suspects.iter_mut().find(|known| known.digest == row.digest) {
            Some(known) => known.ended += row.ended,
            None => suspects.push(row),
        }
    }
    suspects.drain(..suspects.len().saturating_sub(SUSPECTS_MAX));
    let mut anew = suspects_as_bytes(&suspects);
    anew.resize(bytes.len().max((SUSPECTS_MAX + ROOM) * ROW), 0);
    file.write_all_at(&anew, 0)?;
    Ok((file, suspects))
}

fn suspects_as_bytes(suspects: &[Row]) -> Vec<u8> {
    let mut bytes: Vec<u8> = suspects.iter().flat_map(|row| row.to_bytes()).collect();
    bytes.resize(SUSPECTS_MAX * ROW, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_work_when_a_life_ended_is_suspect_until_it_is_acquitted() {
        let directory = tempfile::tempdir().expect("directory");
        let open = || InWork::open(directory.path());
        for life in 0..3 {
            let in_work = open();
            let done = in_work.note("mes/a", b"harmless");
            assert_eq!(done.ended(), 0);
            drop(done);
            assert_eq!(in_work.note("mes/b", b"killer").ended(), 0, "of another interface");
            let killer = in_work.note("mes/a", b"killer");
            assert_eq!(killer.ended(), life);
            // The process ends here.
            std::mem::forget(killer);
        }
        let in_work = open();
        assert_eq!(in_work.note("mes/a", b"harmless").ended(), 0);
        in_work.acquit("mes/a", b"killer");
        assert_eq!(open().note("mes/a", b"killer").ended(), 0);
    }

    #[test]
    fn many_are_noted_and_the_oldest_suspects_forgotten() {
        let directory = tempfile::tempdir().expect("directory");
        let in_work = InWork::open(directory.path());
        let body = |number: usize| number.to_string().into_bytes();
        for number in 0..ROOM + 10 {
            std::mem::forget(in_work.note("mes/a", &body(number)));
        }
        let in_work = InWork::open(directory.path());
        assert_eq!(in_work.note("mes/a", &body(0)).ended(), 0);
        assert_eq!(in_work.note("mes/a", &body(ROOM + 9)).ended(), 1);
    }

    #[test]
    fn a_file_that_is_no_file_keeps_no_node_from_starting() {
        let directory = tempfile::tempdir().expect("directory");
        std::fs::create_dir(directory.path().join(FILE)).expect("makes");
        assert_eq!(InWork::open(directory.path()).note("mes/a", b"x").ended(), 0);
    }
}
