//! At start: lines in which every delivery waits and nothing keeps them back. No commit leaves one behind; those that an
//! earlier version left, or that lost their first delivery with a damaged database, go on.

use std::sync::Arc;

use lineshaft_store::{Change, Effect, StoreError};

use crate::shared::Shared;

/// Lines let go in one commit.
const AT_ONCE: usize = 256;

/// Lets them go. Reads every open delivery, so it runs beside the start and not in it.
pub(crate) async fn let_go(shared: Arc<Shared>) {
    match advance(&shared).await {
        Ok(0) => {}
        Ok(lines) => tracing::warn!(lines, "deliveries waited although nothing kept them back; they go on"),
        Err(error) => {
            shared.fail_if_fatal(&error);
            tracing::warn!(%error, "lines that stand still are looked for at the next start");
        }
    }
}

async fn advance(shared: &Arc<Shared>) -> Result<usize, StoreError> {
    let mut advanced = 0;
    while !shared.is_stopping() {
        let store = Arc::clone(&shared.store);
        let looked = tokio::task::spawn_blocking(move || store.stalled(AT_ONCE)).await;
        let Ok(lines) = looked else { break };
        let lines = lines?;
        if lines.is_empty() {
            break;
        }
        let effects = shared.store.commit(vec![Change::Advance(lines)]).await?.into_inner();
        let Some(Effect::LetGo { due, .. }) = effects.into_iter().next() else { break };
        if due.is_empty() {
            break;
        }
        advanced += due.len();
        shared.enqueue(due);
    }
    Ok(advanced)
}
