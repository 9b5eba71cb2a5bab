//! Calls on every path: good ones, refused ones, ones that break, with tokens where none belong.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::scene::Scene;
use crate::{
    gateway::{
        upstream::Reply,
        world::{BOTH, LEGACY, MODERN, Token, World, modern_body},
    },
    harness::app::TestServer,
};

pub(super) async fn all(scene: &mut Scene) {
    good(scene).await;
    refused(scene).await;
    broken(scene).await;
    streams(scene).await;
    wrong_tokens(scene).await;
    out_of_place(scene).await;
    by_hand(scene).await;
    in_its_own_message(scene).await;
}

/// Both eras, every HTTP method, and the second try with a new JWT.
async fn good(scene: &mut Scene) {
    let Scene { world, token, .. } = &mut *scene;
    let mut session = world.session(token, "s-1").await;
    let url = world.server.resource.clone();
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let requests = [
        ("a modern call", world.call(token)),
        (
            "a legacy call",
            world.legacy(token, "tools/call", json!({"name": "echo"})).header("mcp-session-id", &session),
        ),
        ("a notification", world.post(&initialized).bearer_auth(&token.text).header("mcp-session-id", &session)),
        ("a stream of the server", world.open_stream(token).header("mcp-session-id", &session)),
        ("the end of a session", world.http.delete(&url).bearer_auth(&token.text).header("mcp-session-id", &session)),
        ("a preflight", preflight(world)),
    ];
    for (what, request) in requests {
        let status = scene.ask(what, request).await;
        assert!((200..300).contains(&status), "{what}: {status}");
    }
    for replies in [vec![401], vec![401, 401]] {
        let again = replies.len() == 1;
        for status in replies {
            scene.world.upstream.reply(Reply::status(status).with("www-authenticate", "Bearer"));
        }
        let status = scene.ask("a call whose first JWT is refused", scene.world.call(&scene.token)).await;
        assert_eq!(status == 200, again, "{status}");
    }
    session.insert(3, 'x');
    let call = scene.world.legacy(&scene.token, "tools/list", json!({})).header("mcp-session-id", &session);
    scene.goes_wrong("a call with an altered session", call).await;
}

fn preflight(world: &World) -> RequestBuilder {
    let request = world.http.request(Method::OPTIONS, &world.server.resource).header("origin", &world.app.base);
    request.header("access-control-request-method", "POST").header("access-control-request-headers", "authorization")
}

/// By policy, by the era, by the message's form, and by the upstream.
async fn refused(scene: &mut Scene) {
    let Scene { world, .. } = &mut *scene;
    // A server that allows only what is listed, and whose catalogue is empty.
    let closed = world.app.server(world.tenant.id, "acme", "closed", &world.upstream.url).await;
    let reader = world.token(&["mcp:read"]).await;
    let outsider = world.token_for(&world.tenant, &closed, &BOTH).await;
    for (name, token) in [("the reader's access token", &reader), ("the outsider's access token", &outsider)] {
        scene.canary(name, &token.text);
    }
    let Scene { world, token, .. } = &*scene;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let body = |text: &str| world.post(&Value::Null).body(text.to_owned()).bearer_auth(&token.text);
    let requests = [
        ("a call beyond its scope", world.call(&reader)),
        ("a call at another resource", world.call(&outsider)),
        ("a batch", body(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#)),
        ("no JSON", body("{")),
        ("a body too deep", body(&deep)),
        ("a body too large", body(&"x".repeat(5 << 20))),
        ("an unknown method", world.modern(token, "no/such", json!({}))),
        ("a wrong Mcp-Name", world.call(token).header("mcp-name", "other")),
        ("a foreign origin", world.call(token).header("origin", "https://evil.example")),
        ("a wrong host", world.call(token).header("host", "evil.example")),
        ("PATCH", world.http.patch(&world.server.resource).bearer_auth(&token.text)),
        ("no media type", world.http.post(&world.server.resource).bearer_auth(&token.text).body("{}")),
    ];
    for (what, request) in requests {
        scene.goes_wrong(what, request).await;
    }
    for (status, header) in [
        (400, "x-a"),
        (403, "www-authenticate"),
        (404, "x-a"),
        (407, "proxy-authenticate"),
        (302, "location"),
        (500, "x-a"),
    ] {
        scene.world.upstream.reply(Reply::text(status, "<h1>Oops</h1>").with(header, "/elsewhere"));
        scene.goes_wrong("a call that the upstream refuses", scene.world.call(&scene.token)).await;
    }
}

/// Upstreams that are away, silent, too loud, or hang up in the middle.
async fn broken(scene: &mut Scene) {
    let Scene { world, .. } = &*scene;
    let nobody = world.app.server(world.tenant.id, "acme", "nobody", "http://127.0.0.1:9/mcp").await;
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", rude.local_addr().unwrap());
    tokio::spawn(async move {
        for answer in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"jsonrpc\"",
            "HTTP/9",
        ] {
            let (mut stream, _) = rude.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let rude = world.app.server(world.tenant.id, "acme", "rude", &url).await;
    for server in [nobody, rude] {
        let token = scene.world.token_for(&scene.world.tenant, &server, &BOTH).await;
        scene.canary("the access token of a broken server", &token.text);
        for _ in 0..3 {
            let status = scene.ask("a call of a broken server", call_of(&scene.world, &server, &token)).await;
            assert!(status >= 400 || server.slug == "rude", "{status}");
        }
    }
    let large = json!({"jsonrpc": "2.0", "id": 1, "result": "x".repeat(2000)});
    for reply in [Reply::Silence, Reply::json(200, &large), Reply::json(200, &json!({})).with("content-encoding", "br")]
    {
        scene.world.upstream.reply(reply);
        scene.goes_wrong("a call with a useless answer", scene.world.call(&scene.token)).await;
    }
}

fn call_of(world: &World, server: &TestServer, token: &Token) -> RequestBuilder {
    let call = world.call(token);
    let (http, request) = call.build_split();
    let mut request = request.unwrap();
    *request.url_mut() = server.resource.parse().unwrap();
    RequestBuilder::from_parts(http, request)
}

/// One that ends by itself, one whose client goes away, and one that a revocation cuts.
async fn streams(scene: &mut Scene) {
    let event = "data: {\"jsonrpc\": \"2.0\", \"method\": \"notifications/progress\"}\n\n";
    for end in ["by itself", "the client goes away", "revoked"] {
        let Scene { world, .. } = &mut *scene;
        let token = world.token(&BOTH).await;
        scene.canary("the access token of a stream", &token.text);
        let Scene { world, .. } = &mut *scene;
        let (reply, events) = Reply::events();
        world.upstream.reply(reply);
        let mut response = world.call(&token).send().await.unwrap();
        events.send(event.to_owned()).unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        match end {
            "by itself" => drop(events),
            "revoked" => world.revoke(token.family).await,
            _ => {
                drop(response);
                continue;
            }
        }
        assert_eq!(scene.hear(end, response).await, 200);
        let again = scene.world.call(&token);
        if end == "revoked" {
            scene.goes_wrong("a call after the revocation", again).await;
        }
    }
}

/// Whatever is no good access token for this server, in the header where one belongs.
async fn wrong_tokens(scene: &mut Scene) {
    let access = scene.secrets.tokens.access.clone();
    let mut wrong: Vec<String> =
        scene.secrets.handles().iter().skip(1).map(|(_, text)| format!("Bearer {text}")).collect();
    wrong.extend([
        format!("Bearer {access}x"),
        format!("Bearer  {access} {access}"),
        format!("Bearer {access}, Bearer {access}"),
        format!("Bearer \"{access}\""),
        format!("Basic {}", STANDARD.encode(format!("{access}:{access}"))),
        format!("DPoP {access}"),
        access.to_lowercase(),
        format!("Token {access}"),
    ]);
    for value in wrong {
        let call = scene.world.http.post(&scene.world.server.resource).header("authorization", value);
        scene.goes_wrong("a wrong token", call.json(&modern_body("tools/list", json!({})))).await;
    }
    let twice = scene.world.call(&scene.token).header("authorization", format!("Bearer {access}"));
    scene.goes_wrong("two tokens", twice).await;
}

/// The token once more, where it does not belong: in headers, in the address, in the protocol's own fields.
async fn out_of_place(scene: &mut Scene) {
    let token = scene.secrets.tokens.access.clone();
    for name in [
        "cookie",
        "proxy-authorization",
        "x-original-authorization",
        "x-forwarded-for",
        "x-request-id",
        "referer",
        "user-agent",
        "dpop",
        "last-event-id",
        "mcp-session-id",
        "mcp-method",
        "mcp-name",
        "mcp-param-region",
        "mcp-protocol-version",
        "traceparent",
        "tracestate",
        "accept",
        "content-type",
        "baggage",
        "origin",
        "te",
        "access-control-request-headers",
        "expect",
        "via",
        "content-language",
        "if-match",
    ] {
        let values = [
            token.clone(),
            format!("application/json; x={token}"),
            format!("application/json, text/event-stream, {token}"),
        ];
        for value in values {
            // In the place of whatever the library would send.
            let header: HeaderMap = [(HeaderName::from_static(name), value.parse().unwrap())].into_iter().collect();
            let call = scene.world.call(&scene.token).headers(header.clone());
            scene.ask(&format!("a call with the token in {name}"), call).await;
            let legacy = scene.world.legacy(&scene.token, "tools/list", json!({})).headers(header);
            scene.ask(&format!("a legacy call with the token in {name}"), legacy).await;
        }
    }
    let resource = &scene.world.server.resource;
    let base = &scene.world.app.base;
    for url in [
        format!("{resource}?access_token={token}"),
        format!("{resource}?access%5Ftoken={token}"),
        format!("{resource}?token={token}#{token}"),
        format!("{resource}/{token}"),
        format!("{base}/t/{token}/mcp/demo"),
        format!("{base}/t/acme/mcp/{token}"),
        format!("{base}/{token}"),
        format!("{base}/.well-known/oauth-protected-resource/t/acme/mcp/{token}"),
        format!("{base}/static/{token}"),
    ] {
        let mut call = scene.world.call(&scene.token).build().unwrap();
        *call.url_mut() = url.parse().unwrap();
        let answer = scene.world.http.execute(call).await.unwrap();
        scene.hear("a call with the token in its address", answer).await;
    }
    let mut claimed = modern_body("tools/list", json!({}));
    claimed["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = token.as_str().into();
    let claimed = scene.world.post(&claimed).bearer_auth(&token).header("mcp-method", "tools/list");
    scene.goes_wrong("a token as version", claimed.header("mcp-protocol-version", &token)).await;
}

/// What no library sends: trailers, half bodies, odd request lines.
async fn by_hand(scene: &mut Scene) {
    let token = scene.secrets.tokens.access.clone();
    let host = scene.world.app.base.strip_prefix("http://").unwrap().to_owned();
    let body = modern_body("tools/list", json!({})).to_string();
    let head = format!(
        "host: {host}\r\nauthorization: Bearer {token}\r\naccept: application/json, text/event-stream\r\n\
         content-type: application/json\r\nmcp-protocol-version: {MODERN}\r\nmcp-method: tools/list\r\nconnection: close\r\n"
    );
    let path = "/t/acme/mcp/demo";
    let chunked =
        format!("{:x}\r\n{body}\r\n0\r\nauthorization: Bearer {token}\r\nx-trailer: {token}\r\n\r\n", body.len());
    let request =
        format!("POST {path} HTTP/1.1\r\n{head}transfer-encoding: chunked\r\ntrailer: x-trailer\r\n\r\n{chunked}");
    let answered = speak(&host, &request, false).await;
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    scene.heard("a call with trailers", answered);
    for (what, text) in [
        ("half a body", format!("POST {path} HTTP/1.1\r\n{head}content-length: {}\r\n\r\n{body}", body.len() + 9)),
        (
            "a chunk that ends early",
            format!("POST {path} HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\nff\r\n{body}"),
        ),
        ("two lengths", format!("POST {path} HTTP/1.1\r\n{head}content-length: 1\r\ncontent-length: 2\r\n\r\n{body}")),
        ("absolute form", format!("POST http://{token}@{host}{path} HTTP/1.1\r\n{head}content-length: 0\r\n\r\n")),
        ("a broken head", format!("POST {path} HTTP/1.1\r\n{head}{token}\r\n\r\n")),
        ("a broken line", format!("POST {token} {path}\r\n{head}\r\n\r\n")),
    ] {
        let answer = speak(&host, &text, true).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{what}: {answer}");
        scene.heard(what, answer);
    }
}

/// Sends `text`, hangs up on the sending side if that was not all, and reads to the end.
async fn speak(host: &str, text: &str, hang_up: bool) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    if hang_up {
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    // The other side may end a broken connection without ceremony.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// As designed, a message goes on as it is, so these go to a server without a tap. Nothing is written down of them.
async fn in_its_own_message(scene: &mut Scene) {
    let world = &scene.world;
    let row = sqlx::query_scalar("select id from server where slug = 'tools'");
    let id = sallyport::ids::ServerId(row.fetch_one(&world.app.db.owner).await.unwrap());
    let server = TestServer { id, slug: "tools".to_owned(), resource: format!("{}/mcp/tools", world.tenant.issuer) };
    let token = world.token_for(&world.tenant, &server, &BOTH).await;
    let text = token.text.clone();
    scene.canary("the access token in a message", &text);
    for (method, params) in [
        ("tools/call", json!({"name": text, "arguments": {}})),
        ("tools/call", json!({"name": format!("echo {text}"), "arguments": {"token": text}})),
        ("prompts/get", json!({"name": text})),
        ("resources/read", json!({"uri": format!("file:///{text}")})),
        ("tools/list", json!({"cursor": text})),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let call = scene.world.http.post(&server.resource).json(&body).bearer_auth(&text);
        let call = call.header("accept", "application/json, text/event-stream").header("mcp-protocol-version", LEGACY);
        assert_eq!(scene.ask(method, call).await, 200);
    }
    let seen = scene.world.upstream.last();
    assert!(String::from_utf8_lossy(&seen.body).contains(&text), "as designed");
    let unknown = json!({"jsonrpc": "2.0", "id": 1, "method": text, "params": {}});
    scene.goes_wrong("a token as method", scene.world.post(&unknown).bearer_auth(&text)).await;
}
