//! `POST /_control`: wishes of drivers in another process, one for each request.

use serde_json::{Value, json};

use super::{Desk, Order};
use crate::clock::wall_micros;
use crate::push::To;
use crate::serve::{Answer, Asked, lock};

impl Desk {
    /// The first wish that is there of `push_order`, `push_material` (with `url`, `token`, `put`), `add_order`, `lock`
    /// (with `user`), `unlock`, `complete_technically`, `close`, `fail_movements`, `run_short`,
    /// `put_stock_right`, `post_failed_movements`, `csrf`.
    pub(super) fn control(&self, asked: &Asked) -> Answer {
        let wish = asked.json().unwrap_or_default();
        match self.granted(&wish) {
            Ok(answer) => Answer::json(200, &answer),
            Err(why) => Answer::json(400, &json!({"error": "control", "message": why})),
        }
    }

    fn granted(&self, wish: &Value) -> Result<Value, String> {
        let named = |field: &str| wish[field].as_str();
        let change = |number: &str, change: &dyn Fn(&mut Order)| {
            let found = self.change_order(number, change);
            found.then(|| json!({})).ok_or_else(|| format!("order {number} is unknown"))
        };
        if let Some(order) = named("push_order") {
            return To::read(wish).and_then(|to| self.push_order(order, &to)).map(|push| json!({"key": push.key}));
        }
        if let Some(material) = named("push_material") {
            return To::read(wish)
                .and_then(|to| self.push_material(material, &to))
                .map(|push| json!({"key": push.key}));
        }
        if let Some(number) = named("add_order") {
            let quantity = crate::mes::decimal(&wish["quantity"]).unwrap_or(480.into());
            let (plant, material) = (named("plant").unwrap_or("DE10"), named("material").unwrap_or("481516"));
            self.add_order(Order::new(number, plant, material, quantity));
            return Ok(json!({}));
        }
        if let Some(number) = named("lock") {
            let user = named("user").unwrap_or("MEIER");
            return change(number, &|order| order.locked_by = Some(user.to_owned()));
        }
        if let Some(number) = named("unlock") {
            return change(number, &|order| order.locked_by = None);
        }
        if let Some(number) = named("complete_technically") {
            return change(number, &|order| order.completed = true);
        }
        if let Some(number) = named("close") {
            return change(number, &|order| order.closed = true);
        }
        if let Some(times) = wish["fail_movements"].as_u64() {
            lock(&self.book).fail_next = times;
            return Ok(json!({}));
        }
        if let Some(order) = named("run_short") {
            lock(&self.book).short.insert(order.to_owned());
            return Ok(json!({}));
        }
        if let Some(order) = named("put_stock_right") {
            lock(&self.book).short.remove(order);
            return Ok(json!({}));
        }
        if let Some(order) = named("post_failed_movements") {
            return Ok(json!({"posted": lock(&self.book).post_failed(order, wall_micros())}));
        }
        if let Some(required) = wish["csrf"].as_bool() {
            lock(&self.csrf).required = required;
            return Ok(json!({}));
        }
        Err("no known wish".to_owned())
    }
}
