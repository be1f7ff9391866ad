//! The phases of one run: disk, echo, bare loop, idle, end to end, half rate, outage, restart, find, drain. One store through all.

use std::thread::sleep;
use std::time::Duration;

use super::figure::Figure;
use super::{Orders, bare, disk, find, gauge, history};
use crate::faults::arena::{Arena, Load, READY_WITHIN};
use crate::faults::process::{Process, ask};
use crate::step::Stopwatch;

/// Connections of the generator.
const CONNECTIONS: u64 = 64;
/// Records of the reference table.
const RECORDS: usize = 5_000;
/// Records in one document.
const BATCH: usize = 250;
/// Begins orders and ids of the end-to-end load: the bare loop is sent the very same documents.
pub const PREFIX: &str = "C";
/// How long a process is left alone before its memory is read, and after its work before its time is.
pub const SETTLE: Duration = Duration::from_secs(1);
/// How long the half rate is held, in seconds.
const HALF_SECONDS: u64 = 10;
/// Longest time for an orderly end.
pub const END_WITHIN: Duration = Duration::from_secs(60);

/// Measures everything once.
pub fn all(arena: &Arena, orders: &Orders) -> Result<Vec<Figure>, String> {
    let mut figures =
        vec![Figure::of("load_average", "load average before the run", "processes", gauge::load_average())];
    let rate = disk::syncs_per_second(&arena.directory).map_err(|error| error.to_string())?;
    figures.push(Figure::of("disk_syncs", "disk: append 1 KB and fdatasync", "a second", rate));
    let echo = echo(arena, orders, &mut figures)?;
    let bare = bare::all(arena, orders, &mut figures)?;
    let mut node = arena.start_node()?;
    node.until(READY_WITHIN, || arena.ready())?;
    sleep(SETTLE);
    figures.push(Figure::of("rss_idle", "memory, idle, nothing loaded", "MiB", gauge::memory(node.id(), "VmRSS")));
    load_reference(arena)?;
    let sink = arena.start_sink("sink.jsonl")?;
    let end_to_end = end_to_end(arena, orders, &node, &mut figures)?;
    bare::sent_the_same(arena)?;
    figures.push(Figure::of("of_bare", "end to end, as a share of the bare loop", "", end_to_end / bare));
    figures.push(Figure::of("of_echo", "end to end, as a share of the bare exchange", "", end_to_end / echo));
    figures.push(Figure::of("of_disk", "end to end, for each fdatasync the disk can do", "", end_to_end / rate));
    half_rate(arena, end_to_end, orders, &mut figures)?;
    drop(sink);
    outage(arena, orders, node, &mut figures)?;
    Ok(figures)
}

/// Generator to sink, nothing between: both write and sync their histories, as in every phase.
fn echo(arena: &Arena, orders: &Orders, figures: &mut Vec<Figure>) -> Result<f64, String> {
    let _sink = arena.start_sink("echo-sink.jsonl")?;
    let load = load(orders.transactions, orders, "B", None);
    let mut sender = arena.start_load(arena.sink, &load, "echo")?;
    arena.finish_load(&mut sender, &load, "echo")?;
    let rate = history::told(&arena.file("echo.log"), "per_second")?;
    figures.push(Figure::of("echo", "generator to sink, no node between", "a second", rate));
    Ok(rate)
}

/// What the generator is asked to send.
pub fn load(transactions: u64, orders: &Orders, prefix: &'static str, per_second: Option<u64>) -> Load {
    Load { transactions, orders: orders.orders, connections: CONNECTIONS, per_second, prefix }
}

/// Fills the reference table through its interface.
fn load_reference(arena: &Arena) -> Result<(), String> {
    for batch in records().chunks(BATCH) {
        match ask(arena.inbound, "POST", "/in/master/material", &document(batch)) {
            Ok(200..=299) => {}
            Ok(status) => return Err(format!("the reference table was refused with {status}")),
            Err(error) => return Err(format!("the reference table could not be sent: {error}")),
        }
    }
    Ok(())
}

/// The records of the reference table.
pub fn records() -> Vec<String> {
    let record = |number: usize| match number {
        0 => record("481516", "PCE", "Pump housing", "FERT"),
        1 => record("300200", "GRM", "PP granulate", "ROH"),
        number => record(&format!("M{number:06}"), "PCE", &format!("Part {number}"), "HALB"),
    };
    (0..RECORDS).map(record).collect()
}

/// Records as one document.
pub fn document(records: &[String]) -> String {
    format!("{{\"records\":[{}]}}", records.join(","))
}

fn record(material: &str, unit: &str, name: &str, group: &str) -> String {
    format!(
        "{{\"material\":\"{material}\",\"base_unit\":\"{unit}\",\"name\":\"{name}\",\"group\":\"{group}\",\
         \"units\":[{{\"unit\":\"CT\",\"numerator\":12,\"denominator\":1}}]}}"
    )
}

fn end_to_end(arena: &Arena, orders: &Orders, node: &Process, figures: &mut Vec<Figure>) -> Result<f64, String> {
    sleep(SETTLE);
    let (before, bytes) = (gauge::cpu(node.id()), gauge::bytes_below(&arena.data));
    let load = load(orders.transactions, orders, PREFIX, None);
    let mut sender = arena.start_load(arena.inbound, &load, "load")?;
    arena.finish_load(&mut sender, &load, "load")?;
    history::wait_for(&arena.file("sink.jsonl"), orders.transactions)?;
    let micros = history::micros_between(&arena.file("load.jsonl"), "\"invoke\"", &arena.file("sink.jsonl"))?;
    sleep(SETTLE);
    let cpu = gauge::cpu(node.id()).since(before);
    let count = orders.transactions as f64;
    let each = |part: f64| part / count;
    let told = |name: &str| history::told(&arena.file("load.log"), name);
    let grown = gauge::bytes_below(&arena.data).saturating_sub(bytes) as f64;
    let rate = count * 1e6 / micros;
    figures.extend([
        Figure::of("accepted", "accepted", "a second", told("per_second")?),
        Figure::of("end_to_end", "end to end: first sent to last effect", "a second", rate),
        Figure::of("accept_p50", "receipt after, median, at full load", "ms", told("p50_us")? / 1e3),
        Figure::of("accept_p99", "receipt after, 99 of 100, at full load", "ms", told("p99_us")? / 1e3),
        Figure::of("cpu", "CPU time of the node for each transaction", "µs", each(cpu.micros)),
        Figure::of("cpu_system", "of this, in the kernel", "µs", each(cpu.system)),
        Figure::of("cpu_writer", "of this, the store's writer", "µs", each(cpu.writer)),
        Figure::of("writer_busy", "share of the time in which the writer runs", "", cpu.writer / micros),
        Figure::of("rss_peak", "memory, most so far", "MiB", gauge::memory(node.id(), "VmHWM")),
        Figure::of("disk_bytes", "disk for each transaction, log of the store included", "bytes", grown / count),
    ]);
    Ok(rate)
}

/// Open loop at half of what was just reached.
fn half_rate(arena: &Arena, end_to_end: f64, orders: &Orders, figures: &mut Vec<Figure>) -> Result<(), String> {
    let rate = ((end_to_end / 2.0) as u64).max(1);
    let load = load(rate * HALF_SECONDS, orders, "D", Some(rate));
    let mut sender = arena.start_load(arena.inbound, &load, "half")?;
    arena.finish_load(&mut sender, &load, "half")?;
    history::wait_for(&arena.file("sink.jsonl"), orders.transactions + load.transactions)?;
    let told = |name: &str| history::told(&arena.file("half.log"), name);
    figures.extend([
        Figure::of("accept_p50_half", "receipt after, median, at half of it", "ms", told("p50_us")? / 1e3),
        Figure::of("accept_p99_half", "receipt after, 99 of 100, at half of it", "ms", told("p99_us")? / 1e3),
    ]);
    Ok(())
}

/// The sink is away while transactions come in; then a restart, then the sink comes back.
fn outage(arena: &Arena, orders: &Orders, node: Process, figures: &mut Vec<Figure>) -> Result<(), String> {
    let load = load(orders.backlog, orders, "E", None);
    let mut sender = arena.start_load(arena.inbound, &load, "outage")?;
    arena.finish_load(&mut sender, &load, "outage")?;
    let accepted = history::told(&arena.file("outage.log"), "per_second")?;
    let peak = gauge::memory(node.id(), "VmHWM");
    node.terminate(END_WITHIN)?;
    let bytes = gauge::bytes_below(&arena.data) as f64 / 1e6;
    let watch = Stopwatch::start();
    let mut node = arena.start_node()?;
    node.until(READY_WITHIN, || arena.ready())?;
    let start = watch.elapsed().as_secs_f64();
    sleep(SETTLE);
    figures.extend([
        Figure::of("backlog", "open deliveries stored in the outage", "", orders.backlog as f64),
        Figure::of("accepted_outage", "accepted while the sink is away", "a second", accepted),
        Figure::of("rss_outage", "memory, most until then", "MiB", peak),
        Figure::of("store_size", "the store, closed, with all phases so far", "MB", bytes),
        Figure::of("restart", "restart with them: start to accepting", "s", start),
        Figure::of("rss_backlog", "memory after it", "MiB", gauge::memory(node.id(), "VmRSS")),
    ]);
    figures.extend(find::all(arena, orders));
    let _sink = arena.start_sink("drain.jsonl")?;
    let watch = Stopwatch::start();
    history::wait_for(&arena.file("drain.jsonl"), orders.backlog)?;
    let rate = orders.backlog as f64 / watch.elapsed().as_secs_f64();
    figures.push(Figure::of("drain", "drained when the sink is back, waiting for it included", "a second", rate));
    figures.push(Figure::of("rss_drain", "memory, most in that", "MiB", gauge::memory(node.id(), "VmHWM")));
    node.still_running()
}
