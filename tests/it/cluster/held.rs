//! The log's lock in the hands of somebody who does not let go, and in the hands of many.

use std::time::Duration;

use futures_util::future::join_all;

use super::{held_lock, leased, until};
use crate::harness::{
    app::TestApp,
    flow::{Flow, TestClient, oauth_error},
};

/// Far less than a request may take.
const BOUND: Duration = Duration::from_secs(10);

/// Backends of the application that wait for the lock, and such as have begun a transaction and do nothing in it.
async fn standing(app: &TestApp) -> (i64, i64) {
    let standing = "select count(*) filter (where wait_event_type = 'Lock'),
                           count(*) filter (where state = 'idle in transaction')
                      from pg_stat_activity
                     where datname = current_database() and usename = 'sallyport_app'
                       and (query like '%authority_append%' or state = 'idle in transaction')";
    sqlx::query_as(standing).fetch_one(&mut app.db.superuser().await).await.unwrap()
}

async fn revoke(flow: &Flow<'_>, client: &TestClient, token: &str) -> u16 {
    flow.client_post("revoke", client, &[("token", token)]).await.status().as_u16()
}

/// Whoever cannot take authority away says so, in time, and in no word that a client acts on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_is_not_to_be_had_is_a_fault_of_ours() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let tokens = flow.tokens(&client).await;
    let code = flow.code(&client).await;
    assert_eq!(flow.redeem(&client, &code).await.status(), 200);

    let lock = held_lock(&app).await;
    let revoked = tokio::time::timeout(BOUND, revoke(&flow, &client, &tokens.refresh)).await;
    assert_eq!(revoked.expect("an answer in time"), 503);
    let replayed = tokio::time::timeout(BOUND, flow.redeem(&client, &code)).await.expect("an answer in time");
    assert_eq!(replayed.status(), 503);

    drop(lock);
    leased(&app.app).await;
    // Nothing was lost, and nothing changed.
    assert!(flow.accepts(&tokens.access).await);
    assert_eq!(oauth_error(flow.redeem(&client, &code).await).await.1, "invalid_grant");
    assert_eq!(revoke(&flow, &client, &tokens.refresh).await, 200);
    assert!(!flow.accepts(&tokens.access).await);
}

/// A renewal waits behind all who wait for the lock before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revocations_of_a_process_do_not_queue_at_the_lock() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let mut holders = Vec::new();
    for _ in 0..4 {
        let client = flow.client().await;
        let tokens = flow.tokens(&client).await;
        holders.push((client, tokens));
    }
    let lock = held_lock(&app).await;
    let all_there = async {
        until("one waits for the lock, and three for that one", async || standing(&app).await == (1, 3)).await;
        drop(lock);
    };
    let revoked = join_all(holders.iter().map(|(client, tokens)| revoke(&flow, client, &tokens.refresh)));
    let (revoked, ()) = futures_util::future::join(revoked, all_there).await;
    assert_eq!(revoked, [200; 4]);
}

/// Whatever is written after the first entry keeps every node from renewing its lease for so much longer.
pub(crate) async fn forbid_work_under_the_lock(app: &sqlx::PgPool) {
    sqlx::raw_sql(
        "create function under_the_lock() returns trigger language plpgsql as $$
         begin
             if current_setting('test.appended', true) = 'yes' then
                 raise exception 'written under the lock of the authority log: %', tg_table_name;
             end if;
             if tg_table_name = 'authority_log' then
                 perform set_config('test.appended', 'yes', true);
             end if;
             return null;
         end $$;
         create trigger under_the_lock after insert on authority_log
             for each statement execute function under_the_lock();
         create trigger under_the_lock after insert on audit_event
             for each statement execute function under_the_lock();
         create trigger under_the_lock after insert on platform_event
             for each statement execute function under_the_lock();",
    )
    .execute(app)
    .await
    .unwrap();
}
