//! No call without policy, and no call without an audit event.

use serde_json::{Value, json};

use super::{
    upstream::Reply,
    world::{BOTH, World, error},
};

#[tokio::test]
async fn a_call_without_its_scope_gets_one_challenge_with_all_that_is_needed() {
    let world = World::start().await;
    let token = world.token(&["mcp:read"]).await;
    let response = world.call(&token).send().await.unwrap();
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    let expected = "Bearer error=\"insufficient_scope\", scope=\"mcp:read mcp:write\", resource_metadata=\"";
    assert!(challenge.starts_with(expected), "{challenge}");
    let (status, _, message) = error(response).await;
    assert_eq!(status, 403);
    assert!(message.contains("Nothing was executed"), "{message}");
    assert!(world.upstream.seen().is_empty());
    assert_eq!(world.modern(&token, "tools/list", json!({})).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_no_scope_allows_is_refused_without_a_challenge() {
    let world = World::start().await;
    world.change("update server set fallback_scope = null").await;
    let token = world.token(&BOTH).await;
    let response = world.call(&token).send().await.unwrap();
    assert!(!response.headers().contains_key("www-authenticate"), "clients would ask again and again");
    assert_eq!(error(response).await.0, 403);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn a_tenant_read_before_a_change_of_its_server_is_not_judged_by() {
    let world = World::start().await;
    let (app, token) = (&world.app.app, world.token(&BOTH).await);
    let before = app.tenant("acme").await.unwrap().unwrap();
    assert!(app.node.is_current(&before));
    world.app.server(world.tenant.id, "acme", "tools", &world.upstream.url).await;
    assert!(!app.node.is_current(&before));
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let after = app.tenant("acme").await.unwrap().unwrap();
    assert!(app.node.is_current(&after) && !app.node.is_current(&before));
}

/// The call events so far, sorted: method, name, outcome, status.
async fn events(world: &World) -> Vec<(String, Value, String, u64)> {
    world.app.app.calls.flush().await.unwrap();
    // The clock stands still, so the order of their making is not in them.
    let query = "select body from audit_event where kind = 'call' order by body->>'method', body->>'status'";
    let bodies: Vec<Value> = sqlx::query_scalar(query).fetch_all(&world.app.db.owner).await.unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let row = |body: &Value| {
        (text(&body["method"]), body["name"].clone(), text(&body["outcome"]), body["status"].as_u64().unwrap())
    };
    bodies.iter().map(row).collect()
}

#[tokio::test]
async fn every_call_leaves_an_event_denied_ones_too() {
    let world = World::start().await;
    let (token, narrow) = (world.token(&BOTH).await, world.token(&["mcp:read"]).await);
    world.call(&token).send().await.unwrap();
    world.call(&narrow).send().await.unwrap();
    world.upstream.reply(Reply::status(302));
    world.call(&token).send().await.unwrap();
    world.legacy(&token, "tools/list", json!({})).header("mcp-session-id", "made-up").send().await.unwrap();
    world.upstream.reply(Reply::status(405));
    world.open_stream(&token).send().await.unwrap();
    let event =
        |method: &str, name: Value, outcome: &str, status| (method.to_owned(), name, outcome.to_owned(), status);
    let expected = [
        event("GET", Value::Null, "answered", 405),
        event("tools/call", json!("echo"), "answered", 200),
        event("tools/call", json!("echo"), "denied", 403),
        event("tools/call", json!("echo"), "may_have_been_executed", 502),
        event("tools/list", Value::Null, "not_executed", 404),
    ];
    assert_eq!(events(&world).await, expected);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_take_the_event_with_it() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::Silence);
    let call = tokio::spawn(world.call(&token).send());
    world.upstream.asked(1).await;
    call.abort();
    world.upstream.dropped(1).await;
    // The event is left by a task of its own.
    while events(&world).await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(events(&world).await[0].2, "cut");
}

#[tokio::test]
async fn the_request_id_reappears_at_the_upstream_and_in_the_event() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let response = world.call(&token).send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(world.upstream.last().header("x-request-id"), Some(id.as_str()));
    world.app.app.calls.flush().await.unwrap();
    let query = "select request_id from audit_event where kind = 'call'";
    let recorded: String = sqlx::query_scalar(query).fetch_one(&world.app.db.owner).await.unwrap();
    assert_eq!(recorded, id);
}
