//! What a grant writes, in as few round trips as it can: tokens and the event that witnesses them are one statement, so
//! none of them is there without the others even before the commit.

use time::OffsetDateTime;

use crate::{
    ids::FamilyId,
    keys::Stored,
    store::{StoreError, TenantTx, audit::EventRow},
};

/// An access token to add.
#[derive(Clone, Copy, Debug)]
pub struct NewAccess<'a> {
    /// What is stored of it.
    pub stored: &'a Stored,
    /// Its scopes.
    pub scopes: &'a [String],
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// A refresh token to add.
#[derive(Clone, Copy, Debug)]
pub struct NewRefresh<'a> {
    /// What is stored of it.
    pub stored: &'a Stored,
    /// Its scopes.
    pub scopes: &'a [String],
    /// When it ends unless it is used.
    pub idle_expires_at: OffsetDateTime,
}

/// Tokens to add to a family.
#[derive(Clone, Copy, Debug)]
pub struct NewTokens<'a> {
    /// Whose.
    pub family: FamilyId,
    /// The access token.
    pub access: NewAccess<'a>,
    /// The refresh token, where the client can use one.
    pub refresh: Option<NewRefresh<'a>>,
}

/// Adds the first tokens of a family, with their event.
pub async fn insert_first(
    tx: &mut TenantTx,
    tokens: NewTokens<'_>,
    event: &EventRow,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let NewTokens { family, access, refresh } = tokens;
    sqlx::query!(
        "with access as (
             insert into access_token (tenant, hash, pepper_id, family, scopes, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7)
         ), refresh as (
             insert into refresh_token (tenant, hash, pepper_id, family, generation, scopes, created_at, idle_expires_at)
             select $1, $8::bytea, $9::text, $4, 1, $10::text[], $6, $11::timestamptz where $8 is not null
         )
         insert into audit_event (tenant, id, at, kind, version, request_id, body)
         values ($1, $12, $13, $14, $15, $16, $17)",
        tenant.0,
        access.stored.hash.as_slice(),
        access.stored.pepper_id,
        family.0,
        access.scopes,
        now,
        access.expires_at,
        refresh.map(|refresh| refresh.stored.hash.as_slice()),
        refresh.map(|refresh| refresh.stored.pepper_id.as_str()),
        refresh.map(|refresh| refresh.scopes),
        refresh.map(|refresh| refresh.idle_expires_at),
        event.id.0,
        event.at,
        event.kind,
        event.version,
        event.request_id,
        event.body
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A refresh token to put another one in the place of, and the box that it keeps.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    /// Its stored hash.
    pub hash: &'a [u8],
    /// Its family.
    pub family: FamilyId,
    /// Its place in the family.
    pub generation: i32,
    /// The successor's answer, sealed under it.
    pub sealed_answer: &'a [u8],
}

/// Marks a refresh token as rotated, keeps its box and adds what succeeds it, with the event. True for one caller only; for
/// any other nothing is written.
pub async fn rotate(
    tx: &mut TenantTx,
    old: Rotation<'_>,
    access: NewAccess<'_>,
    refresh: NewRefresh<'_>,
    event: &EventRow,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with rotated as (
             update refresh_token set rotated_at = $3, box = $4
              where tenant = $1 and hash = $2 and rotated_at is null returning tenant
         ), access as (
             insert into access_token (tenant, hash, pepper_id, family, scopes, created_at, expires_at)
             select tenant, $6, $7, $5, $8, $3, $9 from rotated
         ), refresh as (
             insert into refresh_token (tenant, hash, pepper_id, family, generation, scopes, created_at, idle_expires_at)
             select tenant, $10, $11, $5, $12, $13, $3, $14 from rotated
         )
         insert into audit_event (tenant, id, at, kind, version, request_id, body)
         select tenant, $15, $16, $17, $18, $19, $20 from rotated",
        tenant.0,
        old.hash,
        now,
        old.sealed_answer,
        old.family.0,
        access.stored.hash.as_slice(),
        access.stored.pepper_id,
        access.scopes,
        access.expires_at,
        refresh.stored.hash.as_slice(),
        refresh.stored.pepper_id,
        old.generation + 1,
        refresh.scopes,
        refresh.idle_expires_at,
        event.id.0,
        event.at,
        event.kind,
        event.version,
        event.request_id,
        event.body
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
