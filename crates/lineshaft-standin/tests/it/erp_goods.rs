//! Goods movements behind confirmations: backflush, movements that fail behind a 201, reading back, cancelling; and the
//! order list with its times of change.

use lineshaft_standin::Decimal;
use lineshaft_standin::erp::{BASE, Erp, Material, Order, Setup};
use serde_json::{Value, json};

use super::erp::{conf_url, confirmation, doc_url, erp};
use super::json as send;

const ORDER: &str = "000100234871";

/// An order that takes labels by backflush and receives what is made by itself.
async fn backflushing() -> Erp {
    let erp = erp(Setup::default()).await;
    erp.add_material(Material::new("900100", "Label", "VERP", "PC", &["DE10"]));
    let order = Order::new(ORDER, "DE10", "481516", 480.into()).component("300200", 120.into());
    erp.add_order(order.backflushed("900100", 960.into()).received());
    erp
}

fn stock(erp: &Erp) -> Vec<String> {
    let places = erp.stock();
    places.iter().map(|(place, left)| format!("{} {} {}", place.material, place.location, left.normalize())).collect()
}

async fn get(erp: &Erp, path: &str) -> (u16, Value) {
    send("GET", &format!("{}{BASE}/API_PROD_ORDER_CONFIRMATION_2_SRV/{path}", erp.url()), &Value::Null).await
}

async fn count(erp: &Erp, path: &str) -> usize {
    let (status, found) = get(erp, path).await;
    assert_eq!(status, 200, "{path}: {found}");
    found["d"]["results"].as_array().unwrap().len()
}

fn issue(quantity: &str) -> Value {
    json!([{"Material": "300200", "Plant": "DE10", "StorageLocation": "0001", "GoodsMovementType": "261",
            "OrderID": ORDER, "QuantityInEntryUnit": quantity, "EntryUnit": "KG"}])
}

#[tokio::test]
async fn the_erp_moves_by_itself_what_a_confirmation_does_not_tell_and_never_both() {
    let erp = backflushing().await;
    // 24 good and 1 scrapped of 480, each with 2 labels; granulate is not marked for backflush.
    send("POST", &conf_url(&erp), &confirmation(ORDER, "k1", "24", "PC")).await;
    assert_eq!(stock(&erp), ["481516 0002 24", "900100 0001 -50"]);
    let mut told = confirmation(ORDER, "k2", "24", "PC");
    told["to_ProdnOrdConfMatlDocItm"] = issue("6");
    send("POST", &conf_url(&erp), &told).await;
    assert_eq!(stock(&erp), ["300200 0001 -6", "481516 0002 24", "900100 0001 -50"], "told movements replace its own");
    let mut none = confirmation(ORDER, "k3", "24", "PC");
    none["APIConfHasNoGoodsMovements"] = json!(true);
    send("POST", &conf_url(&erp), &none).await;
    assert_eq!(stock(&erp), ["300200 0001 -6", "481516 0002 24", "900100 0001 -50"]);
    // What was issued to the order is withdrawn of its components.
    let document = erp.order_document(ORDER).unwrap();
    let withdrawn: Vec<&Value> = document["to_ProductionOrderComponent"].as_array().unwrap().iter().collect();
    let withdrawn: Vec<&str> = withdrawn.iter().map(|it| it["WithdrawnQuantity"].as_str().unwrap()).collect();
    assert_eq!((withdrawn, &document["MfgOrderConfirmedYieldQty"]), (vec!["6.000", "50.000"], &json!("72.000")));
    let more = json!({"GoodsMovementCode": "03", "to_MaterialDocumentItem": [{"Material": "300200", "Plant": "DE10",
        "StorageLocation": "0001", "GoodsMovementType": "261", "ManufacturingOrder": ORDER,
        "QuantityInEntryUnit": "1500", "EntryUnit": "G"}]});
    assert_eq!(send("POST", &doc_url(&erp), &more).await.0, 201);
    let document = erp.order_document(ORDER).unwrap();
    assert_eq!(document["to_ProductionOrderComponent"][0]["WithdrawnQuantity"], "7.500");
}

#[tokio::test]
async fn a_good_confirmation_may_hide_a_failed_movement_and_reading_back_tells() {
    let erp = erp(Setup::default()).await;
    erp.fail_movements(1);
    for (key, quantity) in [("k1", "1"), ("k2", "2")] {
        let mut document = confirmation(ORDER, key, "5", "PC");
        document["to_ProdnOrdConfMatlDocItm"] = issue(quantity);
        assert_eq!(send("POST", &conf_url(&erp), &document).await.0, 201);
    }
    assert_eq!(stock(&erp), ["300200 0001 -2"], "only the second was posted");
    let behind = |count: u32| {
        format!("ProdnOrdConfMatlDocItm?$filter=ConfirmationGroup eq '0000000001' and ConfirmationCount eq '{count}'")
    };
    let by_key = |count: u32| {
        format!("ProdnOrdConf2(ConfirmationGroup='0000000001',ConfirmationCount='{count}')/to_ProdnOrdConfMatlDocItm")
    };
    for (number, posted) in [(1, 0), (2, 1)] {
        assert_eq!(count(&erp, &behind(number)).await, posted);
        assert_eq!(count(&erp, &by_key(number)).await, posted);
        let path = format!(
            "ProdnOrdConf2?$filter=ExternalSystemConfirmation eq guid'k{number}'&$expand=to_ProdnOrdConfMatlDocItm"
        );
        let found = get(&erp, &path).await.1;
        let items = &found["d"]["results"][0]["to_ProdnOrdConfMatlDocItm"]["results"];
        assert_eq!(items.as_array().unwrap().len(), posted, "{found}");
    }
    assert_eq!(get(&erp, "ProdnOrdConf2(ConfirmationGroup='9',ConfirmationCount='1')").await.0, 404);
    let (_, failed) = get(&erp, &format!("FailedGoodsMovement?$filter=OrderID eq '{ORDER}'")).await;
    let failed = failed["d"]["results"].as_array().unwrap();
    assert_eq!((failed.len(), &failed[0]["ConfirmationCount"]), (1, &json!("1")));
    assert!(failed[0]["ErrorText"].as_str().unwrap().contains("GBB"));
    // Somebody removes the cause and posts it.
    assert_eq!((erp.post_failed_movements("other"), erp.post_failed_movements(ORDER)), (0, 1));
    assert_eq!((count(&erp, &behind(1)).await, count(&erp, "FailedGoodsMovement").await), (1, 0));
    assert_eq!(stock(&erp), ["300200 0001 -3"]);
    assert_eq!(erp.post_failed_movements(ORDER), 0);
}

#[tokio::test]
async fn a_backflush_that_cannot_be_posted_fails_behind_the_confirmation_too() {
    let erp = Erp::start(super::FREE, Setup { check_stock: true, ..Setup::default() }).await.unwrap();
    for (number, kind) in [("481516", "FERT"), ("900100", "VERP")] {
        erp.add_material(Material::new(number, "x", kind, "PC", &["DE10"]));
    }
    erp.add_order(Order::new(ORDER, "DE10", "481516", 480.into()).backflushed("900100", 480.into()));
    assert_eq!(send("POST", &conf_url(&erp), &confirmation(ORDER, "k", "9", "PC")).await.0, 201);
    let (_, failed) = get(&erp, "FailedGoodsMovement").await;
    assert!(failed["d"]["results"][0]["ErrorText"].as_str().unwrap().starts_with("Deficit of stock"), "{failed}");
    assert_eq!(erp.post_failed_movements(ORDER), 0, "the cause is still there");
    erp.set_stock("DE10", "900100", "0001", "", 10.into());
    assert_eq!(erp.post_failed_movements(ORDER), 1);
    assert_eq!(stock(&erp), ["900100 0001 0"]);
}

#[tokio::test]
async fn a_cancelled_confirmation_takes_back_quantities_and_movements_once() {
    let erp = backflushing().await;
    send("POST", &conf_url(&erp), &confirmation(ORDER, "k1", "24", "PC")).await;
    send("POST", &conf_url(&erp), &confirmation(ORDER, "k2", "12", "PC")).await;
    let cancel = async |count: &str, key: &str| {
        let url = format!(
            "{}{BASE}/API_PROD_ORDER_CONFIRMATION_2_SRV/CancelProdnOrdConf?ConfirmationGroup='0000000001'\
             &ConfirmationCount='{count}'&PostingDate=datetime'2026-11-23T00:00'&ConfirmationText='it''s wrong'\
             &ExternalSystemConfirmation=guid'{key}'",
            erp.url()
        );
        send("POST", &url, &Value::Null).await
    };
    let (status, answer) = cancel("1", "c1").await;
    assert_eq!(
        (status, &answer["d"]["ConfirmationCount"], &answer["d"]["IsReversal"]),
        (200, &json!("3"), &json!(true))
    );
    assert_eq!(answer["d"]["ConfirmationText"], "it's wrong");
    assert_eq!(erp.totals(ORDER), (12.into(), Decimal::ONE));
    assert_eq!(stock(&erp), ["481516 0002 12", "900100 0001 -26"], "24 good and 1 scrapped came back");
    let items = erp.movements().last().unwrap().record["to_MaterialDocumentItem"]["results"].clone();
    assert_eq!((&items[0]["GoodsMovementType"], &items[1]["GoodsMovementType"]), (&json!("262"), &json!("102")));
    for (key, reversal, reversed) in [("k1", false, true), ("c1", true, false), ("k2", false, false)] {
        let (_, found) = get(&erp, &format!("ProdnOrdConf2?$filter=ExternalSystemConfirmation eq guid'{key}'")).await;
        let found = &found["d"]["results"][0];
        assert_eq!((&found["IsReversal"], &found["IsReversed"]), (&json!(reversal), &json!(reversed)), "{key}");
    }
    for (count, status, code) in [("1", 400, "RU/128"), ("3", 400, "RU/127"), ("9", 400, "RU/126")] {
        let (got, answer) = cancel(count, "c2").await;
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{count}");
    }
    erp.lock_order(ORDER, "MEIER");
    assert_eq!(cancel("2", "c2").await.0, 423);
    erp.unlock_order(ORDER);
    erp.fail_movements(1);
    send("POST", &conf_url(&erp), &confirmation(ORDER, "k3", "12", "PC")).await;
    assert_eq!(count(&erp, "FailedGoodsMovement").await, 2);
    assert_eq!(cancel("4", "c3").await.0, 200);
    assert_eq!(count(&erp, "FailedGoodsMovement").await, 0, "what never was posted need not be");
    assert_eq!(stock(&erp), ["481516 0002 12", "900100 0001 -26"]);
    let confirmed = erp.confirmations(ORDER);
    let cancels: Vec<_> = confirmed.iter().map(|it| it.cancels.clone().unwrap_or_default()).collect();
    assert_eq!(cancels, ["", "", "1", "", "4"]);
}

#[tokio::test]
async fn the_order_list_tells_what_changed_since() {
    let erp = erp(Setup::default()).await;
    for number in ["2", "3"] {
        erp.add_order(Order::new(number, "PL20", "481516", 10.into()));
    }
    let orders = async |query: &str| {
        let url = format!("{}{BASE}/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrder_2{query}", erp.url());
        let (status, found) = send("GET", &url, &Value::Null).await;
        assert_eq!(status, 200, "{query}: {found}");
        found["d"]["results"].as_array().cloned().unwrap_or_else(|| vec![found["d"].clone()])
    };
    let numbers = |found: &[Value]| -> Vec<String> {
        found.iter().map(|it| it["ManufacturingOrder"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(numbers(&orders("").await), [ORDER, "2", "3"]);
    assert_eq!(numbers(&orders("?$top=1&$skip=1").await), ["2"]);
    assert_eq!(numbers(&orders("?$filter=ProductionPlant eq 'PL20'&$skip=1").await), ["3"]);
    let stamp = orders("('2')").await[0]["LastChangeDateTime"].as_str().unwrap().to_owned();
    erp.complete_technically(ORDER);
    let found = orders(&format!("?$filter=LastChangeDateTime ge '{stamp}'&$orderby=LastChangeDateTime")).await;
    assert_eq!(numbers(&found).last().unwrap(), ORDER, "what changed last stands last");
    assert_eq!(found.last().unwrap()["OrderIsTechnicallyCompleted"], "X");
    assert!(orders("?$filter=LastChangeDateTime gt '99999999999999'").await.is_empty());
    assert!(found[0]["to_ProductionOrderOperation"].is_object(), "children are links unless they are asked for");
    let whole = orders("?$expand=to_ProductionOrderOperation,to_ProductionOrderComponent").await;
    assert_eq!(whole[2]["to_ProductionOrderComponent"][0]["Material"], "300200");
    // A snapshot that nothing changed is told in the same words, and a posting is a change.
    assert_eq!(erp.order_document("3"), erp.order_document("3"));
    send("POST", &conf_url(&erp), &confirmation("2", "k", "1", "PC")).await;
    assert_eq!(numbers(&orders("").await), ["3", ORDER, "2"]);
}

#[tokio::test]
async fn an_order_that_runs_short_fails_behind_its_confirmations_until_somebody_posts_it() {
    let erp = erp(Setup::default()).await;
    let told = |key: &str, quantity: &str| {
        let mut document = confirmation(ORDER, key, "5", "PC");
        document["to_ProdnOrdConfMatlDocItm"] = issue(quantity);
        document
    };
    let posting = async |count: u32| {
        let key = format!("ConfirmationGroup='0000000001',ConfirmationCount='{count}'");
        let url = format!("{}{BASE}/Z_CONFIRMATION_POSTING_SRV/ConfirmationPosting({key})", erp.url());
        let (status, found) = send("GET", &url, &Value::Null).await;
        let text = |field: &str| found["d"][field].as_str().unwrap_or_default().to_owned();
        (status, text("GoodsMovementStatus"), text("MaterialDocument"), text("ErrorText"))
    };
    assert_eq!(posting(1).await.0, 404, "nothing is there to read yet");
    let posted = |document: &str| (200, "posted".to_owned(), document.to_owned(), String::new());
    erp.run_short(ORDER);
    assert_eq!(send("POST", &conf_url(&erp), &told("k1", "2.4")).await.0, 201);
    let why = "M7/021 Deficit of stock unrestricted-use 2.400 KG: 300200 DE10 0001";
    assert_eq!(posting(1).await, (200, "failed".to_owned(), String::new(), why.to_owned()));
    let (_, failed) = get(&erp, "FailedGoodsMovement").await;
    let failed = &failed["d"]["results"][0];
    assert_eq!((&failed["MessageClass"], &failed["MessageNumber"]), (&json!("M7"), &json!("021")));
    assert_eq!(erp.post_failed_movements(ORDER), 0, "the cause is still there");
    erp.put_stock_right(ORDER);
    assert_eq!(posting(1).await.1, "failed", "stock alone posts nothing");
    assert_eq!(erp.post_failed_movements(ORDER), 1);
    assert_eq!(posting(1).await, posted("4900000001"));
    send("POST", &conf_url(&erp), &told("k2", "1")).await;
    assert_eq!(posting(2).await, posted("4900000002"));
    let mut none = confirmation(ORDER, "k3", "5", "PC");
    none["APIConfHasNoGoodsMovements"] = json!(true);
    send("POST", &conf_url(&erp), &none).await;
    assert_eq!(posting(3).await.1, "none");
    let failed: Vec<_> = erp.confirmations(ORDER).into_iter().map(|it| it.failed).collect();
    assert_eq!(failed, [Some(why.to_owned()), None, None], "what failed once is remembered");
}
