//! Who may register, and that the metadata says so.

use serde_json::{Value, json};

use super::{Answer, public, register, registered, settings};
use crate::harness::app::{TestApp, TestTenant};

fn rule(rule: &str) -> Value {
    json!({ "registration": rule })
}

async fn is_advertised(app: &TestApp, tenant: &TestTenant) -> bool {
    let url = app.url(&format!("/.well-known/oauth-authorization-server/t/{}", tenant.slug));
    let document: Value = app.http().get(url).send().await.unwrap().json().await.unwrap();
    let endpoint = document.get("registration_endpoint").map(|endpoint| endpoint.as_str().unwrap().to_owned());
    assert!(endpoint.as_ref().is_none_or(|endpoint| *endpoint == format!("{}/register", tenant.issuer)));
    endpoint.is_some()
}

#[tokio::test]
async fn the_endpoint_is_advertised_exactly_when_a_client_could_register() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let trust = json!([{ "issuer": "https://vendor.example", "jwks": { "keys": [
        { "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] } }]);
    for (of_tenant, advertised) in [
        (json!({}), true),
        (rule("open"), true),
        (rule("initial_access_token"), true),
        (rule("approval"), true),
        (rule("software_statement"), false),
        (json!({ "registration": "software_statement", "software_statements": trust }), true),
        (rule("off"), false),
    ] {
        settings(&app, &tenant, of_tenant.clone()).await;
        assert_eq!(is_advertised(&app, &tenant).await, advertised, "{of_tenant}");
        let answer = register(&app, &tenant, &public()).await;
        let expected = match of_tenant["registration"].as_str() {
            None | Some("open" | "approval") => 201,
            Some("initial_access_token") => 401,
            Some("software_statement") => 400,
            _ => 403,
        };
        assert_eq!(answer.status, expected, "{of_tenant}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_rule_is_for_those_who_come_and_not_for_those_who_are_there() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let client = registered(&app, &tenant, &public()).await;
    for stricter in ["approval", "software_statement", "off"] {
        settings(&app, &tenant, rule(stricter)).await;
        let read = app.http().get(client.text("registration_client_uri"));
        let answer = Answer::of(read.bearer_auth(client.text("registration_access_token"))).await;
        assert_eq!(answer.status, 200, "{stricter}");
        let page = app.http().get(format!("{}/authorize?client_id={}", tenant.issuer, client.text("client_id")));
        let html = page.send().await.unwrap().text().await.unwrap();
        assert!(html.contains("has not registered"), "the client may ask, and asked badly: {html}");
    }
}
