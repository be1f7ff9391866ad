//! The only place that decides what follows an attempt: deliver, retry, ask, stand in doubt, or stop for a person.
//!
//! Pure: the same facts give the same step. The words are those of the database, the API and the documents.

use std::time::Duration;

use crate::delivery::{Answer, AnswerBy, AnswerRule, DeliveryState, Outcome, Probe, TargetClass};
use crate::fault::{Class, Code, Fault};
use crate::random::{Rng, jitter};
use crate::time::Timestamp;

/// How a receiver wants failed attempts repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait before the second attempt; doubles with every further one.
    pub first: Duration,
    /// Longest wait between two attempts.
    pub cap: Duration,
    /// Attempts that may fail before a person is asked (OT11).
    pub attempts: u32,
    /// How long a transient business refusal (order locked by a user) is repeated, counted from the first attempt.
    pub business_for: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            cap: Duration::from_secs(300),
            attempts: 20,
            business_for: Duration::from_secs(24 * 3600),
        }
    }
}

/// How often a target may answer a question about an attempt in doubt so that nobody is wiser, before a person is asked.
pub const PROBES_MAX: u32 = 50;

/// How many times a target must say *absent*, after the quiet time, before the document is sent again.
pub const ABSENT_NEEDED: u32 = 2;

/// Longest wait that a target may ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// How far a stamp may lie ahead of the clock before nothing is believed of it: less is a small correction.
pub const CLOCK_ERROR: Duration = Duration::from_secs(60);

/// What is known of a delivery before an attempt, or when an attempt or a probe comes back.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The receiver's declared class.
    pub class: &'a TargetClass,
    /// The receiver's retry policy.
    pub retry: &'a RetryPolicy,
    /// How the target's final word comes, where taking a document is not yet having posted it.
    pub answer: Option<&'a AnswerRule>,
    /// Attempts counted so far, this one included.
    pub attempts: u32,
    /// When the first attempt of this revision began.
    pub first_attempt: Timestamp,
    /// When the latest attempt began.
    pub last_attempt: Timestamp,
    /// From when on the target's quiet time counts: the latest attempt, or the start of this life of the node where it was
    /// made in an earlier one.
    pub quiet_since: Timestamp,
    /// When the first attempt of this revision began of which nobody knows whether it took effect; `None` if there is none.
    pub doubt_since: Option<Timestamp>,
    /// Whether it was made to see if the system is back: it burns nothing.
    pub trial: bool,
    /// How often the target has answered *absent* since the latest attempt.
    pub absent: u32,
    /// How often the target was asked since the latest attempt.
    pub probes: u32,
    /// Now, on a clock that does not step.
    pub now: Timestamp,
    /// The latest that it may be, if the wall clock is right.
    pub latest: Timestamp,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Settled: it took effect.
    Delivered {
        /// The target's reference.
        receipt: Option<String>,
    },
    /// The target took it; its final word is awaited.
    Await {
        /// When it is asked for next, or is late.
        at: Timestamp,
        /// When it is late.
        until: Timestamp,
        /// The target's reference, if it gave one.
        receipt: Option<String>,
        /// Whether later deliveries of the key wait.
        keeps_key: bool,
        /// Whether an answering document names it by that reference.
        by_receipt: bool,
        /// How often the target was asked so far.
        probes: u32,
    },
    /// Another attempt is due at `at`.
    Retry {
        /// When.
        at: Timestamp,
        /// Why the last one did not do.
        fault: Fault,
        /// Whether the last attempt counts towards the limit.
        counted: bool,
        /// Whether nobody knows what the last attempt came to.
        unknown: bool,
    },
    /// The outcome is unknown; the target is asked at `at`.
    Ask {
        /// When.
        at: Timestamp,
        /// How often it has said *absent* so far.
        absent: u32,
        /// How often it was asked so far.
        probes: u32,
        /// What left the outcome open.
        fault: Fault,
    },
    /// The outcome is unknown and only a person can say.
    InDoubt {
        /// What left the outcome open.
        fault: Fault,
    },
    /// Stopped: certainly no effect, and trying again will not help by itself.
    Park {
        /// Why.
        fault: Fault,
    },
}

impl Next {
    /// The state that the step leaves a delivery in.
    pub const fn leads_to(&self) -> DeliveryState {
        match self {
            Self::Delivered { .. } => DeliveryState::Delivered,
            Self::Await { .. } => DeliveryState::Sent,
            Self::Retry { .. } => DeliveryState::Pending,
            Self::Ask { .. } | Self::InDoubt { .. } => DeliveryState::OutcomeUnknown,
            Self::Park { .. } => DeliveryState::Parked,
        }
    }
}

/// What is done instead of an attempt that is due: where an earlier one may have taken effect and the target can no longer
/// tell a repeat, nothing is sent. `None` if it may be made.
pub fn before_attempt(facts: &Facts<'_>, rng: &dyn Rng) -> Option<Next> {
    let since = facts.doubt_since?;
    match in_force(facts) {
        TargetClass::NativeKey { .. } | TargetClass::NaturalKey => None,
        TargetClass::Probe { .. } | TargetClass::None => {
            let said = format!(
                "nobody knows whether the attempt of {since} took effect, and the target may have forgotten its key"
            );
            Some(after_unknown(facts, Fault::new(Code::DeliverNoAnswer, said), rng))
        }
    }
}

/// What follows an attempt.
pub fn after_attempt(facts: &Facts<'_>, outcome: Outcome, rng: &dyn Rng) -> Next {
    match outcome {
        Outcome::Delivered { receipt } => after_taken(facts, receipt),
        Outcome::Unreachable(fault) => {
            Next::Retry { at: by_time(facts, None, rng), fault, counted: false, unknown: false }
        }
        Outcome::Refused { fault, retry_after } => after_refusal(facts, fault, retry_after, rng),
        Outcome::Unknown(fault) => after_unknown(facts, fault, rng),
    }
}

/// What follows the discovery, at start, that an attempt was cut off by the end of the process.
pub fn after_restart(facts: &Facts<'_>, rng: &dyn Rng) -> Next {
    after_unknown(facts, cut_off(), rng)
}

/// What leaves the outcome of an attempt open when the process ends in the middle of it.
pub fn cut_off() -> Fault {
    Fault::new(Code::DeliverCutOff, "the node stopped while this attempt was on its way")
}

/// What follows an answer to *did you post it?*
pub fn after_probe(facts: &Facts<'_>, answer: Probe, open: Fault, rng: &dyn Rng) -> Next {
    let TargetClass::Probe { quiet } = probing_class(facts) else {
        return Next::InDoubt { fault: open };
    };
    let probes = facts.probes + u32::from(!facts.trial);
    match answer {
        // As with attempts: a target that is down burns nothing, however long.
        Probe::NotAnswered(_) => {
            Next::Ask { at: by_time(facts, None, rng), absent: facts.absent, probes: facts.probes, fault: open }
        }
        Probe::Found { receipt } => after_taken(facts, receipt),
        Probe::Absent if facts.now < facts.quiet_since.after(*quiet) => {
            Next::Ask { at: facts.quiet_since.after(*quiet), absent: 0, probes, fault: open }
        }
        Probe::Absent if facts.absent + 1 >= ABSENT_NEEDED => {
            if facts.attempts >= facts.retry.attempts {
                return Next::Park { fault: exhausted(open) };
            }
            Next::Retry { at: facts.now, fault: open, counted: true, unknown: false }
        }
        Probe::Absent => {
            Next::Ask { at: facts.now.after(between_probes(*quiet)), absent: facts.absent + 1, probes, fault: open }
        }
        Probe::CannotTell(_) if probes >= PROBES_MAX => Next::InDoubt { fault: open },
        Probe::CannotTell(_) => {
            let wait = facts.retry.first.saturating_mul(1 << probes.min(16)).min(facts.retry.cap);
            Next::Ask {
                at: facts.now.after(wait / 2 + jitter(rng, wait / 2)),
                absent: facts.absent,
                probes,
                fault: open,
            }
        }
    }
}

/// What follows an answer to *is it posted?*, asked because the target took the document and owes its final word.
///
/// `until` and `receipt` are those of the delivery. A question that is not answered burns nothing: it is asked again
/// until the word is late, and then a person looks.
pub fn after_readback(facts: &Facts<'_>, answer: Answer, until: Timestamp, receipt: Option<String>) -> Next {
    let Some(rule) = facts.answer else {
        // The interface asks for no final word any more: that it was taken is all there is to know.
        return Next::Delivered { receipt };
    };
    match answer {
        Answer::Posted { receipt: better } => Next::Delivered { receipt: better.or(receipt) },
        Answer::Refused(fault) => Next::Park { fault },
        Answer::NotYet | Answer::CannotTell(_) if facts.now >= until => Next::Park { fault: unanswered(rule, &answer) },
        Answer::NotYet | Answer::CannotTell(_) => {
            let at = facts.now.after(between_questions(rule)).min(until);
            let AnswerRule { by, keeps_key, .. } = rule;
            let by_receipt = *by == AnswerBy::Document { by_receipt: true };
            Next::Await { at, until, receipt, keeps_key: *keeps_key, by_receipt, probes: facts.probes + 1 }
        }
    }
}

/// The target has the document. Where taking is not posting, its final word is awaited.
fn after_taken(facts: &Facts<'_>, receipt: Option<String>) -> Next {
    let Some(rule) = facts.answer else { return Next::Delivered { receipt } };
    let until = facts.now.after(rule.within);
    Next::Await {
        at: facts.now.after(between_questions(rule)).min(until),
        until,
        receipt,
        keeps_key: rule.keeps_key,
        by_receipt: rule.by == AnswerBy::Document { by_receipt: true },
        probes: 0,
    }
}

/// Nobody asks for an answer that a document brings: it comes, or it is late.
fn between_questions(rule: &AnswerRule) -> Duration {
    match rule.by {
        AnswerBy::Readback { every } => every,
        AnswerBy::Document { .. } => rule.within,
    }
}

fn unanswered(rule: &AnswerRule, last: &Answer) -> Fault {
    let said = format!("the target took it, and its final word did not come within {:?}", rule.within);
    let fault = Fault::new(Code::DeliverUnanswered, said);
    match last {
        Answer::CannotTell(why) => fault.detail(why.to_string()),
        _ => fault,
    }
}

fn after_refusal(facts: &Facts<'_>, fault: Fault, retry_after: Option<Duration>, rng: &dyn Rng) -> Next {
    match fault.class() {
        Class::Retry if fault.code == Code::DeliverBusyObject => {
            if facts.now >= facts.first_attempt.after(facts.retry.business_for) {
                Next::Park { fault: exhausted(fault) }
            } else {
                Next::Retry { at: by_time(facts, retry_after, rng), fault, counted: false, unknown: false }
            }
        }
        Class::Retry if used_up(facts) => Next::Park { fault: exhausted(fault) },
        Class::Retry => {
            Next::Retry { at: backoff(facts, retry_after, rng), fault, counted: !facts.trial, unknown: false }
        }
        Class::Park | Class::Refuse | Class::Stop => Next::Park { fault },
    }
}

fn after_unknown(facts: &Facts<'_>, fault: Fault, rng: &dyn Rng) -> Next {
    match in_force(facts) {
        TargetClass::NativeKey { .. } | TargetClass::NaturalKey if used_up(facts) => {
            Next::InDoubt { fault: exhausted(fault) }
        }
        TargetClass::NativeKey { .. } | TargetClass::NaturalKey => {
            Next::Retry { at: backoff(facts, None, rng), fault, counted: !facts.trial, unknown: true }
        }
        TargetClass::Probe { quiet } => {
            Next::Ask { at: facts.quiet_since.after(*quiet).max(facts.now), absent: 0, probes: 0, fault }
        }
        TargetClass::None => Next::InDoubt { fault },
    }
}

/// The class that holds now: past its window, a T1 target is whatever its interface declares for that case.
fn in_force<'a>(facts: &Facts<'a>) -> &'a TargetClass {
    match facts.class {
        TargetClass::NativeKey { window, past } if is_over(facts, *window) => past,
        class => class,
    }
}

/// Whether a target may have forgotten our key. It counts from the first attempt that may have reached it, on whichever
/// clock is ahead; a clock that went back since proves nothing.
fn is_over(facts: &Facts<'_>, window: Duration) -> bool {
    let since = facts.doubt_since.unwrap_or(facts.last_attempt);
    facts.latest >= since.after(window) || since > facts.latest.after(CLOCK_ERROR)
}

fn used_up(facts: &Facts<'_>) -> bool {
    facts.attempts >= facts.retry.attempts && !facts.trial
}

/// The class by which an answer to a probe is judged: asking began under it, so a window that ended since does not change it.
fn probing_class<'a>(facts: &Facts<'a>) -> &'a TargetClass {
    match facts.class {
        TargetClass::NativeKey { past, .. } => past,
        class => class,
    }
}

/// Capped exponential backoff with full jitter, but never before the time the target asked for.
fn backoff(facts: &Facts<'_>, retry_after: Option<Duration>, rng: &dyn Rng) -> Timestamp {
    let doublings = facts.attempts.saturating_sub(1).min(31);
    let span = facts.retry.first.saturating_mul(1 << doublings).min(facts.retry.cap);
    let wait = jitter(rng, span).max(Duration::from_millis(1));
    facts.now.after(retry_after.map_or(wait, |asked| asked.saturating_add(wait)))
}

/// Waits that are not counted: a target that is down, an object that somebody has open. They do not count, so they give no exponent; the time since the
/// first one does.
fn by_time(facts: &Facts<'_>, retry_after: Option<Duration>, rng: &dyn Rng) -> Timestamp {
    let waited = facts.now.since(facts.first_attempt) / 2;
    let first = facts.retry.first.max(waited).min(facts.retry.cap);
    backoff(
        &Facts { attempts: 1, retry: &RetryPolicy { first, ..facts.retry.clone() }, ..facts.clone() },
        retry_after,
        rng,
    )
}

fn between_probes(quiet: Duration) -> Duration {
    (quiet / 4).clamp(Duration::from_millis(200), Duration::from_secs(60))
}

fn exhausted(fault: Fault) -> Fault {
    let said = format!("attempts used up; the last one: {} {}", fault.code.as_str(), fault.message);
    Fault { code: Code::DeliverAttemptsUsedUp, message: said, ..fault }
}

#[cfg(test)]
mod tests;
