//! Redeeming codes: what consumes, what does not, and what a replay does.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::{
    app::TestApp,
    flow::{CALLBACK, Flow, Tokens, oauth_error},
};

#[tokio::test]
async fn a_code_becomes_tokens_that_say_what_they_are() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let code = flow.code(&client).await;
    let response = flow.redeem(&client, &code).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let tokens = Tokens::read(&response.json::<Value>().await.unwrap());
    assert!(tokens.access.starts_with("sp_at_") && tokens.refresh.starts_with("sp_rt_"));
    assert_eq!(tokens.scope, "mcp:read mcp:write");
    assert_eq!(tokens.expires_in, i64::try_from(app.app.config.tokens.access.as_secs()).unwrap());
    assert!(flow.accepts(&tokens.access).await);
}

#[tokio::test]
async fn fewer_ticked_boxes_make_fewer_scopes() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let code = flow.code_for(&client, &["mcp:read", "admin:everything"]).await;
    let tokens = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    assert_eq!(tokens.scope, "mcp:read");
}

/// OAuth 2.1 §4.1.3: a try with wrong parameters neither consumes nor revokes; the fifth one ends the code.
#[tokio::test]
async fn a_wrong_try_does_not_burn_the_code() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let code = flow.code(&client).await;
    let resource = tenant.server.resource.as_str();
    let wrong_verifier = "x".repeat(43);
    let form = |verifier: &str, redirect: &str, resource: &str| {
        vec![
            ("grant_type".to_owned(), "authorization_code".to_owned()),
            ("code".to_owned(), code.clone()),
            ("code_verifier".to_owned(), verifier.to_owned()),
            ("redirect_uri".to_owned(), redirect.to_owned()),
            ("resource".to_owned(), resource.to_owned()),
        ]
    };
    let tries = [
        (&other, form(&flow.verifier, CALLBACK, resource), "invalid_grant"),
        (&client, form(&wrong_verifier, CALLBACK, resource), "invalid_grant"),
        (&client, form(&flow.verifier, "http://127.0.0.1:7778/callback", resource), "invalid_grant"),
        (&client, form(&flow.verifier, CALLBACK, "http://elsewhere.example/"), "invalid_target"),
    ];
    for (who, form, error) in &tries {
        let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(oauth_error(flow.token(who, &form).await).await, (StatusCode::BAD_REQUEST, (*error).to_owned()));
    }
    assert_eq!(flow.redeem(&client, &code).await.status(), StatusCode::OK);

    let second = flow.code(&client).await;
    for _ in 0..5 {
        let response = flow.redeem(&other, &second).await;
        assert_eq!(oauth_error(response).await.1, "invalid_grant");
    }
    assert_eq!(oauth_error(flow.redeem(&client, &second).await).await.1, "invalid_grant", "five tries end the code");
}

#[tokio::test]
async fn a_replay_with_everything_right_ends_the_family_and_a_wrong_one_does_not() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let code = flow.code(&client).await;
    let tokens = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    assert_eq!(oauth_error(flow.redeem(&other, &code).await).await.1, "invalid_grant");
    assert!(flow.accepts(&tokens.access).await, "another client's replay revokes nothing");
    assert_eq!(oauth_error(flow.redeem(&client, &code).await).await.1, "invalid_grant");
    assert!(!flow.accepts(&tokens.access).await, "a replay with everything right revokes");
    assert_eq!(oauth_error(flow.refresh(&client, &tokens.refresh).await).await.1, "invalid_grant");
    let kinds: Vec<String> =
        app.app.store.audit_recent(tenant.id, 50).await.unwrap().into_iter().map(|event| event.kind).collect();
    for kind in ["code.replayed", "family.revoked", "token.issued", "code.issued", "consent.given", "consent.shown"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind} is missing in {kinds:?}");
    }
}

#[tokio::test]
async fn a_code_ends_after_its_minute() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let code = flow.code(&client).await;
    app.clock.advance(app.app.config.tokens.code + Duration::from_secs(1));
    assert_eq!(oauth_error(flow.redeem(&client, &code).await).await, (StatusCode::BAD_REQUEST, "invalid_grant".into()));
}

#[tokio::test]
async fn redirect_uri_and_resource_may_be_left_out() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let code = flow.code(&client).await;
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", &flow.verifier)];
    assert_eq!(flow.token(&client, &form).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_confidential_client_needs_its_secret() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["https://client.example/callback"], true).await;
    let code = flow.code(&client).await;
    let mut naked = client.clone();
    naked.secret = None;
    assert_eq!(
        oauth_error(flow.redeem(&naked, &code).await).await,
        (StatusCode::UNAUTHORIZED, "invalid_client".into())
    );
    assert_eq!(flow.redeem(&client, &code).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn malformed_requests_are_told_apart() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let code = flow.code(&client).await;
    let verifier = flow.verifier.as_str();
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "authorization_code")], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("code", &code)], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("code", &code), ("code_verifier", "short")], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("code", "sp_ac_x"), ("code_verifier", verifier)], "invalid_grant"),
        (
            &[("grant_type", "authorization_code"), ("code", &code), ("code", &code), ("code_verifier", verifier)],
            "invalid_request",
        ),
        (
            &[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("code_verifier", verifier),
                ("resource", &tenant.server.resource),
                ("resource", "http://b.example"),
            ],
            "invalid_target",
        ),
    ];
    for (form, error) in cases {
        assert_eq!(
            oauth_error(flow.token(&client, form).await).await,
            (StatusCode::BAD_REQUEST, error.to_owned()),
            "{form:?}"
        );
    }
    assert_eq!(flow.redeem(&client, &code).await.status(), StatusCode::OK, "none of them consumed the code");
}

#[tokio::test]
async fn a_code_of_one_tenant_is_nothing_at_another() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let (flow, elsewhere) = (Flow::new(&app, &acme), Flow::new(&app, &other));
    let client = flow.client().await;
    let twin = elsewhere.client().await;
    let code = flow.code(&client).await;
    assert_eq!(oauth_error(elsewhere.redeem(&client, &code).await).await.1, "invalid_client");
    assert_eq!(oauth_error(elsewhere.redeem(&twin, &code).await).await.1, "invalid_grant");
    assert_eq!(flow.redeem(&client, &code).await.status(), StatusCode::OK);
}
