//! Another pepper: what was stored under the old one is found, and stored anew when it is seen.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use sallyport::{
    clients::initial_token::{self, NewInitialToken},
    jobs::janitor::sweep,
    keys::{KeyKind, Keyring},
    secret::{Handle, HandleKind},
    token,
};
use serde_json::{Value, json};

use super::{counts, held, retired, rotate, stage, until_nothing_lives, use_it};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, Tokens, location, query},
};

const DAY: Duration = Duration::from_secs(86_400);

async fn registered(app: &TestApp, tenant: &TestTenant, bearer: Option<&str>) -> Value {
    let request = app.browser().post(format!("{}/register", tenant.issuer));
    let request = match bearer {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.json(&json!({ "redirect_uris": ["https://a.example/cb"] })).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    answer.json().await.unwrap()
}

/// Reads a registration with its token, as RFC 7592 has it.
async fn read(app: &TestApp, registration: &Value) -> StatusCode {
    let uri = registration["registration_client_uri"].as_str().unwrap();
    let token = registration["registration_access_token"].as_str().unwrap();
    app.browser().get(uri).bearer_auth(token).send().await.unwrap().status()
}

/// An initial access token for two registrations at a tenant that asks for one, and its id.
async fn initial(app: &TestApp, tenant: &TestTenant) -> (String, String) {
    let settings = format!(
        r#"update tenant set settings = '{{"registration": "initial_access_token"}}' where id = '{}'"#,
        tenant.id
    );
    sqlx::query(sqlx::AssertSqlSafe(settings)).execute(&app.db.owner).await.unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let new = NewInitialToken { uses: 2, life: time::Duration::days(30), note: String::new() };
    let (token, made) = initial_token::create(&mut tx, &app.recorder(), &app.app.keyring, new).await.unwrap();
    tx.commit().await.unwrap();
    (token.expose().to_owned(), made.id.to_string())
}

async fn initial_id(app: &TestApp, tenant: &TestTenant) -> String {
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    initial_token::list(&mut tx).await.unwrap().remove(0).id.to_string()
}

#[tokio::test]
async fn what_was_issued_before_works_after_and_moves_when_it_is_seen() {
    let app = TestApp::start().await;
    let (tenant, strict) = (app.tenant("acme").await, app.tenant("strict").await);
    let flow = Flow::new(&app, &tenant);
    let hosted = flow.client_with(&["https://hosted.example/cb"], true).await;
    let local = flow.client().await;
    let tokens = flow.tokens(&hosted).await;
    let code = flow.code(&local).await;
    let page = flow.consent_page(&flow.parameters(&local)).await;
    let registration = registered(&app, &tenant, None).await;
    let (token, id) = initial(&app, &strict).await;

    let pepper = rotate(&app, KeyKind::Pepper).await;
    let one = |what| (what, 1, 0);
    assert_eq!(
        counts(&held(&app, KeyKind::Pepper, &pepper.old).await),
        [
            one("access_token"),
            ("authorization_code", 1, 1),
            one("authorization_request"),
            // One of the client in the flow, one of the client that registered here.
            ("client_secret", 2, 0),
            one("initial_access_token"),
            one("refresh_token"),
            one("registration_token"),
            one("session"),
        ]
    );
    assert_eq!(held(&app, KeyKind::Pepper, &pepper.new).await, []);

    assert!(flow.accepts(&tokens.access).await);
    assert_eq!(flow.get("/t/acme/account").await.status(), 200, "still logged in");
    // The page was made before: its form is taken, and so is the browser that it was made for.
    let answer = flow.decide(&page, "approve", &["mcp:read"]).await;
    let later = query(&location(&answer), "code").expect("a code");
    for code in [&code, &later] {
        assert_eq!(flow.redeem(&local, code).await.status(), 200);
    }
    let fresh = flow.refresh(&hosted, &tokens.refresh).await;
    assert_eq!(fresh.status(), 200);
    let fresh = Tokens::read(&fresh.json().await.unwrap());
    let again = Tokens::read(&flow.refresh(&hosted, &tokens.refresh).await.json().await.unwrap());
    assert_eq!(again.refresh, fresh.refresh, "a retry of a token that was stored anew");
    assert_eq!(read(&app, &registration).await, 200);
    let other = registered(&app, &strict, Some(&token)).await;
    assert_eq!(initial_id(&app, &strict).await, id, "its name stays");
    let own = TestClientOf(&registration);
    assert_eq!(flow.client_post("revoke", &own.client(), &[("token", "unknown")]).await.status(), 200);

    let spent = until_nothing_lives(&app, KeyKind::Pepper, &pepper.old).await;
    assert_eq!(spent, [("authorization_code".to_owned(), 2)], "redeemed: a replay of one must be seen");
    let refused = retired(&app, &app.app.keyring, KeyKind::Pepper, &pepper.old, false).await.unwrap_err();
    assert!(refused.contains("still holds 2 spent authorization codes"), "{refused}");
    let in_use = retired(&app, &app.app.keyring, KeyKind::Pepper, &pepper.new, true).await.unwrap_err();
    assert!(in_use.contains("is in use"), "{in_use}");

    app.clock.advance(8 * DAY);
    sweep(&app.app, tenant.id).await.unwrap();
    let done = retired(&app, &app.app.keyring, KeyKind::Pepper, &pepper.old, false).await.unwrap();
    assert_eq!(done.ended, []);
    app.app.store.check_keys(&app.app.keyring, &app.recorder()).await.unwrap();
    assert!(!app.app.keyring.has(KeyKind::Pepper, &pepper.old));
    assert_eq!(flow.refresh(&hosted, &fresh.refresh).await.status(), 200);
    for registration in [&registration, &other] {
        assert_eq!(read(&app, registration).await, 200);
    }
    registered(&app, &strict, Some(&token)).await;
}

/// A client that registered itself, for the flow.
struct TestClientOf<'a>(&'a Value);

impl TestClientOf<'_> {
    fn client(&self) -> crate::harness::flow::TestClient {
        let text = |member: &str| self.0[member].as_str().unwrap().to_owned();
        let redirect_uri = "https://a.example/cb".to_owned();
        crate::harness::flow::TestClient { id: text("client_id"), secret: Some(text("client_secret")), redirect_uri }
    }
}

#[tokio::test]
async fn a_token_that_was_stored_anew_is_revoked_wherever_it_is_known() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    let handle = Handle::parse(HandleKind::AccessToken, &tokens.access).unwrap();
    let pepper = stage(&app, KeyKind::Pepper).await;
    let elsewhere = app.sibling_with(&pepper.file.render()).await;
    // A process that has not heard that the new pepper is in use has the token in its cache, and a call in flight.
    let known = elsewhere.tenant("acme").await.unwrap().unwrap();
    let server = known.server("demo").unwrap();
    let call = token::verify(&elsewhere, &known, server, &handle).await.unwrap();

    use_it(&app, KeyKind::Pepper, &pepper.new).await;
    assert!(flow.accepts(&tokens.access).await);
    let moved = async {
        while !held(&app, KeyKind::Pepper, &pepper.old).await.iter().all(|held| held.what != "access_token") {}
    };
    tokio::time::timeout(super::LONG, moved).await.expect("it was stored anew");
    assert!(elsewhere.node.admit(tenant.id, &elsewhere.keyring.current_hash(tenant.id, &handle)).is_some());

    let revoked = flow.client_post("revoke", &client, &[("token", &tokens.access)]).await;
    assert_eq!(revoked.status(), 200);
    assert!(!flow.accepts(&tokens.access).await);
    assert!(call.cut().is_cancelled());
    assert!(elsewhere.node.admit(tenant.id, &elsewhere.keyring.current_hash(tenant.id, &handle)).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_parallel_refreshes_of_an_old_token_get_one_successor() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["https://hosted.example/cb"], true).await;
    let tokens = flow.tokens(&client).await;
    rotate(&app, KeyKind::Pepper).await;
    let (answers, accepted) = tokio::join!(
        join_all((0..16).map(|_| flow.refresh(&client, &tokens.refresh))),
        join_all((0..16).map(|_| flow.accepts(&tokens.access)))
    );
    let mut successors = std::collections::BTreeSet::new();
    for answer in answers {
        assert_eq!(answer.status(), 200);
        successors.insert(Tokens::read(&answer.json().await.unwrap()).refresh);
    }
    assert_eq!(successors.len(), 1);
    assert!(accepted.into_iter().all(|accepted| accepted));
}

/// A revocation that finds the token under one hash, and a process that stores it under another meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn storing_anew_beside_a_revocation_brings_nothing_back() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut tokens = Vec::new();
    for _ in 0..8 {
        tokens.push(flow.tokens(&client).await);
    }
    rotate(&app, KeyKind::Pepper).await;
    for Tokens { access, .. } in &tokens {
        let form = [("token", access.as_str())];
        let (revoked, _) =
            tokio::join!(flow.client_post("revoke", &client, &form), join_all((0..4).map(|_| flow.accepts(access))));
        assert_eq!(revoked.status(), 200);
        assert!(!flow.accepts(access).await);
    }
    let live: i64 = sqlx::query_scalar("select count(*) from access_token where revoked_at is null")
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    assert_eq!(live, 0);
}

#[tokio::test]
async fn nothing_is_stored_under_a_retired_pepper_by_whoever_did_not_hear_of_it() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let pepper = stage(&app, KeyKind::Pepper).await;
    let late = app.sibling_with(&pepper.file.render()).await;
    use_it(&app, KeyKind::Pepper, &pepper.new).await;
    let refused = retired(&app, &app.app.keyring, KeyKind::Pepper, &pepper.old, false).await.unwrap_err();
    assert!(refused.contains("is still used for new values by 1 running process: try again"), "{refused}");
    retired(&app, &app.app.keyring, KeyKind::Pepper, &pepper.old, true).await.unwrap();

    let mut tx = late.store.tenant_tx(tenant.id).await.unwrap();
    let new = NewInitialToken { uses: 1, life: time::Duration::DAY, note: String::new() };
    let error = initial_token::create(&mut tx, &app.recorder(), &late.keyring, new).await.err().unwrap();
    assert!(error.to_string().contains(&format!("the pepper key \"{}\" is retired", pepper.old)), "{error}");
    drop(tx);
    // When it looks, it goes on with the new one, and one that lacks it does not.
    let behind = Keyring::parse(&app.key_file).unwrap();
    let mismatch = late.store.check_keys(&behind, &app.recorder()).await.unwrap_err();
    assert!(mismatch.to_string().contains("which this database uses"), "{mismatch}");
    late.store.check_keys(&late.keyring, &app.recorder()).await.unwrap();
    assert_eq!(late.keyring.in_use(KeyKind::Pepper), pepper.new);
    assert!(!late.keyring.has(KeyKind::Pepper, &pepper.old));
}
