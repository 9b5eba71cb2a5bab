//! The outcome is written when the answer has ended, however it ends.

use std::time::Duration;

use reqwest::Response;
use sqlx::PgPool;

use super::{change, count, is_held, look, sent, told};
use crate::gateway::{
    upstream::Reply,
    world::{BOTH, World},
};

const PIECE: &str = "data: {}\n\n";

/// A stream of which one piece has arrived, and where its upstream sends more.
async fn streaming(
    world: &World,
    token: &crate::gateway::world::Token,
) -> (Response, tokio::sync::mpsc::UnboundedSender<String>) {
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut response = change(world, token).send().await.unwrap();
    events.send(PIECE.to_owned()).unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), PIECE);
    (response, events)
}

/// Waits until no call has begun that has not ended.
async fn ended(world: &World) -> (String, Option<u64>, Option<u64>) {
    let told = told(world).await;
    let [call] = told.as_slice() else { panic!("one call: {told:?}") };
    (call.end().to_owned(), call.status(), call.outcome.as_ref().unwrap()["bytes"].as_u64())
}

async fn outcomes(owner: &PgPool) -> i64 {
    count(owner, "call.outcome").await
}

#[tokio::test]
async fn a_stream_has_no_outcome_before_its_end() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (mut response, events) = streaming(&world, &token).await;
    world.app.app.calls.flush().await.unwrap();
    assert_eq!(count(&world.app.db.owner, "call.intent").await, 1);
    assert_eq!(outcomes(&world.app.db.owner).await, 0, "the stream is open");
    world.app.clock.advance(Duration::from_secs(5));
    drop(events);
    assert!(response.chunk().await.unwrap().is_none());
    assert_eq!(ended(&world).await, ("answered".to_owned(), Some(200), Some(PIECE.len() as u64)));
    let millis = "select (body->>'millis')::bigint from audit_event where kind = 'call.outcome'";
    let millis: i64 = sqlx::query_scalar(millis).fetch_one(&world.app.db.owner).await.unwrap();
    assert_eq!(millis, 5000, "until the end of the answer");
}

#[tokio::test]
async fn a_revocation_in_the_middle_of_a_stream_is_its_outcome() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (_response, _events) = streaming(&world, &token).await;
    world.revoke(token.family).await;
    assert_eq!(ended(&world).await.0, "revoked");
}

#[tokio::test]
async fn a_revocation_cuts_an_answer_that_waits_for_the_disk() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    // Revocations are written all the same.
    let mut held = world.app.db.owner.begin().await.unwrap();
    sqlx::query("lock table open_call in share mode").execute(&mut *held).await.unwrap();
    let mut call = sent(look(&world, &token));
    assert!(is_held(&mut call).await);
    assert_eq!(world.upstream.seen().len(), 1);
    world.revoke(token.family).await;
    held.rollback().await.unwrap();
    assert_eq!(call.await.unwrap().0, 401);
    assert_eq!(ended(&world).await.0, "revoked");
}

#[tokio::test]
async fn the_end_of_a_token_in_the_middle_of_a_stream_is_its_outcome() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (_response, _events) = streaming(&world, &token).await;
    world.app.clock.advance(Duration::from_secs(3600));
    assert_eq!(ended(&world).await.0, "expired");
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_stream_is_its_outcome() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (response, _events) = streaming(&world, &token).await;
    drop(response);
    assert_eq!(ended(&world).await, ("client_gone".to_owned(), Some(200), Some(PIECE.len() as u64)));
}

#[tokio::test]
async fn an_answer_that_is_larger_than_allowed_is_broken_off() {
    let world = World::start_with(|config| config.upstream.max_answer_bytes = 10).await;
    let token = world.token(&BOTH).await;
    let (reply, events) = Reply::events();
    let Reply::Events(_, receiver) = reply else { unreachable!() };
    world.upstream.reply(Reply::Events(vec![("content-type", "application/json".to_owned())], receiver));
    events.send("[1,2,3,4]".to_owned()).unwrap();
    events.send("[1,2,3,4]".to_owned()).unwrap();
    let response = change(&world, &token).send().await.unwrap();
    response.bytes().await.unwrap_err();
    assert_eq!(ended(&world).await.0, "broken_off");
}

#[tokio::test]
async fn what_answers_a_notification_is_an_outcome_too() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::status(202));
    let body = serde_json::json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let request = world.post(&body).bearer_auth(&token.text).header("mcp-protocol-version", "2025-11-25");
    assert_eq!(request.send().await.unwrap().status(), 202);
    assert_eq!(ended(&world).await, ("answered".to_owned(), Some(202), Some(0)));
}

/// Names that trouble databases: one of them must not keep the others' events out.
#[tokio::test]
async fn any_name_that_may_be_called_can_be_written_down() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let names = ["\\u0000", "\"", "\u{feff}\u{1f512}", "'; drop table audit_event; --", "{}", "\u{fffd}", "a b"];
    let long = "n".repeat(8 * 1024);
    for name in names.into_iter().chain([long.as_str()]) {
        let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}});
        let request = world.post(&body).bearer_auth(&token.text).header("mcp-protocol-version", "2025-11-25");
        assert_eq!(request.send().await.unwrap().status(), 200, "{name}");
    }
    let told = told(&world).await;
    let written: std::collections::BTreeSet<_> = told.iter().map(|told| told.text("name")).collect();
    // Of a long one, the beginning.
    assert_eq!(written, names.into_iter().chain([&long[..512]]).collect());
}
