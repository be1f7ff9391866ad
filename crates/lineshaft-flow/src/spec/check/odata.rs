//! Interfaces of a system that is reached through an OData service.

use lineshaft_model::connection::Connection;
use lineshaft_model::connection::odata::{IfMatch, Method, OdataDestination, OdataPoll, Stamp, Version};

use super::World;
use super::receive::own_question;
use super::scope::Scope;
use crate::spec::values;

/// Most rows of a page.
const PAGE_SIZE_MAX: u32 = 5_000;

/// Checks what a source polls.
pub fn source(world: &mut World<'_>, scope: &Scope<'_>, connection: &Connection, poll: &OdataPoll) {
    let at = |field: &'static str| ["source", "odata", "poll", field];
    path(world, scope, &at("path"), &poll.path);
    if poll.path.contains('?') {
        let help = "write conditions as `filter`, children as `expand`";
        scope.error(world, &at("path"), "the path of a poll has no query of its own", help);
    }
    scope.span(world, &at("every"), &poll.every);
    scope.span(world, &at("overlap"), &poll.overlap);
    if !(1..=PAGE_SIZE_MAX).contains(&poll.page_size) {
        let message = format!("{} is no size of a page", poll.page_size);
        scope.error(world, &at("page_size"), message, format!("from 1 to {PAGE_SIZE_MAX}"));
    }
    if poll.key.is_empty() {
        let help = "list the key fields of the entity, as the service's `$metadata` names them";
        scope.error(world, &at("key"), "a row needs a key", help);
    }
    field(world, scope, &at("changed_since"), &poll.changed_since);
    fields(world, scope, &at("key"), &poll.key);
    for (index, name) in poll.expand.iter().enumerate() {
        if !name.split('/').all(values::is_identifier) {
            let index = index.to_string();
            let path = ["source", "odata", "poll", "expand", &index];
            let help = "write names of navigation properties, with `/` between two levels";
            scope.error(world, &path, format!("`{name}` is not a navigation property"), help);
        }
    }
    if let Some(since) = &poll.since
        && !values::is_instant(since)
    {
        let help = "write an instant with its offset: `2026-01-01T00:00:00Z`";
        scope.error(world, &at("since"), format!("`{since}` is not an instant"), help);
    }
    if poll.stamp == Stamp::Datetime && version(connection) == Some(Version::V4) {
        scope.error(world, &at("stamp"), "V4 has no `Edm.DateTime`", "write `datetimeoffset`, or `text`");
    }
}

/// Checks how documents are handed over.
pub fn destination(world: &mut World<'_>, scope: &Scope<'_>, connection: &Connection, settings: &OdataDestination) {
    let at = |field: &'static str| ["send", "odata", field];
    path(world, scope, &at("path"), &settings.path);
    if settings.method == Method::Merge && version(connection) == Some(Version::V4) {
        scope.error(world, &at("method"), "V4 has no MERGE", "write `PATCH`");
    }
    if settings.method == Method::Post && settings.if_match == IfMatch::Read {
        let help = "remove it, or change something that is there with PATCH, MERGE or PUT";
        scope.error(world, &at("if_match"), "what a POST makes has no ETag before", help);
    }
    if let Some(path) = &settings.key_field {
        scope.path(world, &at("key_field"), path);
    }
    fields(world, scope, &at("receipt"), &settings.receipt);
    if let Some(probe) = &settings.probe {
        let at = |field: &'static str| ["send", "odata", "probe", field];
        path(world, scope, &at("path"), &probe.path);
        scope.template(world, &at("filter"), &probe.filter);
        if !probe.filter.contains('{') {
            let help = "name what belongs to the document alone: `ExternalKey eq '{target_key}'`";
            scope.error(world, &at("filter"), "the condition holds for every document", help);
        }
        own_question(world, scope, &at("filter"), (&probe.filter, settings.key_field.as_deref()));
        fields(world, scope, &at("receipt"), &probe.receipt);
    }
}

fn version(connection: &Connection) -> Option<Version> {
    match connection {
        Connection::Odata(odata) => Some(odata.version),
        Connection::Http(_) | Connection::Files(_) => None,
    }
}

fn path(world: &mut World<'_>, scope: &Scope<'_>, at: &[&str], text: &str) {
    if !text.starts_with('/') {
        let help = "begin it with `/`; it is appended to the system's `url`";
        scope.error(world, at, format!("`{text}` is not a path of an address"), help);
    }
    if text.split(['/', '?']).any(|part| part.eq_ignore_ascii_case("$batch")) {
        let help = "name the entity set or action itself: each document is a request of its own, with its own outcome";
        scope.error(world, at, "`$batch` is not used: it answers success for parts that failed", help);
    }
    scope.template(world, at, text);
}

fn fields(world: &mut World<'_>, scope: &Scope<'_>, at: &[&str], names: &[String]) {
    for (index, name) in names.iter().enumerate() {
        field(world, scope, &[at, &[&index.to_string()]].concat(), name);
    }
}

fn field(world: &mut World<'_>, scope: &Scope<'_>, at: &[&str], name: &str) {
    if !values::is_identifier(name) {
        let help = "write its name as the service's `$metadata` has it";
        scope.error(world, at, format!("`{name}` is not the name of a field"), help);
    }
}
