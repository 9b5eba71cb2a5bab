//! Tenants do not meet: nothing that one gave out opens anything at another, and none sees the rows of another, whatever
//! happens on the connections that they share.

mod loot;
mod matrix;
mod pool;

use loot::{CALLBACK, Kind, Loot};
use reqwest::{Method, RequestBuilder, StatusCode};
use sallyport::{
    app::routes::{self, Guard},
    secret::holds_handle,
};
use serde_json::json;

use crate::harness::{
    app::TestApp,
    flow::{Flow, location, oauth_error},
};

/// All that a tenant gave out in one request, wherever it could be looked for.
fn present(loot: &Loot, request: RequestBuilder, method: &Method, guard: Guard) -> RequestBuilder {
    let of = |kind| loot.of_kind(kind);
    let (session, browser) = (&loot.session, &loot.browser);
    let cookies =
        ["acme", "other"].map(|slug| format!("__Host-sp-t-{slug}={session}; __Host-sp-b-{slug}={browser}")).join("; ");
    let form = [
        ("client_id", of(Kind::ClientId)),
        ("redirect_uri", CALLBACK.to_owned()),
        ("interaction", of(Kind::Interaction)),
        ("csrf", of(Kind::ConsentCsrf)),
        ("decision", "approve".to_owned()),
        ("scope", "mcp:read".to_owned()),
        ("grant_type", "authorization_code".to_owned()),
        ("code", of(Kind::Code)),
        ("code_verifier", of(Kind::Verifier)),
        ("token", of(Kind::Refresh)),
        ("username", of(Kind::Username)),
        ("password", of(Kind::Password)),
    ];
    let request = request.header("cookie", cookies);
    let request = match guard {
        Guard::Client => request.basic_auth(of(Kind::ClientId), Some(of(Kind::ClientSecret))),
        Guard::Server => request.basic_auth(of(Kind::ClientId), Some(of(Kind::ServerSecret))),
        Guard::RegistrationToken => request.bearer_auth(of(Kind::Registration)),
        Guard::Api(..) => request.bearer_auth(of(Kind::ApiToken)),
        _ => request.bearer_auth(of(Kind::Access)),
    };
    match *method {
        Method::POST => request.form(&form),
        Method::PUT => request.json(&json!({ "client_id": of(Kind::ClientId), "redirect_uris": [CALLBACK] })),
        _ => request,
    }
}

#[tokio::test]
async fn nothing_of_one_tenant_opens_anything_at_another() {
    let app = TestApp::start().await;
    let (loot, other) = (Loot::of(&app, "acme").await, app.tenant("other").await);
    for route in routes::public() {
        let path = route.path.replace("{tenant}", "other").replace("{server}", "demo");
        let path = path
            .replace("{client_id}", &loot.client.id)
            .replace("{object}", &loot.client.id)
            .replace("{id}", &loot.client.id)
            .replace("{provider}", "nobody");
        let query = [("client_id", &loot.client.id), ("interaction", &loot.interaction)];
        let url = reqwest::Url::parse_with_params(&app.url(&path), query).unwrap();
        let request = app.http().request(route.method.clone(), url).header("origin", &app.base);
        let answer = present(&loot, request, &route.method, route.guard).send().await.unwrap();
        let (status, at) = (answer.status().as_u16(), format!("{} {}", route.method, route.path));
        match (route.guard, route.path) {
            // What is for everybody, and what says that nobody is logged in.
            (Guard::Public | Guard::Preflight, _) => continue,
            (Guard::Registration, _) => assert_eq!(status, 400, "{at}: a form is no registration"),
            (Guard::Client | Guard::Server | Guard::RegistrationToken | Guard::Bearer | Guard::Api(..), _) => {
                assert_eq!(status, 401, "{at}")
            }
            (Guard::Browser, "/t/{tenant}/device") if route.method == Method::GET => {
                assert_eq!(location(&answer), "/t/other/login?user_code=none");
            }
            (Guard::Browser, "/t/{tenant}/account") => assert_eq!(location(&answer), "/t/other/login"),
            (Guard::Browser, "/t/{tenant}/logout") if route.method == Method::GET => {
                assert!(answer.text().await.unwrap().contains("You are logged out"));
                continue;
            }
            (
                Guard::Browser,
                "/t/{tenant}/account/passkey"
                | "/t/{tenant}/account/history"
                | "/t/{tenant}/account/security"
                | "/t/{tenant}/account/totp"
                | "/t/{tenant}/account/password",
            ) if route.method == Method::GET => {
                assert!(location(&answer).starts_with("/t/other/login"), "{at}");
            }
            // There is none in either tenant, and no token is one of its.
            (Guard::Provider, _) => assert!([400, 404].contains(&status), "{at}: {status}"),
            (Guard::Console(..), _) => assert!(location(&answer).starts_with("/t/other/login?"), "{at}"),
            // There is none in either tenant; with one, tests/it/people/providers.rs.
            (Guard::Browser, path) if path.contains("{provider}") => {
                assert!([403, 404].contains(&status), "{at}: {status}")
            }
            (Guard::Browser, _) => assert!([400, 403].contains(&status), "{at}: {status}"),
        }
        let body = answer.text().await.unwrap();
        assert!(!holds_handle(body.as_bytes()), "{at}: {body}");
    }

    // A client of the other tenant that got hold of the handles.
    let flow = Flow::new(&app, &other);
    let client = flow.client_with(&[CALLBACK], true).await;
    let verifier = loot.of_kind(Kind::Verifier);
    let own = Flow { verifier: verifier.clone(), ..flow };
    let form = [("grant_type", "authorization_code"), ("code", &*loot.code), ("code_verifier", &verifier)];
    assert_eq!(oauth_error(own.token(&client, &form).await).await.1, "invalid_grant");
    assert_eq!(oauth_error(own.refresh(&client, &loot.tokens.refresh).await).await.1, "invalid_grant");
    for token in [&loot.tokens.access, &loot.tokens.refresh] {
        assert_eq!(own.client_post("revoke", &client, &[("token", token)]).await.status(), StatusCode::OK);
    }

    for table in ["family", "access_grant", "access_token", "refresh_token", "session", "interaction", "consent"] {
        let count = format!("select count(*) from {table} where tenant = $1");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(other.id.0).fetch_one(&app.db.owner).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    let flow = Flow { verifier, ..Flow::new(&app, &loot.tenant) };
    assert!(flow.accepts(&loot.tokens.access).await);
    assert_eq!(flow.redeem(&loot.client, &loot.code).await.status(), StatusCode::OK, "untouched");
    assert_eq!(flow.refresh(&loot.client, &loot.tokens.refresh).await.status(), StatusCode::OK);
}
