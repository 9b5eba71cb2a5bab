//! A retry is not a thief: who lost an answer, lags behind or shares a token gets on; who comes with a token that its owner
//! has long left behind ends the family, and both know it.

use std::time::Duration;

use futures_util::future::join;
use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::{
    app::{TestApp, TestTenant},
    cancel::{Direct, cut_everywhere},
    flow::{Flow, TestClient, Tokens, oauth_error},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long a token still opens its box after its successor was presented.
const GRACE: Duration = Duration::from_secs(60);

async fn refreshed(flow: &Flow<'_>, client: &TestClient, refresh: &str) -> Tokens {
    let response = flow.refresh(client, refresh).await;
    assert_eq!(response.status(), StatusCode::OK);
    Tokens::read(&response.json().await.unwrap())
}

async fn refused(flow: &Flow<'_>, client: &TestClient, refresh: &str) {
    let answer = oauth_error(flow.refresh(client, refresh).await).await;
    assert_eq!(answer, (StatusCode::BAD_REQUEST, "invalid_grant".to_owned()));
}

/// The bodies of the tenant's events of one kind.
async fn events(app: &TestApp, tenant: &TestTenant, kind: &str) -> Vec<Value> {
    let events = app.app.store.audit_recent(tenant.id, 1000).await.unwrap();
    events.into_iter().filter(|event| event.kind == kind).map(|event| event.body).collect()
}

#[tokio::test]
async fn a_lost_answer_is_given_again_even_after_a_night() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let lost = refreshed(&flow, &client, &first.refresh).await;
    let again = refreshed(&flow, &client, &first.refresh).await;
    assert_eq!(again.refresh, lost.refresh);
    assert_eq!(again.access, lost.access, "the boxed access token has not ended");
    app.clock.advance(8 * HOUR);
    let morning = refreshed(&flow, &client, &first.refresh).await;
    assert_eq!(morning.refresh, lost.refresh);
    assert_ne!(morning.access, lost.access, "the boxed access token had ended");
    assert!(flow.accepts(&morning.access).await && !flow.accepts(&lost.access).await);
    refreshed(&flow, &client, &morning.refresh).await;
}

/// Wherever the client's connection breaks: it asks again, and gets on. And what the broken request held is given back.
#[tokio::test]
async fn an_answer_is_given_again_wherever_the_first_try_was_cut_off() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let direct = Direct::of(&app);
    let mut token = flow.tokens(&client).await.refresh;
    let (lost, answered) = cut_everywhere(6, 3, async |polls| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", &client.id)];
        let request = flow.http.post(format!("{}/token", tenant.issuer)).form(&form);
        let first_try = direct.cut_after(polls, request).await;
        let again = refreshed(&flow, &client, &token).await;
        assert!(flow.accepts(&again.access).await);
        assert_ne!(again.refresh, token);
        token = again.refresh;
        assert!(first_try.as_ref().is_none_or(|answer| answer.status() == StatusCode::OK));
        first_try.is_some()
    })
    .await;
    // One rotation a round, whether the first try or the second made it.
    let rotations = events(&app, &tenant, "token.refreshed").await;
    let rotations = rotations.iter().filter(|event| event["retried"] == false).count();
    assert_eq!(rotations, lost + answered);
}

/// For as long as its successor was never presented, up to the end of the family. Each answer renews the successor's own
/// time, or the client would be given a token that has ended.
#[tokio::test]
async fn who_cannot_keep_an_answer_gets_on_until_the_family_ends() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let lifetimes = app.app.config.tokens.clone();
    let first = flow.tokens(&client).await;
    let step = lifetimes.refresh_idle - HOUR;
    let mut passed = Duration::ZERO;
    let mut given = refreshed(&flow, &client, &first.refresh).await;
    while passed + step < lifetimes.family {
        app.clock.advance(step);
        passed += step;
        let again = refreshed(&flow, &client, &first.refresh).await;
        assert_eq!(again.refresh, given.refresh);
        given = again;
    }
    // The answer is worth something: its refresh token is as fresh as if it had been made now.
    let next = refreshed(&flow, &client, &given.refresh).await;
    app.clock.advance(lifetimes.family - passed);
    refused(&flow, &client, &first.refresh).await;
    refused(&flow, &client, &next.refresh).await;
    assert!(events(&app, &tenant, "refresh.replayed").await.is_empty(), "it ended by itself");
}

/// A box is no way around the time after which an unused token ends.
#[tokio::test]
async fn a_laptop_that_slept_for_too_long_is_asked_to_log_in_again() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    refreshed(&flow, &client, &first.refresh).await;
    app.clock.advance(app.app.config.tokens.refresh_idle);
    refused(&flow, &client, &first.refresh).await;
    let revoked = events(&app, &tenant, "family.revoked").await;
    assert!(revoked.is_empty(), "nobody stole anything: {revoked:?}");
}

/// Each process has what it last read or wrote itself, and refreshes when it needs to.
#[tokio::test]
async fn two_processes_that_share_a_token_file_get_on() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut file = flow.tokens(&client).await.refresh;
    let mut held = [file.clone(), file.clone()];
    // The number of the process, and whether it looks into the file first. One alone for a while, then the other.
    let turns =
        [(0, false), (1, false), (1, false), (0, false), (0, true), (1, true), (0, false), (1, false), (0, false)];
    for (who, reads) in turns.into_iter().cycle().take(3 * turns.len()) {
        app.clock.advance(HOUR / 2);
        let presented = if reads { &file } else { &held[who] };
        let tokens = refreshed(&flow, &client, presented).await;
        assert!(flow.accepts(&tokens.access).await);
        held[who].clone_from(&tokens.refresh);
        file = tokens.refresh;
    }
    assert!(events(&app, &tenant, "family.revoked").await.is_empty());
}

#[tokio::test]
async fn a_process_that_lags_by_one_gets_its_box_for_a_minute() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    app.clock.advance(HOUR);
    let third = refreshed(&flow, &client, &second.refresh).await;
    app.clock.advance(GRACE);
    let lagging = refreshed(&flow, &client, &first.refresh).await;
    assert_eq!(lagging.refresh, second.refresh);
    let newest = refreshed(&flow, &client, &lagging.refresh).await;
    assert_eq!(newest.refresh, third.refresh, "and finds its way to the newest");
}

/// Some hosted clients refresh from two places at once (and some gave up rotation because of them).
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_addresses_at_once_are_one_client() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut token = flow.tokens(&client).await.refresh;
    let from = |address: &str| {
        let address: std::net::IpAddr = address.parse().unwrap();
        reqwest::Client::builder().no_proxy().local_address(address).build().unwrap()
    };
    let (here, there) = (from("127.0.0.2"), from("127.0.0.3"));
    for _ in 0..8 {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", &client.id)];
        let ask = async |from: &reqwest::Client| {
            let answer = from.post(format!("{}/token", tenant.issuer)).form(&form).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            Tokens::read(&answer.json().await.unwrap())
        };
        let (one, other) = join(ask(&here), ask(&there)).await;
        assert_eq!((&one.refresh, &one.access), (&other.refresh, &other.access));
        assert!(flow.accepts(&one.access).await);
        token = one.refresh;
    }
}

/// The client has gone on with the successor, and a minute has passed: whoever comes with the predecessor now is not it.
#[tokio::test]
async fn a_thief_who_comes_second_ends_the_family() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    let third = refreshed(&flow, &client, &second.refresh).await;
    app.clock.advance(GRACE + Duration::from_secs(1));
    assert!(flow.accepts(&third.access).await);

    let thief = flow.refresh(&client, &first.refresh).await;
    assert_eq!(oauth_error(thief).await, (StatusCode::BAD_REQUEST, "invalid_grant".into()));
    assert!(!flow.accepts(&third.access).await, "revoked means refused");
    refused(&flow, &client, &third.refresh).await;
    let replayed = events(&app, &tenant, "refresh.replayed").await;
    let ended = events(&app, &tenant, "family.revoked").await;
    assert_eq!((replayed.len(), &replayed[0]["generation"]), (1, &1.into()));
    assert_eq!(replayed[0]["client"], client.id);
    assert_eq!((ended.len(), &ended[0]["reason"]), (1, &"refresh_replayed".into()));
    assert_eq!(ended[0]["family"], replayed[0]["family"]);
    // Nothing opens a box of a dead family, and it dies once.
    for token in [&first, &second, &third] {
        refused(&flow, &client, &token.refresh).await;
    }
    assert_eq!(events(&app, &tenant, "family.revoked").await.len(), 1);
    flow.tokens(&client).await;
}

/// Even within the minute.
#[tokio::test]
async fn an_older_ancestor_ends_the_family_at_once() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    let third = refreshed(&flow, &client, &second.refresh).await;
    let fourth = refreshed(&flow, &client, &third.refresh).await;
    refused(&flow, &client, &first.refresh).await;
    refused(&flow, &client, &fourth.refresh).await;
    assert!(!flow.accepts(&fourth.access).await);
    assert_eq!(events(&app, &tenant, "refresh.replayed").await.len(), 1);
}

/// A thief who goes on without waiting for the client leaves it behind: then it is the client's own token that gives the
/// thief away, and the client has to ask its person again.
#[tokio::test]
async fn a_thief_who_comes_first_and_goes_on_is_given_away_by_the_client() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let first = flow.tokens(&client).await;
    let stolen = refreshed(&flow, &client, &first.refresh).await;
    app.clock.advance(HOUR);
    let more = refreshed(&flow, &client, &stolen.refresh).await;
    app.clock.advance(HOUR);
    let more = refreshed(&flow, &client, &more.refresh).await;
    assert!(flow.accepts(&more.access).await);

    refused(&flow, &client, &first.refresh).await;
    assert!(!flow.accepts(&more.access).await);
    refused(&flow, &client, &more.refresh).await;
    assert_eq!(events(&app, &tenant, "refresh.replayed").await.len(), 1);
}

/// A thief who keeps step with the client is one more process that shares its token: nothing that is presented tells the
/// two apart. It is found out by the first of them that falls behind, it never outlives the family, and the person's word
/// ends it.
#[tokio::test]
async fn a_thief_who_keeps_step_lives_until_one_of_the_two_falls_behind() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let mut shared = flow.tokens(&client).await.refresh;
    for _ in 0..3 {
        app.clock.advance(HOUR);
        let thief = refreshed(&flow, &client, &shared).await;
        app.clock.advance(HOUR);
        let owner = refreshed(&flow, &client, &shared).await;
        assert_eq!(thief.refresh, owner.refresh, "the owner never gets a token of its own");
        shared = owner.refresh;
    }
    // Two steps of either that the other does not take.
    app.clock.advance(HOUR);
    let thief = refreshed(&flow, &client, &shared).await;
    let thief = refreshed(&flow, &client, &thief.refresh).await;
    app.clock.advance(GRACE + Duration::from_secs(1));
    refused(&flow, &client, &shared).await;
    refused(&flow, &client, &thief.refresh).await;
    assert!(!flow.accepts(&thief.access).await);
    assert_eq!(events(&app, &tenant, "refresh.replayed").await.len(), 1);
}

/// Client, resource and scope come before the box, and before rotation: neither opens, rotates or revokes.
#[tokio::test]
async fn checks_come_before_the_box_and_before_rotation() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let confidential = flow.client_with(&["https://client.example/callback"], true).await;
    let first = flow.tokens(&client).await;
    let wrong = async |token: &str| {
        let with = |extra| [("grant_type", "refresh_token"), ("refresh_token", token), extra];
        for stranger in [&other, &confidential] {
            refused(&flow, stranger, token).await;
        }
        let elsewhere = flow.token(&client, &with(("resource", "http://elsewhere.example"))).await;
        assert_eq!(oauth_error(elsewhere).await.1, "invalid_target");
        let wide = flow.token(&client, &with(("scope", "mcp:read mcp:everything"))).await;
        assert_eq!(oauth_error(wide).await.1, "invalid_scope");
    };
    // A token that was never presented; then its box; then a token that would end the family.
    wrong(&first.refresh).await;
    let second = refreshed(&flow, &client, &first.refresh).await;
    wrong(&first.refresh).await;
    let third = refreshed(&flow, &client, &second.refresh).await;
    app.clock.advance(2 * DAY);
    wrong(&first.refresh).await;
    assert!(events(&app, &tenant, "refresh.replayed").await.is_empty());
    assert_eq!(events(&app, &tenant, "token.refreshed").await.len(), 2, "no box was opened");
    refreshed(&flow, &client, &third.refresh).await;
}
