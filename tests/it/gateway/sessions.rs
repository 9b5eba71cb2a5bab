//! Sessions and event ids of the legacy era belong to who was given them.

use reqwest::StatusCode;
use serde_json::json;

use super::{
    upstream::{Reply, Upstream},
    world::{BOTH, Token, World, error},
};

async fn list(world: &World, token: &Token, session: &str) -> StatusCode {
    world.legacy(token, "tools/list", json!({})).header("mcp-session-id", session).send().await.unwrap().status()
}

#[tokio::test]
async fn a_client_never_sees_the_upstreams_session_id() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let session = world.session(&token, "upstream-session-1").await;
    assert!(session.bytes().all(|b| b.is_ascii_graphic()) && !session.contains("upstream"));
    assert_eq!(list(&world, &token, &session).await, 200);
    assert_eq!(world.upstream.last().header("mcp-session-id"), Some("upstream-session-1"));
    // An upstream that repeats its id does not give the client another one.
    world.upstream.reply(Reply::json(200, &json!({})).with("mcp-session-id", "upstream-session-1"));
    let again = world.legacy(&token, "tools/list", json!({})).header("mcp-session-id", &session).send().await.unwrap();
    assert_eq!(again.headers()["mcp-session-id"], session.as_str());
}

#[tokio::test]
async fn only_its_holder_can_use_a_session() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let session = world.session(&token, "s-1").await;
    let asked = world.upstream.seen().len();

    let stranger = world.token(&BOTH).await;
    let other_server = world.token_for(&world.tenant, &world.tenant.server, &BOTH).await;
    let other_tenant = world.app.tenant("other").await;
    let upstream = Upstream::start().await;
    let other_tenants_server = world.app.server(other_tenant.id, "other", "tools", &upstream.url).await;
    let other_tenants = world.token_for(&other_tenant, &other_tenants_server, &BOTH).await;
    let mut altered = session.clone();
    altered.replace_range(20..21, if &session[20..21] == "A" { "B" } else { "A" });

    let at = async |resource: &str, token: &str, session: &str| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = world.http.post(resource).bearer_auth(token).header("mcp-session-id", session);
        let request = request.header("accept", "application/json, text/event-stream").json(&body);
        error(request.send().await.unwrap()).await.0
    };
    let own = world.server.resource.as_str();
    let long = "A".repeat(5000);
    for (resource, token, session) in [
        (own, &stranger, session.as_str()),
        (&world.tenant.server.resource, &other_server, &session),
        (&other_tenants_server.resource, &other_tenants, &session),
        (own, &token, &altered),
        (own, &token, "s-1"),
        (own, &token, &session[1..]),
        (own, &token, &long),
    ] {
        assert_eq!(at(resource, &token.text, session).await, 404, "{session}");
        // Not even whether a session is good is told to somebody without a good token.
        assert_eq!(at(resource, "sp_at_bad", session).await, 401);
    }
    for request in [world.open_stream(&stranger), world.http.delete(own).bearer_auth(&stranger.text)] {
        assert_eq!(request.header("mcp-session-id", &session).send().await.unwrap().status(), 404);
    }
    let twice = world.legacy(&token, "tools/list", json!({})).header("mcp-session-id", &session);
    assert_eq!(twice.header("mcp-session-id", &session).send().await.unwrap().status(), 400);
    assert_eq!(world.upstream.seen().len(), asked, "none of them was forwarded");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_session_survives_the_refresh_of_a_token() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let session = world.session(&token, "s-1").await;
    let text = world.token_of(&world.tenant, token.family, &BOTH.map(str::to_owned)).await;
    let refreshed = Token { text, family: token.family };
    assert_eq!(list(&world, &refreshed, &session).await, 200);
}

#[tokio::test]
async fn a_session_that_the_upstream_has_lost_is_not_found() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let session = world.session(&token, "s-1").await;
    world.upstream.reply(Reply::text(404, "Not Found: Session not found"));
    let response =
        world.legacy(&token, "tools/list", json!({})).header("mcp-session-id", &session).send().await.unwrap();
    let (status, _, message) = error(response).await;
    assert_eq!(status, 404);
    assert!(message.contains("initialize"), "{message}");
}

#[tokio::test]
async fn a_client_that_begins_anew_may_still_carry_a_lost_session() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let response = world.initialize(&token).header("mcp-session-id", "from-another-life").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(world.upstream.last().header("mcp-session-id"), None);
}

#[tokio::test]
async fn delete_ends_the_session_at_the_upstream() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let session = world.session(&token, "s-1").await;
    world.upstream.reply(Reply::text(200, "gone"));
    let delete = world.http.delete(&world.server.resource).bearer_auth(&token.text);
    let response = delete.header("mcp-session-id", &session).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "");
    let seen = world.upstream.last();
    assert_eq!((seen.method.as_str(), seen.header("mcp-session-id")), ("DELETE", Some("s-1")));
}

#[tokio::test]
async fn an_unusable_session_id_of_the_upstream_is_not_passed_on() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::json(200, &json!({})).with("mcp-session-id", &"x".repeat(2000)));
    let (status, _, message) = error(world.initialize(&token).send().await.unwrap()).await;
    assert_eq!(status, 502);
    assert!(message.contains("may have been executed"), "{message}");
}

#[tokio::test]
async fn event_ids_are_bound_to_holder_and_session() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let (session, second) = (world.session(&token, "s-1").await, world.session(&token, "s-2").await);
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    events.send("id: stream-1_of-the-upstream\ndata: {}\n\n".to_owned()).unwrap();
    drop(events);
    let stream =
        world.open_stream(&token).header("mcp-session-id", &session).send().await.unwrap().text().await.unwrap();
    let event = stream.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert!(!event.contains("upstream") && stream.ends_with("data: {}\n\n"), "{stream}");

    let resume = async |token: &Token, session: &str, event: &str| {
        let request = world.open_stream(token).header("mcp-session-id", session).header("last-event-id", event);
        request.send().await.unwrap().status().as_u16()
    };
    world.upstream.reply(Reply::events().0);
    assert_eq!(resume(&token, &session, event).await, 200);
    assert_eq!(world.upstream.last().header("last-event-id"), Some("stream-1_of-the-upstream"));
    let asked = world.upstream.seen().len();
    let stranger = world.token(&BOTH).await;
    let strangers = world.session(&stranger, "s-1").await;
    for (token, session, event) in [
        (&token, session.as_str(), "stream-1_of-the-upstream"),
        (&token, &second, event),
        (&stranger, &strangers, event),
        (&token, &session, &event[1..]),
    ] {
        assert_eq!(resume(token, session, event).await, 404, "{event}");
    }
    assert_eq!(world.upstream.seen().len(), asked + 1, "one more session, and no stream");
}
