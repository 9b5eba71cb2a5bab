//! Decisions, method by method.

use super::*;

#[test]
fn a_tool_needs_the_scope_of_its_item() {
    let server = server();
    for (name, needs, read_only) in
        [("search", "mcp:read", true), ("send", "mcp:write", false), ("wipe", "admin", false)]
    {
        let permit = decide(&server, &set(needs), &tool(name)).unwrap();
        assert_eq!((permit.needed(), permit.read_only()), (&set(needs), read_only), "{name}");
        assert_eq!(permit.call().name(), Some(name));
    }
    assert_eq!(challenge(&server, "mcp:read", &tool("wipe")), ("admin".to_owned(), "admin mcp:read".to_owned()));
}

#[test]
fn write_does_not_imply_read() {
    let server = server();
    assert_eq!(
        challenge(&server, "mcp:write", &tool("search")),
        ("mcp:read".to_owned(), "mcp:read mcp:write".to_owned())
    );
}

#[test]
fn what_the_catalogue_does_not_know_needs_the_fallback() {
    let server = server();
    for call in [
        tool("brand-new"),
        tool("Search"),
        legacy("prompts/get", json!({ "name": "search" })),
        read("note://tomorrow"),
        legacy("resources/subscribe", json!({ "uri": "note://tomorrow" })),
        legacy("completion/complete", json!({ "ref": { "type": "ref/prompt", "name": "other" } })),
        legacy("tasks/get", json!({ "taskId": "t" })),
        legacy("tasks/result", json!({ "taskId": "t" })),
        legacy("tasks/list", json!({})),
        legacy("acme/do", json!({})),
    ] {
        let permit = decide(&server, &set("mcp:write"), &call).unwrap();
        assert!(!permit.read_only(), "{call:?}");
        assert_eq!(challenge(&server, "mcp:read", &call).0, "mcp:write", "{call:?}");
    }
}

#[test]
fn without_a_fallback_the_unknown_is_forbidden() {
    let server: ServerPolicy = PolicySpec { fallback_scope: None, ..spec() }.try_into().unwrap();
    for call in [tool("brand-new"), read("note://tomorrow"), read("file:///docs/../x"), legacy("tasks/list", json!({}))]
    {
        let denial = decide(&server, server.declared(), &call).unwrap_err();
        assert!(matches!(denial, Denial::Forbidden { .. }), "{call:?}");
    }
    assert!(decide(&server, &set("mcp:read"), &tool("search")).is_ok());
}

#[test]
fn lists_and_upkeep_pass_with_any_scope_of_the_server() {
    let server = server();
    let open = mcp::open_stream(&headers("2025-11-25")).unwrap();
    let end = mcp::end_session(&headers("2025-11-25")).unwrap();
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": {} }).to_string();
    let answer = mcp::parse(&headers("2025-11-25"), answer.into(), &Limits::default()).unwrap();
    for (call, read_only) in [
        (legacy("initialize", json!({})), true),
        (legacy("notifications/initialized", json!({})), true),
        (legacy("ping", json!({})), true),
        (modern("server/discover", json!({})), true),
        (legacy("tools/list", json!({})), true),
        (legacy("prompts/list", json!({})), true),
        (legacy("resources/list", json!({})), true),
        (legacy("resources/templates/list", json!({})), true),
        (legacy("logging/setLevel", json!({ "level": "debug" })), false),
        (legacy("resources/unsubscribe", json!({ "uri": "file:///docs/keys/k" })), false),
        (legacy("notifications/cancelled", json!({ "requestId": 1 })), false),
        (legacy("notifications/progress", json!({})), false),
        (open, true),
        (end, false),
        (answer, false),
    ] {
        for scopes in ["mcp:read", "mcp:write", "admin"] {
            let permit = decide(&server, &set(scopes), &call).unwrap();
            assert!(permit.needed().is_empty(), "{call:?}");
            assert_eq!(permit.read_only(), read_only, "{call:?}");
        }
        // A scope that is not the server's does not count, and does not come back.
        for scopes in ["", "other:scope"] {
            let both = "mcp:read mcp:write".to_owned();
            assert_eq!(challenge(&server, scopes, &call), (both.clone(), both), "{call:?}");
        }
    }
}

#[test]
fn a_subscription_needs_the_scopes_of_all_its_resources_at_once() {
    let server = server();
    let listen = |filter: Value| modern("subscriptions/listen", json!({ "notifications": filter }));
    let changes = listen(json!({ "toolsListChanged": true }));
    let permit = decide(&server, &set("admin"), &changes).unwrap();
    assert!(permit.needed().is_empty() && permit.read_only());
    let several = listen(json!({ "resourceSubscriptions": ["file:///docs/a", "file:///docs/keys/k", "note://new"] }));
    assert_eq!(needed(&server, &several), "admin mcp:read mcp:write");
    assert!(!decide(&server, server.declared(), &several).unwrap().read_only());
    assert_eq!(
        challenge(&server, "mcp:read", &several),
        ("admin mcp:read mcp:write".to_owned(), "admin mcp:read mcp:write".to_owned())
    );
    let known = listen(json!({ "resourceSubscriptions": ["file:///docs/a", "note://today"] }));
    assert!(decide(&server, &set("mcp:read"), &known).unwrap().read_only());
    assert_eq!(needed(&server, &listen(json!({ "taskIds": ["t"] }))), "mcp:write");
}

#[test]
fn a_completion_needs_what_it_completes_needs() {
    let server = server();
    let complete = |reference: Value| legacy("completion/complete", json!({ "ref": reference }));
    let prompt = complete(json!({ "type": "ref/prompt", "name": "greet" }));
    assert_eq!(needed(&server, &prompt), "mcp:read");
    let resource = complete(json!({ "type": "ref/resource", "uri": "file:///docs/keys/k" }));
    assert_eq!(needed(&server, &resource), "admin");
}

#[test]
fn the_bytes_that_were_judged_are_in_the_permit() {
    let call = tool("search");
    let permit = decide(&server(), &set("mcp:read"), &call).unwrap();
    assert_eq!(permit.call().bytes(), call.bytes());
}
