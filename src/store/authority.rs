//! The authority log: everything that takes authority away, numbered in commit order.

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{PlatformTx, Store, StoreError, TenantTx};
use crate::ids::{NodeId, TenantId};

/// A place in the log: the number of an entry, and a mark that no other entry of that number has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The number. Zero is the place before the first entry.
    pub seq: i64,
    /// The mark. It tells an entry from one that got its number after a failover that lost commits.
    pub mark: Uuid,
}

/// A row of the log.
#[derive(Clone, Debug, Deserialize)]
pub struct AuthorityRow {
    /// Its number, in commit order.
    pub seq: i64,
    /// Its mark.
    pub mark: Uuid,
    /// Whose authority.
    pub tenant: Option<TenantId>,
    /// What lost it.
    pub entry: Value,
}

impl AuthorityRow {
    /// Its place in the log.
    pub fn position(&self) -> Position {
        Position { seq: self.seq, mark: self.mark }
    }
}

/// Appends within `tx`; the log's lock is held until it commits. Called by [`crate::cluster`] only.
pub async fn append(tx: &mut TenantTx, entry: &Value, at: OffsetDateTime) -> Result<i64, StoreError> {
    tx.take_turn().await?;
    let tenant = tx.tenant();
    let seq = sqlx::query_scalar!(r#"select authority_append($1, $2, $3) as "seq!""#, tenant.0, entry, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(seq)
}

/// The number of the newest committed entry, or of this transaction's own.
pub async fn head(tx: &mut TenantTx) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!("select seq from authority_head").fetch_one(tx.conn()).await?)
}

/// The same, from a platform transaction.
pub async fn head_platform(tx: &mut PlatformTx) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!("select seq from authority_head").fetch_one(tx.conn()).await?)
}

/// Appends entries of any tenants, in this order, from a platform transaction. Returns the number of the last one. Entries
/// of no tenant are of all.
pub async fn append_all(
    tx: &mut PlatformTx,
    entries: Vec<(Option<TenantId>, Value)>,
    at: OffsetDateTime,
) -> Result<i64, StoreError> {
    tx.take_turn().await?;
    let (tenants, entries): (Vec<_>, Vec<_>) =
        entries.into_iter().map(|(tenant, entry)| (tenant.map(|tenant| tenant.0), entry)).unzip();
    let seq = sqlx::query_scalar!(
        r#"select authority_append_all($1, $2, $3) as "seq!""#,
        &tenants as &[Option<Uuid>],
        &entries,
        at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(seq)
}

impl Store {
    /// The number of the newest committed entry.
    pub async fn authority_head(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar!("select seq from authority_head").fetch_one(self.pool()).await?)
    }

    /// The same, on behalf of a node.
    ///
    /// # Errors
    /// Also when that node is not registered.
    pub async fn authority_head_for(&self, node: NodeId) -> Result<i64, StoreError> {
        let row = sqlx::query!(
            r#"select seq, exists (select from node where id = $1 and not suspect) as "registered!" from authority_head"#,
            node.0
        )
        .fetch_one(self.pool())
        .await?;
        if row.registered { Ok(row.seq) } else { Err(StoreError::Unregistered) }
    }

    /// The entries after `seq`, oldest first, at most a thousand.
    pub async fn authority_after(&self, seq: i64) -> Result<Vec<AuthorityRow>, StoreError> {
        let rows = sqlx::query!(
            "select seq, mark, tenant, entry from authority_log where seq > $1 order by seq limit 1000",
            seq
        )
        .fetch_all(self.pool())
        .await?;
        let read = rows.into_iter().map(|row| AuthorityRow {
            seq: row.seq,
            mark: row.mark,
            tenant: row.tenant.map(TenantId),
            entry: row.entry,
        });
        Ok(read.collect())
    }
}
