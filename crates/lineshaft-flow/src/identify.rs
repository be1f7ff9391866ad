//! What a document is known by, read before mapping: business keys, site, and the sender's key for a repeat.
//!
//! Read first and kept even where something later fails, so that a parked document is found by its order number and
//! keeps back later ones of its key (`docs/decisions/0002`).

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::intake::{Received, sha256, sha256_of_fields};
use lineshaft_model::key::Key;
use lineshaft_model::original::{OriginalName, Ties};
use lineshaft_model::plan::Repeat;
use lineshaft_model::principal::Tags;
use lineshaft_model::tree::{Path, Tree};

use crate::project::{Emit, IdempotencyKey, KeyRule, Project, Reverses, SiteRule};

/// What a document is known by, and the first thing wrong with that.
pub(crate) struct Identity {
    pub(crate) keys: Vec<Key>,
    pub(crate) tags: Tags,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) fault: Option<Fault>,
}

/// Reads what one transaction's document is known by.
pub(crate) fn identify(project: &Project, emit: &Emit, document: &Tree) -> Identity {
    let mut fault = None;
    let mut keys = Vec::new();
    for rule in &emit.keys {
        match key(rule, document) {
            Ok(found) => keys.extend(found),
            Err(missing) => fault = fault.or(Some(missing)),
        }
    }
    let tags = tags(project, emit, Some(document));
    let of_no_site = matches!(&emit.site, SiteRule::Fixed(site) if site.is_empty());
    if !of_no_site && !project.sites.contains_key(&tags.site) {
        let said = format!("site {:?} is not declared in lineshaft.yaml", tags.site);
        fault = fault.or(Some(Fault::new(Code::ValidateKeyMissing, said)));
    }
    let repeat = match repeat(emit, document) {
        Ok(repeat) => repeat,
        Err(missing) => {
            fault = fault.or(Some(missing));
            None
        }
    };
    Identity { keys, tags, repeat, fault }
}

/// The sender's key for the whole intake, where it stands in the transport.
///
/// `document` is the intake where it could be read as one document.
pub(crate) fn repeat_of_intake(emit: &Emit, received: &Received, document: Option<&Tree>) -> Option<Repeat> {
    let idempotency = emit.idempotency.as_ref()?;
    let key = received.idempotency_key.as_ref()?;
    if idempotency.key != IdempotencyKey::Header {
        return None;
    }
    // Fields can be compared only where the intake is one document; a batch under one key is compared whole.
    let is_one = emit.split.is_none() && emit.parts.is_none();
    let same = match document.filter(|_| is_one && !idempotency.same_when.is_empty()) {
        Some(document) => same_fields(&idempotency.same_when, document),
        None => sha256(&received.body),
    };
    Some(Repeat { key: key.clone(), same })
}

/// Site and policy tags; without a document, or where it names no site, the site is empty.
pub(crate) fn tags(project: &Project, emit: &Emit, document: Option<&Tree>) -> Tags {
    let site = match &emit.site {
        SiteRule::Fixed(site) => site.clone(),
        SiteRule::From(path) => {
            document.and_then(|document| path.find(document)).and_then(Tree::scalar).unwrap_or_default().to_owned()
        }
    };
    let region = project.sites.get(&site).map(|site| site.region.clone()).unwrap_or_default();
    Tags { site, region, data_class: emit.data_class.clone(), export_class: String::new() }
}

/// A value that must be there, as text.
pub(crate) fn required(document: &Tree, path: &Path, what: &str) -> Result<String, Fault> {
    let value = path.find(document).and_then(Tree::scalar).unwrap_or_default();
    if value.is_empty() {
        return Err(Fault::new(Code::ValidateKeyMissing, format!("the {what} is missing")).at(path.as_str()));
    }
    if value.len() > Key::VALUE_BYTES_MAX {
        let said = format!("the {what} is longer than {} bytes", Key::VALUE_BYTES_MAX);
        return Err(Fault::new(Code::ValidateKeyMissing, said).at(path.as_str()));
    }
    Ok(value.to_owned())
}

fn key(rule: &KeyRule, document: &Tree) -> Result<Option<Key>, Fault> {
    let value = match required(document, &rule.path, &format!("key {}", rule.kind)) {
        Ok(value) => value,
        Err(_) if !rule.required && rule.path.find(document).and_then(Tree::scalar).is_none_or(str::is_empty) => {
            return Ok(None);
        }
        Err(fault) => return Err(fault),
    };
    Ok(Some(issued(rule, &value)))
}

/// A number as the rule writes it.
fn issued(rule: &KeyRule, value: &str) -> Key {
    let value = match value.trim_start_matches('0') {
        trimmed if rule.trim_zeros && !trimmed.is_empty() => trimmed,
        _ => value,
    };
    Key { kind: rule.kind.clone(), authority: rule.issued_by.clone(), value: value.to_owned() }
}

/// What a document takes back, and how it may be named by what takes it back.
pub(crate) fn ties(project: &Project, emit: &Emit, document: &Tree, keys: &[Key]) -> Result<Ties, Fault> {
    let name = |key: &Key| OriginalName { interface: emit.name.clone(), key: key.clone() };
    let kinds = project.originals.get(&emit.name);
    let known_as = keys.iter().filter(|key| kinds.is_some_and(|kinds| kinds.contains(&key.kind))).map(name).collect();
    let takes_back = emit.reverses.as_ref().map(|reverses| takes_back(project, reverses, document));
    Ok(Ties { known_as, takes_back: takes_back.transpose()?.flatten(), original: None })
}

fn takes_back(project: &Project, reverses: &Reverses, document: &Tree) -> Result<Option<OriginalName>, Fault> {
    let said = reverses.original.find(document).and_then(Tree::scalar).unwrap_or_default();
    let rule =
        project.emits.get(&reverses.interface).and_then(|emit| emit.keys.iter().find(|rule| rule.kind == reverses.key));
    let Some(rule) = rule.filter(|_| !said.is_empty()) else { return Ok(None) };
    let number = required(document, &reverses.original, "number of the original")?;
    Ok(Some(OriginalName { interface: reverses.interface.clone(), key: issued(rule, &number) }))
}

fn repeat(emit: &Emit, document: &Tree) -> Result<Option<Repeat>, Fault> {
    let Some(idempotency) = &emit.idempotency else { return Ok(None) };
    let IdempotencyKey::Path(path) = &idempotency.key else { return Ok(None) };
    let key = required(document, path, "idempotency key")?;
    let same = if idempotency.same_when.is_empty() {
        sha256(&lineshaft_format::json::encode(document))
    } else {
        same_fields(&idempotency.same_when, document)
    };
    Ok(Some(Repeat { key, same }))
}

fn same_fields(paths: &[Path], document: &Tree) -> [u8; 32] {
    sha256_of_fields(paths.iter().map(|path| (path.as_str(), path.find(document).and_then(Tree::scalar))))
}
