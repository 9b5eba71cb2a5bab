//! People in the console.

use crate::{
    console::clients::administrator,
    harness::{
        app::{TestApp, TestPerson},
        browser::{Page, TestBrowser},
        console::{appoint, csrf},
        second::Waiting,
    },
};

#[tokio::test]
async fn somebody_is_invited_and_sets_a_password() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let path = "/console/t/acme/people/-/new";
    let token = csrf(&browser.get(path).await.body);
    let made = browser.post(path, &[("csrf", &token), ("username", "grace"), ("name", "Grace Hopper")]).await;
    assert_eq!(made.status, 200);
    let link = made.body.split("/t/acme/link?link=").nth(1).expect("a link").split('<').next().unwrap().to_owned();
    let taken = browser.post(path, &[("csrf", &token), ("username", "Grace")]).await;
    assert_eq!(taken.status, 409);
    assert!(taken.body.contains("is taken"), "{}", taken.body);
    // The link is nowhere else.
    let shown = browser.get("/console/t/acme/people").await.body;
    assert!(shown.contains("Without a password") && !shown.contains("sp_pl_"), "{shown}");
    let other = TestBrowser::new(&app);
    let page = other.get(&format!("/t/acme/link?link={link}")).await;
    let password = "seven green umbrellas";
    let fields = [("csrf", &*page.hidden("csrf")), ("link", &link), ("password", password), ("repeat", password)];
    assert_eq!(other.post("/t/acme/link", &fields).await.status, 200);
    assert_eq!(other.try_login(&tenant, "grace", password).await.status, 303);
}

#[tokio::test]
async fn roles_are_given_and_taken_and_one_administrator_stays() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let grace = app.person(tenant.id, "grace").await;
    let hers = TestBrowser::new(&app);
    hers.log_in(&tenant, &grace).await;
    assert_eq!(hers.get("/console/t/acme").await.status, 403);
    let post = async |by: &TestBrowser, person: &TestPerson, fields: &[(&str, &str)]| {
        let path = format!("/console/t/acme/people/{}/roles", person.id);
        let page = by.get(&path).await;
        let (token, seen) = (csrf(&page.body), page.hidden("seen"));
        by.post(&path, &[&[("csrf", token.as_str()), ("seen", &seen)], fields].concat()).await
    };
    assert_eq!(post(&browser, &grace, &[("administrator", "yes")]).await.status, 303);
    // At once: roles are no part of a session.
    assert_eq!(hers.get("/console/t/acme").await.status, 200);
    // Nobody takes their own, and whoever loses one is logged out.
    assert_eq!(post(&browser, &tenant.person, &[]).await.status, 409);
    assert_eq!(post(&hers, &tenant.person, &[]).await.status, 303);
    assert_eq!(browser.get("/console/t/acme").await.status, 303);
    // She is the last one now.
    let last = post(&hers, &grace, &[("auditor", "yes")]).await;
    assert_eq!(last.status, 409);
    let events = app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    let changes = events.iter().filter(|event| event.kind == "admin.changed");
    let fields: Vec<_> = changes.map(|event| event.body["fields"][0].clone()).collect();
    let taken = serde_json::json!({ "name": "roles", "old": "person, administrator", "new": "person" });
    assert!(fields.contains(&taken), "{fields:?}");
}

/// Two administrators who take each other's role at the same time: one stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_take_each_others_role_do_not_leave_none() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let grace = app.person(tenant.id, "grace").await;
    appoint(&app, grace.id, "administrator").await;
    let hers = TestBrowser::new(&app);
    hers.log_in(&tenant, &grace).await;
    let prepare = async |by: &TestBrowser, of: &TestPerson| {
        let path = format!("/console/t/acme/people/{}/roles", of.id);
        let page = by.get(&path).await;
        by.form(&path, &[("csrf", &csrf(&page.body)), ("seen", &page.hidden("seen"))])
    };
    let (one, other) = (prepare(&browser, &grace).await, prepare(&hers, &tenant.person).await);
    let (one, other) = tokio::join!(one.send(), other.send());
    drop((one.unwrap(), other.unwrap()));
    let left: i64 =
        sqlx::query_scalar("select count(*) from person where 'administrator' = any (roles) and status = 'active'")
            .fetch_one(&app.db.owner)
            .await
            .unwrap();
    assert!(left >= 1);
}

#[tokio::test]
async fn a_disabled_person_is_out_until_enabled() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let grace = app.person(tenant.id, "grace").await;
    let hers = TestBrowser::new(&app);
    hers.log_in(&tenant, &grace).await;
    let act = async |word: &str, person: &TestPerson| {
        let path = format!("/console/t/acme/people/{}/{word}", person.id);
        let token = csrf(&browser.get(&path).await.body);
        browser.post(&path, &[("csrf", &token)]).await
    };
    act("end", &grace).await;
    assert!(!hers.is_logged_in(&tenant).await);
    hers.log_in(&tenant, &grace).await;
    act("disable", &grace).await;
    assert!(!hers.is_logged_in(&tenant).await);
    assert_eq!(hers.try_login(&tenant, "grace", &grace.password).await.status, 403);
    act("enable", &grace).await;
    hers.log_in(&tenant, &grace).await;
    let oneself = act("disable", &tenant.person).await;
    assert_eq!(oneself.status, 409);
    assert!(oneself.body.contains("This is you"), "{}", oneself.body);
}

#[tokio::test]
async fn a_second_factor_that_is_lost_is_taken_away() {
    let app = TestApp::start().await;
    let (tenant, browser) = administrator(&app).await;
    let waiting = Waiting::of(&app, &tenant).await;
    let person: (uuid::Uuid,) =
        sqlx::query_as("select person from person_totp").fetch_one(&app.db.owner).await.unwrap();
    let shown = format!("/console/t/acme/people/{}", person.0);
    let page = browser.get(&shown).await.body;
    assert!(page.contains("An authenticator app, and 10 recovery codes"), "{page}");
    let path = format!("{shown}/factors");
    let token = csrf(&browser.get(&path).await.body);
    let done = browser.post(&path, &[("csrf", &token)]).await;
    assert!(done.location().contains("done=reset"), "{}", done.location());
    assert!(!browser.get(&shown).await.body.contains("recovery codes"));
    let again = browser.post(&path, &[("csrf", &token)]).await;
    assert!(again.location().contains("done=nothing"), "{}", again.location());
    // A login that waited for it waits no more.
    let url = app.url("/t/acme/login/second");
    let answer = Page::of(app.http().get(url).header("cookie", waiting.cookies("acme"))).await;
    assert_eq!(answer.location(), "/t/acme/login");
    let events = app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    let removed = events.iter().find(|event| event.kind == "second_factor.removed").unwrap();
    assert_eq!(removed.body["actor"]["person"], tenant.person.id.to_string());
}
