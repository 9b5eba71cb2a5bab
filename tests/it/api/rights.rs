//! Each route asks for its own right, and for a role.

use sallyport::{
    access::{self, Page, RULES, Role},
    app::routes::{self, Route},
};
use serde_json::Value;

use crate::harness::{
    api::{self, good, http, rule, token, token_for},
    app::TestApp,
    browser::TestBrowser,
    console::{Things, appoint},
};

async fn ask(app: &TestApp, http: &reqwest::Client, route: &Route, things: &Things) -> (u16, Value) {
    let good = good(route, things, "acme");
    let mut request = http.request(route.method.clone(), app.url(&good.path));
    if let Some(seen) = good.seen {
        request = request.header("if-match", seen);
    }
    if let Some(body) = good.body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// For each route a token with its right alone comes through, and one with all others does not.
#[tokio::test]
async fn each_route_needs_its_own_right_and_no_other() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &tenant.person).await;
    let mut walked = 0;
    for route in routes::public() {
        let Some((page, action)) = rule(&route) else { continue };
        let named = format!("{}:{}", page.word(), action.word());
        let words = RULES.iter().map(|rule| format!("{}:{}", rule.page.word(), rule.action.word()));
        let others: Vec<String> = words.filter(|word| *word != named).collect();
        let things = Things::of(&app, &tenant, &browser.http).await;
        let token = async |rights: &[String]| token_for(&app, &route, &things, (tenant.id, "ada"), rights).await;
        let without = http(&token(&others).await);
        let (status, problem) = ask(&app, &without, &route, &things).await;
        assert_eq!(status, 403, "{named}: {problem}");
        assert_eq!(problem["detail"], format!("The token has not the right {named}."));
        let with = http(&token(std::slice::from_ref(&named)).await);
        let (status, answer) = ask(&app, &with, &route, &things).await;
        assert_eq!(status, good(&route, &things, "acme").done, "{named}: {answer}");
        walked += 1;
    }
    assert!(walked > 25, "{walked}");
}

/// An auditor's token with all rights reads, and each thing that it read is in the log.
#[tokio::test]
async fn an_auditors_token_reads_and_that_is_written_down() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&tenant, &tenant.person).await;
    let things = Things::of(&app, &tenant, &browser.http).await;
    let vera = app.person(tenant.id, "vera").await;
    appoint(&app, vera.id, "auditor").await;
    let auditor = http(&token(&app, tenant.id, "vera", &api::all_rights()).await);
    let mut reads = 0;
    for route in routes::public() {
        // Tenants are not theirs to see: tests/it/api/tenants.rs.
        let Some((page, action)) = rule(&route).filter(|(page, _)| *page != Page::Tenants) else { continue };
        let may = access::may(&[Role::Auditor], page, action).is_ok();
        let (status, answer) = ask(&app, &auditor, &route, &things).await;
        assert_eq!(status, if may { 200 } else { 403 }, "{} {}: {answer}", route.method, route.path);
        reads += usize::from(may);
    }
    let events = app.app.store.audit_recent(tenant.id, 1000).await.unwrap();
    let read: Vec<_> = events.iter().filter(|event| event.kind == "auditor.read").collect();
    assert_eq!(read.len(), reads);
    for event in read {
        assert_eq!(event.body["person"], vera.id.to_string());
        assert_eq!(event.body["actor"]["kind"], "api_token");
    }
}
