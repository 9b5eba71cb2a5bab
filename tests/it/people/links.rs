//! Links by which people set a password themselves.

use std::time::Duration;

use sallyport::{
    people::{
        self, PersonError, Username,
        link::{self, LinkPurpose},
    },
    secret::{Handle, HandleKind},
};

use super::events::events;
use crate::harness::{
    app::{TestApp, TestTenant},
    browser::{Page, TestBrowser},
    canary::has_word,
    console::appoint,
};

const NEW: &str = "seven green umbrellas";

fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

/// The handle of a fresh link.
pub(crate) async fn make(app: &TestApp, tenant: &TestTenant, username: &str, purpose: LinkPurpose) -> String {
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let keyring = &app.app.keyring;
    let link = link::make(&mut tx, (&app.recorder(), keyring), &name(username), purpose).await.unwrap();
    tx.commit().await.unwrap();
    link.handle.expose().to_owned()
}

async fn open(browser: &TestBrowser, tenant: &str, link: &str) -> Page {
    browser.get(&format!("/t/{tenant}/link?link={link}")).await
}

async fn set(browser: &TestBrowser, page: &Page, (password, repeat): (&str, &str)) -> Page {
    let (csrf, link) = (page.hidden("csrf"), page.hidden("link"));
    let fields = [("csrf", &*csrf), ("link", &*link), ("password", password), ("repeat", repeat)];
    browser.post("/t/acme/link", &fields).await
}

#[tokio::test]
async fn whoever_is_invited_sets_a_password_and_logs_in_with_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    let new = people::NewPerson { username: name("grace"), display_name: None, password: None };
    people::create(&mut tx, &app.recorder(), new).await.unwrap();
    tx.commit().await.unwrap();
    let link = make(&app, &acme, "grace", LinkPurpose::Invitation).await;
    let browser = TestBrowser::new(&app);
    for _ in 0..3 {
        let page = open(&browser, "acme", &link).await;
        assert!(page.status == 200 && page.body.contains("You are invited to Tenant acme"), "{}", page.body);
        assert!(page.body.contains("value=\"grace\""), "{}", page.body);
    }
    let page = open(&browser, "acme", &link).await;
    for (typed, said) in [
        ((NEW, "another one"), "The two passwords differ"),
        (("short", "short"), "at least 8 characters"),
        (("", ""), "at least 8 characters"),
    ] {
        let again = set(&browser, &page, typed).await;
        assert!(again.status == 400 && again.body.contains(said), "{}", again.body);
        assert!(!again.body.contains(NEW), "no password comes back");
    }
    let done = set(&browser, &page, (NEW, NEW)).await;
    assert!(done.status == 200 && done.body.contains("Your password is set"), "{}", done.body);
    assert!(!browser.is_logged_in(&acme).await, "a link logs nobody in");
    let page = browser.try_login(&acme, "grace", NEW).await;
    assert_eq!(page.location(), "/t/acme/account");

    let kinds: Vec<String> = events(&app, acme.id).await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("link.")).count(), 2, "{kinds:?}");
}

/// Whoever is to look after the place reads so, and comes to its console.
#[tokio::test]
async fn an_administrator_who_is_invited_comes_to_the_console() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    appoint(&app, acme.person.id, "administrator").await;
    let link = make(&app, &acme, "ada", LinkPurpose::Invitation).await;
    let browser = TestBrowser::new(&app);
    let page = open(&browser, "acme", &link).await;
    assert!(page.body.contains("You are invited to Tenant acme as its administrator."), "{}", page.body);
    let done = set(&browser, &page, (NEW, NEW)).await.body;
    assert!(done.contains(&format!("{}/console/t/acme", app.base)), "{done}");
    let login = done.split("href=\"").find(|rest| rest.starts_with("/t/acme/login?to=")).unwrap();
    let login = browser.get(login.split('"').next().unwrap()).await;
    let (csrf, to) = (login.hidden("csrf"), login.hidden("to"));
    let fields = [("csrf", &*csrf), ("to", &*to), ("username", "ada"), ("password", NEW)];
    assert_eq!(browser.post("/t/acme/login", &fields).await.location(), "/console/t/acme");
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let link = make(&app, &acme, "ada", LinkPurpose::Reset).await;
    let tries = (0..8).map(|n| {
        let (app, link) = (&app, &link);
        async move {
            let browser = TestBrowser::new(app);
            let page = open(&browser, "acme", link).await;
            if page.status != 200 {
                return (n, 400);
            }
            let password = format!("{NEW} {n}");
            (n, set(&browser, &page, (&password, &password)).await.status.as_u16())
        }
    });
    let answers = futures_util::future::join_all(tries).await;
    let won: Vec<i32> = answers.iter().filter(|(_, status)| *status == 200).map(|(n, _)| *n).collect();
    let [winner] = won[..] else { panic!("{answers:?}") };
    assert!(answers.iter().all(|(_, status)| [200, 400].contains(status)), "{answers:?}");
    let page = TestBrowser::new(&app).try_login(&acme, "ada", &format!("{NEW} {winner}")).await;
    assert_eq!(page.location(), "/t/acme/account");
}

/// None of these says more than the others.
#[tokio::test]
async fn what_cannot_be_used_is_one_and_the_same() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let elsewhere = make(&app, &other, "ada", LinkPurpose::Reset).await;
    let replaced = make(&app, &acme, "ada", LinkPurpose::Invitation).await;
    let used = make(&app, &acme, "ada", LinkPurpose::Reset).await;
    let browser = TestBrowser::new(&app);
    let page = open(&browser, "acme", &used).await;
    set(&browser, &page, (NEW, NEW)).await;
    let expired = make(&app, &acme, "ada", LinkPurpose::Reset).await;
    let late = open(&browser, "acme", &expired).await;
    app.clock.advance(Duration::from_secs(3601));
    let made_up = Handle::generate(HandleKind::PersonLink, &app.app.entropy).unwrap().expose().to_owned();
    for link in [&elsewhere, &replaced, &used, &expired, &made_up, "sp_pl_nonsense", ""] {
        let page = open(&browser, "acme", link).await;
        assert!(page.status == 400 && page.body.contains("This link cannot be used"), "{link}: {}", page.body);
        assert!(!has_word(&page.body, "ada") && !page.body.contains("sp_pl_"), "{}", page.body);
    }
    for page in [&page, &late] {
        let again = set(&browser, page, ("something else now", "something else now")).await;
        assert!(again.status == 400 && again.body.contains("This link cannot be used"), "{}", again.body);
    }
    assert_eq!(browser.try_login(&acme, "ada", NEW).await.location(), "/t/acme/account");
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_whoever_is_shut_out_gets_none() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (browser, other) = (TestBrowser::new(&app), TestBrowser::new(&app));
    other.log_in(&acme, &acme.person).await;
    let link = make(&app, &acme, "ada", LinkPurpose::Reset).await;
    let page = open(&browser, "acme", &link).await;
    assert!(page.body.contains("Choose a new password"), "{}", page.body);
    assert_eq!(set(&browser, &page, (NEW, NEW)).await.status, 200);
    assert!(!other.is_logged_in(&acme).await);
    assert_eq!(other.try_login(&acme, "ada", &acme.person.password).await.status, 403, "the old one");

    let link = make(&app, &acme, "ada", LinkPurpose::Reset).await;
    let page = open(&browser, "acme", &link).await;
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    drop(people::disable(&mut tx, &app.recorder(), &name("ada")).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(set(&browser, &page, (NEW, NEW)).await.status, 400);
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    let refused = link::make(&mut tx, (&app.recorder(), &app.app.keyring), &name("ada"), LinkPurpose::Reset).await;
    assert!(matches!(refused, Err(PersonError::Disabled(_))));
    people::enable(&mut tx, &app.recorder(), &name("ada")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open(&browser, "acme", &link).await.status, 400, "what was given up stays so");
}

#[tokio::test]
async fn nothing_of_a_link_is_in_the_database() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let link = make(&app, &acme, "ada", LinkPurpose::Reset).await;
    let rows = "select string_agg(t::text, ' ') from (
                  select l::text from person_link l union all select e::text from audit_event e union all select p::text from person p) t";
    let rows: String = sqlx::query_scalar(rows).fetch_one(&app.db.owner).await.unwrap();
    assert!(!rows.contains(&link[6..20]), "{rows}");
    let refused = TestBrowser::new(&app).post("/t/acme/link", &[("link", &link)]).await;
    assert_eq!(refused.status, 403, "a form that no page of ours sent");
}
