//! The outer door: who gets in, and what the others are told.

use std::time::Duration;

use reqwest::Response;
use serde_json::json;

use super::{
    upstream::Upstream,
    world::{BOTH, World, error, modern_body},
};

fn challenge(response: &Response) -> String {
    let values: Vec<_> = response.headers().get_all("www-authenticate").iter().collect();
    assert_eq!(values.len(), 1, "one line");
    values[0].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_token_every_way_in_is_challenged() {
    let world = World::start().await;
    let url = &world.server.resource;
    let modern = modern_body("server/discover", json!({}));
    for request in [
        world.post(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})),
        world.post(&modern).header("mcp-protocol-version", "2026-07-28").header("mcp-method", "server/discover"),
        world.post(&json!("not even a message")),
        world.http.get(url),
        world.http.delete(url),
        world.http.post(url).basic_auth("user", Some("pass")),
        world.http.get(url).header("mcp-session-id", "made-up"),
    ] {
        let response = request.send().await.unwrap();
        let metadata = format!("{}/.well-known/oauth-protected-resource/t/acme/mcp/tools", world.app.base);
        let expected = format!("Bearer scope=\"mcp:read mcp:write\", resource_metadata=\"{metadata}\"");
        assert_eq!(challenge(&response), expected);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(error(response).await.0, 401);
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn a_bad_token_is_told_so() {
    let world = World::start().await;
    for token in ["sp_at_nonsense", "eyJhbGciOiJub25lIn0.e30.", "gho_somebodyelses"] {
        let response = world.post(&json!({})).bearer_auth(token).send().await.unwrap();
        assert!(challenge(&response).starts_with("Bearer error=\"invalid_token\", scope=\"mcp:read mcp:write\", "));
        let body = response.text().await.unwrap();
        assert!(!body.contains(token), "{body}");
    }
}

#[tokio::test]
async fn two_authorization_headers_or_a_malformed_one_are_a_bad_request() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let good = format!("Bearer {}", token.text);
    for values in [vec![good.as_str(), good.as_str()], vec![&good, "Basic eDp5"], vec!["Bearer"], vec!["Bearer a b"]] {
        let mut request = world.post(&modern_body("tools/list", json!({})));
        for value in &values {
            request = request.header("authorization", *value);
        }
        let response = request.send().await.unwrap();
        assert!(challenge(&response).starts_with("Bearer error=\"invalid_request\""));
        assert_eq!(error(response).await.0, 400, "{values:?}");
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn a_token_in_the_address_is_refused() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let url = format!("{}?access_token={}", world.server.resource, token.text);
    let body = modern_body("tools/list", json!({}));
    assert_eq!(world.http.post(&url).json(&body).send().await.unwrap().status(), 400);
    assert_eq!(world.http.post(&url).bearer_auth(&token.text).json(&body).send().await.unwrap().status(), 400);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn the_gateways_own_jwt_is_refused_at_the_front_door_and_at_a_second_server() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let jwt = world.upstream.last().jwt().to_owned();
    for resource in [&world.server.resource, &world.tenant.server.resource] {
        let request = world.http.post(resource).json(&modern_body("tools/list", json!({})));
        let response = request.bearer_auth(&jwt).send().await.unwrap();
        assert!(challenge(&response).contains("error=\"invalid_token\""));
        assert_eq!(response.status(), 401);
    }
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_token_for_another_server_is_refused_with_this_servers_metadata() {
    let world = World::start().await;
    let other = world.token_for(&world.tenant, &world.tenant.server, &BOTH).await;
    let response = world.call(&other).send().await.unwrap();
    let challenge = challenge(&response);
    assert!(challenge.contains("error=\"invalid_token\"") && challenge.contains("/t/acme/mcp/tools\""), "{challenge}");
    assert_eq!(response.status(), 401);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn a_token_of_another_tenant_is_refused() {
    let world = World::start().await;
    let other = world.app.tenant("other").await;
    let upstream = Upstream::start().await;
    let server = world.app.server(other.id, "other", "tools", &upstream.url).await;
    let token = world.token_for(&other, &server, &BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 401);
    assert!(world.upstream.seen().is_empty() && upstream.seen().is_empty());
}

#[tokio::test]
async fn an_expired_token_is_refused_with_a_warm_cache_too() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    world.app.clock.advance(Duration::from_secs(3600));
    let response = world.call(&token).send().await.unwrap();
    assert!(challenge(&response).contains("error=\"invalid_token\""));
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn a_revoked_token_is_refused_with_a_warm_cache_too() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    world.revoke(token.family).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 401);
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn an_unknown_server_or_tenant_is_not_found() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    for path in ["/t/acme/mcp/nothing", "/t/nobody/mcp/tools", "/t/ACME/mcp/tools"] {
        let response =
            world.http.post(world.app.url(path)).bearer_auth(&token.text).json(&json!({})).send().await.unwrap();
        assert_eq!(error(response).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_checks_come_in_their_order() {
    let world = World::start_with(|config| config.http.max_body_bytes = 64 * 1024).await;
    let token = world.token(&["mcp:read"]).await;
    let huge = json!({"pad": "x".repeat(70_000)});
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    // A foreign page, with everything else wrong, too.
    assert_eq!(status(world.post(&huge).header("origin", "https://evil.example")).await, 403);
    // Too large, and no token.
    assert_eq!(status(world.post(&huge)).await, 413);
    // Too large, in pieces, with a token.
    let pieces = futures_util::stream::iter([huge.to_string()].map(Ok::<_, std::io::Error>));
    let body = reqwest::Body::wrap_stream(pieces);
    assert_eq!(status(world.post(&json!(0)).body(body).bearer_auth(&token.text)).await, 413);
    // No token, and no message.
    assert_eq!(status(world.post(&json!(0)).header("mcp-session-id", "made-up")).await, 401);
    // A good token, and no message.
    assert_eq!(status(world.post(&json!(0)).bearer_auth(&token.text)).await, 400);
    // A header that does not match, in a call that lacks a scope.
    let mismatch = world.call(&token).header("mcp-method", "tools/list");
    assert_eq!(status(mismatch).await, 400);
    // The scope, before a session that is made up.
    let scope = world.legacy(&token, "tools/call", json!({"name": "echo"})).header("mcp-session-id", "made-up");
    assert_eq!(status(scope).await, 403);
    // The session last.
    let session = world.legacy(&token, "tools/list", json!({})).header("mcp-session-id", "made-up");
    assert_eq!(status(session).await, 404);
    assert!(world.upstream.seen().is_empty());
}
