//! What a person allowed, and takes back.

use reqwest::StatusCode;

use crate::harness::{
    app::TestApp,
    flow::{Flow, Tokens, hidden, location, oauth_error, query},
};

#[tokio::test]
async fn a_person_sees_what_they_allowed_and_takes_it_back() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let web = flow.client_with(&["https://client.example/callback"], false).await;
    let tokens = flow.tokens(&web).await;
    let page = flow.get("/t/acme/account").await.text().await.unwrap();
    for words in ["Test client", "Server demo", "including what changes things", "Take back"] {
        assert!(page.contains(words), "{words} is missing in {page}");
    }
    assert!(flow.accepts(&tokens.access).await);

    let (csrf, grant) = (hidden(&page, "csrf"), hidden(&page, "grant"));
    let response = flow.post("/t/acme/account/revoke", &[("csrf", &csrf), ("grant", &grant)]).await;
    assert_eq!((response.status(), location(&response).as_str()), (StatusCode::SEE_OTHER, "/t/acme/account"));
    assert!(!flow.accepts(&tokens.access).await, "refused when the answer is there");
    assert_eq!(oauth_error(flow.refresh(&web, &tokens.refresh).await).await.1, "invalid_grant");
    let page = flow.get("/t/acme/account").await.text().await.unwrap();
    assert!(page.contains("not allowed anything") && !page.contains("Take back"), "{page}");

    let asked = flow.consent_page(&flow.parameters(&web)).await;
    assert!(asked.contains("name=\"decision\""), "the consent went with the grant: the person is asked again");
    let code = query(&location(&flow.decide(&asked, "approve", &["mcp:read"]).await), "code").unwrap();
    let again = Tokens::read(&flow.redeem(&web, &code).await.json().await.unwrap());
    assert_eq!(again.scope, "mcp:read");
}

#[tokio::test]
async fn nobody_takes_back_what_another_allowed() {
    let app = TestApp::start().await;
    let mut tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    let page = flow.get("/t/acme/account").await.text().await.unwrap();
    let grant = hidden(&page, "grant");

    tenant.person = app.person(tenant.id, "grace").await;
    let other = Flow::new(&app, &tenant);
    let (_, login) = other.page(other.get("/t/acme/login").await).await;
    let csrf = hidden(&login, "csrf");
    let form = [("csrf", csrf.as_str()), ("username", "grace"), ("password", &tenant.person.password)];
    other.post("/t/acme/login", &form).await;
    let page = other.get("/t/acme/account").await.text().await.unwrap();
    assert!(page.contains("grace") && !page.contains("Test client"), "{page}");
    let csrf = hidden(&page, "csrf");
    let response = other.post("/t/acme/account/revoke", &[("csrf", &csrf), ("grant", &grant)]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let forged = other.post("/t/acme/account/revoke", &[("csrf", "AAAA"), ("grant", &grant)]).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);

    tenant.person = app.person(tenant.id, "eve").await;
    let verifying = Flow::new(&app, &tenant);
    assert!(verifying.accepts(&tokens.access).await);
}
