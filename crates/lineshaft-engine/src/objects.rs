//! One decision at a time on each object. The store refuses a decision that was made on an older version, so this is
//! not what keeps totals right; it is what keeps many reports on one order from being decided again and again.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use lineshaft_model::object::ObjectKey;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Objects share this many locks: memory stays bounded, and two that meet by chance wait for one commit.
const LOCKS: usize = 1024;

/// How often one intake is decided on. Again only after somebody gave up a transaction of the same object in between.
pub(crate) const DECISIONS_MAX: usize = 100;

/// Who decides on which object.
pub(crate) struct Objects {
    locks: Vec<Arc<Mutex<()>>>,
}

impl Default for Objects {
    fn default() -> Self {
        Self { locks: (0..LOCKS).map(|_| Arc::default()).collect() }
    }
}

impl Objects {
    /// Waits until nobody else decides on any of `objects`, first come, first served. None to wait for if there are none.
    pub(crate) async fn hold(&self, objects: &BTreeSet<ObjectKey>) -> Vec<OwnedMutexGuard<()>> {
        // In one order, so that two that want the same locks never wait for each other.
        let numbers: BTreeSet<usize> = objects.iter().map(number).collect();
        let mut held = Vec::with_capacity(numbers.len());
        for number in numbers {
            held.push(Arc::clone(&self.locks[number]).lock_owned().await);
        }
        held
    }
}

fn number(object: &ObjectKey) -> usize {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or(0)
}
