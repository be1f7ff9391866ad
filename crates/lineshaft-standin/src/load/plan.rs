//! Which operations one connection sends, in which order: every key belongs to one connection, which takes its keys in
//! turn. So a key's operations go out one after the other, and the order of acceptance is the order of `seq`.

use bytes::Bytes;

use super::Load;
use crate::sink::sha256_hex;

/// One transaction to place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Op {
    /// Its id and idempotency key.
    pub(super) id: String,
    pub(super) key: String,
    pub(super) seq: u64,
    pub(super) body: Bytes,
    pub(super) hash: String,
    /// When to send it, after the start; at once if absent.
    pub(super) due_micros: Option<u64>,
}

/// The operations of one connection, made as they are needed.
pub(super) struct Plan {
    prefix: String,
    body_bytes: usize,
    /// All keys of the run, and all its transactions.
    keys: u64,
    transactions: u64,
    /// This connection's first key; its others follow in steps.
    first: u64,
    step: u64,
    /// Where it stands.
    key: u64,
    seq: u64,
    per_second: Option<f64>,
}

impl Plan {
    /// One plan per connection in use.
    pub(super) fn split(load: &Load) -> impl Iterator<Item = Self> + '_ {
        let keys = load.keys.clamp(1, load.transactions.max(1));
        let step = load.connections.clamp(1, keys);
        (0..step).map(move |first| Self {
            prefix: load.prefix.clone(),
            body_bytes: load.body_bytes,
            keys,
            transactions: load.transactions,
            first,
            step,
            key: first,
            seq: 1,
            per_second: load.per_second,
        })
    }
}

impl Iterator for Plan {
    type Item = Op;

    fn next(&mut self) -> Option<Op> {
        // Transaction i of the run is number i / keys (from 0) of key i % keys.
        let number = (self.seq - 1) * self.keys + self.key;
        if number >= self.transactions {
            return None;
        }
        let key = format!("{}K{:06}", self.prefix, self.key);
        let id = format!("{}-{number:08}", self.prefix);
        let body = body(&id, &key, self.seq, self.body_bytes);
        let op = Op {
            hash: sha256_hex(&body),
            id,
            key,
            seq: self.seq,
            body,
            due_micros: self.per_second.map(|rate| (number as f64 * 1e6 / rate) as u64),
        };
        self.key += self.step;
        if self.key >= self.keys {
            self.key = self.first;
            self.seq += 1;
        }
        Some(op)
    }
}

/// A completion as the DE10 plant emits it, with its number, padded to `size` bytes.
fn body(id: &str, key: &str, seq: u64, size: usize) -> Bytes {
    let mut text = format!(
        "{{\"id\":\"{id}\",\"order\":\"{key}\",\"seq\":{seq},\"operation\":\"0010\",\"plant\":\"DE10\",\
         \"material\":\"481516\",\"good\":95,\"scrap\":3,\"unit\":\"PCE\",\
         \"finished_at\":\"2026-11-23T10:31:04+01:00\",\"final\":false,\
         \"components\":[{{\"material\":\"300200\",\"batch\":\"B0001\",\"quantity\":24.5,\"unit\":\"kg\"}}],\"text\":\""
    );
    let padding = size.saturating_sub(text.len() + 2);
    text.extend(std::iter::repeat_n("padding ", padding / 8 + 1).flat_map(str::chars).take(padding));
    text.push_str("\"}");
    Bytes::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transaction_is_planned_once_and_a_key_stays_on_one_connection_in_order() {
        let load = Load { transactions: 103, keys: 10, connections: 4, ..Load::new("http://x/", "h".into()) };
        let plans: Vec<Vec<Op>> = Plan::split(&load).map(Iterator::collect).collect();
        assert_eq!(plans.len(), 4);
        let mut owner = std::collections::BTreeMap::new();
        let mut last = std::collections::BTreeMap::new();
        let mut ids = std::collections::BTreeSet::new();
        for (connection, op) in plans.iter().enumerate().flat_map(|(at, ops)| ops.iter().map(move |op| (at, op))) {
            assert_eq!(*owner.entry(&op.key).or_insert(connection), connection);
            assert_eq!(op.seq, *last.entry(&op.key).and_modify(|seq| *seq += 1).or_insert(1));
            assert!(ids.insert(&op.id));
            assert_eq!(op.body.len(), 1_024);
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&op.body).unwrap()["seq"], op.seq);
        }
        assert_eq!(ids.len(), 103);
    }
}
