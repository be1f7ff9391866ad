//! The ERP: postings, refusals, look-before-retry, stock in base units, CSRF, pushes.

use lineshaft_standin::erp::{BASE, Erp, Material, Order, Setup};
use lineshaft_standin::push::To;
use lineshaft_standin::serve::{Fault, Kind};
use lineshaft_standin::sink::{Class, Sink};
use serde_json::{Value, json};

use super::{FREE, Scratch, ask, json as send};

pub async fn erp(setup: Setup) -> Erp {
    let erp = Erp::start(FREE, setup).await.unwrap();
    let plants = ["DE10", "PL20"];
    erp.add_material(Material::new("481516", "Pump housing", "FERT", "PC", &plants).unit("CAR", 12, 1));
    erp.add_material(Material::new("300200", "PP granulate", "ROH", "KG", &plants).unit("G", 1, 1_000));
    erp.add_order(Order::new("000100234871", "DE10", "481516", 480.into()).component("300200", 120.into()));
    erp
}

pub fn confirmation(order: &str, key: &str, good: &str, unit: &str) -> Value {
    json!({"OrderID": order, "OrderOperation": "0010", "ConfirmationUnit": unit, "ConfirmationYieldQuantity": good,
           "ConfirmationScrapQuantity": "1.000", "ExternalSystemConfirmation": key})
}

pub fn conf_url(erp: &Erp) -> String {
    format!("{}{BASE}/API_PROD_ORDER_CONFIRMATION_2_SRV/ProdnOrdConf2", erp.url())
}

pub fn doc_url(erp: &Erp) -> String {
    format!("{}{BASE}/API_MATERIAL_DOCUMENT_SRV/A_MaterialDocumentHeader", erp.url())
}

#[tokio::test]
async fn a_confirmation_is_posted_in_base_units_and_found_by_its_key() {
    let erp = erp(Setup::default()).await;
    let mut document = confirmation("000100234871", "k1", "8.000", "CAR");
    document["to_ProdnOrdConfMatlDocItm"] = json!([
        {"Material": "300200", "Plant": "DE10", "StorageLocation": "0001", "Batch": "B1", "GoodsMovementType": "261",
         "QuantityInEntryUnit": "24500", "EntryUnitISOCode": "GRM"},
        {"Material": "481516", "Plant": "DE10", "StorageLocation": "0002", "Batch": "F1", "GoodsMovementType": "101",
         "QuantityInEntryUnit": "96", "EntryUnit": "PC"}]);
    let (status, answer) = send("POST", &conf_url(&erp), &document).await;
    assert_eq!(
        (status, &answer["d"]["ConfirmationGroup"], &answer["d"]["ConfirmationCount"]),
        (201, &json!("0000000001"), &json!("1"))
    );
    assert_eq!(erp.totals("000100234871"), (96.into(), 12.into()));
    let stock: Vec<String> =
        erp.stock().iter().map(|(place, left)| format!("{} {} {left}", place.material, place.batch)).collect();
    assert_eq!(stock, ["300200 B1 -24.5", "481516 F1 96"]);
    for (filter, count) in [
        ("ExternalSystemConfirmation eq 'k1'", 1),
        ("ExternalSystemConfirmation eq 'k2'", 0),
        ("OrderID eq '000100234871'", 1),
    ] {
        let (status, found) = send("GET", &format!("{}?$filter={filter}", conf_url(&erp)), &Value::Null).await;
        assert_eq!((status, found["d"]["results"].as_array().unwrap().len()), (200, count), "{filter}");
    }
    // It does not look for repeats: that is what makes it a T3 target.
    send("POST", &conf_url(&erp), &confirmation("000100234871", "k1", "8.000", "CAR")).await;
    assert_eq!(erp.confirmations("000100234871").len(), 2);
}

#[tokio::test]
async fn refusals_carry_the_code_and_change_nothing() {
    let erp = erp(Setup { check_stock: true, ..Setup::default() }).await;
    for (number, change) in [("1", "locked"), ("2", "teco"), ("3", "closed"), ("4", "created"), ("5", "material")] {
        let mut order = Order::new(number, "DE10", if change == "material" { "999" } else { "481516" }, 10.into());
        order.released = change != "created";
        erp.add_order(order);
    }
    erp.lock_order("1", "MEIER");
    erp.complete_technically("2");
    erp.close_order("3");
    for (order, quantity, unit, status, code) in [
        ("1", "1", "PC", 423, "CO/469"),
        ("2", "1", "PC", 400, "CO/664"),
        ("3", "1", "PC", 400, "CO/665"),
        ("4", "1", "PC", 400, "CO/663"),
        ("5", "1", "PC", 400, "M3/305"),
        ("9", "1", "PC", 404, "CO/001"),
        ("000100234871", "529", "PC", 400, "RU/505"),
        ("000100234871", "1", "BAG", 400, "M7/141"),
        ("000100234871", "many", "PC", 400, "RU/010"),
        ("000100234871", "-1", "PC", 400, "RU/010"),
    ] {
        let (got, answer) = send("POST", &conf_url(&erp), &confirmation(order, "k", quantity, unit)).await;
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{order}: {answer}");
    }
    let mut issue = confirmation("000100234871", "k", "1", "PC");
    issue["to_ProdnOrdConfMatlDocItm"] = json!([{"Material": "300200", "Plant": "DE10", "StorageLocation": "0001",
        "Batch": "B1", "GoodsMovementType": "261", "QuantityInEntryUnit": "10", "EntryUnit": "KG"}]);
    let (_, answer) = send("POST", &conf_url(&erp), &issue).await;
    let deficit = "Deficit of stock unrestricted-use 10.000 KG: 300200 DE10 0001 B1";
    assert_eq!(answer["error"]["message"]["value"], deficit);
    assert!(erp.all_confirmations().is_empty() && erp.movements().is_empty());
    // The tolerance itself is allowed, and an unlocked order takes postings again.
    assert_eq!(send("POST", &conf_url(&erp), &confirmation("000100234871", "k", "528", "PC")).await.0, 201);
    erp.unlock_order("1");
    assert_eq!(send("POST", &conf_url(&erp), &confirmation("1", "k", "1", "PC")).await.0, 201);
}

#[tokio::test]
async fn a_transfer_conserves_quantity_and_is_found_by_its_header_text() {
    let erp = erp(Setup::default()).await;
    let document = json!({"GoodsMovementCode": "04", "MaterialDocumentHeaderText": "key 1", "ReferenceDocument": "M-1",
        "to_MaterialDocumentItem": [{"Material": "300200", "Plant": "DE10", "StorageLocation": "0001", "Batch": "B1",
            "GoodsMovementType": "311", "IssuingOrReceivingStorageLoc": "0003", "QuantityInEntryUnit": "50000",
            "EntryUnit": "G"}]});
    let (status, answer) = send("POST", &doc_url(&erp), &document).await;
    assert_eq!((status, &answer["d"]["MaterialDocument"]), (201, &json!("4900000001")));
    assert_eq!(answer["d"]["to_MaterialDocumentItem"]["results"][0]["QuantityInBaseUnit"], "50.000");
    let stock = erp.stock();
    assert_eq!(stock.values().sum::<rust_decimal::Decimal>(), 0.into());
    assert_eq!(stock.values().map(ToString::to_string).collect::<Vec<_>>(), ["-50", "50"]);
    for filter in ["MaterialDocumentHeaderText eq 'key 1'", "ReferenceDocument eq 'M-1'"] {
        let (_, found) = send("GET", &format!("{}?$filter={filter}", doc_url(&erp)), &Value::Null).await;
        assert_eq!(found["d"]["results"][0]["MaterialDocument"], "4900000001", "{filter}");
    }
}

#[tokio::test]
async fn csrf_is_asked_for_when_it_is_switched_on() {
    let erp = erp(Setup { csrf: true, ..Setup::default() }).await;
    let body = confirmation("000100234871", "k1", "5", "PC").to_string();
    let (status, headers, _) = ask("POST", &conf_url(&erp), &[], &body).await.unwrap();
    assert_eq!((status, headers["x-csrf-token"].to_str().unwrap()), (403, "Required"));
    let url = format!("{}{BASE}/API_PROD_ORDER_CONFIRMATION_2_SRV/", erp.url());
    let (_, headers, _) = ask("GET", &url, &[("x-csrf-token", "Fetch")], "").await.unwrap();
    let token = headers["x-csrf-token"].to_str().unwrap();
    let cookie = headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let without_cookie = ask("POST", &conf_url(&erp), &[("x-csrf-token", token)], &body).await.unwrap().0;
    let whole = ask("POST", &conf_url(&erp), &[("x-csrf-token", token), ("cookie", cookie)], &body).await.unwrap().0;
    assert_eq!((without_cookie, whole), (403, 201));
}

#[tokio::test]
async fn pushes_repeat_with_the_same_key_and_bytes_until_they_are_acknowledged() {
    let (erp, dir) = (erp(Setup::default()).await, Scratch::new("pushes"));
    let sink = Sink::start(FREE, Class::T4, &dir.file("sink"), Some("secret".to_owned())).await.unwrap();
    sink.server().fault(Fault::new(Kind::Http503).times(1));
    sink.server().fault(Fault::new(Kind::ApplyThenDrop).times(1));
    let to = To::post(format!("{}/orders", sink.server().url())).token("secret");
    let push = erp.push_order("000100234871", &to).unwrap();
    assert_eq!(push.acknowledged().await.as_deref(), Some("{\"effect\":2}"));
    assert_eq!(push.progress().attempts, 3);
    let history = super::read(&dir.file("sink"));
    let effects: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(effects.len(), 2);
    assert_eq!(effects[0]["idem"], push.key);
    assert_eq!((&effects[0]["idem"], &effects[0]["sha256"]), (&effects[1]["idem"], &effects[1]["sha256"]));
    let pushed: Value = serde_json::from_slice(&push.body).unwrap();
    assert_eq!((&pushed["TotalQuantity"], &pushed["OrderIsReleased"]), (&json!("480.000"), &json!("X")));
    assert_eq!(pushed["to_ProductionOrderComponent"][0]["BaseUnitISOCode"], "KGM");
    let material = erp.push_material("300200", &to).unwrap();
    material.acknowledged().await.unwrap();
    let pushed: Value = serde_json::from_slice(&material.body).unwrap();
    assert_eq!(pushed["to_ProductUnitsOfMeasure"][0]["QuantityDenominator"], "1000");
    assert_eq!(erp.open_pushes(), 0);
}
