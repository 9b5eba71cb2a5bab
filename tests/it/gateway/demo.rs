//! The whole way with the demo upstream, which verifies what it gets.

use sallyport::dev::demo::{DemoConfig, PATH, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::world::{BOTH, LEGACY, Token, World};

/// A world whose server is the demo.
async fn world() -> (World, DropGuard) {
    let mut world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
    world.server = world.app.server(world.tenant.id, "acme", "tools", &url).await;
    let config = DemoConfig {
        issuer: world.tenant.issuer.clone(),
        jwks_url: format!("{}/jwks.json", world.tenant.issuer),
        audience: format!("{url}#tools"),
    };
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, config, world.app.clock.clone(), stop.clone()));
    (world, stop.drop_guard())
}

fn claims(answer: &Value) -> &Value {
    &answer["result"]["structuredContent"]
}

async fn whoami(world: &World, token: &Token) -> Value {
    let request = world.modern(token, "tools/call", json!({"name": "whoami", "arguments": {}}));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_modern_client_is_told_the_claims_it_was_called_with() {
    let (world, _stop) = world().await;
    let token = world.token(&BOTH).await;
    let answer = whoami(&world, &token).await;
    assert!(claims(&answer).to_string().contains(&world.tenant.person.id.to_string()), "{answer}");
    assert!(!answer.to_string().contains(&token.text));
}

#[tokio::test]
async fn a_legacy_client_keeps_a_session_of_its_own() {
    let (world, _stop) = world().await;
    let token = world.token(&BOTH).await;
    let response = world.initialize(&token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    assert!(response.text().await.unwrap().contains(&format!("\"protocolVersion\":\"{LEGACY}\"")));
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let notify = world.post(&initialized).bearer_auth(&token.text).header("mcp-protocol-version", LEGACY);
    assert_eq!(notify.header("mcp-session-id", &session).send().await.unwrap().status(), 202);
    let call = world.legacy(&token, "tools/call", json!({"name": "whoami", "arguments": {}}));
    let response = call.header("mcp-session-id", &session).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().contains(&world.tenant.person.id.to_string()));
    let stranger = world.token(&BOTH).await;
    let stolen = world.legacy(&stranger, "tools/list", json!({})).header("mcp-session-id", &session);
    assert_eq!(stolen.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_modern_client_discovers_the_upstream_itself() {
    let (world, _stop) = world().await;
    let token = world.token(&BOTH).await;
    let response = world.modern(&token, "server/discover", json!({})).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    assert!(answer["result"]["supportedVersions"].to_string().contains("2026-07-28"), "{answer}");
}
