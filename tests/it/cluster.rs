//! Several processes over one database.

mod barrier;
mod commands;
mod follow;
pub(crate) mod held;
mod lease;
mod renewal;
mod takers;

use std::time::Duration;

use sallyport::{
    app::App,
    cluster::LiveCall,
    secret::{Handle, HandleKind},
    token,
};
use sqlx::{PgPool, Postgres, Transaction};

use crate::harness::app::{TestApp, TestTenant};

/// Far longer than it takes, so that a failure ends.
const LONG: Duration = Duration::from_secs(20);

/// A call that is under way, as the gateway holds it.
async fn call(app: &App, tenant: &TestTenant, access: &str) -> LiveCall {
    let known = app.tenant(&tenant.slug).await.unwrap().unwrap();
    let server = known.server(&tenant.server.slug).unwrap();
    token::verify(app, &known, server, &handle(access)).await.unwrap()
}

fn handle(access: &str) -> Handle {
    Handle::parse(HandleKind::AccessToken, access).unwrap()
}

/// Whether the token is in the cache: no call is accepted without the database.
fn cached(app: &App, tenant: &TestTenant, access: &str) -> bool {
    app.node.admit(tenant.id, &app.keyring.current_hash(tenant.id, &handle(access))).is_some()
}

/// Polls until it is so.
async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, polling).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

async fn leased(app: &App) {
    until("a lease", async || app.node.check_lease().is_ok()).await;
}

async fn lapsed(app: &App) {
    until("no lease", async || app.node.check_lease().is_err()).await;
}

/// Somebody takes authority away and does not come to an end: nobody can renew a lease until this is dropped.
async fn held_lock(app: &TestApp) -> Transaction<'static, Postgres> {
    let mut tx = app.db.owner.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(7310001)").execute(&mut *tx).await.unwrap();
    tx
}

/// A registered node that does nothing.
pub(crate) async fn silent_node(pool: &PgPool) {
    sqlx::query(
        "insert into node (id, process, applied, registered_at)
         select gen_random_uuid(), gen_random_uuid(), seq, now() from authority_head",
    )
    .execute(pool)
    .await
    .unwrap();
}

/// How many nodes are registered.
async fn nodes(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from node").fetch_one(pool).await.unwrap()
}
