//! No call without policy, and no call without an audit event.

use serde_json::{Value, json};

use super::{
    upstream::Reply,
    world::{BOTH, World, error},
};
use crate::harness::evidence::{self, Told};

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

/// The calls so far, sorted: method, name, how it ended, status.
async fn told(world: &World) -> Vec<(String, Value, String, Option<u64>)> {
    world.app.app.calls.finish().await.unwrap();
    let calls = evidence::calls(&world.app.db.owner).await;
    let row =
        |call: &Told| (call.text("method").to_owned(), call.body["name"].clone(), call.end().to_owned(), call.status());
    // The clock stands still, so the order of their making is not in them.
    let mut rows: Vec<_> = calls.iter().map(row).collect();
    rows.sort_by(|a, b| (&a.0, a.3).cmp(&(&b.0, b.3)));
    rows
}

#[tokio::test]
async fn every_call_leaves_evidence_denied_ones_too() {
    let world = World::start().await;
    let (token, narrow) = (world.token(&BOTH).await, world.token(&["mcp:read"]).await);
    world.call(&token).send().await.unwrap();
    world.call(&narrow).send().await.unwrap();
    world.upstream.reply(Reply::status(302));
    world.call(&token).send().await.unwrap();
    world.legacy(&token, "tools/list", json!({})).header("mcp-session-id", "made-up").send().await.unwrap();
    world.upstream.reply(Reply::status(405));
    world.open_stream(&token).send().await.unwrap();
    let event = |method: &str, name: Value, end: &str, status| (method.to_owned(), name, end.to_owned(), Some(status));
    let expected = [
        event("GET", Value::Null, "answered", 405),
        event("tools/call", json!("echo"), "answered", 200),
        event("tools/call", json!("echo"), "denied", 403),
        event("tools/call", json!("echo"), "may_have_been_executed", 502),
        event("tools/list", Value::Null, "refused", 404),
    ];
    assert_eq!(told(&world).await, expected);
}

#[tokio::test]
async fn of_a_long_name_the_events_hold_the_beginning_and_a_digest() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    // The first 512 bytes end in the middle of a character.
    let (long, short) = (format!("x{}", "\u{e9}".repeat(4_000)), "y".repeat(512));
    for name in [&long, &short] {
        let request = world.legacy(&token, "tools/call", json!({"name": name, "arguments": {}}));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    world.app.app.calls.flush().await.unwrap();
    let told = evidence::calls(&world.app.db.owner).await;
    let names: std::collections::BTreeMap<_, _> =
        told.iter().map(|call| (call.text("name").to_owned(), call.body.get("name_digest").cloned())).collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, long.as_bytes());
    let digest = sallyport::secret::hex(digest.as_ref());
    let cut = format!("x{}", "\u{e9}".repeat(255));
    assert_eq!(names, [(cut, Some(json!(digest))), (short, None)].into());
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_take_the_evidence_with_it() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::Silence);
    let call = tokio::spawn(world.call(&token).send());
    world.upstream.asked(1).await;
    call.abort();
    world.upstream.dropped(1).await;
    assert_eq!(told(&world).await, [("tools/call".to_owned(), json!("echo"), "client_gone".to_owned(), Some(499))]);
}

#[tokio::test]
async fn the_request_id_reappears_at_the_upstream_and_in_the_events() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let response = world.call(&token).send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(world.upstream.last().header("x-request-id"), Some(id.as_str()));
    world.app.app.calls.finish().await.unwrap();
    let query = "select request_id from audit_event where kind like 'call.%'";
    let recorded: Vec<String> = sqlx::query_scalar(query).fetch_all(&world.app.db.owner).await.unwrap();
    assert_eq!(recorded, [id.clone(), id]);
}
