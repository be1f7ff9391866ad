//! Which receivers care about an event, in which order, and which leave it out by rule.

use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::key::Key;
use lineshaft_model::original::Original;
use lineshaft_model::plan::Processed;
use lineshaft_model::tree::Tree;

use crate::project::{Event, Project, Receive};
use crate::reversal::{Turn, turn};

/// One receiver of an event.
pub(crate) struct Routed<'a> {
    pub(crate) receive: &'a Receive,
    pub(crate) order_key: Option<Key>,
    pub(crate) turn: Turn,
}

/// Every receiver of `event`: also those that leave this one out, because silence is a state that people ask about.
/// `original` is what it takes back, if it takes anything back.
pub(crate) fn route<'a>(
    project: &'a Project,
    event: &Event,
    part: &Processed,
    (data, original): (&Tree, Option<&Original>),
) -> Result<Vec<Routed<'a>>, Fault> {
    // One that takes reversals only has nothing to do with anything else.
    let concerned = |receive: &Receive| receive.takes_events || original.is_some();
    let of_event = project.receives.values().filter(|receive| receive.event.name == event.name);
    let receivers = of_event.filter(|receive| concerned(receive));
    receivers
        .map(|receive| {
            let turn = match (skipped_by(receive, data), original) {
                (Some(rule), _) => Turn::Skip(rule),
                (None, Some(original)) => turn(receive, original),
                (None, None) => Turn::Send(String::new()),
            };
            let order_key = match &receive.in_order_by {
                None => None,
                Some(_) if matches!(turn, Turn::Skip(_)) => None,
                Some(kind) => Some(order_key(receive, kind, part)?),
            };
            Ok(Routed { receive, order_key, turn })
        })
        .collect()
}

fn order_key(receive: &Receive, kind: &str, part: &Processed) -> Result<Key, Fault> {
    part.keys.iter().find(|key| key.kind == kind).cloned().ok_or_else(|| {
        let said = format!("{} is in order by {kind}, and this transaction has no such key", receive.name);
        Fault::new(Code::RouteKeyMissing, said)
    })
}

fn skipped_by(receive: &Receive, data: &Tree) -> Option<String> {
    receive.only_when.iter().find_map(|(path, values)| {
        let value = path.find(data).and_then(Tree::scalar).unwrap_or_default();
        let taken = values.iter().any(|wanted| wanted == value);
        (!taken).then(|| format!("only when {} is {}", path.as_str(), values.join(" or ")))
    })
}
