//! Used once is used once: one winner among any number of parallel tries, and a try that fails its checks neither consumes
//! nor revokes.

mod wrong_lock;

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use reqwest::{Response, StatusCode};
use sallyport::{
    clients::initial_token::{self, NewInitialToken},
    ids::TenantId,
};
use serde_json::{Value, json};

use crate::harness::{
    app::{TestApp, TestTenant},
    device,
    flow::{CALLBACK, Flow, TestClient, Tokens, location, oauth_error, query},
};

/// How many come at once.
const CROWD: usize = 24;
const WEB: &str = "https://client.example/callback";

/// How many events of a kind there are for which `is` holds.
async fn events(app: &TestApp, tenant: TenantId, kind: &str, is: impl Fn(&Value) -> bool) -> usize {
    let events = app.app.store.audit_recent(tenant, 1000).await.unwrap();
    events.iter().filter(|event| event.kind == kind && is(&event.body)).count()
}

async fn refused(answer: Response) -> String {
    let (status, error) = oauth_error(answer).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    error
}

async fn tokens(answer: Response) -> Tokens {
    assert_eq!(answer.status(), StatusCode::OK);
    Tokens::read(&answer.json().await.unwrap())
}

/// Tries with a code or refresh token by which nothing may happen: another client, another resource, and one parameter
/// that is not the right one.
async fn wrong_tries(
    flow: &Flow<'_>,
    client: &TestClient,
    other: &TestClient,
    right: &[(&str, &str)],
    wrong: (&str, &str),
) {
    let resource = flow.tenant.server.resource.as_str();
    let with = |name, value| {
        let mut form: Vec<_> = right.iter().copied().filter(|(key, _)| *key != name).collect();
        form.push((name, value));
        form
    };
    let (named, misnamed, odd) =
        (with("resource", resource), with("resource", "https://elsewhere.example/"), with(wrong.0, wrong.1));
    let stranger = async { refused(flow.token(other, &named).await).await };
    let elsewhere = async { refused(flow.token(client, &misnamed).await).await };
    let odd = async { refused(flow.token(client, &odd).await).await };
    let (stranger, (elsewhere, odd)) = join(stranger, join(elsewhere, odd)).await;
    assert_eq!(stranger, "invalid_grant");
    // After five of them it does not matter any more what is wrong.
    assert!(["invalid_grant", "invalid_target"].contains(&elsewhere.as_str()), "{elsewhere}");
    assert!(["invalid_grant", "invalid_scope"].contains(&odd.as_str()), "{odd}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_redemptions_of_a_code_have_one_winner() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    for round in 1..=3 {
        let code = flow.code(&client).await;
        let mut won = Vec::new();
        for answer in join_all((0..CROWD).map(|_| flow.redeem(&client, &code))).await {
            match answer.status() {
                StatusCode::OK => won.push(tokens(answer).await),
                _ => assert_eq!(refused(answer).await, "invalid_grant"),
            }
        }
        assert_eq!(won.len(), 1);
        assert_eq!(events(&app, tenant.id, "token.issued", |_| true).await, round);
        // The others had everything right: the code is in other hands, and nobody knows in whose the tokens are.
        assert!(!flow.accepts(&won[0].access).await);
        assert_eq!(refused(flow.refresh(&client, &won[0].refresh).await).await, "invalid_grant");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_tries_beside_the_right_one_take_nothing_from_it() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let wrong_verifier = "x".repeat(43);
    for wrong in [("code_verifier", wrong_verifier.as_str()), ("redirect_uri", "http://127.0.0.1:7778/callback")] {
        let code = flow.code(&client).await;
        let right = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", &flow.verifier)];
        let (answer, ()) = join(flow.redeem(&client, &code), wrong_tries(&flow, &client, &other, &right, wrong)).await;
        let won = tokens(answer).await;
        // And as many as anybody likes once it is redeemed.
        join_all((0..4).map(|_| wrong_tries(&flow, &client, &other, &right, wrong))).await;
        assert!(flow.accepts(&won.access).await);
        assert_eq!(flow.refresh(&client, &won.refresh).await.status(), StatusCode::OK);
    }
}

/// Whoever has the code but not all of the rest may guess five times, however many come at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_of_wrong_tries_neither_consumes_nor_revokes() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let code = flow.code(&client).await;
    for answer in join_all((0..CROWD).map(|_| flow.redeem(&other, &code))).await {
        assert_eq!(refused(answer).await, "invalid_grant");
    }
    let (failures, consumed, revoked): (i32, bool, bool) = sqlx::query_as(
        "select failures, consumed_at is not null, revoked_at is not null from auth_code c
           join family f on (f.tenant, f.id) = (c.tenant, c.family)",
    )
    .fetch_one(&app.db.owner)
    .await
    .unwrap();
    assert_eq!((failures, consumed, revoked), (5, false, false));
    assert_eq!(events(&app, tenant.id, "code.refused", |_| true).await, 5);
}

/// A thief who was faster must not be able to hide that the code was used twice.
#[tokio::test]
async fn wrong_tries_do_not_cover_up_a_replay() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let code = flow.code(&client).await;
    let stolen = tokens(flow.redeem(&client, &code).await).await;
    for _ in 0..6 {
        assert_eq!(refused(flow.redeem(&other, &code).await).await, "invalid_grant");
    }
    assert!(flow.accepts(&stolen.access).await);
    assert_eq!(refused(flow.redeem(&client, &code).await).await, "invalid_grant");
    assert!(!flow.accepts(&stolen.access).await, "the owner came second, and ended it");
    assert_eq!(events(&app, tenant.id, "code.replayed", |_| true).await, 1);
}

/// Those who come at once are retries of one another: each gets the same successor, and only one rotation happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_refreshes_get_one_successor() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let first = flow.tokens(&client).await;
    let right = [("grant_type", "refresh_token"), ("refresh_token", &first.refresh)];
    let wrong = join_all((0..4).map(|_| wrong_tries(&flow, &client, &other, &right, ("scope", "mcp:all"))));
    let (answers, _) = join(join_all((0..CROWD).map(|_| flow.refresh(&client, &first.refresh))), wrong).await;
    let mut given = BTreeSet::new();
    for answer in answers {
        let answer = tokens(answer).await;
        given.insert((answer.refresh, answer.access));
    }
    assert_eq!(given.len(), 1);
    let rotated = events(&app, tenant.id, "token.refreshed", |body| body["retried"] == false).await;
    assert_eq!(rotated, 1);
}

/// Half of them lag behind by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_and_its_predecessor_at_once_make_one_rotation() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = tokens(flow.refresh(&client, &first.refresh).await).await;
    let both = |at: usize| if at.is_multiple_of(2) { first.refresh.as_str() } else { second.refresh.as_str() };
    let mut given = [BTreeSet::new(), BTreeSet::new()];
    for (at, answer) in join_all((0..CROWD).map(|at| flow.refresh(&client, both(at)))).await.into_iter().enumerate() {
        given[at % 2].insert(tokens(answer).await.refresh);
    }
    assert_eq!(given[0], BTreeSet::from([second.refresh]));
    assert_eq!(given[1].len(), 1);
    assert_eq!(events(&app, tenant.id, "token.refreshed", |body| body["retried"] == false).await, 2);
}

/// One page, many clicks, yes and no: one answer counts, and the others get no code.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_answers_of_a_consent_page_have_one_winner() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let answer = |at| flow.decide(&html, if at % 2 == 0 { "approve" } else { "deny" }, &["mcp:read"]);
    let answers = join_all((0..CROWD).map(answer)).await;
    one_was_sent_back(&answers);
    let sent = answers.iter().find(|answer| answer.status() == StatusCode::SEE_OTHER).unwrap();
    let codes: i64 = sqlx::query_scalar("select count(*) from auth_code").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(codes, i64::from(query(&location(sent), "code").is_some()));
}

fn one_was_sent_back(answers: &[Response]) {
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [303, 400, 409].contains(status)), "{statuses:?}");
}

/// The same where the page is skipped: there, loading it is the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_loads_of_a_page_that_is_skipped_have_one_winner() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB], true).await;
    flow.code(&client).await;
    let login = location(&flow.authorize(&flow.parameters(&client)).await);
    let consent = location(&flow.get(&login).await);
    let answers = join_all((0..CROWD).map(|_| flow.get(&consent))).await;
    one_was_sent_back(&answers);
    assert_eq!(events(&app, tenant.id, "code.issued", |_| true).await, 2, "the first, and one of these");
}

async fn initial_token(app: &TestApp, tenant: &TestTenant, uses: u16) -> String {
    let new = NewInitialToken { uses, life: time::Duration::HOUR, note: String::new() };
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let (token, _) = initial_token::create(&mut tx, &app.recorder(), &app.app.keyring, new).await.unwrap();
    tx.commit().await.unwrap();
    token.expose().to_owned()
}

/// Registers once for each body, all at once. Says how many were let in; what is left on the token; and how many clients
/// there are.
async fn register(app: &TestApp, tenant: &TestTenant, token: &str, bodies: &[Value]) -> (usize, i32, i64) {
    let url = format!("{}/register", tenant.issuer);
    let post = |body| app.http().post(&url).bearer_auth(token).json(body).send();
    let answers = join_all(bodies.iter().map(post)).await;
    let let_in = answers.iter().filter(|answer| answer.as_ref().unwrap().status() == StatusCode::CREATED).count();
    let (left, clients) = sqlx::query_as("select uses_left, (select count(*) from client) from initial_access_token")
        .fetch_one(&app.db.owner)
        .await
        .unwrap();
    (let_in, left, clients)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_initial_access_token_lets_in_as_many_as_it_says() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    app.settings(&tenant, json!({ "registration": "initial_access_token" })).await;
    let token = initial_token(&app, &tenant, 5).await;
    // Every third is no registration at all, and takes nothing.
    let body = |at| if at % 3 == 0 { json!({}) } else { json!({ "redirect_uris": [CALLBACK] }) };
    let bodies: Vec<Value> = (0..CROWD).map(body).collect();
    assert_eq!(register(&app, &tenant, &token, &bodies).await, (5, 0, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_registration_that_the_quota_refuses_takes_nothing_off_its_token() {
    let app = TestApp::start_with(|config| config.registration.per_tenant_per_day = 2).await;
    let tenant = app.tenant("acme").await;
    app.settings(&tenant, json!({ "registration": "initial_access_token" })).await;
    let token = initial_token(&app, &tenant, 9).await;
    let bodies = vec![json!({ "redirect_uris": [CALLBACK] }); 16];
    assert_eq!(register(&app, &tenant, &token, &bodies).await, (2, 7, 2));
}

/// Retries of one another, as refreshes are: whoever has everything right is given the same tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_polls_of_a_device_make_tokens_once() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.device_client().await, flow.device_client().await);
    for round in 1..=3 {
        let device = flow.device(&client).await;
        flow.allow(&device).await;
        let right = [("grant_type", device::GRANT), ("device_code", device.code.as_str())];
        let verifier = "x".repeat(43);
        let wrong =
            join_all((0..4).map(|_| wrong_tries(&flow, &client, &other, &right, ("code_verifier", verifier.as_str()))));
        let (answers, _) = join(join_all((0..CROWD).map(|_| flow.poll(&client, &device))), wrong).await;
        let mut given = BTreeSet::new();
        for answer in answers {
            let answer = tokens(answer).await;
            given.insert((answer.refresh, answer.access));
        }
        assert_eq!(given.len(), 1);
        assert_eq!(events(&app, tenant.id, "token.issued", |_| true).await, round);
        assert!(flow.accepts(&given.pop_first().unwrap().1).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_answers_for_a_device_have_one_winner() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    let page = flow.ask(&device).await;
    let answer = |at: usize| flow.answer(&page, if at.is_multiple_of(2) { "approve" } else { "deny" }, &["mcp:read"]);
    let answers = join_all((0..CROWD).map(answer)).await;
    let won: Vec<bool> = answers.iter().map(|answer| answer.status() == StatusCode::OK).collect();
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status().as_u16())));
    let families: i64 = sqlx::query_scalar("select count(*) from family").fetch_one(&app.db.owner).await.unwrap();
    let approved = won.iter().position(|won| *won).unwrap().is_multiple_of(2);
    assert_eq!(families, i64::from(approved));
}
