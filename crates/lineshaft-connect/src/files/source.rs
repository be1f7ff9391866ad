//! One emitting interface: looks into a directory again and again, and hands over one file at a time.
//!
//! **Order.** A file is handed over when the one before it is settled and out of the way. One that its sender has not
//! finished waits for nobody and holds nobody up: complete ones behind it are taken first.
//!
//! **What is kept.** Since when each file has stayed the same, and which could not be taken: for one life of this source,
//! and no more than one look brings. The cursor is the file that was stored last. Everything else says the directory.
//!
//! **When something fails.** `receive` returns the fault and the source stays usable: call again, after a pause that
//! grows. What is wrong with one file alone is told (once, as a warning) and holds nothing up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use lineshaft_model::connection::files::{Complete, Decompress, FilesConnection, FilesSource as Settings, KnownBy};
use lineshaft_model::fault::{Class, Code, Fault};
use lineshaft_model::intake::Received;
use lineshaft_model::principal::Principal;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

use super::beneath::{Root, State, aside};
use super::look::{Found, Look, look};
use super::put_away::{Away, put_away};
use super::take::{Taken, take};
use super::wanted::Wanted;
use crate::contract::{Batch, BatchId, BoxFuture, Cursor, Reply, ReplyKind, Source, Surroundings};

/// One emitting interface. Batches are attributed to the directory; whoever knows the interface's name may put it in its
/// place.
pub struct FilesSource {
    plan: Arc<Plan>,
    surroundings: Surroundings,
    every: Duration,
    reader: Mutex<Reader>,
    settling: PlainMutex<Settling>,
    settled: Notify,
    moving: Mutex<()>,
}

/// What work on the disk needs to know.
struct Plan {
    root: Root,
    settings: Settings,
    wanted: Wanted,
    stable_for: Duration,
    most: usize,
}

/// Where the reading of the directory stands. Nothing of it must survive.
#[derive(Default)]
struct Reader {
    /// Whether the cursor of an earlier life was looked at.
    begun: bool,
    /// Files of the last look that are complete and not taken yet.
    waiting: VecDeque<Found>,
    /// What each file of the last look was, and since when.
    seen: BTreeMap<String, (State, Duration)>,
    /// Names of which it was told that they cannot be taken.
    told: BTreeSet<String>,
    /// When the next look is due.
    due: Duration,
    last_id: u64,
}

/// What was handed over, and what became of it.
#[derive(Default)]
struct Settling {
    open: Option<(BatchId, Found)>,
    /// A file that is stored and perhaps not moved yet. Until it is, nothing further is taken.
    stored: Option<Away>,
    /// Nothing could be stored: the directory must be looked at again, from its first file.
    again: bool,
}

impl FilesSource {
    /// Reads the settings. Opens nothing yet.
    ///
    /// # Errors
    /// `PROJECT-001` for a setting that cannot be used, `DELIVER-011` for a reference that cannot be resolved.
    pub fn open(surroundings: &Surroundings, connection: &FilesConnection, settings: &Settings) -> Result<Self, Fault> {
        let unusable = |why: String| Fault::new(Code::ProjectFile, why);
        let stable_for = match &settings.complete {
            Complete::StableFor(span) => span.duration().map_err(unusable)?,
            Complete::Marker(_) | Complete::Renamed => Duration::ZERO,
        };
        Ok(Self {
            every: settings.every.duration().map_err(unusable)?,
            plan: Arc::new(Plan {
                root: Root::open(surroundings, connection)?,
                settings: settings.clone(),
                wanted: Wanted::new(settings),
                stable_for,
                most: usize::try_from(settings.file_bytes_max).unwrap_or(usize::MAX),
            }),
            surroundings: surroundings.clone(),
            reader: Mutex::default(),
            settling: PlainMutex::default(),
            settled: Notify::new(),
            moving: Mutex::default(),
        })
    }

    async fn next_batch(&self, after: Option<Cursor>) -> Result<Batch, Fault> {
        let mut reader = self.reader.lock().await;
        if !reader.begun {
            self.settling().stored = after.as_ref().map(read_cursor).transpose()?;
            reader.begun = true;
        }
        loop {
            self.all_settled(&mut reader).await;
            self.clear_stored().await?;
            // A file leaves the line only when it is known what to do with it: a dropped future changes no order.
            let Some(found) = reader.waiting.front().cloned() else {
                sleep(reader.due.saturating_sub(self.surroundings.clock.monotonic())).await;
                self.look_again(&mut reader).await?;
                continue;
            };
            let taken = self.take(&found).await?;
            reader.waiting.pop_front();
            match taken {
                Taken::Whole(body, digest) => return Ok(self.hand_over(&mut reader, found, body, digest)),
                Taken::Later => {}
                Taken::Unreadable(fault) => tell(&mut reader, &found.name, &fault),
                Taken::Refused(fault) => {
                    let refused = Some(fault.clone());
                    let away = Away { name: found.name.clone(), state: found.state, refused };
                    match self.put_away(away).await {
                        Ok(()) => tracing::warn!(%fault, "refused"),
                        Err(fault) => tell(&mut reader, &found.name, &fault),
                    }
                }
            }
        }
    }

    /// Waits until no batch is open.
    async fn all_settled(&self, reader: &mut Reader) {
        loop {
            let told = self.settled.notified();
            {
                let mut settling = self.settling();
                if settling.open.is_none() {
                    if std::mem::take(&mut settling.again) {
                        reader.waiting.clear();
                        reader.due = Duration::ZERO;
                    }
                    return;
                }
            }
            told.await;
        }
    }

    /// Moves the file that was stored last, unless that is done.
    async fn clear_stored(&self) -> Result<(), Fault> {
        let _moving = self.moving.lock().await;
        let Some(away) = self.settling().stored.clone() else { return Ok(()) };
        self.put_away(away).await?;
        self.settling().stored = None;
        Ok(())
    }

    async fn put_away(&self, away: Away) -> Result<(), Fault> {
        let (plan, now) = (Arc::clone(&self.plan), self.surroundings.clock.now());
        let moved = aside(move || {
            let directory = plan.directory()?;
            let moved = put_away(&directory, &away, plan.wanted.marker.as_deref(), now)?;
            tracing::debug!(file = plan.place(&away.name), moved, "settled");
            Ok(())
        });
        moved.await?
    }

    async fn look_again(&self, reader: &mut Reader) -> Result<(), Fault> {
        let clock = &self.surroundings.clock;
        let began = clock.monotonic();
        let (plan, told) = (Arc::clone(&self.plan), reader.told.clone());
        let Look { files, strange } = aside(move || plan.look(&told)).await??;
        let ended = clock.monotonic();
        // From here on nothing waits: a future that is dropped above has changed nothing.
        let names: BTreeSet<&str> = files
            .iter()
            .map(|found| found.name.as_str())
            .chain(strange.iter().map(|(name, _)| name.as_str()))
            .collect();
        reader.told.retain(|name| names.contains(name.as_str()));
        for (name, what) in &strange {
            let fault = Fault::new(Code::ReceiveFile, format!("it is {what}"));
            tell(reader, name, &fault.at(self.plan.place(name)));
        }
        let before = std::mem::take(&mut reader.seen);
        for found in files {
            let since = match before.get(&found.name) {
                Some((state, since)) if *state == found.state => *since,
                _ => ended,
            };
            reader.seen.insert(found.name.clone(), (found.state, since));
            if self.plan.stable_for.is_zero() || began.checked_sub(since) >= Some(self.plan.stable_for) {
                reader.waiting.push_back(found);
            }
        }
        reader.due = ended + self.every;
        Ok(())
    }

    async fn take(&self, found: &Found) -> Result<Taken, Fault> {
        let (plan, found) = (Arc::clone(&self.plan), found.clone());
        let taken = aside(move || {
            let directory = plan.directory()?;
            let packed = plan.settings.decompress == Decompress::Gzip;
            Ok(match take(&directory, &found, plan.most, packed) {
                Taken::Unreadable(fault) => Taken::Unreadable(fault.at(plan.place(&found.name))),
                Taken::Refused(fault) => Taken::Refused(fault.at(plan.place(&found.name))),
                taken => taken,
            })
        });
        taken.await?
    }

    fn hand_over(&self, reader: &mut Reader, found: Found, body: Vec<u8>, digest: [u8; 32]) -> Batch {
        reader.last_id += 1;
        reader.told.remove(&found.name);
        let id = BatchId(reader.last_id);
        let place = self.plan.place(&found.name);
        let received = Received {
            body,
            content_type: String::new(),
            idempotency_key: Some(self.plan.key(&found, digest)),
            traceparent: None,
            origin: place.clone(),
        };
        let cursor = Some(cursor(&found));
        self.settling().open = Some((id, found));
        Batch { id, intakes: vec![received], principal: Principal::Interface(place), cursor, deadline: None }
    }

    async fn settle_batch(&self, batch: BatchId, outcome: Result<Reply, Fault>) -> Result<(), Fault> {
        let found = match &self.settling().open {
            Some((id, found)) if *id == batch => found.clone(),
            _ => return Ok(()),
        };
        let mut away = Away { name: found.name, state: found.state, refused: None };
        let told = match outcome {
            Ok(reply) => {
                if reply.receipts.iter().any(|receipt| receipt.kind == ReplyKind::Duplicate) {
                    tracing::info!(file = self.plan.place(&away.name), "a repeat: it was stored before");
                }
                self.settling().stored = Some(away);
                self.clear_stored().await
            }
            Err(fault) if of_the_document(&fault) => {
                away.refused = Some(fault);
                self.put_away(away).await
            }
            Err(_) => {
                self.settling().again = true;
                Ok(())
            }
        };
        // Only now: until here the next file must wait.
        self.settling().open = None;
        self.settled.notify_waiters();
        told
    }

    fn settling(&self) -> std::sync::MutexGuard<'_, Settling> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn directory(&self) -> Result<OwnedFd, Fault> {
        let below = &self.settings.directory;
        self.root.directory(below).map_err(|error| self.unusable(error))
    }

    fn look(&self, told: &BTreeSet<String>) -> Result<Look, Fault> {
        look(&self.directory()?, &self.wanted, self.settings.order, told).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, error: Errno) -> Fault {
        let said = format!("the directory {:?} cannot be read: {error}", self.settings.directory);
        Fault::new(Code::ReceiveFile, said)
    }

    /// A file as a person is told of it: from the root.
    fn place(&self, name: &str) -> String {
        match self.settings.directory.as_str() {
            "." => name.to_owned(),
            directory => format!("{directory}/{name}"),
        }
    }

    /// By what a repeat is recognised (`docs/decisions/0010`).
    fn key(&self, found: &Found, digest: [u8; 32]) -> String {
        let content: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.settings.known_by {
            KnownBy::NameAndContent => format!("{}|{content}", found.name),
            KnownBy::NameContentAndTime => format!("{}|{content}|{}", found.name, found.state.modified),
        }
    }
}

/// Whether a refusal says something of the document. Otherwise it stays, and is taken again.
fn of_the_document(fault: &Fault) -> bool {
    matches!(fault.class(), Class::Park | Class::Refuse) && fault.code != Code::ReceiveStoreUnavailable
}

/// Tells once that a file cannot be taken.
fn tell(reader: &mut Reader, name: &str, fault: &Fault) {
    if reader.told.insert(name.to_owned()) {
        tracing::warn!(%fault, next_step = fault.next_step(), "a file is not taken; the others are");
    }
}

/// The file that was stored last: by it, one that could not be moved any more is known again.
fn cursor(found: &Found) -> Cursor {
    Cursor(format!("{} {} {}", found.state.size, found.state.modified, found.name).into_bytes())
}

fn read_cursor(Cursor(cursor): &Cursor) -> Result<Away, Fault> {
    let text = std::str::from_utf8(cursor).ok();
    let read = text.and_then(|text| {
        let mut parts = text.splitn(3, ' ');
        let (size, modified) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let name = parts.next().filter(|name| !name.contains('/'))?.to_owned();
        Some(Away { name, state: State { modified, size }, refused: None })
    });
    read.ok_or_else(|| Fault::new(Code::StoreDamaged, "the stored place to go on from is none of this kind of source"))
}

impl Source for FilesSource {
    fn receive(&self, after: Option<Cursor>) -> BoxFuture<'_, Result<Batch, Fault>> {
        Box::pin(self.next_batch(after))
    }

    fn settle(&self, batch: BatchId, outcome: Result<Reply, Fault>) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(self.settle_batch(batch, outcome))
    }
}
