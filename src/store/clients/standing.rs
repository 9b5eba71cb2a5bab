//! What administrators decided about clients, and how many there are.

use time::OffsetDateTime;

use super::Row;
use crate::{
    clients::{Client, Status, software::Software, standing::Suspension},
    ids::ClientId,
    store::{StoreError, TenantTx},
};

/// A client in a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// It.
    pub client: Client,
    /// What people have granted it, as far as it is in force.
    pub grants: i64,
}

/// All clients that were not removed, oldest first.
pub async fn all(tx: &mut TenantTx) -> Result<Vec<Listed>, StoreError> {
    let tenant = tx.tenant();
    let clients = sqlx::query_as!(
        Row,
        "select id, origin, metadata, secret_hash, secret_pepper_id, registration_hash, registration_pepper_id,
                status, created_at, last_used_at
           from client where tenant = $1 and status <> 'removed' order by created_at, id",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    let grants = sqlx::query!(
        r#"select client, count(*) as "grants!" from access_grant where tenant = $1 and revoked_at is null group by client"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    let grants: std::collections::HashMap<String, i64> =
        grants.into_iter().map(|row| (row.client, row.grants)).collect();
    let listed = |row: Row| {
        let grants = grants.get(&row.id).copied().unwrap_or(0);
        Ok(Listed { client: Client::try_from(row)?, grants })
    };
    clients.into_iter().map(listed).collect()
}

/// The ids of clients that were not removed and begin like this, at most three.
pub async fn beginning_with(tx: &mut TenantTx, prefix: &str) -> Result<Vec<ClientId>, StoreError> {
    let tenant = tx.tenant();
    let ids = sqlx::query_scalar!(
        "select id from client where tenant = $1 and starts_with(id, $2) and status <> 'removed'
          order by id <> $2, id limit 3",
        tenant.0,
        prefix
    )
    .fetch_all(tx.conn())
    .await?;
    ids.iter().map(|id| ClientId::parse(id).map_err(StoreError::corrupt)).collect()
}

/// All that wait for an approval.
pub async fn pending(tx: &mut TenantTx) -> Result<Vec<Client>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        "select id, origin, metadata, secret_hash, secret_pepper_id, registration_hash, registration_pepper_id,
                status, created_at, last_used_at
           from client where tenant = $1 and origin = 'registered' and status = 'pending' order by created_at, id
            for no key update",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Client::try_from).collect()
}

/// Lets those of them go on that wait.
pub async fn approve(tx: &mut TenantTx, clients: &[ClientId]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<String> = clients.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "update client set status = 'active' where tenant = $1 and id = any ($2) and status = 'pending'",
        tenant.0,
        &ids
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stops a client, or says anew why it is stopped.
pub async fn suspend(
    tx: &mut TenantTx,
    id: &ClientId,
    reason: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update client set status = 'disabled', status_reason = coalesce($3, status_reason),
                status_before = case when status = 'disabled' then status_before else status end,
                status_since = case when status = 'disabled' then status_since else $4 end
          where tenant = $1 and id = $2 and status <> 'removed'",
        tenant.0,
        id.as_str(),
        reason,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes a suspended client what it was before.
pub async fn resume(tx: &mut TenantTx, id: &ClientId) -> Result<Status, StoreError> {
    let tenant = tx.tenant();
    let status = sqlx::query_scalar!(
        "update client set status = coalesce(status_before, 'active'), status_before = null, status_reason = null,
                status_since = null
          where tenant = $1 and id = $2 and status = 'disabled' returning status",
        tenant.0,
        id.as_str()
    )
    .fetch_one(tx.conn())
    .await?;
    Status::parse(&status).ok_or_else(|| StoreError::corrupt("client.status"))
}

/// Why a client is suspended.
pub async fn suspension(tx: &mut TenantTx, id: &ClientId) -> Result<Option<Suspension>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select status_reason, status_since from client where tenant = $1 and id = $2 and status = 'disabled'",
        tenant.0,
        id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| Suspension { reason: row.status_reason, since: row.status_since }))
}

/// Waits for the tenant's turn, which registrations take as well. To be taken before any row is held.
pub async fn take_turn(tx: &mut TenantTx) -> Result<(), StoreError> {
    super::take_turn(tx).await
}

/// Remembers that a software is approved, in the tenant's turn.
pub async fn remember(tx: &mut TenantTx, software: Software, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into approved_software (tenant, fingerprint, approved_at) values ($1, $2, $3) on conflict do nothing",
        tenant.0,
        software.bytes().as_slice(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets it, in the tenant's turn. Returns whether it was remembered.
pub async fn forget(tx: &mut TenantTx, software: Software) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from approved_software where tenant = $1 and fingerprint = $2",
        tenant.0,
        software.bytes().as_slice()
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whether a software was approved beforehand.
pub async fn is_remembered(tx: &mut TenantTx, software: Software) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let there = sqlx::query_scalar!(
        r#"select exists (select from approved_software where tenant = $1 and fingerprint = $2) as "there!""#,
        tenant.0,
        software.bytes().as_slice()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(there)
}

/// How many grants of a client are in force.
pub async fn grants(tx: &mut TenantTx, id: &ClientId) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from access_grant where tenant = $1 and client = $2 and revoked_at is null"#,
        tenant.0,
        id.as_str()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// How many clients registered themselves and were not removed. Holds for a transaction that has its turn.
pub async fn registered(tx: &mut TenantTx) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from client where tenant = $1 and origin = 'registered' and status <> 'removed'"#,
        tenant.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}
