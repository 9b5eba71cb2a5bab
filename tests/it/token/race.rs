//! Refreshing beside a revocation.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::{
    app::TestApp,
    flow::{Flow, Tokens},
};

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
