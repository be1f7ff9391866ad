//! One system file: name, connection, limits; then its interfaces.

use std::sync::Arc;

use lineshaft_model::connection::http::ClientAuth;
use lineshaft_model::connection::tls::ClientTls;
use lineshaft_model::connection::{Connection, SourceSettings};

use super::scope::Scope;
use super::{SystemFile, World, emit, files, receive};
use crate::problem::Problem;
use crate::project::{Limits, Project, System};
use crate::spec::{raw, values};

/// Checks a system and adds it and its interfaces to `project`.
pub fn check(world: &mut World<'_>, file: &SystemFile<'_>, project: &mut Project) {
    let raw = &file.raw;
    let scope = Scope { doc: &file.doc, prefix: Vec::new() };
    name(world, &scope, &raw.system);
    connection(world, &scope, raw);
    let limits = limits(world, &scope, &raw.limits);
    for (interface, emit) in &raw.emits {
        let scope = interface_scope(world, file, "emits", interface);
        if let Some(checked) = emit::check(world, &scope, (&raw.system, &raw.connection), interface, emit) {
            project.emits.insert(checked.name.clone(), Arc::new(checked));
        }
    }
    for (interface, receive) in &raw.receives {
        let scope = interface_scope(world, file, "receives", interface);
        if let Some(checked) = receive::check(world, &scope, (&raw.system, &raw.connection), interface, receive) {
            project.receives.insert(checked.name.clone(), Arc::new(checked));
        }
    }
    if let Some(limits) = limits {
        let system =
            System { name: raw.system.clone(), about: raw.about.clone(), connection: raw.connection.clone(), limits };
        project.systems.insert(raw.system.clone(), Arc::new(system));
    }
}

fn name(world: &mut World<'_>, scope: &Scope<'_>, name: &str) {
    let file = scope.doc.file;
    let stem = file.strip_prefix("systems/").and_then(|file| file.strip_suffix(".yaml")).unwrap_or(file);
    if !values::is_name(name) {
        let help = "use small letters, digits and `-`, beginning with a letter";
        scope.error(world, &["system"], format!("`{name}` cannot be the name of a system"), help);
    } else if name != stem {
        let help = format!("write `system: {stem}`, or rename the file to `systems/{name}.yaml`");
        scope.error(world, &["system"], format!("the file is named `{stem}`, but its system `{name}`"), help);
    }
}

fn interface_scope<'a>(world: &mut World<'_>, file: &'a SystemFile<'_>, list: &'a str, name: &'a str) -> Scope<'a> {
    let scope = Scope { doc: &file.doc, prefix: vec![list, name] };
    if !values::is_name(name) {
        let help = "use small letters, digits and `-`, beginning with a letter";
        scope.error(world, &[], format!("`{name}` cannot be the name of an interface"), help);
    }
    if list == "receives" && file.raw.emits.contains_key(name) {
        let message = format!("`{name}` is emitted and received under one name");
        scope.error(
            world,
            &[],
            message,
            "give one of the two another name: names of interfaces are unique in a system",
        );
    }
    scope
}

fn connection(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::System) {
    let (kind, address, auth, tls, numbers) = match &raw.connection {
        Connection::Http(http) => {
            let numbers = (http.timeout_secs, http.answer_bytes_max);
            ("http", http.url.as_deref(), &http.auth, http.tls.as_ref(), numbers)
        }
        Connection::Odata(odata) => {
            headers(world, scope, odata.headers.keys());
            let numbers = (odata.timeout_secs, odata.answer_bytes_max);
            ("odata", Some(odata.url.as_str()), &odata.auth, odata.tls.as_ref(), numbers)
        }
        Connection::Files(settings) => {
            files::connection(world, scope, settings);
            fitting(world, scope, "files", raw);
            return;
        }
    };
    match address {
        Some(text) => url(world, scope, &raw.system, &["connection", kind, "url"], text),
        None if !raw.receives.is_empty() => {
            let message = format!("`{}` receives, but has no address", raw.system);
            let help = format!("add `url:` below `{kind}:`, an address or a reference `env:NAME`");
            scope.error(world, &["connection", kind], message, help);
        }
        None => {}
    }
    credentials(world, scope, &raw.system, kind, auth);
    if let Some(tls) = tls {
        encryption(world, scope, kind, address, tls);
    }
    for (field, number) in [("timeout_secs", numbers.0), ("answer_bytes_max", numbers.1)] {
        if number == 0 {
            scope.error(world, &["connection", kind, field], format!("`{field}` cannot be 0"), "write 1 or more");
        }
    }
    fitting(world, scope, kind, raw);
}

fn encryption(world: &mut World<'_>, scope: &Scope<'_>, kind: &str, address: Option<&str>, tls: &ClientTls) {
    let at = |field: &'static str| ["connection", kind, "tls", field];
    if address.and_then(values::url).is_some_and(|url| !url.encrypted) {
        let help = "write an address that begins with `https://`, or remove `tls`";
        scope.error(world, &["connection", kind, "tls"], "the address is not encrypted, so `tls` has no meaning", help);
    }
    if tls.certificate.is_some() != tls.key.is_some() {
        let help = "write both `certificate` and `key`, or neither";
        scope.error(world, &["connection", kind, "tls"], "a client certificate is a certificate and its key", help);
    }
    if let Some(key) = &tls.key {
        scope.secret(world, &at("key"), key);
    }
    if let Err(pin) = tls.pins() {
        let help = "write 64 hexadecimal digits: `openssl x509 -in FILE -pubkey -noout | openssl pkey -pubin -outform der \
                    | openssl dgst -sha256`";
        scope.error(world, &at("pins"), format!("`{pin}` is no SHA-256 of a public key"), help);
    }
}

/// A header's value is shown with the file: credentials have their own place.
fn headers<'n>(world: &mut World<'_>, scope: &Scope<'_>, names: impl Iterator<Item = &'n String>) {
    for name in names {
        if ["authorization", "cookie", "x-csrf-token"].contains(&name.to_ascii_lowercase().as_str()) {
            let help = "write credentials under `auth:`, as references";
            scope.error(world, &["connection", "odata", "headers", name], format!("`{name}` cannot stand here"), help);
            world.report.hide_last_line();
        }
    }
}

fn credentials(world: &mut World<'_>, scope: &Scope<'_>, system: &str, kind: &str, auth: &ClientAuth) {
    let at = |way: &'static str, field: &'static str| ["connection", kind, "auth", way, field];
    match auth {
        ClientAuth::None => {}
        ClientAuth::Basic { password, .. } => scope.secret(world, &at("basic", "password"), password),
        ClientAuth::Bearer { token } => scope.secret(world, &at("bearer", "token"), token),
        ClientAuth::ApiKey { key, .. } => scope.secret(world, &at("api-key", "key"), key),
        ClientAuth::Oauth2 { token_url, client_secret, .. } => {
            scope.secret(world, &at("oauth2", "client_secret"), client_secret);
            url(world, scope, system, &at("oauth2", "token_url"), token_url);
        }
    }
}

/// Interfaces that need a connection of another kind. A system may send to this node whatever its own kind is.
fn fitting(world: &mut World<'_>, scope: &Scope<'_>, kind: &str, raw: &raw::System) {
    let mut unfit = |list: &str, interface: &str, field: &str, wanted: &str| {
        let message = format!("`{interface}` needs a connection of the kind `{wanted}`, but the system's is `{kind}`");
        let help = "make the two the same; another way to the same system is another system file";
        scope.error(world, &[list, interface, field, wanted], message, help);
    };
    for (interface, emit) in &raw.emits {
        match &emit.source {
            SourceSettings::Odata(_) if kind != "odata" => unfit("emits", interface, "source", "odata"),
            SourceSettings::Files(_) if kind != "files" => unfit("emits", interface, "source", "files"),
            SourceSettings::Http(_) | SourceSettings::Odata(_) | SourceSettings::Files(_) => {}
        }
    }
    for (interface, receive) in &raw.receives {
        let wanted = receive.send.kind();
        if wanted != kind {
            unfit("receives", interface, "send", wanted);
        }
    }
}

fn url(world: &mut World<'_>, scope: &Scope<'_>, system: &str, path: &[&str], text: &str) {
    if text.starts_with("env:") || text.starts_with("secret:") {
        if !values::is_reference(text) {
            scope.error(world, path, format!("`{text}` is not a reference"), "write `env:NAME`, as in `env:ERP_URL`");
        }
        return;
    }
    let Some(url) = values::url(text) else {
        let help = "write `https://host:port/path`, or a reference `env:NAME`";
        scope.error(world, path, format!("`{text}` is not an address of a system"), help);
        return;
    };
    if url.has_user {
        let help = "move user and password to `auth:`, the password as `env:NAME` or `secret:NAME`";
        scope.error(world, path, "the address holds a user or password", help);
        world.report.hide_last_line();
        return;
    }
    let loopback = values::is_loopback(url.host);
    if !url.encrypted && !loopback {
        world.insecure.push(format!("{system}: {} is reached without TLS", url.host));
    }
    egress(world, scope, path, &url, loopback);
}

/// An address that no rule allows would be refused at every attempt: better said now.
fn egress(world: &mut World<'_>, scope: &Scope<'_>, path: &[&str], url: &values::Url<'_>, loopback: bool) {
    let Some(egress) = &world.egress else { return };
    let allowed = egress.allow.iter().filter_map(|pair| pair.rsplit_once(':')).any(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (host == "*" || host.eq_ignore_ascii_case(url.host)) && (port == "*" || port == url.port.to_string())
    });
    if loopback && !egress.loopback {
        let help =
            "for demo and tests add `loopback: permitted` to `egress` in lineshaft.yaml; it is listed as insecure";
        scope.error(world, path, format!("{} is this machine, which connectors may not connect to", url.host), help);
    } else if !allowed {
        let help = format!("add \"{}:{}\" to `egress.allow` in lineshaft.yaml", url.host, url.port);
        scope.error(world, path, format!("connectors may not connect to {}:{}", url.host, url.port), help);
    }
}

fn limits(world: &mut World<'_>, scope: &Scope<'_>, raw: &raw::Limits) -> Option<Limits> {
    scope.at_least_one(world, &["limits", "in_flight"], raw.in_flight);
    if let Some(rate) = raw.rate {
        scope.at_least_one(world, &["limits", "rate"], rate);
    }
    scope.at_least_one(world, &["limits", "breaker", "open_after"], raw.breaker.open_after);
    let probe_every = scope.span(world, &["limits", "breaker", "probe_every"], &raw.breaker.probe_every);
    Some(Limits {
        in_flight: raw.in_flight,
        rate_per_sec: raw.rate,
        breaker_open_after: raw.breaker.open_after,
        breaker_probe_every: probe_every?,
    })
}

/// A file below `systems/` that nothing names.
pub fn unused(file: &str) -> Problem {
    Problem::warning(file, "no interface uses this file").help("name it in a system file, or remove it")
}
