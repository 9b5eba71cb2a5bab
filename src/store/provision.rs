//! What a superuser prepares before the first migration: two roles and a database. The private Postgres does it by
//! itself; in production an administrator does it once.

use sqlx::{AssertSqlSafe, PgConnection};

/// The role that owns the schema and migrates it.
pub const OWNER: &str = "sallyport_owner";
/// The role that serves.
pub const APP: &str = "sallyport_app";

/// A database name that needs no quoting: `[a-z_][a-z0-9_]*`, at most 63 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseName(String);

/// The text is not a [`DatabaseName`].
#[derive(Debug, thiserror::Error)]
#[error("{0:?} cannot be a database name: use lower-case letters, digits and _, 63 at most, no digit first")]
pub struct InvalidDatabaseName(String);

impl DatabaseName {
    /// Checks `text`.
    pub fn parse(text: &str) -> Result<Self, InvalidDatabaseName> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        let goes_on_well = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if starts_well && goes_on_well && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDatabaseName(text.to_owned()))
        }
    }
}

impl std::fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes sure that [`OWNER`] and [`APP`] exist, that row-level security binds both, and that they can connect to no
/// database but those of [`ensure_database`]. The connection is a superuser's.
pub async fn ensure_roles(superuser: &mut PgConnection) -> sqlx::Result<()> {
    for role in [OWNER, APP] {
        let known: bool = sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
            .bind(role)
            .fetch_one(&mut *superuser)
            .await?;
        let verb = if known { "alter" } else { "create" };
        let rights = "login nosuperuser nobypassrls nocreatedb nocreaterole noreplication";
        run(superuser, format!("{verb} role {role} with {rights}")).await?;
    }
    run(superuser, "revoke all on database postgres, template1 from public".to_owned()).await
}

/// Makes sure that the database exists and belongs to [`OWNER`], and that of all other roles only [`APP`] may connect.
/// The connection is a superuser's.
pub async fn ensure_database(superuser: &mut PgConnection, name: &DatabaseName) -> sqlx::Result<()> {
    let known: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(&name.0)
        .fetch_one(&mut *superuser)
        .await?;
    if !known {
        run(superuser, format!("create database {name} owner {OWNER}")).await?;
    }
    run(superuser, format!("revoke all on database {name} from public")).await?;
    run(superuser, format!("grant connect on database {name} to {APP}")).await
}

/// Runs a statement made of constants and checked names.
async fn run(superuser: &mut PgConnection, statement: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(superuser).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::DatabaseName;

    #[test]
    fn only_plain_names_pass() {
        for name in ["sallyport", "_t1", "a"] {
            assert_eq!(DatabaseName::parse(name).unwrap().to_string(), name);
        }
        for name in ["", "1a", "A", "a-b", "a\"b", "a b", "ä", &"x".repeat(64)] {
            assert!(DatabaseName::parse(name).is_err(), "{name:?}");
        }
    }
}
