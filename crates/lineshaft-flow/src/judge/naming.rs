//! Which object an event means: a business key, values of the event, or both, joined by `/`.

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::object::ObjectKey;
use lineshaft_model::tree::{Path, Tree};

use super::Subject;
use super::rule::Touch;

/// Longest name of an object, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// What touches an object: the event itself, or each entry of a list in it.
pub fn items<'a>(touch: &Touch, data: &'a Tree) -> &'a [Tree] {
    match &touch.each {
        None => std::slice::from_ref(data),
        Some(path) => match path.find(data) {
            Some(Tree::List(items)) => items,
            Some(Tree::Null) | None => &[],
            Some(one) => std::slice::from_ref(one),
        },
    }
}

/// A value, looked for from the inside outwards.
pub fn value<'a>(path: &Path, item: &'a Tree, data: &'a Tree) -> Option<&'a str> {
    path.find(item).or_else(|| path.find(data)).and_then(Tree::scalar)
}

/// The object that is meant; `None` where the touch is optional and the event names none.
pub fn object(touch: &Touch, event: Subject<'_>, item: &Tree) -> Result<Option<ObjectKey>, Fault> {
    let mut key = String::new();
    let mut empty = 0;
    if let Some(kind) = &touch.key {
        match event.keys.iter().find(|key| key.kind == *kind) {
            Some(found) => key = format!("{}/{}", found.authority, found.value),
            None if touch.optional => return Ok(None),
            None => return Err(nameless(touch, &format!("it has no key {kind}"))),
        }
    }
    for (at, path) in touch.paths.iter().enumerate() {
        let part = match value(path, item, event.data) {
            Some(part) if !part.is_empty() => part,
            _ if touch.optional => return Ok(None),
            Some(part) => {
                empty += 1;
                part
            }
            None => return Err(nameless(touch, "a part of its name is missing").at(path.as_str())),
        };
        if at > 0 || touch.key.is_some() {
            key.push('/');
        }
        key.push_str(&whole(part));
    }
    if touch.key.is_none() && empty == touch.paths.len() {
        return Err(nameless(touch, "its name is empty"));
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(nameless(touch, &format!("its name is longer than {KEY_BYTES_MAX} bytes")));
    }
    Ok(Some(ObjectKey { kind: touch.object.clone(), key }))
}

/// A value as a part of a name: it never looks like two.
pub fn whole(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

/// The name of a total or quantity; where a touch keeps them apart by a value, that of the value.
pub fn total(name: &str, touch: &Touch, item: &Tree, data: &Tree) -> Result<String, Fault> {
    let Some(by) = &touch.by else { return Ok(name.to_owned()) };
    match value(by, item, data).filter(|value| !value.is_empty()) {
        Some(value) => Ok(format!("{name}/{}", whole(value))),
        None => Err(nameless(touch, "it does not say of what step").at(by.as_str())),
    }
}

fn nameless(touch: &Touch, why: &str) -> Fault {
    Fault::new(Code::JudgeUnknownObject, format!("the event names no {}: {why}", touch.object))
}
