//! Messages of 2025-11-25 and older.

use super::*;

fn initialize(version: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": "a", "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "c", "version": "1" } } })
}

#[test]
fn initialize_without_modern_metadata_is_legacy() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        let call = parsed(&headers(&[]), &initialize(version)).unwrap();
        assert_eq!((call.era(), call.version()), (Era::Legacy, ASSUMED_VERSION));
        assert_eq!(call.requested_version(), Some(version));
        assert_eq!(call.method(), Some(&Method::Initialize));
        assert_eq!(call.id(), Some(&Id::Text("a".to_owned())));
    }
}

#[test]
fn initialize_under_a_modern_header_is_a_modern_request_without_metadata() {
    let headers = modern_headers("initialize", None);
    assert_eq!(refused(&headers, &initialize("2025-11-25")), (400, code::INVALID_PARAMS));
}

#[test]
fn each_known_version_passes_and_no_other() {
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    for version in LEGACY_VERSIONS {
        let call = parsed(&headers(&[("mcp-protocol-version", version)]), &list).unwrap();
        assert_eq!((call.era(), call.version()), (Era::Legacy, version));
    }
    assert_eq!(parsed(&headers(&[]), &list).unwrap().version(), ASSUMED_VERSION);
    let unknown = |version| refused(&headers(&[("mcp-protocol-version", version)]), &list);
    assert_eq!(unknown("2027-01-01"), (400, code::UNSUPPORTED_VERSION));
    assert_eq!(unknown("2025-11-25x"), (400, code::INVALID_REQUEST));
    assert_eq!(unknown(""), (400, code::INVALID_REQUEST));
}

#[test]
fn discover_is_modern_even_without_a_sign_of_it() {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover" });
    let reject = parsed(&headers(&[]), &body).unwrap_err();
    assert_eq!((reject.code, reject.era), (code::HEADER_MISMATCH, Some(Era::Modern)));
}

#[test]
fn an_unknown_method_is_no_lost_session() {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen" });
    assert_eq!(refused(&headers(&[]), &request), (200, code::METHOD_NOT_FOUND));
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/unheard" });
    assert_eq!(refused(&headers(&[]), &notification), (400, code::METHOD_NOT_FOUND));
}

#[test]
fn responses_notifications_and_calls_are_told_apart() {
    let read = |body: Value| parsed(&headers(&[("mcp-protocol-version", "2025-11-25")]), &body).unwrap();
    let response = read(json!({ "jsonrpc": "2.0", "id": 3, "result": { "action": "accept" } }));
    assert!(matches!(response.message(), Message::Response { .. }));
    assert_eq!((response.method(), response.id()), (None, None));
    let failed = read(json!({ "jsonrpc": "2.0", "id": 3, "error": { "code": 1, "message": "no" } }));
    assert!(matches!(failed.message(), Message::Response { .. }));
    let notification = read(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    assert_eq!(notification.message(), &Message::Notification { method: Method::Initialized });
    let subscribe =
        read(json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/subscribe", "params": { "uri": "a:b" } }));
    assert_eq!(subscribe.target(), &Target::Resource("a:b".to_owned()));
}

#[test]
fn batches_are_refused_with_a_reason() {
    let batch = json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }]);
    for version in [None, Some("2025-03-26"), Some("2025-11-25")] {
        let more: Vec<_> = version.map(|version| ("mcp-protocol-version", version)).into_iter().collect();
        let reject = parsed(&headers(&more), &batch).unwrap_err();
        assert_eq!((reject.status.as_u16(), reject.code), (400, code::INVALID_REQUEST));
        assert!(reject.message.contains("Batches"), "{}", reject.message);
    }
}

#[test]
fn mirrored_headers_are_held_to_the_body_here_too() {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "add" } });
    assert!(parsed(&headers(&[("mcp-method", "tools/call"), ("mcp-name", "add")]), &body).is_ok());
    assert_eq!(refused(&headers(&[("mcp-method", "tools/list")]), &body), (400, code::HEADER_MISMATCH));
    assert_eq!(refused(&headers(&[("mcp-name", "delete")]), &body), (400, code::HEADER_MISMATCH));
}

#[test]
fn a_legacy_client_at_a_modern_server_learns_the_version() {
    let call = parsed(&headers(&[]), &initialize("2025-11-25")).unwrap();
    assert!(call.check_server(Era::Legacy).is_ok());
    let reject = call.check_server(Era::Modern).unwrap_err();
    assert_eq!((reject.status.as_u16(), reject.code), (400, code::UNSUPPORTED_VERSION));
    assert_eq!(reject.body()["error"]["data"], json!({ "supported": [MODERN_VERSION], "requested": "2025-11-25" }));
    assert!(reject.message.contains(MODERN_VERSION));
    let stream = open_stream(&headers(&[])).unwrap();
    assert_eq!(stream.check_server(Era::Modern).unwrap_err().status, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn get_and_delete_are_calls_too() {
    let stream = open_stream(&headers(&[("mcp-protocol-version", "2025-06-18")])).unwrap();
    assert_eq!((stream.message(), stream.version()), (&Message::OpenStream, "2025-06-18"));
    assert_eq!(end_session(&headers(&[])).unwrap().message(), &Message::EndSession);
    let mut deaf = headers(&[]);
    deaf.insert("accept", HeaderValue::from_static("application/json"));
    assert_eq!(open_stream(&deaf).unwrap_err().status, StatusCode::NOT_ACCEPTABLE);
}
