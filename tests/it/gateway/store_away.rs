//! The database on the data path: not asked where the caches are warm, and never guessed for where they are cold.

use super::world::{BOTH, World, error};

#[tokio::test]
async fn with_warm_caches_a_call_is_decided_without_the_database() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    world.app.app.store.close().await;
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    assert_eq!(world.upstream.seen().len(), 2);
}

#[tokio::test]
async fn while_the_database_is_away_nobody_is_told_that_a_token_is_bad() {
    let world = World::start().await;
    let (warm, cold) = (world.token(&BOTH).await, world.token(&BOTH).await);
    assert_eq!(world.call(&warm).send().await.unwrap().status(), 200);
    world.app.app.store.close().await;
    let response = world.call(&cold).send().await.unwrap();
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_eq!(response.headers()["retry-after"], "1");
    let (status, _, message) = error(response).await;
    assert_eq!(status, 503);
    assert!(message.contains("Nothing was executed"), "{message}");
    assert_eq!(world.upstream.seen().len(), 1);
}

#[tokio::test]
async fn while_the_database_is_away_no_tenant_is_said_to_be_unknown() {
    let world = World::start().await;
    world.app.app.store.close().await;
    let response = world.http.get(&world.server.resource).send().await.unwrap();
    assert_eq!(error(response).await.0, 503);
}
