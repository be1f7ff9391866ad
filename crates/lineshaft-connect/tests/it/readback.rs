//! Taken is not posted: the question after a target's final word, and the answers that a sender of ours gets.

use std::sync::Arc;

use lineshaft_connect::contract::{
    DeliveryStanding, Outcomes, Receipt, Reply, ReplyKind, Standing, TransactionStanding,
};
use lineshaft_connect::http::{Limits, Listener};
use lineshaft_connect::open_destination;
use lineshaft_model::delivery::{Answer, DeliveryState, Outgoing};
use lineshaft_model::fault::{Code, Fault};
use lineshaft_model::media::MediaTypes;
use lineshaft_model::transaction::TransactionState;
use serde_json::json;

use crate::odata_fake::decoded;
use crate::peer::{Act, Peer, answer, outgoing, surroundings};
use crate::sender::{ask, post, settings, settle_all};

const CLOSE: &str = "connection: close\r\n";

fn said(answer: &Answer) -> String {
    match answer {
        Answer::Posted { receipt } => format!("posted {}", receipt.as_deref().unwrap_or("-")),
        Answer::Refused(fault) => format!("refused {fault}"),
        Answer::NotYet => "not yet".to_owned(),
        Answer::CannotTell(fault) => format!("cannot tell {}", fault.code.as_str()),
    }
}

/// What each answer of the target means, and what it was asked.
async fn asked(kind: &str, path: &str, script: Vec<Act>) -> (Vec<String>, Vec<String>) {
    let count = script.len();
    let peer = Peer::start(script).await;
    let mut connection = json!({ "url": format!("http://{}/svc", peer.addr) });
    if kind == "odata" {
        connection["version"] = "v2".into();
    }
    let readback = json!({
        "path": path,
        "posted_when": { "at": ".d.results[0]" },
        "refused_when": { "at": ".d.state", "is": ["51"] },
        "reason": ".d.text",
        "receipt": ".d.results[0].MaterialDocument",
    });
    let settings = json!({ kind: { "path": "/Conf", "readback": readback } });
    let connection = serde_json::from_value(json!({ kind: connection })).expect("connection");
    let settings = serde_json::from_value(settings).expect("settings");
    let destination = open_destination(&surroundings(), &connection, &settings).expect("opens");
    let document = Outgoing { receipt: Some("7/1".into()), ..outgoing("{}") };
    let mut words = Vec::new();
    for _ in 0..count {
        words.push(said(&destination.read_back(&document).await));
    }
    let lines = peer.seen().iter().map(|request| decoded(request.lines().next().unwrap_or_default())).collect();
    (words, lines)
}

#[tokio::test]
async fn the_target_is_asked_by_its_own_reference_and_believed_only_where_it_is_clear() {
    for kind in ["http", "odata"] {
        let script = vec![
            answer("200 OK", CLOSE, r#"{"d":{"results":[{"MaterialDocument":"4900001"}]}}"#),
            answer("200 OK", CLOSE, r#"{"d":{"results":[]}}"#),
            answer("200 OK", CLOSE, r#"{"d":{"state":"51","text":"M7 021 deficit of stock","results":[]}}"#),
            answer("404 Not Found", CLOSE, "{}"),
            answer("200 OK", "content-type: text/html\r\nconnection: close\r\n", "<html>log in</html>"),
            answer("500 Oops", CLOSE, "{}"),
            answer("302 Found", "location: http://169.254.169.254/\r\nconnection: close\r\n", ""),
            Act::Close,
        ];
        let (words, lines) =
            asked(kind, "/Conf(Group='{receipt_1}',Count='{receipt_2}')/docs?k={target_key}", script).await;
        assert_eq!(
            words,
            [
                "posted 4900001",
                "not yet",
                "refused DELIVER-013 M7 021 deficit of stock",
                "not yet",
                "cannot tell DELIVER-009",
                "cannot tell DELIVER-003",
                "cannot tell DELIVER-005",
                "cannot tell DELIVER-002",
            ],
            "{kind}"
        );
        let wanted = "GET /svc/Conf(Group='7',Count='1')/docs?k=07070707-0707-0707-0707-070707070707 HTTP/1.1";
        assert_eq!(lines[0], wanted);
    }
}

#[tokio::test]
async fn a_question_without_the_reference_it_needs_is_not_asked() {
    let (words, lines) = asked("http", "/Conf/{receipt_3}", vec![answer("200 OK", CLOSE, "{}")]).await;
    assert_eq!((words.as_slice(), lines.as_slice()), (["cannot tell RENDER-002".to_owned()].as_slice(), [].as_slice()));
}

struct One(Standing);

impl Outcomes for One {
    fn of(&self, interface: &str, id: &str) -> Result<Option<Standing>, Fault> {
        match id {
            "busy" => Err(Fault::new(Code::ReceiveStoreUnavailable, "full")),
            "1" if interface == "mes/completion" => Ok(Some(self.0.clone())),
            _ => Ok(None),
        }
    }
}

fn standing(state: DeliveryState) -> Standing {
    let stopped = state == DeliveryState::Parked;
    let fault = stopped.then(|| Fault::new(Code::DeliverRejected, "the order is closed"));
    let delivery = DeliveryStanding { receiver: "erp/conf".into(), state, stopped, receipt: None, fault };
    let transaction = TransactionStanding {
        id: "T".into(),
        state: TransactionState::Processed,
        fault: None,
        deliveries: vec![delivery],
    };
    Standing { parts: 1, taken_apart: true, transactions: vec![transaction] }
}

#[tokio::test]
async fn senders_are_told_the_outcome_and_can_ask_for_it_later() {
    let any = "127.0.0.1:0".parse().expect("address");
    let listener = Listener::open(&surroundings(), any, Limits::default()).await.expect("listens");
    listener.tell_outcomes(Arc::new(One(standing(DeliveryState::Parked))));
    let source = listener.source("mes", "completion", &settings(), MediaTypes::JSON).expect("opens");
    let settling = settle_all(source, |received| {
        let state = if received.body == b"done" { DeliveryState::Delivered } else { DeliveryState::InFlight };
        let standing = Some(standing(state));
        Ok(Reply { receipts: vec![Receipt { id: "1".into(), kind: ReplyKind::Stored, standing, body: None }] })
    });
    listener.complete();
    let addr = listener.local_addr();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: node\r\n\r\n").into_bytes();

    let done = ask(addr, &post("/in/mes/completion", "", "done")).await;
    assert!(done.starts_with("HTTP/1.1 200") && done.contains("\"state\":\"settled\""), "{done}");
    let open = ask(addr, &post("/in/mes/completion", "", "open")).await;
    assert!(open.starts_with("HTTP/1.1 202") && open.contains("location: /in/mes/completion/1\r\n"), "{open}");
    let later = ask(addr, &get("/in/mes/completion/1")).await;
    assert!(later.starts_with("HTTP/1.1 202") && later.contains("\"state\":\"stopped\""), "{later}");
    assert!(later.contains("DELIVER-005") && later.contains("next_step"), "{later}");
    for (request, status) in [
        (get("/in/mes/completion/2"), "404"),
        (get("/in/mes/completion/busy"), "503"),
        (get("/in/mes/completion"), "405"),
        (post("/in/mes/completion/1", "", "x"), "405"),
        (get("/in/mes/other/1"), "404"),
    ] {
        let told = ask(addr, &request).await;
        assert!(told.starts_with(&format!("HTTP/1.1 {status}")) && told.contains("problem+json"), "{told}");
    }
    assert!(listener.stop(std::time::Duration::from_secs(60)).await);
    settling.await.expect("ends");
}
