//! The life cycle, exhaustively over classes and outcomes.

use super::*;
use crate::random::SeededRng;

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn facts<'a>(class: &'a TargetClass, retry: &'a RetryPolicy, attempts: u32, later: Duration) -> Facts<'a> {
    Facts {
        class,
        retry,
        answer: None,
        attempts,
        first_attempt: START,
        last_attempt: START,
        quiet_since: START,
        doubt_since: None,
        trial: false,
        absent: 0,
        probes: 0,
        now: START.after(later),
        latest: START.after(later),
    }
}

fn classes() -> Vec<TargetClass> {
    let quiet = Duration::from_secs(120);
    let window = Duration::from_secs(3600);
    vec![
        TargetClass::NativeKey { window, past: Box::new(TargetClass::None) },
        TargetClass::NativeKey { window, past: Box::new(TargetClass::Probe { quiet }) },
        TargetClass::NaturalKey,
        TargetClass::Probe { quiet },
        TargetClass::None,
    ]
}

fn lost() -> Fault {
    Fault::new(Code::DeliverNoAnswer, "no answer within 10 s")
}

#[test]
fn a_delivered_attempt_is_delivered_whatever_the_class() {
    let retry = RetryPolicy::default();
    for class in classes() {
        let next = after_attempt(
            &facts(&class, &retry, 1, Duration::ZERO),
            Outcome::Delivered { receipt: None },
            &SeededRng::new(1),
        );
        assert_eq!(next, Next::Delivered { receipt: None });
    }
}

#[test]
fn an_unknown_outcome_is_resent_only_where_a_repeat_is_harmless() {
    let retry = RetryPolicy::default();
    let words: Vec<&str> = classes()
        .iter()
        .map(|class| {
            match after_attempt(
                &facts(class, &retry, 1, Duration::from_secs(10)),
                Outcome::Unknown(lost()),
                &SeededRng::new(1),
            ) {
                Next::Retry { .. } => "retry",
                Next::Ask { .. } => "ask",
                Next::InDoubt { .. } => "in doubt",
                other => panic!("{other:?}"),
            }
        })
        .collect();
    assert_eq!(words, ["retry", "retry", "retry", "ask", "in doubt"]);
}

#[test]
fn past_its_window_a_native_key_is_not_trusted() {
    let retry = RetryPolicy::default();
    let late = Duration::from_secs(3600);
    let after = |class: &TargetClass| {
        after_attempt(&facts(class, &retry, 2, late), Outcome::Unknown(lost()), &SeededRng::new(1))
    };
    assert!(matches!(after(&classes()[0]), Next::InDoubt { .. }));
    assert!(matches!(after(&classes()[1]), Next::Ask { .. }));
}

#[test]
fn absent_counts_only_after_the_quiet_time_and_twice() {
    let class = TargetClass::Probe { quiet: Duration::from_secs(120) };
    let retry = RetryPolicy::default();
    let rng = SeededRng::new(1);
    let early = facts(&class, &retry, 1, Duration::from_secs(60));
    let Next::Ask { at, absent, .. } = after_probe(&early, Probe::Absent, lost(), &rng) else { panic!("asks again") };
    assert_eq!((at, absent), (START.after(Duration::from_secs(120)), 0));
    let first = facts(&class, &retry, 1, Duration::from_secs(120));
    let Next::Ask { absent, .. } = after_probe(&first, Probe::Absent, lost(), &rng) else { panic!("asks again") };
    assert_eq!(absent, 1);
    let second = Facts { absent: 1, ..facts(&class, &retry, 1, Duration::from_secs(150)) };
    assert!(matches!(after_probe(&second, Probe::Absent, lost(), &rng), Next::Retry { .. }));
    assert_eq!(
        after_probe(&second, Probe::Found { receipt: Some("4711".into()) }, lost(), &rng),
        Next::Delivered { receipt: Some("4711".into()) }
    );
}

#[test]
fn a_target_that_cannot_tell_ends_at_a_person() {
    let class = TargetClass::Probe { quiet: Duration::from_secs(1) };
    let retry = RetryPolicy::default();
    let cannot = || Probe::CannotTell(lost());
    let asked = Facts { probes: PROBES_MAX - 2, ..facts(&class, &retry, 1, Duration::from_secs(9)) };
    assert!(matches!(after_probe(&asked, cannot(), lost(), &SeededRng::new(1)), Next::Ask { .. }));
    let asked = Facts { probes: PROBES_MAX - 1, ..asked };
    assert!(matches!(after_probe(&asked, cannot(), lost(), &SeededRng::new(1)), Next::InDoubt { .. }));
}

#[test]
fn failed_attempts_stop_at_the_limit_and_unreachable_ones_do_not_count() {
    let retry = RetryPolicy { attempts: 3, ..RetryPolicy::default() };
    let class = TargetClass::NaturalKey;
    let refused = || Outcome::Refused { fault: Fault::new(Code::DeliverServerError, "503"), retry_after: None };
    let after = |attempts, outcome| {
        after_attempt(&facts(&class, &retry, attempts, Duration::ZERO), outcome, &SeededRng::new(1))
    };
    assert!(matches!(after(2, refused()), Next::Retry { counted: true, .. }));
    let Next::Park { fault } = after(3, refused()) else { panic!("parks") };
    assert_eq!(fault.code, Code::DeliverAttemptsUsedUp);
    assert!(matches!(after(3, Outcome::Unreachable(lost())), Next::Retry { counted: false, .. }));
    assert!(matches!(after(3, Outcome::Unknown(lost())), Next::InDoubt { .. }));
}

#[test]
fn a_locked_order_is_retried_by_time_not_by_count() {
    let retry = RetryPolicy { attempts: 1, business_for: Duration::from_secs(60), ..RetryPolicy::default() };
    let locked = || Outcome::Refused {
        fault: Fault::new(Code::DeliverBusyObject, "order 1000040 is locked by MEIER"),
        retry_after: None,
    };
    let after = |later| after_attempt(&facts(&TargetClass::None, &retry, 40, later), locked(), &SeededRng::new(1));
    assert!(matches!(after(Duration::from_secs(59)), Next::Retry { counted: false, .. }));
    assert!(matches!(after(Duration::from_secs(60)), Next::Park { .. }));
}

#[test]
fn the_longer_an_order_is_locked_the_rarer_it_is_tried() {
    let retry = RetryPolicy::default();
    let locked = || Outcome::Refused { fault: Fault::new(Code::DeliverBusyObject, "locked"), retry_after: None };
    let longest = |later: Duration| {
        let facts = facts(&TargetClass::None, &retry, 1, later);
        let waits = (0..200).map(|seed| match after_attempt(&facts, locked(), &SeededRng::new(seed)) {
            Next::Retry { at, counted: false, .. } => at.since(facts.now),
            other => panic!("{other:?}"),
        });
        waits.max().unwrap_or_default()
    };
    assert!(longest(Duration::ZERO) <= retry.first);
    let minute = longest(Duration::from_secs(60));
    assert!((Duration::from_secs(25)..=Duration::from_secs(30)).contains(&minute), "{minute:?}");
    assert!(longest(Duration::from_secs(3600)) <= retry.cap);
}

#[test]
fn a_business_refusal_parks_at_once() {
    let retry = RetryPolicy::default();
    let refused = Outcome::Refused { fault: Fault::new(Code::DeliverRejected, "material unknown"), retry_after: None };
    assert!(matches!(
        after_attempt(&facts(&TargetClass::None, &retry, 1, Duration::ZERO), refused, &SeededRng::new(1)),
        Next::Park { .. }
    ));
}

#[test]
fn backoff_doubles_to_its_cap_with_full_jitter_and_honours_the_target() {
    let retry = RetryPolicy { first: Duration::from_secs(1), cap: Duration::from_secs(8), ..RetryPolicy::default() };
    let rng = SeededRng::new(3);
    for attempts in 1..40 {
        let facts = facts(&TargetClass::NaturalKey, &retry, attempts, Duration::ZERO);
        let span = Duration::from_secs(1 << (attempts - 1).min(3));
        assert!(backoff(&facts, None, &rng) <= START.after(span.max(Duration::from_millis(1))));
        assert!(backoff(&facts, Some(Duration::from_secs(30)), &rng) >= START.after(Duration::from_secs(30)));
    }
}

fn readback() -> AnswerRule {
    let by = AnswerBy::Readback { every: Duration::from_secs(5) };
    AnswerRule { by, within: Duration::from_secs(60), keeps_key: true }
}

#[test]
fn taken_is_not_posted_where_the_interface_says_so() {
    let retry = RetryPolicy::default();
    for class in classes() {
        let rule = readback();
        let facts = Facts { answer: Some(&rule), ..facts(&class, &retry, 1, Duration::ZERO) };
        let next = after_attempt(&facts, Outcome::Delivered { receipt: Some("9".into()) }, &SeededRng::new(1));
        let Next::Await { at, until, receipt, keeps_key: true, by_receipt: false, probes: 0 } = next else {
            panic!("{next:?}")
        };
        assert_eq!((at, until), (START.after(Duration::from_secs(5)), START.after(Duration::from_secs(60))));
        assert_eq!(receipt.as_deref(), Some("9"));
    }
    // What was found by asking was taken, too: its final word is still to come.
    let (class, rule) = (TargetClass::Probe { quiet: Duration::from_secs(1) }, readback());
    let facts = Facts { answer: Some(&rule), ..facts(&class, &retry, 1, Duration::from_secs(9)) };
    let next = after_probe(&facts, Probe::Found { receipt: None }, lost(), &SeededRng::new(1));
    assert!(matches!(next, Next::Await { .. }), "{next:?}");
}

#[test]
fn a_final_word_settles_or_parks_and_its_absence_is_told_when_it_is_late() {
    let (class, retry, rule) = (TargetClass::NaturalKey, RetryPolicy::default(), readback());
    let until = START.after(Duration::from_secs(60));
    let after = |answer, seconds| {
        let facts = Facts { answer: Some(&rule), ..facts(&class, &retry, 1, Duration::from_secs(seconds)) };
        after_readback(&facts, answer, until, Some("9".into()))
    };
    let receipt = |text: &str| Next::Delivered { receipt: Some(text.to_owned()) };
    assert_eq!(after(Answer::Posted { receipt: None }, 5), receipt("9"));
    assert_eq!(after(Answer::Posted { receipt: Some("4900".into()) }, 99), receipt("4900"), "a late word is a word");
    let why = Fault::new(Code::DeliverRefusedLater, "deficit of stock");
    assert_eq!(after(Answer::Refused(why.clone()), 5), Next::Park { fault: why });
    for unsaid in [Answer::NotYet, Answer::CannotTell(lost())] {
        let Next::Await { at, .. } = after(unsaid.clone(), 5) else { panic!("asks again") };
        assert_eq!(at, START.after(Duration::from_secs(10)));
        let Next::Await { at, .. } = after(unsaid.clone(), 58) else { panic!("asks again") };
        assert_eq!(at, until, "never later than the deadline");
        let Next::Park { fault } = after(unsaid, 60) else { panic!("is late") };
        assert_eq!(fault.code, Code::DeliverUnanswered);
    }
}

fn hour() -> Duration {
    Duration::from_secs(3600)
}

#[test]
fn ot4_what_may_have_taken_effect_is_sent_again_only_while_the_target_can_tell() {
    let (retry, rng) = (RetryPolicy::default(), SeededRng::new(1));
    let before = |class: &TargetClass, later: Duration| {
        // The latest attempt did not reach it; it is the first one that nobody knows of.
        let doubtful = Facts { doubt_since: Some(START), ..facts(class, &retry, 3, later) };
        let last_attempt = doubtful.now.before(Duration::from_secs(1));
        match before_attempt(&Facts { last_attempt, quiet_since: last_attempt, ..doubtful }, &rng) {
            None => "send",
            Some(Next::Ask { absent: 0, probes: 0, .. }) => "ask",
            Some(Next::InDoubt { .. }) => "in doubt",
            other => panic!("{other:?}"),
        }
    };
    let words = |later| classes().iter().map(|class| before(class, later)).collect::<Vec<_>>();
    assert_eq!(words(hour() - Duration::from_secs(1)), ["send", "send", "send", "ask", "in doubt"]);
    assert_eq!(words(hour()), ["in doubt", "ask", "send", "ask", "in doubt"]);
    for class in classes() {
        assert_eq!(before_attempt(&facts(&class, &retry, 3, 99 * hour()), &rng), None, "nothing is in doubt");
    }
}

#[test]
fn a_window_counts_from_the_first_attempt_that_may_have_arrived() {
    let (retry, rng, class) = (RetryPolicy::default(), SeededRng::new(1), &classes()[0]);
    let late = Facts { last_attempt: START.after(9 * hour()), ..facts(class, &retry, 1, 9 * hour()) };
    let after = |facts: &Facts<'_>| after_attempt(facts, Outcome::Unknown(lost()), &rng);
    assert!(matches!(after(&late), Next::Retry { unknown: true, .. }), "it was down for hours");
    let again = Facts { doubt_since: Some(START), ..late };
    assert!(matches!(after(&again), Next::InDoubt { .. }));
    let refused = Outcome::Refused { fault: Fault::new(Code::DeliverThrottled, "429"), retry_after: None };
    assert!(matches!(after_attempt(&again, refused, &rng), Next::Retry { unknown: false, .. }));
}

#[test]
fn tm2_a_window_is_over_on_whichever_clock_is_ahead_and_when_neither_proves_anything() {
    let (retry, rng, class) = (RetryPolicy::default(), SeededRng::new(1), &classes()[0]);
    let began = Facts { doubt_since: Some(START.after(hour())), ..facts(class, &retry, 1, hour()) };
    assert_eq!(before_attempt(&began, &rng), None);
    let ahead = Facts { latest: began.now.after(hour()), ..began.clone() };
    assert!(matches!(before_attempt(&ahead, &rng), Some(Next::InDoubt { .. })), "a machine that was suspended");
    let corrected = Facts { latest: began.now.before(CLOCK_ERROR), ..began.clone() };
    assert_eq!(before_attempt(&corrected, &rng), None);
    let back = Facts { latest: began.now.before(CLOCK_ERROR * 2), ..began };
    assert!(matches!(before_attempt(&back, &rng), Some(Next::InDoubt { .. })));
}

#[test]
fn a_trial_burns_no_attempt_not_even_the_last() {
    let (retry, rng) = (RetryPolicy { attempts: 3, ..RetryPolicy::default() }, SeededRng::new(1));
    let class = TargetClass::NaturalKey;
    let trial = Facts { trial: true, ..facts(&class, &retry, 3, Duration::ZERO) };
    let refused = Outcome::Refused { fault: Fault::new(Code::DeliverServerError, "501"), retry_after: None };
    for outcome in [refused, Outcome::Unknown(lost())] {
        let next = after_attempt(&trial, outcome, &rng);
        assert!(matches!(next, Next::Retry { counted: false, .. }), "{next:?}");
    }
}

#[test]
fn an_unanswered_question_burns_nothing_and_is_asked_on_at_the_cap() {
    let (retry, rng) = (RetryPolicy::default(), SeededRng::new(1));
    for class in classes().iter().filter(|class| class.as_str() == "T3") {
        let asked = Facts { probes: PROBES_MAX + 1, absent: 1, ..facts(class, &retry, 1, 60 * hour()) };
        let Next::Ask { at, absent: 1, probes, .. } = after_probe(&asked, Probe::NotAnswered(lost()), lost(), &rng)
        else {
            panic!("asks on")
        };
        assert!(probes == PROBES_MAX + 1 && at <= asked.now.after(retry.cap), "{at}");
        let trial = Facts { probes: PROBES_MAX - 1, trial: true, ..asked };
        let next = after_probe(&trial, Probe::CannotTell(lost()), lost(), &rng);
        assert!(matches!(next, Next::Ask { .. }), "{next:?}");
    }
}
