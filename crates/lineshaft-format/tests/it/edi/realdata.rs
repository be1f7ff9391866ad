//! Real documents, where they are at hand: each message reads and is written as it stood, or it is refused for a reason.

use lineshaft_format::charset::Charset;
use lineshaft_format::edi::{Interchange, Kind, Segments, message_text};
use lineshaft_format::{edifact, x12};
use lineshaft_model::fault::{Code, Fault};

use crate::realdata::folder;

/// What is refused: document, control number of the message (or `envelope`), code, what is said first, and why it is right.
/// Of a group or interchange that counts wrongly the messages are taken all the same.
const REFUSED: &[(&str, &str, Code, &str, &str)] = &[
    ("x12/214__X12.NET", "envelope", ENVELOPE, "GE01 counts 2 transactions, but 1 are there", LOST),
    ("x12/824__X12.NET", "envelope", ENVELOPE, "GE01 counts 2 transactions, but 1 are there", LOST),
    ("x12/832__X12.NET", "envelope", ENVELOPE, "GE01 counts 2 transactions, but 1 are there", LOST),
    ("x12/855__X12.NET", "envelope", ENVELOPE, "GE01 counts 2 transactions, but 1 are there", LOST),
    ("x12/857__X12.NET", "envelope", ENVELOPE, "GE01 counts 2 transactions, but 1 are there", LOST),
    ("x12/861__X12.NET", "envelope", ENVELOPE, "GE01 counts 2 transactions, but 1 are there", LOST),
    ("x12/945__X12.NET", "envelope", ENVELOPE, "GE01 counts 2 transactions, but 1 are there", LOST),
    (
        "edifact/INVOIC__EDIFACT.NET__Invoice.txt",
        "envelope",
        ENVELOPE,
        "UNZ01 counts 2 messages, but 1 are there",
        LOST,
    ),
    (
        "edifact/INVOIC__EDIFACT.NET__Invoice_1.txt",
        "envelope",
        ENVELOPE,
        "UNZ01 counts 2 groups, but 1 are there",
        LOST,
    ),
    ("x12/857__X12.NET", "000012103", ENVELOPE, "SE01 counts 21 segments, but 22 are there", CUT),
    ("x12/830__vscode", "00001", ENVELOPE, "SE01 counts 10 segments, but 11 are there", CUT),
    ("x12/856__vscode", "0001", ENVELOPE, "SE01 counts 11 segments, but 12 are there", CUT),
    ("x12/940__EdiEngine__940_Failed_SE01", "20066", ENVELOPE, "SE01 counts 12 segments, but 9 are there", CUT),
    ("edifact/APERAK__pydifact__aperak.edi", "1", ENVELOPE, "UNT01 counts 8 segments, but 7 are there", CUT),
    ("edifact/APERAK__pydifact__aperak_1.edi", "1", ENVELOPE, "UNT01 counts 8 segments, but 7 are there", CUT),
    ("edifact/APERAK__pydifact__aperak_rejected.edi", "1", ENVELOPE, "UNT01 counts 8 segments, but 7 are there", CUT),
    ("edifact/APERAK__pydifact__aperak_rejected_1.edi", "1", ENVELOPE, "UNT01 counts 8 segments, but 7 are there", CUT),
    ("edifact/fragment__EDI.Net__Issue149.edi", "1234", ENVELOPE, "UNT01 counts 91 segments, but 9 are there", CUT),
    ("x12/850__vscode-edi-suppo__diagnosctics", "0001", ENVELOPE, "SE01 counts 18 segments", "a sample of mistakes"),
    (
        "x12/850__vscode-edi-suppo__diagnosctics",
        "envelope",
        ENVELOPE,
        "GE02 is not the control",
        "a sample of mistakes",
    ),
    (
        "x12/850__vscode-edi-suppo__diagnosctics",
        "envelope",
        ENVELOPE,
        "IEA02 is not the control",
        "a sample of mistakes",
    ),
    ("x12/850__vscode-edi-suppo__8d7df90f", "0001", MESSAGE, "BEG is missing", "an order without its number"),
    ("x12/850__vscode-edi-suppo__e4a505a9", "0001", MESSAGE, "BEG is missing", "an order without its number"),
    (
        "x12/940__EdiEngine__AckTest",
        "20067",
        MESSAGE,
        "N901 is missing",
        "a sample of what a 997 refuses, between two sound sets",
    ),
    ("edifact/APERAK__module-ballerina", "0001", ENVELOPE, "UNT is missing", "explanations stand between the segments"),
    (
        "edifact/ORDERS__vscode-edi-suppo__e8f65b5b",
        "envelope",
        ENVELOPE,
        "//  belongs to no message",
        "comments stand between the segments",
    ),
    ("edifact/DESADV_ORDERS__vscode", "001", MESSAGE, "DTM is missing", DATE),
    ("edifact/DESADV_ORDERS__vscode", "003", MESSAGE, "DTM is missing", DATE),
    ("edifact/INVOIC__vscode-edi-suppo__3adc9610", "M001", MESSAGE, "DTM is missing", DATE),
    ("edifact/INVOIC__vscode-edi-suppo__95267dba", "1", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__0bff2d9b", "001", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__8c50e4d4", "001", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__EDIFACT-interchanges", "001", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__EDIFACT-interchanges", "003", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__bug-edifact-escape", "1", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__cd10c094", "1", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__sample-invalid-version", "1", MESSAGE, "DTM is missing", DATE),
    ("edifact/ORDERS__vscode-edi-suppo__syntaxVersion4", "1", MESSAGE, "DTM is missing", DATE),
];

const ENVELOPE: Code = Code::DecodeEnvelope;

const MESSAGE: Code = Code::DecodeMessage;

const LOST: &str = "the trailer counts more than the sample has";

const CUT: &str = "the trailer counts other segments than the sample has";

const DATE: &str = "the standard wants the date of every order and invoice";

#[test]
fn real_interchanges_read_and_are_written_as_they_stood() {
    let Some(folder) = folder() else { return };
    let mut differ = Vec::new();
    let mut refused = std::collections::BTreeSet::new();
    for (standard, at_least) in [("x12", 30), ("edifact", 30)] {
        let mut documents: Vec<_> = std::fs::read_dir(folder.join(standard))
            .expect("folder")
            .map(|entry| entry.expect("entry").path())
            .collect();
        documents.sort();
        assert!(documents.len() >= at_least, "only {} documents in {standard}", documents.len());
        for path in documents {
            let name = format!("{standard}/{}", path.file_name().and_then(|name| name.to_str()).expect("a name"));
            let bytes = std::fs::read(&path).expect("a document");
            let read = match standard {
                "x12" => x12::decode(&bytes, Charset::Utf8),
                _ => edifact::decode(&bytes, None),
            };
            for (part, outcome) in read.iter().flat_map(|read| outcomes(&bytes, read)) {
                if let Err(fault) = outcome
                    && let Err(fault) = is_listed(&name, &part, &fault, &mut refused)
                {
                    differ.push(format!(
                        "(\"{name}\", \"{part}\", Code::{:?}, \"{}\", \"\"),",
                        fault.code, fault.message
                    ));
                }
            }
        }
    }
    assert!(differ.is_empty(), "\n{}", differ.join("\n"));
    assert_eq!(refused.len(), REFUSED.len(), "the list names what is not refused");
}

/// Whether the list says that this is refused, and so.
fn is_listed<'fault>(
    name: &str,
    part: &str,
    fault: &'fault Fault,
    refused: &mut std::collections::BTreeSet<usize>,
) -> Result<(), &'fault Fault> {
    let is_it = |(document, of, code, said, _): &(&str, &str, Code, &str, &str)| {
        name.starts_with(document) && of == &part && *code == fault.code && fault.message.starts_with(said)
    };
    let at = REFUSED.iter().position(is_it).ok_or(fault)?;
    refused.insert(at);
    Ok(())
}

/// Each message and each envelope: nothing, or what is wrong with it.
fn outcomes(bytes: &[u8], read: &Result<Interchange, Fault>) -> Vec<(String, Result<(), Fault>)> {
    let interchange = match read {
        Ok(interchange) => interchange,
        Err(fault) => return vec![("envelope".to_owned(), Err(fault.clone()))],
    };
    let messages = interchange.messages().enumerate().map(|(at, message)| {
        let written = message.document().cloned().and_then(|tree| {
            let written = message_text(&tree, interchange.delimiters)?;
            // What stood after its place is written in its place.
            let is_late = message.findings.all().iter().any(|finding| finding.kind == Kind::SegmentOutOfOrder);
            let stood = segments(bytes, interchange, at, is_late);
            let written: Vec<String> = sorted(split(written.as_bytes(), 0, interchange), is_late);
            assert_eq!(written, stood, "{}", message.inside);
            Ok(())
        });
        (message.control.clone(), written)
    });
    let envelopes = interchange.faults().into_iter().map(|fault| ("envelope".to_owned(), Err(fault)));
    messages.chain(envelopes).collect()
}

/// The segments of the message `number` as they stand in the document, without its trailer and without empty ends.
fn segments(bytes: &[u8], interchange: &Interchange, number: usize, is_late: bool) -> Vec<String> {
    let element = char::from(interchange.delimiters.element);
    let is = |segment: &str, tags: [&str; 2]| tags.contains(&segment.split(element).next().unwrap_or_default());
    let all = split(bytes, interchange.byte, interchange);
    let mut messages = all.split_inclusive(|segment| is(segment, ["SE", "UNT"]));
    let message = messages.nth(number).expect("the message");
    let start = message.iter().rposition(|segment| is(segment, ["ST", "UNH"])).expect("the header");
    sorted(message[start..message.len() - 1].to_vec(), is_late)
}

fn sorted(mut segments: Vec<String>, is_late: bool) -> Vec<String> {
    if is_late {
        segments.sort();
    }
    segments
}

/// Segments without what says nothing: separators at the end of a segment, and of components at the end of an element.
fn split(bytes: &[u8], start: usize, interchange: &Interchange) -> Vec<String> {
    let delimiters = interchange.delimiters;
    let [element, component] = [delimiters.element, delimiters.component].map(char::from);
    let clean = |raw: &[u8]| {
        let text = String::from_utf8_lossy(raw).into_owned();
        let is_kept = |end: &str| delimiters.release.is_some_and(|release| end.ends_with(char::from(release)));
        let mut text = text.as_str();
        while let Some(shorter) = text.strip_suffix([element, component]).filter(|shorter| !is_kept(shorter)) {
            text = shorter;
        }
        let before_separator = format!("{component}{element}");
        let mut text = text.to_owned();
        while text.contains(&before_separator) {
            text = text.replace(&before_separator, &element.to_string());
        }
        text
    };
    Segments::new(bytes, start, delimiters).map(|segment| clean(segment.raw)).collect()
}
