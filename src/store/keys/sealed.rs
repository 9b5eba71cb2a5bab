//! What is sealed in rows beside signing keys: secrets at identity providers, and of authenticators.

use uuid::Uuid;

use crate::{
    keys::Sealed,
    store::{StoreError, TenantTx},
};

/// A table with a sealed value in each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedIn {
    /// The client secret at an identity provider, by the provider.
    Provider,
    /// The secret of an authenticator, by the person.
    Totp,
}

impl SealedIn {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Provider, Self::Totp];
}

/// Some values that are sealed under another key-encryption key than `in_use`, after `after` in the order of their ids. Held; those
/// that somebody else holds are left out.
pub async fn values_elsewhere(
    tx: &mut TenantTx,
    table: SealedIn,
    (in_use, after): (&str, Uuid),
    limit: u32,
) -> Result<Vec<(Uuid, Sealed)>, StoreError> {
    let statement = match table {
        SealedIn::Provider => {
            "select id, kek_id, sealed from identity_provider
              where tenant = $1 and sealed is not null and kek_id <> $2 and id > $3 order by id limit $4 for update skip locked"
        }
        SealedIn::Totp => {
            "select person, kek_id, sealed from person_totp
              where tenant = $1 and kek_id <> $2 and person > $3 order by person limit $4 for update skip locked"
        }
    };
    let rows: Vec<(Uuid, String, Vec<u8>)> = sqlx::query_as(statement)
        .bind(tx.tenant().0)
        .bind(in_use)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|(id, kek_id, bytes)| (id, Sealed { kek_id, bytes })).collect())
}

/// Keeps a value sealed anew. The row must be held.
pub async fn store_value_anew(tx: &mut TenantTx, table: SealedIn, id: Uuid, sealed: &Sealed) -> Result<(), StoreError> {
    let statement = match table {
        SealedIn::Provider => "update identity_provider set kek_id = $3, sealed = $4 where tenant = $1 and id = $2",
        SealedIn::Totp => "update person_totp set kek_id = $3, sealed = $4 where tenant = $1 and person = $2",
    };
    let tenant = tx.tenant().0;
    sqlx::query(statement).bind(tenant).bind(id).bind(&sealed.kek_id).bind(&sealed.bytes).execute(tx.conn()).await?;
    Ok(())
}
