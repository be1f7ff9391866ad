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
    ReceiveMediaType,
    DecodeSyntax,
    DecodeEncoding,
    DecodeLimit,
    DecodeDuplicateField,
    DecodeSplit,
    DecodePoison,
    DecodeEnvelope,
    DecodeMessage,
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
    JudgeOriginalMissing,
    JudgeNotReversible,
    JudgeUnderDelivery,
    JudgeBlocked,
    JudgePeriod,
    JudgeSequence,
    RouteKeyMissing,
    RouteInterfaceGone,
    RenderFailed,
    RenderParameter,
    RenderOriginal,
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
    DeliverCredentials,
    DeliverRefusedLater,
    DeliverUnanswered,
    DeliverCertificate,
    SettleUnmatched,
    SettleTooLate,
    StoreWrite,
    StoreDamaged,
    StoreMigration,
    StoreInUse,
    StoreDocument,
    ProjectFile,
    ProjectAddress,
    ProjectCertificate,
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

const SEND_AGAIN_AND_DISCARD: &str = "Have it corrected at the sender and sent again under a new idempotency key, then `lineshaft exceptions discard` this one: later ones of its key wait behind it.";

/// Every code, in the order of the enum.
pub static CODES: &[CodeSpec] = &[
    spec(
        Code::ReceiveTooLarge,
        "RECEIVE-001",
        Class::Refuse,
        "Document too large",
        "Send smaller documents, or raise `body_bytes_max` (`file_bytes_max` for files) of the interface and start the node again.",
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
        "If this is a new business event, send it with a new key; if it is a correction, reverse the first. One that was kept is stopped: `lineshaft exceptions discard` it then.",
    ),
    spec(
        Code::ReceiveStoreUnavailable,
        "RECEIVE-004",
        Class::Refuse,
        "Nothing can be accepted at the moment",
        "Send again after the time in Retry-After, under the same key. `lineshaft status` and the node's log say why: it is busy, its disk is full, or it is stopping.",
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
        "Send to `/in/<system>/<interface>`: `lineshaft status` lists the addresses of this node.",
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
    spec(
        Code::ReceiveMediaType,
        "RECEIVE-009",
        Class::Refuse,
        "This media type is not taken here",
        "Send one of the media types that the message names, JSON always in UTF-8; a sender that cannot is served by `media_types` of the interface.",
    ),
    spec(Code::DecodeSyntax, "DECODE-001", Class::Park, "Document cannot be read", SEND_AGAIN_AND_DISCARD),
    spec(
        Code::DecodeEncoding,
        "DECODE-002",
        Class::Park,
        "Document is not in the declared character set",
        SEND_AGAIN_AND_DISCARD,
    ),
    spec(
        Code::DecodeLimit,
        "DECODE-003",
        Class::Park,
        "Document exceeds a limit of its format",
        SEND_AGAIN_AND_DISCARD,
    ),
    spec(Code::DecodeDuplicateField, "DECODE-004", Class::Park, "The same field stands twice", SEND_AGAIN_AND_DISCARD),
    spec(
        Code::DecodeSplit,
        "DECODE-005",
        Class::Park,
        "The list to split is not there",
        "Compare the document (`lineshaft trace show ID --documents`) with the interface's `split` or `parts`. Correct the interface file, start the node again and `lineshaft exceptions retry`; or have the sender correct it and discard this one.",
    ),
    spec(
        Code::DecodePoison,
        "DECODE-006",
        Class::Park,
        "Processing this document ended the node more than once",
        "Keep the document for the developers (`lineshaft trace show ID --documents`), then discard it; have what it reported sent in another form.",
    ),
    spec(
        Code::DecodeEnvelope,
        "DECODE-007",
        Class::Park,
        "The envelope does not hold together",
        "Something of the interchange is lost or counted wrongly: ask the sender to send what is missing again, then `lineshaft exceptions discard` this one.",
    ),
    spec(Code::DecodeMessage, "DECODE-008", Class::Park, "Message does not follow its guide", SEND_AGAIN_AND_DISCARD),
    spec(
        Code::ValidateSchema,
        "VALIDATE-001",
        Class::Park,
        "Document does not have the agreed shape",
        SEND_AGAIN_AND_DISCARD,
    ),
    spec(
        Code::ValidateKeyMissing,
        "VALIDATE-002",
        Class::Park,
        "A declared key is missing or too long",
        SEND_AGAIN_AND_DISCARD,
    ),
    spec(
        Code::MapFailed,
        "MAP-001",
        Class::Park,
        "The map failed on this document",
        "Read the place in the map. Correct the map, `lineshaft map test`, start the node again and `lineshaft exceptions retry`; if the document is wrong, have the sender correct it and discard this one.",
    ),
    spec(
        Code::MapUnknownReference,
        "MAP-002",
        Class::Park,
        "Waits for reference data",
        "Nothing to do if the record is on its way: its arrival releases this. Otherwise `lineshaft reference load TABLE FILE`; if the number is wrong, have the sender correct it and discard this one.",
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
        "Look for a loop over a large list in the map; use map, group_by or reduce instead of for_each with push. Then start the node again and `lineshaft exceptions retry`.",
    ),
    spec(
        Code::MapEvent,
        "MAP-005",
        Class::Park,
        "The map made no valid canonical event",
        "Compare the map's result with the event's schema: `lineshaft map run` shows both. Correct the map, start the node again and `lineshaft exceptions retry`.",
    ),
    spec(
        Code::JudgeOverDelivery,
        "JUDGE-001",
        Class::Park,
        "More than the order allows",
        "Compare what was reported with the order. Raise the order's quantity, then `lineshaft exceptions retry`; or `lineshaft exceptions discard` what was reported wrongly.",
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
        Code::JudgeOriginalMissing,
        "JUDGE-006",
        Class::Park,
        "Waits for the transaction that it takes back",
        "Nothing to do if the original is on its way: its arrival releases this. Otherwise have it sent, or discard this one.",
    ),
    spec(
        Code::JudgeNotReversible,
        "JUDGE-007",
        Class::Park,
        "This cannot be taken back",
        "Compare it with its original (`lineshaft find`, `lineshaft trace show`); correct it at the sender, then `lineshaft exceptions discard` this one.",
    ),
    spec(
        Code::JudgeUnderDelivery,
        "JUDGE-008",
        Class::Park,
        "Less than the order asks for, and this is the last report",
        "Look for a report that is missing; when it is here, `lineshaft exceptions retry`. Or have the order lowered, or raise its tolerance, and retry.",
    ),
    spec(
        Code::JudgeBlocked,
        "JUDGE-009",
        Class::Park,
        "It is blocked",
        "Nothing to do if it will be released: its release lets this go on. Otherwise discard this, and have the report corrected at the sender.",
    ),
    spec(
        Code::JudgePeriod,
        "JUDGE-010",
        Class::Park,
        "The day is in no open period",
        "Have the period opened: this goes on by itself then. Or discard this, and have it reported anew with a day that is open.",
    ),
    spec(
        Code::JudgeSequence,
        "JUDGE-011",
        Class::Park,
        "The step before it is not done so far",
        "Nothing to do if its report is on its way: it lets this go on, behind it. Otherwise have it reported, or discard this one.",
    ),
    spec(
        Code::RouteKeyMissing,
        "ROUTE-001",
        Class::Park,
        "No key to keep the order by",
        "Have the sender fill the field that the emitting interface's `keys` names, and discard this one. If the path is wrong, correct it, start the node again and `lineshaft exceptions retry`.",
    ),
    spec(
        Code::RouteInterfaceGone,
        "ROUTE-002",
        Class::Park,
        "Its interface is not in this project",
        "Put the interface back into the project and start the node again: open deliveries then go on by themselves, a stopped transaction after `lineshaft exceptions retry`. Or skip or discard each.",
    ),
    spec(
        Code::RenderFailed,
        "RENDER-001",
        Class::Park,
        "The receiver's map failed on this event",
        "Read the place in the receiver's map. Correct it, start the node again and `lineshaft exceptions retry`; or skip this delivery.",
    ),
    spec(
        Code::RenderParameter,
        "RENDER-002",
        Class::Park,
        "A value for the path or a header is missing or not allowed there",
        "Compare the receiver's path and headers with the event: `lineshaft trace show ID --documents`. Correct the map or the path, start the node again and `lineshaft exceptions retry`; or skip this delivery.",
    ),
    spec(
        Code::RenderOriginal,
        "RENDER-003",
        Class::Park,
        "The receiver did not take the original from here",
        "If a person posted the original there by hand, take it back by hand as well, then `lineshaft exceptions skip` this one.",
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
        "If it is tried again by itself, wait; if it goes on, ask those who run the target. If it stands in doubt: look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.",
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
        "Read the target's own words. Correct the cause there, or for a redirect or an unknown path the address in the system file, then `lineshaft exceptions retry`; or skip or discard it.",
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
        "Look at the last reason. If it is stopped: when the target works again, `lineshaft exceptions retry`. If it is in doubt: look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.",
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
        "Look at the answer in the detail: often a proxy or a login page answers instead of the target. If it stands in doubt: look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.",
    ),
    spec(
        Code::DeliverEgressDenied,
        "DELIVER-010",
        Class::Retry,
        "This address may not be connected to",
        "It is tried again by itself, in case the name leads elsewhere for a while. If it should be allowed, add it to `egress` in lineshaft.yaml and start the node again; link-local and metadata addresses are never allowed.",
    ),
    spec(
        Code::DeliverSecret,
        "DELIVER-011",
        Class::Retry,
        "A secret could not be resolved",
        "Write the secret file that the system file names, below `secrets` in the data directory: it is read without a restart, and what waits is tried again by itself. An environment variable needs a restart.",
    ),
    spec(
        Code::DeliverCredentials,
        "DELIVER-012",
        Class::Retry,
        "The target does not accept our credentials",
        "It is tried again by itself. Compare the secret that the system's `auth` names with what the target expects; a corrected secret file is read without a restart.",
    ),
    spec(
        Code::DeliverRefusedLater,
        "DELIVER-013",
        Class::Park,
        "The target took it and then did not post it",
        "Correct the cause. If the target posts it itself after that, `lineshaft exceptions answer --posted REF`, REF as `receipt` of the interface has it; if not, `lineshaft exceptions retry`: it is sent as a new document. Or skip or discard it.",
    ),
    spec(
        Code::DeliverUnanswered,
        "DELIVER-014",
        Class::Park,
        "The target took it, but its final word did not come in time",
        "A late answer still settles it. Otherwise look in the target, then `lineshaft exceptions answer --posted REF` or `--not-posted`.",
    ),
    spec(
        Code::DeliverCertificate,
        "DELIVER-015",
        Class::Retry,
        "The target's certificate is not accepted",
        "Nothing is lost: it is tried again by itself. Have an expired or wrongly named certificate replaced at the target; name a private authority in `tls.ca` of the connection. There is no switch that skips the check.",
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
        "Look at free space, permissions and health of the disk below the data directory, then start the node again: what was acknowledged is there.",
    ),
    spec(
        Code::StoreDamaged,
        "STORE-002",
        Class::Stop,
        "The database is damaged",
        "Keep a copy of the data directory before anything else, then run `lineshaft store check DIR`; `lineshaft store \
         salvage DIR --to NEW` copies what is readable.",
    ),
    spec(
        Code::StoreMigration,
        "STORE-003",
        Class::Stop,
        "The database belongs to another version",
        "Start it with the version that wrote it, or a newer one; or name another `data` directory.",
    ),
    spec(
        Code::StoreInUse,
        "STORE-004",
        Class::Stop,
        "The data directory is in use",
        "Another node has it open: stop that one first, or give this one a directory of its own with `data` in lineshaft.yaml or `--data`.",
    ),
    spec(
        Code::StoreDocument,
        "STORE-005",
        Class::Park,
        "A stored document cannot be read back",
        "Have it sent again with a new key, then `lineshaft exceptions discard` this one; `lineshaft store check` lists \
         every damaged document.",
    ),
    spec(
        Code::ProjectFile,
        "PROJECT-001",
        Class::Stop,
        "A project file cannot be used",
        "Run `lineshaft check`: it names file, line and remedy. It cannot see the values of `env:` references: compare them with the message.",
    ),
    spec(
        Code::ProjectAddress,
        "PROJECT-002",
        Class::Stop,
        "An address cannot be listened at",
        "If it is in use, stop the program that has it: `ss -ltnp` names it. Otherwise correct `listen` in lineshaft.yaml: the address must be one of this machine's, and ports below 1024 need a privilege.",
    ),
    spec(
        Code::ProjectCertificate,
        "PROJECT-003",
        Class::Stop,
        "A certificate or its key cannot be used",
        "Compare the file with the message: PEM, the certificate first and its chain after it, and the key that belongs to it. Relative paths begin in the data directory.",
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
