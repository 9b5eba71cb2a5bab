//! Calls by hour, counted from the audit log.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Store, StoreError, TenantTx};
use crate::ids::{GrantId, ServerId, TenantId};

/// Entries that are counted in one transaction.
const BATCH: i64 = 2_000;

impl Store {
    /// Tenants whose logs have entries that are not counted yet.
    pub async fn tenants_to_count(&self) -> Result<Vec<TenantId>, StoreError> {
        let ids = sqlx::query_scalar!(r#"select tenants_to_count() as "id!""#).fetch_all(self.pool()).await?;
        Ok(ids.into_iter().map(TenantId).collect())
    }
}

/// Counts the next entries of the tenant's log; says whether there are more. Whoever comes while another process counts has
/// nothing to do. Counts and cursor are written together, so an entry is counted once, whatever happens.
pub async fn count_on(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let turn = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, 7310097)) as "turn!""#,
        tenant.to_string()
    )
    .fetch_one(tx.conn())
    .await?;
    if !turn {
        return Ok(false);
    }
    let Some((epoch, from, size)) = next(tx).await? else { return Ok(false) };
    let last = sqlx::query_scalar!(
        r#"with entries as (
               select n.index, e.kind, e.body, e.at from audit_entry n left join audit_event e on (e.tenant, e.id) = (n.tenant, n.event)
                where n.tenant = $1 and n.epoch = $2 and n.index >= $3 order by n.index limit $4),
           calls as (
               select date_trunc('hour', n.at at time zone 'UTC') at time zone 'UTC' as hour, n.at,
                      coalesce(i.body, n.body) as call,
                      case n.kind when 'call.denied' then 'denied' when 'call.refused' then 'refused'
                                  else n.body ->> 'outcome' end as outcome,
                      case when n.body ->> 'outcome' = 'answered' then (n.body ->> 'millis')::bigint end as millis
                 from entries n
                 left join audit_event i
                   on n.kind = 'call.outcome' and i.tenant = $1 and i.id = (n.body ->> 'intent')::uuid
                where n.kind in ('call.outcome', 'call.denied', 'call.refused')),
           counted as (
               select c.hour, (c.call ->> 'server')::uuid as server, c.call ->> 'client' as client,
                      coalesce(f.grant_id, '00000000-0000-0000-0000-000000000000') as grant_id, c.outcome, count(*) as calls, max(c.at) as last_at,
                      array[count(*) filter (where millis <= 10),
                            count(*) filter (where millis > 10 and millis <= 30),
                            count(*) filter (where millis > 30 and millis <= 100),
                            count(*) filter (where millis > 100 and millis <= 300),
                            count(*) filter (where millis > 300 and millis <= 1000),
                            count(*) filter (where millis > 1000 and millis <= 3000),
                            count(*) filter (where millis > 3000 and millis <= 10000),
                            count(*) filter (where millis > 10000)] as millis
                 from calls c
                 left join family f on f.tenant = $1 and f.id = (c.call ->> 'family')::uuid
                where c.call ->> 'server' is not null and c.call ->> 'client' is not null and c.outcome is not null
                group by 1, 2, 3, 4, 5),
           written as (
               insert into usage_hour as u (tenant, hour, server, client, grant_id, outcome, calls, last_at, millis)
               select $1, hour, server, client, grant_id, outcome, calls, last_at, millis from counted
                   on conflict (tenant, hour, server, client, grant_id, outcome) do update
                   set calls = u.calls + excluded.calls, last_at = greatest(u.last_at, excluded.last_at),
                       millis = (select array_agg(a + b order by n)
                                   from unnest(u.millis, excluded.millis) with ordinality as x (a, b, n)))
           select max(index) as last from entries"#,
        tenant.0,
        epoch,
        from,
        BATCH
    )
    .fetch_one(tx.conn())
    .await?;
    // What is not there any more is not counted.
    put_cursor(tx, epoch, last.map_or(size, |last| last + 1)).await?;
    Ok(true)
}

/// Where to go on: in this epoch of the log, or at the beginning of the next one once this is counted to its end.
async fn next(tx: &mut TenantTx) -> Result<Option<(i32, i64, i64)>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"with cursor as (
               select coalesce(max(epoch), 0) as epoch, coalesce(max(next_index), 0) as next_index from usage_cursor where tenant = $1)
           select l.epoch, case when l.epoch = c.epoch then c.next_index else 0 end as "from!", l.size
             from audit_log l, cursor c
            where l.tenant = $1 and (l.epoch > c.epoch or l.epoch = c.epoch and l.size > c.next_index) and l.size > 0
            order by l.epoch limit 1"#,
        tenant.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.epoch, row.from, row.size)))
}

async fn put_cursor(tx: &mut TenantTx, epoch: i32, next: i64) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into usage_cursor (tenant, epoch, next_index) values ($1, $2, $3)
         on conflict (tenant) do update set epoch = excluded.epoch, next_index = excluded.next_index",
        tenant.0,
        epoch,
        next
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose calls.
#[derive(Clone, Debug, Default)]
pub struct Whose {
    /// To this server.
    pub server: Option<ServerId>,
    /// By this client.
    pub client: Option<String>,
    /// Under these grants.
    pub grants: Option<Vec<GrantId>>,
}

/// Calls in one hour or day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub begins: OffsetDateTime,
    /// Calls that were forwarded.
    pub forwarded: i64,
    /// Calls that were not: denied or refused.
    pub denied: i64,
}

/// Calls since a moment, by `hour` or `day`; spans without calls are left out.
pub async fn spans(tx: &mut TenantTx, of: &Whose, unit: &str, since: OffsetDateTime) -> Result<Vec<Span>, StoreError> {
    let tenant = tx.tenant();
    let grants: Option<Vec<Uuid>> = of.grants.as_ref().map(|grants| grants.iter().map(|grant| grant.0).collect());
    let rows = sqlx::query_as!(
        Span,
        r#"select date_trunc($2, hour at time zone 'UTC') at time zone 'UTC' as "begins!",
                  coalesce(sum(calls) filter (where outcome not in ('denied', 'refused')), 0)::bigint as "forwarded!",
                  coalesce(sum(calls) filter (where outcome in ('denied', 'refused')), 0)::bigint as "denied!"
             from usage_hour
            where tenant = $1 and hour >= $3 and ($4::uuid is null or server = $4) and ($5::text is null or client = $5)
              and ($6::uuid[] is null or grant_id = any ($6))
            group by 1 order by 1"#,
        tenant.0,
        unit,
        since,
        of.server.map(|server| server.0),
        of.client,
        grants as Option<Vec<Uuid>>
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Days and calls of one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfGrant {
    /// Which.
    pub grant: GrantId,
    /// When the day begins, in UTC.
    pub day: OffsetDateTime,
    /// Calls that were forwarded.
    pub calls: i64,
}

/// Forwarded calls of each of these grants, by day.
pub async fn by_grant(
    tx: &mut TenantTx,
    grants: &[GrantId],
    since: OffsetDateTime,
) -> Result<Vec<OfGrant>, StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = grants.iter().map(|grant| grant.0).collect();
    let rows = sqlx::query_as!(
        OfGrant,
        r#"select grant_id as "grant: GrantId", date_trunc('day', hour at time zone 'UTC') at time zone 'UTC' as "day!",
                  sum(calls)::bigint as "calls!"
             from usage_hour
            where tenant = $1 and hour >= $2 and grant_id = any ($3) and outcome not in ('denied', 'refused')
            group by 1, 2 order by 1, 2"#,
        tenant.0,
        since,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// When each of these grants was last used for a call that was forwarded; to the hour where an older version counted it.
pub async fn last_used(tx: &mut TenantTx, grants: &[GrantId]) -> Result<Vec<(GrantId, OffsetDateTime)>, StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = grants.iter().map(|grant| grant.0).collect();
    let rows = sqlx::query!(
        r#"select grant_id as "grant: GrantId", max(coalesce(last_at, hour)) as "last!"
             from usage_hour
            where tenant = $1 and grant_id = any ($2) and outcome not in ('denied', 'refused')
            group by 1"#,
        tenant.0,
        &ids
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.grant, row.last)).collect())
}

/// How long answers of a server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Which server.
    pub server: ServerId,
    /// Answered calls by their time: up to 10, 30, 100, 300, 1000, 3000, 10000 ms, and longer.
    pub buckets: Vec<i64>,
}

/// That of each server since a moment.
pub async fn latencies(tx: &mut TenantTx, since: OffsetDateTime) -> Result<Vec<Latency>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Latency,
        r#"select server as "server: ServerId",
                  array[sum(millis[1])::bigint, sum(millis[2])::bigint, sum(millis[3])::bigint, sum(millis[4])::bigint,
                        sum(millis[5])::bigint, sum(millis[6])::bigint, sum(millis[7])::bigint, sum(millis[8])::bigint] as "buckets!"
             from usage_hour where tenant = $1 and hour >= $2 group by server"#,
        tenant.0,
        since
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Answers of an hour, by their time, of all servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// When the hour begins.
    pub begins: OffsetDateTime,
    /// As in [`Latency`].
    pub buckets: Vec<i64>,
}

/// That of each hour since a moment; hours without answers are left out.
pub async fn answers(tx: &mut TenantTx, since: OffsetDateTime) -> Result<Vec<Answers>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Answers,
        r#"select hour as begins,
                  array[sum(millis[1])::bigint, sum(millis[2])::bigint, sum(millis[3])::bigint, sum(millis[4])::bigint,
                        sum(millis[5])::bigint, sum(millis[6])::bigint, sum(millis[7])::bigint, sum(millis[8])::bigint] as "buckets!"
             from usage_hour where tenant = $1 and hour >= $2 group by 1 having sum(calls) filter (where outcome = 'answered') > 0
            order by 1"#,
        tenant.0,
        since
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many clients and grants calls were forwarded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Active {
    /// When the day begins, in UTC; none: all days together.
    pub day: Option<OffsetDateTime>,
    /// Clients.
    pub clients: i64,
    /// Grants.
    pub grants: i64,
}

/// That of each day since a moment, and of all of them together.
pub async fn active(tx: &mut TenantTx, since: OffsetDateTime) -> Result<Vec<Active>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Active,
        r#"select day as "day?", count(distinct client) as "clients!", count(distinct grant_id) as "grants!"
             from (select date_trunc('day', hour at time zone 'UTC') at time zone 'UTC' as day, client, grant_id
                     from usage_hour where tenant = $1 and hour >= $2 and outcome not in ('denied', 'refused')) used
            group by rollup (day) order by 1"#,
        tenant.0,
        since
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Calls of a server that were forwarded and came to nothing through its fault or the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Which.
    pub server: ServerId,
    /// How many came to nothing.
    pub failed: i64,
    /// Of how many.
    pub all: i64,
}

/// That of each server since a moment, where there are any.
pub async fn failing(tx: &mut TenantTx, since: OffsetDateTime) -> Result<Vec<Failing>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Failing,
        r#"select server as "server: ServerId", failed as "failed!", forwarded as "all!"
             from (select server, coalesce(sum(calls), 0)::bigint as forwarded,
                          coalesce(sum(calls) filter (where outcome in ('not_executed', 'may_have_been_executed', 'broken_off')), 0)::bigint
                              as failed
                     from usage_hour where tenant = $1 and hour >= $2 and outcome not in ('denied', 'refused') group by server) of_server
            where failed > 0 order by failed desc, server"#,
        tenant.0,
        since
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Removes what is older than `before`.
pub async fn forget(tx: &mut TenantTx, before: OffsetDateTime) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!("delete from usage_hour where tenant = $1 and hour < $2", tenant.0, before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
