//! An interface by which a system emits.

use lineshaft_model::connection::http::{HttpSource, ServerAuth};
use lineshaft_model::connection::{Connection, SourceSettings};
use lineshaft_model::media;
use lineshaft_model::tree::Path;

use super::scope::Scope;
use super::{World, answer, files, format, odata};
use crate::project::{Becomes, Emit, Idempotency, IdempotencyKey, KeyRule, Reverses, SiteRule};
use crate::spec::report::nearest;
use crate::spec::{raw, values};

/// Checks and converts; `None` if anything that the result needs is wrong, which is told.
pub fn check(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    (system, connection): (&str, &Connection),
    interface: &str,
    raw: &raw::Emit,
) -> Option<Emit> {
    let name = format!("{system}/{interface}");
    match &raw.source {
        SourceSettings::Http(http) => source(world, scope, &name, http),
        SourceSettings::Odata(settings) => odata::source(world, scope, connection, &settings.poll),
        SourceSettings::Files(settings) => files::source(world, scope, settings),
    }
    let format = format::reading(world, scope, raw);
    let split = scope.optional_path(world, &["split"], raw.split.as_ref());
    let parts = format::parts(world, scope, raw);
    let schema = scope.schema(world, raw.schema.as_ref());
    let becomes = becomes(world, scope, raw, schema.as_ref().and_then(Option::as_deref));
    let keys = keys(world, scope, system, raw);
    let idempotency = idempotency(world, scope, raw);
    let reverses = reverses(world, scope, system, interface, raw);
    let site = site(world, scope, raw);
    let reply = answer::reply(world, scope, raw);
    Some(Emit {
        name,
        system: system.to_owned(),
        about: raw.about.clone(),
        source: raw.source.clone(),
        format: format?,
        split: split?,
        parts: parts?,
        schema: schema?,
        becomes: becomes?,
        keys: keys?,
        idempotency: idempotency?,
        reverses: reverses?,
        site: site?,
        data_class: raw.data_class.clone(),
        unreadable_pass: raw.unreadable == raw::Unreadable::Pass,
        reply: reply?,
    })
}

fn source(world: &mut World<'_>, scope: &Scope<'_>, name: &str, http: &HttpSource) {
    let auth = ["source", "http", "auth"];
    match &http.auth {
        ServerAuth::None => world.insecure.push(format!("{name}: anybody who reaches the listener may send")),
        ServerAuth::Basic { password, .. } => {
            scope.secret(world, &[auth[0], auth[1], auth[2], "basic", "password"], password);
        }
        ServerAuth::Bearer { token } => scope.secret(world, &[auth[0], auth[1], auth[2], "bearer", "token"], token),
    }
    for (at, text) in http.media_types.iter().enumerate() {
        if media::named(text).is_none_or(|name| name != *text) {
            let help = "write type and subtype in small letters, without parameters: `application/octet-stream`";
            let place = ["source", "http", "media_types", &at.to_string()];
            scope.error(world, &place, format!("`{text}` is not a media type"), help);
        }
    }
    if http.body_bytes_max == 0 {
        scope.error(world, &["source", "http", "body_bytes_max"], "`body_bytes_max` cannot be 0", "write 1 or more");
    }
}

fn becomes(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    raw: &raw::Emit,
    input: Option<&crate::schema::Schema>,
) -> Option<Becomes> {
    if let Some(answers) = &raw.answers {
        return answer::answers(world, scope, raw, answers, input).map(|answers| Becomes::Answer(Box::new(answers)));
    }
    match (&raw.event, &raw.reference) {
        (Some(event), None) => {
            let event = scope.event(world, &["event"], event);
            if raw.map.is_none() {
                let help = "add `map: maps/<name>.vrl`: how a document becomes the event";
                scope.error(world, &[], "the interface has an event, but no map", help);
            }
            let map = scope.map(world, raw.map.as_ref(), input, event.as_ref().map(|event| event.schema.as_ref()));
            Some(Becomes::Event { event: event?, map: map?? })
        }
        (None, Some(reference)) => {
            if !values::is_name(&reference.table) {
                let help = "use small letters, digits and `-`: `material`";
                let message = format!("`{}` cannot be the name of a reference table", reference.table);
                scope.error(world, &["reference", "table"], message, help);
            }
            let key = scope.path(world, &["reference", "key"], &reference.key.0);
            let schema = world.references.get(&reference.table).cloned();
            let map = scope.map(world, raw.map.as_ref(), input, schema.as_deref());
            Some(Becomes::Reference { table: reference.table.clone(), key: key?, map: map?, schema })
        }
        (Some(_), Some(_)) => {
            let help = "keep `event` or `reference`; for both, let the system send to two interfaces";
            scope.error(world, &["reference"], "the interface makes events and reference data", help);
            None
        }
        (None, None) => {
            let help = "add `event: <name>@<major>`, `reference: { table: ..., key: ... }` for reference data, or \
                        `answers: { to: ... }` for the answers of a target";
            scope.error(world, &[], "the interface says not what its documents become", help);
            None
        }
    }
}

fn keys(world: &mut World<'_>, scope: &Scope<'_>, system: &str, raw: &raw::Emit) -> Option<Vec<KeyRule>> {
    let mut rules = Some(Vec::new());
    for (kind, key) in &raw.keys {
        if !values::is_name(kind) || kind == NOTHING {
            let help = "use small letters, digits and `-`: `order`, `handling-unit`";
            scope.error(world, &["keys", kind], format!("`{kind}` cannot be a kind of key"), help);
        }
        let path = scope.path(world, &["keys", kind, "path"], &key.path.0);
        let issued_by = key.issued_by.clone().unwrap_or_else(|| system.to_owned());
        if key.issued_by.is_some() && !world.systems.contains(&issued_by) {
            let help = nearest(&issued_by, world.systems.iter().map(String::as_str), "systems");
            scope.error(world, &["keys", kind, "issued_by"], format!("there is no system `{issued_by}`"), help);
        }
        rules = match (rules, path) {
            (Some(mut rules), Some(path)) => {
                let (trim_zeros, required) = (key.trim_zeros, key.required);
                rules.push(KeyRule { kind: kind.clone(), path, issued_by, trim_zeros, required });
                Some(rules)
            }
            _ => None,
        };
    }
    rules
}

/// The word of `in_order_by` for no order; no kind of key may have it.
pub const NOTHING: &str = "nothing";

fn idempotency(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Emit) -> Option<Option<Idempotency>> {
    if let SourceSettings::Odata(_) = &raw.source {
        if raw.idempotency.is_some() {
            let help = "remove it: each row's key, version and content are its key already";
            scope.error(world, &["idempotency"], "a source that polls recognises repeats by itself", help);
        }
        return Some(Some(Idempotency { key: IdempotencyKey::Header, same_when: Vec::new() }));
    }
    if matches!(raw.source, SourceSettings::Files(_)) && files::idempotency(world, scope, raw) {
        return Some(Some(Idempotency { key: IdempotencyKey::Header, same_when: Vec::new() }));
    }
    let Some(raw) = &raw.idempotency else { return Some(None) };
    let at = ["idempotency", "key"];
    let key = match raw.key.as_str() {
        "header" => Some(IdempotencyKey::Header),
        path if path.starts_with('.') => scope.path(world, &at, path).map(IdempotencyKey::Path),
        other => {
            let help = "write `header` for the header of the source, or a path that begins with a dot: `.id`";
            scope.error(world, &at, format!("`{other}` says not where the key stands"), help);
            None
        }
    };
    let same_when: Vec<Option<Path>> = raw
        .same_when
        .iter()
        .enumerate()
        .map(|(at, path)| scope.path(world, &["idempotency", "same_when", &at.to_string()], &path.0))
        .collect();
    Some(Some(Idempotency { key: key?, same_when: same_when.into_iter().collect::<Option<_>>()? }))
}

/// The interface that it names is looked at where all files are seen together.
fn reverses(
    world: &mut World<'_>,
    scope: &Scope<'_>,
    system: &str,
    interface: &str,
    raw: &raw::Emit,
) -> Option<Option<Reverses>> {
    let Some(reverses) = &raw.reverses else { return Some(None) };
    let original = scope.path(world, &["reverses", "original"], &reverses.original.0);
    let named = reverses.interface.as_deref().unwrap_or(interface);
    let interface = if named.contains('/') { named.to_owned() } else { format!("{system}/{named}") };
    if raw.event.is_none() {
        let help = "remove it: a newer record takes the place of an older one by itself";
        scope.error(world, &["reverses"], "reference data takes nothing back", help);
    }
    Some(Some(Reverses { original: original?, key: reverses.key.clone(), interface }))
}

fn site(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Emit) -> Option<SiteRule> {
    match raw.site.as_deref() {
        Some(path) if path.starts_with('.') => scope.path(world, &["site"], path).map(SiteRule::From),
        Some(code) => {
            if let Some(sites) = &world.sites
                && !sites.contains(code)
            {
                let near = nearest(code, sites.iter().map(String::as_str), "sites");
                let help = format!("{near} (a path into the document begins with a dot)");
                scope.error(world, &["site"], format!("there is no site `{code}`"), help);
            }
            Some(SiteRule::Fixed(code.to_owned()))
        }
        None if raw.reference.is_some() || raw.answers.is_some() => Some(SiteRule::Fixed(String::new())),
        None => {
            let help = "add `site: <code>`, or `site: .<path>` to the code in the document";
            scope.error(world, &[], "the interface says not which site its transactions belong to", help);
            None
        }
    }
}
