//! The ceiling that the bench compares the node with: a loop that stores a document, maps it and posts it, on the same
//! wire, the same database and the same maps.
//!
//! A document is on disk before it is acknowledged, as the node's is. Nothing else is promised, and that is the point:
//! deliberately absent are order, keys, deduplication, tracking, checks against schemas, rules, attempts, retry and
//! restart. What could not be mapped or posted ends the program. No part of the product, and nobody's example.

/// What the loop works with, from the project that the node runs.
pub mod setup;

/// From the bytes received to the bytes posted.
pub mod maps;

/// One table, one thread, many documents in one commit.
pub mod store;

/// Documents on their way to the receiver.
mod post;

/// Requests of senders.
mod take;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::post::Receiver;
use self::setup::Setup;
use self::store::Store;

/// The running loop. It ends by itself only at the first failure.
pub struct Bare {
    address: SocketAddr,
    taking: JoinHandle<()>,
    posting: JoinHandle<Result<u64, String>>,
}

impl Bare {
    /// Makes the database and listens.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn start(setup: Setup) -> Result<Self, String> {
        let (committed, groups) = mpsc::unbounded_channel();
        let store = Store::open(&setup.data, committed)?;
        let listener = TcpListener::bind(setup.listen).await.map_err(|error| format!("{}: {error}", setup.listen))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let receiver = Arc::new(Receiver::new(setup.maps, &setup.receiver, setup.in_flight)?);
        Ok(Self {
            address,
            taking: tokio::spawn(take::accept(listener, store)),
            posting: tokio::spawn(post::post_all(groups, receiver)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the loop ends by itself, and says why.
    pub async fn failed(&mut self) -> String {
        outcome((&mut self.posting).await).err().unwrap_or_else(|| "the store's thread ended".to_owned())
    }

    /// Takes no more documents, and waits until what was taken is posted. Says how much was posted.
    ///
    /// # Errors
    /// What could not be stored, mapped or posted.
    pub async fn finish(self) -> Result<u64, String> {
        // With the connections the last ways to the store are dropped: its thread ends, then the posting.
        self.taking.abort();
        outcome(self.posting.await)
    }
}

fn outcome(ended: Result<Result<u64, String>, tokio::task::JoinError>) -> Result<u64, String> {
    ended.unwrap_or_else(|error| Err(error.to_string()))
}
