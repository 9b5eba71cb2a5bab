//! Persons of a tenant. Their sessions and failed logins are in files beside this one.

pub mod listed;

use time::OffsetDateTime;

use super::{StoreError, TenantTx, second};
use crate::ids::PersonId;

/// A person's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// Its id.
    pub id: PersonId,
    /// The name at login, unique whatever its case.
    pub username: String,
    /// The name on pages.
    pub display_name: String,
    /// A PHC string; none for people who log in elsewhere.
    pub password_hash: Option<String>,
    /// What the person is: `person`, `administrator`.
    pub roles: Vec<String>,
    /// `active`, `disabled` or `removed`.
    pub status: String,
}

impl PersonRow {
    /// Whether the person may log in and use grants.
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }
}

/// Adds a person. [`USERNAME_TAKEN`] is violated where the name is in use.
pub async fn insert(tx: &mut TenantTx, person: &PersonRow, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into person (tenant, id, username, display_name, password_hash, roles, status, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant.0,
        person.id.0,
        person.username,
        person.display_name,
        person.password_hash,
        &person.roles,
        person.status,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The constraint behind unique usernames.
pub const USERNAME_TAKEN: &str = "person_username";

/// A person by the name at login, whatever its case and the person's status.
pub async fn by_username(tx: &mut TenantTx, username: &str) -> Result<Option<PersonRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        PersonRow,
        r#"select id as "id: PersonId", username, display_name, password_hash, roles, status
             from person where tenant = $1 and lower(username) = lower($2)"#,
        tenant.0,
        username
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// A person by id, whatever their status.
pub async fn by_id(tx: &mut TenantTx, id: PersonId) -> Result<Option<PersonRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        PersonRow,
        r#"select id as "id: PersonId", username, display_name, password_hash, roles, status from person
            where tenant = $1 and id = $2"#,
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// A person by id. The row is locked until the transaction ends, so that nobody disables the person or changes the
/// password in between.
pub async fn lock(tx: &mut TenantTx, id: PersonId) -> Result<Option<PersonRow>, StoreError> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        PersonRow,
        r#"select id as "id: PersonId", username, display_name, password_hash, roles, status
             from person where tenant = $1 and id = $2 for no key update"#,
        tenant.0,
        id.0
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Everybody who is not removed, by username.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<PersonRow>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        PersonRow,
        r#"select id as "id: PersonId", username, display_name, password_hash, roles, status
             from person where tenant = $1 and status <> 'removed' order by lower(username)"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Gives a person another password hash.
pub async fn set_password_hash(tx: &mut TenantTx, id: PersonId, hash: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("update person set password_hash = $3 where tenant = $1 and id = $2", tenant.0, id.0, hash)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Makes a person `active`, `disabled` or `removed`.
pub async fn set_status(tx: &mut TenantTx, id: PersonId, status: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("update person set status = $3 where tenant = $1 and id = $2", tenant.0, id.0, status)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Deletes the name, the password and the values of events of a person, who is removed with that. How many values there were.
pub async fn erase(tx: &mut TenantTx, person: &PersonRow) -> Result<u64, StoreError> {
    let tenant = tx.tenant();
    let values = sqlx::query("delete from audit_value where tenant = $1 and person = $2")
        .bind(tenant.0)
        .bind(person.id.0)
        .execute(tx.conn())
        .await?;
    sqlx::query("delete from interaction where tenant = $1 and lower(login_hint) = lower($2)")
        .bind(tenant.0)
        .bind(&person.username)
        .execute(tx.conn())
        .await?;
    forget_ways_in(tx, person.id).await?;
    // The row stays for what refers to it.
    let erase = "update person set username = 'erased-' || id::text, display_name = '', password_hash = null,
                        roles = '{}', status = 'removed' where tenant = $1 and id = $2";
    sqlx::query(erase).bind(tenant.0).bind(person.id.0).execute(tx.conn()).await?;
    Ok(values.rows_affected())
}

/// Deletes all by which a person could come in but for the password and the sessions: links, tokens of the admin API, accounts at
/// identity providers, second factors. Whoever has the name later starts with none of it.
pub async fn forget_ways_in(tx: &mut TenantTx, person: PersonId) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    for table in ["person_link", "api_token", "person_identity"] {
        let delete = sqlx::AssertSqlSafe(format!("delete from {table} where tenant = $1 and person = $2"));
        sqlx::query(delete).bind(tenant.0).bind(person.0).execute(tx.conn()).await?;
    }
    second::reset(tx, person).await?;
    Ok(())
}

/// Waits until nobody else of this tenant is changing who is an administrator.
pub async fn lock_administrators(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 7310011))", tenant.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How many others are administrators who may log in.
pub async fn other_administrators(tx: &mut TenantTx, but: PersonId) -> Result<i64, StoreError> {
    let tenant = tx.tenant();
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from person
            where tenant = $1 and id <> $2 and status = 'active' and 'administrator' = any (roles)"#,
        tenant.0,
        but.0
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// Gives a person these roles and no others.
pub async fn set_roles(tx: &mut TenantTx, id: PersonId, roles: &[String]) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!("update person set roles = $3 where tenant = $1 and id = $2", tenant.0, id.0, roles)
        .execute(tx.conn())
        .await?;
    Ok(())
}
