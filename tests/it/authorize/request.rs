//! Authorization requests: which go on, which end on a page, and which belong to the client.

use reqwest::StatusCode;

use crate::harness::{
    app::TestApp,
    flow::{Flow, location, query},
};

fn set(parameters: &mut Vec<(&'static str, String)>, name: &'static str, value: &str) {
    parameters.retain(|(key, _)| *key != name);
    if !value.is_empty() {
        parameters.push((name, value.to_owned()));
    }
}

#[tokio::test]
async fn without_a_known_client_and_redirect_uri_nothing_leaves_this_server() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    for (name, value) in [
        ("client_id", ""),
        ("client_id", "c_unknown"),
        ("client_id", "<script>"),
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "http://127.0.0.1:7777/callback/../x"),
        ("redirect_uri", "http://127.0.0.1.evil.example:7777/callback"),
        ("redirect_uri", "javascript:alert(1)"),
    ] {
        let mut parameters = flow.parameters(&client);
        set(&mut parameters, name, value);
        let response = flow.authorize(&parameters).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}={value}");
        assert!(response.headers().get("location").is_none());
        let html = response.text().await.unwrap();
        assert!(
            html.starts_with("<!doctype html>") && !html.contains("evil.example") && !html.contains("<script"),
            "{html}"
        );
    }
    let mut twice = flow.parameters(&client);
    twice.push(("client_id", client.id.clone()));
    assert_eq!(flow.authorize(&twice).await.status(), StatusCode::BAD_REQUEST);
    let unknown = flow.http.get(app.url("/t/nobody/authorize?client_id=x")).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

/// RFC 9700 §4.11: anybody can register a client, so an error is a link before the login, and a redirect after it.
#[tokio::test]
async fn an_error_is_a_link_before_the_login_and_a_redirect_after_it() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let cases = [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "tooshort", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("resource", "", "invalid_target"),
        ("resource", "https://elsewhere.example/mcp", "invalid_target"),
        ("resource", &format!("{}#fragment", tenant.server.resource), "invalid_target"),
        ("resource", &tenant.issuer, "invalid_target"),
        ("scope", "mcp:read \"quoted\"", "invalid_scope"),
        ("response_mode", "fragment", "invalid_request"),
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
    ];
    for (name, value, error) in &cases {
        let mut parameters = flow.parameters(&client);
        set(&mut parameters, name, value);
        let response = flow.authorize(&parameters).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}={value}");
        assert!(response.headers().get("location").is_none());
        let html = response.text().await.unwrap();
        assert!(html.contains(&format!("error={error}")), "{name}={value}: the link carries {error}");
    }
    flow.consent_page(&flow.parameters(&client)).await;
    for (name, value, error) in &cases {
        let mut parameters = flow.parameters(&client);
        set(&mut parameters, name, value);
        let response = flow.authorize(&parameters).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{name}={value}");
        let to = location(&response);
        assert!(to.starts_with("http://127.0.0.1:7777/callback?"), "{to}");
        assert_eq!(query(&to, "error").as_deref(), Some(*error), "{name}={value}");
        assert_eq!(query(&to, "iss").as_deref(), Some(tenant.issuer.as_str()));
        assert_eq!(query(&to, "state").as_deref(), Some("s t\u{e4}te&="));
        assert_eq!(query(&to, "code"), None);
    }
}

#[tokio::test]
async fn two_resources_are_refused() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut parameters = flow.parameters(&client);
    parameters.push(("resource", tenant.server.resource.clone()));
    let html = flow.authorize(&parameters).await.text().await.unwrap();
    assert!(html.contains("error=invalid_target"), "{html}");
}

#[tokio::test]
async fn spellings_of_the_resource_and_any_loopback_port_are_accepted() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow
        .client_with(&["http://localhost/callback", "http://127.0.0.1/callback", "http://[::1]/callback"], false)
        .await;
    let shouted = tenant.server.resource.replacen("http://", "HTTP://", 1);
    for resource in [shouted, format!("{}/", tenant.server.resource)] {
        for redirect in [
            "http://localhost:3118/callback",
            "http://127.0.0.1:65535/callback",
            "http://[::1]:1/callback",
            "http://localhost/callback",
        ] {
            let mut parameters = flow.parameters(&client);
            set(&mut parameters, "resource", &resource);
            set(&mut parameters, "redirect_uri", redirect);
            let response = flow.authorize(&parameters).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{resource} {redirect}");
        }
    }
}

#[tokio::test]
async fn unknown_scopes_are_dropped_and_no_scope_means_the_default() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    for (scope, read, write) in
        [("", true, true), ("mcp:read openid offline_access", true, false), ("nothing:known", true, true)]
    {
        let mut parameters = flow.parameters(&client);
        set(&mut parameters, "scope", scope);
        let html = flow.consent_page(&parameters).await;
        assert_eq!(html.contains("value=\"mcp:read\""), read, "{scope}");
        assert_eq!(html.contains("value=\"mcp:write\""), write, "{scope}");
    }
}

#[tokio::test]
async fn prompt_none_is_answered_without_a_page_and_prompt_login_asks_again() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut silent = flow.parameters(&client);
    set(&mut silent, "prompt", "none");
    assert!(flow.authorize(&silent).await.text().await.unwrap().contains("error=login_required"));
    flow.consent_page(&flow.parameters(&client)).await;
    assert_eq!(query(&location(&flow.authorize(&silent).await), "error").as_deref(), Some("consent_required"));

    let mut fresh = flow.parameters(&client);
    set(&mut fresh, "prompt", "login consent");
    let (path, html) = flow.page(flow.authorize(&fresh).await).await;
    assert!(path.ends_with("/login"), "{path}");
    let (path, _) = flow.page(flow.log_in(&html).await).await;
    assert!(path.ends_with("/consent"), "{path}");
}
