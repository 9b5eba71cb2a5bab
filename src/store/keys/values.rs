//! What each key outside the database still holds.

use time::OffsetDateTime;

use crate::{
    keys::KeyKind,
    store::{PlatformTx, StoreError},
};

/// Values of one sort that need a key, over all tenants. What has expired or was revoked is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValues {
    /// The kind of key.
    pub kind: KeyKind,
    /// Its id.
    pub id: String,
    /// The sort: `access_token`, `signing_key`, …
    pub what: String,
    /// Those that work.
    pub live: u64,
    /// Those that work no more, and by which a retry or a replay is told from noise.
    pub spent: u64,
}

/// Counts the values of all keys. Reads whole tables.
pub async fn values(tx: &mut PlatformTx, at: OffsetDateTime) -> Result<Vec<KeyValues>, StoreError> {
    let rows = sqlx::query!(
        r#"select kind as "kind!", key_id as "key_id!", what as "what!", live as "live!", spent as "spent!"
             from (select * from key_values($1) union all select * from server_secret_values()
                   union all select * from person_link_values($1)
                   union all select * from identity_provider_values()
                   union all select * from second_factor_values($1)
                   union all select * from api_token_values($1)) held
            where live + spent > 0"#,
        at
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let count = |n| u64::try_from(n).map_err(|_| StoreError::corrupt("a negative count"));
            Ok(KeyValues {
                kind: KeyKind::parse(&row.kind).ok_or_else(|| StoreError::corrupt("key_values.kind"))?,
                id: row.key_id,
                what: row.what,
                live: count(row.live)?,
                spent: count(row.spent)?,
            })
        })
        .collect()
}
