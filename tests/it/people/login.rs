//! Logging in and out.

use std::time::Duration;

use http::header;

use super::events::{events, failures};
use crate::harness::{
    app::TestApp,
    browser::{Page, TestBrowser},
    canary::has_word,
};

#[tokio::test]
async fn a_person_logs_in_and_out() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    assert_eq!(browser.get("/t/acme/account").await.location(), "/t/acme/login");

    // Events of one moment have no order.
    let tick = || app.clock.advance(Duration::from_secs(1));
    tick();
    let page = browser.try_login(&acme, "ada", &acme.person.password).await;
    assert_eq!(page.location(), "/t/acme/account");
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    let account = browser.get("/t/acme/account").await;
    assert!(account.body.contains("ada") && account.body.contains("Tenant acme"));
    assert_eq!(browser.get("/t/acme/login").await.location(), "/t/acme/account");

    // A link logs nobody out.
    let link = browser.get("/t/acme/logout").await;
    assert!(browser.is_logged_in(&acme).await);
    tick();
    let out = browser.post("/t/acme/logout", &[("csrf", &link.hidden("csrf"))]).await;
    assert_eq!(out.location(), "/t/acme/logout");
    assert!(browser.get(out.location()).await.body.contains("You are logged out"));
    assert!(!browser.is_logged_in(&acme).await);

    let events = events(&app, acme.id).await;
    let mut kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    // Those of one moment come in any order.
    kinds[..2].sort_unstable();
    assert_eq!(kinds, ["admin.changed", "person.named", "login.succeeded", "logout"]);
    assert_eq!(events[2].body["person"], acme.person.id.to_string());
    assert_eq!(events[2].body["session"], events[3].body["session"]);
    assert!(events[2].request_id.is_some());
    assert!(events.iter().all(|event| !has_word(&event.body.to_string(), "ada")));
}

#[tokio::test]
async fn both_cookies_have_every_protection_and_the_table_has_no_handle() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    let first = browser.get("/t/acme/login").await;
    let page = browser.try_login(&acme, "ada", &acme.person.password).await;
    for (page, name) in [(&first, "__Host-sp-b-acme"), (&page, "__Host-sp-t-acme")] {
        let lines: Vec<_> =
            page.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        let [line] = lines[..] else { panic!("{lines:?}") };
        assert!(line.starts_with(&format!("{name}=sp_")), "{line}");
        for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(line.contains(attribute), "{line}");
        }
    }
    let handle = page.cookie("__Host-sp-t-acme").unwrap();
    let rows: Vec<String> =
        sqlx::query_scalar("select row_to_json(s)::text || encode(s.hash, 'escape') from session s")
            .fetch_all(&app.db.owner)
            .await
            .unwrap();
    assert_eq!(rows.len(), 1);
    assert!(!rows[0].contains(handle) && !rows[0].contains(&handle[6..]));
}

#[tokio::test]
async fn the_answer_does_not_tell_what_was_wrong() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    browser.get("/t/acme/login").await;
    let mut bodies = Vec::new();
    for (username, password) in [("ada", "wrong password"), ("eve", "wrong password"), ("eve", "the password of ada")] {
        let page = browser.try_login(&acme, username, password).await;
        assert_eq!(page.status, 403);
        assert!(!page.body.contains(password));
        bodies.push(page.body.replace(&format!("value=\"{username}\""), "NAME"));
    }
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(bodies[0], bodies[2]);
    assert!(bodies[0].contains("do not belong together"));
    // The auditor is told whose account it was.
    assert_eq!(failures(&app, acme.id).await, (3, 0));
    let failed: Vec<_> = events(&app, acme.id).await.into_iter().filter(|event| event.kind == "login.failed").collect();
    let ada = failed.iter().find(|event| event.body["person"] == acme.person.id.to_string()).unwrap();
    assert_eq!((failed.len(), ada.body["count"].as_u64()), (2, Some(1)));
}

#[tokio::test]
async fn usernames_have_no_case_and_no_white_space_around_them() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let page = TestBrowser::new(&app).try_login(&acme, " ADA ", &acme.person.password).await;
    assert_eq!(page.status, 303);
}

#[tokio::test]
async fn each_login_has_a_handle_of_its_own_and_ends_the_one_before() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let grace = app.person(acme.id, "grace").await;
    let browser = TestBrowser::new(&app);
    let first = browser.try_login(&acme, "ada", &acme.person.password).await;
    let first = first.cookie("__Host-sp-t-acme").unwrap();
    // The login page sends on whoever is logged in, so this takes the form from elsewhere.
    let csrf = {
        let other = TestBrowser::new(&app);
        let page = other.get("/t/acme/login").await;
        (page.hidden("csrf"), page.cookie("__Host-sp-b-acme").unwrap().to_owned())
    };
    let cookies = format!("__Host-sp-t-acme={first}; __Host-sp-b-acme={}", csrf.1);
    let fields = [("username", "grace"), ("password", grace.password.as_str()), ("csrf", csrf.0.as_str())];
    let plain = TestBrowser::new(&app);
    let second = Page::of(plain.form("/t/acme/login", &fields).header(header::COOKIE, cookies)).await;
    let second_handle = second.cookie("__Host-sp-t-acme").unwrap();
    assert_ne!(first, second_handle);
    let who = async |handle: &str| {
        let request = app.browser().get(app.url("/t/acme/account"));
        Page::of(request.header(header::COOKIE, format!("__Host-sp-t-acme={handle}"))).await
    };
    assert_eq!(who(first).await.status, 303);
    assert!(who(second_handle).await.body.contains("grace"));
}

#[tokio::test]
async fn a_handle_that_nobody_gave_out_is_no_session() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let planted =
        sallyport::secret::Handle::generate(sallyport::secret::HandleKind::Session, &app.app.entropy).unwrap();
    let browser = TestBrowser::new(&app);
    let with = |path: &str, cookie: String| browser.http.get(app.url(path)).header(header::COOKIE, cookie);
    let cookie = format!("__Host-sp-t-acme={}", planted.expose());
    assert_eq!(Page::of(with("/t/acme/account", cookie)).await.status, 303);
    let page = browser.try_login(&acme, "ada", &acme.person.password).await;
    assert_ne!(page.cookie("__Host-sp-t-acme"), Some(planted.expose()));
}

#[tokio::test]
async fn a_session_is_one_tenants() {
    let app = TestApp::start().await;
    let (acme, _other) = (app.tenant("acme").await, app.tenant("other").await);
    let browser = TestBrowser::new(&app);
    let page = browser.try_login(&acme, "ada", &acme.person.password).await;
    let handle = page.cookie("__Host-sp-t-acme").unwrap();
    let there = app.browser().get(app.url("/t/other/account"));
    let there = Page::of(there.header(header::COOKIE, format!("__Host-sp-t-other={handle}"))).await;
    assert_eq!(there.location(), "/t/other/login");
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&acme, &acme.person).await;
    app.clock.advance(app.app.config.login.session - Duration::from_secs(1));
    assert!(browser.is_logged_in(&acme).await);
    app.clock.advance(Duration::from_secs(1));
    assert!(!browser.is_logged_in(&acme).await);
}

#[tokio::test]
async fn an_incomplete_form_costs_no_attempt() {
    let app = TestApp::start_with(|config| config.login.throttle.per_account = 1).await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    for (username, password) in [("ada", ""), ("", "x"), ("ada", &*"x".repeat(1025))] {
        assert_eq!(browser.try_login(&acme, username, password).await.status, 400);
    }
    browser.log_in(&acme, &acme.person).await;
}

#[tokio::test]
async fn a_fault_of_ours_is_no_wrong_password() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    let csrf = browser.get("/t/acme/login").await.hidden("csrf");
    app.app.store.close().await;
    let fields = [("username", "ada"), ("password", acme.person.password.as_str()), ("csrf", csrf.as_str())];
    let page = browser.post("/t/acme/login", &fields).await;
    assert_eq!(page.status, 503);
    assert!(page.headers.contains_key(header::RETRY_AFTER));
    assert!(page.body.contains("Nothing was changed") && page.body.contains("Request id"));
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_a_page() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    for path in ["/t/nobody/login", "/t/nobody/account", "/t/NOT-A-SLUG/login"] {
        let page = TestBrowser::new(&app).get(path).await;
        assert_eq!(page.status, 404);
        assert!(page.body.contains("There is nothing here"), "{}", page.body);
    }
}

#[tokio::test]
async fn an_interaction_that_has_ended_says_to_start_again() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    let unknown = sallyport::secret::Handle::generate(sallyport::secret::HandleKind::Interaction, &app.app.entropy);
    for handle in ["nonsense", unknown.unwrap().expose()] {
        let page = browser.get(&format!("/t/acme/login?interaction={handle}")).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("connect again from there"), "{}", page.body);
        assert!(!page.body.contains(handle));
    }
}
