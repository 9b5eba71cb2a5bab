//! Grants in force, many at a time: for the command line, later the console.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    ids::{ClientId, GrantId, PersonId, ServerId},
    store::{StoreError, TenantTx, grants::EndedGrant},
};

/// Which grants of a tenant: those in force that fit every part that is there.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// These.
    pub ids: Option<Vec<GrantId>>,
    /// Given by this person.
    pub person: Option<PersonId>,
    /// To this client.
    pub client: Option<ClientId>,
    /// For this server.
    pub server: Option<ServerId>,
}

impl Selection {
    fn ids(&self) -> Option<Vec<Uuid>> {
        self.ids.as_ref().map(|ids| ids.iter().map(|id| id.0).collect())
    }
}

/// A grant, with the names of all that it joins.
#[derive(Clone, Debug)]
pub struct StandingRow {
    /// Its id.
    pub id: GrantId,
    /// `sub`: a person, or a machine client itself.
    pub subject: String,
    /// The person's name at login, where there is a person.
    pub person: Option<String>,
    /// The person, where there is one.
    pub person_id: Option<PersonId>,
    /// The client.
    pub client: String,
    /// The client's own name for itself.
    pub client_name: String,
    /// The server's name in addresses.
    pub server: String,
    /// The server's name for people.
    pub server_name: String,
    /// Whether the client has not been removed.
    pub client_there: bool,
    /// Whether the server has not been removed.
    pub server_there: bool,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was first given.
    pub created_at: OffsetDateTime,
    /// When it was revoked, if it was.
    pub ended_at: Option<OffsetDateTime>,
    /// When the last of its installations has to ask anew. None: none holds tokens.
    pub ends_at: Option<OffsetDateTime>,
    /// When tokens were last issued under it, as far as their rows are still there.
    pub last_token_at: Option<OffsetDateTime>,
    /// Installations that hold tokens under it, or can get some.
    pub families: i64,
}

/// How many grants, families and people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Grants in force.
    pub grants: i64,
    /// Families alive under them.
    pub families: i64,
    /// Subjects who gave them.
    pub subjects: i64,
    /// Clients that have them.
    pub clients: i64,
}

/// The grants of a selection, newest first.
pub async fn standing(tx: &mut TenantTx, of: &Selection, now: OffsetDateTime) -> Result<Vec<StandingRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        StandingRow,
        r#"select g.id as "id: GrantId", g.subject, p.username as "person?", g.person as "person_id: PersonId", g.client,
                  c.name as client_name, s.slug as server, s.name as server_name, g.scopes, g.created_at,
                  g.revoked_at as ended_at, c.status <> 'removed' as "client_there!",
                  s.status <> 'removed' as "server_there!",
                  (select greatest(max(r.created_at), max(f.created_at))
                     from family f left join refresh_token r on (r.tenant, r.family) = (f.tenant, f.id)
                    where f.tenant = g.tenant and f.grant_id = g.id) as last_token_at,
                  (select max(f.expires_at) from family f
                    where f.tenant = g.tenant and f.grant_id = g.id and f.revoked_at is null and f.expires_at > $6)
                      as ends_at,
                  (select count(*) from family f
                    where f.tenant = g.tenant and f.grant_id = g.id and f.revoked_at is null and f.expires_at > $6)
                      as "families!"
             from access_grant g
             join client c on (c.tenant, c.id) = (g.tenant, g.client)
             join server s on (s.tenant, s.id) = (g.tenant, g.server)
             left join person p on (p.tenant, p.id) = (g.tenant, g.person)
            where g.tenant = $1 and g.revoked_at is null and ($2::uuid[] is null or g.id = any ($2))
              and ($3::uuid is null or g.person = $3) and ($4::text is null or g.client = $4)
              and ($5::uuid is null or g.server = $5)
            order by g.created_at desc, g.id desc"#,
        tenant.0,
        of.ids() as Option<Vec<Uuid>>,
        of.person.map(|id| id.0),
        of.client.as_ref().map(ClientId::as_str),
        of.server.map(|id| id.0),
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How much a selection is.
pub async fn extent(tx: &mut TenantTx, of: &Selection, now: OffsetDateTime) -> Result<Extent, StoreError> {
    let tenant = tx.tenant();
    let extent = sqlx::query_as!(
        Extent,
        r#"with chosen as (
               select g.id, g.subject, g.client from access_grant g
                where g.tenant = $1 and g.revoked_at is null and ($2::uuid[] is null or g.id = any ($2))
                  and ($3::uuid is null or g.person = $3) and ($4::text is null or g.client = $4)
                  and ($5::uuid is null or g.server = $5))
           select count(*) as "grants!", count(distinct subject) as "subjects!", count(distinct client) as "clients!",
                  (select count(*) from family f join chosen on f.grant_id = chosen.id
                    where f.tenant = $1 and f.revoked_at is null and f.expires_at > $6) as "families!"
             from chosen"#,
        tenant.0,
        of.ids() as Option<Vec<Uuid>>,
        of.person.map(|id| id.0),
        of.client.as_ref().map(ClientId::as_str),
        of.server.map(|id| id.0),
        now
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(extent)
}

/// Ends the grants of a selection and the consents behind them. Returns each grant with how many families it had alive.
/// Goes with entries of the authority log: see [`crate::token::kill_switch`].
///
/// An approval holds its grant until it has written consent and family down. So each statement after the first looks anew,
/// when it cannot come to more: one that waited for the grant would not see what was written meanwhile.
pub async fn revoke(
    tx: &mut TenantTx,
    of: &Selection,
    now: OffsetDateTime,
) -> Result<Vec<(EndedGrant, i64)>, StoreError> {
    let grants = lock(tx, of).await?;
    end(tx, &grants, now).await?;
    families(tx, &grants, now).await
}

/// In one order, so that two who revoke at once wait for one another and do not deadlock.
async fn lock(tx: &mut TenantTx, of: &Selection) -> Result<Vec<Uuid>, StoreError> {
    let tenant = tx.tenant();
    let grants = sqlx::query_scalar!(
        "select g.id from access_grant g
          where g.tenant = $1 and g.revoked_at is null and ($2::uuid[] is null or g.id = any ($2))
            and ($3::uuid is null or g.person = $3) and ($4::text is null or g.client = $4)
            and ($5::uuid is null or g.server = $5)
          order by g.id for update",
        tenant.0,
        of.ids() as Option<Vec<Uuid>>,
        of.person.map(|id| id.0),
        of.client.as_ref().map(ClientId::as_str),
        of.server.map(|id| id.0)
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(grants)
}

/// Ends these grants and the consents behind them.
async fn end(tx: &mut TenantTx, grants: &[Uuid], now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update access_grant set revoked_at = $3, version = version + 1 where tenant = $1 and id = any ($2)",
        tenant.0,
        grants,
        now
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update consent c set voided_at = $3 from access_grant g
          where g.tenant = $1 and g.id = any ($2) and c.tenant = $1 and c.voided_at is null
            and (c.person, c.client, c.server) = (g.person, g.client, g.server)",
        tenant.0,
        grants,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whose these grants were, and how many families they had alive.
async fn families(
    tx: &mut TenantTx,
    grants: &[Uuid],
    now: OffsetDateTime,
) -> Result<Vec<(EndedGrant, i64)>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select g.id as "id: GrantId", g.person as "person: PersonId", g.client as "client: ClientId",
                  g.server as "server: ServerId",
                  (select count(*) from family f
                    where f.tenant = $1 and f.grant_id = g.id and f.revoked_at is null and f.expires_at > $3) as "families!"
             from access_grant g where g.tenant = $1 and g.id = any ($2) order by g.id"#,
        tenant.0,
        grants,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    let ended = |(id, person, client, server)| EndedGrant { id, person, client, server };
    Ok(rows.into_iter().map(|row| (ended((row.id, row.person, row.client, row.server)), row.families)).collect())
}
