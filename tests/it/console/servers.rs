//! Servers in the console.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Json,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use base64::Engine as _;
use serde_json::{Value, json};

use crate::{
    console::clients::administrator,
    harness::{
        app::TestApp,
        browser::{Page, TestBrowser},
        console::csrf,
        web::{Web, limits},
    },
};

/// An upstream of the new era that offers two tools. It takes tokens for itself only, where it looks.
fn upstream(looks: bool) -> Web {
    upstream_while(looks, Arc::new(AtomicBool::new(true)))
}

/// The same, as long as it is up; then it refuses everybody.
fn upstream_while(looks: bool, up: Arc<AtomicBool>) -> Web {
    let answer = move |headers: HeaderMap, Json(asked): Json<Value>| async move {
        if !up.load(Ordering::Relaxed) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        reply(looks, &headers, &asked)
    };
    let router = axum::Router::new().route("/mcp", axum::routing::post(answer));
    Web::serve(router, &limits(), std::time::Duration::ZERO)
}

fn reply(looks: bool, headers: &HeaderMap, asked: &Value) -> Response {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    if looks && !claims["aud"].as_str().unwrap().starts_with("http") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let result = match asked["method"].as_str().unwrap() {
        "server/discover" => {
            json!({ "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
            "serverInfo": { "name": "notes", "version": "1" }, "instructions": "" })
        }
        "tools/list" => json!({ "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "tools": [
            { "name": "search", "description": "Finds <i>notes</i>", "inputSchema": { "type": "object" },
              "annotations": { "readOnlyHint": true } },
            { "name": "<b>wipe</b>", "inputSchema": { "type": "object" } },
        ] }),
        _ => json!({ "resultType": "complete" }),
    };
    Json(json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result })).into_response()
}

async fn add(browser: &TestBrowser, fields: &[(&str, &str)]) -> Page {
    let path = "/console/t/acme/servers/-/new";
    let token = csrf(&browser.get(path).await.body);
    browser.post(path, &[&[("csrf", token.as_str())], fields].concat()).await
}

#[tokio::test]
async fn a_server_is_added_by_its_address_asked_and_accepted() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let web = upstream(true);
    let fields = [
        ("upstream", &*web.url("/mcp")),
        ("name", "Team notes"),
        ("slug", "notes"),
        ("era", "auto"),
        ("signing", "EdDSA"),
    ];
    let made = add(&browser, &fields).await;
    assert!(made.location().starts_with("/console/t/acme/servers/notes/probe?done=made"), "{}", made.location());
    let page = browser.get(made.location()).await.body;
    let asked = browser.post("/console/t/acme/servers/notes/probe", &[("csrf", &csrf(&page))]).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    assert!(asked.body.contains("Yes: it refused a token that was not for it"), "{}", asked.body);
    assert!(asked.body.contains("2026-07-28"), "{}", asked.body);
    assert!(asked.body.contains("\u{201c}Finds &#60;i&#62;notes&#60;/i&#62;\u{201d}"), "{}", asked.body);
    assert!(asked.body.contains("name=\"tool search\"") && !asked.body.contains("<b>wipe"), "{}", asked.body);
    let fields = [
        ("csrf", &*csrf(&asked.body)),
        ("version", "1"),
        ("tool search", "mcp:read"),
        ("tool <b>wipe</b>", "mcp:write"),
    ];
    let done = browser.post("/console/t/acme/servers/notes/catalogue", &fields).await;
    let shown = browser.get(done.location()).await.body;
    assert!(shown.contains("Saved.") && shown.contains("<code>search</code>"), "{shown}");
    assert!(shown.contains("it offered 2 things") && shown.contains("Yes: it refused"), "{shown}");
    // The form of somebody who looked before is refused, and nothing is lost.
    let again = browser.post("/console/t/acme/servers/notes/catalogue", &fields).await;
    assert_eq!(again.status, 409, "{}", again.body);
    let accepted: Vec<(String, String, bool)> =
        sqlx::query_as("select name, scope, read_only from catalogue_item order by name desc")
            .fetch_all(&app.db.owner)
            .await
            .unwrap();
    let expected = [("search", "mcp:read", true), ("<b>wipe</b>", "mcp:write", false)];
    assert_eq!(accepted, expected.map(|(name, scope, reads)| (name.to_owned(), scope.to_owned(), reads)));
    // No file of `apply` takes away what it did not make.
    let marked: i64 = sqlx::query_scalar("select count(*) from applied").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(marked, 0);
}

#[tokio::test]
async fn a_server_that_takes_any_token_is_told() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let up = Arc::new(AtomicBool::new(true));
    let web = upstream_while(false, Arc::clone(&up));
    add(&browser, &[("upstream", &web.url("/mcp")), ("name", "Lax"), ("slug", "lax")]).await;
    let page = browser.get("/console/t/acme/servers/lax/probe").await.body;
    let asked = browser.post("/console/t/acme/servers/lax/probe", &[("csrf", &csrf(&page))]).await.body;
    assert!(asked.contains("it took a token that was not for it"), "{asked}");
    // That stays known, also while the server is down, and in front of whoever comes next.
    up.store(false, Ordering::Relaxed);
    let page = browser.get("/console/t/acme/servers/lax/probe").await.body;
    let down = browser.post("/console/t/acme/servers/lax/probe", &[("csrf", &csrf(&page))]).await.body;
    assert!(down.contains("It gave no usable answer") && down.contains("servers/lax/edit"), "{down}");
    let shown = browser.get("/console/t/acme/servers/lax").await.body;
    assert!(shown.contains("No: it took a token that was not for it"), "{shown}");
    assert!(shown.contains("just now: it gave no usable answer"), "{shown}");
    let overview = browser.get("/console/t/acme").await.body;
    assert!(overview.contains("Lax took a token that was not for it"), "{overview}");
    assert!(overview.contains("Lax gave no usable answer when somebody last asked it"), "{overview}");
    let log = browser.get("/console/t/acme/audit?kind=server.").await.body;
    assert!(log.contains("server: Lax, items: 2, outcome: answered, verifies: false"), "{log}");
    // At another address it is another server.
    let path = "/console/t/acme/servers/lax/edit";
    let form = browser.get(path).await;
    let fields = [
        ("csrf", &*csrf(&form.body)),
        ("version", &*form.hidden("version")),
        ("upstream", "https://elsewhere.example/mcp"),
        ("name", "Lax"),
        ("era", "auto"),
    ];
    assert!(browser.post(path, &fields).await.location().contains("done=saved"));
    let shown = browser.get("/console/t/acme/servers/lax").await.body;
    assert!(shown.contains("Never, at this address") && !shown.contains("that was not for it"), "{shown}");
}

#[tokio::test]
async fn what_cannot_be_a_server_is_said_on_the_form_and_nothing_is_lost() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    for (upstream, slug, words) in [
        ("ftp://notes.example/mcp", "notes", "http"),
        ("", "notes", "Address of the server is required"),
        ("https://notes.example/mcp", "No Slug", "A name in an address is"),
        ("https://notes.example/mcp", "demo", "There is a server demo already"),
        (&*app.url("/t/acme/mcp/demo"), "notes", "own address"),
        ("https://\u{202e}/", "notes", "The upstream URL"),
    ] {
        let refused = add(&browser, &[("upstream", upstream), ("name", "Kept as typed"), ("slug", slug)]).await;
        assert_eq!(refused.status, 400, "{upstream} {slug}");
        assert!(refused.body.contains(words), "{upstream} {slug}: {}", refused.body);
        assert!(refused.body.contains("value=\"Kept as typed\""), "{}", refused.body);
        assert!(refused.body.contains("aria-invalid=\"true\""), "{upstream} {slug}: {}", refused.body);
    }
}

#[tokio::test]
async fn two_who_edit_the_same_server_are_told() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let path = "/console/t/acme/servers/demo/edit";
    let page = browser.get(path).await;
    let (token, version) = (csrf(&page.body), page.hidden("version"));
    let edit = async |name: &str| {
        let fields = [
            ("csrf", &*token),
            ("version", &version),
            ("upstream", "http://127.0.0.1:9/mcp"),
            ("name", name),
            ("era", "auto"),
        ];
        browser.post(path, &fields).await
    };
    assert!(edit("Mine").await.location().contains("done=saved"));
    let late = edit("Theirs").await;
    assert_eq!(late.status, 409);
    assert!(late.body.contains("changed by somebody else") && late.body.contains("Theirs"), "{}", late.body);
    assert!(late.body.contains(&format!("<a href=\"{path}\">Open it as it is now</a>")), "{}", late.body);
    let name: String = sqlx::query_scalar("select name from server").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(name, "Mine");
}

#[tokio::test]
async fn a_server_is_disabled_enabled_and_removed_for_everybody() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let metadata = app.url("/.well-known/oauth-protected-resource/t/acme/mcp/demo");
    let there = async || app.http().get(&metadata).send().await.unwrap().status();
    let act = async |word: &str| {
        let path = format!("/console/t/acme/servers/demo/{word}");
        let page = browser.get(&path).await;
        browser
            .post(&path, &[("csrf", &csrf(&page.body)), ("version", &page.hidden("version"))])
            .await
            .location()
            .to_owned()
    };
    act("disable").await;
    assert_eq!(there().await, 404);
    act("enable").await;
    assert_eq!(there().await, 200);
    let to = act("remove").await;
    assert!(browser.get(&to).await.body.contains("There is no server yet"));
    assert_eq!(there().await, 404);
    let events = app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    let changes: Vec<&str> = events
        .iter()
        .filter(|event| event.kind == "admin.changed" && event.body["object"] == "server/demo")
        .filter(|event| event.body["actor"]["person"] == tenant.person.id.to_string())
        .map(|event| event.body["change"].as_str().unwrap())
        .collect();
    assert_eq!(changes.len(), 3, "{changes:?}");
}

/// What is wrong stands beside its field, in the words that people read there, and the first such field is where they go on.
#[tokio::test]
async fn a_mistake_stands_beside_its_field() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let page = add(&browser, &[("upstream", "notes.example/mcp"), ("name", "Notes"), ("slug", "")]).await;
    assert_eq!(page.status, 400);
    let input = |name: &str| {
        let rest = page.body.split_once(&format!("id=\"i-{name}\"")).unwrap().1;
        rest.split_once("</p>").unwrap().0.to_owned()
    };
    let [upstream, name, slug] = ["upstream", "name", "slug"].map(input);
    assert!(upstream.contains("autofocus") && upstream.contains("The upstream URL cannot be read"), "{upstream}");
    assert!(slug.contains("aria-invalid") && slug.contains("Name in addresses is required"), "{slug}");
    assert!(!slug.contains("autofocus") && !name.contains("aria-invalid"), "{slug}{name}");
    assert!(page.body.contains("look at what is marked below"), "{}", page.body);
}

/// An audience that was left empty is the address, also after that has changed.
#[tokio::test]
async fn an_audience_that_is_the_address_follows_it() {
    let app = TestApp::start().await;
    let (_, browser) = administrator(&app).await;
    let old = "https://old.notes.example/mcp";
    let made = add(&browser, &[("upstream", old), ("name", "Notes"), ("slug", "notes"), ("era", "auto")]).await;
    assert!(made.location().contains("done=made"), "{}", made.location());
    let path = "/console/t/acme/servers/notes/edit";
    let form = browser.get(path).await;
    assert!(form.body.contains("name=\"audience\" value=\"\""), "{}", form.body);
    let (token, version) = (csrf(&form.body), form.hidden("version"));
    let fields = [
        ("csrf", &*token),
        ("version", &*version),
        ("upstream", "https://new.notes.example/mcp"),
        ("name", "Notes"),
        ("era", "auto"),
        ("audience", ""),
    ];
    assert!(browser.post(path, &fields).await.location().contains("done=saved"));
    let audience: String =
        sqlx::query_scalar("select audience from server where slug = 'notes'").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(audience, "https://new.notes.example/mcp");
}
