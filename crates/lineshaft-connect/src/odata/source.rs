//! One emitting interface: asks again and again for what has changed.
//!
//! **What is read.** Each reading begins `overlap` before the latest change that is committed (the cursor), in the order
//! of change, and goes on page by page: the next page begins at the last second of the page before, so that a row which
//! moves while we read pushes no other row out of sight. Only where one second holds more than a page is the target's
//! own link followed (or `$skip`, where it gives none). A row that is changed in just that moment, within just that
//! second, can push one other row out of sight until that one changes again; a larger `page_size` prevents it.
//!
//! **What is handed over.** One page at most, then nothing more until that batch is settled: the next page must not be
//! committed before it. Rows already handed over are left out as far as they are remembered ([`REMEMBERED_MAX`]); that
//! saves work and no more, because each row carries a key by which a repeat is recognised.
//!
//! **When something fails.** `receive` returns the fault and the source stays usable: call again, after a pause that
//! grows. It then begins again at the cursor. A wait that the target asks for (`Retry-After`) is kept here.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lineshaft_model::connection::odata::{OdataConnection, OdataPoll, OdataSource as Settings};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::{Received, sha256};
use lineshaft_model::principal::Principal;
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

use super::page::{self, Page, Row};
use super::service::Service;
use super::stamp::Stamp;
use crate::contract::{Batch, BatchId, BoxFuture, Cursor, Reply, Source, Surroundings};
use crate::http::answer;

/// Rows that are remembered as handed over.
const REMEMBERED_MAX: usize = 100_000;

/// How far ahead of our clock a time of change may lie and still be gone on from: another time zone, and no more.
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);

/// Most pages of one second.
const PAGES_OF_A_SECOND_MAX: usize = 10_000;

/// One emitting interface. Batches are attributed to the address that was asked; whoever knows the interface's name may
/// put it in its place.
pub struct OdataSource {
    service: Service,
    surroundings: Surroundings,
    poll: OdataPoll,
    every: Duration,
    overlap: Duration,
    since: Option<Stamp>,
    origin: String,
    reader: Mutex<Reader>,
    settling: PlainMutex<Settling>,
    settled: Notify,
}

/// Where a reading stands. Nothing of it must survive: a new one begins at the cursor.
struct Reader {
    /// The page to ask for; `None` between two readings.
    place: Option<Place>,
    /// When the next request may leave.
    due: Duration,
    next_id: u64,
}

/// The page to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    from: Option<Stamp>,
    /// The target's own link to the rest, within one second.
    link: Option<String>,
    /// Rows of this second that were read already.
    skip: usize,
    /// Pages asked for since `from` moved.
    pages: usize,
}

/// What was handed over, and what is known to be committed.
#[derive(Default)]
struct Settling {
    open: Option<(BatchId, Vec<[u8; 32]>, Option<Stamp>)>,
    committed: Option<Stamp>,
    /// A batch was refused: the reading must begin again.
    refused: bool,
    known: HashSet<[u8; 32]>,
    oldest_first: VecDeque<[u8; 32]>,
}

impl OdataSource {
    /// Reads the settings. Connects to nothing yet.
    ///
    /// # Errors
    /// `PROJECT-001` for a setting that cannot be used, `DELIVER-011` for a secret that cannot be resolved.
    pub fn open(surroundings: &Surroundings, connection: &OdataConnection, settings: &Settings) -> Result<Self, Fault> {
        let unusable = |why: String| Fault::new(Code::ProjectFile, why);
        let poll = settings.poll.clone();
        let since = poll
            .since
            .as_ref()
            .map(|text| Stamp::from_iso(text).ok_or_else(|| unusable(format!("since: {text:?} is not an instant"))));
        let service = Service::open(surroundings, connection)?;
        let origin = service.client.uri(&poll.path)?.to_string();
        Ok(Self {
            surroundings: surroundings.clone(),
            every: poll.every.duration().map_err(unusable)?,
            overlap: poll.overlap.duration().map_err(unusable)?,
            since: since.transpose()?,
            origin,
            reader: Mutex::new(Reader { place: None, due: Duration::ZERO, next_id: 1 }),
            settling: PlainMutex::default(),
            settled: Notify::new(),
            service,
            poll,
        })
    }

    async fn next_batch(&self, after: Option<Cursor>) -> Result<Batch, Fault> {
        let after = after.map(|cursor| read_cursor(&cursor)).transpose()?;
        let mut reader = self.reader.lock().await;
        loop {
            let committed = self.all_settled(&mut reader).await.max(after);
            sleep(reader.due.saturating_sub(self.surroundings.clock.monotonic())).await;
            let place = reader.place.clone().unwrap_or_else(|| self.beginning(committed));
            let asked = self.ask(&place).await;
            // From here on nothing waits: a future that is dropped above has changed nothing.
            let (page, place) = match asked.and_then(|page| Ok((self.after(&place, &page).map_err(none)?, page))) {
                Ok((place, page)) => (page, place),
                Err((fault, wait)) => {
                    reader.place = None;
                    reader.due = self.surroundings.clock.monotonic() + wait.unwrap_or_default();
                    return Err(fault);
                }
            };
            reader.place = place;
            if reader.place.is_none() {
                reader.due = self.surroundings.clock.monotonic() + self.every;
            }
            // A time far in the future, by a wrong clock or a wrong entry, would hide every later change.
            let soon = Stamp::from_iso(&self.surroundings.clock.now().after(AHEAD_MAX).to_rfc3339());
            let latest = page.rows.iter().filter_map(|row| row.stamp).filter(|stamp| Some(*stamp) <= soon).max();
            let latest = latest.max(committed);
            if let Some(batch) = self.hand_over(&mut reader, page.rows, latest) {
                return Ok(batch);
            }
        }
    }

    /// Waits until no batch is open. Says how far is committed, as far as this source saw it.
    async fn all_settled(&self, reader: &mut Reader) -> Option<Stamp> {
        loop {
            let told = self.settled.notified();
            {
                let mut settling = self.settling();
                if settling.open.is_none() {
                    if std::mem::take(&mut settling.refused) {
                        reader.place = None;
                        reader.due = self.surroundings.clock.monotonic() + self.every;
                    }
                    return settling.committed;
                }
            }
            told.await;
        }
    }

    fn beginning(&self, committed: Option<Stamp>) -> Place {
        let from = committed.map(|stamp| stamp.less(self.overlap)).or(self.since);
        Place { from, link: None, skip: 0, pages: 0 }
    }

    async fn ask(&self, place: &Place) -> Result<Page, (Fault, Option<Duration>)> {
        let uri = match &place.link {
            Some(link) => self.service.client.linked(link),
            None => self.service.client.uri(&page::question(&self.poll, self.service.version, place.from, place.skip)),
        };
        let request = self.service.request(Method::GET, uri.map_err(none)?, Bytes::new());
        let exchange = self.service.client.exchange(request).await;
        let tree = answer::document(exchange, self.surroundings.clock.now())?;
        page::read(&self.service, &self.poll, &tree).map_err(none)
    }

    /// The page behind this one; `None` if this was the last.
    fn after(&self, place: &Place, page: &Page) -> Result<Option<Place>, Fault> {
        let full = page.rows.len() >= usize::try_from(self.poll.page_size).unwrap_or(usize::MAX);
        if page.next.is_none() && !full {
            return Ok(None);
        }
        let last = page.rows.iter().filter_map(|row| row.stamp).max();
        if last.map(Stamp::second) > place.from.map(Stamp::second) {
            return Ok(Some(Place { from: last, link: None, skip: 0, pages: 0 }));
        }
        if place.pages >= PAGES_OF_A_SECOND_MAX {
            let what = "too many pages hold rows of one second of change";
            return Err(Fault::new(Code::DeliverBadAnswer, what).at(self.origin.clone()));
        }
        let skip = place.skip + page.rows.len();
        Ok(Some(Place { from: place.from, link: page.next.clone(), skip, pages: place.pages + 1 }))
    }

    /// The rows that are not known to be accepted, as a batch; `None` if there are none.
    fn hand_over(&self, reader: &mut Reader, rows: Vec<Row>, latest: Option<Stamp>) -> Option<Batch> {
        let mut settling = self.settling();
        let mut digests = Vec::new();
        let mut intakes = Vec::new();
        for row in rows {
            let digest = sha256(row.key.as_bytes());
            if settling.known.contains(&digest) || digests.contains(&digest) {
                continue;
            }
            digests.push(digest);
            intakes.push(Received {
                body: row.body,
                content_type: "application/json".to_owned(),
                idempotency_key: Some(row.key),
                traceparent: None,
                origin: self.origin.clone(),
            });
        }
        if intakes.is_empty() {
            return None;
        }
        let id = BatchId(reader.next_id);
        reader.next_id += 1;
        settling.open = Some((id, digests, latest));
        Some(Batch {
            id,
            intakes,
            principal: Principal::Interface(self.origin.clone()),
            cursor: latest.map(|stamp| Cursor(stamp.to_text().into_bytes())),
            deadline: None,
        })
    }

    fn settling(&self) -> std::sync::MutexGuard<'_, Settling> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fault behind which the target asks for no wait.
fn none(fault: Fault) -> (Fault, Option<Duration>) {
    (fault, None)
}

fn read_cursor(cursor: &Cursor) -> Result<Stamp, Fault> {
    let text = std::str::from_utf8(&cursor.0).ok();
    text.and_then(Stamp::from_text)
        .ok_or_else(|| Fault::new(Code::StoreDamaged, "the stored place to go on from is none of this kind of source"))
}

impl Settling {
    fn remember(&mut self, digests: Vec<[u8; 32]>) {
        for digest in digests {
            if self.known.insert(digest) {
                self.oldest_first.push_back(digest);
            }
        }
        while self.oldest_first.len() > REMEMBERED_MAX {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

impl Source for OdataSource {
    fn receive(&self, after: Option<Cursor>) -> BoxFuture<'_, Result<Batch, Fault>> {
        Box::pin(self.next_batch(after))
    }

    fn settle(&self, batch: BatchId, outcome: Result<Reply, Fault>) -> BoxFuture<'_, Result<(), Fault>> {
        {
            let mut settling = self.settling();
            match settling.open.take() {
                Some((id, digests, latest)) if id == batch => match outcome {
                    Ok(_) => {
                        settling.remember(digests);
                        settling.committed = settling.committed.max(latest);
                    }
                    Err(_) => settling.refused = true,
                },
                other => settling.open = other,
            }
        }
        self.settled.notify_waiters();
        Box::pin(std::future::ready(Ok(())))
    }
}
