//! Device authorization requests (RFC 8628).

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::{
    ids::{ClientId, DeviceId, FamilyId, PersonId, ServerId},
    keys::Stored,
};

/// A request that a device begins.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its id.
    pub id: DeviceId,
    /// The keyed hash of the code that the person types.
    pub user_code: [u8; 32],
    /// Who asks.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// S256 challenge, if the client sent one.
    pub code_challenge: Option<String>,
    /// Where the request came from.
    pub address: String,
    /// What the program calls itself.
    pub user_agent: Option<String>,
    /// When it came.
    pub created_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// Seconds between two polls.
    pub poll_seconds: i32,
}

/// Adds a request. False: its user code is taken, and nothing was added.
pub async fn insert(tx: &mut TenantTx, stored: &Stored, new: &NewDevice) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into device_authorization (tenant, id, hash, pepper_id, user_code, client, server, scopes, code_challenge,
             address, user_agent, created_at, expires_at, poll_seconds)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         on conflict (tenant, user_code) do nothing",
        tenant.0,
        new.id.0,
        stored.hash.as_slice(),
        stored.pepper_id,
        new.user_code.as_slice(),
        new.client.as_str(),
        new.server.0,
        &new.scopes,
        new.code_challenge,
        new.address,
        new.user_agent,
        new.created_at,
        new.expires_at,
        new.poll_seconds
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps at most `most` of the requests that nobody has decided, expired ones among them: the newest.
pub async fn keep_newest(tx: &mut TenantTx, most: u32) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "with old as materialized (
             select id from device_authorization
              where tenant = $1 and decided_at is null
                and (expires_at, id) <= (select expires_at, id from device_authorization
                                          where tenant = $1 and decided_at is null
                                          order by expires_at desc, id desc offset $2 limit 1)
              order by expires_at, id limit 100 for update skip locked)
         delete from device_authorization where tenant = $1 and id in (select id from old)",
        tenant.0,
        i64::from(most)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A request that waits for a person.
#[derive(Clone, Debug)]
pub struct WaitingDevice {
    /// Its id.
    pub id: DeviceId,
    /// Who asks.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Where the request came from.
    pub address: String,
    /// What the program calls itself.
    pub user_agent: Option<String>,
    /// When it came.
    pub created_at: OffsetDateTime,
}

/// Finds the undecided request of a user code.
pub async fn waiting(
    tx: &mut TenantTx,
    user_codes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<Option<WaitingDevice>, StoreError> {
    let tenant = tx.tenant();
    let user_codes: Vec<Vec<u8>> = user_codes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query!(
        "select id, client, server, scopes, address, user_agent, created_at from device_authorization
          where tenant = $1 and user_code = any ($2) and decided_at is null and expires_at > $3",
        tenant.0,
        &user_codes,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(WaitingDevice {
            id: DeviceId(row.id),
            client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
            server: ServerId(row.server),
            scopes: row.scopes,
            address: row.address,
            user_agent: row.user_agent,
            created_at: row.created_at,
        })
    })
    .transpose()
}

/// Decides a request. True for one answer only, whoever gives another one at the same time.
pub async fn decide(
    tx: &mut TenantTx,
    id: DeviceId,
    person: PersonId,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update device_authorization set decided_at = $4, person = $3
          where tenant = $1 and id = $2 and decided_at is null and expires_at > $4",
        tenant.0,
        id.0,
        person.0,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes what an approved request may have.
pub async fn approve(tx: &mut TenantTx, id: DeviceId, family: FamilyId, scopes: &[String]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update device_authorization set family = $3, scopes = $4 where tenant = $1 and id = $2",
        tenant.0,
        id.0,
        family.0,
        scopes
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A request's row, locked.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Its id.
    pub id: DeviceId,
    /// Whose it is.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// What was granted, once it is.
    pub scopes: Vec<String>,
    /// S256 challenge, if the client sent one.
    pub code_challenge: Option<String>,
    /// When it ends.
    pub expires_at: OffsetDateTime,
    /// Seconds between two polls.
    pub poll_seconds: i32,
    /// When it was last asked for.
    pub polled_at: Option<OffsetDateTime>,
    /// When somebody said yes or no.
    pub decided_at: Option<OffsetDateTime>,
    /// What an approval began.
    pub family: Option<FamilyId>,
    /// When its tokens were given out.
    pub redeemed_at: Option<OffsetDateTime>,
    /// The answer that had them, sealed under the device code.
    pub sealed_answer: Option<Vec<u8>>,
}

/// Locks the request of a device code. `None`: there is none.
pub async fn lock(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<Option<DeviceRow>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query!(
        r#"select id, client, server, scopes, code_challenge, expires_at, poll_seconds, polled_at, decided_at, family,
                redeemed_at, box as sealed_answer
           from device_authorization where tenant = $1 and hash = any ($2) for update"#,
        tenant.0,
        &hashes
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(DeviceRow {
            id: DeviceId(row.id),
            client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
            server: ServerId(row.server),
            scopes: row.scopes,
            code_challenge: row.code_challenge,
            expires_at: row.expires_at,
            poll_seconds: row.poll_seconds,
            polled_at: row.polled_at,
            decided_at: row.decided_at,
            family: row.family.map(FamilyId),
            redeemed_at: row.redeemed_at,
            sealed_answer: row.sealed_answer,
        })
    })
    .transpose()
}

/// Notes a poll, and how long the next one has to wait.
pub async fn polled(tx: &mut TenantTx, id: DeviceId, poll_seconds: i32, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update device_authorization set polled_at = $4, poll_seconds = $3 where tenant = $1 and id = $2",
        tenant.0,
        id.0,
        poll_seconds,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Redeems a request. True for one caller only, whatever runs beside it.
pub async fn redeem(
    tx: &mut TenantTx,
    id: DeviceId,
    sealed_answer: &[u8],
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update device_authorization set redeemed_at = $4, box = $3
          where tenant = $1 and id = $2 and redeemed_at is null",
        tenant.0,
        id.0,
        sealed_answer,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks a family, so that it is not taken back while tokens of it are made.
pub async fn lock_family(tx: &mut TenantTx, family: FamilyId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("select id from family where tenant = $1 and id = $2 for update", tenant.0, family.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(())
}
