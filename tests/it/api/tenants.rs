//! Tenants by the admin API, for administrators of the platform, whose tokens open nothing else.

use http::Method;
use sallyport::{
    access::Page,
    api::token::ApiTokenError,
    app::routes,
    ids::TenantId,
    people::{Username, platform},
};
use serde_json::{Value, json};

use super::changes::{Api, read};
use crate::harness::{
    api::{all_rights, http, rule, token},
    app::TestApp,
    console::appoint,
    flow::Flow,
};

const ALL: &str = "/api/admin/v1/tenants";

/// The platform, and a token of somebody who looks after it.
struct Root {
    app: TestApp,
    place: TenantId,
    http: reqwest::Client,
}

/// Somebody at the platform, and a client with a token of theirs.
async fn somebody(app: &TestApp, role: &str) -> (TenantId, reqwest::Client) {
    let recorder = app.recorder();
    let tx = app.app.store.platform_tx().await.unwrap();
    let (tx, place) = platform::place(tx, (&recorder, &app.app.keyring)).await.unwrap();
    tx.commit().await.unwrap();
    let person = app.person(place.id, role).await;
    appoint(app, person.id, role).await;
    (place.id, http(&token(app, place.id, role, &all_rights()).await))
}

impl Root {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let (place, http) = somebody(&app, "administrator").await;
        Self { app, place, http }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.http.request(method, self.app.url(&format!("{ALL}{path}")));
        read(if let Some(body) = body { request.json(&body) } else { request }).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Option<Value>) -> (u16, Value) {
        self.ask(Method::POST, path, body).await
    }

    async fn rename(&self, slug: &str, seen: &str, name: &str) -> (u16, Value) {
        let request = self.http.put(self.app.url(&format!("{ALL}/{slug}"))).header("if-match", seen);
        read(request.json(&json!({ "name": name }))).await
    }
}

fn new(slug: &str) -> Option<Value> {
    Some(json!({ "slug": slug, "name": "Northwind", "administrator": "dana" }))
}

#[tokio::test]
async fn a_tenant_is_made_renamed_disabled_and_removed() {
    let root = Root::start().await;
    let (status, made) = root.post("", new("northwind")).await;
    assert_eq!((status, &made["tenant"]["status"]), (201, &"active".into()), "{made}");
    assert_eq!(made["tenant"]["issuer"], root.app.url("/t/northwind"));
    let link = made["link"]["link"].as_str().unwrap();
    assert!(link.contains("/t/northwind/link?link=sp_pl_"), "{link}");
    assert_eq!(reqwest::get(link).await.unwrap().status(), 200);
    // Taken; that of the platform; no name; no username.
    assert_eq!(root.post("", new("northwind")).await.0, 409);
    assert_eq!(root.post("", new("platform")).await.0, 409);
    assert_eq!(root.post("", new("N!")).await.0, 400);
    for (name, value, status) in
        [("name", "", 400), ("name", "a\nb", 422), ("administrator", "a b\u{0}", 422), ("roles", "root", 400)]
    {
        let mut body = new("other").unwrap();
        body[name] = value.into();
        assert_eq!(root.post("", Some(body)).await.0, status, "{name} {value:?}");
    }
    let (_, listed) = root.get("?q=north").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert!(!listed.to_string().contains("dana"), "numbers, and no names");

    let shown = root.http.get(root.app.url(&format!("{ALL}/northwind"))).send().await.unwrap();
    let seen = shown.headers()["etag"].to_str().unwrap().to_owned();
    assert!(!shown.text().await.unwrap().contains("sp_pl_"), "the link is shown once");
    let (status, renamed) = root.rename("northwind", &seen, "Southwind").await;
    assert_eq!((status, &renamed["name"]), (200, &"Southwind".into()), "{renamed}");
    assert_eq!(root.rename("northwind", &seen, "Late").await.0, 412);
    assert_eq!(root.ask(Method::PUT, "/northwind", Some(json!({ "name": "x" }))).await.0, 428);

    assert_eq!(root.ask(Method::DELETE, "/northwind", None).await.0, 409, "it works still");
    assert_eq!(root.post("/northwind/enable", None).await.0, 409);
    assert_eq!(root.post("/northwind/disable", None).await.1["status"], "disabled");
    assert_eq!(root.post("/northwind/disable", None).await.0, 409);
    let (status, _) = root.post("/northwind/link", Some(json!({ "administrator": "dana" }))).await;
    assert_eq!(status, 409, "it is disabled");
    assert_eq!(root.ask(Method::DELETE, "/northwind", None).await.0, 204);
    assert_eq!(root.get("/northwind").await.0, 404);
    assert_eq!(root.ask(Method::DELETE, "/northwind", None).await.0, 404);
    assert_eq!(root.rename("northwind", &seen, "Back").await.0, 404);
    assert_eq!(root.get("").await.1["items"], json!([]));
    assert_eq!(root.get("?status=removed").await.1["items"].as_array().unwrap().len(), 1);
    assert_eq!(root.post("", new("northwind")).await.0, 409, "never again");
    let long = "x".repeat(300);
    for slug in ["nobody", "platform", "%00", "No", &long] {
        assert_eq!(root.get(&format!("/{slug}")).await.0, 404, "{slug}");
        assert_eq!(root.post(&format!("/{slug}/enable"), None).await.0, 404, "{slug}");
    }

    let events = "select array_agg(body ->> 'change' order by body ->> 'change') from platform_event
        where kind = 'tenant.changed' and body -> 'actor' ->> 'kind' = 'platform' and body -> 'actor' ->> 'token' is not null";
    let changes: Vec<String> = sqlx::query_scalar(events).fetch_one(&root.app.db.owner).await.unwrap();
    assert_eq!(changes, ["changed", "disabled", "removed"]);
    // In the tenant's own log, too: what it was, what it is, and that it was the platform.
    let own = "select e.body from audit_event e join tenant t on t.id = e.tenant
        where t.slug = 'northwind' and kind = 'admin.changed' and body ->> 'object' like 'tenant/%' and body ->> 'change' = 'changed'";
    let own: Value = sqlx::query_scalar(own).fetch_one(&root.app.db.owner).await.unwrap();
    assert!(own.to_string().contains("Northwind") && own.to_string().contains("Southwind"), "{own}");
    assert_eq!(own["actor"]["kind"], "platform");
}

#[tokio::test]
async fn a_tenant_stops_at_once_and_works_again() {
    let root = Root::start().await;
    let tenant = root.app.tenant("acme").await;
    let flow = Flow::new(&root.app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    assert!(flow.accepts(&tokens.access).await);
    assert_eq!(root.post("/acme/disable", None).await.0, 200);
    let call = root.app.http().post(&tenant.server.resource).bearer_auth(&tokens.access).send().await.unwrap();
    assert_eq!(call.status(), 404, "no token of it is taken");
    assert_eq!(root.post("/acme/enable", None).await.0, 200);
    assert!(flow.accepts(&tokens.access).await, "as it was");
}

/// A link for whoever is an administrator there, or new; for nobody else.
#[tokio::test]
async fn links_are_for_administrators() {
    let root = Root::start().await;
    let tenant = root.app.tenant("acme").await;
    root.app.person(tenant.id, "mia").await;
    appoint(&root.app, tenant.person.id, "administrator").await;
    for (name, status) in [("ada", 201), ("mia", 409), ("new", 201), ("", 400), ("a\tb", 422)] {
        let (answered, body) = root.post("/acme/link", Some(json!({ "administrator": name }))).await;
        assert_eq!(answered, status, "{name}: {body}");
        assert_eq!(body["link"].as_str().is_some_and(|link| link.contains("/t/acme/link?link=sp_pl_")), status == 201);
    }
    let events = root.app.app.store.audit_recent(tenant.id, 20).await.unwrap();
    let made = events.iter().find(|event| event.kind == "link.made").expect("it is in the tenant's log");
    assert_eq!(made.body["actor"]["kind"], "platform");
    assert!(made.body["actor"]["token"].is_string());
}

/// Neither opens anything of the other, whatever rights it has; and each is answered as what was never given out.
#[tokio::test]
async fn tokens_of_the_platform_and_of_a_tenant_do_not_meet() {
    let root = Root::start().await;
    let tenant = root.app.tenant("acme").await;
    let api = Api::at(root.app, tenant).await;
    let made_up = http(&format!("sp_ap_{}", "A".repeat(43)));
    for route in routes::public() {
        let Some((page, _)) = rule(&route) else { continue };
        let path = route.path.replace("{tenant}", "acme").replace("{id}", "x");
        let status = async |http: &reqwest::Client| {
            let (status, mut body) = read(http.request(route.method.clone(), api.app.url(&path))).await;
            body["request_id"] = Value::Null;
            (status, body)
        };
        let foreign = if page == Page::Tenants { &api.http } else { &root.http };
        let refused = status(foreign).await;
        assert_eq!(refused.0, 401, "{} {path}", route.method);
        assert_eq!(refused, status(&made_up).await, "{} {path}", route.method);
    }
    assert_eq!(api.get("people").await.0, 200);
}

/// What the platform's console has, and nothing of what is in a tenant's.
#[tokio::test]
async fn the_platform_has_people_settings_and_a_log() {
    let root = Root::start().await;
    for route in routes::public() {
        let Some((page, _)) = rule(&route).filter(|(page, _)| *page != Page::Tenants) else { continue };
        if route.method != Method::GET || route.path.contains("{id}") {
            continue;
        }
        let path = route.path.replace("{tenant}", "platform");
        let (status, body) = read(root.http.get(root.app.url(&path))).await;
        assert_eq!(status, if page.is_at(true) { 200 } else { 404 }, "{path}: {body}");
    }
    let (status, invited) = root.post("/platform/people", Some(json!({ "username": "grace" }))).await;
    assert_eq!(status, 201, "{invited}");
    assert!(invited["link"]["link"].as_str().unwrap().contains("/t/platform/link?link="), "{invited}");
    assert_eq!(root.post("/platform/servers", Some(json!({}))).await.0, 404);

    // Programs are none there, and stay none.
    let shown = root.http.get(root.app.url(&format!("{ALL}/platform/settings"))).send().await.unwrap();
    let seen = shown.headers()["etag"].clone();
    let put = async |registration: &str| {
        let body =
            json!({ "name": "Ours", "registration": registration, "second_factor": "everybody", "passwords": true });
        let request = root.http.put(root.app.url(&format!("{ALL}/platform/settings")));
        read(request.header("if-match", &seen).json(&body)).await
    };
    assert_eq!(put("open").await.0, 422);
    let (status, settings) = put("off").await;
    assert_eq!((status, &settings["name"]), (200, &"Ours".into()), "{settings}");
}

#[tokio::test]
async fn an_auditor_of_the_platform_reads_and_that_is_written_down() {
    let root = Root::start().await;
    root.app.tenant("acme").await;
    let (_, auditor) = somebody(&root.app, "auditor").await;
    let url = |path: &str| root.app.url(&format!("{ALL}{path}"));
    assert_eq!(read(auditor.get(url(""))).await.0, 200);
    assert_eq!(read(auditor.get(url("/acme"))).await.0, 200);
    assert_eq!(read(auditor.post(url("/acme/disable"))).await.0, 403);
    let events = root.app.app.store.audit_recent(root.place, 100).await.unwrap();
    let seen: Vec<_> = events.iter().filter(|event| event.kind == "auditor.read").collect();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().any(|event| event.body["object"] == "acme"), "{seen:?}");
}

/// No `*` takes a tenant away; and a token that could do nothing where it is from is not made.
#[tokio::test]
async fn what_is_grave_is_named_and_rights_are_of_the_place() {
    let root = Root::start().await;
    let tenant = root.app.tenant("acme").await;
    appoint(&root.app, tenant.person.id, "administrator").await;
    let stars = ["*:*".to_owned(), "tenants:*".to_owned()];
    let stars = http(&token(&root.app, root.place, "administrator", &stars).await);
    for (method, path) in
        [(Method::POST, ""), (Method::DELETE, "/acme"), (Method::POST, "/acme/disable"), (Method::POST, "/acme/link")]
    {
        let (status, _) = read(stars.request(method, root.app.url(&format!("{ALL}{path}")))).await;
        assert_eq!(status, 403, "{path}");
    }
    assert_eq!(read(stars.get(root.app.url(ALL))).await.0, 200);
    for (place, person, right) in [(root.place, "administrator", "clients:read"), (tenant.id, "ada", "tenants:disable")]
    {
        let new = sallyport::api::token::NewApiToken {
            person: Username::parse(person).unwrap(),
            rights: vec![right.to_owned()],
            life: time::Duration::DAY,
            note: String::new(),
        };
        let mut tx = root.app.app.store.tenant_tx(place).await.unwrap();
        let made = sallyport::api::token::create(&mut tx, (&root.app.recorder(), &root.app.app.keyring), new).await;
        assert!(matches!(made, Err(ApiTokenError::Beyond(_))), "{right}");
    }
}

/// Where there is no platform yet no token looks after tenants.
#[tokio::test]
async fn without_a_platform_there_is_nothing_to_open() {
    let api = Api::start().await;
    let url = api.app.url(ALL);
    let (status, problem) = read(api.http.get(&url)).await;
    assert_eq!((status, &problem["type"]), (401, &"urn:sallyport:problem:token".into()));
    let bare = api.app.http().get(&url).send().await.unwrap();
    assert_eq!(bare.headers()["www-authenticate"], "Bearer");
}
