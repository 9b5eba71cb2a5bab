//! The role that serves is bound by row-level security, or nothing is served.

use std::str::FromStr as _;

use sqlx::{PgConnection, postgres::PgConnectOptions};

use super::super::{Store, StoreError};
use crate::secret::SecretText;

/// A role that must not do what it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Could not ask.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Row-level security does not bind it.
    #[error("the database role \"{0}\" is a superuser, whom row-level security does not bind: connect as another role")]
    Superuser(String),
    /// Row-level security does not bind it.
    #[error("the database role \"{0}\" has BYPASSRLS, so tenants would meet: connect as another role")]
    BypassesRls(String),
    /// It could change the schema.
    #[error("the database role \"{0}\" owns the tables, or may become their owner: serve as sallyport_app")]
    Owner(String),
    /// It owns nothing.
    #[error("the database role is \"{0}\": migrations are run by sallyport_owner")]
    NotOwner(String),
}

/// What a connection may do.
struct Powers {
    role: String,
    superuser: bool,
    bypasses_rls: bool,
    owner: bool,
}

/// Reads a database URL.
///
/// # Errors
/// When it is none. The message holds no part of it.
pub fn connect_options(url: &SecretText) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url.expose()).map_err(|error| StoreError::Address(error.to_string()))?;
    Ok(options.application_name("sallyport"))
}

impl Store {
    /// Refuses a role that row-level security does not bind.
    pub async fn check_role(&self) -> Result<(), RoleError> {
        let mut connection = self.pool().acquire().await.map_err(StoreError::from)?;
        let powers = powers(&mut connection).await?;
        unprivileged(&powers)?;
        if powers.owner { Err(RoleError::Owner(powers.role)) } else { Ok(()) }
    }
}

/// Refuses every role but the owner of the schema, and that one too if it is privileged.
pub(super) async fn check_owner(connection: &mut PgConnection) -> Result<(), RoleError> {
    let powers = powers(connection).await?;
    unprivileged(&powers)?;
    if powers.role == crate::store::provision::OWNER { Ok(()) } else { Err(RoleError::NotOwner(powers.role)) }
}

fn unprivileged(powers: &Powers) -> Result<(), RoleError> {
    if powers.superuser {
        return Err(RoleError::Superuser(powers.role.clone()));
    }
    if powers.bypasses_rls {
        return Err(RoleError::BypassesRls(powers.role.clone()));
    }
    Ok(())
}

/// Of the role in use and of the one that logged in, which could take its own powers back.
async fn powers(connection: &mut PgConnection) -> Result<Powers, StoreError> {
    let powers = sqlx::query_as!(
        Powers,
        r#"select current_user::text as "role!",
                  bool_or(r.rolsuper) as "superuser!",
                  bool_or(r.rolbypassrls) as "bypasses_rls!",
                  bool_or(exists (select from pg_class c
                                   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                                     and pg_has_role(r.oid, c.relowner, 'MEMBER'))) as "owner!"
             from pg_roles r where r.rolname in (current_user, session_user)"#
    )
    .fetch_one(connection)
    .await?;
    Ok(powers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn powers(superuser: bool, bypasses_rls: bool) -> Powers {
        Powers { role: "serves".to_owned(), superuser, bypasses_rls, owner: false }
    }

    #[test]
    fn whoever_row_level_security_does_not_bind_is_refused() {
        assert!(matches!(unprivileged(&powers(true, false)), Err(RoleError::Superuser(role)) if role == "serves"));
        assert!(matches!(unprivileged(&powers(false, true)), Err(RoleError::BypassesRls(role)) if role == "serves"));
        assert!(unprivileged(&powers(false, false)).is_ok());
    }
}
