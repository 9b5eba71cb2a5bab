//! Grants in force as the console lists them.

use time::OffsetDateTime;

use super::many::StandingRow;
use crate::{
    ids::GrantId,
    store::{StoreError, TenantTx},
};

/// What part of the grants.
#[derive(Debug)]
pub struct Asked<'a> {
    /// A pattern for the person's name, the client's name and id, and the server's name.
    pub like: Option<String>,
    /// `person`, `client`, `server` or `created`.
    pub sort: &'a str,
    /// Largest first.
    pub down: bool,
    /// Rows at most.
    pub limit: i64,
    /// Rows before.
    pub offset: i64,
}

/// One page of the grants in force.
pub async fn page(tx: &mut TenantTx, asked: &Asked<'_>, now: OffsetDateTime) -> Result<Vec<StandingRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        StandingRow,
        r#"select g.id as "id: GrantId", g.subject, p.username as "person?", g.client, c.name as client_name,
                  s.slug as server, g.scopes, g.created_at,
                  (select greatest(max(r.created_at), max(f.created_at))
                     from family f left join refresh_token r on (r.tenant, r.family) = (f.tenant, f.id)
                    where f.tenant = g.tenant and f.grant_id = g.id) as last_token_at,
                  (select count(*) from family f
                    where f.tenant = g.tenant and f.grant_id = g.id and f.revoked_at is null and f.expires_at > $2)
                      as "families!"
             from access_grant g
             join client c on (c.tenant, c.id) = (g.tenant, g.client)
             join server s on (s.tenant, s.id) = (g.tenant, g.server)
             left join person p on (p.tenant, p.id) = (g.tenant, g.person)
            where g.tenant = $1 and g.revoked_at is null
              and ($3::text is null or c.name ilike $3 or c.id ilike $3 or s.slug ilike $3 or s.name ilike $3
                   or p.username ilike $3 or p.display_name ilike $3)
            order by case when $4 = 'person' and not $5 then lower(p.username) end,
                     case when $4 = 'person' and $5 then lower(p.username) end desc nulls last,
                     case when $4 = 'client' and not $5 then lower(c.name) end,
                     case when $4 = 'client' and $5 then lower(c.name) end desc,
                     case when $4 = 'server' and not $5 then s.slug end,
                     case when $4 = 'server' and $5 then s.slug end desc,
                     case when $4 = 'created' and not $5 then g.created_at end,
                     g.created_at desc, g.id desc
            limit $6 offset $7"#,
        tenant.0,
        now,
        asked.like,
        asked.sort,
        asked.down,
        asked.limit,
        asked.offset
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
