//! The ERP's books: what was confirmed, what was moved, what is in stock. Every posting is decided whole before anything
//! changes, so a refused one leaves nothing behind. It does not look for repeats: two equal postings are two postings.
//! Goods movements of confirmations stand in [`super::goods`], their cancellation in [`super::cancel`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

use super::master::{Material, Order, own_code};
use super::odata::{Refusal, lines, needed, quantity, text, three, year};

/// Where a stock lies: plant, material, storage location, batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Plant.
    pub plant: String,
    /// Material number.
    pub material: String,
    /// Storage location.
    pub location: String,
    /// Batch; empty without batch.
    pub batch: String,
}

/// Places and differences in base units.
pub type Changes = Vec<(Place, Decimal)>;

/// One posted confirmation. Quantities are in the order material's base unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The order.
    pub order: String,
    /// The operation.
    pub operation: String,
    /// Its group, one for each order.
    pub group: String,
    /// Its number in the group.
    pub count: String,
    /// The caller's key.
    pub key: String,
    /// The number in the group of the one that it cancels.
    pub cancels: Option<String>,
    /// Yield.
    pub yielded: Decimal,
    /// Scrap.
    pub scrapped: Decimal,
    /// Final.
    pub last: bool,
    /// What the caller wrote into the text.
    pub text: String,
    /// Why its goods movements failed when it was posted. It stays when they are posted later.
    pub failed: Option<String>,
    /// The record as the ERP shows it.
    pub record: Value,
}

/// One posted material document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its number.
    pub number: String,
    /// The caller's key: `MaterialDocumentHeaderText`.
    pub key: String,
    /// The caller's reference: `ReferenceDocument`.
    pub reference: String,
    /// Group and number of the confirmation behind which it stands.
    pub confirmation: Option<(String, String)>,
    /// The changes it made: place and difference in base units.
    pub changes: Changes,
    /// The record as the ERP shows it.
    pub record: Value,
}

/// What was posted to one order, added up.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    /// One confirmation group per order, numbered by first use.
    pub(super) group: usize,
    pub(super) count: usize,
    pub(super) yielded: Decimal,
    pub(super) scrapped: Decimal,
    /// Issued to the order, by material.
    pub(super) withdrawn: BTreeMap<String, Decimal>,
}

/// A goods movement that failed behind a good confirmation.
#[derive(Debug, Clone)]
pub(super) struct FailedLine {
    /// Group and number of the confirmation.
    pub(super) confirmation: (String, String),
    /// The order.
    pub(super) order: String,
    /// The item that was to be posted.
    pub(super) item: Value,
    /// Why it was not.
    pub(super) why: Refusal,
}

/// What a material document says beside its changes.
pub(super) struct Posting<'a> {
    pub(super) key: String,
    pub(super) reference: String,
    pub(super) confirmation: Option<(String, String)>,
    /// Posting date and movement code stand here.
    pub(super) document: &'a Value,
    pub(super) items: &'a [Value],
    pub(super) now: i64,
}

/// Everything the ERP knows.
#[derive(Default)]
pub(super) struct Book {
    pub(super) materials: BTreeMap<String, Material>,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) confirmations: Vec<Confirmation>,
    /// By order, so that a posting does not read all earlier ones.
    pub(super) tallies: HashMap<String, Tally>,
    pub(super) movements: Vec<Movement>,
    pub(super) stock: BTreeMap<Place, Decimal>,
    /// Movements that failed behind a good confirmation.
    pub(super) failed: Vec<FailedLine>,
    /// How many of the next confirmations get that fate.
    pub(super) fail_next: u64,
    /// Orders whose issues find too little stock.
    pub(super) short: BTreeSet<String>,
    pub(super) check_stock: bool,
    pub(super) refused: u64,
}

impl Book {
    /// What was posted to `order` so far.
    pub(super) fn tally(&self, order: &str) -> Tally {
        self.tallies.get(order).cloned().unwrap_or_default()
    }

    pub(super) fn material(&self, number: &str, plant: &str) -> Result<&Material, Refusal> {
        let maintained = self.materials.get(number).filter(|it| it.plants.iter().any(|known| known == plant));
        maintained
            .ok_or_else(|| Refusal::new(400, "M3/305", format!("Material {number} is not maintained in plant {plant}")))
    }

    /// The order, if something may be posted to it now.
    pub(super) fn open_order(&self, number: &str) -> Result<&Order, Refusal> {
        let order = self.orders.get(number);
        let order = order.ok_or_else(|| Refusal::new(404, "CO/001", format!("Order {number} does not exist")))?;
        if let Some(user) = &order.locked_by {
            return Err(Refusal::new(423, "CO/469", format!("Order {number} is locked by {user}")));
        }
        let state = if order.closed {
            Some(("CO/665", "closed; confirmation is not possible"))
        } else if order.completed {
            Some(("CO/664", "technically completed (TECO); confirmation is not possible"))
        } else if !order.released {
            Some(("CO/663", "not released"))
        } else {
            None
        };
        state.map_or(Ok(order), |(code, why)| Err(Refusal::new(400, code, format!("Order {number} is {why}"))))
    }

    /// Posts a confirmation with its goods movements; returns the record.
    pub(super) fn confirm(&mut self, document: &Value, now: i64) -> Result<Value, Refusal> {
        let order = self.open_order(needed(document, "OrderID")?)?;
        let operation = needed(document, "OrderOperation")?.to_owned();
        let key = needed(document, "ExternalSystemConfirmation")?.to_owned();
        let material = self.material(&order.material, &order.plant)?;
        let unit = unit_of(document, "ConfirmationUnit", &material.base_unit);
        let given = quantity(document, "ConfirmationYieldQuantity")?
            .ok_or_else(|| Refusal::new(400, "RU/010", "Field ConfirmationYieldQuantity is required"))?;
        let scrap = quantity(document, "ConfirmationScrapQuantity")?.unwrap_or_default();
        let (yielded, scrapped) = (material.in_base(given, unit)?, material.in_base(scrap, unit)?);
        if yielded.is_sign_negative() || scrapped.is_sign_negative() {
            return Err(Refusal::new(
                400,
                "RU/010",
                "A confirmed quantity is negative; reverse the confirmation instead",
            ));
        }
        self.within_tolerance(order, yielded, &material.base_unit)?;
        let goods = self.goods(document, order, (yielded, scrapped))?;
        let (order, unit) = (order.number.clone(), own_code(unit).to_owned());
        let (group, count) = self.count(&order, yielded, scrapped, now);
        let mut record = json!({
            "__metadata": {"type": "API_PROD_ORDER_CONFIRMATION_2_SRV.ProdnOrdConf2Type"},
            "ConfirmationGroup": group, "ConfirmationCount": count,
            "OrderID": order, "OrderOperation": operation, "ExternalSystemConfirmation": key,
            "ConfirmationUnit": unit, "ConfirmationYieldQuantity": three(given),
            "ConfirmationScrapQuantity": three(scrap), "IsFinalConfirmation": document["IsFinalConfirmation"] == true,
            "IsReversed": false, "IsReversal": false,
            "ConfirmationText": text(document, "ConfirmationText"), "PostingDate": document["PostingDate"],
        });
        let posting = Posting {
            key: key.clone(),
            reference: String::new(),
            confirmation: Some((group.clone(), count.clone())),
            document,
            items: &[],
            now,
        };
        let failed = match self.settle_goods(goods, &order, posting) {
            Ok(None) => None,
            Ok(Some(number)) => {
                record["MaterialDocument"] = number.into();
                record["MaterialDocumentYear"] = year(now).to_string().into();
                None
            }
            Err(why) => Some(why.sentence()),
        };
        let (text, last) = (text(document, "ConfirmationText").to_owned(), record["IsFinalConfirmation"] == true);
        let record_shown = record.clone();
        let cancels = None;
        let posted = Confirmation {
            order,
            operation,
            group,
            count,
            key,
            cancels,
            yielded,
            scrapped,
            last,
            text,
            failed,
            record,
        };
        self.confirmations.push(posted);
        Ok(record_shown)
    }

    /// Whether so much more yield is still within what was ordered.
    fn within_tolerance(&self, order: &Order, yielded: Decimal, unit: &str) -> Result<(), Refusal> {
        let total = self.tally(&order.number).yielded + yielded;
        if total <= order.limit() {
            return Ok(());
        }
        let (number, ordered, tolerance) = (&order.number, three(order.quantity), order.tolerance_percent);
        let text = format!(
            "Confirmed quantity {} {unit} for order {number} exceeds the order quantity {ordered} {unit} (tolerance {tolerance} %)",
            three(total),
        );
        Err(Refusal::new(400, "RU/505", text))
    }

    /// Counts one more confirmation of `order`; its group and number.
    pub(super) fn count(&mut self, order: &str, yielded: Decimal, scrapped: Decimal, now: i64) -> (String, String) {
        let groups = self.tallies.len();
        let tally =
            self.tallies.entry(order.to_owned()).or_insert_with(|| Tally { group: groups + 1, ..Tally::default() });
        tally.count += 1;
        tally.yielded += yielded;
        tally.scrapped += scrapped;
        if let Some(order) = self.orders.get_mut(order) {
            order.changed = now;
        }
        (format!("{:010}", tally.group), tally.count.to_string())
    }

    /// Posts a material document; returns the record.
    pub(super) fn move_goods(&mut self, document: &Value, now: i64) -> Result<Value, Refusal> {
        let items = lines(document, "to_MaterialDocumentItem");
        if items.is_empty() {
            return Err(Refusal::new(400, "M7/061", "A material document needs at least one item"));
        }
        for item in items {
            if !text(item, "ManufacturingOrder").is_empty() {
                self.open_order(text(item, "ManufacturingOrder"))?;
            }
        }
        let key = text(document, "MaterialDocumentHeaderText").to_owned();
        if key.chars().count() > HEADER_TEXT_CHARS_MAX {
            let text = format!("MaterialDocumentHeaderText is longer than {HEADER_TEXT_CHARS_MAX} characters");
            return Err(Refusal::new(400, "RU/010", text));
        }
        let changes = self.changes(items)?;
        let reference = text(document, "ReferenceDocument").to_owned();
        self.post(changes, Posting { key, reference, confirmation: None, document, items, now });
        Ok(self.movements.last().map(|it| it.record.clone()).unwrap_or_default())
    }

    /// What `items` would change, in base units; nothing is changed yet.
    pub(super) fn changes(&self, items: &[Value]) -> Result<Changes, Refusal> {
        let mut changes = Vec::new();
        for item in items {
            let (number, plant) = (needed(item, "Material")?, needed(item, "Plant")?);
            let material = self.material(number, plant)?;
            let given = quantity(item, "QuantityInEntryUnit")?
                .ok_or_else(|| Refusal::new(400, "RU/010", "Field QuantityInEntryUnit is required"))?;
            let amount = material.in_base(given, unit_of(item, "EntryUnit", &material.base_unit))?;
            let batch = text(item, "Batch").to_owned();
            let location = needed(item, "StorageLocation")?.to_owned();
            let here = Place { plant: plant.to_owned(), material: number.to_owned(), location, batch };
            match text(item, "GoodsMovementType") {
                "101" | "262" | "531" | "552" => changes.push((here, amount)),
                "102" | "261" | "532" | "551" => changes.push((here, -amount)),
                kind @ ("301" | "302" | "311" | "312") => {
                    let to_plant =
                        Some(text(item, "IssuingOrReceivingPlant")).filter(|it| !it.is_empty()).unwrap_or(plant);
                    self.material(number, to_plant)?;
                    let location = needed(item, "IssuingOrReceivingStorageLoc")?.to_owned();
                    let there = Place { plant: to_plant.to_owned(), location, ..here.clone() };
                    let amount = if matches!(kind, "302" | "312") { -amount } else { amount };
                    changes.extend([(here, -amount), (there, amount)]);
                }
                other => {
                    return Err(Refusal::new(400, "M7/003", format!("Movement type {other:?} is not permitted")));
                }
            }
        }
        if self.check_stock {
            self.enough(&changes)?;
        }
        Ok(changes)
    }

    pub(super) fn enough(&self, changes: &[(Place, Decimal)]) -> Result<(), Refusal> {
        let mut after: BTreeMap<&Place, Decimal> = BTreeMap::new();
        for (place, change) in changes {
            *after.entry(place).or_insert_with(|| self.stock.get(place).copied().unwrap_or_default()) += *change;
        }
        match after.into_iter().find(|(_, left)| left.is_sign_negative() && !left.is_zero()) {
            None => Ok(()),
            Some((at, left)) => {
                let unit = self.materials.get(&at.material).map_or("", |it| it.base_unit.as_str());
                Err(deficit(-left, unit, at))
            }
        }
    }

    /// Books what [`Self::changes`] found; returns the number of the material document.
    pub(super) fn post(&mut self, changes: Changes, posting: Posting<'_>) -> String {
        let Posting { key, reference, confirmation, document, items, now } = posting;
        for (place, change) in &changes {
            *self.stock.entry(place.clone()).or_default() += *change;
        }
        items.iter().for_each(|item| self.withdraw(item));
        let number = (4_900_000_001_u64 + self.movements.len() as u64).to_string();
        let shown = items.iter().enumerate().map(|(at, item)| self.item_shown(at, item));
        let record = json!({
            "MaterialDocument": number, "MaterialDocumentYear": year(now).to_string(),
            "PostingDate": document["PostingDate"], "MaterialDocumentHeaderText": key, "ReferenceDocument": reference,
            "GoodsMovementCode": document["GoodsMovementCode"],
            "to_MaterialDocumentItem": {"results": shown.collect::<Vec<_>>()},
        });
        self.movements.push(Movement { number: number.clone(), key, reference, confirmation, changes, record });
        number
    }

    /// What an issue to an order withdraws of the order's component, and its reversal gives back.
    fn withdraw(&mut self, item: &Value) {
        let amount = |book: &Self| {
            let material = book.materials.get(text(item, "Material"))?;
            let given = quantity(item, "QuantityInEntryUnit").ok()??;
            material.in_base(given, unit_of(item, "EntryUnit", &material.base_unit)).ok()
        };
        let amount = match text(item, "GoodsMovementType") {
            "261" => amount(self).unwrap_or_default(),
            "262" => -amount(self).unwrap_or_default(),
            _ => return,
        };
        let order = [text(item, "OrderID"), text(item, "ManufacturingOrder")].into_iter().find(|it| !it.is_empty());
        if let Some(order) = order.filter(|order| self.orders.contains_key(*order)) {
            let groups = self.tallies.len();
            let tally =
                self.tallies.entry(order.to_owned()).or_insert_with(|| Tally { group: groups + 1, ..Tally::default() });
            *tally.withdrawn.entry(text(item, "Material").to_owned()).or_default() += amount;
        }
    }

    fn item_shown(&self, at: usize, item: &Value) -> Value {
        let mut shown = item.clone();
        shown["MaterialDocumentItem"] = (at + 1).to_string().into();
        if let (Some(material), Ok(Some(given))) =
            (self.materials.get(text(item, "Material")), quantity(item, "QuantityInEntryUnit"))
        {
            let unit = unit_of(item, "EntryUnit", &material.base_unit);
            shown["MaterialBaseUnit"] = material.base_unit.clone().into();
            shown["QuantityInBaseUnit"] = three(material.in_base(given, unit).unwrap_or_default()).into();
        }
        shown
    }
}

/// More is to leave a place than lies there.
pub(super) fn deficit(missing: Decimal, unit: &str, at: &Place) -> Refusal {
    let Place { plant, material, location, batch } = at;
    let at = format!("{material} {plant} {location} {batch}");
    let text = format!("Deficit of stock unrestricted-use {} {unit}: {}", three(missing), at.trim_end());
    Refusal::new(400, "M7/021", text)
}

/// A UUID as text. The real field has 25 characters; a stand-in that cut keys would only test the cutting.
const HEADER_TEXT_CHARS_MAX: usize = 36;

/// The unit in `field`, else in its ISO twin, else `fallback`.
pub(super) fn unit_of<'a>(document: &'a Value, field: &str, fallback: &'a str) -> &'a str {
    let twin = format!("{field}ISOCode");
    [text(document, field), text(document, &twin), fallback].into_iter().find(|it| !it.is_empty()).unwrap_or_default()
}
