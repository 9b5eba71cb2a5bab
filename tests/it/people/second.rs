//! Second factors at login.

use std::time::Duration;

use futures_util::future::join_all;
use sallyport::{
    people::{self, Username, second::reset},
    tenants::SecondFactor,
};
use serde_json::json;

use super::events::{counted, events};
use crate::harness::{
    app::{TestApp, TestTenant},
    browser::{Page, TestBrowser},
    console::appoint,
    flow::{Flow, hidden, location},
    totp::Authenticator,
};

const STEP: Duration = Duration::from_secs(30);

struct World {
    app: TestApp,
    acme: TestTenant,
}

impl World {
    /// A tenant where everybody shows a second factor.
    async fn start() -> Self {
        let app = TestApp::start_with(|config| config.authorization.burst = 60_000).await;
        let acme = app.tenant("acme").await;
        app.settings(&acme, json!({ "login": { "second_factor": "everybody" } })).await;
        Self { app, acme }
    }

    fn browser(&self) -> TestBrowser {
        TestBrowser::new(&self.app)
    }

    /// The first factor. What comes next.
    async fn first(&self, browser: &TestBrowser) -> Page {
        let page = browser.try_login(&self.acme, &self.acme.person.username, &self.acme.person.password).await;
        assert_eq!(page.location(), "/t/acme/login/second");
        assert!(page.cookie("__Host-sp-t-acme").is_none() && !browser.is_logged_in(&self.acme).await);
        browser.get("/t/acme/login/second").await
    }

    async fn second(&self, browser: &TestBrowser, page: &Page, (name, value): (&str, &str)) -> Page {
        let csrf = page.hidden("csrf");
        let mut fields = vec![("csrf", &*csrf), (name, value)];
        let pending = page.body.contains("name=\"pending\"").then(|| page.hidden("pending"));
        if let Some(pending) = &pending {
            fields.push(("pending", pending));
        }
        browser.post("/t/acme/login/second", &fields).await
    }

    /// Somebody who set up an authenticator at login, a step ago; and the recovery codes.
    async fn enrolled(&self) -> (Authenticator, Vec<String>) {
        let browser = self.browser();
        let page = self.first(&browser).await;
        let authenticator = Authenticator::scan(&page);
        let done = self.second(&browser, &page, ("code", &authenticator.code(&self.app, 0))).await;
        assert_eq!(done.status, 200, "{}", done.body);
        assert!(browser.is_logged_in(&self.acme).await);
        self.app.clock.advance(STEP);
        let codes = done.body.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        (authenticator, codes.collect())
    }
}

#[tokio::test]
async fn whoever_must_have_one_sets_it_up_at_login_and_shows_it_from_then_on() {
    let world = World::start().await;
    let browser = world.browser();
    let page = world.first(&browser).await;
    assert!(page.body.contains("Set up an authenticator") && page.body.contains("<svg class=\"qr\""), "{}", page.body);
    let wrong = world.second(&browser, &page, ("code", "000000")).await;
    assert!(wrong.status == 403 && wrong.body.contains("not the code of this key"), "{}", wrong.body);
    // The page has the same key: an app that has it need not scan it again.
    let authenticator = Authenticator::scan(&wrong);
    assert_eq!(authenticator.code(&world.app, 0), Authenticator::scan(&page).code(&world.app, 0));
    let done = world.second(&browser, &wrong, ("code", &authenticator.code(&world.app, 0))).await;
    assert!(done.status == 200 && done.body.matches("<li><code>").count() == 10, "{}", done.body);
    assert!(done.cookie("__Host-sp-l-acme") == Some("") && browser.is_logged_in(&world.acme).await);
    // From then on it is asked for, in whatever browser; and the code from before works once.
    let other = world.browser();
    let page = world.first(&other).await;
    assert!(page.body.contains("authenticator app shows") && !page.body.contains("pending"), "{}", page.body);
    let again = world.second(&other, &page, ("code", &authenticator.code(&world.app, 0))).await;
    assert!(again.status == 403 && again.body.contains("was used before"), "{}", again.body);
    world.app.clock.advance(STEP);
    let code = authenticator.code(&world.app, 0);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(world.second(&other, &page, ("code", &spaced)).await.location(), "/t/acme/account");
    assert!(other.is_logged_in(&world.acme).await);
    let seen = events(&world.app, world.acme.id).await;
    let kinds: Vec<&str> = seen.iter().map(|event| event.kind.as_str()).collect();
    assert!(kinds.contains(&"second_factor.added") && kinds.contains(&"recovery.renewed"), "{kinds:?}");
    let login = seen.iter().find(|event| event.kind == "login.succeeded").unwrap();
    assert_eq!(login.body["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn a_code_opens_one_login_of_many_that_bring_it() {
    let world = World::start().await;
    let (authenticator, codes) = world.enrolled().await;
    for (name, value) in [("code", authenticator.code(&world.app, 0)), ("recovery", codes[3].to_lowercase())] {
        let browsers: Vec<TestBrowser> = (0..4).map(|_| world.browser()).collect();
        let pages = join_all(browsers.iter().map(|browser| world.first(browser))).await;
        let tries = browsers.iter().zip(&pages).map(|(browser, page)| world.second(browser, page, (name, &value)));
        let answers = join_all(tries).await;
        let opened = answers.iter().filter(|page| page.status == 303).count();
        let refused = answers.iter().filter(|page| page.status == 403).count();
        assert_eq!((opened, refused), (1, 3), "{name}");
    }
}

#[tokio::test]
async fn one_browser_that_sends_its_form_twice_gets_one_session() {
    let world = World::start().await;
    let (authenticator, _) = world.enrolled().await;
    let browser = world.browser();
    let page = world.first(&browser).await;
    // Both codes are good, and not used.
    let codes = [authenticator.code(&world.app, 0), authenticator.code(&world.app, 1)];
    let answers = join_all(codes.iter().map(|code| world.second(&browser, &page, ("code", code)))).await;
    let sessions = answers.iter().filter(|page| page.cookie("__Host-sp-t-acme").is_some()).count();
    assert_eq!(sessions, 1);
    assert!(answers.iter().all(|page| page.status == 303));
}

#[tokio::test]
async fn recovery_codes_let_in_once_each() {
    let world = World::start().await;
    let (_, codes) = world.enrolled().await;
    let browser = world.browser();
    let page = world.first(&browser).await;
    for (typed, said) in [("BCDF", "each has twelve letters"), ("BCDF-GHJK-LMNP", "not right, or was used before")] {
        let refused = world.second(&browser, &page, ("recovery", typed)).await;
        assert!(
            refused.body.contains(said) && refused.body.contains("<details class=\"other\" open>"),
            "{}",
            refused.body
        );
    }
    assert_eq!(world.second(&browser, &page, ("recovery", &codes[0])).await.location(), "/t/acme/account");
    let used = events(&world.app, world.acme.id).await.into_iter().find(|event| event.kind == "recovery.used").unwrap();
    assert_eq!(used.body["left"], 9);
    let other = world.browser();
    let page = world.first(&other).await;
    assert_eq!(world.second(&other, &page, ("recovery", &codes[0])).await.status, 403);
    let kept: Vec<(Vec<u8>,)> =
        sqlx::query_as("select hash from recovery_code").fetch_all(&world.app.db.owner).await.unwrap();
    assert!(kept.len() == 10 && kept.iter().all(|(hash,)| hash.len() == 32));
}

#[tokio::test]
async fn too_many_tries_close_it_for_a_window_and_leave_passwords_alone() {
    let world = World::start().await;
    let (authenticator, codes) = world.enrolled().await;
    let browser = world.browser();
    let page = world.first(&browser).await;
    let most = world.app.app.config.login.throttle.per_account;
    for n in 0..most {
        let refused = world.second(&browser, &page, ("code", "123456")).await;
        assert_eq!(refused.status, 403, "{n}: {}", refused.body);
    }
    for (name, value) in [("code", authenticator.code(&world.app, 0)), ("recovery", codes[0].clone())] {
        let closed = world.second(&browser, &page, (name, &value)).await;
        assert!(closed.status == 429 && closed.headers.contains_key("retry-after"), "{}", closed.body);
    }
    // The password is as good as before.
    let other = world.browser();
    let page = world.first(&other).await;
    assert_eq!(world.second(&other, &page, ("code", &authenticator.code(&world.app, 0))).await.status, 429);
    world.app.clock.advance(world.app.app.config.login.throttle.window + STEP);
    let page = world.first(&other).await;
    assert_eq!(world.second(&other, &page, ("code", &authenticator.code(&world.app, 0))).await.status, 303);
    let failed = counted(&world.app, world.acme.id, "second_factor.failed").await;
    assert_eq!(failed, (u64::from(most), 3));
}

#[tokio::test]
async fn a_waiting_login_belongs_to_its_browser_and_ends() {
    let world = World::start().await;
    let (authenticator, _) = world.enrolled().await;
    let browser = world.browser();
    let page = world.first(&browser).await;
    // Somebody without the cookie is sent to the login.
    let stranger = world.browser();
    assert_eq!(stranger.get("/t/acme/login/second").await.location(), "/t/acme/login");
    let code = authenticator.code(&world.app, 0);
    let csrf = stranger.get("/t/acme/login").await.hidden("csrf");
    let forged = stranger.post("/t/acme/login/second", &[("csrf", &csrf), ("code", &code)]).await;
    assert_eq!(forged.status, 403, "a form of another page");
    // After ten minutes the first factor is asked for anew.
    world.app.clock.advance(Duration::from_secs(601));
    let late = world.second(&browser, &page, ("code", &authenticator.code(&world.app, 0))).await;
    assert_eq!(late.location(), "/t/acme/login");
    // And so it is when the person is shut out, logged out everywhere, or gets another password meanwhile.
    let name = Username::parse(&world.acme.person.username).unwrap();
    let page = world.first(&browser).await;
    people::end_sessions(&world.app.app.store, &world.app.recorder(), &[(world.acme.id, Some(world.acme.person.id))])
        .await
        .unwrap();
    let ended = world.second(&browser, &page, ("code", &authenticator.code(&world.app, 0))).await;
    assert_eq!(ended.location(), "/t/acme/login");
    let page = world.first(&browser).await;
    let mut tx = world.app.app.store.tenant_tx(world.acme.id).await.unwrap();
    let ticket = people::disable(&mut tx, &world.app.recorder(), &name).await.unwrap();
    tx.commit().await.unwrap();
    world.app.app.node.settle(ticket).await.unwrap();
    let shut = world.second(&browser, &page, ("code", &authenticator.code(&world.app, 0))).await;
    assert_eq!(shut.location(), "/t/acme/login");
    assert!(!browser.is_logged_in(&world.acme).await);
}

#[tokio::test]
async fn a_password_alone_sets_up_nothing_beside_what_there_is() {
    let world = World::start().await;
    let (one, two) = (world.browser(), world.browser());
    let (first, second) = (world.first(&one).await, world.first(&two).await);
    let (mine, theirs) = (Authenticator::scan(&first), Authenticator::scan(&second));
    assert_eq!(world.second(&one, &first, ("code", &mine.code(&world.app, 0))).await.status, 200);
    // The other one began before there was any.
    let late = world.second(&two, &second, ("code", &theirs.code(&world.app, 0))).await;
    assert_eq!(late.location(), "/t/acme/login");
    assert!(!two.is_logged_in(&world.acme).await);
    // A key that was made for another browser is no key.
    world.app.clock.advance(STEP);
    let name = Username::parse(&world.acme.person.username).unwrap();
    let mut tx = world.app.app.store.tenant_tx(world.acme.id).await.unwrap();
    assert!(reset::all(&mut tx, &world.app.recorder(), &name).await.unwrap().1);
    tx.commit().await.unwrap();
    assert!(!one.is_logged_in(&world.acme).await, "what is lost may be in other hands");
    let fresh = world.first(&one).await;
    let fields = [
        ("csrf", &*fresh.hidden("csrf")),
        ("pending", &*first.hidden("pending")),
        ("code", &*mine.code(&world.app, 0)),
    ];
    assert_eq!(one.post("/t/acme/login/second", &fields).await.status, 403);
}

#[tokio::test]
async fn the_authorization_request_waits_through_both_factors() {
    let world = World::start().await;
    let (authenticator, _) = world.enrolled().await;
    let flow = Flow::new(&world.app, &world.acme);
    let client = flow.client().await;
    let (_, login) = flow.page(flow.authorize(&flow.parameters(&client)).await).await;
    let next = flow.log_in(&login).await;
    assert!(location(&next).starts_with("/t/acme/login/second?interaction=sp_in_"));
    let (_, page) = flow.page(next).await;
    let (csrf, interaction) = (hidden(&page, "csrf"), hidden(&page, "interaction"));
    let code = authenticator.code(&world.app, 0);
    let fields = [("csrf", &*csrf), ("interaction", &*interaction), ("code", &*code)];
    let on = flow.post("/t/acme/login/second", &fields).await;
    assert!(location(&on).starts_with("/t/acme/consent?interaction=sp_in_"));
    let (path, consent) = flow.page(on).await;
    assert!(path == "/t/acme/consent" && consent.contains("name=\"decision\""), "{consent}");
}

#[tokio::test]
async fn where_passwords_are_not_taken_none_lets_in() {
    let world = World::start().await;
    let browser = world.browser();
    let csrf = browser.get("/t/acme/login").await.hidden("csrf");
    world.app.settings(&world.acme, json!({ "login": { "passwords": false } })).await;
    let page = browser.get("/t/acme/login").await;
    assert!(page.body.contains("Nobody can log in here") && !page.body.contains("password\""), "{}", page.body);
    let person = &world.acme.person;
    let fields = [("csrf", &*csrf), ("username", &*person.username), ("password", &*person.password)];
    let refused = browser.post("/t/acme/login", &fields).await;
    assert!(refused.status == 403 && refused.body.contains("Nobody logs in with a password here"), "{}", refused.body);
}

#[tokio::test]
async fn policy_says_who_must_have_one_and_how_long_a_login_lasts() {
    let world = World::start().await;
    for (rule, next) in [
        (SecondFactor::Optional, "/t/acme/account"),
        (SecondFactor::Administrators, "/t/acme/account"),
        (SecondFactor::Everybody, "/t/acme/login/second"),
    ] {
        world.app.settings(&world.acme, json!({ "login": { "second_factor": rule, "session_hours": 1 } })).await;
        let browser = world.browser();
        let page = browser.try_login(&world.acme, &world.acme.person.username, &world.acme.person.password).await;
        assert_eq!(page.location(), next, "{rule:?}");
        if rule == SecondFactor::Optional {
            world.app.clock.advance(Duration::from_secs(3590));
            assert!(browser.is_logged_in(&world.acme).await);
            world.app.clock.advance(Duration::from_secs(20));
            assert!(!browser.is_logged_in(&world.acme).await);
        }
    }
    sqlx::query("update person set roles = '{person,auditor}' where tenant = $1")
        .bind(world.acme.id.0)
        .execute(&world.app.db.owner)
        .await
        .unwrap();
    world.app.settings(&world.acme, json!({ "login": { "second_factor": "administrators" } })).await;
    world.first(&world.browser()).await;
}

/// A session that began with a password alone is not enough for whoever must show more by now.
#[tokio::test]
async fn the_console_asks_whoever_must_have_a_second_factor_and_showed_none() {
    let world = World::start().await;
    world.app.settings(&world.acme, json!({})).await;
    let browser = world.browser();
    browser.log_in(&world.acme, &world.acme.person).await;
    appoint(&world.app, world.acme.person.id, "administrator").await;
    assert_eq!(browser.get("/console/t/acme/servers").await.status, 200);
    world.app.settings(&world.acme, json!({ "login": { "second_factor": "administrators" } })).await;
    assert!(browser.get("/console/t/acme/servers").await.location().starts_with("/t/acme/login?again="));
    assert!(browser.is_logged_in(&world.acme).await, "their own account is theirs");
}

/// Whoever changes the password because somebody else knows it ends what that one has begun, too.
#[tokio::test]
async fn a_login_that_waits_ends_with_the_password_that_it_began_with() {
    let world = World::start().await;
    world.app.settings(&world.acme, json!({})).await;
    let browser = world.browser();
    browser.log_in(&world.acme, &world.acme.person).await;
    world.app.settings(&world.acme, json!({ "login": { "second_factor": "everybody" } })).await;
    let half = world.browser();
    let own = &world.acme.person.password;
    let waits = half.try_login(&world.acme, &world.acme.person.username, own).await;
    assert_eq!(waits.location(), "/t/acme/login/second");
    assert_eq!(half.get("/t/acme/login/second").await.status, 200);
    let csrf = browser.get("/t/acme/account/password").await.hidden("csrf");
    let new = "seven green umbrellas";
    let fields = [("csrf", &*csrf), ("current", &**own), ("password", new), ("repeat", new)];
    assert_eq!(browser.post("/t/acme/account/password", &fields).await.location(), "/t/acme/account/security");
    assert_eq!(half.get("/t/acme/login/second").await.location(), "/t/acme/login");
}
