//! A receiver that counts. It takes any POST or PUT, records each effect in a history that the judge reads, and answers
//! only once the effect is on disk. The class switch decides what it takes for a repeat. Absent: any business meaning.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::wall_micros;
use crate::history::History;
use crate::serve::{Answer, Asked, Role, Server, lock};

/// How the sink tells a repeat from a new request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// By the `Idempotency-Key` header; a request without one is new.
    T1,
    /// By the path: a later request to the same path overwrites and is no further effect.
    T2,
    /// Not at all, but it can be asked with `GET /effects?key=K`.
    T3,
    /// Not at all. (It answers `/effects` as well, for people; a connector must not ask.)
    T4,
}

impl std::str::FromStr for Class {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_uppercase().as_str() {
            "T1" => Ok(Self::T1),
            "T2" => Ok(Self::T2),
            "T3" => Ok(Self::T3),
            "T4" => Ok(Self::T4),
            _ => Err(format!("{text:?} is not one of T1, T2, T3, T4")),
        }
    }
}

/// One line of the sink's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// Arrival number, from 1, without gaps.
    pub n: u64,
    /// Wall clock, microseconds since 1970.
    pub t: i64,
    /// Method and path.
    pub path: String,
    /// The `Idempotency-Key` header; empty if absent.
    pub idem: String,
    /// The order key: header `X-Order-Key`, else the body's `order`; empty if there is none.
    pub key: String,
    /// The body's `seq`; absent if there is none.
    pub seq: Option<u64>,
    /// SHA-256 of the body, hexadecimal.
    pub sha256: String,
}

/// A running sink. Cheap to clone.
#[derive(Clone)]
pub struct Sink {
    server: Server,
    role: Arc<Counting>,
}

impl Sink {
    /// Listens on `address` and continues the history in `file`.
    ///
    /// # Errors
    /// When the port or the file cannot be opened, or the file holds something else than effects.
    pub async fn start(address: SocketAddr, class: Class, file: &Path, token: Option<String>) -> io::Result<Self> {
        let (history, held) = History::open(file)?;
        let mut counts = Counts::default();
        for line in held.lines() {
            let effect: Effect = serde_json::from_str(line)?;
            counts.remember(&effect, class);
        }
        let role = Arc::new(Counting { class, history, counts: Mutex::new(counts) });
        let server = Server::start(address, Arc::clone(&role) as Arc<dyn Role>, token).await?;
        Ok(Self { server, role })
    }

    /// The server: address, faults, up and down.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many effects there are.
    pub fn effects(&self) -> u64 {
        lock(&self.role.counts).effects
    }

    /// How many repeats were recognised and not applied.
    pub fn repeats(&self) -> u64 {
        lock(&self.role.counts).repeats
    }
}

#[derive(Default)]
struct Counts {
    effects: u64,
    repeats: u64,
    /// What makes a repeat, to the first effect's number.
    applied: HashMap<String, u64>,
    /// Idempotency key to the effects made under it.
    by_key: HashMap<String, Vec<(u64, String, String)>>,
}

impl Counts {
    fn remember(&mut self, effect: &Effect, class: Class) {
        self.effects = effect.n;
        match class {
            Class::T1 if !effect.idem.is_empty() => {
                self.applied.insert(effect.idem.clone(), effect.n);
            }
            Class::T2 => {
                self.applied.insert(effect.path.clone(), effect.n);
            }
            Class::T1 => {}
            Class::T3 | Class::T4 => {
                let found = (effect.n, effect.path.clone(), effect.sha256.clone());
                self.by_key.entry(effect.idem.clone()).or_default().push(found);
            }
        }
    }

    /// The earlier effect that this request repeats.
    fn repeated(&self, effect: &Effect, class: Class) -> Option<u64> {
        match class {
            Class::T1 => self.applied.get(&effect.idem).copied(),
            Class::T2 => self.applied.get(&effect.path).copied(),
            Class::T3 | Class::T4 => None,
        }
    }
}

struct Counting {
    class: Class,
    history: History,
    counts: Mutex<Counts>,
}

/// Only what the sink looks for in a body; everything else is skipped without being kept.
#[derive(Deserialize, Default)]
struct Head {
    #[serde(default)]
    order: Option<Value>,
    #[serde(default)]
    seq: Option<Value>,
}

impl Counting {
    fn count(&self, asked: &Asked) -> Answer {
        let mut effect = read_effect(asked);
        let mut counts = lock(&self.counts);
        if let Some(first) = counts.repeated(&effect, self.class) {
            counts.repeats += 1;
            drop(counts);
            // The first one may still be on its way to the disk, so even a repeat waits for the next sync.
            let mut answer = Answer::text(200, format!("{{\"effect\":{first},\"repeat\":true}}"));
            answer.after = Some(self.history.barrier());
            return answer;
        }
        effect.n = counts.effects + 1;
        counts.remember(&effect, self.class);
        let mut line = match serde_json::to_vec(&effect) {
            Ok(line) => line,
            Err(error) => return Answer::json(500, &json!({"error": "line", "message": error.to_string()})),
        };
        line.push(b'\n');
        // Under the lock, so that the order of lines is the order of numbers.
        let ticket = self.history.append(&line);
        drop(counts);
        let mut answer = Answer::text(200, format!("{{\"effect\":{}}}", effect.n));
        answer.after = Some(ticket);
        answer
    }

    fn find(&self, asked: &Asked) -> Answer {
        let Some(key) = asked.query("key") else {
            return Answer::json(400, &json!({"error": "key", "message": "name a key: /effects?key=K"}));
        };
        let counts = lock(&self.counts);
        let found = counts.by_key.get(&key).map(|found| {
            found.iter().map(|(n, path, hash)| json!({"n": n, "path": path, "sha256": hash})).collect::<Vec<_>>()
        });
        let first = counts.applied.get(&key).map(|n| vec![json!({"n": n})]);
        Answer::json(200, &json!({"found": found.or(first).unwrap_or_default()}))
    }
}

fn read_effect(asked: &Asked) -> Effect {
    let head: Head = serde_json::from_slice(&asked.body).unwrap_or_default();
    let key = match asked.header("x-order-key") {
        "" => match head.order {
            Some(Value::String(key)) => key,
            Some(Value::Number(key)) => key.to_string(),
            _ => String::new(),
        },
        key => key.to_owned(),
    };
    let seq = match &head.seq {
        Some(Value::String(seq)) => seq.parse().ok(),
        Some(seq) => seq.as_u64(),
        None => None,
    };
    Effect {
        n: 0,
        t: wall_micros(),
        path: format!("{} {}", asked.method, asked.uri.path()),
        idem: asked.header("idempotency-key").to_owned(),
        key,
        seq,
        sha256: sha256_hex(&asked.body),
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256_hex(bytes: &Bytes) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

impl Role for Counting {
    fn apply(&self, asked: &Asked) -> Answer {
        match asked.method {
            Method::POST | Method::PUT => self.count(asked),
            Method::GET if asked.uri.path() == "/effects" => self.find(asked),
            _ => Answer::json(404, &json!({"error": "path", "message": "POST or PUT anything, or GET /effects?key=K"})),
        }
    }

    fn state(&self) -> Value {
        let counts = lock(&self.counts);
        json!({"class": self.class, "effects": counts.effects, "repeats": counts.repeats})
    }
}
