//! People as the console lists them.

use time::OffsetDateTime;

use crate::{
    ids::{PersonId, SessionId},
    store::{StoreError, TenantTx},
};

/// What part of the people.
#[derive(Debug)]
pub struct Asked<'a> {
    /// A pattern for both names.
    pub like: Option<String>,
    /// `active` or `disabled`.
    pub status: Option<&'a str>,
    /// A role, in its stored word.
    pub role: Option<&'a str>,
    /// `name`, `created` or `grants`.
    pub sort: &'a str,
    /// Largest first.
    pub down: bool,
    /// Rows at most.
    pub limit: i64,
    /// Rows before.
    pub offset: i64,
}

/// A person in a list.
#[derive(Debug)]
pub struct ListedRow {
    /// Who.
    pub id: PersonId,
    /// The name at login.
    pub username: String,
    /// The name on pages.
    pub display_name: String,
    /// What they may be.
    pub roles: Vec<String>,
    /// `active` or `disabled`.
    pub status: String,
    /// Whether they have a password.
    pub has_password: bool,
    /// When the account was made.
    pub created_at: OffsetDateTime,
    /// When a session that is still known began last.
    pub last_login_at: Option<OffsetDateTime>,
    /// Grants of theirs in force.
    pub grants: i64,
}

/// One page of the people who are not removed; or just one of them.
pub async fn page(tx: &mut TenantTx, asked: &Asked<'_>, only: Option<PersonId>) -> Result<Vec<ListedRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        ListedRow,
        r#"with listed as (
               select p.id, p.username, p.display_name, p.roles, p.status, p.password_hash is not null as has_password, p.created_at,
                      (select max(auth_time) from session s where s.tenant = p.tenant and s.person = p.id) as last_login_at,
                      (select count(*) from access_grant g
                        where g.tenant = p.tenant and g.person = p.id and g.revoked_at is null) as grants
                 from person p
                where p.tenant = $1 and p.status <> 'removed' and ($8::uuid is null or p.id = $8)
                  and ($2::text is null or p.username ilike $2 or p.display_name ilike $2)
                  and ($3::text is null or p.status = $3) and ($4::text is null or $4 = any (p.roles)))
           select id as "id: PersonId", username, display_name, roles, status, has_password as "has_password!", created_at,
                  last_login_at, grants as "grants!"
             from listed
            order by case when $5 = 'name' and not $6 then lower(username) end,
                     case when $5 = 'name' and $6 then lower(username) end desc,
                     case when $5 = 'created' and not $6 then created_at end,
                     case when $5 = 'created' and $6 then created_at end desc,
                     case when $5 = 'login' and not $6 then last_login_at end nulls first,
                     case when $5 = 'login' and $6 then last_login_at end desc nulls last,
                     case when $5 = 'grants' and not $6 then grants end,
                     case when $5 = 'grants' and $6 then grants end desc,
                     lower(username)
            limit $7 offset $9"#,
        tenant.0,
        asked.like,
        asked.status,
        asked.role,
        asked.sort,
        asked.down,
        asked.limit,
        only.map(|id| id.0),
        asked.offset
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A browser in which somebody is logged in.
#[derive(Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// How they proved who they are (RFC 8176).
    pub amr: Vec<String>,
    /// When.
    pub auth_time: OffsetDateTime,
    /// Until when at most.
    pub expires_at: OffsetDateTime,
}

/// The sessions of a person that are in force, newest first.
pub async fn sessions(tx: &mut TenantTx, person: PersonId, now: OffsetDateTime) -> Result<Vec<SessionRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        SessionRow,
        r#"select id as "id: SessionId", amr, auth_time, expires_at from session
            where tenant = $1 and person = $2 and ended_at is null and expires_at > $3 order by auth_time desc limit 100"#,
        tenant.0,
        person.0,
        now
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
