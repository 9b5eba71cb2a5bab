//! Logging in for a client that waits.

use std::time::Duration;

use reqwest::Response;

use crate::harness::{
    app::{TestApp, TestPerson},
    flow::{Flow, hidden, location},
};

/// Begins an authorization request, with `extra` parameters, and follows it to its first page.
async fn begin(flow: &Flow<'_>, extra: &[(&'static str, &str)]) -> (String, String) {
    let client = flow.client().await;
    let mut parameters = flow.parameters(&client);
    parameters.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
    flow.page(flow.authorize(&parameters).await).await
}

async fn log_in(flow: &Flow<'_>, html: &str, person: &TestPerson, password: &str) -> Response {
    let (csrf, interaction) = (hidden(html, "csrf"), hidden(html, "interaction"));
    let fields =
        [("username", &*person.username), ("password", password), ("csrf", &csrf), ("interaction", &interaction)];
    flow.post("/t/acme/login", &fields).await
}

async fn not_you(flow: &Flow<'_>, consent: &str) -> (String, String) {
    let (csrf, interaction) = (hidden(consent, "csrf"), hidden(consent, "interaction"));
    let response = flow.post("/t/acme/logout", &[("csrf", &csrf), ("interaction", &interaction)]).await;
    flow.page(response).await
}

#[tokio::test]
async fn the_login_page_says_who_asks_and_leads_on_to_consent() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let flow = Flow::new(&app, &acme);
    let (path, html) = begin(&flow, &[("login_hint", "ada")]).await;
    assert_eq!(path, "/t/acme/login");
    assert!(html.contains("Test client") && html.contains("Server demo"), "{html}");
    assert!(html.contains("value=\"ada\""));

    // A wrong password loses nothing.
    let again = log_in(&flow, &html, &acme.person, "wrong password").await;
    assert_eq!(again.status(), 403);
    let again = again.text().await.unwrap();
    assert!(again.contains("Test client"));
    let response = log_in(&flow, &again, &acme.person, &acme.person.password).await;
    assert!(location(&response).starts_with("/t/acme/consent?interaction=sp_in_"));
    let (path, html) = flow.page(response).await;
    assert_eq!(path, "/t/acme/consent");
    assert!(html.contains("ada"));
}

#[tokio::test]
async fn whoever_is_logged_in_goes_straight_on_unless_the_client_wants_a_login() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let flow = Flow::new(&app, &acme);
    let (_, html) = begin(&flow, &[]).await;
    log_in(&flow, &html, &acme.person, &acme.person.password).await;
    assert_eq!(begin(&flow, &[]).await.0, "/t/acme/consent");

    let (path, html) = begin(&flow, &[("prompt", "login")]).await;
    assert_eq!(path, "/t/acme/login");
    // Going round the form does not help.
    let interaction = hidden(&html, "interaction");
    let response = flow.get(&format!("/t/acme/consent?interaction={interaction}")).await;
    assert_eq!(location(&response), format!("/t/acme/login?interaction={interaction}"));
    let response = log_in(&flow, &html, &acme.person, &acme.person.password).await;
    assert_eq!(flow.page(response).await.0, "/t/acme/consent");
}

#[tokio::test]
async fn not_you_leads_back_to_the_login_and_keeps_the_request() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let grace = app.person(acme.id, "grace").await;
    let flow = Flow::new(&app, &acme);
    let (_, html) = begin(&flow, &[]).await;
    let (_, consent) = flow.page(log_in(&flow, &html, &acme.person, &acme.person.password).await).await;
    let (path, html) = not_you(&flow, &consent).await;
    assert_eq!(path, "/t/acme/login");
    assert_eq!(hidden(&html, "interaction"), hidden(&consent, "interaction"));
    let (path, html) = flow.page(log_in(&flow, &html, &grace, &grace.password).await).await;
    assert_eq!(path, "/t/acme/consent");
    assert!(html.contains("grace"));
}

#[tokio::test]
async fn what_one_person_was_asked_the_next_does_not_answer() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let grace = app.person(acme.id, "grace").await;
    let flow = Flow::new(&app, &acme);
    let (_, html) = begin(&flow, &[]).await;
    let (_, adas) = flow.page(log_in(&flow, &html, &acme.person, &acme.person.password).await).await;
    // In another tab of the same browser.
    let (_, html) = begin(&flow, &[("prompt", "login")]).await;
    log_in(&flow, &html, &grace, &grace.password).await;

    let (csrf, interaction) = (hidden(&adas, "csrf"), hidden(&adas, "interaction"));
    let fields = [("decision", "approve"), ("scope", "mcp:read"), ("csrf", &csrf), ("interaction", &interaction)];
    let (path, html) = flow.page(flow.post("/t/acme/consent", &fields).await).await;
    assert_eq!(path, "/t/acme/consent");
    assert!(html.contains("grace"), "the page is shown again, to whoever sits there now");
    let grants: i64 = sqlx::query_scalar("select count(*) from access_grant").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(grants, 0);
}

#[tokio::test]
async fn another_browser_and_a_late_one_start_again() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (flow, other) = (Flow::new(&app, &acme), Flow::new(&app, &acme));
    let (_, html) = begin(&flow, &[]).await;
    let path = format!("/t/acme/login?interaction={}", hidden(&html, "interaction"));
    let page = other.get(&path).await;
    assert_eq!(page.status(), 400);
    assert!(!page.text().await.unwrap().contains("Test client"));

    app.clock.advance(Duration::from_secs(600));
    let late = log_in(&flow, &html, &acme.person, &acme.person.password).await;
    assert_eq!(late.status(), 400);
    assert!(late.headers().get("set-cookie").is_none());
    assert!(late.text().await.unwrap().contains("connect again from there"));
}
