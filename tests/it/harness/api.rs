//! How the admin API is asked, well: one table for all tests that walk its routes.

use std::time::Duration;

use sallyport::{
    access::{Action, Page, RULES},
    api::token::{self, NewApiToken},
    app::routes::{Guard, Route},
    ids::TenantId,
    people::Username,
};
use serde_json::{Value, json};

use super::{
    app::TestApp,
    console::{Things, place},
};

/// What a good request has beside its token.
pub(crate) struct Good {
    pub(crate) path: String,
    /// What was seen, as `If-Match` has it.
    pub(crate) seen: Option<String>,
    pub(crate) body: Option<Value>,
    /// How it is answered.
    pub(crate) done: u16,
}

/// Where a request names what it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Path,
    /// The tenant of the path, which is another one.
    Tenant,
    /// A member of the body.
    Member(&'static str),
    Seen,
    /// It names nothing.
    Nowhere,
}

/// The page and the action of a route of the admin API.
pub(crate) fn rule(route: &Route) -> Option<(Page, Action)> {
    match route.guard {
        Guard::Api(page, action) => Some((page, action)),
        _ => None,
    }
}

/// All that there is: each `*`, and by name what none covers.
pub(crate) fn all_rights() -> Vec<String> {
    let grave = RULES.iter().filter(|rule| rule.fresh);
    let named = grave.map(|rule| format!("{}:{}", rule.page.word(), rule.action.word()));
    std::iter::once("*:*".to_owned()).chain(named).collect()
}

/// A token for somebody.
pub(crate) async fn token(app: &TestApp, tenant: TenantId, username: &str, rights: &[String]) -> String {
    let new = NewApiToken {
        person: Username::parse(username).unwrap(),
        rights: rights.to_vec(),
        life: time::Duration::days(365),
        note: String::new(),
    };
    let mut tx = app.app.store.tenant_tx(tenant).await.unwrap();
    let (handle, _) = token::create(&mut tx, (&app.recorder(), &app.app.keyring), new).await.unwrap();
    tx.commit().await.unwrap();
    handle.expose().to_owned()
}

/// A token that opens a route: of somebody at the tenant; of an administrator of the platform where tenants are looked after.
pub(crate) async fn token_for(
    app: &TestApp,
    route: &Route,
    things: &Things,
    (tenant, username): (TenantId, &str),
    rights: &[String],
) -> String {
    match rule(route) {
        Some((Page::Tenants, _)) => token(app, things.root.0, &things.root.1, rights).await,
        _ => token(app, tenant, username, rights).await,
    }
}

/// A client that shows a token with each request.
pub(crate) fn http(token: &str) -> reqwest::Client {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    reqwest::Client::builder().default_headers(headers).timeout(Duration::from_secs(60)).build().unwrap()
}

/// Where a route says what it is about.
pub(crate) fn at(route: &Route) -> At {
    match rule(route).expect("a route of the admin API") {
        (Page::Grants, Action::RevokeAll) => At::Member("client"),
        (Page::Settings, Action::Edit) => At::Seen,
        (Page::Tenants, _) if route.path.contains("{tenant}") => At::Tenant,
        _ if route.path.contains("{id}") => At::Path,
        _ => At::Nowhere,
    }
}

/// What a route has to say: what is fetched has no body.
pub(crate) fn sample(route: &Route) -> (Option<Value>, Option<&'static str>, u16) {
    let (page, action) = rule(route).expect("a route of the admin API");
    let (body, seen, done) = sample_of(page, action);
    (body.filter(|_| route.method != ::http::Method::GET), seen, done)
}

/// The body, without what it is about; the version that was seen, where that is no object; and the answer.
fn sample_of(page: Page, action: Action) -> (Option<Value>, Option<&'static str>, u16) {
    match (page, action) {
        (_, Action::List | Action::Show) => (None, None, 200),
        (Page::Audit, Action::Export) => (Some(json!({})), None, 200),
        (Page::Clients, Action::Approve) => (Some(json!({})), None, 200),
        (Page::Clients, Action::Suspend) => (Some(json!({ "reason": "under review" })), None, 200),
        (Page::Clients, Action::Remove) | (Page::Grants, Action::Revoke) => (None, None, 204),
        (Page::Grants, Action::RevokeAll) => (Some(json!({ "dry_run": false })), None, 200),
        (Page::People, Action::Create) => (Some(json!({ "username": "made-here", "name": "Made here" })), None, 201),
        (Page::People, Action::MakeLink) => (None, None, 201),
        (Page::People, Action::EditRoles) => (Some(json!({ "roles": ["auditor"] })), Some("person"), 200),
        (Page::Servers, Action::Create) => {
            let server = json!({ "name": "Made here", "upstream": "http://127.0.0.1:9/made-here" });
            (Some(json!({ "slug": "made-here", "server": server })), None, 201)
        }
        (Page::Servers, Action::Edit) => {
            let body = json!({ "name": "Other", "upstream": "http://127.0.0.1:9/made-here-too", "era": "modern" });
            (Some(body), Some("v1"), 200)
        }
        (Page::Servers, Action::Enable | Action::Disable) => (None, Some("v1"), 200),
        (Page::Servers, Action::Remove) => (None, Some("v1"), 204),
        (Page::Settings, Action::Edit) => (
            Some(
                json!({ "name": "called-here", "registration": "open", "second_factor": "optional", "passwords": true }),
            ),
            None,
            200,
        ),
        (Page::Tenants, Action::Create) => {
            (Some(json!({ "slug": "made-here", "name": "Made here", "administrator": "made-here" })), None, 201)
        }
        (Page::Tenants, Action::MakeLink) => (Some(json!({ "administrator": "made-here" })), None, 201),
        (Page::Tenants, Action::Edit) => (Some(json!({ "name": "Renamed" })), None, 200),
        (Page::Tenants, Action::Enable | Action::Disable) => (None, None, 200),
        (Page::Tenants, Action::Remove) => (None, None, 204),
        (Page::Providers, Action::Create) => {
            let provider = json!({ "name": "Made here", "client_id": "made-here", "auth_method": "none" });
            let body = json!({ "slug": "made-here", "issuer": "https://idp.example/made-here", "provider": provider });
            (Some(body), None, 201)
        }
        (Page::Providers, Action::Edit) => {
            let rules = json!({ "algorithms": ["EdDSA"], "accounts": "create", "email_domains": ["example.com"] });
            let body = json!({ "name": "Other", "client_id": "made-here-too", "auth_method": "client_secret_basic",
                "client_secret": "made-here-as-well", "settings": rules });
            (Some(body), Some("v1"), 200)
        }
        (Page::Providers, Action::Enable | Action::Disable) => (None, Some("v1"), 200),
        (Page::Providers, Action::Remove) => (None, Some("v1"), 204),
        (Page::Providers, Action::Probe) => (None, None, 200),
        (Page::Clients | Page::People | Page::Keys, _) => (None, None, 200),
        other => panic!("{other:?} is new: say how it is asked"),
    }
}

/// The body with names in place of what the table has: one that nothing has, and the tenant's own.
pub(crate) fn fresh(things: &Things, body: &Value) -> Value {
    // It may have quotes in it.
    let name = Value::from(things.name()).to_string();
    let text = body.to_string().replace("made-here", things.fresh()).replace("\"called-here\"", &name);
    serde_json::from_str(&text).unwrap()
}

/// A good request of a route.
pub(crate) fn good(route: &Route, things: &Things, slug: &str) -> Good {
    let (page, action) = rule(route).expect("a route of the admin API");
    let (body, seen, done) = sample(route);
    let tenant = if at(route) == At::Tenant { things.object(page, action) } else { String::new() };
    let mut good = Good {
        path: route.path.replace("{tenant}", place(route, slug, &tenant)),
        seen: seen.map(|seen| format!("\"{seen}\"")),
        body: body.map(|body| fresh(things, &body)),
        done,
    };
    match at(route) {
        At::Path => good.path = good.path.replace("{id}", &things.object(page, action)),
        At::Member(name) => good.body.as_mut().unwrap()[name] = things.object(page, action).into(),
        At::Seen => good.seen = Some(format!("\"{}\"", things.object(page, action))),
        At::Tenant | At::Nowhere => {}
    }
    if (page, action) == (Page::Tenants, Action::Edit) {
        good.seen = Some(format!("\"{}\"", Things::tenant_seen()));
    }
    good
}
