//! Codes, access tokens, refresh tokens: keyed hashes only.

use time::OffsetDateTime;

use super::{Store, StoreError, TenantTx};
use crate::{
    ids::{ClientId, FamilyId, GrantId, PersonId, ServerId, TenantId},
    keys::Stored,
};

/// What a family rests on, read after its row was locked.
#[derive(Clone, Debug)]
pub struct FamilyState {
    /// The family.
    pub id: FamilyId,
    /// Its grant.
    pub grant: GrantId,
    /// `sub`.
    pub subject: String,
    /// Whose software.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// The grant's scopes now.
    pub grant_scopes: Vec<String>,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// Family, grant, client, person and server are all in force.
    pub live: bool,
    /// The highest refresh generation.
    pub newest_generation: Option<i32>,
}

/// Reads a family and what it rests on. A statement of its own, after the lock: a joined read would see the snapshot
/// from before the wait.
pub async fn family_state(tx: &mut TenantTx, family: FamilyId) -> Result<FamilyState, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select f.grant_id, g.subject, g.client, g.server, g.scopes, f.expires_at,
                (f.revoked_at is null and g.revoked_at is null and c.status = 'active' and s.status = 'active'
                    and coalesce(p.status = 'active', true)) as "live!",
                (select max(r.generation) from refresh_token r where r.tenant = f.tenant and r.family = f.id) as newest
           from family f
           join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
           join client c on (c.tenant, c.id) = (g.tenant, g.client)
           join server s on (s.tenant, s.id) = (g.tenant, g.server)
           left join person p on (p.tenant, p.id) = (g.tenant, g.person)
          where f.tenant = $1 and f.id = $2"#,
        tenant.0,
        family.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(FamilyState {
        id: family,
        grant: GrantId(row.grant_id),
        subject: row.subject,
        client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
        server: ServerId(row.server),
        grant_scopes: row.scopes,
        expires_at: row.expires_at,
        live: row.live,
        newest_generation: row.newest,
    })
}

// ---------------------------------------------------------------- codes

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
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
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

// ---------------------------------------------------------------- access tokens

/// Adds an access token.
pub async fn insert_access_token(
    tx: &mut TenantTx,
    stored: &Stored,
    family: FamilyId,
    scopes: &[String],
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into access_token (tenant, hash, pepper_id, family, scopes, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        stored.hash.as_slice(),
        stored.pepper_id,
        family.0,
        scopes,
        now,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An access token for revocation: whose it is, and whether it has been revoked already.
#[derive(Clone, Debug)]
pub struct AccessRow {
    /// Its stored hash.
    pub hash: Vec<u8>,
    /// Its family.
    pub family: FamilyId,
    /// Whose software.
    pub client: String,
}

/// Finds an access token, live or not.
pub async fn access_token(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<Option<AccessRow>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query!(
        "select t.hash, t.family, g.client from access_token t
           join family f on (f.tenant, f.id) = (t.tenant, t.family)
           join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
          where t.tenant = $1 and t.hash = any ($2)",
        tenant.0,
        &hashes
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| AccessRow { hash: row.hash, family: FamilyId(row.family), client: row.client }))
}

/// When an access token ends, if it could still be presented: not expired, not revoked by itself.
pub async fn open_until(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let at = sqlx::query_scalar!(
        "select expires_at from access_token where tenant = $1 and hash = any ($2) and revoked_at is null and expires_at > $3",
        tenant.0,
        &hashes,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(at)
}

/// Ends one access token. False where it had ended before.
pub async fn revoke_access_token(tx: &mut TenantTx, hash: &[u8], now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update access_token set revoked_at = $3 where tenant = $1 and hash = $2 and revoked_at is null",
        tenant.0,
        hash,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a cache fill reads: the token and everything that can end it, and the log's head in the same statement.
#[derive(Clone, Debug)]
pub struct LookupRow {
    /// The authority log's head at this read.
    pub head: i64,
    /// The stored hash that fitted.
    pub hash: Vec<u8>,
    /// Its family.
    pub family: FamilyId,
    /// Its grant.
    pub grant: GrantId,
    /// The grant's version.
    pub grant_version: i64,
    /// `sub`.
    pub subject: String,
    /// The person behind it.
    pub person: Option<PersonId>,
    /// Whose software.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// The handle's own scopes.
    pub handle_scopes: Vec<String>,
    /// The grant's scopes now.
    pub grant_scopes: Vec<String>,
    /// The earlier of the handle's end and the family's.
    pub expires_at: OffsetDateTime,
    /// Nothing that it rests on is revoked or disabled.
    pub live: bool,
}

impl Store {
    /// Looks an access token up: one round trip.
    pub async fn lookup_token(&self, tenant: TenantId, hashes: &[[u8; 32]]) -> Result<Option<LookupRow>, StoreError> {
        let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
        let row = sqlx::query!(
            r#"select head as "head!", hash as "hash!", family as "family!", grant_id as "grant_id!", grant_version as "grant_version!",
                subject as "subject!", person, client as "client!", server as "server!", handle_scopes as "handle_scopes!",
                grant_scopes as "grant_scopes!", expires_at as "expires_at!", live as "live!" from token_lookup($1, $2)"#,
            tenant.0,
            &hashes
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            Ok(LookupRow {
                head: row.head,
                hash: row.hash,
                family: FamilyId(row.family),
                grant: GrantId(row.grant_id),
                grant_version: row.grant_version,
                subject: row.subject,
                person: row.person.map(PersonId),
                client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
                server: ServerId(row.server),
                handle_scopes: row.handle_scopes,
                grant_scopes: row.grant_scopes,
                expires_at: row.expires_at,
                live: row.live,
            })
        })
        .transpose()
    }
}

// ---------------------------------------------------------------- refresh tokens

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
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
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

/// When the given generation of a family was rotated, if it was.
pub async fn rotated_at(
    tx: &mut TenantTx,
    family: FamilyId,
    generation: i32,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let tenant = tx.tenant();
    let at = sqlx::query_scalar!(
        "select rotated_at from refresh_token where tenant = $1 and family = $2 and generation = $3",
        tenant.0,
        family.0,
        generation
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(at.flatten())
}

/// Marks a refresh token as rotated and keeps its box. True for one caller only.
pub async fn rotate_refresh_token(
    tx: &mut TenantTx,
    hash: &[u8],
    sealed_answer: &[u8],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update refresh_token set rotated_at = $3, box = $4 where tenant = $1 and hash = $2 and rotated_at is null",
        tenant.0,
        hash,
        now,
        sealed_answer
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finds a refresh token's family and client, for revocation.
pub async fn refresh_token(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<Option<(FamilyId, String)>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
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
