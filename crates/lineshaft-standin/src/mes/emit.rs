//! What a MES says by itself: completions, what they are taken back by, consumption, scrap and stock moves in the plant's
//! own units and times, on command of the library or of a driver in another process.

use bytes::Bytes;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Completion, Consumption, Floor, Move, Scrap, Scrapped, Used, decimal, number};
use crate::clock::wall_micros;
use crate::push::{Push, To};
use crate::serve::lock;

impl Floor {
    pub(super) fn complete(&self, completion: &Completion, to: &To) -> Result<Push, String> {
        let mut book = lock(&self.book);
        book.completions += 1;
        let plant = &self.plant;
        let id = format!("{}-C-{:06}", plant.name, book.completions);
        let known = book.orders.get_mut(&completion.order);
        let material = match (&known, completion.material.as_str()) {
            (Some(known), "") => known.material.clone(),
            (None, "") => return Err(format!("order {} is unknown, so the material must be named", completion.order)),
            (_, named) => named.to_owned(),
        };
        if let Some(known) = known {
            known.good += completion.good;
            known.scrap += completion.scrap;
        }
        drop(book);
        let components = completion.used.iter().map(|used| {
            json!({"material": used.material, "batch": used.batch, "quantity": number(used.quantity),
                   "unit": plant.component_unit})
        });
        let document = json!({
            "id": id, "order": completion.order, "operation": "0010", "plant": plant.name, "material": material,
            "good": number(completion.good), "scrap": number(completion.scrap), "unit": plant.unit,
            "finished_at": plant.time(completion.finished.unwrap_or_else(wall_micros))?, "final": completion.last,
            "components": components.collect::<Vec<_>>(),
        });
        self.outbox.send(&format!("order {}", completion.order), to, id, Bytes::from(document.to_string()))
    }

    /// What a completion is taken back by goes out after it, in the same lane.
    pub(super) fn take_back(&self, completion: &str, to: &To) -> Result<Push, String> {
        let sent = self.outbox.all().into_iter().find(|push| push.key == completion);
        let sent = sent.ok_or_else(|| format!("there is no completion {completion}"))?;
        let mut document: Value = serde_json::from_slice(&sent.body).map_err(|error| error.to_string())?;
        let amount = |field: &str| decimal(&document[field]).unwrap_or_default();
        let (good, scrap) = (amount("good"), amount("scrap"));
        let order = document["order"].as_str().unwrap_or_default().to_owned();
        let id = {
            let mut book = lock(&self.book);
            book.completions += 1;
            if let Some(known) = book.orders.get_mut(&order) {
                known.good -= good;
                known.scrap -= scrap;
            }
            format!("{}-C-{:06}", self.plant.name, book.completions)
        };
        document["id"] = id.clone().into();
        document["reverses"] = completion.into();
        self.outbox.send(&format!("order {order}"), to, id, Bytes::from(document.to_string()))
    }

    pub(super) fn consume(&self, it: &Consumption, to: &To) -> Result<Push, String> {
        let count = {
            let mut book = lock(&self.book);
            book.consumptions += 1;
            book.consumptions
        };
        let plant = &self.plant;
        let id = format!("{}-U-{count:06}", plant.name);
        let document = json!({
            "id": id, "order": it.order, "plant": plant.name, "material": it.material, "batch": it.batch,
            "quantity": number(it.quantity), "unit": plant.component_unit, "from": it.from,
            "used_at": plant.time(wall_micros())?,
        });
        self.outbox.send(&format!("consumption {}", it.order), to, id, Bytes::from(document.to_string()))
    }

    pub(super) fn declare_scrap(&self, it: &Scrap, to: &To) -> Result<Push, String> {
        let count = {
            let mut book = lock(&self.book);
            book.scraps += 1;
            book.scraps
        };
        let plant = &self.plant;
        let id = format!("{}-S-{count:06}", plant.name);
        let mut document = json!({
            "id": id, "order": it.order, "plant": plant.name, "material": it.material,
            "quantity": number(it.quantity), "reason": it.reason, "declared_at": plant.time(wall_micros())?,
        });
        match &it.was {
            Scrapped::AtOperation => {
                document["operation"] = "0010".into();
                document["unit"] = plant.unit.clone().into();
            }
            Scrapped::InStock { batch, from } => {
                document["batch"] = batch.clone().into();
                document["from"] = from.clone().into();
                document["unit"] = plant.component_unit.clone().into();
            }
        }
        // Scrap of an operation counts towards the order like its completions, so it keeps their order.
        let lane = if it.was == Scrapped::AtOperation { "order" } else { "scrap" };
        self.outbox.send(&format!("{lane} {}", it.order), to, id, Bytes::from(document.to_string()))
    }

    pub(super) fn move_stock(&self, it: &Move, to: &To) -> Result<Push, String> {
        let count = {
            let mut book = lock(&self.book);
            book.moves += 1;
            book.moves
        };
        let plant = &self.plant;
        let id = format!("{}-M-{count:06}", plant.name);
        let document = json!({
            "id": id, "order": it.order, "plant": plant.name, "material": it.material, "batch": it.batch,
            "quantity": number(it.quantity), "unit": plant.component_unit, "from": it.from, "to": it.to,
            "moved_at": plant.time(wall_micros())?,
        });
        self.outbox.send(&format!("move {}", it.order), to, id, Bytes::from(document.to_string()))
    }

    /// `POST /_control`: a completion or move document without `id`, `plant`, `unit` and time, beside `url` and `token`:
    /// `{"complete":{"order":"7","good":8,"components":[…]},"url":"…"}` or `{"move":{…},"url":"…"}`; or the number of a
    /// completion to take back: `{"take_back":"DE10-C-000001","url":"…"}`.
    pub(super) fn control(&self, wish: &Value) -> Result<Push, String> {
        let to = To::read(wish)?;
        let (completion, moved) = (&wish["complete"], &wish["move"]);
        if let Some(completion) = wish["take_back"].as_str() {
            return self.take_back(completion, &to);
        }
        if completion.is_object() {
            let field = |name: &str| completion[name].as_str().unwrap_or_default().to_owned();
            let components = completion["components"].as_array().map_or(&[][..], Vec::as_slice);
            let used = components.iter().map(|it| {
                let field = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
                let quantity = decimal(&it["quantity"]).ok_or("a component has no quantity")?;
                Ok(Used { material: field("material"), batch: field("batch"), quantity })
            });
            let completion = Completion {
                order: field("order"),
                material: field("material"),
                good: decimal(&completion["good"]).ok_or("good is missing or not a number")?,
                scrap: decimal(&completion["scrap"]).unwrap_or(Decimal::ZERO),
                last: completion["final"] == true,
                used: used.collect::<Result<_, String>>()?,
                finished: None,
            };
            return self.complete(&completion, &to);
        }
        if moved.is_object() {
            let field = |name: &str| moved[name].as_str().unwrap_or_default().to_owned();
            let it = Move {
                order: field("order"),
                material: field("material"),
                batch: field("batch"),
                quantity: decimal(&moved["quantity"]).ok_or("quantity is missing or not a number")?,
                from: field("from"),
                to: field("to"),
            };
            return self.move_stock(&it, &to);
        }
        Err("complete, move or take_back is missing".to_owned())
    }
}
