//! Initial access tokens as the console lists them.

use time::OffsetDateTime;

use super::InitialTokenRow;
use crate::store::{StoreError, TenantTx};

/// What part of them.
#[derive(Debug)]
pub struct Asked<'a> {
    /// A pattern for what they are for, and for what names them.
    pub like: Option<String>,
    /// Those that can be used, or those that cannot. None: all.
    pub live: Option<bool>,
    /// `name`, `created`, `expires` or `uses`.
    pub sort: &'a str,
    /// Largest first.
    pub down: bool,
    /// Rows at most.
    pub limit: i64,
    /// Rows before.
    pub offset: i64,
}

type Columns = (String, String, i32, Option<OffsetDateTime>, OffsetDateTime);

/// One page of them; or just the one of this id.
pub async fn page(
    tx: &mut TenantTx,
    asked: &Asked<'_>,
    only: Option<&str>,
    now: OffsetDateTime,
) -> Result<Vec<InitialTokenRow>, StoreError> {
    let tenant = tx.tenant();
    let rows: Vec<Columns> = sqlx::query_as(
        "select id, note, uses_left, expires_at, created_at from initial_access_token
          where tenant = $1 and ($8::text is null or id = $8)
            and ($2::text is null or note ilike $2 or id ilike $2)
            and ($3::boolean is null or (uses_left > 0 and (expires_at is null or expires_at > $4)) = $3)
          order by case when $5 = 'name' and not $6 then lower(note) end,
                   case when $5 = 'name' and $6 then lower(note) end desc,
                   case when $5 = 'created' and not $6 then created_at end,
                   case when $5 = 'created' and $6 then created_at end desc,
                   case when $5 = 'expires' and not $6 then expires_at end nulls last,
                   case when $5 = 'expires' and $6 then expires_at end desc nulls first,
                   case when $5 = 'uses' and not $6 then uses_left end,
                   case when $5 = 'uses' and $6 then uses_left end desc, id
          limit $7 offset $9",
    )
    .bind(tenant.0)
    .bind(&asked.like)
    .bind(asked.live)
    .bind(now)
    .bind(asked.sort)
    .bind(asked.down)
    .bind(asked.limit)
    .bind(only)
    .bind(asked.offset)
    .fetch_all(tx.conn())
    .await?;
    let row = |(id, note, uses_left, expires_at, created_at): Columns| InitialTokenRow {
        id,
        note,
        uses_left,
        expires_at,
        created_at,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// One of them.
pub async fn one(tx: &mut TenantTx, id: &str, now: OffsetDateTime) -> Result<Option<InitialTokenRow>, StoreError> {
    let asked = Asked { like: None, live: None, sort: "", down: false, limit: 1, offset: 0 };
    Ok(page(tx, &asked, Some(id), now).await?.pop())
}
