//! The OData services, path by path. The real one shows failed movements on a screen (COGI) and keeps them in a table
//! (AFFW); what its services let a caller read back are the material documents behind a confirmation. Two names here are
//! therefore not SAP's: `FailedGoodsMovement`, the whole list, and `Z_CONFIRMATION_POSTING_SRV`, a view as a customer adds
//! it: what became of the movements of one confirmation.

use std::sync::MutexGuard;

use http::Method;
use serde_json::{Value, json};

use super::Desk;
use super::book::{Book, Confirmation};
use super::cancel::Cancelling;
use super::odata::{self, Refusal, text};
use super::query::{self, Condition};
use crate::clock::wall_micros;
use crate::serve::{Answer, Asked, lock};

/// Confirmations of production orders.
const CONFIRMATIONS: &str = "/API_PROD_ORDER_CONFIRMATION_2_SRV/";

/// What became of the goods movements of confirmations.
const POSTINGS: &str = "/Z_CONFIRMATION_POSTING_SRV/";

/// Material documents.
const DOCUMENTS: &str = "/API_MATERIAL_DOCUMENT_SRV/";

/// Production orders.
const ORDERS: &str = "/API_PRODUCTION_ORDER_2_SRV/";

/// The navigation property from a confirmation to the movements behind it.
const MOVEMENTS: &str = "to_ProdnOrdConfMatlDocItm";

/// The navigation properties of an order.
const CHILDREN: [&str; 2] = ["to_ProductionOrderOperation", "to_ProductionOrderComponent"];

/// Rows of the order list at most, whatever `$top` asks for.
const PAGE_ROWS_MAX: usize = 5_000;

pub(super) fn not_found(path: &str) -> Answer {
    Refusal::new(404, "/IWFND/MED/170", format!("No service found for {path}")).answer()
}

impl Desk {
    pub(super) fn service(&self, asked: &Asked, service: &str) -> Result<Answer, Refusal> {
        let book = || lock(&self.book);
        let (read, write) = (asked.method == Method::GET, asked.method == Method::POST);
        if let Some(set) = service.strip_prefix(CONFIRMATIONS) {
            match set {
                "ProdnOrdConf2" if write => return book().confirm(&body(asked)?, wall_micros()).map(created),
                "CancelProdnOrdConf" if write => return cancel(&mut book(), asked),
                "ProdnOrdConf2" if read => return confirmations(&book(), asked),
                "ProdnOrdConfMatlDocItm" if read => return movements(&book(), asked),
                "FailedGoodsMovement" if read => return failed(&book(), asked),
                _ if read && set.contains('(') => return confirmation(&book(), asked, set),
                _ => {}
            }
        }
        if let Some(set) = service.strip_prefix(POSTINGS)
            && read
            && set.contains('(')
        {
            return posting(&book(), set);
        }
        if let Some("A_MaterialDocumentHeader") = service.strip_prefix(DOCUMENTS) {
            if write {
                return book().move_goods(&body(asked)?, wall_micros()).map(created);
            }
            if read {
                let found = book();
                return listed(found.movements.iter().map(|it| &it.record), &query::filter(asked)?);
            }
        }
        if let Some(set) = service.strip_prefix(ORDERS)
            && read
            && set.starts_with("A_ProductionOrder_2")
        {
            return orders(&book(), asked, set);
        }
        // A fetch of a CSRF token may ask for any path of a service.
        if read && !asked.header("x-csrf-token").is_empty() {
            return Ok(Answer::json(200, &json!({"d": {}})));
        }
        Ok(not_found(service))
    }
}

fn body(asked: &Asked) -> Result<Value, Refusal> {
    asked.json().map_err(|error| Refusal::new(400, "005056A509B11EE1", format!("Malformed JSON: {error}")))
}

fn created(record: Value) -> Answer {
    Answer::json(201, &json!({"d": record}))
}

/// The records for which all conditions hold.
fn listed<'r>(records: impl Iterator<Item = &'r Value>, conditions: &[Condition]) -> Result<Answer, Refusal> {
    Ok(odata::results(filtered(records, conditions)?))
}

fn filtered<'r>(records: impl Iterator<Item = &'r Value>, conditions: &[Condition]) -> Result<Vec<Value>, Refusal> {
    let mut found = Vec::new();
    for record in records {
        if query::holds(conditions, record)? {
            found.push(record.clone());
        }
    }
    Ok(found)
}

fn confirmations(book: &Book, asked: &Asked) -> Result<Answer, Refusal> {
    let mut found = filtered(book.confirmations.iter().map(|it| &it.record), &query::filter(asked)?)?;
    if query::expands(asked, MOVEMENTS) {
        found.iter_mut().for_each(|record| expand(book, record));
    }
    Ok(odata::results(found))
}

fn expand(book: &Book, record: &mut Value) {
    let behind = book.items_behind(text(record, "ConfirmationGroup"), text(record, "ConfirmationCount"));
    record[MOVEMENTS] = json!({"results": behind});
}

/// One confirmation by its key, or the movements behind it.
fn confirmation(book: &Book, asked: &Asked, set: &str) -> Result<Answer, Refusal> {
    let Some((key, rest)) = query::keyed(set, "ProdnOrdConf2") else { return Ok(not_found(set)) };
    let found = by_key(book, &key)?;
    if rest.strip_prefix('/') == Some(MOVEMENTS) {
        return Ok(odata::results(book.items_behind(&found.group, &found.count)));
    }
    let mut record = found.record.clone();
    if query::expands(asked, MOVEMENTS) {
        expand(book, &mut record);
    }
    Ok(Answer::json(200, &json!({"d": record})))
}

/// What became of the movements of one confirmation.
fn posting(book: &Book, set: &str) -> Result<Answer, Refusal> {
    let Some((key, "")) = query::keyed(set, "ConfirmationPosting") else { return Ok(not_found(set)) };
    Ok(Answer::json(200, &json!({"d": book.posting_of(by_key(book, &key)?)})))
}

fn by_key<'b>(book: &'b Book, key: &[(String, String)]) -> Result<&'b Confirmation, Refusal> {
    let value = |field: &str| key.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value);
    let at = book.place_of(value("ConfirmationGroup"), value("ConfirmationCount"));
    let missing = || Refusal::new(404, "/IWBEP/CM_MGW_RT/020", "Resource not found");
    Ok(&book.confirmations[at.ok_or_else(missing)?])
}

fn movements(book: &Book, asked: &Asked) -> Result<Answer, Refusal> {
    let all: Vec<Value> = book.confirmations.iter().flat_map(|it| book.items_behind(&it.group, &it.count)).collect();
    listed(all.iter(), &query::filter(asked)?)
}

fn failed(book: &Book, asked: &Asked) -> Result<Answer, Refusal> {
    let all: Vec<Value> = book.failed.iter().map(super::book::FailedLine::shown).collect();
    listed(all.iter(), &query::filter(asked)?)
}

fn cancel(book: &mut MutexGuard<'_, Book>, asked: &Asked) -> Result<Answer, Refusal> {
    // Parameters of a function are literals: 'text', guid'…', datetime'…'.
    let parameter = |name: &str| -> Option<String> {
        let text = asked.query(name)?;
        let (_, rest) = text.split_once('\'')?;
        rest.strip_suffix('\'').map(|inner| inner.replace("''", "'"))
    };
    let needed = |name: &str| {
        parameter(name).ok_or_else(|| Refusal::new(400, "005056A509B11EE1", format!("Parameter {name} is required")))
    };
    let (group, count) = (needed("ConfirmationGroup")?, needed("ConfirmationCount")?);
    let cancelling = Cancelling {
        confirmation: (&group, &count),
        key: parameter("ExternalSystemConfirmation").unwrap_or_default(),
        text: parameter("ConfirmationText").unwrap_or_default(),
        posting_date: parameter("PostingDate").map_or(Value::Null, Value::from),
    };
    let record = book.cancel(&cancelling, wall_micros())?;
    Ok(Answer::json(200, &json!({"d": record})))
}

/// The order list in the order of its times of change, or one order by its key.
fn orders(book: &Book, asked: &Asked, set: &str) -> Result<Answer, Refusal> {
    let shown = |mut order: Value| {
        for child in CHILDREN.iter().filter(|child| !query::expands(asked, child)) {
            order[*child] = json!({"__deferred": {"uri": child}});
        }
        order
    };
    if let Some((key, _)) = query::keyed(set, "A_ProductionOrder_2") {
        let number = key.first().map_or("", |(_, value)| value);
        let missing = || Refusal::new(404, "/IWBEP/CM_MGW_RT/020", "Resource not found");
        return Ok(Answer::json(200, &json!({"d": shown(book.order_document(number).ok_or_else(missing)?)})));
    }
    let conditions = query::filter(asked)?;
    let mut by_change: Vec<_> = book.orders.values().map(|it| (it.changed, it.number.as_str())).collect();
    by_change.sort_unstable();
    let documents: Vec<Value> = by_change.iter().filter_map(|(_, number)| book.order_document(number)).collect();
    let skip = query::number(asked, "$skip")?.unwrap_or_default();
    let top = query::number(asked, "$top")?.unwrap_or(PAGE_ROWS_MAX).min(PAGE_ROWS_MAX);
    let found = filtered(documents.iter(), &conditions)?;
    Ok(odata::results(found.into_iter().skip(skip).take(top).map(shown).collect()))
}

impl Book {
    /// An order's snapshot as it would be told now.
    pub(super) fn order_document(&self, order: &str) -> Option<Value> {
        let unit = |material: &str| self.materials.get(material).map_or("PC".to_owned(), |it| it.base_unit.clone());
        Some(self.orders.get(order)?.document(&self.tally(order), unit))
    }
}
