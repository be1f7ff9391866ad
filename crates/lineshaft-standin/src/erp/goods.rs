//! The goods movements behind a confirmation: those that it tells, or those that the ERP finds by itself (backflush and
//! automatic receipt). Told ones replace the ERP's own. One that fails does not fail the confirmation: it lands in the
//! list of failed movements, from which a person posts it later.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::book::{Book, Changes, Confirmation, FailedLine, Place, Posting, deficit, unit_of};
use super::master::{Order, own_code};
use super::odata::{Refusal, lines, quantity, text, three};

/// What is to be moved behind a confirmation.
pub(super) enum Goods {
    /// Nothing.
    None,
    /// These items, with what they change.
    Found(Vec<Value>, Changes),
    /// These items, which cannot be posted, and why.
    Failed(Vec<Value>, Refusal),
}

impl Book {
    /// What moves with a confirmation of so much yield and scrap.
    ///
    /// # Errors
    /// When a movement that the caller tells is wrong. One that the ERP finds by itself is then a failed one.
    pub(super) fn goods(
        &self,
        document: &Value,
        order: &Order,
        (yielded, scrapped): (Decimal, Decimal),
    ) -> Result<Goods, Refusal> {
        let told = lines(document, "to_ProdnOrdConfMatlDocItm");
        if !told.is_empty() {
            return Ok(Goods::Found(told.to_vec(), self.changes(told)?));
        }
        if document["APIConfHasNoGoodsMovements"] == true {
            return Ok(Goods::None);
        }
        let items = self.proposal(order, yielded, scrapped);
        if items.is_empty() {
            return Ok(Goods::None);
        }
        Ok(match self.changes(&items) {
            Ok(changes) => Goods::Found(items, changes),
            Err(refusal) => Goods::Failed(items, refusal),
        })
    }

    /// What the ERP would move by itself: components by their share of what was made, scrap included, because it used
    /// material too; of the yield what is received automatically.
    fn proposal(&self, order: &Order, yielded: Decimal, scrapped: Decimal) -> Vec<Value> {
        let unit = |material: &str| self.materials.get(material).map(|it| it.base_unit.clone()).unwrap_or_default();
        let item = |material: &str, location: &str, kind: &str, quantity: Decimal| {
            json!({"Material": material, "Plant": order.plant, "StorageLocation": location, "Batch": "",
                   "GoodsMovementType": kind, "OrderID": order.number, "QuantityInEntryUnit": three(quantity),
                   "EntryUnit": unit(material)})
        };
        let mut items = Vec::new();
        for component in order.components.iter().filter(|it| it.backflush && !order.quantity.is_zero()) {
            let used = component.quantity * (yielded + scrapped) / order.quantity;
            if !used.is_zero() {
                items.push(item(&component.material, &component.location, "261", used));
            }
        }
        if order.auto_receipt && !yielded.is_zero() {
            items.push(item(&order.material, &order.location, "101", yielded));
        }
        items
    }

    /// Posts what is to be moved; the number of the material document if there is one.
    ///
    /// # Errors
    /// Why it is listed as failed instead.
    pub(super) fn settle_goods(
        &mut self,
        goods: Goods,
        order: &str,
        posting: Posting<'_>,
    ) -> Result<Option<String>, Refusal> {
        let (items, changes) = match goods {
            Goods::None => return Ok(None),
            Goods::Found(items, changes) => (items, Ok(changes)),
            Goods::Failed(items, why) => (items, Err(why)),
        };
        let changes = if self.fail_next > 0 {
            self.fail_next -= 1;
            Err(Refusal::new(400, "M8/147", "Account determination for entry GBB is not possible"))
        } else {
            changes.and_then(|changes| self.in_stock(order, &items).map(|()| changes))
        };
        match changes {
            Ok(changes) => Ok(Some(self.post(changes, Posting { items: &items, ..posting }))),
            Err(why) => {
                let confirmation = posting.confirmation.unwrap_or_default();
                let lines = items.into_iter().map(|item| FailedLine {
                    confirmation: confirmation.clone(),
                    order: order.to_owned(),
                    item,
                    why: why.clone(),
                });
                self.failed.extend(lines);
                Err(why)
            }
        }
    }

    /// Whether an order finds what it is to be issued: all, unless it was made short.
    fn in_stock(&self, order: &str, items: &[Value]) -> Result<(), Refusal> {
        let issued = |item: &&Value| self.short.contains(order) && text(item, "GoodsMovementType") == "261";
        let Some(item) = items.iter().find(issued) else { return Ok(()) };
        let [plant, material, location, batch] =
            ["Plant", "Material", "StorageLocation", "Batch"].map(|field| text(item, field).to_owned());
        let missing = quantity(item, "QuantityInEntryUnit")?.unwrap_or_default();
        let unit = unit_of(item, "EntryUnit", "");
        Err(deficit(missing, own_code(unit), &Place { plant, material, location, batch }))
    }

    /// Posts what failed behind confirmations of `order`, as a person does once the cause is removed. What still fails
    /// stays. Returns how many material documents were posted.
    pub(super) fn post_failed(&mut self, order: &str, now: i64) -> usize {
        let (mine, others) = std::mem::take(&mut self.failed).into_iter().partition(|line| line.order == order);
        self.failed = others;
        let mut rest: Vec<FailedLine> = mine;
        let mut posted = 0;
        while let Some(confirmation) = rest.first().map(|line| line.confirmation.clone()) {
            let (lines, later): (Vec<_>, Vec<_>) = rest.into_iter().partition(|line| line.confirmation == confirmation);
            rest = later;
            let items: Vec<Value> = lines.iter().map(|line| line.item.clone()).collect();
            let changes = self.in_stock(order, &items).and_then(|()| self.changes(&items));
            let Ok(changes) = changes else {
                self.failed.extend(lines);
                continue;
            };
            let at = self.place_of(&confirmation.0, &confirmation.1);
            let found = at.and_then(|at| self.confirmations.get(at));
            let (key, document) =
                found.map_or_else(Default::default, |found| (found.key.clone(), found.record.clone()));
            let (reference, link) = (String::new(), Some(confirmation));
            let posting = Posting { key, reference, confirmation: link, document: &document, items: &items, now };
            let number = self.post(changes, posting);
            if let Some(found) = at.and_then(|at| self.confirmations.get_mut(at)) {
                found.record["MaterialDocument"] = number.into();
                found.record["MaterialDocumentYear"] = super::odata::year(now).to_string().into();
            }
            posted += 1;
        }
        posted
    }

    /// What became of the goods movements of a confirmation: posted, failed, or none to be posted.
    pub(super) fn posting_of(&self, confirmation: &Confirmation) -> Value {
        let Confirmation { group, count, record, .. } = confirmation;
        let failed = self.failed.iter().find(|it| (&it.confirmation.0, &it.confirmation.1) == (group, count));
        let document = text(record, "MaterialDocument");
        let status = match (failed, document) {
            (Some(_), _) => "failed",
            (None, "") => "none",
            (None, _) => "posted",
        };
        json!({
            "ConfirmationGroup": group, "ConfirmationCount": count, "OrderID": confirmation.order,
            "GoodsMovementStatus": status, "MaterialDocument": document,
            "MaterialDocumentYear": text(record, "MaterialDocumentYear"),
            "ErrorText": failed.map(|it| it.why.sentence()).unwrap_or_default(),
        })
    }

    /// The movements behind a confirmation, item by item, as the service shows them. Empty where none was posted.
    pub(super) fn items_behind(&self, group: &str, count: &str) -> Vec<Value> {
        let behind = self.movements.iter().filter(|it| {
            it.confirmation.as_ref().is_some_and(|(of, number)| of.as_str() == group && number.as_str() == count)
        });
        behind
            .flat_map(|movement| {
                lines(&movement.record, "to_MaterialDocumentItem").iter().map(|item| {
                    let mut shown = item.clone();
                    shown["ConfirmationGroup"] = group.into();
                    shown["ConfirmationCount"] = count.into();
                    shown["MaterialDocument"] = movement.number.clone().into();
                    shown["MaterialDocumentYear"] = movement.record["MaterialDocumentYear"].clone();
                    shown
                })
            })
            .collect()
    }
}

impl FailedLine {
    /// As the list shows it.
    pub(super) fn shown(&self) -> Value {
        let mut shown = self.item.clone();
        shown["OrderID"] = self.order.clone().into();
        shown["ConfirmationGroup"] = self.confirmation.0.clone().into();
        shown["ConfirmationCount"] = self.confirmation.1.clone().into();
        let (class, number) = self.why.code.split_once('/').unwrap_or((self.why.code, ""));
        shown["MessageClass"] = class.into();
        shown["MessageNumber"] = number.into();
        shown["ErrorText"] = self.why.text.clone().into();
        shown
    }
}
