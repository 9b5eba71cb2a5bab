//! Promise 1 on the data path: no byte of a client's token, and nothing that identifies the client, reaches an upstream.

use std::{
    io,
    sync::{Arc, Mutex},
};

use http::HeaderMap;
use serde_json::{Value, json};

use super::{
    upstream::{Reply, Seen},
    world::{BOTH, LEGACY, World, modern_body},
};

/// The parts of a token that would give it away.
fn pieces(token: &str) -> Vec<&str> {
    let tail = token.strip_prefix("sp_at_").unwrap();
    tail.as_bytes().chunks(12).map(|piece| std::str::from_utf8(piece).unwrap()).collect()
}

fn assert_clean(seen: &[Seen], token: &str) {
    for request in seen {
        let text = format!("{} {} {:?}", request.target, String::from_utf8_lossy(&request.body), request.headers);
        for piece in pieces(token) {
            assert!(!text.contains(piece), "{text}");
        }
    }
}

#[tokio::test]
async fn the_clients_token_reaches_no_upstream_on_any_path() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let upstream = &world.upstream;
    // Both eras, and the methods beside POST.
    world.call(&token).send().await.unwrap();
    let session = world.session(&token, "s-1").await;
    let url = &world.server.resource;
    world.open_stream(&token).header("mcp-session-id", &session).send().await.unwrap();
    world.http.delete(url).bearer_auth(&token.text).header("mcp-session-id", &session).send().await.unwrap();
    // With a query of its own.
    let with_query = world.http.post(format!("{url}?token={0}&state={0}", token.text)).bearer_auth(&token.text);
    let with_query = with_query.header("accept", "application/json, text/event-stream");
    let with_query = with_query.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/list");
    assert_eq!(with_query.json(&modern_body("tools/list", json!({}))).send().await.unwrap().status(), 200);
    // Errors, redirects, and the second try after 401.
    for reply in [Reply::status(500), Reply::status(307).with("location", "/elsewhere"), Reply::status(403)] {
        upstream.reply(reply);
        world.call(&token).send().await.unwrap();
    }
    upstream.reply(Reply::status(401).with("www-authenticate", "Bearer"));
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    // In headers that look harmless.
    let hidden = world.call(&token).header("cookie", &token.text).header("x-original-authorization", &token.text);
    hidden.header("proxy-authorization", &token.text).header("dpop", &token.text).send().await.unwrap();

    let seen = upstream.seen();
    assert_eq!(seen.len(), 11);
    assert!(seen.iter().all(|request| request.target == "/mcp"));
    assert!(seen.iter().all(|request| request.jwt().split('.').count() == 3));
    assert_clean(&seen, &token.text);
}

#[tokio::test]
async fn only_listed_headers_cross() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let mut smuggled = HeaderMap::new();
    for name in [
        "cookie",
        "dpop",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-user",
        "x-real-ip",
        "via",
        "x-user",
        "remote-user",
        "mcp-session-id",
        "last-event-id",
        "x-request-id",
        "baggage",
        "referer",
        "user-agent",
        "accept-encoding",
        "proxy-authorization",
        "x-mcp-param-a",
        "authorization2",
    ] {
        smuggled.insert(name, "canary".parse().unwrap());
    }
    let request =
        world.call(&token).headers(smuggled).header("mcp-param-region", "eu").header("traceparent", "00-1-2-03");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = world.upstream.last();
    assert!(seen.headers.values().all(|value| value != "canary"), "{:?}", seen.headers);
    let mut names: Vec<_> = seen.headers.keys().map(ToString::to_string).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "mcp-method",
        "mcp-name",
        "mcp-param-region",
        "mcp-protocol-version",
        "traceparent",
        "user-agent",
        "x-request-id",
    ];
    assert_eq!(names, expected);
    assert_eq!(seen.header("host").unwrap(), world.upstream.url.split('/').nth(2).unwrap());
    assert!(seen.header("user-agent").unwrap().starts_with("sallyport/"));
}

#[tokio::test]
async fn headers_named_by_connection_do_not_take_the_jwt_away() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let request = world.call(&token).header("connection", "authorization, mcp-method, keep-alive");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let seen = world.upstream.last();
    assert_eq!(seen.jwt().split('.').count(), 3);
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert_eq!(seen.header("connection"), None);
}

#[tokio::test]
async fn the_bytes_that_were_judged_are_the_bytes_sent() {
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let body = "{ \"id\" : 1.0e0,\"jsonrpc\":\"2.0\" ,\r\n\"method\":\"tools/call\",\"params\":{\"name\":\"\\u0065cho\",\"arguments\":{\"n\":1e300,\"e\":\"\\ud83d\\ude00\"}}}";
    let body = body.replace("1.0e0", "1");
    let request = world.post(&Value::Null).body(body.clone()).bearer_auth(&token.text);
    assert_eq!(request.header("mcp-protocol-version", LEGACY).send().await.unwrap().status(), 200);
    assert_eq!(world.upstream.last().body, body.as_bytes());
}

/// Collects what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_token_nor_jwt_is_in_any_log_audit_event_or_error() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    // The test's runtime has one thread, so this hears the gateway, its connections and the upstream.
    let _second = crate::harness::log::beside_others();
    let _heard = tracing::subscriber::set_default(subscriber.finish());
    let world = World::start().await;
    let token = world.token(&BOTH).await;
    let mut answers = Vec::new();
    let mut ask = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.unwrap();
        answers.push(format!("{:?} {}", response.headers().clone(), response.text().await.unwrap()));
    };
    ask(world.call(&token)).await;
    for reply in [Reply::status(401), Reply::status(403), Reply::status(302), Reply::text(500, "Oops")] {
        world.upstream.reply(reply);
        ask(world.call(&token)).await;
    }
    ask(world.call(&token).bearer_auth(&token.text)).await;
    ask(world.call(&token).header("mcp-session-id", &token.text)).await;
    ask(world.http.get(format!("{}?access_token={}", world.server.resource, token.text))).await;
    ask(world.http.get(world.app.url(&format!("/t/{}/mcp/tools", token.text)))).await;
    world.revoke(token.family).await;
    ask(world.call(&token)).await;
    world.app.app.calls.finish().await.unwrap();
    let events: Vec<Value> =
        sqlx::query_scalar("select to_jsonb(e) from audit_event e").fetch_all(&world.app.db.owner).await.unwrap();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("an upstream gave no answer") && log.contains("hyper"), "the log was heard");
    let everything = [log, answers.join("\n"), Value::from(events).to_string()];
    let signatures: Vec<String> =
        world.upstream.seen().iter().map(|seen| seen.jwt().rsplit('.').next().unwrap().to_owned()).collect();
    for text in &everything {
        for piece in pieces(&token.text) {
            assert!(!text.contains(piece), "{}", text.lines().find(|line| line.contains(piece)).unwrap());
        }
        assert!(signatures.iter().all(|signature| !text.contains(signature)));
    }
}
