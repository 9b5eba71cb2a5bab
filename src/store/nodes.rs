//! Nodes: processes that serve, their leases, and how far each has applied the authority log.

use serde::Deserialize as _;
use sqlx::{
    Connection as _, PgConnection, PgExecutor,
    postgres::{PgListener, PgPoolOptions},
};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{
    Store, StoreError,
    authority::{AuthorityRow, Position},
    connect::connect,
};
use crate::ids::{NodeId, ProcessId};

/// What the database does not finish in this time, it gives up. A lease could not come of it any more.
const STATEMENT_LIMIT: &str = "set statement_timeout = 900; set default_transaction_isolation = 'read committed'";
/// How long a connection for hints may take.
const CONNECT_LIMIT: std::time::Duration = std::time::Duration::from_secs(2);
/// How long the first registration of a process may take: longer than anybody holds the log's lock.
const REGISTER_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// What came of a renewal.
#[derive(Clone, Debug)]
pub enum Renewal {
    /// Nothing was missing.
    Granted {
        /// The head of the log.
        head: i64,
    },
    /// These entries are missing, and not acknowledged. If they reach to the head, then whoever has applied them has the
    /// lease; else they are the oldest, and there is none.
    Missing {
        /// The head of the log.
        head: i64,
        /// Oldest first, without a gap.
        entries: Vec<AuthorityRow>,
    },
    /// No lease: the node is not registered, or was given up for dead.
    Unregistered,
    /// No lease: the entry that the node has applied last is not in this log.
    Lost,
}

/// A registered node, as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Its registration.
    pub id: NodeId,
    /// Grows with each of its renewals.
    pub beat: i64,
    /// Whether it was given up for dead.
    pub suspect: bool,
}

/// A connection of its own for one node's lease, so that it waits for nobody. Not through a transaction pooler.
#[derive(Debug)]
pub struct LeaseConnection(PgConnection);

async fn register(
    executor: impl PgExecutor<'_>,
    node: NodeId,
    process: ProcessId,
    now: OffsetDateTime,
) -> Result<Position, StoreError> {
    let row =
        sqlx::query!(r#"select head as "head!", head_mark from node_register($1, $2, $3)"#, node.0, process.0, now)
            .fetch_one(executor)
            .await?;
    Ok(Position { seq: row.head, mark: row.head_mark.unwrap_or_default() })
}

impl Store {
    /// Enters a node at the present head of the log, which is returned.
    pub async fn register_node(
        &self,
        node: NodeId,
        process: ProcessId,
        now: OffsetDateTime,
    ) -> Result<Position, StoreError> {
        // At the start of a process, which is to fail rather than to hang where somebody holds the log's lock.
        timeout(REGISTER_LIMIT, register(self.pool(), node, process, now)).await.map_err(|_| StoreError::late())?
    }

    /// The head of the log, and up to which entry all nodes have applied it; none where there are no nodes.
    pub async fn acknowledged(&self) -> Result<(i64, Option<i64>), StoreError> {
        let row = sqlx::query!("select seq, (select min(applied) from node) as lowest from authority_head")
            .fetch_one(self.pool())
            .await?;
        Ok((row.seq, row.lowest))
    }

    /// Connects directly, in the runtime of the caller.
    pub async fn lease_connection(&self) -> Result<LeaseConnection, StoreError> {
        let options = (*self.pool().connect_options()).clone().application_name("sallyport lease");
        let mut connection = connect(&options).await?;
        sqlx::raw_sql(STATEMENT_LIMIT).execute(&mut connection).await?;
        Ok(LeaseConnection(connection))
    }

    /// Listens directly, in the runtime of the caller.
    pub async fn authority_hints(&self) -> Result<Hints, StoreError> {
        let options = (*self.pool().connect_options()).clone().application_name("sallyport hints");
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_LIMIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen("sallyport_authority").await?;
        Ok(Hints(listener))
    }
}

impl LeaseConnection {
    /// See [`Store::register_node`].
    pub async fn register(
        &mut self,
        node: NodeId,
        process: ProcessId,
        now: OffsetDateTime,
    ) -> Result<Position, StoreError> {
        register(&mut self.0, node, process, now).await
    }

    /// Acknowledges what `node` has applied, and asks for a lease.
    pub async fn renew(&mut self, node: NodeId, applied: Position) -> Result<Renewal, StoreError> {
        let row = sqlx::query!(
            r#"select registered as "registered!", lost as "lost!", granted as "granted!", head as "head!",
                      missing as "missing!" from lease_renew($1, $2, $3)"#,
            node.0,
            applied.seq,
            applied.mark
        )
        .fetch_one(&mut self.0)
        .await?;
        Ok(match (row.lost, row.registered, row.granted) {
            (true, ..) => Renewal::Lost,
            (false, false, _) => Renewal::Unregistered,
            (false, true, true) => Renewal::Granted { head: row.head },
            (false, true, false) => {
                let entries = Vec::<AuthorityRow>::deserialize(row.missing).map_err(StoreError::corrupt)?;
                Renewal::Missing { head: row.head, entries }
            }
        })
    }

    /// All nodes but `node`.
    pub async fn others(&mut self, node: NodeId) -> Result<Vec<NodeRow>, StoreError> {
        let rows =
            sqlx::query!("select id, beat, suspect from node where id <> $1", node.0).fetch_all(&mut self.0).await?;
        Ok(rows.into_iter().map(|row| NodeRow { id: NodeId(row.id), beat: row.beat, suspect: row.suspect }).collect())
    }

    /// Gives a node up for dead, unless it has renewed its lease since `beat`. False where it has.
    pub async fn suspect(&mut self, node: NodeId, beat: i64) -> Result<bool, StoreError> {
        let done = sqlx::query!("update node set suspect = true where id = $1 and beat = $2", node.0, beat)
            .execute(&mut self.0)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a node that was given up for dead: nobody waits for it any more. False where somebody else has.
    pub async fn remove_suspect(&mut self, node: NodeId) -> Result<bool, StoreError> {
        let done = sqlx::query!("delete from node where id = $1 and suspect", node.0).execute(&mut self.0).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a node that has stopped serving.
    pub async fn leave(&mut self, node: NodeId) -> Result<(), StoreError> {
        sqlx::query!("delete from node where id = $1", node.0).execute(&mut self.0).await?;
        Ok(())
    }

    /// Ends the connection.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.0.close().await?)
    }
}

/// Hints that the authority log has grown. They can be lost.
#[derive(Debug)]
pub struct Hints(PgListener);

impl Hints {
    /// Waits for one.
    pub async fn next(&mut self) -> Result<(), StoreError> {
        self.0.recv().await?;
        Ok(())
    }
}
