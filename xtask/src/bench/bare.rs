//! A bare loop of store, map and post in the node's place: what this machine does for the same documents without order,
//! tracking, checks or retry. The node's rate is told as a share of it, so the loop must have done the work: this
//! fails if a document is not stored, or if the sink was not sent what it is sent by the node.

use std::thread::sleep;

use super::figure::Figure;
use super::phase::{END_WITHIN, PREFIX, SETTLE, document, load, records};
use super::{Orders, gauge, history};
use crate::faults::arena::Arena;

/// What the sink writes down while the loop runs.
const EFFECTS: &str = "bare-sink.jsonl";

/// Measures the loop; its rate.
pub fn all(arena: &Arena, orders: &Orders, figures: &mut Vec<Figure>) -> Result<f64, String> {
    let materials = arena.file("materials.json");
    std::fs::write(&materials, document(&records())).map_err(|error| error.to_string())?;
    let _sink = arena.start_sink(EFFECTS)?;
    let bare = arena.start_bare(&materials)?;
    sleep(SETTLE);
    let before = gauge::cpu(bare.id());
    let load = load(orders.transactions, orders, PREFIX, None);
    let mut sender = arena.start_load(arena.inbound, &load, "bare-load")?;
    arena.finish_load(&mut sender, &load, "bare-load")?;
    history::wait_for(&arena.file(EFFECTS), orders.transactions)?;
    let micros = history::micros_between(&arena.file("bare-load.jsonl"), "\"invoke\"", &arena.file(EFFECTS))?;
    sleep(SETTLE);
    let cpu = gauge::cpu(bare.id()).since(before);
    bare.terminate(END_WITHIN)?;
    let stored = history::told(&arena.file("bare.log"), "stored")?;
    let count = orders.transactions as f64;
    if stored != count {
        return Err(format!("the bare loop stored {stored} of {count} documents"));
    }
    let rate = count * 1e6 / micros;
    figures.extend([
        Figure::of("bare", "bare loop of store, map and post: end to end", "a second", rate),
        Figure::of("bare_cpu", "CPU time of it for each transaction", "µs", cpu.micros / count),
        Figure::of("bare_cpu_writer", "of this, its store's writer", "µs", cpu.writer / count),
    ]);
    Ok(rate)
}

/// Whether the sink was sent the same documents by the loop as by the node, each as often. To be asked as long as the
/// end-to-end load is all that the node has sent.
pub fn sent_the_same(arena: &Arena) -> Result<(), String> {
    let read = |name: &str| std::fs::read_to_string(arena.file(name)).map_err(|error| format!("{name}: {error}"));
    are_the_same(&read(EFFECTS)?, &read("sink.jsonl")?)
}

/// Whether two histories of a sink hold the same documents, each as often.
fn are_the_same(bare: &str, node: &str) -> Result<(), String> {
    let (bare, node) = (hashes(bare)?, hashes(node)?);
    if bare == node {
        return Ok(());
    }
    let alone = bare.iter().filter(|hash| node.binary_search(hash).is_err()).count();
    Err(format!(
        "the bare loop sent {} documents and the node {}; {alone} of the loop's are none of the node's",
        bare.len(),
        node.len()
    ))
}

/// Hashes of the documents in a sink's history, sorted.
fn hashes(history: &str) -> Result<Vec<&str>, String> {
    let hash = |line| str::split_once(line, "\"sha256\":\"")?.1.split_once('"').map(|(hash, _)| hash);
    let mut hashes = history.lines().map(hash).collect::<Option<Vec<_>>>().ok_or("a line of the sink has no hash")?;
    hashes.sort_unstable();
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_documents_may_come_in_any_order_and_no_other_way() {
        let history = |hashes: &[&str]| {
            let line = |hash: &&str| format!("{{\"n\":1,\"t\":2,\"idem\":\"x\",\"sha256\":\"{hash}\"}}\n");
            hashes.iter().map(line).collect::<String>()
        };
        let node = history(&["a", "b", "c"]);
        assert_eq!(are_the_same(&history(&["c", "a", "b"]), &node), Ok(()));
        for wrong in [&["a", "b"] as &[_], &["a", "b", "x"], &["a", "b", "b"], &["a", "b", "c", "c"]] {
            assert!(are_the_same(&history(wrong), &node).is_err(), "{wrong:?}");
        }
        assert!(are_the_same("{}\n", &node).is_err());
    }
}
