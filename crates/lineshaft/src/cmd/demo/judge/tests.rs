//! Small books made by hand: right ones are good, and every way to be wrong is counted where it belongs.

use super::*;

fn place(location: &str) -> Place {
    ("PL20".into(), "300200".into(), location.into(), "B0002".into())
}

fn work(id: &str, order: &str, yielded: u32) -> Work {
    let changes = vec![(place("0001"), Decimal::from(-7))];
    Work { id: id.into(), order: order.into(), yielded: yielded.into(), scrapped: Decimal::ONE, changes }
}

fn moved(id: &str, quantity: i64) -> Goods {
    let changes = vec![(place("0001"), Decimal::from(-quantity)), (place("0003"), Decimal::from(quantity))];
    Goods { id: id.into(), order: "1".into(), changes }
}

fn used(id: &str, quantity: i64) -> Goods {
    Goods { id: id.into(), order: "1".into(), changes: vec![(place("0001"), Decimal::from(-quantity))] }
}

fn flow(what: &'static str, reported: Vec<Goods>) -> Flow {
    Flow { what, planned: reported.len(), in_erp: reported.clone(), in_wms: reported.clone(), reported }
}

fn failed(order: &str) -> Failed {
    Failed { order: order.into(), why: "M7/021 Deficit of stock".into() }
}

fn books() -> Books {
    let released =
        |order: &str| Released { order: order.into(), plant: "PL20".into(), quantity: 40.into(), unit: "CAR".into() };
    let held = |order: &str| Held {
        order: order.into(),
        plant: "PL20".into(),
        quantity: 40.into(),
        unit: "CAR".into(),
        changes: 0,
    };
    let reported = vec![work("C1", "1", 96), work("C2", "1", 48), work("C3", "2", 12)];
    Books {
        planned: Planned { orders: 2, work: 3, failed: 1 },
        released: vec![released("1"), released("2")],
        at_mes: vec![held("1"), held("2")],
        // Orders do not wait for each other.
        confirmed: vec![reported[2].clone(), reported[0].clone(), reported[1].clone()],
        reported,
        failed: vec![failed("1")],
        noticed: vec![failed("1")],
        flows: vec![flow("move", vec![moved("M1", 50), moved("M2", 20)]), flow("consumption", vec![used("U1", 5)])],
        stock_in_erp: [(place("0001"), Decimal::from(-96)), (place("0003"), 70.into())].into(),
        stock_in_wms: [(place("0001"), Decimal::from(-75)), (place("0003"), 70.into())].into(),
        hub: Hub::default(),
    }
}

fn after(change: impl FnOnce(&mut Books)) -> Verdict {
    let mut books = books();
    change(&mut books);
    let verdict = judge(&books);
    assert!(!verdict.good(), "this must be found: {verdict:?}");
    assert!(!verdict.details.is_empty() || verdict.conservation > 0, "and named: {verdict:?}");
    verdict
}

#[test]
fn right_books_are_good() {
    let verdict = judge(&books());
    assert!(verdict.good(), "{verdict:?}");
    assert_eq!(verdict, Verdict::default());
    assert_eq!(
        verdict.to_string(),
        "lost 0 · duplicated 0 · reordered 0 · stuck 0 · phantom 0 · unnoticed 0 · conservation 0"
    );
}

#[test]
fn empty_books_are_not_good() {
    assert!(!judge(&Books::default()).good(), "nothing happened, so nothing is proven");
}

#[test]
fn a_missing_effect_is_lost_wherever_it_is_missing() {
    assert_eq!(after(|it| drop(it.confirmed.remove(0))).lost, 1);
    for flow in [0, 1] {
        assert_eq!(after(|it| drop(it.flows[flow].in_erp.pop())).lost, 1);
        assert_eq!(after(|it| drop(it.flows[flow].in_wms.pop())).lost, 1);
    }
    assert_eq!(after(|it| drop(it.at_mes.pop())).lost, 1);
}

#[test]
fn what_the_hub_still_holds_is_stuck_and_not_lost() {
    let verdict = after(|it| {
        it.confirmed.pop();
        it.hub.open = 1;
    });
    assert_eq!((verdict.lost, verdict.stuck), (0, 1));
    assert_eq!(after(|it| it.hub.exceptions = 2).stuck, 2);
}

#[test]
fn a_second_effect_is_duplicated() {
    assert_eq!(after(|it| it.confirmed.push(work("C2", "1", 48))).duplicated, 1);
    assert_eq!(after(|it| it.flows[0].in_erp.push(moved("M1", 50))).duplicated, 1);
    assert_eq!(after(|it| it.flows[1].in_wms.push(used("U1", 5))).duplicated, 1);
    assert_eq!(after(|it| it.at_mes[0].changes = 1).duplicated, 1);
}

#[test]
fn order_counts_within_an_order_of_the_plant_only() {
    assert_eq!(after(|it| it.confirmed.swap(1, 2)).reordered, 1);
    assert_eq!(after(|it| it.flows[0].in_erp.swap(0, 1)).reordered, 1);
    assert_eq!(after(|it| it.flows[0].in_wms.swap(0, 1)).reordered, 1);
}

#[test]
fn an_effect_of_nothing_is_a_phantom() {
    assert_eq!(after(|it| it.confirmed.push(work("C9", "1", 1))).phantom, 1);
    assert_eq!(after(|it| it.flows[0].in_wms.push(moved("M9", 1))).phantom, 1);
    let at_the_wrong_plant = after(|it| it.at_mes[0].plant = "DE10".into());
    assert_eq!((at_the_wrong_plant.lost, at_the_wrong_plant.phantom), (1, 1));
}

#[test]
fn another_quantity_or_unit_is_unequal() {
    assert!(after(|it| it.confirmed[0].yielded = 8.into()).unequal >= 1);
    assert!(after(|it| it.confirmed[0].scrapped = Decimal::ZERO).unequal >= 1);
    assert!(after(|it| it.confirmed[0].changes.clear()).unequal >= 1);
    assert_eq!(after(|it| it.at_mes[0].quantity = 480.into()).unequal, 1);
    assert_eq!(after(|it| it.at_mes[0].unit = "PCE".into()).unequal, 1);
    assert!(after(|it| it.flows[0].in_wms[0] = moved("M1", 51)).unequal >= 1);
}

#[test]
fn stocks_that_differ_are_unequal() {
    assert!(after(|it| *it.stock_in_wms.entry(place("0003")).or_default() += Decimal::ONE).unequal >= 1);
    assert!(after(|it| *it.stock_in_erp.entry(place("0003")).or_default() += Decimal::ONE).unequal >= 1);
    assert!(after(|it| *it.stock_in_erp.entry(place("0009")).or_default() += Decimal::ONE).unequal >= 1);
}

#[test]
fn a_failed_movement_must_be_told_once_and_in_its_words() {
    assert_eq!(after(|it| it.noticed.clear()).unnoticed, 1);
    assert_eq!(after(|it| it.noticed.push(failed("1"))).unnoticed, 1);
    assert_eq!(after(|it| it.noticed[0].why = "something".into()).unnoticed, 2);
    assert_eq!(after(|it| it.noticed[0].order = "2".into()).unnoticed, 2);
    let one_more = after(|it| it.failed.push(failed("2")));
    assert_eq!((one_more.unnoticed, one_more.short), (1, 1), "one was planned");
    let none = after(|it| {
        it.failed.clear();
        it.noticed.clear();
    });
    assert_eq!((none.unnoticed, none.short), (0, 1), "nothing failed, so nothing is proven");
}

#[test]
fn books_of_the_hub_that_do_not_balance_are_told() {
    assert_eq!(after(|it| it.hub.conservation = 3).conservation, 3);
}

#[test]
fn less_than_planned_is_not_good() {
    let verdict = after(|it| {
        // Never reported, so never posted either: the books agree, but the story was not played.
        it.reported.pop();
        it.confirmed.remove(0);
        it.stock_in_erp.insert(place("0001"), Decimal::from(-89));
    });
    assert_eq!((verdict.short, verdict.lost, verdict.unequal), (1, 0, 0));
    assert_eq!(after(|it| it.flows[1].planned = 2).short, 1);
    assert!(after(|it| it.flows.clear()).short >= 1);
}

#[test]
fn what_is_taken_back_counts_with_the_other_sign() {
    let back = || {
        let changes = vec![(place("0001"), Decimal::from(7))];
        Work { id: "C4".into(), order: "2".into(), yielded: Decimal::from(-12), scrapped: -Decimal::ONE, changes }
    };
    let taken_back = |in_erp: bool| {
        let mut books = books();
        books.reported.push(back());
        books.planned.work += 1;
        if in_erp {
            books.confirmed.push(back());
            books.stock_in_erp.insert(place("0001"), Decimal::from(-89));
        }
        judge(&books)
    };
    assert!(taken_back(true).good(), "{:?}", taken_back(true));
    assert_eq!(taken_back(false).lost, 1);
}
