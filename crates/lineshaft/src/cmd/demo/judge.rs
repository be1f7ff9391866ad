//! The judge: compares the books of the ERP, the two MES and the WMS, and says whether every document that a plant
//! reported had its one effect in each of them, in its order and with its quantity. It is told what the stand-ins themselves wrote down
//! and, by the hub, how much it still holds and which failed goods movements it noticed. Deliberately absent: the product's
//! code, its maps, its units.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use lineshaft_standin::Decimal;

/// Where a stock lies: plant, material, storage location, batch.
pub(super) type Place = (String, String, String, String);

/// An order as the ERP released it, in the plant's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) order: String,
    pub(super) plant: String,
    pub(super) quantity: Decimal,
    pub(super) unit: String,
}

/// An order as a MES holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) order: String,
    pub(super) plant: String,
    pub(super) quantity: Decimal,
    pub(super) unit: String,
    /// How often another snapshot replaced the first.
    pub(super) changes: u64,
}

/// Yield and scrap of one document, in pieces: as a MES reported it, or as the ERP posted it. What takes an earlier one
/// back has the same quantities with the other sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Work {
    /// The MES's number of the report.
    pub(super) id: String,
    pub(super) order: String,
    pub(super) yielded: Decimal,
    pub(super) scrapped: Decimal,
    /// The goods movements behind it: places and differences in base units.
    pub(super) changes: Vec<(Place, Decimal)>,
}

/// One document about stock: as a MES reported it, or as the ERP or the WMS posted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Goods {
    /// The MES's number of it.
    pub(super) id: String,
    /// Empty where the books do not name it.
    pub(super) order: String,
    /// Places and differences in base units.
    pub(super) changes: Vec<(Place, Decimal)>,
}

/// One kind of documents about stock, all of which the ERP and the WMS take: moves, consumption, scrap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Flow {
    /// What one is called: `move`.
    pub(super) what: &'static str,
    pub(super) planned: usize,
    pub(super) reported: Vec<Goods>,
    pub(super) in_erp: Vec<Goods>,
    pub(super) in_wms: Vec<Goods>,
}

/// A goods movement that failed behind a good confirmation, as the ERP wrote it down or as the hub told it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Failed {
    pub(super) order: String,
    /// The ERP's reason, in its own words.
    pub(super) why: String,
}

/// What the hub says of itself at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hub {
    /// Deliveries on their way, waiting, stopped or in doubt, and transactions not processed yet.
    pub(super) open: u64,
    /// Transactions that wait for a person and have no deliveries yet.
    pub(super) exceptions: u64,
    /// How far its own books are from balancing.
    pub(super) conservation: u64,
}

/// How much should have happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) orders: usize,
    /// Completions, what takes one back, and scrap of operations.
    pub(super) work: usize,
    /// Goods movements that fail behind a good confirmation.
    pub(super) failed: usize,
}

/// Everything that is compared. Lists are in the order in which their writers wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) planned: Planned,
    pub(super) released: Vec<Released>,
    pub(super) at_mes: Vec<Held>,
    pub(super) reported: Vec<Work>,
    pub(super) confirmed: Vec<Work>,
    pub(super) flows: Vec<Flow>,
    /// What failed in the ERP behind a good confirmation, posted later or not.
    pub(super) failed: Vec<Failed>,
    /// What the hub stopped for a person because of it.
    pub(super) noticed: Vec<Failed>,
    pub(super) stock_in_erp: BTreeMap<Place, Decimal>,
    pub(super) stock_in_wms: BTreeMap<Place, Decimal>,
    pub(super) hub: Hub,
}

/// What was found. Every count must be zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Without effect, and not held by the hub either.
    pub(super) lost: u64,
    /// Effects beyond the first.
    pub(super) duplicated: u64,
    /// Effects that came after one that was reported later.
    pub(super) reordered: u64,
    /// Held by the hub at the end.
    pub(super) stuck: u64,
    /// Effects of what nobody reported.
    pub(super) phantom: u64,
    /// Goods movements that failed and were not told, and those that were told and had not failed.
    pub(super) unnoticed: u64,
    /// How far the hub's own books are from balancing.
    pub(super) conservation: u64,
    /// Effects, totals and stocks with another quantity or at another place than reported.
    pub(super) unequal: u64,
    /// Less was released or reported than planned.
    pub(super) short: u64,
    /// What exactly, in sentences; at most [`DETAILS_MAX`].
    pub(super) details: Vec<String>,
}

/// Sentences kept at most.
const DETAILS_MAX: usize = 20;

impl Verdict {
    /// Whether every promise held and everything planned happened.
    pub(super) fn good(&self) -> bool {
        let Self { lost, duplicated, reordered, stuck, phantom, unnoticed, conservation, unequal, short, .. } = self;
        [lost, duplicated, reordered, stuck, phantom, unnoticed, conservation, unequal, short]
            .iter()
            .all(|it| **it == 0)
    }

    fn say(&mut self, sentence: String) {
        if self.details.len() < DETAILS_MAX {
            self.details.push(sentence);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, duplicated, reordered, stuck, phantom, unnoticed, conservation, .. } = self;
        write!(
            f,
            "lost {lost} · duplicated {duplicated} · reordered {reordered} · stuck {stuck} · phantom {phantom} · unnoticed {unnoticed} · conservation {conservation}"
        )
    }
}

/// An effect, as far as counting and order are concerned.
struct Effect<'a> {
    id: &'a str,
    order: &'a str,
}

/// Compares the books.
pub(super) fn judge(books: &Books) -> Verdict {
    let mut verdict = Verdict { conservation: books.hub.conservation, ..Verdict::default() };
    let mut missing = 0;
    planned(books, &mut verdict);
    missing += orders(books, &mut verdict);
    let reported: Vec<_> = books.reported.iter().map(|it| Effect { id: &it.id, order: &it.order }).collect();
    let confirmed: Vec<_> = books.confirmed.iter().map(|it| Effect { id: &it.id, order: &it.order }).collect();
    missing += effects("a confirmation in the ERP", &reported, &confirmed, &mut verdict);
    for flow in &books.flows {
        let reported: Vec<_> = flow.reported.iter().map(|it| Effect { id: &it.id, order: &it.order }).collect();
        for (place, posted) in [("ERP", &flow.in_erp), ("WMS", &flow.in_wms)] {
            let posted: Vec<_> = posted.iter().map(|it| Effect { id: &it.id, order: &it.order }).collect();
            missing += effects(&format!("a {} in the {place}", flow.what), &reported, &posted, &mut verdict);
        }
    }
    failures(books, &mut verdict);
    quantities(books, &mut verdict);
    stocks(books, &mut verdict);
    verdict.stuck = books.hub.open + books.hub.exceptions;
    if verdict.stuck > 0 {
        let Hub { open, exceptions, .. } = books.hub;
        verdict.say(format!("the hub still holds {open} open deliveries and {exceptions} stopped transactions"));
    }
    verdict.lost = u64::saturating_sub(missing, verdict.stuck);
    verdict
}

fn planned(books: &Books, verdict: &mut Verdict) {
    let Planned { orders, work, failed } = books.planned;
    let flows = books.flows.iter().map(|flow| (flow.what, flow.planned, flow.reported.len()));
    let all = [
        ("order", orders, books.released.len()),
        ("confirmation", work, books.reported.len()),
        ("failed goods movement", failed, books.failed.len()),
    ];
    // Without the flows of stock nothing is proven about it.
    let none = books.flows.is_empty().then_some(("move", 0, 0));
    for (what, planned, found) in all.into_iter().chain(flows).chain(none) {
        if planned == 0 || found != planned {
            verdict.short += 1;
            verdict.say(format!("{planned} of {what} were planned and {found} told"));
        }
    }
}

/// Every order is at its own MES, once, with its quantity in the unit of the plant. Says how many are missing.
fn orders(books: &Books, verdict: &mut Verdict) -> u64 {
    let mut missing = 0;
    for released in &books.released {
        let order = &released.order;
        let held: Vec<_> = books.at_mes.iter().filter(|it| &it.order == order && it.plant == released.plant).collect();
        let Some(first) = held.first() else {
            missing += 1;
            verdict.say(format!("order {order} is not at {}", released.plant));
            continue;
        };
        let again = held.len() as u64 - 1 + held.iter().map(|it| it.changes).sum::<u64>();
        verdict.duplicated += again;
        if again > 0 {
            verdict.say(format!("order {order} reached {} more than once, with different content", released.plant));
        }
        if first.quantity != released.quantity || first.unit != released.unit {
            verdict.unequal += 1;
            let (quantity, unit) = (released.quantity, &released.unit);
            verdict.say(format!("order {order} is {} {}, not {quantity} {unit}", first.quantity, first.unit));
        }
    }
    for held in &books.at_mes {
        if !books.released.iter().any(|it| it.order == held.order && it.plant == held.plant) {
            verdict.phantom += 1;
            verdict.say(format!("{} holds order {}, which it was never given", held.plant, held.order));
        }
    }
    missing
}

/// Every report has one effect, and first effects of an order come in the order of the reports. Says how many are missing.
fn effects(what: &str, reported: &[Effect<'_>], posted: &[Effect<'_>], verdict: &mut Verdict) -> u64 {
    let place: HashMap<&str, usize> = reported.iter().enumerate().map(|(at, it)| (it.id, at)).collect();
    let mut seen = BTreeSet::new();
    let mut latest: HashMap<&str, usize> = HashMap::new();
    for effect in posted {
        let Some(&at) = place.get(effect.id) else {
            verdict.phantom += 1;
            verdict.say(format!("{what} names {:?}, which nobody reported", effect.id));
            continue;
        };
        if !seen.insert(effect.id) {
            verdict.duplicated += 1;
            verdict.say(format!("{} became {what} more than once", effect.id));
            continue;
        }
        let latest = latest.entry(reported[at].order).or_insert(at);
        if at < *latest {
            verdict.reordered += 1;
            verdict.say(format!("{} became {what} after {}", effect.id, reported[*latest].id));
        }
        *latest = at.max(*latest);
    }
    let mut missing = 0;
    for report in reported.iter().filter(|it| !seen.contains(it.id)) {
        missing += 1;
        verdict.say(format!("{} of order {} never became {what}", report.id, report.order));
    }
    missing
}

/// What failed in the ERP behind its good answer was told by the hub, for the same order and in the ERP's words.
fn failures(books: &Books, verdict: &mut Verdict) {
    let mut noticed = books.noticed.clone();
    for failed in &books.failed {
        let Failed { order, why } = failed;
        match noticed.iter().position(|it| it == failed) {
            Some(at) => drop(noticed.swap_remove(at)),
            None => {
                verdict.unnoticed += 1;
                verdict.say(format!("a goods movement of order {order} failed in the ERP and nobody was told: {why}"));
            }
        }
    }
    for Failed { order, why } in noticed {
        verdict.unnoticed += 1;
        verdict.say(format!("the hub told of a goods movement of order {order} that had not failed: {why}"));
    }
}

/// What was posted has the order and the quantities of what was reported, document by document and order by order.
fn quantities(books: &Books, verdict: &mut Verdict) {
    let reported: HashMap<&str, &Work> = books.reported.iter().map(|it| (it.id.as_str(), it)).collect();
    for posted in &books.confirmed {
        let Some(report) = reported.get(posted.id.as_str()) else { continue };
        let same = (&posted.order, posted.yielded, posted.scrapped) == (&report.order, report.yielded, report.scrapped);
        if !same || summed([&posted.changes]) != summed([&report.changes]) {
            verdict.unequal += 1;
            verdict.say(format!("{} was posted with other quantities than reported", posted.id));
        }
    }
    for flow in &books.flows {
        let reported: HashMap<&str, &Goods> = flow.reported.iter().map(|it| (it.id.as_str(), it)).collect();
        for posted in flow.in_erp.iter().chain(&flow.in_wms) {
            let Some(report) = reported.get(posted.id.as_str()) else { continue };
            if summed([&posted.changes]) != summed([&report.changes]) {
                verdict.unequal += 1;
                verdict.say(format!("{} was posted with another quantity or place than reported", posted.id));
            }
        }
    }
    let (reported, confirmed) = (totals(&books.reported), totals(&books.confirmed));
    for order in reported.keys().chain(confirmed.keys()).collect::<BTreeSet<_>>() {
        if reported.get(order) != confirmed.get(order) {
            verdict.unequal += 1;
            verdict.say(format!("order {order} has another total in the ERP than in its MES"));
        }
    }
}

fn totals(work: &[Work]) -> BTreeMap<&str, (Decimal, Decimal)> {
    let mut totals = BTreeMap::new();
    for it in work {
        let (yielded, scrapped): &mut (Decimal, Decimal) = totals.entry(it.order.as_str()).or_default();
        *yielded += it.yielded;
        *scrapped += it.scrapped;
    }
    totals
}

/// The WMS holds what the documents about stock say, the ERP what they and the confirmations say, and both agree on what
/// was posted alone.
fn stocks(books: &Books, verdict: &mut Verdict) {
    let reported = || books.flows.iter().flat_map(|flow| &flow.reported).map(|it| &it.changes);
    let of_stock = summed(reported());
    let all = summed(reported().chain(books.reported.iter().map(|it| &it.changes)));
    let alone_in_erp = summed(books.flows.iter().flat_map(|flow| &flow.in_erp).map(|it| &it.changes));
    let (in_wms, in_erp) = (without_zeros(&books.stock_in_wms), without_zeros(&books.stock_in_erp));
    for (what, due, found) in [
        ("the stock of the WMS and the reports of the plants", &of_stock, &in_wms),
        ("the stock of the WMS and the material documents of the ERP", &alone_in_erp, &in_wms),
        ("the stock of the ERP and the reports of the plants", &all, &in_erp),
    ] {
        for place in due.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            if due.get(place) != found.get(place) {
                verdict.unequal += 1;
                verdict.say(format!("{what} differ at {place:?}"));
            }
        }
    }
}

fn summed<'a>(changes: impl IntoIterator<Item = &'a Vec<(Place, Decimal)>>) -> BTreeMap<Place, Decimal> {
    let mut sums: BTreeMap<Place, Decimal> = BTreeMap::new();
    for (place, change) in changes.into_iter().flatten() {
        *sums.entry(place.clone()).or_default() += *change;
    }
    sums.retain(|_, sum| !sum.is_zero());
    sums
}

fn without_zeros(stock: &BTreeMap<Place, Decimal>) -> BTreeMap<Place, Decimal> {
    stock.iter().filter(|(_, quantity)| !quantity.is_zero()).map(|(place, it)| (place.clone(), *it)).collect()
}
