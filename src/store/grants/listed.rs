//! Grants as the console and the admin API list them.

use time::OffsetDateTime;
use uuid::Uuid;

use super::many::StandingRow;
use crate::{
    ids::{GrantId, PersonId},
    store::{StoreError, TenantTx},
};

/// What part of the grants.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Those that have ended, in the place of those in force.
    pub ended: bool,
    /// A pattern for the person's name, the client's name and id, and the server's name.
    pub like: Option<String>,
    /// `person`, `client`, `server`, `created` or `ended`.
    pub sort: &'a str,
    /// Largest first.
    pub down: bool,
    /// Rows at most.
    pub limit: i64,
    /// Rows before.
    pub offset: i64,
}

/// One page of the grants.
pub async fn page(tx: &mut TenantTx, asked: &Asked<'_>, now: OffsetDateTime) -> Result<Vec<StandingRow>, StoreError> {
    read(tx, asked, None, now).await
}

/// One grant, in force or not.
pub async fn one(tx: &mut TenantTx, id: GrantId, now: OffsetDateTime) -> Result<Option<StandingRow>, StoreError> {
    for ended in [false, true] {
        let asked = Asked { ended, like: None, sort: "created", down: true, limit: 1, offset: 0 };
        if let Some(row) = read(tx, &asked, Some(id.0), now).await?.pop() {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

async fn read(
    tx: &mut TenantTx,
    asked: &Asked<'_>,
    id: Option<Uuid>,
    now: OffsetDateTime,
) -> Result<Vec<StandingRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        StandingRow,
        r#"select g.id as "id: GrantId", g.subject, p.username as "person?", g.person as "person_id: PersonId", g.client,
                  c.name as client_name, s.slug as server, s.name as server_name, g.scopes, g.created_at,
                  g.revoked_at as ended_at, c.status <> 'removed' as "client_there!",
                  s.status <> 'removed' as "server_there!",
                  (select greatest(max(r.created_at), max(f.created_at))
                     from family f left join refresh_token r on (r.tenant, r.family) = (f.tenant, f.id)
                    where f.tenant = g.tenant and f.grant_id = g.id) as last_token_at,
                  (select max(f.expires_at) from family f
                    where f.tenant = g.tenant and f.grant_id = g.id and f.revoked_at is null and f.expires_at > $2)
                      as ends_at,
                  (select count(*) from family f
                    where f.tenant = g.tenant and f.grant_id = g.id and f.revoked_at is null and f.expires_at > $2)
                      as "families!"
             from access_grant g
             join client c on (c.tenant, c.id) = (g.tenant, g.client)
             join server s on (s.tenant, s.id) = (g.tenant, g.server)
             left join person p on (p.tenant, p.id) = (g.tenant, g.person)
            where g.tenant = $1 and (g.revoked_at is not null) = $3
              and ($4::text is null or c.name ilike $4 or c.id ilike $4 or s.slug ilike $4 or s.name ilike $4
                   or p.username ilike $4 or p.display_name ilike $4)
              and ($9::uuid is null or g.id = $9)
            order by case when $5 = 'person' and not $6 then lower(p.username) end,
                     case when $5 = 'person' and $6 then lower(p.username) end desc nulls last,
                     case when $5 = 'client' and not $6 then lower(c.name) end,
                     case when $5 = 'client' and $6 then lower(c.name) end desc,
                     case when $5 = 'server' and not $6 then lower(s.name) end,
                     case when $5 = 'server' and $6 then lower(s.name) end desc,
                     case when $5 = 'created' and not $6 then g.created_at end,
                     case when $5 = 'ended' and not $6 then g.revoked_at end,
                     case when $5 = 'ended' and $6 then g.revoked_at end desc,
                     g.created_at desc, g.id desc
            limit $7 offset $8"#,
        tenant.0,
        now,
        asked.ended,
        asked.like,
        asked.sort,
        asked.down,
        asked.limit,
        asked.offset,
        id
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
