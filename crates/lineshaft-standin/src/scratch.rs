//! A directory for one test, removed afterwards.

use std::path::{Path, PathBuf};

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("standin-{}", uuid::Uuid::from_u128(rand())));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

fn rand() -> u128 {
    use lineshaft_model::random::{Rng, SeededRng};
    let rng = SeededRng::from_os();
    (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64())
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
