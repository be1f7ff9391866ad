//! Cancelling a confirmation: a record of its own that takes back the quantities, and a material document that takes back
//! the movements. The cancelled one stays and is marked. Nothing is edited.

use serde_json::{Value, json};

use super::book::{Book, Changes, Confirmation, Posting};
use super::odata::{Refusal, lines, text, year};

/// What a caller says when it cancels.
pub(super) struct Cancelling<'a> {
    /// Group and number of the confirmation.
    pub(super) confirmation: (&'a str, &'a str),
    /// The caller's own key.
    pub(super) key: String,
    pub(super) text: String,
    pub(super) posting_date: Value,
}

impl Book {
    /// Where a confirmation stands.
    pub(super) fn place_of(&self, group: &str, count: &str) -> Option<usize> {
        self.confirmations.iter().position(|it| it.group == group && it.count == count)
    }

    /// Cancels a confirmation with what was moved behind it; returns the record of the cancellation.
    pub(super) fn cancel(&mut self, asked: &Cancelling<'_>, now: i64) -> Result<Value, Refusal> {
        let (group, count) = asked.confirmation;
        let refused = |code, why: &str| Refusal::new(400, code, format!("Confirmation {group}/{count} {why}"));
        let at = self.place_of(group, count).ok_or_else(|| refused("RU/126", "does not exist"))?;
        let found = self.confirmations[at].clone();
        if found.cancels.is_some() {
            return Err(refused("RU/127", "is a cancellation itself"));
        }
        if found.record["IsReversed"] == true {
            return Err(refused("RU/128", "is cancelled already"));
        }
        self.open_order(&found.order)?;
        let taken_back = self.taken_back(group, count);
        if let (Some((changes, _)), true) = (&taken_back, self.check_stock) {
            self.enough(changes)?;
        }
        self.failed.retain(|line| (line.confirmation.0.as_str(), line.confirmation.1.as_str()) != (group, count));
        self.confirmations[at].record["IsReversed"] = true.into();
        let (_, number) = self.count(&found.order, -found.yielded, -found.scrapped, now);
        let mut record = found.record.clone();
        let own = json!({
            "ConfirmationCount": number, "ExternalSystemConfirmation": asked.key, "IsReversal": true,
            "IsReversed": false, "ConfirmationText": asked.text, "PostingDate": asked.posting_date,
        });
        for (field, value) in own.as_object().into_iter().flatten() {
            record[field] = value.clone();
        }
        if let Some(fields) = record.as_object_mut() {
            fields.remove("MaterialDocument");
            fields.remove("MaterialDocumentYear");
        }
        if let Some((changes, items)) = taken_back {
            let (key, reference) = (asked.key.clone(), String::new());
            let confirmation = Some((group.to_owned(), number.clone()));
            let document = json!({"PostingDate": asked.posting_date, "GoodsMovementCode": "06"});
            let posting = Posting { key, reference, confirmation, document: &document, items: &items, now };
            record["MaterialDocument"] = self.post(changes, posting).into();
            record["MaterialDocumentYear"] = year(now).to_string().into();
        }
        self.confirmations.push(Confirmation {
            count: number,
            key: asked.key.clone(),
            cancels: Some(count.to_owned()),
            failed: None,
            text: asked.text.clone(),
            record: record.clone(),
            ..found
        });
        Ok(record)
    }

    /// The movements behind a confirmation the other way round; `None` if there are none.
    fn taken_back(&self, group: &str, count: &str) -> Option<(Changes, Vec<Value>)> {
        let behind = |it: &&super::Movement| {
            it.confirmation.as_ref().is_some_and(|(of, number)| of.as_str() == group && number.as_str() == count)
        };
        let found: Vec<_> = self.movements.iter().filter(behind).collect();
        let changes = found.iter().flat_map(|it| &it.changes).map(|(place, change)| (place.clone(), -*change));
        let items = found.iter().flat_map(|it| lines(&it.record, "to_MaterialDocumentItem")).map(|item| {
            let mut item = item.clone();
            // The number of a reversal is that of the movement, plus one.
            let kind = text(&item, "GoodsMovementType").parse::<u32>().map_or(0, |kind| kind + 1);
            item["GoodsMovementType"] = kind.to_string().into();
            item
        });
        let (changes, items): (Vec<_>, Vec<_>) = (changes.collect(), items.collect());
        (!items.is_empty()).then_some((changes, items))
    }
}
