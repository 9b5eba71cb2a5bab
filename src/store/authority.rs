//! The authority log: everything that takes authority away, numbered in commit order.

use serde_json::Value;
use time::OffsetDateTime;

use super::{PlatformTx, Store, StoreError, TenantTx};
use crate::ids::TenantId;

/// A row of the log.
#[derive(Clone, Debug)]
pub struct AuthorityRow {
    /// Its number, in commit order.
    pub seq: i64,
    /// Whose authority.
    pub tenant: Option<TenantId>,
    /// What lost it.
    pub entry: Value,
}

/// Appends within `tx`; the log's lock is held until it commits. Called by [`crate::cluster`] only.
pub async fn append(tx: &mut TenantTx, entry: &Value, at: OffsetDateTime) -> Result<i64, StoreError> {
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

/// Appends an entry that belongs to a whole tenant, from a platform transaction.
pub async fn append_platform(
    tx: &mut PlatformTx,
    tenant: Option<TenantId>,
    entry: &Value,
    at: OffsetDateTime,
) -> Result<i64, StoreError> {
    let tenant = tenant.map(|tenant| tenant.0);
    let seq = sqlx::query_scalar!(r#"select authority_append($1, $2, $3) as "seq!""#, tenant, entry, at)
        .fetch_one(tx.conn())
        .await?;
    Ok(seq)
}

impl Store {
    /// The number of the newest committed entry.
    pub async fn authority_head(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar!("select seq from authority_head").fetch_one(self.pool()).await?)
    }

    /// The entries after `seq`, oldest first, at most a thousand.
    pub async fn authority_after(&self, seq: i64) -> Result<Vec<AuthorityRow>, StoreError> {
        let rows =
            sqlx::query!("select seq, tenant, entry from authority_log where seq > $1 order by seq limit 1000", seq)
                .fetch_all(self.pool())
                .await?;
        Ok(rows
            .into_iter()
            .map(|row| AuthorityRow { seq: row.seq, tenant: row.tenant.map(TenantId), entry: row.entry })
            .collect())
    }

    /// A listener for the log's hints. Needs a direct connection, not one through a transaction pooler.
    pub async fn authority_listener(&self) -> Result<sqlx::postgres::PgListener, StoreError> {
        let mut listener = sqlx::postgres::PgListener::connect_with(self.pool()).await?;
        listener.listen("sallyport_authority").await?;
        Ok(listener)
    }
}
