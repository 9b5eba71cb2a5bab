//! How long whoever takes authority away waits, and for whom.

use std::time::{Duration, Instant};

use sallyport::{
    app::App,
    cluster::{self, Entry, LONGEST_WAIT, Ticket},
    ids::FamilyId,
    store::StoreError,
};
use uuid::Uuid;

use super::{leased, silent_node};
use crate::harness::app::{TestApp, TestTenant};

/// Takes something away that nobody has, and commits.
async fn take(app: &App, tenant: &TestTenant) -> Ticket {
    let mut tx = app.store.tenant_tx(tenant.id).await.unwrap();
    let entry = Entry::Family(FamilyId(Uuid::nil()));
    let ticket = cluster::take(&mut tx, &entry, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    ticket
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

/// The quickest of several: a machine can be busy once, or twice.
async fn quickest(app: &App, tenant: &TestTenant) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..8 {
        let ticket = take(app, tenant).await;
        let (settled, took) = timed(app.node.settle(ticket)).await;
        settled.unwrap();
        best = best.min(took);
    }
    best
}

#[tokio::test]
async fn acknowledgements_make_it_quick() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let sibling = app.sibling().await;
    for (from, to) in [(&app.app, &sibling), (&sibling, &app.app)] {
        let took = quickest(from, &tenant).await;
        assert!(took < LONGEST_WAIT / 4, "{took:?}");
        assert_eq!(from.node.applied(), to.node.applied());
    }
}

#[tokio::test]
async fn a_silent_node_is_waited_for_as_long_as_it_can_have_a_lease() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    silent_node(&app.db.owner).await;
    let ticket = take(&app.app, &tenant).await;
    let (settled, took) = timed(app.app.node.settle(ticket)).await;
    settled.unwrap();
    assert!(took >= LONGEST_WAIT, "{took:?}");
    assert!(took < 8 * LONGEST_WAIT, "and not much longer: {took:?}");
    // A suspect may still hold what it read before.
    sqlx::query("update node set suspect = true where beat = 0").execute(&app.db.owner).await.unwrap();
    let ticket = take(&app.app, &tenant).await;
    let (settled, took) = timed(app.app.node.settle(ticket)).await;
    settled.unwrap();
    assert!(took >= LONGEST_WAIT, "{took:?}");
    // It is removed by itself, and nobody waits any more.
    let gone = async || super::nodes(&app.db.owner).await == 1;
    super::until("the suspect removed", gone).await;
    let took = quickest(&app.app, &tenant).await;
    assert!(took < LONGEST_WAIT / 4, "{took:?}");
}

#[tokio::test]
async fn the_wait_ends_with_the_last_acknowledgement() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        sqlx::query("delete from node where beat = 0").execute(&app.db.owner).await.unwrap();
        silent_node(&app.db.owner).await;
        let ticket = take(&app.app, &tenant).await;
        let acknowledge = async {
            let all = "update node set applied = (select seq from authority_head) where beat = 0";
            sqlx::query(all).execute(&app.db.owner).await.unwrap();
        };
        let ((settled, ()), took) = timed(async { tokio::join!(app.app.node.settle(ticket), acknowledge) }).await;
        settled.unwrap();
        best = best.min(took);
    }
    assert!(best < LONGEST_WAIT / 4, "{best:?}");
}

#[tokio::test]
async fn many_wait_together() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    silent_node(&app.db.owner).await;
    let mut tickets = Vec::new();
    for _ in 0..40 {
        tickets.push(take(&app.app, &tenant).await);
    }
    let all = tickets.into_iter().map(|ticket| app.app.node.settle(ticket));
    let (settled, took) = timed(futures_util::future::join_all(all)).await;
    assert!(settled.into_iter().all(|settled| settled.is_ok()));
    assert!(took >= LONGEST_WAIT && took < 8 * LONGEST_WAIT, "{took:?}");
}

#[tokio::test]
async fn without_the_database_the_wait_is_the_longest() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    // So that nobody has seen before the end of the database that all have applied it.
    silent_node(&app.db.owner).await;
    let ticket = take(&app.app, &tenant).await;
    app.app.store.close().await;
    let (settled, took) = timed(app.app.node.settle(ticket)).await;
    settled.unwrap();
    assert!(took >= LONGEST_WAIT, "{took:?}");
}

#[tokio::test]
async fn a_revocation_that_the_database_has_lost_is_not_said_to_be_done() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let ticket = take(&app.app, &tenant).await;
    app.app.lease.end().await;
    sqlx::query("update authority_head set seq = seq - 1").execute(&app.db.owner).await.unwrap();
    let settled = app.app.node.settle(ticket).await;
    assert!(matches!(settled, Err(StoreError::Behind)), "{settled:?}");
}

#[tokio::test]
async fn a_process_that_is_no_node_waits_too() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let store = &app.app.store;
    let before = app.app.node.applied();
    let ticket = take(&app.app, &tenant).await;
    cluster::settle_elsewhere(store, Some(ticket)).await.unwrap();
    assert!(app.app.node.applied() > before, "it has waited for the node");

    silent_node(&app.db.owner).await;
    let ticket = take(&app.app, &tenant).await;
    let (settled, took) = timed(cluster::settle_elsewhere(store, Some(ticket))).await;
    settled.unwrap();
    assert!(took >= LONGEST_WAIT, "{took:?}");
    let (settled, took) = timed(cluster::settle_elsewhere(store, None)).await;
    settled.unwrap();
    assert!(took < LONGEST_WAIT, "nothing was taken away: {took:?}");
    leased(&app.app).await;
}
