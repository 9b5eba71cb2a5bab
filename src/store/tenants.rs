//! Tenants, their servers, scopes and catalogues.

use serde_json::Value;
use time::OffsetDateTime;

use super::{PlatformTx, Store, StoreError, TenantTx};
use crate::ids::{ServerId, TenantId};

/// A tenant's row.
#[derive(Clone, Debug)]
pub struct TenantRow {
    /// Its id.
    pub id: TenantId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Its settings, unread.
    pub settings: Value,
    /// `active`, `disabled` or `removed`.
    pub status: String,
    /// Whether its people look after the other tenants.
    pub platform: bool,
}

/// A server's row.
#[derive(Clone, Debug)]
pub struct ServerRow {
    /// Its id.
    pub id: ServerId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it is for, in the tenant's words.
    pub description: String,
    /// Where it really is.
    pub upstream_url: String,
    /// `aud` of the inner JWT.
    pub audience: String,
    /// `auto`, `modern` or `legacy`.
    pub era: String,
    /// Algorithm of the inner JWT.
    pub signing_alg: String,
    /// Scopes given when a client asks for none, and named by the 401 challenge.
    pub default_scopes: Vec<String>,
    /// The scope for what is not in the catalogue.
    pub fallback_scope: Option<String>,
    /// Grows with every change.
    pub version: i64,
    /// `active`, `disabled` or `removed`.
    pub status: String,
}

/// A scope that a server declares.
#[derive(Clone, Debug)]
pub struct ScopeRow {
    /// Whose.
    pub server: ServerId,
    /// Its name on the wire.
    pub name: String,
    /// `read` or `change`.
    pub effect: String,
    /// A sentence for the consent page.
    pub description: String,
    /// Seconds since the login after which a call that needs it needs another one.
    pub max_auth_age: Option<i32>,
}

/// An accepted tool, prompt or resource.
#[derive(Clone, Debug)]
pub struct CatalogueRow {
    /// Whose.
    pub server: ServerId,
    /// `tool`, `prompt` or `resource`.
    pub kind: String,
    /// Its name or URI.
    pub name: String,
    /// The scope that covers it.
    pub scope: String,
    /// Accepted as read-only.
    pub read_only: bool,
}

impl Store {
    /// A tenant by its slug, whatever its status.
    pub async fn tenant(&self, slug: &str) -> Result<Option<TenantRow>, StoreError> {
        let row = sqlx::query!("select id, slug, name, settings, status, platform from tenant where slug = $1", slug)
            .fetch_optional(self.pool())
            .await?;
        Ok(row.map(|row| TenantRow {
            id: TenantId(row.id),
            slug: row.slug,
            name: row.name,
            settings: row.settings,
            status: row.status,
            platform: row.platform,
        }))
    }

    /// All tenants, by slug.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        let rows = sqlx::query_as!(
            TenantRow,
            r#"select id as "id: TenantId", slug, name, settings, status, platform from tenant order by slug"#
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows)
    }
}

/// Whether it is the place of the platform's administrators.
pub async fn is_platform(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar("select platform from tenant where id = $1").bind(tenant.0).fetch_one(tx.conn()).await?)
}

/// The settings of the tenant, unread. None where there is none.
pub async fn settings(tx: &mut TenantTx) -> Result<Option<Value>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar!("select settings from tenant where id = $1", tenant.0).fetch_optional(tx.conn()).await?)
}

/// Adds a tenant.
pub async fn insert_tenant(tx: &mut PlatformTx, tenant: &TenantRow, now: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into tenant (id, slug, name, settings, status, platform, created_at) values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.id.0,
        tenant.slug,
        tenant.name,
        tenant.settings,
        tenant.status,
        tenant.platform,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Changes a tenant's name, settings and status.
pub async fn update_tenant(tx: &mut PlatformTx, tenant: &TenantRow) -> Result<(), StoreError> {
    sqlx::query!(
        "update tenant set name = $2, settings = $3, status = $4 where id = $1",
        tenant.id.0,
        tenant.name,
        tenant.settings,
        tenant.status
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All servers that are not removed, by slug.
pub async fn servers(tx: &mut TenantTx) -> Result<Vec<ServerRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select id, slug, name, description, upstream_url, audience, era, signing_alg, default_scopes, fallback_scope, version, status
           from server where tenant = $1 and status <> 'removed' order by slug",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ServerRow {
            id: ServerId(row.id),
            slug: row.slug,
            name: row.name,
            description: row.description,
            upstream_url: row.upstream_url,
            audience: row.audience,
            era: row.era,
            signing_alg: row.signing_alg,
            default_scopes: row.default_scopes,
            fallback_scope: row.fallback_scope,
            version: row.version,
            status: row.status,
        })
        .collect())
}

/// The constraint behind unique audiences.
pub const AUDIENCE_TAKEN: &str = "server_audience";

/// Adds a server, or replaces the one with the same slug; its version grows. Returns its id.
pub async fn upsert_server(tx: &mut TenantTx, server: &ServerRow, now: OffsetDateTime) -> Result<ServerId, StoreError> {
    let tenant = tx.tenant();
    let id = sqlx::query_scalar!(
        "insert into server (tenant, id, slug, name, description, upstream_url, audience, era, signing_alg, default_scopes, fallback_scope, status, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         on conflict (tenant, slug) do update set name = excluded.name, description = excluded.description,
             upstream_url = excluded.upstream_url, audience = excluded.audience, era = excluded.era,
             signing_alg = excluded.signing_alg, default_scopes = excluded.default_scopes,
             fallback_scope = excluded.fallback_scope, status = excluded.status,
             version = server.version + 1
         returning id",
        tenant.0,
        server.id.0,
        server.slug,
        server.name,
        server.description,
        server.upstream_url,
        server.audience,
        server.era,
        server.signing_alg,
        &server.default_scopes,
        server.fallback_scope,
        server.status,
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(ServerId(id))
}

/// The scopes of all servers of the tenant.
pub async fn scopes(tx: &mut TenantTx) -> Result<Vec<ScopeRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!("select server, name, effect, description, max_auth_age from server_scope where tenant = $1 order by server, effect desc, name", tenant.0)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| ScopeRow {
            server: ServerId(row.server),
            name: row.name,
            effect: row.effect,
            description: row.description,
            max_auth_age: row.max_auth_age,
        })
        .collect())
}

/// The catalogues of all servers of the tenant.
pub async fn catalogue(tx: &mut TenantTx) -> Result<Vec<CatalogueRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select server, kind, name, scope, read_only from catalogue_item where tenant = $1 order by server, kind, name",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    let read = |(server, kind, name, scope, read_only)| CatalogueRow {
        server: ServerId(server),
        kind,
        name,
        scope,
        read_only,
    };
    Ok(rows.into_iter().map(|row| read((row.server, row.kind, row.name, row.scope, row.read_only))).collect())
}

/// Replaces a server's scopes and catalogue by these.
pub async fn replace_policy(
    tx: &mut TenantTx,
    server: ServerId,
    scopes: &[ScopeRow],
    items: &[CatalogueRow],
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("delete from catalogue_item where tenant = $1 and server = $2", tenant.0, server.0)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from server_scope where tenant = $1 and server = $2", tenant.0, server.0)
        .execute(tx.conn())
        .await?;
    for scope in scopes {
        sqlx::query!(
            "insert into server_scope (tenant, server, name, effect, description, max_auth_age) values ($1, $2, $3, $4, $5, $6)",
            tenant.0,
            server.0,
            scope.name,
            scope.effect,
            scope.description,
            scope.max_auth_age
        )
        .execute(tx.conn())
        .await?;
    }
    for item in items {
        sqlx::query!(
            "insert into catalogue_item (tenant, server, kind, name, scope, read_only) values ($1, $2, $3, $4, $5, $6)",
            tenant.0,
            server.0,
            item.kind,
            item.name,
            item.scope,
            item.read_only
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}
