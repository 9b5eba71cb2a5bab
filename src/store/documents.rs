//! When documents of clients were read.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::ids::ClientId;

/// Whether what is stored of a client is what its document said so lately that it need not be read again.
pub async fn is_fresh(tx: &mut TenantTx, client: &ClientId, now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let fresh = sqlx::query_scalar!(
        r#"select exists (select from client_document where tenant = $1 and client = $2 and fresh_until > $3) as "fresh!""#,
        tenant.0,
        client.as_str(),
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(fresh)
}

/// Whether a client that is removed was so only because nobody had used it.
pub async fn is_expired(tx: &mut TenantTx, client: &ClientId) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let expired = sqlx::query_scalar!(
        "select expired from client_document where tenant = $1 and client = $2",
        tenant.0,
        client.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(expired.unwrap_or(false))
}

/// Notes that a client's document was read, and for how long that is enough.
pub async fn read(
    tx: &mut TenantTx,
    client: &ClientId,
    now: OffsetDateTime,
    fresh_until: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into client_document (tenant, client, fetched_at, fresh_until) values ($1, $2, $3, $4)
         on conflict (tenant, client) do update set fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until,
             expired = false",
        tenant.0,
        client.as_str(),
        now,
        fresh_until
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
