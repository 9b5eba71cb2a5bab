//! Grants, families, consents.

pub mod listed;
pub mod machine;
pub mod many;

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::ids::{ClientId, FamilyId, GrantId, PersonId, ServerId};

/// A live grant.
#[derive(Clone, Debug)]
pub struct GrantRow {
    /// Its id.
    pub id: GrantId,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Grows with every widening and narrowing.
    pub version: i64,
}

/// Makes sure that the person's grant for a client on a server is there and allows at least `scopes`.
///
/// Widening a grant never widens a handle that is already out: what a call may do is the intersection of both.
pub async fn widen(
    tx: &mut TenantTx,
    fresh: GrantId,
    person: PersonId,
    client: &ClientId,
    server: ServerId,
    scopes: &[String],
    now: OffsetDateTime,
) -> Result<GrantRow, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "insert into access_grant (tenant, id, subject, person, client, server, scopes, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (tenant, subject, client, server) where revoked_at is null do update
            set scopes = (select array_agg(distinct s order by s) from unnest(access_grant.scopes || excluded.scopes) s),
                version = access_grant.version + (not access_grant.scopes @> excluded.scopes)::int
         returning id, scopes, version",
        tenant.0,
        fresh.0,
        format!("person:{person}"),
        person.0,
        client.as_str(),
        server.0,
        scopes,
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(GrantRow { id: GrantId(row.id), scopes: row.scopes, version: row.version })
}

/// A family to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewFamily<'a> {
    /// Its id.
    pub id: FamilyId,
    /// Under which grant.
    pub grant: GrantId,
    /// Where its code went, if it begins with one.
    pub redirect_uri: Option<&'a str>,
    /// When the person behind it had logged in; none where nobody has.
    pub auth_time: Option<OffsetDateTime>,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// Adds a family to a grant.
pub async fn insert_family(tx: &mut TenantTx, new: NewFamily<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into family (tenant, id, grant_id, redirect_uri, auth_time, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        new.id.0,
        new.grant.0,
        new.redirect_uri,
        new.auth_time,
        now,
        new.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a family. False where it had ended before. Goes with an authority log entry: see [`crate::token::revoke`].
pub async fn revoke_family(
    tx: &mut TenantTx,
    family: FamilyId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update family set revoked_at = $3, revoke_reason = $4 where tenant = $1 and id = $2 and revoked_at is null",
        tenant.0,
        family.0,
        now,
        reason
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A grant that has just ended.
#[derive(Clone, Debug)]
pub struct EndedGrant {
    /// Its id.
    pub id: GrantId,
    /// Who had given it; none where a machine client acts for itself.
    pub person: Option<PersonId>,
    /// To which client.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
}

/// Ends a grant and thereby all its families. None where it had ended before.
pub async fn revoke_grant(
    tx: &mut TenantTx,
    grant: GrantId,
    now: OffsetDateTime,
) -> Result<Option<EndedGrant>, StoreError> {
    let tenant = tx.tenant();
    let ended = sqlx::query_as!(
        EndedGrant,
        r#"update access_grant set revoked_at = $3, version = version + 1
            where tenant = $1 and id = $2 and revoked_at is null
           returning id as "id: GrantId", person as "person: PersonId", client as "client: ClientId",
                     server as "server: ServerId""#,
        tenant.0,
        grant.0,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(ended)
}

/// Ends the consents behind a grant: whoever takes it back wants to be asked again.
pub async fn void_consents_of_grant(tx: &mut TenantTx, grant: GrantId, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update consent c set voided_at = $3 from access_grant g
          where g.tenant = $1 and g.id = $2 and c.tenant = $1 and c.voided_at is null
            and (c.person, c.client, c.server) = (g.person, g.client, g.server)",
        tenant.0,
        grant.0,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends all grants of a client.
pub async fn revoke_grants_of_client(
    tx: &mut TenantTx,
    client: &ClientId,
    now: OffsetDateTime,
) -> Result<Vec<EndedGrant>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        EndedGrant,
        r#"update access_grant set revoked_at = $3, version = version + 1
            where tenant = $1 and client = $2 and revoked_at is null
           returning id as "id: GrantId", person as "person: PersonId", client as "client: ClientId",
                     server as "server: ServerId""#,
        tenant.0,
        client.as_str(),
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A grant that a person has given.
#[derive(Clone, Debug)]
pub struct GivenRow {
    /// Its id.
    pub id: GrantId,
    /// The client's own name for itself, if it has one.
    pub client_name: String,
    /// For which server.
    pub server: ServerId,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was first given.
    pub created_at: OffsetDateTime,
}

/// The grants of a person that are in force, newest first.
pub async fn given_by(tx: &mut TenantTx, person: PersonId) -> Result<Vec<GivenRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select g.id, c.name as client_name, g.server, g.scopes, g.created_at
           from access_grant g join client c on (c.tenant, c.id) = (g.tenant, g.client)
          where g.tenant = $1 and g.person = $2 and g.revoked_at is null
          order by g.created_at desc, g.id desc",
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    let given = |(id, client_name, server, scopes, created_at)| GivenRow {
        id: GrantId(id),
        client_name,
        server: ServerId(server),
        scopes,
        created_at,
    };
    Ok(rows.into_iter().map(|row| given((row.id, row.client_name, row.server, row.scopes, row.created_at))).collect())
}

/// Whether a person gave this grant, in force or not.
pub async fn is_given_by(tx: &mut TenantTx, grant: GrantId, person: PersonId) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let given = sqlx::query_scalar!(
        r#"select exists (select from access_grant where tenant = $1 and id = $2 and person = $3) as "given!""#,
        tenant.0,
        grant.0,
        person.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(given)
}

/// A consent that a person gave.
#[derive(Clone, Debug)]
pub struct ConsentRow {
    /// The scopes they left ticked.
    pub scopes: Vec<String>,
    /// What the page showed of the client, as a digest.
    pub display_digest: Vec<u8>,
    /// The client's name then.
    pub client_name: String,
    /// The client's redirect URIs then.
    pub redirect_uris: Vec<String>,
    /// When.
    pub given_at: OffsetDateTime,
}

/// What a consent is bound to.
#[derive(Clone, Copy, Debug)]
pub struct ConsentKey<'a> {
    /// Who gave it.
    pub person: PersonId,
    /// To which client.
    pub client: &'a ClientId,
    /// For which server.
    pub server: ServerId,
    /// The redirect URI, loopback without port.
    pub redirect_key: &'a str,
}

/// The consent that is in force, if any.
pub async fn consent(tx: &mut TenantTx, key: ConsentKey<'_>) -> Result<Option<ConsentRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select scopes, display_digest, client_name, redirect_uris, given_at from consent
          where tenant = $1 and person = $2 and client = $3 and server = $4 and redirect_key = $5 and voided_at is null",
        tenant.0,
        key.person.0,
        key.client.as_str(),
        key.server.0,
        key.redirect_key
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| ConsentRow {
        scopes: row.scopes,
        display_digest: row.display_digest,
        client_name: row.client_name,
        redirect_uris: row.redirect_uris,
        given_at: row.given_at,
    }))
}

/// The newest consent of the person to the client on the server, whatever its redirect URI: for "what changed since".
pub async fn last_consent(tx: &mut TenantTx, key: ConsentKey<'_>) -> Result<Option<ConsentRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select scopes, display_digest, client_name, redirect_uris, given_at from consent
          where tenant = $1 and person = $2 and client = $3 and server = $4 order by given_at desc limit 1",
        tenant.0,
        key.person.0,
        key.client.as_str(),
        key.server.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| ConsentRow {
        scopes: row.scopes,
        display_digest: row.display_digest,
        client_name: row.client_name,
        redirect_uris: row.redirect_uris,
        given_at: row.given_at,
    }))
}

/// Writes a consent down, in place of an older one with the same key.
pub async fn put_consent(tx: &mut TenantTx, key: ConsentKey<'_>, consent: &ConsentRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into consent (tenant, person, client, server, redirect_key, scopes, display_digest, client_name, redirect_uris, given_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (tenant, person, client, server, redirect_key) do update set scopes = excluded.scopes,
             display_digest = excluded.display_digest, client_name = excluded.client_name,
             redirect_uris = excluded.redirect_uris, given_at = excluded.given_at, voided_at = null",
        tenant.0,
        key.person.0,
        key.client.as_str(),
        key.server.0,
        key.redirect_key,
        &consent.scopes,
        consent.display_digest,
        consent.client_name,
        &consent.redirect_uris,
        consent.given_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
