//! A stand-in ERP that looks like SAP from outside: the order list with its times of change, production order
//! confirmations with backflush and cancellation, material documents, and the pushing of orders and material master
//! records. In memory; forgets everything when it is dropped. It does not deduplicate, as the real one does not (target
//! class T3). Absent: costing, inspection lots, `$batch`, ETags, persistence.

mod service;

mod query;

mod odata;

mod book;

mod goods;

mod cancel;

mod master;

mod control;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use self::book::Book;
pub use self::book::{Changes, Confirmation, Movement, Place};
pub use self::master::{Alternative, Component, Material, Order};
pub use self::odata::Refusal;
use crate::clock::wall_micros;
use crate::push::{Outbox, Push, To};
use crate::serve::{Answer, Asked, Fault, Role, Server, lock};

/// The service root.
pub const BASE: &str = "/sap/opu/odata/sap";

/// How the ERP is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Callers need `Authorization: Bearer <token>`.
    pub token: Option<String>,
    /// Writes need a CSRF token and its cookie.
    pub csrf: bool,
    /// A movement that would make a stock negative is refused.
    pub check_stock: bool,
}

/// A running ERP. Cheap to clone.
#[derive(Clone)]
pub struct Erp {
    server: Server,
    desk: Arc<Desk>,
}

/// The part that answers requests.
struct Desk {
    book: Mutex<Book>,
    csrf: Mutex<Csrf>,
    outbox: Outbox,
}

#[derive(Default)]
struct Csrf {
    required: bool,
    /// Session to token.
    sessions: BTreeMap<String, String>,
}

impl Erp {
    /// Starts an empty ERP on `address` (port 0 for a free one).
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, setup: Setup) -> io::Result<Self> {
        let book = Book { check_stock: setup.check_stock, ..Book::default() };
        let csrf = Csrf { required: setup.csrf, ..Csrf::default() };
        let desk = Arc::new(Desk { book: Mutex::new(book), csrf: Mutex::new(csrf), outbox: Outbox::default() });
        let server = Server::start(address, Arc::clone(&desk) as Arc<dyn Role>, setup.token).await?;
        Ok(Self { server, desk })
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

    /// Adds or replaces a material, without telling anybody.
    pub fn add_material(&self, material: Material) {
        lock(&self.desk.book).materials.insert(material.number.clone(), material);
    }

    /// Maintains a known material in one more plant. `false` if the material is unknown.
    pub fn extend_material(&self, material: &str, plant: &str) -> bool {
        let mut book = lock(&self.desk.book);
        let Some(found) = book.materials.get_mut(material) else { return false };
        if !found.plants.iter().any(|known| known == plant) {
            found.plants.push(plant.to_owned());
        }
        true
    }

    /// Adds or replaces an order, without telling anybody.
    pub fn add_order(&self, order: Order) {
        self.desk.add_order(order);
    }

    /// Changes an order in place, without telling anybody. `false` if it is unknown.
    pub fn change_order(&self, order: &str, change: impl FnOnce(&mut Order)) -> bool {
        self.desk.change_order(order, change)
    }

    /// `user` opens the order for editing: postings to it are refused with 423 until it is unlocked.
    pub fn lock_order(&self, order: &str, user: &str) -> bool {
        self.change_order(order, |order| order.locked_by = Some(user.to_owned()))
    }

    /// Ends [`Self::lock_order`].
    pub fn unlock_order(&self, order: &str) -> bool {
        self.change_order(order, |order| order.locked_by = None)
    }

    /// Technical completion (TECO).
    pub fn complete_technically(&self, order: &str) -> bool {
        self.change_order(order, |order| order.completed = true)
    }

    /// Closes the order.
    pub fn close_order(&self, order: &str) -> bool {
        self.change_order(order, |order| order.closed = true)
    }

    /// The next `times` confirmations with goods movements are answered 201, and their movements fail afterwards.
    pub fn fail_movements(&self, times: u64) {
        lock(&self.desk.book).fail_next = times;
    }

    /// `order` finds too little stock: what its confirmations issue from now on fails behind them, until
    /// [`Self::put_stock_right`].
    pub fn run_short(&self, order: &str) {
        lock(&self.desk.book).short.insert(order.to_owned());
    }

    /// Ends [`Self::run_short`]. What failed is not posted by that.
    pub fn put_stock_right(&self, order: &str) {
        lock(&self.desk.book).short.remove(order);
    }

    /// Posts what failed behind confirmations of `order`, as a person does once the cause is removed; how many material
    /// documents that made.
    pub fn post_failed_movements(&self, order: &str) -> usize {
        lock(&self.desk.book).post_failed(order, wall_micros())
    }

    /// Sends the order's snapshot to `to` until it is acknowledged.
    ///
    /// # Errors
    /// When the order is unknown or the URL unusable.
    pub fn push_order(&self, order: &str, to: &To) -> Result<Push, String> {
        self.desk.push_order(order, to)
    }

    /// Sends the material master record to `to` until it is acknowledged.
    ///
    /// # Errors
    /// When the material is unknown or the URL unusable.
    pub fn push_material(&self, material: &str, to: &To) -> Result<Push, String> {
        self.desk.push_material(material, to)
    }

    /// The order's snapshot as it would be pushed now.
    pub fn order_document(&self, order: &str) -> Option<Value> {
        self.desk.order_document(order)
    }

    /// Every push so far.
    pub fn pushes(&self) -> Vec<Push> {
        self.desk.outbox.all()
    }

    /// How many pushes are not acknowledged yet.
    pub fn open_pushes(&self) -> u64 {
        self.desk.outbox.open()
    }

    /// Stops sending whatever is not acknowledged yet.
    pub fn give_up_pushes(&self) {
        self.desk.outbox.give_up();
    }

    /// The confirmations posted to `order`, in order of posting.
    pub fn confirmations(&self, order: &str) -> Vec<Confirmation> {
        lock(&self.desk.book).confirmations.iter().filter(|it| it.order == order).cloned().collect()
    }

    /// Every confirmation, in order of posting.
    pub fn all_confirmations(&self) -> Vec<Confirmation> {
        lock(&self.desk.book).confirmations.clone()
    }

    /// (yield, scrap) confirmed for `order`, in base units.
    pub fn totals(&self, order: &str) -> (Decimal, Decimal) {
        let tally = lock(&self.desk.book).tally(order);
        (tally.yielded, tally.scrapped)
    }

    /// Every material document, in order of posting; those behind confirmations included.
    pub fn movements(&self) -> Vec<Movement> {
        lock(&self.desk.book).movements.clone()
    }

    /// The stock ledger in base units; places at zero included once they were touched.
    pub fn stock(&self) -> BTreeMap<Place, Decimal> {
        lock(&self.desk.book).stock.clone()
    }

    /// Sets a stock, as an initial count does.
    pub fn set_stock(&self, plant: &str, material: &str, location: &str, batch: &str, quantity: Decimal) {
        let [plant, material, location, batch] = [plant, material, location, batch].map(str::to_owned);
        lock(&self.desk.book).stock.insert(Place { plant, material, location, batch }, quantity);
    }

    /// How many goods movements failed behind a good confirmation.
    pub fn failed_movements(&self) -> u64 {
        lock(&self.desk.book).failed.len() as u64
    }
}

/// A fresh idempotency key.
pub(crate) fn fresh_key() -> String {
    use lineshaft_model::random::{Rng, SeededRng};
    use std::sync::OnceLock;
    static RNG: OnceLock<SeededRng> = OnceLock::new();
    let rng = RNG.get_or_init(SeededRng::from_os);
    let bits = (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

impl Role for Desk {
    fn apply(&self, asked: &Asked) -> Answer {
        let path = asked.uri.path();
        if path == "/_control" && asked.method == Method::POST {
            return self.control(asked);
        }
        let fetched = match self.csrf(asked) {
            Ok(fetched) => fetched,
            Err(answer) => return answer,
        };
        let mut answer = match path.strip_prefix(BASE) {
            None => service::not_found(path),
            Some(service) => self.service(asked, service).unwrap_or_else(|refusal| {
                lock(&self.book).refused += 1;
                refusal.answer()
            }),
        };
        if let Some((session, token)) = fetched {
            answer = answer
                .with("x-csrf-token", token)
                .with("set-cookie", format!("SAP_SESSIONID={session}; path=/; HttpOnly"));
        }
        answer
    }

    fn state(&self) -> Value {
        let book = lock(&self.book);
        let stock =
            book.stock.iter().map(|(place, quantity)| json!({"place": place, "quantity": quantity.to_string()}));
        let orders = book.orders.keys().map(|number| {
            let tally = book.tally(number);
            let totals = json!({"confirmations": tally.count, "yield": tally.yielded.to_string(),
                                "scrap": tally.scrapped.to_string()});
            (number.clone(), totals)
        });
        json!({
            "confirmations": book.confirmations.len(), "movements": book.movements.len(), "refused": book.refused,
            "failed_movements": book.failed.len(), "open_pushes": self.outbox.open(), "orders": orders.collect::<serde_json::Map<_, _>>(),
            "stock": stock.collect::<Vec<_>>(),
        })
    }
}

impl Desk {
    fn add_order(&self, order: Order) {
        let now = wall_micros();
        lock(&self.book).orders.insert(order.number.clone(), Order { created: now, changed: now, ..order });
    }

    fn change_order(&self, order: &str, change: impl FnOnce(&mut Order)) -> bool {
        let mut book = lock(&self.book);
        let Some(found) = book.orders.get_mut(order) else { return false };
        change(found);
        found.changed = wall_micros();
        true
    }

    /// Hands out or checks the CSRF token. `Ok(Some((session, token)))` when one was asked for.
    fn csrf(&self, asked: &Asked) -> Result<Option<(String, String)>, Answer> {
        let mut csrf = lock(&self.csrf);
        let header = asked.header("x-csrf-token");
        if header.eq_ignore_ascii_case("fetch") && !odata::writes(&asked.method) {
            let pair = (fresh_key(), fresh_key());
            csrf.sessions.insert(pair.0.clone(), pair.1.clone());
            return Ok(Some(pair));
        }
        if !csrf.required || !odata::writes(&asked.method) {
            return Ok(None);
        }
        let cookies = asked.header("cookie").split(';').filter_map(|pair| pair.trim().split_once('='));
        let session = cookies.filter(|(name, _)| *name == "SAP_SESSIONID").map(|(_, value)| value).next();
        let token = session.and_then(|session| csrf.sessions.get(session));
        match token {
            Some(token) if token == header => Ok(None),
            _ => Err(Answer::text(403, "CSRF token validation failed".to_owned())
                .with("x-csrf-token", "Required")
                .with("content-type", "text/plain; charset=utf-8")),
        }
    }

    fn push_order(&self, order: &str, to: &To) -> Result<Push, String> {
        let body = self.order_document(order).ok_or_else(|| format!("order {order} is unknown"))?;
        self.outbox.send(&format!("order {order}"), to, fresh_key(), Bytes::from(body.to_string()))
    }

    fn push_material(&self, material: &str, to: &To) -> Result<Push, String> {
        let document = lock(&self.book).materials.get(material).map(|found| found.document(wall_micros()));
        let body = document.ok_or_else(|| format!("material {material} is unknown"))?;
        self.outbox.send(&format!("material {material}"), to, fresh_key(), Bytes::from(body.to_string()))
    }

    fn order_document(&self, order: &str) -> Option<Value> {
        lock(&self.book).order_document(order)
    }
}
