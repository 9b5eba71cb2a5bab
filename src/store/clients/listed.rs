//! Clients as the console lists them.

use time::OffsetDateTime;

use crate::{
    ids::ClientId,
    store::{StoreError, TenantTx},
};

/// What part of the clients.
#[derive(Debug)]
pub struct Asked<'a> {
    /// A pattern for name, id and redirect URIs.
    pub like: Option<String>,
    /// `pending`, `active` or `disabled`.
    pub status: Option<&'a str>,
    /// Where they come from.
    pub origin: Option<&'a str>,
    /// `name`, `created`, `used` or `grants`.
    pub sort: &'a str,
    /// Largest first.
    pub down: bool,
    /// Rows at most.
    pub limit: i64,
    /// Rows before.
    pub offset: i64,
    /// Each registration in a line of its own.
    pub each: bool,
}

/// A client in a list. Registrations of one software with the same status are one line, if not asked otherwise.
#[derive(Debug)]
pub struct ListedRow {
    /// The newest of them.
    pub id: ClientId,
    /// What it calls itself.
    pub name: String,
    /// Its status, in the word of the database.
    pub status: String,
    /// Where it comes from.
    pub origin: String,
    /// When it came.
    pub created_at: OffsetDateTime,
    /// When one of them last authenticated.
    pub last_used_at: Option<OffsetDateTime>,
    /// How many there are.
    pub registrations: i64,
    /// Grants in force of all of them.
    pub grants: i64,
}

/// One page of the clients that are not removed; those that call themselves the same and send people back to the same
/// addresses in one line, if not each is asked for.
pub async fn page(tx: &mut TenantTx, asked: &Asked<'_>) -> Result<Vec<ListedRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ListedRow,
        r#"with fitting as (
               select c.id, c.name, c.status, c.origin, c.created_at, c.last_used_at,
                      -- programs on people's own computers choose another port each time
                      array(select regexp_replace(uri, '^(http://[^/:]+):[0-9]+', '\1') from unnest(c.redirect_uris) uri order by 1) as uris,
                      (select count(*) from access_grant g
                        where g.tenant = c.tenant and g.client = c.id and g.revoked_at is null) as held
                 from client c
                where c.tenant = $1 and c.status <> 'removed'
                  and ($2::text is null or c.name ilike $2 or c.id ilike $2 or array_to_string(c.redirect_uris, ' ') ilike $2)
                  and ($3::text is null or c.status = $3) and ($4::text is null or c.origin = $4)),
           grouped as (
               select (array_agg(id order by created_at desc, id))[1] as id, name, status, origin,
                      max(created_at) as created_at, max(last_used_at) as last_used_at,
                      count(*) as registrations, sum(held)::bigint as grants
                 from fitting group by name, status, origin, uris, case when $9 then id end)
           select id as "id!: ClientId", name as "name!", status as "status!", origin as "origin!", created_at as "created_at!",
                  last_used_at, registrations as "registrations!", grants as "grants!"
             from grouped
            order by case when $5 = 'name' and not $6 then lower(name) end,
                     case when $5 = 'name' and $6 then lower(name) end desc,
                     case when $5 = 'created' and not $6 then created_at end,
                     case when $5 = 'created' and $6 then created_at end desc,
                     case when $5 = 'used' and not $6 then last_used_at end nulls first,
                     case when $5 = 'used' and $6 then last_used_at end desc nulls last,
                     case when $5 = 'grants' and not $6 then grants end,
                     case when $5 = 'grants' and $6 then grants end desc,
                     id
            limit $7 offset $8"#,
        tenant.0,
        asked.like,
        asked.status,
        asked.origin,
        asked.sort,
        asked.down,
        asked.limit,
        asked.offset,
        asked.each
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Other clients that call themselves the same and send people back to the same addresses, newest first, a hundred at most.
pub async fn alike(tx: &mut TenantTx, id: &ClientId) -> Result<Vec<ListedRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ListedRow,
        r#"select c.id as "id: ClientId", c.name, c.status, c.origin, c.created_at, c.last_used_at, 1::bigint as "registrations!",
                  (select count(*) from access_grant g
                    where g.tenant = c.tenant and g.client = c.id and g.revoked_at is null) as "grants!"
             from client c, client one
            where one.tenant = $1 and one.id = $2 and c.tenant = $1 and c.id <> one.id and c.status <> 'removed'
              and c.name = one.name
              and array(select regexp_replace(uri, '^(http://[^/:]+):[0-9]+', '\1') from unnest(c.redirect_uris) uri order by 1)
                = array(select regexp_replace(uri, '^(http://[^/:]+):[0-9]+', '\1') from unnest(one.redirect_uris) uri order by 1)
            order by c.created_at desc, c.id limit 100"#,
        tenant.0,
        id.as_str()
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
