//! Documents that somebody read damaged are set aside, so that they are told and not removed (RS3). Where a page of the
//! database cannot be right, or a write failed, whoever met it may not have ended the node: here it is.

use std::time::Duration;

use lineshaft_store::{Change, StoreError};

use super::pause;
use crate::shared::Shared;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(shared: &Shared) {
    while !pause(shared, EVERY).await {
        if shared.store.failed() {
            shared.fail_if_fatal(&StoreError::Stopped);
            return;
        }
        let found = shared.store.found_damaged();
        if found.is_empty() {
            continue;
        }
        tracing::error!(documents = found.len(), "documents are damaged; `lineshaft store check` says which");
        if let Err(error) = shared.store.commit(vec![Change::SetAside(found.clone())]).await {
            shared.fail_if_fatal(&error);
            found.into_iter().for_each(|payload| shared.store.note_damaged(payload));
        }
    }
}
