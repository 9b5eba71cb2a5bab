//! Tokens of the admin API as the console lists them.

use sqlx::Row as _;
use time::OffsetDateTime;

use crate::{
    ids::{ApiTokenId, PersonId},
    store::{StoreError, TenantTx},
};

/// What part of them.
#[derive(Debug)]
pub struct Asked<'a> {
    /// A pattern for what they are for, whom they act for, and their rights.
    pub like: Option<String>,
    /// Those that can be used, or those that cannot. None: all.
    pub live: Option<bool>,
    /// `name`, `person`, `created`, `expires` or `used`.
    pub sort: &'a str,
    /// Largest first.
    pub down: bool,
    /// Rows at most.
    pub limit: i64,
    /// Rows before.
    pub offset: i64,
}

/// A token in a list.
#[derive(Debug)]
pub struct ListedRow {
    /// Its id.
    pub id: ApiTokenId,
    /// For whom it acts.
    pub person: PersonId,
    /// Their name at login.
    pub username: String,
    /// Whether they may log in: if not, it cannot be used.
    pub active: bool,
    /// What it is for.
    pub note: String,
    /// What it may be used for.
    pub rights: Vec<String>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// Until when it can be used.
    pub expires_at: OffsetDateTime,
    /// When it was used last, within some minutes.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was taken back.
    pub revoked_at: Option<OffsetDateTime>,
}

/// One page of them; or just one.
pub async fn page(
    tx: &mut TenantTx,
    asked: &Asked<'_>,
    only: Option<ApiTokenId>,
    now: OffsetDateTime,
) -> Result<Vec<ListedRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query(
        "with listed as (
             select t.id, t.person, p.username, p.status = 'active' as active, t.note, t.rights, t.created_at, t.expires_at,
                    t.last_used_at, t.revoked_at, t.revoked_at is null and t.expires_at > $4 and p.status = 'active' as live
               from api_token t join person p on (p.tenant, p.id) = (t.tenant, t.person)
              where t.tenant = $1 and ($8::uuid is null or t.id = $8)
                and ($2::text is null or t.note ilike $2 or p.username ilike $2 or array_to_string(t.rights, ' ') ilike $2))
         select * from listed where $3::boolean is null or live = $3
          order by case when $5 = 'name' and not $6 then lower(note) end,
                   case when $5 = 'name' and $6 then lower(note) end desc,
                   case when $5 = 'person' and not $6 then lower(username) end,
                   case when $5 = 'person' and $6 then lower(username) end desc,
                   case when $5 = 'created' and not $6 then created_at end,
                   case when $5 = 'created' and $6 then created_at end desc,
                   case when $5 = 'expires' and not $6 then expires_at end,
                   case when $5 = 'expires' and $6 then expires_at end desc,
                   case when $5 = 'used' and not $6 then last_used_at end nulls first,
                   case when $5 = 'used' and $6 then last_used_at end desc nulls last, id
          limit $7 offset $9",
    )
    .bind(tenant.0)
    .bind(&asked.like)
    .bind(asked.live)
    .bind(now)
    .bind(asked.sort)
    .bind(asked.down)
    .bind(asked.limit)
    .bind(only.map(|id| id.0))
    .bind(asked.offset)
    .fetch_all(tx.conn())
    .await?;
    let listed = |row: &sqlx::postgres::PgRow| {
        Ok(ListedRow {
            id: ApiTokenId(row.try_get("id")?),
            person: PersonId(row.try_get("person")?),
            username: row.try_get("username")?,
            active: row.try_get("active")?,
            note: row.try_get("note")?,
            rights: row.try_get("rights")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            last_used_at: row.try_get("last_used_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    };
    rows.iter().map(listed).collect()
}

/// One of them.
pub async fn one(tx: &mut TenantTx, id: ApiTokenId, now: OffsetDateTime) -> Result<Option<ListedRow>, StoreError> {
    let asked = Asked { like: None, live: None, sort: "", down: false, limit: 1, offset: 0 };
    Ok(page(tx, &asked, Some(id), now).await?.pop())
}
