//! Tokens: what opens, and what does not any more.

use std::time::Duration;

use sallyport::{
    api::token::{self, ApiTokenError, NewApiToken},
    people::{self, Username},
};
use serde_json::Value;

use crate::{
    audit::{refusals_of, tally},
    harness::{
        api::{self, http},
        app::{TestApp, TestTenant},
        console::appoint,
    },
};

const CLIENTS: &str = "/api/admin/v1/tenants/acme/clients";

async fn place() -> (TestApp, TestTenant) {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    appoint(&app, tenant.person.id, "administrator").await;
    (app, tenant)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

async fn status(app: &TestApp, token: &str) -> u16 {
    http(token).get(app.url(CLIENTS)).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_token_ends_when_it_is_taken_back_or_too_old() {
    let (app, tenant) = place().await;
    let first = api::token(&app, tenant.id, "ada", &words(&["clients:read"])).await;
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let id = token::list(&mut tx).await.unwrap()[0].id;
    let second = api::token(&app, tenant.id, "ada", &words(&["clients:read"])).await;
    assert_eq!((status(&app, &first).await, status(&app, &second).await), (200, 200));
    token::revoke(&mut tx, &app.recorder(), id).await.unwrap();
    assert!(matches!(token::revoke(&mut tx, &app.recorder(), id).await, Err(ApiTokenError::Unknown(_))));
    tx.commit().await.unwrap();
    assert_eq!((status(&app, &first).await, status(&app, &second).await), (401, 200));
    app.clock.advance(Duration::from_secs(365 * 24 * 3600));
    assert_eq!(status(&app, &second).await, 401);
    let kinds: Vec<String> =
        app.app.store.audit_recent(tenant.id, 100).await.unwrap().into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "api_token.made").count(), 2, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "api_token.revoked").count(), 1, "{kinds:?}");
}

/// Whatever a token says, it does what its person may do now.
#[tokio::test]
async fn a_token_is_never_more_than_its_person() {
    let (app, tenant) = place().await;
    let person = app.person(tenant.id, "vera").await;
    appoint(&app, person.id, "administrator").await;
    let token = api::token(&app, tenant.id, "vera", &words(&["clients:*"])).await;
    assert_eq!(status(&app, &token).await, 200);
    appoint(&app, person.id, "person").await;
    assert_eq!(status(&app, &token).await, 403);
    appoint(&app, person.id, "auditor").await;
    assert_eq!(status(&app, &token).await, 200);
    let resume = http(&token).post(app.url(&format!("{CLIENTS}/c_x/resume"))).send().await.unwrap();
    assert_eq!(resume.status(), 403);
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let username = Username::parse("vera").unwrap();
    let ticket = people::disable(&mut tx, &app.recorder(), &username).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
    assert_eq!(status(&app, &token).await, 401);
    // What was erased comes back with nobody.
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    people::erase(&mut tx, &app.recorder(), &username).await.unwrap();
    tx.commit().await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from api_token").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_is_no_token_is_told_how_to_come_in_and_counted() {
    let (app, tenant) = place().await;
    let good = api::token(&app, tenant.id, "ada", &words(&["people:read"])).await;
    let url = app.url(CLIENTS);
    let bare = app.http();
    let absent = bare.get(&url).send().await.unwrap();
    assert_eq!((absent.status().as_u16(), &absent.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
    // A cookie is none, whatever is in it.
    let cookie = bare.get(&url).header("cookie", format!("__Host-sp-t-acme={good}")).send().await.unwrap();
    assert_eq!(cookie.status(), 401);
    for wrong in ["Bearer nothing".to_owned(), format!("Basic {good}"), format!("Bearer {good}x")] {
        let answer = bare.get(&url).header("authorization", &wrong).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()["www-authenticate"], "Bearer error=\"invalid_token\"");
    }
    let missing = http(&good).get(&url).send().await.unwrap();
    assert_eq!(missing.status(), 403);
    let missing: Value = missing.json().await.unwrap();
    assert_eq!(missing["detail"], "The token has not the right clients:list.");
    let other = app.tenant("other").await;
    let elsewhere = http(&good).get(app.url("/api/admin/v1/tenants/other/people")).send().await.unwrap();
    assert_eq!(elsewhere.status(), 401);
    let counted = tally(&refusals_of(&app, tenant.id).await);
    let expected = [("api.refused absent", 2), ("api.refused malformed", 3), ("api.refused right", 1)];
    assert_eq!(counted, expected.map(|(what, n)| (what.to_owned(), n)).into());
    assert_eq!(tally(&refusals_of(&app, other.id).await), [("api.refused unknown".to_owned(), 1)].into());
}

#[tokio::test]
async fn only_what_could_do_something_is_made() {
    let (app, tenant) = place().await;
    app.person(tenant.id, "mia").await;
    let vera = app.person(tenant.id, "vera").await;
    appoint(&app, vera.id, "auditor").await;
    let create = async |person: &str, rights: &[&str], life| {
        let new =
            NewApiToken { person: Username::parse(person).unwrap(), rights: words(rights), life, note: String::new() };
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        token::create(&mut tx, (&app.recorder(), &app.app.keyring), new).await.map(|_| ())
    };
    let day = time::Duration::DAY;
    assert!(create("ada", &["*:read"], 365 * day).await.is_ok());
    assert!(matches!(create("ada", &["*:read"], 366 * day).await, Err(ApiTokenError::Life)));
    assert!(matches!(create("ada", &["clients:fly"], day).await, Err(ApiTokenError::Right(_))));
    assert!(matches!(create("mia", &["*:read"], day).await, Err(ApiTokenError::NoRole(_))));
    assert!(matches!(create("vera", &["clients:approve"], day).await, Err(ApiTokenError::Beyond(_))));
    assert!(matches!(create("nobody", &["*:read"], day).await, Err(ApiTokenError::NoSuchPerson(_))));
}

/// A pepper follows without an interruption: a token that is used moves to the new one.
#[tokio::test]
async fn a_token_moves_to_the_pepper_in_use() {
    let (app, tenant) = place().await;
    let token = api::token(&app, tenant.id, "ada", &words(&["clients:read"])).await;
    let before: String = sqlx::query_scalar("select pepper_id from api_token").fetch_one(&app.db.owner).await.unwrap();
    let rotated = crate::keys::rotate(&app, sallyport::keys::KeyKind::Pepper).await;
    assert_eq!(rotated.old, before);
    assert_eq!(status(&app, &token).await, 200);
    let after: String = sqlx::query_scalar("select pepper_id from api_token").fetch_one(&app.db.owner).await.unwrap();
    assert_ne!(after, before);
    assert_eq!(status(&app, &token).await, 200);
}
