//! The power fails, again and again, under load; then drain, and let the judge compare receipts with effects.
//! Holds OT1 (no receipt lost) to account where it can really break: what was not synced is gone.
//!
//! A file system in an image, mounted through a loop device, is shut down without flushing its log (`xfs_io -c
//! shutdown`): from then on it refuses every write, and what was not synced before never reaches the image. Then the
//! node is killed, and the file system is mounted again as after a cut. Every run first makes sure that a cut loses what
//! was not synced, otherwise it would prove nothing. Generator and sink write outside of it.
//!
//! Deliberately absent: caches of a disk that lies about a flush, and sectors written in half.

use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use super::arena::{Arena, Load, READY_WITHIN};
use super::chance::{Rng, fresh_seed};
use crate::debian::{self, quietly};
use crate::demo;
use crate::place::{Place, shown};

/// The file systems, each with the program that makes it.
const FILE_SYSTEMS: [(&str, &str); 2] = [("ext4", "mkfs.ext4"), ("xfs", "mkfs.xfs")];
/// Size of an image; sparse.
const IMAGE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Transactions offered per second.
const RATE: u64 = 300;
/// Transactions for each cut: a little more than pass between two cuts.
const PER_CUT: u64 = 400;
/// Shortest and longest life of a node once it is ready, in milliseconds.
const LIFE_MILLIS: (u64, u64) = (50, 2_000);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Orders {
    cuts: u64,
    seed: u64,
}

/// What a run came to, unless a promise was broken.
pub enum Outcome {
    /// Every promise held; the verdict.
    Held(String),
    /// It could not run here, and why.
    Skipped(String),
}

impl Orders {
    /// So many cuts, with a seed of its own.
    pub fn of(cuts: u64) -> Self {
        Self { cuts, seed: fresh_seed() }
    }

    /// Reads `--cuts N --seed S`. Cuts are for each file system.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let mut orders = Self::of(20);
        super::numbers(arguments, &mut [("--cuts", &mut orders.cuts), ("--seed", &mut orders.seed)])?;
        Ok(orders)
    }

    fn load(&self) -> Load {
        let transactions = self.cuts.max(1) * PER_CUT;
        Load { transactions, orders: 100, connections: 16, per_second: Some(RATE), prefix: "L" }
    }
}

/// Runs it on every file system. Keeps the data and says how to go on if anything is wrong.
pub fn run(place: &Place, orders: &Orders) -> Result<(), String> {
    demo::build(place)?;
    let (mut broken, mut skipped) = (0, 0);
    for (kind, maker) in FILE_SYSTEMS {
        println!("faults power: {} cuts on {kind}, seed {}", orders.cuts, orders.seed);
        let arena = Arena::prepare(place, &format!("faults/power-{kind}-{}", orders.seed), super::PROJECT)?;
        match play(arena, orders, kind, maker) {
            Ok(Outcome::Held(verdict)) => println!("{verdict}"),
            Ok(Outcome::Skipped(why)) => {
                skipped += 1;
                println!("SKIP {kind}: {why}");
            }
            Err(message) => {
                broken += 1;
                let kept = place.target.join(format!("xtask/faults/power-{kind}-{}", orders.seed));
                println!("kept: {} (image, histories, logs)", shown(&place.root, &kept));
                println!("again: cargo xtask faults power --cuts {} --seed {}", orders.cuts, orders.seed);
                eprintln!("error: {kind}: {message}");
            }
        }
    }
    println!("{} file systems held, {broken} broke, {skipped} skipped", FILE_SYSTEMS.len() - broken - skipped);
    if broken == 0 { Ok(()) } else { Err("a promise is broken".to_owned()) }
}

/// Plays it on the first file system, for a check of somebody else's.
pub fn once(arena: Arena, orders: &Orders) -> Result<Outcome, String> {
    let (kind, maker) = FILE_SYSTEMS[0];
    play(arena, orders, kind, maker)
}

fn play(mut arena: Arena, orders: &Orders, kind: &'static str, maker: &'static str) -> Result<Outcome, String> {
    if let Err(why) = tools(maker) {
        return Ok(Outcome::Skipped(why));
    }
    let mut disk = Disk { kind, image: arena.file("disk.img"), mount: arena.file("disk"), mounted: false };
    if let Err(why) = disk.make(maker).and_then(|()| disk.mount()) {
        return Ok(Outcome::Skipped(why));
    }
    disk.loses_what_was_not_synced()?;
    arena.data = disk.mount.join("data");
    let verdict = cut_again_and_again(&arena, orders, &mut disk)?;
    disk.unmount()?;
    std::fs::remove_dir_all(&arena.directory).map_err(|error| error.to_string())?;
    Ok(Outcome::Held(verdict))
}

fn cut_again_and_again(arena: &Arena, orders: &Orders, disk: &mut Disk) -> Result<String, String> {
    let mut rng = Rng::new(orders.seed);
    let mut sink = arena.start_sink("sink.jsonl")?;
    let mut node = arena.start_node()?;
    node.until(READY_WITHIN, || arena.ready())?;
    let mut load = arena.start_load(arena.inbound, &orders.load(), "load")?;
    let mut slowest = Duration::ZERO;
    for number in 1..=orders.cuts {
        sleep(Duration::from_millis(rng.between(LIFE_MILLIS.0, LIFE_MILLIS.1)));
        node.still_running().map_err(|error| format!("before cut {number}: {error}"))?;
        disk.cut()?;
        // It may have noticed and ended by itself, as it should; either way it is gone now.
        drop(node);
        disk.unmount()?;
        disk.mount()?;
        node = arena.start_node()?;
        slowest = slowest.max(node.until(READY_WITHIN, || arena.ready())?);
    }
    arena.finish_load(&mut load, &orders.load(), "load")?;
    let verdict = arena.drain(&mut node)?;
    sink.still_running()?;
    Ok(format!(
        "{verdict}\n{} cuts survived on {}, slowest recovery {} ms",
        orders.cuts,
        disk.kind,
        slowest.as_millis()
    ))
}

/// A file system in a file. Dropping it unmounts it.
struct Disk {
    kind: &'static str,
    image: PathBuf,
    mount: PathBuf,
    mounted: bool,
}

impl Disk {
    fn make(&self, maker: &str) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        std::fs::create_dir_all(&self.mount).map_err(text)?;
        std::fs::File::create(&self.image).and_then(|file| file.set_len(IMAGE_BYTES)).map_err(text)?;
        quietly(Command::new(maker).arg("-q").arg(&self.image))
    }

    fn mount(&mut self) -> Result<(), String> {
        quietly(Command::new("mount").args(["-t", self.kind, "-o", "loop"]).arg(&self.image).arg(&self.mount))?;
        self.mounted = true;
        Ok(())
    }

    /// Cuts the power: nothing more reaches the image.
    fn cut(&self) -> Result<(), String> {
        quietly(Command::new("xfs_io").args(["-x", "-c", "shutdown"]).arg(&self.mount))
    }

    /// Unmounts; a process that was just killed may hold it for a moment.
    fn unmount(&mut self) -> Result<(), String> {
        let mut tried = 0;
        loop {
            match quietly(Command::new("umount").arg(&self.mount)) {
                Ok(()) => break,
                Err(error) if tried == 50 => return Err(error),
                Err(_) => sleep(Duration::from_millis(100)),
            }
            tried += 1;
        }
        self.mounted = false;
        Ok(())
    }

    /// One file synced, one not, a cut: only the first may still be whole.
    fn loses_what_was_not_synced(&mut self) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let (synced, written) = (self.mount.join("synced"), self.mount.join("written"));
        for path in [&synced, &written] {
            std::fs::write(path, [b'x'; 4096]).map_err(text)?;
            if path == &synced {
                std::fs::File::open(path).and_then(|file| file.sync_all()).map_err(text)?;
                std::fs::File::open(&self.mount).and_then(|directory| directory.sync_all()).map_err(text)?;
            }
        }
        self.cut()?;
        self.unmount()?;
        self.mount()?;
        let whole = |path| std::fs::read(path).is_ok_and(|bytes| bytes == [b'x'; 4096]);
        match (whole(&synced), whole(&written)) {
            (true, false) => Ok(()),
            (false, _) => Err(format!("a cut of {} loses even what was synced: it proves nothing", self.kind)),
            (true, true) => Err(format!("a cut of {} keeps what was not synced: it proves nothing", self.kind)),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Nothing more can be done about it here.
            let _ = self.unmount();
        }
    }
}

/// Whether everything needed is there; installs it where that is allowed.
fn tools(maker: &'static str) -> Result<(), String> {
    if !debian::is_root() {
        return Err("mounting needs root".to_owned());
    }
    let package = if maker == "mkfs.xfs" { "xfsprogs" } else { "e2fsprogs" };
    debian::ensure(&[(maker, package), ("xfs_io", "xfsprogs"), ("mount", "mount"), ("umount", "mount")])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        let read = |text: &str| Orders::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read("--cuts 3 --seed 7"), Ok(Orders { cuts: 3, seed: 7 }));
        assert_eq!(read("").map(|orders| orders.cuts), Ok(20));
        assert!(read("--kills 3").is_err());
    }
}
