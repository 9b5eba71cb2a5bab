//! `sallyport migrate`: forward only, by the owner.

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, migrate::MigrateError as SqlxMigrateError,
    postgres::PgConnectOptions,
};

use super::{MIGRATIONS, RoleError, role::check_owner};
use crate::store::{StoreError, provision};

/// The schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// Not reachable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The wrong role.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The role that serves does not exist yet.
    #[error("the database has no role {0}: create it first, `create role {0} login`")]
    NoRole(&'static str),
    /// A migration failed and was rolled back, or the database has one that this program does not know.
    #[error("the schema stays as it was: {0}")]
    Migration(#[from] SqlxMigrateError),
}

/// A migration that was applied just now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// Its number.
    pub version: i64,
    /// What it does, from its file name.
    pub description: String,
}

/// Applies what is missing, as the owner of the schema. Nothing to do is no error.
pub async fn migrate(owner: &PgConnectOptions) -> Result<Vec<Applied>, MigrateError> {
    let mut connection = owner.connect().await.map_err(StoreError::from)?;
    check_owner(&mut connection).await?;
    require_role(&mut connection, provision::APP).await?;
    let before = applied(&mut connection).await?;
    MIGRATIONS.run(&mut connection).await?;
    connection.close().await.map_err(StoreError::from)?;
    let new = MIGRATIONS.iter().filter(|migration| !before.contains(&migration.version));
    Ok(new.map(|m| Applied { version: m.version, description: m.description.to_string() }).collect())
}

async fn require_role(connection: &mut PgConnection, role: &'static str) -> Result<(), MigrateError> {
    let exists = sqlx::query_scalar!(r#"select exists (select from pg_roles where rolname = $1) as "exists!""#, role)
        .fetch_one(connection)
        .await
        .map_err(StoreError::from)?;
    if exists { Ok(()) } else { Err(MigrateError::NoRole(role)) }
}

async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, StoreError> {
    let known = sqlx::query_scalar!(r#"select to_regclass('_sqlx_migrations') is not null as "known!""#);
    if !known.fetch_one(&mut *connection).await? {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar!("select version from _sqlx_migrations").fetch_all(connection).await?)
}
