//! Looking for events in a tenant's log. Each look reads a bounded part, newest first: a log has millions.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    StoreError, TenantTx,
    audit::{EventRow, body},
    audit_names, containing,
};
use crate::ids::EventId;

/// Events that one look reads at most.
pub const LOOK: i64 = 5_000;

/// What is looked for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// A pattern for kinds: `call.%`.
    pub kind: Option<String>,
    /// A pattern for the body, a whole request id, and names of people, clients, servers and providers.
    pub text: Option<String>,
    /// Before this event.
    pub before: Option<EventId>,
    /// Events at most.
    pub limit: i64,
}

/// What a look found.
#[derive(Debug)]
pub struct Found {
    /// Events, newest first.
    pub events: Vec<EventRow>,
    /// Where to look on; none at the beginning of the log.
    pub rest: Option<EventId>,
}

/// Looks through the next part of the log.
pub async fn look(tx: &mut TenantTx, wanted: &Wanted) -> Result<Found, StoreError> {
    let tenant = tx.tenant();
    let select = "select id, at, kind, version, request_id, body from (
                      select * from audit_event where tenant = $1 and ($2::uuid is null or id < $2) order by id desc limit $3) part
                   where ($4::text is null or kind like $4) and ($5::text is null or body::text ilike $5 or request_id ilike $5 or body::text ilike any ($7))
                   order by id desc limit $6";
    let before = wanted.before.map(|id| id.0);
    // Events have no names of people and things: who looks for one means the id.
    let ids = match &wanted.text {
        Some(text) => audit_names::called(tx, text).await?,
        None => Vec::new(),
    };
    let ids: Vec<String> = ids.iter().map(|id| containing(id)).collect();
    let rows = sqlx::query(select)
        .bind(tenant.0)
        .bind(before)
        .bind(LOOK)
        .bind(&wanted.kind)
        .bind(&wanted.text)
        .bind(wanted.limit)
        .bind(&ids)
        .fetch_all(tx.conn())
        .await?;
    let events = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let full = i64::try_from(events.len()).unwrap_or_default() == wanted.limit;
    let rest = if full { events.last().map(|event| event.id) } else { end_of_part(tx, before).await? };
    Ok(Found { events, rest })
}

/// The last event of the part that a look read, if there are older ones.
pub(super) async fn end_of_part(tx: &mut TenantTx, before: Option<Uuid>) -> Result<Option<EventId>, StoreError> {
    let tenant = tx.tenant();
    let end = sqlx::query_scalar!(
        "select id from audit_event where tenant = $1 and ($2::uuid is null or id < $2) order by id desc offset $3 limit 1",
        tenant.0,
        before,
        LOOK - 1
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(end.map(EventId))
}

/// How often identity providers let nobody in since a moment, through their own fault: as far as the newest part of the log says.
pub async fn provider_faults(tx: &mut TenantTx, since: OffsetDateTime) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    let times = sqlx::query_scalar!(
        r#"select coalesce(sum((body ->> 'count')::bigint), 0)::bigint as "times!"
             from (select kind, at, body from audit_event where tenant = $1 order by id desc limit $2) part
            where kind = 'provider.refused' and at >= $3 and body ->> 'reason' in ('iss', 'exchange', 'token', 'unreachable')"#,
        tenant.0,
        LOOK,
        since
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(times)
}

/// One event.
pub async fn one(tx: &mut TenantTx, id: EventId) -> Result<Option<EventRow>, StoreError> {
    let tenant = tx.tenant();
    let select = "select id, at, kind, version, request_id, body from audit_event where tenant = $1 and id = $2";
    let row = sqlx::query(select).bind(tenant.0).bind(id.0).fetch_optional(tx.conn()).await?;
    row.as_ref().map(read).transpose()
}

pub(super) fn read(row: &sqlx::postgres::PgRow) -> Result<EventRow, StoreError> {
    use sqlx::Row as _;
    Ok(EventRow {
        id: EventId(row.try_get("id")?),
        at: row.try_get::<OffsetDateTime, _>("at")?,
        kind: row.try_get("kind")?,
        version: row.try_get("version")?,
        request_id: row.try_get("request_id")?,
        body: body(row)?,
    })
}

/// Where an event is in the log, once it is there: epoch and index.
pub async fn place(tx: &mut TenantTx, id: EventId) -> Result<Option<(i32, i64)>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!("select epoch, index from audit_entry where tenant = $1 and event = $2", tenant.0, id.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(|row| (row.epoch, row.index)))
}
