//! The disk alone: append 1 KB and sync, again and again. What a node can do with one sync for each transaction.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::step::Stopwatch;

/// How long it is measured.
const FOR: Duration = Duration::from_secs(2);

/// Appends of 1 KB with `fdatasync`, a second, in `directory`.
pub fn syncs_per_second(directory: &Path) -> std::io::Result<f64> {
    let path = directory.join("disk.probe");
    let mut file = File::create(&path)?;
    let watch = Stopwatch::start();
    let mut count = 0_u32;
    while watch.elapsed() < FOR {
        file.write_all(&[b'x'; 1024])?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / watch.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}
