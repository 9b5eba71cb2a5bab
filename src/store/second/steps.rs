//! Logins that wait for a second factor.

use time::OffsetDateTime;

use crate::{
    ids::{PersonId, ProviderId},
    keys::Stored,
    store::{StoreError, TenantTx, sessions::Vouched},
};

/// A login that waits from now on.
#[derive(Debug)]
pub struct NewStep<'a> {
    /// What is stored of its handle.
    pub handle: &'a Stored,
    /// Whose it is.
    pub person: PersonId,
    /// How the first factor was proved (RFC 8176).
    pub amr: &'a [String],
    /// Who vouched for the person, if that was not us.
    pub vouched: Option<&'a Vouched>,
    /// How long it waits.
    pub expires_at: OffsetDateTime,
}

/// A login that waits.
#[derive(Clone, Debug)]
pub struct StepRow {
    /// Its stored hash.
    pub hash: Vec<u8>,
    /// Whose it is.
    pub person: PersonId,
    /// How the first factor was proved.
    pub amr: Vec<String>,
    /// Who vouched for the person, if that was not us.
    pub vouched: Option<Vouched>,
}

/// Writes it down. Others of the same person wait on: they are of other browsers.
pub async fn begin(tx: &mut TenantTx, step: &NewStep<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into login_step (tenant, hash, pepper_id, person, amr, provider, provider_sid, given_roles, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        tenant.0,
        step.handle.hash.as_slice(),
        step.handle.pepper_id,
        step.person.0,
        step.amr,
        step.vouched.map(|vouched| vouched.provider.0),
        step.vouched.and_then(|vouched| vouched.sid.as_deref()),
        step.vouched.map_or(&[][..], |vouched| &vouched.roles),
        now,
        step.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The login of a handle, by the hashes that it may be stored under, if it still waits and the person may log in.
pub async fn find(tx: &mut TenantTx, hashes: &[[u8; 32]], now: OffsetDateTime) -> Result<Option<StepRow>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query!(
        r#"select s.hash, s.person as "person: PersonId", s.amr, s.provider as "provider: ProviderId", s.provider_sid, s.given_roles
             from login_step s join person p on (p.tenant, p.id) = (s.tenant, s.person)
            where s.tenant = $1 and s.hash = any ($2) and s.used_at is null and s.expires_at > $3 and p.status = 'active'"#,
        tenant.0,
        &hashes,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| StepRow {
        hash: row.hash,
        person: row.person,
        amr: row.amr,
        vouched: row.provider.map(|provider| Vouched { provider, sid: row.provider_sid, roles: row.given_roles }),
    }))
}

/// Uses it up. False: somebody else did, or it has ended.
pub async fn use_up(tx: &mut TenantTx, hash: &[u8], now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update login_step set used_at = $3 where tenant = $1 and hash = $2 and used_at is null and expires_at > $3",
        tenant.0,
        hash,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
