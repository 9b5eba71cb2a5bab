//! Both eras at one address, and servers that speak one of them only.

use serde_json::{Value, json};

use super::{
    upstream::Reply,
    world::{BOTH, LEGACY, MODERN, World},
};
use crate::harness::evidence;

/// Status and body.
async fn ask(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Whether clients take this for the answer of a modern server, and do not fall back to `initialize`.
fn is_modern_error(status: u16, body: &Value) -> bool {
    let code = body["error"]["code"].as_i64().unwrap();
    (-32022..=-32020).contains(&code) || (status == 404 && code == -32601)
}

#[tokio::test]
async fn an_auto_server_passes_both_eras_as_they_are() {
    let world = World::of_era("auto").await;
    let token = world.token(&BOTH).await;
    let (status, _) = ask(world.modern(&token, "server/discover", json!({}))).await;
    assert_eq!(status, 200);
    assert_eq!(world.upstream.last().header("mcp-protocol-version"), Some(MODERN));
    assert_eq!(ask(world.initialize(&token)).await.0, 200);
    assert_eq!(ask(world.legacy(&token, "tools/list", json!({}))).await.0, 200);
    assert_eq!(world.upstream.last().header("mcp-protocol-version"), Some(LEGACY));
}

#[tokio::test]
async fn a_modern_message_to_a_legacy_server_makes_clients_fall_back() {
    let world = World::of_era("legacy").await;
    let token = world.token(&BOTH).await;
    for method in ["server/discover", "tools/list", "no/such/method"] {
        let (status, body) = ask(world.modern(&token, method, json!({}))).await;
        assert_eq!(status, 400, "{method}");
        assert!(!is_modern_error(status, &body), "{body}");
        assert_eq!(body["id"], 1);
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(ask(world.initialize(&token)).await.0, 200);
}

#[tokio::test]
async fn a_legacy_initialize_to_a_modern_server_learns_the_supported_versions() {
    let world = World::of_era("modern").await;
    let token = world.token(&BOTH).await;
    let (status, body) = ask(world.initialize(&token)).await;
    assert_eq!(status, 400);
    assert_eq!(body["error"]["data"]["supported"], json!([MODERN]));
    assert!(body["error"]["message"].as_str().unwrap().contains(MODERN));
    for request in [world.open_stream(&token), world.http.delete(&world.server.resource).bearer_auth(&token.text)] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "POST");
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(ask(world.call(&token)).await.0, 200);
}

#[tokio::test]
async fn an_auto_server_that_turns_out_legacy_makes_clients_fall_back() {
    let world = World::of_era("auto").await;
    let token = world.token(&BOTH).await;
    let no_session = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "No valid session ID"}});
    for reply in [
        Reply::json(400, &no_session),
        Reply::json(404, &no_session),
        Reply::text(400, "Missing session ID"),
        Reply::text(404, "Not Found"),
        Reply::text(405, "Method Not Allowed"),
        Reply::status(406),
        Reply::text(500, "Internal Server Error"),
    ] {
        world.upstream.reply(reply);
        let (status, body) = ask(world.modern(&token, "server/discover", json!({}))).await;
        assert_eq!(status, 400);
        assert!(!is_modern_error(status, &body), "{body}");
    }
}

/// Only what is about the form of a request shows that it was turned down before anything was done.
#[tokio::test]
async fn a_refusal_without_a_message_says_not_executed_only_where_that_is_sure() {
    let world = World::of_era("auto").await;
    let token = world.token(&BOTH).await;
    let mut expected = Vec::new();
    for (status, answer, outcome) in [
        (400, 400, "not_executed"),
        (404, 400, "not_executed"),
        (405, 400, "not_executed"),
        (406, 400, "not_executed"),
        (415, 400, "not_executed"),
        (402, 502, "may_have_been_executed"),
        (409, 502, "may_have_been_executed"),
        (410, 502, "may_have_been_executed"),
        (418, 502, "may_have_been_executed"),
        (422, 502, "may_have_been_executed"),
        (499, 502, "may_have_been_executed"),
    ] {
        world.upstream.reply(Reply::text(status, "no"));
        let (got, body) = ask(world.call(&token)).await;
        assert_eq!(got, answer, "{status}: {body}");
        let message = body["error"]["message"].as_str().unwrap();
        assert_eq!(message.contains("may have been executed"), answer == 502, "{status}: {message}");
        expected.push((outcome, u64::from(answer)));
    }
    world.app.app.calls.finish().await.unwrap();
    let told = evidence::calls(&world.app.db.owner).await;
    let mut told: Vec<_> = told.iter().map(|call| (call.end(), call.status().unwrap())).collect();
    // The clock stands still, so the order of their making is not in them.
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_modern_upstreams_own_errors_pass() {
    for era in ["auto", "modern"] {
        let world = World::of_era(era).await;
        let token = world.token(&BOTH).await;
        for (status, code) in [(400, -32020), (400, -32021), (400, -32022), (404, -32601)] {
            let body =
                json!({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "upstream", "data": {"a": 1}}});
            world.upstream.reply(Reply::json(status, &body));
            assert_eq!(ask(world.call(&token)).await, (status, body));
        }
    }
}

#[tokio::test]
async fn sessions_mean_nothing_in_the_modern_era() {
    let world = World::of_era("auto").await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::json(200, &json!({})).with("mcp-session-id", "s-1"));
    let request = world.call(&token).header("mcp-session-id", "made-up").header("last-event-id", "made-up");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("mcp-session-id"));
    let seen = world.upstream.last();
    assert_eq!((seen.header("mcp-session-id"), seen.header("last-event-id")), (None, None));
    let get = world.http.get(&world.server.resource).bearer_auth(&token.text).header("mcp-protocol-version", MODERN);
    assert_eq!(get.send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn a_get_without_a_session_is_for_the_upstream_to_judge() {
    let world = World::of_era("auto").await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::text(405, "Method Not Allowed").with("allow", "POST, DELETE"));
    let response = world.open_stream(&token).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST, DELETE");
    assert_eq!(response.text().await.unwrap(), "");
}
