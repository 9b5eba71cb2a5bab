//! What of an upstream's answer reaches the client, and what a client is told otherwise.

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    upstream::Reply,
    world::{BOTH, World, error},
};

/// Answers that must not pass, and what the client gets: status and a part of the message.
#[tokio::test]
async fn an_upstreams_own_refusals_and_directions_never_pass() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    for (status, message) in [
        (403, "Your own authorization is fine"),
        (407, "Your own authorization is fine"),
        (301, "may have been executed"),
        (302, "may have been executed"),
        (303, "may have been executed"),
        (307, "may have been executed"),
        (308, "may have been executed"),
    ] {
        let reply = Reply::status(status).with("location", "http://127.0.0.1:1/").with("set-cookie", "a=b");
        world.upstream.reply(reply.with("www-authenticate", "Bearer").with("proxy-authenticate", "Basic"));
        let response = world.call(&token).send().await.unwrap();
        for name in ["location", "set-cookie", "www-authenticate", "proxy-authenticate"] {
            assert!(!response.headers().contains_key(name), "{status} {name}");
        }
        let (got, _, text) = error(response).await;
        assert_eq!(got, 502, "{status}");
        assert!(text.contains(message), "{status}: {text}");
    }
    assert_eq!(world.upstream.seen().len(), 7, "no redirect was followed");
}

#[tokio::test]
async fn only_listed_headers_come_back() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let reply = Reply::json(200, &json!({"jsonrpc": "2.0", "id": 1, "result": {"x": 1}}));
    let reply = reply.with("set-cookie", "canary").with("server", "canary").with("link", "canary");
    let reply = reply.with("access-control-allow-origin", "*").with("x-anything", "canary").with("etag", "canary");
    world.upstream.reply(reply.with("cache-control", "public, max-age=600").with("mcp-session-id", "canary"));
    let response = world.call(&token).send().await.unwrap();
    let headers = response.headers();
    assert!(headers.values().all(|value| value != "canary"), "{headers:?}");
    assert!(!headers.contains_key("access-control-allow-origin"));
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(response.json::<Value>().await.unwrap()["result"]["x"], 1);
}

#[tokio::test]
async fn pages_and_compressed_bodies_are_no_answers() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let gzip = Reply::json(200, &json!({})).with("content-encoding", "gzip");
    for reply in [Reply::text(200, "<script>alert(1)</script>"), Reply::status(200), gzip] {
        world.upstream.reply(reply);
        let (status, _, message) = error(world.call(&token).send().await.unwrap()).await;
        assert_eq!(status, 502);
        assert!(message.contains("may have been executed"), "{message}");
    }
    world.upstream.reply(Reply::text(500, "<h1>Oops</h1>"));
    let (status, _, message) = error(world.call(&token).send().await.unwrap()).await;
    assert_eq!(status, 500);
    assert!(message.contains("may have been executed") && !message.contains("Oops"), "{message}");
}

#[tokio::test]
async fn a_json_rpc_error_passes_as_it_is() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Unknown tool"}});
    for status in [200, 500] {
        world.upstream.reply(Reply::json(status, &body));
        let response = world.legacy(&token, "tools/call", json!({"name": "echo"})).send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.json::<Value>().await.unwrap(), body);
    }
}

#[tokio::test]
async fn a_busy_upstream_may_say_when_to_come_back() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::status(429).with("retry-after", "7"));
    let response = world.call(&token).send().await.unwrap();
    assert_eq!(response.status(), 429);
}

#[tokio::test]
async fn an_unreachable_upstream_is_told_from_one_that_broke_off() {
    let world = World::start().await;
    // Nobody listens behind the tenant's other server.
    let token = world.token_for(&world.tenant, &world.tenant.server, &BOTH).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let ask = async |resource: &str| {
        let request = world.http.post(resource).bearer_auth(&token.text).json(&list);
        error(request.header("accept", "application/json, text/event-stream").send().await.unwrap()).await
    };
    let (status, _, message) = ask(&world.tenant.server.resource).await;
    assert_eq!(status, 502);
    assert!(message.contains("was not executed"), "{message}");
    // This one takes the request and hangs up.
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", rude.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = rude.accept().await.unwrap();
            tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 64]).await.unwrap();
        }
    });
    let server = world.app.server(world.tenant.id, "acme", "demo", &url).await;
    let (status, _, message) = ask(&server.resource).await;
    assert_eq!(status, 502);
    assert!(message.contains("may have been executed"), "{message}");
}

#[tokio::test]
async fn a_forbidden_network_is_never_asked() {
    let world = World::start_with(|config| config.upstream.allow_networks = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let token = world.token(&BOTH).await;
    let (status, _, message) = error(world.call(&token).send().await.unwrap()).await;
    assert_eq!(status, 502);
    assert!(message.contains("was not executed") && !message.contains("127.0.0.1"), "{message}");
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn a_silent_upstream_is_given_up_after_its_time() {
    let world =
        World::start_with(|config| config.upstream.response_timeout = std::time::Duration::from_millis(200)).await;
    let token = world.token(&BOTH).await;
    world.upstream.reply(Reply::Silence);
    let (status, _, message) = error(world.call(&token).send().await.unwrap()).await;
    assert_eq!(status, 502);
    assert!(message.contains("may have been executed"), "{message}");
    world.upstream.dropped(1).await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_broken_off() {
    let world = World::start_with(|config| config.upstream.max_answer_bytes = 1000).await;
    let token = world.token(&BOTH).await;
    let result = |size: usize| json!({"jsonrpc": "2.0", "id": 1, "result": {"x": "y".repeat(size)}});
    world.upstream.reply(Reply::json(200, &result(900)));
    assert_eq!(world.call(&token).send().await.unwrap().json::<Value>().await.unwrap(), result(900));
    world.upstream.reply(Reply::json(200, &result(1100)));
    let (status, _, message) = error(world.call(&token).send().await.unwrap()).await;
    assert_eq!(status, 502);
    assert!(message.contains("may have been executed"), "{message}");
    // Of unknown length: the client must not take a part for the whole.
    let (reply, pieces) = Reply::events();
    let Reply::Events(_, receiver) = reply else { unreachable!() };
    world.upstream.reply(Reply::Events(vec![("content-type", "application/json".to_owned())], receiver));
    pieces.send(result(1100).to_string()).unwrap();
    drop(pieces);
    let response = world.call(&token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap_err();
}

#[tokio::test]
async fn what_answers_a_notification_is_its_status() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let session = world.session(&token, "s-1").await;
    let body = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let notify = || world.post(&body).bearer_auth(&token.text).header("mcp-session-id", &session);
    let response = notify().send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (202, ""));
    assert_eq!(world.upstream.last().body, body.to_string().as_bytes());
    world.upstream.reply(Reply::text(202, "Accepted"));
    let response = notify().send().await.unwrap();
    assert!(!response.headers().contains_key("content-type"));
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (202, ""));
}
