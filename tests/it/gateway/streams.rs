//! Streams: not buffered, cut with their authority, and ended at the upstream when the client is gone.

use std::{io, time::Duration};

use reqwest::Response;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    upstream::Reply,
    world::{BOTH, World, modern_body},
};

fn event(number: usize) -> String {
    let body = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": number}});
    format!("event: message\ndata: {body}\n\n")
}

async fn next(response: &mut Response) -> Option<String> {
    let chunk = response.chunk().await.unwrap()?;
    Some(String::from_utf8(chunk.to_vec()).unwrap())
}

#[tokio::test]
async fn an_event_arrives_before_the_next_one_is_sent() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply.with("content-length-hint", "none"));
    let mut response = world.call(&token).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    assert_eq!(response.headers()["cache-control"], "no-store");
    for number in 0..3 {
        events.send(event(number)).unwrap();
        assert_eq!(next(&mut response).await.unwrap(), event(number));
    }
    // Half an event passes as well.
    events.send("data: ha".to_owned()).unwrap();
    assert_eq!(next(&mut response).await.unwrap(), "data: ha");
    events.send("lf\n\n".to_owned()).unwrap();
    assert_eq!(next(&mut response).await.unwrap(), "lf\n\n");
    drop(events);
    assert_eq!(next(&mut response).await, None);
}

#[tokio::test]
async fn a_slow_client_gets_a_long_stream_to_its_end() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    // More than the buffers on the way hold.
    let piece = format!("data: {}\n\n", "x".repeat(1 << 20));
    for _ in 0..3 {
        let (reply, events) = Reply::events();
        world.upstream.reply(reply);
        let response = world.call(&token).send().await.unwrap();
        for _ in 0..8 {
            events.send(piece.clone()).unwrap();
        }
        drop(events);
        assert_eq!(response.bytes().await.unwrap().len(), 8 * piece.len());
    }
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive_between_events_only() {
    let world = World::start_with(|config| config.http.stream_keepalive = Duration::from_millis(20)).await;
    let token = world.token(&BOTH).await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut response = world.call(&token).send().await.unwrap();
    assert_eq!(next(&mut response).await.unwrap(), ": still here\n\n");
    events.send("data: ha".to_owned()).unwrap();
    while next(&mut response).await.unwrap() != "data: ha" {}
    // Not in the middle of an event, however long it takes.
    let early = tokio::time::timeout(Duration::from_millis(100), next(&mut response)).await;
    assert!(early.is_err(), "{early:?}");
    events.send("lf\n\n".to_owned()).unwrap();
    assert_eq!(next(&mut response).await.unwrap(), "lf\n\n");
}

#[tokio::test]
async fn a_revocation_cuts_a_stream_with_a_last_word() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut response = world.call(&token).send().await.unwrap();
    events.send(event(1)).unwrap();
    next(&mut response).await.unwrap();
    world.revoke(token.family).await;
    let last = next(&mut response).await.unwrap();
    let body: Value = serde_json::from_str(last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap()).unwrap();
    assert_eq!(body["id"], 1);
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("revoked") && message.contains("may have been executed"), "{message}");
    assert_eq!(next(&mut response).await, None);
    world.upstream.dropped(1).await;
    // What the upstream says now goes nowhere.
    events.send(event(2)).unwrap_err();
}

#[tokio::test]
async fn a_revocation_leaves_the_streams_of_others_alone() {
    let world = World::start().await;
    let (one, other) = (world.token(&BOTH).await, world.token(&BOTH).await);
    let ((first, _first), (second, events)) = (Reply::events(), Reply::events());
    world.upstream.reply(first);
    let mut cut = world.call(&one).send().await.unwrap();
    world.upstream.reply(second);
    let mut kept = world.call(&other).send().await.unwrap();
    world.revoke(one.family).await;
    while next(&mut cut).await.is_some() {}
    events.send(event(1)).unwrap();
    assert_eq!(next(&mut kept).await.unwrap(), event(1));
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let session = world.session(&token, "s-1").await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut response = world.open_stream(&token).header("mcp-session-id", &session).send().await.unwrap();
    events.send(event(1)).unwrap();
    next(&mut response).await.unwrap();
    world.app.clock.advance(Duration::from_secs(3600));
    // A GET stream answers no request, so there is nothing to say.
    assert_eq!(next(&mut response).await, None);
    world.upstream.dropped(1).await;
}

#[tokio::test]
async fn a_json_answer_that_is_cut_is_not_taken_for_a_whole_one() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (reply, pieces) = Reply::events();
    let Reply::Events(_, receiver) = reply else { unreachable!() };
    world.upstream.reply(Reply::Events(vec![("content-type", "application/json".to_owned())], receiver));
    let mut response = world.call(&token).send().await.unwrap();
    pieces.send("{\"jsonrpc\":\"2.0\"}".to_owned()).unwrap();
    response.chunk().await.unwrap().unwrap();
    world.revoke(token.family).await;
    response.chunk().await.unwrap_err();
}

#[tokio::test]
async fn a_revocation_cuts_a_call_that_waits_for_its_answer() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::Silence);
    let call = tokio::spawn(world.call(&token).send());
    world.upstream.asked(1).await;
    world.revoke(token.family).await;
    let response = call.await.unwrap().unwrap();
    assert_eq!(response.status(), 401);
    assert!(response.headers()["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert!(response.text().await.unwrap().contains("may have been executed"));
    world.upstream.dropped(1).await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_call_at_the_upstream() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    // While it waits for the head of the answer.
    world.upstream.reply(Reply::Silence);
    let call = tokio::spawn(world.call(&token).send());
    world.upstream.asked(1).await;
    call.abort();
    world.upstream.dropped(1).await;
    // In the middle of a stream.
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut response = world.call(&token).send().await.unwrap();
    events.send(event(1)).unwrap();
    next(&mut response).await.unwrap();
    drop(response);
    world.upstream.dropped(2).await;
}

#[tokio::test]
async fn a_client_that_stops_reading_cannot_keep_a_revoked_stream_open() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut stalled = raw_call(&world, &token.text).await.unwrap();
    // More than any buffer on the way takes.
    let large = format!("data: {}\n\n", "x".repeat(1 << 20));
    for _ in 0..64 {
        events.send(large.clone()).unwrap();
    }
    stalled.read_exact(&mut [0; 12]).await.unwrap();
    world.revoke(token.family).await;
    world.upstream.dropped(1).await;
}

/// A modern call, written by hand.
async fn raw_call(world: &World, token: &str) -> io::Result<TcpStream> {
    let authority = world.app.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).await?;
    let body = modern_body("tools/call", json!({"name": "echo", "arguments": {}})).to_string();
    let head = format!(
        "POST /t/acme/mcp/tools HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\n\
         accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: echo\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(stream)
}
