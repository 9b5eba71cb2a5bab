//! Media types, the base64 wrapping, session ids.

use super::*;

fn ping() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })
}

fn with(name: &'static str, value: Option<&'static str>) -> HeaderMap {
    let mut map = headers(&[]);
    map.remove(name);
    if let Some(value) = value {
        map.insert(name, HeaderValue::from_static(value));
    }
    map
}

#[test]
fn only_json_is_read() {
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        assert!(parsed(&with("content-type", Some(good)), &ping()).is_ok(), "{good}");
    }
    for bad in [None, Some("text/plain"), Some("application/jsonp"), Some("application/json; charset=utf-16")] {
        let reject = parsed(&with("content-type", bad), &ping()).unwrap_err();
        assert_eq!(reject.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{bad:?}");
    }
    let twice = headers(&[("content-type", "application/json")]);
    assert_eq!(parsed(&twice, &ping()).unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let packed = headers(&[("content-encoding", "gzip")]);
    assert_eq!(parsed(&packed, &ping()).unwrap_err().status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[test]
fn both_kinds_of_answer_must_be_taken() {
    for good in ["text/event-stream,application/json", "application/json;q=0.5, Text/Event-Stream; q=1, */*"] {
        assert!(parsed(&with("accept", Some(good)), &ping()).is_ok(), "{good}");
    }
    for bad in [None, Some("application/json"), Some("*/*"), Some("application/json, text/event-stream;q=0.0")] {
        let reject = parsed(&with("accept", bad), &ping()).unwrap_err();
        assert_eq!(reject.status, StatusCode::NOT_ACCEPTABLE, "{bad:?}");
    }
    let mut split = with("accept", Some("application/json"));
    split.append("accept", HeaderValue::from_static("text/event-stream"));
    assert!(parsed(&split, &ping()).is_ok());
}

#[test]
fn a_wrapped_name_is_decoded_before_it_is_compared() {
    for (name, header) in [
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("plain", "=?base64?cGxhaW4=?="),
        ("=?BASE64?cGxhaW4=?=", "=?BASE64?cGxhaW4=?="),
    ] {
        let body = modern_body("tools/call", json!({ "name": name }));
        let call = parsed(&modern_headers("tools/call", Some(header)), &body).unwrap();
        assert_eq!(call.name(), Some(name));
    }
    for (name, header) in [
        ("=?base64?literal?=", "=?base64?literal?="),
        ("plain", "=?base64?cGxhaW4?="),
        ("plain", "=?base64?b3RoZXI=?="),
        ("plain", "=?Base64?cGxhaW4=?="),
        ("\u{fffd}", "=?base64?/w==?="),
    ] {
        let body = modern_body("tools/call", json!({ "name": name }));
        assert_eq!(
            refused(&modern_headers("tools/call", Some(header)), &body),
            (400, code::HEADER_MISMATCH),
            "{header}"
        );
    }
}

#[test]
fn whitespace_around_a_value_does_not_count() {
    let body = modern_body("tools/call", json!({ "name": "add" }));
    assert!(parsed(&modern_headers("tools/call", Some(" add\t")), &body).is_ok());
}

#[test]
fn bytes_beyond_ascii_are_refused() {
    let body = modern_body("tools/call", json!({ "name": "ä" }));
    let mut headers = modern_headers("tools/call", None);
    headers.insert(MCP_NAME, HeaderValue::from_bytes("ä".as_bytes()).unwrap());
    assert_eq!(refused(&headers, &body), (400, code::HEADER_MISMATCH));
}

#[test]
fn a_session_id_is_visible_ascii_and_given_once() {
    assert_eq!(session_id(&headers(&[])).unwrap(), None);
    assert_eq!(session_id(&headers(&[("mcp-session-id", "s.1~")])).unwrap(), Some("s.1~"));
    for bad in [&[("mcp-session-id", "a b")][..], &[("mcp-session-id", "")], &[("mcp-session-id", "a"); 2]] {
        assert_eq!(session_id(&headers(bad)).unwrap_err().status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(last_event_id(&headers(&[("last-event-id", "e1")])).unwrap(), Some("e1"));
}
