//! Taking away rows that have had their time, in bounded statements. [`crate::jobs::janitor`] says when.
//!
//! Every statement picks its rows in a materialized list first: a limit within `in (…)` may be planned as a join that
//! takes more. Rows that a request holds are skipped, so nobody waits for the janitor and it waits for nobody.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantTx};
use crate::ids::ClientId;

/// What a statement took away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many rows.
    pub rows: u64,
    /// Whether to ask again.
    pub more: bool,
}

impl Batch {
    /// Of a statement that takes `limit` rows at most: there may be more if it took that many.
    pub fn of(rows: u64, limit: u32) -> Self {
        Self { rows, more: rows >= u64::from(limit) }
    }
}

/// Takes the tenant's turn until the end of the transaction. False while another process has it.
pub async fn try_turn(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let mine = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1::text, 7310003)) as "mine!""#,
        tenant.to_string()
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(mine)
}

/// Removes authorization requests that expired before `before`.
pub async fn interactions(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select id from interaction where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from interaction where tenant = $1 and id in (select id from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes sessions that expired or were ended before `before`.
pub async fn sessions(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select id from session where tenant = $1 and (expires_at < $2 or ended_at < $2) limit $3
                for update skip locked)
         delete from session where tenant = $1 and id in (select id from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes authorization codes that expired before `before`.
pub async fn codes(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select hash from auth_code where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from auth_code where tenant = $1 and hash in (select hash from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes device authorization requests that expired before `before`.
pub async fn devices(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select id from device_authorization where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from device_authorization where tenant = $1 and id in (select id from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes assertions of clients that expired before `before`.
pub async fn assertions(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select client, jti from client_assertion where tenant = $1 and expires_at < $2 limit $3
                for update skip locked)
         delete from client_assertion a using old where a.tenant = $1 and (a.client, a.jti) = (old.client, old.jti)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes access tokens that expired before `before`.
pub async fn access_tokens(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select hash from access_token where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from access_token where tenant = $1 and hash in (select hash from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes refresh tokens of families that expired, or that ended with their grant or by themselves, before `before`.
/// A family whose last one is gone is marked, so that it is not looked at again.
pub async fn refresh_tokens(
    tx: &mut TenantTx,
    before: OffsetDateTime,
    limit: u32,
    now: OffsetDateTime,
) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let families: Vec<Uuid> = sqlx::query_scalar!(
        "select f.id from family f join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
          where f.tenant = $1 and f.refresh_tokens_removed_at is null
            and (f.expires_at < $2 or f.revoked_at < $2 or g.revoked_at < $2)
          limit $3 for update of f skip locked",
        tenant.0,
        before,
        i64::from(limit)
    )
    .fetch_all(tx.conn())
    .await?;
    // A request locks a token before its family: skipping what is locked, the janitor never waits the other way round.
    let deleted = sqlx::query!(
        "with old as materialized (
             select hash from refresh_token where tenant = $1 and family = any ($2) limit $3 for update skip locked)
         delete from refresh_token where tenant = $1 and hash in (select hash from old)",
        tenant.0,
        &families,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    let marked = sqlx::query!(
        "update family f set refresh_tokens_removed_at = $3
          where f.tenant = $1 and f.id = any ($2)
            and not exists (select from refresh_token r where (r.tenant, r.family) = (f.tenant, f.id))",
        tenant.0,
        &families,
        now
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    Ok(Batch { rows: deleted, more: deleted + marked > 0 })
}

/// Removes counts of failed logins whose window began before `before` and that block nobody.
pub async fn login_throttle(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select bucket from login_throttle
              where tenant = $1 and window_start < $2 and coalesce(blocked_until < $2, true) limit $3
                for update skip locked)
         delete from login_throttle where tenant = $1 and bucket in (select bucket from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes initial access tokens that expired before `before`.
pub async fn initial_tokens(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select hash from initial_access_token where tenant = $1 and expires_at < $2 limit $3
                for update skip locked)
         delete from initial_access_token where tenant = $1 and hash in (select hash from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes logins on their way to an identity provider that expired before `before`.
pub async fn login_attempts(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let statement = "with old as materialized (
             select hash from login_attempt where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from login_attempt where tenant = $1 and hash in (select hash from old)";
    let done = sqlx::query(statement).bind(tenant.0).bind(before).bind(i64::from(limit)).execute(tx.conn()).await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes logins that waited for a second factor until before `before`.
pub async fn login_steps(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let statement = "with old as materialized (
             select hash from login_step where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from login_step where tenant = $1 and hash in (select hash from old)";
    let done = sqlx::query(statement).bind(tenant.0).bind(before).bind(i64::from(limit)).execute(tx.conn()).await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes answered challenges for passkeys that could be answered until before `before`.
pub async fn challenges(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let statement = "with old as materialized (
             select hash from passkey_challenge where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from passkey_challenge where tenant = $1 and hash in (select hash from old)";
    let done = sqlx::query(statement).bind(tenant.0).bind(before).bind(i64::from(limit)).execute(tx.conn()).await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes logout tokens that were used and are refused by their age anyway since `before`.
pub async fn logout_tokens(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let statement = "with old as materialized (
             select provider, hash from logout_token where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from logout_token t using old where t.tenant = $1 and (t.provider, t.hash) = (old.provider, old.hash)";
    let done = sqlx::query(statement).bind(tenant.0).bind(before).bind(i64::from(limit)).execute(tx.conn()).await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes links to set a password that expired before `before`.
pub async fn person_links(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select id from person_link where tenant = $1 and expires_at < $2 limit $3 for update skip locked)
         delete from person_link where tenant = $1 and id in (select id from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Removes tokens of the admin API that expired or were taken back before `before`.
pub async fn api_tokens(tx: &mut TenantTx, before: OffsetDateTime, limit: u32) -> Result<Batch, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "with old as materialized (
             select id from api_token where tenant = $1 and least(expires_at, revoked_at) < $2 limit $3 for update skip locked)
         delete from api_token where tenant = $1 and id in (select id from old)",
        tenant.0,
        before,
        i64::from(limit)
    )
    .execute(tx.conn())
    .await?;
    Ok(Batch::of(done.rows_affected(), limit))
}

/// Marks clients as removed that registered before `before` and were never used: that never authenticated, and have no
/// grant, live or not, and no authorization request under way. Goes with an audit event and an authority log entry each.
///
/// The rows are locked first and looked at again: a request that names the client either came before and is seen, or
/// waits with its foreign key until the client is gone.
pub async fn unused_clients(
    tx: &mut TenantTx,
    before: OffsetDateTime,
    limit: u32,
) -> Result<Vec<ClientId>, StoreError> {
    let tenant = tx.tenant();
    let candidates = sqlx::query_scalar!(
        "select c.id from client c
          where c.tenant = $1 and c.origin in ('registered', 'document') and c.status in ('active', 'pending')
            and c.last_used_at is null and c.created_at < $2
            and not exists (select from access_grant g where (g.tenant, g.client) = (c.tenant, c.id))
            and not exists (select from interaction i where (i.tenant, i.client) = (c.tenant, c.id))
          order by c.created_at limit $3 for update skip locked",
        tenant.0,
        before,
        i64::from(limit)
    )
    .fetch_all(tx.conn())
    .await?;
    remove_unused(tx, &candidates).await
}

/// The same of those that registered, which have places of their own. Those that wait for an approval did before `pending_before`.
pub async fn oldest_unused_clients(
    tx: &mut TenantTx,
    before: OffsetDateTime,
    pending_before: OffsetDateTime,
    limit: u32,
) -> Result<Vec<ClientId>, StoreError> {
    let tenant = tx.tenant();
    let candidates = sqlx::query_scalar!(
        "select c.id from client c
          where c.tenant = $1 and c.origin = 'registered' and c.status in ('active', 'pending')
            and c.last_used_at is null
            and (c.status = 'active' and c.created_at < $2 or c.status = 'pending' and c.created_at < $4)
            and not exists (select from access_grant g where (g.tenant, g.client) = (c.tenant, c.id))
            and not exists (select from interaction i where (i.tenant, i.client) = (c.tenant, c.id))
          order by c.created_at limit $3 for update skip locked",
        tenant.0,
        before,
        i64::from(limit),
        pending_before
    )
    .fetch_all(tx.conn())
    .await?;
    remove_unused(tx, &candidates).await
}

/// Removes those of locked candidates that nothing rests on.
async fn remove_unused(tx: &mut TenantTx, candidates: &[String]) -> Result<Vec<ClientId>, StoreError> {
    let tenant = tx.tenant();
    let removed = sqlx::query_scalar!(
        "with removed as (
             update client c set status = 'removed'
              where c.tenant = $1 and c.id = any ($2)
                and not exists (select from access_grant g where (g.tenant, g.client) = (c.tenant, c.id))
                and not exists (select from interaction i where (i.tenant, i.client) = (c.tenant, c.id))
              returning c.id),
         expired as (
             update client_document d set expired = true
              where d.tenant = $1 and d.client in (select id from removed))
         select id from removed",
        tenant.0,
        candidates
    )
    .fetch_all(tx.conn())
    .await?;
    removed.iter().map(|id| ClientId::parse(id).map_err(StoreError::corrupt)).collect()
}
