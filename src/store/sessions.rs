//! Logins of people in their browsers.

use time::OffsetDateTime;

use super::{StoreError, TenantTx};
use crate::{
    ids::{PersonId, ProviderId, SessionId},
    keys::Stored,
};

/// A new session.
#[derive(Clone, Debug)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// What is stored of its handle.
    pub handle: &'a Stored,
    /// Whose it is.
    pub person: PersonId,
    /// How the person proved who they are (RFC 8176).
    pub amr: &'a [String],
    /// When.
    pub auth_time: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
    /// Who vouched for the person, if that was not us.
    pub vouched: Option<&'a Vouched>,
    /// By what the person knows this login again.
    pub agent: &'a str,
}

/// What an identity provider says of a login.
#[derive(Clone, Debug)]
pub struct Vouched {
    /// Which.
    pub provider: ProviderId,
    /// What it calls its own session.
    pub sid: Option<String>,
    /// What the person may be in this session, beside what they are.
    pub roles: Vec<String>,
}

/// A session that is in force, of a person who is active.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// Its id.
    pub id: SessionId,
    /// Its stored hash.
    pub hash: Vec<u8>,
    /// Whose it is.
    pub person: PersonId,
    /// The person's name at login.
    pub username: String,
    /// The person's name on pages.
    pub display_name: String,
    /// What the person may be, by their account and by their login.
    pub roles: Vec<String>,
    /// When the person logged in.
    pub auth_time: OffsetDateTime,
    /// How they proved who they are (RFC 8176).
    pub amr: Vec<String>,
}

/// Adds a session.
pub async fn insert(tx: &mut TenantTx, session: &NewSession<'_>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into session (tenant, id, hash, pepper_id, person, amr, auth_time, expires_at, provider, provider_sid, given_roles,
                              agent)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        tenant.0,
        session.id.0,
        session.handle.hash.as_slice(),
        session.handle.pepper_id,
        session.person.0,
        session.amr,
        session.auth_time,
        session.expires_at,
        session.vouched.map(|vouched| vouched.provider.0),
        session.vouched.and_then(|vouched| vouched.sid.as_deref()),
        session.vouched.map_or(&[][..], |vouched| &vouched.roles),
        session.agent
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The session of a handle, by the hashes that it may be stored under.
pub async fn live(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    now: OffsetDateTime,
) -> Result<Option<LiveSession>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let row = sqlx::query_as!(
        LiveSession,
        r#"select s.id as "id: SessionId", s.hash, s.person as "person: PersonId", p.username, p.display_name,
                  array(select distinct unnest(p.roles || s.given_roles)) as "roles!", s.auth_time, s.amr
             from session s join person p on (p.tenant, p.id) = (s.tenant, s.person)
            where s.tenant = $1 and s.hash = any ($2)
              and s.ended_at is null and s.expires_at > $3 and p.status = 'active'"#,
        tenant.0,
        &hashes,
        now
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// One of the logins of a person, as they see it.
#[derive(Clone, Debug)]
pub struct OwnSession {
    /// Its id.
    pub id: SessionId,
    /// In which browser.
    pub agent: String,
    /// How they proved who they are (RFC 8176).
    pub amr: Vec<String>,
    /// The name of the identity provider that vouched for them.
    pub provider: Option<String>,
    /// When.
    pub auth_time: OffsetDateTime,
    /// When it ends by itself.
    pub expires_at: OffsetDateTime,
}

/// The logins of a person that are in force, newest first.
pub async fn of_person(
    tx: &mut TenantTx,
    person: PersonId,
    now: OffsetDateTime,
) -> Result<Vec<OwnSession>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        OwnSession,
        r#"select s.id as "id: SessionId", s.agent, s.amr, p.name as "provider?", s.auth_time, s.expires_at
             from session s left join identity_provider p on (p.tenant, p.id) = (s.tenant, s.provider)
            where s.tenant = $1 and s.person = $2 and s.ended_at is null and s.expires_at > $3
            order by s.auth_time desc, s.id desc limit 100"#,
        tenant.0,
        person.0,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Ends logins of a person: one, or all but `but`. Says which were in force.
pub async fn end_own(
    tx: &mut TenantTx,
    person: PersonId,
    (one, but): (Option<SessionId>, Option<SessionId>),
    now: OffsetDateTime,
) -> Result<Vec<SessionId>, StoreError> {
    let tenant = tx.tenant();
    let ended = sqlx::query_scalar!(
        r#"update session set ended_at = $5
            where tenant = $1 and person = $2 and ended_at is null and expires_at > $5
              and ($3::uuid is null or id = $3) and ($4::uuid is null or id <> $4)
           returning id as "id: SessionId""#,
        tenant.0,
        person.0,
        one.map(|id| id.0),
        but.map(|id| id.0),
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ended)
}

/// Stores a session's handle anew, under another pepper.
pub async fn store_anew(tx: &mut TenantTx, session: &LiveSession, new: &Stored) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update session set hash = $4, pepper_id = $5 where tenant = $1 and id = $2 and hash = $3",
        tenant.0,
        session.id.0,
        session.hash,
        new.hash.as_slice(),
        new.pepper_id
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a session; says whether it was still in force.
pub async fn end(tx: &mut TenantTx, id: SessionId, now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update session set ended_at = $3 where tenant = $1 and id = $2 and ended_at is null",
        tenant.0,
        id.0,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a person, and their logins that wait for a second factor.
pub async fn end_all(tx: &mut TenantTx, person: PersonId, now: OffsetDateTime) -> Result<(), StoreError> {
    end_steps(tx, Some(person)).await?;
    let tenant = tx.tenant();
    sqlx::query!(
        "update session set ended_at = $3 where tenant = $1 and person = $2 and ended_at is null",
        tenant.0,
        person.0,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// No login that waits for a second factor becomes a session any more: all of a tenant, or those of one person.
pub async fn end_steps(tx: &mut TenantTx, person: Option<PersonId>) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from login_step where tenant = $1 and ($2::uuid is null or person = $2)",
        tenant.0,
        person.map(|id| id.0)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Sessions that began at an identity provider: those that it calls `sid`, or those of a person.
#[derive(Clone, Copy, Debug)]
pub struct OfProvider<'a> {
    /// Which.
    pub provider: ProviderId,
    /// What it calls its own session. None: any.
    pub sid: Option<&'a str>,
    /// Whose they are. None: whoever's.
    pub person: Option<PersonId>,
}

/// Whose session the provider calls so, in force or not.
pub async fn person_of_sid(tx: &mut TenantTx, of: &OfProvider<'_>) -> Result<Option<PersonId>, StoreError> {
    let tenant = tx.tenant();
    let person = sqlx::query_scalar!(
        r#"select person as "person: PersonId" from session
            where tenant = $1 and provider = $2 and provider_sid = $3 order by auth_time desc limit 1"#,
        tenant.0,
        of.provider.0,
        of.sid
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(person)
}

/// Ends these sessions, and logins of theirs that wait for a second factor. Returns those that were in force.
pub async fn end_of_provider(
    tx: &mut TenantTx,
    of: &OfProvider<'_>,
    now: OffsetDateTime,
) -> Result<Vec<SessionId>, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from login_step where tenant = $1 and provider = $2 and ($3::text is null or provider_sid = $3)
            and ($4::uuid is null or person = $4)",
        tenant.0,
        of.provider.0,
        of.sid,
        of.person.map(|id| id.0)
    )
    .execute(tx.conn())
    .await?;
    let ended = sqlx::query_scalar!(
        r#"update session set ended_at = $5
            where tenant = $1 and provider = $2 and ended_at is null and expires_at > $5
              and ($3::text is null or provider_sid = $3) and ($4::uuid is null or person = $4)
           returning id as "id: SessionId""#,
        tenant.0,
        of.provider.0,
        of.sid,
        of.person.map(|id| id.0),
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ended)
}

/// How many sessions are in force, and of how many people: of all, or of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Sessions.
    pub sessions: i64,
    /// People.
    pub people: i64,
}

/// Counts the sessions that are in force: all of a tenant, or those of one person.
pub async fn extent(tx: &mut TenantTx, person: Option<PersonId>, now: OffsetDateTime) -> Result<Extent, StoreError> {
    let tenant = tx.tenant();
    let extent = sqlx::query_as!(
        Extent,
        r#"select count(*) as "sessions!", count(distinct person) as "people!" from session
            where tenant = $1 and ended_at is null and expires_at > $3 and ($2::uuid is null or person = $2)"#,
        tenant.0,
        person.map(|id| id.0),
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(extent)
}

/// Ends the sessions that are in force: all of a tenant, or those of one person. Returns them with their people.
pub async fn end_many(
    tx: &mut TenantTx,
    person: Option<PersonId>,
    now: OffsetDateTime,
) -> Result<Vec<(SessionId, PersonId)>, StoreError> {
    end_steps(tx, person).await?;
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"with chosen as (
               -- in one order, so that two who end them at once wait for one another and do not deadlock
               select id from session
                where tenant = $1 and ended_at is null and expires_at > $3 and ($2::uuid is null or person = $2)
                order by id for update)
           update session s set ended_at = $3 from chosen where s.tenant = $1 and s.id = chosen.id
           returning s.id as "id: SessionId", s.person as "person: PersonId""#,
        tenant.0,
        person.map(|id| id.0),
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.person)).collect())
}
