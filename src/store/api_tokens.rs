//! Bearer tokens of the admin API, as keyed hashes.

pub mod listed;

use time::{Duration, OffsetDateTime};

use super::{StoreError, TenantTx};
use crate::{
    ids::{ApiTokenId, PersonId},
    keys::Stored,
};

/// Uses within this time are written down once.
const ROUGHLY: Duration = Duration::minutes(5);

/// A token as it is kept.
#[derive(Debug)]
pub struct NewApiToken<'a> {
    /// Its id.
    pub id: ApiTokenId,
    /// Its handle.
    pub handle: &'a Stored,
    /// For whom it acts.
    pub person: PersonId,
    /// What it is for, in its maker's words.
    pub note: &'a str,
    /// What it may be used for.
    pub rights: &'a [String],
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// A token in a list.
#[derive(Clone, Debug)]
pub struct ApiTokenRow {
    /// Its id.
    pub id: ApiTokenId,
    /// The name at login of whom it acts for.
    pub username: String,
    /// What it is for.
    pub note: String,
    /// What it may be used for.
    pub rights: Vec<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Until when it can be used.
    pub expires_at: OffsetDateTime,
    /// When it was used last, within some minutes.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was taken back.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A token that can be used.
#[derive(Clone, Debug)]
pub struct LiveApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// Its stored hash.
    pub hash: Vec<u8>,
    /// For whom it acts.
    pub person: PersonId,
    /// What that person may be, now.
    pub roles: Vec<String>,
    /// What it may be used for.
    pub rights: Vec<String>,
    /// When it was used last, within some minutes.
    pub last_used_at: Option<OffsetDateTime>,
}

/// Keeps a token.
pub async fn insert(tx: &mut TenantTx, token: &NewApiToken<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into api_token (tenant, id, hash, pepper_id, person, note, rights, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        token.id.0,
        token.handle.hash.as_slice(),
        token.handle.pepper_id,
        token.person.0,
        token.note,
        token.rights,
        now,
        token.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All that are kept, oldest first.
pub async fn all(tx: &mut TenantTx) -> Result<Vec<ApiTokenRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ApiTokenRow,
        r#"select t.id as "id: ApiTokenId", p.username, t.note, t.rights, t.created_at, t.expires_at, t.last_used_at, t.revoked_at
             from api_token t join person p on (p.tenant, p.id) = (t.tenant, t.person)
            where t.tenant = $1 order by t.created_at, t.id"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The token that is stored under one of these hashes, if it can be used for somebody who may log in.
pub async fn live(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<Option<LiveApiToken>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query_as!(
        LiveApiToken,
        r#"select t.id as "id: ApiTokenId", t.hash, t.person as "person: PersonId", p.roles, t.rights, t.last_used_at
             from api_token t join person p on (p.tenant, p.id) = (t.tenant, t.person)
            where t.tenant = $1 and t.hash = any ($2) and t.revoked_at is null and t.expires_at > $3 and p.status = 'active'"#,
        tenant.0,
        &hashes,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Writes down that a token was used, if that was not just done.
pub async fn used(tx: &mut TenantTx, token: &LiveApiToken, now: OffsetDateTime) -> Result<(), StoreError> {
    if token.last_used_at.is_some_and(|last| now - last < ROUGHLY) {
        return Ok(());
    }
    let tenant = tx.tenant();
    sqlx::query!("update api_token set last_used_at = $3 where tenant = $1 and id = $2", tenant.0, token.id.0, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Stores a token's handle anew, under another pepper.
pub async fn store_anew(tx: &mut TenantTx, token: &LiveApiToken, new: &Stored) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update api_token set hash = $4, pepper_id = $5 where tenant = $1 and id = $2 and hash = $3",
        tenant.0,
        token.id.0,
        token.hash,
        new.hash.as_slice(),
        new.pepper_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a token back. For whom it acted; none: there is none of this id, or it was taken back before.
pub async fn revoke(tx: &mut TenantTx, id: ApiTokenId, now: OffsetDateTime) -> Result<Option<PersonId>, StoreError> {
    let tenant = tx.tenant();
    let person = sqlx::query_scalar!(
        r#"update api_token set revoked_at = $3 where tenant = $1 and id = $2 and revoked_at is null
           returning person as "person: PersonId""#,
        tenant.0,
        id.0,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(person)
}
