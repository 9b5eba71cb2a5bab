//! What the database grants, and to whom: the function behind every renewal.

use std::time::Duration;

use sallyport::{
    ids::{NodeId, ProcessId},
    store::{
        Store,
        authority::Position,
        nodes::{LeaseConnection, Renewal},
    },
};
use sqlx::PgPool;
use time::macros::datetime;
use uuid::Uuid;

use crate::harness::db::TestDb;

const NODE: NodeId = NodeId(Uuid::from_u128(1));
const OTHER: NodeId = NodeId(Uuid::from_u128(2));
const NOW: time::OffsetDateTime = datetime!(2026-08-03 10:00 UTC);

struct Nodes {
    db: TestDb,
    store: Store,
    connection: LeaseConnection,
}

impl Nodes {
    async fn new() -> Self {
        let db = TestDb::new().await;
        let store = Store::over(db.app.clone());
        let connection = store.lease_connection().await.unwrap();
        Self { db, store, connection }
    }

    async fn register(&self, node: NodeId) -> Position {
        self.store.register_node(node, ProcessId(Uuid::from_u128(9)), NOW).await.unwrap()
    }
}

async fn append(pool: &PgPool) -> i64 {
    let append = "select authority_append(null, '\"tenant\"', now())";
    sqlx::query_scalar(append).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_lease_is_granted_at_the_head_of_the_log_only() {
    let mut nodes = Nodes::new().await;
    append(&nodes.db.app).await;
    let start = nodes.register(NODE).await;
    assert_eq!(start.seq, 1);
    assert!(matches!(nodes.connection.renew(NODE, start).await.unwrap(), Renewal::Granted { head: 1 }));
    for _ in 0..3 {
        append(&nodes.db.app).await;
    }
    let Renewal::Missing { head: 4, entries } = nodes.connection.renew(NODE, start).await.unwrap() else {
        panic!("granted to a node that has not applied the log")
    };
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(nodes.store.acknowledged().await.unwrap(), (4, Some(1)), "and it has not acknowledged it");
    let Renewal::Missing { .. } = nodes.connection.renew(NODE, entries[1].position()).await.unwrap() else {
        panic!("granted to a node that has not applied the newest entry")
    };
    assert!(matches!(nodes.connection.renew(NODE, entries[2].position()).await.unwrap(), Renewal::Granted { head: 4 }));
    assert_eq!(nodes.store.acknowledged().await.unwrap(), (4, Some(4)));
}

#[tokio::test]
async fn many_missing_entries_come_in_parts() {
    let mut nodes = Nodes::new().await;
    let mut at = nodes.register(NODE).await;
    sqlx::query("select authority_append(null, '\"tenant\"', now()) from generate_series(1, 2100)")
        .execute(&nodes.db.app)
        .await
        .unwrap();
    let mut parts = Vec::new();
    while let Renewal::Missing { entries, .. } = nodes.connection.renew(NODE, at).await.unwrap() {
        assert_eq!(entries[0].seq, at.seq + 1);
        at = entries.last().unwrap().position();
        parts.push(entries.len());
    }
    assert_eq!(parts, [1000, 1000, 100]);
}

#[tokio::test]
async fn only_who_is_registered_and_not_suspected_gets_one() {
    let mut nodes = Nodes::new().await;
    let start = nodes.register(NODE).await;
    assert!(matches!(nodes.connection.renew(OTHER, start).await.unwrap(), Renewal::Unregistered));
    let [row] = nodes.connection.others(OTHER).await.unwrap()[..] else { panic!("there is one other") };
    assert!(matches!(nodes.connection.renew(NODE, start).await.unwrap(), Renewal::Granted { .. }));
    assert!(!nodes.connection.suspect(NODE, row.beat).await.unwrap(), "it has renewed since");
    assert!(!nodes.connection.remove_suspect(NODE).await.unwrap(), "it is not suspected");
    assert!(nodes.connection.suspect(NODE, row.beat + 1).await.unwrap());
    assert!(matches!(nodes.connection.renew(NODE, start).await.unwrap(), Renewal::Unregistered));
    // A revoker waits for it all the same, until it is removed.
    append(&nodes.db.app).await;
    assert_eq!(nodes.store.acknowledged().await.unwrap(), (1, Some(0)));
    assert!(nodes.connection.remove_suspect(NODE).await.unwrap());
    assert_eq!(nodes.store.acknowledged().await.unwrap(), (1, None));
}

#[tokio::test]
async fn a_log_that_does_not_hold_what_was_applied_grants_nothing() {
    let mut nodes = Nodes::new().await;
    append(&nodes.db.app).await;
    let here = nodes.register(NODE).await;
    let ahead = Position { seq: here.seq + 1, ..here };
    let other = Position { mark: Uuid::from_u128(3), ..here };
    for lost in [ahead, other] {
        assert!(matches!(nodes.connection.renew(NODE, lost).await.unwrap(), Renewal::Lost), "{lost:?}");
    }
    // However far the log has grown since.
    append(&nodes.db.app).await;
    append(&nodes.db.app).await;
    assert!(matches!(nodes.connection.renew(NODE, ahead).await.unwrap(), Renewal::Lost));
    assert!(matches!(nodes.connection.renew(NODE, here).await.unwrap(), Renewal::Missing { .. }));
}

/// Between the lock and the commit of whoever takes authority away nothing is granted, nobody registers, and the database
/// gives the question up in time.
#[tokio::test]
async fn nothing_is_granted_while_authority_is_being_taken_away() {
    let mut nodes = Nodes::new().await;
    let start = nodes.register(NODE).await;
    let mut tx = nodes.db.owner.begin().await.unwrap();
    let seq: i64 =
        sqlx::query_scalar("select authority_append(null, '\"tenant\"', now())").fetch_one(&mut *tx).await.unwrap();
    let error = nodes.connection.renew(NODE, start).await.unwrap_err();
    assert!(error.is_stated() && error.to_string().contains("timeout"), "{error}");
    nodes.connection.register(OTHER, ProcessId(Uuid::nil()), NOW).await.unwrap_err();

    // Asked for before the commit, and answered after it: with the entry.
    let asking = tokio::spawn(async move { (nodes.connection.renew(NODE, start).await, nodes.connection) });
    let waiting = async {
        let blocked = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
                        where d.datname = current_database() and l.locktype = 'advisory' and not l.granted";
        while sqlx::query_scalar::<_, i64>(blocked).fetch_one(&nodes.db.owner).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(super::LONG, waiting).await.unwrap();
    tx.commit().await.unwrap();
    let (renewal, mut connection) = asking.await.unwrap();
    match renewal {
        Ok(Renewal::Missing { head, .. }) => assert_eq!(head, seq),
        // The machine was so busy that the time was over.
        Err(error) => assert!(error.is_stated(), "{error}"),
        granted => panic!("{granted:?}"),
    }
    assert!(matches!(connection.renew(NODE, start).await.unwrap(), Renewal::Missing { .. }));
}

#[tokio::test]
async fn a_snapshot_from_before_the_lock_is_not_taken_for_the_present() {
    let nodes = Nodes::new().await;
    nodes.register(NODE).await;
    let mut tx = nodes.db.app.begin_with("begin isolation level repeatable read").await.unwrap();
    let renewal = sqlx::query("select lease_renew($1, 0, null)").bind(NODE).execute(&mut *tx).await;
    assert!(renewal.unwrap_err().to_string().contains("read committed"));
}
