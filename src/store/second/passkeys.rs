//! Passkeys, and challenges that were answered.

use time::OffsetDateTime;

use crate::{
    ids::{PasskeyId, PersonId},
    store::{StoreError, TenantTx},
};

/// The constraint that is violated when an authenticator's id is known already.
pub const CREDENTIAL_TAKEN: &str = "passkey_tenant_credential_key";

/// A passkey.
#[derive(Clone, Debug)]
pub struct PasskeyRow {
    /// Its id.
    pub id: PasskeyId,
    /// Whose it is.
    pub person: PersonId,
    /// The id that the authenticator gave it.
    pub credential: Vec<u8>,
    /// Its public key, as COSE spells it.
    pub public_key: Vec<u8>,
    /// What it signs with (COSE).
    pub alg: i32,
    /// How often it had signed when it was used last.
    pub sign_count: i64,
    /// Whether there are copies of it.
    pub backed_up: bool,
    /// How browsers reach it.
    pub transports: Vec<String>,
    /// By what its owner knows it.
    pub name: String,
    /// Since when it is here.
    pub created_at: OffsetDateTime,
    /// When it was used.
    pub last_used_at: Option<OffsetDateTime>,
}

/// Adds a passkey.
pub async fn add_passkey(tx: &mut TenantTx, row: &PasskeyRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into passkey (tenant, id, person, credential, public_key, alg, sign_count, backed_up, transports, name, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        tenant.0,
        row.id.0,
        row.person.0,
        row.credential,
        row.public_key,
        row.alg,
        row.sign_count,
        row.backed_up,
        &row.transports,
        row.name,
        row.created_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The passkeys of a person, oldest first.
pub async fn passkeys(tx: &mut TenantTx, person: PersonId) -> Result<Vec<PasskeyRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        PasskeyRow,
        r#"select id as "id: PasskeyId", person as "person: PersonId", credential, public_key, alg, sign_count, backed_up, transports,
                  name, created_at, last_used_at
             from passkey where tenant = $1 and person = $2 order by created_at, id limit 100"#,
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The passkey that an authenticator calls so, held until the end of the transaction.
pub async fn passkey(tx: &mut TenantTx, credential: &[u8]) -> Result<Option<PasskeyRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        PasskeyRow,
        r#"select id as "id: PasskeyId", person as "person: PersonId", credential, public_key, alg, sign_count, backed_up, transports,
                  name, created_at, last_used_at
             from passkey where tenant = $1 and credential = $2 for update"#,
        tenant.0,
        credential
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Whose passkey an authenticator calls so.
pub async fn passkey_owner(tx: &mut TenantTx, credential: &[u8]) -> Result<Option<PersonId>, StoreError> {
    let tenant = tx.tenant();
    let owner = sqlx::query_scalar!(
        r#"select person as "person: PersonId" from passkey where tenant = $1 and credential = $2"#,
        tenant.0,
        credential
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(owner)
}

/// Whether anybody here has one.
pub async fn any_passkey(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let any = sqlx::query_scalar!(r#"select exists (select from passkey where tenant = $1) as "any!""#, tenant.0)
        .fetch_one(tx.conn())
        .await?;
    Ok(any)
}

/// Keeps what its last use says. The row must be held.
pub async fn passkey_used(
    tx: &mut TenantTx,
    id: PasskeyId,
    (sign_count, backed_up): (i64, bool),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update passkey set sign_count = $3, backed_up = $4, last_used_at = $5 where tenant = $1 and id = $2",
        tenant.0,
        id.0,
        sign_count,
        backed_up,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes passkeys of a person away: one, or all. How many there were.
pub async fn drop_passkeys(tx: &mut TenantTx, person: PersonId, one: Option<PasskeyId>) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from passkey where tenant = $1 and person = $2 and ($3::uuid is null or id = $3)",
        tenant.0,
        person.0,
        one.map(|id| id.0)
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Writes down that a challenge was answered. False: it was before.
pub async fn use_challenge(tx: &mut TenantTx, hash: &[u8], expires_at: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into passkey_challenge (tenant, hash, expires_at) values ($1, $2, $3) on conflict do nothing",
        tenant.0,
        hash,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
