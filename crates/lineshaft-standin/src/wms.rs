//! A stand-in WMS that takes moves and issues and keeps stock. It honours `Idempotency-Key`: the same key is one move and the same
//! answer (target class T1), and it protects itself with a rate limit. In memory. Absent: bins, handling units, picks.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::clock::monotonic_micros;
use crate::mes::{decimal, number};
use crate::serve::{Answer, Asked, Fault, Role, Server, lock};

/// Where a stock lies: plant, material, location, batch.
pub type Bin = (String, String, String, String);

/// A running WMS. Cheap to clone.
#[derive(Clone)]
pub struct Wms {
    server: Server,
    hall: Arc<Hall>,
}

struct Hall {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    /// Moves and issues a second; unlimited if absent.
    per_second: Option<u32>,
    /// The second of the monotonic clock, and what was let in during it.
    window: (u64, u32),
    stock: BTreeMap<Bin, Decimal>,
    units: BTreeMap<String, String>,
    moves: Vec<Value>,
    issues: Vec<Value>,
    /// Key to the body that came with it and the answer that was given.
    answers: HashMap<String, (Bytes, String)>,
    repeats: u64,
    throttled: u64,
    refused: u64,
}

impl Wms {
    /// Starts a WMS on `address` (port 0 for a free one) that takes at most `per_second` moves and issues.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, per_second: Option<u32>, token: Option<String>) -> io::Result<Self> {
        let hall = Arc::new(Hall { book: Mutex::new(Book { per_second, ..Book::default() }) });
        let server = Server::start(address, Arc::clone(&hall) as Arc<dyn Role>, token).await?;
        Ok(Self { server, hall })
    }

    /// The server: address, faults, up and down.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Adds a fault; returns its number.
    pub fn fault(&self, fault: Fault) -> u64 {
        self.server.fault(fault)
    }

    /// Closes the port for `duration`, or until [`Self::go_up`].
    pub fn go_down(&self, duration: Option<Duration>) {
        self.server.go_down(duration);
    }

    /// Opens the port again.
    pub fn go_up(&self) {
        self.server.go_up();
    }

    /// Changes the rate limit; `None` lifts it.
    pub fn limit(&self, per_second: Option<u32>) {
        lock(&self.hall.book).per_second = per_second;
    }

    /// The documents of every move, in order of arrival, repeats not counted.
    pub fn moves(&self) -> Vec<Value> {
        lock(&self.hall.book).moves.clone()
    }

    /// The documents of every issue, in order of arrival, repeats not counted.
    pub fn issues(&self) -> Vec<Value> {
        lock(&self.hall.book).issues.clone()
    }

    /// The stock.
    pub fn stock(&self) -> BTreeMap<Bin, Decimal> {
        lock(&self.hall.book).stock.clone()
    }

    /// How many repeats of a key were recognised.
    pub fn repeats(&self) -> u64 {
        lock(&self.hall.book).repeats
    }

    /// How many requests were turned away with 429.
    pub fn throttled(&self) -> u64 {
        lock(&self.hall.book).throttled
    }
}

fn refusal(status: u16, error: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "message": message}))
}

impl Role for Hall {
    fn apply(&self, asked: &Asked) -> Answer {
        let mut book = lock(&self.book);
        match (&asked.method, asked.uri.path()) {
            (&Method::POST, path @ ("/moves" | "/issues")) => {
                book.take(asked, path == "/issues").unwrap_or_else(|answer| {
                    book.refused += u64::from(answer.status != 429);
                    answer
                })
            }
            (&Method::GET, "/stock") => Answer::json(200, &book.shown(asked.query("material").as_deref())),
            _ => refusal(404, "path", "POST /moves, POST /issues or GET /stock"),
        }
    }

    fn state(&self) -> Value {
        let book = lock(&self.book);
        json!({"moves": book.moves.len(), "issues": book.issues.len(), "repeats": book.repeats, "throttled": book.throttled, "refused": book.refused})
    }
}

impl Book {
    /// Takes a move, or an issue: what is taken out and goes nowhere that the warehouse knows.
    fn take(&mut self, asked: &Asked, issue: bool) -> Result<Answer, Answer> {
        if !self.let_in() {
            self.throttled += 1;
            return Err(refusal(429, "rate", "too many moves and issues").with("retry-after", "1"));
        }
        let key = asked.header("idempotency-key");
        if key.is_empty() {
            return Err(refusal(400, "key", "an Idempotency-Key header is needed"));
        }
        if let Some((body, answer)) = self.answers.get(key) {
            if *body != asked.body {
                return Err(refusal(409, "key_reused", "this key came with another body before"));
            }
            self.repeats += 1;
            return Ok(Answer::text(201, answer.clone()));
        }
        let document = asked.json().map_err(|error| refusal(400, "json", &error))?;
        self.post(&document, issue)?;
        let (name, letter, documents) =
            if issue { ("issue", "I", &mut self.issues) } else { ("move", "W", &mut self.moves) };
        documents.push(document);
        let answer = json!({name: format!("{letter}-{:06}", documents.len()), "status": "posted"}).to_string();
        self.answers.insert(key.to_owned(), (asked.body.clone(), answer.clone()));
        Ok(Answer::text(201, answer))
    }

    fn let_in(&mut self) -> bool {
        let Some(limit) = self.per_second else { return true };
        let second = monotonic_micros() / 1_000_000;
        if self.window.0 != second {
            self.window = (second, 0);
        }
        self.window.1 = self.window.1.saturating_add(1);
        self.window.1 <= limit
    }

    fn post(&mut self, document: &Value, issue: bool) -> Result<(), Answer> {
        let field = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        let needed: &[&str] = if issue { &["plant", "material", "from"] } else { &["plant", "material", "from", "to"] };
        for &name in needed {
            if field(name).is_empty() {
                return Err(refusal(400, "field", &format!("{name} is missing")));
            }
        }
        let quantity = decimal(&document["quantity"]);
        let quantity = quantity.ok_or_else(|| refusal(400, "field", "quantity is missing or not a number"))?;
        if !quantity.is_sign_positive() || quantity.is_zero() {
            return Err(refusal(400, "field", "quantity must be more than zero"));
        }
        let (material, unit) = (field("material"), field("unit"));
        let kept = self.units.entry(material.clone()).or_insert_with(|| unit.clone());
        if *kept != unit {
            return Err(refusal(400, "unit", &format!("{material} is kept in {kept}, not {unit}")));
        }
        let bin = |location: String| (field("plant"), material.clone(), location, field("batch"));
        *self.stock.entry(bin(field("from"))).or_default() -= quantity;
        if !issue {
            *self.stock.entry(bin(field("to"))).or_default() += quantity;
        }
        Ok(())
    }

    fn shown(&self, only: Option<&str>) -> Value {
        let stock = self.stock.iter().filter(|((_, material, ..), _)| only.is_none_or(|only| only == material));
        let lines = stock.map(|((plant, material, location, batch), quantity)| {
            json!({"plant": plant, "material": material, "location": location, "batch": batch,
                   "quantity": number(*quantity), "unit": self.units.get(material)})
        });
        json!({"stock": lines.collect::<Vec<_>>()})
    }
}
