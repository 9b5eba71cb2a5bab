//! Thousands of requests that nobody would send, at every route: each is answered in time, in the form of its endpoint,
//! without a fault of ours and without a word about how the server is made. Afterwards everything works as before.
//!
//! What is drawn follows from one number, which a failure prints. To draw others, or the same again:
//! `GENERATED_SEED=7 cargo test --test it http::generated`.

pub(super) mod draw;
pub(super) mod scene;
mod values;
mod wire;

use std::collections::BTreeMap;

use draw::{Drawn, MCP_BODY};
use http::StatusCode;
use sallyport::{
    access::Action,
    app::routes::{self, Guard, Route},
};
use scene::Scene;
use serde_json::{Value, json};
use values::{Dice, MARK};
use wire::{Answer, Wire};

use crate::harness::{
    app::TestApp,
    browser::TestBrowser,
    flow::Flow,
    introspect::{ENVELOPE, JWT},
    log::Log,
    web::{Web, limits},
};

/// Requests for each route.
const EACH: usize = 220;
/// For each route of the console: there are many, and they are much alike.
const EACH_OF_CONSOLE: usize = 60;
/// Connections at the same time.
const CONNECTIONS: usize = 4;

#[expect(clippy::disallowed_methods, reason = "whoever runs the test may choose what is drawn")]
fn seed() -> u64 {
    std::env::var("GENERATED_SEED").map_or(0x5a11_9047, |seed| seed.parse().expect("GENERATED_SEED is a number"))
}

/// Words of the inside: of a panic, of the database, of the source.
const INSIDE: [&str; 14] = [
    "panicked",
    "RUST_BACKTRACE",
    "backtrace",
    ".rs:",
    "src/",
    "unwrap()",
    "sqlx",
    "postgres",
    "Postgres",
    "SELECT ",
    "INSERT ",
    "relation \"",
    "rust_",
    "axum",
];

/// Whether the answer is one that this route may give.
fn judge(route: &Route, drawn: &Drawn, answer: &Answer) -> Result<(), String> {
    let (status, text, kind) = (answer.status, answer.text(), answer.header("content-type"));
    let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    check(!status.is_server_error(), "a fault of ours")?;
    check(![301, 302, 307, 308].contains(&status.as_u16()), "a redirect that may repeat a POST or stay for good")?;
    check(answer.body.is_empty() || !kind.is_empty(), "a body of no type")?;
    let taken = answer.header("content-disposition").starts_with("attachment; filename=\"acme-");
    let exports = matches!(route.guard, Guard::Console(_, Action::Export) | Guard::Api(_, Action::Export));
    let download = taken && exports && status.is_success();
    // What was stored is shown, to who may see it, and no browser takes it for a page.
    let shown = download || matches!(route.guard, Guard::Api(..)) && status.is_success();
    check(shown || !text.contains(MARK), "an echo")?;
    check(!answer.headers.contains_key("x-injected"), "a header that was sent in")?;
    if let Some(word) = INSIDE.iter().find(|word| !download && text.contains(**word)) {
        return Err(format!("it says {word}"));
    }
    // What is no HTTP, or for another host, is refused before a route is found; and another path may have none.
    let no_http = !answer.headers.contains_key("x-request-id") && [400, 431].contains(&status.as_u16());
    let before = no_http || [400, 421].contains(&status.as_u16()) && kind == "text/plain; charset=utf-8";
    let before = before || status == 404 && answer.body.is_empty();
    // Web pages are clients, too; no answer there rests on cookies.
    let anybody = matches!(route.guard, Guard::Public | Guard::Client | Guard::Registration | Guard::RegistrationToken);
    check(!anybody || before || answer.header("access-control-allow-origin") == "*", "no CORS")?;
    let stylesheet = route.path.starts_with("/static/");
    let html = kind.starts_with("text/html");
    match route.guard {
        _ if answer.body.is_empty() || before => {}
        _ if download => check(answer.header("x-content-type-options") == "nosniff" && !html, "no download")?,
        Guard::Browser | Guard::Console(..) => check(html, "no page")?,
        _ if stylesheet => check(kind.starts_with("text/"), "no text")?,
        Guard::Api(..) => {
            check(answer.header("x-content-type-options") == "nosniff", "no nosniff")?;
            check(!answer.headers.contains_key("access-control-allow-origin"), "CORS")?;
            let wanted = if status.is_success() { "application/json" } else { "application/problem+json" };
            check(kind == wanted, "no JSON, or no problem")?;
            problem(answer, &text)?;
        }
        // An upstream's answer may be a stream.
        Guard::Bearer | Guard::Preflight if status.is_success() && kind == "text/event-stream" => {}
        Guard::Server if status.is_success() && [JWT, ENVELOPE].contains(&kind) => {}
        _ => {
            check(kind == "application/json", "no JSON")?;
            json_body(route.guard, status, &text)?;
        }
    }
    if html {
        page_headers(answer)?;
    }
    let secret = matches!(
        route.guard,
        Guard::Browser
            | Guard::Console(..)
            | Guard::Client
            | Guard::Server
            | Guard::Provider
            | Guard::Registration
            | Guard::RegistrationToken
            | Guard::Api(..)
            | Guard::Bearer
    );
    let kept = answer.header("cache-control");
    let silent = answer.body.is_empty() && (status.is_client_error() || drawn.method == "OPTIONS");
    check(!secret || silent || ["no-store", "private, no-store"].contains(&kept), "it could be kept")?;
    for cookie in answer.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        let safe = ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"].iter().all(|part| cookie.contains(part));
        check(cookie.starts_with("__Host-") && safe, "a cookie without protection")?;
    }
    let to = answer.header("location");
    let ours = to.is_empty()
        || to.starts_with("/t/acme/")
        || to.starts_with("/t/other/")
        || to.starts_with("/t/platform/")
        || to.starts_with("/console/t/acme")
        || to.starts_with("/console/t/platform")
        || to.starts_with("/t/first/login?")
        || to.starts_with("https://a.example/cb?")
        || to.starts_with("http://127.0.0.1/cb?");
    check(ours, "a way to somewhere else")
}

fn json_body(guard: Guard, status: StatusCode, text: &str) -> Result<(), String> {
    let body: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    if !status.is_client_error() {
        return Ok(());
    }
    if matches!(guard, Guard::Bearer | Guard::Preflight) {
        let rpc = body["jsonrpc"] == "2.0" && body["error"]["code"].is_i64() && body["error"]["message"].is_string();
        return if rpc { Ok(()) } else { Err("no JSON-RPC error".to_owned()) };
    }
    let error = body["error"].as_str().unwrap_or_default();
    let description = body["error_description"].as_str().unwrap_or_default();
    // RFC 6749 §5.2.
    let allowed = |text: &str| text.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let whole = !error.is_empty() && !description.is_empty() && allowed(error) && allowed(description);
    if whole && description.len() < 1000 { Ok(()) } else { Err("no OAuth error".to_owned()) }
}

/// RFC 9457.
fn problem(answer: &Answer, text: &str) -> Result<(), String> {
    let body: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    if answer.status.is_success() {
        return Ok(());
    }
    let says = |member: &str| body[member].as_str().is_some_and(|text| !text.is_empty());
    let whole =
        ["type", "title", "detail", "request_id"].into_iter().all(says) && body["status"] == answer.status.as_u16();
    if whole { Ok(()) } else { Err("no problem of RFC 9457".to_owned()) }
}

fn page_headers(answer: &Answer) -> Result<(), String> {
    let wanted =
        [("x-frame-options", "DENY"), ("referrer-policy", "same-origin"), ("x-content-type-options", "nosniff")];
    for (name, value) in wanted {
        if answer.header(name) != value {
            return Err(format!("a page without {name}"));
        }
    }
    let policy = answer.header("content-security-policy");
    let strict = policy.contains("frame-ancestors 'none'")
        && policy.contains("default-src 'none'")
        && !policy.contains("unsafe");
    if strict { Ok(()) } else { Err(format!("a page with the policy {policy}")) }
}

/// Asks a route for all of its share. What comes back is whether it ever did what it is there for, and what was wrong,
/// one of a kind.
async fn storm(host: &str, route: &Route, scene: &Scene, mut dice: Dice) -> (bool, BTreeMap<String, String>) {
    let goods = scene.good(route);
    let (mut wire, mut wrong, mut succeeded) = (Wire::to(host), BTreeMap::new(), false);
    let each = if matches!(route.guard, Guard::Console(..) | Guard::Api(..)) { EACH_OF_CONSOLE } else { EACH };
    for at in 0..each / CONNECTIONS {
        let drawn = draw::request(route, dice.of(&goods).clone(), &scene.client.id, host, &mut dice);
        let answer = wire.ask(&drawn.bytes, drawn.method == "HEAD").await;
        let (verdict, answer) = match answer {
            Ok(answer) => {
                succeeded |= drawn.method == route.method.as_str() && answer.status.as_u16() < 400;
                (judge(route, &drawn, &answer), answer.to_string())
            }
            Err(_) if drawn.may_be_cut => continue,
            Err(why) => (Err(why), String::new()),
        };
        if let Err(why) = verdict {
            let request = drawn.bytes[..drawn.bytes.len().min(2000)].escape_ascii();
            let kind = format!("{why}, {} {}", route.method, route.path);
            wrong.entry(kind).or_insert_with(|| format!("request {at}:\n{request}\n{answer:.2000}"));
        }
    }
    (succeeded, wrong)
}

#[tokio::test]
async fn whatever_is_sent_every_endpoint_answers_in_its_own_form() {
    let log = Log::listen_for_errors();
    let app = TestApp::start_with(|config| {
        config.http.max_body_bytes = MCP_BODY;
        config.registration.burst = 60_000;
        config.authorization.burst = 60_000;
        (config.login.throttle.per_account, config.login.throttle.per_address) = (60_000, 60_000);
    })
    .await;
    let tenant = app.tenant("acme").await;
    let _other = app.tenant("other").await;
    let upstream = axum::Router::new().route("/mcp", axum::routing::any(upstream));
    let upstream = Web::serve(upstream, &limits(), std::time::Duration::ZERO);
    app.server(tenant.id, "acme", "demo", &upstream.url("/mcp")).await;
    let host = app.base.strip_prefix("http://").unwrap();

    let (mut dice, mut wrong) = (Dice::new(seed()), Vec::new());
    for route in routes::public() {
        // Of each thing another one: a good request may use it up.
        let scene = Scene::of(&app, &tenant).await;
        let storms = (0..CONNECTIONS).map(|_| storm(host, &route, &scene, Dice::new(dice.next())));
        let found = futures_util::future::join_all(storms).await;
        let what = format!("{} {}", route.method, route.path);
        // There is no provider in the scene, and no name for passkeys: tests/it/people/{providers,passkeys}.rs.
        let nobodys = route.path.contains("{provider}")
            || ["/t/{tenant}/login/passkey", "/t/{tenant}/account/identity"].contains(&route.path);
        assert!(nobodys || found.iter().any(|(succeeded, _)| *succeeded), "seed {}: {what} refused everything", seed());
        wrong.extend(found.into_iter().flat_map(|(_, wrong)| wrong).map(|(kind, how)| format!("{kind}: {how}")));
    }
    assert!(wrong.is_empty(), "seed {}, {} kinds:\n{}", seed(), wrong.len(), wrong.join("\n\n"));

    // Everything is as before.
    let (flow, person) = (Flow::new(&app, &tenant), TestBrowser::new(&app));
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    assert!(flow.accepts(&tokens.access).await);
    assert_eq!(flow.refresh(&client, &tokens.refresh).await.status(), StatusCode::OK);
    person.log_in(&tenant, &tenant.person).await;
    assert_eq!(app.http().get(app.url("/t/acme/jwks.json")).send().await.unwrap().status(), StatusCode::OK);
    let faults = log.text();
    assert!(faults.is_empty(), "seed {}: the log has errors:\n{faults:.3000}", seed());
}

/// Answers any message under its id, and whatever else a session may ask.
pub(super) async fn upstream(method: axum::http::Method, body: axum::body::Bytes) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    if method == "GET" {
        return ([("content-type", "text/event-stream")], ": nothing\n\n").into_response();
    }
    match serde_json::from_slice::<Value>(&body) {
        Ok(asked) if !asked["id"].is_null() => {
            let answer = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "resultType": "complete" } });
            axum::Json(answer).into_response()
        }
        _ => axum::http::StatusCode::ACCEPTED.into_response(),
    }
}
