//! Forms that others made.

use http::header;

use crate::harness::{
    app::TestApp,
    browser::{Page, TestBrowser},
};

#[tokio::test]
async fn a_form_from_another_page_is_refused() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    let csrf = browser.get("/t/acme/login").await.hidden("csrf");
    let fields = [("username", "ada"), ("password", acme.person.password.as_str()), ("csrf", csrf.as_str())];
    let send =
        |name: &'static str, value: &str| browser.http.post(app.url("/t/acme/login")).form(&fields).header(name, value);
    let port = app.base.rsplit_once(':').unwrap().1;
    // Our cookies travel with every one of these: browsers do not tell ports apart.
    let same_site = [
        ("origin", "null".to_owned()),
        ("origin", "http://127.0.0.1:1".to_owned()),
        ("origin", format!("http://localhost:{port}")),
        ("sec-fetch-site", "same-site".to_owned()),
        ("referer", "http://127.0.0.1:1/".to_owned()),
    ];
    for (name, value) in same_site {
        let page = Page::of(send(name, &value)).await;
        assert_eq!(page.status, 403, "{name}: {value}");
        assert!(page.body.contains("Nothing was changed") && page.body.contains(&app.base), "{}", page.body);
        assert!(!page.headers.contains_key(header::SET_COOKIE));
    }
    assert_eq!(Page::of(send("sec-fetch-site", "same-origin")).await.status, 303);
}

#[tokio::test]
async fn a_form_needs_the_token_of_its_own_browser_and_purpose() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let (browser, stranger) = (TestBrowser::new(&app), TestBrowser::new(&app));
    browser.get("/t/acme/login").await;
    browser.log_in(&other, &other.person).await;
    let strangers = stranger.get("/t/acme/login").await.hidden("csrf");
    let logout = browser.get("/t/other/account").await.hidden("csrf");
    for csrf in ["", "x", &strangers, &logout] {
        let fields = [("username", "ada"), ("password", acme.person.password.as_str()), ("csrf", csrf)];
        let page = browser.post("/t/acme/login", &fields).await;
        assert_eq!(page.status, 403, "{csrf}");
        assert!(page.body.contains("load the page again"));
    }
    // Nobody can log somebody else out either.
    let login = stranger.get("/t/other/login").await.hidden("csrf");
    assert_eq!(browser.post("/t/other/logout", &[("csrf", &login)]).await.status, 403);
    assert!(browser.is_logged_in(&other).await);
}

#[tokio::test]
async fn a_browser_without_cookies_is_told_so() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let csrf = TestBrowser::new(&app).get("/t/acme/login").await.hidden("csrf");
    let page = TestBrowser::new(&app).post("/t/acme/login", &[("csrf", &csrf)]).await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Allow cookies"));
}

#[tokio::test]
async fn a_body_that_is_no_form_is_a_page_too() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let request = app.browser().post(app.url("/t/acme/login")).header("content-type", "application/json").body("{}");
    let page = Page::of(request).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("start again"), "{}", page.body);
}
