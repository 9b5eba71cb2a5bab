//! The built program, as talkative as it can be made, until it is told to stop.

use reqwest::{RequestBuilder, Response};
use rustix::process::Signal;
use sallyport::clock::Clock;
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use super::scene::CALLBACK;
use crate::{
    gateway::{
        upstream::Reply,
        world::{BOTH, MODERN, World, modern_body},
    },
    harness::{
        browser::Page,
        canary::Canaries,
        flow::{Flow, Tokens},
        process::Serving,
        web::client,
        wiretap::Wiretap,
    },
};

const PUBLIC: &str = "https://mcp.example.com";

/// Requests to the process, as a balancer in front of it sends them.
struct Front {
    at: String,
    http: reqwest::Client,
}

impl Front {
    fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.at))
            .header("host", "mcp.example.com")
            .header("origin", PUBLIC)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.request(reqwest::Method::POST, path)
    }

    fn call(&self, token: &str, tool: &str) -> RequestBuilder {
        self.call_with(token, tool, "")
    }

    fn call_with(&self, token: &str, tool: &str, query: &str) -> RequestBuilder {
        let request =
            self.post(&format!("/t/acme/mcp/demo{query}")).bearer_auth(token).header("mcp-protocol-version", MODERN);
        let request =
            request.header("accept", "application/json, text/event-stream").header("mcp-method", "tools/call");
        request.header("mcp-name", tool).json(&modern_body("tools/call", json!({"name": tool, "arguments": {}})))
    }
}

async fn json_of(answer: Response) -> Value {
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.json().await.unwrap()
}

#[tokio::test]
async fn the_running_program_logs_no_secret_at_any_level() {
    let mut world = World::start().await;
    // The process goes by the real time.
    world.app.clock.advance((Clock::system().now() - world.app.clock.now()).try_into().unwrap());
    let tap = Wiretap::before(&world.upstream.url).await;
    world.server = world.app.server(world.tenant.id, "acme", "demo", &tap.url).await;
    let flow = Flow::new(&world.app, &world.tenant);
    let confidential = flow.client_with(&[CALLBACK], true).await;
    let (before, doomed) = (flow.tokens(&confidential).await, world.token(&BOTH).await);

    let url = world.app.db.options().to_url_lossy().to_string();
    let serving = Serving::start(&[
        ("SALLYPORT_PUBLIC_URL", PUBLIC),
        ("SALLYPORT_LISTEN", "127.0.0.1:0"),
        ("SALLYPORT_HTTP__OPERATIONS_LISTEN", "127.0.0.1:0"),
        ("SALLYPORT_HTTP__SHUTDOWN_SECONDS", "1"),
        ("SALLYPORT_UPSTREAM__ALLOW_NETWORKS", "127.0.0.0/8"),
        ("SALLYPORT_LOG__FILTER", "trace"),
        ("SALLYPORT_KEYS", &world.app.key_file),
        ("SALLYPORT_DATABASE__URL", &url),
    ]);
    let front = Front { at: format!("http://{}", serving.public), http: client() };
    let mut canaries = Canaries::default();
    for secret in [confidential.secret.as_deref().unwrap(), &before.access, &before.refresh, &doomed.text] {
        canaries.add("a secret from before", secret);
    }

    let login = Page::of(front.request(reqwest::Method::GET, "/t/acme/login")).await;
    let browser = login.cookie("__Host-sp-b-acme").unwrap();
    let csrf = login.hidden("csrf");
    let form = [("username", "ada"), ("password", world.tenant.person.password.as_str()), ("csrf", &csrf)];
    let post = front.post("/t/acme/login").header("cookie", format!("__Host-sp-b-acme={browser}")).form(&form);
    let entered = Page::of(post).await;
    let session = entered.cookie("__Host-sp-t-acme").expect("somebody is logged in");
    let metadata = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post" });
    let registered = json_of(front.post("/t/acme/register").json(&metadata).send().await.unwrap()).await;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", before.refresh.as_str())];
    let refreshed =
        front.post("/t/acme/token").basic_auth(&confidential.id, confidential.secret.as_ref()).form(&refresh);
    let tokens = Tokens::read(&json_of(refreshed.send().await.unwrap()).await);
    for (name, secret) in [
        ("the browser's cookie", browser),
        ("the CSRF token", &csrf),
        ("the session", session),
        ("a client secret", registered["client_secret"].as_str().unwrap()),
        ("a registration access token", registered["registration_access_token"].as_str().unwrap()),
        ("the access token", &tokens.access),
        ("the refresh token", &tokens.refresh),
    ] {
        canaries.add(name, secret);
    }

    let mut answers = Vec::new();
    for (status, request) in [
        (200, front.call(&tokens.access, "echo")),
        (401, front.call(&tokens.refresh, "echo")),
        (400, front.call_with(&tokens.access, "echo", &format!("?access_token={}", tokens.access))),
        (404, front.post(&format!("/t/{}/mcp/demo", tokens.access)).bearer_auth(&tokens.access)),
        (400, front.call(&tokens.access, "echo").header("mcp-session-id", &tokens.access).body("{")),
        (200, front.call(&doomed.text, "echo")),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        answers.push(format!("{:?} {}", answer.headers().clone(), answer.text().await.unwrap()));
    }
    // One stream is open when the process is told to stop.
    let (reply, events) = Reply::events();
    world.upstream.reply(reply);
    let mut stream = front.call(&tokens.access, "echo").send().await.unwrap();
    events.send("data: {}\n\n".to_owned()).unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    let metrics = client().get(format!("http://{}/metrics", serving.operations)).send().await.unwrap();
    answers.push(metrics.text().await.unwrap());
    serving.signal(Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, 0, "{log}");
    answers.push(format!("{:?}", stream.text().await));

    assert!(log.contains("answered") && log.contains("stopped"), "{log}");
    canaries.assert_absent("the log", log);
    canaries.assert_absent("a table", world.app.db.dump().await);
    canaries.assert_absent("the traffic to the upstream", tap.heard());
    answers.iter().for_each(|answer| canaries.assert_absent("an answer", answer));
}
