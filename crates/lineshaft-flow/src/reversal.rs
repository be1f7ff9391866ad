//! Reversals: which transaction one takes back and whether it may, and what becomes of it at each receiver. A reversal has
//! no rows of its own in the ledger and is not judged by the rules of its event: it undoes what its original did, exactly.
//! Deliberately absent: undoing, which the store does in the commit that finds the original as it was seen here.

use lineshaft_model::delivery::DeliveryState;
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::object::States;
use lineshaft_model::original::{Original, OriginalName};
use lineshaft_model::plan::Processed;
use lineshaft_model::transaction::TransactionState;

use crate::project::Receive;

/// What becomes of a reversal at one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is sent; the receiver's reference of the original.
    Send(String),
    /// Nothing is to be taken back there; why.
    Skip(String),
    /// The original has not settled there yet.
    Later,
    /// A person must look.
    Stuck(Fault),
}

/// The transaction that `part` takes back.
///
/// # Errors
/// [`Code::JudgeOriginalMissing`] where it is not there or not decided on yet, and waits for it; [`Code::JudgeNotReversible`]
/// where it cannot be taken back, or not by this.
pub fn original<'s>(name: &OriginalName, states: &'s States, part: &Processed) -> Result<&'s Original, Fault> {
    let refused = |why: String| Err(Fault::new(Code::JudgeNotReversible, why));
    if part.ties.known_as.contains(name) {
        return refused(format!("it names itself as the transaction that it takes back: {name}"));
    }
    let all = states.originals(name);
    let mut processed = all.iter().filter(|it| it.state == TransactionState::Processed);
    let found = match (processed.next(), processed.next()) {
        (Some(_), Some(_)) => return refused(format!("{} transactions are known as {name}", 2 + processed.count())),
        (Some(one), None) => one,
        (None, _) => match all.iter().find(|it| it.state == TransactionState::Discarded) {
            Some(given_up) if all.iter().all(|it| it.state == TransactionState::Discarded) => given_up,
            _ => return Err(missing(name, all)),
        },
    };
    if found.is_reversal {
        return refused(format!("{name} takes back another transaction itself; report anew what is right"));
    }
    if let Some(by) = found.reversed_by {
        return refused(format!("{name} was taken back already, by transaction {by}"));
    }
    for key in &found.keys {
        let own = part.keys.iter().find(|own| own.kind == key.kind && own.kind != name.key.kind);
        if let Some(own) = own.filter(|own| *own != key) {
            return refused(format!("it names {own}, and {name} names {key}"));
        }
    }
    Ok(found)
}

fn missing(name: &OriginalName, all: &[Original]) -> Fault {
    let why = match all.first() {
        None => format!("{name} is not here yet"),
        Some(found) => format!("{name} is {} and not decided on yet: transaction {}", found.state.as_str(), found.id),
    };
    Fault { waits_for: Some(name.awaited()), ..Fault::new(Code::JudgeOriginalMissing, why) }
}

/// What becomes of a reversal of `original` at `receive`.
pub fn turn(receive: &Receive, original: &Original) -> Turn {
    let Some(at) = &receive.original_at else {
        return Turn::Skip("takes no reversals".to_owned());
    };
    let Some(delivery) = original.deliveries.iter().find(|it| it.receiver == *at) else {
        return Turn::Skip(format!("the original was not sent to {at}"));
    };
    match delivery.state {
        DeliveryState::Delivered => Turn::Send(delivery.receipt.clone().unwrap_or_default()),
        DeliveryState::Skipped if delivery.by_rule => Turn::Skip(format!("the original was left out at {at}")),
        DeliveryState::Skipped => {
            let why = format!("a person left the original out at {at}, so nobody here knows what it was there");
            Turn::Stuck(Fault::new(Code::RenderOriginal, why))
        }
        state if state.is_settled() => Turn::Skip(format!("the original was {} at {at}", state.as_str())),
        _ => Turn::Later,
    }
}

#[cfg(test)]
mod tests {
    use lineshaft_model::ids::TransactionId;
    use lineshaft_model::key::Key;
    use lineshaft_model::original::Ties;
    use lineshaft_model::principal::Tags;
    use lineshaft_model::transaction::Versions;

    use super::*;

    fn key(kind: &str, value: &str) -> Key {
        Key { kind: kind.into(), authority: "mes".into(), value: value.into() }
    }

    fn name() -> OriginalName {
        OriginalName { interface: "mes/completion".into(), key: key("report", "C1") }
    }

    fn found(number: u8, state: TransactionState) -> Original {
        Original {
            id: TransactionId::from_bytes([number; 16]),
            state,
            keys: vec![key("report", "C1"), key("order", "1")],
            is_reversal: false,
            reversed_by: None,
            deliveries: Vec::new(),
        }
    }

    fn part(order: &str) -> Processed {
        Processed {
            id: TransactionId::from_bytes([9; 16]),
            part: 0,
            keys: vec![key("report", "C9"), key("order", order)],
            tags: Tags::default(),
            repeat: None,
            versions: Versions::default(),
            expects: Vec::new(),
            holds_back: true,
            ties: Ties { takes_back: Some(name()), ..Ties::default() },
            result: Err(Fault::unknown_reference("", "")),
        }
    }

    fn said(originals: Vec<Original>, part: &Processed) -> String {
        let states = States::default().with_originals([(name(), originals)].into());
        match original(&name(), &states, part) {
            Ok(found) => format!("{:?}", found.id.as_bytes()[0]),
            Err(fault) => match &fault.waits_for {
                Some((table, key)) => format!("{fault}, waits for {table} {key}"),
                None => fault.to_string(),
            },
        }
    }

    #[test]
    fn a_reversal_finds_its_original_or_waits_for_it() {
        use TransactionState::{Accepted, Discarded, Parked, Processed};
        let waits = ", waits for transaction:mes/completion report:mes/C1";
        let of = "report:mes/C1 of mes/completion";
        let id = |number: u8| TransactionId::from_bytes([number; 16]);
        for (originals, expected) in [
            (vec![], format!("JUDGE-006 {of} is not here yet{waits}")),
            (vec![found(1, Processed)], "1".to_owned()),
            (vec![found(1, Discarded), found(2, Processed), found(3, Parked)], "2".to_owned()),
            (vec![found(1, Discarded)], "1".to_owned()),
            (
                vec![found(1, Parked)],
                format!("JUDGE-006 {of} is parked and not decided on yet: transaction {}{waits}", id(1)),
            ),
            (
                vec![found(1, Accepted), found(2, Discarded)],
                format!("JUDGE-006 {of} is accepted and not decided on yet: transaction {}{waits}", id(1)),
            ),
            (vec![found(1, Processed), found(2, Processed)], format!("JUDGE-007 2 transactions are known as {of}")),
            (
                vec![Original { reversed_by: Some(id(7)), ..found(1, Processed) }],
                format!("JUDGE-007 {of} was taken back already, by transaction {}", id(7)),
            ),
            (
                vec![Original { is_reversal: true, ..found(1, Processed) }],
                format!("JUDGE-007 {of} takes back another transaction itself; report anew what is right"),
            ),
        ] {
            assert_eq!(said(originals, &part("1")), expected);
        }
        let other = said(vec![found(1, Processed)], &part("2"));
        assert_eq!(other, format!("JUDGE-007 it names order:mes/2, and {of} names order:mes/1"));
        let mut itself = part("1");
        itself.ties.known_as = vec![name()];
        assert!(said(vec![], &itself).starts_with("JUDGE-007 it names itself"));
    }
}
