//! What `apply` needs beside the functions of each aggregate: its own lock, its marks, and the end of objects.

use time::OffsetDateTime;

use super::{PlatformTx, StoreError, TenantTx, people::PersonRow, tenants::TenantRow};
use crate::ids::{ClientId, PersonId, ServerId, TenantId};

/// What `apply` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A tenant.
    Tenant,
    /// A server.
    Server,
    /// A person.
    Person,
    /// A client.
    Client,
    /// An identity provider.
    Provider,
}

impl Kind {
    /// The word in the database and for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Server => "server",
            Self::Person => "person",
            Self::Client => "client",
            Self::Provider => "provider",
        }
    }
}

/// Whose grants, consents and sessions end.
#[derive(Clone, Debug)]
pub enum Ended<'a> {
    /// A server's.
    Server(ServerId),
    /// A person's.
    Person(PersonId),
    /// A client's.
    Client(&'a ClientId),
}

/// Waits until no other `apply` works on this database, and keeps others waiting until the transaction ends.
pub async fn lock(tx: &mut PlatformTx) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(7310003)").execute(tx.conn()).await?;
    Ok(())
}

/// All tenants, whatever their status, by slug.
pub async fn tenants(tx: &mut PlatformTx) -> Result<Vec<TenantRow>, StoreError> {
    let rows = sqlx::query_as!(
        TenantRow,
        r#"select id as "id: TenantId", slug, name, settings, status, platform from tenant order by slug"#
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What `apply` made in this tenant and has not removed since: kind and id.
pub async fn made(tx: &mut TenantTx) -> Result<Vec<(String, String)>, StoreError> {
    let tenant = tx.tenant();
    let rows =
        sqlx::query!("select kind, object from applied where tenant = $1", tenant.0).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.object)).collect())
}

/// Remembers that `apply` made an object.
pub async fn mark(tx: &mut TenantTx, kind: Kind, object: &str, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into applied (tenant, kind, object, at) values ($1, $2, $3, $4) on conflict do nothing",
        tenant.0,
        kind.name(),
        object,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets that `apply` made an object.
pub async fn unmark(tx: &mut TenantTx, kind: Kind, object: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("delete from applied where tenant = $1 and kind = $2 and object = $3", tenant.0, kind.name(), object)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes all of a person but the username. None as the password: no login with one.
pub async fn write_person(tx: &mut TenantTx, person: &PersonRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update person set display_name = $3, password_hash = $4, roles = $5, status = $6 where tenant = $1 and id = $2",
        tenant.0,
        person.id.0,
        person.display_name,
        person.password_hash,
        &person.roles,
        person.status
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Marks a server as removed.
pub async fn remove_server(tx: &mut TenantTx, server: ServerId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update server set status = 'removed', version = version + 1 where tenant = $1 and id = $2",
        tenant.0,
        server.0
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends the grants and consents of something that is removed, so that nothing of them is left should it come back.
pub async fn end_grants(tx: &mut TenantTx, of: &Ended<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let (server, person, client) = match of {
        Ended::Server(id) => (Some(id.0), None, None),
        Ended::Person(id) => (None, Some(id.0), None),
        Ended::Client(id) => (None, None, Some(id.as_str())),
    };
    sqlx::query!(
        "update access_grant set revoked_at = $5, version = version + 1
          where tenant = $1 and (server = $2 or person = $3 or client = $4) and revoked_at is null",
        tenant.0,
        server,
        person,
        client,
        now
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update consent set voided_at = $5
          where tenant = $1 and (server = $2 or person = $3 or client = $4) and voided_at is null",
        tenant.0,
        server,
        person,
        client,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
