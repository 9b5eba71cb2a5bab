//! `POST register`.

use std::time::Duration;

use futures_util::future::join_all;
use sallyport::{
    clients::initial_token::{self, InitialToken, InitialTokenError, NewInitialToken},
    secret::{Handle, HandleKind},
};
use serde_json::{Value, json};

use super::{Answer, confidential, events, public, register, registered, settings};
use crate::harness::app::{TestApp, TestTenant};

#[tokio::test]
async fn a_public_client_gets_back_what_is_registered() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let mut asked = public();
    asked["scope"] = json!("mcp:read unheard-of");
    asked["logo_uri"] = Value::Null;
    let answer = registered(&app, &tenant, &asked).await;

    assert_eq!(answer.headers["cache-control"], "no-store");
    let id = answer.text("client_id").to_owned();
    let token = answer.text("registration_access_token").to_owned();
    Handle::parse(HandleKind::RegistrationToken, &token).unwrap();
    assert!(id.starts_with("c_"));
    assert_eq!(
        answer.body,
        json!({
            "client_id": id,
            "client_id_issued_at": app.clock.unix(),
            "registration_access_token": token,
            "registration_client_uri": format!("{}/register/{id}", tenant.issuer),
            "client_name": "Editor",
            "redirect_uris": ["http://localhost/callback", "cursor://anysphere.cursor-mcp/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "native",
            "scope": "mcp:read",
        })
    );
}

#[tokio::test]
async fn a_confidential_client_gets_a_secret_once() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let answer = registered(&app, &tenant, &json!({ "redirect_uris": ["https://a.example/cb"] })).await;
    Handle::parse(HandleKind::ClientSecret, answer.text("client_secret")).unwrap();
    assert_eq!(answer.body["client_secret_expires_at"], 0);
    assert_eq!(answer.body["token_endpoint_auth_method"], "client_secret_basic");
    assert!(answer.body.as_object().unwrap().values().all(|value| !value.is_null()));
}

#[tokio::test]
async fn the_database_keeps_no_secret() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let answer = registered(&app, &tenant, &confidential()).await;
    let rows: Vec<String> =
        sqlx::query_scalar("select c::text from client c union all select e::text from audit_event e")
            .fetch_all(&app.db.owner)
            .await
            .unwrap();
    assert_eq!(rows.len(), 4, "the client, its event and the two of the person: {rows:?}");
    for secret in [answer.text("client_secret"), answer.text("registration_access_token")] {
        assert!(rows.iter().all(|row| !row.contains(secret)));
    }
}

#[tokio::test]
async fn each_registration_is_a_client_of_its_own_with_an_event() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let one = registered(&app, &tenant, &public()).await;
    let two = registered(&app, &tenant, &public()).await;
    assert_ne!(one.text("client_id"), two.text("client_id"));
    let events = events(&app, &tenant, "client.registered").await;
    assert_eq!(events.len(), 2);
    for client in [one, two] {
        let event = events.iter().find(|event| event["client"] == client.body["client_id"]).unwrap();
        assert_eq!(event["redirect_uris"], client.body["redirect_uris"]);
        assert_eq!(event["auth_method"], "none");
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_change_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let url = format!("{}/register", tenant.issuer);
    let post = |content_type: &str, body: String| {
        Answer::of(app.browser().post(&url).header("content-type", content_type).body(body))
    };
    let good = public().to_string();

    let answer = post("application/json", good.replace("http://localhost", "http://evil.example")).await;
    assert_eq!(answer.error(), (400, "invalid_redirect_uri"));
    assert!(answer.text("error_description").contains("http://evil.example/callback"), "{}", answer.body);
    let answer = post("application/json", good.replace("\"none\"", "\"tls_client_auth\"")).await;
    assert_eq!(answer.error(), (400, "invalid_client_metadata"));
    assert!(answer.text("error_description").contains("token_endpoint_auth_method"), "{}", answer.body);
    assert_eq!(post("application/json", "{".to_owned()).await.error(), (400, "invalid_client_metadata"));
    let twice = good.replacen('{', "{\"client_name\":\"Other\",", 1);
    assert_eq!(post("application/json", twice).await.error(), (400, "invalid_client_metadata"));
    assert_eq!(post("text/plain", good.clone()).await.error(), (400, "invalid_client_metadata"));
    assert_eq!(post(";;", good.clone()).await.error(), (400, "invalid_client_metadata"));
    let large = json!({ "redirect_uris": ["https://a.example/cb"], "x": "y".repeat(64 * 1024) });
    assert_eq!(post("application/json", large.to_string()).await.error(), (413, "invalid_client_metadata"));

    assert_eq!(events(&app, &tenant, "client.registered").await, Vec::<Value>::new());
    assert_eq!(post("application/json; charset=utf-8", good).await.status, 201);
}

#[tokio::test]
async fn an_unknown_tenant_and_a_closed_one_take_no_clients() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let nowhere = Answer::of(app.browser().post(app.url("/t/nowhere/register")).json(&public())).await;
    assert_eq!(nowhere.error(), (404, "not_found"));
    settings(&app, &tenant, json!({ "registration": "off" })).await;
    assert_eq!(register(&app, &tenant, &public()).await.error(), (403, "access_denied"));
}

#[tokio::test]
async fn a_tenant_may_allow_a_scheme_of_its_own() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let asked = json!({ "redirect_uris": ["corp-tool://callback"], "token_endpoint_auth_method": "none" });
    assert_eq!(register(&app, &tenant, &asked).await.error(), (400, "invalid_redirect_uri"));
    settings(&app, &tenant, json!({ "redirect_schemes": ["corp-tool"] })).await;
    registered(&app, &tenant, &asked).await;
}

/// Makes an initial access token for an hour.
async fn initial_token(app: &TestApp, tenant: &TestTenant, uses: u16) -> (String, InitialToken) {
    let new = NewInitialToken { uses, life: time::Duration::HOUR, note: "test".to_owned() };
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let (token, made) = initial_token::create(&mut tx, &app.recorder(), &app.app.keyring, new).await.unwrap();
    tx.commit().await.unwrap();
    (token.expose().to_owned(), made)
}

async fn register_with(app: &TestApp, tenant: &TestTenant, token: &str, body: &Value) -> Answer {
    let url = format!("{}/register", tenant.issuer);
    Answer::of(app.browser().post(url).bearer_auth(token).json(body)).await
}

#[tokio::test]
async fn an_initial_access_token_opens_the_door_as_often_as_it_says() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    for tenant in [&tenant, &other] {
        settings(&app, tenant, json!({ "registration": "initial_access_token" })).await;
    }
    let (token, _) = initial_token(&app, &tenant, 3).await;

    let without = register(&app, &tenant, &public()).await;
    assert_eq!(without.error(), (401, "invalid_token"));
    assert_eq!(without.headers["www-authenticate"], "Bearer");
    let wrong = register_with(&app, &tenant, "sp_ia_nonsense", &public()).await;
    assert_eq!(wrong.error(), (401, "invalid_token"));
    assert!(wrong.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert_eq!(register_with(&app, &other, &token, &public()).await.error(), (401, "invalid_token"));
    // A try that fails its checks takes no use off it.
    assert_eq!(register_with(&app, &tenant, &token, &json!({})).await.error(), (400, "invalid_redirect_uri"));

    let body = public();
    let answers = join_all((0..8).map(|_| register_with(&app, &tenant, &token, &body))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 3, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 5, "{statuses:?}");
}

#[tokio::test]
async fn an_initial_access_token_ends_with_its_time() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    settings(&app, &tenant, json!({ "registration": "initial_access_token" })).await;
    let (token, _) = initial_token(&app, &tenant, 3).await;
    assert_eq!(register_with(&app, &tenant, &token, &public()).await.status, 201);
    app.clock.advance(Duration::from_secs(3600));
    assert_eq!(register_with(&app, &tenant, &token, &public()).await.error(), (401, "invalid_token"));
}

#[tokio::test]
async fn an_initial_access_token_that_was_taken_back_opens_nothing() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    settings(&app, &tenant, json!({ "registration": "initial_access_token" })).await;
    let ((token, made), (kept, _)) = (initial_token(&app, &tenant, 3).await, initial_token(&app, &tenant, 3).await);
    assert_eq!(register_with(&app, &tenant, &token, &public()).await.status, 201);

    let mut tx = app.app.store.tenant_tx(other.id).await.unwrap();
    let elsewhere = initial_token::revoke(&mut tx, &app.recorder(), &made.id).await;
    assert!(matches!(elsewhere, Err(InitialTokenError::Unknown(_))), "another tenant's is not there");
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    initial_token::revoke(&mut tx, &app.recorder(), &made.id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(register_with(&app, &tenant, &token, &public()).await.error(), (401, "invalid_token"));
    assert_eq!(register_with(&app, &tenant, &kept, &public()).await.status, 201);
}

#[tokio::test]
async fn a_tenant_takes_so_many_registrations_a_day() {
    let app = TestApp::start_with(|config| config.registration.per_tenant_per_day = 5).await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    registered(&app, &tenant, &public()).await;
    app.clock.advance(Duration::from_secs(3600));

    let body = public();
    let answers = join_all((0..12).map(|_| register(&app, &tenant, &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 4);
    let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!(refused.error(), (429, "temporarily_unavailable"));
    assert_eq!(refused.headers["retry-after"], (23 * 3600).to_string().as_str());

    registered(&app, &other, &public()).await;
    app.clock.advance(Duration::from_secs(23 * 3600));
    registered(&app, &tenant, &public()).await;
    assert_eq!(register(&app, &tenant, &public()).await.error(), (429, "temporarily_unavailable"));
}

#[tokio::test]
async fn one_address_registers_so_fast_at_one_tenant() {
    let app = TestApp::start_with(|config| {
        config.registration.burst = 2;
        config.registration.per_minute = 1;
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    // Only a tenant that was asked for before has a limit of its own.
    for slug in ["acme", "other"] {
        app.app.tenant(slug).await.unwrap().unwrap();
    }
    let from = |tenant: &TestTenant, address: &str| {
        let request = app.browser().post(format!("{}/register", tenant.issuer)).header("x-forwarded-for", address);
        Answer::of(request.json(&public()))
    };
    for _ in 0..2 {
        assert_eq!(from(&tenant, "192.0.2.1").await.status, 201);
    }
    let refused = from(&tenant, "192.0.2.1").await;
    assert_eq!(refused.error(), (429, "temporarily_unavailable"));
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert_eq!(from(&tenant, "192.0.2.2").await.status, 201);
    assert_eq!(from(&other, "192.0.2.1").await.status, 201);
}

#[tokio::test]
async fn a_fault_of_ours_is_not_the_clients_fault() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    app.app.store.close().await;
    let answer = register(&app, &tenant, &public()).await;
    assert_eq!(answer.error(), (503, "temporarily_unavailable"));
    assert!(answer.headers.contains_key("retry-after"));
    let token = client.text("registration_access_token");
    let read = Answer::of(app.browser().get(client.text("registration_client_uri")).bearer_auth(token)).await;
    assert_eq!(read.error(), (503, "temporarily_unavailable"));
}
