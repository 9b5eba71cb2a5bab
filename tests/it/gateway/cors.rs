//! Pages of other origins.

use http::Method;
use serde_json::json;

use super::world::{BOTH, World};

const PAGE: &str = "https://inspector.example";

async fn world() -> World {
    let world = World::start().await;
    world.change(&format!("update tenant set settings = '{{\"allowed_origins\": [\"{PAGE}\"]}}'")).await;
    world
}

#[tokio::test]
async fn foreign_pages_are_refused_with_or_without_a_token() {
    let world = world().await;
    let token = world.token(&BOTH).await;
    for origin in ["https://evil.example", "null", "https://inspector.example.evil.example"] {
        for request in [world.call(&token), world.post(&json!({})), world.open_stream(&token)] {
            let response = request.header("origin", origin).send().await.unwrap();
            assert_eq!(response.status(), 403, "{origin}");
            assert!(!response.headers().contains_key("access-control-allow-origin"));
        }
    }
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn an_allowed_page_may_call_and_read_what_it_needs() {
    let world = world().await;
    let token = world.token(&BOTH).await;
    for (request, status) in [(world.call(&token), 200), (world.post(&json!({})), 401)] {
        let response = request.header("origin", PAGE).send().await.unwrap();
        assert_eq!(response.status(), status);
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], PAGE);
        assert_eq!(headers["access-control-expose-headers"], "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version");
        assert_eq!(headers["vary"], "Origin");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
    let own = world.app.base.clone();
    assert_eq!(world.call(&token).header("origin", &own).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_token() {
    let world = world().await;
    let preflight = |origin: &str| {
        let request = world.http.request(Method::OPTIONS, &world.server.resource).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,mcp-param-region,x-evil")
    };
    let response = preflight(PAGE).send().await.unwrap();
    assert_eq!(response.status(), 204);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], PAGE);
    assert_eq!(headers["access-control-allow-methods"], "POST, GET, DELETE");
    let accepted = headers["access-control-allow-headers"].to_str().unwrap();
    for name in ["authorization", "content-type", "mcp-protocol-version", "mcp-session-id", "mcp-param-region"] {
        assert!(accepted.split(", ").any(|accepted| accepted == name), "{name}");
    }
    assert!(!accepted.contains("x-evil"));
    assert_eq!(preflight("https://evil.example").send().await.unwrap().status(), 403);
}
