//! Authorization codes.

use time::OffsetDateTime;

use crate::{
    ids::FamilyId,
    keys::Stored,
    store::{StoreError, TenantTx},
};

/// An authorization code's row, locked.
#[derive(Clone, Debug)]
pub struct CodeRow {
    /// Its stored hash.
    pub hash: Vec<u8>,
    /// Its family.
    pub family: FamilyId,
    /// Byte for byte as the authorization request had it.
    pub redirect_uri: String,
    /// What was consented to.
    pub scopes: Vec<String>,
    /// RFC 7636 `code_challenge`, S256.
    pub code_challenge: String,
    /// Tries that failed their checks.
    pub failures: i32,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// When it was redeemed.
    pub consumed_at: Option<OffsetDateTime>,
}

/// Adds a code.
pub async fn insert_code(
    tx: &mut TenantTx,
    stored: &Stored,
    code: &CodeRow,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into auth_code (tenant, hash, pepper_id, family, redirect_uri, scopes, code_challenge, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        stored.hash.as_slice(),
        stored.pepper_id,
        code.family.0,
        code.redirect_uri,
        &code.scopes,
        code.code_challenge,
        now,
        code.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Locks a code and its family. `None`: there is no such code.
pub async fn lock_code(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<Option<CodeRow>, StoreError> {
    let tenant = tx.tenant();
    let hashes = super::arrays(hashes);
    let row = sqlx::query!(
        "select c.hash, c.family, c.redirect_uri, c.scopes, c.code_challenge, c.failures, c.expires_at, c.consumed_at
           from auth_code c join family f on (f.tenant, f.id) = (c.tenant, c.family)
          where c.tenant = $1 and c.hash = any ($2) for update of c, f",
        tenant.0,
        &hashes
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| CodeRow {
        hash: row.hash,
        family: FamilyId(row.family),
        redirect_uri: row.redirect_uri,
        scopes: row.scopes,
        code_challenge: row.code_challenge,
        failures: row.failures,
        expires_at: row.expires_at,
        consumed_at: row.consumed_at,
    }))
}

/// Counts a try that failed its checks.
pub async fn count_code_failure(tx: &mut TenantTx, hash: &[u8]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("update auth_code set failures = failures + 1 where tenant = $1 and hash = $2", tenant.0, hash)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Redeems a code. True for one caller only, whatever runs beside it.
pub async fn consume_code(tx: &mut TenantTx, hash: &[u8], now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update auth_code set consumed_at = $3 where tenant = $1 and hash = $2 and consumed_at is null",
        tenant.0,
        hash,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
