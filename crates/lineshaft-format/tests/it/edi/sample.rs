//! Documents written for these tests in the likeness of real ones, and short ways to look at what is read from them.

use lineshaft_format::charset::Charset;
use lineshaft_format::edi::{Head, Interchange, Message, Party};
use lineshaft_format::{edifact, json, x12};
use lineshaft_model::fault::Fault;
use lineshaft_model::tree::{Path, Tree};

/// An interchange of X12 with one group of `sets`, each from ST to before SE without terminators.
pub fn x12_of(function: &str, sets: &[&[&str]]) -> String {
    let mut document = String::from(
        "ISA*00*          *00*          *ZZ*PLANT          *ZZ*SUPPLIER       *261123*0444*U*00401*000000905*0*P*>~\n",
    );
    document.push_str(&format!("GS*{function}*PLANT*SUPPLIER*20261123*0444*77*X*004010~\n"));
    for set in sets {
        document.extend(set.iter().map(|segment| format!("{segment}~\n")));
        let control = set[0].rsplit('*').next().unwrap_or_default();
        document.push_str(&format!("SE*{}*{control}~\n", set.len() + 1));
    }
    document.push_str(&format!("GE*{}*77~\nIEA*1*000000905~\n", sets.len()));
    document
}

/// An interchange of EDIFACT with `messages`, each from UNH to before UNT without terminators.
pub fn edifact_of(messages: &[&[&str]]) -> String {
    let mut document =
        String::from("UNA:+.? '\nUNB+UNOC:3+4012345000009:14+5412345000013:14+261123:0444+131++ORDERS'\n");
    for message in messages {
        document.extend(message.iter().map(|segment| format!("{segment}'\n")));
        let control = message[0].split('+').nth(1).unwrap_or_default();
        document.push_str(&format!("UNT+{}+{control}'\n", message.len() + 1));
    }
    document.push_str(&format!("UNZ+{}+131'\n", messages.len()));
    document
}

pub const ORDER: &[&str] = &[
    "ST*850*0001",
    "BEG*00*SA*PO123**20261123",
    "REF*DP*038",
    "REF*PS*R",
    "N1*ST*PLANT 1000*92*1000",
    "N3*1 INDUSTRIAL PARKWAY",
    "PO1*1*100*EA*12.50**VP*WIDGET-001",
    "PID*F****BOLT M8X40",
    "PO1*2*-5.5*KG",
    "CTT*2",
];

pub const NOTICE: &[&str] = &[
    "ST*856*0002",
    "BSN*00*SHP8000002*20261123*0444",
    "HL*1**S",
    "TD5**2*UPSN",
    "HL*2*1*O",
    "PRF*4500000042",
    "HL*3*2*T",
    "MAN*GM*00340123450000000018",
    "HL*4*3*I",
    "LIN**VP*WIDGET-001",
    "SN1**100*EA",
    "HL*5*2*T",
    "MAN*GM*00340123450000000025",
    "CTT*5",
];

pub const ORDERS: &[&str] = &[
    "UNH+1+ORDERS:D:96A:UN:EAN008",
    "BGM+220+128576+9",
    "DTM+137:20261123:102",
    "FTX+AAI+++Fragile?: 5?+5?' ??",
    "RFF+CT:652744",
    "DTM+171:20261101:102",
    "NAD+BY+5412345000013::9",
    "RFF+VA:87765432",
    "CUX+2:EUR:9",
    "LIN+1++4000862141404:EN",
    "PIA+1+ABC1234:IN",
    "QTY+21:48,5:PCE",
    "PRI+AAA:14.58",
    "UNS+S",
    "CNT+2:1",
];

pub const DESPATCH: &[&str] = &[
    "UNH+2+DESADV:D:01B:UN",
    "BGM+351+SHP8000002+9",
    "DTM+137:20261123:102",
    "CPS+1",
    "PAC+1++201",
    "CPS+2+1",
    "PAC+1++CT",
    "PCI+33E",
    "GIN+BJ+340123450000000018",
    "LIN+1++4000862141404:SRV",
    "QTY+12:100",
    "CPS+3+1",
    "LIN+2++4000862141411:SRV",
    "QTY+12:5",
];

pub fn read_x12(document: &str) -> Vec<Result<Interchange, Fault>> {
    x12::decode(document.as_bytes(), Charset::Utf8)
}

pub fn read_edifact(document: &str) -> Vec<Result<Interchange, Fault>> {
    edifact::decode(document.as_bytes(), None)
}

/// The only interchange of a document.
pub fn only(read: Vec<Result<Interchange, Fault>>) -> Interchange {
    let [read] = <[_; 1]>::try_from(read).expect("one interchange");
    read.expect("an interchange that can be read")
}

/// The first message of an interchange that is given as segments of one transaction set.
pub fn set(segments: &[&str]) -> Message {
    let interchange = only(read_x12(&x12_of("PO", &[segments])));
    assert_eq!(interchange.faults(), [], "the envelope is sound");
    interchange.messages().next().expect("a message").clone()
}

pub fn message(segments: &[&str]) -> Message {
    let interchange = only(read_edifact(&edifact_of(&[segments])));
    assert_eq!(interchange.faults(), [], "the envelope is sound");
    interchange.messages().next().expect("a message").clone()
}

/// Every finding in a line, notices with a word in front.
pub fn found(message: &Message) -> Vec<String> {
    let line = |finding: &lineshaft_format::edi::Finding| {
        let word = if finding.is_fault() { "" } else { "notice: " };
        format!("{word}{finding}")
    };
    message.findings.all().iter().map(line).collect()
}

pub fn at<'tree>(tree: &'tree Tree, path: &str) -> Option<&'tree str> {
    Path::parse(path).expect(path).find(tree).and_then(Tree::scalar)
}

/// The tree in JSON without quotes around names, as a person would write it down.
pub fn outline(tree: &Tree) -> String {
    String::from_utf8(json::encode(tree)).expect("JSON").replace('"', "")
}

pub fn head() -> Head {
    let party = |id: &str| Party { id: id.to_owned(), qualifier: "ZZ".to_owned() };
    Head {
        sender: party("PLANT"),
        receiver: party("SUPPLIER"),
        control: "905".to_owned(),
        date: "20261123".to_owned(),
        time: "0444".to_owned(),
        charset: "UNOC".to_owned(),
        ..Head::default()
    }
}
