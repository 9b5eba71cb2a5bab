//! What a family rests on.

use time::OffsetDateTime;

use crate::{
    ids::{ClientId, FamilyId, GrantId, ServerId},
    store::{StoreError, TenantTx, grants::NewFamily},
};

/// What a family rests on, read after its row was locked.
#[derive(Clone, Debug)]
pub struct FamilyState {
    /// The family.
    pub id: FamilyId,
    /// Its grant.
    pub grant: GrantId,
    /// `sub`.
    pub subject: String,
    /// Whose software.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// The grant's scopes now.
    pub grant_scopes: Vec<String>,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// Family, grant, client, person and server are all in force.
    pub live: bool,
    /// The highest refresh generation.
    pub newest_generation: Option<i32>,
}

/// Reads a family and what it rests on. A statement of its own, after the lock: a joined read would see the snapshot
/// from before the wait.
pub async fn family_state(tx: &mut TenantTx, family: FamilyId) -> Result<FamilyState, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select f.grant_id, g.subject, g.client, g.server, g.scopes, f.expires_at,
                (f.revoked_at is null and g.revoked_at is null and c.status = 'active' and s.status = 'active'
                    and coalesce(p.status = 'active', true)) as "live!",
                (select max(r.generation) from refresh_token r where r.tenant = f.tenant and r.family = f.id) as newest
           from family f
           join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
           join client c on (c.tenant, c.id) = (g.tenant, g.client)
           join server s on (s.tenant, s.id) = (g.tenant, g.server)
           left join person p on (p.tenant, p.id) = (g.tenant, g.person)
          where f.tenant = $1 and f.id = $2"#,
        tenant.0,
        family.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(FamilyState {
        id: family,
        grant: GrantId(row.grant_id),
        subject: row.subject,
        client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
        server: ServerId(row.server),
        grant_scopes: row.scopes,
        expires_at: row.expires_at,
        live: row.live,
        newest_generation: row.newest,
    })
}

/// Adds a family to a grant that is locked, and reads what it rests on: in one statement, which began after the lock.
pub async fn begin_family(
    tx: &mut TenantTx,
    new: NewFamily<'_>,
    now: OffsetDateTime,
) -> Result<FamilyState, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"with begun as (
            insert into family (tenant, id, grant_id, redirect_uri, auth_time, created_at, expires_at)
            values ($1, $2, $3, $4, $5, $6, $7) returning tenant, grant_id
         )
         select g.subject, g.client, g.server, g.scopes,
                (g.revoked_at is null and c.status = 'active' and s.status = 'active'
                    and coalesce(p.status = 'active', true)) as "live!"
           from begun b
           join access_grant g on (g.tenant, g.id) = (b.tenant, b.grant_id)
           join client c on (c.tenant, c.id) = (g.tenant, g.client)
           join server s on (s.tenant, s.id) = (g.tenant, g.server)
           left join person p on (p.tenant, p.id) = (g.tenant, g.person)"#,
        tenant.0,
        new.id.0,
        new.grant.0,
        new.redirect_uri,
        new.auth_time,
        now,
        new.expires_at
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(FamilyState {
        id: new.id,
        grant: new.grant,
        subject: row.subject,
        client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
        server: ServerId(row.server),
        grant_scopes: row.scopes,
        expires_at: new.expires_at,
        live: row.live,
        newest_generation: None,
    })
}
