//! Passkeys over real HTTP: added, used to log in, used as a second factor, taken away.

use std::time::Duration;

use sallyport::config::PublicUrl;
use serde_json::json;

use super::events::events;
use crate::harness::{
    app::{TestApp, TestTenant},
    authenticator::{Authenticator, Wrong},
    browser::{Page, TestBrowser},
};

struct World {
    app: TestApp,
    acme: TestTenant,
}

impl World {
    /// At a name, since there are no passkeys for addresses.
    async fn start() -> Self {
        let name = |config: &mut sallyport::config::Config| {
            let named = config.public_url.as_str().replace("127.0.0.1", "localhost");
            config.public_url = PublicUrl::parse(&named).unwrap();
            config.authorization.burst = 60_000;
        };
        let mut app = TestApp::start_with(name).await;
        app.base = app.base.replace("127.0.0.1", "localhost");
        let acme = app.tenant("acme").await;
        Self { app, acme }
    }

    fn authenticator(&self) -> Authenticator {
        Authenticator::new(&self.app.base)
    }

    async fn logged_in(&self) -> TestBrowser {
        let browser = TestBrowser::new(&self.app);
        browser.log_in(&self.acme, &self.acme.person).await;
        browser
    }

    async fn add(&self, browser: &TestBrowser, answer: impl FnOnce(&str) -> String) -> Page {
        let page = browser.get("/t/acme/account/passkey").await;
        assert!(page.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
        let credential = answer(&options(&page));
        let fields = [("csrf", &*page.hidden("csrf")), ("credential", &*credential), ("name", "My <b>key</b>")];
        browser.post("/t/acme/account/passkey", &fields).await
    }

    /// Somebody with a passkey.
    async fn with_passkey(&self) -> Authenticator {
        let mut authenticator = self.authenticator();
        let browser = self.logged_in().await;
        let done = self.add(&browser, |options| authenticator.create(options).unwrap()).await;
        assert!(done.status == 200 && done.body.matches("<li><code>").count() == 10, "{}", done.body);
        authenticator
    }

    /// Logs in with nothing else.
    async fn alone(&self, browser: &TestBrowser, answer: impl FnOnce(&str) -> String) -> Page {
        let page = browser.get("/t/acme/login").await;
        let credential = answer(&options(&page));
        let fields = [("csrf", &*page.hidden("csrf")), ("credential", &*credential)];
        browser.post("/t/acme/login/passkey", &fields).await
    }

    async fn first(&self, browser: &TestBrowser) -> Page {
        let page = browser.try_login(&self.acme, &self.acme.person.username, &self.acme.person.password).await;
        assert_eq!(page.location(), "/t/acme/login/second");
        browser.get("/t/acme/login/second").await
    }

    async fn second(&self, browser: &TestBrowser, page: &Page, credential: &str) -> Page {
        let fields = [("csrf", &*page.hidden("csrf")), ("credential", credential)];
        browser.post("/t/acme/login/second", &fields).await
    }
}

/// What the script reads from a page.
fn options(page: &Page) -> String {
    let (_, rest) = page.body.split_once("data-options=\"").unwrap_or_else(|| panic!("no options: {}", page.body));
    rest.split('"').next().unwrap().replace("&#34;", "\"").replace("&quot;", "\"").replace("&#38;", "&")
}

#[tokio::test]
async fn a_passkey_lets_in_alone() {
    let world = World::start().await;
    let before = TestBrowser::new(&world.app).get("/t/acme/login").await;
    assert!(!before.body.contains("data-options") && !before.body.contains("<script"), "nobody has one");
    let mut authenticator = world.with_passkey().await;
    let browser = TestBrowser::new(&world.app);
    // Events of one moment have no order.
    world.app.clock.advance(Duration::from_secs(1));
    let into = world.alone(&browser, |options| authenticator.get(options).unwrap()).await;
    assert_eq!(into.location(), "/t/acme/account");
    assert!(browser.is_logged_in(&world.acme).await);
    let login = events(&world.app, world.acme.id).await.into_iter().rev().find(|event| event.kind == "login.succeeded");
    assert_eq!(login.unwrap().body["amr"], json!(["hwk", "user", "mfa"]));
    let page = browser.get("/t/acme/account/security").await;
    assert!(page.body.contains("My &#60;b&#62;key") || page.body.contains("My &lt;b&gt;key"), "{}", page.body);
}

#[tokio::test]
async fn an_answer_is_good_once_in_its_browser_and_in_its_time() {
    let world = World::start().await;
    let mut authenticator = world.with_passkey().await;
    let (browser, other) = (TestBrowser::new(&world.app), TestBrowser::new(&world.app));
    let mut kept = String::new();
    let csrf = browser.get("/t/acme/login").await.hidden("csrf");
    let into = world.alone(&browser, |options| {
        kept = authenticator.get(options).unwrap();
        kept.clone()
    });
    assert_eq!(into.await.status, 303);
    let others = other.get("/t/acme/login").await.hidden("csrf");
    for (browser, csrf) in [(&browser, csrf), (&other, others)] {
        let again = browser.post("/t/acme/login/passkey", &[("csrf", &*csrf), ("credential", &*kept)]).await;
        assert!(again.status == 403 && again.body.contains("This passkey does not let anybody in"), "{}", again.body);
    }
    // Asked here, answered there.
    let asked = other.get("/t/acme/login").await;
    let answer = authenticator.get(&options(&asked)).unwrap();
    assert_eq!(world.alone(&TestBrowser::new(&world.app), |_| answer.clone()).await.status, 403);
    // Another question is no login.
    let answer = {
        let page = world.first(&other).await;
        authenticator.get(&options(&page)).unwrap()
    };
    assert_eq!(world.alone(&other, |_| answer).await.status, 403);
    let asked = other.get("/t/acme/login").await;
    let answer = authenticator.get(&options(&asked)).unwrap();
    world.app.clock.advance(Duration::from_secs(301));
    assert_eq!(world.alone(&other, |_| answer).await.status, 403);
    for wrong in
        [Wrong::Origin, Wrong::Party, Wrong::Challenge, Wrong::Frame, Wrong::Verification, Wrong::Key, Wrong::Person]
    {
        let refused = world.alone(&other, |options| authenticator.get_with(options, Some(wrong)).unwrap()).await;
        assert_eq!(refused.status, 403, "{wrong:?}");
    }
    for nonsense in ["", "{}", "null", &"x".repeat(20_000)] {
        assert_eq!(world.alone(&other, |_| nonsense.to_owned()).await.status, 403);
    }
    assert!(!other.is_logged_in(&world.acme).await);
    let into = world.alone(&other, |options| authenticator.get(options).unwrap()).await;
    assert_eq!(into.status, 303, "nothing of this used it up");
    // A copy, which counts from where it was made.
    let copy = TestBrowser::new(&world.app);
    let refused = world.alone(&copy, |options| authenticator.get_with(options, Some(Wrong::Count)).unwrap()).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn a_passkey_is_a_second_factor_for_whoever_has_one() {
    let world = World::start().await;
    let mut authenticator = world.with_passkey().await;
    let browser = TestBrowser::new(&world.app);
    let page = world.first(&browser).await;
    assert!(!page.body.contains("name=\"code\"") && page.body.contains("name=\"recovery\""), "{}", page.body);
    for wrong in [Wrong::Challenge, Wrong::Key, Wrong::Person] {
        let answer = authenticator.get_with(&options(&page), Some(wrong)).unwrap();
        assert_eq!(world.second(&browser, &page, &answer).await.status, 403, "{wrong:?}");
    }
    // Not an answer to the question at the login.
    let login = TestBrowser::new(&world.app).get("/t/acme/login").await;
    let answer = authenticator.get(&options(&login)).unwrap();
    assert_eq!(world.second(&browser, &page, &answer).await.status, 403);
    let answer = authenticator.get(&options(&page)).unwrap();
    world.app.clock.advance(Duration::from_secs(1));
    assert_eq!(world.second(&browser, &page, &answer).await.location(), "/t/acme/account");
    let login = events(&world.app, world.acme.id).await.into_iter().rev().find(|event| event.kind == "login.succeeded");
    assert_eq!(login.unwrap().body["amr"], json!(["pwd", "hwk", "mfa"]));
}

#[tokio::test]
async fn another_persons_passkey_proves_nothing_of_this_one() {
    let world = World::start().await;
    world.with_passkey().await;
    let grace = world.app.person(world.acme.id, "grace").await;
    let hers = TestBrowser::new(&world.app);
    hers.log_in(&world.acme, &grace).await;
    let mut authenticator = world.authenticator();
    let done = world.add(&hers, |options| authenticator.create(options).unwrap()).await;
    assert_eq!(done.status, 200);
    let browser = TestBrowser::new(&world.app);
    let page = world.first(&browser).await;
    // The page names other passkeys; a browser of an attacker's does not care.
    let asked = options(&page);
    let mut asked: serde_json::Value = serde_json::from_str(&asked).unwrap();
    asked["allowCredentials"] = json!([]);
    let answer = authenticator.get(&asked.to_string()).unwrap();
    assert_eq!(world.second(&browser, &page, &answer).await.status, 403);
    assert!(!browser.is_logged_in(&world.acme).await);
    // Nor does it open anything at another tenant, which is the same site to browsers.
    let other = world.app.tenant("other").await;
    let there = TestBrowser::new(&world.app);
    let csrf = there.get("/t/other/login").await.hidden("csrf");
    let fields = [("csrf", &*csrf), ("credential", &*answer)];
    assert_eq!(there.post("/t/other/login/passkey", &fields).await.status, 403);
    assert!(!there.is_logged_in(&other).await);
}

#[tokio::test]
async fn passkeys_are_added_by_their_owner_and_taken_away() {
    let world = World::start().await;
    let mut authenticator = world.with_passkey().await;
    let browser = TestBrowser::new(&world.app);
    world.alone(&browser, |options| authenticator.get(options).unwrap()).await;
    // The same authenticator has one.
    let page = browser.get("/t/acme/account/passkey").await;
    assert!(authenticator.create(&options(&page)).is_none());
    for wrong in [Wrong::Origin, Wrong::Party, Wrong::Challenge, Wrong::Frame, Wrong::Verification] {
        let mut fresh = world.authenticator();
        let refused = world.add(&browser, |options| fresh.create_with(options, Some(wrong)).unwrap()).await;
        assert!(refused.status == 400 && refused.body.contains("The passkey was not added"), "{}", refused.body);
    }
    // An answer is taken once.
    let mut second = world.authenticator();
    let mut kept = String::new();
    let done = world.add(&browser, |options| {
        kept = second.create(options).unwrap();
        kept.clone()
    });
    assert_eq!(done.await.location(), "/t/acme/account/security", "there are recovery codes already");
    assert_eq!(world.add(&browser, |_| kept.clone()).await.status, 400);
    // Somebody else takes nothing away.
    let id: (uuid::Uuid,) = sqlx::query_as("select id from passkey order by created_at, id limit 1")
        .fetch_one(&world.app.db.owner)
        .await
        .unwrap();
    let remove = async |browser: &TestBrowser| {
        let csrf = browser.get("/t/acme/account").await.hidden("csrf");
        browser.post("/t/acme/account/passkey/remove", &[("csrf", &*csrf), ("passkey", &id.0.to_string())]).await
    };
    let grace = world.app.person(world.acme.id, "grace").await;
    let hers = TestBrowser::new(&world.app);
    hers.log_in(&world.acme, &grace).await;
    let left = async || -> i64 {
        sqlx::query_scalar("select count(*) from passkey").fetch_one(&world.app.db.owner).await.unwrap()
    };
    assert_eq!((remove(&hers).await.status.as_u16(), left().await), (303, 2));
    assert_eq!((remove(&browser).await.status.as_u16(), left().await), (303, 1));
    // By a browser that was left open for some time, neither.
    world.app.clock.advance(Duration::from_secs(16 * 60));
    assert!(remove(&browser).await.location().starts_with("/t/acme/login?again="));
    assert!(browser.get("/t/acme/account/passkey").await.location().starts_with("/t/acme/login?again="));
}
