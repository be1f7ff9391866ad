//! `lineshaft.yaml`: listeners, outgoing connections, sites.

use std::collections::BTreeMap;

use super::scope::Scope;
use super::{World, keep};
use crate::project::{Egress, Installation, Site};
use crate::spec::raw;
use crate::spec::report::{Doc, nearest};
use crate::spec::values;

/// Checks and converts. What is wrong is told; the result counts only if nothing is.
pub fn check(world: &mut World<'_>, doc: &Doc<'_>, raw: raw::Installation) -> (Installation, BTreeMap<String, Site>) {
    let scope = Scope { doc, prefix: Vec::new() };
    let mut insecure = Vec::new();
    for (field, text) in [("installation", &raw.installation), ("node", &raw.node), ("data", &raw.data)] {
        if text.trim().is_empty() {
            scope.error(world, &[field], format!("`{field}` is empty"), "write a name");
        }
    }
    listeners(world, &scope, &raw.listen);
    let egress = egress(world, &scope, raw.egress, &mut insecure);
    let retention = keep::retention(world, &scope, &raw.retention);
    let disk = keep::disk(world, &scope, &raw.disk);
    let sites = sites(world, &scope, raw.sites);

    world.sites = Some(sites.keys().cloned().collect());
    world.egress = Some(egress.clone());
    world.data_dir = Some(raw.data.clone());
    let installation = Installation {
        name: raw.installation,
        node: raw.node,
        listen_inbound: raw.listen.inbound,
        listen_api: raw.listen.api,
        listen_tls: raw.listen.tls,
        data_dir: raw.data,
        egress,
        retention,
        disk,
        insecure,
    };
    let insecure = installation.unprotected().into_iter().chain(installation.insecure.clone()).collect();
    (Installation { insecure, ..installation }, sites)
}

fn listeners(world: &mut World<'_>, scope: &Scope<'_>, listen: &raw::Listen) {
    let mut addresses = Vec::new();
    for (field, text) in [("inbound", &listen.inbound), ("api", &listen.api)] {
        match values::listener(text) {
            Ok(address) => addresses.push(address),
            Err(message) => {
                let help =
                    "write a numeric address and a port: `127.0.0.1:7400`, or `0.0.0.0:7400` for every network card";
                scope.error(world, &["listen", field], message, help);
            }
        }
    }
    if let Some(tls) = &listen.tls {
        if tls.certificate.trim().is_empty() {
            let help = "name a PEM file, absolute or relative to the data directory: `tls/hub.pem`";
            scope.error(world, &["listen", "tls", "certificate"], "`certificate` is empty", help);
        }
        scope.secret(world, &["listen", "tls", "key"], &tls.key);
    }
    // Port 0 is a free port of the system's choice: two of them differ.
    if let [inbound, api] = addresses[..]
        && inbound == api
        && inbound.port() != 0
    {
        let help = "documents and commands need listeners of their own: give one of them another port";
        scope.error(world, &["listen", "api"], format!("`api` has the same address as `inbound`, {api}"), help);
    }
}

fn egress(world: &mut World<'_>, scope: &Scope<'_>, raw: raw::Egress, insecure: &mut Vec<String>) -> Egress {
    for (at, pair) in raw.allow.iter().enumerate() {
        if !values::is_egress(pair) {
            let help =
                "write host and port without `http://`: `erp.example.com:443`, or `erp.example.com:*` for any port";
            scope.error(world, &["egress", "allow", &at.to_string()], format!("`{pair}` is not `host:port`"), help);
        } else if pair.starts_with("*:") {
            insecure.push(format!("egress.allow: {pair} lets connectors connect to any host"));
        }
    }
    for (at, network) in raw.private.iter().enumerate() {
        if !values::is_network(network) {
            let help = "write it as CIDR: `10.1.0.0/16`";
            scope.error(world, &["egress", "private", &at.to_string()], format!("`{network}` is not a network"), help);
        }
    }
    let loopback = raw.loopback == raw::Loopback::Permitted;
    if loopback {
        insecure.push("egress.loopback: connectors may connect to this machine".to_owned());
    }
    Egress { allow: raw.allow, loopback, private: raw.private }
}

fn sites(world: &mut World<'_>, scope: &Scope<'_>, raw: BTreeMap<String, raw::Site>) -> BTreeMap<String, Site> {
    if raw.is_empty() {
        let help = "add one: every transaction belongs to a site, whose time zone its dates are read in";
        scope.error(world, &["sites"], "there is no site", help);
    }
    let mut sites = BTreeMap::new();
    for (code, site) in raw {
        if code.is_empty() || code.starts_with('.') || code.contains(char::is_whitespace) {
            let help = "use letters and digits, as the systems do: `DE10`";
            scope.error(world, &["sites", &code], format!("`{code}` cannot be the code of a site"), help);
        }
        if !values::is_time_zone(&site.time_zone) {
            let zones = values::time_zones();
            let near = nearest(&site.time_zone, zones.iter().map(String::as_str), "zones");
            let help = match near.starts_with("did") && site.time_zone.contains('/') {
                true => near,
                false => "write an IANA name: `Europe/Berlin`, `America/Chicago`, `UTC`".to_owned(),
            };
            let message = format!("`{}` is not a time zone", site.time_zone);
            scope.error(world, &["sites", &code, "time_zone"], message, help);
        }
        let site = Site { code: code.clone(), name: site.name, time_zone: site.time_zone, region: site.region };
        sites.insert(code, site);
    }
    sites
}
