//! What was done in a person's name, as far as the log has it. Each look reads a bounded part of the log, newest first.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    StoreError, TenantTx,
    audit::EventRow,
    audit_search::{Found, LOOK, end_of_part, read},
};
use crate::ids::{ClientId, EventId, GrantId, PersonId};

/// Parts of the log that one page may go through.
const PARTS: usize = 8;

/// What is looked for.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Of whom.
    pub person: PersonId,
    /// Of this grant alone.
    pub grant: Option<GrantId>,
    /// These kinds of events.
    pub kinds: &'a [&'a str],
    /// Before this event.
    pub before: Option<EventId>,
    /// Events at most.
    pub limit: i64,
}

/// Looks back until there are enough events, or until enough of the log was read.
pub async fn look(tx: &mut TenantTx, asked: &Asked<'_>) -> Result<Found, StoreError> {
    let mut found = Found { events: Vec::new(), rest: asked.before };
    for _ in 0..PARTS {
        let missing = asked.limit - i64::try_from(found.events.len()).unwrap_or(asked.limit);
        let events = part(tx, asked, found.rest, missing).await?;
        let is_full = i64::try_from(events.len()).unwrap_or_default() == missing;
        let end = end_of_part(tx, found.rest.map(|id| id.0)).await?;
        found.rest = if is_full { events.last().map(|event| event.id) } else { end };
        found.events.extend(events);
        if is_full || found.rest.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn part(
    tx: &mut TenantTx,
    asked: &Asked<'_>,
    before: Option<EventId>,
    limit: i64,
) -> Result<Vec<EventRow>, StoreError> {
    let tenant = tx.tenant();
    let select = "with own as (
                      select f.id::text as family, g.id::text as grant_id
                        from access_grant g left join family f on (f.tenant, f.grant_id) = (g.tenant, g.id)
                       where g.tenant = $1 and g.person = $4 and ($5::uuid is null or g.id = $5))
                  select id, at, kind, version, request_id, body from (
                      select * from audit_event where tenant = $1 and ($2::uuid is null or id < $2) order by id desc limit $3) part
                   where kind = any ($6)
                     and (body ->> 'family' in (select family from own) or body ->> 'grant' in (select grant_id from own)
                          or $5::uuid is null and (body ->> 'person' = $7 or body #>> '{actor,person}' = $7))
                   order by id desc limit $8";
    let kinds: Vec<String> = asked.kinds.iter().map(ToString::to_string).collect();
    let rows = sqlx::query(select)
        .bind(tenant.0)
        .bind(before.map(|id| id.0))
        .bind(LOOK)
        .bind(asked.person.0)
        .bind(asked.grant.map(|grant| grant.0))
        .bind(kinds)
        .bind(asked.person.to_string())
        .bind(limit)
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(read).collect()
}

/// Events by their ids, as far as they are there.
pub async fn events(tx: &mut TenantTx, ids: &[EventId]) -> Result<HashMap<EventId, EventRow>, StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let select = "select id, at, kind, version, request_id, body from audit_event where tenant = $1 and id = any ($2)";
    let rows = sqlx::query(select).bind(tenant.0).bind(ids).fetch_all(tx.conn()).await?;
    rows.iter().map(|row| read(row).map(|event| (event.id, event))).collect()
}

/// The names of clients, removed ones too.
pub async fn client_names(tx: &mut TenantTx, ids: &[String]) -> Result<HashMap<String, String>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select id as "id: ClientId", name from client where tenant = $1 and id = any ($2)"#,
        tenant.0,
        ids
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id.to_string(), row.name)).collect())
}
