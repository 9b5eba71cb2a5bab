//! Grants of machine clients: nobody behind them but the administrator who gave them.

use time::OffsetDateTime;

use super::GrantRow;
use crate::{
    ids::{ClientId, GrantId, ServerId},
    store::{StoreError, TenantTx},
};

/// What a client may do for itself on one server.
#[derive(Clone, Debug)]
pub struct MachineGrant {
    /// Its id.
    pub id: GrantId,
    /// Whose.
    pub client: ClientId,
    /// Where.
    pub server: ServerId,
    /// What.
    pub scopes: Vec<String>,
}

/// `sub` of a client that acts for itself. No person's begins so.
pub fn subject(client: &ClientId) -> String {
    format!("client:{client}")
}

/// The client's own grant on a server, kept in force until the transaction ends.
pub async fn lock(tx: &mut TenantTx, client: &ClientId, server: ServerId) -> Result<Option<MachineGrant>, StoreError> {
    let tenant = tx.tenant();
    let grant = sqlx::query_as!(
        MachineGrant,
        r#"select id as "id: GrantId", client as "client: ClientId", server as "server: ServerId", scopes
             from access_grant
            where tenant = $1 and subject = $2 and client = $3 and server = $4 and revoked_at is null for share"#,
        tenant.0,
        subject(client),
        client.as_str(),
        server.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(grant)
}

/// All of the tenant that are in force.
pub async fn all(tx: &mut TenantTx) -> Result<Vec<MachineGrant>, StoreError> {
    let tenant = tx.tenant();
    let grants = sqlx::query_as!(
        MachineGrant,
        r#"select id as "id: GrantId", client as "client: ClientId", server as "server: ServerId", scopes
             from access_grant where tenant = $1 and subject = 'client:' || client and revoked_at is null"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(grants)
}

/// Makes sure that the client's own grant on a server allows exactly `scopes`. To narrow goes with an entry of the authority
/// log.
pub async fn set(
    tx: &mut TenantTx,
    fresh: GrantId,
    client: &ClientId,
    server: ServerId,
    scopes: &[String],
    now: OffsetDateTime,
) -> Result<GrantRow, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "insert into access_grant (tenant, id, subject, person, client, server, scopes, created_at)
         values ($1, $2, $3, null, $4, $5, $6, $7)
         on conflict (tenant, subject, client, server) where revoked_at is null do update
            set scopes = excluded.scopes, version = access_grant.version + (access_grant.scopes <> excluded.scopes)::int
         returning id, scopes, version",
        tenant.0,
        fresh.0,
        subject(client),
        client.as_str(),
        server.0,
        scopes,
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(GrantRow { id: GrantId(row.id), scopes: row.scopes, version: row.version })
}
