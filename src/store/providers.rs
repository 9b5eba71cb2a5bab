//! Identity providers, whom they know of our people, and logins on their way to them.

use std::collections::HashMap;

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StoreError, TenantTx};
use crate::{
    ids::{PersonId, ProviderId, SessionId},
    keys::Sealed,
};

/// An identity provider as it is kept.
#[derive(Clone, Debug)]
pub struct ProviderRow {
    /// Its id.
    pub id: ProviderId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name on pages.
    pub name: String,
    /// Its issuer identifier.
    pub issuer: String,
    /// What it calls us.
    pub client_id: String,
    /// How we prove ourselves to it: `none`, `client_secret_basic` or `client_secret_post`.
    pub auth_method: String,
    /// The client secret.
    pub secret: Option<Sealed>,
    /// The rest.
    pub settings: Value,
    /// `active`, `disabled` or `removed`.
    pub status: String,
    /// Grows with each change.
    pub version: i64,
}

/// Whom a provider brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderCounts {
    /// People whom it is known for.
    pub people: i64,
    /// Sessions in force that began at it.
    pub sessions: i64,
}

/// Somebody whom a provider is known for.
#[derive(Clone, Debug)]
pub struct LinkedRow {
    /// Who.
    pub person: PersonId,
    /// Their name at login.
    pub username: String,
    /// Since when.
    pub linked_at: OffsetDateTime,
    /// When they last came by it.
    pub last_login_at: Option<OffsetDateTime>,
}

impl ProviderRow {
    /// Whether it is gone. Its slug is never used again.
    pub fn is_removed(&self) -> bool {
        self.status == "removed"
    }
}

type Columns = (Uuid, String, String, String, String, String, Option<String>, Option<Vec<u8>>, Value, String, i64);

fn row(
    (id, slug, name, issuer, client_id, auth_method, kek_id, sealed, settings, status, version): Columns,
) -> ProviderRow {
    let secret = kek_id.zip(sealed).map(|(kek_id, bytes)| Sealed { kek_id, bytes });
    ProviderRow { id: ProviderId(id), slug, name, issuer, client_id, auth_method, secret, settings, status, version }
}

/// Adds a provider.
pub async fn insert(tx: &mut TenantTx, new: &ProviderRow, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let statement = "insert into identity_provider
             (tenant, id, slug, name, issuer, client_id, auth_method, kek_id, sealed, settings, status, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    sqlx::query(statement)
        .bind(tenant.0)
        .bind(new.id.0)
        .bind(&new.slug)
        .bind(&new.name)
        .bind(&new.issuer)
        .bind(&new.client_id)
        .bind(&new.auth_method)
        .bind(new.secret.as_ref().map(|secret| &secret.kek_id))
        .bind(new.secret.as_ref().map(|secret| &secret.bytes))
        .bind(&new.settings)
        .bind(&new.status)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The providers through which people may log in, by their names.
pub async fn active(tx: &mut TenantTx) -> Result<Vec<ProviderRow>, StoreError> {
    let tenant = tx.tenant();
    let statement = "select id, slug, name, issuer, client_id, auth_method, kek_id, sealed, settings, status, version
           from identity_provider where tenant = $1 and status = 'active' order by name, slug";
    let rows = sqlx::query_as::<_, Columns>(statement).bind(tenant.0).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(row).collect())
}

/// All of them, whatever their status.
pub async fn all(tx: &mut TenantTx) -> Result<Vec<ProviderRow>, StoreError> {
    let tenant = tx.tenant();
    let statement = "select id, slug, name, issuer, client_id, auth_method, kek_id, sealed, settings, status, version
           from identity_provider where tenant = $1";
    let rows = sqlx::query_as::<_, Columns>(statement).bind(tenant.0).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(row).collect())
}

/// Changes a provider: all but its slug and its issuer.
pub async fn update(tx: &mut TenantTx, new: &ProviderRow) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let statement = "update identity_provider
            set name = $3, client_id = $4, auth_method = $5, kek_id = $6, sealed = $7, settings = $8, status = $9,
                version = version + 1
          where tenant = $1 and id = $2";
    sqlx::query(statement)
        .bind(tenant.0)
        .bind(new.id.0)
        .bind(&new.name)
        .bind(&new.client_id)
        .bind(&new.auth_method)
        .bind(new.secret.as_ref().map(|secret| &secret.kek_id))
        .bind(new.secret.as_ref().map(|secret| &secret.bytes))
        .bind(&new.settings)
        .bind(&new.status)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Removes a provider: its secret is gone, and nobody comes by it any more. Whoever came before is another errand:
/// [`end_logins`].
pub async fn remove(tx: &mut TenantTx, id: ProviderId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let statement = "update identity_provider
            set status = 'removed', auth_method = 'none', kek_id = null, sealed = null, version = version + 1
          where tenant = $1 and id = $2";
    sqlx::query(statement).bind(tenant.0).bind(id.0).execute(tx.conn()).await?;
    Ok(())
}

/// Ends the logins that began at a provider, those too that wait for a second factor. Returns the sessions that were in force,
/// and whose they were.
pub async fn end_logins(
    tx: &mut TenantTx,
    id: ProviderId,
    now: OffsetDateTime,
) -> Result<Vec<(SessionId, PersonId)>, StoreError> {
    let tenant = tx.tenant();
    // First, so that none of them becomes a session meanwhile.
    let statement = "delete from login_step where tenant = $1 and provider = $2";
    sqlx::query(statement).bind(tenant.0).bind(id.0).execute(tx.conn()).await?;
    let statement = "update session set ended_at = $3
          where tenant = $1 and provider = $2 and ended_at is null and expires_at > $3 returning id, person";
    let ended = sqlx::query_as::<_, (Uuid, Uuid)>(statement).bind(tenant.0).bind(id.0).bind(now);
    let ended = ended.fetch_all(tx.conn()).await?;
    Ok(ended.into_iter().map(|(session, person)| (SessionId(session), PersonId(person))).collect())
}

/// Whether people may log in through a provider. If so, that stays so until the end of the transaction.
pub async fn hold(tx: &mut TenantTx, id: ProviderId) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let statement = "select true from identity_provider where tenant = $1 and id = $2 and status = 'active' for share";
    let found = sqlx::query_scalar::<_, bool>(statement).bind(tenant.0).bind(id.0).fetch_optional(tx.conn()).await?;
    Ok(found.is_some())
}

/// Whom each provider brings.
pub async fn counts(tx: &mut TenantTx, now: OffsetDateTime) -> Result<HashMap<ProviderId, ProviderCounts>, StoreError> {
    let tenant = tx.tenant();
    let statement = "select p.id,
                (select count(distinct i.person) from person_identity i
                   join person q on (q.tenant, q.id) = (i.tenant, i.person)
                  where i.tenant = p.tenant and i.provider = p.id and q.status <> 'removed'),
                (select count(*) from session s
                  where s.tenant = p.tenant and s.provider = p.id and s.ended_at is null and s.expires_at > $2)
           from identity_provider p where p.tenant = $1";
    let rows = sqlx::query_as::<_, (Uuid, i64, i64)>(statement).bind(tenant.0).bind(now).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(|(id, people, sessions)| (ProviderId(id), ProviderCounts { people, sessions })).collect())
}

/// Some of the people whom a provider is known for, whoever came last first.
pub async fn linked(tx: &mut TenantTx, id: ProviderId, limit: i64) -> Result<Vec<LinkedRow>, StoreError> {
    let tenant = tx.tenant();
    let statement = "select i.person, q.username, i.linked_at, i.last_login_at
           from person_identity i join person q on (q.tenant, q.id) = (i.tenant, i.person)
          where i.tenant = $1 and i.provider = $2 and q.status <> 'removed'
          order by i.last_login_at desc nulls last, q.username limit $3";
    let rows = sqlx::query_as::<_, (Uuid, String, OffsetDateTime, Option<OffsetDateTime>)>(statement);
    let rows = rows.bind(tenant.0).bind(id.0).bind(limit).fetch_all(tx.conn()).await?;
    let linked = |(person, username, linked_at, last_login_at)| LinkedRow {
        person: PersonId(person),
        username,
        linked_at,
        last_login_at,
    };
    Ok(rows.into_iter().map(linked).collect())
}

/// The provider of this name, if people may log in through it.
pub async fn by_slug(tx: &mut TenantTx, slug: &str) -> Result<Option<ProviderRow>, StoreError> {
    let tenant = tx.tenant();
    let statement = "select id, slug, name, issuer, client_id, auth_method, kek_id, sealed, settings, status, version
           from identity_provider where tenant = $1 and slug = $2 and status = 'active'";
    let found = sqlx::query_as::<_, Columns>(statement).bind(tenant.0).bind(slug).fetch_optional(tx.conn()).await?;
    Ok(found.map(row))
}

/// Notes that a browser is sent to a provider.
pub async fn begin(
    tx: &mut TenantTx,
    (hash, provider): (&[u8; 32], ProviderId),
    sealed: &[u8],
    (now, expires_at): (OffsetDateTime, OffsetDateTime),
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let statement = "insert into login_attempt (tenant, hash, provider, box, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6)";
    sqlx::query(statement)
        .bind(tenant.0)
        .bind(hash.as_slice())
        .bind(provider.0)
        .bind(sealed)
        .bind(now)
        .bind(expires_at)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A login that is on its way to this provider: the hash it was found by, and its box.
pub async fn attempt(
    tx: &mut TenantTx,
    hashes: &[[u8; 32]],
    provider: ProviderId,
    now: OffsetDateTime,
) -> Result<Option<(Vec<u8>, Vec<u8>)>, StoreError> {
    let tenant = tx.tenant();
    let hashes: Vec<Vec<u8>> = hashes.iter().map(|hash| hash.to_vec()).collect();
    let statement = "select hash, box from login_attempt
          where tenant = $1 and hash = any ($2) and provider = $3 and used_at is null and expires_at > $4";
    let found = sqlx::query_as(statement).bind(tenant.0).bind(hashes).bind(provider.0).bind(now);
    Ok(found.fetch_optional(tx.conn()).await?)
}

/// Uses it up. False: somebody did before.
pub async fn use_up(tx: &mut TenantTx, hash: &[u8], now: OffsetDateTime) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let statement = "update login_attempt set used_at = $3 where tenant = $1 and hash = $2 and used_at is null";
    let done = sqlx::query(statement).bind(tenant.0).bind(hash).bind(now).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Whom a provider means. Notes the time.
pub async fn seen(
    tx: &mut TenantTx,
    provider: ProviderId,
    subject: &str,
    now: OffsetDateTime,
) -> Result<Option<PersonId>, StoreError> {
    let tenant = tx.tenant();
    let statement = "update person_identity set last_login_at = $4
          where tenant = $1 and provider = $2 and subject = $3 returning person";
    let found = sqlx::query_scalar::<_, Uuid>(statement).bind(tenant.0).bind(provider.0).bind(subject).bind(now);
    Ok(found.fetch_optional(tx.conn()).await?.map(PersonId))
}

/// Notes whom a provider means by a subject.
pub async fn link(
    tx: &mut TenantTx,
    provider: ProviderId,
    (subject, person): (&str, PersonId),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let statement = "insert into person_identity (tenant, provider, subject, person, linked_at, last_login_at)
         values ($1, $2, $3, $4, $5, $5)";
    sqlx::query(statement)
        .bind(tenant.0)
        .bind(provider.0)
        .bind(subject)
        .bind(person.0)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whom a provider means, as far as it is known.
pub async fn known(tx: &mut TenantTx, provider: ProviderId, subject: &str) -> Result<Option<PersonId>, StoreError> {
    let tenant = tx.tenant();
    let statement = "select person from person_identity where tenant = $1 and provider = $2 and subject = $3";
    let found = sqlx::query_scalar::<_, Uuid>(statement).bind(tenant.0).bind(provider.0).bind(subject);
    Ok(found.fetch_optional(tx.conn()).await?.map(PersonId))
}

/// What a provider calls a person.
pub async fn subject_of(
    tx: &mut TenantTx,
    provider: ProviderId,
    person: PersonId,
) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant();
    let statement = "select subject from person_identity where tenant = $1 and provider = $2 and person = $3 limit 1";
    let found = sqlx::query_scalar(statement).bind(tenant.0).bind(provider.0).bind(person.0);
    Ok(found.fetch_optional(tx.conn()).await?)
}

/// A provider, and since when a person logs in through it.
#[derive(Clone, Debug)]
pub struct OwnIdentity {
    /// The provider.
    pub id: ProviderId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// Whether people may log in through it.
    pub active: bool,
    /// Since when it vouches for the person; none: it does not.
    pub linked_at: Option<OffsetDateTime>,
    /// When the person last logged in by it.
    pub last_login_at: Option<OffsetDateTime>,
}

/// All providers through which people may log in, and those that vouch for a person.
pub async fn of_person(tx: &mut TenantTx, person: PersonId) -> Result<Vec<OwnIdentity>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        OwnIdentity,
        r#"select p.id as "id: ProviderId", p.slug, p.name, p.status = 'active' as "active!",
                  i.linked_at as "linked_at?", i.last_login_at as "last_login_at?"
             from identity_provider p
             left join (select provider, min(linked_at) as linked_at, max(last_login_at) as last_login_at
                          from person_identity where tenant = $1 and person = $2 group by provider) i on i.provider = p.id
            where p.tenant = $1 and (p.status = 'active' or p.status = 'disabled' and i.provider is not null)
            order by p.name, p.slug"#,
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A provider vouches for a person no more. Says what it called them, if it did.
pub async fn unlink(tx: &mut TenantTx, provider: ProviderId, person: PersonId) -> Result<Option<String>, StoreError> {
    let tenant = tx.tenant();
    let gone = sqlx::query_scalar!(
        "delete from person_identity where tenant = $1 and provider = $2 and person = $3 returning subject",
        tenant.0,
        provider.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(gone.into_iter().next())
}

/// People whom a provider vouches for.
pub async fn vouched(tx: &mut TenantTx) -> Result<Vec<PersonId>, StoreError> {
    let tenant = tx.tenant();
    let people = sqlx::query_scalar!("select distinct person from person_identity where tenant = $1", tenant.0);
    Ok(people.fetch_all(tx.conn()).await?.into_iter().map(PersonId).collect())
}

/// No provider vouches for a person any more. Says which did, and what they called the person.
pub async fn unlink_all(tx: &mut TenantTx, person: PersonId) -> Result<Vec<(ProviderId, String)>, StoreError> {
    let tenant = tx.tenant();
    let gone = sqlx::query!(
        "delete from person_identity where tenant = $1 and person = $2 returning provider, subject",
        tenant.0,
        person.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(gone.into_iter().map(|row| (ProviderId(row.provider), row.subject)).collect())
}

/// Notes that a logout token was used. False: it was before.
pub async fn use_logout_token(
    tx: &mut TenantTx,
    provider: ProviderId,
    hash: &[u8],
    expires_at: OffsetDateTime,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let statement = "insert into logout_token (tenant, provider, hash, expires_at) values ($1, $2, $3, $4)
         on conflict do nothing";
    let done = sqlx::query(statement).bind(tenant.0).bind(provider.0).bind(hash).bind(expires_at);
    Ok(done.execute(tx.conn()).await?.rows_affected() == 1)
}
