//! What a check rests on: the log and the tenant as they are now.

use std::time::Duration;

use sallyport::{
    cluster::{self, Entry},
    secret::{Handle, HandleKind},
    token::{VerifyError, verify},
};

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::Flow,
};

/// Takes `mcp:write` off the tenant's server.
async fn narrow(app: &TestApp, tenant: &TestTenant) {
    for change in [
        "update server set default_scopes = '{mcp:read}', fallback_scope = null",
        "delete from server_scope where name = 'mcp:write'",
    ] {
        sqlx::query(change).execute(&app.db.owner).await.unwrap();
    }
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let ticket = cluster::take(&mut tx, &Entry::Server(tenant.server.id), app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.app.node.settle(ticket).await.unwrap();
}

/// A request may have found its tenant just before the change, and look the token up just after it.
#[tokio::test]
async fn a_tenant_that_was_read_before_a_change_judges_no_token_after_it() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let token = Handle::parse(HandleKind::AccessToken, &tokens.access).unwrap();
    let before = app.app.tenant("acme").await.unwrap().unwrap();
    narrow(&app, &tenant).await;

    for _ in 0..2 {
        let late = verify(&app.app, &before, &before.servers["demo"], &token).await;
        assert!(matches!(late, Err(VerifyError::Moved)), "{late:?}");
        let now = app.app.tenant("acme").await.unwrap().unwrap();
        let call = verify(&app.app, &now, &now.servers["demo"], &token).await.unwrap();
        assert_eq!(call.verified().scopes.to_string(), "mcp:read", "the late one left nothing behind");
    }
}

/// After a failover that lost commits the log ends before what this process knows of it.
#[tokio::test]
async fn a_log_that_went_back_is_a_fault_and_no_endless_search() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let tokens = flow.tokens(&flow.client().await).await;
    let token = Handle::parse(HandleKind::AccessToken, &tokens.access).unwrap();
    let known = app.app.tenant("acme").await.unwrap().unwrap();
    sqlx::query("update authority_head set seq = seq - 1").execute(&app.db.owner).await.unwrap();

    let patience = Duration::from_secs(20);
    let found = tokio::time::timeout(patience, verify(&app.app, &known, &known.servers["demo"], &token)).await.unwrap();
    // Whether it has been noticed yet or not.
    assert!(matches!(found, Err(VerifyError::Fault(_) | VerifyError::Moved)), "{found:?}");
    sqlx::query("insert into tenant (id, slug, name, created_at) values (gen_random_uuid(), 'new', 'New', now())")
        .execute(&app.db.owner)
        .await
        .unwrap();
    let answer = tokio::time::timeout(patience, flow.get("/t/new/jwks.json")).await.unwrap();
    assert_eq!(answer.status(), 503);
}

/// What a token rests on, and how each is taken away and given back.
const RESTS_ON: [(&str, &str, &str); 7] = [
    ("access_token", "revoked_at = now()", "revoked_at = null"),
    ("family", "revoked_at = now(), revoke_reason = 'test'", "revoked_at = null, revoke_reason = null"),
    ("access_grant", "revoked_at = now()", "revoked_at = null"),
    ("client", "status = 'disabled'", "status = 'active'"),
    ("person", "status = 'disabled'", "status = 'active'"),
    ("server", "status = 'disabled'", "status = 'active'"),
    ("tenant", "status = 'disabled'", "status = 'active'"),
];

/// Giving one back must not give back what another took: all combinations, each one change away from the last.
#[tokio::test]
async fn a_token_needs_all_that_it_rests_on() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    let token = Handle::parse(HandleKind::AccessToken, &tokens.access).unwrap();
    let hashes = app.app.keyring.lookup(tenant.id, &token);
    let mut gone = 0_u32;
    for step in 1..128_u32 {
        let at = step.trailing_zeros() as usize % RESTS_ON.len();
        gone ^= 1 << at;
        let (table, taken, given) = RESTS_ON[at];
        let change = format!("update {table} set {}", if gone & (1 << at) == 0 { given } else { taken });
        sqlx::query(sqlx::AssertSqlSafe(change)).execute(&app.db.owner).await.unwrap();
        let node = app.app.node.reading().unwrap().node();
        let found = app.app.store.lookup_token(node, tenant.id, &hashes).await.unwrap().unwrap();
        assert_eq!(found.live, gone == 0, "{gone:07b}");
        // An access token that is gone does not matter here; a tenant that is gone has no endpoint.
        if gone & 0b100_0000 == 0 {
            let refreshed = flow.refresh(&client, &tokens.refresh).await.status();
            assert_eq!(refreshed == 200, gone & !1 == 0, "{gone:07b}: {refreshed}");
        }
    }
    assert_eq!(gone, 1 << 6, "all combinations were there");
}
