//! Making, changing and disabling people.

use std::time::Duration;

use sallyport::{
    config::Argon2,
    people::{
        self, NewPerson, Password, PasswordHash, PersonError, Username,
        platform::{self, AdministratorError},
    },
    store,
};

use super::events::events;
use crate::harness::{app::TestApp, browser::TestBrowser};

const OTHER_COST: Argon2 = Argon2 { memory_kib: 128, iterations: 2, lanes: 1 };

fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

fn hash(app: &TestApp, password: &str, cost: Argon2) -> PasswordHash {
    PasswordHash::of(&Password::chosen(password).unwrap(), &cost, &app.app.entropy).unwrap()
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    let new = NewPerson { username: name("ADA"), display_name: None, password: None };
    let error = people::create(&mut tx, &app.recorder(), new).await.unwrap_err();
    assert!(matches!(&error, PersonError::UsernameTaken(_)));
    assert!(error.to_string().contains("\"ADA\" is taken"));
}

#[tokio::test]
async fn whoever_is_disabled_is_out_and_stays_out() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let browser = TestBrowser::new(&app);
    browser.log_in(&acme, &acme.person).await;

    // Events of one moment have no order.
    app.clock.advance(Duration::from_secs(1));
    let before = app.app.node.applied();
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    let ticket = people::disable(&mut tx, &app.recorder(), &name("Ada")).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    assert!(app.app.node.applied() > before, "authority was taken");

    assert!(!browser.is_logged_in(&acme).await);
    let page = browser.try_login(&acme, "ada", &acme.person.password).await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("do not belong together"), "nobody is told that the account exists");

    app.clock.advance(Duration::from_secs(1));
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    people::enable(&mut tx, &app.recorder(), &name("ada")).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!browser.is_logged_in(&acme).await, "the old session stays ended");
    browser.log_in(&acme, &acme.person).await;
    let changes: Vec<_> =
        events(&app, acme.id).await.into_iter().filter(|event| event.kind == "admin.changed").collect();
    let changes: Vec<_> = changes.iter().map(|event| event.body["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["created", "disabled", "enabled"]);
}

#[tokio::test]
async fn another_password_ends_every_session() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (one, other) = (TestBrowser::new(&app), TestBrowser::new(&app));
    one.log_in(&acme, &acme.person).await;
    other.log_in(&acme, &acme.person).await;
    let new = hash(&app, "another password", app.app.config.login.argon2);
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    people::set_password(&mut tx, &app.recorder(), &name("ada"), &new).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!one.is_logged_in(&acme).await);
    assert!(!other.is_logged_in(&acme).await);
    assert_eq!(one.try_login(&acme, "ada", &acme.person.password).await.status, 403);
    assert_eq!(one.try_login(&acme, "ada", "another password").await.status, 303);
}

#[tokio::test]
async fn a_login_replaces_a_hash_of_other_cost() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let old = hash(&app, "another password", OTHER_COST);
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    people::set_password(&mut tx, &app.recorder(), &name("ada"), &old).await.unwrap();
    tx.commit().await.unwrap();
    let browser = TestBrowser::new(&app);
    assert_eq!(browser.try_login(&acme, "ada", "wrong password").await.status, 403);
    assert_eq!(stored(&app, &acme.id).await, old.as_str());
    assert_eq!(browser.try_login(&acme, "ada", "another password").await.status, 303);
    let new = stored(&app, &acme.id).await;
    assert!(new.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{new}");
    assert_eq!(TestBrowser::new(&app).try_login(&acme, "ada", "another password").await.status, 303);
}

async fn stored(app: &TestApp, tenant: &sallyport::ids::TenantId) -> String {
    let mut tx = app.app.store.tenant_tx(*tenant).await.unwrap();
    store::people::by_username(&mut tx, "ada").await.unwrap().unwrap().password_hash.unwrap()
}

#[tokio::test]
async fn whoever_has_no_password_logs_in_with_none() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    let new = NewPerson { username: name("oidc"), display_name: Some("By OIDC".to_owned()), password: None };
    people::create(&mut tx, &app.recorder(), new).await.unwrap();
    tx.commit().await.unwrap();
    for password in ["x", "oidc", "the password of ada"] {
        assert_eq!(TestBrowser::new(&app).try_login(&acme, "oidc", password).await.status, 403);
    }
}

#[tokio::test]
async fn nobody_changes_somebody_who_is_not_there() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    app.person(other.id, "grace").await;
    let mut tx = app.app.store.tenant_tx(acme.id).await.unwrap();
    let error = people::disable(&mut tx, &app.recorder(), &name("grace")).await.unwrap_err();
    assert_eq!(error.to_string(), "nobody in this tenant has the username \"grace\"");
}

#[tokio::test]
async fn administrators_of_the_platform_have_one_place_of_their_own() {
    let app = TestApp::start().await;
    // Somebody was quicker with the name.
    app.tenant("platform").await;
    let password = hash(&app, "administrators password", OTHER_COST);
    let (recorder, keyring) = (app.recorder(), &app.app.keyring);
    let place =
        async || platform::place(app.app.store.platform_tx().await.unwrap(), (&recorder, keyring)).await.unwrap();
    let (tx, made) = place().await;
    let tx = platform::create_administrator(tx, &recorder, name("Root"), password.clone()).await.unwrap();
    tx.commit().await.unwrap();
    let (mut tx, found) = place().await;
    assert_eq!((made.slug.as_str(), made.id), ("platform-2", found.id));
    let row = store::people::by_username(&mut tx, "ROOT").await.unwrap().unwrap();
    assert_eq!((row.username.as_str(), row.password_hash.as_deref()), ("Root", Some(password.as_str())));
    assert_eq!(row.roles, ["person", "administrator"]);
    let error = platform::create_administrator(tx, &recorder, name("root"), password).await.err().unwrap();
    assert!(matches!(error, AdministratorError::UsernameTaken(_)));
}
