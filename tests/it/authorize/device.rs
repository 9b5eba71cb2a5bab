//! The page for devices: what it says, what an answer does, and who may give it.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use sallyport::{ids::ClientId, store};

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient, Tokens, hidden, location, oauth_error},
};

const BOTH: [&str; 2] = ["mcp:read", "mcp:write"];

async fn change(
    app: &TestApp,
    tenant: &TestTenant,
    client: &TestClient,
    change: impl FnOnce(&mut sallyport::clients::Client),
) {
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let mut known = store::clients::find(&mut tx, &ClientId::parse(&client.id).unwrap()).await.unwrap().unwrap();
    change(&mut known);
    store::clients::update(&mut tx, &known).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_page_says_who_asks_for_what_from_where_and_shows_the_code() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    change(&app, &tenant, &client, |known| {
        known.metadata.client_name = Some("<b onclick=x>Bank & Co\u{202e}</b>".to_owned());
    })
    .await;
    let request = app.http().post(format!("{}/device_authorization", tenant.issuer));
    let form = [("client_id", client.id.as_str()), ("resource", &tenant.server.resource)];
    let response = request.header("user-agent", "term/1 <i>").form(&form).send().await.unwrap();
    let device = crate::harness::device::TestDevice::read(&response.json().await.unwrap());
    let page = flow.ask(&device).await;
    for words in [
        device.user_code.as_str(),
        "Server demo",
        "Tenant acme",
        "127.0.0.1",
        "term/1 &#60;i&#62;",
        "value=\"mcp:read\"",
        "value=\"mcp:write\"",
        "Not verified",
        "Only go on if you started this yourself",
        "&#60;b onclick=x&#62;Bank &#38; Co&#60;/b&#62;",
    ] {
        assert!(page.contains(words), "{words} is missing in {page}");
    }
    assert!(!page.contains("<script") && !page.contains("<b onclick") && !page.contains("http-equiv"));
    let buttons: Vec<&str> =
        page.split("<button").skip(1).map(|rest| rest.split("</button>").next().unwrap()).collect();
    assert!(buttons.iter().all(|button| !button.contains("primary")), "neither answer is the bright button");
    let at = |word: &str| page.find(word).unwrap();
    assert!(at("value=\"deny\"") < at("value=\"approve\""), "Enter in a box denies");
}

/// Clickjacking, referrer, caches: as for every page; and there is nothing of the code in what is sent on.
#[tokio::test]
async fn no_page_is_framed_kept_or_told_of_elsewhere() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let entered = flow.enter(&device.user_code).await;
    assert_eq!(entered.headers()["referrer-policy"], "same-origin");
    let page = flow.get(&location(&entered)).await;
    let form = flow.get(&flow.device_path()).await;
    let html = flow.ask(&device).await;
    for response in [page, form, flow.answer(&html, "approve", &BOTH).await] {
        let headers = response.headers();
        assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
        assert_eq!(headers["x-frame-options"], "DENY");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_person_logs_in_first_and_types_the_code_as_they_like() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let away = flow.get("/t/acme/device").await;
    assert_eq!(location(&away), "/t/acme/login?user_code=none");
    let page = flow.device_page("/t/acme/device").await;
    assert!(page.contains("Connect a device"), "{page}");
    let typed = device.user_code.to_lowercase().replace('-', " ");
    let page = flow.page(flow.enter(&format!(" {typed} ")).await).await.1;
    assert!(page.contains("Only go on if"), "{page}");
    let answer = flow.answer(&page, "approve", &["mcp:read"]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().contains("Go back to your device"));
    let tokens = Tokens::read(&flow.poll(&client, &device).await.json().await.unwrap());
    assert_eq!(tokens.scope, "mcp:read", "what was ticked");
    assert!(flow.accepts(&tokens.access).await);
}

/// RFC 8628 §5.4: a link with the code in it fills the field. It submits nothing, and skips nothing, also after a login.
#[tokio::test]
async fn a_complete_address_fills_the_field_and_nothing_more() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    for _ in 0..2 {
        let device = flow.device(&client).await;
        let path = device.complete.strip_prefix(&app.base).unwrap();
        let page = flow.device_page(path).await;
        assert!(page.contains(&format!("value=\"{}\"", device.user_code)), "{page}");
        assert!(page.contains("Compare it") && !page.contains("decision"), "{page}");
        assert_eq!(oauth_error(flow.poll(&client, &device).await).await.1, "authorization_pending");
        // Also a second time, when the same was allowed before.
        flow.allow(&device).await;
    }
    let page = flow.device_page("/t/acme/device?user_code=%3Cscript%3E").await;
    assert!(!page.contains("script") && page.contains("Connect a device"), "{page}");
}

#[tokio::test]
async fn denying_is_final_and_so_is_allowing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let (denied, allowed) = (flow.device(&client).await, flow.device(&client).await);
    let (first, second) = (flow.ask(&denied).await, flow.ask(&allowed).await);
    assert_eq!(flow.answer(&first, "deny", &[]).await.status(), StatusCode::OK);
    assert_eq!(flow.answer(&second, "approve", &BOTH).await.status(), StatusCode::OK);
    for (page, decision) in [(&first, "approve"), (&first, "deny"), (&second, "deny"), (&second, "approve")] {
        assert_eq!(flow.answer(page, decision, &BOTH).await.status(), StatusCode::CONFLICT, "one answer only");
    }
    assert_eq!(oauth_error(flow.poll(&client, &denied).await).await, (StatusCode::BAD_REQUEST, "access_denied".into()));
    assert_eq!(flow.poll(&client, &allowed).await.status(), StatusCode::OK);
    let events = app.app.store.audit_recent(tenant.id, 50).await.unwrap();
    for kind in
        ["device.requested", "consent.shown", "device.denied", "consent.given", "device.approved", "token.issued"]
    {
        assert!(events.iter().any(|event| event.kind == kind), "{kind}");
    }
    let approved = events.iter().find(|event| event.kind == "device.approved").unwrap();
    assert_eq!(approved.body["person"], tenant.person.id.to_string());
    assert!(approved.body["source"].is_string());
}

#[tokio::test]
async fn allowing_nothing_shows_the_page_again() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let page = flow.ask(&device).await;
    for scopes in [&[][..], &["admin:everything"], &["m\u{e4}h"]] {
        let again = flow.answer(&page, "approve", scopes).await;
        assert_eq!(again.status(), StatusCode::OK);
        assert!(again.text().await.unwrap().contains("nothing ticked"));
    }
    assert_eq!(flow.answer(&page, "", &BOTH).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(oauth_error(flow.poll(&client, &device).await).await.1, "authorization_pending");
}

/// Two people with the same code in front of them, and each of them many times at once: one decision.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_answers_one_counts() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let grace = app.person(tenant.id, "grace").await;
    let (ada, other) = (Flow::new(&app, &tenant), Flow::new(&app, &tenant));
    let client = ada.device_client().await;
    log_in(&other, &grace.username, &grace.password).await;
    for round in 1_i64..=3 {
        let device = ada.device(&client).await;
        let pages = [ada.ask(&device).await, other.ask(&device).await];
        assert!(pages[1].contains("grace"));
        let answers = join_all((0..16).map(|at| {
            let flow = if at % 2 == 0 { &ada } else { &other };
            let decision = if at % 4 < 2 { "approve" } else { "deny" };
            flow.answer(&pages[at % 2], decision, &BOTH)
        }))
        .await;
        let won = answers.iter().filter(|answer| answer.status() == StatusCode::OK).count();
        let lost = answers.iter().filter(|answer| answer.status() == StatusCode::CONFLICT).count();
        assert_eq!((won, lost), (1, 15));
        let decided: i64 =
            sqlx::query_scalar("select count(*) from audit_event where kind in ('device.approved', 'device.denied')")
                .fetch_one(&app.db.owner)
                .await
                .unwrap();
        assert_eq!(decided, round);
    }
}

async fn log_in(flow: &Flow<'_>, username: &str, password: &str) {
    let html = flow.page(flow.get("/t/acme/device").await).await.1;
    let (csrf, code) = (hidden(&html, "csrf"), hidden(&html, "user_code"));
    let form = [("csrf", csrf.as_str()), ("user_code", &code), ("username", username), ("password", password)];
    assert_eq!(location(&flow.post("/t/acme/login", &form).await), format!("/t/acme/device?user_code={code}"));
}

/// What one login was shown, no other answers: not the next person in this browser, and not another browser.
#[tokio::test]
async fn a_page_is_answered_by_the_login_that_saw_it() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let grace = app.person(tenant.id, "grace").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let page = flow.ask(&device).await;
    // "Not you?" keeps the code.
    let (csrf, code) = (hidden(&page, "csrf"), hidden(&page, "user_code"));
    let away = flow.post("/t/acme/logout", &[("csrf", &csrf), ("user_code", &code)]).await;
    assert_eq!(location(&away), format!("/t/acme/login?user_code={}", device.user_code));
    // Nobody is logged in: the answer leads to the login, and nowhere else.
    let answer = flow.answer(&page, "approve", &BOTH).await;
    assert_eq!(location(&answer), format!("/t/acme/login?user_code={}", device.user_code));
    let login = flow.page(answer).await.1;
    let (csrf, code) = (hidden(&login, "csrf"), hidden(&login, "user_code"));
    let form =
        [("csrf", csrf.as_str()), ("user_code", &code), ("username", &grace.username), ("password", &grace.password)];
    let (_, again) = flow.page(flow.post("/t/acme/login", &form).await).await;
    assert!(again.contains(&device.user_code) && again.contains("grace") && !again.contains("decision"), "{again}");
    assert_eq!(flow.answer(&page, "approve", &BOTH).await.status(), StatusCode::BAD_REQUEST, "ada's page");
    assert_eq!(oauth_error(flow.poll(&client, &device).await).await.1, "authorization_pending");
    flow.allow(&device).await;
    let events = app.app.store.audit_recent(tenant.id, 20).await.unwrap();
    let approved = events.iter().find(|event| event.kind == "device.approved").unwrap();
    assert_eq!(approved.body["person"], grace.id.to_string());
}

/// Before a code was typed, too.
#[tokio::test]
async fn not_you_leads_from_the_empty_field_to_the_login_and_back() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let page = flow.device_page("/t/acme/device").await;
    let switch = &page[page.find("id=\"switch\"").unwrap()..];
    let (csrf, code) = (hidden(switch, "csrf"), hidden(switch, "user_code"));
    let away = flow.post("/t/acme/logout", &[("csrf", &csrf), ("user_code", &code)]).await;
    assert_eq!(location(&away), "/t/acme/login?user_code=none");
    assert!(flow.device_page("/t/acme/device").await.contains("Connect a device"));
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let html = flow.ask(&device).await;
    let [csrf, seen] = ["csrf", "seen"].map(|name| hidden(&html, name));
    for path in ["/t/acme/device", "/t/acme/device/decision"] {
        let send = |origin: String, csrf: String| {
            let form = [
                ("csrf", csrf),
                ("user_code", device.user_code.clone()),
                ("seen", seen.clone()),
                ("decision", "approve".to_owned()),
                ("scope", "mcp:read".to_owned()),
            ];
            flow.http.post(app.url(path)).header("origin", origin).form(&form).send()
        };
        for origin in ["http://127.0.0.1:1", "https://evil.example", "null"] {
            assert_eq!(send(origin.to_owned(), csrf.clone()).await.unwrap().status(), StatusCode::FORBIDDEN);
        }
        for forged in [String::new(), "AAAA".to_owned(), csrf.chars().rev().collect()] {
            assert_eq!(send(app.base.clone(), forged).await.unwrap().status(), StatusCode::FORBIDDEN);
        }
    }
    assert_eq!(oauth_error(flow.poll(&client, &device).await).await.1, "authorization_pending");
}

#[tokio::test]
async fn what_has_ended_meanwhile_is_not_allowed_any_more() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let page = flow.ask(&device).await;
    change(&app, &tenant, &client, |known| known.status = sallyport::clients::Status::Disabled).await;
    let refused = flow.answer(&page, "approve", &BOTH).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(refused.text().await.unwrap().contains("This request is over"));
    assert_eq!(flow.enter(&device.user_code).await.status(), StatusCode::BAD_REQUEST);
    change(&app, &tenant, &client, |known| known.status = sallyport::clients::Status::Active).await;

    change(&app, &tenant, &client, |known| known.metadata.grant_types.clear()).await;
    assert_eq!(flow.answer(&page, "approve", &BOTH).await.status(), StatusCode::CONFLICT, "no such grant any more");
    assert_eq!(oauth_error(flow.poll(&client, &device).await).await.1, "unauthorized_client");
    flow.give_device_grant(&client).await;

    // It was asked before its end, and answered after it.
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(flow.answer(&page, "approve", &BOTH).await.status(), StatusCode::CONFLICT);
    assert_eq!(oauth_error(flow.poll(&client, &device).await).await.1, "expired_token");
}

/// The page says what has changed since the client was last allowed anything, whichever way it came then.
#[tokio::test]
async fn a_changed_client_is_said_to_have_changed() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    flow.code(&client).await;
    let device = flow.device(&client).await;
    assert!(!flow.ask(&device).await.contains("Changed since"));
    change(&app, &tenant, &client, |known| known.metadata.client_name = Some("Trusted Bank".to_owned())).await;
    let page = flow.ask(&device).await;
    assert!(page.contains("Changed since") && page.contains("Test client"), "{page}");
}

/// A consent to a device skips no page of a browser.
#[tokio::test]
async fn allowing_a_device_allows_no_browser() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["https://client.example/callback"], false).await;
    flow.give_device_grant(&client).await;
    flow.device_tokens(&client).await;
    let page = flow.consent_page(&flow.parameters(&client)).await;
    assert!(page.contains("name=\"decision\""));
}
