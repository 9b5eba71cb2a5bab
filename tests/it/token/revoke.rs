//! RFC 7009.

use reqwest::StatusCode;
use sallyport::{
    ids::FamilyId,
    token::revoke::{self, Reason},
};

use crate::harness::{
    app::TestApp,
    flow::{Flow, oauth_error},
};

#[tokio::test]
async fn an_access_token_ends_alone_and_a_refresh_token_with_its_family() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let (one, two) = (flow.tokens(&client).await, flow.tokens(&client).await);
    assert!(flow.accepts(&one.access).await && flow.accepts(&two.access).await);

    let response = flow.client_post("revoke", &client, &[("token", &one.access)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(!flow.accepts(&one.access).await);
    let fresh = flow.refresh(&client, &one.refresh).await;
    assert_eq!(fresh.status(), StatusCode::OK, "the family lives on");
    let fresh = crate::harness::flow::Tokens::read(&fresh.json().await.unwrap());

    let form = [("token", one.refresh.as_str()), ("token_type_hint", "access_token")];
    assert_eq!(flow.client_post("revoke", &client, &form).await.status(), StatusCode::OK);
    assert!(!flow.accepts(&fresh.access).await, "the family has ended");
    assert_eq!(oauth_error(flow.refresh(&client, &fresh.refresh).await).await.1, "invalid_grant");
    assert!(flow.accepts(&two.access).await, "another family of the same grant lives on");
}

#[tokio::test]
async fn unknown_tokens_are_200_and_another_clients_are_refused() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let (client, other) = (flow.client().await, flow.client().await);
    let tokens = flow.tokens(&client).await;
    for token in ["nonsense", "sp_at_xxx", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(flow.client_post("revoke", &client, &[("token", token)]).await.status(), StatusCode::OK, "{token}");
    }
    for token in [&tokens.access, &tokens.refresh] {
        let response = flow.client_post("revoke", &other, &[("token", token)]).await;
        assert_eq!(oauth_error(response).await, (StatusCode::BAD_REQUEST, "invalid_grant".into()));
    }
    assert!(flow.accepts(&tokens.access).await, "nothing was revoked");
    assert_eq!(oauth_error(flow.client_post("revoke", &client, &[]).await).await.1, "invalid_request");
}

#[tokio::test]
async fn a_revoked_token_of_another_tenant_is_unknown_there() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let (flow, elsewhere) = (Flow::new(&app, &acme), Flow::new(&app, &other));
    let client = flow.client().await;
    let twin = elsewhere.client().await;
    let tokens = flow.tokens(&client).await;
    let response = elsewhere.client_post("revoke", &twin, &[("token", &tokens.access)]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(flow.accepts(&tokens.access).await);
}

/// Anybody can register a client. The log is one for all tenants, and its lock is too.
#[tokio::test]
async fn revoking_again_writes_nothing_and_still_waits() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    for token in [&tokens.access, &tokens.refresh] {
        assert_eq!(flow.client_post("revoke", &client, &[("token", token)]).await.status(), StatusCode::OK);
        let head = app.app.store.authority_head().await.unwrap();
        for _ in 0..3 {
            assert_eq!(flow.client_post("revoke", &client, &[("token", token)]).await.status(), StatusCode::OK);
        }
        assert_eq!(app.app.store.authority_head().await.unwrap(), head);
        assert!(!flow.accepts(&tokens.access).await);
    }
}

/// Somebody revoked before, and it is not everywhere yet.
#[tokio::test]
async fn who_comes_second_waits_for_the_first() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    assert!(flow.accepts(&tokens.access).await, "and kept");
    let family = sqlx::query_scalar("select id from family").fetch_one(&app.db.owner).await.unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let unsettled = revoke::family(&mut tx, &app.recorder(), FamilyId(family), Reason::PersonRevoked).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(flow.client_post("revoke", &client, &[("token", &tokens.refresh)]).await.status(), StatusCode::OK);
    assert!(!flow.accepts(&tokens.access).await);
    app.app.node.settle(unsettled).await.unwrap();
}
