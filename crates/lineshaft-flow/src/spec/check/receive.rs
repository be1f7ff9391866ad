//! An interface by which a system receives.

use std::time::Duration;

use lineshaft_model::connection::http::{HttpDestination, reference_parts};
use lineshaft_model::connection::{Connection, DestinationSettings};
use lineshaft_model::delivery::TargetClass;
use lineshaft_model::lifecycle::RetryPolicy;
use lineshaft_model::tree::Path;

use super::emit::NOTHING;
use super::scope::Scope;
use super::{World, answer, files, format, odata};
use crate::project::Receive;
use crate::spec::raw::{self, PastClass, RepeatClass};
use crate::spec::values;

/// Checks and converts; `None` if anything that the result needs is wrong, which is told.
pub fn check(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    (system, connection): (&str, &Connection),
    interface: &str,
    raw: &raw::Receive,
) -> Option<Receive> {
    let event = scope.event(world, &["event"], &raw.event);
    let only_when = only_when(world, scope, raw);
    let schema = scope.schema(world, raw.schema.as_ref());
    let output = schema.as_ref().and_then(Option::as_deref);
    let map = scope.map(world, raw.map.as_ref(), event.as_ref().map(|event| event.schema.as_ref()), output);
    match &raw.send {
        DestinationSettings::Files(settings) => files::destination(world, scope, settings, raw.repeat.class),
        DestinationSettings::Http(http) => {
            destination(world, scope, http);
            no_effect_on(world, scope, "http", &http.no_effect_on);
        }
        DestinationSettings::Odata(settings) => {
            odata::destination(world, scope, connection, settings);
            no_effect_on(world, scope, "odata", &settings.no_effect_on);
        }
    }
    let format = format::writing(world, scope, raw);
    let class = class(world, scope, raw);
    let answered = answer::rule(world, scope, raw);
    let retry = retry(world, scope, &raw.retry);
    let late_after = raw.sla.as_ref().map(|sla| scope.span(world, &["sla", "within"], &sla.within));
    if !values::is_name(&raw.sequence) {
        let help = "use small letters, digits and `-`: `main`";
        scope.error(world, &["sequence"], format!("`{}` cannot be the name of a sequence", raw.sequence), help);
    }
    if raw.keep == raw::Keep::Latest && raw.in_order_by == NOTHING {
        let help = "name the key whose newest snapshot is kept: `in_order_by: order`";
        scope.error(world, &["keep"], "`keep: latest` needs a key: latest of what?".to_owned(), help);
    }
    Some(Receive {
        name: format!("{system}/{interface}"),
        system: system.to_owned(),
        about: raw.about.clone(),
        event: event?,
        only_when: only_when?,
        takes_events: raw.takes != raw::Takes::Reversals,
        original_at: (raw.takes != raw::Takes::Events).then(|| {
            let at = raw.original_at.as_deref().unwrap_or(interface);
            format!("{system}/{at}")
        }),
        map: map?,
        schema: schema?,
        format: format?,
        destination: raw.send.clone(),
        in_order_by: (raw.in_order_by != NOTHING).then(|| raw.in_order_by.clone()),
        sequence: raw.sequence.clone(),
        keep_latest: raw.keep == raw::Keep::Latest,
        class: class?,
        retry: retry?,
        awaits: answered.as_ref()?.as_ref().and_then(|(_, awaits)| awaits.clone()),
        answer: answered?.map(|(rule, _)| rule),
        impact: raw.impact.as_str().to_owned(),
        late_after: late_after.flatten(),
    })
}

fn only_when(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Receive) -> Option<Vec<(Path, Vec<String>)>> {
    let mut rules = Vec::new();
    for (path, wanted) in &raw.only_when {
        if wanted.is_empty() {
            let help = "list the values that are taken, or remove the line";
            scope.error(world, &["only_when", path], format!("`{path}` lists no value: nothing would be taken"), help);
        }
        rules.push(scope.path(world, &["only_when", path], path).map(|path| (path, wanted.clone())));
    }
    rules.into_iter().collect()
}

fn destination(world: &mut World<'_>, scope: &Scope<'_>, http: &HttpDestination) {
    let base = ["send", "http"];
    let at = |field: &'static str| [base[0], base[1], field];
    if !http.path.starts_with('/') {
        let help = "begin it with `/`; it is appended to the system's `url`";
        scope.error(world, &at("path"), format!("`{}` is not a path of an address", http.path), help);
    }
    scope.template(world, &at("path"), &http.path);
    for (name, value) in &http.headers {
        scope.template(world, &["send", "http", "headers", name], value);
    }
    if let Some(field) = &http.key_field {
        scope.path(world, &at("key_field"), field);
    }
    for path in http.receipt.iter().flat_map(|text| reference_parts(text)) {
        scope.path(world, &at("receipt"), path);
    }
    if let Some(probe) = &http.probe {
        if !probe.path.starts_with('/') {
            let help = "begin it with `/`; it is appended to the system's `url`";
            let message = format!("`{}` is not a path of an address", probe.path);
            scope.error(world, &["send", "http", "probe", "path"], message, help);
        }
        scope.template(world, &["send", "http", "probe", "path"], &probe.path);
        own_question(world, scope, &["send", "http", "probe", "path"], (&probe.path, http.key_field.as_deref()));
        scope.path(world, &["send", "http", "probe", "found_when"], &probe.found_when);
        for path in probe.receipt.iter().flat_map(|text| reference_parts(text)) {
            scope.path(world, &["send", "http", "probe", "receipt"], path);
        }
    }
    for (index, rule) in http.busy_when.iter().enumerate() {
        if !(400..600).contains(&rule.status) {
            let path = ["send", "http", "busy_when", &index.to_string(), "status"];
            scope.error(world, &path, format!("{} is not the status of a refusal", rule.status), "from 400 to 599");
        }
    }
}

/// Asked for what belongs to other documents too, a system finds one of them, and this one is taken for posted.
pub(super) fn own_question(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    at: &[&str],
    (question, key_field): (&str, Option<&str>),
) {
    let names_key = |field: &str| question.contains(&format!("{{{}}}", field.trim_start_matches('.')));
    if question.contains('{') && !question.contains("{target_key}") && !key_field.is_some_and(names_key) {
        let help = "ask for `{target_key}`, unless the question holds a number that no two documents have";
        scope.warning(world, at, "what an earlier document left would be taken for this one", help);
    }
}

/// Statuses that may be declared to mean that nothing was done.
fn no_effect_on(world: &mut World<'_>, scope: &Scope<'_>, kind: &str, statuses: &[u16]) {
    for (index, status) in statuses.iter().enumerate() {
        let help = match status {
            502 | 504 => "remove it: a gateway sends it when it does not know what the target did",
            500..=599 => continue,
            _ => "from 500 to 599, such as 503; 4xx is a refusal without being named",
        };
        let path = ["send", kind, "no_effect_on", &index.to_string()];
        scope.error(world, &path, format!("{status} cannot be declared to have had no effect"), help);
    }
}

fn class(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Receive) -> Option<TargetClass> {
    let kind = raw.send.kind();
    let repeat = &raw.repeat;
    let past_probe = repeat.class == RepeatClass::T1 && repeat.past == Some(PastClass::T3);
    let window = needed(world, scope, repeat.class == RepeatClass::T1, "window", repeat.window.as_ref());
    let probed = repeat.class == RepeatClass::T3 || past_probe;
    let quiet = needed(world, scope, probed, "quiet", repeat.quiet.as_ref());
    if probed && !raw.send.has_probe() {
        let fields = if kind == "odata" { "path: ..., filter: ..." } else { "path: ..., found_when: ..." };
        let help = format!("add `probe: {{ {fields} }}` to `send.{kind}`, or declare T4 and let a person decide");
        let (missing, help) = match files::remedy(&raw.send, "probe") {
            Some(help) => ("T3 asks the system whether it posted, but there is no `taken_to` to look into", help),
            None => ("T3 asks the system whether it posted, but there is no `probe`", help),
        };
        scope.error(world, &["repeat"], missing, help);
    }
    match repeat.class {
        RepeatClass::T1 => {
            if !raw.send.carries_key() {
                let help = format!("add `key_header: Idempotency-Key` or `key_field: .<path>` to `send.{kind}`");
                let help = files::remedy(&raw.send, "key").unwrap_or(help);
                scope.error(world, &["repeat"], "T1 needs a key in the request, but none is sent", help);
            }
            let Some(past) = repeat.past else {
                let help = "add `past: T3` if the system can be asked after the window, else `past: T4`";
                scope.error(world, &["repeat"], "T1 lacks `past`: what to do after the window", help);
                return None;
            };
            let past = match past {
                PastClass::T3 => TargetClass::Probe { quiet: quiet? },
                PastClass::T4 => TargetClass::None,
            };
            Some(TargetClass::NativeKey { window: window?, past: Box::new(past) })
        }
        _ if repeat.past.is_some() => {
            scope.error(world, &["repeat", "past"], "`past` has a meaning for T1 only", "remove it");
            None
        }
        RepeatClass::T2 => Some(TargetClass::NaturalKey),
        RepeatClass::T3 => quiet.map(|quiet| TargetClass::Probe { quiet }),
        RepeatClass::T4 => Some(TargetClass::None),
    }
}

/// A span that must be there if and only if `wanted`.
fn needed(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    wanted: bool,
    field: &str,
    span: Option<&raw::Span>,
) -> Option<Duration> {
    match span {
        Some(span) if wanted => scope.span(world, &["repeat", field], span),
        Some(_) => {
            let message = format!("`{field}` has no meaning for this class");
            scope.error(world, &["repeat", field], message, "remove it, or correct the class");
            None
        }
        None if wanted => {
            let help = match field {
                "window" => "add how long the system remembers a key: `window: 24h`",
                _ => "add how long the system may still be posting after a time-out: `quiet: 2m`",
            };
            scope.error(world, &["repeat"], format!("the class lacks `{field}`"), help);
            None
        }
        None => None,
    }
}

fn retry(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Retry) -> Option<RetryPolicy> {
    let first = scope.span(world, &["retry", "first"], &raw.first);
    let cap = scope.span(world, &["retry", "cap"], &raw.cap);
    let business_for = scope.span(world, &["retry", "business_for"], &raw.business_for);
    scope.at_least_one(world, &["retry", "attempts"], raw.attempts);
    let (first, cap) = (first?, cap?);
    if cap < first {
        let help = "make `cap` the longest wait between two attempts";
        scope.error(
            world,
            &["retry", "cap"],
            format!("`cap` {} is shorter than `first` {}", raw.cap.0, raw.first.0),
            help,
        );
    }
    Some(RetryPolicy { first, cap, attempts: raw.attempts, business_for: business_for? })
}
