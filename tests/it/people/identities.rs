//! People link accounts at identity providers to their own, and unlink them.

use serde_json::{Value, json};

use super::{
    events::events,
    providers::{Way, World},
};
use crate::harness::{
    app::{TestApp, TestPerson},
    browser::{Page, TestBrowser},
    console::{appoint, csrf},
};

const SECURITY: &str = "/t/acme/account/security";

async fn post(browser: &TestBrowser, path: &str, provider: &str) -> Page {
    let csrf = browser.get(SECURITY).await.hidden("csrf");
    browser.post(&format!("/t/acme/account/identity{path}"), &[("csrf", &*csrf), ("provider", provider)]).await
}

/// Begins to link, at the provider.
async fn begin(world: &World, browser: &TestBrowser) -> Way {
    world.sent(&post(browser, "", "idp").await)
}

/// Comes back as whoever `subject` is there.
async fn back(world: &World, browser: &TestBrowser, way: &Way, subject: &str) -> Page {
    let claims = world.claims(way, json!({ "sub": subject }));
    world.answer(&world.issuer.token_by(&world.issuer.signer, &json!({ "typ": "JWT" }), &claims));
    world.back(browser, way).await
}

async fn link(world: &World, browser: &TestBrowser, subject: &str) -> Page {
    let way = begin(world, browser).await;
    back(world, browser, &way, subject).await
}

async fn somebody(world: &World, name: &str) -> (TestPerson, TestBrowser) {
    let person = world.app.person(world.acme.id, name).await;
    let browser = TestBrowser::new(&world.app);
    browser.log_in(&world.acme, &person).await;
    (person, browser)
}

async fn of_kind(world: &World, kind: &str) -> Vec<Value> {
    let events = events(&world.app, world.acme.id).await;
    events.into_iter().filter(|event| event.kind == kind).map(|event| event.body).collect()
}

async fn identities(app: &TestApp) -> Vec<(String, String)> {
    let rows = "select p.username, i.subject from person_identity i join person p on p.id = i.person order by 1, 2";
    sqlx::query_as(rows).fetch_all(&app.db.owner).await.unwrap()
}

fn pair(person: &str, subject: &str) -> (String, String) {
    (person.to_owned(), subject.to_owned())
}

/// Where only known people may come, this is how they become known.
#[tokio::test]
async fn whoever_links_an_account_logs_in_by_it() {
    let world = World::start(json!({ "accounts": "known" })).await;
    let (_, browser) = somebody(&world, "grace").await;
    let page = browser.get(SECURITY).await.body;
    assert!(page.contains("Not linked") && !page.contains("<b>idp"), "{page}");
    assert_eq!(link(&world, &browser, "subject-1").await.location(), SECURITY);
    assert_eq!(identities(&world.app).await, [pair("grace", "subject-1")]);
    assert!(browser.get(SECURITY).await.body.contains("Linked just now"));
    // Once more is nothing new.
    assert_eq!(link(&world, &browser, "subject-1").await.location(), SECURITY);
    let linked = of_kind(&world, "identity.linked").await;
    assert_eq!((linked.len(), &linked[0]["created"]), (1, &json!(false)));
    assert!(!format!("{:?}", linked[0]).contains("subject-1"));

    let other = TestBrowser::new(&world.app);
    assert_eq!(world.log_in(&other, json!({ "sub": "subject-1" })).await.location(), "/t/acme/account");
    assert!(other.get("/t/acme/account").await.body.contains("grace"));
    assert!(browser.is_logged_in(&world.acme).await, "linking is no login and ends none");
}

#[tokio::test]
async fn nobody_takes_an_account_that_is_linked_to_somebody_else() {
    let world = World::start(json!({ "accounts": "known" })).await;
    let (_, grace) = somebody(&world, "grace").await;
    let (_, mary) = somebody(&world, "mary").await;
    link(&world, &grace, "subject-1").await.location();
    for (browser, subject) in [(&mary, "subject-1"), (&grace, "subject-2")] {
        let page = link(&world, browser, subject).await;
        assert!(page.status == 409 && page.body.contains("Nothing was linked"), "{} {}", page.status, page.body);
    }
    assert_eq!(identities(&world.app).await, [pair("grace", "subject-1")]);
    // Two at once: one does.
    let (_, lisa) = somebody(&world, "lisa").await;
    let ways = (begin(&world, &mary).await, begin(&world, &lisa).await);
    let (one, other) =
        (back(&world, &mary, &ways.0, "subject-3").await, back(&world, &lisa, &ways.1, "subject-3").await);
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (303, 409));
}

/// What was begun by one login is finished by that one alone, in that browser; and a way to log in links nothing.
#[tokio::test]
async fn only_who_began_to_link_can_finish() {
    let world = World::start(json!({ "accounts": "known", "email_domains": ["example.com"] })).await;
    let (person, browser) = somebody(&world, "grace").await;
    let (_, mary) = somebody(&world, "mary").await;
    let way = begin(&world, &browser).await;
    assert_eq!(back(&world, &mary, &way, "subject-1").await.status, 400, "another browser");
    // Another login in the same browser.
    let leave = async || {
        let csrf = browser.get(SECURITY).await.hidden("csrf");
        browser.post("/t/acme/logout", &[("csrf", &csrf)]).await.location().to_owned()
    };
    leave().await;
    assert_eq!(back(&world, &browser, &way, "subject-1").await.status, 400, "logged out");
    browser.log_in(&world.acme, &person).await;
    let way = begin(&world, &browser).await;
    leave().await;
    browser.log_in(&world.acme, &person).await;
    assert_eq!(back(&world, &browser, &way, "subject-1").await.status, 400, "logged in anew");
    let way = begin(&world, &browser).await;
    assert_eq!(back(&world, &browser, &way, "subject-1").await.location(), SECURITY);
    assert_eq!(back(&world, &browser, &way, "subject-2").await.status, 400, "once");
    // By the rules for whoever comes for the first time.
    let way = begin(&world, &mary).await;
    let claims = world.claims(&way, json!({ "sub": "subject-4", "email": "mary@example.org" }));
    world.answer(&world.issuer.token_by(&world.issuer.signer, &json!({ "typ": "JWT" }), &claims));
    assert_eq!(world.back(&mary, &way).await.status, 403);
    // Whoever only logs in is linked to nobody.
    assert_eq!(world.log_in(&TestBrowser::new(&world.app), json!({ "sub": "subject-5" })).await.status, 403);
    assert_eq!(identities(&world.app).await, [pair("grace", "subject-1")]);
}

#[tokio::test]
async fn nobody_links_or_unlinks_in_a_browser_that_was_left_open() {
    let world = World::start(json!({ "accounts": "known" })).await;
    let (_, browser) = somebody(&world, "grace").await;
    link(&world, &browser, "subject-1").await.location();
    world.app.clock.advance(std::time::Duration::from_secs(3600));
    for (path, provider) in [("", "other"), ("/remove", "idp")] {
        assert!(post(&browser, path, provider).await.location().starts_with("/t/acme/login?again="));
    }
    assert_eq!(identities(&world.app).await.len(), 1);
}

#[tokio::test]
async fn an_account_is_unlinked_unless_it_is_the_only_way_in() {
    let world = World::start(json!({ "accounts": "create" })).await;
    let (_, browser) = somebody(&world, "grace").await;
    link(&world, &browser, "subject-1").await.location();
    let other = TestBrowser::new(&world.app);
    world.log_in(&other, json!({ "sub": "subject-1" })).await.location();
    assert_eq!(post(&browser, "/remove", "idp").await.location(), SECURITY);
    assert_eq!(identities(&world.app).await, []);
    assert!(!other.is_logged_in(&world.acme).await, "logins by it end with it");
    assert!(browser.is_logged_in(&world.acme).await);
    let gone = of_kind(&world, "identity.unlinked").await;
    assert_eq!(gone.len(), 1);
    assert!(!format!("{:?}", gone[0]).contains("subject-1"));
    // What is not linked, and what is no provider, is not linked afterwards either.
    for slug in ["idp", "other", "nobody", ""] {
        assert_eq!(post(&browser, "/remove", slug).await.location(), SECURITY);
    }

    // Somebody who came through the provider has nothing else.
    let newcomer = TestBrowser::new(&world.app);
    world.log_in(&newcomer, json!({ "sub": "subject-9", "preferred_username": "nina" })).await.location();
    let refused = post(&newcomer, "/remove", "idp").await;
    assert!(refused.status == 409 && refused.body.contains("only way in"), "{} {}", refused.status, refused.body);
    assert_eq!(identities(&world.app).await, [pair("nina", "subject-9")]);
}

/// An account that was somebody else's for a while is its owner's again: what that one linked goes with the second factors.
#[tokio::test]
async fn whoever_takes_second_factors_away_unlinks_too() {
    let world = World::start(json!({ "accounts": "create" })).await;
    let (grace, browser) = somebody(&world, "grace").await;
    link(&world, &browser, "subject-1").await.location();
    let nina = TestBrowser::new(&world.app);
    world.log_in(&nina, json!({ "sub": "subject-9", "preferred_username": "nina" })).await.location();
    appoint(&world.app, world.acme.person.id, "administrator").await;
    let admin = TestBrowser::new(&world.app);
    admin.log_in(&world.acme, &world.acme.person).await;
    let shown = format!("/console/t/acme/people/{}", grace.id);
    let page = admin.get(&shown).await.body;
    assert!(page.contains("Comes through") && page.contains("Take their second factors away"), "{page}");
    let path = format!("{shown}/factors");
    let token = csrf(&admin.get(&path).await.body);
    assert!(admin.post(&path, &[("csrf", &token)]).await.location().contains("done=reset"));
    // Who has no password has nothing else, and keeps it.
    assert_eq!(identities(&world.app).await, [pair("nina", "subject-9")]);
    assert_eq!(of_kind(&world, "identity.unlinked").await.len(), 1);
    assert!(!browser.is_logged_in(&world.acme).await);
}

/// A session at the provider is no proof that its owner sits there now: neither by logging out and in again here, nor by leaving out
/// of the way there that they should log in anew.
#[tokio::test]
async fn a_login_of_now_is_one_that_the_provider_says_is() {
    let world = World::start(json!({ "accounts": "create" })).await;
    let browser = TestBrowser::new(&world.app);
    let earlier = world.app.clock.unix() - 3600;
    world.log_in(&browser, json!({ "auth_time": earlier })).await.location();
    let to_login = browser.get("/t/acme/account/totp").await;
    let again = to_login.location().to_owned();
    assert!(again.starts_with("/t/acme/login?again="), "{again}");
    let value = again.split_once('=').unwrap().1;
    for (auth_time, status) in [(json!(null), 403), (json!(earlier), 403), (json!(world.app.clock.unix()), 303)] {
        let page = browser.get(&again).await;
        let fields = [("csrf", &*page.hidden("csrf")), ("again", value)];
        let sent = browser.post("/t/acme/login/with/idp", &fields).await;
        assert!(
            sent.location().contains("prompt=login") && sent.location().contains("max_age=0"),
            "{}",
            sent.location()
        );
        let way = world.sent(&sent);
        let claims = world.claims(&way, json!({ "auth_time": auth_time }));
        world.answer(&world.issuer.token_by(&world.issuer.signer, &json!({ "typ": "JWT" }), &claims));
        let back = world.back(&browser, &way).await;
        assert_eq!(back.status, status, "{auth_time}");
        if status == 403 {
            assert!(back.body.contains("does not say that you did") && back.body.contains("logged in as before"));
            assert!(back.body.contains(&again), "the way on still leads there: {}", back.body);
        } else {
            assert_eq!(back.location(), "/t/acme/account/totp");
            assert_eq!(browser.get("/t/acme/account/totp").await.status, 200);
        }
    }
}
