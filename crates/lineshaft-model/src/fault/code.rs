//! Every failure that Lineshaft names. The prefix is the step of the path, so that a code already says where.
//!
//! The table below is the source of the error pages in `docs/errors/`; a test holds them together.

use super::Class;

/// A failure by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is documented by its row in CODES, which a test requires")]
pub enum Code {
    ReceiveTooLarge,
    ReceiveNotAllowed,
    ReceiveKeyReused,
    ReceiveStoreUnavailable,
    ReceiveBadEncoding,
    ReceiveUnknownInterface,
    ReceiveMalformed,
    ReceiveFile,
    DecodeSyntax,
    DecodeEncoding,
    DecodeLimit,
    DecodeDuplicateField,
    DecodeSplit,
    DecodePoison,
    ValidateSchema,
    ValidateKeyMissing,
    MapFailed,
    MapUnknownReference,
    MapUnit,
    MapTimeLimit,
    MapEvent,
    JudgeOverDelivery,
    JudgeNotOpen,
    JudgeUnknownObject,
    JudgeNotEnough,
    JudgeUnit,
    RouteKeyMissing,
    RenderFailed,
    RenderParameter,
    DeliverUnreachable,
    DeliverNoAnswer,
    DeliverServerError,
    DeliverThrottled,
    DeliverRejected,
    DeliverBusyObject,
    DeliverAttemptsUsedUp,
    DeliverCutOff,
    DeliverBadAnswer,
    DeliverEgressDenied,
    DeliverSecret,
    DeliverRefusedLater,
    DeliverUnanswered,
    SettleUnmatched,
    SettleTooLate,
    StoreWrite,
    StoreDamaged,
    StoreMigration,
    ProjectFile,
}

/// What is fixed about a code.
#[derive(Clone, Copy, Debug)]
pub struct CodeSpec {
    /// The code.
    pub code: Code,
    /// As shown: `MAP-002`.
    pub text: &'static str,
    /// What it means for the work it struck.
    pub class: Class,
    /// What it is, as a heading.
    pub title: &'static str,
    /// What a person can do.
    pub next_step: &'static str,
}

const fn spec(code: Code, text: &'static str, class: Class, title: &'static str, next_step: &'static str) -> CodeSpec {
    CodeSpec { code, text, class, title, next_step }
}

const RETRY_OR_DISCARD: &str =
    "Correct it at the sender and have it sent again, then `lineshaft exceptions discard` this one.";

/// Every code, in the order of the enum.
pub static CODES: &[CodeSpec] = &[
    spec(
        Code::ReceiveTooLarge,
        "RECEIVE-001",
        Class::Refuse,
        "Document too large",
        "Send smaller documents, or raise `body_bytes_max` (`file_bytes_max` for files) of the interface.",
    ),
    spec(
        Code::ReceiveNotAllowed,
        "RECEIVE-002",
        Class::Refuse,
        "Sender not recognised",
        "Send the credentials that the interface's `auth` names; compare the secret on both sides.",
    ),
    spec(
        Code::ReceiveKeyReused,
        "RECEIVE-003",
        Class::Refuse,
        "Idempotency key used again with other content",
        "If this is a new business event, send it with a new key; if it is a correction, reverse the first.",
    ),
    spec(
        Code::ReceiveStoreUnavailable,
        "RECEIVE-004",
        Class::Refuse,
        "Nothing can be accepted at the moment",
        "Send again after the time in Retry-After. `lineshaft status` says why: full disk, or the node is stopping.",
    ),
    spec(
        Code::ReceiveBadEncoding,
        "RECEIVE-005",
        Class::Refuse,
        "Content-Encoding cannot be undone",
        "Send the document plain, or as gzip that unpacks to less than the limit.",
    ),
    spec(
        Code::ReceiveUnknownInterface,
        "RECEIVE-006",
        Class::Refuse,
        "No interface receives here",
        "Compare the address with `lineshaft status`: the path is the one that the interface file declares.",
    ),
    spec(
        Code::ReceiveMalformed,
        "RECEIVE-007",
        Class::Refuse,
        "The request is not well formed",
        "The message says which header or line; correct the sending program.",
    ),
    spec(
        Code::ReceiveFile,
        "RECEIVE-008",
        Class::Refuse,
        "A file or its directory cannot be used",
        "Give the node's user the permission it lacks, mount what is missing, or remove what is in the way; it is looked at again by itself.",
    ),
    spec(Code::DecodeSyntax, "DECODE-001", Class::Park, "Document cannot be read", RETRY_OR_DISCARD),
    spec(
        Code::DecodeEncoding,
        "DECODE-002",
        Class::Park,
        "Document is not in the declared character set",
        RETRY_OR_DISCARD,
    ),
    spec(Code::DecodeLimit, "DECODE-003", Class::Park, "Document exceeds a limit of its format", RETRY_OR_DISCARD),
    spec(Code::DecodeDuplicateField, "DECODE-004", Class::Park, "The same field stands twice", RETRY_OR_DISCARD),
    spec(
        Code::DecodeSplit,
        "DECODE-005",
        Class::Park,
        "The list to split is not there",
        "Compare the document with the interface's `split` path; correct the interface file and `lineshaft exceptions retry`.",
    ),
    spec(
        Code::DecodePoison,
        "DECODE-006",
        Class::Park,
        "Processing this document ended the node more than once",
        "Keep the document for the developers (`lineshaft trace show`), and discard it or have it sent differently.",
    ),
    spec(
        Code::ValidateSchema,
        "VALIDATE-001",
        Class::Park,
        "Document does not have the agreed shape",
        RETRY_OR_DISCARD,
    ),
    spec(
        Code::ValidateKeyMissing,
        "VALIDATE-002",
        Class::Park,
        "A declared key is missing or too long",
        RETRY_OR_DISCARD,
    ),
    spec(
        Code::MapFailed,
        "MAP-001",
        Class::Park,
        "The map failed on this document",
        "Read the place in the map; correct map or document, then `lineshaft exceptions retry`.",
    ),
    spec(
        Code::MapUnknownReference,
        "MAP-002",
        Class::Park,
        "Waits for reference data",
        "Nothing to do if the record is on its way: its arrival releases this. Otherwise `lineshaft reference load TABLE FILE`.",
    ),
    spec(
        Code::MapUnit,
        "MAP-003",
        Class::Park,
        "Unit unknown or not convertible",
        "Add the unit or the material's conversion with `lineshaft reference load`, then `lineshaft exceptions retry`.",
    ),
    spec(
        Code::MapTimeLimit,
        "MAP-004",
        Class::Park,
        "The map used up its time",
        "Look for a loop over a large list in the map; use map, group_by or reduce instead of for_each with push.",
    ),
    spec(
        Code::MapEvent,
        "MAP-005",
        Class::Park,
        "The map made no valid canonical event",
        "Compare the map's result with the event's schema: `lineshaft map run` shows both.",
    ),
    spec(
        Code::JudgeOverDelivery,
        "JUDGE-001",
        Class::Park,
        "More than the order allows",
        "Compare what was reported with the order: raise the order's quantity, or discard what was reported wrongly, then `lineshaft exceptions retry`.",
    ),
    spec(
        Code::JudgeNotOpen,
        "JUDGE-002",
        Class::Park,
        "The object is closed or not released",
        "If it is not released yet, its release lets this go on by itself. If it is closed, open it again and `lineshaft exceptions retry`, or discard this one.",
    ),
    spec(
        Code::JudgeUnknownObject,
        "JUDGE-003",
        Class::Park,
        "Nothing is known of the object",
        "Nothing to do if it is on its way: its arrival releases this. Otherwise have it sent, or correct its number at the sender and discard this one.",
    ),
    spec(
        Code::JudgeNotEnough,
        "JUDGE-004",
        Class::Park,
        "Less is there than is taken",
        "Look for a receipt that was not reported, or count the stock; when it is there, `lineshaft exceptions retry`.",
    ),
    spec(
        Code::JudgeUnit,
        "JUDGE-005",
        Class::Park,
        "A quantity cannot be counted in the object's unit",
        "Compare quantity and unit with what is known of the object; add the material's conversion with `lineshaft reference load`, then `lineshaft exceptions retry`.",
    ),
    spec(
        Code::RouteKeyMissing,
        "ROUTE-001",
        Class::Park,
        "No key to keep the order by",
        "Declare the key in the emitting interface's `keys`, then `lineshaft exceptions retry`.",
    ),
    spec(
        Code::RenderFailed,
        "RENDER-001",
        Class::Park,
        "The receiver's map failed on this event",
        "Read the place in the receiver's map; correct it, then `lineshaft exceptions retry`.",
    ),
    spec(
        Code::RenderParameter,
        "RENDER-002",
        Class::Park,
        "A value for the path or a header is missing or not allowed there",
        "Compare the receiver's path and headers with the rendered document.",
    ),
    spec(
        Code::DeliverUnreachable,
        "DELIVER-001",
        Class::Retry,
        "The target cannot be reached",
        "Nothing is lost: it is tried again by itself. Check the target, its address and the network.",
    ),
    spec(
        Code::DeliverNoAnswer,
        "DELIVER-002",
        Class::Retry,
        "No answer: it may have been posted",
        "If it stands in doubt: look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.",
    ),
    spec(
        Code::DeliverServerError,
        "DELIVER-003",
        Class::Retry,
        "The target failed on its side",
        "It is tried again by itself. If it goes on, ask those who run the target.",
    ),
    spec(
        Code::DeliverThrottled,
        "DELIVER-004",
        Class::Retry,
        "The target asks to slow down",
        "It is sent again when the target allows. If it goes on, lower `limits` of the system.",
    ),
    spec(
        Code::DeliverRejected,
        "DELIVER-005",
        Class::Park,
        "The target refused it for a business reason",
        "Correct the cause in the target or the data, then `lineshaft exceptions retry`, or skip or discard it.",
    ),
    spec(
        Code::DeliverBusyObject,
        "DELIVER-006",
        Class::Retry,
        "The object is locked in the target",
        "It is tried again by itself. Ask the person who holds the object to leave it.",
    ),
    spec(
        Code::DeliverAttemptsUsedUp,
        "DELIVER-007",
        Class::Park,
        "All attempts failed",
        "Look at the last reason; when the target works again, `lineshaft exceptions retry`.",
    ),
    spec(
        Code::DeliverCutOff,
        "DELIVER-008",
        Class::Retry,
        "The node stopped in the middle of an attempt",
        "If it stands in doubt: look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.",
    ),
    spec(
        Code::DeliverBadAnswer,
        "DELIVER-009",
        Class::Retry,
        "The target's answer cannot be understood",
        "Look at the answer in the detail; often a proxy or a login page answers instead of the target.",
    ),
    spec(
        Code::DeliverEgressDenied,
        "DELIVER-010",
        Class::Park,
        "This address may not be connected to",
        "If it should be, add it to `egress` in lineshaft.yaml; link-local and metadata addresses are never allowed.",
    ),
    spec(
        Code::DeliverSecret,
        "DELIVER-011",
        Class::Park,
        "A secret could not be resolved",
        "Set the environment variable or secret file that the system file names, then `lineshaft exceptions retry`.",
    ),
    spec(
        Code::DeliverRefusedLater,
        "DELIVER-012",
        Class::Park,
        "The target took it and then did not post it",
        "Correct the cause in the target or the data, then `lineshaft exceptions retry`: it is sent as a new document. Or skip or discard it.",
    ),
    spec(
        Code::DeliverUnanswered,
        "DELIVER-013",
        Class::Park,
        "The target took it, but its final word did not come in time",
        "A late answer still settles it. Otherwise look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.",
    ),
    spec(
        Code::SettleUnmatched,
        "SETTLE-001",
        Class::Park,
        "An answer names no delivery that waits for one",
        "Nothing to do if the delivery is just being sent: it releases this. Otherwise compare the reference with the target, then `lineshaft exceptions discard` this answer.",
    ),
    spec(
        Code::SettleTooLate,
        "SETTLE-002",
        Class::Park,
        "A refusal came for something that is settled",
        "Settled is final. Look in the target: if it took the posting back, reverse or send it again there, then `lineshaft exceptions discard` this answer.",
    ),
    spec(
        Code::StoreWrite,
        "STORE-001",
        Class::Stop,
        "The database could not be written",
        "Check disk and file system, then start the node again: what was acknowledged is there.",
    ),
    spec(
        Code::StoreDamaged,
        "STORE-002",
        Class::Stop,
        "The database is damaged",
        "Run `lineshaft store check`, and keep a copy of the data directory before anything else.",
    ),
    spec(
        Code::StoreMigration,
        "STORE-003",
        Class::Stop,
        "The database belongs to another version",
        "Start it with the version that wrote it, or a newer one.",
    ),
    spec(
        Code::ProjectFile,
        "PROJECT-001",
        Class::Stop,
        "A project file cannot be used",
        "Run `lineshaft check`: it names file, line and remedy.",
    ),
];

impl Code {
    /// What is fixed about this code.
    pub fn spec(self) -> &'static CodeSpec {
        &CODES[self as usize]
    }

    /// As shown: `MAP-002`.
    pub fn as_str(self) -> &'static str {
        self.spec().text
    }

    /// The code that a stored or typed text names.
    pub fn from_text(text: &str) -> Option<Self> {
        CODES.iter().find(|spec| spec.text == text).map(|spec| spec.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum_and_texts_are_unique() {
        for (at, spec) in CODES.iter().enumerate() {
            assert_eq!(spec.code as usize, at, "{}", spec.text);
            assert_eq!(Code::from_text(spec.text), Some(spec.code));
            assert!(spec.next_step.ends_with('.'), "{}", spec.text);
        }
    }
}
