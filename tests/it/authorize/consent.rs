//! Consent: what the page says, what an answer does, and when it is not asked again.

use std::time::Duration;

use reqwest::StatusCode;
use sallyport::{ids::ClientId, store};

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient, hidden, location, query},
};

const BOTH: [&str; 2] = ["mcp:read", "mcp:write"];

#[tokio::test]
async fn the_page_says_who_asks_for_what_and_where_it_leads() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    for words in
        ["Test client", "127.0.0.1:7777", "Server demo", "value=\"mcp:read\"", "value=\"mcp:write\"", "Tenant acme"]
    {
        assert!(html.contains(words), "{words} is missing in {html}");
    }
    assert!(html.to_lowercase().contains("not verified"));
    assert!(!html.contains("<script"));
}

#[tokio::test]
async fn denying_tells_the_client_and_gives_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let response = flow.decide(&html, "deny", &BOTH).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let to = location(&response);
    assert_eq!(query(&to, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&to, "iss").as_deref(), Some(tenant.issuer.as_str()));
    assert_eq!(query(&to, "state").as_deref(), Some("s t\u{e4}te&="));
    let again = flow.decide(&html, "approve", &BOTH).await;
    assert_eq!(again.status(), StatusCode::BAD_REQUEST, "one answer only");
}

#[tokio::test]
async fn approving_nothing_shows_the_page_again() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let response = flow.decide(&html, "approve", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let again = response.text().await.unwrap();
    assert!(again.contains("nothing ticked"), "{again}");
    assert_eq!(flow.decide(&again, "approve", &["mcp:read"]).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_interaction_is_its_own_browsers_and_ends_after_ten_minutes() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let path = format!("/t/acme/consent?interaction={}", hidden(&html, "interaction"));

    let thief = Flow::new(&app, &tenant);
    thief.consent_page(&thief.parameters(&client)).await;
    assert_eq!(
        thief.get(&path).await.status(),
        StatusCode::BAD_REQUEST,
        "another browser, logged in as the same person"
    );
    assert_eq!(flow.get(&path).await.status(), StatusCode::OK);
    app.clock.advance(Duration::from_secs(601));
    assert_eq!(flow.get(&path).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let (csrf, interaction) = (hidden(&html, "csrf"), hidden(&html, "interaction"));
    let send = |origin: &'static str, csrf: String| {
        let form = [
            ("csrf", csrf),
            ("interaction", interaction.clone()),
            ("decision", "approve".into()),
            ("scope", "mcp:read".into()),
        ];
        flow.http.post(app.url("/t/acme/consent")).header("origin", origin).form(&form).send()
    };
    for origin in ["http://127.0.0.1:1", "https://evil.example", "null"] {
        assert_eq!(send(origin, csrf.clone()).await.unwrap().status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let own: &'static str = Box::leak(app.base.clone().into_boxed_str());
    for forged in [String::new(), "AAAA".to_owned(), csrf.chars().rev().collect()] {
        assert_eq!(send(own, forged).await.unwrap().status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(send(own, csrf).await.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_program_on_this_computer_is_always_asked_about_and_a_known_web_client_is_not() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let local = flow.client().await;
    let web = flow.client_with(&["https://client.example/callback"], false).await;
    for client in [&local, &web] {
        flow.code(client).await;
    }
    let page = flow.page(flow.authorize(&flow.parameters(&local)).await).await.1;
    assert!(page.contains("name=\"decision\""), "no code without a click");

    let (skipped, mut response) = (flow.parameters(&web), flow.authorize(&flow.parameters(&web)).await);
    // By way of the login page, which has nothing to ask either.
    for _ in 0..2 {
        response = flow.get(&location(&response)).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
    }
    assert!(query(&location(&response), "code").is_some(), "all of it was allowed before");

    let mut asked = skipped;
    asked.push(("prompt", "consent".to_owned()));
    let page = flow.page(flow.authorize(&asked).await).await.1;
    assert!(page.contains("name=\"decision\""));
}

#[tokio::test]
async fn a_wider_request_and_a_changed_client_are_asked_about_again() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["https://client.example/callback"], false).await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    flow.decide(&html, "approve", &["mcp:read"]).await;
    let wider = flow.page(flow.authorize(&flow.parameters(&client)).await).await.1;
    assert!(wider.contains("name=\"decision\""));
    flow.decide(&wider, "approve", &BOTH).await;

    rename(&app, &tenant, &client, "Trusted Bank").await;
    let changed = flow.page(flow.authorize(&flow.parameters(&client)).await).await.1;
    assert!(
        changed.contains("name=\"decision\"") && changed.contains("Test client"),
        "it says what it was called: {changed}"
    );
}

async fn rename(app: &TestApp, tenant: &TestTenant, client: &TestClient, name: &str) {
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let id = ClientId::parse(&client.id).unwrap();
    let mut known = store::clients::find(&mut tx, &id).await.unwrap().unwrap();
    known.metadata.client_name = Some(name.to_owned());
    store::clients::update(&mut tx, &known).await.unwrap();
    tx.commit().await.unwrap();
}

/// Widening a grant never widens a handle that is already out.
#[tokio::test]
async fn a_wider_consent_does_not_widen_an_older_token() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let code = flow.code_for(&client, &["mcp:read"]).await;
    let narrow = crate::harness::flow::Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    let wide = flow.tokens(&client).await;
    assert_eq!((narrow.scope.as_str(), wide.scope.as_str()), ("mcp:read", "mcp:read mcp:write"));
    let refreshed =
        crate::harness::flow::Tokens::read(&flow.refresh(&client, &narrow.refresh).await.json().await.unwrap());
    assert_eq!(refreshed.scope, "mcp:read");
}

#[tokio::test]
async fn a_custom_scheme_gets_a_page_with_a_link() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["cursor://anysphere.cursor-mcp/oauth/callback"], false).await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let response = flow.decide(&html, "approve", &BOTH).await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = response.text().await.unwrap();
    assert!(page.contains("href=\"cursor://anysphere.cursor-mcp/oauth/callback?code=sp_ac_"), "{page}");
}
