//! At start: open deliveries whose interface has left the project. Nothing attempts them and nothing deletes them: they wait
//! until the interface comes back or a person decides, so the log says that they are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use lineshaft_model::fault::Code;
use lineshaft_store::StoreError;

use crate::shared::Shared;

/// Tells the log how many deliveries wait for each interface that is gone. Reads every delivery, so it runs beside the
/// start and not in it.
pub(crate) async fn tell(shared: Arc<Shared>) {
    let counted = tokio::task::spawn_blocking(move || count(&shared)).await;
    match counted {
        Ok(Ok(counted)) => {
            for (receiver, open) in counted {
                let help = Code::RouteInterfaceGone.spec().next_step;
                tracing::warn!(receiver, open, help, "deliveries wait for an interface that is not in this project");
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "deliveries of interfaces that are gone could not be counted"),
        Err(error) => tracing::error!(%error, "counting deliveries of interfaces that are gone ended early"),
    }
}

fn count(shared: &Shared) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut counted = BTreeMap::new();
    for row in shared.store.open_deliveries()? {
        if shared.has_left(&row.receiver) {
            *counted.entry(row.receiver).or_default() += row.count;
        }
    }
    Ok(counted)
}
