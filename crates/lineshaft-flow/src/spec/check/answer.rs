//! Final words: those that targets owe us, the interfaces that bring them, and when our senders are answered.

use std::time::Duration;

use lineshaft_model::connection::{Condition, Readback, Says, SourceSettings};
use lineshaft_model::delivery::{AnswerBy, AnswerRule};

use super::World;
use super::scope::Scope;
use crate::project::{Answers, Awaits, Reply};
use crate::schema::Schema;
use crate::spec::raw;

/// Wait between two questions where the file names none.
const EVERY: Duration = Duration::from_secs(5);

/// Longest time for which a sender is kept waiting: its connection must outlive it.
const REPLY_WITHIN_MAX: Duration = Duration::from_secs(25);

/// How a target's final word comes, and what it names the delivery by. The outer `None` says that it is wrong.
pub fn rule(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    raw: &raw::Receive,
) -> Option<Option<(AnswerRule, Option<Awaits>)>> {
    if let Some(question) = raw.send.readback() {
        readback(world, scope, raw.send.kind(), question);
    }
    let asked = matches!(&raw.answer, Some(answer) if answer.by == raw::AnswerBy::Readback);
    match (asked, raw.send.readback().is_some()) {
        (true, false) => {
            let help =
                format!("add `readback: {{ path: ..., posted_when: {{ at: ... }} }}` to `send.{}`", raw.send.kind());
            scope.error(world, &["answer", "by"], "the answer is asked for, but there is no `readback`", help);
        }
        (false, true) => {
            let help = "add `answer: { by: readback, within: 10m }`, or remove it";
            scope.error(world, &["send", raw.send.kind(), "readback"], "nobody asks the question", help);
        }
        _ => {}
    }
    let Some(answer) = &raw.answer else { return Some(None) };
    let within = scope.span(world, &["answer", "within"], &answer.within);
    let every = answer.every.as_ref().map(|every| scope.span(world, &["answer", "every"], every));
    let (by, awaits) = match answer.by {
        raw::AnswerBy::Readback => {
            if answer.reference.is_some() {
                let help = "remove it: the question in `readback` names the document";
                scope.error(world, &["answer", "reference"], "`reference` has a meaning for `by: document` only", help);
            }
            (AnswerBy::Readback { every: every.unwrap_or(Some(EVERY))? }, None)
        }
        raw::AnswerBy::Document => {
            if every.is_some() {
                let help = "remove it: the document comes by itself";
                scope.error(world, &["answer", "every"], "`every` has a meaning for `by: readback` only", help);
            }
            let awaits = awaits(world, scope, raw, answer.reference.as_deref())?;
            (AnswerBy::Document { by_receipt: awaits.is_none() }, awaits)
        }
    };
    Some(Some((AnswerRule { by, within: within?, keeps_key: answer.keeps_key }, awaits)))
}

/// What an answering document names the delivery by; `Some(None)` for the target's receipt.
fn awaits(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    raw: &raw::Receive,
    reference: Option<&str>,
) -> Option<Option<Awaits>> {
    let at = ["answer", "reference"];
    match reference {
        Some("receipt") => Some(None),
        Some("target-key") if raw.send.carries_key() => Some(Some(Awaits::TargetKey)),
        Some("target-key") => {
            let help = format!("add `key_header` or `key_field` to `send.{}`", raw.send.kind());
            scope.error(world, &at, "the system is never told the key that its answer should name", help);
            None
        }
        Some(path) if path.starts_with('.') => scope.path(world, &at, path).map(|path| Some(Awaits::Field(path))),
        other => {
            let message = match other {
                Some(other) => format!("`{other}` says not what the answer names the delivery by"),
                None => "an answer by document lacks `reference`: what it names the delivery by".to_owned(),
            };
            let help = "write `receipt`, `target-key`, or a path into the sent document that begins with a dot";
            scope.error(world, if other.is_some() { &at } else { &at[..1] }, message, help);
            None
        }
    }
}

fn readback(world: &mut World<'_>, scope: &Scope<'_>, kind: &str, question: &Readback) {
    let at = |field: &'static str| ["send", kind, "readback", field];
    if !question.path.starts_with('/') {
        let help = "begin it with `/`; it is appended to the system's `url`";
        scope.error(world, &at("path"), format!("`{}` is not a path of an address", question.path), help);
    }
    scope.template(world, &at("path"), &question.path);
    if !question.path.contains('{') {
        let help = "name what belongs to the document alone: `{receipt}` or `{target_key}`";
        scope.error(world, &at("path"), "the question is the same for every document", help);
    }
    for (field, path) in [("reason", &question.reason), ("receipt", &question.receipt)] {
        if let Some(path) = path {
            scope.path(world, &at(field), path);
        }
    }
    condition(world, scope, &at("posted_when"), &question.posted_when);
    if let Some(refused) = &question.refused_when {
        condition(world, scope, &at("refused_when"), refused);
    }
}

fn condition(world: &mut World<'_>, scope: &Scope<'_>, at: &[&str], condition: &Condition) -> Option<Says> {
    let path = scope.path(world, &[at, &["at"]].concat(), &condition.at);
    Some(Says { at: path?, is: condition.is.clone() })
}

/// How the documents of an interface answer deliveries.
pub fn answers(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    raw: &raw::Emit,
    answers: &raw::Answers,
    input: Option<&Schema>,
) -> Option<Answers> {
    for (field, written) in [("event", raw.event.is_some()), ("reference", raw.reference.is_some())] {
        if written {
            let help = "keep one of them; for both, let the system send to two interfaces";
            scope.error(world, &[field], "the interface brings answers and something else", help);
        }
    }
    let map = scope.map(world, raw.map.as_ref(), input, None);
    let reference = scope.path(world, &["answers", "reference"], &answers.reference.0);
    let posted_when = condition(world, scope, &["answers", "posted_when"], &answers.posted_when);
    let refused_when = match &answers.refused_when {
        None => Some(None),
        Some(refused) => condition(world, scope, &["answers", "refused_when"], refused).map(Some),
    };
    let reason = scope.optional_path(world, &["answers", "reason"], answers.reason.as_ref());
    let receipt = scope.optional_path(world, &["answers", "receipt"], answers.receipt.as_ref());
    Some(Answers {
        to: answers.to.clone(),
        reference: reference?,
        posted_when: posted_when?,
        refused_when: refused_when?,
        reason: reason?,
        receipt: receipt?,
        map: map?,
    })
}

/// When a sender that waits is answered.
pub fn reply(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Emit) -> Option<Reply> {
    let waits = matches!(raw.source, SourceSettings::Http(_));
    let reply = match &raw.reply {
        raw::Reply::Stored => return Some(Reply::Stored),
        raw::Reply::Validated => Some(Reply::Validated),
        raw::Reply::Settled(settled) => {
            let path = ["reply", "settled", "within"];
            let within = scope.span(world, &path, &settled.within)?;
            if within > REPLY_WITHIN_MAX {
                let message = format!("a sender is not kept waiting for {}", settled.within.0);
                scope.error(
                    world,
                    &path,
                    message,
                    "at most 25s; what takes longer is asked for at the address in the answer",
                );
            }
            Some(Reply::Settled(within))
        }
    };
    if !waits {
        let help = "remove it: only a sender over HTTP waits for an answer";
        scope.error(world, &["reply"], "nobody waits for a reply at this source", help);
    }
    reply
}
