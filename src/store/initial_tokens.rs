//! Initial access tokens: keyed hashes only.

pub mod listed;

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::keys::Stored;

/// An initial access token as it is kept.
#[derive(Clone, Debug)]
pub struct InitialTokenRow {
    /// What names it: its stored hash changes with the pepper.
    pub id: String,
    /// What it is for, in its maker's words.
    pub note: String,
    /// How often it can still be used.
    pub uses_left: i32,
    /// When it ends; none: when it is used up.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was made.
    pub created_at: OffsetDateTime,
}

/// Adds an initial access token (RFC 7591 §3) that can be used `uses` times.
pub async fn insert(
    tx: &mut TenantTx,
    id: &str,
    token: &Stored,
    note: &str,
    uses: u16,
    expires_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into initial_access_token (tenant, id, hash, pepper_id, note, uses_left, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        id,
        token.hash.as_slice(),
        token.pepper_id,
        note,
        i32::from(uses),
        expires_at,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes one use off the initial access token that is stored under one of these hashes, and stores it as `current`, under
/// the pepper in use. False if none is left.
pub async fn use_up(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    current: &Stored,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let used = sqlx::query_scalar!(
        "update initial_access_token set uses_left = uses_left - 1, hash = $4, pepper_id = $5
          where tenant = $1 and hash = any ($2) and uses_left > 0 and (expires_at is null or expires_at > $3)
          returning uses_left",
        tenant.0,
        &hashes,
        now,
        current.hash.as_slice(),
        current.pepper_id
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(used.is_some())
}

/// All that are kept, oldest first.
pub async fn all(tx: &mut TenantTx) -> Result<Vec<InitialTokenRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        InitialTokenRow,
        "select id, note, uses_left, expires_at, created_at from initial_access_token
          where tenant = $1 order by created_at, id",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Removes one. False if there is none of this id.
pub async fn remove(tx: &mut TenantTx, id: &str) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from initial_access_token where tenant = $1 and id = $2", tenant.0, id)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() > 0)
}
