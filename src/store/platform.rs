//! What administrators of the platform see of tenants: names, states and numbers.

use time::{Duration, OffsetDateTime};

use super::{Store, StoreError, usage::Span};
use crate::ids::{Slug, TenantId};

/// Calls of so long a time are those lately.
pub const CALLS_LATELY: Duration = Duration::days(30);

/// A tenant, and how much there is in it.
#[derive(Clone, Debug)]
pub struct ListedTenant {
    /// Its id.
    pub id: TenantId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// `active`, `disabled` or `removed`.
    pub status: String,
    /// Since when.
    pub created_at: OffsetDateTime,
    /// People who may log in.
    pub people: i64,
    /// Published servers.
    pub servers: i64,
    /// Clients that may do something.
    pub clients: i64,
    /// Calls lately.
    pub calls: i64,
}

/// What part of the tenants.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    /// A pattern for both names.
    pub like: Option<String>,
    /// `active`, `disabled` or `removed`. None: all but removed ones.
    pub status: Option<&'a str>,
    /// This one alone, whatever its status.
    pub slug: Option<&'a str>,
    /// `name`, `created`, `people`, `servers`, `clients` or `calls`.
    pub sort: &'a str,
    /// Largest first.
    pub down: bool,
    /// Rows at most.
    pub limit: i64,
    /// Rows before.
    pub offset: i64,
}

impl Store {
    /// One page of the tenants; calls are counted since a moment.
    pub async fn listed_tenants(
        &self,
        asked: &Asked<'_>,
        since: OffsetDateTime,
    ) -> Result<Vec<ListedTenant>, StoreError> {
        let rows = sqlx::query_as!(
            ListedTenant,
            r#"select t.id as "id: TenantId", t.slug, t.name, t.status, t.created_at, c.people as "people!",
                      c.servers as "servers!", c.clients as "clients!", c.calls as "calls!"
                 from tenant t join tenants_counted($1) c on c.tenant = t.id
                where ($2::text is null or t.slug ilike $2 or t.name ilike $2)
                  and ($4::text is not null or t.status = $3 or $3::text is null and t.status <> 'removed')
                  and ($4::text is null or t.slug = $4)
                order by case when $5 = 'name' and not $6 then lower(t.name) end,
                         case when $5 = 'name' and $6 then lower(t.name) end desc,
                         case when not $6 then case $5 when 'people' then c.people when 'servers' then c.servers
                                                       when 'clients' then c.clients when 'calls' then c.calls end end,
                         case when $6 then case $5 when 'people' then c.people when 'servers' then c.servers
                                                   when 'clients' then c.clients when 'calls' then c.calls end end desc,
                         case when $5 = 'created' and not $6 then t.created_at end,
                         t.created_at desc, t.slug
                limit $7 offset $8"#,
            since,
            asked.like,
            asked.status,
            asked.slug,
            asked.sort,
            asked.down,
            asked.limit,
            asked.offset
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows)
    }

    /// One tenant, whatever its status; that of the platform is none.
    pub async fn listed_tenant(&self, slug: &Slug, since: OffsetDateTime) -> Result<Option<ListedTenant>, StoreError> {
        let asked = Asked { slug: Some(slug.as_str()), sort: "name", limit: 1, ..Asked::default() };
        Ok(self.listed_tenants(&asked, since).await?.into_iter().next())
    }

    /// What the place of the platform's administrators is called in addresses, if there is one.
    pub async fn platform_slug(&self) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("select slug from tenant where platform").fetch_optional(self.pool()).await?)
    }

    /// Calls of all tenants since a moment, by `hour` or `day`; spans without calls are left out.
    pub async fn platform_usage(&self, unit: &str, since: OffsetDateTime) -> Result<Vec<Span>, StoreError> {
        let rows = sqlx::query_as!(
            Span,
            r#"select begins as "begins!", forwarded as "forwarded!", denied as "denied!" from platform_usage($1, $2)"#,
            unit,
            since
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows)
    }
}
