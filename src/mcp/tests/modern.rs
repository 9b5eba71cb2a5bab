//! Requests of 2026-07-28.

use super::*;

#[test]
fn a_tool_call_is_read() {
    let body = modern_body("tools/call", json!({ "name": "add", "arguments": { "a": 1 } }));
    let call = parsed(&modern_headers("tools/call", Some("add")), &body).unwrap();
    assert_eq!(call.era(), Era::Modern);
    assert_eq!(call.version(), MODERN_VERSION);
    assert_eq!(call.method(), Some(&Method::ToolsCall));
    assert_eq!(call.target(), &Target::Tool("add".to_owned()));
    assert_eq!(call.name(), Some("add"));
    assert_eq!(call.id().map(Value::from), Some(json!(7)));
    assert_eq!(call.bytes(), &bytes(&body));
    let params = serde_json::to_string(&body["params"]).unwrap();
    assert_eq!(call.arguments().as_ref(), params.as_bytes());
}

#[test]
fn methods_of_the_other_era_and_unknown_ones_are_404() {
    for method in [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/list",
        "unknown/method",
    ] {
        let reject = parsed(&modern_headers(method, None), &modern_body(method, json!({}))).unwrap_err();
        assert_eq!((reject.status, reject.code), (StatusCode::NOT_FOUND, code::METHOD_NOT_FOUND), "{method}");
        assert_eq!(reject.body()["id"], 7);
    }
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/roots/list_changed" });
    assert_eq!(refused(&modern_headers("notifications/roots/list_changed", None), &body), (404, -32601));
}

#[test]
fn an_operator_may_add_a_method() {
    let limits = Limits { extensions: vec!["acme/do".to_owned()], ..Limits::default() };
    let body = bytes(&modern_body("acme/do", json!({ "name": "x" })));
    let call = parse(&modern_headers("acme/do", Some("x")), body.clone(), &limits).unwrap();
    assert_eq!(call.method(), Some(&Method::Extension("acme/do".to_owned())));
    // Its name is mirrored if the client likes, but then it must be right.
    assert!(parse(&modern_headers("acme/do", None), body.clone(), &limits).is_ok());
    assert_eq!(parse(&modern_headers("acme/do", Some("y")), body, &limits).unwrap_err().code, code::HEADER_MISMATCH);
}

#[test]
fn headers_and_body_must_agree() {
    let list = modern_body("tools/list", json!({}));
    let call = modern_body("tools/call", json!({ "name": "add" }));
    let version = ("mcp-protocol-version", MODERN_VERSION);
    for (what, headers, body) in [
        ("another method", modern_headers("prompts/list", None), &list),
        ("method in another case", modern_headers("Tools/List", None), &list),
        ("no method", headers(&[version]), &list),
        ("no version", headers(&[("mcp-method", "tools/list")]), &list),
        ("a legacy version", headers(&[("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/list")]), &list),
        ("a name where there is none", modern_headers("tools/list", Some("add")), &list),
        ("another name", modern_headers("tools/call", Some("delete")), &call),
        ("name in another case", modern_headers("tools/call", Some("Add")), &call),
        ("no name", modern_headers("tools/call", None), &call),
        ("method twice", headers(&[version, ("mcp-method", "tools/list"), ("mcp-method", "tools/list")]), &list),
        ("version twice", headers(&[version, version, ("mcp-method", "tools/list")]), &list),
        (
            "name twice",
            headers(&[version, ("mcp-method", "tools/call"), ("mcp-name", "add"), ("mcp-name", "add")]),
            &call,
        ),
    ] {
        let reject = parsed(&headers, body).expect_err(what);
        assert_eq!((reject.status.as_u16(), reject.code), (400, code::HEADER_MISMATCH), "{what}");
        assert_eq!(reject.body()["id"], 7, "{what}");
    }
}

#[test]
fn each_kind_of_name_is_mirrored() {
    for (method, key, value) in [
        ("prompts/get", "name", "greeting"),
        ("resources/read", "uri", "file:///a b"),
        ("tasks/get", "taskId", "t-1"),
        ("tasks/update", "taskId", "t-1"),
        ("tasks/cancel", "taskId", "t-1"),
    ] {
        let body = modern_body(method, json!({ key: value }));
        let call = parsed(&modern_headers(method, Some(value)), &body).unwrap();
        assert_eq!(call.name(), Some(value), "{method}");
        assert_eq!(refused(&modern_headers(method, None), &body), (400, code::HEADER_MISMATCH), "{method}");
    }
}

#[test]
fn metadata_is_required() {
    let good = modern_body("server/discover", json!({}));
    let headers = modern_headers("server/discover", None);
    assert!(parsed(&headers, &good).is_ok());
    let mut cases = vec![json!({ "jsonrpc": "2.0", "id": 7, "method": "server/discover" })];
    for key in ["io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"] {
        let mut missing = good.clone();
        missing["params"]["_meta"].as_object_mut().unwrap().remove(key);
        let mut malformed = good.clone();
        malformed["params"]["_meta"][key] = json!(1);
        cases.extend([missing, malformed]);
    }
    for body in cases {
        assert_eq!(refused(&headers, &body), (400, code::INVALID_PARAMS), "{body}");
    }
}

#[test]
fn an_unknown_version_is_told_what_is_known() {
    for version in ["2027-01-01", "v999.0.0", "2025-11-25"] {
        let mut body = modern_body("server/discover", json!({}));
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
        let headers = headers(&[("mcp-protocol-version", version), ("mcp-method", "server/discover")]);
        let reject = parsed(&headers, &body).unwrap_err();
        assert_eq!((reject.status.as_u16(), reject.code), (400, code::UNSUPPORTED_VERSION));
        assert_eq!(reject.data, Some(json!({ "supported": [MODERN_VERSION], "requested": version })));
    }
}

#[test]
fn a_subscription_names_what_it_wants() {
    let headers = modern_headers("subscriptions/listen", None);
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:1", "a:2"], "taskIds": ["t"] });
    let call = parsed(&headers, &modern_body("subscriptions/listen", json!({ "notifications": filter }))).unwrap();
    let wanted =
        Target::Subscriptions { resources: vec!["a:1".to_owned(), "a:2".to_owned()], tasks: vec!["t".to_owned()] };
    assert_eq!(call.target(), &wanted);
    for filter in [json!(null), json!([]), json!({ "resourceSubscriptions": "a:1" }), json!({ "taskIds": [1] })] {
        let body = modern_body("subscriptions/listen", json!({ "notifications": filter }));
        assert_eq!(refused(&headers, &body), (400, code::INVALID_PARAMS), "{body}");
    }
}

#[test]
fn a_completion_names_what_it_completes() {
    let headers = modern_headers("completion/complete", None);
    let about = |reference: Value| parsed(&headers, &modern_body("completion/complete", json!({ "ref": reference })));
    let target = |reference| about(reference).unwrap().target().clone();
    assert_eq!(target(json!({ "type": "ref/prompt", "name": "p" })), Target::Prompt("p".to_owned()));
    assert_eq!(target(json!({ "type": "ref/resource", "uri": "a:b" })), Target::Resource("a:b".to_owned()));
    assert_eq!(target(json!({ "type": "ref/resource", "uri": "a:{b}" })), Target::Template("a:{b}".to_owned()));
    for reference in [json!(null), json!({ "type": "ref/tool", "name": "t" }), json!({ "type": "ref/prompt" })] {
        assert_eq!(about(reference.clone()).unwrap_err().code, code::INVALID_PARAMS, "{reference}");
    }
}

#[test]
fn responses_are_refused_and_notifications_need_no_metadata() {
    let response = json!({ "jsonrpc": "2.0", "id": 7, "result": {} });
    assert_eq!(refused(&headers(&[("mcp-protocol-version", MODERN_VERSION)]), &response), (400, -32600));
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    let call = parsed(&headers(&[("mcp-protocol-version", MODERN_VERSION)]), &cancelled).unwrap();
    assert_eq!((call.era(), call.id()), (Era::Modern, None));
    assert_eq!(refused(&modern_headers("notifications/progress", None), &cancelled), (400, code::HEADER_MISMATCH));
}

#[test]
fn a_modern_client_at_a_legacy_server_is_made_to_fall_back() {
    let call = parsed(&modern_headers("tools/list", None), &modern_body("tools/list", json!({}))).unwrap();
    assert!(call.check_server(Era::Modern).is_ok());
    let wrong = parsed(&modern_headers("prompts/list", None), &modern_body("tools/list", json!({}))).unwrap_err();
    let legacy_client =
        parsed(&headers(&[("mcp-method", "ping")]), &json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    for reject in [
        call.check_server(Era::Legacy).unwrap_err(),
        wrong.for_server(Era::Legacy),
        legacy_client.unwrap_err().for_server(Era::Legacy),
    ] {
        assert_eq!(reject.status, StatusCode::BAD_REQUEST);
        assert!(!(-32099..=-32020).contains(&reject.code) && reject.code != code::METHOD_NOT_FOUND, "{reject:?}");
    }
}

#[test]
fn get_and_delete_are_405() {
    let headers = headers(&[("mcp-protocol-version", MODERN_VERSION)]);
    assert_eq!(open_stream(&headers).unwrap_err().status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(end_session(&headers).unwrap_err().status, StatusCode::METHOD_NOT_ALLOWED);
}
