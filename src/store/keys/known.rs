//! Which keys outside the database there are, and whether a key file fits.

use crate::{
    audit::{PlatformEvent, Recorder},
    keys::{CheckValue, KeyKind, KeyMismatch, Keyring, KnownKey, Standing},
    store::{PlatformTx, Store, StoreError},
};

/// The key file does not fit the database: the start ends here.
#[derive(Debug, thiserror::Error)]
pub enum KeyCheckError {
    /// Could not ask.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It does not fit.
    #[error(transparent)]
    Mismatch(#[from] KeyMismatch),
}

impl Store {
    /// Compares the key file with the database, which then tells the keyring which keys are in use. Keys seen for the first
    /// time are remembered, and the platform log says so.
    pub async fn check_keys(&self, keyring: &Keyring, recorder: &Recorder) -> Result<Standing, KeyCheckError> {
        let mut standing = self.standing(keyring).await?;
        if standing.is_news() {
            let mut tx = self.platform_tx().await?;
            // Another process may be starting at the same time.
            take_turn(&mut tx).await?;
            standing = Standing::of(&keyring.check_values(), &known(&mut tx).await?)?;
            note(&mut tx, &standing, recorder).await?;
            tx.commit().await?;
        }
        keyring.adopt(&standing);
        Ok(standing)
    }

    /// Compares the key file with the database, which then tells the keyring which keys are in use. Writes nothing.
    pub async fn compare_keys(&self, keyring: &Keyring) -> Result<Standing, KeyCheckError> {
        let standing = self.standing(keyring).await?;
        keyring.adopt(&standing);
        Ok(standing)
    }

    async fn standing(&self, keyring: &Keyring) -> Result<Standing, KeyCheckError> {
        let known = read(self.pool()).await?;
        Ok(Standing::of(&keyring.check_values(), &known)?)
    }
}

/// Waits until nobody else changes which keys there are, until the end of the transaction.
pub async fn take_turn(tx: &mut PlatformTx) -> Result<(), StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(7310006)").execute(tx.conn()).await?;
    Ok(())
}

/// All keys that the database knows, the oldest of each kind first.
pub async fn known(tx: &mut PlatformTx) -> Result<Vec<KnownKey>, StoreError> {
    read(tx.conn()).await
}

async fn read(executor: impl sqlx::PgExecutor<'_>) -> Result<Vec<KnownKey>, StoreError> {
    let rows = sqlx::query!(
        "select kind, key_id, check_value, created_at, in_use, in_use_since, retired_at
           from key_check order by created_at, key_id"
    )
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(KnownKey {
                kind: KeyKind::parse(&row.kind).ok_or_else(|| StoreError::corrupt("key_check.kind"))?,
                id: row.key_id,
                value: row.check_value,
                since: row.created_at,
                in_use: row.in_use,
                in_use_since: row.in_use_since,
                retired_at: row.retired_at,
            })
        })
        .collect()
}

async fn note(tx: &mut PlatformTx, standing: &Standing, recorder: &Recorder) -> Result<(), StoreError> {
    for key in standing.unseen() {
        introduce(tx, key, recorder).await?;
    }
    for (kind, id) in standing.begins() {
        put_in_use(tx, *kind, id, recorder).await?;
    }
    Ok(())
}

/// Remembers a key that the database has not seen.
pub async fn introduce(tx: &mut PlatformTx, key: &CheckValue, recorder: &Recorder) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into key_check (kind, key_id, check_value, created_at) values ($1, $2, $3, $4)",
        key.kind.name(),
        key.id,
        key.value.as_slice(),
        recorder.clock.now()
    )
    .execute(tx.conn())
    .await?;
    let added = PlatformEvent::KeyAdded { key_kind: key.kind.name(), key_id: key.id.clone() };
    recorder.record_platform(tx, &added).await
}

/// New values are made with this key from now on, and with no other of its kind. It must be known.
pub async fn put_in_use(tx: &mut PlatformTx, kind: KeyKind, id: &str, recorder: &Recorder) -> Result<(), StoreError> {
    sqlx::query!("update key_check set in_use = false where kind = $1 and in_use", kind.name())
        .execute(tx.conn())
        .await?;
    let done = sqlx::query!(
        "update key_check set in_use = true, in_use_since = $3
          where kind = $1 and key_id = $2 and retired_at is null",
        kind.name(),
        id,
        recorder.clock.now()
    )
    .execute(tx.conn())
    .await?;
    if done.rows_affected() != 1 {
        return Err(StoreError::corrupt("a key that is to be used and is not known, or is retired"));
    }
    let in_use = PlatformEvent::KeyInUse { key_kind: kind.name(), key_id: id.to_owned() };
    recorder.record_platform(tx, &in_use).await
}
