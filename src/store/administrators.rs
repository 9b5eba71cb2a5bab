//! Administrators of the platform: they belong to no tenant.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{PlatformTx, StoreError};

/// An administrator's row.
#[derive(Clone, Debug)]
pub struct AdministratorRow {
    /// Its id.
    pub id: Uuid,
    /// The name at login, unique whatever its case.
    pub username: String,
    /// A PHC string.
    pub password_hash: String,
    /// `active` or `disabled`.
    pub status: String,
}

/// The constraint behind unique names.
pub const USERNAME_TAKEN: &str = "administrator_username";

/// Adds an administrator.
pub async fn insert(tx: &mut PlatformTx, row: &AdministratorRow, now: OffsetDateTime) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into administrator (id, username, password_hash, status, created_at) values ($1, $2, $3, $4, $5)",
        row.id,
        row.username,
        row.password_hash,
        row.status,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An administrator by name, whatever its case and status.
pub async fn by_username(tx: &mut PlatformTx, username: &str) -> Result<Option<AdministratorRow>, StoreError> {
    let row = sqlx::query_as!(
        AdministratorRow,
        "select id, username, password_hash, status from administrator where lower(username) = lower($1)",
        username
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}
