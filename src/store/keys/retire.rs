//! The end of a key outside the database.

use time::OffsetDateTime;

use crate::{
    ids::FamilyId,
    keys::KeyKind,
    store::{PlatformTx, StoreError, TenantTx},
};

/// Keeps everybody from storing values under a key until the end of the transaction, and waits for those who are at it.
pub async fn fence(tx: &mut PlatformTx, kind: KeyKind, id: &str) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 7310005))", format!("{}/{id}", kind.name()))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Retires a key: nothing is stored under it any more, and no process uses it again. False where that was done before.
pub async fn mark_retired(
    tx: &mut PlatformTx,
    kind: KeyKind,
    id: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "update key_check set retired_at = $3, in_use = false where kind = $1 and key_id = $2 and retired_at is null",
        kind.name(),
        id,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What ended in one tenant with its pepper.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Families whose refresh token it was.
    pub families: Vec<FamilyId>,
    /// Access tokens, of these families and of others.
    pub access_tokens: u64,
    /// Authorization codes and requests.
    pub authorizations: u64,
    /// Browser sessions.
    pub sessions: u64,
    /// Registration access tokens.
    pub registration_tokens: u64,
    /// Initial access tokens.
    pub initial_access_tokens: u64,
    /// Client secrets. Nothing fits any more, until the client is given another.
    pub client_secrets: u64,
    /// Introspection secrets of servers.
    pub server_secrets: u64,
    /// Links by which people set a password.
    pub links: u64,
    /// Tokens of the admin API.
    pub api_tokens: u64,
    /// Recovery codes.
    pub recovery_codes: u64,
}

/// Ends everything of the tenant that is stored under a pepper. Goes with audit events and an authority log entry.
pub async fn end_under_pepper(
    tx: &mut TenantTx,
    pepper: &str,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Ended, StoreError> {
    let tenant = tx.tenant().0;
    let families = sqlx::query_scalar!(
        r#"update family f set revoked_at = $3, revoke_reason = $4
            where f.tenant = $1 and f.revoked_at is null and f.expires_at > $3
              and exists (select from access_grant g where (g.tenant, g.id) = (f.tenant, f.grant_id) and g.revoked_at is null)
              and exists (select from refresh_token r
                           where (r.tenant, r.family) = (f.tenant, f.id) and r.pepper_id = $2 and r.idle_expires_at > $3
                             and not exists (select from refresh_token s
                                              where (s.tenant, s.family) = (f.tenant, f.id) and s.generation > r.generation))
           returning f.id as "id: FamilyId""#,
        tenant,
        pepper,
        now,
        reason
    )
    .fetch_all(tx.conn())
    .await?;
    let access_tokens = sqlx::query!(
        "update access_token set revoked_at = $3
          where tenant = $1 and pepper_id = $2 and revoked_at is null and expires_at > $3",
        tenant,
        pepper,
        now
    );
    let access_tokens = access_tokens.execute(tx.conn()).await?.rows_affected();
    let codes = sqlx::query!("delete from auth_code where tenant = $1 and pepper_id = $2", tenant, pepper);
    let codes = codes.execute(tx.conn()).await?.rows_affected();
    let requests = sqlx::query!("delete from interaction where tenant = $1 and pepper_id = $2", tenant, pepper);
    let requests = requests.execute(tx.conn()).await?.rows_affected();
    let devices = sqlx::query!("delete from device_authorization where tenant = $1 and pepper_id = $2", tenant, pepper);
    let devices = devices.execute(tx.conn()).await?.rows_affected();
    let sessions = sqlx::query!(
        "update session set ended_at = $3 where tenant = $1 and pepper_id = $2 and ended_at is null",
        tenant,
        pepper,
        now
    );
    let sessions = sessions.execute(tx.conn()).await?.rows_affected();
    let registrations = sqlx::query!(
        "update client set registration_hash = null, registration_pepper_id = null
          where tenant = $1 and registration_pepper_id = $2",
        tenant,
        pepper
    );
    let registration_tokens = registrations.execute(tx.conn()).await?.rows_affected();
    let initial = sqlx::query!("delete from initial_access_token where tenant = $1 and pepper_id = $2", tenant, pepper);
    let initial_access_tokens = initial.execute(tx.conn()).await?.rows_affected();
    // A confidential client has a secret. This is the hash of none.
    let client_secrets = sqlx::query!(
        "update client set secret_hash = decode(repeat('00', 32), 'hex'), secret_pepper_id = ''
          where tenant = $1 and secret_pepper_id = $2",
        tenant,
        pepper
    );
    let client_secrets = client_secrets.execute(tx.conn()).await?.rows_affected();
    let servers = sqlx::query!("delete from server_secret where tenant = $1 and pepper_id = $2", tenant, pepper);
    let server_secrets = servers.execute(tx.conn()).await?.rows_affected();
    let links = sqlx::query!("delete from person_link where tenant = $1 and pepper_id = $2", tenant, pepper);
    let links = links.execute(tx.conn()).await?.rows_affected();
    let api = sqlx::query!("delete from api_token where tenant = $1 and pepper_id = $2", tenant, pepper);
    let api_tokens = api.execute(tx.conn()).await?.rows_affected();
    let steps = sqlx::query!("delete from login_step where tenant = $1 and pepper_id = $2", tenant, pepper);
    steps.execute(tx.conn()).await?;
    let codes_left = sqlx::query!("delete from recovery_code where tenant = $1 and pepper_id = $2", tenant, pepper);
    let recovery_codes = codes_left.execute(tx.conn()).await?.rows_affected();
    Ok(Ended {
        families,
        access_tokens,
        authorizations: codes + requests + devices,
        sessions,
        registration_tokens,
        initial_access_tokens,
        client_secrets,
        server_secrets,
        links,
        api_tokens,
        recovery_codes,
    })
}
