//! Documents on their way to the receiver: mapped, then posted once over a connection that is kept. In no order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use lineshaft_standin::client::{Connection, Target};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use crate::maps::Maps;
use crate::store::Document;

/// How long the receiver may take for an answer.
const TIME_OUT: Duration = Duration::from_secs(10);

/// Who documents are posted to.
pub(crate) struct Receiver {
    maps: Maps,
    target: Target,
    in_flight: Semaphore,
    /// Connections without a document on its way.
    idle: Mutex<Vec<Connection>>,
}

impl Receiver {
    pub(crate) fn new(maps: Maps, url: &str, in_flight: usize) -> Result<Self, String> {
        let target = Target::parse(url)?;
        Ok(Self { maps, target, in_flight: Semaphore::new(in_flight), idle: Mutex::default() })
    }

    async fn post(self: Arc<Self>, key: String, body: Bytes) -> Result<(), String> {
        let _turn = self.in_flight.acquire().await.map_err(|error| error.to_string())?;
        let document = self.maps.document(&body).map_err(|fault| format!("{key}: {fault}"))?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = idle.unwrap_or_else(|| Connection::new(self.target.clone(), None, TIME_OUT));
        let reply = connection.send(Method::POST, &key, document.into()).await;
        let reply = reply.map_err(|error| format!("{key}: {error}"))?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        if (200..300).contains(&reply.status) { Ok(()) } else { Err(format!("{key}: status {}", reply.status)) }
    }
}

/// Acknowledges and posts what was committed, until nothing comes any more and everything is posted. How much it was.
pub(crate) async fn post_all(
    mut committed: UnboundedReceiver<Vec<Document>>,
    receiver: Arc<Receiver>,
) -> Result<u64, String> {
    let (mut posts, mut posted, mut open) = (JoinSet::new(), 0, true);
    while open || !posts.is_empty() {
        tokio::select! {
            group = committed.recv(), if open => match group {
                None => open = false,
                Some(group) => for Document { key, body, stored } in group {
                    // A sender that hung up needs no receipt: the document goes its way all the same.
                    let _ = stored.send(());
                    posts.spawn(Arc::clone(&receiver).post(key, body));
                },
            },
            Some(done) = posts.join_next() => {
                done.unwrap_or_else(|error| Err(error.to_string()))?;
                posted += 1;
            }
        }
    }
    Ok(posted)
}
