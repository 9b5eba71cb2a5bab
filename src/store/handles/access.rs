//! Access tokens.

use time::OffsetDateTime;

use crate::{
    ids::{AccessTokenId, ClientId, FamilyId, GrantId, NodeId, PersonId, ServerId, TenantId},
    keys::Stored,
    store::{Store, StoreError, TenantTx},
};

/// Adds an access token.
pub async fn insert_access_token(
    tx: &mut TenantTx,
    stored: &Stored,
    family: FamilyId,
    scopes: &[String],
    now: OffsetDateTime,
    expires_at: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into access_token (tenant, hash, pepper_id, family, scopes, created_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)",
        tenant.0,
        stored.hash.as_slice(),
        stored.pepper_id,
        family.0,
        scopes,
        now,
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An access token for revocation: whose it is, and whether it has been revoked already.
#[derive(Clone, Debug)]
pub struct AccessRow {
    /// Its id.
    pub id: AccessTokenId,
    /// Its family.
    pub family: FamilyId,
    /// Whose software.
    pub client: String,
}

/// Finds an access token, live or not.
pub async fn access_token(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<Option<AccessRow>, StoreError> {
    let tenant = tx.tenant();
    let hashes = super::arrays(hashes);
    let row = sqlx::query!(
        "select t.id, t.family, g.client from access_token t
           join family f on (f.tenant, f.id) = (t.tenant, t.family)
           join access_grant g on (g.tenant, g.id) = (f.tenant, f.grant_id)
          where t.tenant = $1 and t.hash = any ($2)",
        tenant.0,
        &hashes
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| AccessRow { id: AccessTokenId(row.id), family: FamilyId(row.family), client: row.client }))
}

/// When an access token ends, if it could still be presented: not expired, not revoked by itself.
pub async fn open_until(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let tenant = tx.tenant();
    let hashes = super::arrays(hashes);
    let at = sqlx::query_scalar!(
        "select expires_at from access_token where tenant = $1 and hash = any ($2) and revoked_at is null and expires_at > $3",
        tenant.0,
        &hashes,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(at)
}

/// Ends one access token, under whichever hash it is stored by now. False where it had ended before.
pub async fn revoke_access_token(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let hashes = super::arrays(hashes);
    let done = sqlx::query!(
        "update access_token set revoked_at = $3 where tenant = $1 and hash = any ($2) and revoked_at is null",
        tenant.0,
        &hashes,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Stores an access token anew, under another pepper. False where somebody else has done it.
pub async fn store_access_token_anew(tx: &mut TenantTx, old: &[u8], new: &Stored) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update access_token set hash = $3, pepper_id = $4 where tenant = $1 and hash = $2",
        tenant.0,
        old,
        new.hash.as_slice(),
        new.pepper_id
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a cache fill reads: the token and everything that can end it, and the log's head in the same statement.
#[derive(Clone, Debug)]
pub struct LookupRow {
    /// The authority log's head at this read.
    pub head: i64,
    /// The stored hash that fitted.
    pub hash: Vec<u8>,
    /// Which token.
    pub token: AccessTokenId,
    /// Its family.
    pub family: FamilyId,
    /// Its grant.
    pub grant: GrantId,
    /// The grant's version.
    pub grant_version: i64,
    /// `sub`.
    pub subject: String,
    /// The person behind it.
    pub person: Option<PersonId>,
    /// Whose software.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// The handle's own scopes.
    pub handle_scopes: Vec<String>,
    /// The grant's scopes now.
    pub grant_scopes: Vec<String>,
    /// When the person behind it had logged in.
    pub auth_time: Option<OffsetDateTime>,
    /// The earlier of the handle's end and the family's.
    pub expires_at: OffsetDateTime,
    /// Nothing that it rests on is revoked or disabled.
    pub live: bool,
}

impl Store {
    /// Looks an access token up, on behalf of a node: one round trip.
    ///
    /// # Errors
    /// Also when a token is found, and that node is not registered.
    pub async fn lookup_token(
        &self,
        node: NodeId,
        tenant: TenantId,
        hashes: &[[u8; 32]],
    ) -> Result<Option<LookupRow>, StoreError> {
        let hashes = super::arrays(hashes);
        let row = sqlx::query!(
            r#"select registered as "registered!", head as "head!", hash as "hash!", token as "token!", family as "family!", grant_id as "grant_id!", grant_version as "grant_version!",
                subject as "subject!", person, client as "client!", server as "server!", handle_scopes as "handle_scopes!",
                grant_scopes as "grant_scopes!", auth_time, expires_at as "expires_at!", live as "live!" from token_lookup($1, $2, $3)"#,
            node.0,
            tenant.0,
            &hashes
        )
        .fetch_optional(self.pool())
        .await?;
        row.map(|row| {
            if !row.registered {
                return Err(StoreError::Unregistered);
            }
            Ok(LookupRow {
                head: row.head,
                hash: row.hash,
                token: AccessTokenId(row.token),
                family: FamilyId(row.family),
                grant: GrantId(row.grant_id),
                grant_version: row.grant_version,
                subject: row.subject,
                person: row.person.map(PersonId),
                client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
                server: ServerId(row.server),
                handle_scopes: row.handle_scopes,
                grant_scopes: row.grant_scopes,
                auth_time: row.auth_time,
                expires_at: row.expires_at,
                live: row.live,
            })
        })
        .transpose()
    }
}
