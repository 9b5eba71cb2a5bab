//! Polling with a device code (RFC 8628 §3.4 and §3.5).

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::{join, join_all};
use reqwest::{Response, StatusCode};
use sallyport::ids::TenantId;

use crate::harness::{
    app::TestApp,
    device::{GRANT, TestDevice},
    flow::{Flow, TestClient, Tokens, oauth_error},
};

const BOTH: [&str; 2] = ["mcp:read", "mcp:write"];

async fn refused(answer: Response) -> String {
    let (status, error) = oauth_error(answer).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    error
}

async fn tokens(answer: Response) -> Tokens {
    assert_eq!(answer.status(), StatusCode::OK);
    Tokens::read(&answer.json().await.unwrap())
}

async fn events(app: &TestApp, tenant: TenantId, kind: &str) -> usize {
    app.app.store.audit_recent(tenant, 1000).await.unwrap().iter().filter(|event| event.kind == kind).count()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_device_waits_and_gets_tokens_like_any_others() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    for _ in 0..3 {
        assert_eq!(refused(flow.poll(&client, &device).await).await, "authorization_pending");
        app.clock.advance(seconds(5));
    }
    flow.allow(&device).await;
    // Nobody has to wait for the rest of the interval once it is decided.
    let answer = flow.poll(&client, &device).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let first = tokens(answer).await;
    assert_eq!(first.scope, "mcp:read mcp:write");
    assert!(flow.accepts(&first.access).await);
    let second = tokens(flow.refresh(&client, &first.refresh).await).await;
    assert!(flow.accepts(&second.access).await);
    // A family of its own under the person's one grant: the code flow's lives on without it.
    let by_code = flow.tokens(&client).await;
    assert_eq!(flow.client_post("revoke", &client, &[("token", &second.refresh)]).await.status(), StatusCode::OK);
    assert!(!flow.accepts(&second.access).await && flow.accepts(&by_code.access).await);
    let grants: i64 = sqlx::query_scalar("select count(*) from access_grant").fetch_one(&app.db.owner).await.unwrap();
    assert_eq!(grants, 1);
}

/// RFC 8628 §3.5: five seconds more each time, for this device code, whichever process is asked.
#[tokio::test]
async fn whoever_polls_too_fast_waits_longer_from_then_on() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let (hasty, calm) = (flow.device(&client).await, flow.device(&client).await);
    let poll = async |device: &TestDevice, wait: u64| {
        app.clock.advance(seconds(wait));
        refused(flow.poll(&client, device).await).await
    };
    assert_eq!(poll(&hasty, 0).await, "authorization_pending");
    assert_eq!(poll(&hasty, 4).await, "slow_down");
    assert_eq!(poll(&hasty, 9).await, "slow_down", "10 from now on");
    assert_eq!(poll(&hasty, 15).await, "authorization_pending", "15 from now on");
    assert_eq!(poll(&hasty, 14).await, "slow_down");
    assert_eq!(poll(&hasty, 20).await, "authorization_pending");
    assert_eq!(poll(&calm, 0).await, "authorization_pending", "another code has its own interval");
    assert_eq!(poll(&calm, 5).await, "authorization_pending");
    // Impatience costs time, not the request.
    flow.allow(&hasty).await;
    tokens(flow.poll(&client, &hasty).await).await;
}

#[tokio::test]
async fn a_code_ends_after_ten_minutes_approved_or_not() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let (late, waiting, denied) = (flow.device(&client).await, flow.device(&client).await, flow.device(&client).await);
    flow.allow(&late).await;
    let page = flow.ask(&denied).await;
    assert_eq!(flow.answer(&page, "deny", &[]).await.status(), StatusCode::OK);
    app.clock.advance(seconds(599));
    assert_eq!(refused(flow.poll(&client, &waiting).await).await, "authorization_pending");
    app.clock.advance(seconds(1));
    assert_eq!(refused(flow.poll(&client, &waiting).await).await, "expired_token");
    assert_eq!(refused(flow.poll(&client, &late).await).await, "expired_token");
    assert_eq!(refused(flow.poll(&client, &denied).await).await, "access_denied");
    assert_eq!(flow.enter(&waiting.user_code).await.status(), StatusCode::BAD_REQUEST);
}

/// What somebody else sends in is answered the same before and after the decision, and takes nothing away.
#[tokio::test]
async fn wrong_tries_learn_nothing_and_consume_nothing() {
    let app = TestApp::start().await;
    let (tenant, elsewhere) = (app.tenant("acme").await, app.tenant("other").await);
    let second = app.server(tenant.id, "acme", "second", "http://127.0.0.1:9/second").await;
    let (flow, foreign) = (Flow::new(&app, &tenant), Flow::new(&app, &elsewhere));
    let (client, other, twin) = (flow.device_client().await, flow.device_client().await, foreign.device_client().await);
    let challenge = flow.challenge();
    let pkce = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let (bare, bound) = (flow.device(&client).await, flow.device_with(&client, &pkce).await);
    let wrong_verifier = "x".repeat(43);
    let try_all = async || {
        let of = |device: &TestDevice, more: &[(&'static str, &str)]| {
            let mut form =
                vec![("grant_type".to_owned(), GRANT.to_owned()), ("device_code".to_owned(), device.code.clone())];
            form.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            form
        };
        let cases = [
            (&other, of(&bare, &[]), "invalid_grant"),
            (&other, of(&bound, &[("code_verifier", &flow.verifier)]), "invalid_grant"),
            (&client, of(&bare, &[("resource", &second.resource)]), "invalid_target"),
            (&client, of(&bare, &[("resource", "https://elsewhere.example/")]), "invalid_target"),
            (&client, of(&bare, &[("code_verifier", &flow.verifier)]), "invalid_grant"),
            (&client, of(&bound, &[]), "invalid_grant"),
            (&client, of(&bound, &[("code_verifier", &wrong_verifier)]), "invalid_grant"),
            (&client, of(&bound, &[("code_verifier", "short")]), "invalid_request"),
            (&client, of(&bare, &[("device_code", &bare.code)]), "invalid_request"),
        ];
        for (who, form, error) in &cases {
            let form: Vec<(&str, &str)> = form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(refused(flow.token(who, &form).await).await, *error, "{form:?}");
        }
        assert_eq!(refused(foreign.poll(&twin, &bare).await).await, "invalid_grant");
        assert_eq!(oauth_error(foreign.poll(&client, &bare).await).await.1, "invalid_client");
    };
    try_all().await;
    // None of them counted as a poll.
    assert_eq!(refused(flow.poll(&client, &bare).await).await, "authorization_pending");
    flow.allow(&bare).await;
    flow.allow(&bound).await;
    try_all().await;
    let form = [("grant_type", GRANT), ("device_code", &bound.code), ("code_verifier", &flow.verifier)];
    let (bare_tokens, bound_tokens) =
        (tokens(flow.poll(&client, &bare).await).await, tokens(flow.token(&client, &form).await).await);
    try_all().await;
    assert!(flow.accepts(&bare_tokens.access).await && flow.accepts(&bound_tokens.access).await);
    let noise = [("grant_type", GRANT), ("device_code", "sp_dc_x")];
    assert_eq!(refused(flow.token(&client, &noise).await).await, "invalid_grant");
    assert_eq!(refused(flow.token(&client, &[("grant_type", GRANT)]).await).await, "invalid_request");
    // A user code is none.
    let form = [("grant_type", GRANT), ("device_code", bare.user_code.as_str())];
    assert_eq!(refused(flow.token(&client, &form).await).await, "invalid_grant");
    // And a device code is no code.
    let form = [("grant_type", "authorization_code"), ("code", &bare.code), ("code_verifier", &flow.verifier)];
    assert_eq!(refused(flow.token(&client, &form).await).await, "invalid_grant");
}

/// A poll's answer can get lost, and a device then asks again. For a minute that is a retry; later it is somebody else.
#[tokio::test]
async fn a_retry_gets_the_same_answer_for_a_minute_and_then_ends_everything() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.device_client().await, flow.device_client().await);
    let device = flow.device(&client).await;
    flow.allow(&device).await;
    let first = tokens(flow.poll(&client, &device).await).await;
    app.clock.advance(seconds(60));
    let again = tokens(flow.poll(&client, &device).await).await;
    assert_eq!((&again.access, &again.refresh), (&first.access, &first.refresh));
    assert_eq!(again.expires_in, first.expires_in - 60);
    assert_eq!(
        (events(&app, tenant.id, "token.issued").await, events(&app, tenant.id, "device.retried").await),
        (1, 1)
    );

    app.clock.advance(seconds(1));
    assert_eq!(refused(flow.poll(&other, &device).await).await, "invalid_grant");
    assert!(flow.accepts(&first.access).await, "another client's replay revokes nothing");
    assert_eq!(refused(flow.poll(&client, &device).await).await, "invalid_grant");
    assert!(!flow.accepts(&first.access).await, "everything right, and too late");
    assert_eq!(refused(flow.refresh(&client, &first.refresh).await).await, "invalid_grant");
    for _ in 0..3 {
        assert_eq!(refused(flow.poll(&client, &device).await).await, "access_denied");
    }
    assert_eq!(events(&app, tenant.id, "device.replayed").await, 1, "written down once");
    // It ended one installation, not the permission.
    flow.device_tokens(&client).await;
}

/// The box opens by the device code alone: neither the database nor the key file has what it takes.
#[tokio::test]
async fn nothing_is_given_again_once_the_permission_has_ended() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.device_client().await;
    let device = flow.device(&client).await;
    flow.allow(&device).await;
    let first = tokens(flow.poll(&client, &device).await).await;
    assert_eq!(flow.client_post("revoke", &client, &[("token", &first.refresh)]).await.status(), StatusCode::OK);
    assert_eq!(refused(flow.poll(&client, &device).await).await, "access_denied");
}

/// Between the click and the next poll, whatever takes the permission away takes the tokens away.
#[tokio::test]
async fn what_is_taken_back_before_the_device_comes_is_not_given() {
    for what in ["grant", "person", "client", "server"] {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let flow = Flow::new(&app, &tenant);
        let client = flow.device_client().await;
        let device = flow.device(&client).await;
        flow.allow(&device).await;
        let sql = match what {
            "grant" => "update access_grant set revoked_at = now()",
            "person" => "update person set status = 'disabled'",
            "client" => "update client set status = 'disabled'",
            _ => "update server set status = 'disabled'",
        };
        sqlx::query(sql).execute(&app.db.owner).await.unwrap();
        let error = oauth_error(flow.poll(&client, &device).await).await.1;
        assert_eq!(error, "access_denied", "{what}");
        let issued: i64 =
            sqlx::query_scalar("select count(*) from access_token").fetch_one(&app.db.owner).await.unwrap();
        assert_eq!(issued, 0, "{what}");
    }
}

/// Many polls and wrong ones, while the person decides: tokens are made once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_polls_beside_the_click_one_makes_tokens() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.device_client().await, flow.device_client().await);
    for round in 1..=4 {
        let device = flow.device(&client).await;
        let page = flow.ask(&device).await;
        let beside = crowd(&flow, &client, &other, &device);
        let (answer, mut given) = join(flow.answer(&page, "approve", &BOTH), beside).await;
        assert_eq!(answer.status(), StatusCode::OK);
        given.append(&mut crowd(&flow, &client, &other, &device).await);
        assert_eq!(given.len(), 1, "whoever got tokens got the same");
        assert_eq!(events(&app, tenant.id, "token.issued").await, round);
        let (access, _) = given.pop_first().unwrap();
        assert!(flow.accepts(&access).await);
    }
    let rows: (i64, i64) =
        sqlx::query_as("select (select count(*) from access_token), (select count(*) from refresh_token)")
            .fetch_one(&app.db.owner)
            .await
            .unwrap();
    assert_eq!(rows, (4, 4));
}

/// Sixteen polls of the right client, and four of another. Gives what tokens there were.
async fn crowd(
    flow: &Flow<'_>,
    client: &TestClient,
    other: &TestClient,
    device: &TestDevice,
) -> BTreeSet<(String, String)> {
    let wrong = join_all((0..4).map(|_| flow.poll(other, device)));
    let (right, wrong) = join(join_all((0..16).map(|_| flow.poll(client, device))), wrong).await;
    for answer in wrong {
        assert_eq!(refused(answer).await, "invalid_grant");
    }
    let mut given = BTreeSet::new();
    for answer in right {
        if answer.status() == StatusCode::OK {
            let tokens = tokens(answer).await;
            given.insert((tokens.access, tokens.refresh));
        } else {
            let error = refused(answer).await;
            assert!(["authorization_pending", "slow_down"].contains(&error.as_str()), "{error}");
        }
    }
    given
}
