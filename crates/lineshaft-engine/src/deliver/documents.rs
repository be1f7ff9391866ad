//! Documents that are about to be sent, kept at hand so that the usual delivery reads nothing back. Bounded in
//! bytes; what is not here is read from the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lineshaft_model::ids::DeliveryId;
use lineshaft_model::plan::Rendered;
use lineshaft_store::read::deliveries::Document;

/// Bytes kept at most, bodies and their bookkeeping.
const BYTES_MAX: usize = 48 * 1024 * 1024;

/// Estimated bookkeeping of one entry, in bytes.
const ENTRY_BYTES: usize = 256;

#[derive(Default)]
pub(crate) struct Documents {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    documents: HashMap<DeliveryId, Document>,
    bytes: usize,
}

impl Documents {
    pub(crate) fn keep(&self, delivery: DeliveryId, rendered: Rendered, traceparent: Option<&str>) {
        let size = rendered.body.len() + ENTRY_BYTES;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if size > BYTES_MAX {
            return;
        }
        if kept.bytes + size > BYTES_MAX {
            // Entries of transactions that came to nothing stay behind: with the rest they make room now and then.
            *kept = Kept::default();
        }
        let document = Document {
            body: rendered.body,
            parameters: rendered.parameters,
            traceparent: traceparent.unwrap_or_default().to_owned(),
        };
        if kept.documents.insert(delivery, document).is_none() {
            kept.bytes += size;
        }
    }

    pub(crate) fn take(&self, delivery: DeliveryId) -> Option<Document> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let document = kept.documents.remove(&delivery)?;
        kept.bytes = kept.bytes.saturating_sub(document.body.len() + ENTRY_BYTES);
        Some(document)
    }
}
