//! MES and WMS: what they accept, what they say, how they recognise repeats.

use std::time::Duration;

use lineshaft_standin::mes::{Completion, Consumption, Mes, Move, Plant, Scrap, Scrapped};
use lineshaft_standin::push::To;
use lineshaft_standin::wms::Wms;
use serde_json::{Value, json};

use super::{FREE, ask, json as send};

#[tokio::test]
async fn a_mes_takes_orders_in_its_own_units_only() {
    let mes = Mes::start(FREE, Plant::pl20(), None).await.unwrap();
    let url = format!("{}/orders/7", mes.url());
    let order = |unit: &str, plant: &str, version: &str, quantity: Value| json!({"order": "7", "plant": plant, "material": "481516", "quantity": quantity, "unit": unit, "version": version});
    for (document, status, error) in [
        (order("CAR", "PL20", "2", json!(40)), 201, Value::Null),
        (order("CAR", "PL20", "2", json!(40)), 200, Value::Null),
        (order("CAR", "PL20", "3", json!(41.5)), 200, Value::Null),
        (order("CAR", "PL20", "1", json!(40)), 409, json!("stale")),
        (order("PCE", "PL20", "4", json!(40)), 400, json!("unit")),
        (order("CAR", "DE10", "4", json!(40)), 400, json!("plant")),
        (order("CAR", "PL20", "4", json!("40")), 400, json!("field")),
    ] {
        let (got, answer) = send("PUT", &url, &document).await;
        assert_eq!((got, &answer["error"]), (status, &error), "{document}");
    }
    let held = mes.order("7").unwrap();
    assert_eq!((held.quantity.to_string().as_str(), held.changes), ("41.5", 1));
    let (_, shown) = send("GET", &url, &Value::Null).await;
    assert_eq!((&shown["quantity"], &shown["unit"], &shown["version"]), (&json!(41.5), &json!("CAR"), &json!("3")));
}

#[tokio::test]
async fn completions_and_moves_speak_the_plants_language() {
    let wms = Wms::start(FREE, None, None).await.unwrap();
    let to = To::post(format!("{}/anything", wms.url()));
    let noon = 1_795_392_000_000_000 + 12 * 3_600_000_000;
    for (plant, unit, component_unit, time) in
        [(Plant::de10(), "PCE", "kg", "2026-11-23T13:00:00+01:00"), (Plant::pl20(), "CAR", "g", "2026-11-23T13:00:00")]
    {
        let mes = Mes::start(FREE, plant, None).await.unwrap();
        let mut done = Completion::new("7", 8.into()).scrap("0.25".parse().unwrap()).last().material("481516");
        done = done.used("300200", "B1", "24.5".parse().unwrap());
        done.finished = Some(noon);
        let push = mes.complete(&done, &to).unwrap();
        let sent: Value = serde_json::from_slice(&push.body).unwrap();
        assert_eq!(sent["id"], push.key);
        assert_eq!((&sent["unit"], &sent["finished_at"], &sent["final"]), (&json!(unit), &json!(time), &json!(true)));
        assert_eq!((&sent["good"], &sent["scrap"]), (&json!(8), &json!(0.25)));
        let used = json!([{"material": "300200", "batch": "B1", "quantity": 24.5, "unit": component_unit}]);
        assert_eq!(sent["components"], used);
        let moved = Move {
            order: "7".to_owned(),
            material: "300200".to_owned(),
            batch: "B1".to_owned(),
            quantity: 50.into(),
            from: "0001".to_owned(),
            to: "0003".to_owned(),
        };
        let sent: Value = serde_json::from_slice(&mes.move_stock(&moved, &to).unwrap().body).unwrap();
        assert_eq!((&sent["unit"], &sent["quantity"]), (&json!(component_unit), &json!(50)));
        mes.give_up_pushes();
        assert_eq!(
            mes.complete(&Completion::new("8", 1.into()), &to).unwrap_err(),
            "order 8 is unknown, so the material must be named"
        );
    }
}

#[tokio::test]
async fn consumption_scrap_and_what_is_taken_back_have_numbers_and_units_of_their_own() {
    let wms = Wms::start(FREE, None, None).await.unwrap();
    let to = To::post(format!("{}/anything", wms.url()));
    let mes = Mes::start(FREE, Plant::pl20(), None).await.unwrap();
    let document = |push: lineshaft_standin::push::Push| -> Value { serde_json::from_slice(&push.body).unwrap() };
    let [order, material, batch, from] = ["7", "300200", "B2", "0001"].map(str::to_owned);
    let used = Consumption {
        order: order.clone(),
        material: material.clone(),
        batch: batch.clone(),
        quantity: 2500.into(),
        from: from.clone(),
    };
    let sent = document(mes.consume(&used, &to).unwrap());
    assert_eq!((&sent["id"], &sent["unit"], &sent["from"]), (&json!("PL20-U-000001"), &json!("g"), &json!("0001")));
    assert!(sent["used_at"].is_string() && sent.get("components").is_none());
    let scrap = |material: &str, was: Scrapped| {
        let scrap =
            Scrap { order: "7".into(), material: material.into(), quantity: 1.into(), reason: "0002".into(), was };
        document(mes.declare_scrap(&scrap, &to).unwrap())
    };
    let sent = scrap("481516", Scrapped::AtOperation);
    assert_eq!((&sent["operation"], &sent["unit"], sent.get("from")), (&json!("0010"), &json!("CAR"), None));
    let sent = scrap("300200", Scrapped::InStock { batch, from });
    assert_eq!((&sent["from"], &sent["unit"], sent.get("operation")), (&json!("0001"), &json!("g"), None));
    assert_eq!(sent["id"], "PL20-S-000002");

    let done = mes.complete(&Completion::new("7", 8.into()).material("481516").used("300200", "B2", 3.into()), &to);
    let mut done = document(done.unwrap());
    let back = document(mes.take_back("PL20-C-000001", &to).unwrap());
    assert_eq!((&back["id"], &back["reverses"]), (&json!("PL20-C-000002"), &json!("PL20-C-000001")));
    done["id"] = back["id"].clone();
    done["reverses"] = back["reverses"].clone();
    assert_eq!(back, done, "the rest is what was reported");
    assert_eq!(mes.take_back("PL20-C-000009", &to).unwrap_err(), "there is no completion PL20-C-000009");
}

#[tokio::test]
async fn a_wms_takes_issues_out_of_stock() {
    let wms = Wms::start(FREE, None, None).await.unwrap();
    let url = format!("{}/issues", wms.url());
    let body =
        json!({"plant": "DE10", "material": "300200", "batch": "B1", "quantity": 5, "unit": "KGM", "from": "0001"});
    for (key, changed, status) in [("a", &body, 201), ("a", &body, 201), ("b", &json!({"plant": "DE10"}), 400)] {
        let (got, _, answer) = ask("POST", &url, &[("idempotency-key", key)], &changed.to_string()).await.unwrap();
        assert_eq!(got, status, "{answer}");
        assert_eq!(answer.contains("I-000001"), status == 201);
    }
    let stock: Vec<_> = wms.stock().into_iter().map(|(bin, left)| (bin.2, left.to_string())).collect();
    assert_eq!(stock, [("0001".to_owned(), "-5".to_owned())]);
    assert_eq!((wms.issues().len(), wms.moves().len(), wms.repeats()), (1, 0, 1));
}

#[tokio::test]
async fn a_wms_posts_a_key_once_and_answers_the_same() {
    let wms = Wms::start(FREE, None, None).await.unwrap();
    let url = format!("{}/moves", wms.url());
    let body = json!({"plant": "DE10", "material": "300200", "batch": "B1", "quantity": 50, "unit": "KGM",
                      "from": "0001", "to": "0003"});
    let post = async |key: &str, body: &Value| {
        ask("POST", &url, &[("idempotency-key", key)], &body.to_string()).await.unwrap()
    };
    let (first, again) = (post("a", &body).await, post("a", &body).await);
    assert_eq!((first.0, &first.2), (201, &again.2));
    let mut other = body.clone();
    other["quantity"] = json!(51);
    assert_eq!(post("a", &other).await.0, 409);
    other["unit"] = json!("GRM");
    assert_eq!(post("b", &other).await.0, 400);
    assert_eq!(ask("POST", &url, &[], &body.to_string()).await.unwrap().0, 400);
    assert_eq!((wms.moves().len(), wms.repeats()), (1, 1));
    let (_, stock) = send("GET", &format!("{}/stock?material=300200", wms.url()), &Value::Null).await;
    let quantities: Vec<&Value> = stock["stock"].as_array().unwrap().iter().map(|line| &line["quantity"]).collect();
    assert_eq!(quantities, [&json!(-50), &json!(50)]);
    wms.limit(Some(0));
    let (status, headers, _) = post("c", &body).await;
    assert_eq!((status, headers["retry-after"].to_str().unwrap(), wms.throttled()), (429, "1", 1));
}

#[tokio::test]
async fn a_mes_that_is_down_takes_nothing_and_the_push_survives_it() {
    let mes = Mes::start(FREE, Plant::de10(), None).await.unwrap();
    let erp = lineshaft_standin::erp::Erp::start(FREE, lineshaft_standin::erp::Setup::default()).await.unwrap();
    erp.add_order(lineshaft_standin::erp::Order::new("7", "DE10", "481516", 1.into()));
    mes.go_down(None);
    let push = erp.push_order("7", &To::put(format!("{}/orders/7", mes.url()))).unwrap();
    assert!(push.tried(2).await);
    assert_eq!(push.progress().acknowledged, None);
    mes.go_up();
    // The ERP's own document is refused by the MES (field names differ), which proves that it arrived.
    let arrived = async {
        while !push.progress().last.starts_with("status 400") {
            assert!(push.tried(push.progress().attempts + 1).await);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrived).await.unwrap();
}

#[tokio::test]
async fn drivers_in_another_process_can_make_a_plant_and_an_erp_speak() {
    let mes = Mes::start(FREE, Plant::de10(), None).await.unwrap();
    let erp = lineshaft_standin::erp::Erp::start(FREE, lineshaft_standin::erp::Setup::default()).await.unwrap();
    let (url, inbox) = (format!("{}/_control", mes.url()), format!("{}/orders/none", mes.url()));
    let wish = json!({"complete": {"order": "7", "material": "481516", "good": 8, "final": true}, "url": inbox});
    assert_eq!(send("POST", &url, &wish).await, (200, json!({"key": "DE10-C-000001"})));
    let wish =
        json!({"move": {"order": "7", "material": "300200", "quantity": 1.5, "from": "a", "to": "b"}, "url": inbox});
    assert_eq!(send("POST", &url, &wish).await, (200, json!({"key": "DE10-M-000001"})));
    assert_eq!(mes.pushes().len(), 2);
    assert_eq!(send("POST", &url, &json!({"url": inbox})).await.0, 400);
    let url = format!("{}/_control", erp.url());
    assert_eq!(send("POST", &url, &json!({"add_order": "7", "quantity": 5})).await.0, 200);
    assert_eq!(send("POST", &url, &json!({"push_order": "7", "url": inbox, "put": true})).await.0, 200);
    let pushed: Value = serde_json::from_slice(&erp.pushes()[0].body).unwrap();
    assert_eq!(pushed["TotalQuantity"], "5.000");
    for (wish, status) in [(json!({"lock": "7"}), 200), (json!({"lock": "8"}), 400), (json!({"typo": 1}), 400)] {
        assert_eq!(send("POST", &url, &wish).await.0, status, "{wish}");
    }
}
