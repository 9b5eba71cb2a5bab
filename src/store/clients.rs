//! Clients.

pub mod listed;
pub mod standing;

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::{
    clients::{Client, Origin, Status, metadata::Metadata},
    ids::ClientId,
    keys::Stored,
};

struct Row {
    id: String,
    origin: String,
    metadata: serde_json::Value,
    secret_hash: Option<Vec<u8>>,
    secret_pepper_id: Option<String>,
    registration_hash: Option<Vec<u8>>,
    registration_pepper_id: Option<String>,
    status: String,
    created_at: OffsetDateTime,
    last_used_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for Client {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: ClientId::parse(&row.id).map_err(StoreError::corrupt)?,
            origin: Origin::parse(&row.origin).ok_or_else(|| StoreError::corrupt("client.origin"))?,
            metadata: serde_json::from_value::<Metadata>(row.metadata).map_err(StoreError::corrupt)?,
            status: Status::parse(&row.status).ok_or_else(|| StoreError::corrupt("client.status"))?,
            secret: stored(row.secret_hash, row.secret_pepper_id)?,
            registration: stored(row.registration_hash, row.registration_pepper_id)?,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
    }
}

fn stored(hash: Option<Vec<u8>>, pepper_id: Option<String>) -> Result<Option<Stored>, StoreError> {
    let (Some(hash), Some(pepper_id)) = (hash, pepper_id) else { return Ok(None) };
    let hash = hash.try_into().map_err(|_| StoreError::corrupt("a hash of a client that is not 32 bytes"))?;
    Ok(Some(Stored { hash, pepper_id }))
}

fn halves(stored: Option<&Stored>) -> (Option<&[u8]>, Option<&str>) {
    (stored.map(|stored| stored.hash.as_slice()), stored.map(|stored| stored.pepper_id.as_str()))
}

fn uris(metadata: &Metadata) -> Vec<String> {
    metadata.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect()
}

/// A client, whatever its status.
pub async fn find(tx: &mut TenantTx, id: &ClientId) -> Result<Option<Client>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select id, origin, metadata, secret_hash, secret_pepper_id, registration_hash, registration_pepper_id,
                status, created_at, last_used_at
           from client where tenant = $1 and id = $2",
        tenant.0,
        id.as_str()
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(Client::try_from).transpose()
}

/// Like [`find`]; the row is held for a change until the end of the transaction.
pub async fn find_for_update(tx: &mut TenantTx, id: &ClientId) -> Result<Option<Client>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("select id from client where tenant = $1 and id = $2 for no key update", tenant.0, id.as_str())
        .fetch_optional(tx.conn())
        .await?;
    find(tx, id).await
}

/// Adds a client.
pub async fn insert(tx: &mut TenantTx, client: &Client) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let digest = client.metadata.display_digest();
    let (secret_hash, secret_pepper_id) = halves(client.secret.as_ref());
    let (registration_hash, registration_pepper_id) = halves(client.registration.as_ref());
    sqlx::query!(
        "insert into client (tenant, id, origin, name, metadata, redirect_uris, auth_method, secret_hash, secret_pepper_id,
                             registration_hash, registration_pepper_id, display_digest, status, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant.0,
        client.id.as_str(),
        client.origin.name(),
        client.name(),
        serde_json::to_value(&client.metadata).map_err(StoreError::corrupt)?,
        &uris(&client.metadata),
        client.metadata.token_endpoint_auth_method.name(),
        secret_hash,
        secret_pepper_id,
        registration_hash,
        registration_pepper_id,
        digest.as_slice(),
        client.status.name(),
        client.created_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Counts a change that the client's owner makes. Returns how many there were in a day, this one included, and when the
/// first of them was.
pub async fn count_change(
    tx: &mut TenantTx,
    client: &ClientId,
    now: OffsetDateTime,
) -> Result<(i32, OffsetDateTime), StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"update client set changes = case when changes_since > $4 then changes + 1 else 1 end,
                  changes_since = case when changes_since > $4 then changes_since else $3 end
            where tenant = $1 and id = $2 returning changes, changes_since as "since!""#,
        tenant.0,
        client.as_str(),
        now,
        now - time::Duration::DAY
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.changes, row.since))
}

/// Replaces a client's metadata, secret and status by what `client` has now.
pub async fn update(tx: &mut TenantTx, client: &Client) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let digest = client.metadata.display_digest();
    let (secret_hash, secret_pepper_id) = halves(client.secret.as_ref());
    let (registration_hash, registration_pepper_id) = halves(client.registration.as_ref());
    sqlx::query!(
        "update client set name = $3, metadata = $4, redirect_uris = $5, auth_method = $6, secret_hash = $7,
                secret_pepper_id = $8, registration_hash = $9, registration_pepper_id = $10, display_digest = $11,
                status = $12, status_before = case when status = $12 then status_before end,
                status_reason = case when status = $12 then status_reason end,
                status_since = case when status = $12 then status_since end
          where tenant = $1 and id = $2",
        tenant.0,
        client.id.as_str(),
        client.name(),
        serde_json::to_value(&client.metadata).map_err(StoreError::corrupt)?,
        &uris(&client.metadata),
        client.metadata.token_endpoint_auth_method.name(),
        secret_hash,
        secret_pepper_id,
        registration_hash,
        registration_pepper_id,
        digest.as_slice(),
        client.status.name()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores a client's secret anew, under another pepper.
pub async fn store_secret_anew(tx: &mut TenantTx, id: &ClientId, old: &Stored, new: &Stored) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update client set secret_hash = $4, secret_pepper_id = $5 where tenant = $1 and id = $2 and secret_hash = $3",
        tenant.0,
        id.as_str(),
        old.hash.as_slice(),
        new.hash.as_slice(),
        new.pepper_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores a client's registration access token anew, under another pepper.
pub async fn store_registration_anew(
    tx: &mut TenantTx,
    id: &ClientId,
    old: &Stored,
    new: &Stored,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update client set registration_hash = $4, registration_pepper_id = $5
          where tenant = $1 and id = $2 and registration_hash = $3",
        tenant.0,
        id.as_str(),
        old.hash.as_slice(),
        new.hash.as_slice(),
        new.pepper_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends what rests on another display of a client than its present one: consents that were given, and requests that wait
/// for an answer, since their page shows the client as it was. Returns how many consents.
pub async fn void_consents(tx: &mut TenantTx, client: &Client, now: OffsetDateTime) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let digest = client.metadata.display_digest();
    // In the order in which an approval takes the same locks.
    sqlx::query!(
        "update interaction set decided_at = $3 where tenant = $1 and client = $2 and decided_at is null and expires_at > $3",
        tenant.0,
        client.id.as_str(),
        now
    )
    .execute(tx.conn())
    .await?;
    let done = sqlx::query!(
        "update consent set voided_at = $4
          where tenant = $1 and client = $2 and display_digest <> $3 and voided_at is null",
        tenant.0,
        client.id.as_str(),
        digest.as_slice(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Notes that a client was used. At most once an hour, so that busy clients do not write their row at each request; what was
/// read of it decides whether it is tried at all.
pub async fn touch(tx: &mut TenantTx, client: &Client, now: OffsetDateTime) -> Result<(), StoreError> {
    let before = now - time::Duration::HOUR;
    if client.last_used_at.is_some_and(|used| used >= before) {
        return Ok(());
    }
    let tenant = tx.tenant();
    sqlx::query!(
        "update client set last_used_at = $3
          where tenant = $1 and id = $2 and (last_used_at is null or last_used_at < $4)",
        tenant.0,
        client.id.as_str(),
        now,
        before
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The ids and names among these that no client has; `*` is none of either.
pub async fn absent(tx: &mut TenantTx, named: &[String]) -> Result<Vec<String>, StoreError> {
    let tenant = tx.tenant();
    let absent = sqlx::query_scalar!(
        r#"select n as "n!" from unnest($2::text[]) n
            where n <> '*' and not exists (
                select from client c
                 where c.tenant = $1 and c.status <> 'removed' and (c.id = n or lower(c.name) = lower(n)))"#,
        tenant.0,
        named
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(absent)
}

/// What was registered since a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// How many clients, removed ones too.
    pub count: i64,
    /// When the first of them came.
    pub first: Option<OffsetDateTime>,
}

/// Waits for the tenant's turn to register, and has it until the transaction ends.
async fn take_turn(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1::text, 7310002))", tenant.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Counts registrations after `since`. Others wait with theirs until the transaction ends, so that the count holds.
pub async fn registered_after(tx: &mut TenantTx, since: OffsetDateTime) -> Result<Registered, StoreError> {
    let tenant = tx.tenant();
    take_turn(tx).await?;
    let row = sqlx::query!(
        r#"select count(*) as "count!", min(created_at) as first
             from client where tenant = $1 and origin in ('registered', 'document') and created_at > $2"#,
        tenant.0,
        since
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Registered { count: row.count, first: row.first })
}

/// Remembers that an assertion of a client was used. False: it was used before. The statement has one winner.
pub async fn spend_assertion(
    tx: &mut TenantTx,
    client: &ClientId,
    jti: &[u8; 32],
    expires_at: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into client_assertion (tenant, client, jti, expires_at) values ($1, $2, $3, $4) on conflict do nothing",
        tenant.0,
        client.as_str(),
        jti.as_slice(),
        expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
