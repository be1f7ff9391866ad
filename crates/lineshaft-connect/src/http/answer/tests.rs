//! The table of answers, row by row.

use super::*;
use crate::secrets::Secret;

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().expect(value));
    }
    let status = StatusCode::from_u16(status).expect("status");
    Answer { status, headers: map, body: Ok(body.as_bytes().to_vec()), hidden: vec![] }
}

/// One line that says everything about an outcome.
fn line(outcome: Outcome) -> String {
    match outcome {
        Outcome::Delivered { receipt } => format!("delivered {}", receipt.as_deref().unwrap_or("-")),
        Outcome::Unreachable(fault) => format!("unreachable {fault}"),
        Outcome::Refused { fault, retry_after } => {
            format!("refused {} {fault}", retry_after.map_or("-".into(), |wait| format!("{}s", wait.as_secs())))
        }
        Outcome::Unknown(fault) => format!("unknown {fault}"),
    }
}

fn judged(answer: Answer) -> String {
    judged_with(&[], answer)
}

fn judged_with(no_effect_on: &[u16], answer: Answer) -> String {
    let receipt = Path::parse(".d.documentNumber").expect("path");
    let busy_when = [BusyRule { status: 400, contains: "M3/024".into() }];
    let now = http_date("Mon, 23 Nov 2026 10:00:00 GMT").expect("date");
    line(outcome(
        Ok(answer),
        &Agreed {
            receipt: &[receipt],
            busy_when: &busy_when,
            no_effect_on,
            busy_codes: &[],
            single: false,
            bound: false,
        },
        now,
    ))
}

#[test]
fn every_row_of_the_table() {
    let json = ("content-type", "application/json");
    for (given, expected) in [
        (answer(201, &[json], r#"{"d":{"documentNumber":"4900000017"}}"#), "delivered 4900000017"),
        (answer(200, &[json], r#"{"d":{"documentNumber":4900000017}}"#), "delivered 4900000017"),
        (answer(200, &[json], r#"{"d":{}}"#), "delivered -"),
        (answer(204, &[], ""), "delivered -"),
        (
            answer(200, &[("content-type", "text/plain")], "OK"),
            "unknown DELIVER-009 the answer is not the JSON that was agreed",
        ),
        (
            answer(200, &[("content-type", "Text/HTML; charset=utf-8")], "<html>Sign in</html>"),
            "unknown DELIVER-009 the answer 200 is a web page, not the target's",
        ),
        (
            answer(202, &[("content-type", "multipart/mixed; boundary=b")], "--b--"),
            "unknown DELIVER-009 the answer 202 is that of a batch, not of one request",
        ),
        (answer(202, &[json], r#"{"id":"7"}"#), "delivered -"),
        (
            answer(200, &[json, ("content-encoding", "gzip")], "x"),
            "unknown DELIVER-009 the answer is compressed, although only a plain one was asked for",
        ),
        (
            answer(
                400,
                &[json],
                r#"{"error":{"code":"M3/024","message":{"lang":"en","value":"Valuation data locked by ANNA"}}}"#,
            ),
            "refused - DELIVER-006 the target answered 400 Bad Request: Valuation data locked by ANNA",
        ),
        (
            answer(400, &[json], r#"{"error":{"code":"RU/505","message":"Order is locked"}}"#),
            "refused - DELIVER-005 the target answered 400 Bad Request: Order is locked",
        ),
        (
            answer(
                422,
                &[("content-type", "application/problem+json")],
                r#"{"title":"No stock","detail":"FG-9:\n0 left"}"#,
            ),
            "refused - DELIVER-005 the target answered 422 Unprocessable Entity: No stock. FG-9: 0 left",
        ),
        (answer(409, &[], "<xml/>"), "refused - DELIVER-005 the target answered 409 Conflict"),
        (answer(404, &[json], "{}"), "refused - DELIVER-005 the target answered 404 Not Found"),
        (answer(423, &[], ""), "refused - DELIVER-006 the target answered 423 Locked"),
        (answer(401, &[], ""), "refused - DELIVER-012 the target does not accept our credentials (401)"),
        (
            answer(302, &[("location", "http://169.254.169.254/")], ""),
            "refused - DELIVER-005 the target redirects (302), and redirects are not followed",
        ),
        (answer(408, &[], ""), "refused - DELIVER-004 the target answered 408 Request Timeout"),
        (answer(429, &[("retry-after", "7")], ""), "refused 7s DELIVER-004 the target answered 429 Too Many Requests"),
        (
            answer(503, &[("retry-after", "Mon, 23 Nov 2026 10:02:00 GMT")], ""),
            "refused 120s DELIVER-003 the target answered 503 Service Unavailable",
        ),
        (
            answer(503, &[("retry-after", "Mon, 23 Nov 2026 09:00:00 GMT")], ""),
            "refused 0s DELIVER-003 the target answered 503 Service Unavailable",
        ),
        (
            answer(503, &[("retry-after", "soon")], ""),
            "unknown DELIVER-003 the target answered 503 Service Unavailable",
        ),
        (
            answer(503, &[("retry-after", "99999999999")], ""),
            "refused 86400s DELIVER-003 the target answered 503 Service Unavailable",
        ),
        (answer(503, &[], ""), "unknown DELIVER-003 the target answered 503 Service Unavailable"),
        (answer(429, &[], ""), "refused - DELIVER-004 the target answered 429 Too Many Requests"),
        (answer(501, &[], ""), "refused - DELIVER-003 the target answered 501 Not Implemented"),
        (answer(500, &[], ""), "unknown DELIVER-003 the target answered 500 Internal Server Error"),
        (answer(502, &[], ""), "unknown DELIVER-003 the target answered 502 Bad Gateway"),
        (answer(504, &[], ""), "unknown DELIVER-003 the target answered 504 Gateway Timeout"),
        (answer(507, &[], ""), "unknown DELIVER-003 the target answered 507 Insufficient Storage"),
    ] {
        assert_eq!(judged(given), expected);
    }
}

#[test]
fn what_an_interface_declares_to_have_had_no_effect_is_a_refusal_and_nothing_else_is() {
    for (status, expected) in [
        (500, "unknown DELIVER-003 the target answered 500 Internal Server Error"),
        (502, "unknown DELIVER-003 the target answered 502 Bad Gateway"),
        (503, "refused - DELIVER-003 the target answered 503 Service Unavailable"),
        (507, "refused - DELIVER-003 the target answered 507 Insufficient Storage"),
    ] {
        assert_eq!(judged_with(&[503, 507], answer(status, &[], "")), expected);
    }
    let asked = answer(503, &[("retry-after", "7")], "");
    assert_eq!(judged_with(&[503], asked), "refused 7s DELIVER-003 the target answered 503 Service Unavailable");
}

#[test]
fn a_broken_body_spoils_a_yes_but_not_a_no() {
    let broken = |status| Answer { body: Err(Fault::new(Code::DeliverNoAnswer, "cut")), ..answer(status, &[], "") };
    assert_eq!(judged(broken(200)), "unknown DELIVER-002 cut");
    assert_eq!(judged(broken(409)), "refused - DELIVER-005 the target answered 409 Conflict");
}

#[test]
fn an_answer_may_have_more_values_than_a_document_and_too_many_say_what_helps() {
    let json = ("content-type", "application/json");
    let values = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    let page = |count: usize| document(Ok(answer(200, &[json], &values(count))), Timestamp::from_micros(0));
    assert!(page(lineshaft_format::json::NODES_MAX * 2).is_ok());
    let (fault, _) = page(super::NODES_MAX).expect_err("one too many, with the list");
    assert_eq!(fault.code, Code::DeliverBadAnswer);
    assert!(fault.message.contains("`page_size`"), "{fault}");
}

#[test]
fn words_of_a_target_are_cut_and_never_hold_our_secret() {
    let long = format!(r#"{{"title":"{}"}}"#, "word ".repeat(200));
    assert!(judged(answer(409, &[], &long)).chars().count() < SAID_CHARS_MAX + 80);
    let endless = format!(r#"{{"title":"{}"}}"#, "x".repeat(2000));
    assert!(judged(answer(409, &[], &endless)).chars().count() < SAID_CHARS_MAX + 80);
    let echo = answer(400, &[], r#"{"message":"bad credentials bGluZTpjYW5hcnk= (canary)"}"#);
    let hidden = vec![Secret::new("bGluZTpjYW5hcnk="), Secret::new("canary")];
    assert_eq!(
        judged(Answer { hidden, ..echo }),
        "refused - DELIVER-005 the target answered 400 Bad Request: bad credentials *** (***)"
    );
}

#[test]
fn absent_is_believed_only_from_an_answer_of_the_agreed_shape() {
    let asked = |status, body: &str| {
        let found_when = Path::parse(".d.results[0]").expect("path");
        let receipt = Path::parse(".d.results[0].doc").expect("path");
        match probe(
            Ok(answer(status, &[("content-type", "application/json")], body)),
            &found_when,
            std::slice::from_ref(&receipt),
        ) {
            Probe::Found { receipt } => format!("found {}", receipt.as_deref().unwrap_or("-")),
            Probe::Absent => "absent".to_owned(),
            Probe::CannotTell(fault) => fault.code.as_str().to_owned(),
            Probe::NotAnswered(_) => "not answered".to_owned(),
        }
    };
    for (status, body, expected) in [
        (200, r#"{"d":{"results":[{"doc":"49"}]}}"#, "found 49"),
        (200, r#"{"d":{"results":[{}]}}"#, "found -"),
        (200, r#"{"d":{"results":[]}}"#, "absent"),
        (200, r#"{"d":{"results":[null]}}"#, "absent"),
        (404, "", "absent"),
        (200, r#"{"d":{}}"#, "DELIVER-009"),
        (200, r#"{"error":{"message":"no"}}"#, "DELIVER-009"),
        (200, "<html>", "DELIVER-009"),
        (204, "", "DELIVER-009"),
        (500, "", "DELIVER-009"),
        (302, "", "DELIVER-009"),
        (401, "", "not answered"),
        (429, "", "not answered"),
        (503, "", "not answered"),
    ] {
        assert_eq!(asked(status, body), expected, "{status} {body}");
    }
    let field = Path::parse(".posted").expect("path");
    for (body, expected) in [
        (r#"{"posted":true}"#, Probe::Found { receipt: None }),
        (r#"{"posted":null}"#, Probe::Absent),
        ("{}", Probe::Absent),
    ] {
        assert_eq!(probe(Ok(answer(200, &[], body)), &field, &[]), expected, "{body}");
    }
    assert!(matches!(probe(Ok(answer(200, &[], r#"{"error":"x"}"#)), &field, &[]), Probe::CannotTell(_)));
    assert!(matches!(probe(Ok(answer(200, &[], "[]")), &field, &[]), Probe::CannotTell(_)));
}

#[test]
fn dates_of_the_protocol() {
    for (text, seconds) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
        ("Sun Nov  6 08:49:37 1994", None),
        ("Sun, 06 Nov 1994 08:49:37 PST", None),
        ("Sun, 06 Nov 1994 08:49 GMT", None),
        ("", None),
    ] {
        assert_eq!(http_date(text).map(Timestamp::as_millis), seconds.map(|it: i64| it * 1000), "{text}");
    }
}
