//! Used once is used once, whatever runs beside it.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::{
    app::TestApp,
    flow::{Flow, Tokens},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_parallel_redemptions_of_a_code_have_one_winner() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let code = flow.code(&client).await;
    let answers = join_all((0..16).map(|_| flow.redeem(&client, &code))).await;
    let won = answers.iter().filter(|answer| answer.status() == StatusCode::OK).count();
    assert_eq!(won, 1);
    assert!(answers.iter().all(|answer| [StatusCode::OK, StatusCode::BAD_REQUEST].contains(&answer.status())));
}

/// Sixteen at once are retries of one another: each gets the same successor, and only one rotation happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_parallel_refreshes_get_one_successor() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    let answers = join_all((0..16).map(|_| flow.refresh(&client, &tokens.refresh))).await;
    let mut successors = std::collections::BTreeSet::new();
    for answer in answers {
        assert_eq!(answer.status(), StatusCode::OK);
        successors.insert(Tokens::read(&answer.json::<Value>().await.unwrap()).refresh);
    }
    assert_eq!(successors.len(), 1);
    let mut rotations = 0;
    for event in app.app.store.audit_recent(tenant.id, 100).await.unwrap() {
        rotations += usize::from(event.kind == "token.refreshed" && event.body["retried"] == false);
    }
    assert_eq!(rotations, 1);
}

/// One page, many clicks, yes and no: one answer counts, and the others get no code.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_parallel_answers_of_a_consent_page_have_one_winner() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let html = flow.consent_page(&flow.parameters(&client)).await;
    let answer = |at| flow.decide(&html, if at % 2 == 0 { "approve" } else { "deny" }, &["mcp:read"]);
    let answers = join_all((0..16).map(answer)).await;
    let won = answers.iter().filter(|answer| answer.status() == StatusCode::SEE_OTHER).count();
    assert_eq!(won, 1, "{answers:?}");
    let lost = |status| [StatusCode::SEE_OTHER, StatusCode::BAD_REQUEST, StatusCode::CONFLICT].contains(&status);
    assert!(answers.iter().all(|answer| lost(answer.status())), "{answers:?}");
    let codes: i64 = sqlx::query_scalar("select count(*) from auth_code").fetch_one(&app.db.owner).await.unwrap();
    assert!(codes <= 1);
}

/// Whatever comes first: once `revoke` has answered, nothing that a refresh beside it handed out is accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_beside_a_revocation_leaves_nothing_that_works() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    for _ in 0..8 {
        let tokens = flow.tokens(&client).await;
        assert!(flow.accepts(&tokens.access).await);
        let form = [("token", tokens.refresh.as_str())];
        let refreshes = join_all((0..4).map(|_| flow.refresh(&client, &tokens.refresh)));
        let (revoked, refreshed) = tokio::join!(flow.client_post("revoke", &client, &form), refreshes);
        assert_eq!(revoked.status(), StatusCode::OK);
        assert!(!flow.accepts(&tokens.access).await);
        for answer in refreshed {
            if answer.status() == StatusCode::OK {
                let late = Tokens::read(&answer.json::<Value>().await.unwrap());
                assert!(!flow.accepts(&late.access).await);
                assert_eq!(flow.refresh(&client, &late.refresh).await.status(), StatusCode::BAD_REQUEST);
            }
        }
    }
}
