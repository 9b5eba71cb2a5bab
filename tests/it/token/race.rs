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
