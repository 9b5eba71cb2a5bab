//! Signing keys, sealed.

use time::OffsetDateTime;

use crate::{
    ids::TenantId,
    keys::{Jwk, Sealed, SigningAlg, SigningKey, SigningState},
    store::{Store, StoreError, TenantTx},
};

/// A signing key without its private half.
#[derive(Clone, Debug)]
pub struct SigningKeyRow {
    /// Key id.
    pub kid: String,
    /// Its algorithm.
    pub alg: SigningAlg,
    /// Where it is in its life.
    pub state: SigningState,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it signs from, or signed from.
    pub active_at: OffsetDateTime,
    /// Of one that signed before: until when it is published.
    pub published_until: Option<OffsetDateTime>,
    /// When it was retired.
    pub retired_at: Option<OffsetDateTime>,
}

/// The signing keys that are published, oldest first.
pub async fn signing_keys(tx: &mut TenantTx) -> Result<Vec<SigningKey>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        SealedRow,
        r#"select kid, alg, kek_id, sealed as "sealed!", status from signing_key
            where tenant = $1 and sealed is not null order by created_at, kid"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(SigningKey::try_from).collect()
}

struct SealedRow {
    kid: String,
    alg: String,
    kek_id: String,
    sealed: Vec<u8>,
    status: String,
}

impl TryFrom<SealedRow> for SigningKey {
    type Error = StoreError;

    fn try_from(row: SealedRow) -> Result<Self, StoreError> {
        Ok(Self {
            kid: row.kid,
            alg: alg(&row.alg)?,
            sealed: Sealed { kek_id: row.kek_id, bytes: row.sealed },
            state: state(&row.status)?,
        })
    }
}

fn alg(text: &str) -> Result<SigningAlg, StoreError> {
    SigningAlg::parse(text).ok_or_else(|| StoreError::corrupt("signing_key.alg"))
}

fn state(text: &str) -> Result<SigningState, StoreError> {
    SigningState::parse(text).ok_or_else(|| StoreError::corrupt("signing_key.status"))
}

/// All signing keys that the tenant ever had, oldest first. `held`: nobody else changes them until the end of the
/// transaction.
pub async fn signing_key_rows(tx: &mut TenantTx, held: bool) -> Result<Vec<SigningKeyRow>, StoreError> {
    let tenant = tx.tenant();
    if held {
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1::text, 7310007))", tenant.to_string())
            .execute(tx.conn())
            .await?;
    }
    let rows = sqlx::query!(
        "select kid, alg, status, created_at, active_at, published_until, retired_at from signing_key
          where tenant = $1 order by created_at, kid",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(SigningKeyRow {
                kid: row.kid,
                alg: alg(&row.alg)?,
                state: state(&row.status)?,
                created_at: row.created_at,
                active_at: row.active_at,
                published_until: row.published_until,
                retired_at: row.retired_at,
            })
        })
        .collect()
}

/// Adds a signing key that signs at once, to a tenant that has none of its algorithm.
pub async fn insert_signing_key(
    tx: &mut TenantTx,
    key: &SigningKey,
    public: &Jwk,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    insert(tx, key, public, SigningState::Active, (now, now)).await
}

/// Adds a signing key that is published now and signs from `active_at`.
pub async fn insert_next_signing_key(
    tx: &mut TenantTx,
    key: &SigningKey,
    public: &Jwk,
    now: OffsetDateTime,
    active_at: OffsetDateTime,
) -> Result<(), StoreError> {
    insert(tx, key, public, SigningState::Next, (now, active_at)).await
}

async fn insert(
    tx: &mut TenantTx,
    key: &SigningKey,
    public: &Jwk,
    state: SigningState,
    (now, active_at): (OffsetDateTime, OffsetDateTime),
) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into signing_key (tenant, kid, alg, kek_id, sealed, public_jwk, status, created_at, active_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant.0,
        key.kid,
        key.alg.name(),
        key.sealed.kek_id,
        key.sealed.bytes,
        serde_json::to_value(public).map_err(StoreError::corrupt)?,
        state.name(),
        now,
        active_at
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The key signs no more, and is published until then.
pub async fn replace_signing_key(tx: &mut TenantTx, kid: &str, until: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update signing_key set status = 'published', published_until = $3
          where tenant = $1 and kid = $2 and status = 'active'",
        tenant.0,
        kid,
        until
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The key that was next signs.
pub async fn activate_signing_key(tx: &mut TenantTx, kid: &str, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update signing_key set status = 'active', active_at = $3 where tenant = $1 and kid = $2 and status = 'next'",
        tenant.0,
        kid,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The key is gone, and so is its private half.
pub async fn retire_signing_key(tx: &mut TenantTx, kid: &str, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update signing_key set status = 'retired', sealed = null, published_until = null, retired_at = $3
          where tenant = $1 and kid = $2 and status <> 'retired'",
        tenant.0,
        kid,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tenants whose signing keys were sealed under this key-encryption key and still are published: their algorithms.
pub async fn sealed_under(tx: &mut TenantTx, kek: &str) -> Result<Vec<SigningAlg>, StoreError> {
    let tenant = tx.tenant();
    let algs = sqlx::query_scalar!(
        "select distinct alg from signing_key where tenant = $1 and kek_id = $2 and sealed is not null",
        tenant.0,
        kek
    )
    .fetch_all(tx.conn())
    .await?;
    algs.iter().map(|text| alg(text)).collect()
}

/// Some keys that are sealed under another key-encryption key than `in_use`, after `after` in the order of their ids. Held;
/// those that somebody else holds are left out.
pub async fn sealed_elsewhere(
    tx: &mut TenantTx,
    in_use: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<SigningKey>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        SealedRow,
        r#"select kid, alg, kek_id, sealed as "sealed!", status from signing_key
            where tenant = $1 and sealed is not null and kek_id <> $2 and kid > $3
            order by kid limit $4 for update skip locked"#,
        tenant.0,
        in_use,
        after,
        i64::from(limit)
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(SigningKey::try_from).collect()
}

/// Keeps a key sealed anew. The row must be held.
pub async fn store_sealed_anew(tx: &mut TenantTx, kid: &str, sealed: &Sealed) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update signing_key set kek_id = $3, sealed = $4 where tenant = $1 and kid = $2 and sealed is not null",
        tenant.0,
        kid,
        sealed.kek_id,
        sealed.bytes
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

impl Store {
    /// The signing keys of a tenant that are published.
    pub async fn signing_keys(&self, tenant: TenantId) -> Result<Vec<SigningKey>, StoreError> {
        let mut tx = self.tenant_tx(tenant).await?;
        signing_keys(&mut tx).await
    }

    /// Tenants in which a signing key has to begin or to end, or signs since before `older_than`.
    pub async fn signing_keys_due(
        &self,
        at: OffsetDateTime,
        older_than: Option<OffsetDateTime>,
    ) -> Result<Vec<TenantId>, StoreError> {
        let rows = sqlx::query_scalar!(r#"select tenant as "tenant!" from signing_keys_due($1, $2)"#, at, older_than)
            .fetch_all(self.pool())
            .await?;
        Ok(rows.into_iter().map(TenantId).collect())
    }

    /// Tenants with values that are sealed under another key-encryption key than `in_use`, and how many.
    pub async fn sealed_elsewhere(&self, in_use: &str) -> Result<Vec<(TenantId, u64)>, StoreError> {
        let rows = sqlx::query!(
            r#"select tenant as "tenant!", values_left as "values_left!" from sealed_elsewhere($1)"#,
            in_use
        )
        .fetch_all(self.pool())
        .await?;
        Ok(rows.into_iter().map(|row| (TenantId(row.tenant), u64::try_from(row.values_left).unwrap_or(0))).collect())
    }
}
