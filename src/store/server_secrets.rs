//! Introspection secrets of servers, as keyed hashes.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::{ids::ServerId, keys::Stored};

/// Those of all servers of the tenant.
pub async fn all(tx: &mut TenantTx) -> Result<Vec<(ServerId, Stored)>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select server, hash, pepper_id from server_secret where tenant = $1 order by server, created_at, hash",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| Ok((ServerId(row.server), stored(row.hash, row.pepper_id)?))).collect()
}

/// The one of a server that is stored under one of these hashes.
pub async fn find(tx: &mut TenantTx, server: ServerId, hashes: &[[u8; 32]]) -> Result<Option<Stored>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query!(
        "select hash, pepper_id from server_secret where tenant = $1 and server = $2 and hash = any ($3)",
        tenant.0,
        server.0,
        &hashes
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| stored(row.hash, row.pepper_id)).transpose()
}

/// Makes these be all that a server has. Those that stay are not touched.
pub async fn replace(
    tx: &mut TenantTx,
    server: ServerId,
    secrets: &[Stored],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.hash.to_vec()).collect();
    let peppers: Vec<String> = secrets.iter().map(|secret| secret.pepper_id.clone()).collect();
    sqlx::query!(
        "delete from server_secret where tenant = $1 and server = $2 and hash <> all ($3)",
        tenant.0,
        server.0,
        &hashes
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into server_secret (tenant, server, hash, pepper_id, created_at)
         select $1, $2, new.hash, new.pepper_id, $5
           from unnest($3::bytea[], $4::text[]) as new (hash, pepper_id)
          where not exists (select from server_secret x where x.tenant = $1 and x.server = $2 and x.hash = new.hash)",
        tenant.0,
        server.0,
        &hashes,
        &peppers,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores one under another pepper, unless it is gone meanwhile.
pub async fn store_anew(tx: &mut TenantTx, server: ServerId, old: &Stored, new: &Stored) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update server_secret set hash = $4, pepper_id = $5 where tenant = $1 and server = $2 and hash = $3",
        tenant.0,
        server.0,
        old.hash.as_slice(),
        new.hash.as_slice(),
        new.pepper_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn stored(hash: Vec<u8>, pepper_id: String) -> Result<Stored, StoreError> {
    let hash = hash.try_into().map_err(|_| StoreError::corrupt("server_secret.hash"))?;
    Ok(Stored { hash, pepper_id })
}
