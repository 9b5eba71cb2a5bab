//! What the first page of the console counts.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::ids::ServerId;

/// Counts of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Grants in force.
    pub grants: i64,
    /// People who gave one.
    pub granting: i64,
    /// Clients that may do something.
    pub clients: i64,
    /// Clients that wait for an approval.
    pub pending: i64,
    /// People who may log in.
    pub people: i64,
    /// Browsers that are logged in.
    pub sessions: i64,
    /// Published servers.
    pub servers: i64,
    /// Administrators who may log in.
    pub administrators: i64,
}

/// Counts all of it.
pub async fn counts(tx: &mut TenantTx, now: OffsetDateTime) -> Result<Counts, StoreError> {
    let tenant = tx.tenant();
    let counts = sqlx::query_as!(
        Counts,
        r#"select (select count(*) from access_grant where tenant = $1 and revoked_at is null) as "grants!",
                  (select count(distinct person) from access_grant where tenant = $1 and revoked_at is null) as "granting!",
                  (select count(*) from client where tenant = $1 and status = 'active') as "clients!",
                  (select count(*) from client where tenant = $1 and status = 'pending') as "pending!",
                  (select count(*) from person where tenant = $1 and status = 'active') as "people!",
                  (select count(*) from session where tenant = $1 and ended_at is null and expires_at > $2) as "sessions!",
                  (select count(*) from server where tenant = $1 and status = 'active') as "servers!",
                  (select count(*) from person where tenant = $1 and status = 'active' and 'administrator' = any (roles))
                      as "administrators!""#,
        tenant.0,
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(counts)
}

/// What hangs on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerCounts {
    /// The server.
    pub server: ServerId,
    /// Accepted tools, prompts and resources.
    pub items: i64,
    /// Grants in force.
    pub grants: i64,
}

/// Counts that for each server.
pub async fn of_servers(tx: &mut TenantTx) -> Result<Vec<ServerCounts>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ServerCounts,
        r#"select s.id as "server: ServerId",
                  (select count(*) from catalogue_item i where i.tenant = s.tenant and i.server = s.id) as "items!",
                  (select count(*) from access_grant g
                    where g.tenant = s.tenant and g.server = s.id and g.revoked_at is null) as "grants!"
             from server s where s.tenant = $1"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
