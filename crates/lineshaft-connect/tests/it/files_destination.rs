//! A document is published whole under its name, or it is not published; what stands there is never replaced (OT4, IN-8).

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use lineshaft_connect::contract::Destination;
use lineshaft_model::delivery::{Outcome, Outgoing, Probe};
use serde_json::json;

use crate::exchange::{Exchange, is_root};
use crate::peer::{outgoing, word};

const KEY: &str = "07070707-0707-0707-0707-070707070707";

fn destination(exchange: &Exchange) -> Box<dyn Destination> {
    exchange.destination(&json!({ "directory": "in", "name": "{plant}-{target_key}.json" }))
}

/// One that knows where the receiver puts what it has taken.
fn asked(exchange: &Exchange) -> Box<dyn Destination> {
    exchange.destination(&json!({ "directory": "in", "name": "{plant}-{target_key}.json", "taken_to": "in/taken" }))
}

fn name() -> String {
    format!("DE10-{KEY}.json")
}

async fn send(destination: &dyn Destination, outgoing: &Outgoing) -> Outcome {
    destination.send(std::slice::from_ref(outgoing)).await.remove(0).1
}

async fn told(destination: &dyn Destination, outgoing: &Outgoing) -> String {
    match destination.probe(outgoing).await {
        Probe::Found { receipt } => format!("found {}", receipt.unwrap_or_default()),
        Probe::Absent => "absent".to_owned(),
        Probe::CannotTell(fault) => format!("cannot tell {}", fault.code.as_str()),
        Probe::NotAnswered(fault) => format!("not answered {}", fault.code.as_str()),
    }
}

#[tokio::test]
async fn a_document_stands_there_whole_under_its_name_and_a_repeat_finds_it() {
    let exchange = Exchange::new(&["in"]);
    let to = destination(&exchange);
    assert_eq!(outgoing("{}").target_key, KEY);
    // What an earlier attempt left when the node died in the middle of it.
    exchange.write(&format!("in/.{}.tmp-{KEY}", name()), "{\"hal");
    assert_eq!(word(&send(&*to, &outgoing("{\"whole\":1}")).await), format!("delivered {}", name()));
    assert_eq!(exchange.names("in"), [name()], "and nothing unfinished beside it");
    assert_eq!(exchange.read(&format!("in/{}", name())), "{\"whole\":1}");
    let written = || std::fs::metadata(exchange.path("in").join(name())).expect("there").modified().expect("time");
    let before = written();
    assert_eq!(word(&send(&*to, &outgoing("{\"whole\":1}")).await), format!("delivered {}", name()));
    assert_eq!(written(), before, "the same document is not written again");
}

#[tokio::test]
async fn what_stands_there_already_is_never_replaced() {
    for what in ["other", "longer", "pipe", "link", "link-to-same", "directory"] {
        let exchange = Exchange::new(&["in", "elsewhere"]);
        exchange.write("elsewhere/file", "{}");
        let at = format!("in/{}", name());
        match what {
            "other" => exchange.write(&at, "[]"),
            "longer" => exchange.write(&at, "{}\n"),
            "pipe" => exchange.pipe(&at),
            "link" => exchange.link("../elsewhere/nothing", &at),
            "link-to-same" => exchange.link("../elsewhere/file", &at),
            _ => exchange.make(&at),
        }
        let to = destination(&exchange);
        assert_eq!(word(&send(&*to, &outgoing("{}")).await), "refused DELIVER-005", "{what}");
        assert_eq!(exchange.names("in"), [name()], "{what}");
        assert_eq!(exchange.names("elsewhere"), ["file"], "{what}");
        if what == "other" {
            assert_eq!(exchange.read(&at), "[]");
        }
        assert_eq!(told(&*to, &outgoing("{}")).await, "cannot tell DELIVER-002", "{what}");
    }
}

#[tokio::test]
async fn of_two_that_publish_under_one_name_at_once_one_does() {
    let exchange = Exchange::new(&["in"]);
    let to = exchange.destination(&json!({ "directory": "in", "name": "{plant}.json" }));
    for round in 0..100 {
        // Different deliveries: they differ in key and bytes, and yet have one name.
        let (one, mut two) = (outgoing("{\"one\":1}"), outgoing("{\"two\":2}"));
        two.target_key = "other".to_owned();
        let (one, two) = tokio::join!(send(&*to, &one), send(&*to, &two));
        let outcomes = [word(&one), word(&two)];
        let delivered = outcomes.iter().filter(|word| word.starts_with("delivered")).count();
        let refused = outcomes.iter().filter(|word| *word == "refused DELIVER-005").count();
        assert_eq!((delivered, refused), (1, 1), "round {round}: {outcomes:?}");
        let expected = if outcomes[0].starts_with("delivered") { "{\"one\":1}" } else { "{\"two\":2}" };
        assert_eq!(exchange.read("in/DE10.json"), expected);
        assert_eq!(exchange.names("in"), ["DE10.json"]);
        std::fs::remove_file(exchange.path("in/DE10.json")).expect("taken");
    }
}

#[tokio::test]
async fn a_directory_that_is_missing_or_leads_elsewhere_is_unreachable() {
    let exchange = Exchange::new(&["elsewhere"]);
    let to = destination(&exchange);
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), "unreachable DELIVER-001");
    assert!(!exchange.path("in").exists(), "it is not made: a share may not be mounted");
    exchange.link("elsewhere", "in");
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), "unreachable DELIVER-001");
    assert!(exchange.names("elsewhere").is_empty());
    assert_eq!(told(&*to, &outgoing("{}")).await, "not answered DELIVER-002");
}

#[tokio::test]
async fn a_value_that_is_no_part_of_a_name_stops_the_document_before_anything_is_opened() {
    let exchange = Exchange::new(&["in"]);
    // The order is `0012/3`.
    let to = exchange.destination(&json!({ "directory": "in", "name": "{order}.json" }));
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), "refused RENDER-002");
    assert!(exchange.names("in").is_empty());
    assert_eq!(told(&*to, &outgoing("{}")).await, "cannot tell RENDER-002");
}

#[tokio::test]
async fn a_receiver_that_keeps_what_it_took_can_be_asked() {
    let exchange = Exchange::new(&["in"]);
    let to = asked(&exchange);
    assert_eq!(told(&*to, &outgoing("{}")).await, "not answered DELIVER-002", "`taken_to` is missing");
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), "unreachable DELIVER-001");
    exchange.make("in/taken");
    assert_eq!(told(&*to, &outgoing("{}")).await, "absent");
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), format!("delivered {}", name()));
    assert_eq!(told(&*to, &outgoing("{}")).await, format!("found {}", name()));
    assert_eq!(told(&*to, &outgoing("[]")).await, "absent", "another document has its name");
    let (from, taken) = (exchange.path("in").join(name()), exchange.path("in/taken").join(name()));
    std::fs::rename(&from, &taken).expect("the receiver takes it");
    assert_eq!(told(&*to, &outgoing("{}")).await, format!("found {}", name()));
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), format!("delivered {}", name()));
    assert_eq!(exchange.names("in"), ["taken"], "what was taken is not written again");
    let blind = destination(&exchange);
    assert_eq!(told(&*blind, &outgoing("{}")).await, "cannot tell DELIVER-002", "nobody says where to look");
}

#[tokio::test]
async fn a_directory_that_may_not_be_written_is_unreachable_until_it_may() {
    if is_root() {
        println!("SKIP: no permission binds this user");
        return;
    }
    let exchange = Exchange::new(&["in"]);
    let lock = |mode| std::fs::set_permissions(exchange.path("in"), PermissionsExt::from_mode(mode)).expect("sets");
    let to = destination(&exchange);
    lock(0o500);
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), "unreachable DELIVER-001");
    lock(0o700);
    assert_eq!(word(&send(&*to, &outgoing("{}")).await), format!("delivered {}", name()));
}

#[tokio::test]
async fn a_full_disk_publishes_nothing_and_leaves_nothing() {
    let exchange = Exchange::new(&["in"]);
    let mounted = exchange.path("in");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&mounted).output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        println!("SKIP: no small file system can be mounted");
        return;
    }
    exchange.write("in/ballast", &"x".repeat(40_000));
    let to = destination(&exchange);
    let document = outgoing(&"y".repeat(30_000));
    let full = send(&*to, &document).await;
    let left = exchange.names("in");
    std::fs::remove_file(exchange.path("in/ballast")).expect("makes room");
    let room = send(&*to, &document).await;
    let unmount = Command::new("umount").arg("-l").arg(&mounted).output().expect("umount");
    assert!(unmount.status.success(), "{unmount:?}");
    assert_eq!(word(&full), "unreachable DELIVER-001");
    assert_eq!(left, ["ballast"]);
    assert_eq!(word(&room), format!("delivered {}", name()));
}
