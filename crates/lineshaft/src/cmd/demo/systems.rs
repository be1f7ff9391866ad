//! The stand-in systems of the demo, set up and asked for their books. Deliberately absent: what happens when.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use lineshaft_standin::Decimal;
use lineshaft_standin::erp::{self, Erp, Material, Movement};
use lineshaft_standin::mes::{self, Completion, Mes};
use lineshaft_standin::push::{Push, To};
use lineshaft_standin::wms::Wms;
use serde_json::Value;

use super::judge::{Books, Held, Hub, Move, Place, Planned, Released, Work};
use super::plan::{self, COVER, COVERS_IN_BOX, GRANULATE, Order, PIECES, PUMP, PUMPS_IN_BOX, Plant, Report};

/// Moves that the WMS takes in a second before it throttles.
const WMS_MOVES_PER_SECOND: u32 = 6;

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
        let wms = Wms::start(free, Some(WMS_MOVES_PER_SECOND), token("wms-outbound")).await?;
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

    /// The MES of the order's plant reports that granulate was brought to the line.
    pub(super) fn bring(&self, order: &Order, quantity: Decimal, inbound: SocketAddr) -> Result<Push, String> {
        let it = mes::Move {
            order: order.number.clone(),
            material: GRANULATE.to_owned(),
            batch: order.batch().to_owned(),
            quantity,
            from: "0001".to_owned(),
            to: "0003".to_owned(),
        };
        self.mes(order.plant).move_stock(&it, &self.to(inbound, mes_name(order.plant), "move"))
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

    /// Moves that the ERP has posted; those behind confirmations are not counted.
    pub(super) fn moves_in_erp(&self) -> usize {
        self.erp.movements().iter().filter(|it| !it.reference.is_empty()).count()
    }

    /// Everything the stand-ins wrote down, and what the hub says of itself.
    pub(super) fn books(&self, orders: &[Order], hub: Hub) -> Books {
        let (mut reported, mut moved) = (Vec::new(), Vec::new());
        for push in self.de.pushes().into_iter().chain(self.pl.pushes()) {
            let document: Value = serde_json::from_slice(&push.body).unwrap_or_default();
            if document["good"].is_number() {
                reported.push(work_of_mes(&document));
            } else {
                moved.push(move_of_mes(&document));
            }
        }
        let (confirmed, moved_in_erp) = erp_books(&self.erp);
        let stock = self.erp.stock().into_iter().map(|(at, quantity)| (place_of(at), quantity));
        Books {
            planned: Planned {
                orders: plan::ORDERS,
                completions: plan::ORDERS * plan::COMPLETIONS,
                moves: plan::ORDERS * plan::MOVES,
            },
            released: orders
                .iter()
                .filter_map(|it| self.erp.order_document(&it.number))
                .map(|it| released(&it))
                .collect(),
            at_mes: held(&self.de).chain(held(&self.pl)).collect(),
            reported,
            confirmed,
            moved,
            moved_in_erp,
            moved_in_wms: self.wms.moves().iter().map(move_of_wms).collect(),
            stock_in_erp: stock.collect(),
            stock_in_wms: self.wms.stock(),
            hub,
        }
    }
}

fn mes_name(plant: Plant) -> &'static str {
    match plant {
        Plant::De10 => "mes-de",
        Plant::Pl20 => "mes-pl",
    }
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

/// A completion as the plant wrote it, in base units, with the goods movements that it means.
fn work_of_mes(document: &Value) -> Work {
    let (plant, material) = (text(document, "plant"), text(document, "material"));
    let pieces = base(&text(document, "unit"), &material);
    let yielded = quantity(&document["good"]) * pieces;
    let mut changes = vec![((plant.clone(), material, "0002".to_owned(), String::new()), yielded)];
    for used in document["components"].as_array().into_iter().flatten() {
        let material = text(used, "material");
        let amount = quantity(&used["quantity"]) * base(&text(used, "unit"), &material);
        changes.push(((plant.clone(), material, "0001".to_owned(), text(used, "batch")), -amount));
    }
    Work {
        id: text(document, "id"),
        order: text(document, "order"),
        yielded,
        scrapped: quantity(&document["scrap"]) * pieces,
        changes,
    }
}

fn move_of_mes(document: &Value) -> Move {
    let amount = quantity(&document["quantity"]) * base(&text(document, "unit"), &text(document, "material"));
    Move { id: text(document, "id"), order: text(document, "order"), changes: both_sides(document, amount) }
}

fn move_of_wms(document: &Value) -> Move {
    let changes = both_sides(document, quantity(&document["quantity"]));
    Move { id: text(document, "reference"), order: String::new(), changes }
}

fn both_sides(document: &Value, amount: Decimal) -> Vec<(Place, Decimal)> {
    let place = |location: &str| {
        (text(document, "plant"), text(document, "material"), text(document, location), text(document, "batch"))
    };
    vec![(place("from"), -amount), (place("to"), amount)]
}

/// Confirmations with the movements behind them, and the movements that stand alone.
fn erp_books(erp: &Erp) -> (Vec<Work>, Vec<Move>) {
    let changes = |it: Movement| it.changes.into_iter().map(|(at, change)| (place_of(at), change)).collect::<Vec<_>>();
    let mut behind: HashMap<String, VecDeque<Movement>> = HashMap::new();
    let mut alone = Vec::new();
    for movement in erp.movements() {
        if movement.reference.is_empty() {
            behind.entry(movement.key.clone()).or_default().push_back(movement);
        } else {
            alone.push(Move { id: movement.reference.clone(), order: String::new(), changes: changes(movement) });
        }
    }
    let confirmed = erp.all_confirmations().into_iter().map(|it| Work {
        id: it.text.strip_prefix("MES ").unwrap_or(&it.text).to_owned(),
        changes: behind.get_mut(&it.key).and_then(VecDeque::pop_front).map(changes).unwrap_or_default(),
        order: it.order,
        yielded: it.yielded,
        scrapped: it.scrapped,
    });
    let confirmed = confirmed.collect();
    // A movement behind no confirmation is nobody's.
    alone.extend(behind.into_values().flatten().map(|it| Move {
        id: it.reference.clone(),
        order: String::new(),
        changes: changes(it),
    }));
    (confirmed, alone)
}
