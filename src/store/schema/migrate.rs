//! `sallyport migrate`: forward only, by the owner.

use sqlx::{Connection as _, PgConnection, migrate::MigrateError as SqlxMigrateError, postgres::PgConnectOptions};

use super::{MIGRATIONS, RoleError, role::check_owner};
use crate::{
    audit::{PlatformEvent, Recorder},
    store::{StoreError, audit, connect, provision},
};

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
    #[error("the schema stays as it was: {}", failed(.0))]
    Migration(#[from] SqlxMigrateError),
}

fn failed(error: &SqlxMigrateError) -> String {
    match error {
        SqlxMigrateError::ExecuteMigration(error, migration) => {
            format!("migration {migration}: {}", connect::reason(error))
        }
        SqlxMigrateError::Execute(error) => connect::reason(error),
        error => error.to_string(),
    }
}

/// A migration that was applied just now.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// Its number.
    pub version: i64,
    /// What it does, from its file name.
    pub description: String,
}

/// Applies what is missing, as the owner of the schema, and notes it in the platform log. Nothing to do is no error.
pub async fn migrate(owner: &PgConnectOptions, recorder: &Recorder) -> Result<Vec<Applied>, MigrateError> {
    let mut connection = connect::connect(owner).await?;
    check_owner(&mut connection).await?;
    require_role(&mut connection, provision::APP).await?;
    let before = applied(&mut connection).await?;
    MIGRATIONS.run(&mut connection).await?;
    note(&mut connection, recorder).await?;
    connection.close().await.map_err(StoreError::from)?;
    let new = MIGRATIONS.iter().filter(|migration| !before.contains(&migration.version));
    Ok(new.map(|m| Applied { version: m.version, description: m.description.to_string() }).collect())
}

/// Notes what was applied and is not noted yet: before the log was there, or by a run that was cut off.
async fn note(connection: &mut PgConnection, recorder: &Recorder) -> Result<(), StoreError> {
    let missing = sqlx::query!(
        "select version, description from _sqlx_migrations m
          where success and not exists (select from platform_event e
                                         where e.kind = 'schema.migrated' and e.body -> 'migration' = to_jsonb(m.version))
          order by version"
    );
    for row in missing.fetch_all(&mut *connection).await? {
        let migrated = PlatformEvent::SchemaMigrated { migration: row.version, description: row.description };
        audit::insert_platform_on(connection, &recorder.platform_row(&migrated)?).await?;
    }
    Ok(())
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
