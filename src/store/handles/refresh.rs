//! Refresh tokens.

use time::OffsetDateTime;

use crate::{
    ids::FamilyId,
    keys::Stored,
    store::{StoreError, TenantTx},
};

/// A refresh token's row, locked.
#[derive(Clone, Debug)]
pub struct RefreshRow {
    /// Its stored hash.
    pub hash: Vec<u8>,
    /// Its family.
    pub family: FamilyId,
    /// Its place in the family: the first is 1.
    pub generation: i32,
    /// Its scopes, the same in every generation.
    pub scopes: Vec<String>,
    /// When it ends unless it is used.
    pub idle_expires_at: OffsetDateTime,
    /// When its successor was made.
    pub rotated_at: Option<OffsetDateTime>,
    /// The successor's answer, sealed under this token.
    pub sealed_answer: Option<Vec<u8>>,
}

/// Adds a refresh token.
pub async fn insert_refresh_token(
    tx: &mut TenantTx,
    stored: &Stored,
    family: FamilyId,
    generation: i32,
    scopes: &[String],
    now: OffsetDateTime,
    idle_expires_at: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into refresh_token (tenant, hash, pepper_id, family, generation, scopes, created_at, idle_expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        stored.hash.as_slice(),
        stored.pepper_id,
        family.0,
        generation,
        scopes,
        now,
        idle_expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Locks a refresh token and its family: both, since the family's row alone lets parallel tries win.
pub async fn lock_refresh_token(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<Option<RefreshRow>, StoreError> {
    let tenant = tx.tenant();
    let hashes = super::arrays(hashes);
    let row = sqlx::query!(
        r#"select r.hash, r.family, r.generation, r.scopes, r.idle_expires_at, r.rotated_at, r.box as sealed_answer
           from refresh_token r join family f on (f.tenant, f.id) = (r.tenant, r.family)
          where r.tenant = $1 and r.hash = any ($2) for update of r, f"#,
        tenant.0,
        &hashes
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| RefreshRow {
        hash: row.hash,
        family: FamilyId(row.family),
        generation: row.generation,
        scopes: row.scopes,
        idle_expires_at: row.idle_expires_at,
        rotated_at: row.rotated_at,
        sealed_answer: row.sealed_answer,
    }))
}

/// What is known of a refresh token by its place in its family.
#[derive(Clone, Copy, Debug)]
pub struct Generation {
    /// When it ends unless it is used.
    pub idle_expires_at: OffsetDateTime,
    /// When its successor was made.
    pub rotated_at: Option<OffsetDateTime>,
}

/// The given generation of a family, whose row is locked.
pub async fn generation(
    tx: &mut TenantTx,
    family: FamilyId,
    generation: i32,
) -> Result<Option<Generation>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Generation,
        "select idle_expires_at, rotated_at from refresh_token where tenant = $1 and family = $2 and generation = $3",
        tenant.0,
        family.0,
        generation
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Gives a refresh token that is handed out again as much time as a new one. One that was rotated needs none; nor does one
/// that is being presented just now, whose request holds it and waits for the family that this one holds.
pub async fn renew_refresh_token(
    tx: &mut TenantTx,
    family: FamilyId,
    generation: i32,
    idle_expires_at: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "with unused as materialized (
             select hash from refresh_token where tenant = $1 and family = $2 and generation = $3 and rotated_at is null
                for update skip locked)
         update refresh_token set idle_expires_at = $4 where tenant = $1 and hash in (select hash from unused)",
        tenant.0,
        family.0,
        generation,
        idle_expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores a locked refresh token anew, under another pepper.
pub async fn store_refresh_token_anew(tx: &mut TenantTx, old: &[u8], new: &Stored) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update refresh_token set hash = $3, pepper_id = $4 where tenant = $1 and hash = $2",
        tenant.0,
        old,
        new.hash.as_slice(),
        new.pepper_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds a refresh token's family and client, for revocation.
pub async fn refresh_token(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<Option<(FamilyId, String)>, StoreError> {
    let tenant = tx.tenant();
    let hashes = super::arrays(hashes);
    let row = sqlx::query!(
        "select r.family, g.client from refresh_token r
           join family f on (f.tenant, f.id) = (r.tenant, r.family)
           join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
          where r.tenant = $1 and r.hash = any ($2)",
        tenant.0,
        &hashes
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (FamilyId(row.family), row.client)))
}
