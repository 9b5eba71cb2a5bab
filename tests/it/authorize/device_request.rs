//! What a device asks for, and what it is told (RFC 8628 §3.1 and §3.2).

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    device::{GRANT, TestDevice},
    flow::{Flow, oauth_error, query},
};

#[tokio::test]
async fn a_device_is_told_its_codes_and_where_a_person_types_one() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let response = flow.device_request(&client, &[("resource", &tenant.server.resource)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    let body: Value = response.json().await.unwrap();
    let device = TestDevice::read(&body);
    assert!(device.code.starts_with("sp_dc_"), "{body}");
    assert_eq!(body["verification_uri"], format!("{}/device", tenant.issuer));
    assert_eq!(query(&device.complete, "user_code").unwrap(), device.user_code);
    assert_eq!((&body["expires_in"], &body["interval"]), (&json!(600), &json!(5)));
    assert_eq!(body.as_object().unwrap().len(), 6);
    let letters: Vec<char> = device.user_code.chars().collect();
    assert!(letters.len() == 9 && letters[4] == '-', "{}", device.user_code);
    assert!(letters.iter().filter(|c| **c != '-').all(|c| "BCDFGHJKLMNPQRSTVWXZ".contains(*c)));
    let asked = app.app.store.audit_recent(tenant.id, 5).await.unwrap();
    let asked = asked.iter().find(|event| event.kind == "device.requested").unwrap();
    assert_eq!(asked.body["client"], client.id.as_str());
    assert_eq!(asked.body["scopes"], json!(["mcp:read", "mcp:write"]));
    assert!(!asked.body["source"].as_str().unwrap().contains("127.0.0.1"), "no address in clear: {}", asked.body);
}

#[tokio::test]
async fn requests_that_are_not_right_are_told_apart() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let resource = ("resource", tenant.server.resource.as_str());
    let challenge = flow.challenge();
    let cases: [(&[(&str, &str)], &str); 11] = [
        (&[], "invalid_target"),
        (&[("resource", "https://elsewhere.example/")], "invalid_target"),
        (&[("resource", "no address")], "invalid_target"),
        (&[resource, resource], "invalid_target"),
        (&[resource, ("scope", "mcp:read"), ("scope", "mcp:read")], "invalid_request"),
        (&[resource, ("scope", "m\u{e4}h")], "invalid_scope"),
        (&[resource, ("code_challenge", &challenge)], "invalid_request"),
        (&[resource, ("code_challenge", &challenge), ("code_challenge_method", "plain")], "invalid_request"),
        (&[resource, ("code_challenge_method", "S256")], "invalid_request"),
        (&[resource, ("code_challenge", "short"), ("code_challenge_method", "S256")], "invalid_request"),
        (&[resource, ("client_id", "somebody"), ("client_id", "else")], "invalid_request"),
    ];
    for (form, error) in cases {
        let answer = oauth_error(flow.device_request(&client, form).await).await;
        assert_eq!(answer, (StatusCode::BAD_REQUEST, error.to_owned()), "{form:?}");
    }
    let other = flow.client().await;
    let answer = oauth_error(flow.device_request(&other, &[resource]).await).await;
    assert_eq!(answer, (StatusCode::BAD_REQUEST, "unauthorized_client".into()));
    let rows: i64 =
        sqlx::query_scalar("select count(*) from device_authorization").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(rows, 0, "nothing of this was written down");
}

#[tokio::test]
async fn a_request_without_a_resource_means_the_default_server_if_there_is_one() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    app.settings(&tenant, json!({ "default_server": "demo" })).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let response = flow.device_request(&client, &[("scope", "mcp:read unknown:scope")]).await;
    let device = TestDevice::read(&response.json().await.unwrap());
    let page = flow.ask(&device).await;
    assert!(page.contains("Server demo") && page.contains("value=\"mcp:read\""));
    assert!(!page.contains("value=\"mcp:write\"") && !page.contains("unknown:scope"));
}

#[tokio::test]
async fn a_confidential_client_proves_itself() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["https://client.example/callback"], true).await;
    flow.give_device_grant(&client).await;
    let mut naked = client.clone();
    naked.secret = None;
    let resource = ("resource", tenant.server.resource.as_str());
    let answer = oauth_error(flow.device_request(&naked, &[resource]).await).await;
    assert_eq!(answer, (StatusCode::UNAUTHORIZED, "invalid_client".into()));
    let device = flow.device(&client).await;
    flow.allow(&device).await;
    assert_eq!(oauth_error(flow.poll(&naked, &device).await).await.1, "invalid_client");
    assert_eq!(flow.poll(&client, &device).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_off_is_not_there_and_not_advertised() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let page = flow.ask(&device).await;
    app.settings(&tenant, json!({ "device_flow": false })).await;

    let metadata = app.url("/.well-known/oauth-authorization-server/t/acme");
    let document: Value = app.http().get(metadata).send().await.unwrap().json().await.unwrap();
    assert!(document.get("device_authorization_endpoint").is_none());
    assert_eq!(document["grant_types_supported"], json!(["authorization_code", "refresh_token", "client_credentials"]));
    let resource = ("resource", tenant.server.resource.as_str());
    assert_eq!(oauth_error(flow.device_request(&client, &[resource]).await).await.0, StatusCode::NOT_FOUND);
    assert_eq!(oauth_error(flow.poll(&client, &device).await).await.1, "unsupported_grant_type");
    assert_eq!(flow.get("/t/acme/device").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(flow.answer(&page, "approve", &["mcp:read"]).await.status(), StatusCode::NOT_FOUND);

    app.settings(&tenant, json!({ "device_flow": true })).await;
    flow.allow(&device).await;
}

/// RFC 7591: what a client asks for and the tenant has, is registered; a client of devices alone needs no redirect URI.
#[tokio::test]
async fn clients_register_for_it() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let register = async |body: Value| {
        let response = app.http().post(format!("{}/register", tenant.issuer)).json(&body).send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    let only = json!({ "client_name": "Terminal", "grant_types": [GRANT], "token_endpoint_auth_method": "none" });
    let (status, body) = register(only.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(
        (&body["grant_types"], &body["redirect_uris"], &body["response_types"]),
        (&json!([GRANT]), &json!([]), &json!([]))
    );
    let client = crate::harness::flow::TestClient {
        id: body["client_id"].as_str().unwrap().to_owned(),
        secret: None,
        redirect_uri: "http://127.0.0.1:7777/callback".to_owned(),
    };
    flow.device_tokens(&client).await;
    // It cannot take the other way.
    assert_eq!(flow.authorize(&flow.parameters(&client)).await.status(), StatusCode::BAD_REQUEST);

    let all = json!({ "redirect_uris": ["http://localhost/callback"],
                      "grant_types": ["refresh_token", GRANT, "authorization_code", "password"] });
    assert_eq!(register(all.clone()).await.1["grant_types"], json!(["authorization_code", "refresh_token", GRANT]));
    let (status, body) = register(json!({ "grant_types": ["authorization_code", GRANT] })).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_redirect_uri")));
    let (status, body) = register(json!({ "grant_types": ["refresh_token"] })).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_client_metadata")));

    app.settings(&tenant, json!({ "device_flow": false })).await;
    assert_eq!(register(all).await.1["grant_types"], json!(["authorization_code", "refresh_token"]));
    let (status, body) = register(only).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_client_metadata")));
}

/// Requests are written down for strangers, too: an address has so many of them a minute.
#[tokio::test]
async fn one_address_asks_so_often_and_no_more() {
    let app = TestApp::start_with(|config| {
        config.authorization.burst = 3;
        config.authorization.per_minute = 60;
    })
    .await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    // The limiter knows the tenants that the process knows.
    app.http().get(format!("{}/jwks.json", tenant.issuer)).send().await.unwrap();
    for _ in 0..3 {
        flow.device(&client).await;
    }
    let response = flow.device_request(&client, &[("resource", &tenant.server.resource)]).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(oauth_error(response).await, (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable".into()));
}

/// The oldest go when there are too many, and nobody else's when one tenant is flooded.
#[tokio::test]
async fn a_tenant_keeps_so_many_requests_and_no_more() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
    let (flow, elsewhere) = (Flow::new(&app, &tenant), Flow::new(&app, &other));
    let client = flow.device_client().await;
    let theirs = elsewhere.device_client().await;
    let (first, kept) = (flow.device(&client).await, elsewhere.device(&theirs).await);
    app.clock.advance(Duration::from_secs(1));
    sqlx::query(
        "insert into device_authorization (tenant, id, hash, pepper_id, user_code, client, server, scopes, address,
             created_at, expires_at, poll_seconds)
         select tenant, gen_random_uuid(), n::text::bytea, '', n::text::bytea, client, server, scopes, address, created_at,
                expires_at + interval '1 second', 5
           from device_authorization, generate_series(1, 9999) n where tenant = $1",
    )
    .bind(tenant.id.0)
    .execute(&app.db.owner)
    .await
    .unwrap();
    assert_eq!(oauth_error(flow.poll(&client, &first).await).await.1, "authorization_pending");
    flow.device(&client).await;
    assert_eq!(oauth_error(flow.poll(&client, &first).await).await.1, "invalid_grant");
    assert_eq!(oauth_error(elsewhere.poll(&theirs, &kept).await).await.1, "authorization_pending");
    let rows: i64 = sqlx::query_scalar("select count(*) from device_authorization where tenant = $1")
        .bind(tenant.id.0)
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    assert_eq!(rows, 10_000);
}
