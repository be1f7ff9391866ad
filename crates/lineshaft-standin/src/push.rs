//! How a stand-in tells somebody something: it sends a document and sends it again, same key, same bytes, until it is
//! acknowledged with 2xx. Documents of one lane (an order, a material) go out one after the other; lanes do not wait for
//! each other. Absent: durability; a stand-in that is killed forgets what it had not got rid of.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::{Connection, Target};
use crate::serve::lock;

/// The first pause after a failed attempt; doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
const TIME_OUT: Duration = Duration::from_secs(10);

/// Where to push: a URL, perhaps a bearer token, POST or PUT.
#[derive(Debug, Clone)]
pub struct To {
    /// `http://host:port/path`.
    pub url: String,
    /// Bearer token.
    pub token: Option<String>,
    /// PUT instead of POST.
    pub put: bool,
}

impl To {
    /// POST to `url` without a token.
    pub fn post(url: impl Into<String>) -> Self {
        Self { url: url.into(), token: None, put: false }
    }

    /// PUT to `url` without a token.
    pub fn put(url: impl Into<String>) -> Self {
        Self { put: true, ..Self::post(url) }
    }

    /// From the fields `url`, `token` and `put` of a control request.
    pub(crate) fn read(wish: &Value) -> Result<Self, String> {
        let url = wish["url"].as_str().ok_or("url is missing")?.to_owned();
        Ok(Self { url, token: wish["token"].as_str().map(str::to_owned), put: wish["put"] == true })
    }

    /// The same with a bearer token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }
}

/// How far a push is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// How often it was sent.
    pub attempts: u64,
    /// What the last attempt brought: a status, or why there was no answer.
    pub last: String,
    /// The body of the acknowledgement.
    pub acknowledged: Option<String>,
}

/// One document on its way. Dropping it changes nothing: the document still goes out.
#[derive(Debug, Clone)]
pub struct Push {
    /// The idempotency key of every attempt.
    pub key: String,
    /// The bytes of every attempt.
    pub body: Bytes,
    progress: watch::Receiver<Progress>,
}

impl Push {
    /// Where it stands now.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// Waits for the acknowledgement and returns its body; `None` if the stand-in was stopped first.
    pub async fn acknowledged(&self) -> Option<String> {
        let mut progress = self.progress.clone();
        progress.wait_for(|now| now.acknowledged.is_some()).await.ok()?.acknowledged.clone()
    }

    /// Waits until it was tried `attempts` times or acknowledged; `false` if the stand-in was stopped first.
    pub async fn tried(&self, attempts: u64) -> bool {
        let mut progress = self.progress.clone();
        progress.wait_for(|now| now.attempts >= attempts || now.acknowledged.is_some()).await.is_ok()
    }
}

/// The pushes of one stand-in. They end when it is dropped.
#[derive(Default)]
pub(crate) struct Outbox {
    inner: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    last: HashMap<String, watch::Receiver<Progress>>,
    all: Vec<Push>,
    tasks: JoinSet<()>,
}

impl Outbox {
    /// Sends `body` to `to` after everything sent before in the same `lane`.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub(crate) fn send(&self, lane: &str, to: &To, key: String, body: Bytes) -> Result<Push, String> {
        let target = Target::parse(&to.url)?;
        let method = if to.put { http::Method::PUT } else { http::Method::POST };
        let (sender, receiver) = watch::channel(Progress::default());
        let mut inner = lock(&self.inner);
        let before = inner.last.insert(lane.to_owned(), receiver.clone());
        let connection = Connection::new(target, to.token.as_deref(), TIME_OUT);
        let push = Push { key, body, progress: receiver };
        inner.tasks.spawn(insist(before, connection, method, push.clone(), sender));
        while inner.tasks.try_join_next().is_some() {}
        inner.all.push(push.clone());
        Ok(push)
    }

    /// Every push so far.
    pub(crate) fn all(&self) -> Vec<Push> {
        lock(&self.inner).all.clone()
    }

    /// How many pushes are not acknowledged yet.
    pub(crate) fn open(&self) -> u64 {
        lock(&self.inner).all.iter().filter(|push| push.progress.borrow().acknowledged.is_none()).count() as u64
    }

    /// Gives up every push that is not acknowledged yet.
    pub(crate) fn give_up(&self) {
        let mut inner = lock(&self.inner);
        inner.tasks.abort_all();
        inner.last.clear();
    }
}

async fn insist(
    before: Option<watch::Receiver<Progress>>,
    mut connection: Connection,
    method: http::Method,
    push: Push,
    progress: watch::Sender<Progress>,
) {
    if let Some(mut before) = before {
        // A predecessor that was given up no longer holds anybody back.
        let _ = before.wait_for(|now| now.acknowledged.is_some()).await;
    }
    let mut pause = PAUSE_FIRST;
    loop {
        let answered = connection.send(method.clone(), &push.key, push.body.clone()).await;
        let (last, wait) = match &answered {
            Ok(reply) if (200..300).contains(&reply.status) => {
                let receipt = String::from_utf8_lossy(&reply.body).into_owned();
                progress.send_modify(|now| {
                    now.attempts += 1;
                    now.last = reply.status.to_string();
                    now.acknowledged = Some(receipt);
                });
                return;
            }
            Ok(reply) => (format!("status {}", reply.status), reply.retry_after().map(|after| after.min(PAUSE_MAX))),
            Err(why) => (why.to_string(), None),
        };
        progress.send_modify(|now| {
            now.attempts += 1;
            now.last = last;
        });
        tokio::time::sleep(wait.unwrap_or(pause)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
