//! The link by which the first tenant is made.

use time::OffsetDateTime;

use super::{PlatformTx, Store, StoreError};

/// Puts a link in the place of whatever there was, unless there is a tenant beside that of the platform. Says whether it did.
pub async fn put(tx: &mut PlatformTx, hash: &[u8; 32], expires_at: OffsetDateTime) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "insert into first_link (hash, expires_at) select $1, $2 where not exists (select from tenant where not platform)
         on conflict (only_row) do update set hash = excluded.hash, expires_at = excluded.expires_at",
        hash.as_slice(),
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Uses the link of one of these hashes up. Of many who try at once, one does.
pub async fn use_up(tx: &mut PlatformTx, hashes: &[[u8; 32]], now: OffsetDateTime) -> Result<bool, StoreError> {
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let done = sqlx::query!("delete from first_link where hash = any ($1) and expires_at > $2", &hashes, now)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends the link, if there is one: there is a tenant now.
pub async fn end(tx: &mut PlatformTx) -> Result<(), StoreError> {
    sqlx::query!("delete from first_link").execute(tx.conn()).await?;
    Ok(())
}

impl Store {
    /// Whether a link of one of these hashes can be used.
    pub async fn first_link_is_open(&self, hashes: &[[u8; 32]], now: OffsetDateTime) -> Result<bool, StoreError> {
        let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
        let open = sqlx::query_scalar!(
            r#"select exists (select from first_link where hash = any ($1) and expires_at > $2) as "open!""#,
            &hashes,
            now
        )
        .fetch_one(self.pool())
        .await?;
        Ok(open)
    }
}
