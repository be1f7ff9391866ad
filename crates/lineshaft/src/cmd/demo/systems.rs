//! The stand-in systems of the demo, set up and asked for their books. Deliberately absent: what happens when.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use lineshaft_standin::Decimal;
use lineshaft_standin::erp::{self, Erp, Material};
use lineshaft_standin::mes::{self, Completion, Consumption, Mes, Scrap, Scrapped};
use lineshaft_standin::push::{Push, To};
use lineshaft_standin::wms::Wms;
use serde_json::Value;

use super::judge::{Books, Failed, Flow, Goods, Held, Hub, Place, Planned, Released, Work};
use super::plan::{self, COVER, COVERS_IN_BOX, GRANULATE, Order, PIECES, PUMP, PUMPS_IN_BOX, Plant, Report};

/// Moves and issues that the WMS takes in a second before it throttles.
const WMS_DOCUMENTS_PER_SECOND: u32 = 6;

/// Where granulate lies before it is brought to the line, and where it is used.
const RAW_STORE: &str = "0001";
const LINE: &str = "0003";

/// A running set of stand-ins.
pub(super) struct Systems {
    pub(super) erp: Erp,
    pub(super) de: Mes,
    pub(super) pl: Mes,
    pub(super) wms: Wms,
    tokens: BTreeMap<&'static str, String>,
}

/// Systems as the project names them. Those that emit have an inbound token, all have an outbound one.
pub(super) const SECRETS: [&str; 7] = [
    "erp-inbound",
    "erp-outbound",
    "mes-de-inbound",
    "mes-de-outbound",
    "mes-pl-inbound",
    "mes-pl-outbound",
    "wms-outbound",
];

impl Systems {
    /// Starts all of them on free ports of the loopback. `tokens` has one for each of [`SECRETS`].
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub(super) async fn start(tokens: BTreeMap<&'static str, String>) -> io::Result<Self> {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let token = |name: &str| tokens.get(name).cloned();
        let erp = Erp::start(free, erp::Setup { token: token("erp-outbound"), ..erp::Setup::default() }).await?;
        let de = Mes::start(free, mes::Plant::de10(), token("mes-de-outbound")).await?;
        let pl = Mes::start(free, mes::Plant::pl20(), token("mes-pl-outbound")).await?;
        let wms = Wms::start(free, Some(WMS_DOCUMENTS_PER_SECOND), token("wms-outbound")).await?;
        let plants = ["DE10", "PL20"];
        erp.add_material(Material::new(PUMP, "Pump housing, finished", "FERT", "PC", &plants).unit(
            "CAR",
            PUMPS_IN_BOX,
            1,
        ));
        erp.add_material(Material::new(COVER, "Pump cover, finished", "FERT", "PC", &plants).unit(
            "CAR",
            COVERS_IN_BOX,
            1,
        ));
        erp.add_material(Material::new(GRANULATE, "PP granulate, raw", "ROH", "KG", &plants).unit("G", 1, 1000));
        Ok(Self { erp, de, pl, wms, tokens })
    }

    /// Environment variables of the node: name and value.
    pub(super) fn urls(&self) -> [(&'static str, String); 4] {
        [
            ("ERP_URL", self.erp.url()),
            ("MES_DE_URL", self.de.url()),
            ("MES_PL_URL", self.pl.url()),
            ("WMS_URL", self.wms.url()),
        ]
    }

    /// What the node must be able to read.
    pub(super) fn tokens(&self) -> &BTreeMap<&'static str, String> {
        &self.tokens
    }

    /// The MES of a plant.
    pub(super) fn mes(&self, plant: Plant) -> &Mes {
        match plant {
            Plant::De10 => &self.de,
            Plant::Pl20 => &self.pl,
        }
    }

    /// Adds the order to the ERP and releases it to the hub.
    pub(super) fn release(&self, order: &Order, inbound: SocketAddr) -> Result<Push, String> {
        let line = match order.plant {
            Plant::De10 => "CNC-07",
            Plant::Pl20 => "PL20-CNC-07",
        };
        let released = erp::Order::new(&order.number, order.plant.name(), order.material, PIECES.into()).at(line);
        self.erp.add_order(released.component(GRANULATE, 120.into()));
        self.erp.push_order(&order.number, &self.to(inbound, "erp", "production-order"))
    }

    /// The ERP tells the hub a material.
    pub(super) fn tell_material(&self, material: &str, inbound: SocketAddr) -> Result<Push, String> {
        self.erp.push_material(material, &self.to(inbound, "erp", "material"))
    }

    /// The MES of the order's plant reports work.
    pub(super) fn report(&self, order: &Order, report: &Report, inbound: SocketAddr) -> Result<Push, String> {
        let completion = Completion::new(&order.number, report.good).material(order.material).scrap(report.scrap);
        let completion = completion.used(GRANULATE, order.batch(), report.used);
        let completion = if report.last { completion.last() } else { completion };
        let to = self.to(inbound, mes_name(order.plant), "completion");
        self.mes(order.plant).complete(&completion, &to)
    }

    /// The MES of the order's plant takes its latest report of the order back and reports anew: one piece (or its share of a
    /// box) more is scrap. Says the numbers of what is taken back and of what takes it back.
    pub(super) fn correct(&self, order: &Order, inbound: SocketAddr) -> Result<(String, String), String> {
        let to = self.to(inbound, mes_name(order.plant), "completion");
        let pushes = self.mes(order.plant).pushes();
        let documents = pushes.iter().map(|push| serde_json::from_slice::<Value>(&push.body).unwrap_or_default());
        let of_order = documents.filter(|it| text(it, "order") == order.number && it["good"].is_number());
        let wrong = of_order.last().ok_or_else(|| format!("order {} has no report yet", order.number))?;
        let id = text(&wrong, "id");
        let back = self.mes(order.plant).take_back(&id, &to)?;
        let report = Report {
            good: quantity(&wrong["good"]),
            scrap: quantity(&wrong["scrap"]) + order.plant.share(),
            used: quantity(&wrong["components"][0]["quantity"]),
            last: wrong["final"] == true,
        };
        self.report(order, &report, inbound)?;
        Ok((id, back.key))
    }

    /// The MES of the order's plant reports that granulate was brought to the line.
    pub(super) fn bring(&self, order: &Order, quantity: Decimal, inbound: SocketAddr) -> Result<Push, String> {
        let it = mes::Move {
            order: order.number.clone(),
            material: GRANULATE.to_owned(),
            batch: order.batch().to_owned(),
            quantity,
            from: RAW_STORE.to_owned(),
            to: LINE.to_owned(),
        };
        self.mes(order.plant).move_stock(&it, &self.to(inbound, mes_name(order.plant), "move"))
    }

    /// The MES of the order's plant reports granulate that was used outside of a completion.
    pub(super) fn consume(&self, order: &Order, quantity: Decimal, inbound: SocketAddr) -> Result<Push, String> {
        let it = Consumption {
            order: order.number.clone(),
            material: GRANULATE.to_owned(),
            batch: order.batch().to_owned(),
            quantity,
            from: RAW_STORE.to_owned(),
        };
        self.mes(order.plant).consume(&it, &self.to(inbound, mes_name(order.plant), "consumption"))
    }

    /// The MES of the order's plant declares spilled granulate.
    pub(super) fn declare_spilled(&self, order: &Order, inbound: SocketAddr) -> Result<Push, String> {
        let was = Scrapped::InStock { batch: order.batch().to_owned(), from: RAW_STORE.to_owned() };
        self.declare(order, GRANULATE, order.spilled, was, inbound)
    }

    /// The MES of the order's plant declares pieces that were found to be bad.
    pub(super) fn declare_bad(&self, order: &Order, inbound: SocketAddr) -> Result<Push, String> {
        self.declare(order, order.material, order.found_bad, Scrapped::AtOperation, inbound)
    }

    fn declare(
        &self,
        order: &Order,
        material: &str,
        quantity: Decimal,
        was: Scrapped,
        inbound: SocketAddr,
    ) -> Result<Push, String> {
        let (number, material) = (order.number.clone(), material.to_owned());
        let it = Scrap { order: number, material, quantity, reason: "0002".to_owned(), was };
        self.mes(order.plant).declare_scrap(&it, &self.to(inbound, mes_name(order.plant), "scrap"))
    }

    /// Somebody in the ERP puts the stock of the order right and posts what failed behind its confirmation. Says the
    /// ERP's number of that confirmation.
    pub(super) fn post_failed(&self, order: &Order) -> Result<String, String> {
        self.erp.put_stock_right(&order.number);
        self.erp.post_failed_movements(&order.number);
        let failed = self.erp.confirmations(&order.number).into_iter().find(|it| it.failed.is_some());
        failed.map(|it| format!("{}/{}", it.group, it.count)).ok_or_else(|| "no goods movement failed".to_owned())
    }

    /// The command with which somebody makes the order's plant report a stock move.
    pub(super) fn report_typed(&self, order: &Order, inbound: SocketAddr) -> String {
        let to = self.to(inbound, mes_name(order.plant), "move");
        let wish = serde_json::json!({
            "move": {"order": order.number, "material": GRANULATE, "batch": order.batch(), "quantity": 5, "from": "0001", "to": "0003"},
            "url": to.url, "token": to.token,
        });
        format!("curl -d '{wish}' {}/_control", self.mes(order.plant).url())
    }

    fn to(&self, inbound: SocketAddr, system: &str, interface: &str) -> To {
        let token = self.tokens.get(format!("{system}-inbound").as_str()).cloned().unwrap_or_default();
        To::post(format!("http://{inbound}/in/{system}/{interface}")).token(token)
    }

    /// Documents that no MES and no ERP has got rid of yet.
    pub(super) fn untold(&self) -> u64 {
        self.erp.open_pushes() + self.de.open_pushes() + self.pl.open_pushes()
    }

    /// Reports and moves that the hub has acknowledged.
    pub(super) fn told(&self) -> u64 {
        [&self.de, &self.pl].map(|mes| (mes.pushes().len() as u64).saturating_sub(mes.open_pushes())).iter().sum()
    }

    /// How many of `orders` are at their MES.
    pub(super) fn at_mes(&self, orders: &[Order]) -> usize {
        orders.iter().filter(|it| self.mes(it.plant).order(&it.number).is_some()).count()
    }

    /// Documents about stock that the ERP has posted; those behind confirmations are not counted.
    pub(super) fn stock_in_erp(&self) -> usize {
        self.erp.movements().iter().filter(|it| it.confirmation.is_none()).count()
    }

    /// Documents about stock that the WMS has posted.
    pub(super) fn stock_in_wms(&self) -> usize {
        self.wms.moves().len() + self.wms.issues().len()
    }

    /// Everything the stand-ins wrote down, and what the hub says of itself.
    pub(super) fn books(&self, orders: &[Order], hub: Hub) -> Books {
        let (confirmed, alone_in_erp) = erp_books(&self.erp);
        let mut books = Books {
            planned: Planned { orders: plan::ORDERS, work: plan::WORK, failed: plan::FAILED },
            released: orders
                .iter()
                .filter_map(|it| self.erp.order_document(&it.number))
                .map(|it| released(&it))
                .collect(),
            at_mes: held(&self.de).chain(held(&self.pl)).collect(),
            confirmed,
            flows: FLOWS.map(|(what, planned)| Flow { what, planned, ..Flow::default() }).into(),
            failed: failed(&self.erp),
            stock_in_erp: self.erp.stock().into_iter().map(|(at, quantity)| (place_of(at), quantity)).collect(),
            stock_in_wms: self.wms.stock(),
            hub,
            ..Books::default()
        };
        for push in self.de.pushes().into_iter().chain(self.pl.pushes()) {
            let document: Value = serde_json::from_slice(&push.body).unwrap_or_default();
            match kind_of(&document) {
                Kind::Work => books.reported.push(work_of_mes(&document)),
                Kind::Goods(flow) => books.flows[flow].reported.push(goods_of_mes(&document)),
            }
        }
        let known: HashMap<String, usize> = (0..)
            .zip(&books.flows)
            .flat_map(|(at, flow)| flow.reported.iter().map(move |it| (it.id.clone(), at)))
            .collect();
        // One that nobody reported is nobody's, whatever flow it is shown in.
        let flow = |id: &str| known.get(id).copied().unwrap_or_default();
        for posted in alone_in_erp {
            books.flows[flow(&posted.id)].in_erp.push(posted);
        }
        for posted in self.wms.moves().iter().chain(&self.wms.issues()).map(goods_of_wms) {
            books.flows[flow(&posted.id)].in_wms.push(posted);
        }
        books
    }
}

/// The kinds of documents about stock, and how many are planned.
const FLOWS: [(&str, usize); 3] = [
    ("move", plan::ORDERS * plan::MOVES),
    ("consumption", plan::ORDERS * plan::CONSUMPTIONS),
    ("scrap of stock", plan::ORDERS),
];

/// What a document of a MES is about.
enum Kind {
    /// Work: a completion, or scrap of an operation.
    Work,
    /// Stock: which of [`FLOWS`].
    Goods(usize),
}

fn kind_of(document: &Value) -> Kind {
    let has = |field: &str| !document[field].is_null();
    match () {
        () if has("good") || has("declared_at") && has("operation") => Kind::Work,
        () if has("used_at") => Kind::Goods(1),
        () if has("declared_at") => Kind::Goods(2),
        () => Kind::Goods(0),
    }
}

fn mes_name(plant: Plant) -> &'static str {
    match plant {
        Plant::De10 => "mes-de",
        Plant::Pl20 => "mes-pl",
    }
}

/// The number of an order as the hub and the ERP both have it: without authority and leading zeros.
pub(super) fn bare(order: &str) -> String {
    order.rsplit(['/', ':']).next().unwrap_or_default().trim_start_matches('0').to_owned()
}

fn text(document: &Value, field: &str) -> String {
    document[field].as_str().unwrap_or_default().to_owned()
}

/// A quantity, written as a number or as text.
fn quantity(value: &Value) -> Decimal {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().unwrap_or_default()
}

/// How many base units (pieces, kilograms) one `unit` of `material` is. The judge's own table.
fn base(unit: &str, material: &str) -> Decimal {
    match (unit, material) {
        ("CAR", PUMP) => PUMPS_IN_BOX.into(),
        ("CAR", COVER) => COVERS_IN_BOX.into(),
        ("g", _) => Decimal::new(1, 3),
        _ => Decimal::ONE,
    }
}

fn place_of(at: erp::Place) -> Place {
    (at.plant, at.material, at.location, at.batch)
}

fn released(document: &Value) -> Released {
    let (plant, material) = (text(document, "ProductionPlant"), text(document, "Material"));
    let unit = if plant == "PL20" { "CAR" } else { "PCE" };
    Released {
        order: text(document, "ManufacturingOrder"),
        quantity: quantity(&document["TotalQuantity"]) / base(unit, &material),
        unit: unit.to_owned(),
        plant,
    }
}

fn held(mes: &Mes) -> impl Iterator<Item = Held> + '_ {
    mes.orders().into_iter().map(|it| Held {
        order: it.order,
        plant: mes.plant().name.clone(),
        quantity: it.quantity,
        unit: text(&it.document, "unit"),
        changes: it.changes,
    })
}

/// A completion or scrap of an operation as the plant wrote it, in base units, with the goods movements that it means.
fn work_of_mes(document: &Value) -> Work {
    let (plant, material) = (text(document, "plant"), text(document, "material"));
    let pieces = base(&text(document, "unit"), &material);
    // What takes an earlier completion back repeats it.
    let sign = if document["reverses"].is_null() { Decimal::ONE } else { -Decimal::ONE };
    let amount = |field: &str| quantity(&document[field]) * pieces * sign;
    let (yielded, scrapped) = match document["good"].is_null() {
        true => (Decimal::ZERO, amount("quantity")),
        false => (amount("good"), amount("scrap")),
    };
    let mut changes = vec![((plant.clone(), material, "0002".to_owned(), String::new()), yielded)];
    for used in document["components"].as_array().into_iter().flatten() {
        let material = text(used, "material");
        let amount = quantity(&used["quantity"]) * base(&text(used, "unit"), &material) * sign;
        changes.push(((plant.clone(), material, LINE.to_owned(), text(used, "batch")), -amount));
    }
    Work { id: text(document, "id"), order: text(document, "order"), yielded, scrapped, changes }
}

fn goods_of_mes(document: &Value) -> Goods {
    let amount = quantity(&document["quantity"]) * base(&text(document, "unit"), &text(document, "material"));
    Goods { id: text(document, "id"), order: text(document, "order"), changes: sides(document, amount) }
}

fn goods_of_wms(document: &Value) -> Goods {
    let changes = sides(document, quantity(&document["quantity"]));
    Goods { id: text(document, "reference"), order: String::new(), changes }
}

/// What leaves one place and, if it is a move, comes to another.
fn sides(document: &Value, amount: Decimal) -> Vec<(Place, Decimal)> {
    let place = |location: &str| {
        (text(document, "plant"), text(document, "material"), text(document, location), text(document, "batch"))
    };
    let mut changes = vec![(place("from"), -amount)];
    if !document["to"].is_null() {
        changes.push((place("to"), amount));
    }
    changes
}

/// What failed behind good confirmations, posted later or not.
fn failed(erp: &Erp) -> Vec<Failed> {
    let failed = erp.all_confirmations().into_iter();
    failed.filter_map(|it| Some(Failed { order: bare(&it.order), why: it.failed? })).collect()
}

/// Confirmations with the movements behind them, and the movements that stand alone.
fn erp_books(erp: &Erp) -> (Vec<Work>, Vec<Goods>) {
    let mut behind: HashMap<(String, String), Vec<(Place, Decimal)>> = HashMap::new();
    let mut alone = Vec::new();
    for movement in erp.movements() {
        let changes = movement.changes.into_iter().map(|(at, change)| (place_of(at), change));
        match movement.confirmation {
            Some(confirmation) => behind.entry(confirmation).or_default().extend(changes),
            None => alone.push(Goods { id: movement.reference, order: String::new(), changes: changes.collect() }),
        }
    }
    let confirmed = erp.all_confirmations().into_iter().map(|it| {
        let sign = if it.cancels.is_some() { -Decimal::ONE } else { Decimal::ONE };
        Work {
            id: it.text.strip_prefix("MES ").unwrap_or(&it.text).to_owned(),
            changes: behind.remove(&(it.group, it.count)).unwrap_or_default(),
            order: it.order,
            yielded: it.yielded * sign,
            scrapped: it.scrapped * sign,
        }
    });
    let confirmed = confirmed.collect();
    // A movement behind no confirmation is nobody's.
    let nobodys = |changes| Goods { id: String::new(), order: String::new(), changes };
    alone.extend(behind.into_values().map(nobodys));
    (confirmed, alone)
}
