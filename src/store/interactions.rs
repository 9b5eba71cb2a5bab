//! Interactions: authorization requests on their way through login and consent.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::{
    ids::{ClientId, InteractionId, ServerId, SessionId},
    keys::Stored,
};

/// One authorization request, validated, waiting for a person.
#[derive(Clone, Debug)]
pub struct InteractionRow {
    /// Its id.
    pub id: InteractionId,
    /// The keyed hash of the browser that began it.
    pub browser_hash: Vec<u8>,
    /// Who asks.
    pub client: ClientId,
    /// For which server.
    pub server: ServerId,
    /// Where the answer goes, byte for byte.
    pub redirect_uri: String,
    /// `state`, byte for byte.
    pub state: Option<String>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// S256 challenge.
    pub code_challenge: String,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// `prompt`.
    pub prompt: Vec<String>,
    /// `max_age`: how old the login may be, in seconds.
    pub max_age: Option<i32>,
    /// The session of the login that belongs to it.
    pub session: Option<SessionId>,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// Adds an interaction.
pub async fn insert(tx: &mut TenantTx, stored: &Stored, row: &InteractionRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into interaction (tenant, id, hash, pepper_id, browser_hash, client, server, redirect_uri, state, scopes,
             code_challenge, login_hint, prompt, max_age, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
        tenant.0,
        row.id.0,
        stored.hash.as_slice(),
        stored.pepper_id,
        row.browser_hash,
        row.client.as_str(),
        row.server.0,
        row.redirect_uri,
        row.state,
        &row.scopes,
        row.code_challenge,
        row.login_hint,
        &row.prompt,
        row.max_age,
        row.created_at,
        row.expires_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps at most `most` of the interactions that nobody has logged in for, expired ones among them: the newest.
pub async fn keep_newest(tx: &mut TenantTx, most: u32) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "with old as materialized (
             select id from interaction
              where tenant = $1 and session is null and decided_at is null
                and (expires_at, id) <= (select expires_at, id from interaction
                                          where tenant = $1 and session is null and decided_at is null
                                          order by expires_at desc, id desc offset $2 limit 1)
              order by expires_at, id limit 100 for update skip locked)
         delete from interaction where tenant = $1 and id in (select id from old)",
        tenant.0,
        i64::from(most)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Finds an undecided interaction that has not expired.
pub async fn find(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<Option<InteractionRow>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query!(
        "select id, browser_hash, client, server, redirect_uri, state, scopes, code_challenge, login_hint, prompt, max_age, session,
                created_at, expires_at
           from interaction where tenant = $1 and hash = any ($2) and decided_at is null and expires_at > $3",
        tenant.0,
        &hashes,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(InteractionRow {
            id: InteractionId(row.id),
            browser_hash: row.browser_hash,
            client: ClientId::parse(&row.client).map_err(StoreError::corrupt)?,
            server: ServerId(row.server),
            redirect_uri: row.redirect_uri,
            state: row.state,
            scopes: row.scopes,
            code_challenge: row.code_challenge,
            login_hint: row.login_hint,
            prompt: row.prompt,
            max_age: row.max_age,
            session: row.session.map(SessionId),
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    })
    .transpose()
}

/// Notes which login belongs to an interaction.
pub async fn attach_session(tx: &mut TenantTx, id: InteractionId, session: SessionId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("update interaction set session = $3 where tenant = $1 and id = $2", tenant.0, id.0, session.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Decides an interaction. True for one answer only: a second click gets nothing.
pub async fn decide(tx: &mut TenantTx, id: InteractionId, now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update interaction set decided_at = $3 where tenant = $1 and id = $2 and decided_at is null and expires_at > $3",
        tenant.0,
        id.0,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
