//! Authenticator apps and recovery codes.

use time::OffsetDateTime;

use crate::{
    ids::PersonId,
    keys::{Sealed, Stored},
    store::{StoreError, TenantTx},
};

/// An authenticator app.
#[derive(Clone, Debug)]
pub struct TotpRow {
    /// The secret, sealed.
    pub sealed: Sealed,
    /// The newest time step whose code was used.
    pub last_step: i64,
}

/// What a person has.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Since when there is an authenticator app.
    pub totp_since: Option<OffsetDateTime>,
    /// When a code of it was used.
    pub totp_used: Option<OffsetDateTime>,
    /// Recovery codes that were not used.
    pub recovery_codes: i64,
}

/// What a person has.
pub async fn held(tx: &mut TenantTx, person: PersonId) -> Result<Held, StoreError> {
    let tenant = tx.tenant();
    let held = sqlx::query_as!(
        Held,
        r#"select t.created_at as "totp_since?", t.last_used_at as "totp_used?",
                  (select count(*) from recovery_code r where r.tenant = $1 and r.person = $2 and r.used_at is null) as "recovery_codes!"
             from (select 1) one left join person_totp t on t.tenant = $1 and t.person = $2"#,
        tenant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(held)
}

/// The authenticator app of a person.
pub async fn totp(tx: &mut TenantTx, person: PersonId) -> Result<Option<TotpRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select kek_id, sealed, last_step from person_totp where tenant = $1 and person = $2",
        tenant.0,
        person.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| TotpRow { sealed: Sealed { kek_id: row.kek_id, bytes: row.sealed }, last_step: row.last_step }))
}

/// Adds an authenticator app, whose code of `step` was just used. False: the person has one.
pub async fn add_totp(
    tx: &mut TenantTx,
    person: PersonId,
    sealed: &Sealed,
    step: i64,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into person_totp (tenant, person, kek_id, sealed, last_step, created_at, last_used_at)
         values ($1, $2, $3, $4, $5, $6, $6) on conflict do nothing",
        tenant.0,
        person.0,
        sealed.kek_id,
        sealed.bytes,
        step,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses the code of a time step. False: it, or a newer one, was used.
pub async fn use_totp(tx: &mut TenantTx, person: PersonId, step: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update person_totp set last_step = $3, last_used_at = $4 where tenant = $1 and person = $2 and last_step < $3",
        tenant.0,
        person.0,
        step,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the authenticator app away. False: there is none.
pub async fn drop_totp(tx: &mut TenantTx, person: PersonId) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from person_totp where tenant = $1 and person = $2", tenant.0, person.0)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a person these codes. Those that there are work no more.
pub async fn add_recovery_codes(
    tx: &mut TenantTx,
    person: PersonId,
    codes: &[Stored],
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    drop_recovery_codes(tx, person).await?;
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| code.hash.to_vec()).collect();
    let peppers: Vec<String> = codes.iter().map(|code| code.pepper_id.clone()).collect();
    sqlx::query!(
        "insert into recovery_code (tenant, person, hash, pepper_id, created_at)
         select $1, $2, code.hash, code.pepper_id, $5 from unnest($3::bytea[], $4::text[]) code (hash, pepper_id)",
        tenant.0,
        person.0,
        &hashes,
        &peppers,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Uses a recovery code, by the hashes that it may be stored under. False: it is none, or was used.
pub async fn use_recovery_code(
    tx: &mut TenantTx,
    person: PersonId,
    hashes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let done = sqlx::query!(
        "update recovery_code set used_at = $4 where tenant = $1 and person = $2 and hash = any ($3) and used_at is null",
        tenant.0,
        person.0,
        &hashes,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes all recovery codes of a person away.
pub async fn drop_recovery_codes(tx: &mut TenantTx, person: PersonId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("delete from recovery_code where tenant = $1 and person = $2", tenant.0, person.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes away all that a person has. False: there was nothing.
pub async fn reset(tx: &mut TenantTx, person: PersonId) -> Result<bool, StoreError> {
    let had = drop_totp(tx, person).await?;
    drop_recovery_codes(tx, person).await?;
    Ok(had)
}
