//! What a sender reads of what its document came to: 200 when everything is settled, otherwise 202 and where to ask.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body_util::Full;
use lineshaft_model::fault::Fault;
use serde_json::{Value, json};

use super::problem::Answered;
use crate::contract::{Standing, StandingWord, TransactionStanding};

/// The answer for the intake `id` of the interface at `/in/<name>`.
pub(super) fn told(name: &str, id: &str, standing: &Standing) -> Answered {
    let word = standing.word();
    let transactions: Vec<Value> = standing.transactions.iter().map(transaction).collect();
    let body = json!({ "id": id, "state": word.as_str(), "parts": standing.parts, "transactions": transactions });
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if word != StandingWord::Settled {
        if let Ok(place) = HeaderValue::from_str(&format!("/in/{name}/{id}")) {
            headers.insert(LOCATION, place);
        }
        *answer.status_mut() = StatusCode::ACCEPTED;
    }
    answer
}

fn transaction(transaction: &TransactionStanding) -> Value {
    let deliveries: Vec<Value> = transaction
        .deliveries
        .iter()
        .map(|delivery| {
            with_fault(
                json!({ "receiver": delivery.receiver, "state": delivery.state.as_str(), "receipt": delivery.receipt }),
                delivery.fault.as_ref(),
            )
        })
        .collect();
    let own = json!({ "id": transaction.id, "state": transaction.state.as_str(), "deliveries": deliveries });
    with_fault(own, transaction.fault.as_ref())
}

fn with_fault(mut value: Value, fault: Option<&Fault>) -> Value {
    if let (Some(fault), Some(fields)) = (fault, value.as_object_mut()) {
        fields.insert("code".to_owned(), fault.code.as_str().into());
        fields.insert("message".to_owned(), fault.message.as_str().into());
        fields.insert("next_step".to_owned(), fault.next_step().into());
    }
    value
}
