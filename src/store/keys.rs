//! Check values of keys outside the database, and signing keys inside it.

use super::{Store, StoreError, TenantTx};
use crate::{
    audit::{PlatformEvent, Recorder},
    ids::TenantId,
    keys::{CheckValue, Keyring, Sealed, SigningAlg, SigningKey},
};
use time::OffsetDateTime;

/// The key file does not fit the database: the start ends here.
#[derive(Debug, thiserror::Error)]
pub enum KeyCheckError {
    /// Could not ask.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database knows this key id with another value.
    #[error(
        "the {kind} key \"{id}\" in the key file is not the one this database was used with: start with the right key file"
    )]
    Wrong {
        /// The kind of key.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// The database was used with a key that the key file lacks.
    #[error(
        "the key file lacks the {kind} key \"{id}\" that this database was used with: start with the right key file"
    )]
    Missing {
        /// The kind of key.
        kind: String,
        /// Its id.
        id: String,
    },
}

impl Store {
    /// Compares the key file with the database. Keys seen for the first time are remembered, and the platform log says so.
    pub async fn check_keys(&self, keyring: &Keyring, recorder: &Recorder) -> Result<(), KeyCheckError> {
        let unseen = self.compare_keys(keyring).await?;
        if unseen.is_empty() {
            return Ok(());
        }
        let mut tx = self.platform_tx().await?;
        for key in unseen {
            // Another process may be starting at the same time.
            if remember(&mut tx, &key, recorder.clock.now()).await? {
                let added = PlatformEvent::KeyAdded { key_kind: key.kind.name(), key_id: key.id };
                recorder.record_platform(&mut tx, &added).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Compares the key file with the database and writes nothing. Returns the keys that the database has not seen.
    pub async fn compare_keys(&self, keyring: &Keyring) -> Result<Vec<CheckValue>, KeyCheckError> {
        let ours = keyring.check_values();
        let known = sqlx::query!("select kind, key_id, check_value from key_check")
            .fetch_all(self.pool())
            .await
            .map_err(StoreError::from)?;
        for row in &known {
            if !ours.iter().any(|key| key.kind.name() == row.kind && key.id == row.key_id) {
                return Err(KeyCheckError::Missing { kind: row.kind.clone(), id: row.key_id.clone() });
            }
        }
        let mut unseen = Vec::new();
        for key in ours {
            match known.iter().find(|row| row.kind == key.kind.name() && row.key_id == key.id) {
                Some(row) if crate::secret::same(&row.check_value, &key.value) => {}
                Some(_) => return Err(KeyCheckError::Wrong { kind: key.kind.name(), id: key.id }),
                None => unseen.push(key),
            }
        }
        Ok(unseen)
    }

    /// The signing keys of a tenant that sign or are still published.
    pub async fn signing_keys(&self, tenant: TenantId) -> Result<Vec<SigningKey>, StoreError> {
        let mut tx = self.tenant_tx(tenant).await?;
        signing_keys(&mut tx).await
    }
}

/// False where it is known already.
async fn remember(tx: &mut super::PlatformTx, key: &CheckValue, now: OffsetDateTime) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "insert into key_check (kind, key_id, check_value, created_at) values ($1, $2, $3, $4) on conflict do nothing",
        key.kind.name(),
        key.id,
        key.value.as_slice(),
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The signing keys that sign or are still published.
pub async fn signing_keys(tx: &mut TenantTx) -> Result<Vec<SigningKey>, StoreError> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select kid, alg, kek_id, sealed, public_jwk, status from signing_key
          where tenant = $1 and status <> 'retired' order by created_at",
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let alg = SigningAlg::parse(&row.alg).ok_or_else(|| StoreError::corrupt("signing_key.alg"))?;
            let public =
                serde_json::from_value(row.public_jwk).map_err(|_| StoreError::corrupt("signing_key.public_jwk"))?;
            let sealed = Sealed { kek_id: row.kek_id, bytes: row.sealed };
            Ok(SigningKey { kid: row.kid, alg, sealed, public, active: row.status == "active" })
        })
        .collect()
}

/// Adds a signing key.
pub async fn insert_signing_key(tx: &mut TenantTx, key: &SigningKey, now: OffsetDateTime) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let public = serde_json::to_value(&key.public).map_err(StoreError::corrupt)?;
    sqlx::query!(
        "insert into signing_key (tenant, kid, alg, kek_id, sealed, public_jwk, status, created_at)
         values ($1, $2, $3, $4, $5, $6, 'active', $7)",
        tenant.0,
        key.kid,
        key.alg.name(),
        key.sealed.kek_id,
        key.sealed.bytes,
        public,
        now
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
