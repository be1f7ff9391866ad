//! A stand-in MES of one plant. It takes orders, and says what was made, wasted, used and moved, and what it takes back.
//! Plants differ as they do
//! in life: DE10 counts pieces and kilograms and writes offsets into its times, PL20 counts boxes and grams and writes
//! plain local times. In memory. Absent: routing, machines, people.

mod emit;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::push::{Outbox, Push, To};
use crate::serve::{Answer, Asked, Fault, Role, Server, lock};

/// How a plant's MES speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plant {
    /// `DE10`.
    pub name: String,
    /// The unit in which it counts what it makes.
    pub unit: String,
    /// The unit in which it weighs what it uses.
    pub component_unit: String,
    /// IANA zone.
    pub zone: String,
    /// Whether its times carry an offset.
    pub offset: bool,
}

impl Plant {
    /// Pieces, kilograms, times with offset.
    pub fn de10() -> Self {
        Self::new("DE10", "PCE", "kg", "Europe/Berlin", true)
    }

    /// Boxes, grams, local times without offset.
    pub fn pl20() -> Self {
        Self::new("PL20", "CAR", "g", "Europe/Warsaw", false)
    }

    fn new(name: &str, unit: &str, component_unit: &str, zone: &str, offset: bool) -> Self {
        let [name, unit, component_unit, zone] = [name, unit, component_unit, zone].map(str::to_owned);
        Self { name, unit, component_unit, zone, offset }
    }

    /// An instant as this plant writes it.
    fn time(&self, micros: i64) -> Result<String, String> {
        let zone = TimeZone::get(&self.zone).map_err(|error| error.to_string())?;
        let instant = jiff::Timestamp::from_microsecond(micros).map_err(|error| error.to_string())?;
        let format = if self.offset { "%Y-%m-%dT%H:%M:%S%:z" } else { "%Y-%m-%dT%H:%M:%S" };
        Ok(instant.to_zoned(zone).strftime(format).to_string())
    }
}

/// An order as the MES keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The order.
    pub order: String,
    /// What is made.
    pub material: String,
    /// How much, in the plant's unit.
    pub quantity: Decimal,
    /// The state that was last sent, `released` if none was.
    pub state: String,
    /// The version that was last sent; empty if none was.
    pub version: String,
    /// How often a new snapshot replaced an older one.
    pub changes: u64,
    /// Reported as good, in the plant's unit.
    pub good: Decimal,
    /// Reported as scrap, in the plant's unit.
    pub scrap: Decimal,
    /// The document as it came.
    pub document: Value,
}

/// What was used for a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Material number.
    pub material: String,
    /// Batch.
    pub batch: String,
    /// In the plant's component unit.
    pub quantity: Decimal,
}

/// A completion to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The order.
    pub order: String,
    /// What was made; taken from the accepted order if empty.
    pub material: String,
    /// Good, in the plant's unit.
    pub good: Decimal,
    /// Scrap, in the plant's unit.
    pub scrap: Decimal,
    /// The last one of the order.
    pub last: bool,
    /// What was used.
    pub used: Vec<Used>,
    /// When, in microseconds since 1970; now if absent.
    pub finished: Option<i64>,
}

impl Completion {
    /// A partial completion without scrap and components.
    pub fn new(order: &str, good: Decimal) -> Self {
        let (order, material) = (order.to_owned(), String::new());
        Self { order, material, good, scrap: Decimal::ZERO, last: false, used: Vec::new(), finished: None }
    }

    /// The same with scrap.
    pub fn scrap(mut self, scrap: Decimal) -> Self {
        self.scrap = scrap;
        self
    }

    /// The same as the final one.
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }

    /// The same for another material than the order's.
    pub fn material(mut self, material: &str) -> Self {
        self.material = material.to_owned();
        self
    }

    /// The same with one more component used.
    pub fn used(mut self, material: &str, batch: &str, quantity: Decimal) -> Self {
        self.used.push(Used { material: material.to_owned(), batch: batch.to_owned(), quantity });
        self
    }
}

/// What was used outside of a completion: it is told here or there, never in both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumption {
    /// The order that used it.
    pub order: String,
    /// Material number.
    pub material: String,
    /// Batch.
    pub batch: String,
    /// In the plant's component unit.
    pub quantity: Decimal,
    /// From this storage location.
    pub from: String,
}

/// Where scrap was before it was scrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scrapped {
    /// Made at operation 0010 and never taken into stock, in the plant's unit.
    AtOperation,
    /// In stock, in the plant's component unit.
    InStock {
        /// Batch.
        batch: String,
        /// Storage location.
        from: String,
    },
}

/// Scrap to declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrap {
    /// The order for which it was found.
    pub order: String,
    /// Material number.
    pub material: String,
    /// How much.
    pub quantity: Decimal,
    /// Reason code.
    pub reason: String,
    /// Where it was.
    pub was: Scrapped,
}

/// A stock move to report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The order it belongs to.
    pub order: String,
    /// Material number.
    pub material: String,
    /// Batch.
    pub batch: String,
    /// In the plant's component unit.
    pub quantity: Decimal,
    /// From this storage location.
    pub from: String,
    /// To this one.
    pub to: String,
}

/// A running MES. Cheap to clone.
#[derive(Clone)]
pub struct Mes {
    server: Server,
    floor: Arc<Floor>,
}

struct Floor {
    plant: Plant,
    book: Mutex<Book>,
    outbox: Outbox,
}

#[derive(Default)]
struct Book {
    orders: BTreeMap<String, Accepted>,
    refused: u64,
    completions: u64,
    moves: u64,
    consumptions: u64,
    scraps: u64,
}

impl Mes {
    /// Starts the MES of `plant` on `address` (port 0 for a free one).
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, plant: Plant, token: Option<String>) -> io::Result<Self> {
        let floor = Arc::new(Floor { plant, book: Mutex::default(), outbox: Outbox::default() });
        let server = Server::start(address, Arc::clone(&floor) as Arc<dyn Role>, token).await?;
        Ok(Self { server, floor })
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

    /// How the plant speaks.
    pub fn plant(&self) -> &Plant {
        &self.floor.plant
    }

    /// An accepted order.
    pub fn order(&self, order: &str) -> Option<Accepted> {
        lock(&self.floor.book).orders.get(order).cloned()
    }

    /// Every accepted order.
    pub fn orders(&self) -> Vec<Accepted> {
        lock(&self.floor.book).orders.values().cloned().collect()
    }

    /// Reports a completion to `to` until it is acknowledged. The order need not be known: people start early.
    ///
    /// # Errors
    /// When the material is not known either way, or the URL is unusable.
    pub fn complete(&self, completion: &Completion, to: &To) -> Result<Push, String> {
        self.floor.complete(completion, to)
    }

    /// Takes a completion back: the document that was sent for it comes again with a number of its own, and names it.
    ///
    /// # Errors
    /// When no completion has this number, or the URL is unusable.
    pub fn take_back(&self, completion: &str, to: &To) -> Result<Push, String> {
        self.floor.take_back(completion, to)
    }

    /// Reports what was used outside of a completion to `to` until it is acknowledged.
    ///
    /// # Errors
    /// When the URL is unusable.
    pub fn consume(&self, it: &Consumption, to: &To) -> Result<Push, String> {
        self.floor.consume(it, to)
    }

    /// Declares scrap to `to` until it is acknowledged.
    ///
    /// # Errors
    /// When the URL is unusable.
    pub fn declare_scrap(&self, it: &Scrap, to: &To) -> Result<Push, String> {
        self.floor.declare_scrap(it, to)
    }

    /// Reports a stock move to `to` until it is acknowledged.
    ///
    /// # Errors
    /// When the URL is unusable.
    pub fn move_stock(&self, it: &Move, to: &To) -> Result<Push, String> {
        self.floor.move_stock(it, to)
    }

    /// Every push so far.
    pub fn pushes(&self) -> Vec<Push> {
        self.floor.outbox.all()
    }

    /// How many pushes are not acknowledged yet.
    pub fn open_pushes(&self) -> u64 {
        self.floor.outbox.open()
    }

    /// Stops sending whatever is not acknowledged yet.
    pub fn give_up_pushes(&self) {
        self.floor.outbox.give_up();
    }
}

/// A decimal as a JSON number with its own digits.
pub(crate) fn number(decimal: Decimal) -> Value {
    serde_json::from_str(&decimal.normalize().to_string()).unwrap_or(Value::Null)
}

/// A JSON number as a decimal.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

impl Role for Floor {
    fn apply(&self, asked: &Asked) -> Answer {
        if asked.uri.path() == "/_control" && asked.method == Method::POST {
            return match self.control(&asked.json().unwrap_or_default()) {
                Ok(push) => Answer::json(200, &json!({"key": push.key})),
                Err(why) => refusal(400, "control", &why),
            };
        }
        let Some(order) = asked.uri.path().strip_prefix("/orders/").filter(|order| !order.contains('/')) else {
            return refusal(404, "path", "PUT or GET /orders/{order}");
        };
        match asked.method {
            Method::PUT => self.accept(order, asked).unwrap_or_else(|answer| {
                lock(&self.book).refused += 1;
                answer
            }),
            Method::GET => match lock(&self.book).orders.get(order) {
                None => refusal(404, "order", "unknown order"),
                Some(known) => Answer::json(200, &shown(known, &self.plant)),
            },
            _ => refusal(405, "method", "PUT or GET"),
        }
    }

    fn state(&self) -> Value {
        let book = lock(&self.book);
        json!({"plant": self.plant.name, "orders": book.orders.len(), "refused": book.refused,
               "completions": book.completions, "moves": book.moves, "consumptions": book.consumptions,
               "scraps": book.scraps, "open_pushes": self.outbox.open()})
    }
}

fn refusal(status: u16, error: &str, message: &str) -> Answer {
    Answer::json(status, &json!({"error": error, "message": message}))
}

fn shown(known: &Accepted, plant: &Plant) -> Value {
    json!({"order": known.order, "state": known.state, "quantity": number(known.quantity), "unit": plant.unit,
           "good": number(known.good), "scrap": number(known.scrap), "version": known.version})
}

impl Floor {
    fn accept(&self, order: &str, asked: &Asked) -> Result<Answer, Answer> {
        let document = asked.json().map_err(|error| refusal(400, "json", &error))?;
        let field = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        let plant = &self.plant;
        for name in ["order", "plant", "material", "unit"] {
            if field(name).is_empty() {
                return Err(refusal(400, "field", &format!("{name} is missing")));
            }
        }
        if field("order") != order {
            return Err(refusal(400, "field", &format!("the path says {order}, the document {}", field("order"))));
        }
        if field("plant") != plant.name {
            return Err(refusal(400, "plant", &format!("this is {}, not {}", plant.name, field("plant"))));
        }
        if field("unit") != plant.unit {
            let (name, own, material) = (&plant.name, &plant.unit, field("material"));
            return Err(refusal(400, "unit", &format!("MES {name} keeps {material} in {own}, not {}", field("unit"))));
        }
        let quantity = decimal(&document["quantity"]);
        let quantity = quantity.ok_or_else(|| refusal(400, "field", "quantity is missing or not a number"))?;
        let state = Some(field("state")).filter(|state| !state.is_empty()).unwrap_or_else(|| "released".to_owned());
        let mut book = lock(&self.book);
        let known = book.orders.get(order);
        if known.is_some_and(|known| !field("version").is_empty() && field("version") < known.version) {
            return Err(refusal(409, "stale", "a newer version of this order is held"));
        }
        let status = if known.is_some() { 200 } else { 201 };
        let (good, scrap) = known.map_or_else(Default::default, |known| (known.good, known.scrap));
        // The same snapshot again changes nothing (T2).
        let changes = known.map_or(0, |known| known.changes + u64::from(known.document != document));
        let (order, material, version) = (order.to_owned(), field("material"), field("version"));
        let accepted =
            Accepted { order: order.clone(), material, quantity, state, version, changes, good, scrap, document };
        book.orders.insert(order.clone(), accepted);
        Ok(Answer::json(status, &json!({"order": order, "accepted": true})))
    }
}
