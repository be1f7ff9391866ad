//! The guides that come with the program, one text for each type of message, read when the first is asked for.

use std::sync::LazyLock;

use super::guide::{Guide, Parts};

const X12_PARTS: &str = include_str!("guides/x12/parts.txt");

const X12: &[&str] = &[
    include_str!("guides/x12/214.txt"),
    include_str!("guides/x12/810.txt"),
    include_str!("guides/x12/820.txt"),
    include_str!("guides/x12/824.txt"),
    include_str!("guides/x12/830.txt"),
    include_str!("guides/x12/846.txt"),
    include_str!("guides/x12/850.txt"),
    include_str!("guides/x12/855.txt"),
    include_str!("guides/x12/856.txt"),
    include_str!("guides/x12/860.txt"),
    include_str!("guides/x12/862.txt"),
    include_str!("guides/x12/940.txt"),
    include_str!("guides/x12/945.txt"),
    include_str!("guides/x12/997.txt"),
    include_str!("guides/x12/999.txt"),
];

const EDIFACT_PARTS: &str = include_str!("guides/edifact/parts.txt");

const EDIFACT: &[&str] = &[
    include_str!("guides/edifact/APERAK.txt"),
    include_str!("guides/edifact/CONTRL.txt"),
    include_str!("guides/edifact/DELFOR.txt"),
    include_str!("guides/edifact/DELJIT.txt"),
    include_str!("guides/edifact/DESADV.txt"),
    include_str!("guides/edifact/IFTSTA.txt"),
    include_str!("guides/edifact/INVOIC.txt"),
    include_str!("guides/edifact/INVRPT.txt"),
    include_str!("guides/edifact/ORDCHG.txt"),
    include_str!("guides/edifact/ORDERS.txt"),
    include_str!("guides/edifact/ORDRSP.txt"),
    include_str!("guides/edifact/RECADV.txt"),
];

static READ: LazyLock<[Vec<Guide>; 2]> =
    LazyLock::new(|| [read(X12, X12_PARTS, "ST"), read(EDIFACT, EDIFACT_PARTS, "UNH")]);

fn read(texts: &[&str], parts: &str, header: &str) -> Vec<Guide> {
    let parts = Parts::parse(parts).expect("a test reads every part");
    texts.iter().map(|text| Guide::parse(text, header, &parts).expect("a test reads every guide")).collect()
}

/// The guides of X12 transaction sets, by type.
pub fn all_x12() -> &'static [Guide] {
    &READ[0]
}

/// The guides of EDIFACT messages, by type.
pub fn all_edifact() -> &'static [Guide] {
    &READ[1]
}

/// The guide of a transaction set: `850`.
pub fn x12(kind: &str) -> Option<&'static Guide> {
    all_x12().iter().find(|guide| guide.kind == kind)
}

/// The guide of a message: `ORDERS`.
pub fn edifact(kind: &str) -> Option<&'static Guide> {
    all_edifact().iter().find(|guide| guide.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guide_reads() {
        for (texts, parts, header) in [(X12, X12_PARTS, "ST"), (EDIFACT, EDIFACT_PARTS, "UNH")] {
            let parts = Parts::parse(parts).unwrap_or_else(|problem| panic!("parts of {header}: {problem}"));
            for text in texts {
                let guide = Guide::parse(text, header, &parts);
                let guide = guide.unwrap_or_else(|problem| panic!("{:?}: {problem}", text.lines().next()));
                assert!(guide.root.children.len() > 2, "{}", guide.kind);
            }
        }
        assert_eq!((all_x12().len(), all_edifact().len()), (15, 12));
    }
}
