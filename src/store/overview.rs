//! What the first page of the console counts.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};

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
