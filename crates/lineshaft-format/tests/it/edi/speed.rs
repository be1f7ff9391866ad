//! How fast, on one core: `cargo test --profile ci --locked -p lineshaft-format -- --ignored edi_speed --nocapture`.
//!
//! Prints and fails nothing: figures belong to the machine they were taken on.

use std::hint::black_box;
use std::time::Instant;

use lineshaft_format::charset::Charset;
use lineshaft_format::edi::{Delimiters, Segments};
use lineshaft_format::{edifact, x12};

use super::sample::{DESPATCH, NOTICE, ORDER, ORDERS, edifact_of, x12_of};

/// Bytes in a second, in MB: the best of several runs over `document`.
#[expect(clippy::disallowed_methods, reason = "this measures, and nothing rests on it")]
fn speed(document: &str, mut run: impl FnMut(&[u8])) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        run(document.as_bytes());
        best = best.min(start.elapsed().as_secs_f64());
    }
    f64::from(u32::try_from(document.len()).expect("small")) / best / 1e6
}

/// Every value of every segment is found, and looked at enough to be found.
fn tokenise(document: &[u8], start: usize, delimiters: Delimiters) {
    let meanings = delimiters.meanings();
    let segments = Segments::new(document, start, delimiters);
    let pieces = segments.filter_map(|segment| segment.pieces(&meanings)).flatten();
    black_box(pieces.map(|piece| piece.text.len()).sum::<usize>());
}

#[test]
#[ignore = "measures; run it by name"]
fn edi_speed() {
    let orders: Vec<&[&str]> = (0..2_500).flat_map(|_| [ORDER, NOTICE]).collect();
    let x12_file = x12_of("PO", &orders);
    let messages: Vec<&[&str]> = (0..2_500).flat_map(|_| [ORDERS, DESPATCH]).collect();
    let edifact_file = edifact_of(&messages);
    for (name, document, start, delimiters) in [
        ("X12", &x12_file, 0, Delimiters { repetition: None, ..Delimiters::X12 }),
        ("EDIFACT", &edifact_file, 10, Delimiters::EDIFACT),
    ] {
        let tokens = speed(document, |bytes| tokenise(bytes, start, delimiters));
        let trees = speed(document, |bytes| {
            let read = if name == "X12" { x12::decode(bytes, Charset::Utf8) } else { edifact::decode(bytes, None) };
            assert!(read.iter().flatten().flat_map(|one| one.messages()).all(|message| message.document().is_ok()));
            black_box(read);
        });
        println!("{name}: {} bytes, tokens {tokens:.0} MB/s, validated trees {trees:.0} MB/s", document.len());
    }
}
