//! What came of it when a server was last asked what it offers.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::ids::ServerId;

/// What came of asking a server at the address that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRow {
    /// Which.
    pub server: ServerId,
    /// When.
    pub at: OffsetDateTime,
    /// `answered` or `failed`.
    pub outcome: String,
    /// How many tools, prompts and resources it offered.
    pub items: i32,
    /// Whether it refused a token that was not for it. None: nobody can tell.
    pub verifies: Option<bool>,
}

/// Remembers it in the place of what was known before, if the server is still in the version that was asked. Where nobody could tell
/// this time whether the same address verifies tokens, what was found before stands: an alarm does not go because a server is down.
pub async fn put(tx: &mut TenantTx, version: i64, probe: &ProbeRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into server_probe as p (tenant, server, at, upstream_url, outcome, items, verifies)
         select s.tenant, s.id, $4, s.upstream_url, $5, $6, $7 from server s
          where s.tenant = $1 and s.id = $2 and s.version = $3
         on conflict (tenant, server) do update
            set at = excluded.at, upstream_url = excluded.upstream_url, outcome = excluded.outcome, items = excluded.items,
                verifies = coalesce(excluded.verifies,
                                    case when p.upstream_url = excluded.upstream_url then p.verifies end)",
        tenant.0,
        probe.server.0,
        version,
        probe.at,
        probe.outcome,
        probe.items,
        probe.verifies
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is known of the servers of the tenant, at the addresses that they have now.
pub async fn all(tx: &mut TenantTx) -> Result<Vec<ProbeRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ProbeRow,
        r#"select p.server as "server: ServerId", p.at, p.outcome, p.items, p.verifies
             from server_probe p join server s on (s.tenant, s.id) = (p.tenant, p.server)
            where p.tenant = $1 and s.status <> 'removed' and s.upstream_url = p.upstream_url"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
