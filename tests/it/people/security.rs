//! What people change about how they log in.

use std::time::Duration;

use super::events::{events, failures};
use crate::harness::{
    app::{TestApp, TestTenant},
    browser::{Page, TestBrowser},
    totp::Authenticator,
};

const STEP: Duration = Duration::from_secs(30);
const NEW: &str = "seven green umbrellas";

async fn world() -> (TestApp, TestTenant, TestBrowser) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&acme, &acme.person).await;
    (app, acme, browser)
}

async fn set_up(app: &TestApp, browser: &TestBrowser) -> (Authenticator, Page) {
    let page = browser.get("/t/acme/account/totp").await;
    let authenticator = Authenticator::scan(&page);
    let (csrf, pending) = (page.hidden("csrf"), page.hidden("pending"));
    let fields = [("csrf", &*csrf), ("pending", &*pending), ("code", &*authenticator.code(app, 0))];
    let done = browser.post("/t/acme/account/totp", &fields).await;
    (authenticator, done)
}

async fn act(browser: &TestBrowser, what: &str, more: &[(&str, &str)]) -> Page {
    let csrf = browser.get("/t/acme/account").await.hidden("csrf");
    let fields: Vec<(&str, &str)> = [("csrf", &*csrf)].into_iter().chain(more.iter().copied()).collect();
    browser.post(&format!("/t/acme/account/{what}"), &fields).await
}

#[tokio::test]
async fn an_authenticator_comes_and_goes() {
    let (app, acme, browser) = world().await;
    let bare = browser.get("/t/acme/account/security").await;
    assert!(bare.body.contains("Set up an authenticator") && !bare.body.contains("Recovery codes"), "{}", bare.body);
    assert_eq!(act(&browser, "recovery", &[]).await.location(), "/t/acme/account/security", "none without a factor");
    let (authenticator, done) = set_up(&app, &browser).await;
    assert!(done.status == 200 && done.body.matches("<li><code>").count() == 10, "{}", done.body);
    let (_, again) = set_up(&app, &browser).await;
    assert_eq!(again.location(), "/t/acme/account/security", "there is one");
    let page = browser.get("/t/acme/account/security").await;
    assert!(page.body.contains("You have 10 left") && page.body.contains("Remove it"), "{}", page.body);
    let renewed = act(&browser, "recovery", &[]).await;
    assert!(renewed.status == 200 && renewed.body.matches("<li><code>").count() == 10);
    app.clock.advance(STEP);
    let other = TestBrowser::new(&app);
    let next = other.try_login(&acme, "ada", &acme.person.password).await;
    assert_eq!(next.location(), "/t/acme/login/second");
    let page = other.get(next.location()).await;
    // The codes of before the renewal are over.
    let old = done.body.split("<li><code>").nth(1).unwrap().split('<').next().unwrap();
    let csrf = page.hidden("csrf");
    let refused = other.post("/t/acme/login/second", &[("csrf", &*csrf), ("recovery", old)]).await;
    assert_eq!(refused.status, 403);
    let code = authenticator.code(&app, 0);
    let into = other.post("/t/acme/login/second", &[("csrf", &*csrf), ("code", &*code)]).await;
    assert_eq!(into.location(), "/t/acme/account");
    assert_eq!(act(&browser, "totp/remove", &[]).await.location(), "/t/acme/account/security");
    let left: (i64, i64) =
        sqlx::query_as("select (select count(*) from person_totp), (select count(*) from recovery_code)")
            .fetch_one(&app.db.owner)
            .await
            .unwrap();
    assert_eq!(left, (0, 0));
    TestBrowser::new(&app).log_in(&acme, &acme.person).await;
    let kinds: Vec<String> = events(&app, acme.id).await.into_iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&"second_factor.removed".to_owned()), "{kinds:?}");
}

#[tokio::test]
async fn an_open_browser_of_some_time_ago_changes_no_factor() {
    let (app, acme, browser) = world().await;
    app.clock.advance(Duration::from_secs(16 * 60));
    for page in ["account/totp", "account/security"] {
        let status = browser.get(&format!("/t/acme/{page}")).await.status.as_u16();
        assert_eq!(status, if page.ends_with("totp") { 303 } else { 200 });
    }
    for what in ["totp", "totp/remove", "recovery"] {
        let sent = act(&browser, what, &[("code", "123456")]).await;
        assert!(sent.location().starts_with("/t/acme/login?again="), "{what}: {}", sent.location());
    }
    let login = browser.get("/t/acme/account/totp").await;
    let page = browser.get(login.location()).await;
    let again = page.hidden("again");
    let fields = [
        ("csrf", &*page.hidden("csrf")),
        ("again", &*again),
        ("username", "ada"),
        ("password", &*acme.person.password),
    ];
    let back = browser.post("/t/acme/login", &fields).await;
    assert_eq!(back.location(), "/t/acme/account/totp");
    assert_eq!(browser.get(back.location()).await.status, 200);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_logs_others_out() {
    let (app, acme, browser) = world().await;
    let other = TestBrowser::new(&app);
    other.log_in(&acme, &acme.person).await;
    let change = async |current: &str, password: &str, repeat: &str| {
        let page = browser.get("/t/acme/account/password").await;
        let csrf = page.hidden("csrf");
        let fields = [("csrf", &*csrf), ("current", current), ("password", password), ("repeat", repeat)];
        browser.post("/t/acme/account/password", &fields).await
    };
    let own = acme.person.password.clone();
    for (current, password, repeat, status) in
        [(&*own, NEW, "other", 400), (&*own, "short", "short", 400), ("wrong", NEW, NEW, 403), ("", NEW, NEW, 403)]
    {
        let page = change(current, password, repeat).await;
        assert!(page.status == status && page.body.contains("role=\"alert\""), "{}", page.body);
    }
    assert!(other.is_logged_in(&acme).await);
    assert_eq!(change(&own, NEW, NEW).await.location(), "/t/acme/account/security");
    assert!(browser.is_logged_in(&acme).await && !other.is_logged_in(&acme).await);
    assert_eq!(other.try_login(&acme, "ada", &own).await.status, 403);
    assert_eq!(other.try_login(&acme, "ada", NEW).await.status, 303);
    let (tried, _) = failures(&app, acme.id).await;
    assert_eq!(tried, 3, "two wrong old passwords, one wrong login");
    // Whoever has a session and not the password guesses as slowly as at the login.
    for _ in 0..app.app.config.login.throttle.per_account {
        assert_eq!(change("wrong", "another password", "another password").await.status, 403);
    }
    let closed = change(NEW, "another password", "another password").await;
    assert!(closed.status == 429 && closed.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn people_see_where_they_are_logged_in_and_log_out_there() {
    let (app, acme, browser) = world().await;
    let others: Vec<TestBrowser> = (0..3).map(|_| TestBrowser::new(&app)).collect();
    for other in &others {
        other.log_in(&acme, &acme.person).await;
    }
    let stranger = app.person(acme.id, "grace").await;
    let grace = TestBrowser::new(&app);
    grace.log_in(&acme, &stranger).await;
    let page = browser.get("/t/acme/account/security").await;
    assert_eq!((page.body.matches("with your password").count(), page.body.matches("this browser").count()), (4, 1));
    let id = page.hidden("session");
    // Not somebody else's.
    let theirs: (uuid::Uuid,) = sqlx::query_as("select id from session where person = $1")
        .bind(stranger.id.0)
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    for named in [theirs.0.to_string(), "nonsense".to_owned()] {
        assert_eq!(act(&browser, "sessions/end", &[("session", &named)]).await.status, 303);
    }
    assert!(grace.is_logged_in(&acme).await);
    let alive = async || {
        let mut alive = 0;
        for other in &others {
            alive += usize::from(other.is_logged_in(&acme).await);
        }
        alive
    };
    assert_eq!(alive().await, 3);
    act(&browser, "sessions/end", &[("session", &id)]).await;
    assert_eq!(alive().await, 2);
    act(&browser, "sessions/end", &[]).await;
    assert_eq!(alive().await, 0);
    assert!(browser.is_logged_in(&acme).await && grace.is_logged_in(&acme).await);
    let ended = events(&app, acme.id).await.into_iter().filter(|event| event.kind == "session.ended").count();
    assert_eq!(ended, 3);
}
