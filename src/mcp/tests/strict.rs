//! What is refused before the era matters.

use super::*;

fn fault(body: &str) -> (u16, i64, Option<Id>) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let reject = parse(&headers(&[]), body, &Limits::default()).expect_err("must be refused");
    (reject.status.as_u16(), reject.code, reject.id)
}

#[test]
fn what_is_not_one_json_value_is_a_parse_error() {
    for body in [
        "",
        "{",
        "{}{}",
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#,
        "\u{feff}{}",
        r#"{"a":NaN}"#,
        r#"{"a":1e999}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":01}"#,
        "{'a':1}",
        r#"{"a":1,}"#,
    ] {
        assert_eq!(fault(body), (400, code::PARSE_ERROR, None), "{body}");
    }
    let reject = parse(&headers(&[]), Bytes::from_static(b"{\"a\":\"\xff\"}"), &Limits::default()).unwrap_err();
    assert_eq!(reject.code, code::PARSE_ERROR);
    assert_eq!(reject.body().get("id"), None);
}

#[test]
fn a_key_given_twice_is_refused_at_any_level() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","m\u0065thod":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":[{"y":1,"y":1}]}}}"#,
    ] {
        assert_eq!(fault(body), (400, code::INVALID_REQUEST, None), "{body}");
    }
}

#[test]
fn an_imitated_name_is_refused() {
    for params in [
        r#"{"name":"a","Name":"b"}"#,
        r#"{"name":"a","argumentſ":{}}"#,
        r#"{"name":"a","tas\u212aId":"t"}"#,
        r#"{"name":"a","_META":{}}"#,
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        assert_eq!(fault(&body).1, code::INVALID_PARAMS, "{params}");
    }
    // What a tool takes is its own affair.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "a", "arguments": { "name": 1, "Name": 2 } } });
    assert!(parsed(&headers(&[]), &body).is_ok());
}

#[test]
fn the_envelope_is_exact() {
    let one = Some(Id::Integer(1.into()));
    for body in [
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#,
    ] {
        assert_eq!(fault(body), (400, code::INVALID_REQUEST, one.clone()), "{body}");
    }
    for body in [
        "null",
        "7",
        "[]",
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#,
        r#"{"jsonrpc":"2.0","result":{}}"#,
    ] {
        assert_eq!(fault(body), (400, code::INVALID_REQUEST, None), "{body}");
    }
    for id in ["null", "1.5", "1e2", "true", "[]", "{}", "99999999999999999999999"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(fault(&body), (400, code::INVALID_REQUEST, None), "{id}");
    }
}

#[test]
fn names_are_text_without_control_characters() {
    for params in ["{}", r#"{"name":""}"#, r#"{"name":7}"#, r#"{"name":"a\u0000b"}"#, r#"{"name":"a\nb"}"#, "[]", "7"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        assert_eq!(fault(&body), (400, code::INVALID_PARAMS, Some(Id::Integer(1.into()))), "{params}");
    }
    assert!(parsed(&headers(&[]), &json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": null })).is_ok());
}

#[test]
fn names_end_somewhere_and_so_do_lists_of_them() {
    use crate::mcp::target::{LONGEST_NAME, MOST_NAMES};
    // They are kept in the audit log and judged one by one: a body full of them must not get that far.
    let call = |length: usize| {
        let params = json!({ "name": "x".repeat(length), "arguments": { "text": "y".repeat(3 * LONGEST_NAME) } });
        parsed(&headers(&[]), &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }))
    };
    assert!(call(LONGEST_NAME).is_ok());
    assert_eq!(call(LONGEST_NAME + 1).unwrap_err().code, code::INVALID_PARAMS);
    let listen = |count: usize| {
        let filter = json!({ "resourceSubscriptions": vec!["x:a"; count] });
        let body = modern_body("subscriptions/listen", json!({ "notifications": filter }));
        parsed(&modern_headers("subscriptions/listen", None), &body)
    };
    assert!(listen(MOST_NAMES).is_ok());
    assert_eq!(listen(MOST_NAMES + 1).unwrap_err().code, code::INVALID_PARAMS);
}

#[test]
fn size_and_depth_end_where_they_are_set() {
    let nested = |levels: usize| {
        let inner = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{inner}}}}}"#))
    };
    let limits = Limits { depth: 10, ..Limits::default() };
    // The envelope and params are two levels.
    assert!(parse(&headers(&[]), nested(8), &limits).is_ok());
    assert_eq!(parse(&headers(&[]), nested(9), &limits).unwrap_err().code, code::INVALID_REQUEST);
    let boundless = Limits { depth: usize::MAX, ..Limits::default() };
    assert!(parse(&headers(&[]), nested(Limits::DEEPEST - 2), &boundless).is_ok());
    assert_eq!(parse(&headers(&[]), nested(Limits::DEEPEST - 1), &boundless).unwrap_err().code, code::INVALID_REQUEST);
    assert!(parse(&headers(&[]), nested(100_000), &boundless).is_err());

    let body = nested(1);
    let exact = Limits { body: body.len(), ..Limits::default() };
    assert!(parse(&headers(&[]), body.clone(), &exact).is_ok());
    let short = Limits { body: body.len() - 1, ..Limits::default() };
    assert_eq!(parse(&headers(&[]), body, &short).unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn own_error_codes_stay_out_of_the_reserved_range() {
    let call = parsed(&headers(&[]), &json!({ "jsonrpc": "2.0", "id": "x", "method": "ping" })).unwrap();
    for (reject, status) in [
        (Reject::insufficient_scope(&call, "mcp:write"), 403),
        (Reject::forbidden(&call, "No."), 403),
        (Reject::session_not_found(&call), 404),
        (Reject::upstream_unreachable(&call), 502),
        (Reject::upstream_refused(&call), 502),
        (Reject::maybe_executed(&call), 502),
        (Reject::not_executed(&call), 503),
    ] {
        assert!(!(-32768..=-32000).contains(&reject.code), "{reject:?}");
        assert_eq!(reject.status.as_u16(), status);
        assert_eq!(reject.body()["id"], "x");
        assert_eq!(reject.body()["jsonrpc"], "2.0");
    }
}
