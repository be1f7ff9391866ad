//! What a target's answer means for the document: one table, in one place.
//!
//! | answer | outcome | because |
//! |---|---|---|
//! | 2xx | delivered | the target says so |
//! | 2xx as HTML or `multipart/mixed`, compressed, too large, or not JSON where a receipt is declared | unknown, `DELIVER-009` | a proxy or a login page may have answered in the target's place |
//! | 202, or the JSON of a `$batch`, where one OData request is to be answered | unknown, `DELIVER-009` | taken for later, or an answer to something else: neither says that it was posted |
//! | a rule of `busy_when` holds | refused, `DELIVER-006` | the object is locked: time helps |
//! | 423 | refused, `DELIVER-006` | the same, in the protocol's words |
//! | 412, where the request was bound to what was read just before | refused, `DELIVER-006` | somebody else changed it: reading again helps |
//! | 408, 425, 429 | refused, `DELIVER-004` | not processed; `Retry-After` is honoured |
//! | 401, 403, 407 | refused, `DELIVER-012` | our credentials, not the document: it would be wrong to park every document for one expired password |
//! | 3xx | refused, `DELIVER-005` | redirects are not followed: the new address was never checked |
//! | other 4xx | refused, `DELIVER-005` | the target read it and will not take it |
//! | 501, 505 | refused, `DELIVER-003` | the request was not handled at all (RFC 9110, 15.6): certainly no effect |
//! | 503 with `Retry-After` | refused, `DELIVER-003` | whoever names a time asks for the request again, so it was not handled |
//! | a status of `no_effect_on` | refused, `DELIVER-003` | the interface says that this target then did nothing |
//! | 500, 502, plain 503, 504, other 5xx | unknown, `DELIVER-003` | the target may have posted before it failed; a gateway cannot know (`docs/decisions/0013`) |
//! | none, after the request had begun | unknown, `DELIVER-002` | |
//! | none, before | unreachable | certainly no effect |
//! | a certificate that is not accepted | unreachable, `DELIVER-015` | the same |
//! | our own certificate is not accepted | refused, `DELIVER-012` | as for 401 |
//! | address not allowed, a secret that is not there | unreachable, `DELIVER-010`, `DELIVER-011` | the way is closed, not the document: it opens without it |
//!
//! A status other than 2xx counts even if the body behind it is broken off. A 2xx counts only with its whole body.
//! Of a body only the fields meant for people are repeated (RFC 9457 `title` and `detail`, SAP's `error.message`),
//! cut and on one line, so that no payload reaches a log.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use lineshaft_model::connection::http::BusyRule;
use lineshaft_model::delivery::{Outcome, Probe};
use lineshaft_model::fault::{Class, Code, Fault};
use lineshaft_model::lifecycle::RETRY_AFTER_MAX;
use lineshaft_model::time::Timestamp;
use lineshaft_model::tree::{Path, Tree};

use super::client::{Answer, NoAnswer};

/// Longest text of a target that is repeated, in characters.
const SAID_CHARS_MAX: usize = 300;

/// Most errors of one answer that are looked at.
const ERRORS_MAX: usize = 20;

/// What the interface file says about answers.
pub(crate) struct Agreed<'a> {
    /// Where the parts of the target's reference stand; they are joined with `/`.
    pub(crate) receipt: &'a [Path],
    /// Which refusals pass by themselves.
    pub(crate) busy_when: &'a [BusyRule],
    /// Which failures of the target had no effect, by status.
    pub(crate) no_effect_on: &'a [u16],
    /// The codes of errors (`error.code`, `innererror`) that pass by themselves.
    pub(crate) busy_codes: &'a [String],
    /// Whether one OData request is to be answered: then neither 202 nor the answer to a `$batch` is a success.
    pub(crate) single: bool,
    /// Whether the request was bound to the state read just before (`If-Match`): then 412 passes by itself.
    pub(crate) bound: bool,
}

/// What an attempt came to.
pub(crate) fn outcome(exchange: Result<Answer, NoAnswer>, agreed: &Agreed<'_>, now: Timestamp) -> Outcome {
    let answer = match exchange {
        Ok(answer) => answer,
        Err(NoAnswer::Unknown(fault)) => return Outcome::Unknown(fault),
        Err(NoAnswer::NotSent(fault)) if not_of_the_document(fault.code) => return Outcome::Unreachable(fault),
        Err(NoAnswer::NotSent(fault)) => return Outcome::Refused { fault, retry_after: None },
    };
    if answer.status.is_success() {
        return taken(&answer, agreed);
    }
    let retry_after = retry_after(&answer.headers, now);
    let refused = |code| Outcome::Refused { fault: told(code, &answer), retry_after };
    let bound = agreed.bound && answer.status == StatusCode::PRECONDITION_FAILED;
    if bound || agreed.busy_when.iter().any(|rule| busy(rule, &answer)) || busy_by_code(agreed.busy_codes, &answer) {
        return refused(Code::DeliverBusyObject);
    }
    match answer.status.as_u16() {
        423 => refused(Code::DeliverBusyObject),
        408 | 425 | 429 => refused(Code::DeliverThrottled),
        401 | 403 | 407 => refused(Code::DeliverCredentials),
        501 | 505 => refused(Code::DeliverServerError),
        503 if retry_after.is_some() => refused(Code::DeliverServerError),
        status if agreed.no_effect_on.contains(&status) => refused(Code::DeliverServerError),
        300..=499 => refused(Code::DeliverRejected),
        500..=599 => Outcome::Unknown(told(Code::DeliverServerError, &answer)),
        _ => Outcome::Unknown(told(Code::DeliverBadAnswer, &answer)),
    }
}

/// Whether nothing was sent for a reason that is the same for every document of the system.
const fn not_of_the_document(code: Code) -> bool {
    matches!(
        code,
        Code::DeliverUnreachable | Code::DeliverCertificate | Code::DeliverEgressDenied | Code::DeliverSecret
    )
}

/// What it means for the document that a request which had to come before its own failed: it has not left.
pub(crate) fn before(exchange: Result<Answer, NoAnswer>, now: Timestamp) -> Outcome {
    let agreed =
        Agreed { receipt: &[], busy_when: &[], no_effect_on: &[], busy_codes: &[], single: false, bound: false };
    match outcome(exchange, &agreed, now) {
        Outcome::Unknown(fault) if fault.code == Code::DeliverNoAnswer => {
            Outcome::Unreachable(Fault { code: Code::DeliverUnreachable, ..fault })
        }
        Outcome::Unknown(fault) => Outcome::Refused { fault, retry_after: None },
        Outcome::Delivered { .. } => Outcome::Refused {
            fault: Fault::new(Code::DeliverBadAnswer, "the answer lacks what was asked for"),
            retry_after: None,
        },
        other => other,
    }
}

/// The document that a question was answered with, or why there is none and how long the target wants to be left alone.
pub(crate) fn document(exchange: Result<Answer, NoAnswer>, now: Timestamp) -> Result<Tree, (Fault, Option<Duration>)> {
    match exchange {
        Ok(answer) if answer.status == StatusCode::OK => {
            readable(&answer).and_then(decode).map_err(|fault| (fault, None))
        }
        other => match before(other, now) {
            Outcome::Refused { fault, retry_after } => Err((fault, retry_after)),
            Outcome::Unreachable(fault) | Outcome::Unknown(fault) => Err((fault, None)),
            Outcome::Delivered { .. } => {
                Err((Fault::new(Code::DeliverBadAnswer, "the answer holds no document"), None))
            }
        },
    }
}

/// What the answer to a question about an earlier attempt means.
///
/// *Absent* leads to a second sending, so it is believed only from an answer of the agreed shape: the place that
/// `found_when` names is empty and what surrounds it is there.
pub(crate) fn probe(exchange: Result<Answer, NoAnswer>, found_when: &Path, receipt: &[Path]) -> Probe {
    let answer = match exchange {
        Ok(answer) => answer,
        // A question that cannot be put is not one that waits for better times.
        Err(NoAnswer::NotSent(fault)) if fault.class() != Class::Retry => return Probe::CannotTell(fault),
        Err(NoAnswer::NotSent(fault) | NoAnswer::Unknown(fault)) => return Probe::NotAnswered(fault),
    };
    if matches!(answer.status.as_u16(), 401 | 403 | 407 | 408 | 425 | 429 | 502..=504) {
        return Probe::NotAnswered(told(Code::DeliverBadAnswer, &answer));
    }
    match answer.status {
        StatusCode::NOT_FOUND => return Probe::Absent,
        StatusCode::OK => {}
        _ => return Probe::CannotTell(told(Code::DeliverBadAnswer, &answer)),
    }
    let tree = match readable(&answer).and_then(decode) {
        Ok(tree) => tree,
        Err(fault) => return Probe::CannotTell(fault),
    };
    match found_when.find(&tree) {
        Some(Tree::Null) => Probe::Absent,
        Some(Tree::List(items)) if items.is_empty() => Probe::Absent,
        Some(_) => Probe::Found { receipt: reference(&tree, receipt) },
        None if surrounded(&tree, found_when) => Probe::Absent,
        None => Probe::CannotTell(Fault::new(
            Code::DeliverBadAnswer,
            format!("nothing in the answer surrounds {}, so it proves nothing", found_when.as_str()),
        )),
    }
}

fn taken(answer: &Answer, agreed: &Agreed<'_>) -> Outcome {
    let body = match readable(answer) {
        Ok(body) => body,
        Err(fault) => return Outcome::Unknown(fault),
    };
    let unknown = |what: &str| Outcome::Unknown(Fault::new(Code::DeliverBadAnswer, what));
    if agreed.single && answer.status == StatusCode::ACCEPTED {
        return unknown("the target answered 202 Accepted: it does not say that it was posted");
    }
    // An empty answer says "taken" and no more, as many targets do for a repeat.
    let looked_into = agreed.single || !agreed.receipt.is_empty();
    if body.is_empty() || !looked_into {
        return Outcome::Delivered { receipt: None };
    }
    match decode(body) {
        Ok(tree) if agreed.single && matches!(tree.get("responses"), Some(Tree::List(_))) => {
            unknown("the answer is that of a $batch, in which every request may have failed")
        }
        // A service that writes XML all the same has said what happened by its status.
        Err(_) if agreed.receipt.is_empty() => Outcome::Delivered { receipt: None },
        Ok(tree) => Outcome::Delivered { receipt: reference(&tree, agreed.receipt) },
        Err(fault) => Outcome::Unknown(fault),
    }
}

/// The body, if it is whole, plain and not a page for people.
fn readable(answer: &Answer) -> Result<&[u8], Fault> {
    let body = answer.body.as_ref().map_err(Fault::clone)?;
    let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = header(CONTENT_ENCODING);
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        let what = "the answer is compressed, although only a plain one was asked for";
        return Err(Fault::new(Code::DeliverBadAnswer, what));
    }
    let media_type = header(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let other = match media_type.as_str() {
        "text/html" | "application/xhtml+xml" => "a web page, not the target's",
        "multipart/mixed" => "that of a batch, not of one request",
        _ => return Ok(body),
    };
    let excerpt = said(&String::from_utf8_lossy(body), answer);
    let what = format!("the answer {} is {other}", answer.status.as_u16());
    Err(Fault::new(Code::DeliverBadAnswer, what).detail(excerpt))
}

/// Values in an answer: a page of 500 rows may have 4,000 each. Its bytes are bounded by `answer_bytes_max`.
const NODES_MAX: usize = 2_000_000;

fn decode(body: &[u8]) -> Result<Tree, Fault> {
    lineshaft_format::json::decode_up_to(body, NODES_MAX).map_err(|fault| match fault.code {
        Code::DecodeLimit => {
            let what = format!("the answer exceeds a limit: {}; a smaller `page_size` helps", fault.message);
            Fault::new(Code::DeliverBadAnswer, what).detail(fault.at)
        }
        _ => Fault::new(Code::DeliverBadAnswer, "the answer is not the JSON that was agreed").detail(fault.message),
    })
}

/// The target's reference: every part must be there.
pub(crate) fn reference(tree: &Tree, parts: &[Path]) -> Option<String> {
    let values = parts.iter().map(|path| path.find(tree)?.scalar().filter(|text| !text.is_empty()));
    let text = values.collect::<Option<Vec<_>>>()?.join("/");
    (!text.is_empty()).then(|| text.chars().filter(|char| !char.is_control()).take(SAID_CHARS_MAX).collect())
}

/// Whether the place around the one that `path` names is there, and the answer does not speak of an error.
fn surrounded(tree: &Tree, path: &Path) -> bool {
    let text = path.as_str();
    let end = if text.ends_with(']') {
        text.rfind('[')
    } else if text.ends_with('"') {
        text.rfind(".\"")
    } else {
        text.rfind('.')
    };
    let around = match end.map(|end| &text[..end]) {
        Some("") | None => ".",
        Some(around) => around,
    };
    let wanted_list = text.ends_with(']');
    let found = Path::parse(around).ok().and_then(|around| around.find(tree).cloned());
    let shaped = match found {
        Some(Tree::List(_)) => wanted_list,
        Some(Tree::Map(_)) => !wanted_list,
        _ => false,
    };
    shaped && ["error", "errors", "fault"].iter().all(|name| tree.get(name).is_none_or(|said| *said == Tree::Null))
}

fn busy(rule: &BusyRule, answer: &Answer) -> bool {
    let needle = rule.contains.as_bytes();
    rule.status == answer.status.as_u16()
        && answer
            .body
            .as_ref()
            .is_ok_and(|body| needle.is_empty() || body.windows(needle.len()).any(|window| window == needle))
}

fn busy_by_code(codes: &[String], answer: &Answer) -> bool {
    if codes.is_empty() {
        return false;
    }
    let tree = answer.body.as_ref().ok().and_then(|body| lineshaft_format::json::decode(body).ok());
    tree.is_some_and(|tree| errors(&tree).iter().any(|(code, _)| codes.iter().any(|busy| busy == code)))
}

/// Code and text of an OData error and of those behind it, at most [`ERRORS_MAX`]: SAP's `innererror.errordetails`, V4's
/// `details`.
fn errors(tree: &Tree) -> Vec<(String, String)> {
    let Some(error) = tree.get("error") else { return vec![] };
    let list = |node: Option<&Tree>, name: &str| match node.and_then(|node| node.get(name)) {
        Some(Tree::List(items)) => items.iter().take(ERRORS_MAX).cloned().collect(),
        _ => vec![],
    };
    let inner = list(error.get("innererror"), "errordetails").into_iter().chain(list(Some(error), "details"));
    let told = |error: &Tree| {
        let text = |node: Option<&Tree>| node.and_then(Tree::scalar).unwrap_or_default().to_owned();
        let message = error.get("message");
        let said = text(message.filter(|node| node.scalar().is_some()).or_else(|| message?.get("value")));
        (text(error.get("code")), said)
    };
    std::iter::once(error.clone()).chain(inner).map(|error| told(&error)).take(ERRORS_MAX).collect()
}

/// A fault in the target's own words, as far as they are meant for people.
fn told(code: Code, answer: &Answer) -> Fault {
    let status = answer.status;
    let mut message = match status.as_u16() {
        401 | 403 | 407 => format!("the target does not accept our credentials ({})", status.as_u16()),
        300..=399 => format!("the target redirects ({}), and redirects are not followed", status.as_u16()),
        _ => format!("the target answered {status}"),
    };
    if let Some(words) = answer.body.as_ref().ok().and_then(|body| words_for_people(body)) {
        message.push_str(": ");
        message.push_str(&said(&words, answer));
    }
    let tree = answer.body.as_ref().ok().and_then(|body| lineshaft_format::json::decode(body).ok());
    let errors = tree.map(|tree| errors(&tree)).unwrap_or_default();
    let lines = errors.iter().filter(|(code, _)| !code.is_empty());
    let detail: Vec<String> =
        lines.map(|(code, text)| format!("{} {}", said(code, answer), said(text, answer)).trim().to_owned()).collect();
    Fault::new(code, message).detail(detail.join("\n"))
}

fn words_for_people(body: &[u8]) -> Option<String> {
    let tree = lineshaft_format::json::decode(body).ok()?;
    let field = |node: &Tree, name: &str| node.get(name)?.scalar().map(str::to_owned);
    let error = tree.get("error");
    let sap = error.and_then(|error| error.get("message"));
    let words = sap
        .and_then(|message| message.scalar().map(str::to_owned).or_else(|| field(message, "value")))
        .or_else(|| match (field(&tree, "title"), field(&tree, "detail")) {
            (Some(title), Some(detail)) => Some(format!("{title}. {detail}")),
            (one, other) => one.or(other),
        })
        .or_else(|| field(&tree, "message"))
        .or_else(|| error.and_then(Tree::scalar).map(str::to_owned))?;
    (!words.trim().is_empty()).then_some(words)
}

/// A target's text on one line, cut, and without the secret that it may echo.
fn said(text: &str, answer: &Answer) -> String {
    let hidden = answer.hidden.iter().filter(|secret| !secret.reveal().is_empty());
    let clean = hidden.fold(text.to_owned(), |text, secret| text.replace(secret.reveal(), "***"));
    let words = clean.split(|char: char| char.is_control() || char.is_whitespace());
    let mut short = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if short.chars().count() + word.chars().count() >= SAID_CHARS_MAX {
            short.extend(word.chars().take(SAID_CHARS_MAX.saturating_sub(short.chars().count() + 1)));
            short.push('…');
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

/// `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(value)?.since(now),
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that RFC 9110 lets a sender write.
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let month_name = words.next()?;
    let month = i64::try_from(MONTHS.iter().position(|name| *name == month_name)?).ok()? + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let clock: Vec<i64> = words.next()?.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [hour, minute, second] = clock[..] else { return None };
    let plausible = (1..=31).contains(&day)
        && (1970..=9999).contains(&year)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    if !plausible || words.next() != Some("GMT") {
        return None;
    }
    Some(Timestamp::from_millis((((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000))
}

/// Days since 1970 in the proleptic Gregorian calendar.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    // A year begins in March, so that the leap day is its last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests;
