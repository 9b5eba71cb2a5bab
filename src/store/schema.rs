//! Whether the database is the one this program was built for, and making it so.

mod migrate;
mod role;

pub use migrate::{Applied, MigrateError, migrate};
pub use role::{RoleError, connect_options};

use sqlx::migrate::Migrator;

use super::{Store, StoreError};

/// The migrations this program knows.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The database has another schema than this program knows: `serve` does not start.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Could not ask.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing was ever applied, or the role may not look.
    #[error("the database has no schema that the serving role can read: run `sallyport migrate` first")]
    Empty,
    /// Migrations are missing.
    #[error("the database is older than this program, migration {0} is missing: run `sallyport migrate` first")]
    Older(i64),
    /// A newer program was here.
    #[error("the database is newer than this program, which does not know migration {0}: start the newer program")]
    Newer(i64),
    /// A migration was applied with another text.
    #[error("migration {0} of the database is not the one this program has: they are of different builds")]
    Different(i64),
    /// A migration did not end.
    #[error("migration {0} of the database failed halfway: repair it and run `sallyport migrate`")]
    Unfinished(i64),
}

struct Row {
    version: i64,
    success: bool,
    checksum: Vec<u8>,
}

impl Store {
    /// Compares the schema with the one this program was built for.
    pub async fn check_schema(&self) -> Result<(), SchemaError> {
        let applied = sqlx::query_as!(Row, "select version, success, checksum from _sqlx_migrations order by version")
            .fetch_all(self.pool())
            .await
            .map_err(|error| if is_hidden(&error) { SchemaError::Empty } else { StoreError::from(error).into() })?;
        compare(&MIGRATIONS, &applied)
    }
}

/// No such table, or no right to read it.
fn is_hidden(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("42P01" | "42501"))
}

fn compare(known: &Migrator, applied: &[Row]) -> Result<(), SchemaError> {
    for row in applied {
        let Some(migration) = known.iter().find(|migration| migration.version == row.version) else {
            return Err(SchemaError::Newer(row.version));
        };
        if !row.success {
            return Err(SchemaError::Unfinished(row.version));
        }
        if *migration.checksum != *row.checksum {
            return Err(SchemaError::Different(row.version));
        }
    }
    let missing = known.iter().find(|migration| applied.iter().all(|row| row.version != migration.version));
    missing.map_or(Ok(()), |migration| Err(SchemaError::Older(migration.version)))
}
