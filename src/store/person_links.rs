//! Links by which people set a password themselves, as keyed hashes.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::{
    ids::{LinkId, PersonId},
    keys::Stored,
};

/// A link as it is kept.
#[derive(Debug)]
pub struct NewLink<'a> {
    /// Its id.
    pub id: LinkId,
    /// Its handle.
    pub handle: &'a Stored,
    /// Whose password it sets.
    pub person: PersonId,
    /// `invitation` or `reset`.
    pub purpose: &'static str,
    /// Until when.
    pub expires_at: OffsetDateTime,
}

/// A link that can be used.
#[derive(Clone, Debug)]
pub struct LiveLink {
    /// Its id.
    pub id: LinkId,
    /// Whose password it sets.
    pub person: PersonId,
    /// The name at login.
    pub username: String,
    /// What the person may be.
    pub roles: Vec<String>,
    /// `invitation` or `reset`.
    pub purpose: String,
}

/// Keeps a link, and gives up those that the person had before: how many.
pub async fn insert(tx: &mut TenantTx, link: &NewLink<'_>, now: OffsetDateTime) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let given_up = sqlx::query!(
        "update person_link set ended_at = $3 where tenant = $1 and person = $2 and ended_at is null and expires_at > $3",
        tenant.0,
        link.person.0,
        now
    );
    let given_up = given_up.execute(tx.conn()).await?.rows_affected();
    sqlx::query!(
        "insert into person_link (tenant, id, hash, pepper_id, person, purpose, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        link.id.0,
        link.handle.hash.as_slice(),
        link.handle.pepper_id,
        link.person.0,
        link.purpose,
        now,
        link.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(given_up)
}

/// The link that is stored under one of these hashes, if it can be used by somebody who may log in.
pub async fn live(tx: &mut TenantTx, hashes: &[[u8; 32]], now: OffsetDateTime) -> Result<Option<LiveLink>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query!(
        r#"select l.id as "id: LinkId", l.person as "person: PersonId", l.purpose, p.username, p.roles
             from person_link l join person p on p.tenant = l.tenant and p.id = l.person
            where l.tenant = $1 and l.hash = any ($2) and l.ended_at is null and l.expires_at > $3 and p.status = 'active'"#,
        tenant.0,
        &hashes,
        now
    );
    let row = row.fetch_optional(tx.conn()).await?;
    Ok(row.map(|row| LiveLink {
        id: row.id,
        person: row.person,
        username: row.username,
        roles: row.roles,
        purpose: row.purpose,
    }))
}

/// Uses a link up. False: somebody did before, or it has ended.
pub async fn use_up(tx: &mut TenantTx, link: LinkId, now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let used = sqlx::query!(
        "update person_link set ended_at = $3 where tenant = $1 and id = $2 and ended_at is null and expires_at > $3",
        tenant.0,
        link.0,
        now
    );
    Ok(used.execute(tx.conn()).await?.rows_affected() == 1)
}

/// Gives up all links of a person: how many.
pub async fn end_all(tx: &mut TenantTx, person: PersonId, now: OffsetDateTime) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let ended = sqlx::query!(
        "update person_link set ended_at = $3 where tenant = $1 and person = $2 and ended_at is null",
        tenant.0,
        person.0,
        now
    );
    Ok(ended.execute(tx.conn()).await?.rows_affected())
}
