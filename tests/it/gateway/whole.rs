//! The whole way: from an authorization request to a call, with nothing put into the database by hand.

use serde_json::json;

use super::world::{Token, World};
use crate::harness::flow::{Flow, Tokens};

async fn world() -> World {
    let mut world = World::start().await;
    world.server = world.app.server(world.tenant.id, "acme", "demo", &world.upstream.url).await;
    world
}

fn token(tokens: &Tokens) -> Token {
    Token { text: tokens.access.clone(), family: sallyport::ids::FamilyId(uuid::Uuid::nil()) }
}

/// Widening a grant never widens a handle that is already out.
#[tokio::test]
async fn a_token_from_before_a_wider_consent_still_gets_403() {
    let world = world().await;
    let flow = Flow::new(&world.app, &world.tenant);
    let client = flow.client().await;
    let code = flow.code_for(&client, &["mcp:read"]).await;
    let narrow = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    assert_eq!(world.call(&token(&narrow)).send().await.unwrap().status(), 403);
    let wide = flow.tokens(&client).await;
    assert_eq!(world.call(&token(&wide)).send().await.unwrap().status(), 200);
    assert_eq!(world.call(&token(&narrow)).send().await.unwrap().status(), 403, "after the wider consent, too");
    let refreshed = Tokens::read(&flow.refresh(&client, &narrow.refresh).await.json().await.unwrap());
    assert_eq!(world.call(&token(&refreshed)).send().await.unwrap().status(), 403, "and after its own refresh");
}

/// RFC 7009, and design promise 3: when the answer is there, nothing is accepted any more, warm cache or not.
#[tokio::test]
async fn a_revoked_family_is_refused_from_the_answer_on() {
    let world = world().await;
    let flow = Flow::new(&world.app, &world.tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    assert_eq!(world.modern(&token(&tokens), "tools/list", json!({})).send().await.unwrap().status(), 200);
    let response = flow.client_post("revoke", &client, &[("token", &tokens.refresh)]).await;
    assert_eq!(response.status(), 200);
    let refused = world.modern(&token(&tokens), "tools/list", json!({})).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}
