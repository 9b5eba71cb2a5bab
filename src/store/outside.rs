//! Issuers outside, and what their tokens are mapped to.

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    Store, StoreError, TenantTx,
    grants::{EndedGrant, GrantRow},
};
use crate::ids::{ClientId, FamilyId, GrantId, NodeId, ServerId, TenantId};

/// An issuer that a server trusts.
#[derive(Clone, Debug)]
pub struct IssuerRow {
    /// Which server.
    pub server: ServerId,
    /// The issuer, byte for byte.
    pub issuer: String,
    /// How its tokens are read, unread.
    pub settings: Value,
}

/// The issuers of all servers of the tenant.
pub async fn issuers(tx: &mut TenantTx) -> Result<Vec<IssuerRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select server, issuer, settings from server_issuer where tenant = $1 order by server, issuer",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    let read = |(server, issuer, settings)| IssuerRow { server: ServerId(server), issuer, settings };
    Ok(rows.into_iter().map(|row| read((row.server, row.issuer, row.settings))).collect())
}

/// Replaces the issuers of a server by these. Goes with an entry of the authority log for the server.
pub async fn replace_issuers(tx: &mut TenantTx, server: ServerId, issuers: &[IssuerRow]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("delete from server_issuer where tenant = $1 and server = $2", tenant.0, server.0)
        .execute(tx.conn())
        .await?;
    for row in issuers {
        sqlx::query!(
            "insert into server_issuer (tenant, server, issuer, settings) values ($1, $2, $3, $4)",
            tenant.0,
            server.0,
            row.issuer,
            row.settings
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Ends the grants on a server of all subjects from outside but those of these issuers, named as in subjects.
pub async fn end_grants_but(
    tx: &mut TenantTx,
    server: ServerId,
    kept: &[String],
    now: OffsetDateTime,
) -> Result<Vec<EndedGrant>, StoreError> {
    let tenant = tx.tenant();
    let ended = sqlx::query_as!(
        EndedGrant,
        r#"update access_grant set revoked_at = $4, version = version + 1
            where tenant = $1 and server = $2 and revoked_at is null and subject like 'issuer:%'
              and not split_part(subject, ':', 2) = any ($3)
           returning id as "id: GrantId", person as "person: crate::ids::PersonId", client as "client: ClientId",
                     server as "server: ServerId""#,
        tenant.0,
        server.0,
        kept,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ended)
}

/// Whom a token of an outside issuer is mapped to.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// The subject.
    pub subject: &'a str,
    /// The client.
    pub client: &'a ClientId,
    /// The server.
    pub server: ServerId,
}

/// What a cache fill reads.
#[derive(Clone, Debug)]
pub struct OutsideRow {
    /// The authority log's head at this read.
    pub head: i64,
    /// Server, tenant and client may do something. A client that is not written down yet may.
    pub live: bool,
    /// The grant in force, if there is one.
    pub grant: Option<GrantRow>,
    /// How events call its subject.
    pub subject_commitment: Option<String>,
    /// Its family, and until when that was last known to hold a token.
    pub family: Option<(FamilyId, OffsetDateTime)>,
    /// When a grant, or a family of the one in force, ended last.
    pub ended_at: Option<OffsetDateTime>,
}

impl Store {
    /// Looks up what a verified token of an outside issuer is mapped to, on behalf of a node: one round trip.
    ///
    /// # Errors
    /// Also when that node is not registered.
    pub async fn lookup_outside(
        &self,
        node: NodeId,
        tenant: TenantId,
        of: Mapping<'_>,
    ) -> Result<Option<OutsideRow>, StoreError> {
        let row = sqlx::query!(
            r#"select registered as "registered!", head as "head!", live as "live!", grant_id as "grant_id?",
                      grant_version as "grant_version?", grant_scopes as "grant_scopes?", family as "family?",
                      family_ends as "family_ends?", ended_at as "ended_at?",
                      subject_commitment as "subject_commitment?"
                 from outside_lookup($1, $2, $3, $4, $5)"#,
            node.0,
            tenant.0,
            of.subject,
            of.client.as_str(),
            of.server.0
        )
        .fetch_optional(self.pool())
        .await?;
        let Some(row) = row else { return Ok(None) };
        if !row.registered {
            return Err(StoreError::Unregistered);
        }
        let grant = match (row.grant_id, row.grant_scopes, row.grant_version) {
            (Some(id), Some(scopes), Some(version)) => Some(GrantRow { id: GrantId(id), scopes, version }),
            _ => None,
        };
        Ok(Some(OutsideRow {
            head: row.head,
            live: row.live,
            grant,
            subject_commitment: row.subject_commitment,
            family: row.family.map(FamilyId).zip(row.family_ends),
            ended_at: row.ended_at,
        }))
    }
}

/// Counts clients of outside issuers that came after `since`. Others wait with theirs until the transaction ends, so that
/// the count holds.
pub async fn clients_after(tx: &mut TenantTx, since: OffsetDateTime) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1::text, 7310074))", tenant.to_string())
        .execute(tx.conn())
        .await?;
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from client where tenant = $1 and origin = 'outside' and created_at > $2"#,
        tenant.0,
        since
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// Makes sure that the mapped grant is there and allows at least `scopes`. It is locked until the transaction ends. True
/// where it was not so before.
pub async fn widen(
    tx: &mut TenantTx,
    (fresh, commitment): (GrantId, &str),
    of: Mapping<'_>,
    scopes: &[String],
    now: OffsetDateTime,
) -> Result<(GrantRow, String, bool), StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"with before as (
             select id, version from access_grant
              where tenant = $1 and subject = $3 and client = $4 and server = $5 and revoked_at is null)
         insert into access_grant (tenant, id, subject, person, client, server, scopes, created_at, subject_commitment)
         values ($1, $2, $3, null, $4, $5, $6, $7, $8)
         on conflict (tenant, subject, client, server) where revoked_at is null do update
            set scopes = (select coalesce(array_agg(distinct s order by s), '{}')
                            from unnest(access_grant.scopes || excluded.scopes) s),
                version = access_grant.version + (not access_grant.scopes @> excluded.scopes)::int,
                subject_commitment = coalesce(access_grant.subject_commitment, excluded.subject_commitment)
         returning id, scopes, version, subject_commitment as "subject_commitment!",
                   not exists (select from before b where b.id = access_grant.id and b.version = access_grant.version)
                       as "changed!""#,
        tenant.0,
        fresh.0,
        of.subject,
        of.client.as_str(),
        of.server.0,
        scopes,
        now,
        commitment
    )
    .fetch_one(tx.conn())
    .await?;
    let grant = GrantRow { id: GrantId(row.id), scopes: row.scopes, version: row.version };
    Ok((grant, row.subject_commitment, row.changed))
}

/// When a mapped grant, or a family of `grant`, ended last.
pub async fn ended_at(
    tx: &mut TenantTx,
    of: Mapping<'_>,
    grant: GrantId,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let tenant = tx.tenant();
    let at = sqlx::query_scalar!(
        r#"select greatest(
               (select max(e.revoked_at) from access_grant e
                 where e.tenant = $1 and e.subject = $2 and e.client = $3 and e.server = $4
                   and e.revoked_at is not null and e.subject like 'issuer:%'),
               (select max(e.revoked_at) from family e where e.tenant = $1 and e.grant_id = $5)) as "at?""#,
        tenant.0,
        of.subject,
        of.client.as_str(),
        of.server.0,
        grant.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(at)
}

/// Makes sure that a locked grant has a family, and that it lasts at least until `until`.
pub async fn keep_family(
    tx: &mut TenantTx,
    fresh: FamilyId,
    grant: GrantId,
    until: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<FamilyId, StoreError> {
    let tenant = tx.tenant();
    let known = sqlx::query_scalar!(
        "update family set expires_at = greatest(expires_at, $3)
          where tenant = $1 and id = (select id from family where tenant = $1 and grant_id = $2 and revoked_at is null
                                       order by created_at desc, id desc limit 1)
          returning id",
        tenant.0,
        grant.0,
        until
    )
    .fetch_optional(tx.conn())
    .await?;
    if let Some(id) = known {
        return Ok(FamilyId(id));
    }
    let family = super::grants::NewFamily { id: fresh, grant, redirect_uri: None, auth_time: None, expires_at: until };
    super::grants::insert_family(tx, family, now).await?;
    Ok(fresh)
}
